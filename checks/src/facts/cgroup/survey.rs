//! Reads what a node shows of its cgroups and judges every subsystem.

mod rungs;

use super::{
    Layout, LayoutKind, Subsystem,
    files::{self, Row},
    ladder::{Disagreement, Rung},
    masks::{self, Attempt, Reading, ScratchAnswers},
    state::{self, Shown, Sources},
    table,
};
use crate::{
    evidence::{Evidence, Unknown},
    facts::{Known, btf, kallsyms, kcore},
    node::{Node, Origin, Probe, Probed, ReadErrorKind},
};
use serde::Serialize;
use std::{collections::BTreeMap, rc::Rc};

/// The most that is read of /proc/cgroups, in bytes: 32 subsystems take 1 KB.
const ROWS_LIMIT: usize = 64 << 10;

/// Every cgroup subsystem of a node, and where the kernel shows them.
#[derive(Debug)]
pub struct Survey {
    /// The layout.
    pub layout: LayoutKind,
    /// The cgroup2 mount of the layout, if there is one.
    pub unified: Option<Unified>,
    /// Every subsystem of the running kernel and of the mainline table, in the order of the kernel's enum; those
    /// that only this kernel knows come last.
    pub subsystems: Vec<Subsystem>,
    /// The width of the kernel's masks in bits, if BTF was asked and tells.
    pub mask_bits: Option<u32>,
    /// What could not be read and would have told more.
    pub gaps: Vec<Evidence>,
    /// From where it is known which subsystems this kernel has.
    pub universe: Universe,
    /// What came of every step of the ladder, the best first. Empty where the files alone were asked.
    pub ladder: Vec<Rung>,
    /// The masks as they were read, by each method that could.
    pub readings: Vec<Reading>,
    /// Where two steps say what can't both be so.
    pub disagreements: Vec<Disagreement>,
}

/// What a survey shall ask beyond the files of cgroups.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The kernel's type information (3 to 6 MB), which tells for certain what is compiled in, and the ids.
    pub types: bool,
    /// Every step of the ladder that only reads, the kernel's memory included, also where nothing is in doubt.
    pub prove: bool,
    /// What kprobe events told, where that was allowed and tried.
    pub traced: Vec<Attempt>,
    /// What the kernel said in a scratch cgroup, where that was allowed and tried; none where it was not.
    pub scratch: Option<Result<ScratchAnswers, Unknown>>,
}

impl Ask {
    /// The files alone.
    #[must_use]
    pub fn files() -> Self {
        Self::default()
    }

    /// The files and the kernel's type information.
    #[must_use]
    pub fn types() -> Self {
        Self { types: true, ..Self::default() }
    }
}

/// What tells which subsystems a kernel has, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UniverseSource {
    /// `enum cgroup_subsys_id` in the kernel's type information.
    Btf,
    /// The symbols `NAME_cgrp_subsys` in /proc/kallsyms.
    Kallsyms,
    /// The union of what the files of cgroups name.
    Files,
    /// The kernel's configuration, for what no file names.
    Config,
}

/// From where it is known which subsystems a kernel has.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Universe {
    /// What told.
    pub source: UniverseSource,
    /// Why nothing better did, in the order of the sources.
    pub instead_of: Vec<String>,
}

/// The cgroup2 mount of a layout.
#[derive(Clone, Debug)]
pub struct Unified {
    /// Where it is mounted.
    pub point: String,
    /// Whether it shows the real root: not so in a container or a delegated slice. None if that can't be told.
    pub is_root: Option<bool>,
    /// Whether this mount is read-only.
    pub read_only: bool,
    /// Whether delegation to cgroup namespaces is bounded (mount option `nsdelegate`).
    pub nsdelegate: bool,
    /// What cgroup.subtree_control of that cgroup enables for its children, if it could be read.
    pub subtree_control: Option<Vec<String>>,
}

impl Survey {
    /// The subsystem called `name` on version 1 or 2.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Subsystem> {
        self.subsystems.iter().find(|s| s.name == name || s.legacy_name == name)
    }
}

