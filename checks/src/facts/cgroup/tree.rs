//! One way through a cgroup2 tree, from the visible root down to one cgroup: what each step offers, what it enables for
//! its children, and what it would refuse. Nothing beside that way is looked at.

use super::files;
use crate::{
    evidence::{Evidence, Unknown},
    facts::{Known, mounts::Mount},
    node::{FileKind, Node, Origin, ReadError},
};

/// The deepest cgroup that is walked to. Pods of a cluster inside a pod lie about twelve deep.
const DEPTH_LIMIT: usize = 64;

/// How many processes of a cgroup are named.
const PROCESSES_NAMED: usize = 5;

/// The controllers that work inside a threaded subtree: `cgrp_dfl_threaded_ss_mask` is 0x0903 on all of Linux 5.10 to
/// 7.3 (measured on 18 Debian kernels).
const THREADED: [&str; 4] = ["cpu", "cpuset", "perf_event", "pids"];

/// What cgroup.type says of a cgroup (cgroup_type_show(), kernel/cgroup/cgroup.c, since Linux 4.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CgroupType {
    /// An ordinary one, the only kind in which containers run.
    Domain,
    /// The top of a threaded subtree.
    DomainThreaded,
    /// Below a threaded one, and not made threaded itself: it can hold nothing.
    DomainInvalid,
    /// Part of a threaded subtree.
    Threaded,
}

impl CgroupType {
    /// Parses cgroup.type.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim_ascii_end() {
            "domain" => Some(Self::Domain),
            "domain threaded" => Some(Self::DomainThreaded),
            "domain invalid" => Some(Self::DomainInvalid),
            "threaded" => Some(Self::Threaded),
            _ => None,
        }
    }

    /// The kernel's words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::DomainThreaded => "domain threaded",
            Self::DomainInvalid => "domain invalid",
            Self::Threaded => "threaded",
        }
    }
}

/// Parses cgroup.max.descendants, cgroup.max.depth or pids.max: a number, or None inside for `max`, no limit.
#[must_use]
pub fn limit(text: &str) -> Option<Option<u64>> {
    match text.trim_ascii() {
        "max" => Some(None),
        number => number.parse().ok().map(Some),
    }
}

/// How many cgroups there are below one, of its cgroup.stat.
#[must_use]
pub fn descendants(text: &str) -> Option<u64> {
    text.lines().find_map(|l| l.strip_prefix("nr_descendants "))?.trim_ascii().parse().ok()
}

/// The files that have to belong to whom a cgroup is delegated (/sys/kernel/cgroup/delegate, Linux 4.15), one a line.
#[must_use]
pub fn delegated_files(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_ascii).filter(|l| !l.is_empty() && !l.contains('/')).collect()
}

/// The processes of one cgroup, without those of the cgroups below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Processes {
    /// How many there are.
    pub count: usize,
    /// The first few; 0 for one of another pid namespace.
    pub first: Vec<u32>,
}

impl Processes {
    /// Parses cgroup.procs: a number on each line. None if a line is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut found = Self::default();
        for line in text.lines() {
            let id = line.trim_ascii().parse().ok()?;
            found.count += 1;
            if found.first.len() < PROCESSES_NAMED {
                found.first.push(id);
            }
        }
        Some(found)
    }
}

/// Where the version 2 cgroup of a process lies below a mount that shows `mounted_root` of the hierarchy; both as
/// /proc shows them to the same reader. None where it is not below that mount.
#[must_use]
pub fn below_mount(own: &str, mounted_root: &str) -> Option<String> {
    // The kernel adds this to the path of a cgroup that was removed while the process still had a thread in it.
    let own = own.strip_suffix(" (deleted)").unwrap_or(own);
    let rest = own.strip_prefix(mounted_root.trim_end_matches('/'))?;
    let climbs = || rest.split('/').any(|name| name == "..");
    match rest {
        "" => Some("/".to_owned()),
        _ if rest.starts_with('/') && !climbs() => Some(rest.to_owned()),
        _ => None,
    }
}

/// What writing `+NAME` to cgroup.subtree_control of a cgroup would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enabling {
    /// Nothing: it is enabled.
    Already,
    /// Enable it.
    Works,
    /// ENOENT: the cgroup does not have the controller itself.
    Absent,
    /// EBUSY: the cgroup has processes of its own ("no internal processes").
    Busy(Processes),
    /// A controller of threads in a cgroup that has processes: EBUSY, too, if processes are in its children; else it is
    /// enabled, and the cgroup becomes the top of a threaded subtree, in which no container can run.
    MakesThreaded(Processes),
    /// EOPNOTSUPP: a controller of whole processes in a threaded subtree, or a cgroup that can hold nothing.
    Refused(CgroupType),
}

