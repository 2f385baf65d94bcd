//! The kernel's masks as numbers: what was read by one method, and the names behind the bits.
//!
//! `cgrp_dfl_implicit_ss_mask` and `cgrp_dfl_inhibit_ss_mask` (kernel/cgroup/cgroup.c) have a bit for each subsystem,
//! numbered by `enum cgroup_subsys_id`. They were `u16` from Linux 4.6 to 6.19 and are `u32` since 7.0.

mod memory;
#[cfg(test)]
pub(super) use memory::tests::with_masks;

use super::{Step, ladder::Disagreement, table};
use crate::{
    evidence::{Evidence, Unknown},
    facts::{btf, kcore},
};
use schemars::JsonSchema;
use serde::Serialize;

/// Both masks, and what else the same method showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reading {
    /// [`Step::Kcore`] or [`Step::Kprobe`].
    pub step: Step,
    /// The method, in a few words: `kallsyms and kcore`, `kprobe on cgroup_controllers_show, masks by symbol`.
    pub method: String,
    /// `cgrp_dfl_implicit_ss_mask`
    pub implicit: u64,
    /// `cgrp_dfl_inhibit_ss_mask`
    pub inhibited: u64,
    /// What `cgroup_control()` returned for the cgroup whose list was read: that list as a mask. Only where it was
    /// traced itself.
    pub control: Option<u64>,
    /// `cgrp_dfl_root.subsys_mask`: the subsystems that are attached to the version 2 hierarchy.
    pub attached: Option<u64>,
    /// The width of the masks in bits.
    pub width_bits: u32,
    /// Addresses, raw bytes, the line of the trace.
    pub evidence: Vec<Evidence>,
}

/// One method that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// [`Step::Kcore`] or [`Step::Kprobe`].
    pub step: Step,
    /// The method, as in [`Reading::method`].
    pub method: String,
    /// What was read, or why it could not be: the error, and what would help.
    pub result: Result<Reading, Unknown>,
}

/// What the kernel said to `-NAME` in cgroup.subtree_control of an empty cgroup
/// (`cgroup_subtree_control_write()`, kernel/cgroup/cgroup.c: it looks a name up among what is enabled and not
/// inhibited).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScratchAnswers {
    /// The scratch cgroup, as evidence names it.
    pub directory: String,
    /// For each name that was written: none if the kernel took it, else the error's name. `EINVAL` is the answer for
    /// a name that is inhibited, disabled or not in this kernel.
    pub answers: Vec<(String, Option<String>)>,
}

/// The names of the subsystems whose bit is set in `mask`, in the order of their ids; `ids` are names with their ids.
/// A bit without a name is called by its number: `#14`.
#[must_use]
pub fn names(mask: u64, ids: &[(String, u32)]) -> Vec<String> {
    (0..u64::BITS)
        .filter(|bit| mask >> bit & 1 == 1)
        .map(|bit| {
            let found = ids.iter().find(|(_, id)| *id == bit);
            found.map_or_else(|| format!("#{bit}"), |(name, _)| name.clone())
        })
        .collect()
}

/// The ids of a kernel whose subsystems are `names`, in the order of its enum: each one's id is its place
/// (include/linux/cgroup_subsys.h is included once for each). `blkio` becomes `io`, the kernel's own name.
#[must_use]
pub fn ids_in_order<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<(String, u32)> {
    let kernel_name = |name: &str| table::find(name).map_or(name, |k| k.name).to_owned();
    names.into_iter().map(kernel_name).zip(0..).collect()
}

/// Where two methods read different masks.
#[must_use]
pub fn disagreement(readings: &[Reading]) -> Option<Disagreement> {
    let first = readings.first()?;
    let other = readings.iter().find(|r| (r.implicit, r.inhibited) != (first.implicit, first.inhibited))?;
    let says =
        |r: &Reading| format!("{}: implicit {:#x}, inhibited {:#x}", r.method, r.implicit, r.inhibited);
    Some(Disagreement {
        subject: "masks".to_owned(),
        message: format!("two methods read different masks: {} | {}", says(first), says(other)),
        evidence: first.evidence.iter().chain(&other.evidence).cloned().collect(),
    })
}

/// Where the ids by the kernel's type information and by its memory differ: then the bits mean something else.
#[must_use]
pub fn other_names(by_types: &[(String, u32)], in_memory: &[(String, u32)]) -> Option<Disagreement> {
    if by_types == in_memory {
        return None;
    }
    let list =
        |ids: &[(String, u32)]| ids.iter().map(|(n, id)| format!("{n}:{id}")).collect::<Vec<_>>().join(" ");
    Some(Disagreement {
        subject: "ids".to_owned(),
        message: "the ids of the subsystems in the kernel's type information and in its memory differ"
            .to_owned(),
        evidence: vec![
            Evidence::new(btf::PATH, list(by_types)),
            Evidence::new(kcore::PATH, format!("cgroup_subsys_name: {}", list(in_memory))),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_masks_of_the_article() {
        let ids = ids_in_order([
            "cpuset",
            "cpu",
            "cpuacct",
            "blkio",
            "memory",
            "devices",
            "freezer",
            "net_cls",
            "perf_event",
            "net_prio",
            "hugetlb",
            "pids",
            "rdma",
        ]);
        assert_eq!(names(256, &ids), ["perf_event"]);
        assert_eq!(names(1764, &ids), ["cpuacct", "devices", "freezer", "net_cls", "net_prio", "hugetlb"]);
        assert_eq!(names(6171, &ids), ["cpuset", "cpu", "io", "memory", "pids", "rdma"]);
        assert_eq!(names(1 << 40 | 1, &ids), ["cpuset", "#40"]);
    }
}
