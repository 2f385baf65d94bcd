//! `iptables`: There is one iptables, and its two kinds are not used side by side.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    finding::{Finding, Findings, Remedy, Severity},
    node::Node,
    range::Range,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// There is one iptables, and its two kinds are not used side by side.
///
/// ## What it looks at
/// What `iptables` in /usr/sbin or /sbin really is, through the links of alternatives (xtables-nft-multi or
/// xtables-legacy-multi); the tables of the legacy kind that the kernel has loaded (/proc/net/ip_tables_names, as root), and
/// the chains of the other kind in nftables (over netlink, as root).
///
/// With `nftVersion` the version counts, too, by the package that brought it, where iptables works on top of nftables.
///
/// `nft`, `legacy` and `none` pass; `mixed` and `old-version` warn; `version-unknown` is undetermined.
///
/// ## Why it matters
/// Rules of both kinds are in force at once and do not see each other: what one accepts the other drops, and after a change
/// of the default rules of kube-proxy are left behind that nobody removes. Programs in containers choose the kind by what
/// they find. On top of nftables, versions 1.8.0 to 1.8.3 do not find rules that are there, and add them again and again.
///
/// ## How to mend it
/// `update-alternatives --set iptables /usr/sbin/iptables-nft`, and a reboot, after which only one kind of rules is there.
/// kube-proxy in nftables mode needs no iptables.
///
/// ## Sources
/// iptables(8), xtables-nft(8); kubernetes-sigs/iptables-wrappers; kubernetes#71305 (rules of both kinds);
/// k3s check-config (k3s#3425), k3s#3117 and kubernetes#82361 (1.8.0 to 1.8.3).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct IptablesParams {
    /// The versions that will do where iptables works on top of nftables: `>=1.8.4`. Default: any.
    pub nft_version: Option<Range>,
}

/// The check `iptables`.
pub struct Iptables;

const SUBJECT: &str = "backend";

impl Check for Iptables {
    type Params = IptablesParams;

    const META: Meta = Meta {
        id: "iptables",
        summary: "There is one iptables, and its two kinds are not used side by side",
        since: "0.1.0",
        kubeadm: None,
    };

    fn run(params: &IptablesParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(judge(params, node));
        Ok(())
    }
}

/// What the program is: its path, and the file at the end of its links.
fn program(node: &Node) -> Result<Option<(String, Evidence)>, Unknown> {
    for path in ["/usr/sbin/iptables", "/sbin/iptables", "/usr/bin/iptables"] {
        match node.kind(path) {
            Ok(_) => {
                let real = node.resolved(path)?;
                return Ok(Some((real.clone(), Evidence::new(path, format!("is {real}")))));
            }
            Err(e) if e.is_missing() => {}
            Err(e) => return Err(e.unknown()),
        }
    }
    // Where the directory itself is not to be seen (an incomplete tree, NixOS), its programs are elsewhere or hidden.
    node.kind("/usr/sbin").map(|_| None).map_err(|e| e.unknown())
}

/// The legacy tables that are loaded.
fn legacy_tables(node: &Node) -> Result<(Vec<String>, Evidence), Unknown> {
    let read = node.read(&node.proc_self("net/ip_tables_names"));
    match read.text() {
        Ok(text) => {
            let tables: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            let seen = if tables.is_empty() { "no table".to_owned() } else { tables.join(" ") };
            Ok((tables, read.quote(seen)))
        }
        Err(e) if e.is_missing() && node.kind(&node.proc_self("net/dev")).is_ok() => {
            Ok((Vec::new(), e.evidence()))
        }
        Err(e) => Err(e.unknown()),
    }
}

fn judge(params: &IptablesParams, node: &Node) -> Finding {
    let unknown = |unknown: &Unknown| {
        let message = "which kind of iptables this node uses could not be determined";
        Finding::undetermined(Severity::Warn, SUBJECT, "unknown", message, unknown)
    };
    let (tables, tables_seen) = match legacy_tables(node) {
        Ok(found) => found,
        Err(why) => return unknown(&why),
    };
    let program = match program(node) {
        Ok(found) => found,
        Err(why) => return unknown(&why),
    };
    // iptables-nft keeps its rules in tables of these names.
    let own =
        |name: &str| ["ip filter ", "ip nat ", "ip mangle "].iter().any(|table| name.starts_with(table));
    if !tables.is_empty() {
        match node.nftables() {
            Ok((chains, _)) => {
                if let Some(chain) = chains.iter().find(|chain| own(&chain.name) && chain.rules > 0) {
                    let message = format!(
                        "rules of both kinds of iptables are in force: legacy ({}) and nftables",
                        tables.join(", ")
                    );
                    let seen =
                        Evidence::new(format!("nftables {}", chain.name), format!("{} rules", chain.rules));
                    return Finding::problem(Severity::Warn, SUBJECT, "mixed", message)
                        .evidence([tables_seen, seen])
                        .evidence(program.map(|(_, seen)| seen))
                        .remedy(
                            Remedy::new("Decide for one kind, and reboot to be rid of the other's rules")
                                .command("update-alternatives --set iptables /usr/sbin/iptables-nft")
                                .reboot(),
                        );
                }
            }
            Err(why) => return unknown(&why),
        }
    }
    let Some((real, seen)) = program else {
        let message = "there is no iptables; kube-proxy in nftables mode and eBPF data planes need none";
        return Finding::pass(SUBJECT, "none", message, tables_seen);
    };
    let name = real.rsplit('/').next().unwrap_or_default();
    let (reason, what) = if name.contains("nft") {
        let proof = Proof::new(seen).and(tables_seen);
        return match &params.nft_version {
            Some(range) => on_top_of_nftables(range, &real, proof, node),
            None => Finding::pass(SUBJECT, "nft", "iptables works on top of nftables", proof),
        };
    } else if name.contains("legacy") || name.contains("xtables-multi") {
        ("legacy", "iptables is the legacy one")
    } else {
        return unknown(&Unknown::new(format!("{real} does not tell its kind by its name")).tried([seen]));
    };
    Finding::pass(SUBJECT, reason, what, Proof::new(seen).and(tables_seen))
}

