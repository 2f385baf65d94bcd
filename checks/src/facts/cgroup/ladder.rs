//! The ladder of evidence: the ways to learn on which side of the kernel's masks a subsystem stands, the best first,
//! and what came of each. Whatever a report says rests on one of these steps, and says why no better one was there.

use crate::evidence::Evidence;
use schemars::JsonSchema;
use serde::Serialize;

/// One way to learn it. The order is that of trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The masks in the kernel's memory: addresses from /proc/kallsyms, contents from /proc/kcore.
    Kcore,
    /// The masks as a kprobe event prints them.
    Kprobe,
    /// The names that cgroup.stat counts (Linux 6.12).
    CgroupStat,
    /// The error that the kernel gives for `-NAME` written to cgroup.subtree_control of an empty cgroup.
    SubtreeControl,
    /// perf_event_open(2) with a cgroup: of perf_event alone.
    PerfEvent,
    /// Hierarchy 0 in /proc/cgroups, and in cgroup.controllers of the root or not.
    Hierarchy,
    /// The table of mainline kernels, by version: what is to be expected, not what is.
    Version,
}

impl Step {
    /// Every step, the best first.
    pub const ALL: [Self; 7] = [
        Self::Kcore,
        Self::Kprobe,
        Self::CgroupStat,
        Self::SubtreeControl,
        Self::PerfEvent,
        Self::Hierarchy,
        Self::Version,
    ];

    /// The word in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kcore => "kcore",
            Self::Kprobe => "kprobe",
            Self::CgroupStat => "cgroup-stat",
            Self::SubtreeControl => "subtree-control",
            Self::PerfEvent => "perf-event",
            Self::Hierarchy => "hierarchy",
            Self::Version => "version",
        }
    }
}

/// What came of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It told something.
    Answered,
    /// Nobody asked: it costs more, or takes an allowance, and nothing was in doubt.
    NotAsked,
    /// It was tried, or could not be, and told nothing.
    Unavailable,
}

/// A step of the ladder on one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Rung {
    /// The step.
    pub step: Step,
    /// What came of it.
    pub status: Status,
    /// What it told; or why it could not, with the error and what would help; or what asks it.
    pub detail: String,
}

impl Rung {
    /// A step that told something.
    #[must_use]
    pub fn answered(step: Step, detail: impl Into<String>) -> Self {
        Self { step, status: Status::Answered, detail: detail.into() }
    }

    /// A step that nobody asked.
    #[must_use]
    pub fn not_asked(step: Step, detail: impl Into<String>) -> Self {
        Self { step, status: Status::NotAsked, detail: detail.into() }
    }

    /// A step that could not tell.
    #[must_use]
    pub fn unavailable(step: Step, detail: impl Into<String>) -> Self {
        Self { step, status: Status::Unavailable, detail: detail.into() }
    }
}

/// Two steps say what can't both be so: the kernel is not what this program takes it for, or this program is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Disagreement {
    /// The subsystem, by its kernel name; `masks` where two readings differ.
    pub subject: String,
    /// Who says what, in one sentence.
    pub message: String,
    /// What each was seen to say.
    pub evidence: Vec<Evidence>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_trust() {
        assert!(Step::ALL.is_sorted());
        for step in Step::ALL {
            assert_eq!(serde_json::to_value(step).unwrap(), step.as_str());
        }
    }
}
