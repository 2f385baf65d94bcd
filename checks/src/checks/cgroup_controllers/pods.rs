//! Whether a controller that the root offers reaches the cgroup in which the kubelet puts pods, where that exists.

use super::Question;
use crate::{
    evidence::Unknown,
    facts::cgroup::files,
    finding::{Finding, Remedy, Risk, Severity},
};

/// The cgroup of all pods: with the systemd driver, and with the cgroupfs driver (kubelet, `--cgroup-root` unset).
const PARENTS: [&str; 2] = ["kubepods.slice", "kubepods"];
/// The controllers that the kubelet asks of it on cgroup v2, where the root has them
/// (pkg/kubelet/cm/cgroup_v2_manager_linux.go, `Validate`).
const ASKED: [&str; 5] = ["cpu", "cpuset", "memory", "hugetlb", "pids"];

/// The finding for a controller that is listed in the root and withheld from the cgroup of the pods. None where it is
/// there, or where no such cgroup exists yet: then the kubelet makes it, and enables what it needs.
pub(super) fn withheld(question: &Question<'_>, name: &str) -> Option<Finding> {
    let point = &question.survey.unified.as_ref()?.point;
    if !ASKED.contains(&name) {
        return None;
    }
    PARENTS.iter().find_map(|parent| {
        let cgroup = format!("{point}/{parent}");
        let read = question.node.read(&format!("{cgroup}/cgroup.controllers"));
        let text = match read.text() {
            Ok(text) => text,
            Err(e) if e.is_missing() => return None,
            Err(e) => return Some(undetermined(question, &e.unknown())),
        };
        if files::controllers(&text).iter().any(|n| n == name) {
            return None;
        }
        let enabled = question.node.read(&format!("{point}/cgroup.subtree_control"));
        let message = format!("{name} does not reach {parent}, the cgroup of the pods: its parent does not pass it on");
        Some(
            Finding::problem(Severity::Warn, question.name, "not-delegated", message)
                .note(
                    "a kubelet that finds this cgroup says that it has some missing controllers; the root has it, and \
                     only its cgroup.subtree_control withholds it",
                )
                .evidence([read.quote(text.trim()), enabled.evidence()])
                .remedy(
                    Remedy::new(format!("Enable {name} for the children of the root, or remove the left-over {parent}."))
                        .command(format!("echo +{name} > {point}/cgroup.subtree_control"))
                        .risk(Risk::Service),
                ),
        )
    })
}

fn undetermined(question: &Question<'_>, unknown: &Unknown) -> Finding {
    let message = "whether it reaches the cgroup of the pods could not be determined";
    Finding::undetermined(Severity::Warn, question.name, "unknown", message, unknown)
}
