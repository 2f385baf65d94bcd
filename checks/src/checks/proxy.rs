//! `proxy`: What must not go by a proxy does not.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::proxy::{ProxyRules, ProxySettings},
    finding::{Finding, Findings, Remedy, Risk, Severity},
    node::Node,
};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

/// What must not go by a proxy does not.
///
/// ## What it looks at
/// HTTP_PROXY, HTTPS_PROXY and NO_PROXY in the environment of this process, in /etc/environment, and in the drop-ins of the
/// units of containerd, CRI-O, Docker and the kubelet. No other variable is kept, and user and password of a proxy are taken
/// off before anything is shown. What NO_PROXY spares is decided by Go's rules, which all of these programs have.
///
/// `none` (no proxy is set) and `spared` pass, `proxied` warns.
///
/// ## Why it matters
/// With a proxy in the environment kubeadm, the kubelet and network plugins send what they say to the API server, to services
/// and to pods to that proxy, which does not know them: time-outs with a status 503 from somewhere else.
///
/// ## How to mend it
/// Add the networks of pods and services, the node's address, `.svc` and `.cluster.local` to NO_PROXY, everywhere where a
/// proxy is set.
///
/// ## Sources
/// golang.org/x/net/http/httpproxy (CIDR, domains with and without a leading dot, ports, `*`); kubeadm's checks HTTPProxy
/// and HTTPProxyCIDR (cmd/kubeadm/app/preflight/checks.go); systemd.exec(5), Environment=; troubleshoot#2100 (passwords of
/// proxies in bundles).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ProxyParams {
    /// Names, addresses, `host:port` and networks that must not go by a proxy, separated by commas where one entry is an
    /// input: `10.244.0.0/16,fd00::/56`. Empty entries are left out. Default: only `kubernetes.default.svc`.
    pub spare: Vec<String>,
}

/// The check `proxy`.
pub struct Proxy;

/// The port that is tried where none is given: that of https.
const HTTPS: u16 = 443;

impl Check for Proxy {
    type Params = ProxyParams;

    const META: Meta = Meta {
        id: "proxy",
        summary: "What must not go by a proxy does not",
        since: "0.1.0",
        kubeadm: Some("HTTPProxy"),
    };

    fn run(params: &ProxyParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let (settings, unread) = node.proxy_settings();
        let mut targets: Vec<&str> = params
            .spare
            .iter()
            .flat_map(|entry| entry.split(','))
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .collect();
        if targets.is_empty() {
            targets.push("kubernetes.default.svc");
        }
        // What can't be read may set one, whatever is set elsewhere.
        if settings.is_empty() || !unread.is_empty() {
            out.push(none(node, unread.first().map(crate::node::ReadError::unknown)));
        }
        for one in &settings {
            out.push(judge(one, &targets));
        }
        Ok(())
    }
}

fn none(node: &Node, unread: Option<Unknown>) -> Finding {
    const SUBJECT: &str = "environment";
    if let Some(unknown) = unread {
        let message = "whether a proxy is set could not be determined";
        return Finding::undetermined(Severity::Warn, SUBJECT, "unknown", message, &unknown);
    }
    let seen = Evidence::new(node.proc_self("environ"), "no HTTP_PROXY, no HTTPS_PROXY");
    Finding::pass(SUBJECT, "none", "no proxy is set, here or for the services of Kubernetes", seen)
}

/// The host, a port, and whether it stands for a network.
fn target(text: &str) -> (String, u16, bool) {
    if let Ok(network) = text.parse::<IpNet>() {
        // kubeadm takes the first address of a network for all of it.
        let first = network.hosts().next().unwrap_or_else(|| network.addr());
        return (first.to_string(), HTTPS, true);
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host.trim_matches(['[', ']']).to_owned(), port, false),
            Err(_) => (text.to_owned(), HTTPS, false),
        },
        _ => (text.trim_start_matches('.').to_owned(), HTTPS, false),
    }
}

