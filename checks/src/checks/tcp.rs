//! `tcp`: This node can connect to what it will need. Takes `--allow network`.

use super::reaching::{LONGEST, millis, unreached_finding, waiting};
use crate::{
    check::{Check, Meta},
    duration::Duration,
    endpoint::Endpoint,
    entry::{Entry, Written},
    evidence::{Evidence, Unknown},
    facts::reach::Reached,
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, Probe},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{net::SocketAddr, time};

/// This node can connect to what it will need. Takes `--allow network`.
///
/// ## What it looks at
/// It connects to each endpoint, says nothing, and closes. A name is looked up in /etc/hosts, then by the name servers of
/// /etc/resolv.conf; its addresses are tried one after the other, four at most. All endpoints are asked at the same time.
///
/// `connects` passes. `refused`, `timeout`, `no-route`, `no-name` (the name servers know no address) and `name-servers`
/// (none answered) do not. Where only some addresses answer, `some-addresses` warns.
///
/// ## Why it matters
/// A worker that can't reach the API server joins after minutes of time-outs: not at all. What is refused is mended on the
/// other side, what times out between both.
///
/// ## How to mend it
/// As each finding says: a listener, a firewall, a route, a name.
///
/// ## Sources
/// connect(2), ip(7); resolv.conf(5), hosts(5); kubernetes.io, Ports and Protocols. troubleshoot's tcpConnect tells a refused
/// connection from one that times out, but not a missing route or name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct TcpParams {
    /// What to connect to: `host:port`, or maps that say more. Empty words, as of inputs that are not set, are left out.
    pub endpoints: Vec<Written<TcpEndpoint>>,
    /// How long a connection, and a question to a name server, may take. Default: 3s; half a minute is the most.
    pub time: Duration,
}

impl Default for TcpParams {
    fn default() -> Self {
        Self { endpoints: Vec::new(), time: Duration::from_millis(3000) }
    }
}

/// What to connect to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TcpEndpoint {
    /// A host, by name or address, and a port: `10.0.0.1:6443`, `[2001:db8::1]:6443`.
    pub endpoint: Option<Endpoint>,
    /// What it is for, told where it can't be reached.
    #[serde(default)]
    pub why: Option<String>,
    /// The most that it can yield. Default: fail.
    #[serde(default)]
    pub severity: Severity,
}

impl Entry for TcpEndpoint {
    const WORD: &'static str = "a host and a port";

    fn from_word(word: &str) -> Result<Self, String> {
        let endpoint = if word.trim().is_empty() { None } else { Some(word.parse()?) };
        Ok(Self { endpoint, why: None, severity: Severity::Fail })
    }
}

/// The check `tcp`.
pub struct Tcp;

impl Check for Tcp {
    type Params = TcpParams;

    const META: Meta = Meta {
        id: "tcp",
        summary: "This node can connect to what it will need (takes --allow network)",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &TcpParams) -> Result<(), String> {
        if params.endpoints.is_empty() {
            return Err("name at least one of `endpoints`: registry.example:443".into());
        }
        if params.time.get() > LONGEST {
            return Err("half a minute for one connection is the most".into());
        }
        Ok(())
    }

    fn limit(params: &TcpParams) -> Option<time::Duration> {
        Some(waiting(params.time, params.endpoints.len()))
    }

    fn run(params: &TcpParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let millis = millis(params.time);
        let connect = |address: SocketAddr| Probe::Connect { address, millis };
        let asked: Vec<(&Endpoint, &TcpEndpoint)> = params
            .endpoints
            .iter()
            .filter_map(|Written(entry)| Some((entry.endpoint.as_ref()?, entry)))
            .collect();
        if asked.is_empty() {
            let message = "no endpoint is given";
            let seen = Evidence::new("policy", "endpoints: each is empty");
            out.push(Finding::not_applicable("endpoints", message, [seen]));
        }
        let targets: Vec<&Endpoint> = asked.iter().map(|(endpoint, _)| *endpoint).collect();
        node.reach_ahead(&targets, millis, |_, address| connect(address));
        for (endpoint, entry) in asked {
            let subject = endpoint.to_string();
            let finding = match node.reach(endpoint, millis, connect) {
                Ok(Ok(reached)) => connects(&subject, &reached),
                Ok(Err(unreached)) => unreached_finding(&subject, endpoint, entry.severity, unreached),
                Err(why) => {
                    let message = format!("whether {subject} can be reached could not be determined");
                    Finding::undetermined(entry.severity, &subject, "unknown", message, &why)
                }
            };
            out.push(finding.notes(entry.why.clone()));
        }
        Ok(())
    }
}

