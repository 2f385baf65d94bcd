//! The swap that is in use: /proc/swaps.

use super::{Known, kernel_config::Setting};
use crate::{
    evidence::{Evidence, Proof, Unknown},
    node::{Node, ReadError},
};

/// What a swap area lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapKind {
    /// A partition or another block device.
    Partition,
    /// A file.
    File,
    /// Compressed memory.
    Zram,
}

impl SwapKind {
    /// In a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Partition => "partition",
            Self::File => "file",
            Self::Zram => "compressed memory (zram)",
        }
    }
}

/// One swap area in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// The device or file.
    pub name: String,
    /// What it lies on.
    pub kind: SwapKind,
    /// Its size in bytes.
    pub size: u64,
    /// How much of it is in use, in bytes.
    pub used: u64,
}

/// The table: a heading, then name, type, size, used (both in KiB), priority (mm/swapfile.c, `swap_show`).
fn parse(text: &str) -> Option<Vec<Swap>> {
    let mut lines = text.strip_suffix('\n')?.lines();
    let heading: Vec<&str> = lines.next()?.split_ascii_whitespace().collect();
    if heading != ["Filename", "Type", "Size", "Used", "Priority"] {
        return None;
    }
    lines.map(row).collect()
}

fn row(line: &str) -> Option<Swap> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [name, kind, size, used, _] = words[..] else { return None };
    let name = unescape(name);
    let kind = match kind {
        "file" => SwapKind::File,
        "partition" if name.starts_with("/dev/zram") || name.starts_with("/zram") => SwapKind::Zram,
        "partition" => SwapKind::Partition,
        _ => return None,
    };
    let bytes = |kib: &str| kib.parse::<u64>().ok()?.checked_mul(1024);
    Some(Swap { name, kind, size: bytes(size)?, used: bytes(used)? })
}

/// Blanks and backslashes in names are written as `\040` (seq_file, `mangle_path`).
pub(super) fn unescape(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let octal = after.get(..3).and_then(|o| u8::from_str_radix(o, 8).ok()).filter(u8::is_ascii);
        if let Some(byte) = octal {
            plain.push(char::from(byte));
            rest = after.get(3..).unwrap_or_default();
        } else {
            plain.push('\\');
            rest = after;
        }
    }
    plain + rest
}

/// The swap areas in use, and what showed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swaps {
    /// All of them, in the kernel's order.
    pub areas: Vec<Swap>,
    /// What showed them.
    pub proof: Proof,
}

impl Node {
    /// The swap areas in use.
    ///
    /// # Errors
    /// When /proc/swaps can't be read or makes no sense. That it is missing proves something only where the kernel is
    /// known to have no swap at all.
    pub fn swaps(&self) -> Known<Swaps> {
        let read = self.read("/proc/swaps");
        if read.is_missing()
            && let Ok(config) = self.kernel_config()
            && config.get("CONFIG_SWAP") == Setting::NotSet
        {
            let proof = Proof::new(read.evidence()).and(config.evidence("CONFIG_SWAP"));
            return Ok(Swaps { areas: Vec::new(), proof });
        }
        let text = read.text().map_err(ReadError::unknown)?;
        let Some(areas) = parse(&text) else {
            let why = format!("{} is not what the kernel shows", read.path());
            return Err(Unknown::new(why).tried([read.evidence()]));
        };
        let proof = if areas.is_empty() {
            Proof::new(read.quote("no line but the heading"))
        } else {
            let lines =
                text.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
            let mut evidence = lines.map(|line| read.quote(line));
            let first = evidence.next().unwrap_or_else(|| Evidence::new(read.path(), ""));
            Proof::new(first).and_all(evidence.take(7))
        };
        Ok(Swaps { areas, proof })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    const HEADING: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

    fn kinds(rows: &str) -> Option<Vec<(String, SwapKind, u64)>> {
        let all = parse(&format!("{HEADING}{rows}"))?;
        Some(all.into_iter().map(|s| (s.name, s.kind, s.size)).collect())
    }

    #[test]
    fn real_tables() {
        assert_eq!(kinds(""), Some(vec![]));
        let rows = "/dev/sda2                               partition\t1000\t\t0\t\t-2\n\
                    /swap\\040file                           file\t\t2097148\t\t512\t\t-3\n\
                    /dev/zram0                              partition\t8388604\t\t0\t\t100\n";
        let all = kinds(rows).unwrap();
        assert_eq!(all[0], ("/dev/sda2".into(), SwapKind::Partition, 1_024_000));
        assert_eq!(all[1].0, "/swap file");
        assert_eq!(all[2].1, SwapKind::Zram);
    }

    #[test]
    fn what_is_no_table() {
        for text in ["", "Filename\t", "Filename Type Size Used Priority", "x\n", "\n"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        for row in ["/dev/sda2 partition 10\n", "/dev/sda2 partition 1 1", "a b c d e\n", "/x tape 1 1 1\n"] {
            assert_eq!(kinds(row), None, "{row:?}");
        }
    }

    #[test]
    fn no_table_proves_nothing_by_itself() {
        let of = |memory: Memory| Node::in_memory(memory).swaps().map(|s| s.areas.len());
        assert_eq!(of(Memory::new().file("/proc/swaps", HEADING)), Ok(0));
        assert!(of(Memory::new()).is_err());
        assert!(of(Memory::new().error("/proc/swaps", ReadErrorKind::Denied("EACCES"))).is_err());
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape("a\\040b\\134c\\"), "a b\\c\\");
        assert_eq!(unescape("\\9x\\04"), "\\9x\\04");
        assert_eq!(unescape("\\é"), "\\é");
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,100}") {
            let _ = parse(&format!("{HEADING}{text}"));
            let _ = unescape(&text);
        }
    }
}
