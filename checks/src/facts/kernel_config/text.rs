//! The text of a kernel configuration: an index over its lines, and whether it is whole.
//!
//! The grammar is what the kernel's own reader takes (scripts/kconfig/confdata.c, `conf_read_simple`,
//! v6.12): lines `CONFIG_NAME=value` and `# CONFIG_NAME is not set`; anything else is ignored; the last
//! line of a name holds.

use super::Setting;
use crate::range::leading_version;
use flate2::read::GzDecoder;
use memchr::{memchr, memchr_iter};
use semver::Version;
use std::io::Read;

/// The most text that is taken, in bytes. Real configurations have 100 to 300 KB.
pub(super) const TEXT_LIMIT: usize = 16 << 20;

/// A file that kconfig wrote itself names more options than this: x86 `tinyconfig` has several hundred lines.
const FEWEST_GENERATED: usize = 100;

/// The hash is in the upper half of an entry of the index, the offset of the line in the lower.
const HASH: u64 = 0xffff_ffff_0000_0000;

/// How sure it is that the end of the text is the end of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// A checksum has proved it.
    Proved,
    /// It has to be judged by the text.
    Judged,
}

/// A configuration, held as the one buffer it was read into.
#[derive(Debug)]
pub(super) struct Text {
    bytes: Vec<u8>,
    /// Sorted; lines with the same hash are in the order of the file.
    index: Vec<u64>,
}

impl Text {
    /// Indexes `bytes`.
    ///
    /// # Errors
    /// Why they are no whole configuration, as a clause that can follow the path.
    pub(super) fn new(bytes: Vec<u8>, end: End) -> Result<Self, String> {
        if bytes.trim_ascii().is_empty() {
            return Err("is empty".into());
        }
        if bytes.len() > TEXT_LIMIT {
            return Err(format!("is larger than the limit of {TEXT_LIMIT}"));
        }
        // XFS leaves files full of NUL after a power cut; no configuration has one.
        if memchr(0, &bytes).is_some() {
            return Err("is corrupt: it holds NUL bytes".into());
        }
        let (index, marks) = scan(&bytes);
        if index.is_empty() {
            return Err("names no kernel option".into());
        }
        if end == End::Judged {
            marks.whole(&bytes, index.len())?;
        }
        Ok(Self { bytes, index })
    }

    /// How many lines name an option.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// The line that decides on `name` (without `CONFIG_`): the last one.
    pub(super) fn line(&self, name: &str) -> Option<&[u8]> {
        let name = name.as_bytes();
        let wanted = hash(name) & HASH;
        let first = self.index.partition_point(|entry| *entry < wanted);
        let same = self.index.get(first..)?.iter().take_while(|entry| **entry & HASH == wanted);
        same.filter_map(|entry| {
            let offset = usize::try_from(entry & !HASH).ok()?;
            let rest = self.bytes.get(offset..)?;
            let line = memchr(b'\n', rest).and_then(|end| rest.get(..end)).unwrap_or(rest);
            (option(line)?.0 == name).then_some(line)
        })
        .last()
    }

    /// What the text says of `name` (without `CONFIG_`).
    pub(super) fn get(&self, name: &str) -> Setting {
        match self.line(name).and_then(option) {
            None => Setting::Absent,
            Some((_, Raw::NotSet | Raw::Value(b"n"))) => Setting::NotSet,
            Some((_, Raw::Value(b"y"))) => Setting::BuiltIn,
            Some((_, Raw::Value(b"m"))) => Setting::Module,
            Some((_, Raw::Value(other))) => Setting::Value(unquoted(other)),
        }
    }

    /// The version in the line `# Linux/x86 6.1.192 Kernel Configuration`, as it is and as it compares.
    pub(super) fn version(&self) -> Option<(String, Version)> {
        let top = self.bytes.get(..self.bytes.len().min(4096))?;
        let top = String::from_utf8_lossy(top);
        let line =
            top.lines().find_map(|l| l.strip_prefix("# Linux/")?.strip_suffix(" Kernel Configuration"))?;
        let text = line.split_once(' ')?.1.trim();
        Some((text.to_owned(), leading_version(text)?))
    }
}

