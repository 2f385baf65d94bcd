//! A capture as a file: gzip (RFC 1952) of one JSON document a line, the first of them the [`Header`], each other one a
//! question and its answer. `zcat node.pfcap | jq` reads it.

use super::{Answers, Captured, Look, Seen, redact};
use crate::{
    facts::btf,
    node::{Access, Allow, Answer, FileKind, FilesystemType, Node, ReadError, ReadErrorKind},
};
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fmt,
    io::{self, BufRead, BufReader, Read, Write},
    marker::PhantomData,
    sync::Arc,
};

/// The version of the format.
pub const FORMAT: &str = "preflight/v1";
const KIND: &str = "Capture";

/// The largest file that is read, in bytes.
const PACKED: u64 = 24 << 20;
/// The most that it may hold when it is unpacked, in bytes; a usual node's has two million. A line of it is in memory twice
/// for a moment, and all of it has to fit into what a run may take (64 MiB).
const UNPACKED: u64 = 24 << 20;
/// The most that its answers may take in memory, in bytes.
const KEPT: usize = 40 << 20;
/// The most names of one directory, as a door has it.
const NAMES: usize = 100_000;
/// The longest first line, in bytes.
const HEADER: usize = 64 << 10;
/// The longest path, in bytes (PATH_MAX, include/uapi/linux/limits.h).
const PATH: usize = 4096;

/// What is said of a capture as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// [`FORMAT`].
    pub api_version: String,
    /// `Capture`.
    pub kind: String,
    /// The version of the program that made it.
    pub version: String,
    /// When: RFC 3339, UTC.
    pub captured_at: String,
    /// The policy that asked.
    pub policy: String,
    /// Whether it was a live machine, and not a tree under a directory.
    pub live: bool,
    /// The directory that was taken for the node's root.
    pub root: String,
    /// The effective user id on a live machine.
    pub user: Option<u32>,
    /// What more than reading was allowed: words of `--allow`.
    pub allowed: Vec<String>,
}

impl Header {
    /// One of this version of the format.
    #[must_use]
    pub fn new(version: &str, captured_at: String, policy: String) -> Self {
        Self {
            api_version: FORMAT.to_owned(),
            kind: KIND.to_owned(),
            version: version.to_owned(),
            captured_at,
            policy,
            live: true,
            root: "/".to_owned(),
            user: None,
            allowed: Vec::new(),
        }
    }

    /// What was allowed.
    pub fn allowances(&self) -> impl Iterator<Item = Allow> + '_ {
        Allow::ALL.into_iter().filter(|allow| self.allowed.iter().any(|word| word == allow.as_str()))
    }
}

/// A capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// What is said of all of it.
    pub header: Header,
    /// What was asked and answered.
    pub answers: Answers,
    /// From which answers a secret was taken: paths, and calls of live questions.
    pub redacted: BTreeSet<String>,
}

/// Why a file is no capture that can be read.
#[derive(Debug)]
pub enum CaptureError {
    /// It can't be read, or is not packed with gzip.
    Io(io::Error),
    /// What it begins with is no header of a capture.
    NoCapture(String),
    /// It is of a version of the format that is not known here.
    Version(String),
    /// This line of it, counted from 1, is wrong.
    Line(usize, String),
    /// It is larger than a capture may be.
    TooLarge(&'static str),
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(e) => write!(f, "it can't be read as a capture: {e}"),
            Self::NoCapture(why) => write!(f, "it is no capture: {why}"),
            Self::Version(version) => write!(
                f,
                "it is of the format {version:?}, and this program knows {FORMAT:?}: use the version that made it, or a later one"
            ),
            Self::Line(number, why) => write!(f, "line {number} of it (unpacked) is wrong: {why}"),
            Self::TooLarge(what) => write!(f, "it is too large: {what}"),
        }
    }
}

impl std::error::Error for CaptureError {}

/// A question and its answer in the file.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Line {
    /// The kind of question.
    look: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    length: Option<usize>,
    /// The question as JSON in a text of its own: a tree of values would take many times its length.
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<String>,
    /// Of bytes that are UTF-8, of a link, of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Of other bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "at_most::<NAMES, _, _>")]
    names: Option<Vec<String>>,
    /// `file`, `directory`, `other`.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Of a file system: magic, size, available, inodes, inodesFree. Of access: owner, group, mode.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "at_most::<5, _, _>")]
    numbers: Option<Vec<u64>>,
    /// The name of the error that a live question gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    errno: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    redacted: bool,
}

