//! `disk-space`: There is room on the disks, and inodes.

use crate::{
    check::{Check, Meta},
    entry::{Entry, Written},
    evidence::{Evidence, Unknown},
    facts::{
        Known,
        disk::{Disk, percent},
    },
    finding::{Finding, Findings, Remedy, Severity},
    node::Node,
    quantity::Quantity,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashSet;

/// There is room on the disks, and inodes.
///
/// ## What it looks at
/// statfs(2) of each directory, or of the nearest one above it that exists: the space for users other than root, and the
/// inodes. One finding for the space and one for the inodes (`inodes:PATH`). Directories on one file system that fail for
/// one reason are one failure. A file system that counts no inodes (btrfs, FAT) has enough of them. One that tells no size
/// (tmpfs without a limit) or more free than there is in all leaves it undetermined. Only the directories that are named are
/// looked at, so that no dead network mount is touched by chance.
///
/// `enough` passes, `too-little` does not.
///
/// ## Why it matters
/// Below 10 % of the disk of /var/lib/kubelet, or 15 % of that with the images, the kubelet evicts pods and takes no new
/// ones; with 5 % of the inodes left it does the same. An install fails half way when images fill the disk. df shows plenty
/// of space on a disk whose inodes are used up by millions of small files, and it counts what is reserved for root.
///
/// ## How to mend it
/// `du -xh --max-depth=2 /var | sort -h` shows what is large; unused images go with `crictl rmi --prune`. Or put
/// the directory on a disk of its own.
///
/// ## Sources
/// kubernetes pkg/kubelet/apis/config/v1beta1/defaults_linux.go, DefaultEvictionHard: memory.available 100Mi,
/// nodefs.available 10%, nodefs.inodesFree 5%, imagefs.available 15%, imagefs.inodesFree 5%; kubernetes.io, Node-pressure
/// Eviction; statfs(2).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DiskSpaceParams {
    /// The directories. Default: /var/lib/kubelet with the kubelet's thresholds for nodefs, /var/lib/containerd with those
    /// for imagefs.
    pub directories: Vec<Written<DiskSpaceRule>>,
}

/// What is asked of the disk of one directory. Each limit is a least value; without any, the kubelet's for nodefs count.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DiskSpaceRule {
    /// The directory; it need not exist yet.
    pub path: String,
    /// How large the file system is.
    #[serde(default)]
    pub total: Option<Quantity>,
    /// How much of it is free.
    #[serde(default)]
    pub available: Option<Quantity>,
    /// How much of it is free, in percent.
    #[serde(default)]
    pub available_percent: Option<f64>,
    /// How many inodes are free.
    #[serde(default)]
    pub inodes: Option<u64>,
    /// How many inodes are free, in percent.
    #[serde(default)]
    pub inodes_percent: Option<f64>,
    /// What it is for, told where there is too little.
    #[serde(default)]
    pub why: Option<String>,
    /// The most that it can yield. Default: fail.
    #[serde(default)]
    pub severity: Severity,
}

impl Entry for DiskSpaceRule {
    const WORD: &'static str = "the path of a directory";

    fn from_word(word: &str) -> Result<Self, String> {
        Ok(rule(word, None, None))
    }
}

fn rule(path: &str, available_percent: Option<f64>, inodes_percent: Option<f64>) -> DiskSpaceRule {
    DiskSpaceRule {
        path: path.to_owned(),
        total: None,
        available: None,
        available_percent,
        inodes: None,
        inodes_percent,
        why: None,
        severity: Severity::Fail,
    }
}

/// The kubelet's thresholds for nodefs, in percent of space and of inodes.
const NODEFS: (f64, f64) = (10.0, 5.0);
/// The same for imagefs.
const IMAGEFS: (f64, f64) = (15.0, 5.0);

impl Default for DiskSpaceParams {
    fn default() -> Self {
        let directories = [("/var/lib/kubelet", NODEFS), ("/var/lib/containerd", IMAGEFS)]
            .map(|(path, (space, inodes))| Written(rule(path, Some(space), Some(inodes))));
        Self { directories: directories.into() }
    }
}

/// The check `disk-space`.
pub struct DiskSpace;

impl Check for DiskSpace {
    type Params = DiskSpaceParams;

