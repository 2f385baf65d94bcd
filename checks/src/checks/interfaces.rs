//! `interfaces`: The node has an address and a way out, by an interface that works.

use crate::{
    check::{Check, Meta},
    evidence::{Proof, Unknown},
    facts::network::{Family, Interface, Route},
    finding::{Finding, Findings, Remedy, Severity},
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The node has an address and a way out, by an interface that works.
///
/// ## What it looks at
/// For each family that is asked for: the default route in the main table (/proc/net/route, /proc/net/ipv6_route), the
/// interface that it goes by (/sys/class/net: switched on, operstate, MTU), and the addresses of the node other than
/// loopback and link-local ones (/proc/net/fib_trie, /proc/net/if_inet6). Where those of IPv4 are empty, /proc/net/fib_triestat
/// has to show that there is nothing. Rules of policy routing in other tables are not judged. No packet is sent.
///
/// `usable` passes; `no-default-route`, `down` and `no-address` fail; `small-mtu` and `ambiguous` warn.
///
/// ## Why it matters
/// kubeadm, the kubelet and network plugins take the address of the interface with the default route for the node's own, and
/// end with "unable to select an IP" where there is none, also in clusters that need no Internet. With two default routes
/// of one metric it is a matter of chance which address that is. Below 1280 bytes IPv6 does not work, and a small MTU makes
/// that of pods smaller still: tunnels take 50 bytes and more.
///
/// ## How to mend it
/// `ip route add default via GATEWAY dev IFACE`, for good in netplan, NetworkManager or systemd-networkd. A node without
/// Internet can have a default route to a machine that drops everything, or `--node-ip` for the kubelet.
///
/// ## Sources
/// apimachinery util/net/interface.go, ChooseHostInterface; kubernetes pkg/kubelet/nodestatus, NodeAddress (--node-ip);
/// RFC 8200, section 5 (1280); proc_net(5); Linux Documentation/ABI/testing/sysfs-class-net; Embedded Cluster's host
/// preflights (default route, an IPv4 interface).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct InterfacesParams {
    /// The families that the cluster uses: `ipv4`, `ipv6` or both. Default: ipv4.
    pub families: Vec<Family>,
    /// The least MTU of the interface with the default route. Default: 1280.
    pub min_mtu: u32,
}

impl Default for InterfacesParams {
    fn default() -> Self {
        Self { families: vec![Family::Ipv4], min_mtu: 1280 }
    }
}

/// The check `interfaces`.
pub struct Interfaces;

impl Check for Interfaces {
    type Params = InterfacesParams;

    const META: Meta = Meta {
        id: "interfaces",
        summary: "The node has an address and a way out, by an interface that works",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &InterfacesParams) -> Result<(), String> {
        let unique: BTreeSet<_> = params.families.iter().collect();
        if params.families.is_empty() || unique.len() < params.families.len() {
            return Err("name ipv4, ipv6 or both under `families`, each once".into());
        }
        Ok(())
    }

    fn run(params: &InterfacesParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for family in &params.families {
            out.push(judge(*family, params.min_mtu, node));
        }
        Ok(())
    }
}

fn judge(family: Family, min_mtu: u32, node: &Node) -> Finding {
    let subject = family.as_str();
    let unknown = |unknown: &Unknown| {
        let message =
            format!("whether the node has an address and a way out ({subject}) could not be determined");
        Finding::undetermined(Severity::Fail, subject, "unknown", message, unknown)
    };
    let routes = match node.routes(family) {
        Ok(routes) => routes,
        Err(why) => return unknown(why),
    };
    let mut defaults: Vec<&Route> = routes.all.iter().filter(|route| route.is_default()).collect();
    defaults.sort_by_key(|route| route.metric);
    let Some(first) = defaults.first() else {
        let option = if family == Family::Ipv6 { "-6 " } else { "" };
        return Finding::problem(
            Severity::Fail,
            subject,
            "no-default-route",
            format!("there is no default route ({subject}): nothing tells which address is the node's own"),
        )
        .evidence([routes.summary()])
        .note("rules of policy routing in other tables are not seen")
        .remedy(
            Remedy::new("Give the node a default route, or the kubelet its address (--node-ip)")
                .command(format!("ip {option}route add default via GATEWAY dev INTERFACE"))
                .persistent("in the files of netplan, NetworkManager or systemd-networkd"),
        );
    };
    let interface = match node.interface(&first.interface) {
        Ok(interface) => interface,
        Err(why) => return unknown(&why),
    };
    let addresses = match node.addresses(family) {
        Ok(addresses) => addresses,
        Err(why) => return unknown(why),
    };
    let evidence = [routes.evidence(first), interface.evidence(), addresses.evidence()];
    let problem = |severity, reason, message: String, remedy| {
        Finding::problem(severity, subject, reason, message).evidence(evidence.clone()).remedy(remedy)
    };
    if !interface.works() {
        return down(&interface, &problem);
    }
    if addresses.reachable().next().is_none() {
        let message = format!("the node has no address ({subject}) under which others could reach it");
        let remedy = Remedy::new("Give the interface an address")
            .command(format!("ip address add ADDRESS/LENGTH dev {}", interface.name));
        return problem(Severity::Fail, "no-address", message, remedy);
    }
    if let Some(other) =
        defaults.iter().skip(1).find(|r| r.metric == first.metric && r.interface != first.interface)
    {
        let message = format!(
            "there are default routes by {} and {} with the same metric: either may be taken for the node's own",
            first.interface, other.interface
        );
        let remedy = Remedy::new("Give one of them a higher metric, or the kubelet its address (--node-ip)");
        return problem(Severity::Warn, "ambiguous", message, remedy);
    }
    if interface.mtu < min_mtu {
        let message = format!("the MTU of {} is {}, and {min_mtu} are wanted", interface.name, interface.mtu);
        let remedy = Remedy::new("Set the MTU that the network can carry")
            .command(format!("ip link set {} mtu 1500", interface.name));
        return problem(Severity::Warn, "small-mtu", message, remedy);
    }
    let [route, state, own] = evidence;
    let message = format!("the way out ({subject}) is {first}");
    Finding::pass(subject, "usable", message, Proof::new(route).and(state).and(own))
}

