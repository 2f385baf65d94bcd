//! One setting of the running kernel: its key in any of the forms that people write, and its value.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, Origin, ReadError},
};

/// Where the kernel shows its settings.
const PLACE: &str = "/proc/sys";
/// A key has no more parts than this; the deepest of Linux 6.18 has seven.
const PARTS: usize = 16;

/// The key of a setting: the parts of its path below /proc/sys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<String>);

impl Key {
    /// Reads a key in either form of sysctl(8): `net.ipv4.ip_forward`, `net/ipv4/conf/eth0.100/rp_filter`, or
    /// `net.ipv4.conf.eth0/100.rp_filter`. Where the first separator is a dot, dots and slashes are interchanged
    /// (sysctl.d(5)).
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            |why| format!("`{text}` is no key of a sysctl: {why}; write for example `net.ipv4.ip_forward`");
        let dotted = match text.find(['.', '/']) {
            Some(at) => text[at..].starts_with('.'),
            None => return Err(wrong("it has one part only")),
        };
        let fits = |c: char| c.is_ascii_graphic() || (c.is_alphanumeric() && !c.is_ascii());
        if let Some(c) = text.chars().find(|&c| !fits(c)) {
            return Err(wrong(&format!("it holds {c:?}")));
        }
        let swap = |part: &str| if dotted { part.replace('/', ".") } else { part.to_owned() };
        let parts: Vec<String> = text.split(if dotted { '.' } else { '/' }).map(swap).collect();
        if parts.len() > PARTS || text.len() > 512 {
            return Err(wrong("it is too long"));
        }
        if parts.iter().any(|p| p.is_empty() || p == "." || p == "..") {
            return Err(wrong("a part of it is empty"));
        }
        Ok(Self(parts))
    }

    /// Its parts.
    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// The first part: `net`, `kernel`.
    #[must_use]
    pub fn top(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// The file that shows it.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{PLACE}/{}", self.0.join("/"))
    }

    /// The form that people write: with dots, a dot inside of a name as a slash.
    #[must_use]
    pub fn dotted(&self) -> String {
        let parts: Vec<String> = self.0.iter().map(|p| p.replace('.', "/")).collect();
        parts.join(".")
    }

    /// Where a part is `*`, which stands for every name.
    #[must_use]
    pub fn wildcard(&self) -> Option<usize> {
        self.0.iter().position(|p| p == "*")
    }

    /// Whether a part holds any character of glob(7).
    #[must_use]
    pub fn is_glob(&self) -> bool {
        self.0.iter().any(|p| p.contains(['*', '?', '[']))
    }

    /// The directory that holds what the part `at` names.
    #[must_use]
    pub fn directory(&self, at: usize) -> String {
        self.0.iter().take(at).fold(PLACE.to_owned(), |path, part| format!("{path}/{part}"))
    }

    /// The same key with `name` for its part `at`.
    #[must_use]
    pub fn with(&self, at: usize, name: &str) -> Self {
        let mut parts = self.0.clone();
        if let Some(part) = parts.get_mut(at) {
            name.clone_into(part);
        }
        Self(parts)
    }

    /// The key that sets the same variable of the kernel, if there is one: /proc/sys/net/ipv4/ip_forward is
    /// conf/all/forwarding by another name (net/ipv4/devinet.c, `ctl_forward_entry`).
    #[must_use]
    pub fn twin(&self) -> Option<Self> {
        let twins = ["net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"];
        let own = twins.iter().position(|t| *t == self.dotted())?;
        Self::parse(twins.get(1 - own)?).ok()
    }

    /// Whether the pattern `self`, part by part, stands for `key`.
    #[must_use]
    pub fn matches(&self, key: &Self) -> bool {
        self.0.len() == key.0.len() && self.0.iter().zip(&key.0).all(|(p, k)| glob(p, k))
    }
}

/// Whether `pattern` with `*` and `?` stands for the whole of `name`. What has a `[` stands for nothing but itself.
fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // One place to come back to is enough: the last star that was passed.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(c) if *c == '?' || Some(c) == name.get(n) => {
                p += 1;
                n += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                n = taken + 1;
            }
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// What the kernel shows of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SysctlValue {
    /// The value; white space between its fields is one space.
    pub text: String,
    /// Where it was seen.
    pub evidence: Evidence,
}

