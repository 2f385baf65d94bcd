//! What the next boot will set: the files of sysctl.d, in the order in which they are applied.

use super::{
    Known,
    sysctl::{Key, plain},
};
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, Origin, ReadErrorKind},
};
use std::collections::BTreeMap;

/// The directories of sysctl.d(5), those that mask others first. /lib/sysctl.d is procps' and that of systems where
/// /lib is not /usr/lib.
const DIRECTORIES: [&str; 5] =
    ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d"];
/// The old file. procps reads it last (sysctl(8), --system); systemd does not read it (systemd-sysctl.service(8)),
/// unless a link in sysctl.d leads to it, as in Debian until 12.
const OLD: &str = "/etc/sysctl.conf";
/// The name of that link in every distribution that has it.
const LINK: &str = "/99-sysctl.conf";
/// No more files and lines than these are looked at.
const FILES: usize = 500;
const LINES: usize = 100_000;

/// One line of a file: `key = value`, or `-key` alone, which takes keys out of the patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The key, which may be a pattern.
    pub key: Key,
    /// What it is set to; `None` takes it out of the patterns.
    pub value: Option<String>,
    /// The file.
    pub file: String,
    /// The number of the line in it.
    pub line: usize,
}

impl Assignment {
    /// The line, as evidence.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let value = self.value.as_deref().unwrap_or_default();
        Evidence::new(&self.file, format!("line {}: {} = {value}", self.line, self.key.dotted()))
    }
}

/// The assignments in a file, those that make no sense left out, as both programs do.
fn parse(file: &str, text: &str) -> Vec<Assignment> {
    let lines = text.lines().take(LINES).enumerate();
    lines.filter_map(|(i, line)| assignment(file, i + 1, line.trim())).collect()
}

fn assignment(file: &str, line: usize, text: &str) -> Option<Assignment> {
    if text.is_empty() || text.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = match text.split_once('=') {
        // A leading dash says that a failure does not matter.
        Some((key, value)) => (key.trim().trim_start_matches('-').trim_start(), Some(plain(value))),
        None => (text.strip_prefix('-')?.trim(), None),
    };
    Some(Assignment { key: Key::parse(key).ok()?, value, file: file.to_owned(), line })
}

/// What the boot will set.
#[derive(Debug, Default)]
pub struct SysctlBoot {
    lines: Vec<Assignment>,
    /// Lines of /etc/sysctl.conf where nothing reads that file at boot.
    passed_over: Vec<Assignment>,
    /// Why not everything is known.
    unread: Option<Unknown>,
    /// Whether any of the directories was there to be read.
    seen: bool,
}

impl SysctlBoot {
    /// The line that decides what `key` will be. What names a key itself goes before patterns; of equals, the last.
    #[must_use]
    pub fn sets(&self, key: &Key) -> Option<&Assignment> {
        decides(&self.lines, key)
    }

    /// The line of /etc/sysctl.conf that would set `key` if anything read that file at boot.
    #[must_use]
    pub fn passed_over(&self, key: &Key) -> Option<&Assignment> {
        decides(&self.passed_over, key)
    }

    /// Why it is not known what the boot will set.
    #[must_use]
    pub fn unread(&self) -> Option<&Unknown> {
        self.unread.as_ref()
    }

    /// Whether there were files to look for: a captured tree may have none of the directories.
    #[must_use]
    pub fn was_seen(&self) -> bool {
        self.seen
    }
}

fn decides<'a>(lines: &'a [Assignment], key: &Key) -> Option<&'a Assignment> {
    let twin = key.twin();
    let names = |a: &&Assignment| a.key == *key || twin.as_ref() == Some(&a.key);
    let own = lines.iter().rev().filter(|a| a.value.is_some()).find(names);
    if own.is_some() {
        return own;
    }
    if lines.iter().any(|a| a.value.is_none() && a.key.matches(key)) {
        return None;
    }
    lines.iter().rev().find(|a| a.value.is_some() && a.key.is_glob() && a.key.matches(key))
}

impl Node {
    /// What the next boot will set.
    pub fn sysctl_boot(&self) -> &SysctlBoot {
        self.fact(|| {
            let mut boot = SysctlBoot::default();
            let files = files(self, &mut boot);
            for path in &files {
                let lines = assignments(self, path, &mut boot);
                boot.lines.extend(lines);
            }
            let systemd = systemd_applies(self);
            if systemd && files.iter().any(|f| f.ends_with(LINK)) {
                return boot;
            }
            let old = assignments(self, OLD, &mut boot);
            if systemd {
                boot.passed_over = old;
            } else {
                boot.lines.extend(old);
            }
            boot
        })
    }
}

/// Whether systemd applies the settings at boot: it runs, or in a tree it is installed.
fn systemd_applies(node: &Node) -> bool {
    let sign = match node.origin() {
        Origin::Live => "/run/systemd/system",
        Origin::Root => "/usr/lib/systemd/systemd-sysctl",
    };
    node.kind(sign).is_ok()
}

/// The files in the order in which they are applied: by name, whatever their directory; of one name the first counts.
fn files(node: &Node, boot: &mut SysctlBoot) -> Vec<String> {
    let mut by_name: BTreeMap<String, String> = BTreeMap::new();
    let merged = node.link("/lib").is_ok();
    for directory in DIRECTORIES.iter().filter(|d| !(merged && d.starts_with("/lib/"))) {
        match node.list(directory) {
            Ok(names) => {
                boot.seen = true;
                for name in names.into_iter().filter(|n| n.strip_suffix(".conf").is_some()) {
                    let path = format!("{directory}/{name}");
                    by_name.entry(name).or_insert(path);
                }
            }
            Err(e) if e.is_missing() => {}
            Err(e) => {
                boot.unread.get_or_insert(e.unknown());
            }
        }
    }
    if by_name.len() > FILES {
        boot.unread.get_or_insert(Unknown::new("there are too many files of sysctl.d"));
    }
    by_name.into_values().take(FILES).collect()
}

fn assignments(node: &Node, path: &str, boot: &mut SysctlBoot) -> Vec<Assignment> {
    match text(node, path) {
        Ok(text) => {
            boot.seen = boot.seen || text.is_some();
            let text = text.unwrap_or_default();
            if is_cut(&text) {
                boot.unread.get_or_insert(Unknown::new(format!("{path} ends in the middle of a line")));
            }
            parse(path, &text)
        }
        Err(unknown) => {
            boot.unread.get_or_insert(unknown);
            Vec::new()
        }
    }
}

/// Whether the last line has no end and makes no sense: then there may have been more.
fn is_cut(text: &str) -> bool {
    let Some(last) = text.lines().last().map(str::trim).filter(|_| !text.ends_with('\n')) else {
        return false;
    };
    !last.is_empty() && !last.starts_with(['#', ';']) && assignment("", 0, last).is_none()
}

/// What a file says; nothing where it is not there, leads nowhere, or is masked by a link to /dev/null.
fn text(node: &Node, path: &str) -> Known<Option<String>> {
    let read = node.read(path);
    match read.bytes() {
        Ok(bytes) => match str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Ok(Some(text.to_owned())),
            _ => Err(Unknown::new(format!("{path} holds what is no text")).tried([read.evidence()])),
        },
        Err(e) if e.is_missing() => Ok(None),
        Err(e) if matches!(e.kind, ReadErrorKind::WrongKind(_)) && masked(node, path) => Ok(None),
        Err(e) => Err(e.unknown()),
    }
}

fn masked(node: &Node, path: &str) -> bool {
    node.link(path).is_ok_and(|to| to == "/dev/null")
}

#[cfg(test)]
mod tests;
