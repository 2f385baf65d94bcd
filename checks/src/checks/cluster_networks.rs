//! `cluster-networks`: The networks of pods and services are nobody else's, and large enough.

mod params;
mod size;

use params::{ClusterNetworksParams, Networks};

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::network::{Family, Route, Routes},
    finding::{Finding, Findings, Remedy, Severity},
    node::Node,
};
use ipnet::IpNet;
use std::net::IpAddr;

/// The check `cluster-networks`.
pub struct ClusterNetworks;

impl Check for ClusterNetworks {
    type Params = ClusterNetworksParams;

    const META: Meta = Meta {
        id: "cluster-networks",
        summary: "The networks of pods and services are nobody else's, and large enough",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &ClusterNetworksParams) -> Result<(), String> {
        params.validate()
    }

    fn run(params: &ClusterNetworksParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for (subject, networks, key) in
            [("pods", &params.pod_cidr, "podCIDR"), ("services", &params.service_cidr, "serviceCIDR")]
        {
            if networks.0.is_empty() {
                let message = format!("the network of {subject} was not given (--set {key}=…)");
                out.push(Finding::not_applicable(subject, message, []));
                continue;
            }
            for network in &networks.0 {
                out.push(judge(subject, *network, params, node));
            }
        }
        Ok(())
    }
}

/// What one network collides with.
struct Collision {
    message: String,
    evidence: Vec<Evidence>,
    note: Option<String>,
    remedy: Remedy,
}

fn judge(whose: &str, network: IpNet, params: &ClusterNetworksParams, node: &Node) -> Finding {
    let subject = format!("{whose}/{network}");
    let problem = |reason, message: String, remedy| {
        Finding::problem(Severity::Fail, &subject, reason, message).remedy(remedy)
    };
    let another = || Remedy::new(format!("Choose another network for {whose}"));
    if let Some(why) = unusable(network) {
        return problem("unusable", format!("{network} can't be the network of {whose}: {why}"), another());
    }
    if let Some(other) = others(whose, params).find(|other| overlap(network, *other)) {
        let message = format!("the networks of pods and services overlap: {network} and {other}");
        return problem("overlap", message, another());
    }
    if whose == "pods"
        && let Some(message) = size::too_small(network, params)
    {
        let remedy = Remedy::new(
            "Choose a larger network for pods, a smaller part for each node, or fewer pods on a node",
        );
        return problem("too-small", message, remedy);
    }
    let routes = match node.routes(family(network)) {
        Ok(routes) => routes,
        Err(unknown) => {
            let message = format!("whether {network} is in use on this node could not be determined");
            return Finding::undetermined(Severity::Fail, &subject, "unknown", message, unknown);
        }
    };
    let addresses = match node.addresses(family(network)) {
        Ok(addresses) => addresses,
        Err(unknown) => {
            let message = format!("whether this node has an address in {network} could not be determined");
            return Finding::undetermined(Severity::Fail, &subject, "unknown", message, unknown);
        }
    };
    let own = params.node_address.filter(|address| network.contains(address));
    if let Some(address) = own.or_else(|| addresses.reachable().find(|address| network.contains(address))) {
        // An address of a bridge or tunnel that an earlier cluster left is told by its route.
        if let Some(collision) = by_route(network, routes) {
            return finding(&subject, collision);
        }
        let message = format!("the node's own address {address} lies in {network}, the network of {whose}");
        return problem("node-inside", message, another()).evidence([addresses.evidence()]);
    }
    if let Some(collision) = by_route(network, routes) {
        return finding(&subject, collision);
    }
    let proof = Proof::new(routes.summary()).and(addresses.evidence());
    Finding::pass(&subject, "free", format!("{network} is used for nothing else on this node"), proof)
}

fn finding(subject: &str, collision: Collision) -> Finding {
    Finding::problem(Severity::Fail, subject, "routed", collision.message)
        .evidence(collision.evidence)
        .notes(collision.note)
        .remedy(collision.remedy)
}

fn family(network: IpNet) -> Family {
    Family::of(network.addr())
}

fn overlap(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// The networks of the other kind.
fn others<'a>(whose: &str, params: &'a ClusterNetworksParams) -> impl Iterator<Item = IpNet> + 'a {
    let Networks(other) = if whose == "pods" { &params.service_cidr } else { &params.pod_cidr };
    other.iter().copied()
}

/// Networks that belong to everybody or to the machine itself.
fn unusable(network: IpNet) -> Option<&'static str> {
    let loopback: [IpNet; 2] = [IpNet::V4(V4_LOOPBACK), IpNet::V6(V6_LOOPBACK)];
    if loopback.iter().any(|local| overlap(network, *local)) {
        return Some("it holds the loopback addresses");
    }
    match network.addr() {
        IpAddr::V4(v4) if v4.is_link_local() => Some("it holds link-local addresses"),
        IpAddr::V4(v4) if v4.is_multicast() => Some("it holds multicast addresses"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("it holds link-local addresses"),
        IpAddr::V6(v6) if v6.is_multicast() => Some("it holds multicast addresses"),
        _ => None,
    }
}

const V4_LOOPBACK: ipnet::Ipv4Net = ipnet::Ipv4Net::new_assert(std::net::Ipv4Addr::new(127, 0, 0, 0), 8);
const V6_LOOPBACK: ipnet::Ipv6Net = ipnet::Ipv6Net::new_assert(std::net::Ipv6Addr::LOCALHOST, 128);

/// Interfaces that network plugins make: bridge and portmap (cni0), flannel, Calico, Cilium, Weave, kube-router, kube-proxy.
const OF_PLUGINS: [&str; 10] = [
    "cni0",
    "flannel",
    "cali",
    "tunl0",
    "vxlan.calico",
    "cilium",
    "lxc",
    "weave",
    "kube-bridge",
    "kube-ipvs0",
];

/// A route other than the default one that leads into the network, or a part of it.
fn by_route(network: IpNet, routes: &Routes) -> Option<Collision> {
    let route: &Route =
        routes.all.iter().find(|route| !route.is_default() && overlap(network, route.network))?;
    let evidence = vec![routes.evidence(route)];
    if OF_PLUGINS.iter().any(|plugin| route.interface.starts_with(plugin)) {
        let message =
            format!("{network} is routed already, by {} of a network plugin: {route}", route.interface);
        let remedy = Remedy::new(
            "Take away what the earlier cluster left, if this node does not belong to it any more",
        )
        .command("kubeadm reset")
        .command(format!("ip link delete {}", route.interface))
        .risk(crate::Risk::Service);
        let note = Some("this node seems to have joined a cluster before".to_owned());
        return Some(Collision { message, evidence, note, remedy });
    }
    let message =
        format!("{network} is routed already: {route}. What lies there would be out of reach for pods");
    let remedy = Remedy::new("Choose another network for the cluster");
    Some(Collision { message, evidence, note: None, remedy })
}

#[cfg(test)]
#[cfg(target_endian = "little")]
mod tests;
