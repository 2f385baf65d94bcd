//! The limits that the own cgroup and those above it set to processors and memory.

use super::{
    LayoutKind,
    files::own_unified_cgroup,
    headroom::{directories, own_legacy_cgroup},
};
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError},
    quantity::Quantity,
};

/// The cgroup namespace that the kernel begins with (include/linux/proc_ns.h, `PROC_CGROUP_INIT_INO`).
const FIRST_NAMESPACE: &str = "cgroup:[4026531835]";

/// A limit of one cgroup.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnLimit<T> {
    /// How much is allowed.
    pub value: T,
    /// Which cgroup's file says so.
    pub evidence: Evidence,
}

/// The smallest limit on the way from the root to the own cgroup, and what could not be read there.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnLimits<T> {
    /// The smallest; none where nothing is limited.
    pub smallest: Option<OwnLimit<T>>,
    /// What could not be read or found: a limit there may be smaller.
    pub unread: Vec<Unknown>,
}

impl Node {
    /// How many processors' worth of time the own cgroup may use: `cpu.max`, on v1 `cpu.cfs_quota_us`.
    #[must_use]
    pub fn own_cpu_quota(&self) -> OwnLimits<f64> {
        let (directories, hidden, is_v1) = self.own_directories("cpu");
        self.smallest(&directories, hidden, |node, directory| {
            if is_v1 {
                let quota = node.number(&format!("{directory}/cpu.cfs_quota_us"))?;
                let period = node.number(&format!("{directory}/cpu.cfs_period_us"))?;
                Ok(quota
                    .zip(period)
                    .and_then(|((quota, seen), (period, _))| Some((ratio(quota, period)?, seen))))
            } else {
                let read = node.read(&format!("{directory}/cpu.max"));
                let text = read.text().map_err(Clone::clone)?;
                let quota = cpu_max(&text);
                Ok(quota.map(|quota| (quota, read.quote(text.trim()))))
            }
        })
    }

    /// How much memory the own cgroup may use: `memory.max`, on v1 `memory.limit_in_bytes`.
    #[must_use]
    pub fn own_memory_limit(&self) -> OwnLimits<Quantity> {
        let (directories, hidden, is_v1) = self.own_directories("memory");
        let file = if is_v1 { "memory.limit_in_bytes" } else { "memory.max" };
        self.smallest(&directories, hidden, |node, directory| {
            let limit = node.number(&format!("{directory}/{file}"))?;
            // Version 1 has no word for "no limit": it is the largest multiple of a page that fits into 63 bits
            // (mm/page_counter.c, PAGE_COUNTER_MAX).
            let limit = limit.filter(|(bytes, _)| *bytes > 0 && *bytes < i64::MAX - (1 << 20));
            Ok(limit.and_then(|(bytes, seen)| Some((Quantity::bytes(u64::try_from(bytes).ok()?), seen))))
        })
    }

    /// The directories of the own cgroup and those above it, where `controller` has its files; what keeps the own one from
    /// being found, where it is not; and whether that is version 1.
    fn own_directories(&self, controller: &str) -> (Vec<String>, Option<Unknown>, bool) {
        let layout = match self.cgroup_layout() {
            Ok(layout) => layout,
            Err(unknown) => return (Vec::new(), Some(unknown.clone()), false),
        };
        let read = self.read(&self.proc_self("cgroup"));
        let text = match read.text() {
            Ok(text) => text,
            // A kernel without cgroups has neither that file nor a mount.
            Err(e) if e.is_missing() && layout.kind == LayoutKind::None => return (Vec::new(), None, false),
            Err(e) => return (Vec::new(), Some(e.unknown()), false),
        };
        let legacy = (own_legacy_cgroup(&text, controller), layout.legacy_mount(controller));
        let is_v1 = legacy != (None, None);
        let (own, mount) = if is_v1 { legacy } else { (own_unified_cgroup(&text), layout.unified.as_ref()) };
        let own = own.map(str::trim_end);
        let hidden = |place: &str| {
            let own = own.unwrap_or("not named");
            let why = format!("the own cgroup ({own}) is not to be seen {place}");
            Some(Unknown::new(why).tried([read.evidence()]))
        };
        let Some(mount) = mount else {
            // The root is not limited, wherever it may be mounted; that of a cgroup namespace may be.
            let is_root = own.is_none_or(|own| own == "/") && self.has_first_cgroup_namespace();
            let place = format!("here: {controller} is not mounted");
            return (Vec::new(), if is_root { None } else { hidden(&place) }, is_v1);
        };
        // What /proc names may lie outside of what is to be seen here.
        let found = own.and_then(|own| directories(mount, own));
        match found.filter(|found| found.last().is_some_and(|last| self.kind(last).is_ok())) {
            Some(found) => (found, None, is_v1),
            None => (vec![mount.point.clone()], hidden(&format!("below {}", mount.point)), is_v1),
        }
    }

