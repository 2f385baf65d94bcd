//! Whether something on the network can be reached, and what keeps it from that.

use super::{Known, lookup::Lookup};
use crate::{
    endpoint::Endpoint,
    evidence::{Evidence, Unknown},
    node::{Node, Probe, Probed},
};
use std::{net::SocketAddr, rc::Rc};

/// The most addresses of one name that are tried.
const ADDRESSES: usize = 4;

/// Somebody answered.
#[derive(Debug)]
pub struct Reached {
    /// Where.
    pub address: SocketAddr,
    /// What they answered.
    pub probed: Rc<Probed>,
    /// The addresses that could not be reached before this one, and why.
    pub in_vain: Vec<(SocketAddr, Barrier)>,
    /// What was seen on the way.
    pub evidence: Vec<Evidence>,
}

/// Nobody could be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreached {
    /// What stood in the way.
    pub barrier: Barrier,
    /// What was seen.
    pub evidence: Vec<Evidence>,
}

/// What stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// There is no such name, or it has no address.
    NoName,
    /// No name server gave an answer.
    NameServers,
    /// Nobody listens there, or a firewall refuses on their behalf.
    Refused,
    /// Nothing came back in time.
    TimedOut,
    /// This node, or a router, knows no way there.
    NoRoute,
}

impl Barrier {
    /// By the error of connect(2).
    fn of(errno: &str) -> Option<Self> {
        match errno {
            "ECONNREFUSED" | "ECONNRESET" => Some(Self::Refused),
            "ETIMEDOUT" => Some(Self::TimedOut),
            "EHOSTUNREACH" | "ENETUNREACH" | "ENETDOWN" | "EHOSTDOWN" | "EADDRNOTAVAIL" => {
                Some(Self::NoRoute)
            }
            _ => None,
        }
    }

    /// The reason of a finding.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoName => "no-name",
            Self::NameServers => "name-servers",
            Self::Refused => "refused",
            Self::TimedOut => "timeout",
            Self::NoRoute => "no-route",
        }
    }

    /// What it means, as a clause after the name of what was to be reached.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NoName => "the name servers know no address of it",
            Self::NameServers => "no name server answered",
            Self::Refused => "the connection is refused: nobody listens there, or a firewall says so",
            Self::TimedOut => "nothing comes back: a firewall drops the packets, or nobody has that address",
            Self::NoRoute => "there is no way to it",
        }
    }

    /// What mends it.
    #[must_use]
    pub fn remedy(self, target: &Endpoint) -> String {
        match self {
            Self::NoName => {
                format!("Add {} to the zone that the name servers serve, or to /etc/hosts", target.host)
            }
            Self::NameServers => "See that /etc/resolv.conf names servers that answer this node".to_owned(),
            Self::Refused => {
                format!("See that something listens on {target}, and that no firewall refuses this node")
            }
            Self::TimedOut => format!(
                "Let this node connect to {target}: its own firewall, those on the way, security groups"
            ),
            Self::NoRoute => format!("Give this node a route to {}: look with `ip route get`", target.host),
        }
    }
}

impl Node {
    /// Connects to an endpoint with the question that `ask` makes of an address: to one address of it after the other until
    /// somebody answers. A question to a name server may take so many milliseconds.
    ///
    /// # Errors
    /// When the question may not be put, or the kernel gave an error that says nothing of the network.
    pub fn reach(
        &self,
        target: &Endpoint,
        millis: u32,
        ask: impl Fn(SocketAddr) -> Probe,
    ) -> Known<Result<Reached, Unreached>> {
        let (addresses, mut evidence) = match self.lookup(&target.host, millis)? {
            Lookup::Found(addresses, seen) => (addresses, seen),
            Lookup::None(evidence) => return Ok(Err(Unreached { barrier: Barrier::NoName, evidence })),
            Lookup::Unanswered(evidence) => {
                return Ok(Err(Unreached { barrier: Barrier::NameServers, evidence }));
            }
        };
        let mut in_vain = Vec::new();
        for address in addresses.into_iter().take(ADDRESSES) {
            let address = SocketAddr::new(address, target.port);
            let probed = self.probe(&ask(address));
            if let Err(e) = probed.answer() {
                return Err(e.unknown());
            }
            let Some(errno) = probed.errno().filter(|errno| is_of_the_kernel(errno)) else {
                return Ok(Ok(Reached { address, probed, in_vain, evidence }));
            };
            let seen = Evidence::new(format!("connect(2) to {address}"), errno);
            let Some(barrier) = Barrier::of(errno) else {
                return Err(Unknown::new(format!("connecting to {address} gave {errno}")).tried([seen]));
            };
            evidence.push(seen);
            in_vain.push((address, barrier));
        }
        // Of several the first one stands for all: they are tried in the order in which programs try them.
        let barrier = in_vain.first().map_or(Barrier::NoName, |(_, barrier)| *barrier);
        Ok(Err(Unreached { barrier, evidence }))
    }

