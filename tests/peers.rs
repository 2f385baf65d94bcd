//! The peers' own cases, and every input on which a peer is wrong, asked of the real program.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;

use common::{
    cases,
    process::{Ran, Report, Tree, controller, policy, preflight, words},
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Value};
use std::io::Write as _;

/// Every row of a table of `tests/cases/`.
fn rows(file: &str, table: &str) -> Vec<Value> {
    let mut whole: Map<String, Value> = cases::load(file);
    match whole.remove(table) {
        Some(Value::Array(rows)) => rows,
        other => panic!("{file}: {table} is {other:?}"),
    }
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_else(|| panic!("no text {key} in {row}"))
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

const RELEASE: &str = "6.12.8";
const HEADER: &str = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n";
const V2: &str = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0\n";

/// A tree with a kernel and these mounts.
fn node(mounts: &str) -> Tree {
    Tree::new()
        .file("/proc/sys/kernel/osrelease", format!("{RELEASE}\n"))
        .file("/proc/cmdline", "ro quiet\n")
        .file("/proc/self/mounts", mounts)
}

/// A v2 node that lists `controllers`.
fn v2(controllers: &str) -> Tree {
    node(V2)
        .file("/proc/cgroups", HEADER)
        .file("/sys/fs/cgroup/cgroup.controllers", format!("{controllers}\n"))
        .file("/sys/fs/cgroup/cgroup.subtree_control", "\n")
}

/// A v1 node with these hierarchies below /sys/fs/cgroup, numbered from 1.
fn v1(controllers: &[&str]) -> Tree {
    let mount = |name: &&str| {
        format!("cgroup /sys/fs/cgroup/{name} cgroup rw,nosuid,nodev,noexec,relatime,{name} 0 0\n")
    };
    let mounts: Vec<String> = controllers.iter().map(mount).collect();
    node(&format!("tmpfs /sys/fs/cgroup tmpfs ro,nosuid,nodev,noexec,mode=755 0 0\n{}", mounts.concat()))
        .file("/proc/cgroups", v1_rows(controllers))
}

/// /proc/cgroups of hierarchies that are numbered from 1.
fn v1_rows(controllers: &[&str]) -> String {
    let rows = controllers.iter().enumerate().map(|(i, name)| format!("{name}\t{}\t1\t1\n", i + 1));
    HEADER.to_owned() + &rows.collect::<Vec<_>>().concat()
}

/// Adds a kernel configuration that is whole.
fn configured(tree: Tree, config: &str) -> Tree {
    tree.file("/proc/config.gz", gzip(&format!("# Linux/x86 {RELEASE} Kernel Configuration\n{config}\n")))
}

/// Adds loadable modules.
fn with_modules(tree: Tree, names: &[&str]) -> Tree {
    let base = format!("/lib/modules/{RELEASE}");
    let mut tree = tree.file(&format!("{base}/modules.builtin"), "kernel/fs/ext4/ext4.ko\n");
    for name in names {
        tree = tree.file(&format!("{base}/kernel/{name}.ko"), "\x7fELF");
    }
    let dep: Vec<String> = names.iter().map(|name| format!("kernel/{name}.ko:\n")).collect();
    tree.file(&format!("{base}/modules.dep"), dep.concat())
        .file("/proc/modules", "")
        .file("/proc/sys/kernel/modules_disabled", "0\n")
}

#[test]
fn mount_tables() {
    // The layout that is right, where the peer errs too: v1-then-v2-no-root and hybrid-tmpfs have v1 hierarchies, so
    // the kubelet works with v1, and the cgroup2 beside them makes the node hybrid.
    let right = [
        ("v2", "v2", Some("/sys/fs/cgroup")),
        ("v1-single", "v1", None),
        ("none", "none", None),
        ("v1-then-v2-no-root", "hybrid", Some("/sys/fs/cgroup/unified")),
        ("v1-many", "v1", None),
        ("hybrid-tmpfs", "hybrid", Some("/sys/fs/cgroup/unified")),
        ("v1-tmpfs", "v1", None),
    ];
    let mut asked = 0;
    for row in rows("sysval-cgroups", "mount_point") {
        let lines = row["mounts"].as_array().expect("lines").iter().filter_map(Value::as_str);
        let tree = node(&lines.map(|l| l.to_owned() + "\n").collect::<Vec<_>>().concat())
            .file("/proc/cgroups", HEADER);
        let id = text(&row, "id");
        asked += 1;
        if id == "empty" {
            // A process always has mounts: an empty table is no table, and nothing is concluded from it.
            let report = tree.judge(&policy(&["check: cgroup-hierarchy"]));
            let finding = report.finding("cgroup-hierarchy");
            assert_eq!(
                (&finding["verdict"], &finding["determined"]),
                (&"warn".into(), &false.into()),
                "{report}"
            );
            continue;
        }
        let (_, layout, unified) = right.iter().find(|(name, ..)| *name == id).expect(id);
        let cgroups = tree.cgroups();
        assert_eq!(cgroups["layout"], *layout, "{id}");
        assert_eq!(cgroups["unifiedMount"].as_str(), *unified, "{id}");
        let report = tree.judge(&policy(&["{check: cgroup-hierarchy, with: {kubernetesVersion: '1.30'}}"]));
        let verdict = if *layout == "none" { "fail" } else { "pass" };
        assert_eq!(report.brief("cgroup-hierarchy/layout"), format!("{verdict} {layout}"), "{id}");
    }
    assert_eq!(asked, right.len() + 1);
}

#[test]
fn which_kubelet_refuses_cgroup_v1() {
    let tree = v1(&["cpu", "memory"]);
    for row in rows("sysval-cgroups", "kubelet_refuses_v1") {
        let kubelet = text(&row, "kubelet");
        let set = format!("kubernetesVersion={kubelet}");
        let only = ["-o", "json", "--only", "cgroup-hierarchy", "--root", tree.root(), "--set", &set];
        let ran = preflight(&only);
        match row["expect"].as_bool() {
            // The peer takes no version for an old one; here a version that is none is wrong usage, as any other.
            _ if kubelet.is_empty() || row["expect"] == "parse-error" => {
                assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{row}: {ran:#?}");
                assert!(ran.stderr.contains("kubernetesVersion"), "{ran:#?}");
            }
            refuses => {
                let verdict = if refuses == Some(true) { "fail refused" } else { "warn maintenance" };
                assert_eq!(ran.report().brief("cgroup-hierarchy/layout"), verdict, "{row}");
            }
        }
    }
}

#[test]
fn wanted_and_available_controllers() {
    for row in rows("sysval-cgroups", "subsystem_diff") {
        let names = |key: &str| -> Vec<String> {
            row[key].as_array().expect("names").iter().filter_map(|n| n.as_str().map(str::to_owned)).collect()
        };
        let (wanted, available, missing) = (names("wanted"), names("available"), names("missing"));
        let required = row["required"] == true;
        // devices and freezer are never listed on v2: they are available by what replaces them.
        let listed: Vec<_> = available.iter().filter(|n| n.starts_with("system")).cloned().collect();
        let tree = configured(v2(&listed.join(" ")), "CONFIG_CGROUP_BPF=y")
            .file("/sys/fs/cgroup/system.slice/cgroup.freeze", "0\n");
        let (wish, other) = if required { ("required", "optional") } else { ("optional", "required") };
        let rule =
            format!("{{check: cgroup-controllers, with: {{{wish}: [{}], {other}: []}}}}", wanted.join(", "));
        let report = tree.judge(&policy(&[&rule]));
        for name in &wanted {
            let bad = if required { "fail" } else { "warn" };
            let verdict = if missing.contains(name) { bad } else { "pass" };
            let id = format!("cgroup-controllers/{name}");
            assert_eq!(report.verdict(&id), verdict, "{row}: {report}");
        }
        assert_eq!(report.findings().len(), wanted.len(), "{row}: {report}");
    }
}

/// Asks one kernel whether its release lies in `requires`.
fn release(release: &str, requires: &str) -> Report {
    Tree::new()
        .file("/proc/sys/kernel/osrelease", format!("{release}\n"))
        .judge(&policy(&[&format!("{{check: kernel-version, with: {{requires: '{requires}'}}}}")]))
}

/// What the peer's patterns mean.
const PEER_RANGE: &str = "5.4.* || 5.10.* || 5.15.* || >=6";

#[test]
fn kernel_releases() {
    for row in rows("sysval-kernel", "version_cases") {
        let verdict = if row["accepted"] == true { "pass" } else { "fail" };
        let report = release(text(&row, "release"), PEER_RANGE);
        assert_eq!(report.verdict("kernel-version/release"), verdict, "{row}: {report}");
    }
}

#[test]
fn kernel_configurations() {
    let rule = "{check: kernel-config, with: {
        required: [REQUIRED_1, {option: REQUIRED_2, module: req2, aliases: [ALIASE_REQUIRED_2]}],
        optional: [OPTIONAL_1, OPTIONAL_2],
        forbidden: [FORBIDDEN_1, {option: FORBIDDEN_2, aliases: [ALIASE_FORBIDDEN_2]}]}}";
    for row in rows("sysval-kernel", "config_cases") {
        let config: Vec<_> = row["config"].as_object().expect("options").iter().collect();
        let lines = config.iter().map(|(name, value)| match value.as_str() {
            Some("n") => format!("# CONFIG_{name} is not set\n"),
            value => format!("CONFIG_{name}={}\n", value.expect("y, m or n")),
        });
        let tree = with_modules(configured(v2("cpu"), &lines.collect::<String>()), &["req2"]);
        let report = tree.judge(&policy(&[rule]));
        let failed = report.0["summary"]["fail"] != 0;
        assert_eq!(failed, row["fail"] == true, "{row}: {report}");
        if row["id"] == "alias-ok" {
            // Its module has a name that only the policy could tell, and an alias has no place for it: not a pass.
            assert_eq!(
                report.brief("kernel-config/CONFIG_REQUIRED_2"),
                "warn? module-name-unknown",
                "{report}"
            );
        }
        // The peer takes =m for the module itself.
        let without = configured(v2("cpu"), "CONFIG_REQUIRED_1=y\nCONFIG_REQUIRED_2=m\n");
        let report = with_modules(without, &["other"]).judge(&policy(&[rule]));
        assert_eq!(report.brief("kernel-config/CONFIG_REQUIRED_2"), "fail module-missing", "{report}");
    }
}

