//! `dns`: Name servers answer, names have addresses, and search domains do not answer for everything. Takes
//! `--allow network`.

use super::reaching::{LONGEST, millis, waiting};
use crate::{
    check::{Check, Meta},
    duration::Duration,
    entry::{Entry, Written},
    evidence::{Proof, Unknown},
    expect::{Expected, Judged, Property},
    facts::lookup::{Lookup, Resolver, evidence, question},
    finding::{Finding, Findings, Remedy, Severity},
    matcher::{Matcher, Subject},
    node::{Node, Probed},
};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use std::{net::IpAddr, rc::Rc, time};

/// Name servers answer, names have addresses, and search domains do not answer for everything. Takes `--allow network`.
///
/// ## What it looks at
/// Each of the name servers of /etc/resolv.conf, at most three, is asked by itself for the first of the names, or for the
/// root where none is given. Each name is looked up as programs do: /etc/hosts, search domains, one server after the other,
/// addresses of IPv4 and of IPv6. In each search domain it asks for a name that nobody gave to anything.
///
/// Servers: `answers` passes; `silent`, `refused` and `fails` (it answers that it can't) do not, and only warn while another
/// one answers. Names: `resolves` passes; `no-such-name`, `other-address`, `unexpected` (of `expect`) and `name-servers` do not. Search domains: `exact`
/// passes, `wildcard` warns.
///
/// ## Why it matters
/// A dead server in front of a good one makes every lookup of every pod wait for seconds. A search domain that answers for
/// every name catches what pods ask for: with `ndots:5` they try `registry.example` in it first, and get its address.
///
/// ## How to mend it
/// Take the dead server out of /etc/resolv.conf; add the record; take the wildcard out of the zone or the domain out of
/// `search`.
///
/// ## Sources
/// resolv.conf(5) (MAXNS 3, ndots, timeout 5 s); RFC 1035; RFC 4592 (wildcards); kubernetes.io, DNS for Services and Pods;
/// troubleshoot's collector `dns`, which looks for wildcards, too.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DnsParams {
    /// Names that must have an address: words, or maps that say more. Default: none; only the servers are asked.
    pub names: Vec<Written<DnsName>>,
    /// How long one question may take. Default: 2s; half a minute is the most.
    pub time: Duration,
    /// Whether search domains are asked for wildcards. Default: true.
    pub wildcards: bool,
}

impl Default for DnsParams {
    fn default() -> Self {
        Self { names: Vec::new(), time: Duration::from_millis(2000), wildcards: true }
    }
}

/// A name that must have an address.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DnsName {
    /// The name.
    pub name: String,
    /// Addresses or networks in which each of its addresses must be. Default: any.
    #[serde(default)]
    pub within: Vec<Network>,
    /// What is expected of its addresses, a list: `{ count: 2 }`, `{ contains: 10.0.0.1 }`.
    #[serde(default)]
    pub expect: DnsExpectations,
    /// What it is for, told where it is missing.
    #[serde(default)]
    pub why: Option<String>,
    /// The most that it can yield. Default: fail.
    #[serde(default)]
    pub severity: Severity,
}

/// What is expected of what a name server answers.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DnsExpectations {
    /// The addresses of the name.
    pub addresses: Option<Matcher>,
}

/// An address, or a network.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub struct Network(#[schemars(with = "String")] IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| format!("`{text}` is no address and no network: 10.0.0.1, 10.0.0.0/8"))
    }
}

impl Entry for DnsName {
    const WORD: &'static str = "a name";

    fn from_word(word: &str) -> Result<Self, String> {
        let (name, expect) = (word.to_owned(), DnsExpectations::default());
        Ok(Self { name, within: Vec::new(), expect, why: None, severity: Severity::Fail })
    }
}

/// The check `dns`.
pub struct Dns;

/// A name that nobody gave to anything.
const NOBODY: &str = "preflight-asks-for-a-name-that-nobody-has";
/// The root, of which every server knows.
const ROOT: &str = ".";

impl Check for Dns {
    type Params = DnsParams;

    const META: Meta = Meta {
        id: "dns",
        summary: "Name servers answer, names have addresses, and search domains do not answer for everything (takes --allow network)",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &DnsParams) -> Result<(), String> {
        if params.time.get() > LONGEST {
            return Err("half a minute for one question is the most".into());
        }
        for Written(name) in &params.names {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if name.name.is_empty() || name.name.len() > 253 || !name.name.chars().all(fits) {
                return Err(format!("`{}` is not a name such as registry.example", name.name));
            }
        }
        Ok(())
    }

