//! The database of rpm: where and of which kind it is, and how it is asked while rpm may be writing to it.

mod berkeley;
mod header;
mod ndb;
mod sqlite;
mod version;

use super::{Package, State};
use crate::{evidence::Unknown, facts::Known, node::Node};
use header::{Header, name_in};
use sqlite::{Database, Value, record};
use std::cell::{Cell, RefCell};
use version::Version;

/// How often is read anew what was written meanwhile.
const TRIES: u32 = 3;

/// How many bytes are read for one question, at most; a read counts for no fewer than `LEAST`.
const BYTES: usize = 256 << 20;
const LEAST: usize = 1 << 10;
/// The longest header: those of the largest packages have some megabytes.
const PAYLOAD: usize = 16 << 20;
/// How many packages there may be.
const VALUES: usize = 1 << 16;
/// What of a header is read for its name: no more than stands in one page of Berkeley DB.
const BEGINNING: usize = 4000;

/// Reads so many bytes from a place on; fewer where the file ends.
type ReadAt<'a> = dyn Fn(u64, usize) -> Option<Vec<u8>> + 'a;

/// What of a database is another after something was written.
const MARK: usize = 512;

/// How a database is kept (rpm lib/backend/).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// rpm 4.16 and later: Fedora 33, RHEL 9.
    Sqlite,
    /// SUSE.
    Ndb,
    /// Until RHEL 8, Amazon Linux 2. What an rpm that is running keeps in its cache yet is not seen, as rpm's own reader
    /// does not see it.
    Berkeley,
}

const DATABASES: [(&str, Kind); 6] = [
    ("/usr/lib/sysimage/rpm/rpmdb.sqlite", Kind::Sqlite),
    ("/var/lib/rpm/rpmdb.sqlite", Kind::Sqlite),
    ("/usr/lib/sysimage/rpm/Packages.db", Kind::Ndb),
    ("/var/lib/rpm/Packages.db", Kind::Ndb),
    ("/usr/lib/sysimage/rpm/Packages", Kind::Berkeley),
    ("/var/lib/rpm/Packages", Kind::Berkeley),
];

/// Which package is asked for.
pub(super) enum Query<'a> {
    Name(&'a str),
    /// The one that brought a file. Where there is no index of files it is looked for among the candidates only.
    File {
        path: &'a str,
        candidates: &'a [String],
    },
}

/// The packages of a database without an index.
#[derive(Default)]
struct Listing {
    /// The mark of the database when they were listed.
    mark: Option<Vec<u8>>,
    packages: Vec<(String, Place)>,
}

/// Where a header stands.
#[derive(Debug)]
enum Place {
    Berkeley(berkeley::Value),
    Ndb(ndb::Blob),
}

impl Query<'_> {
    /// Whether a package of that name may be the one.
    fn may_be(&self, package: &str) -> bool {
        match self {
            Self::Name(name) => package == *name,
            Self::File { candidates, .. } => candidates.iter().any(|name| name == package),
        }
    }

    fn fits(&self, header: &Header<'_>) -> Option<bool> {
        match self {
            Self::Name(name) => Some(header.name()? == *name),
            Self::File { path, .. } => {
                let (directory, file) = path.rsplit_once('/')?;
                header.has_file(directory, file)
            }
        }
    }
}

impl Node {
    /// The package that is asked for, and where that stands. Of several versions that are installed side by side, as those of
    /// the kernel are, it is the newest.
    pub(super) fn rpm_package(&self, query: &Query<'_>) -> Known<(&'static str, Option<Package>)> {
        let (path, kind) = self.rpm_database()?;
        let mut newest = Newest { query, found: None };
        let listing: &RefCell<Listing> = self.fact(RefCell::default);
        self.settled(path, kind, &mut |read| {
            newest.found = None;
            let each: &mut Each<'_> = &mut |header| newest.see(header);
            if kind == Kind::Sqlite {
                return in_tables(read, query, each);
            }
            // The places are good for what was listed only.
            let mark = Some(read(0, MARK)?);
            let mut listing = listing.borrow_mut();
            if listing.mark != mark {
                *listing = Listing { mark, packages: list(read, kind)? };
            }
            in_list(read, &listing.packages, query, each)
        })?;
        let package = |(name, version): (String, Version)| Package {
            name,
            version: version.to_string(),
            state: State::Installed,
        };
        Ok((path, newest.found.map(package)))
    }

    fn rpm_database(&self) -> Known<(&'static str, Kind)> {
        let mut found: Option<(&str, Kind)> = None;
        for (path, kind) in DATABASES {
            match (self.kind(path), found) {
                // /var/lib/rpm is often a link to the other place.
                (Ok(_), Some((other, first))) if first != kind => {
                    let why =
                        format!("both {other} and {path} are there, and which one counts is for rpm to say");
                    return Err(unread(why));
                }
                (Ok(_), _) => found = found.or(Some((path, kind))),
                (Err(e), _) if e.is_missing() => {}
                // One that is hidden may be the one that counts.
                (Err(e), _) => return Err(e.unknown()),
            }
        }
        let why = "neither /usr/lib/sysimage/rpm nor /var/lib/rpm has a database of rpm (rpmdb.sqlite, Packages.db, Packages)";
        found.ok_or_else(|| unread(why.to_owned()))
    }

