//! The machine itself: as it is, and in scenes played in private mount namespaces. Nothing of them is left behind.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;
#[path = "live/probes.rs"]
mod probes;
#[path = "live/scene.rs"]
mod scene;

use common::process::{PROGRAM, Report, controller, policy, preflight, preflight_with, run, words};
use scene::{Scene, Viewer, cannot, cgroups_elsewhere, is_root, mounted, not_here, subsystems};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

const JSON: [&str; 2] = ["-o", "json"];
const FROM_STDIN: [&str; 4] = ["-c", "-", "-o", "json"];
const CGROUPS: [&str; 3] = ["cgroups", "-o", "json"];

const NOTHING: &str = "mount -t tmpfs tmpfs /sys/fs/cgroup";
const UNIFIED: &str = "mount -t cgroup2 cgroup2 /sys/fs/cgroup";

fn scene<'a>(name: &'a str, set: &'a [&'a str]) -> Scene<'a> {
    Scene { name, set, viewer: Viewer::Me }
}

/// What has to hold of every report: each rule answers, nothing broke down, each pass has evidence.
fn sound(report: &Report) {
    assert!(!report.findings().is_empty());
    for finding in report.findings() {
        assert_ne!(finding["reason"], "panicked", "{finding:#}");
        if finding["verdict"] == "pass" {
            assert!(finding["evidence"].as_array().is_some_and(|e| !e.is_empty()), "{finding:#}");
        }
    }
}

fn rules(report: &Report) -> BTreeSet<String> {
    report.findings().iter().map(|f| f["rule"].to_string()).collect()
}

/// No cgroup file system: one failure, of which the others are consequences.
fn none_is_mounted(name: &str, set: &[&str]) {
    let elsewhere = cgroups_elsewhere();
    if !elsewhere.is_empty() {
        return not_here(name, &format!("there are cgroups on {elsewhere:?}"));
    }
    let Some(ran) = scene(name, set).play("", &JSON) else { return };
    let report = ran.report();
    sound(&report);
    assert_eq!(report.0["node"]["cgroup"], "none", "{report}");
    assert_eq!(report.brief("cgroup-hierarchy/layout"), "fail none", "{report}");
    let of_controllers = |f: &&Value| f["rule"] == "cgroup-controllers";
    for finding in report.findings().iter().filter(of_controllers) {
        let own_reason = finding["reason"] == "disabled" || finding["reason"] == "not-compiled";
        let blocked = finding["verdict"] == "skip" && finding["blockedBy"] == "cgroup-hierarchy/layout";
        assert!(blocked || own_reason || finding["determined"] == false, "{finding:#}");
        assert_ne!(finding["verdict"], "pass", "{finding:#}");
    }
}

#[test]
fn a_tmpfs_with_nothing_in_it_is_no_cgroup_v1() {
    none_is_mounted("nothing mounted", &[NOTHING]);
}

#[test]
fn what_lies_below_the_last_mount_does_not_count() {
    none_is_mounted("cgroup2 below a tmpfs", &[UNIFIED, NOTHING]);
}

