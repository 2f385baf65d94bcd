//! `resolv-conf`: What pods will inherit of the node's name resolution makes sense.

use crate::{
    check::{Check, Meta},
    evidence::Unknown,
    facts::resolv_conf::{ResolvConf, parse},
    finding::{Finding, Findings, Remedy, Risk, Severity},
    node::{Node, ReadError},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// What pods will inherit of the node's name resolution makes sense.
///
/// ## What it looks at
/// /etc/resolv.conf, or the file that the kubelet is told to use (its resolvConf); where that has only the stub of
/// systemd-resolved, also /run/systemd/resolve/resolv.conf, which has the real name servers and which kubeadm gives to the
/// kubelet where systemd-resolved runs. Nothing is looked up. One finding: the worst, the others as notes.
///
/// `usable` passes; `missing`, `no-nameserver`, `loop` and `invalid` fail; `too-many-nameservers`, `too-many-domains` and
/// `stub` warn.
///
/// ## Why it matters
/// The kubelet copies this file into pods with dnsPolicy Default, CoreDNS among them. A name server on 127.0.0.53 or ::1 is
/// then the pod itself: CoreDNS asks itself, finds the loop and ends, again and again. Of more than three name servers the
/// rest is dropped with a warning for every pod. Long search lists make each lookup of a pod several, and beyond the limits
/// are cut.
///
/// ## How to mend it
/// With systemd-resolved: `resolvConf: /run/systemd/resolve/resolv.conf` in the kubelet's configuration. With a local
/// cache (dnsmasq, unbound): a file of its own with the real name servers, named there.
///
/// ## Sources
/// resolv.conf(5); kubernetes pkg/kubelet/network/dns/dns.go, pkg/apis/core/validation (MaxDNSNameservers 3,
/// MaxDNSSearchPaths 32, MaxDNSSearchListChars 2048); kubeadm componentconfigs/kubelet.go (resolvConf where
/// systemd-resolved is active); coredns.io, plugin loop.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ResolvConfParams {
    /// The file that the kubelet uses. Default: /etc/resolv.conf.
    pub path: String,
}

impl Default for ResolvConfParams {
    fn default() -> Self {
        Self { path: "/etc/resolv.conf".to_owned() }
    }
}

/// Where systemd-resolved keeps the real name servers.
const UPLINK: &str = "/run/systemd/resolve/resolv.conf";
/// The limits of Kubernetes.
const NAMESERVERS: usize = 3;
const DOMAINS: usize = 32;
const CHARACTERS: usize = 2048;

/// The check `resolv-conf`.
pub struct ResolvConfCheck;

impl Check for ResolvConfCheck {
    type Params = ResolvConfParams;

    const META: Meta = Meta {
        id: "resolv-conf",
        summary: "What pods will inherit of the node's name resolution makes sense",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &ResolvConfParams) -> Result<(), String> {
        if params.path.starts_with('/') {
            Ok(())
        } else {
            Err(format!("`{}` is not an absolute path", params.path))
        }
    }

    fn run(params: &ResolvConfParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(judge(&params.path, node));
        Ok(())
    }
}

/// One thing that is wrong.
struct Trouble {
    severity: Severity,
    reason: &'static str,
    message: String,
    remedy: Remedy,
}

fn judge(path: &str, node: &Node) -> Finding {
    let read = node.read(path);
    let text = match read.text() {
        Ok(text) => text,
        Err(e) if e.is_missing() && node.kind("/etc/passwd").is_ok() => return missing(path, e, node),
        Err(e) => {
            let message = format!("how this node resolves names ({path}) could not be determined");
            return Finding::undetermined(Severity::Fail, path, "unknown", message, &e.unknown());
        }
    };
    let conf = parse(&text);
    let seen = read.quote(summary(&conf));
    let mut troubles = troubles(path, &conf, node);
    troubles.sort_by_key(|trouble| std::cmp::Reverse(trouble.severity));
    let mut troubles = troubles.into_iter();
    if let Some(worst) = troubles.next() {
        let finding = Finding::problem(worst.severity, path, worst.reason, worst.message)
            .evidence([seen])
            .remedy(worst.remedy);
        return troubles.fold(finding, |finding, more| finding.note(format!("also: {}", more.message)));
    }
    let message = format!(
        "{path} has {} name servers and {} search domains",
        conf.nameservers.len(),
        conf.search.len()
    );
    let finding = Finding::pass(path, "usable", message, seen);
    let ndots = conf.options.iter().find(|option| option.starts_with("ndots:"));
    finding.notes(ndots.map(|option| format!("options {option}: pods have their own (ndots:5)")))
}

fn missing(path: &str, error: &ReadError, node: &Node) -> Finding {
    let (message, remedy) = match node.link(path) {
        Ok(target) => (
            format!("{path} is a symbolic link to {target}, where nothing is"),
            Remedy::new("Start what makes that file, or put a file in its place"),
        ),
        Err(_) => (
            format!("there is no {path}: names are asked of this machine itself"),
            Remedy::new(format!("Write {path}")),
        ),
    };
    Finding::problem(Severity::Fail, path, "missing", message)
        .evidence([error.evidence()])
        .remedy(remedy.persistent(format!("echo 'nameserver ADDRESS' > {path}")))
}

fn summary(conf: &ResolvConf) -> String {
    let servers: Vec<String> = conf.nameservers.iter().take(6).map(ToString::to_string).collect();
    let search =
        if conf.search.is_empty() { String::new() } else { format!(", search {}", conf.search.join(" ")) };
    if servers.is_empty() {
        format!("no nameserver{search}")
    } else {
        format!("nameserver {}{search}", servers.join(", "))
    }
}

