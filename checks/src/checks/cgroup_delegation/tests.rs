//! One test per way in which a controller arrives or does not, and per thing that can't be told.

use super::*;
use crate::{
    finding::Outcome,
    node::{Memory, ReadErrorKind},
};

const CG: &str = "/sys/fs/cgroup";
const ALL: &str = "cpuset cpu io memory hugetlb pids";
const WITHOUT_CPUSET: &str = "cpu io memory hugetlb pids";

/// The files of one cgroup.
struct Cgroup<'a> {
    path: &'a str,
    has: &'a str,
    enables: &'a str,
    kind: &'a str,
    processes: &'a str,
}

fn cgroup<'a>(path: &'a str, has: &'a str, enables: &'a str) -> Cgroup<'a> {
    Cgroup { path, has, enables, kind: "domain", processes: "" }
}

trait With {
    fn with(self, cgroup: Cgroup<'_>) -> Self;
    fn said(self, path: &str, name: &str, text: &str) -> Self;
}

impl With for Memory {
    fn with(self, c: Cgroup<'_>) -> Self {
        let memory = self
            .said(c.path, "cgroup.controllers", c.has)
            .said(c.path, "cgroup.subtree_control", c.enables)
            .said(c.path, "cgroup.max.depth", "max\n")
            .said(c.path, "cgroup.max.descendants", "max\n")
            .said(c.path, "cgroup.stat", "nr_descendants 3\n")
            .said(c.path, "cgroup.procs", c.processes);
        if c.path == "/" { memory } else { memory.said(c.path, "cgroup.type", &format!("{}\n", c.kind)) }
    }

    fn said(self, path: &str, name: &str, text: &str) -> Self {
        self.file(&format!("{CG}{}/{name}", path.trim_end_matches('/')), text)
    }
}

/// A live v2 node whose real root has every controller.
fn v2(enables: &str) -> Memory {
    Memory::new()
        .file("/proc/sys/kernel/osrelease", "6.12.0")
        .file("/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n")
        .with(Cgroup { processes: "1\n2\n", ..cgroup("/", ALL, enables) })
}

fn ask_all(place: &str, memory: Memory) -> Vec<Finding> {
    let params =
        CgroupDelegationParams { places: vec![place.to_owned()], ..CgroupDelegationParams::default() };
    CgroupDelegation::validate(&params).unwrap();
    let mut out = Findings::default();
    CgroupDelegation::run(&params, &Node::in_memory(memory), &mut out).unwrap();
    out.into_inner().into_iter().map(|(finding, _)| finding).collect()
}

fn ask(place: &str, memory: Memory) -> Finding {
    ask_all(place, memory).remove(0)
}

fn short(finding: &Finding) -> (&'static str, &'static str) {
    let outcome = match (finding.outcome(), finding.severity()) {
        (Outcome::Pass, _) => "pass",
        (Outcome::Problem, Severity::Fail) => "fail",
        (Outcome::Problem, Severity::Warn) => "warn",
        (Outcome::Undetermined(_), _) => "undetermined",
        (Outcome::NotApplicable, _) => "not-applicable",
    };
    (outcome, finding.reason())
}

fn cause(finding: &Finding) -> &str {
    finding.cause().map_or("", |c| c.name.as_str())
}

fn notes(finding: &Finding) -> String {
    finding.all_notes().join("\n")
}

#[test]
fn the_root_of_a_fresh_node_is_a_good_parent() {
    // Debian 12 with nothing but systemd.
    let finding = ask("pods", v2("cpu memory pids"));
    assert_eq!(short(&finding), ("pass", "can-be-delegated"));
    assert!(notes(&finding).contains("cpuset"));
    assert_eq!(short(&ask("system", v2("memory pids"))), ("not-applicable", "not-applicable"));
    let system = v2("memory pids").with(cgroup("/system.slice", "memory pids", ""));
    assert_eq!(short(&ask("system", system)), ("pass", "can-be-delegated"));
}

#[test]
fn the_cgroup_of_the_pods() {
    for path in ["/kubepods.slice", "/kubepods"] {
        let good = v2(ALL).with(cgroup(path, ALL, "cpu"));
        assert_eq!(short(&ask("pods", good)), ("pass", "delegated"));
        let less = v2(WITHOUT_CPUSET).with(cgroup(path, WITHOUT_CPUSET, ""));
        let finding = ask("pods", less);
        assert_eq!(
            (short(&finding), cause(&finding)),
            (("warn", "not-delegated"), "cgroup-controller:cpuset")
        );
        assert_eq!(
            finding.mend().unwrap().commands,
            ["echo +cpuset > /sys/fs/cgroup/cgroup.subtree_control"]
        );
    }
    let two = v2(ALL).with(cgroup("/kubepods", ALL, ALL)).with(cgroup("/kubepods.slice", ALL, ALL));
    assert!(notes(&ask("pods", two)).contains("left over"));
}

#[test]
fn processes_in_an_inner_cgroup() {
    let busy = |enables: &'static str| {
        v2(ALL).with(Cgroup { processes: "7\n9\n", ..cgroup("/kubepods", ALL, enables) })
    };
    let finding = ask("pods", busy(""));
    assert_eq!((short(&finding), cause(&finding)), (("fail", "busy"), "cgroup:/kubepods"));
    assert!(finding.message().contains("2 processes"), "{}", finding.message());
    assert!(finding.all_evidence().iter().any(|e| e.observed == "7 9"));
    assert!(finding.mend().unwrap().commands.iter().any(|c| c.starts_with("xargs")));
    // What is enabled already stays enabled.
    assert_eq!(short(&ask("pods", busy(ALL))), ("pass", "delegated"));
    // Only something optional is left.
    assert_eq!(short(&ask("pods", busy("cpuset cpu memory pids hugetlb"))), ("warn", "busy"));
}