#[test]
fn text_of_a_kernel_configuration() {
    for row in rows("sysval-kernel", "parse_cases") {
        // No option of Linux is a number alone, and a policy can't name one: CONFIG_1 is CONFIG_NR_1 here.
        let named = |name: &str| name.replace("CONFIG_", "CONFIG_NR_");
        let expect = row["expect"].as_object().expect("options");
        let items: Vec<_> =
            expect.keys().map(|name| format!("{{option: {}, module: nr}}", named(name))).collect();
        let rule = format!("{{check: kernel-config, with: {{required: [{}]}}}}", items.join(", "));
        // The text does not end with a newline; the checksum around it says that it is whole.
        let tree = v2("cpu").file("/proc/config.gz", gzip(&named(text(&row, "text"))));
        let report = with_modules(tree, &["nr"]).judge(&policy(&[&rule]));
        for (name, value) in expect {
            let brief = match value.as_str() {
                Some("y") => "pass built-in",
                Some("m") => "pass module-loadable",
                _ => "fail not-set",
            };
            assert_eq!(report.brief(&format!("kernel-config/{}", named(name))), brief, "{row}: {report}");
        }
    }
}

#[test]
fn releases_on_which_the_peer_is_wrong() {
    let rows = rows("peer-wrong", "kernel_release");
    assert_eq!(rows.len(), 9);
    for row in rows {
        let name = text(&row, "release");
        match text(&row, "right") {
            right if right.starts_with("pattern") => {
                let report = release(name, PEER_RANGE);
                assert_eq!(report.brief("kernel-version/release"), "fail too-old", "{row}: {report}");
            }
            right if right.contains("decide by feature") => {
                let report = release(name, ">=4.19");
                assert_eq!(report.brief("kernel-version/release"), "warn too-old", "{row}: {report}");
                assert!(words(report.finding("kernel-version/release")).contains("Red Hat"), "{report}");
            }
            right => {
                assert!(right.starts_with("ok"), "{row}");
                let report = release(name, ">=5.10");
                assert_eq!(report.brief("kernel-version/release"), "pass in-range", "{row}: {report}");
            }
        }
    }
}