fn down(
    interface: &Interface,
    problem: &dyn Fn(Severity, &'static str, String, Remedy) -> Finding,
) -> Finding {
    let name = &interface.name;
    let (why, remedy) = if interface.is_up {
        let why = format!("it has no link (operstate {})", interface.operstate);
        (why, Remedy::new(format!("See to the cable, the switch or the virtual network of {name}")))
    } else {
        let remedy = Remedy::new(format!("Switch {name} on")).command(format!("ip link set {name} up"));
        ("it is switched off".to_owned(), remedy)
    };
    problem(Severity::Fail, "down", format!("the default route goes by {name}, and {why}"), remedy)
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, ReadErrorKind},
    };

    const HEAD: &str = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";

    fn default_by(interface: &str, metric: u32) -> String {
        format!("{interface}\t00000000\t010200C0\t0003\t0\t0\t{metric}\t00000000\t0\t0\t0\n")
    }

    fn interface(memory: Memory, name: &str, flags: &str, operstate: &str, mtu: u32) -> Memory {
        let file = |file: &str| format!("/sys/class/net/{name}/{file}");
        memory
            .file(&file("flags"), flags)
            .file(&file("operstate"), operstate)
            .file(&file("mtu"), mtu.to_string())
    }

    fn trie(address: &str) -> String {
        format!("Main:\n     |-- {address}\n        /32 host LOCAL\n")
    }

    fn good() -> Memory {
        let memory = Memory::new()
            .file("/proc/self/net/route", format!("{HEAD}{}", default_by("eth0", 100)))
            .file("/proc/self/net/fib_trie", trie("192.0.2.2"));
        interface(memory, "eth0", "0x1003", "up", 1500)
    }

    fn ask(memory: Memory) -> Finding {
        let mut out = Findings::default();
        Interfaces::run(&InterfacesParams::default(), &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    #[test]
    fn every_verdict() {
        let two = format!("{HEAD}{}{}", default_by("eth0", 100), default_by("eth1", 100));
        let backup = format!("{HEAD}{}{}", default_by("eth1", 200), default_by("eth0", 100));
        for (memory, reason) in [
            (good(), "usable"),
            (good().file("/proc/self/net/route", HEAD), "no-default-route"),
            (interface(good(), "eth0", "0x1002", "down", 1500), "down"),
            (interface(good(), "eth0", "0x1003", "lowerlayerdown", 1500), "down"),
            (good().file("/proc/self/net/fib_trie", trie("127.0.0.1")), "no-address"),
            (good().file("/proc/self/net/route", two), "ambiguous"),
            (good().file("/proc/self/net/route", backup), "usable"),
            (interface(good(), "eth0", "0x1003", "up", 1000), "small-mtu"),
        ] {
            let found = ask(memory);
            assert_eq!(found.reason(), reason, "{found:?}");
            assert_eq!(found.outcome() == &Outcome::Pass, reason == "usable");
        }
    }

    #[test]
    fn what_can_t_be_read_is_not_known() {
        for memory in [
            Memory::new(),
            good().without("/proc/self/net/route"),
            good().without("/sys/class/net/eth0/operstate"),
            good().without("/proc/self/net/fib_trie"),
            good().error("/proc/self/net/route", ReadErrorKind::Denied("EACCES")),
        ] {
            assert!(matches!(ask(memory).outcome(), Outcome::Undetermined(_)));
        }
    }

    #[test]
    fn parameters() {
        let params = |families| InterfacesParams { families, min_mtu: 1280 };
        assert!(Interfaces::validate(&params(vec![])).is_err());
        assert!(Interfaces::validate(&params(vec![Family::Ipv4, Family::Ipv4])).is_err());
        assert!(Interfaces::validate(&params(vec![Family::Ipv4, Family::Ipv6])).is_ok());
    }
}