/// A look that failed.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Failure {
    kind: String,
    /// What the kind does not say.
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// What was looked at, where it is not the path of the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
}

impl Capture {
    /// A capture of these answers, from which secrets are taken.
    #[must_use]
    pub fn new(header: Header, mut answers: Answers) -> Self {
        reduce_types(&header, &mut answers);
        let mut redacted = BTreeSet::new();
        for (look, answer) in &mut answers {
            if redact::answer(look, answer) {
                redacted.insert(match look {
                    Look::Probe(text) => text.chars().take(60).collect(),
                    _ => look.path().unwrap_or_default().to_owned(),
                });
            }
        }
        Self { header, answers, redacted }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Those of writing.
    pub fn write(&self, into: impl Write) -> io::Result<()> {
        let mut out = GzEncoder::new(into, Compression::best());
        serde_json::to_writer(&mut out, &self.header)?;
        for (look, answer) in &self.answers {
            out.write_all(b"\n")?;
            let mut line = Line::new(look, answer);
            line.redacted = look.path().is_some_and(|path| self.redacted.contains(path));
            serde_json::to_writer(&mut out, &line)?;
        }
        out.write_all(b"\n")?;
        out.finish()?.flush()
    }

    /// Reads a file; nothing of it leads anywhere but into memory, and that is bounded.
    ///
    /// # Errors
    /// When it is no capture, of another version, broken, or too large.
    pub fn read(from: impl Read) -> Result<Self, CaptureError> {
        let unpacked = GzDecoder::new(BufReader::new(from.take(PACKED))).take(UNPACKED);
        let mut lines = BufReader::new(unpacked);
        let mut text = Vec::new();
        let mut next = |text: &mut Vec<u8>| -> Result<bool, CaptureError> {
            text.clear();
            lines.read_until(b'\n', text).map_err(CaptureError::Io)?;
            if text.last().is_some_and(|last| *last != b'\n') && lines.get_ref().limit() == 0 {
                return Err(CaptureError::TooLarge("it unpacks to more than 24 MiB"));
            }
            Ok(!text.is_empty())
        };
        next(&mut text)?;
        let header = header(&text)?;
        let (mut answers, mut redacted) = (Answers::new(), BTreeSet::new());
        let (mut number, mut kept) = (1, 0);
        while next(&mut text)? {
            number += 1;
            let wrong = |why: String| CaptureError::Line(number, why);
            let line: Line = serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
            if line.redacted {
                redacted.extend(line.path.clone());
            }
            let (look, answer) = line.parse().map_err(wrong)?;
            kept += memory(&look, &answer);
            if kept > KEPT {
                return Err(CaptureError::TooLarge("its answers take more than 40 MiB"));
            }
            answers.insert(look, answer);
        }
        Ok(Self { header, answers, redacted })
    }
}

/// About how much an answer takes in memory, in bytes: a place in the map, and what hangs on it.
fn memory(look: &Look, answer: &Result<Seen, ReadError>) -> usize {
    const PLACE: usize = 256;
    let hangs = match answer {
        Ok(Seen::Bytes(bytes)) => bytes.len(),
        Ok(Seen::Names(names)) => names.iter().map(|name| size_of::<String>() + name.len().max(32)).sum(),
        Ok(seen) => seen.size(),
        Err(_) => look.path().map_or(0, str::len),
    };
    PLACE + look.size() + hangs
}

/// A list of so many items at most: each takes more room than its text.
fn at_most<'de, const MOST: usize, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    struct Bounded<T, const MOST: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Bounded<T, MOST> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MOST}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                if list.len() == MOST {
                    return Err(de::Error::invalid_length(MOST + 1, &self));
                }
                list.push(item);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(Bounded::<T, MOST>(PhantomData)).map(Some)
}

