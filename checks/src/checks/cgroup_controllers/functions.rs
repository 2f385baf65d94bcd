//! What does the work of the version 1 controllers that version 2 never lists. They are never "missing" there: what
//! replaces them is looked at, whatever became of the controller itself.

use super::{Question, devices};
use crate::{
    evidence::{Evidence, Proof, Unknown},
    facts::{cgroup::table, kernel_config::Setting},
    finding::Finding,
    node::{FileKind, Origin, ReadErrorKind},
};

/// cgroup.freeze is a core file of every cgroup but the root since this version, independent of
/// CONFIG_CGROUP_FREEZER (cgroups(7)).
const FREEZE_SINCE: table::Since = (5, 2);

/// Whether the work of `name` is done on version 2 by something that is looked at here.
pub(super) fn has(name: &str) -> bool {
    matches!(name, "freezer" | "cpuacct" | "devices" | "net_cls" | "net_prio")
}

/// The answer for a controller whose function is looked at instead. None for every other one.
pub(super) fn answer(question: &Question<'_>) -> Option<Finding> {
    let finding = match question.name {
        "freezer" => freezer(question),
        "cpuacct" => cpuacct(question),
        "devices" => devices::answer(question),
        "net_cls" => {
            by_option(question, "CONFIG_CGROUP_BPF", "marking of packets", "cgroup BPF programs", None)
        }
        "net_prio" => {
            by_option(question, "CONFIG_CGROUP_BPF", "priority of packets", "BPF_PROG_TYPE_CGROUP_SOCK", None)
        }
        _ => return None,
    };
    let notes = question.survey.find(question.name).map(|s| s.notes.clone()).unwrap_or_default();
    Some(finding.notes(notes))
}

fn freezer(question: &Question<'_>) -> Finding {
    let name = question.name;
    let release = question.node.kernel_release().as_ref().ok();
    let has_freeze = release.is_some_and(|r| table::reached(&r.version, FREEZE_SINCE));
    let is_older = release.is_some() && !has_freeze;
    let mut tried = Vec::new();
    for cgroup in cgroups_below_root(question) {
        let path = format!("{cgroup}/cgroup.freeze");
        match question.node.kind(&path) {
            Ok(_) => {
                let proof = Evidence::new(path, "exists");
                return Finding::pass(name, "replaced", "freezing works through cgroup.freeze", proof);
            }
            Err(e) if e.kind == ReadErrorKind::Missing => {
                // Only a cgroup that is really there shows that the file is not. Under a root, unless the kernel
                // is known to be too old, it is the tree that is not complete: not every capture has this file.
                if !is_older && question.node.origin() == Origin::Root {
                    tried.push(e.evidence());
                } else if question.node.kind(&format!("{cgroup}/cgroup.events")).is_ok() {
                    let message = format!("cgroup v2 of this kernel has no cgroup.freeze: {cgroup} lacks it");
                    return Finding::problem(question.severity, name, "no-freezer", message)
                        .note("Linux 5.2 brought cgroup.freeze; without it containers can't be stopped in one go")
                        .evidence([e.evidence()]);
                }
            }
            Err(e) => tried.push(e.evidence()),
        }
    }
    match release {
        Some(release) if has_freeze => Finding::pass(
            name,
            "expected",
            "freezing works through cgroup.freeze, which this kernel has by its version",
            Proof::new(release.evidence.clone()).and_all(tried),
        )
        .note(
            "no cgroup below the root could be looked at here; every cgroup has cgroup.freeze since Linux 5.2, whatever \
             the kernel was configured with",
        ),
        _ => {
            let unknown = Unknown::new("no cgroup below the root could be looked at, and this kernel may be too old")
                .tried(tried)
                .needs("a cgroup below the root, such as system.slice");
            Finding::undetermined(question.severity, name, "unknown", "cgroup.freeze", &unknown)
        }
    }
}

