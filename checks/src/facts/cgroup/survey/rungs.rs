//! What came of every step of the ladder on one node, in words.

use super::{Ask, Shown};
use crate::{
    evidence::Unknown,
    facts::cgroup::{
        ladder::{Rung, Step},
        masks::Attempt,
    },
    node::{Node, Origin, Probed},
};

/// What was asked and what came of it.
pub(super) struct Asked<'a> {
    pub(super) ask: &'a Ask,
    pub(super) attempts: &'a [Attempt],
    pub(super) perf: Option<&'a Probed>,
}

/// Every step, the best first.
pub(super) fn ladder(node: &Node, shown: &Shown<'_>, asked: &Asked<'_>) -> Vec<Rung> {
    Step::ALL
        .into_iter()
        .map(|step| match step {
            Step::Kcore => masks(step, asked.attempts, "`--prove` asks it; it takes root"),
            Step::Kprobe => masks(step, asked.attempts, "`--prove --allow probe` asks it; it takes root"),
            Step::CgroupStat => cgroup_stat(node, shown),
            Step::SubtreeControl => subtree_control(asked.ask),
            Step::PerfEvent => perf_event(node, shown, asked.perf),
            Step::Hierarchy => hierarchy(shown),
            Step::Version => version(shown),
        })
        .collect()
}

fn why(unknown: &Unknown) -> String {
    match &unknown.needs {
        Some(needs) => format!("{}; {needs}", unknown.reason),
        None => unknown.reason.clone(),
    }
}

fn masks(step: Step, attempts: &[Attempt], not_asked: &str) -> Rung {
    let tried: Vec<&Attempt> = attempts.iter().filter(|a| a.step == step).collect();
    if tried.is_empty() {
        return Rung::not_asked(step, not_asked);
    }
    let told = |a: &Attempt| match &a.result {
        Ok(r) => {
            format!("implicit {}, inhibited {}, {} bits wide", r.implicit, r.inhibited, r.width_bits)
        }
        Err(unknown) => why(unknown),
    };
    let detail = by_outcome(tried.iter().map(|a| (a.method.as_str(), told(a))));
    if tried.iter().any(|a| a.result.is_ok()) {
        Rung::answered(step, detail)
    } else {
        Rung::unavailable(step, detail)
    }
}

/// What came of each method. Methods of which the same came are named together; where it is the same for all, that alone
/// is said.
fn by_outcome<'a>(tried: impl Iterator<Item = (&'a str, String)>) -> String {
    let mut outcomes: Vec<(Vec<&str>, String)> = Vec::new();
    for (method, told) in tried {
        match outcomes.iter_mut().find(|(_, seen)| *seen == told) {
            Some((methods, _)) => methods.push(method),
            None => outcomes.push((vec![method], told)),
        }
    }
    match outcomes.as_slice() {
        [(_, told)] => told.clone(),
        _ => outcomes
            .iter()
            .map(|(methods, told)| format!("{}: {told}", methods.join(" and ")))
            .collect::<Vec<_>>()
            .join(" | "),
    }
}

fn cgroup_stat(node: &Node, shown: &Shown<'_>) -> Rung {
    let step = Step::CgroupStat;
    if let Some(stat) = &shown.stat {
        return Rung::answered(step, format!("counts {}", stat.join(" ")));
    }
    let Some(point) = shown.point else { return Rung::unavailable(step, "no cgroup2 is mounted") };
    let read = node.read(&format!("{point}/cgroup.stat"));
    match read.bytes() {
        Ok(_) => {
            Rung::unavailable(step, "it counts no subsystems in this kernel, as it does since Linux 6.12")
        }
        Err(e) => Rung::unavailable(step, why(&e.unknown())),
    }
}

fn subtree_control(ask: &Ask) -> Rung {
    let step = Step::SubtreeControl;
    match &ask.scratch {
        None => Rung::not_asked(step, "`--prove --allow write` asks it, in a cgroup of its own"),
        Some(Err(unknown)) => Rung::unavailable(step, why(unknown)),
        Some(Ok(scratch)) => {
            let refused: Vec<&str> =
                scratch.answers.iter().filter(|(_, e)| e.is_some()).map(|(n, _)| n.as_str()).collect();
            let detail = format!("in {} the kernel refused {}", scratch.directory, refused.join(" "));
            Rung::answered(step, detail)
        }
    }
}

fn perf_event(node: &Node, shown: &Shown<'_>, asked: Option<&Probed>) -> Rung {
    let step = Step::PerfEvent;
    let Some(probed) = asked else {
        return match (node.origin(), shown.point) {
            (Origin::Root, _) => Rung::unavailable(step, "it can be asked on the live machine only"),
            (_, None) => Rung::unavailable(step, "no cgroup2 is mounted"),
            _ => Rung::not_asked(step, "nothing was in doubt that it could tell; `--prove` asks it"),
        };
    };
    match (probed.works(), probed.errno(), shown.perf) {
        (true, ..) => Rung::answered(step, "an event could be opened for the cgroup2 mount"),
        (_, Some(errno), Some(_)) => Rung::answered(step, format!("{errno}: perf_event is not on cgroup v2")),
        (_, Some(errno), None) if matches!(errno, "EACCES" | "EPERM") => {
            Rung::unavailable(step, format!("{errno}; it takes CAP_PERFMON or CAP_SYS_ADMIN"))
        }
        (_, errno, _) => Rung::unavailable(step, errno.unwrap_or("it could not be asked")),
    }
}

fn hierarchy(shown: &Shown<'_>) -> Rung {
    let step = Step::Hierarchy;
    match (&shown.rows, &shown.listed, shown.is_root) {
        (None, None, _) => {
            Rung::unavailable(step, "neither /proc/cgroups nor cgroup.controllers could be read")
        }
        (Some(_), Some(_), Some(true)) => {
            Rung::answered(step, "what is on hierarchy 0 and not in cgroup.controllers stands in a mask")
        }
        (_, Some(_), _) => {
            Rung::answered(step, "only what is listed: the visible root is not known to be the real one")
        }
        (Some(_), None, _) => {
            Rung::answered(step, "only what is on cgroup v1: there is no list of cgroup v2")
        }
    }
}

fn version(shown: &Shown<'_>) -> Rung {
    match shown.version {
        Some(v) => Rung::answered(Step::Version, format!("mainline Linux {}.{}", v.major, v.minor)),
        None => Rung::unavailable(Step::Version, "the kernel's version is not known"),
    }
}
