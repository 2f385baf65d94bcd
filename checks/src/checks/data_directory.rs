//! `data-directory`: The directories of Kubernetes lie where they can do their work.

mod ground;
mod params;

use params::{DataDirectoryParams, DataDirectoryRule, Purpose};

use crate::{
    check::{Check, Meta},
    entry::Written,
    evidence::{Evidence, Proof, Unknown},
    facts::mounts::Mount,
    finding::{Finding, Findings, Remedy, Severity},
    node::{FileKind, Node, Probe, ReadError, ReadErrorKind},
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
    let existing = match node.first_existing(path) {
        Ok(existing) => existing,
        Err(unknown) => return undetermined(path, &unknown),
    };
    seen.look(links(path, node));
    seen.look(kind(&existing, node));
    seen.look(ways(&existing, node));
    match mount(&existing, node) {
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
    finding(path, &existing, seen)
}

fn undetermined(path: &str, unknown: &Unknown) -> Finding {
    let message = format!("whether {path} lies where it can do its work could not be determined");
    Finding::undetermined(Severity::Fail, path, "unknown", message, unknown)
}

/// The worst comes first, the others as notes: they are about one directory.
fn finding(path: &str, existing: &str, seen: Seen) -> Finding {
    let Seen { right, mut wrong, unknown } = seen;
    wrong.sort_by_key(|trouble| std::cmp::Reverse(trouble.severity));
    let mut wrong = wrong.into_iter();
    if let Some(worst) = wrong.next() {
        let finding = Finding::problem(worst.severity, path, worst.reason, worst.message)
            .evidence(worst.evidence)
            .evidence(right)
            .remedy(worst.remedy);
        return wrong.fold(finding, |finding, more| {
            finding.note(format!("also: {}; {}", more.message, more.remedy.summary)).evidence(more.evidence)
        });
    }
    match (unknown, Proof::of(right)) {
        (Some(unknown), _) => undetermined(path, &unknown),
        (None, None) => undetermined(path, &Unknown::new("nothing was looked at")),
        (None, Some(proof)) if existing == path.trim_end_matches('/') => {
            Finding::pass(path, "fit", format!("{path} lies where it can do its work"), proof)
        }
        (None, Some(proof)) => {
            let message = format!("{path} does not exist yet, and can be made in {existing}");
            Finding::pass(path, "fit", message, proof)
        }
    }
}

/// A data directory that is a symbolic link: the kubelet and others compare paths of mounts as text.
fn links(path: &str, node: &Node) -> Result<Option<Trouble>, Unknown> {
    match node.link(path.trim_end_matches('/')) {
        Ok(target) => Ok(Some(Trouble {
            severity: Severity::Warn,
            reason: "symbolic-link",
            message: format!(
                "{path} is a symbolic link to {target}: programs that compare the paths of mounts get lost"
            ),
            evidence: Some(Evidence::new(path, format!("link to {target}"))),
            remedy: Remedy::new(format!("Bind-mount {target} at {path} instead of linking it"))
                .persistent(format!("echo '{target} {path} none bind 0 0' >> /etc/fstab")),
        })),
        Err(ReadError { kind: ReadErrorKind::WrongKind(_) | ReadErrorKind::Missing, .. }) => Ok(None),
        Err(e) => Err(e.unknown()),
    }
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

/// Every directory on the way can be searched by others: processes of containers that are not root in a user namespace
/// of their own come this way too.
fn ways(existing: &str, node: &Node) -> Result<Option<Trouble>, Unknown> {
    let mut here = String::new();
    for part in existing.split('/').skip(1).filter(|part| !part.is_empty()) {
        here = format!("{here}/{part}");
        let access = match node.access(&here) {
            Ok(access) => access,
            // Modes count on the machine itself only; that a tree was unpacked by somebody else is no reason to doubt it.
            Err(ReadError { kind: ReadErrorKind::LiveOnly, .. }) => return Ok(None),
            Err(e) => return Err(e.unknown()),
        };
        let trouble = |reason, message, remedy| {
            let evidence = Some(Evidence::new(here.clone(), access.to_string()));
            Ok(Some(Trouble { severity: Severity::Warn, reason, message, evidence, remedy }))
        };
        let is_last = here == existing.trim_end_matches('/');
        if access.mode & 0o002 != 0 && access.mode & 0o1000 == 0 {
            let message = format!("everybody may write to {here}");
            let remedy = Remedy::new(format!("Let nobody but root write to {here}"))
                .command(format!("chmod o-w {here}"));
            return trouble("writable-by-all", message, remedy);
        }
        if access.mode & 0o001 == 0 && !is_last {
            let message = format!("others may not search {here}, through which the way leads");
            let remedy =
                Remedy::new(format!("Let others search {here}")).command(format!("chmod o+x {here}"));
            return trouble("not-searchable", message, remedy);
        }
    }
    Ok(None)
}

/// The mount that holds it.
fn mount(existing: &str, node: &Node) -> Result<Mount, Unknown> {
    let mounts = node.mounts().as_ref().map_err(Clone::clone)?;
    let resolved = node.resolved(existing)?;
    mounts
        .holding(&resolved)
        .cloned()
        .ok_or_else(|| Unknown::new("the mount table does not tell which file system holds it"))
}

/// Whether the directory's entries tell their types. Where there are none, those of the directory above on the same mount
/// will do.
fn entry_types(existing: &str, mount: &Mount, node: &Node) -> Result<bool, Unknown> {
    let mut here = existing.to_owned();
    loop {
        let probed = node.probe(&Probe::EntryTypes { directory: here.clone() });
        match probed.details() {
            Some("typed") => return Ok(true),
            Some("untyped") => return Ok(false),
            _ => {}
        }
        let Some(at) = here.rfind('/').filter(|at| *at > 0 && here.len() > mount.point.len()) else {
            let unknown = match probed.answer() {
                Err(e) => e.unknown(),
                Ok(_) => Unknown::new(format!("{here} has no entries whose types could be looked at")),
            };
            return Err(unknown);
        };
        here.truncate(at);
    }
}

#[cfg(test)]
mod tests;
