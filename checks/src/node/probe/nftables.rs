//! The rules of nftables, as the kernel dumps them over netlink to who has CAP_NET_ADMIN: base chains with their policies,
//! and how many of their rules drop or reject. iptables on top of nftables is among them.
//!
//! Numbers are those of include/uapi/linux/netlink.h and include/uapi/linux/netfilter/nf_tables.h.

use super::netlink::{Netlink, attributes, find, number, text};
use rustix::{io::Errno, net::netlink};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// `NFNL_SUBSYS_NFTABLES`, `NFT_MSG_GETCHAIN`, `NFT_MSG_GETRULE`.
const SUBSYSTEM: u16 = 10;
const GET_CHAIN: u16 = 4;
pub(super) const GET_RULE: u16 = 7;
/// The most chains that are looked at: kube-proxy makes some for every Service.
const CHAINS: usize = 200_000;

/// A chain. Packets come to those with a hook by themselves, to the others from rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Chain {
    hook: Option<u32>,
    drops_by_policy: bool,
    rules: u32,
    /// How many of the rules drop or reject, or may: by a map of verdicts.
    dropping: u32,
    /// The chains of its table to which its rules send packets.
    next: BTreeSet<String>,
    /// Whether a map of verdicts may send them to any.
    any: bool,
}

/// Family, table and name.
type Name = (u8, String, String);

/// `ok, FAMILY TABLE CHAIN hook=N policy=accept rules=N dropping=N; …` for each base chain. `rules` and `dropping` count those
/// of all chains that packets can come to from there.
pub(super) fn dump() -> Result<String, Errno> {
    let socket = Netlink::open(netlink::NETFILTER)?;
    dump_by(&|what, each| socket.dump(SUBSYSTEM << 8 | what, &[0; 4], each))
}

/// What gives all messages of one kind, one after the other.
type Dump<'a> = dyn Fn(u16, &mut dyn FnMut(&[u8])) -> Result<(), Errno> + 'a;

/// The same of what anybody dumps.
pub(super) fn dump_by(dump: &Dump<'_>) -> Result<String, Errno> {
    let mut chains: BTreeMap<Name, Chain> = BTreeMap::new();
    dump_of(dump, GET_CHAIN, &mut |family, attributes| {
        if let Some((name, chain)) = chain(family, attributes)
            && chains.len() <= CHAINS
        {
            chains.insert(name, chain);
        }
    })?;
    if chains.len() > CHAINS {
        return Err(Errno::FBIG);
    }
    if chains.values().any(|chain| chain.hook.is_some()) {
        dump_of(dump, GET_RULE, &mut |family, attributes| {
            let (Some(table), Some(name)) = (text(attributes, 1), text(attributes, 2)) else { return };
            if let Some(chain) = chains.get_mut(&(family, table, name)) {
                chain.rules += 1;
                chain.add(find(attributes, 4).unwrap_or_default());
            }
        })?;
    }
    Ok(told(&chains))
}

/// The family and the attributes of everything of one kind (`struct nfgenmsg`: family, version, and a number).
fn dump_of(dump: &Dump<'_>, what: u16, each: &mut dyn FnMut(u8, &[u8])) -> Result<(), Errno> {
    dump(what, &mut |message| {
        if let (Some(family), Some(attributes)) = (message.first(), message.get(4..)) {
            each(*family, attributes);
        }
    })
}

/// The line for each base chain.
fn told(chains: &BTreeMap<Name, Chain>) -> String {
    let mut out = "ok, ".to_owned();
    let base = chains.iter().filter_map(|(name, chain)| Some((name, chain, chain.hook?)));
    for (name, chain, hook) in base {
        let policy = if chain.drops_by_policy { "drop" } else { "accept" };
        let (rules, dropping) = reached(chains, name);
        let family = match name.0 {
            1 => "inet",
            2 => "ip",
            3 => "arp",
            5 => "netdev",
            7 => "bridge",
            10 => "ip6",
            _ => "other",
        };
        let (_, table, name) = name;
        // Writing to a String does not fail.
        let _ = write!(
            out,
            "{family} {table} {name} hook={hook} policy={policy} rules={rules} dropping={dropping}; "
        );
    }
    out.trim_end_matches("; ").to_owned()
}

/// How many rules, and of them dropping ones, there are in this chain and all to which packets come from it. The kernel has
/// no loops among them; each counts once.
fn reached(chains: &BTreeMap<Name, Chain>, from: &Name) -> (u32, u32) {
    let mut seen = BTreeSet::from([from]);
    let mut waiting = vec![from];
    let (mut rules, mut dropping) = (0, 0);
    while let Some(name) = waiting.pop() {
        let Some(chain) = chains.get(name) else { continue };
        rules += chain.rules;
        dropping += chain.dropping;
        if chain.next.is_empty() && !chain.any {
            continue;
        }
        let first = (name.0, name.1.clone(), String::new());
        let table = chains.range(first..).take_while(|(n, _)| n.0 == name.0 && n.1 == name.1);
        let next = table.filter(|(n, to)| to.hook.is_none() && (chain.any || chain.next.contains(&n.2)));
        waiting.extend(next.map(|(n, _)| n).filter(|n| seen.insert(*n)));
    }
    (rules, dropping)
}

