use super::{
    params::{SysctlExpectations, SysctlSetting},
    *,
};
use crate::{
    finding::{Finding, Outcome, Severity},
    matcher::Matcher,
    node::{Memory, ReadErrorKind},
};

const FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";

fn setting(key: &str) -> SysctlSetting {
    SysctlSetting {
        key: key.to_owned(),
        equals: None,
        one_of: vec![],
        at_least: None,
        at_most: None,
        expect: SysctlExpectations::default(),
        field: None,
        why: Some("because".to_owned()),
        severity: Severity::Fail,
        module: None,
        may_be_absent: false,
    }
}

fn equals(key: &str, value: &str) -> SysctlSetting {
    SysctlSetting { equals: Some(value.to_owned()), ..setting(key) }
}

#[test]
fn expectations() {
    let asked = |matcher: &str, value: &str| {
        let expect = SysctlExpectations { value: Some(Matcher::equals(matcher)) };
        let setting = SysctlSetting { expect, ..setting("net.ipv4.ip_forward") };
        assert_eq!(setting.right().as_deref(), Some(matcher));
        ask(setting, Memory::new().file(FORWARD, value)).reason()
    };
    assert_eq!([asked("1", "1\n"), asked("1", "0\n")], ["right", "wrong-value"]);
}

fn ask(setting: SysctlSetting, memory: Memory) -> Finding {
    let params = SysctlParams { settings: vec![setting] };
    Sysctl::validate(&params).unwrap();
    let mut out = Findings::default();
    Sysctl::run(&params, &Node::in_memory(memory), &mut out).unwrap();
    let mut found: Vec<_> = out.into_inner().into_iter().map(|(finding, _)| finding).collect();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn brief(finding: &Finding) -> (&'static str, &'static str) {
    let outcome = match finding.outcome() {
        Outcome::Pass => "pass",
        Outcome::Problem => "problem",
        Outcome::Undetermined(_) => "undetermined",
        Outcome::NotApplicable => "not-applicable",
    };
    (outcome, finding.reason())
}

#[test]
fn what_holds() {
    let range = |least, most| SysctlSetting { at_least: least, at_most: most, ..setting("a.b") };
    for (setting, value, holds) in [
        (equals("a.b", "1"), "1", Some(true)),
        (equals("a.b", "1"), "01", Some(true)),
        (equals("a.b", "1"), "0", Some(false)),
        (equals("a.b", "1024\t65535"), "1024 65535", Some(true)),
        (equals("a.b", "cubic"), "cubic", Some(true)),
        (range(Some(10), None), "9", Some(false)),
        (range(Some(10), Some(20)), "20", Some(true)),
        (range(Some(10), None), "many", None),
        // 2^64 - 1, as kernel.threads-max and others can be.
        (range(Some(10), None), "18446744073709551615", Some(true)),
        (SysctlSetting { one_of: vec!["0".into(), "2".into()], ..setting("a.b") }, "2", Some(true)),
        (SysctlSetting { one_of: vec!["0".into(), "2".into()], ..setting("a.b") }, "1", Some(false)),
        (SysctlSetting { field: Some(2), ..range(Some(60000), None) }, "32768 60999", Some(true)),
        (SysctlSetting { field: Some(3), ..range(Some(60000), None) }, "32768 60999", None),
    ] {
        assert_eq!(setting.holds(value), holds, "{setting:?} {value}");
    }
}

#[test]
fn right_wrong_and_unreadable() {
    let found = ask(equals("net.ipv4.ip_forward", "1"), Memory::new().file(FORWARD, "1\n"));
    assert_eq!(brief(&found), ("pass", "right"));
    assert_eq!(found.kubeadm_name(), Some("FileContent--proc-sys-net-ipv4-ip_forward"));

    let found = ask(equals("net.ipv4.ip_forward", "1"), Memory::new().file(FORWARD, "0\n"));
    assert_eq!(brief(&found), ("problem", "wrong-value"));
    let remedy = found.mend().unwrap();
    assert_eq!(remedy.commands, ["sysctl -w net.ipv4.ip_forward=1"]);
    assert_eq!(remedy.persistent, ["echo 'net.ipv4.ip_forward = 1' >> /etc/sysctl.d/90-kubernetes.conf"]);
    assert_eq!(found.all_notes(), ["because"]);

    for memory in [
        Memory::new().error(FORWARD, ReadErrorKind::Denied("EACCES")),
        Memory::new().file(FORWARD, ""),
        Memory::new().file(FORWARD, "yes\n"),
    ] {
        let least = SysctlSetting { at_least: Some(1), ..setting("net.ipv4.ip_forward") };
        assert_eq!(brief(&ask(least, memory)), ("undetermined", "unknown"));
    }
}

#[test]
fn what_the_next_boot_sets() {
    let node = |value: &str, file: &str, line: &str| {
        Memory::new().file(FORWARD, value).file(&format!("/etc/sysctl.d/{file}"), line)
    };
    let ask = |memory| ask(equals("net.ipv4.ip_forward", "1"), memory);
    let found = ask(node("1\n", "99-k8s.conf", "net.ipv4.ip_forward = 1\n"));
    assert_eq!(brief(&found), ("pass", "right"));
    assert_eq!(found.all_evidence().len(), 2);

    let found = ask(node("1\n", "99-hardening.conf", "#\nnet.ipv4.ip_forward = 0\n"));
    assert_eq!(brief(&found), ("problem", "reset-at-boot"));
    assert_eq!(found.severity(), Severity::Warn);
    let persistent = &found.mend().unwrap().persistent;
    assert_eq!(persistent[1], "take line 2 out of /etc/sysctl.d/99-hardening.conf: it would win");

    // Ours comes later: nothing has to go.
    let found = ask(node("0\n", "10-hardening.conf", "net.ipv4.ip_forward = 0\n"));
    assert_eq!(found.mend().unwrap().persistent.len(), 1);
}

fn with_modules() -> Memory {
    Memory::new()
        .file("/proc/sys/kernel/osrelease", "6.1.0-1\n")
        .file("/proc/sys/net/ipv4/ip_forward", "1\n")
        .file("/proc/modules", "ext4 1 0 - Live 0x0\n")
        .file("/lib/modules/6.1.0-1/modules.builtin", "")
        .file("/lib/modules/6.1.0-1/modules.dep", "kernel/net/bridge/br_netfilter.ko:\n")
        .file("/lib/modules/6.1.0-1/kernel/net/bridge/br_netfilter.ko", "")
}

#[test]
fn a_missing_parameter_names_its_module() {
    let bridge = || equals("net.bridge.bridge-nf-call-iptables", "1");
    let found = ask(bridge(), with_modules());
    assert_eq!(brief(&found), ("problem", "missing"));
    assert!(found.message().contains("br_netfilter"), "{}", found.message());
    assert_eq!(found.cause().unwrap().name, "module:br_netfilter");
    let remedy = found.mend().unwrap();
    assert_eq!(remedy.commands, ["modprobe br_netfilter", "sysctl -w net.bridge.bridge-nf-call-iptables=1"]);
    assert_eq!(remedy.persistent.len(), 2);
    // The module is not on disk either: one cause.
    let found = ask(bridge(), with_modules().file("/lib/modules/6.1.0-1/modules.dep", "kernel/fs/x.ko:\n"));
    assert_eq!((brief(&found), found.cause().unwrap().is_root), (("problem", "missing"), false));
    // A tree without the list of loaded modules does not tell.
    assert_eq!(
        brief(&ask(bridge(), with_modules().without("/proc/modules").as_root())),
        ("undetermined", "unknown")
    );
}

#[test]
fn what_is_hidden_is_not_missing() {
    let conntrack = || SysctlSetting { at_least: Some(1), ..setting("net.core.somaxconn") };
    assert_eq!(brief(&ask(conntrack(), Memory::new())), ("undetermined", "unknown"), "no /proc/sys at all");
    assert_eq!(brief(&ask(conntrack(), with_modules())), ("problem", "missing"));
    assert_eq!(brief(&ask(conntrack(), with_modules().as_root())), ("undetermined", "unknown"));
    let inside = with_modules().file("/run/systemd/container", "docker\n");
    assert_eq!(brief(&ask(conntrack(), inside)), ("undetermined", "unknown"));
    let may_be_absent = SysctlSetting { may_be_absent: true, ..conntrack() };
    assert_eq!(brief(&ask(may_be_absent, with_modules())), ("pass", "absent"));
    let found = ask(equals("net.ipv6.conf.all.forwarding", "1"), with_modules());
    assert_eq!(
        (brief(&found), found.cause().unwrap().name.as_str()),
        (("problem", "missing"), "ipv6-disabled")
    );
}

#[test]
fn every_interface() {
    let conf = |name: &str| format!("/proc/sys/net/ipv4/conf/{name}/rp_filter");
    let rp_filter =
        || SysctlSetting { one_of: vec!["0".into(), "2".into()], ..setting("net.ipv4.conf.*.rp_filter") };
    let good =
        Memory::new().file(&conf("all"), "0\n").file(&conf("default"), "2\n").file(&conf("eth0"), "0\n");
    assert_eq!(brief(&ask(rp_filter(), good.clone())), ("pass", "right"));
    let found = ask(rp_filter(), good.clone().file(&conf("eth0.100"), "1\n"));
    assert_eq!(brief(&found), ("problem", "wrong-value"));
    assert!(found.message().ends_with("eth0.100 1"), "{}", found.message());
    assert_eq!(found.mend().unwrap().commands, ["sysctl -w net.ipv4.conf.eth0/100.rp_filter=0"]);
    // The larger of `all` and the interface counts: 2 beats 1, and 1 beats 0.
    assert_eq!(
        brief(&ask(rp_filter(), good.clone().file(&conf("all"), "2\n").file(&conf("eth1"), "1\n"))),
        ("pass", "right")
    );
    assert_eq!(brief(&ask(rp_filter(), good.clone().file(&conf("all"), "1\n"))), ("problem", "wrong-value"));
    let denied = good.error(&conf("eth2"), ReadErrorKind::Denied("EACCES"));
    assert_eq!(brief(&ask(rp_filter(), denied)), ("undetermined", "unknown"));
    assert_eq!(brief(&ask(rp_filter(), Memory::new())), ("undetermined", "unknown"));
}

#[test]
fn parameters() {
    let wrong = |setting| Sysctl::validate(&SysctlParams { settings: vec![setting] }).unwrap_err();
    assert!(wrong(setting("net.ipv4.ip_forward")).contains("add equals"));
    assert!(wrong(equals("ip_forward", "1")).contains("not the name"));
    assert!(wrong(equals("net.*.conf.*.x", "1")).contains("more than one"));
    assert!(
        wrong(SysctlSetting { at_least: Some(2), at_most: Some(1), ..setting("a.b") }).contains("at least 2")
    );
    assert!(wrong(SysctlSetting { field: Some(0), ..equals("a.b", "1") }).contains("first field"));
    assert!(Sysctl::validate(&SysctlParams::default()).is_err());
    let twice = vec![equals("a.b", "1"), equals("a/b", "2")];
    assert!(Sysctl::validate(&SysctlParams { settings: twice }).unwrap_err().contains("twice"));
}

#[test]
fn what_is_no_value_is_not_known() {
    for text in ["", "1", "yes\n", "\u{1}\n"] {
        let found = ask(equals("net.ipv4.ip_forward", "1"), Memory::new().file(FORWARD, text));
        assert_eq!(brief(&found), ("undetermined", "unknown"), "{text:?}");
    }
    let conf = |name: &str| format!("/proc/sys/net/ipv4/conf/{name}/rp_filter");
    let memory = Memory::new().file(&conf("all"), "0\n").file(&conf("eth0"), "x\n");
    let found = ask(equals("net.ipv4.conf.*.rp_filter", "0"), memory);
    assert_eq!(brief(&found), ("undetermined", "unknown"));
    // What is new takes its value from `default`, and the larger one counts there as well.
    let memory = Memory::new().file(&conf("all"), "2\n").file(&conf("default"), "1\n");
    assert_eq!(brief(&ask(equals("net.ipv4.conf.*.rp_filter", "2"), memory)), ("pass", "right"));
}

#[test]
fn a_boot_that_nobody_may_look_at_is_not_a_good_one() {
    let denied = ReadErrorKind::Denied("EACCES");
    let good = Memory::new().file(FORWARD, "1\n");
    for memory in [
        good.clone().error("/etc/sysctl.d/99-hardening.conf", denied.clone()),
        good.clone().error("/etc/sysctl.d", denied.clone()),
        good.clone().file("/etc/sysctl.d/99-hardening.conf", "\0\0"),
        good.clone().file("/etc/sysctl.d/99-hardening.conf", "net.ipv4.ip_forw"),
    ] {
        let found = ask(equals("net.ipv4.ip_forward", "1"), memory);
        assert_eq!((brief(&found), found.severity()), (("undetermined", "boot-unknown"), Severity::Warn));
    }
    // What is wrong now is wrong, whatever the boot does.
    let found = ask(equals("net.ipv4.ip_forward", "0"), good.error("/etc/sysctl.d", denied));
    assert_eq!(brief(&found), ("problem", "wrong-value"));
}

#[test]
fn forwarding_has_two_names_and_an_old_file() {
    let good = Memory::new().file(FORWARD, "1\n");
    let ask = |memory| ask(equals("net.ipv4.ip_forward", "1"), memory);
    let found = ask(good.clone().file("/etc/sysctl.d/x.conf", "net.ipv4.conf.all.forwarding = 0\n"));
    assert_eq!(brief(&found), ("problem", "reset-at-boot"));
    let systemd = good
        .file("/etc/sysctl.conf", "net.ipv4.ip_forward=1\n")
        .file("/run/systemd/system/x", "")
        .file("/usr/lib/systemd/libsystemd-shared-257.so", "");
    let found = ask(systemd.clone());
    assert!(found.all_notes()[0].contains("systemd does not read that file"), "{found:#?}");
    let linked = systemd.file("/etc/sysctl.d/99-sysctl.conf", "net.ipv4.ip_forward=1\n");
    assert!(ask(linked).all_notes().is_empty());
}

#[test]
fn a_container_has_a_network_of_its_own() {
    let own = Memory::new().file(FORWARD, "1\n").file("/proc/sys/net/core/somaxconn", "4096\n");
    let found = ask(equals("net.ipv4.ip_forward", "1"), own.clone());
    assert!(found.all_notes()[0].contains("network namespace"), "{found:#?}");
    let hidden = ask(equals("net.core.rmem_max", "1"), own);
    assert_eq!(brief(&hidden), ("undetermined", "unknown"));
    // The host's /proc under /host shows the container's network.
    let host = Memory::new()
        .file(FORWARD, "1\n")
        .file("/proc/sys/vm/swappiness", "60\n")
        .symlink("/proc/1/ns/net", "net:[1]")
        .symlink("/proc/self/ns/net", "net:[2]")
        .as_root();
    assert_eq!(brief(&ask(equals("net.ipv4.ip_forward", "1"), host.clone())), ("undetermined", "unknown"));
    assert_eq!(brief(&ask(equals("vm.swappiness", "60"), host)), ("pass", "right"));
}

#[test]
fn why_there_is_no_ipv6() {
    let key = "net.ipv6.conf.all.forwarding";
    let why = |memory: Memory| {
        let found = ask(equals(key, "1"), memory);
        (found.message().to_owned(), found.cause().map(|c| c.name.clone()))
    };
    let base = with_modules().file("/proc/sys/net/ipv6/conf/default/forwarding", "0\n");
    let (message, cause) = why(base.clone().file("/proc/cmdline", "ipv6.disable=1\n"));
    assert!(message.contains("command line") && cause.as_deref() == Some("ipv6-disabled"), "{message}");
    let (message, cause) = why(base);
    assert!(message.contains("no such parameter") && cause.is_none(), "{message}");
}

#[test]
fn what_patterns_set_at_boot() {
    let conf = |name: &str| format!("/proc/sys/net/ipv4/conf/{name}/rp_filter");
    let now = ["all", "default", "eth0", "eth0.100"];
    let now = now.iter().fold(Memory::new(), |memory, name| memory.file(&conf(name), "0\n"));
    let systemd =
        now.clone().file("/run/systemd/system/x", "").file("/usr/lib/systemd/libsystemd-shared-257.so", "");
    let setting = || equals("net.ipv4.conf.*.rp_filter", "0");
    let good = ("pass", "right");
    let drift = ("problem", "reset-at-boot");
    for (text, with_systemd, without) in [
        ("net.ipv4.conf.*.rp_filter = 0\n", good, good),
        ("net.ipv4.conf.*.rp_filter = 1\n", drift, drift),
        ("net.ipv4.conf.*.rp_filter = 1\nnet.ipv4.conf.*.rp_filter = 0\n", good, good),
        ("net.ipv4.conf.*.arp_filter = 1\nnet.ipv6.conf.*.rp_filter = 1\n", good, good),
        // Named ones go before patterns, wherever they stand; but those to come are not named.
        (
            "net.ipv4.conf.all.rp_filter=0\nnet/ipv4/conf/eth0.100/rp_filter=0\nnet.ipv4.conf.eth0.rp_filter=0\n\
             net.ipv4.conf.default.rp_filter=0\nnet.ipv4.conf.*.rp_filter=1\n",
            drift,
            good,
        ),
        // What is taken out of patterns stays as it is.
        ("net.ipv4.conf.eth*.rp_filter=1\n-net.ipv4.conf.eth0.rp_filter\n", drift, drift),
        (
            "-net/ipv4/conf/eth0.100/rp_filter\nnet.ipv4.conf.eth*.rp_filter=1\n-net.ipv4.conf.eth0.rp_filter\n",
            drift,
            good,
        ),
        // The later pattern wins, for pods' interfaces as well.
        ("net.ipv4.conf.*.rp_filter=0\nnet.ipv4.conf.lxc*.rp_filter=1\n", drift, good),
        ("net.ipv4.conf.lxc*.rp_filter=1\nnet.ipv4.conf.*.rp_filter=0\n", good, good),
        // The greater one of `all` and the interface counts.
        ("net.ipv4.conf.all.rp_filter=2\n", drift, drift),
        ("net.ipv4.conf.eth0.rp_filter=many\n", drift, drift),
    ] {
        let file = |memory: &Memory| memory.clone().file("/etc/sysctl.d/50.conf", text);
        assert_eq!(brief(&ask(setting(), file(&systemd))), with_systemd, "{text}");
        assert_eq!(brief(&ask(setting(), file(&now))), without, "{text}");
    }
    let found = ask(setting(), now.clone().file("/etc/sysctl.d/50.conf", "net.ipv4.conf.*.rp_filter = 1\n"));
    assert!(found.message().contains("eth0 1"), "{}", found.message());
    assert_eq!(found.mend().unwrap().persistent.len(), 1);
    // What may not be looked at is no good boot; what is known to be bad stays bad.
    let hidden = now.error("/etc/sysctl.d/99.conf", ReadErrorKind::Denied("EACCES"));
    assert_eq!(brief(&ask(setting(), hidden.clone())), ("undetermined", "boot-unknown"));
    let bad = hidden.file("/etc/sysctl.d/50.conf", "net.ipv4.conf.*.rp_filter = 1\n");
    assert_eq!(brief(&ask(setting(), bad)), drift);
}