fn troubles(path: &str, conf: &ResolvConf, node: &Node) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut add =
        |severity, reason, message, remedy| troubles.push(Trouble { severity, reason, message, remedy });
    if let Some(wrong) = conf.wrong.first() {
        let message = format!("`{wrong}` in {path} is no address of a name server");
        add(Severity::Fail, "invalid", message, Remedy::new(format!("Take `{wrong}` out of {path}")));
    }
    if conf.nameservers.is_empty() && conf.wrong.is_empty() {
        let message = format!(
            "{path} names no name server: only this machine itself is asked, and pods ask themselves"
        );
        let remedy =
            Remedy::new("Name the name servers").persistent(format!("echo 'nameserver ADDRESS' >> {path}"));
        add(Severity::Fail, "no-nameserver", message, remedy);
    }
    if !conf.nameservers.is_empty() && conf.nameservers.iter().all(std::net::IpAddr::is_loopback) {
        troubles.push(looped(path, conf, node));
    }
    let mut add = |reason, message, remedy| {
        troubles.push(Trouble { severity: Severity::Warn, reason, message, remedy });
    };
    if conf.nameservers.len() > NAMESERVERS {
        let message = format!(
            "{path} names {} name servers, and pods get the first {NAMESERVERS}",
            conf.nameservers.len()
        );
        add("too-many-nameservers", message, Remedy::new(format!("Leave {NAMESERVERS} of them")));
    }
    let characters = conf.search.join(" ").len();
    if conf.search.len() > DOMAINS || characters > CHARACTERS {
        let message = format!(
            "{path} has {} search domains of {characters} characters, and pods get at most {DOMAINS} of {CHARACTERS}",
            conf.search.len()
        );
        add("too-many-domains", message, Remedy::new("Leave those that are needed"));
    }
    troubles
}

/// Only name servers that a pod can't reach: they are the machine itself.
fn looped(path: &str, conf: &ResolvConf, node: &Node) -> Trouble {
    let address = conf.nameservers.first().map(ToString::to_string).unwrap_or_default();
    let uplink = node.read(UPLINK);
    let real = uplink.text().ok().map(|text| parse(&text).nameservers);
    if real.is_some_and(|servers| servers.iter().any(|server| !server.is_loopback())) {
        return Trouble {
            severity: Severity::Warn,
            reason: "stub",
            message: format!(
                "{path} names the stub of systemd-resolved ({address}) only, which pods can't reach; kubeadm gives the \
                 kubelet {UPLINK} instead, others have to be told"
            ),
            remedy: Remedy::new("Have the kubelet use the file with the real name servers")
                .persistent(format!("in /var/lib/kubelet/config.yaml: resolvConf: {UPLINK}"))
                .risk(Risk::Service),
        };
    }
    Trouble {
        severity: Severity::Fail,
        reason: "loop",
        message: format!(
            "{path} names only this machine itself ({address}): CoreDNS would ask itself and end with a loop"
        ),
        remedy: Remedy::new("Write the real name servers into a file, and have the kubelet use it")
            .persistent("in /var/lib/kubelet/config.yaml: resolvConf: /etc/kubernetes/resolv.conf"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, ReadErrorKind},
    };

    const PATH: &str = "/etc/resolv.conf";

    fn ask(memory: Memory) -> Finding {
        let mut out = Findings::default();
        ResolvConfCheck::run(&ResolvConfParams::default(), &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    fn with(text: &str) -> Memory {
        Memory::new().file(PATH, text)
    }

    #[test]
    fn every_verdict() {
        let many = (0..33).map(|i| format!("d{i}.example")).collect::<Vec<_>>().join(" ");
        for (text, reason) in [
            ("nameserver 10.0.0.2\nsearch a.example\n", "usable"),
            ("nameserver 127.0.0.1\nnameserver 10.0.0.2\n", "usable"),
            ("", "no-nameserver"),
            ("search a.example\n", "no-nameserver"),
            ("nameserver 127.0.0.53\n", "loop"),
            ("nameserver ::1\n", "loop"),
            ("nameserver none\n", "invalid"),
            (
                "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n",
                "too-many-nameservers",
            ),
            (format!("nameserver 10.0.0.1\nsearch {many}\n").as_str(), "too-many-domains"),
        ] {
            let found = ask(with(text));
            assert_eq!(found.reason(), reason, "{text}: {found:?}");
            assert_eq!(found.outcome() == &Outcome::Pass, reason == "usable");
        }
    }

    #[test]
    fn the_stub_of_systemd_resolved() {
        let found = ask(with("nameserver 127.0.0.53\n").file(UPLINK, "nameserver 10.0.0.2\n"));
        assert_eq!((found.reason(), found.severity()), ("stub", Severity::Warn));
        let found = ask(with("nameserver 127.0.0.53\n").file(UPLINK, "nameserver 127.0.0.1\n"));
        assert_eq!((found.reason(), found.severity()), ("loop", Severity::Fail));
    }

    #[test]
    fn missing_and_unknown() {
        let system = || Memory::new().file("/etc/passwd", "");
        assert_eq!(ask(system()).reason(), "missing");
        let dangling =
            ask(system().symlink(PATH, "../run/resolvconf/resolv.conf").error(PATH, ReadErrorKind::Missing));
        assert!(dangling.message().contains("symbolic link"), "{}", dangling.message());
        for memory in [Memory::new(), system().error(PATH, ReadErrorKind::Denied("EACCES"))] {
            assert!(matches!(ask(memory).outcome(), Outcome::Undetermined(_)));
        }
    }

    #[test]
    fn parameters() {
        assert!(ResolvConfCheck::validate(&ResolvConfParams { path: "resolv.conf".into() }).is_err());
    }
}
