//! The database of rpm: where and of which kind it is, and how it is asked while rpm may be writing to it.

mod berkeley;
mod header;
mod ndb;
mod sqlite;
mod version;

use super::Package;
use crate::{
    evidence::Unknown,
    facts::Known,
    node::{Node, ReadErrorKind},
};
use header::{Header, name_in};
use sqlite::{Database, Value, record};
use std::cell::{Cell, RefCell};

const NEEDS: &str = "ask `rpm -q` by hand, or run with --allow exec where a program tells its version";
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
struct Listing {
    /// The mark of the database when they were listed.
    mark: Vec<u8>,
    packages: Vec<(String, Place)>,
}

struct Listed(Known<Listing>);

/// Where a header stands.
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
        let found = if kind == Kind::Sqlite {
            self.settled(path, kind, |read| newest(&in_tables(read, query)?, query))?
        } else {
            let Listed(listed) = self.fact(|| Listed(self.settled(path, kind, |read| list(read, kind))));
            let listing = listed.as_ref().map_err(Clone::clone)?;
            self.settled(path, kind, |read| {
                // The places are good for what was listed only.
                if read(0, MARK)? != listing.mark {
                    return Some(None);
                }
                newest(&in_list(read, listing, query)?, query).map(Some)
            })?
            .ok_or_else(|| written(path))?
        };
        Ok((path, found.into_iter().next()))
    }

    fn rpm_database(&self) -> Known<(&'static str, Kind)> {
        let mut found: Option<(&str, Kind)> = None;
        for (path, kind) in DATABASES {
            match (self.kind(path), found) {
                // /var/lib/rpm is often a link to the other place.
                (Ok(_), Some((other, first))) if first != kind => {
                    let why =
                        format!("both {other} and {path} are there, and which one counts is for rpm to say");
                    return Err(Unknown::new(why).needs(NEEDS));
                }
                (Ok(_), _) => found = found.or(Some((path, kind))),
                (Err(e), _) if e.is_missing() => {}
                // One that is hidden may be the one that counts.
                (Err(e), _) => return Err(e.unknown()),
            }
        }
        let why = "neither /usr/lib/sysimage/rpm nor /var/lib/rpm has a database of rpm (rpmdb.sqlite, Packages.db, Packages)";
        found.ok_or_else(|| Unknown::new(why).needs(NEEDS))
    }

    /// What `look` makes of a database that nobody wrote to meanwhile.
    fn settled<T>(&self, path: &str, kind: Kind, look: impl Fn(&ReadAt<'_>) -> Option<T>) -> Known<T> {
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
                None => Unknown::new(format!("{path} is not a database of rpm")).needs(NEEDS),
            });
        }
        Err(written(path))
    }

    /// What is another after something was written: the database's own header, and those of SQLite's log and of its index, whose
    /// counters go on also where the log was emptied into the database again (walformat, WalIndexHdr).
    fn marks(&self, path: &str, kind: Kind) -> Vec<Result<Vec<u8>, ReadErrorKind>> {
        const FILES: [(&str, usize); 3] = [("", MARK), ("-wal", 32), ("-shm", 100)];
        let files = if kind == Kind::Sqlite { &FILES[..] } else { &FILES[..1] };
        let read = |(end, length): &(&str, usize)| self.read_at(&format!("{path}{end}"), 0, *length);
        files.iter().map(|file| read(file).map_err(|e| e.kind)).collect()
    }

    /// What was written last may stand in a log of SQLite only; rpm leaves an empty one behind.
    fn has_no_log(&self, path: &str) -> Known<()> {
        for log in [format!("{path}-wal"), format!("{path}-journal")] {
            match self.read_at(&log, 0, 1) {
                Ok(bytes) if bytes.is_empty() => {}
                // Where a log is kept, rpm leaves it behind (lib/backend/sqlite.cc, SQLITE_FCNTL_PERSIST_WAL): without it
                // the copy is not whole.
                Err(e) if e.is_missing() && (log.ends_with("-journal") || !self.keeps_log(path)) => {}
                Err(e) if e.is_missing() => {
                    return Err(
                        Unknown::new(format!("{path} keeps a log, and there is no {log}")).needs(NEEDS)
                    );
                }
                Ok(_) => {
                    return Err(
                        Unknown::new(format!("{log} holds what {path} does not have yet")).needs(NEEDS)
                    );
                }
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

fn written(path: &str) -> Unknown {
    Unknown::new(format!("{path} was written to while it was read")).needs("run again when rpm is done")
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
fn list(read: &ReadAt<'_>, kind: Kind) -> Option<Listing> {
    let mark = read(0, MARK)?;
    let places: Vec<Place> = match kind {
        Kind::Ndb => ndb::list(read)?.into_iter().map(Place::Ndb).collect(),
        _ => berkeley::list(read)?.into_iter().map(Place::Berkeley).collect(),
    };
    let named = |place: Place| {
        let name = match name_in(&place.load(read, BEGINNING)?) {
            Some(name) => name,
            None => Header::parse(&place.load(read, PAYLOAD)?)?.name()?,
        };
        Some((name, place))
    };
    Some(Listing { mark, packages: places.into_iter().map(named).collect::<Option<_>>()? })
}

/// The headers of a list that may be asked for.
fn in_list(read: &ReadAt<'_>, listing: &Listing, query: &Query<'_>) -> Option<Vec<Vec<u8>>> {
    let wanted = listing.packages.iter().filter(|(name, _)| query.may_be(name));
    wanted.map(|(_, place)| place.load(read, PAYLOAD)).collect()
}

/// The newest of the packages that are asked for. None where a header is none.
fn newest(headers: &[Vec<u8>], query: &Query<'_>) -> Option<Vec<Package>> {
    let mut newest: Vec<Package> = Vec::new();
    for header in headers {
        let header = Header::parse(header)?;
        if query.fits(&header)? {
            let package = header.package()?;
            if newest.first().is_none_or(|other| version::compare(&package.version, &other.version).is_gt()) {
                newest = vec![package];
            }
        }
    }
    Some(newest)
}

/// The headers that a database of SQLite has for a name or a file: a table of headers, and for names and files a table with an
/// index each (rpm lib/backend/sqlite.cc).
fn in_tables(read: &ReadAt<'_>, query: &Query<'_>) -> Option<Vec<Vec<u8>>> {
    let database = Database::open(read)?;
    let (table, key) = match query {
        Query::Name(name) => ("Name", *name),
        Query::File { path, .. } => ("Basenames", path.rsplit_once('/')?.1),
    };
    let packages = database.root("Packages")?;
    let rows = database.find(database.root(&format!("{table}_key_idx"))?, key.as_bytes())?;
    let table = database.root(table)?;
    let mut numbers = Vec::new();
    for row in rows {
        let row = database.row(table, row)?;
        let values = record(&row)?;
        let [_, Value::Int(number), ..] = values.as_slice() else { return None };
        numbers.push(*number);
    }
    numbers.sort_unstable();
    numbers.dedup();
    let blob = |number: i64| {
        let row = database.row(packages, number)?;
        match record(&row)?.as_slice() {
            [_, Value::Bytes(blob), ..] => Some(blob.to_vec()),
            _ => None,
        }
    };
    numbers.into_iter().map(blob).collect()
}

#[cfg(test)]
mod tests;
