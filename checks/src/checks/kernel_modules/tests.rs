//! One test for every outcome, and the places of mistakes in a policy.

use super::*;
use crate::{
    finding::Outcome,
    node::{Memory, ReadErrorKind},
    value::{Key, Kind, Span, Value},
};
use proptest::prelude::*;

const TREE: &str = "/lib/modules/6.1.0-56-amd64";

fn machine() -> Memory {
    Memory::new()
        .file("/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n")
        .file("/proc/sys/kernel/modules_disabled", "0\n")
        .file("/proc/cmdline", "ro quiet\n")
        .file("/proc/modules", "nf_conntrack 172032 1 nf_nat, Live 0x0000000000000000\n")
        .file(&format!("{TREE}/modules.builtin"), "kernel/fs/ext4/ext4.ko\n")
        .file(
            &format!("{TREE}/modules.dep"),
            "kernel/fs/overlayfs/overlay.ko:\nkernel/net/gone.ko:\nkernel/net/ip_vs.ko.xz:\n",
        )
        .file(&format!("{TREE}/kernel/fs/overlayfs/overlay.ko"), "")
        .file(&format!("{TREE}/kernel/net/ip_vs.ko.xz"), "")
}

fn rule(name: &str) -> ModuleRule {
    ModuleRule::named(name)
}

fn finding(memory: &Memory, rule: ModuleRule) -> Finding {
    let params = KernelModulesParams { required: vec![Written(rule)], optional: vec![] };
    let mut out = Findings::default();
    KernelModules::run(&params, &Node::in_memory(memory.clone()), &mut out).unwrap();
    let mut found = out.into_inner();
    assert_eq!(found.len(), 1);
    found.remove(0).0
}

#[track_caller]
fn expect(memory: &Memory, rule: ModuleRule, outcome: &Outcome, reason: &str) -> Finding {
    let finding = finding(memory, rule);
    assert_eq!((finding.outcome(), finding.reason()), (outcome, reason), "{finding:#?}");
    finding
}

#[test]
fn what_passes() {
    expect(&machine(), rule("ext4"), &Outcome::Pass, "built-in");
    expect(&machine(), rule("nf-conntrack"), &Outcome::Pass, "loaded");
    let found = expect(&machine(), rule("overlay"), &Outcome::Pass, "loadable");
    assert!(found.message().contains("overlay.ko") && found.all_notes().is_empty());
}

#[test]
fn a_blacklist_is_a_note() {
    let memory = machine().file("/etc/modprobe.d/local.conf", "blacklist overlay\n");
    let found = expect(&memory, rule("overlay"), &Outcome::Pass, "loadable");
    assert!(found.all_notes()[0].contains("blacklisted") && found.all_notes()[0].contains("nor systemd"));
}

#[test]
fn blocked() {
    let memory = machine().file("/etc/modprobe.d/cis.conf", "install overlay /bin/false\n");
    let found = expect(&memory, rule("overlay"), &Outcome::Problem, "blocked");
    assert!(found.cause().unwrap().is_root && found.cause().unwrap().name == "module:overlay");
    assert!(found.mend().unwrap().summary.contains("/etc/modprobe.d/cis.conf"));
    let disabled = machine().file("/proc/sys/kernel/modules_disabled", "1\n");
    let found = expect(&disabled, rule("overlay"), &Outcome::Problem, "blocked");
    assert!(found.mend().unwrap().reboot);
    let cmdline = machine().file("/proc/cmdline", "module_blacklist=overlay\n");
    let found = expect(&cmdline, rule("overlay"), &Outcome::Problem, "blocked");
    assert!(found.mend().unwrap().summary.contains("module_blacklist"));
}

#[test]
fn missing() {
    let found = expect(&machine(), rule("xt-comment"), &Outcome::Problem, "missing");
    assert_eq!(found.subject(), "xt_comment");
    assert_eq!(found.cause().unwrap().name, "module:xt_comment");
    assert!(found.message().contains("6.1.0-56-amd64 has no module"), "{}", found.message());
    let found = expect(&machine(), rule("gone"), &Outcome::Problem, "missing");
    assert!(found.message().ends_with("gone.ko does not exist"), "{}", found.message());
    let indexes = machine().without(&format!("{TREE}/modules.dep"));
    let found = expect(&indexes, rule("overlay"), &Outcome::Problem, "missing");
    assert_eq!(found.mend().unwrap().commands, ["depmod -a 6.1.0-56-amd64"]);
}

#[test]
fn the_kernel_was_updated_under_the_running_one() {
    let memory = Memory::new()
        .file("/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n")
        .file("/proc/modules", "")
        .file("/sys/class/dmi/id/product_name", "KVM\n")
        .file("/sys/module/printk/parameters/time", "Y\n")
        .file("/lib/modules/6.1.0-57-amd64/modules.dep", "");
    let found = expect(&memory, rule("overlay"), &Outcome::Problem, "missing");
    assert!(found.mend().unwrap().reboot && found.message().contains("6.1.0-57-amd64"));
    assert_eq!(found.cause().unwrap().name, "modules:6.1.0-56-amd64");
}

