//! The main table of routes. What rules of policy routing (ip-rule(8)) add in other tables is not to be seen in /proc.

use super::Family;
use crate::{
    evidence::{Evidence, Unknown},
    facts::Known,
    node::{Node, ReadError},
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `RTF_UP`, `RTF_REJECT` of include/uapi/linux/route.h, and `RTF_ANYCAST`, `RTF_LOCAL` of ipv6_route.h.
const UP: u64 = 0x1;
const REJECT: u64 = 0x200;
const LOCAL: u64 = 0x8000_0000 | 0x0010_0000;

/// A route that is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where it leads.
    pub network: IpNet,
    /// By which interface.
    pub interface: String,
    /// By which machine; none for what is on the link.
    pub gateway: Option<IpAddr>,
    /// The smaller, the more it is preferred.
    pub metric: u64,
}

impl Route {
    /// Whether it is for everything that no other is for.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.network.prefix_len() == 0
    }
}

/// As ip-route(8) would say it.
impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_default() {
            f.write_str("default")?;
        } else {
            write!(f, "{}", self.network)?;
        }
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        write!(f, " dev {}", self.interface)
    }
}

/// The routes of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    /// Those that are used, in the kernel's order.
    pub all: Vec<Route>,
    /// The file that lists them.
    pub source: String,
}

impl Routes {
    /// A route as evidence.
    #[must_use]
    pub fn evidence(&self, route: &Route) -> Evidence {
        Evidence::new(&self.source, route.to_string())
    }

    /// What there is, in a few words.
    #[must_use]
    pub fn summary(&self) -> Evidence {
        Evidence::new(&self.source, format!("{} routes", self.all.len()))
    }
}

/// Parses /proc/net/route (net/ipv4/fib_trie.c, `fib_route_seq_show`): words of the machine's own byte order. None where
/// the text is not what the kernel writes, or is cut off.
#[must_use]
fn parse_ipv4(text: &str) -> Option<Vec<Route>> {
    let mut lines = text.strip_suffix('\n')?.lines();
    if !lines.next()?.starts_with("Iface") {
        return None;
    }
    let mut routes = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [interface, network, gateway, flags, _, _, metric, mask, ..] = words.as_slice() else {
            return None;
        };
        let address = |hex: &str| {
            (hex.len() == 8)
                .then(|| u32::from_str_radix(hex, 16).ok().map(|n| Ipv4Addr::from(n.to_ne_bytes())))?
        };
        let (network, gateway, mask) = (address(network)?, address(gateway)?, address(mask)?);
        let flags = u64::from_str_radix(flags, 16).ok()?;
        if flags & UP == 0 || flags & REJECT != 0 {
            continue;
        }
        routes.push(Route {
            network: Ipv4Net::with_netmask(network, mask).ok()?.into(),
            interface: (*interface).to_owned(),
            gateway: (!gateway.is_unspecified()).then_some(gateway.into()),
            metric: metric.parse().ok()?,
        });
    }
    Some(routes)
}

/// Parses /proc/net/ipv6_route (net/ipv6/route.c, `rt6_info_route`). Addresses of this machine and rejections are left out.
#[must_use]
fn parse_ipv6(text: &str) -> Option<Vec<Route>> {
    if !text.is_empty() && !text.ends_with('\n') {
        return None;
    }
    let mut routes = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [network, length, _, _, gateway, metric, _, _, flags, interface] = words.as_slice() else {
            return None;
        };
        let address =
            |hex: &str| (hex.len() == 32).then(|| u128::from_str_radix(hex, 16).ok().map(Ipv6Addr::from))?;
        let (network, gateway) = (address(network)?, address(gateway)?);
        let flags = u64::from_str_radix(flags, 16).ok()?;
        if flags & UP == 0 || flags & (REJECT | LOCAL) != 0 || *interface == "lo" {
            continue;
        }
        routes.push(Route {
            network: Ipv6Net::new(network, u8::from_str_radix(length, 16).ok()?).ok()?.into(),
            interface: (*interface).to_owned(),
            gateway: (!gateway.is_unspecified()).then_some(gateway.into()),
            metric: u64::from_str_radix(metric, 16).ok()?,
        });
    }
    Some(routes)
}

/// The file with the routes of IPv4.
const IPV4: &str = "net/route";

struct OfIpv4(Known<Routes>);
struct OfIpv6(Known<Routes>);

impl Node {
    /// The routes of the main table.
    ///
    /// # Errors
    /// When the file can't be read, or is not what the kernel writes.
    pub fn routes(&self, family: Family) -> &Known<Routes> {
        match family {
            Family::Ipv4 => &self.fact(|| OfIpv4(self.read_routes(IPV4, parse_ipv4))).0,
            Family::Ipv6 => &self.fact(|| OfIpv6(self.read_routes("net/ipv6_route", parse_ipv6))).0,
        }
    }

    fn read_routes(&self, name: &str, parse: fn(&str) -> Option<Vec<Route>>) -> Known<Routes> {
        let source = self.proc_self(name);
        let read = self.read(&source);
        let text = read.text().map_err(ReadError::unknown)?;
        // Before its first route there is no main table, and the file has not even its heading.
        if name == IPV4
            && text.is_empty()
            && let Some(source) = self.ipv4_tables_show(|tables| !tables.has_main)
        {
            return Ok(Routes { all: Vec::new(), source });
        }
        let strange =
            || Unknown::new(format!("{source} is not what the kernel writes")).tried([read.evidence()]);
        let all = parse(&text).ok_or_else(strange)?;
        Ok(Routes { all, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const V4: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
        eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n\
        *\t0000A8C0\t00000000\t0200\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
    const V6: &str = "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n\
        00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00450003     eth0\n\
        00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo\n\
        00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn both_tables() {
        let shown = |routes: Vec<Route>| routes.iter().map(Route::to_string).collect::<Vec<_>>();
        assert_eq!(
            shown(parse_ipv4(V4).unwrap()),
            ["default via 192.0.2.1 dev eth0", "192.0.2.0/24 dev eth0"]
        );
        assert_eq!(
            shown(parse_ipv6(V6).unwrap()),
            ["2001:db8::/64 dev eth0", "default via fe80::1 dev eth0"]
        );
        assert_eq!(parse_ipv4(V4).unwrap()[0].metric, 100);
    }

    #[test]
    fn what_is_cut_off_is_no_table() {
        for text in ["", "x\n", &V4[..V4.len() - 1], &V4[..V4.len() / 2]] {
            assert_eq!(parse_ipv4(text), None, "{text:?}");
        }
        assert_eq!(parse_ipv6(&V6[..V6.len() / 2 - 5]), None);
        assert_eq!(parse_ipv6(""), Some(vec![]));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = parse_ipv4(&format!("Iface\n{text}\n"));
            let _ = parse_ipv6(&format!("{text}\n"));
        }
    }
}