/// One cgroup on the way. Its files are read when they are asked for, each once.
#[derive(Clone)]
pub struct Step<'a> {
    node: &'a Node,
    /// Where it lies below the visible root: `/`, `/system.slice`.
    pub path: String,
    /// Its directory.
    pub directory: String,
    /// Whether it is the real root of the hierarchy. None if that can't be told.
    pub is_root: Option<bool>,
}

impl Step<'_> {
    /// The path of one of its files.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    /// What one of its files says, as evidence.
    #[must_use]
    pub fn evidence(&self, name: &str) -> Evidence {
        self.node.read(&self.file(name)).evidence()
    }

    fn ask<T>(&self, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Known<T> {
        let read = self.node.read(&self.file(name));
        let text = read.text().map_err(ReadError::unknown)?;
        parse(&text).ok_or_else(|| {
            Unknown::new(format!("{} says nothing that is known", read.path())).tried([read.evidence()])
        })
    }

    /// Whether the cgroup exists.
    ///
    /// # Errors
    /// When it may not be looked at.
    pub fn exists(&self) -> Known<bool> {
        match self.node.kind(&self.directory) {
            Ok(kind) => Ok(kind == FileKind::Directory),
            Err(e) if e.is_missing() => Ok(false),
            Err(e) => Err(e.unknown()),
        }
    }

    /// What the cgroup has (cgroup.controllers).
    ///
    /// # Errors
    /// When it can't be read; that it is missing is no answer either, for every cgroup has it.
    pub fn controllers(&self) -> Known<Vec<String>> {
        self.ask("cgroup.controllers", |t| Some(files::controllers(t)))
    }

    /// What the cgroup enables for its children (cgroup.subtree_control).
    ///
    /// # Errors
    /// As [`Self::controllers`].
    pub fn enabled(&self) -> Known<Vec<String>> {
        self.ask("cgroup.subtree_control", |t| Some(files::controllers(t)))
    }

    /// What kind of cgroup it is; the real root is a domain, and has no file that says so.
    ///
    /// # Errors
    /// When it can't be read, or is not there, as before Linux 4.14 and in a tree that was not captured whole.
    pub fn kind(&self) -> Known<CgroupType> {
        if self.is_root == Some(true) {
            return Ok(CgroupType::Domain);
        }
        self.ask("cgroup.type", CgroupType::parse)
    }

    /// Its own processes. A threaded cgroup does not tell (EOPNOTSUPP).
    ///
    /// # Errors
    /// When they can't be read.
    pub fn processes(&self) -> Known<Processes> {
        self.ask("cgroup.procs", Processes::parse)
    }

    /// What enabling `controller` for the children would do (cgroup_subtree_control_write() and
    /// cgroup_vet_subtree_control_enable(), kernel/cgroup/cgroup.c, Linux 4.14 to 7.3). Who may write is another matter.
    ///
    /// # Errors
    /// When a file that decides can't be read.
    pub fn enabling(&self, controller: &str) -> Known<Enabling> {
        let has = |names: &[String]| names.iter().any(|n| n == controller);
        let enabled = self.enabled()?;
        if has(&enabled) {
            return Ok(Enabling::Already);
        }
        if !has(&self.controllers()?) {
            return Ok(Enabling::Absent);
        }
        if self.is_root == Some(true) {
            return Ok(Enabling::Works);
        }
        let kind = self.kind()?;
        let of_threads = |name: &str| THREADED.contains(&name);
        match kind {
            CgroupType::DomainInvalid => return Ok(Enabling::Refused(kind)),
            CgroupType::Threaded | CgroupType::DomainThreaded => {
                let works = of_threads(controller);
                return Ok(if works { Enabling::Works } else { Enabling::Refused(kind) });
            }
            CgroupType::Domain => {}
        }
        let processes = self.processes()?;
        Ok(if processes.count == 0 {
            Enabling::Works
        } else if of_threads(controller) && enabled.iter().all(|n| of_threads(n)) {
            Enabling::MakesThreaded(processes)
        } else {
            Enabling::Busy(processes)
        })
    }

    /// A limit of this cgroup, in one of its files; None for none. A file that is not there is none: Linux got
    /// cgroup.max.descendants and cgroup.max.depth in 4.14, and pids.max is only where the controller is. In a tree
    /// under a root it may just not have been captured.
    ///
    /// # Errors
    /// When it can't be read.
    pub fn limit(&self, name: &str) -> Known<Option<u64>> {
        let is_missing = self.node.read(&self.file(name)).is_missing();
        if is_missing && self.node.origin() == Origin::Live {
            return Ok(None);
        }
        self.ask(name, limit)
    }

    /// How many cgroups there are below it.
    ///
    /// # Errors
    /// When cgroup.stat can't be read, or does not say.
    pub fn descendants(&self) -> Known<u64> {
        self.ask("cgroup.stat", descendants)
    }

    /// How many tasks there are in it and below (pids.current).
    ///
    /// # Errors
    /// When it can't be read.
    pub fn tasks(&self) -> Known<u64> {
        self.ask("pids.current", |t| t.trim_ascii().parse().ok())
    }
}

