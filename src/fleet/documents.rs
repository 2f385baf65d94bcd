//! Cuts files into documents, one at a time, so that no file has to fit into memory.
//!
//! A document begins where a line begins with `{`: so it is in files of one document a line and in documents that are set in
//! lines, of which only the first brace stands at the margin. A document that was cut off ends there, too, and costs itself.

use super::reading::is_capture;
use flate2::read::MultiGzDecoder;
use memchr::memmem;
use std::{
    collections::VecDeque,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The largest document, in bytes; a report of the default profile has some 150 KB.
const LIMIT: usize = 8 << 20;
/// How much is read at once.
const CHUNK: usize = 256 << 10;
/// How deep below a directory files are looked for.
const DEPTH: usize = 16;
/// How many documents of a file may be none of preflight before the rest of it is left unread.
const FOREIGN: usize = 10_000;
/// The word that every report has.
const MARK: &[u8] = b"preflight/v1";
/// A packed file may unpack to so many times its size, and to so many bytes anyway: reports pack to a twentieth, at best to a
/// fiftieth of theirs, and what unpacks to a thousand times its size was made to.
const UNPACKED_TIMES: u64 = 100;
const UNPACKED_ANYWAY: u64 = 16 << 20;
/// What a file packed with gzip begins with (RFC 1952, 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The names of files that hold reports, in a directory.
const ENDINGS: [&str; 6] = [".json", ".ndjson", ".jsonl", ".json.gz", ".ndjson.gz", ".jsonl.gz"];

/// Where a document stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// The file.
    pub(super) file: String,
    /// The directory that holds it, for groups.
    pub(super) directory: String,
    /// Its number in the file, from 1.
    pub(super) number: usize,
}

/// What is one document, or says why there is none.
pub(super) struct Piece {
    pub(super) place: Place,
    pub(super) bytes: Result<Vec<u8>, String>,
}

/// The documents of many files, in the order of the files.
pub(super) struct Documents {
    files: VecDeque<Found>,
    open: Option<Open>,
    other_files: usize,
}

/// A file, and why it can't be read, if that is known already.
type Found = (PathBuf, Option<String>);

/// A file that is being read.
struct Open {
    place: Place,
    from: Box<dyn Read + Send>,
    /// What was read and not yet handed out.
    held: Vec<u8>,
    /// How much of that has no end of a document in it.
    searched: usize,
    ended: bool,
    /// The document that is too large is passed over.
    skipping: bool,
    /// How many documents are none of preflight.
    foreign: usize,
}

impl Documents {
    /// Those of files, of directories and what is below, and of standard input (`-`).
    pub(super) fn open(paths: &[PathBuf]) -> Result<Self, String> {
        let mut all = Below::default();
        for path in paths {
            match look(path) {
                Ok(metadata) if metadata.is_dir() => all.walk(path, DEPTH),
                Err(e) if path != Path::new("-") => return Err(format!("{}: {e}", path.display())),
                _ => all.found.push((path.clone(), None)),
            }
        }
        // Whoever names the same files in another order gets the same picture.
        all.found.sort();
        Ok(Self { files: all.found.into(), open: None, other_files: all.others })
    }

    /// How many files in directories are none of reports.
    pub(super) fn take_other_files(&mut self) -> usize {
        std::mem::take(&mut self.other_files)
    }
}

impl Iterator for Documents {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        loop {
            if let Some(open) = &mut self.open {
                if let Some(piece) = open.next() {
                    return Some(piece);
                }
                self.open = None;
            }
            let (path, why_not) = self.files.pop_front()?;
            let directory = path.parent().map(|parent| parent.display().to_string()).unwrap_or_default();
            let place = Place { file: path.display().to_string(), directory, number: 1 };
            match why_not.map_or_else(|| start(&path).map_err(|e| e.to_string()), Err) {
                Ok(from) => self.open = Some(Open::new(place, from)),
                Err(why) => return Some(Piece { place, bytes: Err(why) }),
            }
        }
    }
}

impl Open {
    fn new(place: Place, from: Box<dyn Read + Send>) -> Self {
        let (held, searched) = (Vec::new(), 0);
        Self { place, from, held, searched, ended: false, skipping: false, foreign: 0 }
    }