fn judge(settings: &ProxySettings, targets: &[&str]) -> Finding {
    let subject = settings.source.as_str();
    let rules = ProxyRules::parse(&settings.no_proxy);
    let is_proxied = |text: &&&str| {
        let (host, port, _) = target(text);
        // A name with a dot in front means what lies below it.
        let host = if text.starts_with('.') { format!("x.{host}") } else { host };
        !rules.spare(&host, port)
    };
    let proxied: Vec<&str> = targets.iter().filter(is_proxied).copied().collect();
    let proxy = settings.https.as_deref().or(settings.http.as_deref()).unwrap_or_default();
    let no_proxy = if settings.no_proxy.is_empty() { "empty" } else { &settings.no_proxy };
    let seen = Evidence::new(subject, format!("proxy {proxy}, NO_PROXY {no_proxy}"));
    if proxied.is_empty() {
        let message = format!("the proxy {proxy} is set, and what must not go by it does not");
        return Finding::pass(subject, "spared", message, Proof::new(seen));
    }
    let message = format!("connections to {} would go by the proxy {proxy}", proxied.join(", "));
    let name = if proxied.iter().all(|text| target(text).2) { "HTTPProxyCIDR" } else { "HTTPProxy" };
    Finding::problem(Severity::Warn, subject, "proxied", message).evidence([seen]).kubeadm(name).remedy(
        Remedy::new(format!("Add {} to NO_PROXY in {subject}", proxied.join(",")))
            .persistent(format!("NO_PROXY={}", joined(&settings.no_proxy, &proxied)))
            .risk(Risk::Service),
    )
}

fn joined(no_proxy: &str, more: &[&str]) -> String {
    let all: Vec<&str> =
        no_proxy.split(',').map(str::trim).filter(|w| !w.is_empty()).chain(more.iter().copied()).collect();
    all.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, ReadErrorKind},
    };

    fn ask(spare: &[&str], memory: Memory) -> Vec<Finding> {
        let params = ProxyParams { spare: spare.iter().map(|s| (*s).to_owned()).collect() };
        let mut out = Findings::default();
        Proxy::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().into_iter().map(|(finding, _)| finding).collect()
    }

    fn environ(no_proxy: &str) -> Memory {
        Memory::new().file(
            "/proc/self/environ",
            format!("HTTPS_PROXY=http://u:secret@proxy:3128\0NO_PROXY={no_proxy}\0"),
        )
    }

    /// The tables `proxy_cidr` and `proxy_host` of kubeadm's tests.
    #[test]
    fn as_kubeadm_decides() {
        let no_proxy = "example.com,10.0.0.0/8,2001:db8::/48";
        for (target, warns) in [
            ("127.0.0.0/8", false),
            ("10.96.0.0/12", false),
            ("192.168.0.0/16", true),
            ("2001:db8::/56", false),
            ("2001:db8:1::/56", true),
            ("127.0.0.1", false),
            ("10.96.0.1", false),
            ("192.168.0.1", true),
            ("2001:db8::1:15", false),
            ("2001:db8:1::1:15", true),
        ] {
            let found = ask(&[target], environ(no_proxy)).remove(0);
            assert_eq!(found.reason(), if warns { "proxied" } else { "spared" }, "{target}");
            if warns {
                let name = if target.contains('/') { "HTTPProxyCIDR" } else { "HTTPProxy" };
                assert_eq!(found.kubeadm_name(), Some(name));
            }
            assert!(!format!("{found:?}").contains("secret"), "{found:?}");
        }
    }

    #[test]
    fn inputs_that_nobody_set() {
        let found = ask(&["", "10.244.0.0/16,fd00::/56"], environ("10.0.0.0/8")).remove(0);
        assert_eq!(found.message(), "connections to fd00::/56 would go by the proxy http://proxy:3128");
        assert_eq!(found.mend().unwrap().persistent, ["NO_PROXY=10.0.0.0/8,fd00::/56"]);
        assert_eq!(ask(&[""], environ(".svc")).remove(0).reason(), "spared");
    }

    #[test]
    fn none_and_unknown() {
        let found = ask(&[], Memory::new().file("/proc/self/environ", "HOME=/\0")).remove(0);
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Pass, "none"));
        let denied = |memory: Memory, path: &str| memory.error(path, ReadErrorKind::Denied("EACCES"));
        for memory in [
            Memory::new(),
            denied(Memory::new(), "/proc/self/environ"),
            denied(Memory::new().file("/proc/self/environ", "HOME=/\0"), "/etc/environment"),
            denied(environ(".svc"), "/etc/environment"),
        ] {
            assert!(matches!(ask(&[], memory)[0].outcome(), Outcome::Undetermined(_)));
        }
        let found = ask(&[], denied(environ(".svc"), "/etc/environment"));
        assert_eq!(
            (found.len(), found[1].reason()),
            (2, "spared"),
            "what can be read is judged all the same"
        );
    }
}
