//! `numa`: Every NUMA node has processors and memory.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::cpu::list,
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, ReadError},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Every NUMA node has processors and memory.
///
/// ## What it looks at
/// /sys/devices/system/node: which nodes are online, which have processors and which have memory. A machine without that
/// directory has one node.
///
/// `even` and `one` pass; `uneven` and `too-many` do not.
///
/// ## Why it matters
/// The kubelet's topology manager puts the processors and the memory of a pod on one node. With a node without memory (an
/// empty bank) or without processors (memory that was added over CXL) some of its policies admit no pod there; above eight
/// nodes it does not start with them.
///
/// ## How to mend it
/// Fill the banks of memory evenly, or set `topologyManagerPolicy: none`.
///
/// ## Sources
/// Linux Documentation/ABI/stable/sysfs-devices-node; kubernetes.io, Control Topology Management Policies on a node (at most
/// eight NUMA nodes); pkg/kubelet/cm/topologymanager.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct NumaParams {
    /// How many NUMA nodes there may be. Default: 8.
    pub most: usize,
}

impl Default for NumaParams {
    fn default() -> Self {
        Self { most: 8 }
    }
}

const NODES: &str = "/sys/devices/system/node";
const SUBJECT: &str = "nodes";

/// The check `numa`.
pub struct Numa;

impl Check for Numa {
    type Params = NumaParams;

    const META: Meta = Meta {
        id: "numa",
        summary: "Every NUMA node has processors and memory",
        since: "0.1.0",
        kubeadm: None,
    };

    fn run(params: &NumaParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(judge(params, node));
        Ok(())
    }
}

fn judge(params: &NumaParams, node: &Node) -> Finding {
    let unknown = |unknown: &Unknown| {
        let message = "the NUMA nodes of this machine could not be determined";
        Finding::undetermined(Severity::Warn, SUBJECT, "unknown", message, unknown)
    };
    let of = |file: &str| -> Result<(Vec<u32>, Evidence), Unknown> {
        let read = node.read(&format!("{NODES}/{file}"));
        let text = read.text().map_err(ReadError::unknown)?;
        let strange = || Unknown::new(format!("{} holds no list", read.path())).tried([read.evidence()]);
        let numbers = list(&text).filter(|_| text.ends_with('\n')).ok_or_else(strange)?;
        Ok((numbers.into_iter().collect(), read.quote(text.trim())))
    };
    if node.kind(NODES).is_err_and(|e| e.is_missing()) && node.kind("/sys/devices/system/cpu").is_ok() {
        let seen = Evidence::new(NODES, "does not exist");
        return Finding::pass(SUBJECT, "one", "this machine has no NUMA", seen);
    }
    let (online, seen) = match of("online") {
        Ok((online, _)) if online.is_empty() => {
            return unknown(&Unknown::new(format!("{NODES}/online is empty")));
        }
        Ok(found) => found,
        Err(why) => return unknown(&why),
    };
    if online.len() == 1 {
        return Finding::pass(SUBJECT, "one", "this machine has one NUMA node", seen);
    }
    let (with_cpu, cpu_seen) = match of("has_cpu") {
        Ok(found) => found,
        Err(why) => return unknown(&why),
    };
    let (with_memory, memory_seen) = match of("has_memory") {
        Ok(found) => found,
        Err(why) => return unknown(&why),
    };
    let lacking = |has: &[u32]| {
        let lacking: Vec<String> = online.iter().filter(|n| !has.contains(n)).map(u32::to_string).collect();
        lacking.join(", ")
    };
    let problem = |reason, message: String, remedy| {
        Finding::problem(Severity::Warn, SUBJECT, reason, message)
            .evidence([seen.clone(), cpu_seen.clone(), memory_seen.clone()])
            .remedy(remedy)
    };
    let remedy = || Remedy::new("Fill the banks of memory evenly, or leave topologyManagerPolicy at none");
    let (no_memory, no_cpu) = (lacking(&with_memory), lacking(&with_cpu));
    if !no_memory.is_empty() {
        return problem("uneven", format!("NUMA node {no_memory} has no memory"), remedy());
    }
    if !no_cpu.is_empty() {
        return problem("uneven", format!("NUMA node {no_cpu} has no processor"), remedy());
    }
    if online.len() > params.most {
        let message = format!("this machine has {} NUMA nodes, and may have {}", online.len(), params.most);
        return problem("too-many", message, Remedy::new("Leave topologyManagerPolicy at none"));
    }
    let message = format!("each of the {} NUMA nodes has processors and memory", online.len());
    Finding::pass(SUBJECT, "even", message, Proof::new(seen).and(cpu_seen).and(memory_seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Outcome, node::Memory};

    fn ask(memory: Memory) -> Finding {
        let mut out = Findings::default();
        Numa::run(&NumaParams { most: 2 }, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    #[test]
    fn every_verdict() {
        let nodes = |online: &str, cpu: &str, memory: &str| {
            let file = |name: &str| format!("{NODES}/{name}");
            Memory::new()
                .file(&file("online"), format!("{online}\n"))
                .file(&file("has_cpu"), format!("{cpu}\n"))
                .file(&file("has_memory"), format!("{memory}\n"))
        };
        for (memory, reason) in [
            (nodes("0", "0", "0"), "one"),
            (nodes("0-1", "0-1", "0-1"), "even"),
            (nodes("0-1", "0-1", "0"), "uneven"),
            (nodes("0-1", "0", "0-1"), "uneven"),
            (nodes("0-2", "0-2", "0-2"), "too-many"),
            (Memory::new().file("/sys/devices/system/cpu/online", "0\n"), "one"),
            (Memory::new(), "unknown"),
            (nodes("", "", ""), "unknown"),
            (nodes("0-1", "0-1", "0-1").without("/sys/devices/system/node/has_memory"), "unknown"),
        ] {
            let found = ask(memory);
            assert_eq!(found.reason(), reason, "{found:?}");
            assert_eq!(found.outcome() == &Outcome::Pass, matches!(reason, "one" | "even"));
        }
    }
}
