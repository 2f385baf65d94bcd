//! The kernel's memory as /proc/kcore shows it: an ELF core file of the running kernel (fs/proc/kcore.c).
//!
//! It takes CAP_SYS_RAWIO and CONFIG_PROC_KCORE, and is refused under lockdown=confidentiality
//! (LOCKDOWN_KCORE, measured on 5.10 to 7.3: open gives EPERM).

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError, ReadErrorKind},
};

/// Where it is.
pub const PATH: &str = "/proc/kcore";

/// The size of an ELF-64 header, and that of a program header (elf(5)).
const HEADER: usize = 64;
const PART: usize = 56;
/// The most program headers that are read; real ones have a dozen, large machines some hundreds.
const PARTS: usize = 4096;
const PT_LOAD: u64 = 1;

/// Which part of memory lies where in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kcore {
    little_endian: bool,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    address: u64,
    offset: u64,
    size: u64,
}

/// Why it could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotCore(&'static str);

impl std::fmt::Display for NotCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotCore {}

/// Numbers of the machine's byte order.
#[derive(Clone, Copy)]
struct Numbers<'a> {
    bytes: &'a [u8],
    little_endian: bool,
}

impl Numbers<'_> {
    /// The number of `size` bytes (8 at most) at `at`.
    fn get(self, at: usize, size: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(size)?)?;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if self.little_endian { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    }
}

/// Where the program headers are: their offset and how many there are, by the first 64 bytes of the file.
fn header(bytes: &[u8]) -> Result<(bool, u64, usize), NotCore> {
    if bytes.get(..4) != Some(b"\x7fELF") {
        return Err(NotCore("not an ELF file"));
    }
    if bytes.len() < HEADER {
        return Err(NotCore("a cut ELF header"));
    }
    let little_endian = match (bytes.get(4), bytes.get(5)) {
        (Some(2), Some(1)) => true,
        (Some(2), Some(2)) => false,
        _ => return Err(NotCore("not a 64-bit ELF file")),
    };
    let numbers = Numbers { bytes, little_endian };
    let fields = (numbers.get(32, 8), numbers.get(54, 2), numbers.get(56, 2));
    let (Some(offset), Some(size), Some(count)) = fields else { return Err(NotCore("a cut ELF header")) };
    if size != PART as u64 {
        return Err(NotCore("program headers of an unknown size"));
    }
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count == 0 || count > PARTS {
        return Err(NotCore("no program headers, or too many"));
    }
    Ok((little_endian, offset, count))
}

fn parts(bytes: &[u8], count: usize, little_endian: bool) -> Result<Vec<Part>, NotCore> {
    if bytes.len() < count * PART {
        return Err(NotCore("cut program headers"));
    }
    let part = |bytes| {
        let numbers = Numbers { bytes, little_endian };
        let kind = numbers.get(0, 4)?;
        let (offset, address, size) = (numbers.get(8, 8)?, numbers.get(16, 8)?, numbers.get(32, 8)?);
        (kind == PT_LOAD).then_some(Part { address, offset, size })
    };
    Ok(bytes.chunks_exact(PART).filter_map(part).collect())
}

impl Kcore {
    /// Where `length` bytes at `address` lie in the file. None if they are not in it.
    #[must_use]
    pub fn offset(&self, address: u64, length: usize) -> Option<u64> {
        let end = address.checked_add(length as u64)?;
        let holds =
            |p: &&Part| p.address <= address && p.address.checked_add(p.size).is_some_and(|e| end <= e);
        let part = self.parts.iter().find(holds)?;
        part.offset.checked_add(address - part.address)
    }
}

impl Node {
    /// The map of the kernel's memory.
    ///
    /// # Errors
    /// When /proc/kcore is not there, is refused, or is no core file that is known here.
    pub fn kcore(&self) -> &Known<Kcore> {
        self.fact(|| {
            let read = |at, length| self.read_at(PATH, at, length).map_err(|e| self.refused(&e));
            let not_core =
                |e: NotCore| Unknown::new(format!("{PATH}: {e}")).tried([Evidence::new(PATH, e.0)]);
            let (little_endian, offset, count) = header(&read(0, HEADER)?).map_err(not_core)?;
            let parts = parts(&read(offset, count * PART)?, count, little_endian).map_err(not_core)?;
            Ok(Kcore { little_endian, parts })
        })
    }

    /// The number of `size` bytes (8 at most) at `address` of the kernel's memory.
    ///
    /// # Errors
    /// As [`Node::kcore`], and when nothing lies there.
    pub fn kernel_number(&self, address: u64, size: usize) -> Known<u64> {
        let little_endian = self.kcore().as_ref().map_err(Clone::clone)?.little_endian;
        let bytes = self.kernel_memory(address, size)?;
        Numbers { bytes: &bytes, little_endian }.get(0, size).ok_or_else(|| nothing_at(address))
    }

