//! The narrow door through which every look at a node goes, and how it can be shut.

use super::{Allow, Allowed, Answer, Origin, Probe, READ_LIMIT};
use crate::evidence::{Evidence, Unknown};
use std::fmt;

/// The door to a node. All paths are absolute, as the node sees them.
///
/// An implementation reads and nothing else (law 5), is bounded in size (law 8), and never follows a symbolic
/// link out of its root.
pub trait Door: Send + Sync {
    /// Where the answers come from.
    fn origin(&self) -> Origin;

    /// The whole content of a regular file.
    ///
    /// # Errors
    /// When it is missing, may not be read, is no regular file, or is longer than `limit` bytes.
    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadError>;

    /// At most `length` bytes of a regular file, from `offset` on; fewer where it ends before. For files that are
    /// far too large to be read whole; what is no real file system just cuts the part out.
    ///
    /// # Errors
    /// As [`Door::read`].
    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, ReadError> {
        let bytes = self.read(path, READ_LIMIT)?;
        let start = usize::try_from(offset).map_or(bytes.len(), |o| o.min(bytes.len()));
        let end = start.saturating_add(length).min(bytes.len());
        Ok(bytes[start..end].to_vec())
    }

    /// The names in a directory, sorted, without `.` and `..`.
    ///
    /// # Errors
    /// When it is missing, may not be read, is no directory, or holds more than a hundred thousand names.
    fn list(&self, path: &str) -> Result<Vec<String>, ReadError>;

    /// What a path is, links followed.
    ///
    /// # Errors
    /// When it is missing or may not be looked at.
    fn kind(&self, path: &str) -> Result<FileKind, ReadError>;

    /// Where the symbolic link `path` itself points, as it is written there.
    ///
    /// # Errors
    /// [`ReadErrorKind::WrongKind`] where it is no link; when it is missing or may not be looked at.
    fn link(&self, path: &str) -> Result<String, ReadError> {
        self.kind(path).and(Err(ReadError::new(path, ReadErrorKind::WrongKind("no symbolic link"))))
    }

    /// The type of the file system that holds `path` (statfs).
    ///
    /// # Errors
    /// [`ReadErrorKind::LiveOnly`] where the tree is not the machine itself.
    fn filesystem(&self, path: &str) -> Result<Filesystem, ReadError> {
        Err(ReadError::new(path, ReadErrorKind::LiveOnly))
    }

    /// Who owns `path`, and who may do what with it, links followed.
    ///
    /// # Errors
    /// [`ReadErrorKind::LiveOnly`] where the tree is not the machine itself: whoever unpacked or captured a tree owns
    /// it. Otherwise as [`Door::kind`].
    fn access(&self, path: &str) -> Result<Access, ReadError> {
        Err(ReadError::new(path, ReadErrorKind::LiveOnly))
    }

    /// The machine's architecture (uname).
    ///
    /// # Errors
    /// [`ReadErrorKind::LiveOnly`] where the tree is not the machine itself.
    fn machine(&self) -> Result<String, ReadError> {
        Err(ReadError::new("uname", ReadErrorKind::LiveOnly))
    }

    /// Asks the live machine a named question. Whether that is allowed was decided before.
    ///
    /// # Errors
    /// [`ReadErrorKind::LiveOnly`] where the tree is not the machine itself; as [`Door::list`] where the directory in
    /// question can't be opened. What the kernel refuses is an [`Answer`], not an error.
    fn probe(&self, probe: &Probe) -> Result<Answer, ReadError> {
        Err(ReadError::new(probe.call(), ReadErrorKind::LiveOnly))
    }

    /// The effective user id with which a live node is looked at.
    fn user(&self) -> Option<u32> {
        None
    }

    /// Where the answers were given before and are given again: how it was then.
    fn captured(&self) -> Option<Then> {
        None
    }
}

/// How it was when a node was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Then {
    /// When: RFC 3339, UTC.
    pub time: String,
    /// The directory that was taken for the node's root.
    pub root: String,
    /// What more than reading was allowed.
    pub allowed: Allowed,
}

/// What a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A socket, device, FIFO.
    Other,
}

/// Who owns a file, and what its mode allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// The user id of its owner, as this program's user namespace shows it.
    pub owner: u32,
    /// The group id, in the same way.
    pub group: u32,
    /// The twelve bits that chmod(2) sets.
    pub mode: u32,
}

