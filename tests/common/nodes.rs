//! The captured nodes of `tests/nodes/`, unpacked once and shared by every test.
//!
//! Identical files are hard links to each other: a test that changes a node changes a copy of it.

use serde::Deserialize;
use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// The archive that `tests/nodes/pack.py` wrote; `tests/nodes/README.md` says what is in it.
static ARCHIVE: &[u8] = include_bytes!("../nodes/captures.tar.gz");

/// One captured node.
#[derive(Clone, Debug)]
pub(crate) struct Captured {
    /// `debian-6.1.0-56-amd64/v2`: the kernel, then the mode in which it was booted.
    pub(crate) name: String,
    /// The directory that holds `root/`, `expected.json`, `masks.txt`, `modes.txt` and `absent.txt`.
    pub(crate) directory: PathBuf,
    /// The tree that stands for `/`: what `--root` takes.
    pub(crate) root: PathBuf,
    /// The right answers.
    pub(crate) expected: Expected,
}

/// `expected.json`: what the running kernel was measured to do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// First half of the node's name.
    pub(crate) kernel: String,
    /// Second half of the node's name.
    pub(crate) mode: String,
    /// The masks of the default hierarchy; `None` where the kernel offers no way to read them.
    pub(crate) masks: Option<Masks>,
    /// How the states are known where there are no masks.
    pub(crate) how: Option<String>,
    /// `cgroup.controllers` of the visible cgroup2 root; `None` where no cgroup2 is mounted.
    pub(crate) controllers: Option<Vec<String>>,
    /// Every subsystem that some kernel has, by id, those that this kernel lacks last.
    pub(crate) subsystems: Vec<Subsystem>,
}

/// The masks of `kernel/cgroup/cgroup.c`, one bit a subsystem id; `None` is a mask that a lockdown hid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Masks {
    /// `cgrp_dfl_implicit_ss_mask`.
    pub(crate) implicit: Option<u32>,
    /// `cgrp_dfl_inhibit_ss_mask`.
    pub(crate) inhibit: Option<u32>,
    /// `cgrp_dfl_threaded_ss_mask`.
    pub(crate) threaded: Option<u32>,
    /// Width of the variables in bits.
    pub(crate) width: u32,
}

/// One subsystem of a captured node.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Subsystem {
    /// Its name on v2 (`io`).
    pub(crate) name: String,
    /// Its name on v1 (`blkio`).
    pub(crate) legacy_name: String,
    /// Its number in this kernel; `None` where it is not compiled in.
    pub(crate) id: Option<u32>,
    /// The configuration option behind it.
    pub(crate) config: Option<String>,
    /// That option's value, `n` for not set.
    pub(crate) config_value: Option<String>,
    /// Its row of /proc/cgroups: hierarchy, number of cgroups, enabled.
    pub(crate) proc_cgroups: Option<[u64; 3]>,
    /// Its hierarchy in /proc/cgroups, where the whole row is not given.
    pub(crate) hierarchy: Option<u64>,
    /// Whether the root's cgroup.stat counts it (`nr_subsys_memory`, Linux 6.12, commit ab0312526867).
    pub(crate) in_cgroup_stat: Option<bool>,
    /// Whether cgroup.controllers lists it.
    pub(crate) listed: Option<bool>,
    /// Its bit in the implicit mask.
    pub(crate) implicit_bit: Option<bool>,
    /// Its bit in the inhibited mask.
    pub(crate) inhibit_bit: Option<bool>,
    /// Where its v1 hierarchy is mounted.
    pub(crate) v1_mount: Option<String>,
    /// Whether `cgroup_no_v1=` names it.
    #[serde(default)]
    pub(crate) no_v1: bool,
    /// Its state, as `preflight cgroups` names it.
    pub(crate) state: String,
    /// What the state follows from, where it isn't plain.
    pub(crate) why: Option<String>,
}

impl Expected {
    /// The subsystem with this v2 name.
    pub(crate) fn subsystem(&self, name: &str) -> Option<&Subsystem> {
        self.subsystems.iter().find(|s| s.name == name)
    }
}

/// Every captured node, sorted by name.
pub(crate) fn all() -> &'static [Captured] {
    static NODES: OnceLock<Vec<Captured>> = OnceLock::new();
    NODES.get_or_init(|| list(&unpacked()).expect("the captured nodes can be listed"))
}

/// The captured node with this name.
pub(crate) fn named(name: &str) -> &'static Captured {
    all().iter().find(|n| n.name == name).unwrap_or_else(|| panic!("no captured node is called {name}"))
}

/// The directory into which the archive is unpacked; its name is that of the archive's content.
///
/// Test binaries run side by side: each unpacks into a directory of its own, and the first rename wins.
fn unpacked() -> PathBuf {
    let mut hasher = DefaultHasher::new();
    ARCHIVE.hash(&mut hasher);
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let target = base.join(format!("nodes-{:016x}", hasher.finish()));
    if !target.is_dir() {
        let own = tempfile::tempdir_in(base).expect("a directory below target/tmp");
        let fresh = own.path().join("nodes");
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(ARCHIVE));
        archive.unpack(&fresh).expect("tests/nodes/captures.tar.gz unpacks");
        if let Err(error) = fs::rename(&fresh, &target) {
            assert!(target.is_dir(), "{}: {error}", target.display());
        }
    }
    target
}

fn list(unpacked: &Path) -> io::Result<Vec<Captured>> {
    let mut nodes = Vec::new();
    for kernel in directories(unpacked)? {
        for directory in directories(&kernel)? {
            nodes.push(captured(unpacked, directory)?);
        }
    }
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(nodes)
}

#[expect(clippy::disallowed_methods, reason = "the right answers are no part of the node")]
fn captured(unpacked: &Path, directory: PathBuf) -> io::Result<Captured> {
    let name = directory.strip_prefix(unpacked).expect("listed below it").display().to_string();
    let expected = serde_json::from_slice(&fs::read(directory.join("expected.json"))?)
        .unwrap_or_else(|error| panic!("{name}/expected.json: {error}"));
    Ok(Captured { name, root: directory.join("root"), directory, expected })
}

#[expect(clippy::disallowed_methods, reason = "the list of nodes is no part of a node")]
fn directories(of: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(of)?.map(|entry| entry.map(|e| e.path()));
    Ok(entries.collect::<io::Result<Vec<_>>>()?.into_iter().filter(|p| p.is_dir()).collect())
}
