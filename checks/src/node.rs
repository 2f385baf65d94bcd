//! A node: everything that a check may ask.
//!
//! [`Node`] reads under a root through one narrow [`Door`], remembers each file it read, and the facts that were
//! parsed from them, each once and only when asked for; which facts there are is none of its business. One node
//! serves one thread; the runner makes a new one, behind the same door, when it had to leave a hung thread behind.

mod ahead;
mod allow;
mod door;
mod filesystem;
mod memo;
mod memory;
mod probe;
mod sys;
mod together;
mod watch;

pub use allow::{Allow, Allowed};
pub use door::{Access, Door, FileKind, Filesystem as FilesystemType, ReadError, ReadErrorKind, Then};
pub use filesystem::Filesystem;
pub use memory::Memory;
#[cfg(feature = "fuzzing")]
pub use probe::fuzzing;
pub(crate) use probe::micros;
pub use probe::{Answer, Ended, Identity, LogKind, Probe, Probed};
pub use sys::share_memory_among_threads;
pub use watch::Watch;

use crate::evidence::{Evidence, Unknown};
use ahead::Ahead;
use memo::Memo;
use std::{
    any::Any,
    borrow::Cow,
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    rc::Rc,
    sync::Arc,
};

/// The size limit of an ordinary read, in bytes: far above any honest file of /proc, /sys and /etc that is
/// read whole (a node with 100,000 mounts has a mountinfo of about 10 MB).
pub const READ_LIMIT: usize = 16 << 20;

/// Where the answers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The machine on which this program runs.
    Live,
    /// A tree under a directory: a mounted host, an unpacked image, captured files.
    Root,
}

/// Everything that a check may ask.
pub struct Node {
    door: Arc<dyn Door>,
    watch: Arc<Watch>,
    allowed: Allowed,
    reads: RefCell<HashMap<String, Rc<Read>>>,
    probes: RefCell<HashMap<Probe, Rc<Probed>>>,
    ahead: RefCell<Vec<(Probe, Ahead)>>,
    kinds: RefCell<HashMap<String, Result<FileKind, ReadError>>>,
    links: RefCell<HashMap<String, Result<String, ReadError>>>,
    lists: RefCell<HashMap<String, Result<Vec<String>, ReadError>>>,
    filesystems: RefCell<HashMap<String, Result<FilesystemType, ReadError>>>,
    accesses: RefCell<HashMap<String, Result<Access, ReadError>>>,
    facts: Memo,
}

impl Node {
    /// A node behind `door`; `watch` knows what is being read at the moment, and what hung before.
    #[must_use]
    pub fn new(door: Arc<dyn Door>, watch: Arc<Watch>) -> Self {
        Self {
            door,
            watch,
            allowed: Allowed::default(),
            reads: RefCell::default(),
            probes: RefCell::default(),
            ahead: RefCell::default(),
            kinds: RefCell::default(),
            links: RefCell::default(),
            lists: RefCell::default(),
            filesystems: RefCell::default(),
            accesses: RefCell::default(),
            facts: Memo::default(),
        }
    }

    /// The same node, of which may be asked what takes more than reading. Without it nothing of the kind is.
    #[must_use]
    pub fn allowing(mut self, allowed: Allowed) -> Self {
        self.allowed = allowed;
        self
    }

    /// A node made of files in memory, for tests.
    #[must_use]
    pub fn in_memory(memory: Memory) -> Self {
        Self::new(Arc::new(memory), Arc::default())
    }

    /// The same node, with nothing remembered of it.
    #[must_use]
    pub fn afresh(&self) -> Self {
        Self::new(Arc::clone(&self.door), Arc::clone(&self.watch)).allowing(self.allowed)
    }

