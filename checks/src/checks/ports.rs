//! `ports`: The ports that are to be served here are free, and if not, who holds them.

mod listening;
mod params;

use params::{PortRule, PortsParams};

use crate::{
    check::{Check, Meta},
    entry::Written,
    evidence::{Proof, Unknown},
    facts::sockets::{Owner, Protocol, Socket, Sockets},
    finding::{Finding, Findings, Remedy, Risk, Severity},
    node::Node,
};
use std::net::{IpAddr, SocketAddr};

/// The check `ports`.
pub struct Ports;

impl Check for Ports {
    type Params = PortsParams;

    const META: Meta = Meta {
        id: "ports",
        summary: "The ports that are to be served here are free, and if not, who holds them",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &PortsParams) -> Result<(), String> {
        params.validate()
    }

    fn run(params: &PortsParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for (rules, protocol) in [(&params.tcp, Protocol::Tcp), (&params.udp, Protocol::Udp)] {
            for Written(rule) in rules {
                let finding = match node.sockets(protocol) {
                    Ok(sockets) if rule.listening => listening::judge(rule, protocol, sockets, node),
                    Ok(sockets) => judge(rule, protocol, sockets, node),
                    Err(unknown) => {
                        let subject = subject(rule, protocol);
                        let message = format!("whether {subject} is free could not be determined");
                        Finding::undetermined(rule.severity, subject, "unknown", message, unknown)
                    }
                };
                out.push(named_by_kubeadm(finding, rule, protocol));
            }
        }
        Ok(())
    }
}

fn subject(rule: &PortRule, protocol: Protocol) -> String {
    format!("{}/{}", protocol.as_str(), rule.port)
}

/// kubeadm looks at single ports of TCP, by trying to bind them (checks.go, PortOpenCheck).
fn named_by_kubeadm(finding: Finding, rule: &PortRule, protocol: Protocol) -> Finding {
    match (protocol, rule.port.single()) {
        (Protocol::Tcp, Some(port)) => finding.kubeadm(format!("Port-{port}")),
        _ => finding,
    }
}

fn judge(rule: &PortRule, protocol: Protocol, sockets: &Sockets, node: &Node) -> Finding {
    let subject = subject(rule, protocol);
    let mut held: Vec<&Socket> = sockets.all.iter().filter(|socket| in_the_way(rule, socket)).collect();
    // Servers first: one end of a conversation may be gone in a moment.
    held.sort_by_key(|socket| socket.is_connected);
    let Some(first) = held.first() else {
        let message = match rule.port.single() {
            Some(_) => format!("{subject} is free"),
            None => format!("all of {subject} is free"),
        };
        return Finding::pass(subject, "free", message, sockets.proof.clone());
    };
    let owner = node.socket_owner(first.inode);
    if let Some(owner) = owner.as_ref().filter(|owner| rule.owners.contains(&owner.command)) {
        let message = format!("{subject} is held by {}, as it should be", owner.command);
        let proof = Proof::new(evidence(first, protocol, Some(owner)));
        return Finding::pass(subject, "held-as-wanted", message, proof);
    }
    let by = match &owner {
        Some(owner) => format!("by {owner}"),
        None if node.user() == Some(0) => "by no process that is to be seen here".to_owned(),
        None => "by a process of another user (root can see whose)".to_owned(),
    };
    let message = match rule.port.single() {
        Some(_) => format!("{subject} is in use, {by}"),
        None => format!("of {subject} {} are in use; {} {by}", numbers(&held), first.port),
    };
    let seen = held.iter().take(8).enumerate();
    let severity = if first.is_connected { Severity::Warn } else { rule.severity };
    Finding::problem(severity, subject, "in-use", message)
        .evidence(seen.map(|(i, socket)| evidence(socket, protocol, owner.as_ref().filter(|_| i == 0))))
        .notes(rule.why.clone())
        .notes(conversation(first))
        .notes(loopback_only(&held))
        .notes(joined(owner.as_ref()))
        .remedy(remedy(owner.as_ref(), first, protocol))
}