/// What was seen on the way that tells a whole file from a cut one.
#[derive(Debug, Default)]
struct Marks {
    generated: bool,
    menu_ends: bool,
    last_menu_ends: bool,
}

impl Marks {
    fn see(&mut self, comment: &[u8]) {
        if let Some(menu) = comment.strip_prefix(b"# end of ") {
            self.menu_ends = true;
            self.last_menu_ends |= menu.trim_ascii_end() == b"Kernel hacking";
        } else if comment.starts_with(b"# Automatically generated file") {
            self.generated = true;
        }
    }

    /// Since 5.3 each menu ends with a comment, and `Kernel hacking` (lib/Kconfig.debug) is the last menu of
    /// every architecture. A file that ends menus, but not this one, was cut.
    fn whole(&self, bytes: &[u8], options: usize) -> Result<(), String> {
        if bytes.last() != Some(&b'\n') {
            return Err("is truncated: it ends in the middle of a line".into());
        }
        if self.menu_ends && !self.last_menu_ends {
            return Err("is truncated: its last menu, `Kernel hacking`, does not end".into());
        }
        if self.generated && options < FEWEST_GENERATED {
            return Err(format!("is truncated: it names {options} options only"));
        }
        Ok(())
    }
}

fn scan(bytes: &[u8]) -> (Vec<u64>, Marks) {
    // One line has 25 to 30 bytes on the average.
    let mut index = Vec::with_capacity(bytes.len() / 24);
    let mut marks = Marks::default();
    let mut start = 0;
    for end in memchr_iter(b'\n', bytes).chain([bytes.len()]) {
        let line = bytes.get(start..end).unwrap_or_default();
        if let Some((name, _)) = option(line) {
            index.push((hash(name) & HASH) | (start as u64 & !HASH));
        } else {
            marks.see(line);
        }
        start = end + 1;
    }
    index.sort_unstable();
    (index, marks)
}

/// What stands behind a name.
#[derive(Debug, PartialEq, Eq)]
enum Raw<'a> {
    NotSet,
    Value(&'a [u8]),
}

/// The name (without `CONFIG_`) and the value of a line, if it names an option.
///
/// It is the heart of the scan, so the forms that 97 lines of 100 have come first, and what is no name at all
/// (`CONFIG_A B=y`) is taken for one as well: nobody asks for it. Text is always quoted, so nothing but `y` or
/// `m` itself can end in `=y` or `=m`.
#[inline]
fn option(line: &[u8]) -> Option<(&[u8], Raw<'_>)> {
    match line {
        [b'C', b'O', b'N', b'F', b'I', b'G', b'_', _, .., b'=', b'y' | b'm'] => {
            let (name, value) = line.get(7..)?.split_last_chunk::<2>()?;
            Some((name, Raw::Value(value.get(1..)?)))
        }
        [b'C', b'O', b'N', b'F', b'I', b'G', b'_', rest @ ..] => {
            let (name, value) = rest.split_at_checked(memchr(b'=', rest)?)?;
            let value = value.get(1..)?.trim_ascii_end();
            (!name.is_empty()).then_some((name, Raw::Value(value)))
        }
        [b'#', b' ', b'C', b'O', b'N', b'F', b'I', b'G', b'_', _, .., b't' | b'\r' | b' '] => {
            let name = line.get(9..)?.trim_ascii_end().strip_suffix(b" is not set")?;
            (!name.is_empty()).then_some((name, Raw::NotSet))
        }
        _ => None,
    }
}

/// Text without its quotes and backslashes; numbers as they are.
fn unquoted(value: &[u8]) -> String {
    let value = String::from_utf8_lossy(value);
    let Some(inner) = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) else {
        return value.into_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}

