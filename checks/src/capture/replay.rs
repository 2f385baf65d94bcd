//! The door that gives noted answers again.

use super::{Answers, Capture, Look, Seen};
use crate::node::{
    Access, Answer, Door, FileKind, FilesystemType, Origin, Probe, ReadError, ReadErrorKind, Then,
};
use std::{collections::BTreeSet, ops::Bound};

/// A node as it answered when it was captured.
///
/// What was not asked then is answered where the answer follows from another one (a name that a directory did not list is
/// missing), and is unknown otherwise.
pub struct Captured {
    capture: Capture,
    /// Directories in which a name can be found that they do not list.
    automounted: BTreeSet<String>,
}

/// What is known of whether a path is there.
enum There {
    Yes,
    No,
    Unknown,
}

impl Captured {
    /// The node of `capture`.
    #[must_use]
    pub fn new(capture: Capture) -> Self {
        let automounted = automounted(&capture.answers);
        Self { capture, automounted }
    }

    /// When and by what it was captured.
    #[must_use]
    pub fn capture(&self) -> &Capture {
        &self.capture
    }

    fn answer(&self, look: &Look) -> Option<&Result<Seen, ReadError>> {
        self.capture.answers.get(look)
    }

    /// The answer to a question about `path` that was not put: that it is missing, where that follows.
    fn not_asked(&self, path: &str) -> ReadError {
        let kind = if self.is_missing(path) { ReadErrorKind::Missing } else { ReadErrorKind::NotCaptured };
        ReadError::new(path, kind)
    }

    /// As [`not_asked`](Self::not_asked), of what is asked of a live machine alone.
    fn not_live(&self, path: &str) -> ReadError {
        match self.origin() {
            Origin::Live => self.not_asked(path),
            Origin::Root => ReadError::new(path, ReadErrorKind::LiveOnly),
        }
    }

    fn is_missing(&self, path: &str) -> bool {
        let mut at = path.trim_end_matches('/');
        while let Some((parent, name)) = at.rsplit_once('/') {
            match self.is_there(at) {
                There::Yes => return false,
                There::No => return true,
                There::Unknown => {}
            }
            let parent = if parent.is_empty() { "/" } else { parent };
            if let Some(Ok(Seen::Names(names))) = self.answer(&Look::List(parent.to_owned()))
                && !self.automounted.contains(parent)
            {
                // A name that is listed may still be a link that leads nowhere.
                return names.binary_search_by(|listed| listed.as_str().cmp(name)).is_err();
            }
            at = parent.trim_end_matches('/');
        }
        false
    }

    /// By what was asked of the path itself.
    fn is_there(&self, path: &str) -> There {
        let looks = [Look::Kind, Look::Read, Look::List, Look::Access].map(|look| look(path.to_owned()));
        let mut there = There::Unknown;
        for answer in looks.iter().filter_map(|look| self.answer(look)) {
            match answer {
                Ok(_) => return There::Yes,
                Err(e) if e.is_missing() => there = There::No,
                Err(_) => {}
            }
        }
        there
    }

    /// A part out of one that was captured and holds it.
    fn part(&self, path: &str, offset: u64, length: usize) -> Option<Vec<u8>> {
        let first = Look::Part(path.to_owned(), 0, 0);
        let last = Look::Part(path.to_owned(), offset, usize::MAX);
        let parts = self.capture.answers.range((Bound::Included(first), Bound::Included(last)));
        parts.rev().find_map(|(look, answer)| match (look, answer) {
            (Look::Part(_, at, asked), Ok(Seen::Bytes(bytes))) => {
                let start = usize::try_from(offset.checked_sub(*at)?).ok()?;
                let ends_there = bytes.len() < *asked;
                let end = start.checked_add(length)?;
                let whole = end <= bytes.len() || ends_there;
                whole.then(|| bytes[start.min(bytes.len())..end.min(bytes.len())].to_vec())
            }
            _ => None,
        })
    }
}

/// The directories on which automounts wait: what they list is not all that can be found there (autofs(5)).
fn automounted(answers: &Answers) -> BTreeSet<String> {
    let tables = ["/proc/self/mountinfo", "/proc/1/mountinfo"].map(|path| Look::Read(path.to_owned()));
    let texts = tables.iter().filter_map(|look| match answers.get(look) {
        Some(Ok(Seen::Bytes(bytes))) => Some(String::from_utf8_lossy(bytes)),
        _ => None,
    });
    let mut found = BTreeSet::new();
    for text in texts {
        let points =
            text.lines().filter(|line| line.contains(" - autofs ")).filter_map(|line| line.split(' ').nth(4));
        found.extend(points.map(str::to_owned));
    }
    found
}

