//! `hostname`: The host name can be the name of a node, and leads to it.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{
        Known,
        hosts::{self, HOSTS},
    },
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, Read, ReadError},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{borrow::Cow, net::IpAddr};

/// The host name can be the name of a node, and leads to it.
///
/// ## What it looks at
/// The running kernel's host name (/proc/sys/kernel/hostname), against /etc/hostname, which names it at boot, and the
/// lines of /etc/hosts. No name server is asked. One finding: the worst of what was found, the rest as notes.
///
/// `fit` passes; `invalid`, `too-long` and `localhost` fail; `changes-at-boot` and `loopback` warn.
///
/// ## Why it matters
/// The kubelet registers the node under its host name, in lower case, and the API server refuses a name that is no DNS
/// subdomain. Machines that were cloned or never named are called localhost, all of them. Where another name comes with
/// the next boot, the kubelet comes back as another node. A name that leads to 127.0.0.1 makes etcd and others listen
/// where nobody reaches them.
///
/// ## How to mend it
/// `hostnamectl set-hostname NAME`, with letters, digits, `-` and `.`; a line with the node's address in /etc/hosts.
///
/// ## Sources
/// RFC 1123; kubernetes apimachinery util/validation, IsDNS1123Subdomain; pkg/util/node, GetHostname (trimmed, lower case);
/// kubeadm's check Hostname (two warnings for one cause); hostname(5), hosts(5); Embedded Cluster wants 54 characters at
/// most, because k0s puts `k0s-ctrl-` before the name and a label of DNS ends at 63.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct HostnameParams {
    /// How long the name may be. Default: 63, a label of DNS, which values of Kubernetes' labels have to fit into.
    pub max_length: usize,
    /// The name under which the node shall join, where it is not the host name (nodeRegistration.name, --hostname-override).
    /// Default, and where it is an empty word: the host name.
    pub name: String,
}

impl Default for HostnameParams {
    fn default() -> Self {
        Self { max_length: 63, name: String::new() }
    }
}

/// The check `hostname`.
pub struct Hostname;

const RUNNING: &str = "/proc/sys/kernel/hostname";
const AT_BOOT: &str = "/etc/hostname";
const SUBJECT: &str = "name";

impl Check for Hostname {
    type Params = HostnameParams;

    const META: Meta = Meta {
        id: "hostname",
        summary: "The host name can be the name of a node, and leads to it",
        since: "0.1.0",
        kubeadm: Some("Hostname"),
    };

    fn validate(params: &HostnameParams) -> Result<(), String> {
        if (1..=253).contains(&params.max_length) {
            Ok(())
        } else {
            Err("a name has between 1 and 253 characters".into())
        }
    }

    fn run(params: &HostnameParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(judge(params, node));
        Ok(())
    }
}

/// The name to judge, and where it was seen: the policy's own, or the machine's.
fn name_of(params: &HostnameParams, node: &Node) -> Known<(String, Evidence)> {
    if !params.name.is_empty() {
        return Ok((params.name.clone(), Evidence::new("policy", format!("name: {}", params.name))));
    }
    let read = node.read(RUNNING);
    let text = read.text().map_err(ReadError::unknown)?;
    let name = text.trim().to_owned();
    if name.is_empty() {
        return Err(Unknown::new(format!("{RUNNING} is empty")).tried([read.evidence()]));
    }
    let seen = read.quote(&*name);
    Ok((name, seen))
}

