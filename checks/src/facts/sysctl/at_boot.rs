//! What systemd-sysctl, or sysctl(8) with --system, will set at the next boot.

use super::Key;
use crate::{
    evidence::Evidence,
    node::{Node, ReadError, ReadErrorKind},
};
use std::collections::BTreeMap;

/// The directories, the first before the others where several have a file of one name (sysctl.d(5)). The last is the same
/// as the one before on a merged /usr.
const DIRECTORIES: [&str; 5] =
    ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];
/// Read by sysctl(8) with --system after all others, by systemd only through a link in /etc/sysctl.d.
const CONF: &str = "/etc/sysctl.conf";

/// So many patterns are looked at.
const MOST: usize = 64;

/// One line that sets something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// What it sets; may stand for several.
    pub key: Key,
    /// To what, one blank between fields. None: the line takes these keys out of what patterns set.
    pub value: Option<String>,
    /// The file and the line's number.
    pub place: (String, usize),
}

impl Assignment {
    /// The line as evidence.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let (file, line) = &self.place;
        let value = self.value.as_deref().unwrap_or_default();
        Evidence::new(format!("{file}:{line}"), format!("{} = {value}", self.key))
    }
}

/// Everything that the next boot sets, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AtBoot {
    assignments: Vec<Assignment>,
    /// The lines of /etc/sysctl.conf where nothing reads it at boot.
    passed_over: Vec<Assignment>,
    /// What could not be read.
    pub unread: Vec<ReadError>,
}

impl AtBoot {
    /// The line that decides over `key`: the last that names it, else the last pattern that covers it (sysctl.d(5):
    /// what is named goes before patterns, and a line with `-` and no value takes a key out of them).
    #[must_use]
    pub fn decides(&self, key: &Key) -> Option<&Assignment> {
        decides(&self.assignments, key)
    }

    /// What patterns have in this place of `key`, each once: names that stand for all that they cover.
    #[must_use]
    pub fn patterns(&self, key: &Key, at: usize) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        for line in self.assignments.iter().filter(|line| line.value.is_some() && line.key.is_pattern()) {
            let Some(part) = line.key.parts().get(at).map(String::as_str) else { continue };
            if line.key.covers(&key.with_part(at, part)) && !found.contains(&part) && found.len() < MOST {
                found.push(part);
            }
        }
        found
    }

    /// The line of /etc/sysctl.conf that would decide over `key`, if that file were read at boot.
    #[must_use]
    pub fn passed_over(&self, key: &Key) -> Option<&Assignment> {
        decides(&self.passed_over, key)
    }
}

fn decides<'a>(assignments: &'a [Assignment], key: &Key) -> Option<&'a Assignment> {
    let last = |fits: &dyn Fn(&Assignment) -> bool| assignments.iter().rev().find(|a| fits(a));
    let twin = key.twin();
    let names = |a: &Assignment| a.key == *key || (a.value.is_some() && twin.as_ref() == Some(&a.key));
    match last(&|a| !a.key.is_pattern() && names(a)) {
        Some(a) => a.value.is_some().then_some(a),
        None => last(&|a| a.key.is_pattern() && a.value.is_some() && a.key.covers(key)),
    }
}

/// The lines of one file (sysctl.d(5), sysctl.conf(5)): `key = value`, comments with `#` or `;`; a `-` before the key says
/// that a failure does not matter.
fn parse<'a>(file: &'a str, text: &'a str) -> impl Iterator<Item = Assignment> + 'a {
    text.lines().enumerate().filter_map(move |(i, line)| {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            return None;
        }
        let ignored = line.strip_prefix('-').map(str::trim_start);
        let place = (file.to_owned(), i + 1);
        match ignored.unwrap_or(line).split_once('=') {
            Some((key, value)) => {
                let value = Some(super::normal(value));
                Some(Assignment { key: Key::parse(key.trim())?, value, place })
            }
            None => Some(Assignment { key: Key::parse(ignored?.trim())?, value: None, place }),
        }
    })
}

impl Node {
    /// What the next boot sets, as far as files tell.
    pub fn sysctl_at_boot(&self) -> &AtBoot {
        self.fact(|| read(self))
    }
}

fn read(node: &Node) -> AtBoot {
    let mut at_boot = AtBoot::default();
    // By name, whatever the directory; the first directory wins.
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for directory in DIRECTORIES {
        match node.list(directory) {
            Ok(names) => {
                for name in names.into_iter().filter(|name| name.strip_suffix(".conf").is_some()) {
                    let path = format!("{directory}/{name}");
                    files.entry(name).or_insert(path);
                }
            }
            Err(e) if e.is_missing() => {}
            Err(e) => at_boot.unread.push(e),
        }
    }
    // Where systemd boots, the old file counts only by a link to it, which is among the others then.
    let systemd = node.systemd().is_ok();
    let linked = files.contains_key("99-sysctl.conf");
    for path in files.into_values() {
        let lines = lines(node, &path, &mut at_boot);
        at_boot.assignments.extend(lines);
    }
    if !(systemd && linked) {
        let old = lines(node, CONF, &mut at_boot);
        let place = if systemd { &mut at_boot.passed_over } else { &mut at_boot.assignments };
        place.extend(old);
    }
    at_boot
}