#[test]
fn the_package_that_holds_it() {
    for (release, command) in [
        ("6.12.0-55.el10.x86_64", "dnf install kernel-modules-extra-6.12.0-55.el10.x86_64"),
        ("5.14.0-503.el9.aarch64+64k", "dnf install kernel-64k-modules-extra-5.14.0-503.el9.aarch64"),
        (
            "5.15.0-300.163.18.el9uek.x86_64",
            "dnf install kernel-uek-modules-extra-5.15.0-300.163.18.el9uek.x86_64",
        ),
        (
            "6.12.0-0.20.20.el9uek.x86_64",
            "grep -w br_netfilter /lib/modules/6.12.0-0.20.20.el9uek.x86_64/modules.packages",
        ),
        // No such package: all modules in one (RHEL 7, UEK 6), or which one can't be told (ELRepo).
        ("3.10.0-1160.119.1.el7.x86_64", ""),
        ("5.4.17-2136.330.7.1.el8uek.x86_64", ""),
        ("6.10.0-1.el9.elrepo.x86_64", ""),
        ("6.8.0-1013-raspi", "apt-get install linux-modules-extra-raspi"),
        ("6.8.0-45-generic", "apt-get install linux-modules-extra-6.8.0-45-generic"),
        ("6.1.0-56-cloud-amd64", "apt-get install linux-image-amd64"),
    ] {
        let memory = machine()
            .file("/proc/sys/kernel/osrelease", release)
            .file(&format!("/lib/modules/{release}/modules.dep"), "")
            .file(&format!("/lib/modules/{release}/modules.builtin"), "");
        let found = expect(&memory, rule("br_netfilter"), &Outcome::Problem, "missing");
        assert_eq!(found.mend().unwrap().commands.concat(), command, "{release}");
    }
}

#[test]
fn loaded_is_more_than_loadable() {
    let loaded = |name| ModuleRule { loaded: true, ..rule(name) };
    let found = expect(&machine(), loaded("overlay"), &Outcome::Problem, "not-loaded");
    let remedy = found.mend().unwrap();
    assert_eq!(remedy.commands, ["modprobe overlay"]);
    assert_eq!(remedy.persistent, ["echo overlay > /etc/modules-load.d/overlay.conf"]);
    expect(&machine(), loaded("nf_conntrack"), &Outcome::Pass, "loaded");
    let unread = machine().error("/proc/modules", ReadErrorKind::Denied("EACCES"));
    expect(&unread, loaded("overlay"), &Outcome::Undetermined(Some("run as root".into())), "unknown");
    expect(&machine(), loaded("ext4"), &Outcome::Pass, "built-in");
}

#[test]
fn unknown_is_neither() {
    let unread = machine().error(&format!("{TREE}/modules.dep"), ReadErrorKind::Denied("EACCES"));
    expect(&unread, rule("overlay"), &Outcome::Undetermined(Some("run as root".into())), "unknown");
    let found = finding(&Memory::new().file("/proc/sys/kernel/osrelease", "6.1.0"), rule("overlay"));
    assert!(matches!(found.outcome(), Outcome::Undetermined(Some(_))), "{found:#?}");
}

#[test]
fn alternatives() {
    let any = |name, any_of: &[&str]| ModuleRule {
        any_of: any_of.iter().map(|&n| n.into()).collect(),
        ..rule(name)
    };
    let found = expect(&machine(), any("xt_a", &["xt_b", "ip_vs"]), &Outcome::Pass, "loadable");
    assert_eq!(found.subject(), "xt_a");
    assert!(found.message().contains("ip_vs") && found.message().ends_with("as well as xt_a"));
    let found = expect(&machine(), any("xt_a", &["xt_b"]), &Outcome::Problem, "missing");
    assert!(found.all_notes()[0].contains("xt_b"));
    let conf = machine().error("/etc/modprobe.d/a.conf", ReadErrorKind::Denied("EACCES"));
    expect(&conf, any("xt_a", &["overlay"]), &Outcome::Undetermined(Some("run as root".into())), "unknown");
}

#[test]
fn a_range_of_kernels() {
    let ranged = |range: &str| ModuleRule { kernel: Some(range.parse().unwrap()), ..rule("overlay") };
    expect(&machine(), ranged(">=5.13"), &Outcome::Pass, "loadable");
    expect(&machine(), ranged("<5.13"), &Outcome::NotApplicable, "not-applicable");
    let found = finding(&Memory::new(), ranged(">=5.13"));
    assert!(matches!(found.outcome(), Outcome::Undetermined(_)));
}

#[test]
fn what_it_is_for_is_told() {
    let why = ModuleRule { why: Some("images".into()), ..rule("xt_comment") };
    assert_eq!(finding(&machine(), why).all_notes(), ["images"]);
}

#[test]
fn optional_modules_only_warn() {
    let params =
        KernelModulesParams { required: vec![], optional: vec![Written(ModuleRule::named("xt_comment"))] };
    let mut out = Findings::default();
    KernelModules::run(&params, &Node::in_memory(machine()), &mut out).unwrap();
    assert_eq!(out.into_inner()[0].0.severity(), Severity::Warn);
}

