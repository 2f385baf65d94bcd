//! `firewall`: What filters packets lets through what a node needs, as far as that can be told.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{
        Known,
        firewall::{BaseChain, Firewalld, Ufw},
    },
    finding::{Finding, Findings, Outcome, Remedy, Risk, Severity},
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// What filters packets lets through what a node needs, as far as that can be told.
///
/// ## What it looks at
/// The base chains of nftables over netlink (as root; iptables on top of nftables is among them), only where nf_tables is
/// loaded already; the tables of legacy iptables (/proc/net/ip_tables_names, as root); firewalld by its cgroup, units, zones
/// and services; ufw by its files. No rule is interpreted in full: a filter that may be in the way is told, not called
/// closed.
///
/// `open` passes; `forward-drop`, `filters`, `active` warn.
///
/// ## Why it matters
/// A policy of drop on forward keeps pods from each other and from the outside, unless the network plugin puts rules before
/// it. Without 10250 on a worker and 6443 on a control plane a join times out after minutes. firewalld removes the rules of
/// kube-proxy and network plugins whenever it is reloaded.
///
/// ## How to mend it
/// Open the ports, `firewall-cmd --permanent --add-port`, `ufw allow`, or leave filtering to network policies and the
/// network around the nodes: `systemctl disable --now firewalld`.
///
/// ## Sources
/// kubernetes.io, Ports and Protocols; kubeadm's check Firewalld; nft(8), Linux include/uapi/linux/netfilter/nf_tables.h;
/// firewalld.zone(5), ufw-framework(8); docs.k3s.io, Requirements (disable firewalld, or add rules); k3s check-config finds
/// the text of a port in `firewall-cmd --list-ports` only.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct FirewallParams {
    /// Ports of TCP that others have to reach. Default: 10250.
    pub tcp: Vec<u16>,
    /// Ports of UDP that others have to reach. Default: none.
    pub udp: Vec<u16>,
}

impl Default for FirewallParams {
    fn default() -> Self {
        Self { tcp: vec![10250], udp: Vec::new() }
    }
}

/// The check `firewall`.
pub struct Firewall;

impl Check for Firewall {
    type Params = FirewallParams;

    const META: Meta = Meta {
        id: "firewall",
        summary: "What filters packets lets through what a node needs, as far as that can be told",
        since: "0.1.0",
        kubeadm: Some("Firewalld"),
    };

    fn run(params: &FirewallParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        // The two managers make the rules that nftables shows: where one is in force, it is what has to be mended.
        let managers = [
            manager("firewalld", node.firewalld(), |found| firewalld(params, found)),
            manager("ufw", node.ufw(), |found| ufw(params, found)),
        ];
        let managed = managers.iter().flatten().any(|finding| *finding.outcome() == Outcome::Problem);
        managers.into_iter().flatten().for_each(|finding| out.push(finding));
        let rules = nftables(params, node);
        out.push(if managed { rules.follows("firewall-manager") } else { rules });
        out.push(legacy(node));
        Ok(())
    }
}

/// `tcp/10250, udp/8472`, those that `open` does not let in.
fn closed(params: &FirewallParams, open: impl Fn(&str, u16) -> bool) -> Vec<String> {
    let tcp = params.tcp.iter().map(|port| ("tcp", *port));
    let all = tcp.chain(params.udp.iter().map(|port| ("udp", *port)));
    all.filter(|(protocol, port)| !open(protocol, *port))
        .map(|(protocol, port)| format!("{protocol}/{port}"))
        .collect()
}

/// What is to say of a program that makes rules; nothing where it is not in force.
fn manager<T>(
    subject: &'static str,
    found: Known<Option<T>>,
    judge: impl FnOnce(T) -> Finding,
) -> Option<Finding> {
    found.map_or_else(|why| Some(unknown(subject, &why)), |found| found.map(judge))
}

fn unknown(subject: &'static str, why: &Unknown) -> Finding {
    let message = format!("what {subject} keeps out could not be determined");
    Finding::undetermined(Severity::Warn, subject, "unknown", message, why)
}

/// A pass, with what showed it.
fn open(subject: &'static str, message: impl Into<String>, seen: Vec<Evidence>) -> Finding {
    let Some(proof) = Proof::of(seen) else { return unknown(subject, &Unknown::new("nothing showed it")) };
    Finding::pass(subject, "open", message, proof)
}

