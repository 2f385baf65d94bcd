//! What cgroup2 can do beside controllers, and which of it is switched on: the kernel's list of features against the
//! options of the mount in use.
//!
//! Sources: /sys/kernel/cgroup/features and /sys/kernel/cgroup/delegate (sys_kernel_cgroup(5), Linux 4.15); the meanings
//! are those of Documentation/admin-guide/cgroup-v2.rst, "Mounting". The options are of the whole hierarchy: every mount
//! of it shows the same ones (cgroup_show_options(), kernel/cgroup/cgroup.c).

use crate::{evidence::Evidence, facts::Known, node::Node};
use schemars::JsonSchema;
use serde::Serialize;

/// The kernel's list of features.
const FEATURES: &str = "/sys/kernel/cgroup/features";
/// The kernel's list of files that a delegated cgroup hands over.
const DELEGATE: &str = "/sys/kernel/cgroup/delegate";
/// The most names that are taken from either list; no kernel has more than ten.
const NAMES_LIMIT: usize = 64;

/// What an option of the cgroup2 mount means for pods.
struct Meaning {
    name: &'static str,
    on: &'static str,
    off: &'static str,
}

/// The options of Linux 7.3, in the order of /sys/kernel/cgroup/features.
const MEANINGS: [Meaning; 6] = [
    // Linux 4.13, 5136f6365ce3; in the list since 4.15.
    Meaning {
        name: "nsdelegate",
        on: "a container in a cgroup namespace can't change the limits that were set for it",
        off: "a privileged container can change the limits that were set for it",
    },
    // Linux 6.0, 6a010a49b63a.
    Meaning {
        name: "favordynmods",
        on: "moving processes between cgroups is quicker, every fork and exit slower",
        off: "forks and exits are quick, moving processes between cgroups may wait for them",
    },
    // Linux 5.2, 9852ae3fe529.
    Meaning {
        name: "memory_localevents",
        on: "memory.events of a pod leaves out the OOM kills of its containers, as Linux did before 5.2",
        off: "memory.events of a pod counts the OOM kills of its containers",
    },
    // Linux 5.7.
    Meaning {
        name: "memory_recursiveprot",
        on: "memory.min and memory.low of a pod protect its containers too",
        off: "memory.min and memory.low of a pod protect a container only as far as it sets them itself",
    },
    // Linux 6.7.
    Meaning {
        name: "memory_hugetlb_accounting",
        on: "huge pages count as memory of their pod",
        off: "huge pages count in the hugetlb controller alone",
    },
    // 385a635cacfe (pids_event(), kernel/cgroup/pids.c); seen in 6.12, not in 6.1.
    Meaning {
        name: "pids_localevents",
        on: "pids.events of a pod counts the forks that failed in its own cgroup, whosever limit they met, as cgroup v1 did",
        off: "pids.events of a pod counts what its own pids.max, and each pids.max below it, refused",
    },
];

/// What the kernel's cgroup2 can do beside controllers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Features {
    /// Each feature that this program or this kernel knows.
    pub options: Vec<Feature>,
    /// The files that a cgroup hands over when it is delegated, by /sys/kernel/cgroup/delegate. Null where that could
    /// not be read.
    pub delegate: Option<Vec<String>>,
    /// What that rests on.
    pub evidence: Vec<Evidence>,
}

/// One feature, which is also an option of the mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Feature {
    /// Its name, the same in the list and in the options.
    pub name: String,
    /// Whether the kernel has it. Null where its list could not be read.
    pub kernel: Option<bool>,
    /// Whether it is switched on. Null without a cgroup2 mount.
    pub on: Option<bool>,
    /// What being on, or off, means for pods. Null for a feature of a kernel newer than this program, and where it is
    /// not known whether it is on.
    pub meaning: Option<String>,
}

/// One name a line, as both lists are written (kernel/cgroup/cgroup.c, show_delegatable_files() and features_show()).
#[must_use]
pub fn names(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().take(NAMES_LIMIT).map(str::to_owned).collect()
}

