use super::*;
use crate::{
    entry::Entry,
    finding::{Outcome, Severity},
    node::{Memory, ReadErrorKind},
};

const HEAD: &str = "  sl  local_address rem_address   st\n";

/// A node on which these sockets are open: (address as /proc has it, port, state, inode).
fn node(tcp: &[(&str, u16, &str, u64)], udp: &[(&str, u16, &str, u64)]) -> Memory {
    let line = |(address, port, state, inode): &(&str, u16, &str, u64)| {
        format!("   0: {address}:{port:04X} 00000000:0000 {state} 0:0 00:0 0 0 0 {inode} 1 0\n")
    };
    let table = |sockets: &[(&str, u16, &str, u64)], six: bool| {
        let family: String = sockets.iter().filter(|s| (s.0.len() == 32) == six).map(line).collect();
        format!("{HEAD}{family}")
    };
    Memory::new()
        .file("/proc/self/net/tcp", table(tcp, false))
        .file("/proc/self/net/tcp6", table(tcp, true))
        .file("/proc/self/net/udp", table(udp, false))
        .file("/proc/self/net/udp6", table(udp, true))
}

const ANY: &str = "00000000";
const LOOPBACK: &str = "0100007F";
const ANY6: &str = "00000000000000000000000000000000";

fn rule(word: &str) -> PortRule {
    PortRule::from_word(word).unwrap()
}

fn ask_of(rule: PortRule, protocol: Protocol, memory: Memory) -> Finding {
    let rules = vec![Written(rule)];
    let params = match protocol {
        Protocol::Tcp => PortsParams { tcp: rules, udp: vec![] },
        Protocol::Udp => PortsParams { tcp: vec![], udp: rules },
    };
    Ports::validate(&params).unwrap();
    let mut out = Findings::default();
    Ports::run(&params, &Node::in_memory(memory), &mut out).unwrap();
    out.into_inner().remove(0).0
}

fn ask(word: &str, memory: Memory) -> Finding {
    ask_of(rule(word), Protocol::Tcp, memory)
}

#[test]
fn free_and_in_use() {
    let found = ask("10250", node(&[(ANY, 22, "0A", 1)], &[]));
    assert_eq!((found.outcome(), found.reason(), found.subject()), (&Outcome::Pass, "free", "tcp/10250"));
    assert_eq!(found.kubeadm_name(), Some("Port-10250"));
    for address in [ANY, LOOPBACK, ANY6] {
        let found = ask("10250", node(&[(address, 10250, "0A", 9)], &[]));
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "in-use"), "{address}");
    }
    // A connection from that port is no listener.
    assert_eq!(ask("10250", node(&[(ANY, 10250, "01", 9)], &[])).reason(), "free");
}

#[test]
fn the_owner_is_named() {
    let memory = node(&[(ANY, 10250, "0A", 77)], &[])
        .symlink("/proc/812/fd/3", "socket:[77]")
        .file("/proc/812/comm", "kubelet\n")
        .file("/proc/812/cgroup", "0::/system.slice/kubelet.service\n");
    let found = ask("10250", memory.clone());
    assert_eq!(found.message(), "tcp/10250 is in use, by kubelet (pid 812, kubelet.service)");
    assert_eq!(found.mend().unwrap().commands, ["systemctl stop kubelet.service"]);
    assert!(found.all_notes()[0].contains("joined"), "{found:?}");
    let owned = PortRule { owners: vec!["kubelet".into()], ..rule("10250") };
    assert_eq!(ask_of(owned, Protocol::Tcp, memory).reason(), "held-as-wanted");
    let found = ask("10250", node(&[(ANY, 10250, "0A", 77)], &[]).as_user(1000));
    assert!(found.message().contains("another user"), "{}", found.message());
}

