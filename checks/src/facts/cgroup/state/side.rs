//! On which side of the kernel's masks a subsystem stands: the first step of the ladder that tells.

use super::{Basis, MaskSide, Row, Shown, Step, Subsystem};
use crate::{
    evidence::Evidence,
    facts::cgroup::{
        masks::Reading,
        table::{Known, reached},
    },
};

/// A side, how that is known, and by which step.
pub(super) type Side = (MaskSide, Basis, Step);

/// The side of a subsystem that is in the kernel and enabled. None where nothing tells.
pub(super) fn of(subsystem: &Subsystem, row: Option<Row>, shown: &Shown<'_>) -> Option<Side> {
    measured(subsystem, shown).or_else(|| shown_by_files(subsystem, row, shown))
}

/// What the masks themselves say.
pub(super) fn measured(subsystem: &Subsystem, shown: &Shown<'_>) -> Option<Side> {
    let reading = shown.masks?;
    let bit = bit(subsystem)?;
    let side = if reading.implicit & bit != 0 {
        MaskSide::Implicit
    } else if reading.inhibited & bit != 0 {
        MaskSide::Inhibited
    } else {
        MaskSide::Neither
    };
    Some((side, Basis::Measured, reading.step))
}

/// The bit of a subsystem, where its id is known.
pub(super) fn bit(subsystem: &Subsystem) -> Option<u64> {
    1_u64.checked_shl(subsystem.id?)
}

/// Whether the kernel's memory says that it is attached to the version 2 hierarchy.
pub(super) fn attached(subsystem: &Subsystem, reading: &Reading) -> Option<bool> {
    Some(reading.attached? & bit(subsystem)? != 0)
}

/// The masks that were read, and the bit of one subsystem in them, as evidence.
pub(super) fn mask_evidence(subsystem: &Subsystem, shown: &Shown<'_>) -> Option<Evidence> {
    let (reading, id) = (shown.masks?, subsystem.id?);
    let observed =
        format!("implicit {:#06x}, inhibited {:#06x}; id {id}", reading.implicit, reading.inhibited);
    Some(Evidence::new(&reading.method, observed))
}

/// Whether the subsystem is known to be on the version 2 hierarchy. /proc/cgroups tells, and it gives a row to all that
/// can be on version 1. Where it could not be read, only what shows on version 2 is there: a version 1 hierarchy may
/// be mounted where nobody here sees it, as that of a host whose cgroup2 a container was given.
pub(super) fn on_v2(subsystem: &Subsystem, row: Option<Row>, shown: &Shown<'_>) -> bool {
    match row {
        Some(row) => row.hierarchy == 0,
        None if shown.rows.is_some() => subsystem.legacy_mount.is_none(),
        None => {
            let name = &subsystem.name;
            subsystem.is_listed()
                || shown.stat.as_ref().is_some_and(|s| s.contains(name))
                || shown.masks.and_then(|m| attached(subsystem, m)) == Some(true)
                || (name == "perf_event" && shown.perf == Some(true))
        }
    }
}

/// What tells that a subsystem is inhibited, or that it is not, beside the masks.
struct Hint {
    inhibited: bool,
    step: Step,
    /// Whether that also says that it was not switched off at boot: cgroup.stat counts such a one, the kernel refuses
    /// it in cgroup.subtree_control.
    knows_disabled: bool,
}

/// Whether a perf_event that works on version 2 is thereby not inhibited. Before Linux 4.11 it was inhibited, and by the
/// source its events would work for the root all the same: `perf_cgroup_connect()` only asks for its state in that
/// cgroup, which the root of the hierarchy has of every subsystem. Not measured.
pub(super) fn tells_side(subsystem: &Subsystem, shown: &Shown<'_>) -> bool {
    subsystem.name == "perf_event" && expected(subsystem.known, shown) == Some(MaskSide::Implicit)
}

