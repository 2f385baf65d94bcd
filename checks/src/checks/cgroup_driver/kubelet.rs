//! The kubelet's side: its driver, or that which kubeadm will give it, and what of it disagrees.

use super::{CAUSE, CgroupDriverParams, remedies, runtimes::Runtime, wanted};
use crate::{
    evidence::{Evidence, Proof},
    facts::{
        Known,
        containerd::{Driver, Found},
        kubelet::Kubelet,
        kubernetes::RUNTIME_CONFIG,
    },
    finding::{Finding, Severity},
    node::Node,
    range::leading_version,
};
use semver::Version;

/// Whether a kubelet of a version asks the runtime by default (KubeletCgroupDriverFromCRI).
fn asks(version: &Version) -> bool {
    RUNTIME_CONFIG.steps.iter().any(|step| step.on && step.since <= *version)
}

/// The kubelet's driver.
#[derive(Debug)]
pub(super) struct Side {
    /// Which one; kubeadm's, if there is no configuration yet.
    pub(super) driver: Known<Found<Driver>>,
    /// Whether it is configured.
    pub(super) is_there: bool,
    /// Its version, if it is known.
    version: Option<(Version, Evidence)>,
    /// The file that sets it.
    file: String,
}

impl Side {
    /// What shows that it asks the runtime for its driver.
    pub(super) fn asks_runtime(&self) -> Option<&Evidence> {
        self.version.as_ref().filter(|(version, _)| asks(version)).map(|(_, seen)| seen)
    }
}

pub(super) fn find(params: &CgroupDriverParams, node: &Node) -> Side {
    let kubelet = node.kubelet();
    let told = kubelet.text("cgroupDriver");
    let is_there = !kubelet.files.is_empty() || kubelet.unknown.is_some() || matches!(told, Ok(Some(_)));
    let driver = told.and_then(|told| match told {
        Some(found) => match Driver::named(&found.value) {
            Some(value) => Ok(Found { value, seen: found.seen }),
            None => {
                Err(crate::evidence::Unknown::new(format!("the kubelet knows no driver {}", found.value))
                    .tried([found.seen]))
            }
        },
        None => Ok(by_default(params, kubelet)),
    });
    let installed = node.kubelet_version().as_ref().ok().and_then(Option::as_ref);
    let planned = params.kubernetes_version.as_deref().and_then(leading_version);
    let version = match installed {
        Some(version) => Some((version.number.clone(), version.seen.clone())),
        None => planned.map(|v| {
            let seen = Evidence::new("policy", format!("kubernetesVersion: {v}"));
            (v, seen)
        }),
    };
    Side { driver, is_there, version, file: kubelet.path.clone() }
}

fn by_default(params: &CgroupDriverParams, kubelet: &Kubelet) -> Found<Driver> {
    if let Some(file) = kubelet.files.first() {
        let seen = Evidence::new(&file.path, "has no cgroupDriver, whose default is cgroupfs");
        return Found { value: Driver::Cgroupfs, seen };
    }
    if let Some(value) = Driver::named(&params.planned) {
        let seen = Evidence::new("policy", format!("planned: {}", params.planned));
        return Found { value, seen };
    }
    let (value, why) = if params.kubeadm {
        (Driver::Systemd, "does not exist; kubeadm writes cgroupDriver: systemd")
    } else {
        (Driver::Cgroupfs, "does not exist; without it cgroupDriver is cgroupfs")
    };
    Found { value, seen: Evidence::new(&kubelet.path, why) }
}

/// A kubelet that is configured, against the runtime and the init system.
pub(super) fn judge(side: &Side, runtime: &Runtime, node: &Node) -> Finding {
    const SUBJECT: &str = "kubelet";
    if let (true, Some(seen)) = (runtime.tells_driver, side.asks_runtime()) {
        let message = format!("the kubelet asks {} for the cgroup driver, and takes that", runtime.name);
        return Finding::pass(SUBJECT, "from-runtime", message, seen.clone())
            .note("KEP-4033: its own cgroupDriver does not count then");
    }
    let found = match &side.driver {
        Ok(found) => found,
        Err(unknown) => {
            let message = "the cgroup driver of the kubelet could not be determined";
            return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, unknown);
        }
    };
    let uses = format!("the kubelet uses the cgroup driver {}", found.value.as_str());
    let other = runtime.driver.as_ref().ok();
    let (wanted, init) = match wanted(node) {
        Ok(wanted) => wanted,
        Err(unknown) => {
            let message = format!("{uses}; whether that fits the init system could not be determined");
            return Finding::undetermined(Severity::Fail, SUBJECT, "init-unknown", message, &unknown)
                .evidence([found.seen.clone()]);
        }
    };
    let both = [found.seen.clone()].into_iter().chain(other.map(|other| other.seen.clone()));
    if found.value == wanted {
        let proof = Proof::new(found.seen.clone()).and_all(init.into_evidence());
        return Finding::pass(
            SUBJECT,
            found.value.as_str(),
            format!("{uses}, as the init system wants it"),
            proof,
        );
    }
    let remedy = remedies::kubelet(&side.file, wanted);
    match (other, &runtime.driver) {
        (Some(other), _) if other.value != found.value => {
            let message = format!(
                "{uses}, and {} {}: they look for a pod's cgroups in different places",
                runtime.name,
                other.value.as_str()
            );
            Finding::problem(Severity::Fail, SUBJECT, "mismatch", message).evidence(both).remedy(remedy)
        }
        (None, Err(unknown)) if wanted == Driver::Systemd => {
            let message = format!("{uses} under systemd; what {} uses is not known", runtime.name);
            Finding::undetermined(Severity::Fail, SUBJECT, "runtime-unknown", message, unknown)
                .evidence([found.seen.clone()])
        }
        _ if wanted == Driver::Systemd => {
            let message = format!("{uses}, and systemd manages cgroups here, too: two managers of one tree");
            Finding::problem(Severity::Warn, SUBJECT, "two-managers", message)
                .evidence(both)
                .remedy(remedy)
                .follows(CAUSE)
        }
        _ => {
            let message = format!("{uses}, but systemd is not the init system here: pods do not start");
            Finding::problem(Severity::Fail, SUBJECT, "no-systemd", message)
                .evidence(both)
                .remedy(remedy)
                .follows(CAUSE)
        }
    }
}