/// Whether the version of an iptables will do that works on top of nftables.
fn on_top_of_nftables(range: &Range, real: &str, proof: Proof, node: &Node) -> Finding {
    // Fedora and RHEL 9 have a package of its own for it, openSUSE another.
    let packages = ["iptables", "iptables-nft", "iptables-backend-nft"].map(str::to_owned);
    match node.version_of(real, &packages) {
        Ok((version, by)) if range.contains(&version) => {
            let message = format!("iptables {version} works on top of nftables");
            Finding::pass(SUBJECT, "nft", message, proof.and(by))
        }
        Ok((version, by)) => {
            let message =
                format!("iptables {version} works on top of nftables, and {range} is needed for that");
            Finding::problem(Severity::Warn, SUBJECT, "old-version", message)
                .evidence([by])
                .evidence(proof.into_evidence())
                .remedy(
                    Remedy::new("Take a later iptables, or its legacy kind, and reboot to be rid of the other's rules")
                        .command("update-alternatives --set iptables /usr/sbin/iptables-legacy")
                        .reboot(),
                )
        }
        Err(unknown) => {
            let message =
                format!("iptables works on top of nftables; whether it is {range} could not be determined");
            Finding::undetermined(Severity::Warn, SUBJECT, "version-unknown", message, &unknown)
                .evidence(proof.into_evidence())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, Probe, ReadErrorKind},
    };

    fn debian(kind: &str) -> Memory {
        Memory::new()
            .file("/proc/self/net/dev", "")
            .file("/usr/sbin/iptables", "")
            .symlink("/usr/sbin/iptables", "/etc/alternatives/iptables")
            .symlink("/etc/alternatives/iptables", &format!("/usr/sbin/iptables-{kind}"))
            .symlink(&format!("/usr/sbin/iptables-{kind}"), &format!("xtables-{kind}-multi"))
    }

    fn ask(memory: Memory) -> Finding {
        ask_for(None, memory)
    }

    fn ask_for(nft_version: Option<Range>, memory: Memory) -> Finding {
        let mut out = Findings::default();
        Iptables::run(&IptablesParams { nft_version }, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    #[test]
    fn versions_count_on_top_of_nftables() {
        let of = |kind: &str, version: &str| {
            let status = format!("Package: iptables\nStatus: install ok installed\nVersion: {version}\n\n");
            let files = format!("/usr/sbin/xtables-{kind}-multi\n");
            debian(kind)
                .file("/var/lib/dpkg/status", &status)
                .file("/var/lib/dpkg/info/iptables.list", &files)
        };
        let ask = |memory: Memory| ask_for(Some(">=1.8.4".parse().unwrap()), memory);
        assert_eq!(ask(of("nft", "1.8.9-2")).reason(), "nft");
        let found = ask(of("nft", "1.8.2-4"));
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "old-version"));
        assert_eq!(ask(of("legacy", "1.8.2-4")).reason(), "legacy");
        let unknown = ask(debian("nft"));
        assert!(matches!(
            (unknown.outcome(), unknown.reason()),
            (Outcome::Undetermined(_), "version-unknown")
        ));
    }

    #[test]
    fn every_verdict() {
        assert_eq!(ask(debian("nft")).reason(), "nft");
        assert_eq!(ask(debian("legacy")).reason(), "legacy");
        let none = Memory::new().file("/proc/self/net/dev", "").file("/usr/sbin/agetty", "");
        assert_eq!(ask(none).reason(), "none");
        let both = debian("nft")
            .file("/proc/self/net/ip_tables_names", "filter\n")
            .file("/proc/sys/kernel/osrelease", "6.1.0-1\n")
            .file("/proc/modules", "nf_tables 1 0 - Live 0x0\n");
        let mixed = "ok, ip nat PREROUTING hook=0 policy=accept rules=4 dropping=0";
        let found = ask(both.clone().probe(Probe::Nftables, mixed));
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "mixed"));
        assert_eq!(ask(both.clone().probe(Probe::Nftables, "ok, ")).reason(), "nft");
        for memory in [
            Memory::new(),
            Memory::new().file("/proc/self/net/dev", ""),
            both.probe(Probe::Nftables, "EPERM"),
            debian("nft").error("/proc/self/net/ip_tables_names", ReadErrorKind::Denied("EACCES")),
            Memory::new().file("/proc/self/net/dev", "").file("/usr/sbin/iptables", ""),
        ] {
            assert!(matches!(ask(memory).outcome(), Outcome::Undetermined(_)));
        }
    }
}