/// White space between fields is one space, as the kernel mixes tabs and spaces.
#[must_use]
pub fn plain(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// The value in what a file of /proc/sys holds. The kernel ends each with a newline (kernel/sysctl.c,
/// `proc_put_char`, `_proc_do_string`); what does not is no whole value.
fn value(bytes: &[u8]) -> Result<String, &'static str> {
    let text = str::from_utf8(bytes).map_err(|_| "holds what is no text")?;
    let Some(text) = text.strip_suffix('\n') else { return Err("does not hold a whole value") };
    if text.chars().any(|c| c.is_control() && c != '\t' && c != '\n') {
        return Err("holds what is no text");
    }
    Ok(plain(text))
}

impl Node {
    /// The value of the setting `key`; `None` where /proc/sys has no such file.
    ///
    /// # Errors
    /// When it can't be read, or is not what the kernel would show.
    pub fn sysctl(&self, key: &Key) -> Known<Option<SysctlValue>> {
        let read = self.read(&key.path());
        match read.bytes() {
            Err(e) if e.is_missing() => Ok(None),
            Err(e) => Err(ReadError::unknown(e)),
            Ok(bytes) => match value(bytes) {
                Ok(text) => Ok(Some(SysctlValue { evidence: read.quote(&text), text })),
                Err(why) => Err(Unknown::new(format!("{} {why}", read.path())).tried([read.evidence()])),
            },
        }
    }

    /// The value of `key` as a number.
    ///
    /// # Errors
    /// When it is missing, can't be read, or is no number.
    pub fn sysctl_number(&self, key: &str) -> Known<(u64, Evidence)> {
        let key = Key::parse(key).map_err(Unknown::new)?;
        let Some(found) = self.sysctl(&key)? else {
            let seen = Evidence::new(key.path(), "does not exist");
            return Err(Unknown::new(format!("{} does not exist", key.path())).tried([seen]));
        };
        match found.text.parse() {
            Ok(number) => Ok((number, found.evidence)),
            Err(_) => Err(Unknown::new(format!("{} holds no number", key.path())).tried([found.evidence])),
        }
    }

    /// Whose network /proc/sys/net shows.
    pub fn network_settings(&self) -> &NetworkSettings {
        self.fact(|| {
            if self.origin() == Origin::Root {
                let of = |process: &str| self.link(&format!("/proc/{process}/ns/net"));
                return match (of("1"), of("self")) {
                    (Ok(first), Ok(own)) if first != own => NetworkSettings::OfAnother(Evidence::new(
                        "/proc/self/ns/net",
                        format!("{own}, and that of process 1 is {first}"),
                    )),
                    _ => NetworkSettings::Whole,
                };
            }
            match self.kind(ONLY_FIRST) {
                Err(e) if e.is_missing() && self.kind("/proc/sys/net/core").is_ok() => {
                    NetworkSettings::OfNamespace(e.evidence())
                }
                _ => NetworkSettings::Whole,
            }
        })
    }
}

/// A setting that only the first network namespace has (net/core/sysctl_net_core.c, `net_core_table`; seen so on
/// 6.18).
const ONLY_FIRST: &str = "/proc/sys/net/core/dev_weight";

