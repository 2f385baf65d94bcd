//! Why a subsystem is, or is not, in cgroup.controllers: the kernel's own rule (cgroup_control() and
//! cgroup_init(), kernel/cgroup/cgroup.c), applied to what the node shows. Pure functions.

pub(super) mod agree;
mod notes;
mod side;

use super::{
    Step,
    files::Row,
    masks::Reading,
    table::{self, Known},
};
use crate::{
    evidence::Evidence,
    facts::{cmdline::Cmdline, kernel_config::Setting},
};
use semver::Version;
use serde::Serialize;
use std::collections::BTreeMap;

/// The state of a subsystem. Several can hold at once; it is the first of this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Not in this kernel.
    NotCompiled,
    /// Switched off with `cgroup_disable=`.
    Disabled,
    /// Attached to a version 1 hierarchy, which takes it away from version 2.
    #[serde(rename = "bound-to-v1")]
    BoundToV1,
    /// In cgroup.controllers.
    Listed,
    /// On the version 2 hierarchy, always on, never listed (`cgrp_dfl_implicit_ss_mask`).
    Implicit,
    /// Has no version 2 interface, so never listed (`cgrp_dfl_inhibit_ss_mask`).
    Inhibited,
    /// The visible cgroup2 root is not the real one, and its parent did not pass it on.
    NotDelegated,
    /// Free and able to be on version 2, but no cgroup2 is mounted.
    Unmounted,
    /// Could not be told.
    Unknown,
}

impl State {
    /// The word in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotCompiled => "not-compiled",
            Self::Disabled => "disabled",
            Self::BoundToV1 => "bound-to-v1",
            Self::Listed => "listed",
            Self::Implicit => "implicit",
            Self::Inhibited => "inhibited",
            Self::NotDelegated => "not-delegated",
            Self::Unmounted => "unmounted",
            Self::Unknown => "unknown",
        }
    }
}

/// How something is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// From the kernel's version only.
    Expected,
    /// From what the kernel shows: cgroup.controllers, cgroup.stat, /proc/cgroups, BTF, its configuration.
    Inferred,
    /// The masks themselves were read.
    Measured,
}

/// In which of the kernel's two masks a subsystem stands. They are fixed at boot and independent of mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskSide {
    /// `cgrp_dfl_implicit_ss_mask`
    Implicit,
    /// `cgrp_dfl_inhibit_ss_mask`
    Inhibited,
    /// In neither: listed wherever version 2 has it.
    Neither,
}

/// What a node shows of its subsystems.
#[derive(Debug, Default)]
pub(super) struct Shown<'a> {
    /// The kernel's version.
    pub(super) version: Option<&'a Version>,
    /// The release of the kernel as it stands, or nothing.
    pub(super) release: &'a str,
    /// /proc/cgroups, if it could be read.
    pub(super) rows: Option<BTreeMap<String, Row>>,
    /// Whether a cgroup2 is mounted where it counts.
    pub(super) mounted: bool,
    /// Where that is.
    pub(super) point: Option<&'a str>,
    /// cgroup.controllers of that mount, if it could be read.
    pub(super) listed: Option<Vec<String>>,
    /// Whether that mount shows the real root.
    pub(super) is_root: Option<bool>,
    /// The `nr_subsys_` lines of cgroup.stat, if it has any.
    pub(super) stat: Option<Vec<String>>,
    /// The compiled-in subsystems with their ids, by BTF or by the kernel's memory.
    pub(super) ids: Option<Vec<(String, u32)>>,
    /// The compiled-in subsystems by the kernel's table of symbols, where `ids` is not known.
    pub(super) symbols: Option<Vec<String>>,
    /// The masks that were read, by the best method that could.
    pub(super) masks: Option<&'a Reading>,
    /// For each name that was tried: whether the kernel took `-NAME` in a scratch cgroup.
    pub(super) taken: Option<BTreeMap<String, bool>>,
    /// Whether an event of perf_event could be opened for the cgroup2 mount, where the kernel said.
    pub(super) perf: Option<bool>,
    /// Version 1 hierarchies that can be seen: controller (v1 name), mount point and the mount as evidence.
    pub(super) legacy: BTreeMap<String, (String, Evidence)>,
    /// The kernel command line.
    pub(super) cmdline: Option<&'a Cmdline>,
    /// The files and mounts behind all that, by what they show.
    pub(super) sources: Sources,
}