/// The one finding of `kernel-config` on a list that `rule` names.
fn option(tree: &Tree, lists: &str, id: &str) -> Value {
    let report = tree.judge(&policy(&[&format!("{{check: kernel-config, with: {{{lists}}}}}")]));
    report.finding(id).clone()
}

#[test]
fn configurations_on_which_the_peer_is_wrong() {
    let rows = rows("peer-wrong", "kernel_config");
    assert_eq!(rows.len(), 6);
    let mut asked = 0;
    for row in rows {
        let config = text(&row, "config");
        let is = |start: &str| config.starts_with(start);
        if is("CGROUP_HUGETLB absent") {
            let tree = configured(v2("cpu"), "CONFIG_CGROUPS=y");
            let finding = option(&tree, "optional: [CGROUP_HUGETLB]", "kernel-config/CONFIG_CGROUP_HUGETLB");
            assert_eq!((&finding["verdict"], &finding["determined"]), (&"warn".into(), &true.into()));
        } else if is("NETFILTER_XT_TARGET_REDIRECT absent") {
            let tree = configured(v2("cpu"), "CONFIG_NETFILTER_XTABLES=y\nCONFIG_NETFILTER=y\nCONFIG_NET=y");
            let item = "required: [{option: NETFILTER_XT_TARGET_REDIRECT, aliases: [IP_NF_TARGET_REDIRECT]}]";
            let finding = option(&tree, item, "kernel-config/CONFIG_NETFILTER_XT_TARGET_REDIRECT");
            assert_eq!(finding["verdict"], "fail");
            let message = text(&finding, "message");
            assert!(message.starts_with("CONFIG_NETFILTER_XT_TARGET_REDIRECT "), "{message}");
            assert!(message.contains("CONFIG_IP_NF_TARGET_REDIRECT"), "{message}");
        } else if is("EXT4_FS absent") {
            // In the default profile itself.
            let tree = configured(v2("cpu"), "CONFIG_CGROUPS=y\nCONFIG_XFS_FS=y");
            let only = ["-o", "json", "--only", "kernel-config/CONFIG_EXT4_FS", "--root", tree.root()];
            let report = preflight(&only).report();
            assert_eq!(report.verdict("kernel-config/CONFIG_EXT4_FS"), "warn", "{report}");
        } else if is("NETFILTER_XT_MATCH_COMMENT=m") {
            let tree = configured(v2("cpu"), "CONFIG_NETFILTER_XT_MATCH_COMMENT=m");
            let tree = with_modules(tree, &["xt_conntrack"]);
            let id = "kernel-config/CONFIG_NETFILTER_XT_MATCH_COMMENT";
            let finding = option(&tree, "required: [NETFILTER_XT_MATCH_COMMENT]", id);
            assert_eq!((&finding["verdict"], &finding["reason"]), (&"fail".into(), &"module-missing".into()));
        } else if is("a comment line longer than 64 KiB") {
            let long = format!("# {}\nCONFIG_B=y", "x".repeat(100_000));
            let finding = option(&configured(v2("cpu"), &long), "required: [B]", "kernel-config/CONFIG_B");
            assert_eq!(finding["verdict"], "pass");
        } else if is("no config file") {
            no_configuration();
        } else {
            panic!("a row that nobody asks: {row}");
        }
        asked += 1;
    }
    assert_eq!(asked, 6);
}