    fn limit(params: &DnsParams) -> Option<time::Duration> {
        Some(waiting(params.time, params.names.len() + 2))
    }

    fn run(params: &DnsParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let millis = millis(params.time);
        let resolver = node.resolver()?;
        ask_ahead(params, node, &resolver, millis);
        servers(params, node, &resolver, millis, out);
        for Written(name) in &params.names {
            out.push(judge(name, node, millis).notes(name.why.clone()));
        }
        if params.wildcards {
            for domain in &resolver.search {
                out.push(wildcard(domain, node, &resolver, millis));
            }
        }
        Ok(())
    }
}

/// What each server is asked: the first name, as it is tried first. Without one the root, of which a server that serves only
/// some zones wants to know nothing.
fn asked_of_servers(params: &DnsParams, resolver: &Resolver) -> String {
    let first =
        params.names.first().and_then(|Written(name)| resolver.candidates(&name.name).into_iter().next());
    first.unwrap_or_else(|| ROOT.to_owned())
}

/// All first questions at the same time.
fn ask_ahead(params: &DnsParams, node: &Node, resolver: &Resolver, millis: u32) {
    let names = params.names.iter().map(|Written(name)| name.name.as_str());
    let mut questions = node.first_questions(names, millis);
    let known = asked_of_servers(params, resolver);
    questions.extend(resolver.servers.iter().map(|server| question(*server, &known, false, millis)));
    if params.wildcards
        && let Some(&first) = resolver.servers.first()
    {
        let names = resolver.search.iter().map(|domain| format!("{NOBODY}.{domain}"));
        questions.extend(names.map(|name| question(first, &name, false, millis)));
    }
    node.probe_together(questions);
}

/// What is wrong with a server: the reason of the finding, and the words for it.
fn trouble(errno: &str) -> (&'static str, &'static str) {
    match errno {
        "timeout" | "ETIMEDOUT" => ("silent", "does not answer in time"),
        "ECONNREFUSED" => ("refused", "refuses: no name server listens there"),
        "EHOSTUNREACH" | "ENETUNREACH" | "ENETDOWN" => {
            ("no-route", "can't be reached: there is no way to it")
        }
        _ => ("fails", "answers that it can't"),
    }
}

fn servers(params: &DnsParams, node: &Node, resolver: &Resolver, millis: u32, out: &mut Findings) {
    let name = asked_of_servers(params, resolver);
    let ask = |server: &IpAddr| (*server, node.probe(&question(*server, &name, false, millis)));
    let asked: Vec<(IpAddr, Rc<Probed>)> = resolver.servers.iter().map(ask).collect();
    // That there is no such name is an answer, too.
    let answers = |probed: &Probed| probed.works() || probed.errno() == Some("NXDOMAIN");
    let one_answers = asked.iter().any(|(_, probed)| answers(probed));
    for (server, probed) in &asked {
        let subject = format!("server/{server}");
        let seen = evidence(*server, &name, false, probed);
        out.push(match (probed.answer(), probed.errno()) {
            (Err(e), _) => {
                let message = format!("whether the name server {server} answers could not be determined");
                Finding::undetermined(Severity::Fail, subject, "unknown", message, &e.unknown())
            }
            (_, Some(errno)) if !answers(probed) => no_answer(*server, errno, one_answers).evidence([seen]),
            _ => Finding::pass(subject, "answers", format!("the name server {server} answers"), seen),
        });
    }
}

fn no_answer(server: IpAddr, errno: &str, one_answers: bool) -> Finding {
    let (reason, words) = trouble(errno);
    let severity = if one_answers { Severity::Warn } else { Severity::Fail };
    let message = format!("the name server {server} {words}");
    let finding = Finding::problem(severity, format!("server/{server}"), reason, message).remedy(
        Remedy::new(format!("Take {server} out of /etc/resolv.conf, or see that it answers this node")),
    );
    if one_answers {
        finding.note("programs ask the servers in turn, and wait for seconds before they ask the next one")
    } else {
        finding.causes("name-servers")
    }
}