    const META: Meta = Meta {
        id: "disk-space",
        summary: "There is room on the disks, and inodes",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &DiskSpaceParams) -> Result<(), String> {
        let mut seen = HashSet::new();
        for Written(rule) in &params.directories {
            let path = &rule.path;
            if !path.starts_with('/') {
                return Err(format!("`{path}` is not an absolute path"));
            }
            if !seen.insert(path.trim_end_matches('/')) {
                return Err(format!("`{path}` is named twice"));
            }
            let wrong = |percent: Option<f64>| percent.is_some_and(|p| !(0.0..=100.0).contains(&p));
            if wrong(rule.available_percent) || wrong(rule.inodes_percent) {
                return Err(format!("`{path}`: a percentage is between 0 and 100"));
            }
        }
        if seen.is_empty() {
            Err("no directory is named; write some under `directories`".into())
        } else {
            Ok(())
        }
    }

    fn run(params: &DiskSpaceParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for Written(rule) in &params.directories {
            let mut rule = rule.clone();
            if !rule.asks_space() && !rule.asks_inodes() {
                (rule.available_percent, rule.inodes_percent) = (Some(NODEFS.0), Some(NODEFS.1));
            }
            let disk = node.disk(&rule.path);
            if rule.asks_space() {
                out.push(space(&rule, &disk));
            }
            if rule.asks_inodes() {
                out.push(inodes(&rule, &disk));
            }
        }
        Ok(())
    }
}

impl DiskSpaceRule {
    fn asks_space(&self) -> bool {
        self.total.is_some() || self.available.is_some() || self.available_percent.is_some()
    }

    fn asks_inodes(&self) -> bool {
        self.inodes.is_some() || self.inodes_percent.is_some()
    }
}

/// What is free of the whole, unless statfs(2) tells nothing by it.
fn told(what: &str, free: u64, whole: u64, seen: Evidence) -> Result<(), Unknown> {
    if free > whole {
        let unknown = Unknown::new(format!("more {what} is said to be free than there is in all"));
        return Err(unknown.tried([seen]));
    }
    Ok(())
}

fn space_told(disk: &Disk) -> Result<(), Unknown> {
    let found = disk.filesystem;
    // tmpfs without a limit and ramfs (mm/shmem.c, shmem_statfs; fs/libfs.c, simple_statfs), and servers that do not say.
    if found.size == 0 && found.available == 0 {
        return Err(Unknown::new("the file system tells no size").tried([disk.space()]));
    }
    told("space", found.available, found.size, disk.space())
}

fn inodes_told(disk: &Disk) -> Result<(), Unknown> {
    let found = disk.filesystem;
    if found.inodes == 0 && found.size == 0 && !found.is_in_memory() {
        return Err(Unknown::new("the file system tells neither size nor inodes").tried([disk.inodes()]));
    }
    told("inodes", found.inodes_free, found.inodes, disk.inodes())
}

fn space(rule: &DiskSpaceRule, disk: &Known<Disk>) -> Finding {
    let path = &rule.path;
    let disk = match disk.as_ref().map_err(Clone::clone).and_then(|disk| space_told(disk).map(|()| disk)) {
        Ok(disk) => disk,
        Err(unknown) => {
            let unknown = &unknown;
            let message = format!("how much room there is for {path} could not be determined");
            return Finding::undetermined(rule.severity, path, "unknown", message, unknown);
        }
    };
    let found = disk.filesystem;
    let (size, available) = (Quantity::bytes(found.size), Quantity::bytes(found.available));
    let share = percent(found.available, found.size);
    let mut short = Vec::new();
    if let Some(least) = rule.total.filter(|least| size < *least) {
        short.push(format!("the file system has {size} in all, and {least} are needed"));
    }
    if let Some(least) = rule.available.filter(|least| available < *least) {
        short.push(format!("{available} are free, and {least} are needed"));
    }
    if let Some(least) = rule.available_percent.filter(|least| share < *least) {
        short.push(format!("{share:.0} % ({available} of {size}) are free, and {least} % are needed"));
    }
    if short.is_empty() {
        let message = format!("{available} of {size} ({share:.0} %) are free for {path}");
        return elsewhere(Finding::pass(path, "enough", message, disk.space()), path, disk);
    }
    too_little(rule, path.clone(), &short.join("; "), disk, "space", disk.space())
}

