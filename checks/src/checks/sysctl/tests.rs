use super::*;
use crate::{
    facts::sysctl::Key,
    finding::{Finding, Outcome, Severity},
    node::{Memory, ReadErrorKind},
};
use params::{SysctlKey, SysctlNumber, SysctlSetting, SysctlWord};
use proptest::prelude::*;

const FORWARD: &str = "net.ipv4.ip_forward";
const DENIED: ReadErrorKind = ReadErrorKind::Denied("EACCES");

fn setting(key: &str) -> SysctlSetting {
    SysctlSetting {
        key: SysctlKey(Key::parse(key).unwrap()),
        equals: None,
        at_least: None,
        at_most: None,
        one_of: Vec::new(),
        field: None,
        why: None,
        severity: Severity::Fail,
        module: None,
        kubeadm: None,
    }
}

fn equals(key: &str, value: &str) -> SysctlSetting {
    SysctlSetting { equals: Some(SysctlWord(value.into())), ..setting(key) }
}

fn at_least(key: &str, value: i128) -> SysctlSetting {
    SysctlSetting { at_least: Some(SysctlNumber(value)), ..setting(key) }
}

fn one_of(key: &str, values: &[&str]) -> SysctlSetting {
    SysctlSetting { one_of: values.iter().map(|v| SysctlWord((*v).into())).collect(), ..setting(key) }
}

fn find(memory: &Memory, setting: SysctlSetting) -> Finding {
    let mut out = Findings::default();
    let node = Node::in_memory(memory.clone());
    Sysctl::run(&SysctlParams { settings: vec![setting] }, &node, &mut out).unwrap();
    out.into_inner().remove(0).0
}

/// The outcome in a word, and the reason.
fn verdict(memory: &Memory, setting: SysctlSetting) -> String {
    let found = find(memory, setting);
    let outcome = match (found.outcome(), found.severity()) {
        (Outcome::Pass, _) => "pass",
        (Outcome::Problem, Severity::Fail) => "fail",
        (Outcome::Problem, Severity::Warn) => "warn",
        (Outcome::Undetermined(_), _) => "unknown",
        (Outcome::NotApplicable, _) => "skip",
    };
    format!("{outcome} {}", found.reason())
}

