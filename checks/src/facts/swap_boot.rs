//! What brings swap back at the next boot: /etc/fstab, units of systemd, zram-generator, and the services of packages.

mod fstab;
mod zram;

use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadErrorKind},
};

/// Where the administrator's units and masks lie.
const UNITS: &str = "/etc/systemd/system";
/// Services that make swap: of the packages zram-tools and dphys-swapfile of Debian, and zram-config of Ubuntu.
const SERVICES: [&str; 3] = ["zramswap.service", "dphys-swapfile.service", "zram-config.service"];

/// Which kind of thing brings swap back; each is undone in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SwapOrigin {
    /// A line of /etc/fstab.
    Fstab,
    /// A unit of systemd that something wants.
    Unit,
    /// A section of zram-generator.conf.
    ZramGenerator,
    /// A service that makes swap.
    Service,
}

/// Something that brings swap back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwapSource {
    /// Its kind.
    pub origin: SwapOrigin,
    /// The file, unit or service.
    pub name: String,
    /// What it says, in a few words, for a sentence.
    pub words: String,
    /// What showed it.
    pub evidence: Evidence,
}

/// What brings swap back at the next boot.
#[derive(Debug, Default)]
pub struct SwapBoot {
    /// Everything that was found, in a fixed order.
    pub sources: Vec<SwapSource>,
    /// What was looked through and holds nothing of the kind.
    pub nothing: Vec<Evidence>,
    /// Why not everything is known.
    pub unread: Option<Unknown>,
    /// What is worth knowing besides.
    pub notes: Vec<String>,
}

impl SwapBoot {
    /// The text of a file; nothing where it is not there.
    fn text(&mut self, node: &Node, path: &str) -> Option<String> {
        let read = node.read(path);
        match read.bytes() {
            Ok(bytes) => match str::from_utf8(bytes) {
                Ok(text) if !text.contains('\0') => return Some(text.to_owned()),
                _ => {
                    let unknown = Unknown::new(format!("{path} holds what is no text"));
                    self.unread.get_or_insert(unknown.tried([read.evidence()]));
                }
            },
            Err(e) if e.is_missing() => {}
            // A link to /dev/null says that there is nothing.
            Err(e) if matches!(e.kind, ReadErrorKind::WrongKind(_)) && masked(node, path) => {
                return Some(String::new());
            }
            Err(e) => {
                self.unread.get_or_insert(e.unknown());
            }
        }
        None
    }

    /// The names in a directory; none where it is not there.
    fn names(&mut self, node: &Node, path: &str) -> Vec<String> {
        match node.list(path) {
            Ok(names) => names,
            Err(e) => {
                if !e.is_missing() {
                    self.unread.get_or_insert(e.unknown());
                }
                Vec::new()
            }
        }
    }
}

/// Whether `path` is a link to /dev/null, by which systemd's files are masked (systemd.unit(5)).
fn masked(node: &Node, path: &str) -> bool {
    node.link(path).is_ok_and(|to| to == "/dev/null")
}

impl Node {
    /// What brings swap back at the next boot.
    pub fn swap_boot(&self) -> &SwapBoot {
        self.fact(|| {
            let mut boot = SwapBoot::default();
            fstab::look(self, &mut boot);
            wanted(self, &mut boot);
            zram::look(self, &mut boot);
            if !boot.sources.is_empty() && masked(self, &format!("{UNITS}/swap.target")) {
                boot.notes
                    .push("swap.target is masked, but units of swap may be started by others as well".into());
            }
            boot
        })
    }
}

/// Units that swap.target or multi-user.target wants, and the services among the latter that make swap.
fn wanted(node: &Node, boot: &mut SwapBoot) {
    for directory in ["swap.target.wants", "multi-user.target.wants"] {
        let directory = format!("{UNITS}/{directory}");
        for name in boot.names(node, &directory) {
            let (origin, kind) = match name.as_str() {
                unit if unit.strip_suffix(".swap").is_some() => (SwapOrigin::Unit, "unit"),
                service if SERVICES.contains(&service) => (SwapOrigin::Service, "service"),
                _ => continue,
            };
            if masked(node, &format!("{UNITS}/{name}")) {
                boot.notes.push(format!("{name} is masked"));
                continue;
            }
            let words = format!("the {kind} {name}");
            let evidence = Evidence::new(format!("{directory}/{name}"), "exists");
            boot.sources.push(SwapSource { origin, name, words, evidence });
        }
    }
}

#[cfg(test)]
mod tests;
