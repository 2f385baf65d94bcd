//! The database of rpm: where and of which kind it is, and how it is asked while rpm may be writing to it.

mod header;
mod sqlite;
mod version;

use super::Package;
use crate::{
    evidence::Unknown,
    facts::Known,
    node::{Node, ReadErrorKind},
};
use header::Header;
use sqlite::{Database, Value, record};
use std::cell::RefCell;

const NEEDS: &str = "ask `rpm -q` by hand, or run with --allow exec where a program tells its version";
/// How often is read anew what was written meanwhile.
const TRIES: u32 = 3;

/// Reads so many bytes from a place on; fewer where the file ends.
type ReadAt<'a> = dyn Fn(u64, usize) -> Option<Vec<u8>> + 'a;

/// How a database is kept (rpm lib/backend/).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// rpm 4.16 and later: Fedora 33, RHEL 9.
    Sqlite,
    /// SUSE.
    Ndb,
    /// Until RHEL 8, Amazon Linux 2.
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
    /// The one that brought this file.
    File(&'a str),
}

impl Query<'_> {
    fn fits(&self, header: &Header<'_>) -> Option<bool> {
        match self {
            Self::Name(name) => Some(header.name()? == *name),
            Self::File(path) => {
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
        if kind != Kind::Sqlite {
            return Err(Unknown::new(format!("{path} is a database of rpm that is not read")).needs(NEEDS));
        }
        let found = self.settled(path, |read| newest(&in_tables(read, query)?, query))?;
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
        found.ok_or_else(|| {
            let places = "/usr/lib/sysimage/rpm nor in /var/lib/rpm";
            let files = "rpmdb.sqlite, Packages.db or Packages";
            Unknown::new(format!("no database of rpm ({files}) is neither in {places}")).needs(NEEDS)
        })
    }

    /// What `look` makes of a database that nobody wrote to meanwhile.
    fn settled<T>(&self, path: &str, look: impl Fn(&ReadAt<'_>) -> Option<T>) -> Known<T> {
        for _ in 0..TRIES {
            let before = self.marks(path);
            self.has_no_log(path)?;
            let failed = RefCell::new(None);
            let read = |offset: u64, length: usize| {
                self.read_at(path, offset, length).map_err(|error| *failed.borrow_mut() = Some(error)).ok()
            };
            let found = look(&read);
            if self.marks(path) != before {
                continue;
            }
            return found.ok_or_else(|| match failed.take() {
                Some(error) => error.unknown(),
                None => Unknown::new(format!("{path} is not a database of rpm")).needs(NEEDS),
            });
        }
        Err(Unknown::new(format!("{path} was written to while it was read"))
            .needs("run again when rpm is done"))
    }

    /// What is another after something was written: the database's own header, and those of SQLite's log and of its index, whose
    /// counters go on also where the log was emptied into the database again (walformat, WalIndexHdr).
    fn marks(&self, path: &str) -> [Result<Vec<u8>, ReadErrorKind>; 3] {
        [("", 512), ("-wal", 32), ("-shm", 100)]
            .map(|(end, length)| self.read_at(&format!("{path}{end}"), 0, length).map_err(|e| e.kind))
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
        Query::File(path) => ("Basenames", path.rsplit_once('/')?.1),
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