impl Access {
    /// Whether `user`, a member of no group that matters and without capabilities, may write it.
    #[must_use]
    pub fn may_write(&self, user: u32) -> bool {
        // The owner's bits count for the owner alone, even where those of all others allow more (path_resolution(7)).
        self.mode & if self.owner == user { 0o200 } else { 0o002 } != 0
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "owner {}, mode {:04o}", self.owner, self.mode)
    }
}

/// What statfs(2) says of a mounted file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filesystem {
    /// `f_type`, as in linux/magic.h.
    pub magic: u64,
    /// How large it is, in bytes.
    pub size: u64,
    /// How much of it is free for users other than root, in bytes.
    pub available: u64,
    /// How many inodes it can have; zero where it does not count them (btrfs, FAT).
    pub inodes: u64,
    /// How many of them are free.
    pub inodes_free: u64,
}

/// TMPFS_MAGIC and RAMFS_MAGIC (include/uapi/linux/magic.h).
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

impl Filesystem {
    /// Whether it is in memory, so that nothing reaches a disk (the swap of tmpfs aside).
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        IN_MEMORY.contains(&self.magic)
    }
}

/// A look at the node failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// What was looked at.
    pub path: String,
    /// How it failed.
    pub kind: ReadErrorKind,
}

/// How a look at the node failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadErrorKind {
    /// It does not exist (ENOENT, ENOTDIR): a fact, not ignorance.
    Missing,
    /// The kernel refused (EACCES, EPERM), with the name of the error.
    Denied(&'static str),
    /// Not a regular file where one was wanted, or not a directory.
    WrongKind(&'static str),
    /// Longer than the limit, in bytes (files) or names (directories).
    TooLarge(usize),
    /// It did not answer in time.
    TimedOut,
    /// A symbolic link loop, or a way out of the root.
    BadPath,
    /// Can be asked of a live node only.
    LiveOnly,
    /// Takes more than reading, and this run was not allowed to do that.
    NotAllowed(Allow),
    /// The node was captured, and this was not asked then.
    NotCaptured,
    /// Any other error of the system, by its name or number.
    System(String),
}

impl fmt::Display for ReadErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("does not exist"),
            Self::Denied(errno) => write!(f, "permission denied ({errno})"),
            Self::WrongKind(found) => write!(f, "is {found}"),
            Self::TooLarge(limit) => write!(f, "larger than the limit of {limit}"),
            Self::TimedOut => f.write_str("did not answer in time"),
            Self::BadPath => f.write_str("symbolic links loop or lead nowhere (ELOOP)"),
            Self::LiveOnly => f.write_str("can be asked on the live machine only"),
            Self::NotAllowed(what) => write!(f, "was not allowed (--allow {what})"),
            Self::NotCaptured => f.write_str("was not captured"),
            Self::System(error) => f.write_str(error),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.kind)
    }
}

impl std::error::Error for ReadError {}

impl ReadError {
    /// An error at `path`.
    pub fn new(path: impl Into<String>, kind: ReadErrorKind) -> Self {
        Self { path: path.into(), kind }
    }

    /// Whether it is certainly not there, as opposed to not known.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.kind == ReadErrorKind::Missing
    }

    /// What was seen, as evidence.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        Evidence::new(&self.path, self.kind.to_string())
    }

    /// The error as something unknown, with what would help where that is known.
    #[must_use]
    pub fn unknown(&self) -> Unknown {
        let unknown = match self.kind {
            // The same words for everything that was not asked for this reason: they are one cause.
            ReadErrorKind::NotAllowed(what) => {
                Unknown::new(format!("it takes more than reading, and --allow {what} was not given"))
            }
            _ => Unknown::new(self.to_string()),
        };
        let unknown = unknown.tried([self.evidence()]);
        match self.kind {
            ReadErrorKind::NotAllowed(what) => unknown.needs(format!("run with --allow {what}")),
            ReadErrorKind::Denied(_) => unknown.needs("run as root"),
            ReadErrorKind::LiveOnly => unknown.needs("run on the machine itself, without --root"),
            ReadErrorKind::NotCaptured => {
                unknown.needs("capture the node with this policy: preflight capture -c POLICY")
            }
            _ => unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_that_count_for_a_user() {
        let may = |owner, mode, user| Access { owner, group: 0, mode }.may_write(user);
        assert!(may(1000, 0o644, 1000) && may(0, 0o666, 1000));
        assert!(!may(0, 0o664, 1000) && !may(1000, 0o066, 1000));
        let access = Access { owner: 1000, group: 100, mode: 0o644 };
        assert_eq!(access.to_string(), "owner 1000, mode 0644");
    }
}