#[test]
fn what_v1_holds_is_said_to_be_held_by_v1() {
    let name = "cgroup2 alone, controllers held by v1";
    let held: Vec<_> = subsystems().into_iter().filter(|(_, hierarchy, on)| *hierarchy != 0 && *on).collect();
    if held.is_empty() {
        return not_here(name, "no controller is on a v1 hierarchy");
    }
    let scene = scene(name, &[NOTHING, UNIFIED]);
    let Some(ran) = scene.play("", &CGROUPS) else { return };
    let cgroups = ran.json();
    assert_eq!(cgroups["layout"], "v2", "{cgroups:#}");
    let names: Vec<&str> = held.iter().map(|(name, ..)| name.as_str()).collect();
    let rule =
        format!("{{check: cgroup-controllers, with: {{required: [{}], optional: []}}}}", names.join(", "));
    let Some(ran) = scene.play(&policy(&[&rule]), &FROM_STDIN) else { return };
    let report = ran.report();
    sound(&report);
    for (legacy, hierarchy, _) in &held {
        let all = cgroups["controllers"].as_array().expect("controllers");
        let one = all.iter().find(|c| c["legacyName"] == *legacy).expect("every row is there");
        assert_eq!(
            (&one["state"], &one["hierarchy"]),
            (&"bound-to-v1".into(), &(*hierarchy).into()),
            "{one:#}"
        );
        assert!(words(one).contains(&format!("hierarchy {hierarchy}")), "{one:#}");
        // What v2 does by other means is judged by those.
        let finding = report.finding(&format!("cgroup-controllers/{legacy}"));
        if !["devices", "freezer", "cpuacct", "net_cls", "net_prio"].contains(&legacy.as_str()) {
            assert_eq!(
                (&finding["verdict"], &finding["reason"]),
                (&"fail".into(), &"bound-to-v1".into()),
                "{finding:#}"
            );
            assert!(words(finding).contains(&format!("hierarchy {hierarchy}")), "{finding:#}");
        }
    }
}

#[test]
fn a_read_only_cgroup2_is_looked_at_all_the_same() {
    let set = [NOTHING, UNIFIED, "mount -o remount,bind,ro /sys/fs/cgroup"];
    for viewer in [Viewer::Me, Viewer::Nobody] {
        let scene = Scene { name: "read-only cgroup2", set: &set, viewer };
        let Some(ran) = scene.play("", &JSON) else { continue };
        let report = ran.report();
        sound(&report);
        assert_eq!(report.0["node"]["cgroup"], "v2", "{report}");
        let layout = report.finding("cgroup-hierarchy/layout");
        assert_eq!(layout["verdict"], "pass", "{layout:#}");
        assert!(words(layout).contains("read-only"), "{layout:#}");
        let freezer = report.finding("cgroup-controllers/freezer");
        assert!(freezer["verdict"] == "pass" || freezer["determined"] == false, "{freezer:#}");
    }
}

#[test]
fn a_cgroup2_without_root_has_a_freezer() {
    let scene = Scene { name: "cgroup2 seen by nobody", set: &[NOTHING, UNIFIED], viewer: Viewer::Nobody };
    let Some(ran) = scene.play("", &JSON) else { return };
    let report = ran.report();
    sound(&report);
    let freezer = report.finding("cgroup-controllers/freezer");
    assert!(freezer["verdict"] == "pass" || freezer["determined"] == false, "{freezer:#}");
}

/// What a user sees that root does not: what is missing to nobody else, and what is there for nobody else.
fn seen_by_them_alone(theirs: &Report, own: &Report) -> Vec<String> {
    let fails = |f: &Value| f["verdict"] == "fail" || f["verdict"] == "warn" || !f["blockedBy"].is_null();
    let odd = theirs.findings().iter().filter_map(|finding| {
        let same = own.findings().iter().find(|f| f["id"] == finding["id"]);
        // That nobody is not root is all that this one is about.
        let misses = fails(finding) && finding["determined"] == true && finding["rule"] != "privileges";
        let told = |what: &str| Some(format!("{what}: {finding:#}\n{same:#?}"));
        if misses && !same.is_some_and(fails) {
            told("what can't be read became missing")
        } else if finding["verdict"] == "pass" && !same.is_some_and(|f| f["verdict"] == "pass") {
            told("seen by nobody alone")
        } else {
            None
        }
    });
    odd.collect()
}

#[test]
fn nobody_sees_less_and_nothing_worse() {
    let scene = Scene { name: "nobody", set: &[], viewer: Viewer::Nobody };
    let mut odd = Vec::new();
    // The two runs are two moments: a disk that fills to its limit between them is nobody's fault, but not five times.
    for _ in 0..5 {
        let Some(ran) = scene.play("", &JSON) else { return };
        let (theirs, own) = (ran.report(), preflight(&JSON).report());
        sound(&theirs);
        assert_eq!(theirs.0["node"]["user"], 65534);
        assert_eq!(rules(&theirs), rules(&own));
        odd = seen_by_them_alone(&theirs, &own);
        if odd.is_empty() {
            return;
        }
    }
    panic!("{}", odd.join("\n"));
}

