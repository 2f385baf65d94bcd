//! Databases that rpm made, whole and broken: checks/tests/data/rpm/.

use super::*;
use crate::node::{Door, FileKind, Memory, Origin, ReadError};
use flate2::read::GzDecoder;
use proptest::prelude::*;
use std::{
    io::Read,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU8, Ordering},
    },
};

const SQLITE_PATH: &str = "/var/lib/rpm/rpmdb.sqlite";

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    bytes
}

macro_rules! data {
    ($name:literal) => {
        LazyLock::new(|| unpacked(include_bytes!(concat!("../../../../tests/data/rpm/", $name, ".gz"))))
    };
}

static SQLITE: LazyLock<Vec<u8>> = data!("rpmdb.sqlite");

/// Each database, with a place for it.
fn databases() -> [(&'static str, &'static [u8]); 1] {
    [(SQLITE_PATH, &SQLITE)]
}

fn with(path: &str, bytes: &[u8]) -> Memory {
    let memory = Memory::new().file(path, bytes);
    if path == SQLITE_PATH { memory.file(&format!("{path}-wal"), "") } else { memory }
}

fn ask(memory: Memory, query: &Query<'_>) -> Known<Option<String>> {
    let found = Node::in_memory(memory).rpm_package(query);
    found.map(|(_, package)| package.map(|p| format!("{} {}", p.name, p.version)))
}

const TABLE: [(Query<'_>, Option<&str>); 9] = [
    // The newer one was installed first.
    (Query::Name("kernel"), Some("kernel 5.14.0-503.el9")),
    (Query::Name("containerd"), Some("containerd 2:2.0.0~rc1-1.fc40")),
    (Query::Name("nothing"), Some("nothing 1-1")),
    (Query::Name("kubelet"), None),
    (Query::Name(""), None),
    (Query::File("/usr/bin/mount"), Some("util-linux 2.40-1.fc40")),
    (Query::File("/bin/mount"), Some("util-linux 2.40-1.fc40")),
    (Query::File("/usr/share/containerd/f249"), Some("containerd 2:2.0.0~rc1-1.fc40")),
    (Query::File("/usr/bin/f249"), None),
];

#[test]
fn what_rpm_wrote_is_read() {
    for (path, bytes) in databases() {
        for (query, want) in &TABLE {
            assert_eq!(ask(with(path, bytes), query).unwrap().as_deref(), *want, "{path}");
        }
    }
}

#[test]
fn what_is_cut_off_or_none_is_not_known() {
    for (path, bytes) in databases() {
        let mut cuts: Vec<usize> = (0..bytes.len()).step_by(997).collect();
        cuts.extend([bytes.len() - 1, bytes.len() / 2]);
        for cut in cuts {
            for (query, want) in &TABLE {
                // What is found was there; that it is not there can't be told from a part.
                if let Ok(found) = ask(with(path, &bytes[..cut]), query) {
                    assert_eq!(found.as_deref(), *want, "{path} {cut}");
                }
            }
        }
        for noise in ["", "x", &"x".repeat(5000)] {
            let why = ask(with(path, noise.as_bytes()), &Query::Name("kernel")).unwrap_err();
            assert!(why.reason.contains("is not a database of rpm"), "{why:?}");
        }
    }
}

#[test]
fn which_database_counts() {
    let name = Query::Name("kernel");
    let elsewhere = "/usr/lib/sysimage/rpm/rpmdb.sqlite";
    let both = with(SQLITE_PATH, &SQLITE).file(elsewhere, &*SQLITE).file(&format!("{elsewhere}-wal"), "");
    assert!(ask(both, &name).is_ok());
    let why = ask(with(SQLITE_PATH, &SQLITE).file("/var/lib/rpm/Packages", "x"), &name).unwrap_err();
    assert!(why.reason.contains("rpmdb.sqlite") && why.reason.contains("/var/lib/rpm/Packages"), "{why:?}");
    let hidden = with(SQLITE_PATH, &SQLITE).error(elsewhere, ReadErrorKind::Denied("EACCES"));
    assert!(ask(hidden, &name).is_err());
    assert!(ask(Memory::new(), &name).unwrap_err().reason.starts_with("no database of rpm"));
}

/// A database to which something is done while it is read.
struct Busy {
    whole: Memory,
    /// What is answered from so many bytes on.
    fault: Option<ReadErrorKind>,
    /// How often it is written to yet, each time it was read behind its beginning.
    writes: AtomicU8,
    written: AtomicU8,
}

impl Door for Busy {
    fn origin(&self) -> Origin {
        Origin::Live
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadError> {
        self.whole.read(path, limit)
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, ReadError> {
        if offset > 512 {
            if let Some(fault) = &self.fault {
                return Err(ReadError::new(path, fault.clone()));
            }
            if self.writes.load(Ordering::Relaxed) > 0 && self.writes.fetch_sub(1, Ordering::Relaxed) > 0 {
                self.written.fetch_add(1, Ordering::Relaxed);
            }
        }
        if path.ends_with("-shm") {
            return Ok(vec![self.written.load(Ordering::Relaxed); length]);
        }
        self.whole.read_at(path, offset, length)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        self.whole.list(path)
    }

    fn kind(&self, path: &str) -> Result<FileKind, ReadError> {
        self.whole.kind(path)
    }
}

#[test]
fn what_happens_while_it_is_read_is_noticed() {
    let ask = |fault, writes| {
        let whole = with(SQLITE_PATH, &SQLITE);
        let busy = Busy { whole, fault, writes: AtomicU8::new(writes), written: AtomicU8::new(0) };
        Node::new(Arc::new(busy), Arc::default()).rpm_package(&Query::Name("kernel"))
    };
    let fault = ReadErrorKind::System("EIO".to_owned());
    assert!(ask(Some(fault), 0).unwrap_err().reason.contains("EIO"));
    assert!(ask(None, 1).unwrap().1.is_some());
    assert!(ask(None, u8::MAX).unwrap_err().reason.contains("was written to"));
}

proptest! {
    // Bytes changed here and there reach the inner pages, the overflow pages and the headers.
    #[test]
    fn changed_bytes_never_panic(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40)) {
        for (path, bytes) in databases() {
            let mut bytes = bytes.to_vec();
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            for (query, _) in &TABLE[..7] {
                let _ = ask(with(path, &bytes), query);
            }
        }
    }

    // The same, where the trees are: the head and the pointers of a page.
    #[test]
    fn changed_pages_never_panic(page: prop::sample::Index, changes in proptest::collection::vec((0..40_usize, any::<u8>()), 1..6)) {
        for (path, bytes) in databases() {
            let mut bytes = bytes.to_vec();
            let start = page.index(bytes.len() / 512) * 512;
            for (at, byte) in &changes {
                bytes[start + at] = *byte;
            }
            for (query, _) in &TABLE[4..] {
                let _ = ask(with(path, &bytes), query);
            }
        }
    }
}
