//! `cgroup-driver`: The kubelet, the container runtime and the init system agree on who manages cgroups.

mod kubelet;
mod remedies;
mod runtimes;

use crate::{
    check::{Check, Meta},
    evidence::{Proof, Unknown},
    facts::containerd::Driver,
    finding::{Finding, Findings, Severity},
    node::Node,
};
use runtimes::Runtime;
use schemars::JsonSchema;
use serde::Deserialize;

/// The kubelet, the container runtime and the init system agree on who manages cgroups.
///
/// ## What it looks at
/// The runtime's driver: what it answers to RuntimeConfig where it runs and knows that question; else SystemdCgroup of the default runtime in containerd's configuration (versions 1 to 3 of the format,
/// with what it imports), cgroup_manager of CRI-O's, native.cgroupdriver of Docker's where cri-dockerd is installed. The
/// kubelet's: cgroupDriver of its configuration, or its flag. And whether systemd is the init system. Where there is no
/// kubelet yet, what kubeadm will write stands in for it.
///
/// Drivers that differ fail (`mismatch`), and so does `systemd` where systemd does not run (`no-systemd`). cgroupfs on
/// both sides under systemd warns (`two-managers`). A kubelet from 1.31 on asks a runtime that can tell (containerd 2.0)
/// and takes its driver, whatever its own configuration says (`from-runtime`).
///
/// ## Why it matters
/// With two drivers the kubelet looks for cgroups of pods where the runtime does not make them: pods do not start, or
/// limits and accounting of resources do not hold. With two managers of one tree, systemd may move or remove what another
/// one made, and the node becomes unstable when resources run short.
///
/// ## How to mend it
/// On systemd, let both use `systemd`: SystemdCgroup = true for containerd, cgroupDriver: systemd for the kubelet, and
/// restart both. On another init system let both use cgroupfs. Do it before pods run: those that are there keep the cgroups
/// that they have.
///
/// ## Sources
/// kubernetes.io, "Configuring a cgroup driver" and "Container Runtimes"; KEP-4033 (the kubelet takes the driver from the
/// runtime: alpha in 1.28, beta in 1.31, stable in 1.34); containerd, docs/cri/config.md and
/// internal/cri/config/config_unix.go; CRI-O, internal/config/cgmgr; moby, daemon/daemon_unix.go; kubeadm 1.22 (systemd is
/// its default); systemd, CGROUP_DELEGATION ("single-writer rule").
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct CgroupDriverParams {
    /// Whether kubeadm will configure the kubelet where there is none yet: with `systemd`. Otherwise a kubelet without a
    /// word uses cgroupfs. Default: true.
    pub kubeadm: bool,
    /// The driver that the kubelet will be given, where none is configured yet: `systemd`, `cgroupfs`. Default, and where it is
    /// an empty word: kubeadm's own.
    pub planned: String,
    /// The version of the kubelet that shall run here, where none is installed. Default: not known.
    pub kubernetes_version: Option<String>,
    /// Whether a runtime that runs is asked for its driver (RuntimeConfig of the CRI). Default: true.
    pub ask: bool,
}

impl Default for CgroupDriverParams {
    fn default() -> Self {
        Self { kubeadm: true, planned: String::new(), kubernetes_version: None, ask: true }
    }
}

/// The check `cgroup-driver`.
pub struct CgroupDriver;

/// What both sides share that have the same wrong driver (law 6).
const CAUSE: &str = "cgroup-driver";

impl Check for CgroupDriver {
    type Params = CgroupDriverParams;

    const META: Meta = Meta {
        id: "cgroup-driver",
        summary: "The kubelet, the container runtime and the init system agree on who manages cgroups",
        since: "0.1.0",
        kubeadm: Some("IsDockerSystemdCheck"),
    };

    fn validate(params: &CgroupDriverParams) -> Result<(), String> {
        if params.planned.is_empty() || Driver::named(&params.planned).is_some() {
            return Ok(());
        }
        Err(format!("there is no cgroup driver `{}`; there are systemd and cgroupfs", params.planned))
    }