#[test]
fn an_address_of_its_own() {
    let local = || PortRule { address: Some("127.0.0.1".parse().unwrap()), ..rule("10248") };
    let ask =
        |address: &str| ask_of(local(), Protocol::Tcp, node(&[(address, 10248, "0A", 1)], &[])).reason();
    assert_eq!(ask(LOOPBACK), "in-use");
    assert_eq!(ask(ANY), "in-use");
    assert_eq!(ask(ANY6), "in-use", "dual stack");
    assert_eq!(ask("0200000A"), "free", "10.0.0.2 is another address");
    assert_eq!(ask("0000000000000000FFFF00000100007F"), "in-use", "::ffff:127.0.0.1, as Java binds it");
    let six = |wanted: &str, held: &str| {
        let rule = PortRule { address: Some(wanted.parse().unwrap()), ..rule("10248") };
        ask_of(rule, Protocol::Tcp, node(&[(held, 10248, "0A", 1)], &[])).reason()
    };
    assert_eq!(six("::1", ANY), "free", "all of IPv4 is none of IPv6");
    assert_eq!(six("::1", ANY6), "in-use");
    assert_eq!(six("::", LOOPBACK), "in-use", "a server on `::` wants IPv4, too");
    assert_eq!(six("::ffff:127.0.0.1", ANY), "in-use");
}

#[test]
fn udp_and_ranges() {
    let vxlan = |state| ask_of(rule("8472"), Protocol::Udp, node(&[], &[(ANY, 8472, state, 1)]));
    assert_eq!((vxlan("07").reason(), vxlan("07").subject()), ("in-use", "udp/8472"));
    let conversation = vxlan("01");
    assert_eq!((conversation.reason(), conversation.severity()), ("in-use", Severity::Warn));
    assert!(conversation.all_notes()[0].contains("conversation"), "{conversation:?}");
    // A server beside it counts as one.
    let both = node(&[], &[(LOOPBACK, 8472, "01", 1), ("0200000A", 8472, "07", 2)]);
    let found = ask_of(rule("8472"), Protocol::Udp, both);
    assert_eq!((found.severity(), found.all_notes().len()), (Severity::Fail, 0), "{found:?}");
    let range = ask_of(rule("8000-9000"), Protocol::Udp, node(&[], &[(ANY, 8472, "01", 1)]));
    assert_eq!(range.reason(), "free", "one end of a conversation in a range");
    assert_eq!(vxlan("07").kubeadm_name(), None);
    let found = ask("30000-32767", node(&[(ANY, 30080, "0A", 1), (ANY6, 31000, "0A", 2)], &[]));
    assert_eq!((found.reason(), found.subject()), ("in-use", "tcp/30000-32767"));
    assert!(found.message().contains("30080, 31000"), "{}", found.message());
    assert_eq!(ask("30000-32767", node(&[(ANY, 29999, "0A", 1)], &[])).reason(), "free");
}

#[test]
fn what_can_t_be_read_is_not_known() {
    let good = node(&[], &[]);
    for memory in [
        good.clone().without("/proc/self/net/tcp"),
        good.clone().without("/proc/self/net/tcp6"),
        good.clone().file("/proc/self/net/tcp6", ""),
        good.clone().file("/proc/self/net/tcp", &HEAD[..10]),
        good.clone().error("/proc/self/net/tcp", ReadErrorKind::Denied("EACCES")),
    ] {
        let found = ask("10250", memory);
        assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{found:?}");
        assert_eq!(found.severity(), Severity::Fail);
    }
}

#[test]
fn parameters() {
    for wrong in ["0", "65536", "ssh", "20-10", "", "1-2-3"] {
        assert!(PortRule::from_word(wrong).is_err(), "{wrong}");
    }
    assert!(PortsParams::default().validate().is_err());
    let twice = PortsParams { tcp: vec![Written(rule("22")), Written(rule("22"))], udp: vec![] };
    assert!(twice.validate().unwrap_err().contains("tcp/22 is named twice"));
    let long = PortRule { owners: vec!["kube-controller-manager".into()], ..rule("10257") };
    let long = PortsParams { tcp: vec![Written(long)], udp: vec![] };
    assert!(long.validate().unwrap_err().contains("`kube-controller`"));
}
