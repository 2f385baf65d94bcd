//! The door that notes what another one answers.

use super::{Answers, Look, Seen};
use crate::facts::btf;
use crate::node::{Access, Answer, Door, FileKind, FilesystemType, Origin, Probe, ReadError, ReadErrorKind};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How much is kept altogether, in bytes of the file: less than is read again. A usual node gives two million.
const KEPT: usize = 20 << 20;

/// A door that notes every answer of another one.
pub struct Recorder {
    door: Arc<dyn Door>,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    /// None while the answer is being waited for.
    answers: BTreeMap<Look, Option<Result<Seen, ReadError>>>,
    size: usize,
    left_out: usize,
}

impl Recorder {
    /// Notes what `door` answers from now on.
    #[must_use]
    pub fn new(door: Arc<dyn Door>) -> Self {
        Self { door, notes: Mutex::default() }
    }

    /// What was answered so far, and how many answers were too much to be kept. What has not been answered is noted as what
    /// did not answer in time.
    #[must_use]
    pub fn answers(&self) -> (Answers, usize) {
        let notes = self.notes();
        let answer = |(look, answer): (&Look, &Option<Result<Seen, ReadError>>)| {
            let path = look.path().unwrap_or_default();
            let answer = answer.clone().unwrap_or_else(|| Err(ReadError::new(path, ReadErrorKind::TimedOut)));
            (look.clone(), answer)
        };
        (notes.answers.iter().map(answer).collect(), notes.left_out)
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        // A panic while the lock is held leaves at worst one answer out.
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, and notes question and answer. The last answer to a question counts: a rule that is asked again until it
    /// passes is judged by it, too.
    fn note<T: Clone>(
        &self,
        look: Look,
        ask: impl FnOnce(&dyn Door) -> Result<T, ReadError>,
        seen: impl FnOnce(T) -> Seen,
    ) -> Result<T, ReadError> {
        self.notes().answers.entry(look.clone()).or_insert(None);
        let answer = ask(&*self.door);
        let kept = answer.clone().map(seen);
        // What becomes some hundred bytes in the file takes nobody's room.
        let is_reduced = look.path() == Some(btf::PATH);
        let size = if is_reduced { 0 } else { look.size() + kept.as_ref().map_or(0, Seen::size) };
        let mut notes = self.notes();
        if notes.size.saturating_add(size) > KEPT {
            notes.answers.remove(&look);
            notes.left_out += 1;
        } else {
            notes.size += size;
            let again = look.size();
            if let Some(Some(before)) = notes.answers.insert(look, Some(kept))
                && !is_reduced
            {
                notes.size = notes.size.saturating_sub(again + before.map_or(0, |before| before.size()));
            }
        }
        answer
    }
}

impl Door for Recorder {
    fn origin(&self) -> Origin {
        self.door.origin()
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadError> {
        self.note(Look::Read(path.to_owned()), |door| door.read(path, limit), Seen::Bytes)
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, ReadError> {
        let look = Look::Part(path.to_owned(), offset, length);
        self.note(look, |door| door.read_at(path, offset, length), Seen::Bytes)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        self.note(Look::List(path.to_owned()), |door| door.list(path), Seen::Names)
    }

    fn kind(&self, path: &str) -> Result<FileKind, ReadError> {
        self.note(Look::Kind(path.to_owned()), |door| door.kind(path), Seen::Kind)
    }

    fn link(&self, path: &str) -> Result<String, ReadError> {
        self.note(Look::Link(path.to_owned()), |door| door.link(path), Seen::Text)
    }

    fn filesystem(&self, path: &str) -> Result<FilesystemType, ReadError> {
        self.note(Look::Filesystem(path.to_owned()), |door| door.filesystem(path), Seen::Filesystem)
    }

    fn access(&self, path: &str) -> Result<Access, ReadError> {
        self.note(Look::Access(path.to_owned()), |door| door.access(path), Seen::Access)
    }

    fn machine(&self) -> Result<String, ReadError> {
        self.note(Look::Machine, |door| door.machine(), Seen::Text)
    }

    fn probe(&self, probe: &Probe) -> Result<Answer, ReadError> {
        self.note(Look::probe(probe), |door| door.probe(probe), Seen::Answer)
    }

    fn user(&self) -> Option<u32> {
        self.door.user()
    }
}
