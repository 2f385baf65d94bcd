//! The addresses of names as programs on this node get them: by /etc/hosts, then by the name servers of /etc/resolv.conf.
//!
//! The C library's other ways (nsswitch.conf(5)) are not gone: a name that only mDNS or a directory knows is not found here.

use super::{Known, hosts, resolv_conf};
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, Probe, Probed},
};
use std::net::{IpAddr, Ipv4Addr};

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// The most name servers that are asked, as in the C library (MAXNS).
pub const SERVERS: usize = 3;

/// What came of looking up a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Its addresses, IPv4 first, and what gave them.
    Found(Vec<IpAddr>, Vec<Evidence>),
    /// The name servers say that there is no such name, or that it has no address.
    None(Vec<Evidence>),
    /// No name server gave an answer that decides.
    Unanswered(Vec<Evidence>),
}

/// How this node looks up names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolver {
    /// The name servers, in the order in which they are asked.
    pub servers: Vec<IpAddr>,
    /// The domains in which short names are looked for.
    pub search: Vec<String>,
    /// How many dots make a name a long one.
    ndots: usize,
}

impl Resolver {
    fn parse(text: &str) -> Self {
        let conf = resolv_conf::parse(text);
        let mut servers = conf.nameservers;
        servers.truncate(SERVERS);
        if servers.is_empty() {
            // resolv.conf(5): where no server is named, the one on this machine.
            servers.push(Ipv4Addr::LOCALHOST.into());
        }
        let search: Vec<String> = conf
            .search
            .iter()
            .map(|domain| domain.trim_matches('.').to_owned())
            .filter(|d| !d.is_empty())
            .collect();
        let ndots = conf.options.iter().rev().find_map(|option| option.strip_prefix("ndots:")?.parse().ok());
        Self { servers, search, ndots: ndots.unwrap_or(1) }
    }

    /// The whole names that are tried for a name, in order (resolv.conf(5): search, ndots).
    #[must_use]
    pub fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(whole) = name.strip_suffix('.') {
            return vec![whole.to_owned()];
        }
        let searched = self.search.iter().map(|domain| format!("{name}.{domain}"));
        if name.matches('.').count() >= self.ndots {
            std::iter::once(name.to_owned()).chain(searched).collect()
        } else {
            searched.chain([name.to_owned()]).collect()
        }
    }
}

/// What one server says of one whole name.
enum Said {
    Addresses(Vec<IpAddr>),
    Nothing,
    /// It did not answer, or could not.
    NoAnswer,
}

/// A question about one kind of address.
#[must_use]
pub fn question(server: IpAddr, name: &str, v6: bool, millis: u32) -> Probe {
    Probe::Lookup { server, name: name.to_owned(), v6, millis }
}

/// What a server said, as evidence.
#[must_use]
pub fn evidence(server: IpAddr, name: &str, v6: bool, probed: &Probed) -> Evidence {
    let kind = if v6 { "AAAA" } else { "A" };
    let said = match (probed.details(), probed.errno()) {
        (Some(""), _) => "no such address".to_owned(),
        (Some(addresses), _) => addresses.to_owned(),
        (None, Some(error)) => error.to_owned(),
        (None, None) => "not asked".to_owned(),
    };
    Evidence::new(format!("name server {server}"), format!("{name} {kind}: {said}"))
}

impl Node {
    /// How this node looks up names.
    ///
    /// # Errors
    /// When /etc/resolv.conf is there and can't be read.
    pub fn resolver(&self) -> Known<Resolver> {
        match self.read(RESOLV_CONF).text() {
            Ok(text) => Ok(Resolver::parse(&text)),
            Err(e) if e.is_missing() => Ok(Resolver::parse("")),
            Err(e) => Err(e.unknown()),
        }
    }

