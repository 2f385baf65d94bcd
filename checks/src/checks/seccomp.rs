//! `seccomp`: System calls of containers can be filtered.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::kernel_config::Setting,
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, ReadError},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;

/// System calls of containers can be filtered.
///
/// ## What it looks at
/// /proc/sys/kernel/seccomp/actions_avail, which the running kernel has only with filters, and which lists what they can do.
/// No kernel configuration is needed.
///
/// `available` passes; `missing` (no filters) fails; `lacks-action` does not pass.
///
/// ## Why it matters
/// The profile RuntimeDefault, which pods of the restricted standard must have and which the kubelet can give to all, is a
/// filter. Without filters such pods do not start, with an error of the runtime.
///
/// ## How to mend it
/// Boot a kernel that was built with CONFIG_SECCOMP_FILTER: all of distributions are.
///
/// ## Sources
/// Linux Documentation/userspace-api/seccomp_filter.rst (actions_avail since 4.14; `log` 4.14, `user_notif` 5.0);
/// OCI runtime specification, config-linux.md, Seccomp; kubernetes.io, Restrict a Container's Syscalls with seccomp.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SeccompParams {
    /// The actions that filters need, as the kernel names them: `kill_process`, `errno`, `log`, `user_notif`. Default: errno,
    /// which is what RuntimeDefault does.
    pub actions: Vec<String>,
}

impl Default for SeccompParams {
    fn default() -> Self {
        Self { actions: vec!["errno".to_owned()] }
    }
}

const ACTIONS: &str = "/proc/sys/kernel/seccomp/actions_avail";
const SUBJECT: &str = "filter";

/// The check `seccomp`.
pub struct Seccomp;

impl Check for Seccomp {
    type Params = SeccompParams;

    const META: Meta = Meta {
        id: "seccomp",
        summary: "System calls of containers can be filtered",
        since: "0.1.0",
        kubeadm: None,
    };

    fn run(params: &SeccompParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(judge(params, node));
        Ok(())
    }
}

fn judge(params: &SeccompParams, node: &Node) -> Finding {
    let read = node.read(ACTIONS);
    let unknown = |unknown: &Unknown| {
        let message = "whether system calls can be filtered could not be determined";
        Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, unknown)
    };
    let text = match read.text() {
        Ok(text) => text.trim().to_owned(),
        Err(e) if e.is_missing() => return missing(e, node, &unknown),
        Err(e) => return unknown(&e.unknown()),
    };
    let has: BTreeSet<&str> = text.split_whitespace().collect();
    // Every kernel with filters has these two.
    if !has.contains("allow") || !has.contains("kill_thread") && !has.contains("kill") {
        return unknown(
            &Unknown::new(format!("{ACTIONS} is not what the kernel writes")).tried([read.evidence()]),
        );
    }
    let lacks: Vec<&str> = params.actions.iter().map(String::as_str).filter(|a| !has.contains(a)).collect();
    if lacks.is_empty() {
        let message = "the kernel filters system calls";
        return Finding::pass(SUBJECT, "available", message, Proof::new(read.quote(text.clone())));
    }
    let message = format!("the kernel filters system calls, but not with the action {}", lacks.join(", "));
    Finding::problem(Severity::Fail, SUBJECT, "lacks-action", message)
        .evidence([read.quote(text.clone())])
        .remedy(node.on_the_host(Remedy::new("Boot a newer kernel").reboot()))
}

/// Certain where the kernel's own configuration says so.
fn missing(error: &ReadError, node: &Node, unknown: &dyn Fn(&Unknown) -> Finding) -> Finding {
    const OPTION: &str = "CONFIG_SECCOMP_FILTER";
    match node.kernel_config() {
        Ok(config) if config.get(OPTION) == Setting::NotSet => {
            let message = "this kernel was built without filters of system calls";
            let evidence: [Evidence; 2] = [error.evidence(), config.evidence(OPTION)];
            Finding::problem(Severity::Fail, SUBJECT, "missing", message)
                .evidence(evidence)
                .remedy(
                    node.on_the_host(
                        Remedy::new(format!("Boot a kernel that was built with {OPTION}")).reboot(),
                    ),
                )
                .follows(OPTION)
        }
        _ => unknown(&error.unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Outcome, node::Memory};

    fn ask(actions: &[&str], memory: Memory) -> Finding {
        let params = SeccompParams { actions: actions.iter().map(|a| (*a).to_owned()).collect() };
        let mut out = Findings::default();
        Seccomp::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    #[test]
    fn every_verdict() {
        let old = || Memory::new().file(ACTIONS, "kill_process kill_thread trap errno trace log allow\n");
        assert_eq!(ask(&["errno"], old()).reason(), "available");
        let found = ask(&["errno", "user_notif"], old());
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "lacks-action"));
        let without = Memory::new()
            .file("/proc/sys/kernel/osrelease", "6.1.0-1\n")
            .file("/boot/config-6.1.0-1", "CONFIG_CGROUPS=y\n# CONFIG_SECCOMP_FILTER is not set\n");
        assert_eq!(ask(&["errno"], without).reason(), "missing");
        for memory in [Memory::new(), Memory::new().file(ACTIONS, ""), Memory::new().file(ACTIONS, "errno")] {
            assert!(matches!(ask(&["errno"], memory).outcome(), Outcome::Undetermined(_)));
        }
    }
}
