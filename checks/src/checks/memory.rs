//! `memory`: There is enough memory, of the machine and of the cgroup.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    finding::{Finding, Findings, Remedy, Risk, Severity},
    node::Node,
    quantity::Quantity,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// There is enough memory, of the machine and of the cgroup.
///
/// ## What it looks at
/// MemTotal of /proc/meminfo, and the memory that the cgroups above this process allow (memory.max, on v1
/// memory.limit_in_bytes); the smaller counts, and the finding says which. With `available` also MemAvailable, which changes
/// all the time.
///
/// `enough` passes, `too-little` does not.
///
/// ## Why it matters
/// kubeadm refuses a control plane with less than 1700 MB: etcd and the API server alone take more than one. It looks at
/// the machine only; in a container or a slice with a limit the node has less, and the kernel kills what exceeds it.
///
/// ## How to mend it
/// Give the machine more memory, or the cgroup a higher limit.
///
/// ## Sources
/// kubeadm constants.go, ControlPlaneMem (1700, compared with MemTotal in units of 1024 * 1024 bytes); kubernetes.io,
/// Installing kubeadm (2 GiB or more); proc_meminfo(5). Firmware and kernel keep a part to themselves: of 2 GiB some 1.9
/// are to be seen.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct MemoryParams {
    /// The least memory. Default: 1700Mi, as kubeadm wants of a control plane.
    pub total: Quantity,
    /// How much of it has to be free for new programs at the moment. Default: not asked.
    pub available: Option<Quantity>,
}

impl Default for MemoryParams {
    fn default() -> Self {
        Self { total: Quantity::bytes(1700 << 20), available: None }
    }
}

/// The check `memory`.
pub struct MemoryCheck;

impl Check for MemoryCheck {
    type Params = MemoryParams;

    const META: Meta = Meta {
        id: "memory",
        summary: "There is enough memory, of the machine and of the cgroup",
        since: "0.1.0",
        kubeadm: Some("Mem"),
    };

    fn run(params: &MemoryParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(total(params.total, node));
        if let Some(least) = params.available {
            out.push(available(least, node));
        }
        Ok(())
    }
}

fn undetermined(subject: &str, unknown: &Unknown) -> Finding {
    let message = format!("how much memory there is ({subject}) could not be determined");
    Finding::undetermined(Severity::Fail, subject, "unknown", message, unknown)
}

fn total(least: Quantity, node: &Node) -> Finding {
    const SUBJECT: &str = "total";
    let memory = match node.memory() {
        Ok(memory) => memory,
        Err(unknown) => return undetermined(SUBJECT, unknown),
    };
    let Some(machine) = memory.get("MemTotal") else {
        return undetermined(SUBJECT, &Unknown::new("/proc/meminfo has no MemTotal"));
    };
    let seen = memory.evidence("MemTotal");
    if machine < least {
        let message = format!("the machine has {machine} of memory, and {least} are needed");
        return Finding::problem(Severity::Fail, SUBJECT, "too-little", message)
            .evidence([seen])
            .note("firmware and kernel keep a part to themselves: of 2Gi some 1.9Gi are to be seen")
            .remedy(Remedy::new("Give the machine more memory"));
    }
    let limits = node.own_memory_limit();
    if let Some(limit) = limits.smallest.as_ref().filter(|limit| limit.value < least) {
        let message = format!(
            "the cgroup of this process may use {} of the machine's {machine} of memory, and {least} are needed",
            limit.value
        );
        let file = &limit.evidence.source;
        return Finding::problem(Severity::Fail, SUBJECT, "too-little", message)
            .evidence([limit.evidence.clone(), seen])
            .remedy(
                Remedy::new("Give the cgroup a higher limit, where it was set (MemoryMax= of a unit, a container's limit)")
                    .command(format!("echo {} > {file}", least.get()))
                    .risk(Risk::Service),
            );
    }
    if let Some(unknown) = limits.unread.first() {
        return undetermined(SUBJECT, unknown);
    }
    let message = match &limits.smallest {
        Some(limit) if limit.value < machine => format!("this cgroup may use {} of memory", limit.value),
        _ => format!("the machine has {machine} of memory"),
    };
    let proof = Proof::new(seen).and_all(limits.smallest.map(|limit| limit.evidence));
    Finding::pass(SUBJECT, "enough", message, proof)
}