/// Puts what the kernel's type information says of cgroups in the place of the megabytes in which it was found.
fn reduce_types(header: &Header, answers: &mut Answers) {
    let is_part = |look: &Look| matches!(look, Look::Read(path) | Look::Part(path, ..) if path == btf::PATH);
    let parts: Answers =
        answers.iter().filter(|(look, _)| is_part(look)).map(|(l, a)| (l.clone(), a.clone())).collect();
    if parts.is_empty() {
        return;
    }
    let found = Capture { header: header.clone(), answers: parts, redacted: BTreeSet::new() };
    let node = Node::new(Arc::new(Captured::new(found)), Arc::default());
    // What says nothing keeps what shows that: its beginning, as far as that was read by itself.
    if let Ok(types) = node.cgroup_types() {
        let bytes = btf::reduced(types);
        if btf::cgroup_types(&bytes).as_ref() == Ok(types) {
            answers.retain(|look, _| !is_part(look));
            answers.insert(Look::Read(btf::PATH.to_owned()), Ok(Seen::Bytes(bytes)));
            return;
        }
    }
    let is_large =
        |answer: &Result<Seen, ReadError>| answer.as_ref().is_ok_and(|seen| seen.size() > 64 << 10);
    answers.retain(|look, answer| !is_part(look) || !is_large(answer));
}

fn header(text: &[u8]) -> Result<Header, CaptureError> {
    if text.len() > HEADER {
        return Err(CaptureError::NoCapture("its first line is longer than 64 KiB".to_owned()));
    }
    // The version first: what it means may change with it.
    let value: Value = serde_json::from_slice(text).map_err(|e| CaptureError::NoCapture(e.to_string()))?;
    let of = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if of("kind") != KIND {
        return Err(CaptureError::NoCapture(format!("its kind is {:?}", of("kind"))));
    }
    if of("apiVersion") != FORMAT {
        return Err(CaptureError::Version(of("apiVersion")));
    }
    serde_json::from_value(value).map_err(|e| CaptureError::NoCapture(e.to_string()))
}

impl Line {
    fn new(look: &Look, answer: &Result<Seen, ReadError>) -> Self {
        let mut line = Self { path: look.path().map(str::to_owned), ..Self::default() };
        let word = match look {
            Look::Read(_) => "read",
            Look::Part(_, offset, length) => {
                (line.offset, line.length) = (Some(*offset), Some(*length));
                "part"
            }
            Look::List(_) => "list",
            Look::Kind(_) => "kind",
            Look::Link(_) => "link",
            Look::Filesystem(_) => "filesystem",
            Look::Access(_) => "access",
            Look::Machine => "machine",
            Look::Probe(text) => {
                line.probe = Some(text.clone());
                "probe"
            }
        };
        word.clone_into(&mut line.look);
        match answer {
            Ok(seen) => line.tell(seen),
            Err(e) => line.error = Some(Failure::new(e, look.path())),
        }
        line
    }

    fn tell(&mut self, seen: &Seen) {
        match seen {
            Seen::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => self.text = Some(text.to_owned()),
                Err(_) => self.hex = Some(hex(bytes)),
            },
            Seen::Names(names) => self.names = Some(names.clone()),
            Seen::Kind(kind) => {
                self.kind = Some(
                    match kind {
                        FileKind::File => "file",
                        FileKind::Directory => "directory",
                        FileKind::Other => "other",
                    }
                    .to_owned(),
                );
            }
            Seen::Text(text) | Seen::Answer(Answer::Works(text)) => self.text = Some(text.clone()),
            Seen::Filesystem(f) => {
                self.numbers = Some(vec![f.magic, f.size, f.available, f.inodes, f.inodes_free]);
            }
            Seen::Access(a) => self.numbers = Some([a.owner, a.group, a.mode].map(u64::from).to_vec()),
            Seen::Answer(Answer::Errno(name)) => self.errno = Some(name.clone()),
        }
    }

    fn parse(self) -> Result<(Look, Result<Seen, ReadError>), String> {
        let path = || -> Result<String, String> {
            let path = self.path.clone().ok_or("it has no path")?;
            if path.len() > PATH || !path.starts_with('/') {
                return Err("its path is not absolute, or longer than 4096 bytes".to_owned());
            }
            Ok(path)
        };
        let look = match self.look.as_str() {
            "read" => Look::Read(path()?),
            "part" => Look::Part(
                path()?,
                self.offset.ok_or("it has no offset")?,
                self.length.ok_or("it has no length")?,
            ),
            "list" => Look::List(path()?),
            "kind" => Look::Kind(path()?),
            "link" => Look::Link(path()?),
            "filesystem" => Look::Filesystem(path()?),
            "access" => Look::Access(path()?),
            "machine" => Look::Machine,
            "probe" => Look::Probe(self.probe.clone().ok_or("it has no probe")?),
            other => return Err(format!("{other:?} is no kind of question")),
        };
        let answer = match &self.error {
            Some(failure) => Err(failure.parse(look.path())),
            None => Ok(self.seen(&look).ok_or("its answer is none to its question")?),
        };
        Ok((look, answer))
    }

    fn seen(self, look: &Look) -> Option<Seen> {
        let numbers = self.numbers.as_deref();
        Some(match look {
            Look::Read(_) | Look::Part(..) => Seen::Bytes(match (self.text, self.hex) {
                (Some(text), _) => text.into_bytes(),
                (None, hex) => unhex(&hex?)?,
            }),
            Look::List(_) => {
                let mut names = self.names?;
                names.sort_unstable();
                names.dedup();
                names.shrink_to_fit();
                Seen::Names(names)
            }
            Look::Kind(_) => Seen::Kind(match self.kind?.as_str() {
                "file" => FileKind::File,
                "directory" => FileKind::Directory,
                "other" => FileKind::Other,
                _ => return None,
            }),
            Look::Link(_) | Look::Machine => Seen::Text(self.text?),
            Look::Filesystem(_) => match numbers? {
                &[magic, size, available, inodes, inodes_free] => {
                    Seen::Filesystem(FilesystemType { magic, size, available, inodes, inodes_free })
                }
                _ => return None,
            },
            Look::Access(_) => match numbers? {
                [owner, group, mode] => {
                    let small = |number: &u64| u32::try_from(*number).ok();
                    Seen::Access(Access { owner: small(owner)?, group: small(group)?, mode: small(mode)? })
                }
                _ => return None,
            },
            Look::Probe(_) => Seen::Answer(match (self.text, self.errno) {
                (Some(text), _) => Answer::Works(text),
                (None, errno) => Answer::Errno(errno?),
            }),
        })
    }
}

