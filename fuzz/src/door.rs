//! A node out of the bytes of a fuzzer.

use preflight_checks::node::{
    Access, Allow, Answer, Door, FileKind, FilesystemType, Memory, Node, Origin, Probe, ReadError,
    ReadErrorKind,
};
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

/// What ends a file in an input of several, and what stands between its path and its content. Texts of the kernel have neither.
const END: u8 = 0x1e;
const BETWEEN: u8 = 0x1f;

/// The files that a fuzzer gives, and what it answers to every question.
#[derive(Clone)]
pub struct Given {
    memory: Memory,
    /// Files that are asked for in parts: the memory would copy them whole each time.
    large: BTreeMap<String, Arc<[u8]>>,
    answer: Option<String>,
}

impl Given {
    /// A machine that has nothing but the release of its kernel.
    #[must_use]
    pub fn new() -> Self {
        let memory = Memory::new().file("/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n");
        Self { memory, large: BTreeMap::new(), answer: None }
    }

    /// The files of an input: `PATH 0x1f CONTENT 0x1e`, again and again. One whose path ends with ` ->` is a link.
    #[must_use]
    pub fn files(data: &[u8]) -> Self {
        let mut given = Self::new();
        for (path, content) in parts(data) {
            let path = String::from_utf8_lossy(path);
            given.memory = match path.strip_suffix(" ->") {
                Some(path) => given.memory.symlink(path, &String::from_utf8_lossy(content)),
                None => given.memory.file(&path, content),
            };
        }
        given
    }

    /// One file more.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.memory = self.memory.file(path, content);
        self
    }

    /// One file more, which is asked for in parts.
    #[must_use]
    pub fn large(mut self, path: &str, content: &[u8]) -> Self {
        // It is there, and its content is elsewhere.
        self.memory = self.memory.file(path, "");
        self.large.insert(path.to_owned(), content.into());
        self
    }

    /// The same without what a file says: it may not be read.
    #[must_use]
    pub fn denied(mut self, path: &str) -> Self {
        self.memory = self.memory.error(path, ReadErrorKind::Denied("EACCES"));
        self.large.remove(path);
        self
    }

    /// The paths of an input of several files.
    pub fn paths(data: &[u8]) -> impl Iterator<Item = Cow<'_, str>> {
        parts(data).map(|(path, _)| String::from_utf8_lossy(path))
    }

    /// Answers this to every question.
    #[must_use]
    pub fn answers(mut self, answer: impl Into<String>) -> Self {
        self.answer = Some(answer.into());
        self
    }

    /// The same as a tree under a root.
    #[must_use]
    pub fn as_root(mut self) -> Self {
        self.memory = self.memory.as_root();
        self
    }

    /// The node, of which everything may be asked.
    #[must_use]
    pub fn node(&self) -> Node {
        let all = [Allow::Network, Allow::Exec, Allow::Write, Allow::Probe];
        Node::new(Arc::new(self.clone()), Arc::default()).allowing(all.into_iter().collect())
    }
}

/// Path and content of each file of an input.
fn parts(data: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    data.split(|byte| *byte == END).take(64).filter_map(|file| {
        let at = file.iter().position(|byte| *byte == BETWEEN)?;
        Some((&file[..at], &file[at + 1..]))
    })
}

impl Default for Given {
    fn default() -> Self {
        Self::new()
    }
}

impl Door for Given {
    fn origin(&self) -> Origin {
        self.memory.origin()
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadError> {
        match self.large.get(path) {
            Some(bytes) if bytes.len() > limit => Err(ReadError::new(path, ReadErrorKind::TooLarge(limit))),
            Some(bytes) => Ok(bytes.to_vec()),
            None => self.memory.read(path, limit),
        }
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, ReadError> {
        let Some(bytes) = self.large.get(path) else { return self.memory.read_at(path, offset, length) };
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Ok(bytes[start..start.saturating_add(length).min(bytes.len())].to_vec())
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        self.memory.list(path)
    }

    fn kind(&self, path: &str) -> Result<FileKind, ReadError> {
        self.memory.kind(path)
    }

    fn link(&self, path: &str) -> Result<String, ReadError> {
        self.memory.link(path)
    }

    fn access(&self, path: &str) -> Result<Access, ReadError> {
        self.memory.access(path)
    }

    fn filesystem(&self, path: &str) -> Result<FilesystemType, ReadError> {
        Door::filesystem(&self.memory, path)
    }

    fn probe(&self, probe: &Probe) -> Result<Answer, ReadError> {
        match &self.answer {
            Some(answer) => Ok(Answer::from(answer.as_str())),
            None => Door::probe(&self.memory, probe),
        }
    }

    fn user(&self) -> Option<u32> {
        self.memory.user()
    }
}
