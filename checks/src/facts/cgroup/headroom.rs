//! How much more the limits on cgroups and tasks allow: of the own cgroup and of every one above it that can be seen.
//!
//! Sources: Documentation/admin-guide/cgroup-v2.rst, "Core Interface Files" and "PID"; cgroup_check_hierarchy_limits()
//! (kernel/cgroup/cgroup.c) and pids_try_charge() (kernel/cgroup/pids.c), which ask every level up to the root.

use super::{Layout, tree};
use crate::{
    evidence::Evidence,
    facts::{Known, mounts::Mount},
    node::Node,
};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// The most levels that are looked at; container engines nest by about five.
const LEVELS_LIMIT: usize = 64;

/// A limit as a cgroup file gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Bound {
    /// That many.
    At(u64),
    /// None: `max`.
    Unlimited(Unlimited),
}

/// The kernel's word for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unlimited {
    /// No limit.
    Max,
}

impl Bound {
    /// Parses `max` or a number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "max" => Some(Self::Unlimited(Unlimited::Max)),
            number => number.parse().ok().map(Self::At),
        }
    }

    /// The number, where there is a limit.
    #[must_use]
    pub fn limit(self) -> Option<u64> {
        match self {
            Self::At(limit) => Some(limit),
            Self::Unlimited(_) => None,
        }
    }
}

/// A cgroup on the way from the visible root to the own one. Null is what that cgroup has no file for, or what could
/// not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Level {
    /// Its directory.
    pub directory: String,
    /// How many cgroups are below it.
    pub descendants: Option<u64>,
    /// How many removed ones still hold memory below it.
    pub dying_descendants: Option<u64>,
    /// How many may be below it.
    pub max_descendants: Option<Bound>,
    /// How many levels may be below it.
    pub max_depth: Option<Bound>,
    /// How many tasks are in it and below it. The root has no such file.
    pub pids: Option<u64>,
    /// How many tasks may be.
    pub max_pids: Option<Bound>,
}

/// A limit, and what is left of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Limit {
    /// The file that sets it.
    pub source: String,
    /// The limit.
    pub limit: u64,
    /// How much of it is used.
    pub used: u64,
    /// How much is left.
    pub left: u64,
}

/// What the limits leave. A list is in the order of what is left: its first one binds first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Headroom {
    /// The directory of the own cgroup: of this process on a live node, of the first process in a tree. Null where it
    /// can't be seen.
    pub cgroup: Option<String>,
    /// The cgroups from the visible root to the own one; the root alone where the own one can't be seen.
    pub levels: Vec<Level>,
    /// What limits how many cgroups can be made below the own one.
    pub cgroups: Vec<Limit>,
    /// What limits how many levels can be made below the own one.
    pub depth: Vec<Limit>,
    /// What limits how many tasks (threads) can be started in the own one.
    pub tasks: Vec<Limit>,
    /// What could not be read: a limit there may bind first.
    pub gaps: Vec<Evidence>,
}

/// The numbers of cgroup.stat: `nr_descendants` and `nr_dying_descendants`.
#[must_use]
pub fn descendants(text: &str) -> (Option<u64>, Option<u64>) {
    let value = |wanted: &str| {
        text.lines().find_map(|l| l.split_once(' ').filter(|(key, _)| *key == wanted)?.1.trim().parse().ok())
    };
    (value("nr_descendants"), value("nr_dying_descendants"))
}

/// The number of tasks of the machine in /proc/loadavg: `0.00 0.01 0.05 2/1234 5678` (fs/proc/loadavg.c, nr_threads).
#[must_use]
pub fn tasks_of_machine(loadavg: &str) -> Option<u64> {
    loadavg.split_ascii_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
}

/// The path of the version 1 cgroup of `controller` in /proc/PID/cgroup: `8:pids:/x`.
#[must_use]
pub fn own_legacy_cgroup<'a>(text: &'a str, controller: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (names, path) = line.split_once(':')?.1.split_once(':')?;
        names.split(',').any(|n| n == controller).then_some(path)
    })
}

/// The directories of the cgroups from the root of `mount` to the one at `path` of the hierarchy, both included. None
/// where that one can't be seen below the mount: it lies above or beside what is mounted.
#[must_use]
pub fn directories(mount: &Mount, path: &str) -> Option<Vec<String>> {
    down_to(mount, &tree::below_mount(path, &mount.root)?)
}