/// Without any configuration nothing is concluded about options, and the functions are judged by other evidence.
fn no_configuration() {
    let tree = v2("cpu cpuset memory pids")
        .file("/proc/filesystems", "nodev\tsysfs\nnodev\toverlay\nnodev\ttmpfs\nnodev\tcgroup2\n")
        .file("/sys/fs/cgroup/system.slice/cgroup.freeze", "0\n");
    let report = tree.judge(&policy(&[
        "{check: kernel-config, with: {required: [CGROUPS, MEMCG]}}",
        "{check: cgroup-controllers, with: {required: [cpu, memory, freezer], optional: []}}",
        "{check: filesystems, with: {required: [overlay, tmpfs], optional: []}}",
    ]));
    let config = report.finding("kernel-config");
    assert_eq!((&config["verdict"], &config["determined"]), (&"warn".into(), &false.into()), "{report}");
    for id in ["cgroup-controllers/memory", "cgroup-controllers/freezer", "filesystems/overlay"] {
        assert_eq!(report.verdict(id), "pass", "{report}");
    }
    assert_eq!(report.0["summary"]["warn"], 1, "one line, not an error for every option: {report}");
}

const CONTROLLERS: &str =
    "{check: cgroup-controllers, with: {required: [cpu, cpuset, memory, pids, devices, freezer]}}";
const LAYOUT: &str = "{check: cgroup-hierarchy, with: {kubernetesVersion: '1.30'}}";