    /// Where the answers come from.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.door.origin()
    }

    /// The fact of type `T`: computed by `find` when it is asked for the first time, and remembered.
    pub fn fact<T: Any>(&self, find: impl FnOnce() -> T) -> &T {
        self.facts.get_or_init(find)
    }

    /// Reads the file `path` (absolute, as the node sees it), at most [`READ_LIMIT`] bytes, once: a second call
    /// gives what the first one saw.
    pub fn read(&self, path: &str) -> Rc<Read> {
        if let Some(read) = self.reads.borrow().get(path) {
            return Rc::clone(read);
        }
        let read = Rc::new(Read { path: path.to_owned(), result: self.read_once(path, READ_LIMIT) });
        self.reads.borrow_mut().insert(path.to_owned(), Rc::clone(&read));
        read
    }

    /// Reads a file that is too large to keep; the caller keeps what it parsed.
    ///
    /// # Errors
    /// As [`Door::read`]; longer than `limit` bytes is an error, not a cut.
    pub fn read_once(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadError> {
        let result = self.watch.during(path, || self.door.read(path, limit));
        match &result {
            Ok(bytes) => tracing::debug!(path, bytes = bytes.len(), "read"),
            Err(e) => tracing::debug!(path, error = %e.kind, "not read"),
        }
        result
    }

    /// At most `length` bytes of the file `path` from `offset` on; fewer where it ends before.
    ///
    /// # Errors
    /// As [`Door::read_at`].
    pub fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, ReadError> {
        let result = self.watch.during(path, || self.door.read_at(path, offset, length));
        match &result {
            Ok(bytes) => tracing::debug!(path, offset, bytes = bytes.len(), "read"),
            Err(e) => tracing::debug!(path, offset, error = %e.kind, "not read"),
        }
        result
    }

    /// The names in the directory `path`, sorted; looked at once.
    ///
    /// # Errors
    /// As [`Door::list`].
    pub fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        once(&self.lists, path, || self.watch.during(path, || self.door.list(path)))
    }

    /// What `path` is, links followed inside the root; looked at once.
    ///
    /// # Errors
    /// As [`Door::kind`].
    pub fn kind(&self, path: &str) -> Result<FileKind, ReadError> {
        once(&self.kinds, path, || self.watch.during(path, || self.door.kind(path)))
    }

    /// Where the symbolic link `path` itself points, as it is written there; the links on the way to it are followed
    /// inside the root. What is no link gives [`ReadErrorKind::WrongKind`]. Looked at once.
    ///
    /// # Errors
    /// As [`Door::link`].
    pub fn link(&self, path: &str) -> Result<String, ReadError> {
        once(&self.links, path, || self.watch.during(path, || self.door.link(path)))
    }

    /// The type of the file system that holds `path`; on a live node only. Looked at once, so that all findings of a run
    /// speak of the same moment.
    ///
    /// # Errors
    /// As [`Door::filesystem`].
    pub fn filesystem(&self, path: &str) -> Result<FilesystemType, ReadError> {
        once(&self.filesystems, path, || self.watch.during(path, || self.door.filesystem(path)))
    }

    /// Who owns `path` and who may write it; on a live node only. Looked at once.
    ///
    /// # Errors
    /// As [`Door::access`].
    pub fn access(&self, path: &str) -> Result<Access, ReadError> {
        once(&self.accesses, path, || self.watch.during(path, || self.door.access(path)))
    }

    /// The machine's architecture by uname(2); on a live node only.
    ///
    /// # Errors
    /// [`ReadErrorKind::LiveOnly`] on anything but a live node.
    pub fn machine(&self) -> Result<String, ReadError> {
        self.door.machine()
    }

    /// Asks the live machine a named question, once: a second call gives the first answer. What takes more than
    /// reading is asked only where the run allows it.
    pub fn probe(&self, probe: &Probe) -> Rc<Probed> {
        if let Some(probed) = self.probes.borrow().get(probe) {
            return Rc::clone(probed);
        }
        let result = match probe.takes() {
            Some(what) if !self.allowed.contains(what) => {
                Err(ReadError::new(probe.call(), ReadErrorKind::NotAllowed(what)))
            }
            _ => self.watch.during(&probe.to_string(), || match self.asked_ahead(probe) {
                Some(ahead) => ahead.answer(probe),
                None => self.door.probe(probe),
            }),
        };
        self.remember(probe, result)
    }

    /// Puts a question now to which [`probe`](Self::probe) is going to want the answer, for those that take the kernel a while.
    /// Where no thread is to be had for it, it is put then.
    pub fn probe_ahead(&self, probe: Probe) {
        let is_asked = self.ahead.borrow().iter().any(|(asked, _)| *asked == probe);
        let is_known =
            is_asked || self.probes.borrow().contains_key(&probe) || self.watch.is_hung(&probe.to_string());
        let is_open = probe.takes().is_none() && !is_known;
        if let Some(ahead) = is_open.then(|| Ahead::ask(&self.door, &probe).ok()).flatten() {
            self.ahead.borrow_mut().push((probe, ahead));
        }
    }

    fn asked_ahead(&self, probe: &Probe) -> Option<Ahead> {
        let mut all = self.ahead.borrow_mut();
        let at = all.iter().position(|(asked, _)| asked == probe)?;
        Some(all.swap_remove(at).1)
    }

    fn remember(&self, probe: &Probe, result: Result<Answer, ReadError>) -> Rc<Probed> {
        match &result {
            Ok(answer) => tracing::debug!(%probe, %answer, "asked"),
            Err(e) => tracing::debug!(%probe, error = %e.kind, "not asked"),
        }
        let probed = Rc::new(Probed { probe: probe.clone(), result });
        self.probes.borrow_mut().insert(probe.clone(), Rc::clone(&probed));
        probed
    }

    /// Asks several questions at the same time, each once, for those that wait for others: [`probe`](Self::probe) then has
    /// the answers. What is not allowed is not asked.
    pub fn probe_together(&self, probes: impl IntoIterator<Item = Probe>) {
        let is_open = |probe: &Probe| {
            probe.takes().is_none_or(|what| self.allowed.contains(what))
                && !self.probes.borrow().contains_key(probe)
        };
        let probes: BTreeSet<Probe> = probes.into_iter().filter(is_open).collect();
        let probes: Vec<Probe> = probes.into_iter().collect();
        if probes.len() < 2 {
            return;
        }
        let described = format!("{} and {} more", probes[0], probes.len() - 1);
        let answers = self.watch.during(&described, || Ok(together::ask(&*self.door, &probes)));
        for (probe, result) in answers.unwrap_or_default() {
            self.remember(&probe, result);
        }
    }

    /// Whether the run allows this.
    #[must_use]
    pub fn allows(&self, what: Allow) -> bool {
        self.allowed.contains(what)
    }

    /// The effective user id of this program on a live node.
    #[must_use]
    pub fn user(&self) -> Option<u32> {
        self.door.user()
    }

    /// The path under which this process's (live) or the node's first process's (root) `/proc/PID/name` is
    /// read. In a tree under a root, `self` would be this program, if the tree's /proc is a live one at all.
    #[must_use]
    pub fn proc_self(&self, name: &str) -> String {
        let first = format!("/proc/1/{name}");
        match self.origin() {
            Origin::Root if self.kind(&first).is_ok() => first,
            _ => format!("/proc/self/{name}"),
        }
    }
}