#[test]
fn threaded_subtrees() {
    for kind in ["threaded", "domain threaded", "domain invalid"] {
        let node = v2(ALL).with(Cgroup { kind, ..cgroup("/a", "cpuset cpu pids", "") });
        let finding = ask("/a", node.with(cgroup("/a/b", "cpu", "")));
        assert_eq!((short(&finding), cause(&finding)), (("fail", "threaded"), "cgroup:/a"), "{kind}");
    }
    let below = v2(ALL)
        .with(Cgroup { kind: "domain threaded", ..cgroup("/a", ALL, "cpu") })
        .with(Cgroup { kind: "domain invalid", ..cgroup("/a/b", "cpu", "") });
    assert_eq!(cause(&ask("/a/b", below)), "cgroup:/a");
}

#[test]
fn a_step_that_withholds_something() {
    let node = v2(ALL).with(cgroup("/a", ALL, WITHOUT_CPUSET)).with(cgroup("/a/b", WITHOUT_CPUSET, ""));
    let finding = ask("/a/b", node);
    assert_eq!((short(&finding), cause(&finding)), (("fail", "not-delegated"), "cgroup:/a:cpuset"));
    assert_eq!(finding.message(), "cpuset does not reach /a/b: /a does not enable it for its children");
    let optional = "cpuset cpu memory pids";
    let node = v2(ALL).with(cgroup("/a", ALL, optional)).with(cgroup("/a/b", optional, ""));
    assert_eq!(short(&ask("/a/b", node)), ("warn", "not-delegated"));
}

#[test]
fn what_not_even_the_root_has() {
    let root = |has: &'static str| v2("").with(cgroup("/", has, ""));
    let finding = ask("pods", root("cpuset cpu io pids hugetlb"));
    assert_eq!((short(&finding), cause(&finding)), (("fail", "missing-at-root"), "cgroup-controller:memory"));
    // Not compiled in: cgroup-controllers follows the option, and so does this.
    let config = root("cpuset cpu io pids hugetlb")
        .file("/boot/config-6.12.0", "# CONFIG_MEMCG is not set\nCONFIG_CGROUPS=y\n")
        .file("/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t1\t1\n");
    assert_eq!(cause(&ask("pods", config)), "CONFIG_MEMCG");
    let optional = ask("pods", root("cpuset cpu io memory pids"));
    assert_eq!(short(&optional), ("pass", "can-be-delegated"));
    assert!(notes(&optional).contains("hugetlb"));
}

