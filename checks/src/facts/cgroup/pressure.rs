//! Pressure stall information (PSI): whether the kernel counts it, of the machine and of each cgroup, and if not, why.
//!
//! Sources: Documentation/accounting/psi.rst; kernel/sched/psi.c (psi_proc_init() makes /proc/pressure unless PSI is
//! off, psi_show() gives EOPNOTSUPP where it is); cgroup_base_files and the feature `pressure` of `cgroup_disable=`
//! (kernel/cgroup/cgroup.c). Linux 4.20; in the root cgroup since 5.2 (df5ba5be7425); cgroup.pressure since 6.1. Measured
//! on Debian kernels: `psi=0` takes /proc/pressure away and, from 6.1 on, the files of cgroups too;
//! `cgroup_disable=pressure` takes the files of cgroups away, and 5.10 does not know it.

use super::{Layout, table::reached};
use crate::{
    evidence::Evidence,
    facts::{
        Known,
        cmdline::{Cmdline, kernel_truth},
        kernel_config::Setting,
    },
    node::{Node, Origin, Read, ReadErrorKind},
};
use rustix::io::Errno;
use schemars::JsonSchema;
use semver::Version;
use serde::Serialize;

/// What is counted. `irq` takes Linux 6.1 and CONFIG_IRQ_TIME_ACCOUNTING.
const RESOURCES: [&str; 4] = ["cpu", "memory", "io", "irq"];
/// The resources of the PSI metrics of Kubernetes (KEP-4205: beta in 1.34, stable in 1.36).
const NEEDED: [&str; 3] = ["cpu", "memory", "io"];
/// Cgroups that a node may have below its root: before Linux 5.2 the root itself had no such files.
const CHILDREN: [&str; 5] = ["system.slice", "init.scope", "kubepods.slice", "kubepods", "user.slice"];

/// Whether one file of pressure can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileState {
    /// It says how much pressure there is.
    Readable,
    /// There is none.
    Missing,
    /// There is one, but the kernel counts nothing (EOPNOTSUPP).
    Off,
    /// It could not be read.
    Unreadable,
}

/// The file of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PressureFile {
    /// `cpu`, `memory`, `io` or `irq`.
    pub resource: String,
    /// Whether it can be used.
    pub state: FileState,
}

/// Whether pressure is counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pressure {
    /// Whether it is counted for the machine. Null where that could not be told.
    pub system: Option<bool>,
    /// Whether it is counted for each cgroup, from which the kubelet takes it. Null where that could not be told.
    pub per_cgroup: Option<bool>,
    /// The files of /proc/pressure.
    pub system_files: Vec<PressureFile>,
    /// The cgroup whose files were looked at. Null without a cgroup2.
    pub cgroup: Option<String>,
    /// Its files.
    pub cgroup_files: Vec<PressureFile>,
    /// Why it is not counted, or not known to be, in sentences.
    pub notes: Vec<String>,
    /// What that rests on.
    pub evidence: Vec<Evidence>,
}

/// What is known of the kernel beside its files.
#[derive(Debug, Default)]
struct Kernel<'a> {
    version: Option<&'a Version>,
    cmdline: Option<&'a Cmdline>,
    /// CONFIG_PSI and CONFIG_PSI_DEFAULT_DISABLED, where the configuration could be read.
    config: Option<(Setting, Setting)>,
    /// A file that is not there is certainly not there: the node is live.
    live: bool,
}

/// Whether some of the files that Kubernetes needs tell something: all of them, none, or not known.
fn counted(files: &[PressureFile]) -> Option<bool> {
    let needed = || files.iter().filter(|f| NEEDED.contains(&f.resource.as_str())).map(|f| f.state);
    if needed().any(|s| s == FileState::Readable) {
        return Some(true);
    }
    if files.is_empty() || needed().any(|s| s == FileState::Unreadable) { None } else { Some(false) }
}

