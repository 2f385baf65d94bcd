//! Swap: what is in use now, and what would bring some back at the next boot.

mod at_boot;

pub use at_boot::{AtBoot, Bringer};

use super::{Known, kernel_config::Setting, mounts::decode};
use crate::{
    evidence::{Proof, Unknown},
    node::{Node, ReadError},
    quantity::Quantity,
};

/// Where the kernel lists it (proc_swaps(5)).
pub const PATH: &str = "/proc/swaps";
/// How its first line begins (mm/swapfile.c, `swap_show`).
const HEADER: &str = "Filename";

/// What a swap area lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A block device.
    Partition,
    /// A file.
    File,
    /// A compressed RAM disk: /dev/zramN.
    Zram,
}

impl Kind {
    /// What to call it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Partition => "a partition",
            Self::File => "a file",
            Self::Zram => "compressed memory (zram)",
        }
    }
}

/// One area that is in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// The device or file.
    pub name: String,
    /// What it lies on.
    pub kind: Kind,
    /// Its size.
    pub size: Quantity,
    /// The line it was read from.
    pub line: String,
}

/// The areas in use. None where the text is not what the kernel writes, or is cut off.
#[must_use]
pub fn parse(text: &str) -> Option<Vec<Area>> {
    let mut lines = text.strip_suffix('\n')?.lines();
    if !lines.next()?.starts_with(HEADER) {
        return None;
    }
    lines.map(area).collect()
}

/// `/dev/sda2  partition  1048572  0  -2`: name, type, size and use in KiB, priority.
fn area(line: &str) -> Option<Area> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [name, kind, size, used, priority] = fields.as_slice() else { return None };
    let (size, _): (u64, u64) = (size.parse().ok()?, used.parse().ok()?);
    priority.parse::<i32>().ok()?;
    let name = decode(name);
    let kind = match *kind {
        _ if name.starts_with("/dev/zram") => Kind::Zram,
        "partition" => Kind::Partition,
        "file" => Kind::File,
        _ => return None,
    };
    let line = fields.join(" ");
    Some(Area { name, kind, size: Quantity::bytes(size.saturating_mul(1024)), line })
}

/// What is in use, with what showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// The areas; none where nothing is swapped.
    pub areas: Vec<Area>,
    /// What showed it.
    pub proof: Proof,
}

impl Node {
    /// The swap that is in use.
    pub fn swap(&self) -> &Known<Swap> {
        self.fact(|| {
            let read = self.read(PATH);
            if read.is_missing()
                && let Ok(config) = self.kernel_config()
                && config.get("CONFIG_SWAP") == Setting::NotSet
            {
                return Ok(Swap { areas: Vec::new(), proof: config.evidence("CONFIG_SWAP").into() });
            }
            let text = read.text().map_err(ReadError::unknown)?;
            let strange = |why: &str| Unknown::new(format!("{PATH} {why}")).tried([read.evidence()]);
            let areas = parse(&text).ok_or_else(|| strange("is not what the kernel writes"))?;
            if let Some(proof) = Proof::of(areas.iter().map(|area| read.quote(&*area.line))) {
                return Ok(Swap { areas, proof });
            }
            // A second witness: what hides the one from a container seldom hides the other in the same way.
            let meminfo = self.read("/proc/meminfo");
            let total = meminfo.text().ok().and_then(|text| {
                let line = text.lines().find(|line| line.starts_with("SwapTotal:"))?;
                Some((line.split_whitespace().nth(1)?.parse::<u64>().ok()?, line.to_owned()))
            });
            let seen = read.quote("no area");
            match total {
                Some((0, line)) => Ok(Swap { areas, proof: Proof::new(seen).and(meminfo.quote(line)) }),
                Some((_, line)) => {
                    Err(strange("lists no area, and /proc/meminfo counts swap").tried([meminfo.quote(line)]))
                }
                None => Ok(Swap { areas, proof: seen.into() }),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    const NONE: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";

    #[test]
    fn what_the_kernel_writes() {
        let text = format!(
            "{NONE}/dev/zram0                              partition\t3998716\t\t0\t\t100\n\
             /swap\\040file (deleted)                 file\t\t1024\t\t0\t\t-2\n"
        );
        // The name of a deleted file has a blank that is not escaped, so that the line can't be told apart.
        assert_eq!(parse(&text), None);
        let text = format!(
            "{NONE}/dev/zram0   partition\t3998716\t\t0\t\t100\n/swap\\040file  file\t\t1024\t12\t-2\n\
             /dev/dm-1 partition 2048 0 -3\n"
        );
        let areas = parse(&text).unwrap();
        let seen: Vec<_> = areas.iter().map(|a| (a.name.as_str(), a.kind, a.size.to_string())).collect();
        assert_eq!(
            seen,
            [
                ("/dev/zram0", Kind::Zram, "3.8Gi".to_owned()),
                ("/swap file", Kind::File, "1Mi".to_owned()),
                ("/dev/dm-1", Kind::Partition, "2Mi".to_owned()),
            ]
        );
        assert_eq!(parse(NONE), Some(vec![]));
        for text in ["", "\n", "Filename", "/dev/sda2 partition 1 0 -2\n", &NONE[..20]] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn two_witnesses() {
        let swap = |memory: Memory| Node::in_memory(memory).swap().clone();
        let off = Memory::new().file(PATH, NONE);
        assert_eq!(swap(off.clone()).unwrap().proof.into_evidence().len(), 1);
        let meminfo = |kb: u32| format!("MemTotal: 1 kB\nSwapTotal:   {kb} kB\n");
        assert_eq!(
            swap(off.clone().file("/proc/meminfo", meminfo(0))).unwrap().proof.into_evidence().len(),
            2
        );
        assert!(swap(off.file("/proc/meminfo", meminfo(5))).is_err());
        assert!(swap(Memory::new()).is_err(), "missing for any reason");
        assert!(swap(Memory::new().error(PATH, ReadErrorKind::Denied("EACCES"))).is_err());
        let config = "CONFIG_CGROUPS=y\n# CONFIG_SWAP is not set\n";
        let without = Memory::new()
            .file("/proc/sys/kernel/osrelease", "6.1.0-1\n")
            .file("/boot/config-6.1.0-1", config);
        assert_eq!(swap(without).unwrap().areas, []);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = parse(&text);
            let _ = parse(&format!("{NONE}{text}\n"));
        }
    }
}