#[test]
fn a_configuration_that_cannot_be_read_is_not_one_without_options() {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("a release");
    let boot = format!("/boot/config-{}", release.trim());
    let Some(path) = ["/proc/config.gz", &boot].into_iter().find(|p| Path::new(p).is_file()) else {
        return not_here("covered configuration", "there is neither /proc/config.gz nor a file in /boot");
    };
    let cover = format!("mount --bind \"$DIR/cover\" {path}");
    for (what, make, viewer) in [
        ("empty", ": > \"$DIR/cover\"", Viewer::Me),
        ("garbage", "head -c 4096 /dev/urandom > \"$DIR/cover\"", Viewer::Me),
        ("cut", "printf '\\037\\213\\010\\000\\000\\000\\000\\000' > \"$DIR/cover\"", Viewer::Me),
        ("closed", ": > \"$DIR/cover\" && chmod 600 \"$DIR/cover\"", Viewer::Nobody),
    ] {
        let scene = Scene { name: &format!("{what} {path}"), set: &[make, &cover], viewer };
        let rule = "{check: kernel-config, with: {required: [CGROUPS, NAMESPACES, NO_SUCH_OPTION]}}";
        let Some(ran) = scene.play(&policy(&[rule]), &FROM_STDIN) else { continue };
        let report = ran.report();
        sound(&report);
        // The next source is named, or nothing is concluded.
        if let Some(source) = report.findings().iter().find(|f| f["id"] == "kernel-config/source") {
            assert!(!words(source).contains(&format!("read from {path}:")), "{what}: {source:#}");
            assert!(source["evidence"].to_string().contains(path), "{what}: {source:#}");
        } else {
            let whole = report.finding("kernel-config");
            assert_eq!(
                (&whole["verdict"], &whole["determined"]),
                (&"warn".into(), &false.into()),
                "{report}"
            );
            assert!(words(whole).contains(path), "{what}: {whole:#}");
            assert_eq!(report.findings().len(), 1, "{report}");
        }
    }
}

#[test]
fn a_kernel_without_modules_has_what_is_built_in() {
    if Path::new("/proc/modules").exists() {
        return not_here("kernel without modules", "/proc/modules exists");
    }
    let rule = "{check: kernel-modules, with: {required: [overlay, no_such_module]}}";
    let report = preflight_with(&policy(&[rule]), &FROM_STDIN).report();
    sound(&report);
    let known = fs::read_to_string("/proc/filesystems").expect("the file systems");
    if known.lines().any(|l| l.ends_with("\toverlay")) {
        assert_eq!(report.brief("kernel-modules/overlay"), "pass built-in", "{report}");
    }
    assert_ne!(report.verdict("kernel-modules/no_such_module"), "pass", "{report}");
}

#[test]
fn every_row_of_the_kernel_has_the_state_that_follows() {
    let report = preflight(&CGROUPS).json();
    let unified = report["unifiedMount"].as_str();
    let list = unified.and_then(|point| fs::read_to_string(format!("{point}/cgroup.controllers")).ok());
    let listed = |name: &str| list.as_ref().is_some_and(|l| l.split_whitespace().any(|n| n == name));
    for (legacy, hierarchy, enabled) in subsystems() {
        let all = report["controllers"].as_array().expect("controllers");
        let one = all.iter().find(|c| c["legacyName"] == *legacy).expect("every row is there");
        let name = one["name"].as_str().expect("a name");
        let state = one["state"].as_str().expect("a state");
        let right: &[&str] = match (enabled, hierarchy, listed(name)) {
            (false, ..) => &["disabled"],
            (true, 1.., _) => &["bound-to-v1"],
            (true, 0, true) => &["listed"],
            (true, 0, false) => match (name, report["isRootCgroup"] == true) {
                ("perf_event", true) => &["implicit"],
                ("net_cls" | "net_prio" | "devices" | "cpuacct" | "freezer", true) => &["inhibited"],
                _ => &["implicit", "inhibited", "not-delegated", "unmounted"],
            },
        };
        assert!(right.contains(&state), "{name} is {state}, not {right:?}: {one:#}");
        assert!(one["note"].as_str().is_some_and(|n| !n.is_empty()), "{one:#}");
    }
}