    /// Puts the first questions of several [`reach`](Self::reach)es together: the lookups, then one connection each. `ask` is
    /// given the place of the target in the list.
    pub fn reach_ahead(&self, targets: &[&Endpoint], millis: u32, ask: impl Fn(usize, SocketAddr) -> Probe) {
        self.probe_together(self.first_questions(targets.iter().map(|target| target.host.as_str()), millis));
        let first = |(at, target): (usize, &&Endpoint)| match self.lookup(&target.host, millis) {
            Ok(Lookup::Found(addresses, _)) => {
                addresses.first().map(|address| ask(at, SocketAddr::new(*address, target.port)))
            }
            _ => None,
        };
        let connections: Vec<Probe> = targets.iter().enumerate().filter_map(first).collect();
        self.probe_together(connections);
    }
}

/// `ECONNREFUSED`, not `tls: …`.
fn is_of_the_kernel(errno: &str) -> bool {
    errno.starts_with('E') && errno.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        || errno.starts_with("errno ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Allow, Allowed, Memory};

    fn connect(address: SocketAddr) -> Probe {
        Probe::Connect { address, millis: 9 }
    }

    fn reach(target: &str, answers: &[(&str, &str)]) -> Known<Result<Reached, Unreached>> {
        let allowed: Allowed = [Allow::Network].into_iter().collect();
        let memory = Memory::new().file("/etc/hosts", "10.0.0.1 two\n10.0.0.2 two\n");
        let memory = answers.iter().fold(memory, |memory, (address, answer)| {
            memory.probe(connect(address.parse().unwrap()), answer)
        });
        Node::in_memory(memory).allowing(allowed).reach(&target.parse().unwrap(), 9, connect)
    }

    #[test]
    fn what_stands_in_the_way() {
        for (errno, barrier) in [
            ("ECONNREFUSED", Barrier::Refused),
            ("ETIMEDOUT", Barrier::TimedOut),
            ("EHOSTUNREACH", Barrier::NoRoute),
            ("ENETUNREACH", Barrier::NoRoute),
        ] {
            let unreached = reach("10.0.0.9:1", &[("10.0.0.9:1", errno)]).unwrap().unwrap_err();
            assert_eq!(unreached.barrier, barrier);
            assert!(!unreached.evidence.is_empty());
        }
        assert!(reach("10.0.0.9:1", &[("10.0.0.9:1", "EPERM")]).is_err(), "this process may not");
        assert!(reach("10.0.0.9:1", &[]).is_err(), "a captured node has no network");
    }

    #[test]
    fn one_address_after_the_other() {
        let second = [("10.0.0.1:1", "ETIMEDOUT"), ("10.0.0.2:1", "ok")];
        let reached = reach("two:1", &second).unwrap().unwrap();
        assert_eq!(reached.address, "10.0.0.2:1".parse().unwrap());
        assert_eq!(reached.in_vain, [("10.0.0.1:1".parse().unwrap(), Barrier::TimedOut)]);
        let neither = [("10.0.0.1:1", "ETIMEDOUT"), ("10.0.0.2:1", "ECONNREFUSED")];
        assert_eq!(reach("two:1", &neither).unwrap().unwrap_err().barrier, Barrier::TimedOut);
        // Who fails later was reached.
        assert!(reach("two:1", &[("10.0.0.1:1", "tls: no")]).unwrap().is_ok());
    }
}