fn judge(name: &DnsName, node: &Node, millis: u32) -> Finding {
    let DnsName { name: subject, within, severity, expect, .. } = name;
    let (addresses, seen) = match node.lookup(subject, millis) {
        Ok(Lookup::Found(addresses, seen)) => (addresses, seen),
        Ok(Lookup::None(seen)) => {
            let message = format!("the name servers know no address of {subject}");
            return Finding::problem(*severity, subject, "no-such-name", message)
                .evidence(seen)
                .remedy(Remedy::new(format!("Add {subject} to the zone that they serve, or to /etc/hosts")));
        }
        Ok(Lookup::Unanswered(seen)) => {
            let message = format!("no name server says whether there is {subject}");
            return Finding::problem(*severity, subject, "name-servers", message)
                .evidence(seen)
                .remedy(Remedy::new("See that /etc/resolv.conf names servers that answer this node"))
                .follows("name-servers");
        }
        Err(why) => {
            let message = format!("whether {subject} has an address could not be determined");
            return Finding::undetermined(*severity, subject, "unknown", message, &why);
        }
    };
    let shown: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    let is_within = |address: &IpAddr| within.iter().any(|Network(network)| network.contains(address));
    if let Some(other) = addresses.iter().find(|address| !within.is_empty() && !is_within(address)) {
        let wanted: Vec<String> = within.iter().map(|Network(network)| network.to_string()).collect();
        let message = format!("{subject} has the address {other}, which is not in {}", wanted.join(", "));
        return Finding::problem(*severity, subject, "other-address", message)
            .evidence(seen)
            .remedy(Remedy::new("Correct the record, or the line in /etc/hosts"));
    }
    let mut expected = Expected::default();
    expected.ask("addresses", expect.addresses.as_ref(), &|| {
        let addresses: Subject<'_> = shown.iter().map(String::as_str).collect();
        Ok(Property::shown(format!("addresses of {subject}"), addresses))
    });
    if let Judged::Unexpected(how, seen) = expected.end() {
        return Finding::problem(*severity, subject, "unexpected", format!("{subject}: {how}"))
            .evidence([seen]);
    }
    let message = format!("{subject} is {}", shown.join(", "));
    match Proof::of(seen) {
        Some(proof) => Finding::pass(subject, "resolves", message, proof),
        // An address in the place of a name.
        None => Finding::not_applicable(subject, "it is an address, and needs no lookup", []),
    }
}

