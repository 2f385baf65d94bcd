//! The masks out of the kernel's memory: addresses from /proc/kallsyms, contents from /proc/kcore. A read and nothing
//! else; it takes root.

use super::{Attempt, Reading};
use crate::{
    evidence::{Evidence, Unknown},
    facts::{Known, btf::CgroupTypes, cgroup::Step, kallsyms, kcore},
    node::Node,
};

/// The method, as reports name it.
const METHOD: &str = "kallsyms and kcore";
/// The longest name of a subsystem that is read, in bytes.
const NAME_LIMIT: usize = 64;
/// The most subsystems that a kernel can have: as many as the widest mask has bits
/// (BUILD_BUG_ON(CGROUP_SUBSYS_COUNT > 32), kernel/cgroup/cgroup.c, Linux 7.0).
const SUBSYSTEM_LIMIT: usize = 32;

/// The width of the masks where BTF does not tell: u16 from Linux 4.6 on, u32 since 7.0.
const WIDE_SINCE: u64 = 7;

impl Node {
    /// Reads the masks; `types` is what BTF says, if it says something.
    pub(in crate::facts::cgroup) fn masks_in_memory(&self, types: Option<&CgroupTypes>) -> Attempt {
        Attempt { step: Step::Kcore, method: METHOD.to_owned(), result: self.read_masks(types) }
    }

    fn read_masks(&self, types: Option<&CgroupTypes>) -> Known<Reading> {
        let symbols = self.cgroup_symbols().as_ref().map_err(Clone::clone)?;
        let (implicit_at, inhibited_at) = symbols.mask_addresses()?;
        let width_bits = self.mask_width(types)?;
        let size = width_bits as usize / 8;
        let implicit = self.kernel_number(implicit_at, size)?;
        let inhibited = self.kernel_number(inhibited_at, size)?;
        self.is_memory_shown(symbols, implicit | inhibited)?;
        let seen = |name: &str, address: u64, value: u64| {
            let observed = format!("{name} at {address:#x}, {size} bytes: {value:#0w$x}", w = 2 + 2 * size);
            Evidence::new(kcore::PATH, observed)
        };
        let mut evidence = vec![
            seen("cgrp_dfl_implicit_ss_mask", implicit_at, implicit),
            seen("cgrp_dfl_inhibit_ss_mask", inhibited_at, inhibited),
        ];
        let attached_at = symbols.root.zip(types.and_then(|t| t.attached_offset));
        // `unsigned int subsys_mask`, on every version that has it (struct cgroup_root).
        let attached = attached_at.and_then(|(root, offset)| {
            let address = root.checked_add(u64::from(offset))?;
            let value = self.kernel_number(address, 4).ok()?;
            evidence.push(Evidence::new(
                kcore::PATH,
                format!("cgrp_dfl_root.subsys_mask at {address:#x}, 4 bytes: {value:#010x}"),
            ));
            Some(value)
        });
        let method = METHOD.to_owned();
        Ok(Reading {
            step: Step::Kcore,
            method,
            implicit,
            inhibited,
            control: None,
            attached,
            width_bits,
            evidence,
        })
    }

    /// Both masks may be zero, and /proc/kcore gives zeros for what it can't or won't copy (read_kcore_iter(),
    /// fs/proc/kcore.c): the first pointer of `cgroup_subsys_name`, which is never zero, tells the two apart.
    fn is_memory_shown(&self, symbols: &kallsyms::CgroupSymbols, masks: u64) -> Known<()> {
        let Some(names) = symbols.names.filter(|names| masks == 0 && *names != 0) else { return Ok(()) };
        if self.kernel_number(names, 8)? != 0 {
            return Ok(());
        }
        Err(Unknown::new(format!("{} gives zeros instead of the kernel's memory", kcore::PATH))
            .tried([Evidence::new(kcore::PATH, format!("cgroup_subsys_name at {names:#x}: zeros"))]))
    }

    /// The width of the masks in bits: by BTF, else by the kernel's version.
    pub(crate) fn mask_width(&self, types: Option<&CgroupTypes>) -> Known<u32> {
        if let Some(bits) = types.and_then(|t| t.mask_bits) {
            return Ok(bits);
        }
        let release = self.kernel_release().as_ref().map_err(Clone::clone)?;
        Ok(if release.version.major >= WIDE_SINCE { 32 } else { 16 })
    }

    /// The subsystems with their ids as the kernel's array `cgroup_subsys_name` has them: without BTF, and to hold
    /// against it.
    ///
    /// # Errors
    /// As the masks; and when what lies there are no names.
    pub(in crate::facts::cgroup) fn subsystems_in_memory(&self) -> Known<Vec<(String, u32)>> {
        let symbols = self.cgroup_symbols().as_ref().map_err(Clone::clone)?;
        let count = symbols.subsystems.len();
        let array = symbols.names.filter(|a| *a != 0 && (1..=SUBSYSTEM_LIMIT).contains(&count));
        let Some(array) = array else {
            return Err(Unknown::new(format!("{} does not show where the names are", kallsyms::PATH)));
        };
        (0..).zip(0..count as u64).map(|(id, place)| Ok((self.name_at(array + 8 * place)?, id))).collect()
    }

