//! Kernel parameters: their names, their values now, and what the next boot will set.

mod at_boot;
mod network;

pub use at_boot::{Assignment, AtBoot};
pub use network::Network;

use crate::{
    evidence::Evidence,
    node::{Node, Read, ReadError, ReadErrorKind},
};
use std::rc::Rc;

/// Where parameters lie.
const ROOT: &str = "/proc/sys";

/// The name of a parameter, as sysctl(8) takes it: `net.ipv4.ip_forward`, or with slashes where a part has a dot
/// (`net/ipv4/conf/eth0.100/forwarding`). Whichever separator comes first is the separator, and the other one stands for
/// it in parts. A part `*` stands for any name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    parts: Vec<String>,
}

impl Key {
    /// Reads a name; none where it is no name of a parameter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let separator = text.find(['.', '/']).map(|at| text.as_bytes()[at])?;
        let parts: Vec<String> = if separator == b'/' {
            text.split('/').map(str::to_owned).collect()
        } else {
            text.split('.').map(|part| part.replace('/', ".")).collect()
        };
        let fits = |part: &String| {
            !part.is_empty()
                && part != ".."
                && part != "."
                && !part.contains(|c: char| c.is_whitespace() || c == '\0')
        };
        parts.iter().all(fits).then_some(Self { parts })
    }

    /// Its file: `/proc/sys/net/ipv4/ip_forward`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{ROOT}/{}", self.parts.join("/"))
    }

    /// Whether it stands for several parameters.
    #[must_use]
    pub fn is_pattern(&self) -> bool {
        self.parts.iter().any(|part| part.contains('*'))
    }

    /// Its parts: `net`, `ipv4`, `ip_forward`.
    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// The key with another part in this place.
    #[must_use]
    pub fn with_part(&self, at: usize, part: &str) -> Self {
        let mut parts = self.parts.clone();
        if let Some(place) = parts.get_mut(at) {
            part.clone_into(place);
        }
        Self { parts }
    }

    /// Whether `other` is one of those that this stands for; `*` is any text within one part (glob(7)).
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let one = |(pattern, part): (&String, &String)| covers(pattern, part);
        self.parts.len() == other.parts.len() && self.parts.iter().zip(&other.parts).all(one)
    }
}

fn covers(pattern: &str, part: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = part.strip_prefix(first) else { return false };
    let mut pieces: Vec<_> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// With dots, as sysctl(8) prints it.
impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<_> = self.parts.iter().map(|part| part.replace('.', "/")).collect();
        f.write_str(&parts.join("."))
    }
}

/// The value of a parameter as it is compared and shown: fields separated by one blank each.
#[must_use]
pub fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A parameter that was read.
#[derive(Clone, Debug)]
pub struct Value {
    /// As [`normal`] gives it.
    pub text: String,
    read: Rc<Read>,
}

impl Value {
    /// What was seen.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.read.quote(&*self.text)
    }
}

impl Node {
    /// The value of a parameter now.
    ///
    /// # Errors
    /// As reading its file gave; [`ReadError::is_missing`] where there is no such parameter. What is no whole value is
    /// an error, too.
    pub fn sysctl(&self, key: &Key) -> Result<Value, ReadError> {
        let read = self.read(&key.path());
        let Some(text) = whole(read.bytes().map_err(Clone::clone)?) else {
            let strange = ReadErrorKind::System("is not what the kernel shows".to_owned());
            return Err(ReadError::new(read.path(), strange));
        };
        let text = normal(text);
        Ok(Value { text, read })
    }
}

/// What the kernel shows ends with a newline (kernel/sysctl.c, `proc_put_char`, `_proc_do_string`) and is text.
fn whole(bytes: &[u8]) -> Option<&str> {
    let text = str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n');
    (!text.contains(odd)).then_some(text)
}

impl Key {
    /// The name under which the same variable can be set as well: /proc/sys/net/ipv4/ip_forward is conf/all/forwarding
    /// (net/ipv4/devinet.c, `ctl_forward_entry`).
    #[must_use]
    pub fn twin(&self) -> Option<Self> {
        let twins = ["net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"];
        let own = self.to_string();
        let other = twins.iter().position(|twin| *twin == own).map(|at| 1 - at)?;
        Self::parse(twins.get(other)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

    #[test]
    fn names_and_files() {
        for (text, path, shown) in [
            ("net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward", "net.ipv4.ip_forward"),
            ("net/ipv4/ip_forward", "/proc/sys/net/ipv4/ip_forward", "net.ipv4.ip_forward"),
            (
                "net/ipv4/conf/eth0.100/forwarding",
                "/proc/sys/net/ipv4/conf/eth0.100/forwarding",
                "net.ipv4.conf.eth0/100.forwarding",
            ),
            (
                "net.ipv4.conf.eth0/100.forwarding",
                "/proc/sys/net/ipv4/conf/eth0.100/forwarding",
                "net.ipv4.conf.eth0/100.forwarding",
            ),
        ] {
            let key = Key::parse(text).unwrap();
            assert_eq!((key.path().as_str(), key.to_string().as_str()), (path, shown));
        }
        for text in ["", "x", "a..b", "net/../../etc/shadow", "a. b", ".a", "/etc/passwd", "a.b\n"] {
            assert_eq!(Key::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn patterns() {
        let key = |text| Key::parse(text).unwrap();
        let any = key("net.ipv4.conf.*.rp_filter");
        assert!(any.is_pattern() && any.covers(&key("net.ipv4.conf.eth0.rp_filter")));
        assert!(
            !any.covers(&key("net.ipv4.conf.eth0.arp_filter")) && !any.covers(&key("net.ipv4.rp_filter"))
        );
        assert!(key("a.x*y*").covers(&key("a.x1y")) && !key("a.x*y").covers(&key("a.xyz")));
        assert!(!key("a.bc*cb").covers(&key("a.bcb")), "no letter is used twice");
    }

    #[test]
    fn values_are_one_blank_apart() {
        let node =
            Node::in_memory(Memory::new().file("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"));
        let value = node.sysctl(&Key::parse("net.ipv4.ip_local_port_range").unwrap()).unwrap();
        assert_eq!(value.text, "32768 60999");
        assert!(node.sysctl(&Key::parse("net.ipv4.nothing").unwrap()).unwrap_err().is_missing());
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,40}", other in ".{0,40}") {
            if let (Some(a), Some(b)) = (Key::parse(&text), Key::parse(&other)) {
                let _ = a.covers(&b);
            }
            let _ = covers(&text, &other);
        }

        #[test]
        fn a_name_never_leads_out(text in "[a./*-]{1,30}") {
            if let Some(key) = Key::parse(&text) {
                prop_assert!(!key.path().contains("/../") && !key.path().ends_with("/.."));
            }
        }

        #[test]
        fn what_is_shown_is_read_back(text in "[a-c]{1,3}(\\.[a-c/]{1,4}){1,4}") {
            if let Some(key) = Key::parse(&text) {
                prop_assert_eq!(Key::parse(&key.to_string()), Some(key));
            }
        }
    }
}
