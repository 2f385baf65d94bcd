//! firewalld, by its files: whether it runs, its default zone and what that lets in.

use crate::{
    evidence::{Evidence, Unknown},
    facts::Known,
    node::{Node, Read, ReadError},
};
use std::{collections::BTreeSet, rc::Rc};

/// firewalld, where it runs or will at boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firewalld {
    /// Whether it runs now; otherwise only the next boot starts it.
    pub runs: bool,
    /// The zone of interfaces that are in no other.
    pub zone: String,
    /// Whether that zone lets everything in.
    pub accepts_all: bool,
    /// The ports that it lets in, by number or by service: `(tcp, first, last)`.
    pub open: BTreeSet<(String, u16, u16)>,
    /// What was seen.
    pub evidence: Vec<Evidence>,
}

impl Firewalld {
    /// Whether the zone lets a port in. Rich rules and policies are not read: they may let in more.
    #[must_use]
    pub fn lets_in(&self, protocol: &str, port: u16) -> bool {
        let fits = |(p, first, last): &(String, u16, u16)| p == protocol && (*first..=*last).contains(&port);
        self.accepts_all || self.open.iter().any(fits)
    }
}

const CONF: &str = "/etc/firewalld/firewalld.conf";
/// Its cgroup, on cgroup v2 and v1, and the file of its process.
const RUNNING: [&str; 3] = [
    "/sys/fs/cgroup/system.slice/firewalld.service",
    "/sys/fs/cgroup/systemd/system.slice/firewalld.service",
    "/run/firewalld.pid",
];
const ENABLED: &str = "/etc/systemd/system/multi-user.target.wants/firewalld.service";

impl Node {
    /// firewalld, if it runs or is enabled.
    ///
    /// # Errors
    /// When neither a trace of it nor the places where it would leave one could be seen, or its zone can't be read:
    /// /etc/firewalld is open to root only on many distributions.
    pub fn firewalld(&self) -> Known<Option<Firewalld>> {
        let running = self.trace(&RUNNING)?;
        let enabled = self.trace_of_link(ENABLED)?;
        if running.is_none() && !enabled {
            return Ok(None);
        }
        let mut evidence: Vec<Evidence> = Vec::new();
        evidence.extend(running.map(|path| Evidence::new(path, "exists")));
        evidence.extend(enabled.then(|| Evidence::new(ENABLED, "exists")));
        let (zone, read) = self.default_zone()?;
        evidence.push(Evidence::new(read.path(), format!("default zone {zone}")));
        let text = read.text().map_err(ReadError::unknown)?;
        let mut found = Firewalld {
            runs: running.is_some(),
            zone,
            accepts_all: text.contains("target=\"ACCEPT\""),
            open: ports(&text).collect(),
            evidence,
        };
        for service in names(&text, "<service ").take(100) {
            // A service that is nowhere lets nothing in; one that may not be read might.
            match self.configuration("services", &service).text() {
                Ok(text) => found.open.extend(ports(&text)),
                Err(e) if e.is_missing() => {}
                Err(e) => return Err(e.unknown()),
            }
        }
        Ok(Some(found))
    }

    /// The first of these paths that is there. That none is has to be seen: by one directory at least that would hold it.
    fn trace(&self, paths: &[&'static str]) -> Known<Option<&'static str>> {
        let mut refused = None;
        let mut seen = false;
        for path in paths {
            match self.kind(path) {
                Ok(_) => return Ok(Some(path)),
                Err(e) if e.is_missing() => {
                    let parent = path.rsplit_once('/').map_or("/", |(parent, _)| parent);
                    seen |= self.kind(parent).is_ok();
                }
                Err(e) => refused = Some(e.unknown()),
            }
        }
        match refused {
            Some(why) => Err(why),
            None if seen => Ok(None),
            None => Err(Unknown::new("neither the cgroups of services nor /run can be seen")),
        }
    }

    /// Whether the link is there.
    fn trace_of_link(&self, path: &str) -> Known<bool> {
        match self.link(path) {
            Ok(_) => Ok(true),
            Err(e) if e.is_missing() => Ok(false),
            Err(e) => Err(e.unknown()),
        }
    }

    /// The name and the file of the zone of interfaces that are in no other.
    fn default_zone(&self) -> Known<(String, Rc<Read>)> {
        let conf = self.read(CONF);
        let text = match conf.text() {
            Ok(text) => text,
            Err(e) if e.is_missing() => "".into(),
            Err(e) => return Err(e.unknown()),
        };
        let zone = text.lines().find_map(|line| line.trim().strip_prefix("DefaultZone="));
        let zone = zone.map(str::trim).filter(|zone| !zone.is_empty() && !zone.contains('/'));
        let zone = zone.unwrap_or("public").to_owned();
        let read = self.configuration("zones", &zone);
        Ok((zone, read))
    }

    /// A file of the administrator, else that of the package.
    fn configuration(&self, kind: &str, name: &str) -> Rc<Read> {
        let own = self.read(&format!("/etc/firewalld/{kind}/{name}.xml"));
        if own.is_missing() { self.read(&format!("/usr/lib/firewalld/{kind}/{name}.xml")) } else { own }
    }
}

/// The value of an attribute in the text of one element.
fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let rest = element.split_once(&format!("{name}=\""))?.1;
    rest.split_once('"').map(|(value, _)| value)
}

/// The elements that begin with this, each up to its `>`.
fn elements<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(|rest| rest.split_once('>').map(|(element, _)| element))
}