fn connects(subject: &str, reached: &Reached) -> Finding {
    let seen = Evidence::new(format!("connect(2) to {}", reached.address), "connected");
    if let Some((address, barrier)) = reached.in_vain.first() {
        let message =
            format!("{subject} can be reached, but not at its address {}: {}", address.ip(), barrier.text());
        return Finding::problem(Severity::Warn, subject, "some-addresses", message)
            .evidence(reached.evidence.iter().cloned())
            .evidence([seen])
            .remedy(Remedy::new("Mend the way to that address, or take it out of the name's addresses"))
            .note("programs try the addresses in turn: some wait for a time-out first, some give up");
    }
    let proof = crate::Proof::new(seen).and_all(reached.evidence.iter().cloned());
    Finding::pass(subject, "connects", format!("this node can connect to {subject}"), proof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Allow, Allowed, Memory},
    };

    fn ask(words: &[&str], answers: &[(&str, &str)], allowed: &[Allow]) -> Vec<Finding> {
        let params = TcpParams {
            endpoints: words.iter().map(|word| Written(TcpEndpoint::from_word(word).unwrap())).collect(),
            ..TcpParams::default()
        };
        Tcp::validate(&params).unwrap();
        let memory = Memory::new().file("/etc/hosts", "10.0.0.1 two\n10.0.0.2 two\n");
        let memory = answers.iter().fold(memory, |memory, (address, answer)| {
            memory.probe(Probe::Connect { address: address.parse().unwrap(), millis: 3000 }, answer)
        });
        let allowed: Allowed = allowed.iter().copied().collect();
        let mut out = Findings::default();
        Tcp::run(&params, &Node::in_memory(memory).allowing(allowed), &mut out).unwrap();
        out.into_inner().into_iter().map(|(finding, _)| finding).collect()
    }

    #[test]
    fn every_verdict() {
        let network = [Allow::Network];
        let one = |answer| ask(&["10.0.0.9:1"], &[("10.0.0.9:1", answer)], &network).remove(0);
        assert_eq!((one("ok").outcome(), one("ok").subject()), (&Outcome::Pass, "10.0.0.9:1"));
        for (errno, reason) in
            [("ECONNREFUSED", "refused"), ("ETIMEDOUT", "timeout"), ("ENETUNREACH", "no-route")]
        {
            let found = one(errno);
            assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, reason));
            assert!(found.mend().is_some());
        }
        assert!(matches!(one("EACCES").outcome(), Outcome::Undetermined(_)));
        let some = [("10.0.0.1:1", "ETIMEDOUT"), ("10.0.0.2:1", "ok")];
        let found = ask(&["two:1"], &some, &network).remove(0);
        assert_eq!((found.reason(), found.severity()), ("some-addresses", Severity::Warn));
        let none = ask(&[""], &[], &network).remove(0);
        assert_eq!(none.outcome(), &Outcome::NotApplicable);
    }

    #[test]
    fn without_the_allowance_nothing_is_asked() {
        let found = ask(&["10.0.0.9:1", "two:1"], &[("10.0.0.9:1", "ok")], &[]);
        assert_eq!(found.len(), 2);
        for finding in found {
            let Outcome::Undetermined(Some(needs)) = finding.outcome() else { panic!("{finding:?}") };
            assert!(needs.contains("--allow network"));
        }
    }
}
