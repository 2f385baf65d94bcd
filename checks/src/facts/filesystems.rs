//! The file system types that the running kernel knows (/proc/filesystems).

use super::Known;
use crate::{
    evidence::Evidence,
    node::{Node, ReadError},
};

const PATH: &str = "/proc/filesystems";

/// The file system types that are registered now: built in, or of a module that is loaded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Filesystems {
    types: Vec<String>,
}

impl Filesystems {
    /// Parses /proc/filesystems: one type a line, after a tab, and before the tab `nodev` if it needs no block
    /// device (proc_filesystems(5); fs/filesystems.c, `filesystems_proc_show`).
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let types = text.lines().filter_map(|line| {
            let (flag, name) = line.split_once('\t')?;
            let name = name.trim();
            (matches!(flag, "" | "nodev") && !name.is_empty()).then(|| name.to_owned())
        });
        Self { types: types.collect() }
    }

    /// Whether the kernel knows the type `name` now.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.types.iter().any(|t| t == name)
    }

    /// What the file says of `name`.
    #[must_use]
    pub fn evidence(&self, name: &str) -> Evidence {
        let observed = if self.has(name) { name.to_owned() } else { format!("no {name}") };
        Evidence::new(PATH, observed)
    }
}

impl Node {
    /// The file system types that are registered now.
    pub fn filesystems(&self) -> &Known<Filesystems> {
        self.fact(|| {
            let read = self.read(PATH);
            read.text().map(|text| Filesystems::parse(&text)).map_err(ReadError::unknown)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    #[test]
    fn types() {
        // From a captured Debian 6.12 node.
        let f = Filesystems::parse(
            "nodev\tsysfs\nnodev\ttmpfs\nnodev\tcgroup2\n\tfuseblk\nnodev\tfuse\n\text4\n",
        );
        for name in ["sysfs", "tmpfs", "cgroup2", "fuseblk", "ext4"] {
            assert!(f.has(name), "{name}");
        }
        for name in ["cgroup", "nodev", "", "overlay"] {
            assert!(!f.has(name), "{name}");
        }
        assert_eq!(Filesystems::parse("nodev sysfs\n\n\t\nwhat\tx"), Filesystems::default());
    }

    #[test]
    fn unreadable_is_unknown() {
        let node = Node::in_memory(Memory::new().error(PATH, ReadErrorKind::Denied("EACCES")));
        assert!(node.filesystems().is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "[a-z\t\n ]{0,200}") {
            let _ = Filesystems::parse(&text).has("x");
        }
    }
}