fn firewalld(params: &FirewallParams, found: Firewalld) -> Finding {
    const SUBJECT: &str = "firewalld";
    let closed = closed(params, |protocol, port| found.lets_in(protocol, port));
    let state = if found.runs { "runs" } else { "does not run now, but the next boot starts it" };
    let message = if closed.is_empty() {
        format!("firewalld {state}; its zone {} lets in what was asked for", found.zone)
    } else {
        format!("firewalld {state}; its zone {} does not let in {}", found.zone, closed.join(", "))
    };
    let finding = if closed.is_empty() {
        open(SUBJECT, message, found.evidence)
    } else {
        let ports = closed
            .iter()
            .filter_map(|port| port.split_once('/'))
            .map(|(protocol, port)| format!("{port}/{protocol}"));
        let options: Vec<String> = ports.map(|port| format!("--add-port={port}")).collect();
        Finding::problem(Severity::Warn, SUBJECT, "active", message)
            .evidence(found.evidence)
            .remedy(
                Remedy::new("Open the ports, or do without firewalld on nodes")
                    .command(format!("firewall-cmd {}", options.join(" ")))
                    .persistent(format!("firewall-cmd --permanent {}", options.join(" ")))
                    .risk(Risk::Service),
            )
            .causes("firewall-manager")
    };
    finding
        .note("a reload of firewalld removes the rules of kube-proxy and of network plugins")
        .note("rich rules, policies, and zones of single interfaces are not read here")
}

fn ufw(params: &FirewallParams, found: Ufw) -> Finding {
    const SUBJECT: &str = "ufw";
    if let Err(e) = &found.rules_read
        && !found.accepts
    {
        return unknown(SUBJECT, &e.unknown());
    }
    let closed = closed(params, |protocol, port| found.lets_in(protocol, port));
    if closed.is_empty() && found.forwards {
        let message = "ufw is on, lets in what was asked for, and forwards packets";
        return open(SUBJECT, message, found.evidence);
    }
    let mut wrong = Vec::new();
    if !closed.is_empty() {
        wrong.push(format!("does not let in {}", closed.join(", ")));
    }
    if !found.forwards {
        wrong.push("drops packets that are forwarded, those of pods".to_owned());
    }
    let remedy = closed.iter().filter_map(|port| port.split_once('/')).fold(
        Remedy::new("Open the ports and let it forward, or do without ufw on nodes").risk(Risk::Service),
        |remedy, (protocol, port)| remedy.command(format!("ufw allow {port}/{protocol}")),
    );
    let remedy = if found.forwards { remedy } else { remedy.command("ufw default allow routed") };
    let message = format!("ufw is on, and {}", wrong.join(" and "));
    Finding::problem(Severity::Warn, SUBJECT, "active", message)
        .evidence(found.evidence)
        .remedy(remedy)
        .causes("firewall-manager")
}

fn nftables(params: &FirewallParams, node: &Node) -> Finding {
    const SUBJECT: &str = "nftables";
    let (chains, seen) = match node.nftables() {
        Ok(found) => found,
        Err(why) => return unknown(SUBJECT, &why),
    };
    let on = |hook: u32| {
        chains.iter().filter(move |chain| chain.is_ip() && chain.hook == hook && !kube_proxy(chain))
    };
    let evidence = |chain: &BaseChain| {
        let policy = if chain.drops_by_policy { "drop" } else { "accept" };
        let text = format!("policy {policy}, {} rules, of which {} may drop", chain.rules, chain.dropping);
        Evidence::new(format!("nftables {}", chain.name), text)
    };
    if let Some(chain) = on(2).find(|chain| chain.drops_by_policy) {
        let message = format!(
            "nftables drops what is forwarded and no rule of {} lets through: packets of pods",
            chain.name
        );
        return Finding::problem(Severity::Warn, SUBJECT, "forward-drop", message)
            .evidence([evidence(chain)])
            .note("most network plugins put rules for pods before it; Docker sets this policy, too")
            .remedy(
                Remedy::new("Let it forward, if the network plugin does not see to it")
                    .command(format!("nft list chain {}", chain.name))
                    .risk(Risk::Service),
            );
    }
    // Before the input of this node, of which it forwards some: the same.
    let mut incoming = on(1).chain(on(0)).chain(chains.iter().filter(|chain| chain.is_ingress()));
    if let Some(chain) = incoming.find(|chain| chain.drops_by_policy || chain.dropping > 0) {
        let ports = closed(params, |_, _| false).join(", ");
        let message = format!("nftables filters what comes in ({}): see that it lets in {ports}", chain.name);
        return Finding::problem(Severity::Warn, SUBJECT, "filters", message)
            .evidence([evidence(chain)])
            .note("its rules are not interpreted here: the ports may be open")
            .remedy(Remedy::new("Look at the rules").command(format!("nft list chain {}", chain.name)));
    }
    let message = if chains.is_empty() {
        "nftables has no rules"
    } else {
        "nftables keeps nothing out that comes in or is forwarded"
    };
    open(SUBJECT, message, seen)
}

/// kube-proxy in nftables mode has tables of its own, which reject what Services without endpoints get
/// (pkg/proxy/nftables/proxier.go of Kubernetes 1.33: `kubeProxyTable`).
fn kube_proxy(chain: &BaseChain) -> bool {
    chain.name.split(' ').nth(1) == Some("kube-proxy")
}

