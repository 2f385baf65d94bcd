//! The narrow door through which every look at a node goes, and how it can be shut.

use super::{Answer, Origin, Probe, READ_LIMIT};
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

    /// The type of the file system that holds `path` (statfs).
    ///
    /// # Errors
    /// [`ReadErrorKind::LiveOnly`] where the tree is not the machine itself.
    fn filesystem(&self, path: &str) -> Result<Filesystem, ReadError> {
        Err(ReadError::new(path, ReadErrorKind::LiveOnly))
    }

    /// The machine's architecture (uname).
    ///
    /// # Errors
    /// [`ReadErrorKind::LiveOnly`] where the tree is not the machine itself.
    fn machine(&self) -> Result<String, ReadError> {
        Err(ReadError::new("uname", ReadErrorKind::LiveOnly))
    }

    /// Asks the live kernel a named question.
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

/// What statfs(2) says of a mounted file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filesystem {
    /// `f_type`, as in linux/magic.h.
    pub magic: u64,
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
        let unknown = Unknown::new(self.to_string()).tried([self.evidence()]);
        match self.kind {
            ReadErrorKind::Denied(_) => unknown.needs("run as root"),
            ReadErrorKind::LiveOnly => unknown.needs("run on the machine itself, without --root"),
            _ => unknown,
        }
    }
}