    /// The questions with which lookups of these names begin, to be put together.
    #[must_use]
    pub fn first_questions<'a>(&self, names: impl Iterator<Item = &'a str>, millis: u32) -> Vec<Probe> {
        let Ok(resolver) = self.resolver() else { return Vec::new() };
        let Some(&server) = resolver.servers.first() else { return Vec::new() };
        let first = |name: &str| resolver.candidates(name).into_iter().next();
        let asked = names.filter(|name| name.parse::<IpAddr>().is_err() && !self.is_in_hosts(name));
        asked
            .filter_map(first)
            .flat_map(|name| [false, true].map(|v6| question(server, &name, v6, millis)))
            .collect()
    }

    fn is_in_hosts(&self, name: &str) -> bool {
        self.read(hosts::HOSTS).text().is_ok_and(|text| hosts::addresses(&text, name).next().is_some())
    }

    /// The addresses of a name; each question to a name server may take so long. Takes `--allow network` unless the name is
    /// an address or stands in /etc/hosts.
    ///
    /// # Errors
    /// When files could not be read, or no question may be put.
    pub fn lookup(&self, name: &str, millis: u32) -> Known<Lookup> {
        if let Ok(address) = name.parse() {
            return Ok(Lookup::Found(vec![address], Vec::new()));
        }
        let hosts = self.read(hosts::HOSTS);
        match hosts.text() {
            Ok(text) => {
                let found: Vec<_> = hosts::addresses(&text, name).collect();
                if !found.is_empty() {
                    let seen = found.iter().map(|(_, line)| hosts.quote(*line)).collect();
                    return Ok(Lookup::Found(found.iter().map(|(address, _)| *address).collect(), seen));
                }
            }
            Err(e) if e.is_missing() => {}
            Err(e) => return Err(e.unknown()),
        }
        let resolver = self.resolver()?;
        let mut seen = Vec::new();
        let mut unanswered = false;
        for candidate in resolver.candidates(name) {
            match self.ask_servers(&resolver, &candidate, millis, &mut seen)? {
                Said::Addresses(addresses) => return Ok(Lookup::Found(addresses, seen)),
                Said::Nothing => {}
                Said::NoAnswer => unanswered = true,
            }
        }
        Ok(if unanswered { Lookup::Unanswered(seen) } else { Lookup::None(seen) })
    }

    /// Asks one server after the other until one gives an answer that decides.
    fn ask_servers(
        &self,
        resolver: &Resolver,
        name: &str,
        millis: u32,
        seen: &mut Vec<Evidence>,
    ) -> Known<Said> {
        for &server in &resolver.servers {
            self.probe_together([false, true].map(|v6| question(server, name, v6, millis)));
            let mut addresses: Vec<IpAddr> = Vec::new();
            let mut decided = 0;
            for v6 in [false, true] {
                let probed = self.probe(&question(server, name, v6, millis));
                if let Err(e) = probed.answer() {
                    return Err(e.unknown());
                }
                if let Some("EPERM" | "EACCES") = probed.errno() {
                    return Err(
                        Unknown::new(format!("no packet to {server} was let out")).tried(probed.evidence())
                    );
                }
                seen.push(evidence(server, name, v6, &probed));
                decided += u8::from(probed.works() || probed.errno() == Some("NXDOMAIN"));
                addresses.extend(
                    probed.details().unwrap_or_default().split(' ').filter_map(|a| a.parse::<IpAddr>().ok()),
                );
            }
            match (addresses.is_empty(), decided) {
                (false, _) => return Ok(Said::Addresses(addresses)),
                (true, 2) => return Ok(Said::Nothing),
                _ => {}
            }
        }
        Ok(Said::NoAnswer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Allow, Allowed, Memory, ReadErrorKind};
    use proptest::prelude::*;

    const CONF: &str = "search a.example b.example\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n";

    fn server(n: u8) -> IpAddr {
        [10, 0, 0, n].into()
    }

    /// A server's answers to both questions about a name.
    fn said(memory: Memory, n: u8, name: &str, v4: &str, v6: &str) -> Memory {
        memory.probe(question(server(n), name, false, 9), v4).probe(question(server(n), name, true, 9), v6)
    }

    fn node(memory: Memory) -> Node {
        let allowed: Allowed = [Allow::Network].into_iter().collect();
        Node::in_memory(memory.file(RESOLV_CONF, CONF)).allowing(allowed)
    }

    fn addresses(lookup: Known<Lookup>) -> Vec<String> {
        match lookup {
            Ok(Lookup::Found(found, _)) => found.iter().map(IpAddr::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_are_looked_for_as_the_c_library_does() {
        let resolver = Resolver::parse(CONF);
        assert_eq!(resolver.candidates("n1"), ["n1.a.example", "n1.b.example", "n1"]);
        assert_eq!(resolver.candidates("n1.x"), ["n1.x", "n1.x.a.example", "n1.x.b.example"]);
        assert_eq!(resolver.candidates("n1."), ["n1"]);
        let many = Resolver::parse("search a.example .\noptions ndots:2\n");
        assert_eq!(many.candidates("n1.x"), ["n1.x.a.example", "n1.x"]);
        assert_eq!(many.servers, [IpAddr::from(Ipv4Addr::LOCALHOST)]);
    }

    #[test]
    fn hosts_and_servers() {
        let nobody = node(Memory::new().file("/etc/hosts", "10.9.9.9 here\n"));
        assert_eq!(addresses(nobody.lookup("here", 9)), ["10.9.9.9"]);
        assert_eq!(addresses(nobody.lookup("2001:db8::1", 9)), ["2001:db8::1"]);
        let both = said(Memory::new(), 1, "r.example", "ok, 10.1.1.1", "ok, 2001:db8::5");
        assert_eq!(addresses(node(both).lookup("r.example", 9)), ["10.1.1.1", "2001:db8::5"]);
        // The first server is silent: the second one decides.
        let second = said(said(Memory::new(), 1, "r", "timeout", "timeout"), 2, "r", "ok, 10.1.1.2", "ok, ");
        assert_eq!(addresses(node(second).lookup("r.", 9)), ["10.1.1.2"]);
        // The second domain has it.
        let searched = said(
            said(Memory::new(), 1, "r.a.example", "NXDOMAIN", "NXDOMAIN"),
            1,
            "r.b.example",
            "ok, 10.1.1.3",
            "ok, ",
        );
        assert_eq!(addresses(node(searched).lookup("r", 9)), ["10.1.1.3"]);
    }

    #[test]
    fn what_is_not_there_and_what_is_not_known() {
        let none = said(Memory::new(), 1, "r", "NXDOMAIN", "ok, ");
        assert!(matches!(node(none).lookup("r.", 9), Ok(Lookup::None(seen)) if seen.len() == 2));
        let silent =
            said(said(Memory::new(), 1, "r", "SERVFAIL", "timeout"), 2, "r", "ECONNREFUSED", "NXDOMAIN");
        assert!(matches!(node(silent).lookup("r.", 9), Ok(Lookup::Unanswered(seen)) if seen.len() == 4));
        let barred = said(Memory::new(), 1, "r", "EPERM", "EPERM");
        assert!(node(barred).lookup("r.", 9).is_err());
        assert!(node(Memory::new()).lookup("r.", 9).is_err(), "a captured node has no network");
        let denied = Memory::new().error("/etc/hosts", ReadErrorKind::Denied("EACCES"));
        assert!(node(denied).lookup("r.", 9).is_err());
        let refused = Node::in_memory(Memory::new()).lookup("r.", 9).unwrap_err();
        assert!(refused.needs.unwrap().contains("--allow network"));
    }

    proptest! {
        #[test]
        fn candidates_never_panic(conf in ".{0,100}", name in ".{0,30}") {
            let _ = Resolver::parse(&conf).candidates(&name);
        }
    }
}