    /// Whether /proc shows the paths of cgroups from the real root on.
    fn has_first_cgroup_namespace(&self) -> bool {
        self.link(&self.proc_self("ns/cgroup")).is_ok_and(|link| link == FIRST_NAMESPACE)
    }

    fn smallest<T: PartialOrd + Copy>(
        &self,
        directories: &[String],
        hidden: Option<Unknown>,
        limit: impl Fn(&Self, &str) -> Result<Option<(T, Evidence)>, ReadError>,
    ) -> OwnLimits<T> {
        let mut found = OwnLimits { smallest: None, unread: hidden.into_iter().collect() };
        for directory in directories {
            match limit(self, directory) {
                Ok(Some((value, evidence))) => {
                    if found.smallest.as_ref().is_none_or(|smallest| value < smallest.value) {
                        found.smallest = Some(OwnLimit { value, evidence });
                    }
                }
                Ok(None) => {}
                // The root has none of these files, and neither has a cgroup to which the controller was not passed on.
                Err(e) if e.is_missing() => {}
                Err(e) => found.unread.push(e.unknown()),
            }
        }
        found
    }

    /// The number in a file; none for `max` or what is none.
    fn number(&self, path: &str) -> Result<Option<(i64, Evidence)>, ReadError> {
        let read = self.read(path);
        let text = read.text().map_err(Clone::clone)?;
        let text = text.trim();
        Ok(text.parse().ok().map(|number| (number, read.quote(text))))
    }
}

/// `50000 100000` is half a processor, `max 100000` no limit (cgroup-v2.rst, cpu.max).
fn cpu_max(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    ratio(words.next()?.parse().ok()?, words.next()?.parse().ok()?)
}