fn inodes(rule: &DiskSpaceRule, disk: &Known<Disk>) -> Finding {
    let subject = format!("inodes:{}", rule.path);
    let path = &rule.path;
    let disk = match disk.as_ref().map_err(Clone::clone).and_then(|disk| inodes_told(disk).map(|()| disk)) {
        Ok(disk) => disk,
        Err(unknown) => {
            let unknown = &unknown;
            let message = format!("how many inodes are free for {path} could not be determined");
            return Finding::undetermined(rule.severity, subject, "unknown", message, unknown);
        }
    };
    let found = disk.filesystem;
    if found.inodes == 0 {
        let message = format!("the file system of {path} does not count inodes, so that they can't run out");
        return Finding::pass(subject, "enough", message, disk.inodes());
    }
    let share = percent(found.inodes_free, found.inodes);
    let mut short = Vec::new();
    if let Some(least) = rule.inodes.filter(|least| found.inodes_free < *least) {
        short.push(format!("{} inodes are free, and {least} are needed", found.inodes_free));
    }
    if let Some(least) = rule.inodes_percent.filter(|least| share < *least) {
        short.push(format!("{share:.0} % of the inodes are free, and {least} % are needed"));
    }
    if short.is_empty() {
        let message = format!("{} inodes ({share:.0} %) are free for {path}", found.inodes_free);
        return elsewhere(Finding::pass(subject, "enough", message, disk.inodes()), path, disk);
    }
    too_little(rule, subject, &short.join("; "), disk, "inodes", disk.inodes())
}

/// A note where the directory does not exist yet.
fn elsewhere(finding: Finding, path: &str, disk: &Disk) -> Finding {
    if disk.directory == path.trim_end_matches('/') {
        finding
    } else {
        finding.note(format!("{path} does not exist yet; the room is that of {}", disk.directory))
    }
}

