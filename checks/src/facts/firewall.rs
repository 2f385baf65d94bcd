//! What filters packets on this node: nftables, the tables of iptables, firewalld and ufw.

mod firewalld;
mod ufw;

pub use firewalld::Firewalld;
pub use ufw::Ufw;

use super::{Known, modules::ModuleState};
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, Probe},
};

/// A base chain of nftables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseChain {
    /// `ip filter FORWARD`: family, table, name.
    pub name: String,
    /// 0 is prerouting, 1 input, 2 forward, 3 output, of the families inet, ip and ip6.
    pub hook: u32,
    /// Whether what no rule speaks of is dropped.
    pub drops_by_policy: bool,
    /// How many rules it has, with those of the chains that packets come to from there.
    pub rules: u32,
    /// How many of them drop or reject, or may: by a map of verdicts.
    pub dropping: u32,
}

impl BaseChain {
    /// `ip filter FORWARD hook=2 policy=drop rules=3 dropping=1`.
    fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let [family, table, name, hook, policy, rules, dropping] = words.as_slice() else { return None };
        let number = |word: &str, key: &str| word.strip_prefix(key)?.parse().ok();
        Some(Self {
            name: format!("{family} {table} {name}"),
            hook: number(hook, "hook=")?,
            drops_by_policy: *policy == "policy=drop",
            rules: number(rules, "rules=")?,
            dropping: number(dropping, "dropping=")?,
        })
    }

    /// Whether it sees all that an interface receives, before anything else (`NF_NETDEV_INGRESS`).
    #[must_use]
    pub fn is_ingress(&self) -> bool {
        self.name.starts_with("netdev ") && self.hook == 0
    }

    /// Whether it is for packets of IP, not of bridges or ARP.
    #[must_use]
    pub fn is_ip(&self) -> bool {
        ["inet ", "ip ", "ip6 "].iter().any(|family| self.name.starts_with(family))
    }
}

impl Node {
    /// The base chains of nftables; empty where nf_tables is not even loaded.
    ///
    /// # Errors
    /// When it could not be told whether it is loaded, or the kernel did not answer: it takes CAP_NET_ADMIN.
    pub fn nftables(&self) -> Known<(Vec<BaseChain>, Vec<Evidence>)> {
        match self.module("nf_tables") {
            ModuleState::BuiltIn(_) | ModuleState::Loaded(_) => {}
            ModuleState::Unknown(why) => return Err(why),
            // Asking would load it.
            ModuleState::Loadable(_, proof)
            | ModuleState::Missing(proof)
            | ModuleState::Blocked(_, proof) => {
                return Ok((Vec::new(), proof.into_evidence()));
            }
        }
        let probed = self.probe(&Probe::Nftables);
        let Some(details) = probed.details() else {
            return Err(match (probed.answer(), probed.errno()) {
                (Err(e), _) => e.unknown(),
                (_, Some("EPERM")) => Unknown::new("the rules of nftables may be read by root only")
                    .tried(probed.evidence())
                    .needs("run as root"),
                (Ok(answer), _) => Unknown::new(format!("the kernel gave no rules of nftables: {answer}")),
            });
        };
        let chains = details.split("; ").filter(|part| !part.is_empty()).map(BaseChain::parse);
        let chains = chains.collect::<Option<Vec<_>>>();
        let chains = chains.ok_or_else(|| Unknown::new("the answer about nftables is none"))?;
        let seen = Evidence::new(probed.call(), format!("{} base chains", chains.len()));
        Ok((chains, vec![seen]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;

    #[test]
    fn chains() {
        let loaded = Memory::new()
            .file("/proc/sys/kernel/osrelease", "6.1.0-1\n")
            .file("/proc/modules", "nf_tables 1 0 - Live 0x0\n");
        let ask = |memory: Memory| Node::in_memory(memory).nftables().map(|(chains, _)| chains);
        let answer = "ok, ip filter FORWARD hook=2 policy=drop rules=3 dropping=1; inet x y hook=1 policy=accept rules=0 dropping=0";
        let chains = ask(loaded.clone().probe(Probe::Nftables, answer)).unwrap();
        assert_eq!((chains.len(), chains[0].drops_by_policy, chains[0].dropping), (2, true, 1));
        assert_eq!(ask(loaded.clone().probe(Probe::Nftables, "ok, ")), Ok(vec![]));
        let refused = ask(loaded.clone().probe(Probe::Nftables, "EPERM")).unwrap_err();
        assert_eq!(refused.needs.as_deref(), Some("run as root"));
        assert!(ask(loaded.probe(Probe::Nftables, "ok, nonsense")).is_err());
        assert!(ask(Memory::new()).is_err(), "no list of modules");
    }
}
