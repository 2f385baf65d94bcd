//! What settings ask of the node, so that the kubelet starts: swap, cgroups, kernel parameters, a file for name resolution.

use crate::{
    checks::swap,
    evidence::{Evidence, Proof, Unknown},
    facts::{
        Known,
        cgroup::LayoutKind,
        kubelet::{Found, Kubelet},
        kubernetes::{CGROUP_V1, Stage},
        sysctl::Key,
    },
    finding::{Finding, Remedy, Risk, Severity},
    node::{Node, Origin},
};
use semver::Version;

/// Where a setting comes from, or what says that nothing sets it.
pub(super) fn seen<T>(found: Option<&Found<T>>, kubelet: &Kubelet, name: &str, default: &str) -> Evidence {
    found.map_or_else(
        || Evidence::new(&kubelet.path, format!("has no {name}, whose default is {default}")),
        |found| found.seen.clone(),
    )
}

pub(super) fn unknown(subject: &str, unknown: &Unknown) -> Finding {
    let message = format!("whether the kubelet's {subject} fits this node could not be determined");
    Finding::undetermined(Severity::Fail, subject, "unknown", message, unknown)
}

pub(super) fn change(name: &str, value: &str, seen: &Evidence, summary: String) -> Remedy {
    Remedy::new(summary)
        .persistent(format!("{}: {name}: {value}", seen.source))
        .command("systemctl restart kubelet")
        .risk(Risk::Service)
}

/// The kubelet does not start with swap on unless failSwapOn is false (pkg/kubelet/cm/container_manager_linux.go).
pub(super) fn swap(kubelet: &Kubelet, node: &Node) -> Finding {
    const SUBJECT: &str = "failSwapOn";
    let judge = || -> Known<Finding> {
        let on = kubelet.boolean(SUBJECT)?;
        let told = seen(on.as_ref(), kubelet, SUBJECT, "true");
        if on.is_some_and(|on| !on.value) {
            return Ok(Finding::pass(
                SUBJECT,
                "off",
                "the kubelet starts with swap on, too (failSwapOn: false)",
                told,
            ));
        }
        let now = node.swap().as_ref().map_err(Clone::clone)?;
        if now.areas.is_empty() {
            let proof = Proof::new(told).and_all(now.proof.clone().into_evidence());
            return Ok(Finding::pass(
                SUBJECT,
                "no-swap",
                "the kubelet wants no swap, and there is none",
                proof,
            ));
        }
        let message = "the kubelet does not start here: its failSwapOn is true, and memory is swapped";
        Ok(Finding::problem(Severity::Fail, SUBJECT, "swap-on", message)
            .evidence([told.clone()])
            .evidence(now.proof.clone().into_evidence())
            .remedy(
                change(
                    SUBJECT,
                    "false",
                    &told,
                    "Switch swap off (see the check swap), or let the kubelet have it".into(),
                )
                .command("swapoff -a"),
            )
            .follows(swap::CAUSE))
    };
    judge().unwrap_or_else(|why| unknown(SUBJECT, &why))
}

/// failCgroupV1 is true by default since 1.35 (KEP-5573; false from 1.31 on, when it came).
pub(super) fn cgroups(kubelet: &Kubelet, version: Option<&Version>, node: &Node) -> Finding {
    const SUBJECT: &str = "failCgroupV1";
    let judge = || -> Known<Finding> {
        let layout = node.cgroup_layout().as_ref().map_err(Clone::clone)?;
        let fail = kubelet.boolean(SUBJECT)?;
        let by_default = version.is_none_or(refuses_v1);
        let told = seen(fail.as_ref(), kubelet, SUBJECT, if by_default { "true" } else { "false" });
        let proof = Proof::new(told.clone()).and_all(layout.evidence.iter().take(2).cloned());
        if !matches!(layout.kind, LayoutKind::V1 | LayoutKind::Hybrid) {
            let message = "no cgroup v1 is in the kubelet's way, whatever failCgroupV1 is";
            return Ok(Finding::pass(SUBJECT, "not-v1", message, proof));
        }
        if !fail.as_ref().map_or(by_default, |fail| fail.value) {
            let message =
                format!("the cgroup layout is {}, and the kubelet starts on it", layout.kind.as_str());
            return Ok(Finding::pass(SUBJECT, "off", message, proof));
        }
        let message = format!(
            "the kubelet does not start here: its failCgroupV1 is true, and the cgroup layout is {}",
            layout.kind.as_str()
        );
        let summary = "Boot into cgroup v2 (see the check cgroup-hierarchy), or, until that code is gone, let the kubelet take v1";
        Ok(Finding::problem(Severity::Fail, SUBJECT, "refused", message)
            .evidence(proof.into_evidence())
            .remedy(change(SUBJECT, "false", &told, summary.into()))
            .follows(layout.kind.cause()))
    };
    judge().unwrap_or_else(|why| unknown(SUBJECT, &why))
}

