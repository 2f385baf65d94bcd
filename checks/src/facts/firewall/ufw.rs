//! ufw, by its files: whether it is on, what it does by default, and what it lets in.

use crate::{
    evidence::Evidence,
    facts::Known,
    node::{Node, ReadError},
};

const CONF: &str = "/etc/ufw/ufw.conf";
const DEFAULTS: &str = "/etc/default/ufw";
const RULES: &str = "/etc/ufw/user.rules";

/// ufw, where it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ufw {
    /// Whether what no rule speaks of is let in.
    pub accepts: bool,
    /// Whether packets are forwarded that no rule speaks of: those of pods.
    pub forwards: bool,
    /// The ports that rules let in from everywhere: `(tcp, first, last)`; `any` is both.
    pub open: Vec<(String, u16, u16)>,
    /// Whether its rules could be read.
    pub rules_read: Result<(), ReadError>,
    /// What was seen.
    pub evidence: Vec<Evidence>,
}

impl Ufw {
    /// Whether a port is let in from everywhere.
    #[must_use]
    pub fn lets_in(&self, protocol: &str, port: u16) -> bool {
        let fits = |(p, first, last): &(String, u16, u16)| {
            (p == protocol || p == "any") && (*first..=*last).contains(&port)
        };
        self.accepts || self.open.iter().any(fits)
    }
}

impl Node {
    /// ufw, if it is on: then it is in force after the next boot, and now unless somebody stopped it.
    ///
    /// # Errors
    /// When its files are there and may not be read, or nothing of /etc is there.
    pub fn ufw(&self) -> Known<Option<Ufw>> {
        let conf = self.read(CONF);
        let on = match conf.text() {
            Ok(text) => text.lines().any(is_on),
            Err(e) if e.is_missing() && self.kind("/etc").is_ok() => false,
            Err(e) => return Err(e.unknown()),
        };
        if !on {
            return Ok(None);
        }
        let defaults = self.read(DEFAULTS);
        let text = match defaults.text() {
            Ok(text) => text,
            Err(e) if e.is_missing() => "".into(),
            Err(e) => return Err(e.unknown()),
        };
        let policy = |key: &str| {
            let value = text.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix('='))?;
            Some(value.trim().trim_matches('"').to_owned())
        };
        // Its own defaults: incoming is denied, forwarding is off.
        let accepts = policy("DEFAULT_INPUT_POLICY").is_some_and(|policy| policy == "ACCEPT");
        let forwards = policy("DEFAULT_FORWARD_POLICY").is_some_and(|policy| policy == "ACCEPT");
        let rules = self.read(RULES);
        let open = rules.text().map(|text| text.lines().filter_map(rule).collect()).unwrap_or_default();
        let rules_read = rules.bytes().map(|_| ()).map_err(Clone::clone);
        let evidence = vec![
            conf.quote("ENABLED=yes"),
            Evidence::new(
                DEFAULTS,
                format!(
                    "DEFAULT_INPUT_POLICY={}, DEFAULT_FORWARD_POLICY={}",
                    if accepts { "ACCEPT" } else { "DROP" },
                    if forwards { "ACCEPT" } else { "DROP" },
                ),
            ),
        ];
        Ok(Some(Ufw { accepts, forwards, open, rules_read, evidence }))
    }
}

/// `ENABLED=yes`, as ufw-init reads it.
fn is_on(line: &str) -> bool {
    let value = line.trim().strip_prefix("ENABLED=");
    value.is_some_and(|value| value.trim().trim_matches('"').eq_ignore_ascii_case("yes"))
}

/// `### tuple ### allow tcp 10250 0.0.0.0/0 any 0.0.0.0/0 in`: the rule as it was given; a list of ports has commas, a range
/// a colon.
fn rule(line: &str) -> Option<(String, u16, u16)> {
    let words: Vec<&str> = line.strip_prefix("### tuple ### ")?.split(' ').collect();
    let [action, protocol, port, _, _, source, direction, ..] = words.as_slice() else { return None };
    let from_all = matches!(*source, "0.0.0.0/0" | "::/0");
    if !matches!(*action, "allow" | "limit") || !from_all || *direction != "in" {
        return None;
    }
    let (first, last) = port.split_once(':').unwrap_or((port, port));
    let (first, last) =
        if *port == "any" { (1, u16::MAX) } else { (first.parse().ok()?, last.parse().ok()?) };
    Some(((*protocol).to_owned(), first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    #[test]
    fn what_it_lets_in() {
        let rules = "### tuple ### allow tcp 10250 0.0.0.0/0 any 0.0.0.0/0 in\n-A ufw-user-input -p tcp --dport 10250 -j ACCEPT\n\
                     ### tuple ### allow any 53 0.0.0.0/0 any 0.0.0.0/0 in\n### tuple ### deny tcp 22 0.0.0.0/0 any 0.0.0.0/0 in\n\
                     ### tuple ### allow tcp 6443 0.0.0.0/0 any 10.0.0.0/8 in\n### tuple ### allow udp 51820:51821 0.0.0.0/0 any 0.0.0.0/0 in\n";
        let on = || {
            Memory::new()
                .file(CONF, "# x\nENABLED=yes\nLOGLEVEL=low\n")
                .file(DEFAULTS, "DEFAULT_INPUT_POLICY=\"DROP\"\nDEFAULT_FORWARD_POLICY=\"DROP\"\n")
        };
        let found = Node::in_memory(on().file(RULES, rules)).ufw().unwrap().unwrap();
        assert!(!found.accepts && !found.forwards);
        for (protocol, port, open) in [
            ("tcp", 10250, true),
            ("udp", 53, true),
            ("tcp", 22, false),
            ("tcp", 6443, false),
            ("udp", 51821, true),
        ] {
            assert_eq!(found.lets_in(protocol, port), open, "{protocol}/{port}");
        }
        let denied =
            Node::in_memory(on().error(RULES, ReadErrorKind::Denied("EACCES"))).ufw().unwrap().unwrap();
        assert!(denied.rules_read.is_err());
        assert_eq!(Node::in_memory(Memory::new().file(CONF, "ENABLED=no\n")).ufw(), Ok(None));
        assert_eq!(Node::in_memory(Memory::new().file("/etc/hostname", "n")).ufw(), Ok(None));
        assert!(Node::in_memory(Memory::new()).ufw().is_err(), "an empty tree shows nothing");
        let hidden = on().error(CONF, ReadErrorKind::Denied("EACCES"));
        assert!(Node::in_memory(hidden).ufw().is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,100}") {
            let _ = rule(&text);
            let _ = rule(&format!("### tuple ### {text}"));
        }
    }
}