/// `<port port="10250" protocol="tcp"/>`, also a range.
fn ports(text: &str) -> impl Iterator<Item = (String, u16, u16)> {
    elements(text, "<port ").filter_map(|element| {
        let (protocol, port) = (attribute(element, "protocol")?, attribute(element, "port")?);
        let (first, last) = port.split_once('-').unwrap_or((port, port));
        Some((protocol.to_owned(), first.parse().ok()?, last.parse().ok()?))
    })
}

fn names<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = String> + 'a {
    let fits = |name: &&str| !name.is_empty() && !name.contains('/');
    elements(text, start).filter_map(|element| attribute(element, "name")).filter(fits).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    #[test]
    fn zones_and_services() {
        let zone = "<?xml version=\"1.0\"?>\n<zone>\n  <service name=\"ssh\"/>\n  <port port=\"10250\" protocol=\"tcp\"/>\n\
                    <port protocol=\"udp\" port=\"51820-51821\"/>\n</zone>\n";
        let memory = Memory::new()
            .file("/sys/fs/cgroup/system.slice/firewalld.service/cgroup.procs", "7\n")
            .file(CONF, "DefaultZone=work\n")
            .file("/etc/firewalld/zones/work.xml", zone)
            .file(
                "/usr/lib/firewalld/services/ssh.xml",
                "<service><port protocol=\"tcp\" port=\"22\"/></service>",
            );
        let found = Node::in_memory(memory.clone()).firewalld().unwrap().unwrap();
        assert!(found.runs && found.zone == "work");
        for (protocol, port, open) in [
            ("tcp", 10250, true),
            ("tcp", 22, true),
            ("udp", 51821, true),
            ("tcp", 6443, false),
            ("udp", 22, false),
        ] {
            assert_eq!(found.lets_in(protocol, port), open, "{protocol}/{port}");
        }
        // As nobody on distributions that keep their configuration for root.
        let denied = memory.error("/etc/firewalld/zones/work.xml", ReadErrorKind::Denied("EACCES"));
        assert!(Node::in_memory(denied).firewalld().is_err());
    }

    #[test]
    fn it_may_be_absent_or_stopped_and_that_may_be_hidden() {
        let booted = || Memory::new().file("/run/utmp", "");
        assert_eq!(Node::in_memory(booted()).firewalld(), Ok(None));
        let public = "/usr/lib/firewalld/zones/public.xml";
        let enabled = booted().symlink(ENABLED, "x").file(public, "<zone target=\"ACCEPT\"/>");
        let stopped = Node::in_memory(enabled).firewalld().unwrap().unwrap();
        assert!(!stopped.runs && stopped.zone == "public" && stopped.accepts_all);
        assert!(Node::in_memory(Memory::new()).firewalld().is_err(), "an empty tree shows nothing");
        let hidden = booted().error(RUNNING[0], ReadErrorKind::Denied("EACCES"));
        assert!(Node::in_memory(hidden).firewalld().is_err());
        assert!(Node::in_memory(booted().symlink(ENABLED, "x")).firewalld().is_err(), "no zone to be read");
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = ports(&text).count();
            let _ = names(&text, "<service ").count();
        }
    }
}