/// Whose settings /proc/sys/net shows: always those of the process that reads (kernel: net/sysctl_net.c,
/// `net_ctl_header_lookup`), whichever /proc it reads them in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkSettings {
    /// The machine's own, as far as is known.
    Whole,
    /// Those of a network namespace that this program and the node share.
    OfNamespace(Evidence),
    /// Those of this program's container, and not the node's.
    OfAnother(Evidence),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    #[test]
    fn keys_in_every_form() {
        for (text, path, dotted) in [
            ("net.ipv4.ip_forward", "net/ipv4/ip_forward", "net.ipv4.ip_forward"),
            ("net/ipv4/ip_forward", "net/ipv4/ip_forward", "net.ipv4.ip_forward"),
            // Both of sysctl.d(5).
            (
                "net.ipv4.conf.enp3s0/200.forwarding",
                "net/ipv4/conf/enp3s0.200/forwarding",
                "net.ipv4.conf.enp3s0/200.forwarding",
            ),
            (
                "net/ipv4/conf/enp3s0.200/forwarding",
                "net/ipv4/conf/enp3s0.200/forwarding",
                "net.ipv4.conf.enp3s0/200.forwarding",
            ),
        ] {
            let key = Key::parse(text).unwrap();
            assert_eq!(
                (key.path(), key.dotted()),
                (format!("/proc/sys/{path}"), dotted.to_owned()),
                "{text}"
            );
            assert_eq!(Key::parse(&key.dotted()).unwrap(), key);
        }
        for text in ["", "kernel", "net..x", "/net/x", "net/../x", "net/./x", "a b.c", "net.ipv4.x\n"] {
            assert!(Key::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn patterns() {
        let matches = |p: &str, k: &str| Key::parse(p).unwrap().matches(&Key::parse(k).unwrap());
        assert!(matches("net.ipv4.conf.*.rp_filter", "net.ipv4.conf.eth0/5.rp_filter"));
        assert!(matches("net.ipv4.conf.eth?.rp_*", "net.ipv4.conf.eth0.rp_filter"));
        assert!(!matches("net.ipv4.conf.*.rp_filter", "net.ipv6.conf.all.rp_filter"));
        assert!(!matches("net.*.rp_filter", "net.ipv4.conf.all.rp_filter"), "a star stays within its part");
        assert!(glob("a*b*c", "aXbbYc") && !glob("a*b", "aXbY") && glob("*", "") && !glob("?", ""));
    }

    #[test]
    fn forwarding_has_two_names() {
        let twin = |k: &str| Key::parse(k).unwrap().twin().map(|k| k.dotted());
        assert_eq!(twin("net.ipv4.ip_forward").as_deref(), Some("net.ipv4.conf.all.forwarding"));
        assert_eq!(twin("net.ipv4.conf.all.forwarding").as_deref(), Some("net.ipv4.ip_forward"));
        assert_eq!(twin("net.ipv4.conf.default.forwarding"), None);
    }

    #[test]
    fn values_of_the_kernel() {
        assert_eq!(value(b"32768\t60999\n").as_deref(), Ok("32768 60999"));
        assert_eq!(value(b"\n").as_deref(), Ok(""));
        for bad in [&b""[..], b"65536", b"\xff\n", b"1\x00\n"] {
            assert!(value(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn reading() {
        let key = Key::parse("vm.swappiness").unwrap();
        let at = |memory: Memory| Node::in_memory(memory).sysctl(&key).map(|v| v.map(|v| v.text));
        assert_eq!(at(Memory::new().file(&key.path(), "60\n")), Ok(Some("60".into())));
        assert_eq!(at(Memory::new()), Ok(None));
        assert!(at(Memory::new().error(&key.path(), ReadErrorKind::Denied("EACCES"))).is_err());
    }

    #[test]
    fn whose_network_it_is() {
        let of = |memory: Memory| Node::in_memory(memory).network_settings().clone();
        let rmem = "/proc/sys/net/core/rmem_max";
        assert_eq!(of(Memory::new().file(rmem, "1\n").file(ONLY_FIRST, "64\n")), NetworkSettings::Whole);
        assert!(matches!(of(Memory::new().file(rmem, "1\n")), NetworkSettings::OfNamespace(_)));
        assert_eq!(of(Memory::new()), NetworkSettings::Whole, "nothing is known");
        let host = |own| {
            let memory = Memory::new().symlink("/proc/1/ns/net", "net:[1]").symlink("/proc/self/ns/net", own);
            of(memory.as_root())
        };
        assert_eq!(host("net:[1]"), NetworkSettings::Whole);
        assert!(matches!(host("net:[2]"), NetworkSettings::OfAnother(_)));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,40}", bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(key) = Key::parse(&text) {
                prop_assert!(key.path().starts_with("/proc/sys/") && !key.path().contains("/../"));
                prop_assert_eq!(Key::parse(&key.path()["/proc/sys/".len()..]).is_ok(), true);
            }
            let _ = value(&bytes);
            let _ = glob(&text, "net");
        }
    }
}