fn judge(params: &HostnameParams, node: &Node) -> Finding {
    let (name, seen) = match name_of(params, node) {
        Ok(found) => found,
        Err(why) => {
            let message = "the host name could not be determined";
            return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, &why);
        }
    };
    let problem = |severity, reason, message: String, evidence: Vec<Evidence>, remedy| {
        Finding::problem(severity, SUBJECT, reason, message)
            .evidence([seen.clone()])
            .evidence(evidence)
            .remedy(remedy)
    };
    let rename =
        || Remedy::new("Give the machine a name of its own").command("hostnamectl set-hostname NAME");
    if let Some(why) = invalid(&name) {
        let message = format!("`{name}` can't be the name of a node: {why}");
        return problem(Severity::Fail, "invalid", message, vec![], rename());
    }
    if name.len() > params.max_length {
        let message = format!("the name has {} characters, and may have {}", name.len(), params.max_length);
        return problem(Severity::Fail, "too-long", message, vec![], rename());
    }
    if name == "localhost" || name.starts_with("localhost.") {
        let message = format!("the host name is `{name}`, as on every machine that was never named");
        return problem(Severity::Fail, "localhost", message, vec![], rename());
    }
    let at_boot = if params.name.is_empty() { other_at_boot(&name, node) } else { Ok(None) };
    if let Ok(Some((other, evidence))) = &at_boot {
        let message = format!("the host name is `{name}` now, and `{other}` after the next boot");
        let remedy = Remedy::new("Make the name last").command(format!("hostnamectl set-hostname {name}"));
        return problem(Severity::Warn, "changes-at-boot", message, vec![evidence.clone()], remedy);
    }
    let addresses = addresses(&name, node);
    if let Ok([(address, evidence)]) = addresses.as_deref()
        && address.is_loopback()
        && !is_debian_habit(*address)
    {
        let message =
            format!("/etc/hosts says that `{name}` is {address}, where only this machine reaches it");
        let remedy = Remedy::new(format!(
            "Put the address under which others reach this node beside {name} in /etc/hosts"
        ))
        .persistent(format!("in /etc/hosts: ADDRESS {name}"));
        return problem(Severity::Warn, "loopback", message, vec![evidence.clone()], remedy);
    }
    let addresses = match at_boot.and(addresses) {
        Ok(addresses) => addresses,
        Err(unknown) => {
            let message = format!("whether `{name}` lasts and leads to this node could not be determined");
            return Finding::undetermined(Severity::Warn, SUBJECT, "unknown", message, &unknown);
        }
    };
    let proof = Proof::new(seen).and_all(addresses.iter().map(|(_, evidence)| evidence.clone()));
    let finding = Finding::pass(SUBJECT, "fit", format!("`{name}` can be the name of a node"), proof);
    let habit = addresses.iter().any(|(address, _)| is_debian_habit(*address));
    let finding = finding.notes(habit.then(|| {
        "/etc/hosts has the name at 127.0.1.1, as Debian does; what looks itself up by name finds that"
            .to_owned()
    }));
    finding.notes(
        (name != name.to_lowercase())
            .then(|| format!("the kubelet calls the node `{}`, in lower case", name.to_lowercase())),
    )
}

/// Debian's installer gives the name an address of its own on the loopback interface (Debian Reference, 5.1.1).
fn is_debian_habit(address: IpAddr) -> bool {
    address == IpAddr::from([127, 0, 1, 1])
}

/// Why it is no DNS subdomain, in lower case as the kubelet uses it.
fn invalid(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.len() > 253 {
        return Some("it has more than 253 characters");
    }
    for label in name.split('.') {
        if label.is_empty() {
            return Some("it has two dots in a row, or one at an end");
        }
        if !label.chars().all(fits) {
            return Some("it may have letters, digits, `-` and `.` only");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Some("no part of it may begin or end with `-`");
        }
    }
    None
}

/// The name that the next boot gives, where it is another one. systemd takes the first line that is no comment.
fn other_at_boot(name: &str, node: &Node) -> Known<Option<(String, Evidence)>> {
    let read = node.read(AT_BOOT);
    let Some(text) = text_if_there(&read, node)? else { return Ok(None) };
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let other = line.filter(|line| !line.eq_ignore_ascii_case(name));
    Ok(other.map(|line| (line.to_owned(), read.quote(line))))
}

/// The addresses that /etc/hosts gives to the name.
fn addresses(name: &str, node: &Node) -> Known<Vec<(IpAddr, Evidence)>> {
    let read = node.read(HOSTS);
    let Some(text) = text_if_there(&read, node)? else { return Ok(Vec::new()) };
    Ok(hosts::addresses(&text, name).map(|(address, line)| (address, read.quote(line))).collect())
}