#[test]
fn cgroups_on_which_the_peer_is_wrong() {
    let rows = rows("peer-wrong", "cgroup");
    assert_eq!(rows.len(), 10);
    for row in rows {
        match text(&row, "id") {
            "memory-disabled-v1" => memory_disabled(),
            "v2-read-only" | "v2-non-root" => freezer_needs_no_directory(),
            "v1-unmounted-controller" => on_v2_only(),
            "v1-error-lost" => two_problems(),
            "empty-line-in-proc-cgroups" => empty_line(),
            "cilium-private-cgroup2" => private_cgroup2(),
            "stacked-mounts" => stacked(),
            "delegation" => not_delegated(),
            "devices-assumed" => devices_are_not_assumed(),
            other => panic!("a row that nobody asks: {other}"),
        }
    }
}

/// A Raspberry Pi: the firmware switches memory off, so that there is no directory for it.
fn memory_disabled() {
    let names = ["cpu", "cpuacct", "cpuset", "devices", "freezer", "pids", "blkio"];
    let tree = v1(&names)
        .file("/proc/cgroups", v1_rows(&names) + "memory\t0\t1\t0\n")
        .file("/proc/cmdline", "coherent_pool=1M cgroup_disable=memory root=/dev/mmcblk0p2\n");
    let report = tree.judge(&policy(&[LAYOUT, CONTROLLERS]));
    assert_eq!(report.0["node"]["cgroup"], "v1");
    assert_eq!(report.brief("cgroup-controllers/memory"), "fail disabled", "{report}");
    let finding = report.finding("cgroup-controllers/memory");
    assert!(words(finding).contains("`cgroup_disable=memory`"), "{finding:#}");
    assert!(finding["remedy"]["summary"].as_str().is_some_and(|s| !s.is_empty()), "{finding:#}");
    assert_eq!(report.0["summary"]["fail"], 1, "{report}");
}

/// Whether cgroup2 can be written says nothing of the freezer. `tests/live.rs` asks the same of a real one.
fn freezer_needs_no_directory() {
    for (mounts, file) in [(V2.replace("rw", "ro"), None), (V2.to_owned(), Some("cgroup.freeze"))] {
        let mut tree = v2("cpu cpuset memory pids").file("/proc/self/mounts", &mounts);
        if let Some(file) = file {
            tree = tree.file(&format!("/sys/fs/cgroup/init.scope/{file}"), "0\n");
        }
        let report = tree.judge(&policy(&[LAYOUT, CONTROLLERS]));
        assert_eq!(report.verdict("cgroup-controllers/freezer"), "pass", "{report}");
        let read_only = words(report.finding("cgroup-hierarchy/layout")).contains("read-only");
        assert_eq!(read_only, mounts.contains(" ro,"), "{report}");
    }
}

/// A hybrid node on which hugetlb is on v2: `/proc/cgroups` calls it enabled, and no v1 hierarchy has it.
fn on_v2_only() {
    let mounts = "tmpfs /sys/fs/cgroup tmpfs rw,mode=755 0 0\n\
                  cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n\
                  cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
    let tree = node(mounts)
        .file("/proc/cgroups", format!("{HEADER}memory\t4\t16\t1\nhugetlb\t0\t1\t1\n"))
        .file("/sys/fs/cgroup/unified/cgroup.controllers", "hugetlb\n");
    let rule = "{check: cgroup-controllers, with: {required: [memory, hugetlb], optional: []}}";
    let report = tree.judge(&policy(&[rule]));
    assert_eq!(report.brief("cgroup-controllers/hugetlb"), "fail on-v2-only", "{report}");
    assert_eq!(report.brief("cgroup-controllers/memory"), "pass mounted-v1", "{report}");
    assert_eq!(controller(&tree.cgroups(), "hugetlb")["state"], "listed");
}

/// cgroup v1 under a kubelet that refuses it, and a controller that is missing: one doesn't hide the other.
fn two_problems() {
    let tree = v1(&["cpu", "cpuset", "memory", "devices", "freezer"]);
    let tree = configured(tree, "CONFIG_CGROUPS=y\n# CONFIG_CGROUP_PIDS is not set");
    let new = "{check: cgroup-hierarchy, with: {kubernetesVersion: '1.35'}}";
    let report = tree.judge(&policy(&[new, CONTROLLERS]));
    assert_eq!(report.brief("cgroup-hierarchy/layout"), "fail refused", "{report}");
    assert_eq!(report.brief("cgroup-controllers/pids"), "fail not-compiled", "{report}");
}