/// Both ends and the length: names that share them are few, and cost one more comparison each. The factor is
/// that of rustc's own hash.
#[inline]
fn hash(name: &[u8]) -> u64 {
    let word = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29),
        _ => name.iter().fold(0, |word: u64, byte| word << 8 | u64::from(*byte)),
    };
    let mixed = (word ^ name.len() as u64).wrapping_mul(0x517c_c1b7_2722_0a95);
    mixed ^ mixed << 32
}

/// Whether `bytes` start as gzip does (RFC 1952).
pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Unpacks gzip up to `limit` bytes.
///
/// # Errors
/// Why it can't be unpacked, as a clause that can follow the path. The checksum is verified.
pub(super) fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let mut text = Vec::with_capacity(bytes.len().saturating_mul(6).min(limit));
    match GzDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut text) {
        Ok(_) if text.len() > limit => Err(format!("unpacks to more than the limit of {limit}")),
        Ok(_) => Ok(text),
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err("is truncated: gzip ends early".into())
        }
        Err(e) => Err(format!("is corrupt: {e}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;
    use std::io::Write;

    fn text(bytes: impl AsRef<[u8]>) -> Text {
        Text::new(bytes.as_ref().to_vec(), End::Proved).unwrap()
    }

    fn damage(bytes: impl AsRef<[u8]>) -> String {
        Text::new(bytes.as_ref().to_vec(), End::Judged).unwrap_err()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_way_to_set_an_option() {
        // The first three are the parse case of system-validators v1.12.1 (kernel_validator_test.go).
        let t = text(
            "CONFIG_1=y\nCONFIG_2=m\nCONFIG_3=n\n# CONFIG_4 is not set\nCONFIG_HZ=250\r\n\
             CONFIG_LSM=\"landlock,\\\"a\\\\b\\\"\"\nCONFIG_BASE=0xC000\nCONFIG_EMPTY=\"\"\nCONFIG_LAST=y",
        );
        for (name, want) in [
            ("1", Setting::BuiltIn),
            ("2", Setting::Module),
            ("3", Setting::NotSet),
            ("4", Setting::NotSet),
            ("HZ", Setting::Value("250".into())),
            ("LSM", Setting::Value("landlock,\"a\\b\"".into())),
            ("BASE", Setting::Value("0xC000".into())),
            ("EMPTY", Setting::Value(String::new())),
            ("LAST", Setting::BuiltIn),
            ("H", Setting::Absent),
            ("", Setting::Absent),
        ] {
            assert_eq!(t.get(name), want, "{name}");
        }
    }

    #[test]
    fn what_only_looks_like_an_option_is_none() {
        let t = text(
            "CONFIG_A=y\n CONFIG_B=y\n#CONFIG_B is not set\n# CONFIG_B is not set today\nCONFIG_B y\n\
             CONFIG_=y\nCONFIG_CMDLINE=\"CONFIG_B=y\"\n# use CONFIG_B=y\nconfig_b=y\nCONFIG_B\n",
        );
        assert_eq!(t.get("B"), Setting::Absent);
        assert_eq!(t.len(), 2);
    }

    #[test]
    fn the_last_line_of_a_name_holds() {
        assert_eq!(text("CONFIG_A=y\n# CONFIG_A is not set\n").get("A"), Setting::NotSet);
        assert_eq!(text("# CONFIG_A is not set\nCONFIG_A=m\n").get("A"), Setting::Module);
    }

    #[test]
    fn a_long_comment_hides_nothing() {
        // bufio.Scanner of system-validators stops there and CONFIG_B counts as not set (cases-peer-wrong).
        for length in [100, 64 << 10, 1 << 20] {
            let t = text(format!("CONFIG_A=y\n# {}\nCONFIG_B=y\n", "x".repeat(length)));
            assert_eq!(t.get("B"), Setting::BuiltIn, "{length}");
        }
    }

    #[test]
    fn the_header_names_the_version() {
        for (header, want) in [
            ("# Linux/x86 6.1.192 Kernel Configuration", Some("6.1.192")),
            (
                "# Linux/x86_64 5.14.0-503.11.1.el9_5.x86_64 Kernel Configuration",
                Some("5.14.0-503.11.1.el9_5.x86_64"),
            ),
            ("# Linux/arm64 6.19.0-rc4 Kernel Configuration", Some("6.19.0-rc4")),
            ("# Linux/x86 Kernel Configuration", None),
            ("# Linux kernel version: 2.6.32", None),
        ] {
            let t =
                text(format!("#\n# Automatically generated file; DO NOT EDIT.\n{header}\n#\nCONFIG_A=y\n"));
            assert_eq!(t.version().map(|v| v.0).as_deref(), want, "{header}");
        }
    }

    #[test]
    fn a_cut_or_broken_file_is_told() {
        let generated = "# Automatically generated file; DO NOT EDIT.\n";
        for (bytes, want) in [
            (String::new(), "is empty"),
            ("\n\n".into(), "is empty"),
            ("hello\n".into(), "names no kernel option"),
            ("CONFIG_A=y\nCONFIG_B".into(), "in the middle of a line"),
            ("CONFIG_A=y\n\0\0\0\0".into(), "NUL"),
            (format!("{generated}CONFIG_A=y\n"), "names 1 options only"),
            ("CONFIG_A=y\n# end of General setup\nCONFIG_B=y\n".into(), "Kernel hacking"),
        ] {
            assert!(damage(&bytes).contains(want), "{bytes:?}: {}", damage(&bytes));
        }
        let whole = "CONFIG_A=y\n# end of General setup\nCONFIG_B=y\n# end of Kernel hacking\n\nCONFIG_C=y\n";
        assert_eq!(Text::new(whole.into(), End::Judged).unwrap().len(), 3);
        // Written by hand, or stripped of its comments.
        assert!(Text::new("CONFIG_A=y\n".into(), End::Judged).is_ok());
    }

    #[test]
    fn gzip_is_bounded_and_verified() {
        let packed = gzip(b"CONFIG_A=y\n");
        assert!(is_gzip(&packed));
        assert_eq!(gunzip(&packed, 100).unwrap(), b"CONFIG_A=y\n");
        assert!(gunzip(&packed, 5).unwrap_err().contains("limit"));
        for cut in 0..packed.len() {
            assert!(gunzip(&packed[..cut], 100).is_err(), "{cut}");
        }
        let mut flipped = packed.clone();
        let crc = flipped.len() - 8;
        flipped[crc] ^= 1;
        assert!(gunzip(&flipped, 100).unwrap_err().contains("corrupt"));
        // 32 MiB of nothing in 32 KB.
        assert!(gunzip(&gzip(&vec![b'\n'; 32 << 20]), TEXT_LIMIT).unwrap_err().contains("limit"));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), name in ".{0,20}") {
            let _ = gunzip(&bytes, 1000);
            for end in [End::Proved, End::Judged] {
                if let Ok(t) = Text::new(bytes.clone(), end) {
                    let _ = (t.get(&name), t.version());
                }
            }
        }

        #[test]
        fn the_index_answers_as_a_slow_reader_does(
            lines in proptest::collection::vec(
                "(# )?CONFIG_[AB0_]{0,2}(=[ymn\"x]?| is not set)?[ \r]?", 0..40),
        ) {
            let whole = format!("CONFIG_ZZ=y\n{}\n", lines.join("\n"));
            let t = text(&whole);
            for name in ["A", "B", "AB", "_", "0A", "ZZ"] {
                let slow = whole.split('\n').filter_map(|l| option(l.as_bytes()))
                    .rfind(|(n, _)| *n == name.as_bytes());
                let fast = t.line(name).and_then(option);
                prop_assert_eq!(fast, slow, "{}", name);
            }
        }
    }
}