    fn run(params: &CgroupDriverParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let found = runtimes::find(params.ask, node);
        if found.is_empty() {
            let message = "no container runtime is found, so its cgroup driver is not judged";
            out.push(Finding::not_applicable("runtime", message, runtimes::looked_for()));
            return Ok(());
        }
        let kubelet = kubelet::find(params, node);
        for runtime in &found {
            let side = if runtime.tells_driver { kubelet.asks_runtime() } else { None };
            out.push(match (&runtime.driver, side) {
                (Err(unknown), _) => {
                    let message = format!("the cgroup driver of {} could not be determined", runtime.name);
                    Finding::undetermined(Severity::Fail, runtime.name, "unknown", message, unknown)
                }
                (Ok(_), Some(_)) => judge(runtime, None, node),
                (Ok(_), None) => judge(runtime, Some(&kubelet), node),
            });
        }
        if kubelet.is_there {
            // Several runtimes: it is one of them that the kubelet uses, and which one its endpoint told, if it did.
            for runtime in found.iter().take(1) {
                out.push(kubelet::judge(&kubelet, runtime, node));
            }
        }
        Ok(())
    }
}

/// The driver that fits the init system.
fn wanted(node: &Node) -> Result<(Driver, Proof), Unknown> {
    let init = node.init().as_ref().map_err(Clone::clone)?;
    let driver = if init.is_systemd { Driver::Systemd } else { Driver::Cgroupfs };
    Ok((driver, init.proof.clone()))
}

/// A runtime against the init system, and against the kubelet where that has a driver of its own.
fn judge(runtime: &Runtime, kubelet: Option<&kubelet::Side>, node: &Node) -> Finding {
    let name = runtime.name;
    let Ok(found) = &runtime.driver else { return Finding::not_applicable(name, "not known", []) };
    let uses = format!("{name} uses the cgroup driver {}", found.value.as_str());
    let (wanted, init) = match wanted(node) {
        Ok(wanted) => wanted,
        Err(unknown) => {
            let message = format!("{uses}; whether that fits the init system could not be determined");
            return Finding::undetermined(Severity::Fail, name, "init-unknown", message, &unknown)
                .evidence([found.seen.clone()]);
        }
    };
    let side = kubelet.map(|side| side.driver.as_ref());
    if found.value == wanted {
        let proof = Proof::new(found.seen.clone()).and_all(init.into_evidence());
        let message = format!("{uses}, as the init system wants it");
        return Finding::pass(name, found.value.as_str(), message, proof);
    }
    let evidence = [found.seen.clone()].into_iter().chain(init.into_evidence());
    let problem = |severity, reason, message: String| {
        Finding::problem(severity, name, reason, message)
            .evidence(evidence)
            .remedy(remedies::runtime(runtime, wanted))
            .causes(CAUSE)
    };
    if wanted == Driver::Cgroupfs {
        let message = format!("{uses}, but systemd is not the init system here: containers do not start");
        return problem(Severity::Fail, "no-systemd", message);
    }
    match side {
        Some(Ok(other)) if other.value == Driver::Systemd => {
            let message = format!(
                "{uses}, and the kubelet systemd{}: they look for a pod's cgroups in different places",
                if kubelet.is_some_and(|side| side.is_there) {
                    ""
                } else {
                    ", once kubeadm has configured it"
                }
            );
            problem(Severity::Fail, "mismatch", message).evidence([other.seen.clone()])
        }
        Some(Err(unknown)) => {
            let message = format!("{uses} under systemd; whether the kubelet does so, too, is not known");
            Finding::undetermined(Severity::Fail, name, "kubelet-unknown", message, unknown)
                .evidence([found.seen.clone()])
        }
        _ => {
            let message = format!("{uses}, and systemd manages cgroups here, too: two managers of one tree");
            problem(Severity::Warn, "two-managers", message).note(
                "such nodes become unstable when resources run short (kubernetes.io, Container Runtimes)",
            )
        }
    }
}

#[cfg(test)]
mod tests;