fn hint(subsystem: &Subsystem, row: Option<Row>, shown: &Shown<'_>) -> Option<Hint> {
    let on_v2 = on_v2(subsystem, row, shown);
    if on_v2 && let Some(stat) = &shown.stat {
        let inhibited = !stat.contains(&subsystem.name);
        return Some(Hint { inhibited, step: Step::CgroupStat, knows_disabled: inhibited });
    }
    if let Some(taken) = shown.taken.as_ref().and_then(|t| t.get(&subsystem.name)) {
        return Some(Hint { inhibited: !taken, step: Step::SubtreeControl, knows_disabled: *taken });
    }
    let counts = on_v2 && shown.perf == Some(true) && tells_side(subsystem, shown);
    counts.then_some(Hint { inhibited: false, step: Step::PerfEvent, knows_disabled: true })
}

fn shown_by_files(subsystem: &Subsystem, row: Option<Row>, shown: &Shown<'_>) -> Option<Side> {
    let on_v2 = on_v2(subsystem, row, shown);
    let hint = hint(subsystem, row, shown);
    // What was disabled at boot stands in neither mask: where neither a row nor the command line can tell, only a step
    // that knows of it says something.
    let may_be_disabled = row.is_none() && shown.cmdline.is_none() && !subsystem.is_listed();
    let hint = hint.filter(|h| h.knows_disabled || !may_be_disabled);
    if may_be_disabled && hint.is_none() {
        return None;
    }
    let expected = expected(subsystem.known, shown);
    let implicit = expected == Some(MaskSide::Implicit);
    // What became implicit with some version: only the kernel's version tells which side it is on.
    let unclear = expected.is_none() && subsystem.known.is_some_and(|k| k.implicit_since.is_some());
    if on_v2 && subsystem.is_listed() && shown.is_root == Some(true) {
        let step = hint.filter(|h| !h.inhibited).map_or(Step::Hierarchy, |h| h.step);
        return Some((MaskSide::Neither, Basis::Inferred, step));
    }
    let at_root = on_v2 && shown.is_root == Some(true) && shown.listed.is_some();
    if let Some(hint) = hint {
        // Nor is it implicit where the command line that was read names nothing (it may be another's, or cut) and
        // no kernel that is known has it implicit.
        let maybe_off = !hint.knows_disabled && !implicit && row.is_none() && subsystem.known.is_some();
        // The kernel refuses what is inhibited and what is disabled alike.
        let refused_as_off = !hint.knows_disabled && row.is_none() && expected != Some(MaskSide::Inhibited);
        let side = match (hint.inhibited, at_root || implicit) {
            (true, _) if refused_as_off => return None,
            (true, _) => MaskSide::Inhibited,
            (false, true) if maybe_off => return None,
            (false, false) if unclear => return None,
            (false, true) => MaskSide::Implicit,
            (false, false) => MaskSide::Neither,
        };
        return Some((side, Basis::Inferred, hint.step));
    }
    if at_root {
        if unclear {
            return None;
        }
        // The real root lists everything that is attached and in neither mask.
        let side = if implicit { MaskSide::Implicit } else { MaskSide::Inhibited };
        return Some((side, Basis::Inferred, Step::Hierarchy));
    }
    expected.map(|side| (side, Basis::Expected, Step::Version))
}

/// The side that a mainline kernel of this version has it on.
pub(super) fn expected(known: Option<&Known>, shown: &Shown<'_>) -> Option<MaskSide> {
    let (known, version) = (known?, shown.version?);
    // `cgroup_debug` (Linux 4.13) makes the debug subsystem implicit (kernel/cgroup/debug.c:362-376 in 7.3).
    if known.name == "debug" && shown.cmdline.is_some_and(|c| c.has("cgroup_debug")) {
        return Some(MaskSide::Implicit);
    }
    Some(if known.implicit_since.is_some_and(|v| reached(version, v)) {
        MaskSide::Implicit
    } else if known.listed_since.is_some_and(|v| reached(version, v)) {
        MaskSide::Neither
    } else {
        MaskSide::Inhibited
    })
}