    /// The text to which the pointer at `address` points.
    fn name_at(&self, address: u64) -> Known<String> {
        let pointer = self.kernel_number(address, 8)?;
        let mut bytes = self.kernel_memory(pointer, NAME_LIMIT)?;
        bytes.truncate(bytes.iter().position(|&b| b == 0).unwrap_or(0));
        let name = String::from_utf8(bytes).ok().filter(|n| {
            !n.is_empty() && n.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        });
        name.ok_or_else(|| Unknown::new(format!("what lies at {pointer:#x} is not the name of a subsystem")))
    }
}

#[cfg(test)]
pub(in crate::facts::cgroup) mod tests {
    use super::*;
    use crate::{facts::btf, node::Memory};

    pub(in crate::facts::cgroup) const BASE: u64 = 0xffff_ffff_9f00_0000;

    /// A node whose memory holds these masks of 16 bits, what is attached, and two names.
    pub(in crate::facts::cgroup) fn with_masks(
        memory: Memory,
        implicit: u16,
        inhibited: u16,
        attached: u32,
    ) -> Memory {
        let mut bytes = vec![0; 256];
        let mut put = |at: usize, part: &[u8]| bytes[at..at + part.len()].copy_from_slice(part);
        put(0, &implicit.to_le_bytes());
        put(2, &inhibited.to_le_bytes());
        put(24, &attached.to_le_bytes());
        put(64, &(BASE + 128).to_le_bytes());
        put(72, &(BASE + 160).to_le_bytes());
        put(128, b"cpuset\0");
        put(160, b"cpu\0");
        let table = format!(
            "{BASE:x} b cgrp_dfl_implicit_ss_mask\n{:x} b cgrp_dfl_inhibit_ss_mask\n{:x} D cgrp_dfl_root\n\
             {:x} r cgroup_subsys_name\n{BASE:x} D cpuset_cgrp_subsys\n{BASE:x} D cpu_cgrp_subsys\n",
            BASE + 2,
            BASE + 16,
            BASE + 64
        );
        memory.file(kallsyms::PATH, table).file(kcore::PATH, kcore::testing::core(BASE, &bytes))
    }

    #[test]
    fn masks_and_names_out_of_memory() {
        let node = Node::in_memory(
            with_masks(Memory::new(), 0x100, 0x2e4, 0x3fff).file("/proc/sys/kernel/osrelease", "6.12.0\n"),
        );
        let types = btf::cgroup_types(include_bytes!("../../../../tests/data/btf/btf-6.12.bin")).unwrap();
        let reading = node.masks_in_memory(Some(&types)).result.unwrap();
        assert_eq!((reading.implicit, reading.inhibited, reading.attached), (0x100, 0x2e4, Some(0x3fff)));
        assert_eq!(
            reading.evidence[1].observed,
            format!("cgrp_dfl_inhibit_ss_mask at {:#x}, 2 bytes: 0x02e4", BASE + 2)
        );
        // Without BTF the version tells the width, and nothing where to look for what is attached.
        let reading = node.masks_in_memory(None).result.unwrap();
        assert_eq!((reading.inhibited, reading.width_bits, reading.attached), (0x2e4, 16, None));
        let names = node.subsystems_in_memory().unwrap();
        assert_eq!(names, [("cpuset".to_owned(), 0), ("cpu".to_owned(), 1)]);
    }

    /// A kernel whose masks are both empty is one thing, a /proc/kcore of zeros another.
    #[test]
    fn zeros_instead_of_memory_are_no_masks() {
        let memory = |m: Memory| with_masks(m, 0, 0, 0).file("/proc/sys/kernel/osrelease", "6.12.0\n");
        let reading = Node::in_memory(memory(Memory::new())).masks_in_memory(None).result.unwrap();
        assert_eq!((reading.implicit, reading.inhibited), (0, 0));
        let zeros = memory(Memory::new()).file(kcore::PATH, kcore::testing::core(BASE, &[0; 256]));
        let unknown = Node::in_memory(zeros).masks_in_memory(None).result.unwrap_err();
        assert!(unknown.reason.contains("zeros instead of"), "{}", unknown.reason);
    }

    #[test]
    fn what_could_not_be_read_says_why() {
        let why = |memory: Memory| Node::in_memory(memory).masks_in_memory(None).result.unwrap_err().reason;
        assert!(why(Memory::new()).contains("/proc/kallsyms"));
        let memory = || with_masks(Memory::new(), 0, 0, 0);
        assert!(why(memory()).contains("osrelease"));
        let release = memory().file("/proc/sys/kernel/osrelease", "7.0.1\n");
        assert!(why(release.clone().without(kcore::PATH)).contains("/proc/kcore"));
        assert_eq!(Node::in_memory(release).mask_width(None).unwrap(), 32);
    }
}
