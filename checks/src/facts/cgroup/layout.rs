//! Which cgroup hierarchies the node uses, told by the mounts that can be seen and their file system types.

use crate::{
    evidence::{Evidence, Unknown},
    facts::{
        Known,
        mounts::{Mount, Mounts},
    },
    node::{Node, ReadErrorKind},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The place where the kubelet and every container runtime look.
pub const CGROUP_ROOT: &str = "/sys/fs/cgroup";
/// CGROUP2_SUPER_MAGIC (include/uapi/linux/magic.h).
const CGROUP2_MAGIC: u64 = 0x6367_7270;

/// How many cgroup mounts are shown as evidence; a v1 node has about twelve.
const MOUNTS_SHOWN: usize = 16;

/// Which cgroup hierarchies the node uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LayoutKind {
    /// One cgroup2 mount for everything.
    V2,
    /// Version 1 hierarchies only.
    V1,
    /// Version 1 hierarchies, with a cgroup2 mount beside them.
    Hybrid,
    /// No cgroup file system is mounted.
    None,
}

impl LayoutKind {
    /// The word in reports and policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V1 => "v1",
            Self::Hybrid => "hybrid",
            Self::None => "none",
        }
    }

    /// The cause from which it follows that what takes cgroup v2 does not work; the check cgroup-hierarchy fails by it.
    #[must_use]
    pub fn cause(self) -> &'static str {
        match self {
            Self::V1 | Self::Hybrid => "cgroup-layout",
            // Not mounted, or not where it has to be.
            Self::V2 | Self::None => "cgroup-mount",
        }
    }
}

/// The layout and the mounts that make it.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The kind.
    pub kind: LayoutKind,
    /// The cgroup2 mount that belongs to the layout. None on v1, where a private one elsewhere does not count.
    pub unified: Option<Mount>,
    /// The v1 hierarchies that can be seen: controllers (`memory`) or a name (`name=systemd`) of each.
    pub legacy: Vec<(Mount, Vec<String>)>,
    /// cgroup2 mounts that do not belong to the layout.
    pub private: Vec<Mount>,
    /// The mounts, and what statfs said, as evidence.
    pub evidence: Vec<Evidence>,
}

impl Layout {
    /// Tells the layout from the mounts.
    ///
    /// What lies on /sys/fs/cgroup decides, because that is all that the kubelet looks at (runc's
    /// `IsCgroup2UnifiedMode` is a statfs of that path). Where that is no cgroup2, any v1 hierarchy with a
    /// controller makes the node v1; a cgroup2 mount beside the v1 ones makes it hybrid, one elsewhere does not.
    #[must_use]
    pub fn of(mounts: &Mounts) -> Self {
        let legacy: Vec<(Mount, Vec<String>)> =
            mounts.visible().filter(|m| m.fs_type == "cgroup").map(|m| (m.clone(), contents(m))).collect();
        let (mut chosen, mut others): (Vec<Mount>, Vec<Mount>) = mounts
            .visible()
            .filter(|m| m.fs_type == "cgroup2")
            .cloned()
            .partition(|m| m.point == CGROUP_ROOT);
        let on_root = chosen.pop();
        let kind = if on_root.is_some() {
            LayoutKind::V2
        } else if legacy.is_empty() {
            if others.is_empty() { LayoutKind::None } else { LayoutKind::V2 }
        } else if others.iter().any(|m| is_beside(m, &legacy)) {
            LayoutKind::Hybrid
        } else {
            LayoutKind::V1
        };
        let beside = others.iter().position(|m| match kind {
            LayoutKind::Hybrid => is_beside(m, &legacy),
            LayoutKind::V2 => on_root.is_none(),
            _ => false,
        });
        let unified = on_root.or_else(|| beside.map(|i| others.remove(i)));
        let made_of = || unified.iter().chain(legacy.iter().map(|(m, _)| m));
        let mut evidence: Vec<Evidence> = made_of().take(MOUNTS_SHOWN).map(|m| mounts.evidence(m)).collect();
        let more = made_of().count().saturating_sub(MOUNTS_SHOWN);
        if more > 0 {
            evidence.push(mounts.says(format!("and {more} more cgroup mounts")));
        }
        if evidence.is_empty() {
            let on_root = mounts.at(CGROUP_ROOT).map(|m| mounts.evidence(m));
            evidence.push(on_root.unwrap_or_else(|| mounts.says("no mount of type cgroup or cgroup2")));
        }
        Self { kind, unified, legacy, private: others, evidence }
    }

    /// Where the v1 hierarchy of `controller` (its v1 name) is mounted.
    #[must_use]
    pub fn legacy_mount(&self, controller: &str) -> Option<&Mount> {
        self.legacy.iter().find(|(_, names)| names.iter().any(|n| n == controller)).map(|(m, _)| m)
    }
}

/// The options of a v1 mount that are no controllers (cgroup1_show_options(), kernel/cgroup/cgroup-v1.c, and the
/// generic ones of fs/proc_namespace.c).
const PLAIN_OPTIONS: [&str; 17] = [
    "rw",
    "ro",
    "nosuid",
    "nodev",
    "noexec",
    "noatime",
    "nodiratime",
    "relatime",
    "strictatime",
    "seclabel",
    "xattr",
    "noprefix",
    "clone_children",
    "cpuset_v2_mode",
    "favordynmods",
    "nofavordynmods",
    "nosymfollow",
];

