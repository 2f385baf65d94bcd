//! Whether all that was seen of a subsystem can be so at once.

use super::{MaskSide, Row, Shown, State, Step, Subsystem, side};
use crate::{evidence::Evidence, facts::cgroup::ladder::Disagreement};

/// What one step leaves possible, and what it saw.
struct Says {
    step: Step,
    possible: Vec<MaskSide>,
    what: &'static str,
    seen: Option<Evidence>,
}

/// What the steps say of a subsystem that can't all be so. The version's table is not among them: vendors change
/// kernels, and a note says where one did.
pub(in crate::facts::cgroup) fn disagreement(
    subsystem: &Subsystem,
    row: Option<Row>,
    shown: &Shown<'_>,
) -> Option<Disagreement> {
    if matches!(subsystem.state, State::Unknown) {
        return None;
    }
    if let Some(message) = attachment(subsystem, row, shown) {
        let evidence = side::mask_evidence(subsystem, shown).into_iter().chain(shown.sources.rows.clone());
        let subject = subsystem.name.clone();
        return Some(Disagreement { subject, message, evidence: evidence.collect() });
    }
    if shown.ids.is_some() && subsystem.id.is_none() && subsystem.state != State::NotCompiled {
        let evidence = shown.sources.ids.iter().chain(&subsystem.evidence).cloned().collect();
        let message =
            format!("{0}: the kernel's files name {0}, its own enum of subsystems lacks it", subsystem.name);
        return Some(Disagreement { subject: subsystem.name.clone(), message, evidence });
    }
    if matches!(subsystem.state, State::NotCompiled | State::Disabled) {
        return absent(subsystem, shown);
    }
    let says = said(subsystem, row, shown);
    let agree = [MaskSide::Implicit, MaskSide::Inhibited, MaskSide::Neither]
        .iter()
        .any(|side| says.iter().all(|s| s.possible.contains(side)));
    if agree {
        return None;
    }
    let claims: Vec<String> = says.iter().map(|s| format!("{} says {}", s.step.as_str(), s.what)).collect();
    Some(Disagreement {
        subject: subsystem.name.clone(),
        message: format!("{}: {}", subsystem.name, claims.join(", ")),
        evidence: says.into_iter().filter_map(|s| s.seen).collect(),
    })
}

/// Everything that the steps say of the masks of an enabled subsystem.
fn said(subsystem: &Subsystem, row: Option<Row>, shown: &Shown<'_>) -> Vec<Says> {
    use MaskSide::{Implicit, Inhibited, Neither};
    let mut says = Vec::new();
    let on_v2 = side::on_v2(subsystem, row, shown);
    let mut say = |step, possible: &[MaskSide], what, seen| {
        says.push(Says { step, possible: possible.to_vec(), what, seen });
    };
    if let Some(reading) = shown.masks
        && let Some(bit) = side::bit(subsystem)
    {
        let seen = side::mask_evidence(subsystem, shown);
        match (reading.implicit & bit != 0, reading.inhibited & bit != 0) {
            (true, false) => say(reading.step, &[Implicit], "implicit", seen),
            (false, true) => say(reading.step, &[Inhibited], "inhibited", seen),
            (false, false) => say(reading.step, &[Neither], "in neither mask", seen),
            (true, true) => say(reading.step, &[], "implicit and inhibited at once", seen),
        }
    }
    if on_v2 && let Some(stat) = &shown.stat {
        let seen = shown.sources.stat.clone();
        if stat.contains(&subsystem.name) {
            say(Step::CgroupStat, &[Implicit, Neither], "not inhibited", seen);
        } else {
            say(Step::CgroupStat, &[Inhibited], "inhibited", seen);
        }
    }
    if let Some(taken) = shown.taken.as_ref().and_then(|t| t.get(&subsystem.name)) {
        let seen = shown.sources.scratch.as_ref();
        let seen = |said: &str| seen.map(|d| Evidence::new(d, format!("-{}: {said}", subsystem.name)));
        match (taken, row) {
            (true, _) => say(Step::SubtreeControl, &[Implicit, Neither], "not inhibited", seen("ok")),
            (false, Some(_)) => say(Step::SubtreeControl, &[Inhibited], "inhibited", seen("EINVAL")),
            // Without a row it may as well be disabled.
            (false, None) => {}
        }
    }
    if on_v2 && side::tells_side(subsystem, shown) {
        let seen = shown.sources.perf.clone();
        match shown.perf {
            Some(true) => {
                say(Step::PerfEvent, &[Implicit, Neither], "attached to cgroup v2 and at work", seen);
            }
            Some(false) => say(Step::PerfEvent, &[], "not attached to cgroup v2", seen),
            None => {}
        }
    }
    if let Some(listed) = subsystem.listed.filter(|listed| *listed || (on_v2 && shown.is_root == Some(true)))
    {
        let seen = shown.sources.listed.clone();
        if listed {
            say(Step::Hierarchy, &[Neither], "listed", seen);
        } else {
            say(Step::Hierarchy, &[Implicit, Inhibited], "on cgroup v2 and not listed in its root", seen);
        }
    }
    says
}

/// Where the kernel's memory has it on another hierarchy than its files.
fn attachment(subsystem: &Subsystem, row: Option<Row>, shown: &Shown<'_>) -> Option<String> {
    let attached = side::attached(subsystem, shown.masks?)?;
    let row = row?;
    let name = &subsystem.name;
    match (attached, row.hierarchy, row.enabled) {
        (true, hierarchy, _) if hierarchy != 0 => Some(format!(
            "{name}: the kernel's memory has it on cgroup v2, /proc/cgroups on the v1 hierarchy {hierarchy}"
        )),
        (false, 0, true) => Some(format!(
            "{name}: /proc/cgroups has it enabled and on cgroup v2, the kernel's memory has not attached it there"
        )),
        _ => None,
    }
}

/// What speaks for a subsystem that is not compiled in or switched off: it stands in no mask and is never taken.
fn absent(subsystem: &Subsystem, shown: &Shown<'_>) -> Option<Disagreement> {
    let in_mask =
        shown.masks.zip(side::bit(subsystem)).is_some_and(|(m, bit)| (m.implicit | m.inhibited) & bit != 0);
    let taken = shown.taken.as_ref().and_then(|t| t.get(&subsystem.name)).copied().unwrap_or(false);
    let (what, seen) = match (in_mask, taken) {
        (true, _) => ("stands in a mask", side::mask_evidence(subsystem, shown)),
        (_, true) => ("is taken in cgroup.subtree_control", None),
        _ => return None,
    };
    Some(Disagreement {
        subject: subsystem.name.clone(),
        message: format!(
            "{} is {} by its files, and yet it {what}",
            subsystem.name,
            subsystem.state.as_str()
        ),
        evidence: subsystem.evidence.iter().cloned().chain(seen).collect(),
    })
}