fn container(root: Cgroup<'_>) -> Memory {
    v2("").with(root).said("/", "cgroup.type", "domain\n").said("/", "pids.max", "max\n")
}

#[test]
fn the_root_of_a_container_is_none() {
    let busy = ask("pods", container(Cgroup { processes: "1\n", ..cgroup("/", ALL, "") }));
    assert_eq!((short(&busy), cause(&busy)), (("fail", "busy"), "cgroup:/"));
    assert!(notes(&busy).contains("what looks like the root here is none"));
    let empty = ask("pods", container(cgroup("/", ALL, "")));
    assert_eq!(short(&empty), ("pass", "can-be-delegated"));
    assert!(empty.all_evidence().iter().any(|e| e.source.ends_with("/cgroup.type")));
    let less = ask("pods", container(cgroup("/", WITHOUT_CPUSET, "")));
    assert_eq!((short(&less), cause(&less)), (("fail", "not-delegated"), "cgroup-controller:cpuset"));
    let optional = ask("pods", container(cgroup("/", "cpuset cpu memory pids", "")));
    assert_eq!(short(&optional), ("warn", "not-delegated"));
}

#[test]
fn a_read_only_mount() {
    let mounts = "cgroup2 /sys/fs/cgroup cgroup2 ro 0 0\n";
    let node = || v2(ALL).file("/proc/self/mounts", mounts).with(cgroup("/system.slice", ALL, ""));
    let finding = ask("pods", node());
    assert_eq!((short(&finding), cause(&finding)), (("fail", "read-only"), "cgroup-read-only"));
    let system = ask("system", node());
    assert_eq!(short(&system), ("pass", "can-be-delegated"));
    assert!(notes(&system).contains("read-only"));
}

const USER: &str = "/user.slice/user-1000.slice/user@1000.service";
const UNIT: &str = "/usr/lib/systemd/system/user@.service";

/// A node with one user, whose slice enables some controllers and whose unit asks for some.
fn user(enables: &str, delegate: &str, owner: u32) -> Memory {
    let node = v2(ALL)
        .with(cgroup("/user.slice", ALL, ALL))
        .with(cgroup("/user.slice/user-1000.slice", ALL, enables))
        .with(cgroup(USER, enables, ""))
        .file(UNIT, format!("[Service]\nUser=%i\n{delegate}\n"))
        .file(
            "/sys/kernel/cgroup/delegate",
            "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\nmemory.reclaim\n",
        );
    let directory = format!("{CG}{USER}");
    ["cgroup.procs", "cgroup.threads", "cgroup.subtree_control"]
        .iter()
        .fold(node, |node, name| {
            node.said(USER, name, "").owned_by(&format!("{directory}/{name}"), owner, 0o644)
        })
        .owned_by(&directory, owner, 0o755)
}

#[test]
fn a_user_to_whom_everything_is_delegated() {
    let finding = ask("user", user(ALL, "Delegate=cpu cpuset io memory pids", 1000));
    assert_eq!((short(&finding), finding.subject()), (("pass", "delegated"), "user-1000"));
    assert!(finding.all_evidence().iter().any(|e| e.observed == "owner 1000, mode 0644"));
    // systemd knows no hugetlb: nobody gets it, and that is no reason for a warning.
    let finding = ask("user", user("cpuset cpu io memory pids", "Delegate=yes", 1000));
    assert_eq!(short(&finding), ("pass", "delegated"));
    assert!(notes(&finding).contains("hugetlb"));
}

