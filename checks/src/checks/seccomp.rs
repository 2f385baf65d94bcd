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
/// No kernel configuration is needed. Where that list is not there, what /proc/self/status says of this process.
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
/// Linux Documentation/userspace-api/seccomp_filter.rst (actions_avail since 4.14; `log` 4.14, `user_notif` 5.0),
/// kernel/seccomp.c (seccomp_actions_avail) and fs/proc/array.c (Seccomp, Seccomp_filters);
/// OCI runtime specification, config-linux.md, Seccomp; kubernetes.io, Restrict a Container's Syscalls with seccomp.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SeccompParams {
    /// The actions that filters need, as the kernel names them. Default: errno, which is what RuntimeDefault does.
    pub actions: Vec<SeccompAction>,
}

/// What a filter can do with a system call (kernel/seccomp.c, `seccomp_actions_avail`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeccompAction {
    /// Kill the process (since Linux 4.14).
    KillProcess,
    /// Kill the thread.
    KillThread,
    /// Send SIGSYS.
    Trap,
    /// Refuse with an error.
    Errno,
    /// Ask a supervisor (since Linux 5.0).
    UserNotif,
    /// Tell a tracer.
    Trace,
    /// Allow, and log (since Linux 4.14).
    Log,
    /// Allow.
    Allow,
}

impl SeccompAction {
    /// The kernel's name.
    fn as_str(self) -> &'static str {
        match self {
            Self::KillProcess => "kill_process",
            Self::KillThread => "kill_thread",
            Self::Trap => "trap",
            Self::Errno => "errno",
            Self::UserNotif => "user_notif",
            Self::Trace => "trace",
            Self::Log => "log",
            Self::Allow => "allow",
        }
    }

    /// The kernel that brought it, where not every one with filters has it.
    fn since(self) -> Option<&'static str> {
        match self {
            Self::KillProcess | Self::Log => Some("4.14"),
            Self::UserNotif => Some("5.0"),
            Self::KillThread | Self::Trap | Self::Errno | Self::Trace | Self::Allow => None,
        }
    }
}

impl Default for SeccompParams {
    fn default() -> Self {
        Self { actions: vec![SeccompAction::Errno] }
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
    let text = match read.text() {
        Ok(text) => text.trim().to_owned(),
        Err(e) if e.is_missing() => return missing(&params.actions, e, node),
        Err(e) => return unknown(&e.unknown()),
    };
    let has: BTreeSet<&str> = text.split_whitespace().collect();
    // Every kernel with filters has these, the last of them at the end of the list.
    if !["kill_thread", "trap", "errno", "trace", "allow"].iter().all(|action| has.contains(action)) {
        return unknown(
            &Unknown::new(format!("{ACTIONS} is not what the kernel writes")).tried([read.evidence()]),
        );
    }
    let lacks: Vec<SeccompAction> =
        params.actions.iter().copied().filter(|action| !has.contains(action.as_str())).collect();
    if lacks.is_empty() {
        let message = "the kernel filters system calls";
        return Finding::pass(SUBJECT, "available", message, Proof::new(read.quote(text.clone())));
    }
    lacking(&lacks, read.quote(text.clone()), node)
}

fn unknown(unknown: &Unknown) -> Finding {
    let message = "whether system calls can be filtered could not be determined";
    Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, unknown)
}

fn lacking(lacks: &[SeccompAction], seen: Evidence, node: &Node) -> Finding {
    let names: Vec<String> = lacks
        .iter()
        .map(|action| match action.since() {
            Some(since) => format!("{} (since Linux {since})", action.as_str()),
            None => action.as_str().to_owned(),
        })
        .collect();
    let message = format!("the kernel filters system calls, but not with the action {}", names.join(", "));
    Finding::problem(Severity::Fail, SUBJECT, "lacks-action", message)
        .evidence([seen])
        .remedy(node.on_the_host(Remedy::new("Boot a newer kernel").reboot()))
}

