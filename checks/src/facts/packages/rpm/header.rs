//! A header of rpm, which tells everything of a package: how many entries and bytes, the entries (tag, type, offset, count), the
//! bytes (rpm lib/header.cc). Big-endian.

use super::super::{Package, State};

// rpm include/rpm/rpmtag.h.
const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const DIRECTORY_INDEXES: u32 = 1116;
const BASENAMES: u32 = 1117;
const DIRECTORIES: u32 = 1118;

pub(super) struct Header<'a> {
    entries: &'a [u8],
    data: &'a [u8],
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

/// The name in a header of which no more than the beginning was read; none where the name lies behind it.
pub(super) fn name_in(beginning: &[u8]) -> Option<String> {
    let end = 8 + (word(beginning, 0)? as usize).checked_mul(16)?;
    let header = Header { entries: beginning.get(8..end)?, data: &beginning[end..] };
    let (name, _) = header.values(NAME)?;
    let end = name.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(&name[..end]).into_owned())
}

impl<'a> Header<'a> {
    pub(super) fn parse(blob: &'a [u8]) -> Option<Self> {
        let (count, length) = (word(blob, 0)? as usize, word(blob, 4)? as usize);
        let end = 8 + count.checked_mul(16)?;
        Some(Self { entries: blob.get(8..end)?, data: blob.get(end..end.checked_add(length)?)? })
    }

    /// The data of a tag from its start on, and how many values it has. What was added behind the entries that a package came
    /// with stands in for theirs (hdrblobImport: "dribble entries replace duplicate region entries"); nothing else is twice.
    fn values(&self, tag: u32) -> Option<(&'a [u8], usize)> {
        let entry = self.entries.chunks(16).rfind(|entry| word(entry, 0) == Some(tag))?;
        Some((self.data.get(word(entry, 8)? as usize..)?, word(entry, 12)? as usize))
    }

    fn strings(&self, tag: u32) -> Option<impl Iterator<Item = &'a [u8]>> {
        let (data, count) = self.values(tag)?;
        Some(data.split(|byte| *byte == 0).take(count))
    }

    fn string(&self, tag: u32) -> Option<String> {
        self.strings(tag)?.next().map(|text| String::from_utf8_lossy(text).into_owned())
    }

    pub(super) fn name(&self) -> Option<String> {
        self.string(NAME)
    }

    /// Its name and `2:1.2.3-4.fc40`.
    pub(super) fn package(&self) -> Option<Package> {
        let epoch = match self.values(EPOCH) {
            Some((data, _)) => format!("{}:", word(data, 0)?),
            None => String::new(),
        };
        let version = format!("{epoch}{}-{}", self.string(VERSION)?, self.string(RELEASE)?);
        Some(Package { name: self.name()?, version, state: State::Installed })
    }

    /// Whether it brought that file; /bin and /usr/bin are the same where /usr is merged, and /usr/sbin since Fedora 42.
    pub(super) fn has_file(&self, directory: &str, file: &str) -> Option<bool> {
        let same = |text: &str| {
            let text = text.trim_end_matches('/');
            let text = text.strip_prefix("/usr").unwrap_or(text);
            text.replace("/sbin", "/bin")
        };
        // Some bring no file at all.
        let Some(names) = self.strings(BASENAMES) else { return Some(false) };
        let wanted = same(directory);
        let directories: Vec<String> =
            self.strings(DIRECTORIES)?.map(|directory| same(&String::from_utf8_lossy(directory))).collect();
        let (indexes, _) = self.values(DIRECTORY_INDEXES)?;
        Some(names.enumerate().any(|(at, name)| {
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
        assert_eq!(name_in(&blob[..blob.len() - 1]).as_deref(), Some("util-linux"));
        assert_eq!(name_in(&blob[..8 + 6 * 16 + 4]), None);
    }

    #[test]
    fn what_was_added_later_stands_in_for_what_it_came_with() {
        let blob = header(&[
            (NAME, 6, 1, b"kernel\0"),
            (VERSION, 6, 1, b"1\0"),
            (RELEASE, 6, 1, b"1\0"),
            (VERSION, 6, 1, b"2\0"),
            (EPOCH, 4, 1, &[0, 0, 0, 3]),
        ]);
        let header = Header::parse(&blob).unwrap();
        assert_eq!(header.package().unwrap().version, "3:2-1");
        assert_eq!(header.has_file("/usr/bin", "x"), Some(false));
    }

    proptest! {
        #[test]
        fn never_panics(blob in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = name_in(&blob);
            if let Some(header) = Header::parse(&blob) {
                let _ = (header.package(), header.has_file("/usr/bin", "x"));
            }
        }
    }
}