/// Puts the kernel's list, if it could be read, beside the options of the mount in use, if there is one.
#[must_use]
pub fn compare(kernel: Option<&[String]>, mount_has: Option<&dyn Fn(&str) -> bool>) -> Vec<Feature> {
    let unknown = kernel.into_iter().flatten().map(String::as_str);
    let unknown = unknown.filter(|name| MEANINGS.iter().all(|m| m.name != *name));
    let names = MEANINGS.iter().map(|m| m.name).chain(unknown);
    names
        .map(|name| {
            let on = mount_has.map(|has| has(name));
            let meaning = MEANINGS.iter().find(|m| m.name == name).zip(on);
            Feature {
                name: name.to_owned(),
                // What is on is certainly there, whatever the list says.
                kernel: kernel.map(|list| on == Some(true) || list.iter().any(|n| n == name)),
                on,
                meaning: meaning.map(|(m, on)| if on { m.on } else { m.off }.to_owned()),
            }
        })
        .collect()
}

impl Node {
    /// The features of the kernel's cgroup2, and which of them the mount in use has switched on.
    ///
    /// # Errors
    /// When the layout could not be determined.
    pub fn cgroup_features(&self) -> &Known<Features> {
        self.fact(|| {
            let layout = self.cgroup_layout().as_ref().map_err(Clone::clone)?;
            let mut evidence = Vec::new();
            let mut list = |path: &str| {
                let read = self.read(path);
                let names = read.text().ok().map(|text| names(&text));
                evidence.push(names.as_ref().map_or_else(|| read.evidence(), |n| read.quote(n.join(" "))));
                names
            };
            let kernel = list(FEATURES);
            let delegate = list(DELEGATE);
            let mount = layout.unified.as_ref();
            let has = |name: &str| mount.is_some_and(|m| m.has_option(name));
            if let (Some(mount), Ok(mounts)) = (mount, self.mounts()) {
                evidence.push(mounts.evidence(mount));
            }
            let options = compare(kernel.as_deref(), mount.map(|_| &has as &dyn Fn(&str) -> bool));
            Ok(Features { options, delegate, evidence })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    fn node(options: &str, features: Option<&str>) -> Features {
        let mounts = format!("1 0 0:2 / / rw - ext4 /dev/vda rw\n2 1 0:3 / /sys/fs/cgroup rw - {options}\n");
        let memory = Memory::new().file("/proc/self/mountinfo", mounts);
        let memory = match features {
            Some(text) => memory.file(FEATURES, text).file(DELEGATE, "cgroup.procs\ncgroup.threads\n"),
            None => memory.error(FEATURES, ReadErrorKind::Denied("EACCES")),
        };
        Node::in_memory(memory).cgroup_features().clone().unwrap()
    }

    fn find<'a>(features: &'a Features, name: &str) -> &'a Feature {
        features.options.iter().find(|f| f.name == name).unwrap()
    }

    #[test]
    fn what_the_kernel_has_and_what_is_on() {
        let seen = node(
            "cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot",
            Some("nsdelegate\nmemory_localevents\nwarpspeed\n"),
        );
        let brief = |name: &str| (find(&seen, name).kernel, find(&seen, name).on);
        assert_eq!(brief("nsdelegate"), (Some(true), Some(true)));
        assert_eq!(brief("memory_localevents"), (Some(true), Some(false)));
        assert_eq!(brief("favordynmods"), (Some(false), Some(false)));
        // On, though the list lacks it: the option of the mount is the better witness.
        assert_eq!(brief("memory_recursiveprot"), (Some(true), Some(true)));
        assert_eq!(brief("warpspeed"), (Some(true), Some(false)));
        assert_eq!(find(&seen, "warpspeed").meaning, None);
        assert!(find(&seen, "nsdelegate").meaning.as_ref().unwrap().contains("can't change"));
        assert_eq!(seen.delegate.unwrap().len(), 2);
        assert_eq!(seen.evidence.len(), 3);
    }

    #[test]
    fn what_can_not_be_read_is_not_known() {
        let seen = node("cgroup2 cgroup2 rw,nsdelegate", None);
        assert_eq!((find(&seen, "nsdelegate").kernel, find(&seen, "nsdelegate").on), (None, Some(true)));
        assert_eq!(seen.delegate, None);
        let seen = node("tmpfs tmpfs rw", Some("nsdelegate\n"));
        assert_eq!((find(&seen, "nsdelegate").kernel, find(&seen, "nsdelegate").on), (Some(true), None));
        assert_eq!(find(&seen, "nsdelegate").meaning, None);
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let list = names(&text);
            let _ = compare(Some(&list), Some(&|name| name.len() % 2 == 0));
            prop_assert!(names(&String::from_utf8_lossy(&bytes)).len() <= NAMES_LIMIT);
        }
    }
}