fn lines(node: &Node, path: &str, at_boot: &mut AtBoot) -> Vec<Assignment> {
    let read = node.read(path);
    let strange =
        || ReadError::new(path, ReadErrorKind::System("is no text, or ends within a line".to_owned()));
    match read.bytes().map(str::from_utf8) {
        Ok(Ok(text)) if !text.contains('\0') => {
            at_boot.unread.extend(is_cut(text).then(strange));
            return parse(path, text).collect();
        }
        Ok(_) => at_boot.unread.push(strange()),
        Err(e) if e.is_missing() => {}
        // A link to /dev/null masks the files of this name.
        Err(_) if node.link(path).is_ok_and(|target| target == "/dev/null") => {}
        Err(e) => at_boot.unread.push(e.clone()),
    }
    Vec::new()
}

/// Whether the last line has no end and makes no sense: then there may have been more.
fn is_cut(text: &str) -> bool {
    let last = text.lines().last().unwrap_or_default().trim();
    let sensible = last.is_empty() || last.starts_with(['#', ';']) || parse("", last).next().is_some();
    !text.ends_with('\n') && !sensible
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    fn decided(memory: Memory, key: &str) -> Option<String> {
        let node = Node::in_memory(memory);
        let decides = node.sysctl_at_boot().decides(&Key::parse(key).unwrap())?;
        Some(format!("{}:{} {}", decides.place.0, decides.place.1, decides.value.clone()?))
    }

    #[test]
    fn lines() {
        let text = "# c\n; c\nnet.ipv4.ip_forward=1\n -net/ipv4/conf/*/rp_filter = 2 \n-net.ipv4.conf.all.rp_filter\nrubbish\n\
                    net.ipv4.ip_local_port_range = 1024\t 65535\n";
        let seen: Vec<_> = parse("f", text).map(|a| (a.key.to_string(), a.value, a.place.1)).collect();
        let value = |text: &str| Some(text.to_owned());
        assert_eq!(
            seen,
            [
                ("net.ipv4.ip_forward".into(), value("1"), 3),
                ("net.ipv4.conf.*.rp_filter".into(), value("2"), 4),
                ("net.ipv4.conf.all.rp_filter".into(), None, 5),
                ("net.ipv4.ip_local_port_range".into(), value("1024 65535"), 7),
            ]
        );
    }

    #[test]
    fn the_last_file_by_name_wins_and_the_first_directory() {
        let forward = "net.ipv4.ip_forward";
        let memory = Memory::new()
            .file("/usr/lib/sysctl.d/50-default.conf", "net.ipv4.ip_forward = 0\n")
            .file("/usr/lib/sysctl.d/99-last.conf", "net.ipv4.ip_forward = 5\n")
            .file("/etc/sysctl.d/10-k8s.conf", "net.ipv4.ip_forward = 1\n");
        assert_eq!(decided(memory.clone(), forward).unwrap(), "/usr/lib/sysctl.d/99-last.conf:1 5");
        let shadowed = memory.clone().file("/etc/sysctl.d/99-last.conf", "");
        assert_eq!(decided(shadowed, forward).unwrap(), "/usr/lib/sysctl.d/50-default.conf:1 0");
        let masked = memory.symlink("/etc/sysctl.d/99-last.conf", "/dev/null");
        let masked = masked.error("/etc/sysctl.d/99-last.conf", ReadErrorKind::WrongKind("a device"));
        assert_eq!(decided(masked, forward).unwrap(), "/usr/lib/sysctl.d/50-default.conf:1 0");
    }

    #[test]
    fn patterns_come_after_names() {
        let text =
            "net.ipv4.conf.eth0.rp_filter = 0\nnet.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\n";
        let memory = Memory::new().file("/etc/sysctl.d/a.conf", text);
        let of = |name: &str| decided(memory.clone(), &format!("net.ipv4.conf.{name}.rp_filter"));
        assert_eq!(of("eth0").unwrap(), "/etc/sysctl.d/a.conf:1 0");
        assert_eq!(of("eth1").unwrap(), "/etc/sysctl.d/a.conf:2 2");
        assert_eq!(of("all"), None);
    }

    #[test]
    fn the_old_file_counts_where_systemd_does_not_boot() {
        let memory = Memory::new().file(CONF, "vm.swappiness = 10\n");
        assert_eq!(decided(memory.clone(), "vm.swappiness").unwrap(), "/etc/sysctl.conf:1 10");
        let systemd =
            memory.file("/run/systemd/system/x", "").file("/usr/lib/systemd/libsystemd-shared-257.so", "");
        assert_eq!(decided(systemd, "vm.swappiness"), None);
    }

    #[test]
    fn what_can_t_be_read_is_told() {
        let memory = Memory::new()
            .file("/etc/sysctl.d/a.conf", "vm.swappiness = 1\n")
            .error("/etc/sysctl.d/b.conf", ReadErrorKind::Denied("EACCES"));
        assert_eq!(Node::in_memory(memory).sysctl_at_boot().unread.len(), 1);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,300}") {
            let _ = parse("f", &text).count();
        }
    }
}