/// The evidence for each part of [`Shown`], to be attached to the subsystems that rest on it.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) rows: Option<Evidence>,
    pub(super) listed: Option<Evidence>,
    pub(super) stat: Option<Evidence>,
    pub(super) root: Option<Evidence>,
    pub(super) mounts: Option<Evidence>,
    pub(super) ids: Option<Evidence>,
    pub(super) symbols: Option<Evidence>,
    pub(super) scratch: Option<String>,
    pub(super) perf: Option<Evidence>,
}

/// One subsystem: its state, why, and how that is known.
#[derive(Clone, Debug)]
pub struct Subsystem {
    /// The kernel's own name, the one on version 2: `io`.
    pub name: String,
    /// The name on version 1: `blkio`.
    pub legacy_name: String,
    /// What is known of it beforehand; none for one that only a vendor's kernel has.
    pub known: Option<&'static Known>,
    /// Its id, which is its bit in the masks, where BTF gives it.
    pub id: Option<u32>,
    /// Its state.
    pub state: State,
    /// How the state is known.
    pub basis: Basis,
    /// Whether it is in cgroup.controllers. None where there is no such list, or it could not be read.
    pub listed: Option<bool>,
    /// The hierarchy it is attached to (0: version 2), where /proc/cgroups names it.
    pub hierarchy: Option<u32>,
    /// Where its version 1 hierarchy is mounted.
    pub legacy_mount: Option<String>,
    /// The option that compiles it in and its setting, where the configuration could be read.
    pub config: Option<(&'static str, Setting)>,
    /// The mask it stands in and how that is known. None if it is not compiled in, is disabled (it then has no bit
    /// in either), or cannot be told.
    pub mask: Option<(MaskSide, Basis)>,
    /// The step of the ladder that tells the mask. None where `mask` is none.
    pub step: Option<Step>,
    /// Whether the parent of the visible root passed it on. None at the real root, where nobody does.
    pub delegated: Option<bool>,
    /// Why, in sentences, the first for a table and all for a page.
    pub notes: Vec<String>,
    /// What that rests on.
    pub evidence: Vec<Evidence>,
}

impl Subsystem {
    /// Whether it stands in the inhibit mask, whatever its state.
    #[must_use]
    pub fn is_inhibited(&self) -> bool {
        matches!(self.mask, Some((MaskSide::Inhibited, _)))
    }

    /// Whether it is known to be in cgroup.controllers.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.listed == Some(true)
    }

    /// Whether it stands in the implicit mask, whatever its state.
    #[must_use]
    pub fn is_implicit(&self) -> bool {
        matches!(self.mask, Some((MaskSide::Implicit, _)))
    }
}

/// Whether a subsystem is in the kernel.
enum Compiled {
    Yes,
    No(String, Vec<Evidence>),
    Unknown(String),
}