/// Whether a socket is in the way of a server on this port. On Linux a listener on one address keeps another one from all
/// addresses (EADDRINUSE), and the other way round; one on `::` holds IPv4 too unless it was set to IPV6_V6ONLY, which
/// /proc does not tell, but netlink does. A server that wants `::` is taken for one that wants IPv4, too (Go's net.Listen).
fn in_the_way(rule: &PortRule, socket: &Socket) -> bool {
    let keeps_from = |wanted: IpAddr| match (socket.address.is_ipv6(), wanted.is_ipv6()) {
        (false, true) => wanted.is_unspecified(),
        (true, false) => socket.holds_ipv4(),
        _ => socket.address == wanted || wanted.is_unspecified() || socket.is_wildcard(),
    };
    // Of a range nobody needs each port, and one end of a conversation may have any of them for a moment.
    let counts = !socket.is_connected || rule.port.single().is_some();
    rule.port.contains(socket.port)
        && counts
        && rule.address.is_none_or(|wanted| keeps_from(wanted.to_canonical()))
}

fn evidence(socket: &Socket, protocol: Protocol, owner: Option<&Owner>) -> crate::Evidence {
    let address = SocketAddr::new(socket.address, socket.port);
    let only = if socket.v6_only == Some(true) { " (IPv6 only)" } else { "" };
    let by = owner.map(|owner| format!(", {owner}")).unwrap_or_default();
    crate::Evidence::new(format!("{} sockets", protocol.as_str()), format!("{address}{only}{by}"))
}

/// Some ports, as few words as will do.
fn numbers(held: &[&Socket]) -> String {
    let mut ports: Vec<u16> = held.iter().map(|socket| socket.port).collect();
    ports.sort_unstable();
    ports.dedup();
    let shown: Vec<String> = ports.iter().take(5).map(u16::to_string).collect();
    let more = ports.len() - shown.len();
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

/// A connected socket of UDP keeps its port from others as any does (net/ipv4/udp.c, `udp_lib_lport_inuse`).
fn conversation(first: &Socket) -> Option<String> {
    first.is_connected.then(|| {
        "what holds it is one end of a conversation, no server; as long as it lasts nobody else can have the port"
            .to_owned()
    })
}

fn loopback_only(held: &[&Socket]) -> Option<String> {
    held.iter().all(|socket| socket.address.is_loopback()).then(|| {
        "it is held on the loopback address only; a server on all addresses can't have it all the same"
            .to_owned()
    })
}

/// Programs of Kubernetes on its own ports: the node has joined already.
fn joined(owner: Option<&Owner>) -> Option<String> {
    const OWN: [&str; 8] = [
        "kubelet",
        "kube-apiserver",
        "kube-controller", // comm is cut after fifteen characters
        "kube-scheduler",
        "kube-proxy",
        "etcd",
        "k3s-server",
        "k0s",
    ];
    let command = &owner?.command;
    OWN.iter().any(|own| command.starts_with(own)).then(|| {
        format!("{command} is a part of Kubernetes: this node seems to have joined a cluster already")
    })
}

fn remedy(owner: Option<&Owner>, socket: &Socket, protocol: Protocol) -> Remedy {
    let option = if protocol == Protocol::Tcp { "t" } else { "u" };
    match owner {
        Some(Owner { command, unit: Some(unit), .. }) if unit.ends_with(".service") => {
            Remedy::new(format!("Stop {command}, or have it use another port"))
                .command(format!("systemctl stop {unit}"))
                .persistent(format!("systemctl disable {unit}"))
                .risk(Risk::Service)
        }
        Some(Owner { command, pid, .. }) => {
            Remedy::new(format!("Stop {command}, or have it use another port"))
                .command(format!("kill {pid}"))
                .risk(Risk::Service)
        }
        None => Remedy::new("Find out who holds it, and stop that, or have it use another port")
            .command(format!("ss -H -ln{option}p 'sport = :{}'", socket.port)),
    }
}

#[cfg(test)]
mod tests;