/// What the kinds of files are called that are not what they should be: the words of the door.
const WRONG_KINDS: [&str; 7] = [
    "a directory",
    "a FIFO",
    "a socket",
    "a device",
    "no regular file",
    "not a directory",
    "no symbolic link",
];

impl Failure {
    fn new(error: &ReadError, path: Option<&str>) -> Self {
        let (kind, detail) = match &error.kind {
            ReadErrorKind::Missing => ("missing", String::new()),
            ReadErrorKind::Denied(errno) => ("denied", (*errno).to_owned()),
            ReadErrorKind::WrongKind(found) => ("wrongKind", (*found).to_owned()),
            ReadErrorKind::TooLarge(limit) => ("tooLarge", limit.to_string()),
            ReadErrorKind::TimedOut => ("timedOut", String::new()),
            ReadErrorKind::BadPath => ("badPath", String::new()),
            ReadErrorKind::LiveOnly => ("liveOnly", String::new()),
            ReadErrorKind::NotAllowed(what) => ("notAllowed", what.as_str().to_owned()),
            ReadErrorKind::NotCaptured => ("notCaptured", String::new()),
            ReadErrorKind::System(text) => ("system", text.clone()),
        };
        let at = (path != Some(&error.path)).then(|| error.path.clone());
        Self { kind: kind.to_owned(), detail, at }
    }

    fn parse(&self, path: Option<&str>) -> ReadError {
        let named = |all: &[&'static str]| all.iter().copied().find(|name| *name == self.detail);
        let kind = match self.kind.as_str() {
            "missing" => Some(ReadErrorKind::Missing),
            "denied" => named(&["EACCES", "EPERM"]).map(ReadErrorKind::Denied),
            "wrongKind" => named(&WRONG_KINDS).map(ReadErrorKind::WrongKind),
            "tooLarge" => self.detail.parse().ok().map(ReadErrorKind::TooLarge),
            "timedOut" => Some(ReadErrorKind::TimedOut),
            "badPath" => Some(ReadErrorKind::BadPath),
            "liveOnly" => Some(ReadErrorKind::LiveOnly),
            "notAllowed" => {
                let what = Allow::ALL.into_iter().find(|allow| allow.as_str() == self.detail);
                what.map(ReadErrorKind::NotAllowed)
            }
            "system" => Some(ReadErrorKind::System(self.detail.clone())),
            _ => None,
        };
        // An error that is not known here tells nothing but that there was one.
        let path = self.at.as_deref().or(path).unwrap_or_default();
        ReadError::new(path, kind.unwrap_or(ReadErrorKind::NotCaptured))
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|n| u8::try_from(n).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
