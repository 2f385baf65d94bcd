//! What is known of the kernel's cgroup subsystems, by version.
//!
//! Source: the `struct cgroup_subsys X_cgrp_subsys` definitions in Linux 5.10, 6.1, 6.12 and 7.3 and cgroups(7)
//! of man-pages 6.20. In 7.3: kernel/cgroup/cpuset.c:3870, kernel/sched/core.c:10623, kernel/sched/cpuacct.c:360,
//! block/blk-cgroup.c:1524, mm/memcontrol.c:5187, security/device_cgroup.c:809,
//! kernel/cgroup/legacy_freezer.c:466, net/core/netclassid_cgroup.c:148, kernel/events/core.c:15460,
//! net/core/netprio_cgroup.c:256, mm/hugetlb_cgroup.c:950, kernel/cgroup/pids.c:454, rdma.c:830, misc.c:473,
//! dmem.c:1038, debug.c:362. The masks that follow from it for 5.10 to 7.3 were measured on 18 Debian kernels.

use semver::Version;

/// A kernel version: major and minor.
pub type Since = (u64, u64);

/// What is known of one subsystem.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// The name on version 2, which is also the kernel's own name for it.
    pub name: &'static str,
    /// The name on version 1 and in /proc/cgroups.
    pub legacy: &'static str,
    /// The option that compiles it in.
    pub config: &'static str,
    /// The option without which it has no version 1 side, and the version that brought that option.
    pub legacy_config: Option<(&'static str, Since)>,
    /// The version that brought the subsystem itself, where that was after version 2 became official (4.5).
    pub added: Since,
    /// Since when it has version 2 interface files, so that it can be listed. None: never.
    pub listed_since: Option<Since>,
    /// Since when it is implicit on version 2. None: never.
    pub implicit_since: Option<Since>,
    /// What does its work on version 2 where it is not listed there.
    pub replacement: Option<&'static str>,
    /// What it is for, as a clause.
    pub purpose: &'static str,
}

const V2: Since = (4, 5);

const fn listed(name: &'static str, config: &'static str, since: Since, purpose: &'static str) -> Known {
    Known {
        name,
        legacy: name,
        config,
        legacy_config: None,
        added: V2,
        listed_since: Some(since),
        implicit_since: None,
        replacement: None,
        purpose,
    }
}

const fn legacy_only(
    name: &'static str,
    config: &'static str,
    replacement: &'static str,
    purpose: &'static str,
) -> Known {
    Known { listed_since: None, replacement: Some(replacement), ..listed(name, config, V2, purpose) }
}

/// Every subsystem of the mainline kernel, in the order of include/linux/cgroup_subsys.h.
pub const SUBSYSTEMS: &[Known] = &[
    Known {
        legacy_config: Some(("CONFIG_CPUSETS_V1", (6, 12))),
        ..listed("cpuset", "CONFIG_CPUSETS", (5, 0), "binds containers to CPUs and memory nodes")
    },
    listed("cpu", "CONFIG_CGROUP_SCHED", (4, 15), "shares and limits CPU time"),
    legacy_only("cpuacct", "CONFIG_CGROUP_CPUACCT", "cpu.stat (Linux 4.15)", "counts CPU time"),
    Known {
        legacy: "blkio",
        ..listed("io", "CONFIG_BLK_CGROUP", V2, "shares and limits the bandwidth of block devices")
    },
    Known {
        legacy_config: Some(("CONFIG_MEMCG_V1", (6, 11))),
        ..listed("memory", "CONFIG_MEMCG", V2, "limits and counts memory")
    },
    legacy_only(
        "devices",
        "CONFIG_CGROUP_DEVICE",
        "BPF_PROG_TYPE_CGROUP_DEVICE (Linux 4.15)",
        "decides which devices a container may open",
    ),
    legacy_only(
        "freezer",
        "CONFIG_CGROUP_FREEZER",
        "cgroup.freeze (Linux 5.2)",
        "stops and continues containers",
    ),
    legacy_only(
        "net_cls",
        "CONFIG_CGROUP_NET_CLASSID",
        "cgroup BPF (Linux 4.10), the xt_cgroup path match (4.5), nft socket cgroupv2 (5.13)",
        "marks the packets of a container",
    ),
    Known {
        listed_since: None,
        implicit_since: Some((4, 11)),
        replacement: Some("perf_event_open with a cgroup2 directory (Linux 4.11)"),
        ..listed("perf_event", "CONFIG_CGROUP_PERF", V2, "restricts performance events to a container")
    },
    legacy_only(
        "net_prio",
        "CONFIG_CGROUP_NET_PRIO",
        "BPF_PROG_TYPE_CGROUP_SOCK (Linux 4.14)",
        "sets the priority of a container's packets",
    ),
    listed("hugetlb", "CONFIG_CGROUP_HUGETLB", (5, 6), "limits huge pages"),
    listed("pids", "CONFIG_CGROUP_PIDS", V2, "limits the number of processes"),
    Known { added: (4, 11), ..listed("rdma", "CONFIG_CGROUP_RDMA", (4, 11), "limits RDMA resources") },
    Known {
        added: (5, 13),
        ..listed("misc", "CONFIG_CGROUP_MISC", (5, 13), "limits scarce resources such as encryption ids")
    },
    Known { added: (6, 14), ..listed("dmem", "CONFIG_CGROUP_DMEM", (6, 14), "limits device memory") },
    // With the parameter `cgroup_debug` (4.13) it is implicit; without it, it has no v2 files (debug.c:362-376).
    Known {
        listed_since: None,
        replacement: None,
        ..listed("debug", "CONFIG_CGROUP_DEBUG", V2, "shows the kernel's own bookkeeping of cgroups")
    },
];

/// The subsystem called `name` on version 1 or 2.
#[must_use]
pub fn find(name: &str) -> Option<&'static Known> {
    SUBSYSTEMS.iter().find(|s| s.name == name || s.legacy == name)
}

/// Whether `version` is `since` or later.
#[must_use]
pub fn reached(version: &Version, since: Since) -> bool {
    (version.major, version.minor) >= since
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The masks of cgroups.md 4 as the table gives them for `version`, with ids in the order of the enum.
    fn masks(version: Since) -> (u32, u32) {
        let (mut implicit, mut inhibited) = (0, 0);
        for (id, s) in SUBSYSTEMS.iter().take(14).enumerate() {
            if s.implicit_since.is_some_and(|v| version >= v) {
                implicit |= 1 << id;
            } else if s.listed_since.is_none_or(|v| version < v) && version >= s.added {
                inhibited |= 1 << id;
            }
        }
        (implicit, inhibited)
    }

    #[test]
    fn gives_the_masks_of_every_kernel_generation() {
        for (version, want) in [
            ((4, 6), (0x0000, 0x07e7)),
            ((4, 12), (0x0100, 0x06e7)),
            ((4, 19), (0x0100, 0x06e5)),
            ((5, 3), (0x0100, 0x06e4)), // the article's kernel: 256 and 1764
            ((5, 10), (0x0100, 0x02e4)),
            ((7, 3), (0x0100, 0x02e4)),
        ] {
            assert_eq!(masks(version), want, "{version:?}");
        }
    }

    #[test]
    fn both_names_are_found() {
        assert_eq!(find("blkio").unwrap().name, "io");
        assert_eq!(find("io").unwrap().legacy, "blkio");
        assert_eq!(find("nvm"), None);
    }
}