/// The list is missing: the kernel was built without filters, or is older than 4.14, or it is not known.
fn missing(actions: &[SeccompAction], error: &ReadError, node: &Node) -> Finding {
    const OPTION: &str = "CONFIG_SECCOMP_FILTER";
    match node.kernel_config() {
        Ok(config) if config.get(OPTION) == Setting::NotSet => {
            let message = "this kernel was built without filters of system calls";
            let evidence: [Evidence; 2] = [error.evidence(), config.evidence(OPTION)];
            return Finding::problem(Severity::Fail, SUBJECT, "missing", message)
                .evidence(evidence)
                .remedy(
                    node.on_the_host(
                        Remedy::new(format!("Boot a kernel that was built with {OPTION}")).reboot(),
                    ),
                )
                .follows(OPTION);
        }
        _ => {}
    }
    let Some((line, seen)) = filters(node) else { return unknown(&error.unknown()) };
    let lacks: Vec<SeccompAction> = actions.iter().copied().filter(|a| a.since().is_some()).collect();
    if lacks.is_empty() {
        let message = format!("the kernel filters system calls ({line} of the process shows it)");
        return Finding::pass(SUBJECT, "available", message, Proof::new(seen).and(error.evidence()));
    }
    // Which of the newer actions it has is told by the list alone.
    unknown(&error.unknown().tried([seen]))
}

/// What of this process shows that the kernel has filters: one is at work (`Seccomp: 2`), or they are counted (since
/// Linux 5.9 where it has them; fs/proc/array.c, `task_seccomp`). `Seccomp: 0` says only that it has the strict mode.
fn filters(node: &Node) -> Option<(&'static str, Evidence)> {
    let read = node.read(&node.proc_self("status"));
    let text = read.text().ok()?;
    let (line, is) = text.lines().find_map(|line| match line.split_once(':')? {
        ("Seccomp", mode) if mode.trim() == "2" => Some((line, "the mode")),
        ("Seccomp_filters", count) if count.trim().parse::<u32>().is_ok() => {
            Some((line, "the count of filters"))
        }
        _ => None,
    })?;
    Some((is, read.quote(line)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Outcome, node::Memory};

    use SeccompAction::{Errno, Log, UserNotif};

    fn ask(actions: &[SeccompAction], memory: Memory) -> Finding {
        let params = SeccompParams { actions: actions.to_vec() };
        let mut out = Findings::default();
        Seccomp::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    fn is_unknown(found: &Finding) -> bool {
        matches!(found.outcome(), Outcome::Undetermined(_)) && found.subject() == SUBJECT
    }

    #[test]
    fn every_verdict() {
        let old = || Memory::new().file(ACTIONS, "kill_process kill_thread trap errno trace log allow\n");
        assert_eq!(ask(&[Errno], old()).reason(), "available");
        let found = ask(&[Errno, UserNotif], old());
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "lacks-action"));
        assert!(found.message().ends_with("user_notif (since Linux 5.0)"), "{}", found.message());
        let without = Memory::new()
            .file("/proc/sys/kernel/osrelease", "6.1.0-1\n")
            .file("/boot/config-6.1.0-1", "CONFIG_CGROUPS=y\n# CONFIG_SECCOMP_FILTER is not set\n");
        assert_eq!(ask(&[Errno], without).reason(), "missing");
        for memory in [
            Memory::new(),
            Memory::new().file(ACTIONS, ""),
            Memory::new().file(ACTIONS, "errno"),
            Memory::new().file(ACTIONS, "kill_process kill_thread trap err allow"),
        ] {
            assert!(is_unknown(&ask(&[Errno], memory)));
        }
    }

    #[test]
    fn without_the_list_the_process_shows_it() {
        let status = |text: &str| Memory::new().file("/proc/self/status", text);
        for text in ["Name:\tx\nSeccomp:\t2\n", "Seccomp:\t0\nSeccomp_filters:\t0\n"] {
            assert_eq!(ask(&[Errno], status(text)).reason(), "available", "{text}");
            assert!(is_unknown(&ask(&[Errno, Log], status(text))), "{text}");
        }
        for text in ["", "Seccomp:\t0\n", "Seccomp:\t1\n", "Seccomp_filters:\t\n"] {
            assert!(is_unknown(&ask(&[Errno], status(text))), "{text}");
        }
    }

    #[test]
    fn names_that_no_kernel_has_are_refused() {
        let read = |name: &str| serde_json::from_value::<SeccompAction>(name.into());
        for name in ["kill_process", "kill_thread", "trap", "errno", "user_notif", "trace", "log", "allow"] {
            assert_eq!(read(name).unwrap().as_str(), name);
        }
        assert!(read("erno").is_err() && read("notify").is_err());
    }
}
