//! What a policy may say of ports.

use crate::{
    entry::{Entry, Written},
    finding::Severity,
    matcher::Matcher,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::{collections::HashSet, fmt, net::IpAddr, str::FromStr};

/// The ports that are to be served here are free, and if not, who holds them.
///
/// ## What it looks at
/// Listeners of TCP over netlink (sock_diag), or in /proc/self/net/tcp and tcp6 where the kernel would load a module for the
/// question; bound sockets of UDP, in udp and udp6. One that is connected, the end of a conversation, holds a single port for
/// the moment, which is a warning, and is passed over in a range. Only the protocols that are named; nothing is bound, and no
/// packet is sent. Only where a port is held, the open files of the processes tell who holds it (root sees all, others their
/// own), and the process's cgroup its unit.
///
/// `free` passes, and so does `held-as-wanted`, where the holder is one of `owners`; `in-use` does not. With `listening: true`
/// `held-as-wanted` passes; `not-listening` and `unexpected` (of `expect`) do not.
///
/// ## Why it matters
/// The API server, etcd, the scheduler, the controller manager and the kubelet each need their port, and end at once where
/// another process has it. A listener on 127.0.0.1 keeps a server from all addresses as well, and one on `::` usually holds
/// IPv4, too. What is bound within the range of NodePorts makes single services fail, later and only on this node.
///
/// ## How to mend it
/// Stop the process that holds the port, or give it another one. Where it is a part of Kubernetes, the node has joined
/// already: `kubeadm reset`, or nothing at all.
///
/// ## Sources
/// kubernetes.io, Ports and Protocols; kubeadm's check PortOpen (it binds, and takes a lack of permission for a port in
/// use); sock_diag(7), proc_net(5); ip(7), ipv6(7) (IPV6_V6ONLY); Linux net/ipv4/inet_connection_sock.c, `inet_csk_get_port`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PortsParams {
    /// Ports of TCP: numbers, ranges such as `30000-32767`, or maps that say more.
    pub tcp: Vec<Written<PortRule>>,
    /// Ports of UDP.
    pub udp: Vec<Written<PortRule>>,
}

/// What is asked of one port, or of a range.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PortRule {
    /// The port, or a range of them: 10250, `30000-32767`.
    pub port: PortRange,
    /// What it is for, told where it is in use.
    #[serde(default)]
    pub why: Option<String>,
    /// The most that it can yield. Default: fail.
    #[serde(default)]
    pub severity: Severity,
    /// Commands that may hold it, as /proc/PID/comm names them (15 characters at most): `kubelet`. Default: none.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Whether somebody has to serve it already. Default: false, it has to be free.
    #[serde(default)]
    pub listening: bool,
    /// What is expected of who holds it, with `listening: true`.
    #[serde(default)]
    pub expect: PortExpectations,
    /// The one address on which it will be served: `127.0.0.1`. Default: all.
    #[serde(default)]
    pub address: Option<IpAddr>,
}

/// What is expected of who holds a port.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PortExpectations {
    /// The command, as /proc/PID/comm names it (15 characters at most). Root sees that of all.
    pub owner: Option<Matcher>,
    /// The unit of systemd that it belongs to.
    pub unit: Option<Matcher>,
    /// The addresses on which it is served, a list: `0.0.0.0`, `::`.
    pub addresses: Option<Matcher>,
}

impl Entry for PortRule {
    const WORD: &'static str = "a port or a range of ports";

    fn from_word(word: &str) -> Result<Self, String> {
        let port = word.parse()?;
        Ok(Self {
            port,
            why: None,
            severity: Severity::Fail,
            owners: Vec::new(),
            listening: false,
            expect: PortExpectations::default(),
            address: None,
        })
    }
}

/// A port, or the first and the last of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortRange {
    pub(super) first: u16,
    pub(super) last: u16,
}

impl PortRange {
    /// The port, where it is only one.
    pub(super) fn single(self) -> Option<u16> {
        (self.first == self.last).then_some(self.first)
    }

    /// Whether it is among them.
    pub(super) fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("`{text}` is not a port: write a number from 1 to 65535, or a range such as 30000-32767")
        };
        let port = |text: &str| text.trim().parse().ok().filter(|port| *port > 0).ok_or_else(wrong);
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (port(first)?, port(last)?),
            None => (port(text)?, port(text)?),
        };
        if first > last { Err(wrong()) } else { Ok(Self { first, last }) }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.single() {
            Some(port) => write!(f, "{port}"),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for PortRange {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PortRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A port, or a range of them: 10250, `30000-32767`.",
            "type": ["integer", "string"],
            "pattern": "^[0-9]{1,5}(-[0-9]{1,5})?$",
            "minimum": 1,
            "maximum": 65535
        })
    }
}

impl PortsParams {
    pub(super) fn validate(&self) -> Result<(), String> {
        for (rules, protocol) in [(&self.tcp, "tcp"), (&self.udp, "udp")] {
            let mut seen = HashSet::new();
            for Written(rule) in rules {
                if !seen.insert(rule.port) {
                    return Err(format!("{protocol}/{} is named twice", rule.port));
                }
                let PortExpectations { owner, unit, addresses } = &rule.expect;
                let expects = owner.is_some() || unit.is_some() || addresses.is_some();
                if !rule.listening && expects {
                    return Err(format!("{protocol}/{}: `expect` goes with `listening: true`", rule.port));
                }
                if rule.listening && (!rule.owners.is_empty() || rule.port.single().is_none()) {
                    return Err(format!(
                        "{protocol}/{}: `listening` goes with one port; who holds it is said in `expect`",
                        rule.port
                    ));
                }
                if let Some(long) = rule.owners.iter().find(|owner| owner.len() > 15) {
                    let short: String = long.chars().take(15).collect();
                    return Err(format!(
                        "no command is called `{long}`: the kernel keeps 15 characters, `{short}`"
                    ));
                }
            }
        }
        if self.tcp.is_empty() && self.udp.is_empty() {
            return Err("no port is named; write some under `tcp` or `udp`".into());
        }
        Ok(())
    }
}
