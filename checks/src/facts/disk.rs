//! The file system that holds a directory, or will hold it once it is made.

use crate::{
    evidence::{Evidence, Unknown},
    facts::{Known, mounts::Mount},
    node::{FilesystemType, Node, ReadError, ReadErrorKind},
    quantity::Quantity,
};

/// What holds a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The directory itself, or the nearest one above it that exists.
    pub directory: String,
    /// What statfs(2) says.
    pub filesystem: FilesystemType,
    /// Where the file system is mounted, as far as the mount table tells.
    pub mount: Option<Mount>,
}

impl Disk {
    /// What was seen of the space.
    #[must_use]
    pub fn space(&self) -> Evidence {
        let of = |bytes| Quantity::bytes(bytes);
        let observed = format!("{} available of {}", of(self.filesystem.available), of(self.filesystem.size));
        Evidence::new(format!("statfs({})", self.directory), observed)
    }

    /// What was seen of the inodes.
    #[must_use]
    pub fn inodes(&self) -> Evidence {
        let observed = format!("{} inodes free of {}", self.filesystem.inodes_free, self.filesystem.inodes);
        Evidence::new(format!("statfs({})", self.directory), observed)
    }
}

/// The most symbolic links on one way, as in the kernel (MAXSYMLINKS, include/linux/namei.h).
const LINKS: usize = 40;

/// How a path leads to where it ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// The path without symbolic links.
    pub resolved: String,
    /// Each link on the way, by its place without links, and what is written in it.
    pub links: Vec<(String, String)>,
    /// Each place on the way that is no link, in the order in which it is come to; the last ones may not exist yet.
    pub parts: Vec<String>,
}

/// How many percent `part` is of `whole`.
#[must_use]
pub fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

impl Node {
    /// `path` if it exists, else the nearest directory above it that does.
    ///
    /// # Errors
    /// When one of them may not be looked at.
    pub fn first_existing(&self, path: &str) -> Known<String> {
        let mut here = path.trim_end_matches('/');
        while let Some(at) = here.rfind('/') {
            match self.kind(here) {
                Ok(_) => return Ok(here.to_owned()),
                Err(e) if e.is_missing() => here = &here[..at],
                Err(e) => return Err(e.unknown()),
            }
        }
        Ok("/".to_owned())
    }

    /// The way to `path`, each of its parts looked at, as far as it exists.
    ///
    /// # Errors
    /// When a part may not be looked at, or links go round in circles.
    pub fn way(&self, path: &str) -> Known<Way> {
        let mut way = Way::default();
        let mut todo: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        while let Some(part) = todo.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    way.resolved.truncate(way.resolved.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let here = format!("{}/{part}", way.resolved);
            match self.link(&here) {
                Ok(target) => {
                    if way.links.len() == LINKS {
                        return Err(Unknown::new(format!(
                            "the symbolic links of {path} go round in circles"
                        )));
                    }
                    if target.starts_with('/') {
                        way.resolved.clear();
                    }
                    todo.extend(target.split('/').rev().map(str::to_owned));
                    way.links.push((here, target));
                }
                Err(ReadError { kind: ReadErrorKind::WrongKind(_) | ReadErrorKind::Missing, .. }) => {
                    way.resolved.clone_from(&here);
                    if !way.parts.contains(&here) {
                        way.parts.push(here);
                    }
                }
                // It may be a link, and lead anywhere.
                Err(e) => return Err(e.unknown()),
            }
        }
        if way.resolved.is_empty() {
            way.resolved.push('/');
        }
        Ok(way)
    }

    /// The path without symbolic links, each of its parts looked at, as far as it exists.
    ///
    /// # Errors
    /// As [`Node::way`].
    pub fn resolved(&self, path: &str) -> Known<String> {
        Ok(self.way(path)?.resolved)
    }

    /// The file system that holds `path`, or will once it is made; on a live node only.
    ///
    /// # Errors
    /// When it may not be looked at, or the node is a tree.
    pub fn disk(&self, path: &str) -> Known<Disk> {
        let directory = self.first_existing(path)?;
        let filesystem = self.filesystem(&directory).map_err(|e| e.unknown())?;
        let mount = match (self.mounts(), self.resolved(&directory)) {
            (Ok(mounts), Ok(resolved)) => mounts.holding(&resolved).cloned(),
            _ => None,
        };
        Ok(Disk { directory, filesystem, mount })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};

    #[test]
    fn the_nearest_that_exists() {
        let node = Node::in_memory(Memory::new().file("/var/lib/x", ""));
        let first = |path: &str| node.first_existing(path).unwrap();
        assert_eq!(first("/var/lib/kubelet/pods"), "/var/lib");
        assert_eq!(
            (first("/var/lib/"), first("/data"), first("/")),
            ("/var/lib".into(), "/".into(), "/".into())
        );
        let slow = Memory::new().error("/mnt", ReadErrorKind::TimedOut);
        assert!(Node::in_memory(slow).first_existing("/mnt").is_err());
    }

    #[test]
    fn links_on_the_way() {
        let memory = Memory::new()
            .symlink("/var/lib/kubelet", "/data/kubelet")
            .symlink("/data", "disks/1")
            .symlink("/loop", "/loop");
        let node = Node::in_memory(memory);
        assert_eq!(node.resolved("/var/lib/kubelet/pods").unwrap(), "/disks/1/kubelet/pods");
        assert_eq!(node.resolved("/a/./b/../c").unwrap(), "/a/c");
        assert_eq!(node.resolved("/").unwrap(), "/");
        assert!(node.resolved("/loop").is_err());
        let way = node.way("/var/lib/kubelet").unwrap();
        assert_eq!(way.parts, ["/var", "/var/lib", "/disks", "/disks/1", "/disks/1/kubelet"]);
        assert_eq!(way.links.len(), 2);
    }

    #[test]
    fn what_may_be_a_link_is_not_taken_for_none() {
        let node = Node::in_memory(Memory::new().error("/mnt", ReadErrorKind::TimedOut));
        assert!(node.resolved("/mnt/data").is_err());
    }

    #[test]
    fn the_mount_that_holds_it() {
        let mountinfo = "1 0 0:2 / / rw - ext4 /dev/vda rw\n2 1 0:3 / /var/lib rw - xfs /dev/vdb rw\n";
        let filesystem = FilesystemType { size: 100, available: 50, ..FilesystemType::default() };
        let memory = Memory::new()
            .file("/proc/self/mountinfo", mountinfo)
            .file("/var/lib/x", "")
            .filesystem("/var/lib", filesystem);
        let disk = Node::in_memory(memory.clone()).disk("/var/lib/kubelet").unwrap();
        assert_eq!((disk.directory.as_str(), disk.mount.unwrap().fs_type.as_str()), ("/var/lib", "xfs"));
        assert!((percent(disk.filesystem.available, disk.filesystem.size) - 50.0).abs() < 0.01);
        assert!(Node::in_memory(memory.as_root()).disk("/var/lib/kubelet").is_err());
    }
}
