//! The sockets of the node's network namespace that hold ports, and who holds them.

mod owner;

pub use owner::Owner;

use super::Known;
use crate::{
    evidence::{Evidence, Proof, Unknown},
    node::{Node, Origin, Probe, ReadError},
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A transport protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// Its word: `tcp`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// A socket that holds a port: a listener of TCP, or a bound socket of UDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// The address it is bound to; `0.0.0.0` or `::` for all. One of IPv4 that is bound by way of IPv6 (`::ffff:127.0.0.1`,
    /// as Java does) is that of IPv4.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// The inode by which a process holds it.
    pub inode: u64,
    /// Whether one on `::` leaves IPv4 to others (IPV6_V6ONLY); /proc does not tell.
    pub v6_only: Option<bool>,
    /// Whether it has a peer: a connected socket of UDP, which is one end of a conversation and no server.
    pub is_connected: bool,
}

impl Socket {
    /// Whether it may hold the port for IPv4: one of IPv6 does where it is bound to all addresses and was not set to
    /// IPV6_V6ONLY.
    #[must_use]
    pub fn holds_ipv4(&self) -> bool {
        self.address.is_ipv4() || (self.is_wildcard() && self.v6_only != Some(true))
    }

    /// Whether it is bound to every address of its family.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.address.is_unspecified()
    }
}

/// What holds ports, of one protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// The sockets of both families, IPv4 first, in the kernel's order.
    pub all: Vec<Socket>,
    /// What was read or asked, with how many sockets of the kind it has.
    pub proof: Proof,
}

/// TCP_LISTEN and TCP_ESTABLISHED of include/net/tcp_states.h; sockets of UDP use the second for connected.
const LISTEN: &str = "0A";
const ESTABLISHED: &str = "01";

/// Parses /proc/net/{tcp,tcp6,udp,udp6} (proc_net(5); net/ipv4/tcp_ipv4.c, `get_tcp4_sock`). None where the text is not what
/// the kernel writes, or is cut off.
#[must_use]
pub fn parse(text: &str, protocol: Protocol) -> Option<Vec<Socket>> {
    let mut lines = text.strip_suffix('\n')?.lines();
    if !lines.next()?.trim_start().starts_with("sl ") {
        return None;
    }
    let mut sockets = Vec::new();
    for line in lines {
        let mut fields = line.split_ascii_whitespace();
        let local = fields.nth(1)?;
        let state = fields.nth(1)?;
        if state.len() != 2 || (protocol == Protocol::Tcp && state != LISTEN) {
            continue;
        }
        // The queues, the timer, the retransmits, the user, the timeout.
        let inode = fields.nth(5)?.parse().ok()?;
        let (address, port) = local.split_once(':')?;
        let (address, port) = (self::address(address)?, u16::from_str_radix(port, 16).ok()?);
        let is_connected = protocol == Protocol::Udp && state == ESTABLISHED;
        sockets.push(Socket { address, port, inode, v6_only: None, is_connected });
    }
    Some(sockets)
}

