//! `executables`: The programs that are needed are there, in versions that will do.

mod params;
mod version;

use params::{ExecutableRule, ExecutablesParams};

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::file_capabilities::Gain,
    finding::{Finding, Findings, Remedy, Severity},
    node::{FileKind, Node, ReadError, ReadErrorKind},
};
use std::time::Duration;

/// The check `executables`.
pub struct Executables;

impl Check for Executables {
    type Params = ExecutablesParams;

    const META: Meta = Meta {
        id: "executables",
        summary: "The programs that are needed are there, in versions that will do",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &ExecutablesParams) -> Result<(), String> {
        params.validate()
    }

    fn limit(params: &ExecutablesParams) -> Option<Duration> {
        let with_version = params.all().filter(|(rule, _)| rule.version.is_some()).count();
        let each = u32::try_from(with_version).unwrap_or(u32::MAX);
        Some(Duration::from_millis(version::MILLIS.into()).saturating_mul(each))
    }

    fn run(params: &ExecutablesParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for (rule, severity) in params.all() {
            // kubeadm names each program (checks.go, InPathCheck).
            out.push(
                judge(rule, severity, &params.path, node).kubeadm(format!("FileExisting-{}", rule.name)),
            );
        }
        Ok(())
    }
}

/// What came of looking for one program.
enum Found {
    /// Where it is, with what it really is.
    At(String, Evidence),
    /// In no directory of the path.
    Missing(Vec<Evidence>),
    /// A directory could not be looked at.
    Unknown(Unknown),
}

fn judge(rule: &ExecutableRule, severity: Severity, path: &[String], node: &Node) -> Finding {
    let name = rule.name.as_str();
    let mut unknown = None;
    let mut tried = Vec::new();
    for wanted in std::iter::once(&rule.name).chain(&rule.any_of) {
        match look(wanted, path, node) {
            Found::At(place, seen) => return there(rule, severity, wanted, &place, seen, node),
            Found::Missing(evidence) => tried.extend(evidence),
            Found::Unknown(why) => unknown = unknown.or(Some(why)),
        }
    }
    if let Some(unknown) = unknown {
        let message = format!("whether there is a program {name} could not be determined");
        return Finding::undetermined(severity, name, "unknown", message, &unknown);
    }
    let or =
        if rule.any_of.is_empty() { String::new() } else { format!(" (nor {})", rule.any_of.join(", ")) };
    let message = format!("there is no program {name}{or} in {}", path.join(":"));
    Finding::problem(severity, name, "missing", message)
        .evidence(tried)
        .notes(rule.why.clone())
        .remedy(install(rule))
}

fn install(rule: &ExecutableRule) -> Remedy {
    let package = rule.package.clone().or_else(|| version::package(&rule.name).map(str::to_owned));
    let remedy = Remedy::new(format!("Install the package that has {}", rule.name));
    match package {
        Some(package) => remedy.command(format!(
            "apt-get install {package} || dnf install {package} || zypper install {package}"
        )),
        None => remedy,
    }
}

/// Looks through the directories, as execvp(3) does: what is there but can't be executed is passed over.
fn look(name: &str, path: &[String], node: &Node) -> Found {
    let mut tried = Vec::new();
    let mut directories = 0;
    for directory in path {
        let place = format!("{directory}/{name}");
        match node.kind(&place) {
            Ok(FileKind::File) => match node.access(&place) {
                Ok(access) if access.mode & 0o111 == 0 => {
                    tried.push(Evidence::new(place, format!("not executable ({access})")));
                }
                Ok(_) | Err(ReadError { kind: ReadErrorKind::LiveOnly, .. }) => {
                    let seen = match node.resolved(&place) {
                        Ok(real) if real != place => Evidence::new(&place, format!("is {real}")),
                        _ => Evidence::new(&place, "exists"),
                    };
                    return Found::At(place, seen);
                }
                Err(e) => return Found::Unknown(e.unknown()),
            },
            Ok(_) => tried.push(Evidence::new(place, "no file")),
            Err(e) if e.is_missing() => directories += usize::from(node.kind(directory).is_ok()),
            Err(e) => return Found::Unknown(e.unknown()),
        }
    }
    // Where none of the directories is there, this is no whole system.
    if directories == 0 && tried.is_empty() {
        let unknown = Unknown::new(format!("none of {} is there", path.join(", ")));
        return Found::Unknown(unknown);
    }
    tried.truncate(4);
    Found::Missing(tried)
}

fn there(
    rule: &ExecutableRule,
    severity: Severity,
    name: &str,
    place: &str,
    seen: Evidence,
    node: &Node,
) -> Finding {
    let subject = rule.name.as_str();
    let instead = if name == subject { String::new() } else { format!(", which does as well as {subject}") };
    let mut proof = Proof::new(seen.clone());
    let mut told = name.to_owned();
    if let Some(range) = &rule.version {
        match version::of(rule, name, place, node) {
            Err(unknown) => {
                let message =
                    format!("{name} is {place}, but whether its version is {range} could not be determined");
                return Finding::undetermined(severity, subject, "version-unknown", message, &unknown)
                    .evidence([seen]);
            }
            Ok((found, by)) if range.contains(&found) => {
                proof = proof.and(by);
                told = format!("{name} {found}");
            }
            Ok((found, by)) => {
                let message = format!("{name} at {place} is version {found}, and {range} is needed");
                return Finding::problem(severity, subject, "wrong-version", message)
                    .evidence([by, seen])
                    .notes(rule.why.clone())
                    .remedy(install(rule));
            }
        }
    }
    if let Some(capability) = &rule.capability {
        match privilege(rule, severity, capability, place, node) {
            Ok(by) => proof = proof.and_all(by),
            Err(finding) => return *finding,
        }
    }
    Finding::pass(subject, "found", format!("{told} is {place}{instead}"), proof)
}

/// What shows that a program gains a capability, or the finding that it does not.
fn privilege(
    rule: &ExecutableRule,
    severity: Severity,
    capability: &str,
    place: &str,
    node: &Node,
) -> Result<Vec<Evidence>, Box<Finding>> {
    let subject = rule.name.as_str();
    let problem = |reason, message: String, seen: Vec<Evidence>, remedy: Remedy| {
        let finding = Finding::problem(severity, subject, reason, message).evidence(seen);
        Err(Box::new(finding.notes(rule.why.clone()).remedy(remedy)))
    };
    match node.gains(place, capability) {
        Ok(Gain::Yes(seen)) => Ok(seen),
        Ok(Gain::No(seen)) => {
            let message = format!(
                "{place} does not gain {capability}: it is not setuid root, and has no such file capability"
            );
            let remedy = Remedy::new("Give it the capability, or install its package anew, which does")
                .command(format!("setcap {capability}=ep {place}"));
            problem("unprivileged", message, seen, remedy)
        }
        Ok(Gain::Nosuid(seen)) => {
            let message = format!("{place} gains nothing: its mount has the option nosuid");
            let remedy = Remedy::new("Mount it without nosuid, or put the program elsewhere");
            problem("nosuid", message, seen, remedy)
        }
        Err(unknown) => {
            let message = format!("whether {place} gains {capability} could not be determined");
            Err(Box::new(Finding::undetermined(severity, subject, "privilege-unknown", message, &unknown)))
        }
    }
}

#[cfg(test)]
mod tests;
