//! What a policy may say of data directories.

use crate::entry::{Entry, Written};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashSet;

/// The directories of Kubernetes lie where they can do their work.
///
/// ## What it looks at
/// For each directory, or the nearest one above it that exists: the symbolic links on the way; who owns, may write and
/// may search it and those above it; the mount that holds it, with its type and options (mountinfo); on XFS whether
/// directories tell the types of their entries, by reading one; on ZFS its version, on FUSE and virtiofs that of the kernel.
/// Nothing is made there. A directory above it may belong to root, to the user of the directory itself, or to the user who
/// runs preflight. What could not be looked at is undetermined, also where something else warns.
///
/// `fit` passes. `read-only`, `no-such-files`, `no-overlay`, `no-entry-types`, `not-a-directory`, `dangling-link` fail;
/// `not-lasting`, `network`, `depends-on-server`, `noexec`, `nosuid`, `symbolic-link`, `not-searchable`, `writable-by-all`,
/// `other-owner` warn.
///
/// ## Why it matters
/// The images of containers are stacked by overlayfs, which refuses to stack on itself and on XFS without `ftype=1`, as
/// CentOS 7 and older installers made it: then every container fails. A mount with noexec keeps images or volumes from
/// running what is in them. A directory on tmpfs is empty after a boot, etcd's data included; file locks and fsync over
/// the network are not what etcd and SQLite need.
///
/// ## How to mend it
/// Mount a local ext4, XFS (`mkfs.xfs -n ftype=1`) or btrfs file system there, with the default options. In place of a
/// symbolic link use a bind mount.
///
/// ## Sources
/// Linux Documentation/filesystems/overlayfs.rst (upper file systems: extended attributes, valid d_type, no network) and
/// fs/overlayfs/super.c (a server's file system since 5.7); fs/ext4/super.c (emergency_ro, shutdown); OpenZFS 2.2.0, release
/// notes (overlayfs); mkfs.xfs(8), ftype; mount(8); kubelet's --root-dir; etcd.io, Hardware recommendations;
/// Embedded Cluster's host preflights (links, `+x` on all parents, ftype).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DataDirectoryParams {
    /// The directories. Default: /var/lib/kubelet for volumes, /var/lib/containerd for images.
    pub directories: Vec<Written<DataDirectoryRule>>,
}

/// One directory.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DataDirectoryRule {
    /// The directory; it need not exist yet.
    pub path: String,
    /// What it is for. Default: `images` where the path names containerd, containers, docker or crio, `database` where it
    /// names etcd, else `volumes`.
    #[serde(default)]
    pub purpose: Option<Purpose>,
}

/// What a directory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// The layers of images: overlayfs stacks them.
    Images,
    /// Volumes of pods.
    Volumes,
    /// A database: etcd.
    Database,
}

impl DataDirectoryRule {
    pub(super) fn purpose(&self) -> Purpose {
        let names = |words: &[&str]| words.iter().any(|word| self.path.contains(word));
        self.purpose.unwrap_or_else(|| {
            if names(&["containerd", "containers", "docker", "crio"]) {
                Purpose::Images
            } else if names(&["etcd"]) {
                Purpose::Database
            } else {
                Purpose::Volumes
            }
        })
    }
}

impl Entry for DataDirectoryRule {
    const WORD: &'static str = "the path of a directory";

    fn from_word(word: &str) -> Result<Self, String> {
        Ok(Self { path: word.to_owned(), purpose: None })
    }
}

impl Default for DataDirectoryParams {
    fn default() -> Self {
        let directories = ["/var/lib/kubelet", "/var/lib/containerd"];
        let rule = |path: &str| Written(DataDirectoryRule { path: path.to_owned(), purpose: None });
        Self { directories: directories.map(rule).into() }
    }
}

impl DataDirectoryParams {
    pub(super) fn validate(&self) -> Result<(), String> {
        let mut seen = HashSet::new();
        for Written(rule) in &self.directories {
            if !rule.path.starts_with('/') {
                return Err(format!("`{}` is not an absolute path", rule.path));
            }
            if !seen.insert(rule.path.trim_end_matches('/')) {
                return Err(format!("`{}` is named twice", rule.path));
            }
        }
        if seen.is_empty() {
            Err("no directory is named; write some under `directories`".into())
        } else {
            Ok(())
        }
    }
}
