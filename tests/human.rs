//! The report for people, compared with expected texts in tests/human/: run with `PREFLIGHT_BLESS=1` to write
//! them anew, then read the difference.

#![allow(clippy::disallowed_methods)] // tests read their own expected files

use preflight::report::{
    human::{self, Style},
    model::{
        ApiVersion, Finding, Kind, Millis, NodeInfo, PolicyInfo, Report, Source, Summary, Tool, Verdict,
        Waiver,
    },
};
use preflight_checks::{
    Evidence, Remedy, Risk,
    facts::{cgroup::LayoutKind, environment},
};
use std::{collections::BTreeMap, env, fs, path::Path};

const STYLE: Style = Style { width: 80, color: false, quiet: false, verbose: false };

fn finding(rule: &str, subject: &str, verdict: Verdict, reason: &str, message: &str) -> Finding {
    Finding {
        id: if subject.is_empty() { rule.to_owned() } else { format!("{rule}/{subject}") },
        rule: rule.to_owned(),
        check: rule.to_owned(),
        subject: Some(subject.to_owned()).filter(|s| !s.is_empty()),
        verdict,
        determined: true,
        reason: reason.to_owned(),
        message: message.to_owned(),
        notes: Vec::new(),
        evidence: Vec::new(),
        remedy: None,
        kubeadm: None,
        blocked_by: None,
        waiver: None,
        duration_ms: Millis::default(),
    }
}

fn report(findings: Vec<Finding>) -> Report {
    Report {
        api_version: ApiVersion::V1,
        kind: Kind::Report,
        tool: Tool::this(),
        policy: PolicyInfo {
            name: "kubernetes-node".to_owned(),
            source: "profile kubernetes-node".to_owned(),
            sha256: String::new(),
            inputs: BTreeMap::new(),
        },
        node: NodeInfo {
            hostname: Some("n1".to_owned()),
            kernel: Some("6.1.0-56-amd64".to_owned()),
            architecture: Some("x86_64".to_owned()),
            source: Source::Live,
            captured_at: None,
            root: "/".to_owned(),
            cgroup: Some(LayoutKind::V2),
            environment: environment::Kind::Bare,
            user: Some(0),
        },
        started_at: "2026-11-22T12:00:00Z".to_owned(),
        duration_ms: Millis(3.125),
        verdict: findings.iter().map(|f| f.verdict).max().unwrap_or(Verdict::Skip),
        summary: Summary::of(&findings),
        findings,
    }
}

fn pass(rule: &str, subject: &str) -> Finding {
    let mut finding = finding(rule, subject, Verdict::Pass, "there", &format!("{subject} is there"));
    finding.evidence = vec![Evidence::new("/proc/x", subject)];
    finding
}

fn memory_failure() -> Finding {
    let mut memory = finding(
        "cgroup-controllers",
        "memory",
        Verdict::Fail,
        "disabled",
        "the controller memory is switched off by cgroup_disable=memory on the kernel's command line",
    );
    memory.notes = vec![
        "The kubelet limits and evicts pods by it; since Kubernetes 1.22 it does not start without it."
            .to_owned(),
        "The firmware of a Raspberry Pi puts the parameter there before the text of cmdline.txt.".to_owned(),
    ];
    memory.evidence = vec![
        Evidence::new(
            "/proc/cmdline",
            "coherent_pool=1M cgroup_disable=memory console=ttyS0,115200 root=PARTUUID=0",
        ),
        Evidence::new("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids"),
    ];
    memory.remedy = Some(
        Remedy::new("Take cgroup_disable=memory off the kernel's command line, or overrule it.")
            .command("sed -i 's/$/ cgroup_enable=memory/' /boot/firmware/cmdline.txt")
            .persistent("# /boot/firmware/cmdline.txt, on its one line:\ncgroup_enable=memory")
            .reboot(),
    );
    memory
}