#[test]
fn a_hybrid_machine_with_hugetlb_on_v2_alone() {
    let name = "hybrid with hugetlb on v2";
    let report = preflight(&CGROUPS).json();
    let list = fs::read_to_string("/sys/fs/cgroup/unified/cgroup.controllers").unwrap_or_default();
    if report["layout"] != "hybrid" || !list.split_whitespace().any(|n| n == "hugetlb") {
        return not_here(name, &format!("the layout is {}, v2 lists `{}`", report["layout"], list.trim()));
    }
    assert_eq!(controller(&report, "hugetlb")["state"], "listed");
    assert_eq!(report["unifiedMount"], "/sys/fs/cgroup/unified");
    let rule = "{check: cgroup-controllers, with: {required: [hugetlb, memory], optional: []}}";
    let run = preflight_with(&policy(&[rule]), &FROM_STDIN).report();
    assert_eq!(run.brief("cgroup-controllers/hugetlb"), "fail on-v2-only", "{run}");
}

#[test]
fn a_private_cgroup2_elsewhere_changes_no_layout() {
    let before = preflight(&CGROUPS).json();
    if before["layout"] == "none" {
        return not_here("private cgroup2", "nothing is mounted at all");
    }
    let set = ["mkdir \"$DIR/private\"", "mount -t cgroup2 none \"$DIR/private\""];
    let Some(ran) = scene("private cgroup2", &set).play("", &CGROUPS) else { return };
    let after = ran.json();
    assert_eq!(after["layout"], before["layout"]);
    assert_eq!(after["unifiedMount"], before["unifiedMount"]);
    let states = |report: &Value| -> Vec<(String, String)> {
        let all = report["controllers"].as_array().expect("controllers");
        all.iter().map(|c| (c["name"].to_string(), c["state"].to_string())).collect()
    };
    assert_eq!(states(&after), states(&before));
}

/// What a run must leave as it is: mounts, cgroups, modules, command line.
fn surroundings() -> Vec<String> {
    let mut all: Vec<String> =
        ["/proc/self/mountinfo", "/proc/cmdline", "/proc/modules", "/proc/sys/kernel/tainted"]
            .iter()
            .map(|path| fs::read_to_string(path).unwrap_or_default())
            .collect();
    let tops =
        std::iter::once("/sys/fs/cgroup".to_owned()).chain(mounted("cgroup")).chain(mounted("cgroup2"));
    for top in tops {
        let names =
            fs::read_dir(&top).into_iter().flatten().flatten().map(|e| e.path().display().to_string());
        let mut names: Vec<_> = names.collect();
        names.sort();
        all.extend(names);
    }
    all
}

#[test]
fn nothing_is_left_behind() {
    // Others may mount or make cgroups meanwhile: it has to be quiet once.
    let quiet = (0..5).any(|_| {
        let before = surroundings();
        assert_eq!(preflight(&CGROUPS).code, Some(0));
        preflight(&JSON).report();
        before == surroundings()
    });
    assert!(quiet, "the surroundings changed in each of five runs");
}