#[test]
fn the_unit_that_does_not_ask() {
    // The default of systemd 252.
    let finding = ask("user", user("cpu memory pids", "Delegate=pids memory cpu", 1000));
    assert_eq!((short(&finding), cause(&finding)), (("fail", "not-delegated"), "unit:user@.service"));
    assert!(finding.message().starts_with("cpuset and io do not reach"), "{}", finding.message());
    let remedy = finding.mend().unwrap();
    assert!(
        remedy.persistent[0]
            .starts_with("/etc/systemd/system/user@.service.d/delegate.conf: [Service] Delegate=cpu cpuset")
    );
    assert_eq!(remedy.commands[2..], ["systemctl daemon-reload", "systemctl restart user@1000.service"]);
    assert!(
        finding.all_evidence().iter().any(|e| e.source == UNIT && e.observed == "Delegate=pids memory cpu")
    );
    // It asks, but was started before.
    let stale = ask("user", user("memory pids", "Delegate=yes", 1000));
    assert!(notes(&stale).contains("started before"));
    let hidden = user("memory pids", "", 1000).error(UNIT, ReadErrorKind::Denied("EACCES"));
    let hidden = ask("user", hidden);
    assert_eq!(short(&hidden), ("fail", "not-delegated"));
    assert!(notes(&hidden).contains("EACCES"));
}

#[test]
fn a_user_who_may_not_write() {
    let finding = ask("user", user(ALL, "Delegate=yes", 0));
    assert_eq!(short(&finding), ("fail", "not-writable"));
    assert!(finding.message().contains("nor 3 of the files"), "{}", finding.message());
    let remote = ask("user", user(ALL, "Delegate=yes", 1000).as_root());
    assert_eq!(short(&remote).0, "undetermined");
    let path = ask(USER, user(ALL, "Delegate=yes", 0));
    assert_eq!((short(&path), path.subject()), (("fail", "not-writable"), USER));
}

#[test]
fn users_that_are_not_there_and_too_many() {
    assert_eq!(short(&ask("user", v2(ALL))), ("fail", "no-user-manager"));
    let many = (1000..1100).fold(v2(ALL), |node, id| {
        let path = format!("/user.slice/user-{id}.slice/user@{id}.service");
        node.with(cgroup(&path, "", ""))
    });
    let findings = ask_all("user", many);
    assert_eq!(findings.len(), 65);
    assert_eq!((short(&findings[64]).0, findings[64].subject()), ("undetermined", "user"));
    let denied = v2(ALL).error("/sys/fs/cgroup/user.slice", ReadErrorKind::Denied("EACCES"));
    assert_eq!(short(&ask("user", denied)).0, "undetermined");
}

#[test]
fn container_managers_that_share_with_systemd() {
    let node = |unit: &str| {
        v2(ALL)
            .with(cgroup("/system.slice", ALL, ""))
            .with(cgroup("/system.slice/containerd.service", ALL, ""))
            .with(cgroup("/system.slice/ssh.service", ALL, ""))
            .file("/lib/systemd/system/containerd.service", unit)
    };
    let good = ask("system", node("[Service]\nDelegate=yes\n"));
    assert_eq!(short(&good), ("pass", "can-be-delegated"));
    assert!(good.all_evidence().iter().any(|e| e.observed == "Delegate=yes"));
    let bad = ask("system", node("[Service]\nKillMode=process\n"));
    assert_eq!((short(&bad), cause(&bad)), (("warn", "no-delegate"), "unit:containerd.service"));
    assert!(bad.mend().unwrap().persistent[0].ends_with("Delegate=yes"));
    let nowhere = node("").without("/lib/systemd/system/containerd.service");
    assert_eq!(short(&ask("system", nowhere)), ("undetermined", "unknown"));
}

#[test]
fn the_own_cgroup() {
    let node = |enables: &str| {
        v2(ALL)
            .file("/proc/self/cgroup", "0::/user.slice/session-3.scope\n")
            .file("/run/systemd/transient/session-3.scope", "[Scope]\nSlice=user.slice\n")
            .with(cgroup("/user.slice", ALL, enables))
            .with(Cgroup { processes: "9\n", ..cgroup("/user.slice/session-3.scope", enables, "") })
    };
    let finding = ask("own", node(ALL));
    assert_eq!(short(&finding), ("warn", "no-delegate"));
    assert!(finding.mend().unwrap().commands[0].contains("--scope -p Delegate=yes"));
    let delegated = node(ALL).file("/run/systemd/transient/session-3.scope", "[Scope]\nDelegate=yes\n");
    assert_eq!(short(&ask("own", delegated.clone())), ("pass", "delegated"));
    // Another user than root has to own it.
    assert_eq!(short(&ask("own", delegated.as_user(1000))), ("fail", "not-writable"));
    assert_eq!(short(&ask("own", node("memory pids"))), ("fail", "not-delegated"));
    assert_eq!(short(&ask("own", v2(ALL))), ("undetermined", "unknown"));
    let outside = v2(ALL).file("/proc/self/cgroup", "0::/../x\n");
    assert_eq!(short(&ask("own", outside)), ("undetermined", "unknown"));
    // Under a root it is that of the first process.
    let first = v2(ALL)
        .file("/proc/1/cgroup", "0::/init.scope\n")
        .file("/proc/1/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n")
        .with(cgroup("/init.scope", ALL, ""))
        .said("/init.scope", "pids.max", "max\n");
    assert_eq!(short(&ask("own", first.as_root())), ("pass", "delegated"));
}