/// Whether a kubelet of a version does not start on cgroup v1 by default.
fn refuses_v1(version: &Version) -> bool {
    CGROUP_V1.first(Stage::Refused).is_some_and(|step| *version >= step.since)
}

/// What the kubelet wants of the kernel (pkg/kubelet/cm/container_manager_linux.go, setupKernelTunables; pkg/util/sysctl).
const TUNABLES: [(&str, &str); 6] = [
    ("vm.overcommit_memory", "1"),
    ("vm.panic_on_oom", "0"),
    ("kernel.panic", "10"),
    ("kernel.panic_on_oops", "1"),
    ("kernel.keys.root_maxkeys", "1000000"),
    ("kernel.keys.root_maxbytes", "25000000"),
];

/// With protectKernelDefaults the kubelet does not set them, and does not start where they differ.
pub(super) fn kernel_defaults(kubelet: &Kubelet, node: &Node) -> Finding {
    const SUBJECT: &str = "protectKernelDefaults";
    let judge = || -> Known<Finding> {
        let on = kubelet.boolean(SUBJECT)?;
        let told = seen(on.as_ref(), kubelet, SUBJECT, "false");
        if !on.is_some_and(|on| on.value) {
            let message =
                "the kubelet sets the kernel parameters that it needs itself (protectKernelDefaults: false)";
            return Ok(Finding::pass(SUBJECT, "off", message, told));
        }
        let mut right = Vec::new();
        let mut wrong = Vec::new();
        let mut unread = None;
        for (name, wanted) in TUNABLES {
            let Some(key) = Key::parse(name) else { continue };
            match node.sysctl(&key) {
                Ok(value) if value.text == wanted => right.push(value.evidence()),
                Ok(value) => wrong.push((name, wanted, value)),
                Err(e) => unread = unread.or(Some(e.unknown())),
            }
        }
        // What is wrong is so, whatever can't be read.
        if let Some(unread) = unread.filter(|_| wrong.is_empty()) {
            return Err(unread.tried([told]));
        }
        if wrong.is_empty() {
            let message = "the kubelet leaves kernel parameters alone, and all are as it wants them";
            return Ok(Finding::pass(SUBJECT, "right", message, Proof::new(told).and_all(right)));
        }
        let named: Vec<String> = wrong
            .iter()
            .map(|(name, wanted, value)| format!("{name} is {} and not {wanted}", value.text))
            .collect();
        let message = format!(
            "the kubelet does not start here: protectKernelDefaults is true, and {}",
            named.join(", ")
        );
        let remedy = wrong.iter().fold(Remedy::new("Set what differs"), |remedy, (name, wanted, _)| {
            remedy
                .command(format!("sysctl -w {name}={wanted}"))
                .persistent(format!("echo '{name} = {wanted}' >> /etc/sysctl.d/90-kubelet.conf"))
        });
        Ok(Finding::problem(Severity::Fail, SUBJECT, "differs", message)
            .evidence([told])
            .evidence(wrong.iter().map(|(_, _, value)| value.evidence()))
            .remedy(remedy))
    };
    judge().unwrap_or_else(|why| unknown(SUBJECT, &why))
}

/// The kubelet copies this file for each pod, and starts none without it (pkg/kubelet/network/dns).
pub(super) fn resolv_conf(kubelet: &Kubelet, node: &Node) -> Finding {
    const SUBJECT: &str = "resolvConf";
    const DEFAULT: &str = "/etc/resolv.conf";
    let judge = || -> Known<Finding> {
        let set = kubelet.text(SUBJECT)?;
        let told = seen(set.as_ref(), kubelet, SUBJECT, DEFAULT);
        let path = set.map_or_else(|| DEFAULT.to_owned(), |set| set.value);
        if path.is_empty() {
            let message = "pods inherit nothing of the node's name resolution (resolvConf is empty)";
            return Ok(Finding::pass(SUBJECT, "none", message, told));
        }
        let Err(error) = node.kind(&path) else {
            let message =
                format!("the file for name resolution that the kubelet gives to pods, {path}, is there");
            let proof = Proof::new(told).and(Evidence::new(path, "exists"));
            return Ok(Finding::pass(SUBJECT, "exists", message, proof));
        };
        if !error.is_missing() || (node.origin() == Origin::Root && path.starts_with("/run/")) {
            // A tree that is not booted has nothing in /run.
            return Err(error.unknown().tried([told]));
        }
        let message = format!("no pod starts with the kubelet's resolvConf: {path} does not exist");
        let summary = format!("Name a file that is there, or start what makes {path} (systemd-resolved)");
        Ok(Finding::problem(Severity::Fail, SUBJECT, "missing", message)
            .evidence([told.clone(), error.evidence()])
            .remedy(change(SUBJECT, DEFAULT, &told, summary)))
    };
    judge().unwrap_or_else(|why| unknown(SUBJECT, &why))
}
