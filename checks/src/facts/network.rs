//! The network of the node: routes, addresses and interfaces, as /proc and /sys show them to everybody.

mod fib;
mod interfaces;
mod routes;

pub use interfaces::Interface;
pub use routes::{Route, Routes};

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError},
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A family of addresses.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// Its word: `ipv4`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }

    /// That of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }
}

/// The addresses of this node, of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The addresses, loopback ones included, in order.
    pub all: Vec<IpAddr>,
    /// The file that lists them.
    pub source: String,
}

impl Addresses {
    /// Those under which other machines might reach this one: neither loopback nor link-local.
    pub fn reachable(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.all.iter().copied().filter(|address| match address {
            IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
            IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unicast_link_local(),
        })
    }

    /// What was seen.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let reachable: Vec<String> = self.reachable().take(8).map(|address| address.to_string()).collect();
        let observed =
            if reachable.is_empty() { "no address but local ones".to_owned() } else { reachable.join(" ") };
        Evidence::new(&self.source, observed)
    }
}

/// The addresses in /proc/net/fib_trie: leaves that are `/32 host LOCAL` (net/ipv4/fib_trie.c, `fib_trie_seq_show`). The
/// tables come by number: `Id 100:` of policy routing, `Main:`, `Local:`; those without a route are left out. None where the
/// text is not what the kernel writes, or is cut off; also where it is empty, which alone tells nothing.
#[must_use]
pub fn ipv4_addresses(text: &str) -> Option<Vec<Ipv4Addr>> {
    text.strip_suffix('\n')?;
    let mut addresses = Vec::new();
    let mut leaf: Option<Ipv4Addr> = None;
    for line in text.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line.starts_with("/32 host LOCAL")
            && let Some(address) = leaf
        {
            addresses.push(address);
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    fib::is_table(text.lines().next()?).then_some(addresses)
}

/// The addresses in /proc/net/if_inet6: 32 hexadecimal digits, index, length of the prefix, scope, flags, interface.
#[must_use]
pub fn ipv6_addresses(text: &str) -> Option<Vec<Ipv6Addr>> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [address, _, _, _, _, _] = words.as_slice() else { return None };
        (address.len() == 32).then(|| u128::from_str_radix(address, 16).ok().map(Ipv6Addr::from))?
    };
    (text.is_empty() || text.ends_with('\n')).then(|| text.lines().map(line).collect::<Option<Vec<_>>>())?
}

/// The file with the addresses of IPv4.
const FIB_TRIE: &str = "net/fib_trie";

struct OfIpv4(Known<Addresses>);
struct OfIpv6(Known<Addresses>);

impl Node {
    /// The addresses of the node.
    ///
    /// # Errors
    /// When the file that lists them can't be read, or is not what the kernel writes.
    pub fn addresses(&self, family: Family) -> &Known<Addresses> {
        match family {
            Family::Ipv4 => {
                &self
                    .fact(|| {
                        OfIpv4(self.read_addresses(FIB_TRIE, |text| {
                            Some(ipv4_addresses(text)?.into_iter().map(IpAddr::V4).collect())
                        }))
                    })
                    .0
            }
            Family::Ipv6 => {
                &self
                    .fact(|| {
                        OfIpv6(self.read_addresses("net/if_inet6", |text| {
                            Some(ipv6_addresses(text)?.into_iter().map(IpAddr::V6).collect())
                        }))
                    })
                    .0
            }
        }
    }

    fn read_addresses(&self, name: &str, parse: impl Fn(&str) -> Option<Vec<IpAddr>>) -> Known<Addresses> {
        let source = self.proc_self(name);
        let read = self.read(&source);
        let text = read.text().map_err(ReadError::unknown)?;
        if name == FIB_TRIE
            && text.is_empty()
            && let Some(source) = self.ipv4_tables_show(|tables| tables.leaves == 0)
        {
            return Ok(Addresses { all: Vec::new(), source });
        }
        let strange =
            || Unknown::new(format!("{source} is not what the kernel writes")).tried([read.evidence()]);
        let all = parse(&text).ok_or_else(strange)?;
        Ok(Addresses { all, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRIE: &str = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 192.0.2.0/24 2 0 1\n\
        \x20       |-- 192.0.2.2\n           /32 host LOCAL\n        |-- 192.0.2.255\n           /32 link BROADCAST\n\
        Local:\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 192.0.2.2\n        /32 host LOCAL\n";

    #[test]
    fn addresses_of_both_families() {
        let v4: Vec<String> = ipv4_addresses(TRIE).unwrap().iter().map(Ipv4Addr::to_string).collect();
        assert_eq!(v4, ["127.0.0.1", "192.0.2.2"]);
        let text = "00000000000000000000000000000001 01 80 10 80       lo\n\
                    fe800000000000000000000000000001 02 40 20 80     eth0\n\
                    20010db8000000000000000000000007 02 40 00 80     eth0\n";
        let all = ipv6_addresses(text).unwrap().into_iter().map(IpAddr::V6).collect();
        let addresses = Addresses { all, source: "x".into() };
        assert_eq!(addresses.reachable().map(|a| a.to_string()).collect::<Vec<_>>(), ["2001:db8::7"]);
        assert_eq!(ipv6_addresses(""), Some(vec![]));
        for text in ["0000\n", &text[..text.len() - 5], "x"] {
            assert_eq!(ipv6_addresses(text), None, "{text:?}");
        }
        // A table of policy routing comes first: `ip route add 10.9.0.0/16 dev eth0 table 100`.
        let with_rules = format!("Id 100:\n  |-- 10.9.0.0\n     /16 link UNICAST\n{TRIE}");
        for text in [&with_rules, "Local:\n  |-- 127.0.0.1\n     /32 host LOCAL\n"] {
            assert_eq!(ipv4_addresses(text).unwrap()[0], Ipv4Addr::LOCALHOST);
        }
        for text in ["", "Main:", "Id x:\n", &TRIE[..50]] {
            assert_eq!(ipv4_addresses(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = ipv4_addresses(&text);
            let _ = ipv6_addresses(&text);
        }
    }
}