impl Node {
    /// Surveys the cgroup subsystems, by as much as `ask` says.
    ///
    /// # Errors
    /// When the layout could not be determined.
    pub fn cgroup_survey(&self, ask: &Ask) -> Known<Survey> {
        let layout = self.cgroup_layout().as_ref().map_err(Clone::clone)?;
        let mut gaps = Vec::new();
        let mut shown = self.shown(layout, &mut gaps);
        let (types, universe) = self.compiled_in(ask, &mut shown, &mut gaps);
        let mut attempts = ask.traced.clone();
        if ask.prove {
            attempts.insert(0, self.masks_in_memory(types));
        }
        let readings: Vec<Reading> =
            attempts.iter().filter_map(|a| a.result.as_ref().ok()).cloned().collect();
        shown.masks = readings.iter().min_by_key(|r| r.step);
        if let Some(Ok(scratch)) = &ask.scratch {
            shown.taken = Some(taken(scratch));
            shown.sources.scratch = Some(scratch.directory.clone());
        }
        let perf = self.perf(ask, &mut shown);
        if let Err(unknown) = self.kernel_config() {
            gaps.extend(unknown.evidence.iter().cloned());
        }
        let config = |option: &'static str| {
            let config = self.kernel_config().as_ref().ok()?;
            Some((config.get(option), config.evidence(option)))
        };
        let subsystems: Vec<Subsystem> =
            universe_of(&shown).iter().map(|name| state::judge(name, &shown, config)).collect();
        let mut disagreements = self.disagreements(ask, &subsystems, &shown, &readings);
        if !disagreements.is_empty() && self.origin() == Origin::Live {
            let again = self.read_once("/proc/cgroups", ROWS_LIMIT).unwrap_or_default();
            let again = files::proc_cgroups(&String::from_utf8_lossy(&again));
            let moved = shown.rows.as_ref().map(|before| moved(before, &again)).unwrap_or_default();
            disagreements.retain(|d| !moved.iter().any(|(name, _)| *name == d.subject));
            gaps.extend(moved.into_iter().map(|(_, seen)| Evidence::new("/proc/cgroups", seen)));
        }
        let asked = rungs::Asked { ask, attempts: &attempts, perf: perf.as_deref() };
        // A check that looks at files alone has no use for the words.
        let ladder = if ask.types || ask.prove { rungs::ladder(self, &shown, &asked) } else { Vec::new() };
        let unified = layout.unified.as_ref().map(|mount| Unified {
            point: mount.point.clone(),
            is_root: shown.is_root,
            read_only: mount.has_option("ro"),
            nsdelegate: mount.has_option("nsdelegate"),
            subtree_control: self
                .read(&format!("{}/cgroup.subtree_control", mount.point))
                .text()
                .ok()
                .map(|t| files::controllers(&t)),
        });
        let mask_bits = types.and_then(|t| t.mask_bits).or(shown.masks.map(|m| m.width_bits));
        Ok(Survey {
            layout: layout.kind,
            unified,
            subsystems,
            mask_bits,
            gaps,
            universe,
            ladder,
            readings,
            disagreements,
        })
    }

    /// Finds out what is compiled in, by the best source that `ask` allows.
    fn compiled_in(
        &self,
        ask: &Ask,
        shown: &mut Shown<'_>,
        gaps: &mut Vec<Evidence>,
    ) -> (Option<&btf::CgroupTypes>, Universe) {
        let mut instead_of = Vec::new();
        if !ask.types && !ask.prove {
            instead_of.push("btf and kallsyms: nothing was in doubt".to_owned());
            return (None, self.files_only(shown, instead_of));
        }
        match self.cgroup_types() {
            Ok(types) => {
                shown.sources.ids = Some(Evidence::new(
                    btf::PATH,
                    format!("enum cgroup_subsys_id: {}", names(&types.subsystems)),
                ));
                shown.ids = Some(types.subsystems.clone());
                return (Some(types), Universe { source: UniverseSource::Btf, instead_of });
            }
            Err(unknown) => {
                instead_of.push(format!("btf: {}", unknown.reason));
                gaps.extend(unknown.evidence.iter().cloned());
            }
        }
        match self.cgroup_symbols() {
            Ok(symbols) if !symbols.subsystems.is_empty() => {
                if ask.prove
                    && let Ok(ids) = self.subsystems_in_memory()
                {
                    let seen = format!("cgroup_subsys_name: {}", names(&ids));
                    shown.sources.ids = Some(Evidence::new(kcore::PATH, seen));
                    shown.ids = Some(ids);
                }
                let seen = format!("NAME_cgrp_subsys for {}", symbols.subsystems.join(" "));
                shown.sources.symbols = Some(Evidence::new(kallsyms::PATH, seen));
                shown.symbols = Some(symbols.subsystems.clone());
                return (None, Universe { source: UniverseSource::Kallsyms, instead_of });
            }
            Ok(_) => instead_of.push(format!(
                "kallsyms: {} has no variables (CONFIG_KALLSYMS_ALL is not set)",
                kallsyms::PATH
            )),
            Err(unknown) => {
                instead_of.push(format!("kallsyms: {}", unknown.reason));
                gaps.extend(unknown.evidence.iter().cloned());
            }
        }
        (None, self.files_only(shown, instead_of))
    }

    fn files_only(&self, shown: &Shown<'_>, instead_of: Vec<String>) -> Universe {
        let named = shown.rows.is_some() || shown.listed.is_some();
        let source = if named || self.kernel_config().is_err() {
            UniverseSource::Files
        } else {
            UniverseSource::Config
        };
        Universe { source, instead_of }
    }

    /// Asks whether perf_event works on cgroup v2, if that is asked for or would settle something: where cgroup.stat
    /// tells, it is not worth its 7 to 15 ms.
    fn perf(&self, ask: &Ask, shown: &mut Shown<'_>) -> Option<Rc<Probed>> {
        let point = shown.point.filter(|_| self.origin() == Origin::Live)?;
        let listed = |names: &Vec<String>| names.iter().any(|n| n == "perf_event");
        let doubtful = ask.types && shown.stat.is_none() && !shown.listed.as_ref().is_some_and(listed);
        if !ask.prove && !doubtful {
            return None;
        }
        let probed = self.probe(&Probe::PerfCgroup { directory: point.to_owned() });
        shown.perf = match probed.errno() {
            _ if probed.works() => Some(true),
            Some("ENOENT" | "EINVAL") => Some(false),
            _ => None,
        };
        shown.sources.perf = probed.evidence();
        Some(probed)
    }

    fn disagreements(
        &self,
        ask: &Ask,
        subsystems: &[Subsystem],
        shown: &Shown<'_>,
        readings: &[Reading],
    ) -> Vec<Disagreement> {
        let row = |s: &Subsystem| shown.rows.as_ref().and_then(|r| r.get(&s.legacy_name)).copied();
        let mut found: Vec<Disagreement> =
            subsystems.iter().filter_map(|s| state::agree::disagreement(s, row(s), shown)).collect();
        found.extend(masks::disagreement(readings));
        if ask.prove
            && let (Some(ids), Ok(in_memory)) = (&shown.ids, self.subsystems_in_memory())
        {
            found.extend(masks::other_names(ids, &in_memory));
        }
        found
    }

    fn shown<'a>(&'a self, layout: &'a Layout, gaps: &mut Vec<Evidence>) -> Shown<'a> {
        let rows = self.read("/proc/cgroups");
        // A file without a row is not what the kernel shows (one that a container hides is empty): it says of no
        // subsystem that it is not there.
        let parsed = rows.text().ok().map(|t| files::proc_cgroups(&t)).filter(|rows| !rows.is_empty());
        if parsed.is_none() {
            gaps.push(rows.bytes().map_or_else(|_| rows.evidence(), |_| rows.quote("no subsystem")));
        }
        let rows_seen = parsed.is_some().then(|| rows.evidence());
        let mut shown = Shown {
            version: self.kernel_release().as_ref().ok().map(|r| &r.version),
            release: self.kernel_release().as_ref().map_or("", |r| r.text.as_str()),
            rows: parsed,
            mounted: layout.unified.is_some(),
            point: layout.unified.as_ref().map(|m| m.point.as_str()),
            cmdline: self.cmdline().as_ref().ok(),
            legacy: legacy_mounts(layout, self.mounts().as_ref().map_or("mounts", |m| m.source())),
            sources: Sources {
                rows: rows_seen,
                mounts: layout.evidence.first().cloned(),
                ..Sources::default()
            },
            ..Shown::default()
        };
        if let Some(mount) = &layout.unified {
            let list = self.read(&format!("{}/cgroup.controllers", mount.point));
            let stat = self.read(&format!("{}/cgroup.stat", mount.point));
            gaps.extend([&list, &stat].into_iter().filter(|r| r.bytes().is_err()).map(|r| r.evidence()));
            shown.listed = list.text().ok().map(|t| files::controllers(&t));
            shown.sources.listed = list.text().ok().map(|t| list.quote(t.trim()));
            shown.stat = stat.text().ok().and_then(|t| files::stat_subsystems(&t));
            shown.sources.stat = shown.stat.as_ref().map(|names| {
                stat.quote(names.iter().map(|n| format!("nr_subsys_{n}")).collect::<Vec<_>>().join(" "))
            });
            let (is_root, seen) = self.is_real_root(&mount.point, &mount.root);
            shown.is_root = is_root;
            shown.sources.root = Some(seen);
        }
        shown
    }

    /// Whether the cgroup mounted on `point` is the real root. Every other cgroup has cgroup.type (Linux 4.14) and
    /// cgroup.events, the root neither; in a cgroup namespace nothing else tells them apart.
    ///
    /// A root of `/../..` is told from inside a cgroup namespace (cgroup_namespaces(7)) of a cgroup above it, as of a
    /// host's cgroup2 that a container was given: that may be the real root or not.
    pub(crate) fn is_real_root(&self, point: &str, mounted_root: &str) -> (Option<bool>, Evidence) {
        let is_above = mounted_root.split('/').skip(1).all(|name| name == "..");
        if mounted_root != "/" && !is_above {
            let seen = format!("{mounted_root} of the hierarchy is mounted here, not its root");
            return (Some(false), Evidence::new(point, seen));
        }
        let mut seen = Evidence::new(point, "neither cgroup.type nor cgroup.events");
        for name in ["cgroup.type", "cgroup.events"] {
            let path = format!("{point}/{name}");
            match self.kind(&path) {
                Ok(_) => {
                    return (Some(false), Evidence::new(path, "exists, which it does in no root cgroup"));
                }
                Err(e) if e.kind == ReadErrorKind::Missing => {}
                Err(e) => {
                    seen = e.evidence();
                    return (None, seen);
                }
            }
        }
        // A tree may just not hold them. It holds the cgroup's files if it has the one that every cgroup got together
        // with cgroup.type (Linux 4.14).
        let whole = self.kind(&format!("{point}/cgroup.max.depth")).is_ok();
        ((self.origin() == Origin::Live || whole).then_some(true), seen)
    }
}