fn too_little(
    rule: &DiskSpaceRule,
    subject: String,
    short: &str,
    disk: &Disk,
    what: &str,
    seen: Evidence,
) -> Finding {
    let point = disk.mount.as_ref().map_or(disk.directory.as_str(), |mount| mount.point.as_str());
    let message = format!("too little room for {}: {short}", rule.path);
    let finding = Finding::problem(rule.severity, subject, "too-little", message)
        .evidence([seen])
        .evidence(disk.mount.as_ref().map(|mount| Evidence::new("mount table", mount.line.clone())))
        .notes(rule.why.clone())
        .remedy(
            Remedy::new(format!(
                "Make room on the file system at {point}, or mount a larger one for {}",
                rule.path
            ))
            .command(if what == "inodes" {
                format!("du -x --inodes --max-depth=2 {point} | sort -n | tail")
            } else {
                format!("du -xh --max-depth=2 {point} | sort -h | tail")
            }),
        )
        // Of several directories on one file system the first stands.
        .follows(format!("disk-{what}:{point}"));
    elsewhere(finding, &rule.path, disk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{FilesystemType, Memory, ReadErrorKind},
    };

    fn disk(available: u64, inodes_free: u64) -> Memory {
        let filesystem =
            FilesystemType { magic: 0xef53, size: 100 << 30, available, inodes: 1000, inodes_free };
        Memory::new()
            .file("/var/lib/x", "")
            .file("/proc/self/mountinfo", "1 0 0:2 / / rw - ext4 /dev/vda rw\n")
            .filesystem("/", filesystem)
    }

    fn ask(params: &DiskSpaceParams, memory: Memory) -> Vec<Finding> {
        DiskSpace::validate(params).unwrap();
        let mut out = Findings::default();
        DiskSpace::run(params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().into_iter().map(|(finding, _)| finding).collect()
    }

    fn reasons(memory: Memory) -> Vec<&'static str> {
        ask(&DiskSpaceParams::default(), memory).iter().map(Finding::reason).collect()
    }

    #[test]
    fn the_kubelets_thresholds() {
        assert_eq!(reasons(disk(50 << 30, 500)), ["enough"; 4]);
        // 12 %: enough for nodefs, too little for imagefs.
        assert_eq!(reasons(disk(12 << 30, 500)), ["enough", "enough", "too-little", "enough"]);
        assert_eq!(reasons(disk(50 << 30, 49)), ["enough", "too-little", "enough", "too-little"]);
        let found = ask(&DiskSpaceParams::default(), disk(1 << 30, 500));
        assert_eq!(found[0].cause(), found[2].cause(), "one file system, one failure");
        assert!(found[0].all_notes()[0].contains("that of /var/lib"), "{:?}", found[0]);
    }

    #[test]
    fn absolute_amounts() {
        let rule = DiskSpaceRule {
            total: Some("40Gi".parse().unwrap()),
            available: Some("10Gi".parse().unwrap()),
            ..rule("/var/lib", None, None)
        };
        let params = DiskSpaceParams { directories: vec![Written(rule)] };
        assert_eq!(ask(&params, disk(10 << 30, 0))[0].outcome(), &Outcome::Pass);
        let found = ask(&params, disk(9 << 30, 0));
        assert!(found[0].message().contains("9Gi are free, and 10Gi are needed"), "{}", found[0].message());
        assert_eq!(found.len(), 1, "nobody asked for inodes");
    }

    #[test]
    fn btrfs_counts_no_inodes() {
        let filesystem = FilesystemType { size: 100, available: 50, ..FilesystemType::default() };
        let found = ask(&DiskSpaceParams::default(), Memory::new().filesystem("/", filesystem));
        assert_eq!((found[1].outcome(), found[1].reason()), (&Outcome::Pass, "enough"));
    }

    #[test]
    fn sizes_that_tell_nothing_are_not_known() {
        let tmpfs = FilesystemType { magic: 0x0102_1994, ..FilesystemType::default() };
        let ask_of = |filesystem| ask(&DiskSpaceParams::default(), disk(0, 0).filesystem("/", filesystem));
        let found = ask_of(tmpfs);
        assert!(
            matches!(found[0].outcome(), Outcome::Undetermined(_)),
            "no limit is not full: {:?}",
            found[0]
        );
        assert_eq!(found[1].outcome(), &Outcome::Pass, "tmpfs without a limit of inodes: {:?}", found[1]);
        // A server that answers nothing at all.
        let found = ask_of(FilesystemType::default());
        assert!(matches!(found[1].outcome(), Outcome::Undetermined(_)), "{:?}", found[1]);
        let impossible = FilesystemType {
            size: 100,
            available: 101,
            inodes: 10,
            inodes_free: 11,
            ..FilesystemType::default()
        };
        for found in ask_of(impossible) {
            assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{found:?}");
        }
        let impossible = FilesystemType { inodes: 0, inodes_free: 7, size: 100, ..FilesystemType::default() };
        assert!(matches!(ask_of(impossible)[1].outcome(), Outcome::Undetermined(_)));
    }

    #[test]
    fn a_number_of_inodes() {
        let ask_for = |text: &str, inodes_free| {
            let params: DiskSpaceParams = serde_json::from_str(text).unwrap();
            ask(&params, disk(50 << 30, inodes_free))
        };
        let asked = r#"{"directories": [{"path": "/var/lib", "inodes": 500}]}"#;
        let found = ask_for(asked, 500);
        assert_eq!((found.len(), found[0].subject()), (1, "inodes:/var/lib"), "nobody asked for space");
        assert_eq!(found[0].outcome(), &Outcome::Pass);
        let found = ask_for(asked, 499);
        assert_eq!((found[0].outcome(), found[0].reason()), (&Outcome::Problem, "too-little"));
        assert!(found[0].message().contains("499 inodes are free, and 500 are needed"), "{:?}", found[0]);
        let both = r#"{"directories": [{"path": "/var/lib", "inodes": 1, "inodesPercent": 60}]}"#;
        assert!(ask_for(both, 590)[0].message().contains("59 % of the inodes are free, and 60 % are needed"));
    }

    #[test]
    fn what_can_t_be_asked_is_not_known() {
        for memory in [
            disk(50 << 30, 500).as_root(),
            disk(50 << 30, 500).error("/var/lib/kubelet", ReadErrorKind::TimedOut),
        ] {
            let found = ask(&DiskSpaceParams::default(), memory);
            assert!(matches!(found[0].outcome(), Outcome::Undetermined(_)), "{:?}", found[0]);
        }
    }

    #[test]
    fn parameters() {
        let params = |rule| DiskSpaceParams { directories: vec![Written(rule)] };
        assert!(DiskSpace::validate(&params(rule("var", None, None))).unwrap_err().contains("absolute"));
        assert!(
            DiskSpace::validate(&params(rule("/v", Some(101.0), None))).unwrap_err().contains("percentage")
        );
        assert!(DiskSpace::validate(&DiskSpaceParams { directories: vec![] }).is_err());
        let twice = [rule("/v", None, None), rule("/v/", None, None)].map(Written).into();
        assert!(DiskSpace::validate(&DiskSpaceParams { directories: twice }).unwrap_err().contains("twice"));
    }
}