/// A chain: its name and what is known of it. `NFTA_CHAIN_TABLE` 1, `NAME` 3, `HOOK` 4 (`HOOKNUM` 1), `POLICY` 5.
fn chain(family: u8, bytes: &[u8]) -> Option<(Name, Chain)> {
    let hook = find(bytes, 4).and_then(|hook| number(hook, 1));
    let drops_by_policy = number(bytes, 5) == Some(0);
    let chain = Chain { hook, drops_by_policy, ..Chain::default() };
    Some(((family, text(bytes, 1)?, text(bytes, 3)?), chain))
}

/// `NFT_JUMP` and `NFT_GOTO`.
const JUMPS: [u32; 2] = [(-3_i32).cast_unsigned(), (-4_i32).cast_unsigned()];

impl Chain {
    /// Adds what a rule does by its expressions: `reject`; `immediate` with a verdict; `lookup` in a map of verdicts, which is
    /// not read; iptables' own targets, which come as `target` with their name. `NFTA_LIST_ELEM` 1, `NFTA_EXPR_NAME` 1,
    /// `NFTA_EXPR_DATA` 2, `NFTA_IMMEDIATE_DATA` 2, `NFTA_DATA_VERDICT` 2, `NFTA_VERDICT_CODE` 1, `NFTA_VERDICT_CHAIN` 2,
    /// `NFTA_LOOKUP_DREG` 3 (`NFT_REG_VERDICT` 0).
    fn add(&mut self, expressions: &[u8]) {
        let mut drops = false;
        for (_, expression) in attributes(expressions).filter(|(kind, _)| *kind == 1) {
            let data = find(expression, 2).unwrap_or_default();
            match text(expression, 1).as_deref() {
                Some("reject") => drops = true,
                Some("target") => drops |= text(data, 1).is_some_and(|name| name == "REJECT"),
                Some("lookup") if number(data, 3) == Some(0) => {
                    self.any = true;
                    drops = true;
                }
                Some("immediate") => {
                    let verdict = find(data, 2).and_then(|data| find(data, 2)).unwrap_or_default();
                    match number(verdict, 1) {
                        Some(0) => drops = true,
                        Some(code) if JUMPS.contains(&code) => self.next.extend(text(verdict, 2)),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        self.dropping += u32::from(drops);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::netlink::tests::attribute, *};
    use proptest::prelude::*;

    fn expression(name: &str, data: &[u8]) -> Vec<u8> {
        let name = attribute(1, format!("{name}\0").as_bytes());
        attribute(1, &[name, attribute(2, data)].concat())
    }

    fn verdict(code: i32, to: &str) -> Vec<u8> {
        let code = attribute(1, &code.to_be_bytes());
        let to = if to.is_empty() { vec![] } else { attribute(2, format!("{to}\0").as_bytes()) };
        expression("immediate", &attribute(2, &attribute(2, &[code, to].concat())))
    }

    fn after(rules: &[Vec<u8>]) -> Chain {
        let mut chain = Chain::default();
        for rule in rules {
            chain.add(rule);
        }
        chain
    }

    #[test]
    fn chains_and_their_hooks() {
        let hook = attribute(1, &2_u32.to_be_bytes());
        let bytes = [
            attribute(1, b"filter\0"),
            attribute(3, b"FORWARD\0"),
            attribute(4 | 0x8000, &hook),
            attribute(5, &0_u32.to_be_bytes()),
        ]
        .concat();
        let (name, found) = chain(2, &bytes).unwrap();
        assert_eq!(name, (2, "filter".into(), "FORWARD".into()));
        assert!(found.drops_by_policy && found.hook == Some(2));
    }

    #[test]
    fn what_rules_do() {
        assert_eq!(after(&[verdict(0, "")]).dropping, 1);
        assert_eq!(after(&[expression("reject", &[]), expression("counter", &[])]).dropping, 1);
        assert_eq!(after(&[expression("target", &attribute(1, b"REJECT\0"))]).dropping, 1);
        assert_eq!(after(&[verdict(1, ""), expression("counter", &[])]).dropping, 0);
        let jumps = after(&[verdict(-3, "one"), verdict(-4, "two")]);
        assert_eq!((jumps.dropping, jumps.next.len()), (0, 2));
        let mapped = after(&[expression("lookup", &attribute(3, &0_u32.to_be_bytes()))]);
        assert!(mapped.any && mapped.dropping == 1);
        assert!(!after(&[expression("lookup", &attribute(2, &8_u32.to_be_bytes()))]).any, "a mere set");
    }

    #[test]
    fn what_a_chain_leads_to_counts_with_it() {
        let name = |table: &str, chain: &str| (2, table.to_owned(), chain.to_owned());
        let drop = Chain { rules: 1, dropping: 1, ..Chain::default() };
        let base = |next: &str, any| Chain {
            hook: Some(1),
            rules: 1,
            next: [next.to_owned()].into(),
            any,
            ..Chain::default()
        };
        let mut chains = BTreeMap::from([
            (name("t", "in"), base("middle", false)),
            (name("t", "middle"), Chain { next: ["end".to_owned(), "in".to_owned()].into(), ..drop.clone() }),
            (name("t", "end"), Chain { next: ["middle".to_owned()].into(), ..drop.clone() }),
            (name("t", "unused"), drop.clone()),
            (name("u", "middle"), drop.clone()),
        ]);
        assert_eq!(told(&chains), "ok, ip t in hook=1 policy=accept rules=3 dropping=2");
        chains.insert(name("t", "in"), base("middle", true));
        assert_eq!(told(&chains), "ok, ip t in hook=1 policy=accept rules=4 dropping=3");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = chain(2, &bytes);
            Chain::default().add(&bytes);
        }
    }
}