fn wildcard(domain: &str, node: &Node, resolver: &Resolver, millis: u32) -> Finding {
    let subject = format!("wildcard/{domain}");
    let name = format!("{NOBODY}.{domain}");
    let unknown = |why: &Unknown| {
        let message = format!("whether {domain} answers for every name could not be determined");
        Finding::undetermined(Severity::Warn, &subject, "unknown", message, why)
    };
    let mut tried = Vec::new();
    for &server in &resolver.servers {
        let probed = node.probe(&question(server, &name, false, millis));
        let seen = evidence(server, &name, false, &probed);
        match (probed.answer(), probed.details(), probed.errno()) {
            (Err(e), ..) => return unknown(&e.unknown()),
            (_, Some(addresses), _) if !addresses.is_empty() => {
                let message =
                    format!("the search domain {domain} has an address for every name: {addresses}");
                return Finding::problem(Severity::Warn, subject, "wildcard", message)
                    .evidence([seen])
                    .note("pods try the names of others in it first (ndots:5), and get this address for them")
                    .remedy(Remedy::new(format!(
                        "Take `*.{domain}` out of the zone, or {domain} out of `search` in the resolv.conf of the kubelet"
                    )));
            }
            (_, Some(_), _) | (.., Some("NXDOMAIN")) => {
                let message = format!("the search domain {domain} answers for the names that it has");
                return Finding::pass(subject, "exact", message, seen);
            }
            _ => tried.push(seen),
        }
    }
    unknown(&Unknown::new("no name server answered").tried(tried)).follows("name-servers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Allow, Allowed, Memory, Probe},
    };

    fn memory(conf: &str) -> Memory {
        Memory::new().file("/etc/resolv.conf", conf).file("/etc/hosts", "10.1.1.1 here\n")
    }

    fn said(memory: Memory, server: u8, name: &str, v4: &str, v6: &str) -> Memory {
        let question =
            |v6| Probe::Lookup { server: [10, 0, 0, server].into(), name: name.into(), v6, millis: 2000 };
        memory.probe(question(false), v4).probe(question(true), v6)
    }

    fn ask(names: &[&str], memory: Memory) -> Vec<Finding> {
        let names = names.iter().map(|name| Written(DnsName::from_word(name).unwrap())).collect();
        ask_with(&DnsParams { names, ..DnsParams::default() }, memory)
    }

    fn ask_with(params: &DnsParams, memory: Memory) -> Vec<Finding> {
        Dns::validate(params).unwrap();
        let allowed: Allowed = [Allow::Network].into_iter().collect();
        let mut out = Findings::default();
        Dns::run(params, &Node::in_memory(memory).allowing(allowed), &mut out).unwrap();
        out.into_inner().into_iter().map(|(finding, _)| finding).collect()
    }

    fn brief(found: &[Finding]) -> Vec<String> {
        found.iter().map(|f| format!("{} {}", f.subject(), f.reason())).collect()
    }

    #[test]
    fn servers_one_by_one() {
        let conf = "nameserver 10.0.0.1\nnameserver 10.0.0.2\n";
        let good = said(memory(conf), 2, ".", "ok, ", "ok, ");
        let found = ask(&[], said(good, 1, ".", "timeout", "timeout"));
        assert_eq!(brief(&found), ["server/10.0.0.1 silent", "server/10.0.0.2 answers"]);
        assert_eq!(found[0].severity(), Severity::Warn, "the other one answers");
        // It may know nothing of the root: what it says of a name counts.
        let zones = said(said(memory(conf), 2, ".", "REFUSED", "REFUSED"), 1, ".", "REFUSED", "REFUSED");
        let zones =
            said(said(zones, 1, "a.example", "NXDOMAIN", "ok, "), 2, "a.example", "ok, 10.1.1.2", "ok, ");
        assert_eq!(
            brief(&ask(&["a.example"], zones))[..2],
            ["server/10.0.0.1 answers", "server/10.0.0.2 answers"]
        );
        let bad = said(memory(conf), 2, ".", "ECONNREFUSED", "");
        let found = ask(&[], said(bad, 1, ".", "SERVFAIL", "SERVFAIL"));
        assert_eq!(brief(&found), ["server/10.0.0.1 fails", "server/10.0.0.2 refused"]);
        assert!(found.iter().all(|f| f.severity() == Severity::Fail && f.cause().is_some()));
        let captured = ask(&[], memory(conf));
        assert!(captured.iter().all(|f| matches!(f.outcome(), Outcome::Undetermined(_))), "{captured:?}");
    }

    #[test]
    fn names() {
        let good = || memory("nameserver 10.0.0.1\n");
        let one = |name: &str, v4, v6| ask(&[name], said(good(), 1, name, v4, v6)).remove(1);
        assert_eq!(one("a.example", "ok, 10.2.2.2", "ok, ").message(), "a.example is 10.2.2.2");
        assert_eq!(one("a.example", "NXDOMAIN", "NXDOMAIN").reason(), "no-such-name");
        assert_eq!(one("a.example", "ok, ", "ok, ").reason(), "no-such-name");
        let silent = one("a.example", "timeout", "timeout");
        assert_eq!(
            (silent.reason(), silent.cause().unwrap().name.as_str()),
            ("name-servers", "name-servers")
        );
        assert_eq!(one("here", "", "").message(), "here is 10.1.1.1");
        assert!(matches!(one("a.example", "EPERM", "EPERM").outcome(), Outcome::Undetermined(_)));
        let within = |network: &str| {
            let within = vec![Network::try_from(network.to_owned()).unwrap()];
            let name = DnsName { within, ..DnsName::from_word("here").unwrap() };
            let params = DnsParams { names: vec![Written(name)], ..DnsParams::default() };
            ask_with(&params, good()).remove(1).reason()
        };
        let expects = |address: &str| {
            let addresses = Some(Matcher::each_equals(address));
            let name =
                DnsName { expect: DnsExpectations { addresses }, ..DnsName::from_word("here").unwrap() };
            let params = DnsParams { names: vec![Written(name)], ..DnsParams::default() };
            ask_with(&params, good()).remove(1).reason()
        };
        assert_eq!([expects("10.1.1.1"), expects("10.1.1.2")], ["resolves", "unexpected"]);
        assert_eq!(
            ["10.1.0.0/16", "10.1.1.1", "192.0.2.0/24"].map(within),
            ["resolves", "resolves", "other-address"]
        );
    }

    #[test]
    fn search_domains() {
        let conf = "search corp.example\nnameserver 10.0.0.1\n";
        let good = || said(memory(conf), 1, ".", "ok, ", "ok, ");
        let name = format!("{NOBODY}.corp.example");
        let reason = |answer| ask(&[], said(good(), 1, &name, answer, "ok, ")).remove(1).reason();
        assert_eq!(reason("ok, 10.3.3.3"), "wildcard");
        assert_eq!([reason("NXDOMAIN"), reason("ok, ")], ["exact", "exact"]);
        assert_eq!(reason("SERVFAIL"), "unknown");
        let off = DnsParams { wildcards: false, ..DnsParams::default() };
        assert_eq!(ask_with(&off, good()).len(), 1);
    }

    #[test]
    fn wrong_names_are_told() {
        for name in ["", "a b", "x/y"] {
            let names = vec![Written(DnsName::from_word(name).unwrap())];
            assert!(Dns::validate(&DnsParams { names, ..DnsParams::default() }).is_err());
        }
    }
}