    fn next(&mut self) -> Option<Piece> {
        loop {
            // The brace that begins this document is not the end of it.
            let from = self.searched.max(1).min(self.held.len());
            if let Some(at) = memmem::find(&self.held[from..], b"\n{").map(|at| from + at + 1) {
                let rest = self.held.split_off(at);
                let bytes = std::mem::replace(&mut self.held, rest);
                self.searched = 0;
                if self.place.number == 1 && is_capture(&bytes) {
                    // Its further lines are answers of a node, of which each would be one more that is no report.
                    let place = self.place.clone();
                    self.end();
                    return Some(Piece { place, bytes: Ok(bytes) });
                }
                self.foreign += usize::from(memmem::find(&bytes, MARK).is_none());
                if self.foreign > FOREIGN {
                    let place = self.place.clone();
                    self.end();
                    let why = format!(
                        "{FOREIGN} documents of this file are none of preflight: the rest was not read"
                    );
                    return Some(Piece { place, bytes: Err(why) });
                }
                if let Some(piece) = self.piece(Ok(bytes)) {
                    return Some(piece);
                }
                continue;
            }
            // The newline may be there already, and the brace not yet.
            self.searched = self.held.len().saturating_sub(1);
            if self.held.len() > LIMIT {
                let begin = !std::mem::replace(&mut self.skipping, true);
                self.held.drain(..self.held.len() - 1);
                self.searched = 0;
                if begin {
                    let why = format!("it has more than {} MiB", LIMIT >> 20);
                    return Some(Piece { place: self.place.clone(), bytes: Err(why) });
                }
            }
            if self.ended {
                let bytes = std::mem::take(&mut self.held);
                // A file with nothing in it is no report; white space after one is nothing.
                let is_blank = bytes.iter().all(u8::is_ascii_whitespace);
                if is_blank && (self.place.number > 1 || self.skipping) || self.place.number == 0 {
                    return None;
                }
                let piece = self.piece(Ok(bytes));
                self.place.number = 0;
                return piece;
            }
            if let Err(e) = self.read_more() {
                let piece = Piece { place: self.place.clone(), bytes: Err(e.to_string()) };
                self.end();
                return Some(piece);
            }
        }
    }

    /// A document that ended; none where it was too large, which was said.
    fn piece(&mut self, bytes: Result<Vec<u8>, String>) -> Option<Piece> {
        let place = self.place.clone();
        self.place.number += 1;
        if std::mem::take(&mut self.skipping) { None } else { Some(Piece { place, bytes }) }
    }

    fn end(&mut self) {
        (self.held, self.ended) = (Vec::new(), true);
        self.place.number = 0;
    }

    fn read_more(&mut self) -> io::Result<()> {
        let held = self.held.len();
        self.held.resize(held + CHUNK, 0);
        let read = loop {
            match self.from.read(&mut self.held[held..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.held.truncate(held + read.as_ref().copied().unwrap_or(0));
        self.ended = read? == 0;
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "reports are the user's files, not part of the node")]
fn look(path: &Path) -> io::Result<fs::Metadata> {
    fs::metadata(path)
}

/// What is told of a file that is named or found; a FIFO that was named is waited for, one that was found is not.
#[expect(clippy::disallowed_methods, reason = "reports are the user's files, not part of the node")]
fn start(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let mut from: Box<dyn Read + Send> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(fs::File::open(path)?) };
    let mut first = [0; 2];
    let mut length = 0;
    while length < first.len() {
        match from.read(&mut first[length..])? {
            0 => break,
            read => length += read,
        }
    }
    let whole = io::Cursor::new(first).take(length as u64).chain(from);
    if first[..length] == GZIP { Ok(Box::new(Unpacked::new(whole))) } else { Ok(Box::new(whole)) }
}

/// What gzip packed, as long as it stays within reason.
struct Unpacked<R> {
    from: MultiGzDecoder<Counted<R>>,
    packed: Arc<AtomicU64>,
    given: u64,
}

/// Counts what is read.
struct Counted<R>(R, Arc<AtomicU64>);

impl<R: Read> Unpacked<R> {
    fn new(from: R) -> Self {
        let packed = Arc::new(AtomicU64::new(0));
        Self { from: MultiGzDecoder::new(Counted(from, Arc::clone(&packed))), packed, given: 0 }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.given += read as u64;
        if self.given > UNPACKED_ANYWAY + UNPACKED_TIMES * self.packed.load(Ordering::Relaxed) {
            return Err(io::Error::other("it unpacks to more than a hundred times its size"));
        }
        Ok(read)
    }
}

/// What lies below directories.
#[derive(Default)]
struct Below {
    found: Vec<Found>,
    /// Files that are none of reports by their names.
    others: usize,
}

impl Below {
    /// Finds the files of reports. Links to directories are not followed, or the way could be endless. What can't be looked at
    /// may hold reports: it is one that can't be read.
    #[expect(clippy::disallowed_methods, reason = "reports are the user's files, not part of the node")]
    fn walk(&mut self, directory: &Path, depth: usize) {
        let entries = match fs::read_dir(directory) {
            Ok(_) if depth == 0 => {
                return self.unread(directory, format!("it lies more than {DEPTH} directories deep"));
            }
            Ok(entries) => entries,
            Err(e) => return self.unread(directory, e.to_string()),
        };
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
                Ok((path, kind)) if kind.is_dir() => self.walk(&path, depth - 1),
                Ok((path, _)) => self.file(path),
                Err(e) => return self.unread(directory, e.to_string()),
            }
        }
    }

    fn file(&mut self, path: PathBuf) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if !ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            self.others += 1;
            return;
        }
        let why_not = match look(&path) {
            Ok(metadata) if metadata.is_file() => None,
            Ok(_) => Some("it is no file".to_owned()),
            Err(e) => Some(e.to_string()),
        };
        self.found.push((path, why_not));
    }

    fn unread(&mut self, path: &Path, why: String) {
        self.found.push((path.to_owned(), Some(why)));
    }
}