impl Door for Captured {
    fn origin(&self) -> Origin {
        if self.capture.header.live { Origin::Live } else { Origin::Root }
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadError> {
        match self.answer(&Look::Read(path.to_owned())) {
            Some(Ok(Seen::Bytes(bytes))) if bytes.len() > limit => {
                Err(ReadError::new(path, ReadErrorKind::TooLarge(limit)))
            }
            Some(Ok(Seen::Bytes(bytes))) => Ok(bytes.clone()),
            // Whether it is larger than this limit, too, nobody knows.
            Some(Err(ReadError { kind: ReadErrorKind::TooLarge(then), .. })) if *then < limit => {
                Err(ReadError::new(path, ReadErrorKind::NotCaptured))
            }
            Some(Err(e)) => Err(e.clone()),
            Some(Ok(_)) | None => match self.answer(&Look::Kind(path.to_owned())) {
                Some(Ok(Seen::Kind(FileKind::Directory))) => {
                    Err(ReadError::new(path, ReadErrorKind::WrongKind("a directory")))
                }
                _ => Err(self.not_asked(path)),
            },
        }
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, ReadError> {
        if let Some(answer) = self.answer(&Look::Part(path.to_owned(), offset, length)) {
            return bytes(path, answer);
        }
        if let Some(part) = self.part(path, offset, length) {
            return Ok(part);
        }
        let whole = self.read(path, usize::MAX)?;
        let start = usize::try_from(offset).map_or(whole.len(), |at| at.min(whole.len()));
        Ok(whole[start..start.saturating_add(length).min(whole.len())].to_vec())
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        match self.answer(&Look::List(path.to_owned())) {
            Some(Ok(Seen::Names(names))) => Ok(names.clone()),
            Some(Err(e)) => Err(e.clone()),
            Some(Ok(_)) | None => Err(self.not_asked(path)),
        }
    }

    fn kind(&self, path: &str) -> Result<FileKind, ReadError> {
        match self.answer(&Look::Kind(path.to_owned())) {
            Some(Ok(Seen::Kind(kind))) => return Ok(*kind),
            Some(Err(e)) => return Err(e.clone()),
            Some(Ok(_)) | None => {}
        }
        if matches!(self.answer(&Look::Read(path.to_owned())), Some(Ok(_))) {
            Ok(FileKind::File)
        } else if matches!(self.answer(&Look::List(path.to_owned())), Some(Ok(_))) {
            Ok(FileKind::Directory)
        } else {
            Err(self.not_asked(path))
        }
    }

    fn link(&self, path: &str) -> Result<String, ReadError> {
        match self.answer(&Look::Link(path.to_owned())) {
            Some(Ok(Seen::Text(target))) => Ok(target.clone()),
            Some(Err(e)) => Err(e.clone()),
            Some(Ok(_)) | None => Err(self.not_asked(path)),
        }
    }

    fn filesystem(&self, path: &str) -> Result<FilesystemType, ReadError> {
        match self.answer(&Look::Filesystem(path.to_owned())) {
            Some(Ok(Seen::Filesystem(found))) => Ok(*found),
            Some(Err(e)) => Err(e.clone()),
            Some(Ok(_)) | None => Err(self.not_live(path)),
        }
    }

    fn access(&self, path: &str) -> Result<Access, ReadError> {
        match self.answer(&Look::Access(path.to_owned())) {
            Some(Ok(Seen::Access(access))) => Ok(*access),
            Some(Err(e)) => Err(e.clone()),
            Some(Ok(_)) | None => Err(self.not_live(path)),
        }
    }

    fn machine(&self) -> Result<String, ReadError> {
        match self.answer(&Look::Machine) {
            Some(Ok(Seen::Text(machine))) => Ok(machine.clone()),
            Some(Err(e)) => Err(e.clone()),
            Some(Ok(_)) | None => Err(self.not_live("uname")),
        }
    }

    fn probe(&self, probe: &Probe) -> Result<Answer, ReadError> {
        match self.answer(&Look::probe(probe)) {
            Some(Ok(Seen::Answer(answer))) => Ok(answer.clone()),
            Some(Err(e)) => Err(e.clone()),
            Some(Ok(_)) | None => Err(match self.origin() {
                Origin::Live => ReadError::new(probe.call(), ReadErrorKind::NotCaptured),
                Origin::Root => ReadError::new(probe.call(), ReadErrorKind::LiveOnly),
            }),
        }
    }

    fn user(&self) -> Option<u32> {
        self.capture.header.user
    }

    fn captured(&self) -> Option<Then> {
        let header = &self.capture.header;
        Some(Then {
            time: header.captured_at.clone(),
            root: header.root.clone(),
            allowed: header.allowances().collect(),
        })
    }
}

fn bytes(path: &str, answer: &Result<Seen, ReadError>) -> Result<Vec<u8>, ReadError> {
    match answer {
        Ok(Seen::Bytes(bytes)) => Ok(bytes.clone()),
        Ok(_) => Err(ReadError::new(path, ReadErrorKind::NotCaptured)),
        Err(e) => Err(e.clone()),
    }
}