/// What was seen at `path`, or what `look` sees there now.
fn once<T: Clone>(
    seen: &RefCell<HashMap<String, Result<T, ReadError>>>,
    path: &str,
    look: impl FnOnce() -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    if let Some(result) = seen.borrow().get(path) {
        return result.clone();
    }
    let result = look();
    seen.borrow_mut().insert(path.to_owned(), result.clone());
    result
}

/// What came of reading one file.
#[derive(Debug)]
pub struct Read {
    path: String,
    result: Result<Vec<u8>, ReadError>,
}

impl Read {
    /// The path that was read.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The content.
    ///
    /// # Errors
    /// The error that reading gave.
    pub fn bytes(&self) -> Result<&[u8], &ReadError> {
        self.result.as_deref()
    }

    /// The content as text; what is not UTF-8 is replaced.
    ///
    /// # Errors
    /// The error that reading gave.
    pub fn text(&self) -> Result<Cow<'_, str>, &ReadError> {
        self.bytes().map(String::from_utf8_lossy)
    }

    /// Whether the file is certainly not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.result.as_ref().is_err_and(ReadError::is_missing)
    }

    /// What was seen, as evidence: the first line and how much more there is, or the error.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        match &self.result {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(bytes);
                let mut lines = text.lines();
                let first = lines.next().unwrap_or("(empty)");
                let more = lines.count();
                let observed =
                    if more == 0 { first.to_owned() } else { format!("{first} (and {more} more lines)") };
                Evidence::new(&self.path, observed)
            }
            Err(e) => e.evidence(),
        }
    }

    /// The part of the file that mattered, as evidence.
    #[must_use]
    pub fn quote(&self, part: impl Into<String>) -> Evidence {
        Evidence::new(&self.path, part)
    }

    /// The error as something unknown, when the file could not be read.
    #[must_use]
    pub fn unknown(&self) -> Option<Unknown> {
        self.result.as_ref().err().map(ReadError::unknown)
    }
}