/// System calls that change something, start something or send something. Of syslog(2), bpf(2) and perf_event_open(2)
/// some uses are reads; `probes::are_reads` tells which.
const FORBIDDEN: [&str; 35] = [
    "fork",
    "vfork",
    "creat",
    "mkdir",
    "mkdirat",
    "mknod",
    "mknodat",
    "mount",
    "umount2",
    "move_mount",
    "fsmount",
    "open_tree",
    "pivot_root",
    "chroot",
    "unlink",
    "unlinkat",
    "rmdir",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "truncate",
    "chmod",
    "fchmodat",
    "chown",
    "fchownat",
    "connect",
    "bind",
    "init_module",
    "finit_module",
    "setns",
    "unshare",
];

#[test]
fn only_reading_is_done() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let log = directory.path().join("strace");
    for arguments in [&JSON[..], &CGROUPS[..]] {
        if Command::new("strace").arg("--version").output().is_err() {
            return cannot("system calls", "there is no strace(1)");
        }
        let mut command = Command::new("strace");
        command.args(["-f", "-o"]).arg(&log).arg(PROGRAM).args(arguments);
        let ran = run(command, "");
        let text = fs::read_to_string(&log).unwrap_or_default();
        if !text.contains("execve(") || serde_json::from_str::<Value>(&ran.stdout).is_err() {
            return cannot("system calls", &format!("strace could not trace: {}", ran.stderr.trim()));
        }
        // `1234 openat2(3, "proc/cmdline", {flags=O_RDONLY|O_NONBLOCK}, 24) = 4`
        let calls: Vec<&str> =
            text.lines().filter_map(|l| l.split_once(' ').map(|(_, call)| call.trim())).collect();
        let named =
            |name: &str| calls.iter().filter(|c| c.split('(').next() == Some(name)).collect::<Vec<_>>();
        assert_eq!(named("execve").len() + named("execveat").len(), 1, "{:?}", named("execve"));
        let opened: usize = ["open", "openat", "openat2"].map(|name| named(name).len()).iter().sum();
        assert!(opened > 5 && named("read").len() > 5, "is this a trace of the program at all? {text}");
        for name in FORBIDDEN {
            assert!(named(name).is_empty(), "{arguments:?}: {:?}", named(name));
        }
        probes::are_reads(&calls);
        for call in named("clone").into_iter().chain(named("clone3")) {
            assert!(call.contains("CLONE_THREAD"), "{arguments:?}: {call}");
        }
        for name in ["open", "openat", "openat2"] {
            for call in named(name) {
                let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE"];
                assert!(!writes.iter().any(|flag| call.contains(flag)), "{arguments:?}: {call}");
            }
        }
        // The kernel is asked for listeners, and by root for the rules of nftables; no packet leaves such a socket.
        for call in named("socket") {
            let kinds = ["NETLINK_NETFILTER", "NETLINK_SOCK_DIAG", "NETLINK_INET_DIAG"];
            let asks = call.contains("AF_NETLINK") && kinds.iter().any(|kind| call.contains(kind));
            assert!(asks, "{arguments:?}: {call}");
        }
        for name in ["write", "writev", "pwrite64", "sendto", "sendmsg"] {
            for call in named(name) {
                // NFT_MSG_GETCHAIN and NFT_MSG_GETRULE, which not every strace knows by name.
                let gets = [
                    "GETCHAIN",
                    "GETRULE",
                    "nlmsg_type=0xa04",
                    "nlmsg_type=0xa07",
                    "SOCK_DIAG_BY_FAMILY",
                    "nlmsg_type=0x14 ",
                ];
                let asks = name == "sendto" && gets.iter().any(|get| call.contains(get));
                assert!(call.starts_with("write(1,") || asks, "{arguments:?}: {call}");
            }
        }
    }
}

#[test]
fn the_scenes_leak_nothing() {
    let before = fs::read_to_string("/proc/self/mountinfo").expect("a mount table");
    let Some(_) = scene("leak", &[NOTHING]).play("", &CGROUPS) else { return };
    let after = fs::read_to_string("/proc/self/mountinfo").expect("a mount table");
    let own = |table: &str| {
        table.lines().filter(|l| l.contains(" /sys/fs/cgroup")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(own(&before), own(&after), "as root: {}", is_root());
}
