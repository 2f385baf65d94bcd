//! The processors: how many there are and may be used, and what they can do.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError},
};
use std::collections::BTreeSet;

/// How many numbers a list may have: Linux supports 8192 processors at most.
const MOST: usize = 1 << 16;

/// The numbers in a list of processors or nodes: `0-3,8` (Documentation/admin-guide/cputopology.rst). None where it is
/// none; an empty list is one.
#[must_use]
pub fn list(text: &str) -> Option<BTreeSet<u32>> {
    let mut numbers = BTreeSet::new();
    for part in text.trim().split(',').filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || (last - first) as usize >= MOST || numbers.len() > MOST {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// How many processors there are, and how many this process may run on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Those that are online.
    pub online: usize,
    /// Those of them on which this process may run (its cpuset and affinity); none where that could not be read.
    pub allowed: Option<usize>,
    /// What showed the first.
    pub online_seen: Evidence,
    /// What showed the second.
    pub allowed_seen: Option<Evidence>,
}

/// The words of /proc/cpuinfo for what a processor can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features {
    /// Of the first processor; the others have the same on every machine that Linux runs on, but for hybrid ones, where the
    /// kernel shows what all have.
    pub words: BTreeSet<String>,
}

/// A microarchitecture level of x86-64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(pub u8);

/// What each level adds to the one before, as Linux names it (System V ABI, AMD64 supplement, table 3.1; `pni` is SSE3,
/// `abm` is LZCNT; OSXSAVE shows as xsave where the system uses it).
const LEVELS: [(u8, &[&str]); 3] = [
    (2, &["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"]),
    (3, &["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"]),
    (4, &["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]),
];

impl Features {
    /// The level of an x86-64 processor.
    #[must_use]
    pub fn level(&self) -> Level {
        let complete =
            LEVELS.iter().take_while(|(_, words)| words.iter().all(|word| self.words.contains(*word)));
        Level(complete.last().map_or(1, |(level, _)| *level))
    }

    /// What is missing up to a level.
    #[must_use]
    pub fn missing_for(&self, level: Level) -> Vec<&'static str> {
        let asked =
            LEVELS.iter().filter(|(of, _)| *of <= level.0).flat_map(|(_, words)| words.iter().copied());
        asked.filter(|word| !self.words.contains(*word)).collect()
    }
}

/// Parses /proc/cpuinfo: the line `flags` of x86, `Features` of ARM, `features` of s390. None where there is none.
#[must_use]
pub fn features(text: &str) -> Option<Features> {
    let line = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        matches!(key.trim_end(), "flags" | "Features" | "features").then_some(value)
    })?;
    let words: BTreeSet<String> = line.split_whitespace().map(str::to_owned).collect();
    (!words.is_empty()).then_some(Features { words })
}

/// The size of a page in an auxiliary vector: pairs of machine words, the key AT_PAGESZ is 6 (getauxval(3)).
#[must_use]
pub fn page_size(auxv: &[u8]) -> Option<u64> {
    let word = |bytes: &[u8]| Some(usize::from_ne_bytes(bytes.try_into().ok()?) as u64);
    auxv.chunks_exact(2 * size_of::<usize>()).find_map(|pair| {
        let (key, value) = pair.split_at(size_of::<usize>());
        (word(key)? == 6).then(|| word(value))?
    })
}

impl Node {
    /// How many processors there are.
    ///
    /// # Errors
    /// When the list of those that are online can't be read, or is none.
    pub fn cpu_count(&self) -> &Known<Count> {
        self.fact(|| {
            let read = self.read("/sys/devices/system/cpu/online");
            let text = read.text().map_err(ReadError::unknown)?;
            let strange = || Unknown::new(format!("{} holds no list", read.path())).tried([read.evidence()]);
            let online =
                list(&text).filter(|list| !list.is_empty() && text.ends_with('\n')).ok_or_else(strange)?;
            let status = self.read(&self.proc_self("status"));
            let allowed = status.text().ok().and_then(|text| {
                let line = text.lines().find(|line| line.starts_with("Cpus_allowed_list:"))?;
                let allowed = list(line.split_once(':')?.1)?;
                let squeezed = line.split_whitespace().collect::<Vec<_>>().join(" ");
                Some((allowed.intersection(&online).count(), status.quote(squeezed)))
            });
            let (allowed, allowed_seen) = allowed.unzip();
            let online_seen = read.quote(text.trim());
            Ok(Count { online: online.len(), allowed, online_seen, allowed_seen })
        })
    }