/// The address as the kernel prints its words: each as a number of the machine's own byte order.
fn address(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(hex.get(8 * at..8 * at + 8)?, 16).ok()?.to_ne_bytes());
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let bytes: Vec<u8> = (0..4).map(word).collect::<Option<Vec<_>>>()?.concat();
            let bytes: [u8; 16] = bytes.try_into().ok()?;
            Some(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

/// The facts of both protocols are of different types for the node's memory.
struct Of<const UDP: bool>(Known<Sockets>);

impl Node {
    /// What holds ports of `protocol` in the network namespace of the node.
    ///
    /// # Errors
    /// When a file can't be read, or is not what the kernel writes.
    pub fn sockets(&self, protocol: Protocol) -> &Known<Sockets> {
        match protocol {
            Protocol::Tcp => {
                &self.fact(|| Of::<false>(listeners(self).map_or_else(|| read(self, protocol), Ok))).0
            }
            Protocol::Udp => &self.fact(|| Of::<true>(read(self, protocol))).0,
        }
    }
}

/// The listeners as the kernel gives them at once. None where it can't be asked without loading a module, or would not say.
fn listeners(node: &Node) -> Option<Sockets> {
    if node.origin() != Origin::Live || !node.module("tcp_diag").is_there() {
        return None;
    }
    let probed = node.probe(&Probe::Listeners);
    let details = probed.details()?;
    let all = details.split("; ").filter(|one| !one.is_empty()).map(listener).collect::<Option<Vec<_>>>()?;
    let proof = Proof::new(Evidence::new(probed.call(), format!("{} listening", all.len())));
    Some(Sockets { all, proof })
}

/// `[::]:10250 26000 v6only=0`.
fn listener(text: &str) -> Option<Socket> {
    let mut words = text.split(' ');
    let address: SocketAddr = words.next()?.parse().ok()?;
    let inode = words.next()?.parse().ok()?;
    let v6_only = words.next().map(|word| word == "v6only=1");
    Some(Socket {
        address: address.ip().to_canonical(),
        port: address.port(),
        inode,
        v6_only,
        is_connected: false,
    })
}

fn read(node: &Node, protocol: Protocol) -> Known<Sockets> {
    let path = |family: &str| node.proc_self(&format!("net/{}{family}", protocol.as_str()));
    let (mut all, seen) = table(node, &path(""), protocol)?;
    let proof = Proof::new(seen);
    let path = path("6");
    // Without IPv6 there is no such file; that of IPv4, which was read before, shows that the rest of /proc is there.
    if node.read(&path).is_missing() && has_no_ipv6(node) {
        let proof = proof.and(Evidence::new(path, "does not exist: no IPv6"));
        return Ok(Sockets { all, proof });
    }
    let (more, seen) = table(node, &path, protocol)?;
    all.extend(more);
    Ok(Sockets { all, proof: proof.and(seen) })
}

/// The sockets of one family.
fn table(node: &Node, path: &str, protocol: Protocol) -> Known<(Vec<Socket>, Evidence)> {
    let read = node.read(path);
    let text = read.text().map_err(ReadError::unknown)?;
    let found = parse(&text, protocol).ok_or_else(|| {
        Unknown::new(format!("{path} is not what the kernel writes")).tried([read.evidence()])
    })?;
    let kind = if protocol == Protocol::Tcp { "listening" } else { "bound" };
    let seen = read.quote(format!("{} {kind}", found.len()));
    Ok((found, seen))
}

/// Whether the kernel has no IPv6: the directory of its interfaces is missing where that of IPv4 is there.
fn has_no_ipv6(node: &Node) -> bool {
    node.kind("/proc/sys/net/ipv4").is_ok() && node.kind("/proc/sys/net/ipv6").is_err_and(|e| e.is_missing())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    /// Linux 6.1, x86-64.
    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
        \x20  0: 0100007F:2808 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 25214 1 0 100 0 0 10 0\n\
        \x20  1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 30001 1 0 100 0 0 10 0\n\
        \x20  2: 0100007F:1F90 0100007F:A0B4 01 00000000:00000000 00:00000000 00000000  1000        0 30002 1 0 20 4 30 10 -1\n";
    const TCP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
        \x20  0: 00000000000000000000000000000000:280A 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 26000 1 0 100 0 0 10 0\n\
        \x20  1: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 26001 1 0 100 0 0 10 0\n";
    const UDP: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
        \x20 1234: 00000000:2118 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 40000 2 0 0\n\
        \x20 1235: 0100007F:8000 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 40001 2 0 0\n";

    #[test]
    #[cfg(target_endian = "little")]
    fn what_the_kernel_writes() {
        let brief = |sockets: Vec<Socket>| -> Vec<String> {
            sockets.iter().map(|s| format!("{} {} {}", s.address, s.port, s.inode)).collect()
        };
        assert_eq!(
            brief(parse(TCP, Protocol::Tcp).unwrap()),
            ["127.0.0.1 10248 25214", "0.0.0.0 8080 30001"]
        );
        assert_eq!(brief(parse(TCP6, Protocol::Tcp).unwrap()), [":: 10250 26000", "::1 22 26001"]);
        let udp = parse(UDP, Protocol::Udp).unwrap();
        assert_eq!(udp.iter().map(|s| s.is_connected).collect::<Vec<_>>(), [false, true]);
        assert_eq!(udp[0].port, 8472);
    }

    #[test]
    fn what_is_cut_off_is_no_table() {
        for text in ["", "x\n", &TCP[..TCP.len() - 1], &TCP[..200], &TCP[..TCP.len() / 2]] {
            assert_eq!(parse(text, Protocol::Tcp), None, "{text:?}");
        }
        assert_eq!(parse(&format!("{}\n", TCP.lines().next().unwrap()), Protocol::Tcp), Some(vec![]));
    }

    #[test]
    fn what_the_kernel_gives_at_once() {
        let listening = "ok, 127.0.0.1:10248 25214; [::]:10250 26000 v6only=0; [::]:80 26001 v6only=1";
        let there = Memory::new()
            .file("/proc/sys/kernel/osrelease", "6.1.0-1\n")
            .file("/proc/modules", "tcp_diag 1 0 - Live 0x0\n")
            .probe(Probe::Listeners, listening);
        let node = Node::in_memory(there.clone());
        let found = &node.sockets(Protocol::Tcp).as_ref().unwrap().all;
        assert_eq!(found.iter().map(Socket::holds_ipv4).collect::<Vec<_>>(), [true, true, false]);
        // Where it says nothing, and where asking would load a module, the tables are read.
        for other in
            [there.probe(Probe::Listeners, "EPERM"), Memory::new().probe(Probe::Listeners, listening)]
        {
            let read = other.file("/proc/self/net/tcp", TCP).file("/proc/self/net/tcp6", TCP6);
            assert_eq!(Node::in_memory(read).sockets(Protocol::Tcp).as_ref().unwrap().all.len(), 4);
        }
        for wrong in ["", "127.0.0.1 1", "127.0.0.1:1", "127.0.0.1:1 x"] {
            assert_eq!(listener(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn without_ipv6() {
        let node = |memory: Memory| Node::in_memory(memory.file("/proc/self/net/tcp", TCP));
        assert!(node(Memory::new()).sockets(Protocol::Tcp).is_err(), "anything may be hidden");
        let v4_only = Memory::new().file("/proc/sys/net/ipv4/ip_forward", "0\n");
        assert_eq!(node(v4_only).sockets(Protocol::Tcp).as_ref().unwrap().all.len(), 2);
        let denied = Memory::new().error("/proc/self/net/tcp6", ReadErrorKind::Denied("EACCES"));
        assert!(node(denied).sockets(Protocol::Tcp).is_err());
        let both = node(Memory::new().file("/proc/self/net/tcp6", TCP6));
        assert_eq!(both.sockets(Protocol::Tcp).as_ref().unwrap().all.len(), 4);
        assert!(both.sockets(Protocol::Udp).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = parse(&text, Protocol::Tcp);
            let _ = parse(&format!("  sl  local\n{text}\n"), Protocol::Udp);
            let _ = address(&text);
            let _ = listener(&text);
        }
    }
}
