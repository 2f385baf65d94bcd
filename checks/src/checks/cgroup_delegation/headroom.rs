//! Whether the limits on the way leave room for the cgroups and processes of pods.

use super::{
    place::Role,
    troubles::{Found, Trouble},
};
use crate::{
    facts::{Known, cgroup::tree::Step},
    finding::{Remedy, Severity},
};

/// How many levels pods need below their cgroup: the class of service, the pod, the container (kubelet,
/// pkg/kubelet/cm). Where theirs is still to be made, that is one more.
const LEVELS: u64 = 3;
/// The cgroups of a node with the kubelet's default of 110 pods (`maxPods`): the pod, its sandbox and one container.
const CGROUPS: u64 = 330;
/// The tasks of the same: the sandbox, and the fewest threads that a container written in Go has.
const TASKS: u64 = 1024;

/// Looks at the limits of every cgroup on the way.
pub(super) fn judge(way: &[Step<'_>], role: Role, found: &mut Found) {
    let levels = match role {
        Role::System => return,
        Role::Pods => LEVELS,
        Role::FuturePods | Role::Path | Role::User(_) | Role::Own => LEVELS + 1,
    };
    for (below, step) in way.iter().rev().enumerate() {
        let levels = levels + u64::try_from(below).unwrap_or(u64::MAX - LEVELS - 1);
        for trouble in [depth(step, levels), cgroups(step), tasks(step)] {
            match trouble {
                Ok(Some(trouble)) => found.troubles.push(trouble),
                Ok(None) => {}
                Err(unknown) => found.unknown(Severity::Warn, unknown),
            }
        }
    }
}

/// The kernel makes no cgroup deeper than cgroup.max.depth below a cgroup (EAGAIN).
fn depth(step: &Step<'_>, levels: u64) -> Known<Option<Trouble>> {
    let Some(max) = step.limit("cgroup.max.depth")?.filter(|max| *max < levels) else { return Ok(None) };
    let message = format!(
        "{} allows {max} levels of cgroups below it, and pods need {levels} (cgroup.max.depth)",
        step.path
    );
    Ok(Some(
        Trouble::new(Severity::Fail, "too-deep", message)
            .evidence([step.evidence("cgroup.max.depth")])
            .remedy(raise(step, "cgroup.max.depth")),
    ))
}

/// Nor more than cgroup.max.descendants (EAGAIN).
fn cgroups(step: &Step<'_>) -> Known<Option<Trouble>> {
    let Some(max) = step.limit("cgroup.max.descendants")? else { return Ok(None) };
    let now = step.descendants()?;
    let left = max.saturating_sub(now);
    if left >= CGROUPS {
        return Ok(None);
    }
    let severity = if left == 0 { Severity::Fail } else { Severity::Warn };
    let message =
        format!("{} has room for {left} more cgroups (cgroup.max.descendants {max}, {now} there)", step.path);
    Ok(Some(
        Trouble::new(severity, "few-cgroups", message)
            .note(format!("110 pods, the kubelet's default, need about {CGROUPS}"))
            .evidence([step.evidence("cgroup.max.descendants"), step.evidence("cgroup.stat")])
            .remedy(raise(step, "cgroup.max.descendants")),
    ))
}

/// Nor more tasks than pids.max (fork: EAGAIN). The root has no such limit.
fn tasks(step: &Step<'_>) -> Known<Option<Trouble>> {
    if step.is_root != Some(false) || !step.controllers()?.iter().any(|n| n == "pids") {
        return Ok(None);
    }
    let Some(max) = step.limit("pids.max")? else { return Ok(None) };
    let now = step.tasks()?;
    let left = max.saturating_sub(now);
    if left >= TASKS {
        return Ok(None);
    }
    let severity = if left == 0 { Severity::Fail } else { Severity::Warn };
    let message = format!("{} has room for {left} more tasks (pids.max {max}, {now} there)", step.path);
    let unit = step.path.rsplit('/').next().filter(|n| n.contains('.'));
    let remedy = raise(step, "pids.max");
    Ok(Some(
        Trouble::new(severity, "few-tasks", message)
            .evidence([step.evidence("pids.max"), step.evidence("pids.current")])
            .remedy(match unit {
                Some(unit) => remedy.persistent(format!("systemctl set-property {unit} TasksMax=infinity")),
                None => remedy,
            }),
    ))
}

fn raise(step: &Step<'_>, file: &str) -> Remedy {
    Remedy::new(format!("Raise {file} of {}.", step.path)).command(format!("echo max > {}", step.file(file)))
}