    /// What `look` makes of a database that nobody wrote to meanwhile.
    fn settled(&self, path: &str, kind: Kind, look: &mut dyn FnMut(&ReadAt<'_>) -> Option<()>) -> Known<()> {
        for _ in 0..TRIES {
            let before = self.marks(path, kind);
            if kind == Kind::Sqlite {
                self.has_no_log(path)?;
            }
            let failed = RefCell::new(None);
            let left = Cell::new(BYTES);
            let read = |offset: u64, length: usize| {
                left.set(left.get().checked_sub(length.max(LEAST))?);
                self.read_at(path, offset, length).map_err(|error| *failed.borrow_mut() = Some(error)).ok()
            };
            let found = look(&read);
            if self.marks(path, kind) != before {
                continue;
            }
            return found.ok_or_else(|| match failed.take() {
                Some(error) => error.unknown(),
                None => unread(format!("{path} is not a database of rpm")),
            });
        }
        Err(unread(format!("{path} was written to while it was read")))
    }

    /// What is another after something was written: the database's own header, and those of SQLite's log and of its index, whose
    /// counters go on also where the log was emptied into the database again (walformat, WalIndexHdr).
    fn marks(&self, path: &str, kind: Kind) -> Vec<u8> {
        const FILES: [(&str, usize); 3] = [("", MARK), ("-wal", 32), ("-shm", 100)];
        let mut marks = Vec::new();
        for (end, length) in &FILES[..if kind == Kind::Sqlite { 3 } else { 1 }] {
            let read = self.read_at(&format!("{path}{end}"), 0, *length);
            marks.extend(read.unwrap_or_else(|error| error.kind.to_string().into_bytes()));
            marks.push(b'\n');
        }
        marks
    }

    /// What was written last may stand in a log of SQLite only; rpm leaves an empty one behind.
    fn has_no_log(&self, path: &str) -> Known<()> {
        for end in ["-wal", "-journal"] {
            let log = format!("{path}{end}");
            match self.read_at(&log, 0, 1) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(_) => return Err(unread(format!("{log} holds what {path} does not have yet"))),
                // Where a log is kept, rpm leaves it behind (lib/backend/sqlite.cc, SQLITE_FCNTL_PERSIST_WAL): without it
                // the copy is not whole.
                Err(e) if e.is_missing() && end == "-wal" && self.keeps_log(path) => {
                    return Err(unread(format!("{path} keeps a log, and there is no {log}")));
                }
                Err(e) if e.is_missing() => {}
                Err(e) => return Err(e.unknown()),
            }
        }
        Ok(())
    }

    /// Whether a database of SQLite is written by way of a log (fileformat2, 1.3.3: 2 is WAL).
    fn keeps_log(&self, path: &str) -> bool {
        self.read_at(path, 18, 2).is_ok_and(|versions| versions.contains(&2))
    }
}

fn unread(why: String) -> Unknown {
    Unknown::new(why)
        .needs("ask `rpm -q` by hand, or run with --allow exec where a program tells its version")
}

impl Place {
    /// The first bytes of the header.
    fn load(&self, read: &ReadAt<'_>, wanted: usize) -> Option<Vec<u8>> {
        match self {
            Self::Berkeley(value) => value.load(read, wanted),
            Self::Ndb(blob) => blob.load(read, wanted),
        }
    }
}

/// The packages of a database that has no index, or one that is not asked here: their names, and where the rest stands.
fn list(read: &ReadAt<'_>, kind: Kind) -> Option<Vec<(String, Place)>> {
    let places = if kind == Kind::Ndb { ndb::list(read) } else { berkeley::list(read) }?;
    let mut packages = Vec::new();
    for place in places {
        let name = match name_in(&place.load(read, BEGINNING)?) {
            Some(name) => name,
            None => Header::parse(&place.load(read, PAYLOAD)?)?.name()?,
        };
        packages.push((name, place));
    }
    Some(packages)
}

/// What is done with a header; none where it is none.
type Each<'a> = dyn FnMut(&[u8]) -> Option<()> + 'a;

/// The headers of a list that may be asked for.
fn in_list(
    read: &ReadAt<'_>,
    packages: &[(String, Place)],
    query: &Query<'_>,
    each: &mut Each<'_>,
) -> Option<()> {
    for (name, place) in packages {
        if query.may_be(name) {
            each(&place.load(read, PAYLOAD)?)?;
        }
    }
    Some(())
}

/// The newest of the packages that are asked for.
struct Newest<'a> {
    query: &'a Query<'a>,
    found: Option<(String, Version)>,
}

impl Newest<'_> {
    fn see(&mut self, header: &[u8]) -> Option<()> {
        let header = Header::parse(header)?;
        if self.query.fits(&header)? {
            let version = header.version()?;
            if self.found.as_ref().is_none_or(|(_, other)| version.is_newer(other)) {
                self.found = Some((header.name()?, version));
            }
        }
        Some(())
    }
}

/// The headers that a database of SQLite has for a name or a file: a table of headers, and for names and files a table with an
/// index each (rpm lib/backend/sqlite.cc).
fn in_tables(read: &ReadAt<'_>, query: &Query<'_>, each: &mut Each<'_>) -> Option<()> {
    let database = Database::open(read)?;
    let (table, key) = match query {
        Query::Name(name) => ("Name", *name),
        Query::File { path, .. } => ("Basenames", path.rsplit_once('/')?.1),
    };
    let packages = database.root("Packages")?;
    let rows = database.find(database.root(&format!("{table}_key_idx"))?, key.as_bytes())?;
    let table = database.root(table)?;
    let mut last = None;
    for row in rows {
        let row = database.row(table, row)?;
        let values = record(&row)?;
        let [_, Value::Int(number), ..] = *values.as_slice() else { return None };
        // A package may have more files of one name; their rows follow each other.
        if last.replace(number) != Some(number) {
            let row = database.row(packages, number)?;
            let [_, Value::Bytes(header), ..] = *record(&row)?.as_slice() else { return None };
            each(header)?;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;
