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
const BERKELEY_PATH: &str = "/var/lib/rpm/Packages";
const NDB_PATH: &str = "/usr/lib/sysimage/rpm/Packages.db";

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
static NDB: LazyLock<Vec<u8>> = data!("Packages.db");
static BERKELEY: LazyLock<Vec<u8>> = data!("Packages");
static BIG_ENDIAN: LazyLock<Vec<u8>> = data!("Packages-big-endian");

/// Each database, with a place for it.
fn databases() -> [(&'static str, &'static [u8]); 4] {
    [(SQLITE_PATH, &SQLITE), (NDB_PATH, &NDB), (BERKELEY_PATH, &BERKELEY), (BERKELEY_PATH, &BIG_ENDIAN)]
}

fn with(path: &str, bytes: &[u8]) -> Memory {
    let memory = Memory::new().file(path, bytes);
    if path == SQLITE_PATH { memory.file(&format!("{path}-wal"), "") } else { memory }
}

fn ask(memory: Memory, query: &Query<'_>) -> Known<Option<String>> {
    let found = Node::in_memory(memory).rpm_package(query);
    found.map(|(_, package)| package.map(|p| format!("{} {}", p.name, p.version)))
}

fn brought(path: &str) -> Query<'_> {
    static CANDIDATES: LazyLock<[String; 2]> = LazyLock::new(|| ["util-linux".into(), "containerd".into()]);
    Query::File { path, candidates: &*CANDIDATES }
}

fn table() -> [(Query<'static>, Option<&'static str>); 9] {
    [
        // The newer one was installed first.
        (Query::Name("kernel"), Some("kernel 5.14.0-503.el9")),
        (Query::Name("containerd"), Some("containerd 2:2.0.0~rc1-1.fc40")),
        (Query::Name("nothing"), Some("nothing 1-1")),
        (Query::Name("kubelet"), None),
        (Query::Name(""), None),
        (brought("/usr/bin/mount"), Some("util-linux 2.40-1.fc40")),
        (brought("/bin/mount"), Some("util-linux 2.40-1.fc40")),
        (brought("/usr/share/containerd/a-file-with-a-long-name-299"), Some("containerd 2:2.0.0~rc1-1.fc40")),
        (brought("/usr/bin/a-file-with-a-long-name-299"), None),
    ]
}

#[test]
fn what_rpm_wrote_is_read() {
    // Inner pages of tables and of an index, and headers that go on in other pages, are among it.
    for kind in [2, 5] {
        assert!(SQLITE.chunks(4096).skip(1).any(|page| page[0] == kind), "{kind}");
    }
    for (path, bytes) in databases() {
        for (query, want) in &table() {
            assert_eq!(ask(with(path, bytes), query).unwrap().as_deref(), *want, "{path}");
        }
    }
}

