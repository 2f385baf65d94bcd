//! `files`: Files and directories are there, or not, with the owners, modes and contents that they should have.

mod contents;
mod expectations;
mod mode;
mod params;

use params::{FileRule, FileState, FilesParams};

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    finding::{Finding, Findings, Remedy, Risk},
    node::{FileKind, Node, Origin, ReadError, ReadErrorKind},
};

/// The check `files`.
pub struct Files;

impl Check for Files {
    type Params = FilesParams;

    const META: Meta = Meta {
        id: "files",
        summary: "Files and directories are there, or not, with the owners, modes and contents that they should have",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &FilesParams) -> Result<(), String> {
        params.validate()
    }

    fn run(params: &FilesParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let named = params.paths.iter().filter(|rule| !rule.path.is_empty());
        for rule in named {
            out.push(named_by_kubeadm(judge(rule, node), rule));
        }
        if out.is_empty() {
            out.push(Finding::not_applicable("", "no path is given", []));
        }
        Ok(())
    }
}

/// kubeadm has names for files that must not be there, directories that must be empty, and contents (checks.go,
/// FileAvailableCheck, DirAvailableCheck, FileContentCheck).
fn named_by_kubeadm(finding: Finding, rule: &FileRule) -> Finding {
    let family = match rule.state {
        FileState::Absent => "FileAvailable",
        FileState::Empty => "DirAvailable",
        _ if rule.equals.is_some() => "FileContent",
        _ => return finding,
    };
    finding.kubeadm(format!("{family}-{}", rule.path.replace('/', "-")))
}

fn unknown(rule: &FileRule, unknown: &Unknown) -> Finding {
    let message = format!("whether {} is {} could not be determined", rule.path, rule.state.as_str());
    Finding::undetermined(rule.severity, &rule.path, "unknown", message, unknown)
}

fn problem(rule: &FileRule, reason: &'static str, message: String, evidence: Option<Evidence>) -> Finding {
    Finding::problem(rule.severity, &rule.path, reason, message).evidence(evidence).notes(rule.why.clone())
}

fn judge(rule: &FileRule, node: &Node) -> Finding {
    match node.kind(&rule.path) {
        Ok(kind) => present(rule, kind, node),
        Err(e) if e.is_missing() => missing(rule, &e, node),
        Err(e) => unknown(rule, &e.unknown()),
    }
}

/// Nothing is there, if the directory above could be looked at or is missing itself below one that could.
fn missing(rule: &FileRule, error: &ReadError, node: &Node) -> Finding {
    let above = match node.first_existing(&rule.path) {
        Ok(above) => above,
        Err(why) => return unknown(rule, &why),
    };
    // A tree that has nothing of it, not even the directory below its root, may be a part of a node only.
    let whole = node.origin() == Origin::Live && node.list("/").is_ok_and(|names| !names.is_empty());
    if above == "/" && !whole {
        let why = format!("this tree has nothing of {}, and may be a part of a node only", rule.path);
        return unknown(rule, &Unknown::new(why).tried([error.evidence()]));
    }
    let seen = error.evidence();
    match rule.state {
        FileState::Absent | FileState::Empty => {
            Finding::pass(&rule.path, "absent", format!("{} does not exist", rule.path), seen)
        }
        _ => problem(rule, "missing", format!("{} does not exist", rule.path), Some(seen)).remedy(
            Remedy::new(format!("Have {} made by the package or program that it belongs to", rule.path)),
        ),
    }
}