#[test]
fn a_path_that_does_not_exist() {
    let finding = ask("/kubelet.slice", v2(ALL));
    assert_eq!((short(&finding), finding.subject()), (("fail", "missing"), "/kubelet.slice"));
    assert_eq!(finding.mend().unwrap().commands, ["systemctl start kubelet.slice"]);
    // Below system.slice systemd makes the cgroups: one made by hand would be in its way.
    let service = ask("/system.slice/ssh.service", v2(ALL));
    assert_eq!(service.mend().unwrap().commands, ["systemctl start ssh.service"]);
    let nested = ask("/a.slice/a-b.slice", v2(ALL));
    assert_eq!(nested.mend().unwrap().commands, ["systemctl start a-b.slice"]);
    assert_eq!(ask("/a/b", v2(ALL)).mend().unwrap().commands, ["mkdir -p /sys/fs/cgroup/a/b"]);
    assert_eq!(short(&ask("/", v2(ALL))), ("pass", "delegated"));
}

#[test]
fn limits_that_leave_no_room() {
    let node = |name: &str, text: &str| v2(ALL).with(cgroup("/a", ALL, ALL)).said("/a", name, text);
    assert_eq!(short(&ask("/a", node("cgroup.max.depth", "3\n"))), ("fail", "too-deep"));
    assert_eq!(short(&ask("/a", node("cgroup.max.depth", "4\n"))), ("pass", "delegated"));
    // One level less is needed below the cgroup of the pods itself, and one more is counted from above it.
    let pods = |root: &str| v2(ALL).with(cgroup("/kubepods", ALL, ALL)).said("/", "cgroup.max.depth", root);
    assert_eq!(short(&ask("pods", pods("3\n"))), ("fail", "too-deep"));
    assert_eq!(short(&ask("pods", pods("4\n"))), ("pass", "delegated"));
    assert_eq!(short(&ask("/a", node("cgroup.max.descendants", "3\n"))), ("fail", "few-cgroups"));
    assert_eq!(short(&ask("/a", node("cgroup.max.descendants", "50\n"))), ("warn", "few-cgroups"));
    assert_eq!(short(&ask("/a", node("cgroup.max.descendants", "1000\n"))), ("pass", "delegated"));
    let tasks = |max: &str| node("pids.max", max).said("/a", "pids.current", "90\n");
    assert_eq!(short(&ask("/a", tasks("90\n"))), ("fail", "few-tasks"));
    assert_eq!(short(&ask("/a", tasks("1000\n"))), ("warn", "few-tasks"));
    assert_eq!(short(&ask("/a", tasks("max\n"))), ("pass", "delegated"));
    assert_eq!(short(&ask("/a", node("pids.max", "rubbish\n"))), ("undetermined", "unknown"));
}

