//! `interfaces` and `cluster-networks` in network namespaces: bridges and veth pairs, as every kernel has them.

use super::{Play, evidence};
use crate::common::process::words;

const V4: &str = "{check: interfaces}";
const BOTH: &str = "{check: interfaces, with: {families: [ipv4, ipv6]}}";
/// One end of a veth pair, which has a carrier. A bridge would, too, but writes to the kernel's log.
const ETH0: &str = "ip link add eth0 type veth peer name p1; ip link set p1 up; ip link set eth0 up
    ip address add 192.0.2.2/24 dev eth0
    for _ in $(seq 500); do [ $(cat /sys/class/net/eth0/operstate) = up ] && break; sleep 0.02; done";
const SYS: &str = "mount -t sysfs sysfs /sys";
const ROUTE: &str = "ip route add default via 192.0.2.1 dev eth0";
const ETH1: &str = "ip link add eth1 type veth peer name p2; ip link set p2 up; ip link set eth1 up
    ip address add 198.51.100.2/24 dev eth1";

fn set(parts: &[&str]) -> String {
    [&[SYS], parts].concat().join("\n")
}

#[test]
fn the_way_out_by_ipv4() {
    let backup = "ip route add default via 198.51.100.1 dev eth1 metric 100";
    // The kernel takes a second route of the same metric only behind the first.
    let equal = "ip route append default via 198.51.100.1 dev eth1";
    for (name, parts, want, said) in [
        ("usable", vec!["ip link set lo up", ETH0, ROUTE], "pass usable", "via 192.0.2.1 dev eth0"),
        ("loopback down", vec![ETH0, ROUTE], "pass usable", "dev eth0"),
        ("no default route", vec!["ip link set lo up", ETH0], "fail no-default-route", "no default route"),
        ("a backup", vec![ETH0, ROUTE, ETH1, backup], "pass usable", "via 192.0.2.1 dev eth0"),
        ("two equals", vec![ETH0, ROUTE, ETH1, equal], "warn ambiguous", "eth0 and eth1"),
        ("small MTU", vec![ETH0, ROUTE, "ip link set eth0 mtu 1200"], "warn small-mtu", "is 1200, and 1280"),
    ] {
        let Some(report) = Play::new(name, &set(&parts)).judge(&[V4]) else { return };
        assert_eq!(report.brief("interfaces/ipv4"), want, "{name}: {report}");
        assert!(words(report.finding("interfaces/ipv4")).contains(said), "{name}: {report}");
    }
}

#[test]
fn a_link_without_a_carrier() {
    // The other end is down. An interface that is switched off itself has no routes.
    let veth =
        "ip link add eth0 type veth peer name p1; ip link set eth0 up; ip address add 192.0.2.2/24 dev eth0";
    let Some(report) = Play::new("no carrier", &set(&[veth, ROUTE])).judge(&[V4]) else { return };
    assert_eq!(report.brief("interfaces/ipv4"), "fail down", "{report}");
    let finding = report.finding("interfaces/ipv4");
    assert!(words(finding).contains("no link (operstate lowerlayerdown)"), "{finding:#}");
}

const V6_ONLY: &str = "ip link add eth0 type veth peer name p1; ip link set p1 up; ip link set eth0 up
    ip address add 2001:db8::2/64 dev eth0 nodad; ip route add default via 2001:db8::1 dev eth0
    for _ in $(seq 500); do [ $(cat /sys/class/net/eth0/operstate) = up ] && break; sleep 0.02; done";

#[test]
fn each_family_is_judged_on_its_own() {
    // Without IPv4, the kernel has not even made a table for its routes: the file has no byte.
    for (name, first) in [("IPv6 only", ""), ("IPv6 only, 127.0.0.1", "ip link set lo up")] {
        let Some(report) = Play::new(name, &set(&[first, V6_ONLY])).judge(&[BOTH]) else { return };
        assert_eq!(report.brief("interfaces/ipv4"), "fail no-default-route", "{name}: {report}");
        assert_eq!(report.brief("interfaces/ipv6"), "pass usable", "{name}: {report}");
    }
    let Some(report) = Play::new("IPv4 only", &set(&[ETH0, ROUTE])).judge(&[BOTH]) else { return };
    assert_eq!(report.brief("interfaces/ipv4"), "pass usable", "{report}");
    assert_eq!(report.brief("interfaces/ipv6"), "fail no-default-route", "{report}");
}