/// Judges one subsystem by its kernel name.
pub(super) fn judge(
    name: &str,
    shown: &Shown<'_>,
    config: impl Fn(&'static str) -> Option<(Setting, Evidence)>,
) -> Subsystem {
    let known = table::find(name);
    let legacy_name = known.map_or(name, |k| k.legacy);
    let row = shown.rows.as_ref().and_then(|r| r.get(legacy_name)).copied();
    let listed = shown.listed.as_ref().map(|l| l.iter().any(|n| n == name));
    let setting = known.and_then(|k| config(k.config).map(|(s, e)| (k.config, s, e)));
    let mut subsystem = Subsystem {
        name: name.to_owned(),
        legacy_name: legacy_name.to_owned(),
        known,
        id: shown.ids.as_ref().and_then(|ids| ids.iter().find(|(n, _)| n == name).map(|(_, id)| *id)),
        state: State::Unknown,
        basis: Basis::Inferred,
        listed,
        hierarchy: row.map(|r| r.hierarchy),
        legacy_mount: shown.legacy.get(legacy_name).map(|(point, _)| point.clone()),
        config: setting.as_ref().map(|(option, s, _)| (*option, s.clone())),
        mask: None,
        step: None,
        delegated: None,
        notes: Vec::new(),
        evidence: Vec::new(),
    };
    match compiled(&subsystem, row, shown, setting.as_ref()) {
        Compiled::No(note, evidence) => {
            subsystem.state = State::NotCompiled;
            subsystem.notes.push(note);
            subsystem.notes.extend(notes::came_later(known, shown.version));
            subsystem.evidence.extend(evidence);
        }
        // In the kernel or not, it is not to be had: what is named there and not listed is off.
        Compiled::Unknown(why) if listed == Some(false) && disabling(name, legacy_name, shown).is_some() => {
            subsystem.state = State::Disabled;
            subsystem.basis = Basis::Expected;
            subsystem.notes.push(notes::disabled_note(name, legacy_name, shown));
            subsystem.notes.push(format!("whether {name} is in this kernel at all could not be told: {why}"));
            subsystem.evidence.extend(disabling(name, legacy_name, shown));
            subsystem.evidence.extend(shown.sources.listed.iter().cloned());
        }
        Compiled::Unknown(why) => {
            subsystem.basis = Basis::Expected;
            subsystem.notes.push(format!("whether {name} is in this kernel could not be told: {why}"));
        }
        Compiled::Yes => judge_compiled(&mut subsystem, row, shown),
    }
    subsystem
}

/// What a kernel needs to have the subsystem: its option, and where this one is older, the version that brought it.
fn takes(known: &Known, shown: &Shown<'_>) -> String {
    match shown.version {
        Some(version) if !table::reached(version, known.added) => {
            format!(" (it takes Linux {}.{} and {})", known.added.0, known.added.1, known.config)
        }
        _ => format!(" (it takes {})", known.config),
    }
}

fn compiled(
    subsystem: &Subsystem,
    row: Option<Row>,
    shown: &Shown<'_>,
    setting: Option<&(&'static str, Setting, Evidence)>,
) -> Compiled {
    let name = subsystem.name.as_str();
    if subsystem.is_listed() || row.is_some() || subsystem.id.is_some() || subsystem.legacy_mount.is_some() {
        return Compiled::Yes;
    }
    let takes = || subsystem.known.map_or(String::new(), |k| takes(k, shown));
    if shown.ids.is_some() {
        let note = format!(
            "{name} is not compiled into this kernel: its type information does not name it{}",
            takes()
        );
        return Compiled::No(note, shown.sources.ids.iter().cloned().collect());
    }
    if let Some(symbols) = &shown.symbols {
        if symbols.iter().any(|n| n == name) {
            return Compiled::Yes;
        }
        let note = format!(
            "{name} is not compiled into this kernel: its table of symbols has no {name}_cgrp_subsys{}",
            takes()
        );
        return Compiled::No(note, shown.sources.symbols.iter().cloned().collect());
    }
    let in_stat = |s: &Vec<String>| s.iter().any(|n| n == name);
    if shown.stat.as_ref().is_some_and(in_stat) {
        return Compiled::Yes;
    }
    match setting {
        Some((_, Setting::BuiltIn, _)) => return Compiled::Yes,
        Some((option, _, evidence)) => {
            let note = format!("{name} is not compiled into this kernel: {option} is not set");
            return Compiled::No(note, vec![evidence.clone()]);
        }
        None => {}
    }
    // /proc/cgroups leaves out what has no version 1 side (Linux 6.12, af000ce85293), which cpuset and memory
    // may lack. Everything else has a row there if it is in the kernel at all; and what has version 2 files and no
    // row would be counted in cgroup.stat.
    let may_lack_row = subsystem.known.is_none_or(|k| k.legacy_config.is_some());
    match &shown.rows {
        None => Compiled::Unknown("/proc/cgroups could not be read, nor the kernel's configuration".into()),
        Some(_) if !may_lack_row || shown.stat.is_some() => {
            let note = format!("{name} is not compiled into this kernel: neither /proc/cgroups nor any cgroup file knows it");
            Compiled::No(note, shown.sources.rows.iter().cloned().collect())
        }
        Some(_) => Compiled::Unknown(
            "/proc/cgroups leaves it out, as Linux 6.12 and later do for what has no version 1 side, and the \
             kernel's configuration could not be read"
                .into(),
        ),
    }
}

fn judge_compiled(subsystem: &mut Subsystem, row: Option<Row>, shown: &Shown<'_>) {
    let at = &shown.sources;
    let row_evidence = || {
        let seen = row.map(|r| {
            format!("{} {} {} {}", subsystem.legacy_name, r.hierarchy, r.cgroups, u8::from(r.enabled))
        });
        at.rows.as_ref().zip(seen).map(|(e, seen)| Evidence::new(&e.source, seen))
    };
    if let Some(evidence) = disabled(subsystem, row, shown) {
        subsystem.notes.push(notes::disabled_note(&subsystem.name, &subsystem.legacy_name, shown));
        subsystem.evidence.extend(row_evidence());
        subsystem.evidence.extend(evidence);
        subsystem.state = State::Disabled;
        return;
    }
    let side = side::of(subsystem, row, shown);
    subsystem.mask = side.map(|(side, basis, _)| (side, basis));
    subsystem.step = side.map(|(_, _, step)| step);
    if shown.mounted && shown.is_root == Some(false) {
        subsystem.delegated = match subsystem.mask {
            Some((MaskSide::Neither, _)) => subsystem.listed,
            _ => None,
        };
    }
    subsystem.evidence.extend(step_evidence(subsystem, shown));
    subsystem.evidence.extend(row_evidence());
    let on_v1 = row.map_or(subsystem.legacy_mount.is_some() && !subsystem.is_listed(), |r| r.hierarchy != 0);
    if on_v1 {
        subsystem.state = State::BoundToV1;
        subsystem.evidence.extend(shown.legacy.get(&subsystem.legacy_name).map(|(_, mount)| mount.clone()));
        subsystem.notes.extend(notes::bound_notes(subsystem, row));
    } else {
        subsystem.evidence.extend(at.listed.iter().cloned());
        if subsystem.is_listed() {
            subsystem.state = State::Listed;
            subsystem.notes.push(notes::listed_note(subsystem, shown.is_root));
        } else {
            judge_unlisted(subsystem, row, shown);
        }
    }
    if subsystem.state != State::Unknown && measures_state(subsystem, shown) {
        subsystem.basis = Basis::Measured;
    }
    subsystem.notes.extend(notes::differs_from_mainline(subsystem, shown));
}

/// Whether the masks that were read decide over the state, and not only over what it would be elsewhere.
fn measures_state(subsystem: &Subsystem, shown: &Shown<'_>) -> bool {
    let measured = matches!(subsystem.mask, Some((_, Basis::Measured)));
    let attached = shown.masks.and_then(|m| side::attached(subsystem, m));
    // That a version 1 hierarchy has taken it away shows in what is attached, not in the masks.
    measured && (subsystem.state != State::BoundToV1 || attached == Some(false))
}

/// What the step saw by which the mask is known, where the files of the state do not show it.
fn step_evidence(subsystem: &Subsystem, shown: &Shown<'_>) -> Option<Evidence> {
    match subsystem.step? {
        Step::Kcore | Step::Kprobe => side::mask_evidence(subsystem, shown),
        Step::SubtreeControl => {
            let taken = shown.taken.as_ref()?.get(&subsystem.name)?;
            let said = if *taken { "ok" } else { "EINVAL" };
            let directory = shown.sources.scratch.as_ref()?;
            Some(Evidence::new(
                directory,
                format!("-{} written to cgroup.subtree_control: {said}", subsystem.name),
            ))
        }
        Step::PerfEvent => shown.sources.perf.clone(),
        Step::CgroupStat | Step::Hierarchy | Step::Version => None,
    }
}

/// A subsystem that is in the kernel, enabled and on the version 2 hierarchy, yet not in the list.
fn judge_unlisted(subsystem: &mut Subsystem, row: Option<Row>, shown: &Shown<'_>) {
    let at = &shown.sources;
    subsystem.evidence.extend(at.stat.iter().cloned());
    let Some((side, basis)) = subsystem.mask else {
        subsystem.basis = Basis::Expected;
        subsystem.notes.push(format!(
            "{} is in this kernel and not in cgroup.controllers; why could not be told from cgroup.stat, \
             /proc/cgroups, /proc/cmdline and the kernel's version",
            subsystem.name
        ));
        return;
    };
    subsystem.basis = basis;
    match side {
        MaskSide::Implicit => subsystem.state = State::Implicit,
        MaskSide::Inhibited => subsystem.state = State::Inhibited,
        MaskSide::Neither if !shown.mounted => {
            subsystem.state = State::Unmounted;
            subsystem.evidence.extend(at.mounts.iter().cloned());
            subsystem.basis = Basis::Inferred;
        }
        MaskSide::Neither if shown.listed.is_none() => {
            subsystem.basis = Basis::Expected;
            subsystem.notes.push(format!(
                "{} can be on cgroup v2, but whether it is could not be told: cgroup.controllers could not be read",
                subsystem.name
            ));
            return;
        }
        // The root lists what is on version 2 and in neither mask, so this one is elsewhere.
        MaskSide::Neither if shown.is_root == Some(true) && !side::on_v2(subsystem, row, shown) => {
            subsystem.basis = Basis::Expected;
            subsystem.notes.push(notes::not_on_v2_note(&subsystem.name));
            return;
        }
        MaskSide::Neither => {
            subsystem.state = State::NotDelegated;
            subsystem.evidence.extend(at.root.iter().cloned());
        }
    }
    subsystem.notes.push(notes::unlisted_note(subsystem, shown.version));
}

/// The word of the command line that switches a subsystem off.
fn disabling(name: &str, legacy: &str, shown: &Shown<'_>) -> Option<Evidence> {
    notes::disabling_word(name, legacy, shown).map(|word| Evidence::new("/proc/cmdline", word))
}

fn disabled(subsystem: &Subsystem, row: Option<Row>, shown: &Shown<'_>) -> Option<Vec<Evidence>> {
    let word = disabling(&subsystem.name, &subsystem.legacy_name, shown);
    let by_row = row.is_some_and(|r| !r.enabled);
    // Without a row (no version 1 side) only the command line tells; what is listed is certainly not disabled.
    let by_word = row.is_none() && word.is_some() && !subsystem.is_listed();
    // What is in the kernel and attached to no hierarchy at all was skipped at boot (cgroup_init()).
    let unattached = shown.masks.and_then(|m| side::attached(subsystem, m)) == Some(false);
    let by_memory = unattached && row.is_none() && subsystem.legacy_mount.is_none() && shown.rows.is_some();
    (by_row || by_word || by_memory).then(|| {
        let seen = side::mask_evidence(subsystem, shown).filter(|_| by_memory);
        word.into_iter().chain(seen).collect()
    })
}

#[cfg(test)]
mod tests;
