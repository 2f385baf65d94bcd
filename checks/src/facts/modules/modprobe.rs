//! What modprobe.d(5) forbids or renames: `install`, `blacklist` and `alias` lines, read as modprobe reads them.

use super::index;
use crate::{
    evidence::Evidence,
    node::{Node, ReadError, ReadErrorKind},
};
use std::collections::BTreeMap;

/// Where the files lie; a file in an earlier directory hides one of the same name in a later one (modprobe.d(5);
/// kmod: libkmod/libkmod.c, `default_config_paths`).
const DIRECTORIES: [&str; 5] = [
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
];

/// The lines that matter here, in the order in which modprobe reads them.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: Vec<(Evidence, Rule)>,
    /// What could not be read: any of it may forbid a module.
    pub(super) unread: Vec<ReadError>,
}

#[derive(Debug, PartialEq, Eq)]
enum Rule {
    Install { pattern: String, command: String },
    Blacklist(String),
    Alias { pattern: String, module: String },
}

impl Rules {
    pub(super) fn read(node: &Node) -> Self {
        let mut rules = Self::default();
        let mut files = BTreeMap::new();
        for directory in DIRECTORIES {
            match node.list(directory) {
                Ok(names) => {
                    for name in names.into_iter().filter(|n| n.strip_suffix(".conf").is_some()) {
                        let path = format!("{directory}/{name}");
                        files.entry(name).or_insert(path);
                    }
                }
                Err(e) if e.is_missing() => {}
                Err(e) => rules.unread.push(e),
            }
        }
        for path in files.values() {
            let read = node.read(path);
            match read.text() {
                Ok(text) => rules
                    .rules
                    .extend(parse(&text).into_iter().map(|(line, rule)| (Evidence::new(path, line), rule))),
                // A link to /dev/null is how a file of the distribution is masked; one to nowhere says nothing.
                Err(e) if matches!(e.kind, ReadErrorKind::Missing | ReadErrorKind::WrongKind(_)) => {}
                Err(e) => rules.unread.push(e.clone()),
            }
        }
        rules
    }

    /// The line that puts a command that does nothing in the place of loading `name`. The first `install` that
    /// matches is the one that modprobe runs; one that loads the module in the end forbids nothing.
    pub(super) fn forbids(&self, name: &str) -> Option<&Evidence> {
        let (evidence, command) = self.rules.iter().find_map(|(evidence, rule)| match rule {
            Rule::Install { pattern, command } if index::matches(pattern, name) => Some((evidence, command)),
            _ => None,
        })?;
        let program = command.split_whitespace().next().unwrap_or_default();
        let nothing = ["true", "false", ":", "nologin", "echo"];
        let only_that = !command.contains(['|', '&', ';']);
        (only_that && nothing.contains(&program.rsplit('/').next()?)).then_some(evidence)
    }

    /// The line that stops `name` from being loaded through an alias; by its own name it still is.
    pub(super) fn blacklists(&self, name: &str) -> Option<&Evidence> {
        self.rules.iter().find_map(|(evidence, rule)| {
            matches!(rule, Rule::Blacklist(module) if index::same(module, name)).then_some(evidence)
        })
    }

    /// The modules that the administrator named for `name`.
    pub(super) fn aliases(&self, name: &str) -> impl Iterator<Item = (&str, &Evidence)> {
        self.rules.iter().filter_map(move |(evidence, rule)| match rule {
            Rule::Alias { pattern, module } if index::matches(pattern, name) => Some((&**module, evidence)),
            _ => None,
        })
    }
}

/// The rules of one file, each with its line. A `\` at the end of a line joins it with the next.
fn parse(text: &str) -> Vec<(String, Rule)> {
    let text = text.replace("\\\n", " ");
    text.lines()
        .map(str::trim)
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let rule = match (words.next()?, words.next()?.to_owned()) {
                ("install", pattern) => {
                    Rule::Install { pattern, command: words.collect::<Vec<_>>().join(" ") }
                }
                ("blacklist", module) => Rule::Blacklist(module),
                ("alias", pattern) => Rule::Alias { pattern, module: words.next()?.to_owned() },
                _ => return None,
            };
            Some((line.to_owned(), rule))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        let text = "# install overlay /bin/false\n\ninstall usb-storage /bin/false\n  blacklist \\\n pcspkr\n\
                    alias my-* real\noptions x y=1\ninstall\nalias only\n";
        let rules: Vec<_> = parse(text).into_iter().map(|(_, rule)| rule).collect();
        assert_eq!(
            rules,
            [
                Rule::Install { pattern: "usb-storage".into(), command: "/bin/false".into() },
                Rule::Blacklist("pcspkr".into()),
                Rule::Alias { pattern: "my-*".into(), module: "real".into() },
            ]
        );
    }

    #[test]
    fn what_forbids_and_what_does_not() {
        for (line, forbidden) in [
            ("install overlay /bin/false", true),
            ("install overlay /bin/true", true),
            ("install over* /usr/bin/true # CIS 1.1.1", true),
            ("install overlay /sbin/modprobe --ignore-install overlay && /sbin/modprobe x", false),
            ("install overlay /bin/true; /sbin/modprobe -i overlay", false),
            ("blacklist overlay", false),
            ("install overlayfs /bin/false", false),
        ] {
            let node = Node::in_memory(Memory::new().file("/etc/modprobe.d/a.conf", line));
            assert_eq!(Rules::read(&node).forbids("overlay").is_some(), forbidden, "{line}");
        }
    }

    #[test]
    fn the_first_directory_hides_the_later_ones() {
        let memory = Memory::new()
            .file("/lib/modprobe.d/cis.conf", "install overlay /bin/false\n")
            .file("/lib/modprobe.d/readme", "install overlay /bin/false\n");
        let forbids = |m: &Memory| Rules::read(&Node::in_memory(m.clone())).forbids("overlay").is_some();
        assert!(forbids(&memory));
        assert!(!forbids(&memory.clone().file("/etc/modprobe.d/cis.conf", "")));
        let null = ReadErrorKind::WrongKind("a character device");
        assert!(!forbids(&memory.error("/etc/modprobe.d/cis.conf", null)));
    }

    #[test]
    fn what_cannot_be_read_is_remembered() {
        let denied = ReadErrorKind::Denied("EACCES");
        let node = Node::in_memory(
            Memory::new()
                .file("/etc/modprobe.d/b.conf", "blacklist overlay")
                .error("/etc/modprobe.d/a.conf", denied.clone())
                .error("/run/modprobe.d", denied),
        );
        let rules = Rules::read(&node);
        assert_eq!(rules.unread.len(), 2);
        assert_eq!(rules.blacklists("overlay").unwrap().source, "/etc/modprobe.d/b.conf");
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-z \\\\\n#/;*-]{0,200}") {
            let _ = parse(&text);
        }
    }
}