impl Node {
    /// The way from the root of the cgroup2 mount down to `path`, both ends included.
    ///
    /// # Errors
    /// When `path` is deeper than 64 cgroups, or leads up.
    pub fn cgroup_way(&self, mount: &Mount, path: &str) -> Known<Vec<Step<'_>>> {
        let (is_root, _) = self.is_real_root(&mount.point, &mount.root);
        let names: Vec<&str> = path.split('/').filter(|n| !n.is_empty()).collect();
        if names.len() > DEPTH_LIMIT {
            return Err(Unknown::new(format!("the cgroup lies deeper than {DEPTH_LIMIT} levels")));
        }
        if names.contains(&"..") {
            return Err(Unknown::new(format!("the path {path} leads up")));
        }
        let point = mount.point.trim_end_matches('/');
        let mut way =
            vec![Step { node: self, path: "/".to_owned(), directory: mount.point.clone(), is_root }];
        let mut below = String::new();
        for name in names {
            below.push('/');
            below.push_str(name);
            let directory = format!("{point}{below}");
            way.push(Step { node: self, path: below.clone(), directory, is_root: Some(false) });
        }
        Ok(way)
    }

    /// Where the version 2 cgroup of this process lies below the mount; under a root that of the node's first process.
    ///
    /// # Errors
    /// When it can't be read, or lies outside of what the mount shows.
    pub fn own_cgroup(&self, mount: &Mount) -> Known<(String, Evidence)> {
        let read = self.read(&self.proc_self("cgroup"));
        let text = read.text().map_err(ReadError::unknown)?;
        let Some(own) = files::own_unified_cgroup(&text) else {
            let none = Unknown::new(format!("{} names no cgroup of version 2", read.path()));
            return Err(none.tried([read.evidence()]));
        };
        let seen = read.quote(format!("0::{own}"));
        below_mount(own, &mount.root).map(|path| (path, seen.clone())).ok_or_else(|| {
            let reason = format!("the cgroup {own} lies outside of what is mounted on {}", mount.point);
            Unknown::new(reason).tried([seen]).needs("run in the cgroup namespace of the host")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    fn step(node: &Node, is_root: Option<bool>) -> Step<'_> {
        Step { node, path: "/a".into(), directory: "/cg/a".into(), is_root }
    }

    fn cgroup(kind: &str, processes: &str, enabled: &str) -> Memory {
        Memory::new()
            .file("/cg/a/cgroup.controllers", "cpu memory pids\n")
            .file("/cg/a/cgroup.subtree_control", enabled)
            .file("/cg/a/cgroup.type", format!("{kind}\n"))
            .file("/cg/a/cgroup.procs", processes)
    }

    /// What the kernel does was measured by tests/vm/delegation.py.
    #[test]
    fn what_enabling_does() {
        let ask = |memory: Memory, is_root, name: &str| {
            step(&Node::in_memory(memory), is_root).enabling(name).map_err(|u| u.reason)
        };
        let inner = Some(false);
        let one = || Processes { count: 1, first: vec![7] };
        assert_eq!(ask(cgroup("domain", "", ""), inner, "memory"), Ok(Enabling::Works));
        assert_eq!(ask(cgroup("domain", "7\n", "memory\n"), inner, "memory"), Ok(Enabling::Already));
        assert_eq!(ask(cgroup("domain", "", ""), inner, "io"), Ok(Enabling::Absent));
        assert_eq!(ask(cgroup("domain", "7\n", ""), inner, "memory"), Ok(Enabling::Busy(one())));
        assert_eq!(ask(cgroup("domain", "7\n", "memory\n"), inner, "cpu"), Ok(Enabling::Busy(one())));
        assert_eq!(ask(cgroup("domain", "7\n", ""), inner, "cpu"), Ok(Enabling::MakesThreaded(one())));
        for kind in [CgroupType::DomainThreaded, CgroupType::Threaded] {
            let memory = || cgroup(kind.as_str(), "7\n", "cpu\n");
            assert_eq!(ask(memory(), inner, "memory"), Ok(Enabling::Refused(kind)));
            assert_eq!(ask(memory(), inner, "pids"), Ok(Enabling::Works));
        }
        let invalid = cgroup("domain invalid", "", "");
        assert_eq!(ask(invalid, inner, "cpu"), Ok(Enabling::Refused(CgroupType::DomainInvalid)));
        // The real root may have processes. Where it can't be told whether it is the root, neither can this.
        let root = cgroup("domain", "1\n7\n", "").without("/cg/a/cgroup.type");
        assert_eq!(ask(root.clone(), Some(true), "memory"), Ok(Enabling::Works));
        assert!(ask(root, None, "memory").unwrap_err().contains("cgroup.type"));
        let hidden = cgroup("domain", "", "").error("/cg/a/cgroup.procs", ReadErrorKind::Denied("EACCES"));
        assert!(ask(hidden, inner, "memory").unwrap_err().contains("EACCES"));
    }

    #[test]
    fn the_way_to_a_cgroup() {
        let node = Node::in_memory(Memory::new().file("/cg/cgroup.type", "domain\n"));
        let mounts = crate::facts::mounts::Mounts::parse_mounts("m", "cgroup2 /cg cgroup2 rw 0 0\n");
        let mount = mounts.at("/cg").unwrap();
        let way = node.cgroup_way(mount, "/a//b.slice/").unwrap();
        let paths: Vec<_> = way.iter().map(|s| (s.path.as_str(), s.directory.as_str())).collect();
        assert_eq!(paths, [("/", "/cg"), ("/a", "/cg/a"), ("/a/b.slice", "/cg/a/b.slice")]);
        assert_eq!(way.first().unwrap().is_root, Some(false));
        assert!(node.cgroup_way(mount, "/a/../b").is_err());
        assert!(node.cgroup_way(mount, &"/a".repeat(DEPTH_LIMIT + 1)).is_err());
    }

    #[test]
    fn where_the_own_cgroup_lies() {
        for (own, root, want) in [
            ("/", "/", Some("/")),
            ("/a/b", "/", Some("/a/b")),
            ("/a/b (deleted)", "/", Some("/a/b")),
            // A part of the hierarchy is mounted, as in a container without a cgroup namespace.
            ("/docker/4f/init", "/docker/4f", Some("/init")),
            ("/docker/4f", "/docker/4f", Some("/")),
            ("/docker/4f2", "/docker/4f", None),
            // Seen from inside of a cgroup namespace, with the host's hierarchy mounted.
            ("/../../init.scope", "/../..", Some("/init.scope")),
            ("/", "/../..", None),
            ("/../x", "/", None),
            ("x", "/", None),
        ] {
            assert_eq!(below_mount(own, root).as_deref(), want, "{own} {root}");
        }
    }

    #[test]
    fn small_files() {
        assert_eq!(limit("max\n"), Some(None));
        assert_eq!(limit("18446744073709551615\n"), Some(Some(u64::MAX)));
        assert_eq!(limit("18446744073709551616\n"), None);
        assert_eq!(limit(""), None);
        assert_eq!(descendants("nr_descendants 34\nnr_dying_descendants 2\n"), Some(34));
        assert_eq!(descendants("nr_dying_descendants 2\n"), None);
        assert_eq!(
            Processes::parse("0\n1\n2\n3\n4\n5\n").unwrap(),
            Processes { count: 6, first: vec![0, 1, 2, 3, 4] }
        );
        assert_eq!(Processes::parse("1\nx\n"), None);
        assert_eq!(CgroupType::parse("domain threaded\n"), Some(CgroupType::DomainThreaded));
        assert_eq!(CgroupType::parse("domain  threaded"), None);
        // Linux 6.18.
        let text = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\nmemory.oom.group\nmemory.reclaim\n";
        assert_eq!(delegated_files(text).len(), 5);
        assert!(delegated_files("../x\n\n").is_empty());
    }

    #[test]
    fn a_limit_that_is_not_there() {
        let memory = Memory::new().file("/cg/a/cgroup.procs", "");
        assert_eq!(step(&Node::in_memory(memory.clone()), None).limit("pids.max"), Ok(None));
        assert!(step(&Node::in_memory(memory.as_root()), None).limit("pids.max").is_err());
    }

    proptest! {
        #[test]
        fn never_panic(text in "([a-z0-9 ./:\u{e9}]|\n){0,200}", root in "[a-z/.]{0,20}") {
            let _ = (limit(&text), descendants(&text), delegated_files(&text).len(), CgroupType::parse(&text));
            if let Some(found) = Processes::parse(&text) {
                prop_assert!(found.first.len() <= found.count);
            }
            if let Some(path) = below_mount(&text, &root) {
                prop_assert!(path.starts_with('/') && !path.contains("/../"));
            }
        }
    }
}