#[test]
fn what_is_cut_off_or_none_is_not_known() {
    for (path, bytes) in databases() {
        let mut cuts: Vec<usize> = (0..bytes.len()).step_by(bytes.len() / 61).collect();
        cuts.extend([bytes.len() - 1, bytes.len() / 2]);
        for cut in cuts {
            for (query, want) in &table() {
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

fn read_of(bytes: &[u8]) -> impl Fn(u64, usize) -> Option<Vec<u8>> {
    |at, length| {
        let at = usize::try_from(at).ok()?.min(bytes.len());
        Some(bytes[at..bytes.len().min(at.saturating_add(length))].to_vec())
    }
}

fn kind_of(path: &str) -> Kind {
    DATABASES.iter().find(|(place, _)| *place == path).unwrap().1
}

/// How many headers a list finds in bytes.
fn listed(path: &str, bytes: &[u8]) -> Option<usize> {
    list(&read_of(bytes), kind_of(path)).map(|listing| listing.packages.len())
}

/// Asks of bytes what is asked of a node.
fn look(path: &str, bytes: &[u8], queries: &[(Query<'_>, Option<&str>)]) {
    let read = read_of(bytes);
    let listing = (path != SQLITE_PATH).then(|| list(&read, kind_of(path)));
    for (query, _) in queries {
        let headers = match &listing {
            Some(listing) => listing.as_ref().and_then(|listing| in_list(&read, listing, query)),
            None => in_tables(&read, query),
        };
        let _ = headers.and_then(|headers| newest(&headers, query));
    }
}

#[test]
fn every_part_of_a_database_without_an_index_is_known_to_be_one() {
    for (path, bytes) in &databases()[1..] {
        assert_eq!(listed(path, bytes), Some(5), "{path}");
        for cut in 0..bytes.len() {
            assert_eq!(listed(path, &bytes[..cut]), None, "{path} {cut}");
        }
    }
}

#[test]
fn pages_that_lead_to_themselves_end() {
    let is = |page: &[u8], kind| page[25] == kind;
    // The pages that go on with a value, and those of the buckets.
    for kind in [7, 13] {
        let mut bytes = BERKELEY.clone();
        for page in bytes.chunks_mut(512).filter(|page| is(page, kind)) {
            page.copy_within(8..12, 16);
        }
        assert!(kind == 7 || listed(BERKELEY_PATH, &bytes).is_none());
        assert!(ask(with(BERKELEY_PATH, &bytes), &Query::Name("containerd")).is_err());
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
    assert!(ask(Memory::new(), &name).unwrap_err().reason.contains("has a database of rpm"));
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
        let written = self.written.load(Ordering::Relaxed);
        if path.ends_with("-shm") {
            return Ok(vec![written; length]);
        }
        let mut bytes = self.whole.read_at(path, offset, length)?;
        if path == NDB_PATH && offset == 0 {
            // Counted with every change.
            bytes[8] = written;
        }
        Ok(bytes)
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
    let query = Query::Name("kernel");
    for (path, bytes) in [(SQLITE_PATH, &SQLITE), (NDB_PATH, &NDB)] {
        let busy = |fault, writes| {
            let (writes, written) = (AtomicU8::new(writes), AtomicU8::new(0));
            Arc::new(Busy { whole: with(path, bytes), fault, writes, written })
        };
        let ask = |fault, writes| Node::new(busy(fault, writes), Arc::default()).rpm_package(&query);
        let fault = ReadErrorKind::System("EIO".to_owned());
        assert!(ask(Some(fault), 0).unwrap_err().reason.contains("EIO"), "{path}");
        assert!(ask(None, 1).unwrap().1.is_some(), "{path}");
        assert!(ask(None, u8::MAX).unwrap_err().reason.contains("was written to"), "{path}");
        // What was listed before may stand elsewhere now; what is looked up anew is not in danger.
        let busy = busy(None, 0);
        let node = Node::new(Arc::clone(&busy) as Arc<dyn Door>, Arc::default());
        assert!(node.rpm_package(&query).is_ok());
        busy.written.store(9, Ordering::Relaxed);
        assert_eq!(node.rpm_package(&query).is_ok(), path == SQLITE_PATH);
    }
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
            look(path, &bytes, &table());
        }
    }

    #[test]
    fn noise_never_panics(noise in proptest::collection::vec(any::<u8>(), 0..3000), magic in 0..4_usize) {
        let mut bytes = noise;
        let head: &[u8] = match magic {
            0 => b"RpmP\0\0\0\0\0\0\0\0\x01\0\0\0",
            1 => &BERKELEY[..72],
            _ => &BIG_ENDIAN[..72],
        };
        let end = head.len().min(bytes.len());
        bytes[..end].copy_from_slice(&head[..end]);
        let _ = (listed(BERKELEY_PATH, &bytes), listed(NDB_PATH, &bytes));
    }

    // The same, where the trees are: the head and the pointers of a page.
    #[test]
    fn changed_pages_never_panic(page: prop::sample::Index, changes in proptest::collection::vec((0..40_usize, any::<u8>()), 1..6)) {
        for (path, bytes) in databases() {
            let mut bytes = bytes.to_vec();
            let size = if path == SQLITE_PATH { 4096 } else { 512 };
            let start = page.index(bytes.len() / size) * size;
            for (at, byte) in &changes {
                bytes[start + at] = *byte;
            }
            look(path, &bytes, &table());
        }
    }
}
