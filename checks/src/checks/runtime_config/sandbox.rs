//! The image of pods' sandboxes, against that which kubeadm brings.

use crate::{
    evidence::Proof,
    facts::{Known, containerd::Found},
    finding::{Finding, Remedy, Risk, Severity},
};

/// `subject` is the runtime.
pub(super) fn judge(
    runtime: &str,
    image: &Known<Option<Found<String>>>,
    wanted: Option<&str>,
    file: &str,
) -> Finding {
    let subject = format!("{runtime}/sandbox-image");
    let found = match image {
        Ok(Some(found)) => found,
        Ok(None) => {
            let message = format!("no image of sandboxes is set: {runtime} uses that of its release");
            let seen = crate::evidence::Evidence::new(file, "no image of sandboxes");
            return Finding::not_applicable(subject, message, [seen]);
        }
        Err(unknown) => {
            let message = format!("the image of sandboxes of {runtime} could not be determined");
            return Finding::undetermined(Severity::Warn, subject, "unknown", message, unknown);
        }
    };
    let uses = format!("{runtime} makes sandboxes of {}", found.value);
    match wanted.filter(|wanted| !wanted.is_empty()) {
        None => Finding::pass(subject, "told", uses, Proof::new(found.seen.clone())),
        Some(wanted) if wanted == found.value => {
            Finding::pass(subject, "same", format!("{uses}, as kubeadm does"), Proof::new(found.seen.clone()))
        }
        Some(wanted) => {
            let place = found.seen.source.clone();
            let key = found.seen.observed.split(" = ").next().unwrap_or_default();
            let message = format!("{uses}, and kubeadm brings {wanted}: the other one is pulled, too");
            Finding::problem(Severity::Warn, subject, "differs", message)
                .evidence([found.seen.clone()])
                .note("kubeadm says so in its log, and goes on (ImagePullCheck)")
                .remedy(
                    Remedy::new(format!("Set {key} in {place}"))
                        .persistent(format!("{place}: {key} = \"{wanted}\""))
                        .command(format!("systemctl restart {runtime}"))
                        .risk(Risk::Service),
                )
        }
    }
}
