//! A node made of files in memory: what tests register, and nothing else, exists.

use super::{Access, Answer, Door, FileKind, Origin, Probe, ReadError, ReadErrorKind, door::Filesystem};
use std::{collections::BTreeMap, path::Path};

/// Files in memory. Directories exist by the files below them.
#[derive(Clone, Debug)]
pub struct Memory {
    files: BTreeMap<String, Result<Vec<u8>, ReadErrorKind>>,
    access: BTreeMap<String, Access>,
    links: BTreeMap<String, String>,
    filesystems: BTreeMap<String, Filesystem>,
    probes: BTreeMap<Probe, Answer>,
    origin: Origin,
    user: Option<u32>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            files: BTreeMap::new(),
            access: BTreeMap::new(),
            links: BTreeMap::new(),
            filesystems: BTreeMap::new(),
            probes: BTreeMap::new(),
            origin: Origin::Live,
            user: Some(0),
        }
    }
}

impl Memory {
    /// No file at all, seen by root on a live machine.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.files.insert(path.to_owned(), Ok(content.as_ref().to_vec()));
        self
    }

    /// Adds a path that can't be looked at.
    #[must_use]
    pub fn error(mut self, path: &str, kind: ReadErrorKind) -> Self {
        self.files.insert(path.to_owned(), Err(kind));
        self
    }

    /// Says who owns a file or directory, and its mode; the group has the same number. What nobody spoke of belongs to
    /// root: 0644, directories 0755.
    #[must_use]
    pub fn owned_by(mut self, path: &str, owner: u32, mode: u32) -> Self {
        self.access.insert(path.to_owned(), Access { owner, group: owner, mode });
        self
    }

    /// Adds a symbolic link. [`Door::link`] tells where it points, and nothing else follows it: what lies at its end
    /// has to be added at its own path.
    #[must_use]
    pub fn symlink(mut self, path: &str, target: &str) -> Self {
        self.links.insert(path.to_owned(), target.to_owned());
        self
    }

    /// Says what statfs(2) tells of everything at and below a path.
    #[must_use]
    pub fn filesystem(mut self, point: &str, filesystem: Filesystem) -> Self {
        self.filesystems.insert(point.to_owned(), filesystem);
        self
    }

    /// Adds the kernel's answer to a question: `ok`, `ok, 0 programs` or the name of an error. A question without
    /// one is answered as where there is no live kernel to ask.
    #[must_use]
    pub fn probe(mut self, probe: Probe, answer: &str) -> Self {
        self.probes.insert(probe, Answer::from(answer));
        self
    }

    /// Takes a file away.
    #[must_use]
    pub fn without(mut self, path: &str) -> Self {
        self.files.remove(path);
        self
    }

    /// The same files as a tree under a root instead of a live machine.
    #[must_use]
    pub fn as_root(mut self) -> Self {
        self.origin = Origin::Root;
        self.user = None;
        self
    }

    /// The same files, seen by another user.
    #[must_use]
    pub fn as_user(mut self, user: u32) -> Self {
        self.user = Some(user);
        self
    }

    fn below<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        self.files.keys().chain(self.links.keys()).filter_map(move |k| k.strip_prefix(&prefix))
    }

    fn missing(path: &str) -> ReadError {
        ReadError::new(path, ReadErrorKind::Missing)
    }
}

impl Door for Memory {
    fn origin(&self) -> Origin {
        self.origin
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadError> {
        match self.files.get(path) {
            Some(Ok(bytes)) if bytes.len() > limit => {
                Err(ReadError::new(path, ReadErrorKind::TooLarge(limit)))
            }
            Some(Ok(bytes)) => Ok(bytes.clone()),
            Some(Err(kind)) => Err(ReadError::new(path, kind.clone())),
            None if self.below(path).next().is_some() => {
                Err(ReadError::new(path, ReadErrorKind::WrongKind("a directory")))
            }
            None => Err(Self::missing(path)),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        if let Some(Err(kind)) = self.files.get(path) {
            return Err(ReadError::new(path, kind.clone()));
        }
        let mut names: Vec<String> =
            self.below(path).map(|rest| rest.split('/').next().unwrap_or(rest).to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() { Err(Self::missing(path)) } else { Ok(names) }
    }

    fn kind(&self, path: &str) -> Result<FileKind, ReadError> {
        match self.files.get(path) {
            Some(Err(kind @ (ReadErrorKind::Missing | ReadErrorKind::TimedOut))) => {
                Err(ReadError::new(path, kind.clone()))
            }
            Some(_) => Ok(FileKind::File),
            None if self.below(path).next().is_some() => Ok(FileKind::Directory),
            None => Err(Self::missing(path)),
        }
    }

    fn link(&self, path: &str) -> Result<String, ReadError> {
        if let Some(target) = self.links.get(path) {
            return Ok(target.clone());
        }
        self.kind(path).and(Err(ReadError::new(path, ReadErrorKind::WrongKind("no symbolic link"))))
    }

    fn access(&self, path: &str) -> Result<Access, ReadError> {
        if self.origin != Origin::Live {
            return Err(ReadError::new(path, ReadErrorKind::LiveOnly));
        }
        let mode = if self.kind(path)? == FileKind::Directory { 0o755 } else { 0o644 };
        Ok(self.access.get(path).copied().unwrap_or(Access { owner: 0, group: 0, mode }))
    }

    fn filesystem(&self, path: &str) -> Result<Filesystem, ReadError> {
        let above = |point: &&String| Path::new(path).starts_with(point);
        match self.filesystems.iter().rev().find(|(point, _)| above(point)) {
            Some((_, found)) if self.origin == Origin::Live => Ok(*found),
            _ => Err(ReadError::new(path, ReadErrorKind::LiveOnly)),
        }
    }

    fn probe(&self, probe: &Probe) -> Result<Answer, ReadError> {
        let answer = self.probes.get(probe).cloned();
        answer.ok_or_else(|| ReadError::new(probe.call(), ReadErrorKind::LiveOnly))
    }

    fn user(&self) -> Option<u32> {
        self.user
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_those_that_were_told_or_root() {
        let memory = Memory::new().file("/a/b", "").owned_by("/a/b", 1000, 0o600);
        assert_eq!(memory.access("/a/b").unwrap(), Access { owner: 1000, group: 1000, mode: 0o600 });
        assert_eq!(memory.access("/a").unwrap(), Access { owner: 0, group: 0, mode: 0o755 });
        assert!(memory.access("/c").unwrap_err().is_missing());
        assert_eq!(memory.as_root().access("/a").unwrap_err().kind, ReadErrorKind::LiveOnly);
    }
}