    /// `length` bytes at `address` of the kernel's memory.
    ///
    /// # Errors
    /// As [`Node::kcore`], and when nothing lies there.
    pub fn kernel_memory(&self, address: u64, length: usize) -> Known<Vec<u8>> {
        let kcore = self.kcore().as_ref().map_err(Clone::clone)?;
        let offset = kcore.offset(address, length).ok_or_else(|| nothing_at(address))?;
        let bytes = self.read_at(PATH, offset, length).map_err(|e| self.refused(&e))?;
        if bytes.len() == length { Ok(bytes) } else { Err(nothing_at(address)) }
    }

    /// The error in the words of who would know what to do.
    fn refused(&self, error: &ReadError) -> Unknown {
        let unknown = error.unknown();
        match error.kind {
            ReadErrorKind::Missing => unknown.needs("a kernel with CONFIG_PROC_KCORE"),
            ReadErrorKind::Denied("EPERM") => {
                // `none integrity [confidentiality]`; where securityfs is not mounted, it says nothing.
                let lockdown = self.read("/sys/kernel/security/lockdown");
                let locked = lockdown.text().is_ok_and(|t| t.contains("[confidentiality]"));
                if locked {
                    let reason = format!("{}: the kernel is locked down (confidentiality)", unknown.reason);
                    return Unknown::new(reason)
                        .tried(unknown.evidence)
                        .tried([lockdown.evidence()])
                        .needs("a kernel that is not booted with lockdown=confidentiality");
                }
                unknown.needs("run as root (CAP_SYS_RAWIO), on a kernel without lockdown=confidentiality")
            }
            ReadErrorKind::Denied(_) => unknown.needs("run as root (CAP_SYS_RAWIO)"),
            _ => unknown,
        }
    }
}

fn nothing_at(address: u64) -> Unknown {
    Unknown::new(format!("{PATH} holds nothing at {address:#x}"))
        .tried([Evidence::new(PATH, format!("no part with {address:#x}"))])
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{HEADER, PART};

    /// A core file with one part of memory at `address`, as /proc/kcore of a little-endian machine.
    pub(crate) fn core(address: u64, memory: &[u8]) -> Vec<u8> {
        let start = HEADER + PART;
        let mut file = vec![0; start];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(32, &(HEADER as u64).to_le_bytes());
        put(54, &56_u16.to_le_bytes());
        put(56, &1_u16.to_le_bytes());
        put(HEADER, &1_u32.to_le_bytes());
        put(HEADER + 8, &(start as u64).to_le_bytes());
        put(HEADER + 16, &address.to_le_bytes());
        put(HEADER + 32, &(memory.len() as u64).to_le_bytes());
        file.extend(memory);
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

    const AT: u64 = 0xffff_ffff_9f3c_1b52;

    #[test]
    fn memory_is_found_by_its_address() {
        let node = Node::in_memory(Memory::new().file(PATH, testing::core(AT, &[0, 1, 0xe4, 2, 9])));
        assert_eq!(node.kernel_number(AT, 2).unwrap(), 0x100);
        assert_eq!(node.kernel_number(AT + 2, 2).unwrap(), 0x2e4);
        assert_eq!(node.kernel_memory(AT, 5).unwrap(), [0, 1, 0xe4, 2, 9]);
        for (address, length) in [(AT - 1, 2), (AT, 6), (AT + 5, 1), (u64::MAX, 2)] {
            assert!(node.kernel_memory(address, length).is_err(), "{address:#x} {length}");
        }
    }

    #[test]
    fn what_is_no_core_and_what_is_refused() {
        let needs = |memory: Memory| Node::in_memory(memory).kcore().clone().unwrap_err().needs;
        assert!(needs(Memory::new()).unwrap().contains("CONFIG_PROC_KCORE"));
        let denied = |errno| Memory::new().error(PATH, ReadErrorKind::Denied(errno));
        assert!(needs(denied("EPERM")).unwrap().contains("lockdown"));
        assert!(needs(denied("EACCES")).unwrap().contains("CAP_SYS_RAWIO"));
        let core = testing::core(AT, &[1, 2]);
        for end in 0..HEADER + PART {
            let node = Node::in_memory(Memory::new().file(PATH, &core[..end]));
            assert!(node.kcore().is_err(), "cut at {end}");
        }
        // Big-endian, as on s390x.
        let numbers = Numbers { bytes: &[1, 2], little_endian: false };
        assert_eq!(numbers.get(0, 2), Some(0x102));
    }

    proptest! {
        #[test]
        fn never_panics(at in 0..HEADER + PART, byte: u8, address: u64) {
            let mut core = testing::core(AT, &[1, 2, 3]);
            core[at] = byte;
            let _ = Node::in_memory(Memory::new().file(PATH, core)).kernel_number(address, 8);
        }
    }
}