/// Whether the command line switches PSI on or off: the last `psi=` counts that is a truth value.
fn switched(cmdline: Option<&Cmdline>, version: Option<&Version>) -> Option<bool> {
    cmdline?.values("psi").filter_map(|value| kernel_truth(value, version)).last()
}

impl Kernel<'_> {
    /// Why nothing is counted for the machine.
    fn why_off(&self) -> Option<String> {
        if let Some(version) = self.version.filter(|v| !reached(v, (4, 20))) {
            return Some(format!("Linux 4.20 brought PSI; this kernel is {version}"));
        }
        if switched(self.cmdline, self.version) == Some(false) {
            return Some("PSI is switched off by `psi=` on the kernel command line".to_owned());
        }
        match &self.config {
            Some((psi, _)) if *psi != Setting::BuiltIn => {
                Some("PSI is not in this kernel: CONFIG_PSI is not set".to_owned())
            }
            Some((_, Setting::BuiltIn)) if switched(self.cmdline, self.version).is_none() => Some(
                "PSI is off unless `psi=1` stands on the kernel command line: CONFIG_PSI_DEFAULT_DISABLED is set"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// Why cgroups have no files of pressure, though the machine has.
    fn why_not_per_cgroup(&self, own_switch: Option<&str>) -> Option<String> {
        // Linux 5.14, 3958e2d0c34e; where the files are certainly not there, a vendor's kernel may know it earlier.
        let knows_word = self.live || self.version.is_none_or(|v| reached(v, (5, 14)));
        let word = self.cmdline.and_then(|c| c.word_listing("cgroup_disable", "pressure"));
        if let Some(word) = word.filter(|_| knows_word) {
            return Some(format!("PSI of cgroups is switched off by `{word}` on the kernel command line"));
        }
        own_switch
            .filter(|text| text.trim() == "0")
            .map(|_| "PSI of this cgroup is switched off: its cgroup.pressure is 0 (Linux 6.1)".to_owned())
    }
}

/// Draws the conclusion from the files and from what else is known.
fn judge(pressure: &mut Pressure, kernel: &Kernel<'_>, own_switch: Option<&str>) {
    pressure.system = counted(&pressure.system_files);
    pressure.per_cgroup = counted(&pressure.cgroup_files);
    let known_off = |files: &[PressureFile]| files.iter().any(|f| f.state == FileState::Off);
    if pressure.system == Some(false) {
        let why = kernel.why_off();
        if why.is_none() && !kernel.live && !known_off(&pressure.system_files) {
            pressure.system = None;
            pressure
                .notes
                .push("this tree holds no /proc/pressure, which says nothing of its kernel".to_owned());
        }
        pressure.notes.extend(why.or_else(|| {
            pressure.system.map(|_| {
                "why PSI is off could not be told from the command line and the configuration".to_owned()
            })
        }));
    }
    if pressure.cgroup.is_none() {
        pressure.per_cgroup = Some(false);
        pressure.notes.push("cgroup v1 has no PSI, and no cgroup2 is mounted".to_owned());
    } else if pressure.per_cgroup == Some(false) && pressure.system != Some(false) {
        let why = kernel.why_not_per_cgroup(own_switch);
        if why.is_none() && !kernel.live && !known_off(&pressure.cgroup_files) {
            pressure.per_cgroup = None;
        }
        let unknown = match pressure.per_cgroup {
            None => "this tree holds no pressure files of cgroups, which says nothing of its kernel",
            Some(_) => "why this cgroup has no pressure files could not be told",
        };
        pressure.notes.push(why.unwrap_or_else(|| unknown.to_owned()));
    }
}

fn state(read: &Read) -> FileState {
    match read.bytes() {
        Ok([]) => FileState::Unreadable,
        Ok(_) => FileState::Readable,
        Err(e) if e.is_missing() => FileState::Missing,
        Err(e) if e.kind == ReadErrorKind::System(Errno::OPNOTSUPP.to_string()) => FileState::Off,
        Err(_) => FileState::Unreadable,
    }
}

impl Node {
    fn pressure_files(
        &self,
        path: impl Fn(&str) -> String,
        evidence: &mut Vec<Evidence>,
    ) -> Vec<PressureFile> {
        let files = RESOURCES.iter().map(|resource| {
            let read = self.read(&path(resource));
            let state = state(&read);
            // What it says changes from run to run; that it says something does not (law 7).
            let observed = match state {
                FileState::Readable => read.quote("readable"),
                _ => read.evidence(),
            };
            if *resource != "irq" {
                evidence.push(observed);
            }
            PressureFile { resource: (*resource).to_owned(), state }
        });
        files.collect()
    }

    /// The cgroup to look at: the own one, else one that most nodes have, else the root.
    fn cgroup_with_pressure(&self, layout: &Layout) -> Option<String> {
        let (directories, _) = self.own_cgroups(layout);
        let root = directories.first()?;
        if directories.len() > 1 {
            return directories.last().cloned();
        }
        let child = CHILDREN.iter().map(|name| format!("{root}/{name}")).find(|d| self.kind(d).is_ok());
        child.or_else(|| Some(root.clone()))
    }

    /// Whether the kernel counts pressure, of the machine and of cgroups.
    ///
    /// # Errors
    /// When the layout could not be determined.
    pub fn cgroup_pressure(&self) -> &Known<Pressure> {
        self.fact(|| {
            let layout = self.cgroup_layout().as_ref().map_err(Clone::clone)?;
            let mut evidence = Vec::new();
            let system_files = self.pressure_files(|r| format!("/proc/pressure/{r}"), &mut evidence);
            let cgroup = self.cgroup_with_pressure(layout);
            let cgroup_files = cgroup
                .as_ref()
                .map(|d| self.pressure_files(|r| format!("{d}/{r}.pressure"), &mut evidence))
                .unwrap_or_default();
            let own_switch = cgroup.as_ref().map(|d| self.read(&format!("{d}/cgroup.pressure")));
            let own_switch = own_switch.as_ref().and_then(|read| read.text().ok());
            let mut pressure = Pressure {
                system: None,
                per_cgroup: None,
                system_files,
                cgroup,
                cgroup_files,
                notes: Vec::new(),
                evidence,
            };
            let on = counted(&pressure.system_files) == Some(true)
                && counted(&pressure.cgroup_files) == Some(true);
            let kernel = Kernel {
                version: self.kernel_release().as_ref().ok().map(|r| &r.version),
                cmdline: self.cmdline().as_ref().ok(),
                // Nobody asks why what is on is off: then the configuration need not be read.
                config: (!on).then(|| self.psi_config()).flatten(),
                live: self.origin() == Origin::Live,
            };
            judge(&mut pressure, &kernel, own_switch.as_deref());
            Ok(pressure)
        })
    }

    fn psi_config(&self) -> Option<(Setting, Setting)> {
        let config = self.kernel_config().as_ref().ok()?;
        Some((config.get("CONFIG_PSI"), config.get("CONFIG_PSI_DEFAULT_DISABLED")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

    const LINE: &str = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";

    fn v2() -> Memory {
        Memory::new()
            .file(
                "/proc/self/mountinfo",
                "1 0 0:2 / / rw - ext4 /dev/vda rw\n2 1 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
            )
            .file("/proc/sys/kernel/osrelease", "6.12.1\n")
            .file("/proc/cmdline", "ro\n")
            .file("/sys/fs/cgroup/system.slice/cgroup.procs", "")
    }

    fn with_files(mut memory: Memory, system: bool, cgroups: bool) -> Memory {
        for resource in NEEDED {
            if system {
                memory = memory.file(&format!("/proc/pressure/{resource}"), LINE);
            }
            if cgroups {
                memory = memory.file(&format!("/sys/fs/cgroup/system.slice/{resource}.pressure"), LINE);
            }
        }
        memory
    }

    fn pressure(memory: Memory) -> Pressure {
        Node::in_memory(memory).cgroup_pressure().clone().unwrap()
    }

    #[test]
    fn on_and_off_with_the_reason() {
        let config = |text: &str| v2().file("/boot/config-6.12.1", text);
        let cmdline = |text: &str| v2().file("/proc/cmdline", text);
        for (memory, want, why) in [
            (with_files(v2(), true, true), (Some(true), Some(true)), ""),
            (cmdline("psi=1 psi=0\n"), (Some(false), Some(false)), "`psi=`"),
            (config("# CONFIG_PSI is not set\n"), (Some(false), Some(false)), "CONFIG_PSI is not set"),
            (
                config("CONFIG_PSI=y\nCONFIG_PSI_DEFAULT_DISABLED=y\n"),
                (Some(false), Some(false)),
                "CONFIG_PSI_DEFAULT_DISABLED",
            ),
            (v2().file("/proc/sys/kernel/osrelease", "4.19.1\n"), (Some(false), Some(false)), "4.20"),
            (v2(), (Some(false), Some(false)), "could not be told"),
            (v2().as_root(), (None, None), "holds no /proc/pressure"),
            (
                with_files(cmdline("cgroup_disable=memory,pressure\n"), true, false),
                (Some(true), Some(false)),
                "cgroup_disable=memory,pressure",
            ),
            (
                with_files(v2(), true, false).file("/sys/fs/cgroup/system.slice/cgroup.pressure", "0\n"),
                (Some(true), Some(false)),
                "cgroup.pressure is 0",
            ),
            (with_files(v2(), true, false), (Some(true), Some(false)), "could not be told"),
            (with_files(v2(), true, false).as_root(), (Some(true), None), "holds no pressure files"),
            (
                v2().file("/proc/self/mountinfo", "1 0 0:2 / / rw - ext4 /dev/vda rw\n"),
                (Some(false), Some(false)),
                "no cgroup2 is mounted",
            ),
        ] {
            let found = pressure(memory);
            assert_eq!((found.system, found.per_cgroup), want, "{why}: {found:?}");
            assert!(
                found.notes.iter().any(|n| n.contains(why)) || why.is_empty(),
                "{why}: {:?}",
                found.notes
            );
            assert!(!why.is_empty() || found.notes.is_empty());
        }
    }

    #[test]
    fn files_that_give_nothing() {
        // Linux 5.10 with psi=0 keeps the files of cgroups and refuses to read them.
        let off = ReadErrorKind::System(Errno::OPNOTSUPP.to_string());
        let mut memory = v2().file("/proc/cmdline", "psi=off\n").as_root();
        let mut denied = v2();
        for resource in NEEDED {
            memory = memory.error(&format!("/sys/fs/cgroup/system.slice/{resource}.pressure"), off.clone());
            denied = denied.error(&format!("/proc/pressure/{resource}"), ReadErrorKind::Denied("EACCES"));
        }
        let found = pressure(memory);
        assert_eq!((found.system, found.per_cgroup), (Some(false), Some(false)));
        assert_eq!(found.cgroup_files[0].state, FileState::Off);
        assert_eq!(pressure(denied).system, None);
    }

    proptest! {
        #[test]
        fn never_panics(cmdline in "(psi=|cgroup_disable=|pressure|0|1|,| ){0,20}", live in any::<bool>(), states in proptest::collection::vec(0_usize..4, 0..4)) {
            let all = [FileState::Readable, FileState::Missing, FileState::Off, FileState::Unreadable];
            let files: Vec<PressureFile> = RESOURCES.iter().zip(&states)
                .map(|(r, s)| PressureFile { resource: (*r).to_owned(), state: all[*s] }).collect();
            let cmdline = Cmdline::parse(&cmdline);
            let mut pressure = Pressure {
                system: None, per_cgroup: None, system_files: files.clone(), cgroup: Some("/c".into()),
                cgroup_files: files, notes: Vec::new(), evidence: Vec::new(),
            };
            judge(&mut pressure, &Kernel { cmdline: Some(&cmdline), live, ..Kernel::default() }, Some("0"));
            // What is not counted is explained.
            prop_assert!(pressure.system != Some(false) || !pressure.notes.is_empty());
        }
    }
}