/// The directories from the root of `mount` down to the cgroup `below` it.
fn down_to(mount: &Mount, below: &str) -> Option<Vec<String>> {
    let names: Vec<&str> = below.split('/').filter(|n| !n.is_empty()).collect();
    if names.len() > LEVELS_LIMIT {
        return None;
    }
    let mut found = vec![mount.point.clone()];
    for name in names {
        found.push(format!("{}/{name}", found.last()?.trim_end_matches('/')));
    }
    Some(found)
}

/// What is left of a limit on each level: `max` and `used` tell them.
fn left(
    levels: &[Level],
    file: &str,
    max: impl Fn(&Level) -> Option<Bound>,
    used: impl Fn(usize, &Level) -> Option<u64>,
) -> Vec<Limit> {
    let limits = levels.iter().enumerate().filter_map(|(i, level)| {
        let limit = max(level)?.limit()?;
        let used = used(i, level)?;
        let source = format!("{}/{file}", level.directory);
        Some(Limit { source, limit, used, left: limit.saturating_sub(used) })
    });
    limits.collect()
}

impl Headroom {
    /// Puts the limits of `levels` and of the machine in order.
    fn of(
        cgroup: Option<String>,
        levels: Vec<Level>,
        machine: Vec<Limit>,
        pids: &[Level],
        gaps: BTreeSet<(String, String)>,
    ) -> Self {
        let mut cgroups =
            left(&levels, "cgroup.max.descendants", |l| l.max_descendants, |_, l| l.descendants);
        // The kernel counts levels from the limit down to the new cgroup (cgroup_check_hierarchy_limits()).
        let own = levels.len().saturating_sub(1);
        let below = |i: usize, _: &Level| u64::try_from(own.saturating_sub(i)).ok();
        let mut depth = left(&levels, "cgroup.max.depth", |l| l.max_depth, below);
        let mut tasks = left(pids, "pids.max", |l| l.max_pids, |_, l| l.pids);
        tasks.extend(machine);
        for limits in [&mut cgroups, &mut depth, &mut tasks] {
            limits.sort_by_key(|l| l.left);
        }
        let gaps = gaps.into_iter().map(|(source, observed)| Evidence { source, observed }).collect();
        Self { cgroup, levels, cgroups, depth, tasks, gaps }
    }
}

/// Reads the files of cgroups, and remembers what could not be read.
struct Reader<'a> {
    node: &'a Node,
    gaps: BTreeSet<(String, String)>,
}

impl Reader<'_> {
    /// Parses a file; one that is not there is no gap, for it says that there is no such limit.
    fn get<T>(&mut self, path: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let read = self.node.read(path);
        let value = read.text().ok().and_then(|text| parse(&text));
        if value.is_none() && !read.is_missing() {
            let seen = read.evidence();
            self.gaps.insert((seen.source, seen.observed));
        }
        value
    }

    fn level(&mut self, directory: &str) -> Level {
        let at = |file: &str| format!("{directory}/{file}");
        let counted = self.get(&at("cgroup.stat"), |t| Some(descendants(t))).unwrap_or_default();
        Level {
            directory: directory.to_owned(),
            descendants: counted.0,
            dying_descendants: counted.1,
            max_descendants: self.get(&at("cgroup.max.descendants"), Bound::parse),
            max_depth: self.get(&at("cgroup.max.depth"), Bound::parse),
            ..self.pids(directory)
        }
    }

    fn pids(&mut self, directory: &str) -> Level {
        Level {
            directory: directory.to_owned(),
            pids: self.get(&format!("{directory}/pids.current"), |t| t.trim().parse().ok()),
            max_pids: self.get(&format!("{directory}/pids.max"), Bound::parse),
            ..Level::default()
        }
    }

    /// The limits of the machine: `kernel.threads-max` counts threads; `kernel.pid_max` bounds their numbers, which
    /// process groups and sessions hold too (kernel/pid.c), so that it may bind a little earlier.
    fn machine(&mut self) -> Vec<Limit> {
        let Some(used) = self.get("/proc/loadavg", tasks_of_machine) else { return Vec::new() };
        let mut limit = |source: &str| {
            let limit: u64 = self.get(source, |t| t.trim().parse().ok())?;
            Some(Limit { source: source.to_owned(), limit, used, left: limit.saturating_sub(used) })
        };
        let found = ["/proc/sys/kernel/threads-max", "/proc/sys/kernel/pid_max"].map(&mut limit);
        found.into_iter().flatten().collect()
    }
}