/// One of everything.
fn mixed() -> Report {
    let mut steered =
        finding("kernel-config", "CONFIG_EVIL", Verdict::Fail, "not-set", "a\u{1b}[2Jb is not set");
    steered.evidence = vec![Evidence::new("/boot/config", "\u{1b}]0;owned\u{7} x".repeat(20))];
    steered.remedy = Some(Remedy::new("Mend it.").command("mkfs /dev/sda").risk(Risk::Data));

    let mut waived =
        finding("kernel-config", "CONFIG_AUFS_FS", Verdict::Warn, "not-set", "CONFIG_AUFS_FS is not set");
    waived.waiver = Some(Waiver {
        finding: "*/CONFIG_AUFS_FS".to_owned(),
        reason: "this fleet has no aufs".to_owned(),
        until: Some("2027-03-31".to_owned()),
    });

    let mut unknown = finding(
        "kernel-modules",
        "overlay",
        Verdict::Warn,
        "unreadable",
        "whether overlay can be loaded could not be determined: /lib/modules: permission denied (EACCES)",
    );
    unknown.determined = false;
    unknown.notes = vec!["To determine it: run as root.".to_owned()];
    unknown.evidence = vec![Evidence::new("/lib/modules", "permission denied (EACCES)")];

    let mut alike = unknown.clone();
    "kernel-modules/br_netfilter".clone_into(&mut alike.id);
    alike.subject = Some("br_netfilter".to_owned());
    alike.message = alike.message.replace("overlay", "br_netfilter");

    let mut warned = finding("filesystems", "xfs", Verdict::Warn, "missing", "xfs is not there");
    warned.remedy = Some(Remedy::new("Load the module.").command("modprobe xfs").persistent("echo xfs"));

    let mut blocked = finding("namespaces", "user", Verdict::Skip, "missing", "no user namespaces");
    blocked.blocked_by = Some("kernel-config/CONFIG_USER_NS".to_owned());
    let names = ["cgroup", "ipc", "mnt", "net", "pid", "time", "uts"];
    let options = (1..=30).map(|n| pass("kernel-config", &format!("CONFIG_OPTION_{n}")));

    let mut findings =
        vec![pass("cgroup-hierarchy", "layout"), memory_failure(), pass("cgroup-controllers", "cpu")];
    findings.extend(options);
    findings.extend([steered, waived, unknown, alike, warned, blocked]);
    findings.extend(names.map(|name| pass("namespaces", name)));
    findings.extend([
        finding("kernel-config", "CONFIG_V1", Verdict::Skip, "not-applicable", "v1 only"),
        finding("swap", "", Verdict::Skip, "not-applicable", "asked of the role worker only"),
        finding("kernel-version", "", Verdict::Skip, "deselected", "not selected by --skip"),
        finding("sysctl", "", Verdict::Skip, "deselected", "not selected by --skip"),
    ]);
    report(findings)
}

fn compare(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/human").join(name);
    if env::var_os("PREFLIGHT_BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(text == expected, "{name} differs; PREFLIGHT_BLESS=1 writes it anew. It is now:\n{text}");
}

#[test]
fn one_of_everything() {
    compare("mixed.txt", &human::render(&mixed(), STYLE));
}

#[test]
fn quiet_and_verbose() {
    compare("quiet.txt", &human::render(&mixed(), Style { quiet: true, ..STYLE }));
    compare("verbose.txt", &human::render(&mixed(), Style { verbose: true, ..STYLE }));
}

#[test]
fn a_good_node() {
    let mut good = report(vec![pass("cgroup-hierarchy", "layout"), pass("cgroup-controllers", "cpu")]);
    compare("good.txt", &human::render(&good, STYLE));
    // What is not known of the node is said as such.
    good.node.hostname = None;
    good.node.kernel = None;
    good.node.cgroup = None;
    good.node.source = Source::Root;
    good.node.root = "/host".to_owned();
    compare("unknown-node.txt", &human::render(&good, STYLE));
}

#[test]
fn what_shares_a_reason_not_to_be_known_follows_from_nothing() {
    let unknown = |subject: &str, verdict| {
        let mut finding = finding("kernel-config", subject, verdict, "unknown", "not known");
        finding.determined = false;
        finding
    };
    let mut veth = unknown("CONFIG_VETH", Verdict::Skip);
    veth.blocked_by = Some("kernel-config/CONFIG_OVERLAY_FS".to_owned());
    let mut cpu = unknown("cpu", Verdict::Skip);
    cpu.blocked_by = Some("cgroup-hierarchy/layout".to_owned());
    let layout = finding("cgroup-hierarchy", "layout", Verdict::Fail, "none", "no cgroup is mounted");
    let text =
        human::render(&report(vec![layout, unknown("CONFIG_OVERLAY_FS", Verdict::Warn), veth, cpu]), STYLE);
    assert!(text.contains("undetermined like kernel-config/CONFIG_OVERLAY_FS: VETH"), "{text}");
    assert!(text.contains("follows from cgroup-hierarchy/layout: cpu"), "{text}");
}

#[test]
fn nothing_is_wider_than_asked_save_what_is_copied() {
    for width in [50, 60, 80, 100] {
        for line in human::render(&mixed(), Style { width, ..STYLE }).lines() {
            let is_id = !line.starts_with(' ') && line.contains('/');
            let is_copied =
                ["- {", "sed -i", "# /boot"].iter().any(|start| line.trim_start().starts_with(start));
            assert!(line.chars().count() <= width || is_copied || is_id, "{width}: {line}");
            assert_eq!(line, line.trim_end());
        }
    }
}

#[test]
fn only_colour_writes_escapes_and_the_words_stay() {
    let plain = human::render(&mixed(), STYLE);
    assert!(!plain.contains('\u{1b}'));
    let coloured = human::render(&mixed(), Style { color: true, ..STYLE });
    assert!(coloured.contains("\u{1b}[1;31mFAIL\u{1b}[0m"), "{coloured}");
    let mut stripped = String::new();
    for (i, part) in coloured.split('\u{1b}').enumerate() {
        stripped.push_str(if i == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(stripped, plain);
}
