//! Ports that have to be served already.

use super::{evidence, in_the_way, params::PortRule, subject};
use crate::{
    evidence::{Proof, Unknown},
    expect::{Expected, Property},
    facts::{
        Known,
        sockets::{Owner, Protocol, Socket, Sockets},
    },
    finding::{Finding, Remedy},
    matcher::Subject,
    node::Node,
};

pub(super) fn judge(rule: &PortRule, protocol: Protocol, sockets: &Sockets, node: &Node) -> Finding {
    let subject = subject(rule, protocol);
    let serves = |socket: &&Socket| !socket.is_connected && in_the_way(rule, socket);
    let held: Vec<&Socket> = sockets.all.iter().filter(serves).collect();
    let Some(first) = held.first() else {
        return Finding::problem(
            rule.severity,
            &subject,
            "not-listening",
            format!("nobody serves {subject}"),
        )
        .evidence(sockets.proof.clone().into_evidence())
        .notes(rule.why.clone())
        .remedy(Remedy::new("Start what has to serve it"));
    };
    let owner = || -> Known<Owner> {
        let nobody = || Unknown::new("no process is to be seen that holds it").needs("run as root");
        node.socket_owner(first.inode).ok_or_else(nobody)
    };
    let mut expected = Expected::default();
    expected.ask("owner", rule.expect.owner.as_ref(), &|| {
        Ok(Property::shown("/proc/PID/comm", owner()?.command))
    });
    expected.ask("unit", rule.expect.unit.as_ref(), &|| {
        let owner = owner()?;
        Ok(Property::shown(format!("/proc/{}/cgroup", owner.pid), owner.unit.unwrap_or_default()))
    });
    expected.ask("addresses", rule.expect.addresses.as_ref(), &|| {
        let addresses: Subject<'_> = held.iter().map(|socket| socket.address.to_string()).collect();
        Ok(Property::shown(format!("{} sockets", protocol.as_str()), addresses))
    });
    let unexpected = |message, seen| {
        Finding::problem(rule.severity, &subject, "unexpected", message)
            .evidence([seen])
            .notes(rule.why.clone())
    };
    let unknown = |why: &Unknown| {
        let message = format!("who serves {subject} could not be determined");
        Finding::undetermined(rule.severity, &subject, "unknown", message, why)
    };
    match expected.end().or(&subject, &unexpected, &unknown) {
        Ok(more) => {
            let proof = Proof::new(evidence(first, protocol, None)).and_all(more);
            Finding::pass(&subject, "held-as-wanted", format!("{subject} is served"), proof)
        }
        Err(finding) => *finding,
    }
}