impl Node {
    /// The directories of the version 2 cgroups from the visible root to the own one, and whether the own one is the
    /// last of them; none where no cgroup2 is mounted.
    pub(super) fn own_cgroups(&self, layout: &Layout) -> (Vec<String>, bool) {
        let Some(mount) = &layout.unified else { return (Vec::new(), false) };
        let seen = self.own_cgroup(mount).ok().and_then(|(below, _)| down_to(mount, &below));
        // What /proc names may lie outside of what a tree holds, or of what this mount namespace shows.
        match seen {
            Some(found) if found.last().is_some_and(|d| self.kind(d).is_ok()) => (found, true),
            _ => (vec![mount.point.clone()], false),
        }
    }

    /// What the limits on cgroups and tasks leave.
    ///
    /// # Errors
    /// When the layout could not be determined.
    pub fn cgroup_headroom(&self) -> &Known<Headroom> {
        self.fact(|| {
            let layout = self.cgroup_layout().as_ref().map_err(Clone::clone)?;
            let mut reader = Reader { node: self, gaps: BTreeSet::new() };
            let (directories_seen, own) = self.own_cgroups(layout);
            let levels: Vec<Level> = directories_seen.iter().map(|d| reader.level(d)).collect();
            let cgroup = directories_seen.last().filter(|_| own).cloned();
            let pids = match layout.legacy_mount("pids") {
                None => levels.clone(),
                Some(mount) => {
                    let read = self.read(&self.proc_self("cgroup"));
                    let text = read.text().ok();
                    let path = text.as_deref().and_then(|t| own_legacy_cgroup(t, "pids")).map(str::trim_end);
                    let found = path.and_then(|p| directories(mount, p));
                    found
                        .unwrap_or_else(|| vec![mount.point.clone()])
                        .iter()
                        .map(|d| reader.pids(d))
                        .collect()
                }
            };
            let machine = reader.machine();
            Ok(Headroom::of(cgroup, levels, machine, &pids, reader.gaps))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    const MOUNTS: &str =
        "1 0 0:2 / / rw - ext4 /dev/vda rw\n2 1 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";

    /// A service two levels below the root.
    fn nested() -> Memory {
        let at = |d: &str, f: &str| format!("/sys/fs/cgroup{d}/{f}");
        let mut memory = Memory::new()
            .file("/proc/self/mountinfo", MOUNTS)
            .file("/proc/self/cgroup", "0::/system.slice/kubelet.service\n")
            .file("/proc/loadavg", "0.00 0.01 0.05 2/1000 5678\n")
            .file("/proc/sys/kernel/threads-max", "5000\n")
            .file("/proc/sys/kernel/pid_max", "4194304\n");
        for (d, descendants, max, depth) in [
            ("", "40", "100", "max"),
            ("/system.slice", "30", "max", "3"),
            ("/system.slice/kubelet.service", "5", "20", "max"),
        ] {
            memory = memory
                .file(
                    &at(d, "cgroup.stat"),
                    format!("nr_descendants {descendants}\nnr_dying_descendants 7\n"),
                )
                .file(&at(d, "cgroup.max.descendants"), format!("{max}\n"))
                .file(&at(d, "cgroup.max.depth"), format!("{depth}\n"));
        }
        memory
            .file(&at("/system.slice", "pids.max"), "max\n")
            .file(&at("/system.slice", "pids.current"), "900\n")
            .file(&at("/system.slice/kubelet.service", "pids.max"), "300\n")
            .file(&at("/system.slice/kubelet.service", "pids.current"), "250\n")
    }

    fn headroom(memory: Memory) -> Headroom {
        Node::in_memory(memory).cgroup_headroom().clone().unwrap()
    }

    fn first(limits: &[Limit]) -> (&str, u64) {
        limits.first().map_or(("", 0), |l| (l.source.as_str(), l.left))
    }

    #[test]
    fn the_smallest_headroom_on_the_way_up_binds() {
        let found = headroom(nested());
        assert_eq!(found.cgroup.as_deref(), Some("/sys/fs/cgroup/system.slice/kubelet.service"));
        assert_eq!(found.levels.len(), 3);
        assert_eq!(found.levels[1].dying_descendants, Some(7));
        let own = "/sys/fs/cgroup/system.slice/kubelet.service/";
        assert_eq!(first(&found.cgroups), (&*format!("{own}cgroup.max.descendants"), 15));
        assert_eq!(first(&found.depth), ("/sys/fs/cgroup/system.slice/cgroup.max.depth", 2));
        assert_eq!(first(&found.tasks), (&*format!("{own}pids.max"), 50));
        assert_eq!(found.tasks.len(), 3);
        assert!(found.gaps.is_empty(), "{:?}", found.gaps);
    }

    #[test]
    fn what_can_not_be_read_may_bind_first() {
        let denied = "/sys/fs/cgroup/system.slice/pids.max";
        let found = headroom(nested().error(denied, ReadErrorKind::Denied("EACCES")));
        assert_eq!(found.gaps.len(), 1);
        assert_eq!(found.gaps[0].source, denied);
        // A limit is a limit, though nobody says how much of it is used.
        let found = headroom(nested().file("/proc/loadavg", "nonsense"));
        assert_eq!((found.tasks.len(), found.gaps.len()), (1, 1));
    }

    #[test]
    fn only_the_root_where_the_own_cgroup_is_not_to_be_seen() {
        for own in ["0::/../elsewhere\n", "0::/gone\n", "1:pids:/x\n", ""] {
            let found = headroom(nested().file("/proc/self/cgroup", own));
            assert_eq!((found.cgroup, found.levels.len()), (None, 1), "{own:?}");
        }
        let none =
            headroom(Memory::new().file("/proc/self/mountinfo", "1 0 0:2 / / rw - ext4 /dev/vda rw\n"));
        assert_eq!(none, Headroom::default());
    }

    #[test]
    fn pids_of_version_1() {
        let memory = Memory::new()
            .file(
                "/proc/self/mountinfo",
                "1 0 0:2 / / rw - ext4 /dev/vda rw\n2 1 0:3 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n",
            )
            .file("/proc/self/cgroup", "8:pids:/a/b\n")
            .file("/sys/fs/cgroup/pids/a/pids.max", "10\n")
            .file("/sys/fs/cgroup/pids/a/pids.current", "12\n");
        let found = headroom(memory);
        assert_eq!(first(&found.tasks), ("/sys/fs/cgroup/pids/a/pids.max", 0));
        assert!(found.levels.is_empty());
    }

    #[test]
    fn directories_below_a_mount() {
        let mount = |root: &str| Mount {
            ids: None,
            root: root.to_owned(),
            point: "/c".to_owned(),
            fs_type: "cgroup2".to_owned(),

            propagation: None,
            line: String::new(),
        };
        let seen = |root: &str, path: &str| directories(&mount(root), path).map(|d| d.join(" "));
        assert_eq!(seen("/", "/").as_deref(), Some("/c"));
        assert_eq!(seen("/", "/a/b").as_deref(), Some("/c /c/a /c/a/b"));
        assert_eq!(seen("/a", "/a/b").as_deref(), Some("/c /c/b"));
        for (root, path) in [("/a", "/ab"), ("/a", "/"), ("/", "/../x"), ("/..", "/x")] {
            assert_eq!(seen(root, path), None, "{root} {path}");
        }
        assert_eq!(seen("/", &"/a".repeat(LEVELS_LIMIT + 1)), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in "([a-z_0-9 :/.,]|\n){0,200}", root in "[/a-c.]{0,8}", path in "[/a-c.]{0,20}") {
            let _ = (descendants(&text), tasks_of_machine(&text), own_legacy_cgroup(&text, "pids"), Bound::parse(&text));
            let point = "/c".to_owned();
            let mount = Mount { ids: None, root, point, fs_type: String::new(), propagation: None, line: String::new() };
            for directory in directories(&mount, &path).unwrap_or_default() {
                prop_assert!(directory.starts_with("/c") && !directory.contains("//"));
            }
        }
    }
}