fn contents(mount: &Mount) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for option in mount.all_options() {
        let plain = PLAIN_OPTIONS.contains(&option) || (option.contains('=') && !option.starts_with("name="));
        if !plain && !option.is_empty() && !names.iter().any(|n| n == option) {
            names.push(option.to_owned());
        }
    }
    names
}

fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

/// Whether a cgroup2 mount lies below /sys/fs/cgroup, or in the directory that also holds the v1 mounts.
fn is_beside(unified: &Mount, legacy: &[(Mount, Vec<String>)]) -> bool {
    let above = directory(&unified.point);
    above == CGROUP_ROOT || legacy.iter().any(|(m, _)| !above.is_empty() && directory(&m.point) == above)
}

impl Node {
    /// The cgroup layout.
    pub fn cgroup_layout(&self) -> &Known<Layout> {
        self.fact(|| {
            let mut layout = Layout::of(self.mounts().as_ref().map_err(Clone::clone)?);
            let shown_as_v2 = layout.unified.as_ref().is_some_and(|m| m.point == CGROUP_ROOT);
            match self.filesystem(CGROUP_ROOT) {
                Ok(found) => {
                    let seen =
                        Evidence::new(format!("statfs({CGROUP_ROOT})"), format!("type {:#x}", found.magic));
                    if (found.magic == CGROUP2_MAGIC) != shown_as_v2 {
                        let what = "the mounts and statfs disagree about what lies on /sys/fs/cgroup";
                        return Err(Unknown::new(what).tried(layout.evidence.into_iter().chain([seen])));
                    }
                    layout.evidence.push(seen);
                }
                // Under a root, statfs would speak of the disk that holds the tree.
                Err(e) if matches!(e.kind, ReadErrorKind::LiveOnly | ReadErrorKind::Missing) => {}
                Err(e) => layout.evidence.push(e.evidence()),
            }
            Ok(layout)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(lines: &[&str]) -> Layout {
        Layout::of(&Mounts::parse_mounts("/proc/mounts", &lines.join("\n")))
    }

    #[test]
    fn the_tables_of_the_peers() {
        // cases-sysval-cgroups.yaml (mount_point) and cases-peer-wrong.yaml (cgroup), with the right answers.
        for (lines, kind, unified) in [
            (
                &["cgroup2 /sys/fs/cgroup cgroup2 rw,seclabel,nosuid 0 0"][..],
                LayoutKind::V2,
                Some("/sys/fs/cgroup"),
            ),
            (&["cgroup /sys/fs/cgroup cgroup rw,seclabel,nosuid 0 0"], LayoutKind::V1, None),
            (&["proc /proc proc rw 0 0", "sysfs /sys sysfs rw 0 0"], LayoutKind::None, None),
            (
                &[
                    "cgroup /sys/fs/cgroup/cpuset cgroup rw,nosuid,cpuset",
                    "cgroup /sys/fs/cgroup/memory cgroup rw,nosuid,memory",
                    "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,seclabel",
                ],
                LayoutKind::Hybrid,
                Some("/sys/fs/cgroup/unified"),
            ),
            (
                &[
                    "cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset",
                    "cgroup /sys/fs/cgroup/memory cgroup rw,memory",
                ],
                LayoutKind::V1,
                None,
            ),
            (
                &[
                    "tmpfs /sys/fs/cgroup tmpfs ro,mode=755 0 0",
                    "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nsdelegate 0 0",
                    "cgroup /sys/fs/cgroup/systemd cgroup rw,xattr,name=systemd 0 0",
                ],
                LayoutKind::Hybrid,
                Some("/sys/fs/cgroup/unified"),
            ),
            (
                &["cgroup /cgroup/memory cgroup rw,memory 0 0", "none /run/cilium/cgroupv2 cgroup2 rw 0 0"],
                LayoutKind::V1,
                None,
            ),
            (&["tmpfs /sys/fs/cgroup tmpfs rw 0 0"], LayoutKind::None, None),
            (&["none /run/cilium/cgroupv2 cgroup2 rw 0 0"], LayoutKind::V2, Some("/run/cilium/cgroupv2")),
            (
                &[
                    "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0",
                    "tmpfs /sys/fs/cgroup tmpfs rw 0 0",
                    "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0",
                ],
                LayoutKind::V1,
                None,
            ),
            (
                &["cgroup2 /sys/fs/cgroup cgroup2 rw 0 0", "cgroup /mnt/perf cgroup rw,perf_event 0 0"],
                LayoutKind::V2,
                Some("/sys/fs/cgroup"),
            ),
        ] {
            let found = layout(lines);
            assert_eq!(found.kind, kind, "{lines:?}");
            assert_eq!(found.unified.map(|m| m.point).as_deref(), unified, "{lines:?}");
            assert!(!found.evidence.is_empty());
        }
    }

    #[test]
    fn v1_mounts_name_their_controllers() {
        let found = layout(&[
            "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,noexec,relatime,cpu,cpuacct 0 0",
            "cgroup /sys/fs/cgroup/systemd cgroup rw,xattr,release_agent=/usr/lib/x,name=systemd 0 0",
        ]);
        assert_eq!(found.legacy_mount("cpuacct").unwrap().point, "/sys/fs/cgroup/cpu,cpuacct");
        assert_eq!(found.legacy[1].1, ["name=systemd"]);
        assert!(found.legacy_mount("memory").is_none());
    }
}
