//! The database of rpm, where SQLite keeps it (rpm 4.16 and later: Fedora 33, RHEL 9, openSUSE with sqlite): a table of headers,
//! and for names and files a table with an index each (rpm lib/backend/sqlite.cc).

use super::{
    Package, State,
    sqlite::{Database, ReadAt, Value, record},
};

/// Where it is, the newer place first.
pub(super) const DATABASES: [&str; 2] = ["/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite"];

// rpm include/rpm/rpmtag.h.
const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const DIRECTORY_INDEXES: u32 = 1116;
const BASENAMES: u32 = 1117;
const DIRECTORIES: u32 = 1118;

/// What was read is no database of rpm, or was cut off.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The package of that name.
pub(super) fn find(read: &ReadAt<'_>, name: &str) -> Result<Option<Package>, Broken> {
    first(read, "Name", name, |header| Some(header.string(NAME, 0)? == name))
}

/// The package that brought a file.
pub(super) fn owner(read: &ReadAt<'_>, path: &str) -> Result<Option<Package>, Broken> {
    let (directory, file) = path.rsplit_once('/').unwrap_or_default();
    first(read, "Basenames", file, |header| header.has_file(directory, file))
}

/// The first package under a key of an index that fits.
fn first(
    read: &ReadAt<'_>,
    table: &str,
    key: &str,
    fits: impl Fn(&Header<'_>) -> Option<bool>,
) -> Result<Option<Package>, Broken> {
    let headers = Database::open(read).and_then(|database| headers(&database, table, key)).ok_or(Broken)?;
    for header in headers {
        let header = Header::parse(&header).ok_or(Broken)?;
        if fits(&header).ok_or(Broken)? {
            return header.package().map(Some).ok_or(Broken);
        }
    }
    Ok(None)
}

/// The headers of the packages that an index has under a key.
fn headers(database: &Database<'_>, table: &str, key: &str) -> Option<Vec<Vec<u8>>> {
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

/// A header: how many entries and bytes, the entries (tag, type, offset, count), the bytes (rpm lib/header.c). Big-endian.
struct Header<'a> {
    entries: &'a [u8],
    data: &'a [u8],
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

impl<'a> Header<'a> {
    fn parse(blob: &'a [u8]) -> Option<Self> {
        let (count, length) = (word(blob, 0)? as usize, word(blob, 4)? as usize);
        let end = 8 + count.checked_mul(16)?;
        Some(Self { entries: blob.get(8..end)?, data: blob.get(end..end.checked_add(length)?)? })
    }

    /// The data of a tag from its start on, and how many values it has.
    fn values(&self, tag: u32) -> Option<(&'a [u8], usize)> {
        let entry = self.entries.chunks(16).find(|entry| word(entry, 0) == Some(tag))?;
        Some((self.data.get(word(entry, 8)? as usize..)?, word(entry, 12)? as usize))
    }

    fn strings(&self, tag: u32) -> Option<impl Iterator<Item = &'a [u8]>> {
        let (data, count) = self.values(tag)?;
        Some(data.split(|byte| *byte == 0).take(count))
    }

    fn string(&self, tag: u32, at: usize) -> Option<String> {
        self.strings(tag)?.nth(at).map(|text| String::from_utf8_lossy(text).into_owned())
    }

    /// `2:1.2.3-4.fc40`.
    fn package(&self) -> Option<Package> {
        let epoch = self.values(EPOCH).and_then(|(data, _)| word(data, 0));
        let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
        let version = format!("{epoch}{}-{}", self.string(VERSION, 0)?, self.string(RELEASE, 0)?);
        Some(Package { name: self.string(NAME, 0)?, version, state: State::Installed })
    }

    /// Whether it brought that file; /bin and /usr/bin are the same where /usr is merged, and /usr/sbin since Fedora 42.
    fn has_file(&self, directory: &str, file: &str) -> Option<bool> {
        let same = |text: &str| {
            let text = text.trim_end_matches('/');
            let text = text.strip_prefix("/usr").unwrap_or(text);
            text.replace("/sbin", "/bin")
        };
        let wanted = same(directory);
        let directories: Vec<String> =
            self.strings(DIRECTORIES)?.map(|directory| same(&String::from_utf8_lossy(directory))).collect();
        let (indexes, _) = self.values(DIRECTORY_INDEXES)?;
        let mut names = self.strings(BASENAMES)?.enumerate();
        Some(names.any(|(at, name)| {
            let index = word(indexes, at * 4).map(|index| index as usize);
            name == file.as_bytes() && index.and_then(|i| directories.get(i)) == Some(&wanted)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A header of these strings, numbers and lists.
    fn header(entries: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
        let mut index = Vec::new();
        let mut data: Vec<u8> = Vec::new();
        for (tag, kind, count, bytes) in entries {
            for number in [*tag, *kind, u32::try_from(data.len()).unwrap(), *count] {
                index.extend(number.to_be_bytes());
            }
            data.extend(*bytes);
        }
        let lengths = [entries.len(), data.len()].map(|n| u32::try_from(n).unwrap().to_be_bytes());
        [lengths.concat(), index, data].concat()
    }

    #[test]
    fn headers_of_packages() {
        let blob = header(&[
            (NAME, 6, 1, b"util-linux\0"),
            (VERSION, 6, 1, b"2.40\0"),
            (RELEASE, 6, 1, b"1.fc40\0"),
            (DIRECTORY_INDEXES, 4, 2, &[0, 0, 0, 1, 0, 0, 0, 0]),
            (BASENAMES, 8, 2, b"mount\0doc\0"),
            (DIRECTORIES, 8, 2, b"/usr/share/\0/usr/bin/\0"),
        ]);
        let found = Header::parse(&blob).unwrap();
        assert_eq!(found.package().unwrap().version, "2.40-1.fc40");
        for (directory, file, is_there) in [
            ("/usr/bin", "mount", true),
            ("/bin", "mount", true),
            ("/usr/sbin", "mount", true),
            ("/usr/share", "mount", false),
            ("/usr/share", "doc", true),
            ("/usr/bin", "umount", false),
        ] {
            assert_eq!(found.has_file(directory, file), Some(is_there), "{directory}/{file}");
        }
        assert!(Header::parse(&blob[..blob.len() - 1]).is_none());
    }

    proptest! {
        #[test]
        fn never_panics(blob in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Some(header) = Header::parse(&blob) {
                let _ = (header.package(), header.has_file("/usr/bin", "x"));
            }
        }
    }
}