/// The tables of legacy iptables; only their names can be read without asking each.
fn legacy(node: &Node) -> Finding {
    const SUBJECT: &str = "iptables-legacy";
    let mut tables = Vec::new();
    let mut evidence = Vec::new();
    for name in ["ip_tables_names", "ip6_tables_names"] {
        let read = node.read(&node.proc_self(&format!("net/{name}")));
        match read.text() {
            Ok(text) => {
                tables.extend(text.split_whitespace().map(str::to_owned));
                evidence.push(read.quote(if text.trim().is_empty() {
                    "no table".to_owned()
                } else {
                    text.trim().replace('\n', " ")
                }));
            }
            // The file comes with the module; that of sockets shows that the directory is there.
            Err(e) if e.is_missing() && node.kind(&node.proc_self("net/dev")).is_ok() => {
                evidence.push(e.evidence());
            }
            Err(e) => return unknown(SUBJECT, &e.unknown()),
        }
    }
    tables.sort_unstable();
    tables.dedup();
    if tables.iter().any(|table| table == "filter") {
        let message = "legacy iptables has its table `filter` loaded: its rules may keep packets out";
        return Finding::problem(Severity::Warn, SUBJECT, "filters", message)
            .evidence(evidence)
            .note("its rules are not read here")
            .remedy(Remedy::new("Look at the rules").command("iptables-legacy-save"));
    }
    open(SUBJECT, "legacy iptables filters nothing", evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, Probe, ReadErrorKind};

    fn node(answer: &str) -> Memory {
        Memory::new()
            .file("/proc/sys/kernel/osrelease", "6.1.0-1\n")
            .file("/proc/modules", "nf_tables 1 0 - Live 0x0\n")
            .file("/proc/self/net/dev", "")
            .file("/etc/hostname", "n")
            .file("/run/utmp", "")
            .probe(Probe::Nftables, answer)
    }

    fn ask(memory: Memory) -> Vec<Finding> {
        let mut out = Findings::default();
        Firewall::run(&FirewallParams::default(), &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().into_iter().map(|(finding, _)| finding).collect()
    }

    fn reasons(memory: Memory) -> Vec<String> {
        ask(memory).iter().map(|f| format!("{} {}", f.subject(), f.reason())).collect()
    }

    #[test]
    fn nftables_and_legacy() {
        let open = ["nftables open", "iptables-legacy open"];
        assert_eq!(reasons(node("ok, ")), open);
        let accept = "ok, ip filter INPUT hook=1 policy=accept rules=3 dropping=0";
        assert_eq!(reasons(node(accept)), open);
        let forward = "ok, ip filter FORWARD hook=2 policy=drop rules=3 dropping=0";
        assert_eq!(reasons(node(forward))[0], "nftables forward-drop");
        let input = "ok, inet filter input hook=1 policy=accept rules=3 dropping=1";
        assert_eq!(reasons(node(input))[0], "nftables filters");
        for early in ["ip raw PREROUTING", "netdev t ingress"] {
            let early = format!("ok, {early} hook=0 policy=accept rules=1 dropping=1");
            assert_eq!(reasons(node(&early))[0], "nftables filters");
        }
        // Another hook number means something else for bridges.
        assert_eq!(reasons(node("ok, bridge filter x hook=2 policy=drop rules=0 dropping=0")), open);
        let legacy = node("ok, ").file("/proc/self/net/ip_tables_names", "nat\nfilter\n");
        assert_eq!(reasons(legacy)[1], "iptables-legacy filters");
        let nat = node("ok, ").file("/proc/self/net/ip_tables_names", "nat\n");
        assert_eq!(reasons(nat)[1], "iptables-legacy open");
    }

    #[test]
    fn managers() {
        let firewalld = node("ok, inet firewalld filter_INPUT hook=1 policy=accept rules=9 dropping=2")
            .file("/run/firewalld.pid", "7\n")
            .file("/usr/lib/firewalld/zones/public.xml", "<zone><service name=\"ssh\"/></zone>");
        let found = ask(firewalld.clone());
        assert_eq!((found[0].subject(), found[0].reason()), ("firewalld", "active"));
        assert_eq!(found[0].mend().unwrap().commands, ["firewall-cmd --add-port=10250/tcp"]);
        assert_eq!(found[1].cause().unwrap().name, "firewall-manager", "one cause, one failure");
        let open = firewalld
            .file("/etc/firewalld/zones/public.xml", "<zone><port port=\"10250\" protocol=\"tcp\"/></zone>");
        assert_eq!(ask(open)[0].outcome(), &Outcome::Pass);
        let ufw = node("ok, ").file("/etc/ufw/ufw.conf", "ENABLED=yes\n").file("/etc/ufw/user.rules", "");
        let found = ask(ufw);
        assert!(found[0].message().contains("forwarded"), "{}", found[0].message());
        assert_eq!(found[0].mend().unwrap().commands, ["ufw allow 10250/tcp", "ufw default allow routed"]);
    }

    #[test]
    fn what_can_t_be_read_is_not_known() {
        let nobody = node("EPERM").error("/proc/self/net/ip_tables_names", ReadErrorKind::Denied("EPERM"));
        let found = ask(nobody);
        assert!(found.iter().all(|f| matches!(f.outcome(), Outcome::Undetermined(_))), "{found:?}");
        assert!(ask(Memory::new()).iter().all(|f| matches!(f.outcome(), Outcome::Undetermined(_))));
    }
}