#[test]
fn an_empty_file_in_place_of_routes_or_addresses_proves_nothing() {
    // What can't be known of both for one cause is told once.
    const UNKNOWN: [&str; 2] = ["warn? unknown", "skip? unknown"];
    let networks = "{check: cluster-networks, with: {podCIDR: 192.0.2.0/24}}";
    // Single files of /proc/net can't be covered (fs/proc/proc_net.c looks them up anew), the directory can.
    let copy = "mkdir $DIR/net; for f in route fib_trie fib_triestat; do cat /proc/net/$f > $DIR/net/$f; done; chmod 755 $DIR/net";
    let cover = "covered() { mount --bind $DIR/net /proc/$BASHPID/net && exec \"$@\"; }";
    for (file, want) in
        [("nothing", ["pass usable", "fail routed"]), ("route", UNKNOWN), ("fib_trie", UNKNOWN)]
    {
        let set = set(&[ETH0, ROUTE, copy, cover, &format!(": > $DIR/net/{file}")]);
        let play = Play { before: "covered", ..Play::new("covered routes", &set) };
        let Some(report) = play.judge(&[V4, networks]) else { return };
        for (id, want) in ["interfaces/ipv4", "cluster-networks/pods/192.0.2.0/24"].into_iter().zip(want) {
            assert_eq!(report.brief(id), want, "{file}: {report}");
        }
    }
}

#[test]
fn policy_routing_hides_no_address() {
    // /proc/net/fib_trie names the table 100 before the main one.
    let rules =
        "ip rule add from 192.0.2.2 table 100; ip route add 203.0.113.0/24 via 192.0.2.1 dev eth0 table 100";
    let set = set(&["ip link set lo up", ETH0, ROUTE, rules, "head -n 1 /proc/net/fib_trie > $DIR/said"]);
    let networks = "{check: cluster-networks, with: {podCIDR: 10.244.0.0/16}}";
    let Some(seen) = Play::new("policy routing", &set).see(&[V4, networks]) else { return };
    assert_eq!(seen.said, "Id 100:\n");
    assert_eq!(seen.report.brief("interfaces/ipv4"), "pass usable", "{}", seen.report);
    assert_eq!(seen.report.brief("cluster-networks/pods/10.244.0.0/16"), "pass free", "{}", seen.report);
}

#[test]
fn networks_of_a_cluster() {
    let rule = "{check: cluster-networks, with: {podCIDR: \"10.244.0.0/16,fd00:10:244::/56\", serviceCIDR: 10.96.0.0/12}}";
    let pods = "cluster-networks/pods/10.244.0.0/16";
    let pods6 = "cluster-networks/pods/fd00:10:244::/56";
    let services = "cluster-networks/services/10.96.0.0/12";
    let cni0 = "ip link add cni0 type bridge; ip link set cni0 up; ip address add 10.244.3.1/24 dev cni0";
    let inside = "ip address add 10.244.7.7/32 dev eth0";
    let inside6 = "ip address add fd00:10:244::7/128 dev eth0 nodad";
    for (name, parts, at, want, said) in [
        ("free networks", vec![], pods, "pass free", "nothing else"),
        ("no IPv4 at all", vec!["ip address flush dev eth0"], pods, "pass free", "nothing else"),
        ("a route", vec!["ip route add 10.96.8.0/24 via 192.0.2.1"], services, "fail routed", "10.96.8.0/24"),
        (
            "the route of a larger network",
            vec!["ip route add 10.240.0.0/12 via 192.0.2.1"],
            pods,
            "fail routed",
            "10.240.0.0/12",
        ),
        ("the node inside", vec![inside], pods, "fail node-inside", "10.244.7.7"),
        ("the node inside, IPv6", vec![inside6], pods6, "fail", "fd00:10:244::7"),
        ("a bridge that was left", vec![cni0], pods, "fail routed", "cni0"),
    ] {
        let parts = [&[ETH0], parts.as_slice()].concat();
        let Some(report) = Play::new(name, &set(&parts)).judge(&[rule]) else { return };
        for id in [pods, pods6, services] {
            let brief = report.brief(id);
            let want = if id == at { want } else { "pass free" };
            assert!(brief.starts_with(want), "{name}: {id} is {brief}: {report}");
        }
        let finding = report.finding(at);
        assert!(format!("{} {}", words(finding), evidence(finding)).contains(said), "{name}: {finding:#}");
        if name == "a bridge that was left" {
            assert!(finding["remedy"].to_string().contains("ip link delete cni0"), "{finding:#}");
        }
    }
}

#[test]
fn a_namespace_without_any_ipv4() {
    let rule = "{check: cluster-networks, with: {podCIDR: 10.244.0.0/16}}";
    let sizes = "cat /proc/net/route /proc/net/fib_trie | wc -c > $DIR/said";
    let Some(seen) = Play::new("no IPv4", &set(&[sizes])).see(&[V4, rule]) else { return };
    assert_eq!(seen.said.trim(), "0", "the kernel writes not even a heading");
    assert_eq!(seen.report.brief("interfaces/ipv4"), "fail no-default-route", "{}", seen.report);
    let id = "cluster-networks/pods/10.244.0.0/16";
    assert_eq!(seen.report.brief(id), "pass free", "{}", seen.report);
    assert!(evidence(seen.report.finding(id)).contains("fib_triestat"), "{}", seen.report);
}
