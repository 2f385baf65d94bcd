//! What a run asked of a node and what it was answered, kept so that it can be judged again elsewhere.
//!
//! A [`Recorder`] is a door that notes every answer of another one; [`Capture`] is what it noted, as a file and back;
//! [`Captured`] is a door that gives the noted answers again, and says of everything else that it was not captured, which
//! is not the same as missing (law 3). Secrets are taken out on the way into the file ([`redact`]).

mod file;
mod record;
pub mod redact;
mod replay;
#[cfg(test)]
mod tests;

pub use file::{Capture, CaptureError, FORMAT, Header};
pub use record::Recorder;
pub use replay::Captured;

use crate::node::{Access, Answer, FileKind, FilesystemType, Probe, ReadError};
use std::collections::BTreeMap;

/// One question to a door.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Look {
    /// The content of a file.
    Read(String),
    /// So many bytes of it, from an offset on.
    Part(String, u64, usize),
    /// The names in a directory.
    List(String),
    /// What a path is.
    Kind(String),
    /// Where a link points.
    Link(String),
    /// The file system that holds a path.
    Filesystem(String),
    /// Who owns a path, and its mode.
    Access(String),
    /// The machine's architecture.
    Machine,
    /// A live question, as JSON, without how long it may take and without secrets.
    Probe(String),
}

impl Look {
    /// A live question. How long it may take is no part of it: an answer is an answer.
    fn probe(probe: &Probe) -> Self {
        let text = serde_json::to_value(probe).map(|value| value.to_string()).unwrap_or_default();
        Self::Probe(redact::words(&text).unwrap_or(text))
    }

    /// How much room it takes in the file, in bytes, with what else stands on its line.
    fn size(&self) -> usize {
        100 + match self {
            Self::Probe(text) => text.len(),
            _ => self.path().map_or(0, str::len),
        }
    }

    /// The path that is asked about.
    fn path(&self) -> Option<&str> {
        match self {
            Self::Read(path)
            | Self::Part(path, ..)
            | Self::List(path)
            | Self::Kind(path)
            | Self::Link(path)
            | Self::Filesystem(path)
            | Self::Access(path) => Some(path),
            Self::Machine | Self::Probe(_) => None,
        }
    }
}

/// What a door answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The content of a file, or a part of it.
    Bytes(Vec<u8>),
    /// The names in a directory.
    Names(Vec<String>),
    /// What a path is.
    Kind(FileKind),
    /// Where a link points; the name of the architecture.
    Text(String),
    /// What statfs(2) told.
    Filesystem(FilesystemType),
    /// Owner and mode.
    Access(Access),
    /// What came of a live question.
    Answer(Answer),
}

impl Seen {
    /// How much room it takes in the file at most, in bytes.
    fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => written(bytes),
            Self::Names(names) => names.iter().map(|name| written(name.as_bytes()) + 3).sum(),
            Self::Text(text) | Self::Answer(Answer::Works(text) | Answer::Errno(text)) => {
                written(text.as_bytes())
            }
            Self::Kind(_) | Self::Filesystem(_) | Self::Access(_) => 100,
        }
    }
}

/// How many bytes these are in JSON: control characters are escaped, and what is no UTF-8 is written in hexadecimal.
fn written(bytes: &[u8]) -> usize {
    let one = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\t' | b'\r' | 0x80.. => 2,
        0..0x20 => 6,
        _ => 1,
    };
    bytes
        .iter()
        .map(one)
        .sum::<usize>()
        .max(bytes.len() * 2 * usize::from(std::str::from_utf8(bytes).is_err()))
}

/// The answers by question.
pub type Answers = BTreeMap<Look, Result<Seen, ReadError>>;