fn value(at: u32, kind: Kind) -> Value {
    Value { span: Span { start: at, end: at + 1 }, kind }
}

fn text(at: u32, text: &str) -> Value {
    value(at, Kind::Str(text.into()))
}

fn map(at: u32, entries: Vec<(u32, &str, Value)>) -> Value {
    let key = |at, text: &str| Key { span: Span { start: at, end: at + 1 }, text: text.into() };
    let entries = entries.into_iter().map(|(at, name, v)| (key(at, name), v)).collect();
    Value { span: Span { start: at, end: 1000 }, kind: Kind::Map(entries) }
}

#[test]
fn names_and_maps_are_read() {
    let items = vec![
        text(10, "overlay"),
        map(
            20,
            vec![
                (21, "name", text(22, "ip_vs")),
                (23, "anyOf", value(24, Kind::Seq(vec![text(25, "x")]))),
                (26, "kernel", text(27, ">=5.10")),
                (28, "loaded", value(29, Kind::Bool(true))),
                (30, "why", text(31, "ipvs")),
            ],
        ),
    ];
    let params: KernelModulesParams =
        map(0, vec![(1, "required", value(2, Kind::Seq(items)))]).read_all().unwrap();
    let names: Vec<_> = params.required.iter().map(|i| i.0.name.as_str()).collect();
    assert_eq!(names, ["overlay", "ip_vs"]);
    assert!(params.required[1].0.loaded && params.required[1].0.any_of == ["x"]);
    assert!(KernelModules::validate(&params).is_ok() && params.optional.is_empty());
}

#[test]
fn mistakes_inside_an_item_keep_their_places() {
    let items = vec![
        map(20, vec![(21, "name", text(22, "ip_vs")), (23, "laoded", value(24, Kind::Bool(true)))]),
        map(30, vec![(31, "name", text(32, "a")), (33, "kernel", text(34, "5.10"))]),
        map(40, vec![(41, "why", text(42, "no name"))]),
        value(50, Kind::Bool(true)),
        map(60, vec![(61, "name", value(62, Kind::Seq(vec![])))]),
    ];
    let all = map(0, vec![(1, "required", value(2, Kind::Seq(items)))]);
    let errors = all.read_all::<KernelModulesParams>().unwrap_err();
    let places: Vec<_> = errors.iter().map(|e| e.span.unwrap().start).collect();
    assert_eq!(places, [23, 34, 50, 62], "{errors:#?}");
    assert_eq!(errors[0].help.as_deref(), Some("did you mean `loaded`?"));
    assert!(errors[2].message.contains("the name of a module"), "{}", errors[2].message);
    let lone =
        map(0, vec![(1, "optional", value(2, Kind::Seq(vec![map(40, vec![(41, "why", text(42, "x"))])])))]);
    let errors = lone.read_all::<KernelModulesParams>().unwrap_err();
    assert_eq!(errors[0].span.unwrap().start, 40);
    assert!(errors[0].message.contains("`name` is missing"));
}

#[test]
fn what_has_the_shape_and_is_still_wrong() {
    let validate = |names: &[&str]| {
        let required = names.iter().map(|n| Written(ModuleRule::named(n))).collect();
        KernelModules::validate(&KernelModulesParams { required, optional: vec![] })
    };
    assert!(validate(&["overlay", "fs-ext4"]).is_ok());
    assert!(validate(&[]).unwrap_err().contains("no module"));
    assert!(validate(&["overlay.ko.xz"]).unwrap_err().contains("`overlay`"));
    assert!(validate(&["br-netfilter", "br_netfilter"]).unwrap_err().contains("twice"));
    for bad in ["", "a b", "/lib/x", "x\n"] {
        assert!(validate(&[bad]).is_err(), "{bad:?}");
    }
    assert!(KernelModules::validate(&KernelModulesParams::default()).is_ok());
}

proptest! {
    #[test]
    fn every_module_gets_one_finding(bytes in proptest::collection::vec(any::<u8>(), 0..200), name in "[a-z_-]{1,12}") {
        let memory = machine().file(&format!("{TREE}/modules.dep"), &bytes).file("/proc/modules", &bytes);
        let _ = finding(&memory, rule(&name));
    }
}

#[test]
fn what_the_configuration_leaves_out_follows_from_its_option() {
    let lines = "CONFIG_MODULES=y\n# CONFIG_IP_SET is not set";
    let memory = crate::facts::modules::tests::configured(machine(), "6.1.0-56-amd64", lines);
    let found = expect(&memory, rule("ip_set"), &Outcome::Problem, "missing");
    let cause = found.cause().unwrap();
    assert!(!cause.is_root && cause.name == "CONFIG_IP_SET");
    assert!(found.message().ends_with("CONFIG_IP_SET is not set"), "{}", found.message());
    assert!(found.all_evidence().iter().any(|e| e.observed == "# CONFIG_IP_SET is not set"));
}
