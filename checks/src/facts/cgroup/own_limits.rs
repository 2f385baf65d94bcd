//! The limits that the own cgroup and those above it set to processors and memory.

use super::headroom::{directories, own_legacy_cgroup};
use crate::{
    evidence::{Evidence, Unknown},
    facts::Known,
    node::{Node, ReadError},
    quantity::Quantity,
};

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
    /// What could not be known: a limit there may be smaller.
    pub unread: Vec<Unknown>,
}

impl Node {
    /// How many processors' worth of time the own cgroup may use: `cpu.max`, on v1 `cpu.cfs_quota_us`.
    #[must_use]
    pub fn own_cpu_quota(&self) -> OwnLimits<f64> {
        let (directories, is_v1) = match self.own_directories("cpu") {
            Ok(found) => found,
            Err(unknown) => return OwnLimits { smallest: None, unread: vec![unknown] },
        };
        self.smallest(&directories, |node, directory| {
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
        let (directories, is_v1) = match self.own_directories("memory") {
            Ok(found) => found,
            Err(unknown) => return OwnLimits { smallest: None, unread: vec![unknown] },
        };
        let file = if is_v1 { "memory.limit_in_bytes" } else { "memory.max" };
        self.smallest(&directories, |node, directory| {
            let limit = node.number(&format!("{directory}/{file}"))?;
            // Version 1 has no word for "no limit": it is the largest multiple of a page that fits into 63 bits
            // (mm/page_counter.c, PAGE_COUNTER_MAX).
            let limit = limit.filter(|(bytes, _)| *bytes > 0 && *bytes < i64::MAX - (1 << 20));
            Ok(limit.and_then(|(bytes, seen)| Some((Quantity::bytes(u64::try_from(bytes).ok()?), seen))))
        })
    }

    /// The directories of the own cgroup and those above it, where `controller` has its files, and whether that is v1; no
    /// directory where no hierarchy has it. Which cgroup is the own one has to be known: that of the root has no limit.
    fn own_directories(&self, controller: &str) -> Known<(Vec<String>, bool)> {
        let layout = self.cgroup_layout().as_ref().map_err(Clone::clone)?;
        let legacy = layout.legacy_mount(controller);
        if legacy.is_none() && layout.unified.is_none() {
            return Ok((Vec::new(), false));
        }
        let read = self.read(&self.proc_self("cgroup"));
        let text = read.text().map_err(ReadError::unknown)?;
        let Some(mount) = legacy else { return Ok((self.own_cgroups(layout).0, false)) };
        let own = own_legacy_cgroup(&text, controller).ok_or_else(|| {
            let reason = format!("{} names no cgroup of {controller}", read.path());
            Unknown::new(reason).tried([read.evidence()])
        })?;
        let found = directories(mount, own.trim_end());
        // What /proc names may lie outside of what is to be seen here.
        let found = found.filter(|found| found.last().is_some_and(|last| self.kind(last).is_ok()));
        Ok((found.unwrap_or_else(|| vec![mount.point.clone()]), true))
    }

    fn smallest<T: PartialOrd + Copy>(
        &self,
        directories: &[String],
        limit: impl Fn(&Self, &str) -> Result<Option<(T, Evidence)>, ReadError>,
    ) -> OwnLimits<T> {
        let mut found = OwnLimits { smallest: None, unread: Vec::new() };
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
            .file("/proc/self/cgroup", "4:memory:/a\n3:cpu:/a\n");
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

    proptest! {
        #[test]
        fn never_panics(text in ".{0,40}") {
            let _ = cpu_max(&text);
        }
    }
}