fn empty_line() {
    let tree = v2("cpu cpuset memory pids").file("/proc/cgroups", format!("{HEADER}\ncpu\t0\t1\t1\n\n\n"));
    let report = tree.judge(&policy(&[LAYOUT, CONTROLLERS]));
    assert_eq!(report.verdict("cgroup-controllers/cpu"), "pass", "{report}");
    assert_eq!(report.0["summary"]["fail"], 0, "{report}");
}

/// A network plugin's own cgroup2 makes no node v2.
fn private_cgroup2() {
    let mounts = "cgroup /cgroup/memory cgroup rw,memory 0 0\ncgroup /cgroup/cpu cgroup rw,cpu 0 0\n\
                  none /run/cilium/cgroupv2 cgroup2 rw,relatime 0 0\n";
    let tree = node(mounts).file("/proc/cgroups", format!("{HEADER}memory\t1\t1\t1\ncpu\t2\t1\t1\n"));
    assert_eq!(tree.cgroups()["layout"], "v1");
    let finding = tree.judge(&policy(&[LAYOUT])).finding("cgroup-hierarchy/layout").clone();
    assert!(words(&finding).contains("/run/cilium/cgroupv2 is a private one"), "{finding:#}");
}

/// The last mount on a path is the one that is seen.
fn stacked() {
    let mounts = format!(
        "{V2}tmpfs /sys/fs/cgroup tmpfs rw,mode=755 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
    );
    let tree = node(&mounts).file("/proc/cgroups", format!("{HEADER}memory\t1\t1\t1\n"));
    assert_eq!(tree.cgroups()["layout"], "v1");
}

/// The visible root is a cgroup to which its parent passed on no pids; and a slice below the real root that
/// does not get it.
fn not_delegated() {
    let tree = v2("cpu cpuset memory")
        .file("/proc/cgroups", format!("{HEADER}pids\t0\t1\t1\n"))
        .file("/sys/fs/cgroup/cgroup.type", "domain\n")
        .file("/sys/fs/cgroup/cgroup.events", "populated 1\n")
        .file("/sys/fs/cgroup/cgroup.freeze", "0\n");
    let report = tree.judge(&policy(&[LAYOUT, CONTROLLERS]));
    assert_eq!(report.brief("cgroup-controllers/pids"), "fail not-delegated", "{report}");
    // The root has it, and withholds it from the cgroup that the kubelet uses.
    let tree = v2("cpuset cpu memory pids")
        .file("/sys/fs/cgroup/cgroup.subtree_control", "memory\n")
        .file("/sys/fs/cgroup/kubepods.slice/cgroup.controllers", "memory\n")
        .file("/sys/fs/cgroup/kubepods.slice/cgroup.subtree_control", "\n")
        .file("/sys/fs/cgroup/kubepods.slice/cgroup.type", "domain\n")
        .file("/sys/fs/cgroup/kubepods.slice/cgroup.procs", "")
        .file("/sys/fs/cgroup/cgroup.max.depth", "max\n");
    let report = tree.judge(&policy(&[LAYOUT, CONTROLLERS, "{check: cgroup-delegation}"]));
    assert_eq!(report.brief("cgroup-delegation/pods"), "warn not-delegated", "{report}");
    let finding = report.finding("cgroup-delegation/pods");
    assert!(words(finding).contains("pids"), "{finding:#}");
    assert_eq!(report.brief("cgroup-controllers/pids"), "pass listed", "{report}");
}

/// What is not shown is not assumed.
fn devices_are_not_assumed() {
    let without = configured(v2("cpu"), "CONFIG_CGROUPS=y\n# CONFIG_CGROUP_BPF is not set");
    let rule = "{check: cgroup-controllers, with: {required: [devices], optional: []}}";
    let report = without.judge(&policy(&[rule]));
    assert_eq!(report.brief("cgroup-controllers/devices"), "fail no-bpf", "{report}");
    let report = v2("cpu").judge(&policy(&[rule]));
    assert_eq!(report.brief("cgroup-controllers/devices"), "warn? unknown", "{report}");
}

#[test]
fn a_report_is_not_made_of_nothing() {
    // An empty directory: nothing passes, nothing is said to be missing, and the exit code is that of warnings.
    let tree = Tree::new();
    let ran: Ran = preflight(&["-o", "json", "--root", tree.root()]);
    let report = ran.report();
    assert_eq!(report.0["summary"]["pass"], 0, "{report}");
    for finding in report.findings().iter().filter(|f| f["verdict"] != "skip") {
        assert_eq!(finding["determined"], false, "{finding:#}");
    }
}
