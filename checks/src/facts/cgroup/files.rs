//! The cgroup files of the kernel, as pure functions over their text.

use std::collections::BTreeMap;

/// A row of /proc/cgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// 0: attached to the version 2 hierarchy, mounted or not. Otherwise a version 1 hierarchy's number.
    pub hierarchy: u32,
    /// The number of cgroups in that hierarchy.
    pub cgroups: u64,
    /// Not switched off with `cgroup_disable=`. Says nothing about version 2.
    pub enabled: bool,
}

/// Parses /proc/cgroups (proc_cgroupstats_show(), kernel/cgroup/cgroup-v1.c): version 1 names and their rows.
/// Comments, empty and broken lines are passed over.
#[must_use]
pub fn proc_cgroups(text: &str) -> BTreeMap<String, Row> {
    let row = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let name = words.next().filter(|n| !n.starts_with('#'))?;
        let hierarchy = words.next()?.parse().ok()?;
        let cgroups = words.next()?.parse().ok()?;
        let enabled = words.next()?.parse::<u32>().ok()? != 0;
        Some((name.to_owned(), Row { hierarchy, cgroups, enabled }))
    };
    text.lines().filter_map(row).collect()
}

/// Parses cgroup.controllers or cgroup.subtree_control: names separated by spaces.
#[must_use]
pub fn controllers(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

/// The subsystems that cgroup.stat counts (`nr_subsys_memory 33`): those on the version 2 hierarchy that are not
/// inhibited, and every one that was disabled at boot (cgroup_stat_show(), kernel/cgroup/cgroup.c, since Linux
/// 6.12). None where the file has no such line, as on older kernels.
#[must_use]
pub fn stat_subsystems(text: &str) -> Option<Vec<String>> {
    let name = |line: &str| {
        let (key, _) = line.split_once(' ')?;
        key.strip_prefix("nr_subsys_").map(str::to_owned)
    };
    let names: Vec<String> = text.lines().filter_map(name).collect();
    (!names.is_empty()).then_some(names)
}

/// The version 2 cgroup in /proc/PID/cgroup (`0::/system.slice/x.service`), as the reader's namespace shows it.
#[must_use]
pub fn own_unified_cgroup(text: &str) -> Option<&str> {
    text.lines().find_map(|l| l.strip_prefix("0::"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_of_a_hybrid_machine_with_an_empty_line() {
        // A peer panics on the empty line.
        let rows = proc_cgroups(
            "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t1\t1\n\nmemory\t4\t47\t0\nbroken\t1\nx\ty\tz\t1\n",
        );
        assert_eq!(rows.len(), 2);
        assert_eq!(rows["memory"], Row { hierarchy: 4, cgroups: 47, enabled: false });
    }

    #[test]
    fn stat_lines() {
        let text = "nr_descendants 3\nnr_subsys_cpuset 1\nnr_subsys_perf_event 4\nnr_dying_descendants 0\n";
        assert_eq!(stat_subsystems(text).unwrap(), ["cpuset", "perf_event"]);
        assert_eq!(stat_subsystems("nr_descendants 3\nnr_dying_descendants 0\n"), None);
    }

    #[test]
    fn own_cgroup() {
        assert_eq!(own_unified_cgroup("4:memory:/x\n0::/user.slice/a:b\n"), Some("/user.slice/a:b"));
        assert_eq!(own_unified_cgroup("4:memory:/x\n"), None);
    }

    proptest! {
        #[test]
        fn never_panic(text in "([a-z_0-9 \t#:]|\n){0,200}") {
            let _ = (proc_cgroups(&text), controllers(&text), stat_subsystems(&text), own_unified_cgroup(&text));
        }
    }
}