fn available(least: Quantity, node: &Node) -> Finding {
    const SUBJECT: &str = "available";
    let memory = match node.memory() {
        Ok(memory) => memory,
        Err(unknown) => return undetermined(SUBJECT, unknown),
    };
    let Some(available) = memory.get("MemAvailable") else {
        let unknown = Unknown::new("/proc/meminfo has no MemAvailable (Linux 3.14)");
        return undetermined(SUBJECT, &unknown.tried([memory.evidence("MemAvailable")]));
    };
    let seen: Evidence = memory.evidence("MemAvailable");
    if available < least {
        let message = format!("{available} of memory are available now, and {least} are needed");
        return Finding::problem(Severity::Fail, SUBJECT, "too-little", message)
            .evidence([seen])
            .remedy(Remedy::new("Stop what uses the memory, or give the machine more"));
    }
    Finding::pass(SUBJECT, "enough", format!("{available} of memory are available now"), seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, ReadErrorKind},
    };

    fn machine(kib: u64) -> Memory {
        Memory::new()
            .file("/proc/self/mountinfo", "2 1 0:3 / / rw - ext4 ext4 rw\n")
            .file("/proc/meminfo", format!("MemTotal: {kib} kB\nMemAvailable: 1048576 kB\n"))
    }

    fn limited(limit: &str) -> Memory {
        machine(8 << 20)
            .file("/proc/self/mountinfo", "2 1 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
            .file("/proc/self/cgroup", "0::/a.slice\n")
            .file("/sys/fs/cgroup/cgroup.controllers", "memory\n")
            .file("/sys/fs/cgroup/a.slice/memory.max", limit)
    }

    fn ask(available: Option<u64>, memory: Memory) -> Vec<Finding> {
        let params = MemoryParams { available: available.map(Quantity::bytes), ..MemoryParams::default() };
        let mut out = Findings::default();
        MemoryCheck::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().into_iter().map(|(finding, _)| finding).collect()
    }

    #[test]
    fn the_machine_and_the_cgroup() {
        let reason = |memory| ask(None, memory)[0].reason();
        // kubeadm: 1700 units of 1024 * 1024 bytes.
        assert_eq!(reason(machine(1700 * 1024)), "enough");
        assert_eq!(reason(machine(1700 * 1024 - 1)), "too-little");
        assert_eq!(reason(limited("max\n")), "enough");
        assert_eq!(reason(limited("4294967296\n")), "enough");
        let found = ask(None, limited("536870912\n")).remove(0);
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "too-little"));
        assert!(found.message().contains("512Mi of the machine's 8Gi"), "{}", found.message());
    }

    #[test]
    fn what_is_available() {
        assert_eq!(ask(Some(1 << 30), machine(8 << 20))[1].reason(), "enough");
        assert_eq!(ask(Some(2 << 30), machine(8 << 20))[1].reason(), "too-little");
        let old = Memory::new().file("/proc/meminfo", "MemTotal: 9999999 kB\n");
        assert_eq!(ask(Some(1), old)[1].reason(), "unknown");
    }

    #[test]
    fn what_can_t_be_read_is_not_known() {
        for memory in [
            Memory::new(),
            Memory::new().file("/proc/meminfo", ""),
            Memory::new().error("/proc/meminfo", ReadErrorKind::Denied("EACCES")),
            limited("536870912\n").without("/proc/self/mountinfo"),
            limited("536870912\n").without("/proc/self/cgroup"),
            limited("max\n").error("/sys/fs/cgroup/a.slice/memory.max", ReadErrorKind::Denied("EACCES")),
        ] {
            let found = ask(None, memory).remove(0);
            assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{found:?}");
        }
    }
}