fn present(rule: &FileRule, kind: FileKind, node: &Node) -> Finding {
    let path = &rule.path;
    let exists = || Evidence::new(path, if kind == FileKind::Directory { "a directory" } else { "exists" });
    match (rule.state, kind) {
        (FileState::Absent, _) => {
            return problem(rule, "exists", format!("{path} exists, and should not"), Some(exists())).remedy(
                Remedy::new(format!("See what {path} is from, and move it away if it is not needed"))
                    .command(format!("mv {path} {path}.old"))
                    .risk(Risk::Data),
            );
        }
        (FileState::Empty, _) => return empty(rule, kind, node),
        (FileState::Directory, FileKind::Directory)
        | (FileState::File, FileKind::File)
        | (FileState::Present, _) => {}
        (FileState::Link, _) => return link(rule, node),
        (FileState::Directory | FileState::File, _) => {
            let message = format!("{path} is not a {}", rule.state.as_str());
            return problem(rule, "wrong-kind", message, Some(exists()))
                .remedy(Remedy::new(format!("Move {path} out of the way")));
        }
    }
    let mut proof = Proof::new(exists());
    match mode::judge(rule, node) {
        Ok(Some(seen)) => proof = proof.and(seen),
        Ok(None) => {}
        Err(finding) => return *finding,
    }
    match contents::judge(rule, node) {
        Ok(Some(seen)) => proof = proof.and(seen),
        Ok(None) => {}
        Err(finding) => return *finding,
    }
    match expectations::judge(rule, node) {
        Ok(seen) => proof = proof.and_all(seen),
        Err(finding) => return *finding,
    }
    Finding::pass(path, "as-wanted", format!("{path} is as it should be"), proof)
}

/// Of a directory: nothing in it; of a file: no byte.
fn empty(rule: &FileRule, kind: FileKind, node: &Node) -> Finding {
    let path = &rule.path;
    let full = |seen: Evidence, what: &str| {
        problem(rule, "not-empty", format!("{path} is not empty: {what}"), Some(seen)).remedy(
            Remedy::new(format!("See what is in {path}, and move it away if it is not needed"))
                .command(format!("mv {path} {path}.old"))
                .risk(Risk::Data),
        )
    };
    if kind == FileKind::Directory {
        return match node.list(path) {
            Ok(names) if names.is_empty() => Finding::pass(
                path,
                "empty",
                format!("{path} is empty"),
                Evidence::new(path, "an empty directory"),
            ),
            Ok(names) => {
                let shown: Vec<&str> = names.iter().take(4).map(String::as_str).collect();
                let seen = Evidence::new(path, format!("{} entries: {}", names.len(), shown.join(", ")));
                full(seen, &format!("{} entries", names.len()))
            }
            Err(e) => unknown(rule, &e.unknown()),
        };
    }
    match node.read_at(path, 0, 1) {
        Ok(bytes) if bytes.is_empty() => {
            Finding::pass(path, "empty", format!("{path} is empty"), Evidence::new(path, "no byte"))
        }
        Ok(_) => full(Evidence::new(path, "has contents"), "it has contents"),
        Err(e) => unknown(rule, &e.unknown()),
    }
}

fn link(rule: &FileRule, node: &Node) -> Finding {
    let path = &rule.path;
    match node.link(path) {
        Ok(target) if rule.target.as_ref().is_none_or(|wanted| *wanted == target) => {
            let seen = Evidence::new(path, format!("link to {target}"));
            Finding::pass(path, "as-wanted", format!("{path} is a symbolic link to {target}"), seen)
        }
        Ok(target) => {
            let wanted = rule.target.as_deref().unwrap_or_default();
            let message = format!("{path} is a symbolic link to {target}, and should lead to {wanted}");
            problem(rule, "wrong-target", message, Some(Evidence::new(path, format!("link to {target}"))))
                .remedy(Remedy::new("Set the link anew").command(format!("ln -sfn {wanted} {path}")))
        }
        Err(ReadError { kind: ReadErrorKind::WrongKind(_), .. }) => problem(
            rule,
            "wrong-kind",
            format!("{path} is no symbolic link"),
            Some(Evidence::new(path, "no link")),
        )
        .remedy(Remedy::new(format!("Move {path} out of the way, and make the link"))),
        Err(e) => unknown(rule, &e.unknown()),
    }
}

#[cfg(test)]
mod tests;
