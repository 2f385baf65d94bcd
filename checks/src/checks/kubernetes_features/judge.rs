//! What a feature that is carried, missing or not known means for a version of Kubernetes.

use super::carries::{Answer, Lack, ask};
use crate::{
    checks::cgroup_hierarchy::v2_remedy,
    evidence::{Evidence, Unknown},
    facts::{
        boot_loader::Edit,
        cgroup::LayoutKind,
        kubernetes::{Feature, Stage, Step, Usage, short},
    },
    finding::{Finding, Remedy, Severity},
    node::Node,
};
use semver::Version;

/// How much depends on a feature.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// The policy wants it.
    Required,
    /// Kubernetes uses it by itself.
    InUse,
    /// Only who asks for it uses it.
    Optional,
}

impl Weight {
    fn severity(self) -> Severity {
        if self == Self::Required { Severity::Fail } else { Severity::Warn }
    }
}

/// Nothing of a feature that this version of Kubernetes does not have, unless it is required.
pub(super) fn judge(feature: &Feature, version: &Version, is_required: bool, node: &Node) -> Option<Finding> {
    let step = feature.subject.at(version).filter(|step| step.stage != Stage::Removed);
    let Some(step) = step else { return is_required.then(|| not_in(feature, version)) };
    let weight = match feature.usage {
        _ if is_required => Weight::Required,
        Usage::Always if step.on => Weight::InUse,
        _ => Weight::Optional,
    };
    let finding = match ask(feature, node) {
        Answer::Carried(end, proof) => {
            let needs = format!("{} needs Linux {}", feature.subject.title, short(&feature.kernel));
            Finding::pass(feature.subject.name, "carried", format!("{needs}; {end}"), proof)
        }
        Answer::Lacking(lack) => missing(feature, step, weight, lack, node),
        Answer::NotAsked(lack) => {
            let message =
                format!("{} needs {}; nothing else needs it there", feature.subject.title, lack.what);
            Finding::not_applicable(feature.subject.name, message, lack.evidence)
        }
        Answer::Unknown(unknown) => unknown_if(feature, weight, &unknown),
        Answer::MayBeBackported(lack, vendor) => backported(feature, step, weight, lack, vendor),
    };
    Some(finding.note(step.sentence()))
}

fn not_in(feature: &Feature, version: &Version) -> Finding {
    let first = feature.subject.steps.first().map(|step| short(&step.since)).unwrap_or_default();
    let message = format!(
        "Kubernetes {} does not have this: {} came with {first}",
        short(version),
        feature.subject.title
    );
    Finding::problem(Severity::Fail, feature.subject.name, "not-in-version", message)
        .evidence([Evidence::new("configs/kubernetes/versions.yaml", format!("since: {first}"))])
        .remedy(Remedy::new("Take it out of the policy, or run a newer version of Kubernetes"))
}

fn missing(feature: &Feature, step: &Step, weight: Weight, lack: Lack, node: &Node) -> Finding {
    let (name, title) = (feature.subject.name, feature.subject.title);
    let message = format!("{title} needs {}", lack.what);
    if weight == Weight::Optional {
        return not_used(feature, step, &message, lack.evidence);
    }
    let remedy = remedy(feature, &lack, node);
    let finding = Finding::problem(weight.severity(), name, "missing", message)
        .evidence(lack.evidence)
        .note(feature.loss)
        .remedy(remedy);
    match lack.cause {
        Some(cause) => finding.follows(cause),
        None => finding,
    }
}

fn not_used(feature: &Feature, step: &Step, message: &str, evidence: Vec<Evidence>) -> Finding {
    let unless = match feature.usage {
        _ if !step.on => "it is off by default",
        Usage::Pods => "only pods that ask for it use it",
        Usage::Cluster | Usage::Always => "it is used only where somebody configures it",
    };
    Finding::not_applicable(feature.subject.name, format!("{message}; {unless}"), evidence).note(feature.loss)
}

fn remedy(feature: &Feature, lack: &Lack, node: &Node) -> Remedy {
    if lack.cause.as_deref() == Some(LayoutKind::V1.cause()) {
        return v2_remedy(node);
    }
    let mend = match feature.word.filter(|_| lack.is_off) {
        Some(word) => {
            let summary = "Switch it on where the kernel was built with it";
            return node.boot_loader().remedy(summary, &Edit::default().append(word));
        }
        None if lack.newer_helps => {
            format!("Boot a kernel of Linux {} or later, or do without it", short(&feature.kernel))
        }
        None => "Give the node what is missing, or do without it".to_owned(),
    };
    let remedy = Remedy::new(mend);
    node.on_the_host(if lack.newer_helps { remedy.reboot() } else { remedy })
}

fn unknown_if(feature: &Feature, weight: Weight, unknown: &Unknown) -> Finding {
    let message = format!("whether this node can carry {} could not be determined", feature.subject.title);
    Finding::undetermined(weight.severity(), feature.subject.name, "unknown", message, unknown)
}

fn backported(feature: &Feature, step: &Step, weight: Weight, lack: Lack, vendor: &str) -> Finding {
    let message = format!("{} needs {}", feature.subject.title, lack.what);
    let note = format!("this is a kernel of {vendor}, who bring features of later kernels into older ones");
    if weight == Weight::Optional {
        return not_used(feature, step, &message, lack.evidence).note(note);
    }
    let unknown = Unknown::new(format!("{message}, and {note}"))
        .tried(lack.evidence)
        .needs(format!("try it on this node, or boot Linux {} or later", short(&feature.kernel)));
    unknown_if(feature, weight, &unknown).note(feature.loss)
}
