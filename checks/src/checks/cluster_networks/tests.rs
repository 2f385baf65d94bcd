use super::*;
use crate::{
    finding::Outcome,
    node::{Memory, ReadErrorKind},
    value::{Kind, Span, Value},
};

const HEAD: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";
const DEFAULT: &str = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";

/// A node with this address and these routes, as /proc writes them.
fn node(address: &str, routes: &str) -> Memory {
    Memory::new()
        .file("/proc/self/net/route", format!("{HEAD}{DEFAULT}{routes}"))
        .file("/proc/self/net/fib_trie", format!("Main:\n |-- {address}\n   /32 host LOCAL\n"))
        .file("/proc/self/net/ipv6_route", "")
        .file("/proc/self/net/if_inet6", "")
}

fn networks(text: &str) -> Result<Networks, String> {
    let value = Value { span: Span::default(), kind: Kind::Str(text.to_owned()) };
    value.read::<Networks>().map_err(|e| e.message)
}

fn ask(pods: &str, services: &str, memory: Memory) -> Vec<Finding> {
    let params = ClusterNetworksParams {
        pod_cidr: networks(pods).unwrap(),
        service_cidr: networks(services).unwrap(),
        ..Default::default()
    };
    ClusterNetworks::validate(&params).unwrap();
    let mut out = Findings::default();
    ClusterNetworks::run(&params, &Node::in_memory(memory), &mut out).unwrap();
    out.into_inner().into_iter().map(|(finding, _)| finding).collect()
}

fn reasons(found: &[Finding]) -> Vec<&'static str> {
    found.iter().map(Finding::reason).collect()
}

#[test]
fn free_on_both_families() {
    let found = ask("10.244.0.0/16,fd00:10:244::/56", "10.96.0.0/12", node("192.0.2.2", ""));
    assert_eq!(reasons(&found), ["free", "free", "free"]);
    assert_eq!(found[1].subject(), "pods/fd00:10:244::/56");
}

#[test]
fn in_use_elsewhere() {
    // 10.96.0.0/12 lies in the company's 10.0.0.0/8.
    let company = "eth0\t0000000A\t010200C0\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n";
    let found = ask("172.16.0.0/16", "10.96.0.0/12", node("192.0.2.2", company));
    assert_eq!(reasons(&found), ["free", "routed"]);
    assert!(found[1].message().contains("10.0.0.0/8 via 192.0.2.1 dev eth0"), "{}", found[1].message());
    // Left by an earlier cluster.
    let cni = "cni0\t0000F40A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
    let found = ask("10.244.0.0/16", "", node("192.0.2.2", cni));
    assert_eq!(reasons(&found), ["routed", "not-applicable"]);
    assert!(found[0].all_notes()[0].contains("joined"), "{found:?}");
    let inside = ask("192.0.0.0/16", "", node("192.0.2.2", ""));
    assert_eq!(reasons(&inside), ["node-inside", "not-applicable"]);
}

#[test]
fn each_other_and_size() {
    assert_eq!(reasons(&ask("10.0.0.0/9", "10.96.0.0/12", node("192.0.2.2", ""))), ["overlap", "overlap"]);
    assert_eq!(reasons(&ask("10.244.0.0/25", "10.96.0.0/12", node("192.0.2.2", ""))), ["too-small", "free"]);
    for wrong in ["127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/8", "fe80::/64", "ff00::/32"] {
        assert_eq!(
            reasons(&ask("", wrong, node("192.0.2.2", ""))),
            ["not-applicable", "unusable"],
            "{wrong}"
        );
    }
}

#[test]
fn what_can_t_be_read_is_not_known() {
    let good = node("192.0.2.2", "");
    for memory in [
        good.clone().without("/proc/self/net/route"),
        good.clone().file("/proc/self/net/route", ""),
        good.error("/proc/self/net/fib_trie", ReadErrorKind::Denied("EACCES")),
    ] {
        assert!(matches!(ask("10.244.0.0/16", "", memory)[0].outcome(), Outcome::Undetermined(_)));
    }
}

#[test]
fn parameters() {
    assert_eq!(networks("").unwrap(), Networks::default());
    assert!(networks("10.244.0.1/16").unwrap_err().contains("write 10.244.0.0/16"));
    assert!(networks("10.244.0.0").unwrap_err().contains("not a network"));
    assert!(networks("10.0.0.0/8,11.0.0.0/8").unwrap_err().contains("one family"));
    let wrong = ClusterNetworksParams { node_mask_size: 33, ..Default::default() };
    assert!(wrong.validate().is_err());
}