#[test]
fn what_cannot_be_read_is_not_known() {
    let denied = ReadErrorKind::Denied("EACCES");
    for name in
        ["cgroup.controllers", "cgroup.subtree_control", "cgroup.type", "cgroup.procs", "cgroup.max.depth"]
    {
        let node = v2(ALL).with(cgroup("/a", ALL, "")).error(&format!("{CG}/a/{name}"), denied.clone());
        let finding = ask("/a", node);
        assert_eq!(short(&finding), ("undetermined", "unknown"), "{name}");
        assert!(finding.message().contains("EACCES"));
    }
    let root = v2(ALL).error("/sys/fs/cgroup/cgroup.controllers", denied.clone());
    assert_eq!(short(&ask("pods", root)).0, "undetermined");
    for place in ["pods", "system", "/a"] {
        let path = [("pods", "kubepods.slice"), ("system", "system.slice"), ("/a", "a")];
        let path = path.iter().find(|(p, _)| *p == place).unwrap().1;
        // The kind of a path that is there but hidden can't be told either.
        let hidden = v2(ALL).error(&format!("{CG}/{path}"), ReadErrorKind::TimedOut);
        assert_eq!(short(&ask(place, hidden)).0, "undetermined", "{place}");
    }
    // A tree that does not tell whether its root is the real one, and where something is still to be enabled.
    let tree = |enables| v2(enables).without("/sys/fs/cgroup/cgroup.max.depth").as_root();
    assert_eq!(short(&ask("pods", tree(""))).0, "undetermined");
    assert!(
        CgroupDelegation::run(
            &CgroupDelegationParams::default(),
            &Node::in_memory(Memory::new()),
            &mut Findings::default()
        )
        .is_err()
    );
}

#[test]
fn a_certain_failure_is_not_covered_by_what_is_unknown() {
    let node = v2(WITHOUT_CPUSET)
        .with(cgroup("/a", WITHOUT_CPUSET, ""))
        .error("/sys/fs/cgroup/a/cgroup.type", ReadErrorKind::Denied("EACCES"));
    let finding = ask("/a", node);
    assert_eq!(short(&finding), ("fail", "not-delegated"));
    assert!(notes(&finding).contains("not determined: "));
    // One file leaves two questions open, whether it could be enabled and by whom, and is named once.
    let node = container(cgroup("/", WITHOUT_CPUSET, "")).without("/sys/fs/cgroup/cgroup.procs");
    let said = notes(&ask("pods", node));
    assert_eq!(said.matches("not determined: /sys/fs/cgroup/cgroup.procs").count(), 1, "{said}");
}

#[test]
fn where_there_is_nothing_to_judge() {
    let on = |mounts: &str| ask("pods", Memory::new().file("/proc/self/mounts", mounts));
    let v1 = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n";
    assert_eq!(short(&on(v1)), ("not-applicable", "not-applicable"));
    let hybrid = on(&format!("{v1}cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"));
    assert_eq!(short(&hybrid).0, "not-applicable");
    assert!(hybrid.message().contains("hybrid"));
    let none = on("proc /proc proc rw 0 0\n");
    assert_eq!((short(&none), cause(&none)), (("fail", "unmounted"), "cgroup-mount"));
    let elsewhere = on("cgroup2 /mnt cgroup2 rw 0 0\n");
    assert_eq!((short(&elsewhere), cause(&elsewhere)), (("fail", "elsewhere"), "cgroup-mount"));
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    let validate = |required: &[&str], optional: &[&str], places: &[&str]| {
        let own = |n: &[&str]| n.iter().map(|n| (*n).to_owned()).collect();
        CgroupDelegation::validate(&CgroupDelegationParams {
            required: own(required),
            optional: own(optional),
            places: own(places),
        })
    };
    assert_eq!(validate(&["memory", "blkio"], &["io", "hugetlb"], &["pods", "/a"]), Ok(()));
    assert!(validate(&["memroy"], &[], &["pods"]).unwrap_err().contains("`memory`"));
    assert!(validate(&["devices"], &[], &["pods"]).unwrap_err().contains("cgroup-controllers"));
    assert!(validate(&["perf_event"], &[], &["pods"]).is_err());
    assert!(validate(&["io", "blkio"], &[], &["pods"]).unwrap_err().contains("twice"));
    assert!(validate(&["a/b"], &[], &["pods"]).is_err());
    assert!(validate(&[], &[], &["pods"]).is_err());
    assert!(validate(&["cpu"], &[], &[]).is_err());
    assert!(validate(&["cpu"], &[], &["/a", "/a/"]).unwrap_err().contains("twice"));
    assert!(validate(&["cpu"], &[], &["podz"]).unwrap_err().contains("`pods`"));
}
