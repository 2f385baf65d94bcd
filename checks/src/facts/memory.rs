//! The memory of the machine, by /proc/meminfo.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError},
    quantity::Quantity,
};
use std::collections::BTreeMap;

/// Where the kernel tells it (proc_meminfo(5)).
pub const PATH: &str = "/proc/meminfo";

/// The lines of /proc/meminfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    values: BTreeMap<String, Quantity>,
}

impl Memory {
    /// Parses the text. None where it has no MemTotal.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let line = |line: &str| {
            let (key, value) = line.split_once(':')?;
            let mut words = value.split_whitespace();
            let number: u64 = words.next()?.parse().ok()?;
            let unit = if words.next() == Some("kB") { 1024 } else { 1 };
            Some((key.to_owned(), Quantity::bytes(number.saturating_mul(unit))))
        };
        let values: BTreeMap<_, _> = text.lines().filter_map(line).collect();
        values.contains_key("MemTotal").then_some(Self { values })
    }

    /// The value of one line, in bytes; lines without a unit count things.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Quantity> {
        self.values.get(key).copied()
    }

    /// One line as evidence.
    #[must_use]
    pub fn evidence(&self, key: &str) -> Evidence {
        let observed = match self.get(key) {
            Some(value) => format!("{key} {value}"),
            None => format!("has no {key}"),
        };
        Evidence::new(PATH, observed)
    }
}

impl Node {
    /// The memory of the machine.
    ///
    /// # Errors
    /// When /proc/meminfo can't be read, or has no MemTotal.
    pub fn memory(&self) -> &Known<Memory> {
        self.fact(|| {
            let read = self.read(PATH);
            let text = read.text().map_err(ReadError::unknown)?;
            Memory::parse(&text)
                .ok_or_else(|| Unknown::new(format!("{PATH} has no MemTotal")).tried([read.evidence()]))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        let text =
            "MemTotal:        2014536 kB\nMemFree:  1 kB\nHugePages_Total:       4\nrubbish\nX: y kB\n";
        let memory = Memory::parse(text).unwrap();
        assert_eq!(memory.get("MemTotal"), Some(Quantity::bytes(2_014_536 * 1024)));
        assert_eq!(memory.get("HugePages_Total"), Some(Quantity::bytes(4)));
        assert_eq!(memory.get("X"), None);
        assert_eq!(memory.evidence("MemTotal").observed, "MemTotal 1.9Gi");
        for text in ["", "MemFree: 1 kB\n", "MemTotal: many kB\n"] {
            assert_eq!(Memory::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = Memory::parse(&text);
        }
    }
}