fn ratio(quota: i64, period: i64) -> Option<f64> {
    (quota > 0 && period > 0).then(|| quota as f64 / period as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    fn v2() -> Memory {
        Memory::new()
            .file("/proc/self/mountinfo", "2 1 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
            .file("/proc/self/cgroup", "0::/a.slice/b.service\n")
            .file("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
            .file("/sys/fs/cgroup/a.slice/cpu.max", "150000 100000\n")
            .file("/sys/fs/cgroup/a.slice/memory.max", "max\n")
            .file("/sys/fs/cgroup/a.slice/b.service/cpu.max", "max 100000\n")
            .file("/sys/fs/cgroup/a.slice/b.service/memory.max", "1073741824\n")
    }

    #[test]
    fn the_smallest_on_the_way_counts() {
        let node = Node::in_memory(v2());
        let quota = node.own_cpu_quota().smallest.unwrap();
        assert_eq!((quota.value, quota.evidence.observed.as_str()), (1.5, "150000 100000"));
        assert_eq!(node.own_memory_limit().smallest.unwrap().value.to_string(), "1Gi");
        let path = "/sys/fs/cgroup/a.slice/memory.max";
        let denied = Node::in_memory(v2().error(path, ReadErrorKind::Denied("EACCES")));
        assert_eq!(denied.own_memory_limit().unread.len(), 1);
        assert_eq!(Node::in_memory(Memory::new()).own_cpu_quota().smallest, None);
    }

    #[test]
    fn without_the_own_cgroup_no_limit_is_known() {
        let v1 = Memory::new()
            .file(
                "/proc/self/mountinfo",
                "3 1 0:4 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                 2 1 0:3 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
            )
            .file("/proc/self/cgroup", "4:memory:/a\n3:cpu:/a\n")
            .file("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "-1\n")
            .file("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
        for memory in [v1, v2()] {
            let unread = |memory: Memory| {
                let node = Node::in_memory(memory);
                (node.own_cpu_quota().unread.len(), node.own_memory_limit().unread.len())
            };
            assert_eq!(unread(memory.clone()), (0, 0));
            for path in ["/proc/self/cgroup", "/proc/self/mountinfo"] {
                assert_eq!(unread(memory.clone().without(path)), (1, 1), "{path}");
                let denied = memory.clone().error(path, ReadErrorKind::Denied("EACCES"));
                assert_eq!(unread(denied), (1, 1), "{path}");
            }
        }
        let nowhere = Memory::new().file("/proc/self/mountinfo", "2 1 0:3 / / rw - ext4 ext4 rw\n");
        let node = Node::in_memory(nowhere);
        assert_eq!(node.own_cpu_quota().unread, [], "no cgroups at all: {:?}", node.cgroup_layout());
    }

    #[test]
    fn version_1() {
        let memory = Memory::new()
            .file(
                "/proc/self/mountinfo",
                "2 1 0:3 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                 3 1 0:4 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
            )
            .file("/proc/self/cgroup", "4:memory:/docker\n3:cpu,cpuacct:/docker\n")
            .file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
            .file("/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", "536870912\n")
            .file("/sys/fs/cgroup/cpu/docker/cpu.cfs_quota_us", "-1\n")
            .file("/sys/fs/cgroup/cpu/docker/cpu.cfs_period_us", "100000\n");
        let node = Node::in_memory(memory.clone());
        assert_eq!(node.own_memory_limit().smallest.unwrap().value.to_string(), "512Mi");
        assert_eq!(node.own_cpu_quota().smallest, None);
        let half = memory.file("/sys/fs/cgroup/cpu/docker/cpu.cfs_quota_us", "50000\n");
        let quota = Node::in_memory(half).own_cpu_quota().smallest.unwrap();
        assert_eq!(format!("{:.1}", quota.value), "0.5");
    }

    #[test]
    fn an_own_cgroup_that_is_not_to_be_seen_may_have_a_limit() {
        let unread = |memory: Memory| Node::in_memory(memory).own_memory_limit().unread.len();
        assert_eq!(unread(v2()), 0);
        let own = "/proc/self/cgroup";
        for memory in [
            v2().without("/proc/self/mountinfo"),
            v2().without(own),
            v2().error(own, ReadErrorKind::Denied("EACCES")),
            v2().file(own, "0::/b.slice\n"),
            v2().file(own, "0::/../init.scope\n"),
            // The memory controller is on a hierarchy that is not mounted here.
            v2().file(own, "4:memory:/docker\n0::/\n"),
            v2().file("/proc/self/mountinfo", "1 0 254:1 / / rw - ext4 /dev/vda1 rw\n"),
        ] {
            assert_eq!(unread(memory.clone()), 1, "{memory:?}");
        }
        let unlimited = v2().file("/proc/self/mountinfo", "1 0 254:1 / / rw - ext4 /dev/vda1 rw\n");
        let root = unlimited.clone().file(own, "0::/\n");
        assert_eq!(unread(root.clone()), 1, "the root of some namespace");
        assert_eq!(unread(root.symlink("/proc/self/ns/cgroup", FIRST_NAMESPACE)), 0, "the root");
        assert_eq!(unread(unlimited.without(own)), 0, "a kernel without cgroups");
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,40}") {
            let _ = cpu_max(&text);
        }
    }
}