/// A live machine in its first network namespace.
fn machine() -> Memory {
    Memory::new()
        .file("/proc/sys/kernel/osrelease", "6.12.107+deb13-amd64\n")
        .file("/proc/sys/net/core/dev_weight", "64\n")
        .file("/proc/sys/net/ipv4/ip_forward", "1\n")
        .file("/proc/sys/fs/inotify/max_user_instances", "128\n")
        .file("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
        .file("/proc/sys/kernel/printk", "4\t4\t1\t7\n")
        .file("/etc/sysctl.d/README", "")
}

/// The same machine with modules of its kernel on disk, of which none is loaded.
fn with_modules() -> Memory {
    let lib = "/lib/modules/6.12.107+deb13-amd64";
    machine()
        .file("/proc/modules", "overlay 217088 0 - Live 0x0000000000000000\n")
        .file("/proc/cmdline", "quiet\n")
        .file("/proc/sys/kernel/modules_disabled", "0\n")
        .file(&format!("{lib}/modules.builtin"), "kernel/net/ipv4/netfilter/x.ko\n")
        .file(&format!("{lib}/modules.dep"), "kernel/net/bridge/br_netfilter.ko:\nkernel/fs/overlay.ko:\n")
        .file(&format!("{lib}/modules.alias"), "# aliases\n")
        .file(&format!("{lib}/kernel/net/bridge/br_netfilter.ko"), "")
        .file("/etc/modprobe.d/x.conf", "")
}

#[test]
fn values() {
    for (setting, want) in [
        (equals(FORWARD, "1"), "pass set"),
        (equals(FORWARD, "01"), "pass set"),
        (equals(FORWARD, "0"), "fail wrong"),
        (at_least("fs.inotify.max_user_instances", 128), "pass set"),
        (at_least("fs.inotify.max_user_instances", 1024), "fail wrong"),
        (one_of(FORWARD, &["0", "1"]), "pass set"),
        (one_of(FORWARD, &["2", "3"]), "fail wrong"),
        // Tabs are spaces (goss and troubleshoot compare them as they are).
        (equals("net.ipv4.ip_local_port_range", "32768 60999"), "pass set"),
        (SysctlSetting { field: Some(2), ..at_least("net.ipv4.ip_local_port_range", 60999) }, "pass set"),
        (SysctlSetting { field: Some(1), ..equals("kernel.printk", "3") }, "fail wrong"),
        (SysctlSetting { severity: Severity::Warn, ..equals(FORWARD, "0") }, "warn wrong"),
        // Several fields are no number, and a third field is not there.
        (at_least("net.ipv4.ip_local_port_range", 1), "unknown unknown"),
        (SysctlSetting { field: Some(3), ..equals("net.ipv4.ip_local_port_range", "1") }, "unknown unknown"),
    ] {
        let key = setting.key.0.dotted();
        assert_eq!(verdict(&machine(), setting), want, "{key}");
    }
}

#[test]
fn numbers_are_no_texts() {
    // shmmax of a 64-bit kernel; as text, 9 would be more than 18446744073692774399.
    let memory = machine().file("/proc/sys/kernel/shmmax", "18446744073692774399\n");
    assert_eq!(verdict(&memory, at_least("kernel.shmmax", 9)), "pass set");
    let most = SysctlSetting { at_most: Some(SysctlNumber(9)), ..setting("kernel.shmmax") };
    assert_eq!(verdict(&memory, most), "fail wrong");
}

#[test]
fn what_cannot_be_read_is_undetermined() {
    let path = "/proc/sys/net/ipv4/ip_forward";
    for memory in [
        machine().error(path, DENIED),
        machine().file(path, ""),
        machine().file(path, "1"),
        machine().file(path, "\u{fffd}yes\n"),
        machine().file(path, b"\xff\xff\n"),
        // A part of /proc proves nothing of the rest.
        machine().without(path).as_root(),
        // A masked /proc.
        Memory::new(),
    ] {
        assert_eq!(verdict(&memory, equals(FORWARD, "1")), "unknown unknown", "{memory:?}");
        assert_eq!(verdict(&memory, equals(FORWARD, "0")), "unknown unknown", "{memory:?}");
    }
}

#[test]
fn a_setting_that_this_kernel_has_not() {
    assert_eq!(verdict(&machine(), equals("kernel.no_such", "1")), "fail missing");
    // embedded-cluster#2146: that is said to be an error of the program.
    let bridge = "net.bridge.bridge-nf-call-iptables";
    let found = find(&with_modules(), equals(bridge, "1"));
    assert_eq!(found.reason(), "module-not-loaded", "{found:#?}");
    assert_eq!(found.cause().map(|c| (c.name.as_str(), c.is_root)), Some(("module:br_netfilter", false)));
    let remedy = found.mend().unwrap();
    assert_eq!(remedy.commands, ["modprobe br_netfilter", "sysctl -w net.bridge.bridge-nf-call-iptables=1"]);
    assert_eq!(remedy.persistent.len(), 2);
    let blocked = with_modules().file("/etc/modprobe.d/x.conf", "install br_netfilter /bin/false\n");
    assert_eq!(verdict(&blocked, equals(bridge, "1")), "fail module-blocked");
    let gone = "/lib/modules/6.12.107+deb13-amd64/modules.dep";
    let missing = with_modules().file(gone, "kernel/fs/overlay.ko:\n");
    assert_eq!(verdict(&missing, equals(bridge, "1")), "fail module-missing");
    // Nothing tells of modules.
    assert_eq!(verdict(&machine(), equals(bridge, "1")), "unknown unknown");
    // A module that the rule names itself.
    let named = SysctlSetting { module: Some("br-netfilter".into()), ..equals("net.x.y", "1") };
    assert_eq!(verdict(&with_modules(), named), "fail module-not-loaded");
}

#[test]
fn ipv6_may_be_off() {
    let key = "net.ipv6.conf.all.forwarding";
    let off = machine().file("/proc/cmdline", "quiet ipv6.disable=1\n");
    let found = find(&off, equals(key, "1"));
    assert_eq!((found.reason(), found.severity()), ("ipv6-disabled", Severity::Fail));
    assert_eq!(verdict(&machine(), equals(key, "1")), "fail missing");
}

#[test]
fn a_container_has_a_network_of_its_own() {
    let own =
        machine().without("/proc/sys/net/core/dev_weight").file("/proc/sys/net/core/somaxconn", "4096\n");
    let found = find(&own, equals(FORWARD, "1"));
    assert!(found.all_notes().iter().any(|n| n.contains("network namespace")), "{found:#?}");
    assert_eq!(verdict(&own, equals("net.core.rmem_max", "1")), "unknown unknown");
    assert_eq!(verdict(&own, equals("kernel.no_such", "1")), "fail missing");
    // The host's /proc in a container shows the container's network.
    let host =
        machine().symlink("/proc/1/ns/net", "net:[1]").symlink("/proc/self/ns/net", "net:[2]").as_root();
    assert_eq!(verdict(&host, equals(FORWARD, "1")), "unknown unknown");
    assert_eq!(verdict(&host, equals("fs.inotify.max_user_instances", "128")), "pass set");
}

#[test]
fn what_the_next_boot_sets() {
    let file = |text: &str| machine().file("/etc/sysctl.d/95-own.conf", text);
    let found = find(&file("x.y = 1\nnet.ipv4.ip_forward=0\n"), equals(FORWARD, "1"));
    assert_eq!((found.reason(), found.severity()), ("reset-at-boot", Severity::Warn));
    assert!(found.message().contains("line 2 of /etc/sysctl.d/95-own.conf"), "{found:#?}");
    // A line in 90-kubernetes.conf would come too early.
    assert_eq!(
        found.mend().unwrap().persistent,
        ["in line 2 of /etc/sysctl.d/95-own.conf: net.ipv4.ip_forward = 1"]
    );
    let kept = find(&file("net.ipv4.ip_forward=1\n"), equals(FORWARD, "1"));
    assert_eq!((kept.reason(), kept.all_evidence().len()), ("set", 2));
    let not_applied = find(&file("net.ipv4.ip_forward=0\n"), equals(FORWARD, "0"));
    assert_eq!(not_applied.reason(), "wrong");
    assert!(not_applied.all_notes()[0].contains("sets it right"), "{not_applied:#?}");
    let by_none = find(&machine(), equals(FORWARD, "1"));
    assert!(by_none.all_notes()[0].starts_with("no file of sysctl.d"), "{by_none:#?}");
    for unread in [
        machine().error("/etc/sysctl.d/95-own.conf", DENIED),
        machine().error("/etc/sysctl.d", DENIED),
        file("net.ipv4.ip_forward=0\n\0"),
    ] {
        assert_eq!(verdict(&unread, equals(FORWARD, "1")), "unknown boot-unknown");
    }
    // The running value is wrong whatever the boot does.
    assert_eq!(verdict(&machine().error("/etc/sysctl.d", DENIED), equals(FORWARD, "0")), "fail wrong");
    let old = machine().file("/etc/sysctl.conf", "net.ipv4.ip_forward=1\n").file("/run/systemd/system/x", "");
    assert!(find(&old, equals(FORWARD, "1")).all_notes()[0].contains("systemd does not read"));
}

fn interfaces(all: &str, eth0: &str, vlan: &str) -> Memory {
    let conf = "/proc/sys/net/ipv4/conf";
    machine()
        .file(&format!("{conf}/all/rp_filter"), all)
        .file(&format!("{conf}/default/rp_filter"), "0\n")
        .file(&format!("{conf}/eth0/rp_filter"), eth0)
        .file(&format!("{conf}/eth0.100/rp_filter"), vlan)
}

#[test]
fn each_interface_and_what_counts_there() {
    let loose = || one_of("net.ipv4.conf.*.rp_filter", &["0", "2"]);
    assert_eq!(verdict(&interfaces("0\n", "2\n", "0\n"), loose()), "pass set");
    let found = find(&interfaces("0\n", "2\n", "1\n"), loose());
    assert_eq!(found.reason(), "wrong");
    assert!(found.message().contains("on 1 of 3: eth0.100 (1)"), "{}", found.message());
    assert_eq!(found.mend().unwrap().commands, ["sysctl -w net.ipv4.conf.eth0/100.rp_filter=0"]);
    // The greater one counts: 2 of the interface over 1 of all, 1 of all over 0.
    let found = find(&interfaces("1\n", "2\n", "0\n"), loose());
    assert!(found.message().contains("default (1), eth0.100 (1)"), "{}", found.message());
    assert_eq!(found.mend().unwrap().commands[0], "sysctl -w net.ipv4.conf.all.rp_filter=0");
    assert_eq!(verdict(&interfaces("2\n", "1\n", "1\n"), loose()), "pass set");
    assert_eq!(verdict(&interfaces("0\n", "", "0\n"), loose()), "unknown unknown");
    assert_eq!(verdict(&machine().as_root(), loose()), "unknown unknown");
    let denied = interfaces("0\n", "0\n", "0\n").error("/proc/sys/net/ipv4/conf/all/rp_filter", DENIED);
    assert_eq!(verdict(&denied, loose()), "unknown unknown");
}

#[test]
fn names_of_kubeadm() {
    let name = |key: &str| find(&machine(), equals(key, "1")).kubeadm_name().map(str::to_owned);
    assert_eq!(name(FORWARD).as_deref(), Some("FileContent--proc-sys-net-ipv4-ip_forward"));
    let bridge = "FileContent--proc-sys-net-bridge-bridge-nf-call-iptables";
    assert_eq!(name("net.bridge.bridge-nf-call-iptables").as_deref(), Some(bridge));
    assert_eq!(name("kernel.printk"), None);
}

#[test]
fn parameters() {
    let wrong = |settings: Vec<SysctlSetting>| Sysctl::validate(&SysctlParams { settings }).unwrap_err();
    assert!(wrong(vec![]).contains("no setting"));
    assert!(wrong(vec![setting(FORWARD)]).contains("needs one of"));
    assert!(
        wrong(vec![SysctlSetting { one_of: vec![SysctlWord("1".into())], ..equals(FORWARD, "1") }])
            .contains("one of")
    );
    assert!(wrong(vec![equals(FORWARD, "1"), equals("net/ipv4/ip_forward", "1")]).contains("twice"));
    let never = SysctlSetting { at_most: Some(SysctlNumber(1)), ..at_least("a.b", 2) };
    assert!(wrong(vec![never]).contains("no value"));
    assert!(wrong(vec![SysctlSetting { field: Some(0), ..equals("a.b", "2") }]).contains("from 1"));
    for key in ["net.ipv4.conf.*", "net.*.conf.*.x", "net.ipv4.conf.eth*.x", "*.b"] {
        assert!(wrong(vec![equals(key, "1")]).contains("one `*`"), "{key}");
    }
    let good = vec![equals(FORWARD, "1"), one_of("net.ipv4.conf.*.rp_filter", &["0"])];
    assert_eq!(Sysctl::validate(&SysctlParams { settings: good }), Ok(()));
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40), field in 1_u8..9) {
        let memory = machine().file("/proc/sys/kernel/printk", &bytes);
        let _ = find(&memory, SysctlSetting { field: Some(field), ..at_least("kernel.printk", 3) });
        let _ = find(&interfaces("1\n", "1\n", "1\n").file("/proc/sys/net/ipv4/conf/eth0/rp_filter", &bytes), equals("net.ipv4.conf.*.rp_filter", "1"));
    }
}