/// What a file says; none where it is not there but /etc is. One that can't be read may say anything.
fn text_if_there<'a>(read: &'a Read, node: &Node) -> Known<Option<Cow<'a, str>>> {
    match read.text() {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.is_missing() && node.kind("/etc").is_ok() => Ok(None),
        Err(e) => Err(e.unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, ReadErrorKind},
    };

    fn named(name: &str) -> Memory {
        Memory::new().file(RUNNING, format!("{name}\n")).file("/etc/passwd", "")
    }

    fn ask(memory: Memory) -> Finding {
        ask_of("", memory)
    }

    fn ask_of(name: &str, memory: Memory) -> Finding {
        let mut out = Findings::default();
        let params = HostnameParams { name: name.to_owned(), ..HostnameParams::default() };
        Hostname::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    #[test]
    fn a_name_of_the_policy_goes_before_that_of_the_machine() {
        let machine = || named("localhost").file(AT_BOOT, "other\n");
        assert_eq!(ask_of("n1", machine()).reason(), "fit");
        assert_eq!(ask_of("n_1", machine()).reason(), "invalid");
        assert_eq!(ask_of("n1", machine().file(HOSTS, "127.0.0.1 n1\n")).reason(), "loopback");
    }

    #[test]
    fn names() {
        let long = "a".repeat(64);
        for (name, reason) in [
            ("node-1.example.com", "fit"),
            ("n1", "fit"),
            ("Node-1", "fit"),
            ("node_1", "invalid"),
            ("-node", "invalid"),
            ("node..1", "invalid"),
            ("nodé", "invalid"),
            ("localhost", "localhost"),
            ("localhost.localdomain", "localhost"),
            (long.as_str(), "too-long"),
        ] {
            assert_eq!(ask(named(name)).reason(), reason, "{name}");
        }
        assert!(ask(named("Node-1")).all_notes()[0].contains("`node-1`"));
    }

    #[test]
    fn after_a_boot() {
        let found = ask(named("n1").file(AT_BOOT, "# c\n\nn2\n"));
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "changes-at-boot"));
        assert_eq!(found.severity(), Severity::Warn);
        assert_eq!(ask(named("n1").file(AT_BOOT, "n1\n")).reason(), "fit");
    }

    #[test]
    fn hosts() {
        let with = |hosts: &str| ask(named("n1").file(HOSTS, hosts));
        assert_eq!(with("127.0.0.1 localhost\n10.0.0.7 n1.example n1 # me\n").reason(), "fit");
        assert_eq!(with("127.0.0.1 localhost n1\n").reason(), "loopback");
        let debian = with("127.0.1.1 n1\n");
        assert_eq!(debian.reason(), "fit");
        assert!(debian.all_notes()[0].contains("Debian"));
        assert_eq!(with("127.0.0.1 n1\n10.0.0.7 n1\n").reason(), "fit", "one of them leads here");
    }

    #[test]
    fn what_can_t_be_read_is_not_known() {
        let denied = Memory::new().error(RUNNING, ReadErrorKind::Denied("EACCES"));
        let closed = |path: &str| named("n1").error(path, ReadErrorKind::Denied("EACCES"));
        let part = Memory::new().file(RUNNING, "n1\n");
        for memory in [Memory::new(), named(""), denied, closed(AT_BOOT), closed(HOSTS), part] {
            assert!(matches!(ask(memory).outcome(), Outcome::Undetermined(_)));
        }
        // What can be read is judged all the same.
        let found = ask(closed(AT_BOOT).file(HOSTS, "127.0.0.1 n1\n"));
        assert_eq!(found.reason(), "loopback");
    }

    #[test]
    fn parameters() {
        assert!(Hostname::validate(&HostnameParams { max_length: 0, ..HostnameParams::default() }).is_err());
        let short = HostnameParams { max_length: 3, ..HostnameParams::default() };
        let mut out = Findings::default();
        Hostname::run(&short, &Node::in_memory(named("node")), &mut out).unwrap();
        assert_eq!(out.into_inner()[0].0.reason(), "too-long");
    }
}
