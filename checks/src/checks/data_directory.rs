//! `data-directory`: The directories of Kubernetes lie where they can do their work.

mod ground;
mod params;
mod way;

use params::{DataDirectoryParams, DataDirectoryRule, Purpose};

use crate::{
    check::{Check, Meta},
    entry::Written,
    evidence::{Evidence, Proof, Unknown},
    facts::{disk::Way, mounts::Mount},
    finding::{Finding, Findings, Remedy, Severity},
    node::{FileKind, Node, Probe},
};
use ground::Ground;

/// The check `data-directory`.
pub struct DataDirectory;

impl Check for DataDirectory {
    type Params = DataDirectoryParams;

    const META: Meta = Meta {
        id: "data-directory",
        summary: "The directories of Kubernetes lie where they can do their work",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &DataDirectoryParams) -> Result<(), String> {
        params.validate()
    }

    fn run(params: &DataDirectoryParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for Written(rule) in &params.directories {
            out.push(judge(rule, node));
        }
        Ok(())
    }
}

/// Something that is wrong with a directory.
struct Trouble {
    severity: Severity,
    reason: &'static str,
    message: String,
    evidence: Option<Evidence>,
    remedy: Remedy,
}

/// What was looked at and was right, and what was not; and what could not be looked at.
#[derive(Default)]
struct Seen {
    right: Vec<Evidence>,
    wrong: Vec<Trouble>,
    unknown: Option<Unknown>,
}

impl Seen {
    fn look(&mut self, looked: Result<Option<Trouble>, Unknown>) {
        match looked {
            Ok(trouble) => self.wrong.extend(trouble),
            Err(unknown) => self.unknown = self.unknown.take().or(Some(unknown)),
        }
    }
}

fn judge(rule: &DataDirectoryRule, node: &Node) -> Finding {
    let path = rule.path.as_str();
    let mut seen = Seen::default();
    // Where the way leads to, and the nearest directory above that which exists.
    let found = node.way(path).and_then(|way| Ok((node.first_existing(&way.resolved)?, way)));
    let (existing, way) = match found {
        Ok(found) => found,
        Err(unknown) => return undetermined(path, &unknown),
    };
    way::judge(path, &way, &existing, node, &mut seen);
    seen.look(kind(&existing, node));
    match mount(&way, node) {
        Ok(mount) => {
            seen.right.push(Evidence::new("mount table", mount.line.clone()));
            ground::judge(
                &Ground { path, existing: &existing, mount: &mount, purpose: rule.purpose() },
                node,
                &mut seen,
            );
        }
        Err(unknown) => seen.look(Err(unknown)),
    }
    finding(path, &existing, existing == way.resolved, seen)
}

fn undetermined(path: &str, unknown: &Unknown) -> Finding {
    let message = format!("whether {path} lies where it can do its work could not be determined");
    Finding::undetermined(Severity::Fail, path, "unknown", message, unknown)
}

/// The worst comes first, the others as notes: they are about one directory. What is not known may be worse than a warning,
/// but not than a failure.
fn finding(path: &str, existing: &str, exists: bool, seen: Seen) -> Finding {
    let Seen { right, mut wrong, unknown } = seen;
    wrong.sort_by_key(|trouble| std::cmp::Reverse(trouble.severity));
    let is_failure = wrong.first().is_some_and(|worst| worst.severity == Severity::Fail);
    match unknown {
        Some(unknown) if !is_failure => also(undetermined(path, &unknown).evidence(right), wrong),
        unknown if !wrong.is_empty() => {
            let worst = wrong.remove(0);
            let finding = Finding::problem(worst.severity, path, worst.reason, worst.message)
                .evidence(worst.evidence)
                .evidence(right)
                .remedy(worst.remedy)
                .notes(unknown.map(|unknown| format!("not all could be looked at: {}", unknown.reason)));
            also(finding, wrong)
        }
        _ => match Proof::of(right) {
            None => undetermined(path, &Unknown::new("nothing was looked at")),
            Some(proof) if exists => {
                Finding::pass(path, "fit", format!("{path} lies where it can do its work"), proof)
            }
            Some(proof) => {
                let message = format!("{path} does not exist yet, and can be made in {existing}");
                Finding::pass(path, "fit", message, proof)
            }
        },
    }
}

fn also(finding: Finding, wrong: Vec<Trouble>) -> Finding {
    wrong.into_iter().fold(finding, |finding, more| {
        finding.note(format!("also: {}; {}", more.message, more.remedy.summary)).evidence(more.evidence)
    })
}

fn kind(existing: &str, node: &Node) -> Result<Option<Trouble>, Unknown> {
    match node.kind(existing).map_err(|e| e.unknown())? {
        FileKind::Directory => Ok(None),
        FileKind::File | FileKind::Other => Ok(Some(Trouble {
            severity: Severity::Fail,
            reason: "not-a-directory",
            message: format!("{existing} is no directory"),
            evidence: Some(Evidence::new(existing, "no directory")),
            remedy: Remedy::new(format!("Move {existing} out of the way")),
        })),
    }
}

/// The mount that holds it. A tree need not have every directory in which the mount table says that something is mounted.
fn mount(way: &Way, node: &Node) -> Result<Mount, Unknown> {
    let mounts = node.mounts().as_ref().map_err(Clone::clone)?;
    mounts
        .holding(&way.resolved)
        .cloned()
        .ok_or_else(|| Unknown::new("the mount table does not tell which file system holds it"))
}

/// The directory above, on the same mount. No link is among these names, so that none leads to another file system.
fn above<'a>(here: &'a str, mount: &Mount) -> Option<&'a str> {
    let at = here.rfind('/').filter(|_| here != mount.point && here != "/")?;
    Some(if at == 0 { "/" } else { &here[..at] })
}

/// Whether the directory's entries tell their types. Where there are none, those of the directory above on the same mount
/// will do. `existing` is a path without links.
fn entry_types(existing: &str, mount: &Mount, node: &Node) -> Result<bool, Unknown> {
    if !std::path::Path::new(existing).starts_with(&mount.point) {
        return Err(Unknown::new(format!("{} is not in this tree", mount.point)));
    }
    let mut here = existing;
    loop {
        let probed = node.probe(&Probe::EntryTypes { directory: here.to_owned() });
        match probed.details() {
            Some("typed") => return Ok(true),
            Some("untyped") => return Ok(false),
            _ => {}
        }
        let Some(next) = above(here, mount) else {
            return Err(match probed.answer() {
                Err(e) => e.unknown(),
                Ok(_) => Unknown::new(format!("{here} has no entries whose types could be looked at")),
            });
        };
        here = next;
    }
}

#[cfg(test)]
mod tests;