/// Cgroups that are certainly not the root: the visible root itself where it is none, this process's own, those
/// that systemd makes, then whatever else lies below the root.
fn cgroups_below_root(question: &Question<'_>) -> Vec<String> {
    let Some(unified) = &question.survey.unified else { return Vec::new() };
    let point = &unified.point;
    let mut cgroups = Vec::new();
    if unified.is_root == Some(false) {
        cgroups.push(point.clone());
    }
    let mount = question.node.cgroup_layout().as_ref().ok().and_then(|l| l.unified.as_ref());
    if let Some(Ok((path, _))) = mount.map(|mount| question.node.own_cgroup(mount))
        && path != "/"
    {
        cgroups.push(format!("{point}{path}"));
    }
    cgroups.extend(["system.slice", "init.scope"].map(|name| format!("{point}/{name}")));
    if !cgroups.iter().any(|c| question.node.kind(&format!("{c}/cgroup.freeze")).is_ok())
        && let Ok(names) = question.node.list(point)
    {
        let directories = names.iter().filter(|n| !n.starts_with("cgroup.")).map(|n| format!("{point}/{n}"));
        cgroups.extend(directories.filter(|p| question.node.kind(p) == Ok(FileKind::Directory)).take(1));
    }
    cgroups
}

fn cpuacct(question: &Question<'_>) -> Finding {
    let mut tried = Vec::new();
    let root = question.survey.unified.iter().map(|u| u.point.clone());
    for cgroup in root.chain(cgroups_below_root(question)) {
        let read = question.node.read(&format!("{cgroup}/cpu.stat"));
        match read.text() {
            Ok(text) if text.lines().any(|l| l.starts_with("usage_usec ")) => {
                let proof = read.quote(text.lines().next().unwrap_or_default());
                return Finding::pass(question.name, "replaced", "CPU time is counted in cpu.stat", proof);
            }
            _ => tried.push(read.evidence()),
        }
    }
    let unknown = Unknown::new("no cpu.stat with usage_usec could be read").tried(tried);
    Finding::undetermined(question.severity, question.name, "unknown", "cpu.stat", &unknown)
}

/// Why the running kernel did not tell itself whether something works.
pub(super) struct NotAsked {
    /// What it said, as a clause.
    pub(super) said: String,
    /// With what it would tell, as a clause.
    pub(super) needs: &'static str,
}

/// Whether `work` is done through `means`, by the setting of `option` alone. `not_asked` where the kernel itself was to
/// tell and did not.
pub(super) fn by_option(
    question: &Question<'_>,
    option: &str,
    work: &str,
    means: &str,
    not_asked: Option<&NotAsked>,
) -> Finding {
    let name = question.name;
    let config = match question.node.kernel_config() {
        Ok(config) => config,
        Err(unknown) => {
            let (said, needs) = not_asked.map_or_else(
                || (format!("{work} on cgroup v2 takes {option}"), String::new()),
                |n| (n.said.clone(), format!("{}, or ", n.needs)),
            );
            let unknown = Unknown::new(format!("{said}, and {}", unknown.reason))
                .tried(unknown.evidence.iter().cloned())
                .needs(format!("{needs}a readable kernel configuration"));
            return Finding::undetermined(question.severity, name, "unknown", means, &unknown);
        }
    };
    let seen = config.evidence(option);
    if config.get(option) != Setting::BuiltIn {
        let message = format!("{work} needs {means}: {option} is not set");
        let finding = Finding::problem(question.severity, name, "no-bpf", message);
        return finding.evidence([seen]).follows(option);
    }
    let note = not_asked.map_or_else(
        || "known from the configuration only: the kernel itself was not asked with bpf(2)".to_owned(),
        |n| {
            format!(
                "known from the configuration only: {}; to have the kernel tell itself, {}",
                n.said, n.needs
            )
        },
    );
    let message = format!("{work} works through {means}, by the kernel's configuration");
    Finding::pass(name, "replaced", message, seen).note(note)
}