fn names(ids: &[(String, u32)]) -> String {
    ids.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ")
}

/// For each name whether the kernel took it; what gave any other error than EINVAL says nothing.
fn taken(scratch: &ScratchAnswers) -> BTreeMap<String, bool> {
    let answer = |(name, errno): &(String, Option<String>)| match errno.as_deref() {
        None => Some((name.clone(), true)),
        Some("EINVAL") => Some((name.clone(), false)),
        Some(_) => None,
    };
    scratch.answers.iter().filter_map(answer).collect()
}

/// What has gone to another hierarchy while the node was looked at, by kernel name, with what was seen: a mount in
/// between, of which one step knows and another does not. Where the second reading shows nothing, nothing is known.
fn moved(before: &BTreeMap<String, Row>, after: &BTreeMap<String, Row>) -> Vec<(String, String)> {
    let went = |(name, was): (&String, &Row)| {
        let is = after.get(name).filter(|is| is.hierarchy != was.hierarchy)?;
        let kernel_name = table::find(name).map_or(name.as_str(), |k| k.name).to_owned();
        let seen = format!(
            "{name} went from hierarchy {} to {} while it was looked at: ask again",
            was.hierarchy, is.hierarchy
        );
        Some((kernel_name, seen))
    };
    before.iter().filter_map(went).collect()
}

fn legacy_mounts(layout: &Layout, source: &str) -> BTreeMap<String, (String, Evidence)> {
    let mut mounts = BTreeMap::new();
    for (mount, names) in &layout.legacy {
        for name in names {
            mounts
                .entry(name.clone())
                .or_insert_with(|| (mount.point.clone(), Evidence::new(source, &mount.line)));
        }
    }
    mounts
}

/// The kernel names of all subsystems that anything shows, and of those of the mainline table.
fn universe_of(shown: &Shown<'_>) -> Vec<String> {
    let mut names: Vec<String> = table::SUBSYSTEMS.iter().map(|k| k.name.to_owned()).collect();
    let rows = shown.rows.iter().flat_map(BTreeMap::keys).map(String::as_str);
    let ids = shown.ids.iter().flatten().map(|(n, _)| n.as_str());
    let lists = shown.listed.iter().chain(&shown.stat).chain(&shown.symbols).flatten().map(String::as_str);
    for name in ids.chain(lists).chain(rows) {
        let name = table::find(name).map_or(name, |k| k.name);
        if !names.iter().any(|n| n == name) {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests;