    /// What the processors can do, by the words of the kernel.
    ///
    /// # Errors
    /// When /proc/cpuinfo can't be read, or has no such line.
    pub fn cpu_features(&self) -> &Known<Features> {
        self.fact(|| {
            let read = self.read("/proc/cpuinfo");
            let text = read.text().map_err(ReadError::unknown)?;
            features(&text)
                .ok_or_else(|| Unknown::new("/proc/cpuinfo names no features").tried([read.evidence()]))
        })
    }

    /// The size of a page of memory, in bytes.
    ///
    /// # Errors
    /// When the auxiliary vector of a process can't be read.
    pub fn page_size(&self) -> Known<(u64, Evidence)> {
        let read = self.read(&self.proc_self("auxv"));
        let bytes = read.bytes().map_err(ReadError::unknown)?;
        let size = page_size(bytes)
            .ok_or_else(|| Unknown::new(format!("{} does not tell the size of a page", read.path())))?;
        Ok((size, read.quote(format!("AT_PAGESZ {size}"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

    #[test]
    fn lists() {
        for (text, count) in [("0-3\n", Some(4)), ("0", Some(1)), ("0-1,4,6-7", Some(5)), ("\n", Some(0))] {
            assert_eq!(list(text).map(|l| l.len()), count, "{text:?}");
        }
        for text in ["3-0", "a", "0-", "0-4294967295", "1..2"] {
            assert_eq!(list(text), None, "{text}");
        }
    }

    #[test]
    fn what_may_be_used() {
        let online = "/sys/devices/system/cpu/online";
        let memory = Memory::new().file(online, "0-3\n");
        let count = |memory| Node::in_memory(memory).cpu_count().clone();
        assert_eq!(count(memory.clone()).unwrap().allowed, None);
        let pinned = memory.file("/proc/self/status", "Name:\tx\nCpus_allowed_list:\t1,3,100-127\n");
        let found = count(pinned).unwrap();
        assert_eq!((found.online, found.allowed), (4, Some(2)));
        for text in ["", "\n", "0-3", "many\n"] {
            assert!(count(Memory::new().file(online, text)).is_err(), "{text:?}");
        }
    }

    #[test]
    fn levels() {
        let of = |words: &str| features(&format!("processor\t: 0\nflags\t\t: {words}\n")).unwrap();
        let v1 = of("fpu sse sse2 lm");
        assert_eq!(v1.level(), Level(1));
        assert!(v1.missing_for(Level(2)).contains(&"popcnt"));
        let v2 = "fpu cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3";
        assert_eq!(of(v2).level(), Level(2));
        let v3 = format!("{v2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave");
        assert_eq!(of(&v3).level(), Level(3));
        // The levels are a ladder: the fourth without the third is the second.
        assert_eq!(of(&format!("{v2} avx512f avx512bw avx512cd avx512dq avx512vl")).level(), Level(2));
        let arm = features("Features\t: fp asimd atomics\n").unwrap();
        assert!(arm.words.contains("atomics"));
        assert_eq!(features("processor: 0\n"), None);
        assert_eq!(features("flags\t:\n"), None);
    }

    #[test]
    fn pages() {
        let pair = |key: usize, value: usize| [key.to_ne_bytes(), value.to_ne_bytes()].concat();
        let auxv = [pair(33, 0x7fff), pair(6, 4096), pair(0, 0)].concat();
        assert_eq!(page_size(&auxv), Some(4096));
        assert_eq!(page_size(&auxv[..10]), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,100}", bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = list(&text);
            let _ = features(&text);
            let _ = page_size(&bytes);
        }
    }
}
