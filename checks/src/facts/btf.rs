//! The two things in the kernel's type information (BTF) that concern cgroups: the ids of the subsystems and the
//! width of the kernel's masks of them.
//!
//! /sys/kernel/btf/vmlinux is readable by everybody (mode 0444) and holds `enum cgroup_subsys_id` with exactly
//! the subsystems that were compiled in: the best evidence there is. The format is that of
//! include/uapi/linux/btf.h; since Linux 7.x the kind has 7 bits, the length 24 and the header may be longer,
//! which also reads older data, where those bits are zero.

mod reduced;

pub(crate) use reduced::reduced;

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError},
};
use memchr::memchr;
use std::fmt;

/// The largest section of a BTF file that is read, in bytes; those of full distribution kernels have 2 to 4 MB.
const LIMIT: usize = 64 << 20;
/// How much of each section is read at first, in bytes. What is asked for lies in the first tenth of both (measured: 6 %
/// of Linux 6.18), and sysfs hands out 4 KiB at a time, so that the whole file takes 1,350 reads and 4 ms.
const WINDOW: usize = 256 << 10;
/// How much more is read where that was not enough.
const GROWTH: usize = 8;
/// The part of the header that says where the sections are, in bytes; the whole header may be longer.
const HEADER: usize = 24;
/// Where the running kernel gives it.
pub const PATH: &str = "/sys/kernel/btf/vmlinux";

/// The end of the enum, which is no subsystem.
const COUNT: &str = "CGROUP_SUBSYS_COUNT";
/// What the enumerators end with: `memory_cgrp_id`.
const SUFFIX: &str = "_cgrp_id";
/// Typedefs, const and volatile in front of an integer; real ones have two.
const CHAIN_LIMIT: usize = 8;

mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// What BTF says of cgroup subsystems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupTypes {
    /// The compiled-in subsystems with their ids, in the order of the enum: `("memory", 4)`.
    pub subsystems: Vec<(String, u32)>,
    /// The width of the masks in bits, from the member `subtree_control` of `struct cgroup`: 16 before Linux
    /// 7.0, 32 since. None where the struct is not described.
    pub mask_bits: Option<u32>,
    /// Where the member `subsys_mask` of `struct cgroup_root` lies, in bytes: what is attached to a hierarchy. None
    /// where the struct is not described.
    pub attached_offset: Option<u32>,
}

/// Why BTF could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BtfError {
    /// It ends in the middle.
    Truncated,
    /// It does not begin with BTF's magic number, 0xeb9f.
    NotBtf,
    /// A version or a kind of type that is not known here.
    Unsupported(String),
    /// It has no `enum cgroup_subsys_id`.
    NoCgroups,
}

impl fmt::Display for BtfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("truncated BTF"),
            Self::NotBtf => f.write_str("not BTF"),
            Self::Unsupported(what) => write!(f, "unsupported BTF: {what}"),
            Self::NoCgroups => f.write_str("BTF without enum cgroup_subsys_id"),
        }
    }
}

impl std::error::Error for BtfError {}

/// Reads what BTF says of cgroup subsystems.
///
/// # Errors
/// When the bytes are no BTF, are cut off, or describe no cgroup subsystem.
pub fn cgroup_types(bytes: &[u8]) -> Result<CgroupTypes, BtfError> {
    let sections = Sections::of(bytes)?;
    let cut = |section: &Section| {
        let start = usize::try_from(section.start).ok();
        start.and_then(|s| bytes.get(s..s.checked_add(section.length)?)).ok_or(BtfError::Truncated)
    };
    sections.search(cut(&sections.types)?, cut(&sections.strings)?)
}

/// Where the parts of a BTF file are.
struct Sections {
    little_endian: bool,
    types: Section,
    strings: Section,
}

struct Section {
    /// Its first byte in the file.
    start: u64,
    /// How many bytes it has.
    length: usize,
}

impl Sections {
    /// Reads the header.
    fn of(bytes: &[u8]) -> Result<Self, BtfError> {
        let little_endian = match bytes.get(..2) {
            Some([0x9f, 0xeb]) => true,
            Some([0xeb, 0x9f]) => false,
            Some(_) => return Err(BtfError::NotBtf),
            None => return Err(BtfError::Truncated),
        };
        match bytes.get(2) {
            Some(1) => {}
            Some(version) => return Err(BtfError::Unsupported(format!("version {version}"))),
            None => return Err(BtfError::Truncated),
        }
        let header = Btf { little_endian, types: bytes, strings: &[] };
        let section = |offset_at: usize, length_at: usize| {
            let start = u64::from(header.u32(4)?) + u64::from(header.u32(offset_at)?);
            Ok(Section { start, length: header.u32(length_at)? as usize })
        };
        Ok(Self { little_endian, types: section(8, 12)?, strings: section(16, 20)? })
    }

    /// Looks into both sections, or into as much of their beginnings as is given.
    fn search(&self, types: &[u8], strings: &[u8]) -> Result<CgroupTypes, BtfError> {
        let btf = Btf { little_endian: self.little_endian, types, strings };
        let mut subsystems = None;
        let mut mask_type = None;
        let mut attached_offset = None;
        for ty in btf.types() {
            let ty = ty?;
            match (ty.kind, btf.name(ty.name)) {
                (kind::ENUM, Some(b"cgroup_subsys_id")) if subsystems.is_none() => {
                    subsystems = Some(btf.subsystem_ids(&ty)?);
                }
                (kind::STRUCT, Some(b"cgroup")) if mask_type.is_none() => {
                    mask_type = btf.member(&ty, b"subtree_control")?.map(|member| member.type_id);
                }
                (kind::STRUCT, Some(b"cgroup_root")) if attached_offset.is_none() => {
                    attached_offset = btf.member(&ty, b"subsys_mask")?.map(|member| member.bits / 8);
                }
                _ => continue,
            }
            if subsystems.is_some() && mask_type.is_some() && attached_offset.is_some() {
                break;
            }
        }
        let subsystems = subsystems.ok_or(BtfError::NoCgroups)?;
        let mask_bits = match mask_type {
            Some(id) => btf.integer_bytes(id)?.map(|bytes| bytes.saturating_mul(8)),
            None => None,
        };
        Ok(CgroupTypes { subsystems, mask_bits, attached_offset })
    }

    /// Searches through windows on the beginnings of both sections, which grow until all is found or they are whole.
    /// `read` gives at most so many bytes from there on.
    fn search_by<E: From<BtfError>>(
        &self,
        mut window: usize,
        mut read: impl FnMut(u64, usize) -> Result<Vec<u8>, E>,
    ) -> Result<CgroupTypes, E> {
        let whole = self.types.length.max(self.strings.length);
        if whole > LIMIT {
            return Err(BtfError::Unsupported(format!("a section of {whole} bytes")).into());
        }
        let mut part = |section: &Section, window: usize| {
            let length = section.length.min(window);
            let bytes = read(section.start, length)?;
            if bytes.len() == length { Ok(bytes) } else { Err(E::from(BtfError::Truncated)) }
        };
        loop {
            let (types, strings) = (part(&self.types, window)?, part(&self.strings, window)?);
            match self.search(&types, &strings) {
                Ok(found) if found.mask_bits.is_some() && found.attached_offset.is_some() => {
                    return Ok(found);
                }
                found if window >= whole => return found.map_err(E::from),
                // What is missing, or seems to be wrong, may lie beyond the window.
                _ => window = window.saturating_mul(GROWTH),
            }
        }
    }
}

impl From<BtfError> for Unknown {
    fn from(error: BtfError) -> Self {
        Self::new(format!("{PATH}: {error}")).tried([Evidence::new(PATH, error.to_string())])
    }
}

impl Node {
    /// What the kernel's type information says of cgroup subsystems. Only the parts that are needed are read.
    ///
    /// # Errors
    /// When it is missing, can't be read, or says nothing of them.
    pub fn cgroup_types(&self) -> &Known<CgroupTypes> {
        self.fact(|| {
            let read = |at, length| self.read_at(PATH, at, length).map_err(|e: ReadError| e.unknown());
            Sections::of(&read(0, HEADER)?)?.search_by(WINDOW, read)
        })
    }
}

struct Btf<'a> {
    little_endian: bool,
    types: &'a [u8],
    strings: &'a [u8],
}

/// One `struct btf_type` and where its details begin.
struct Type {
    name: u32,
    kind: u32,
    length: usize,
    /// A size, or the id of another type.
    size_or_id: u32,
    details: usize,
}

/// One `struct btf_member`.
struct Member {
    type_id: u32,
    /// Where it lies, in bits.
    bits: u32,
}

impl<'a> Btf<'a> {
    fn u32(&self, at: usize) -> Result<u32, BtfError> {
        let bytes = at.checked_add(4).and_then(|end| self.types.get(at..end)).ok_or(BtfError::Truncated)?;
        let bytes: [u8; 4] = bytes.try_into().map_err(|_| BtfError::Truncated)?;
        Ok(if self.little_endian { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    /// The text at this place among the strings. None where it lies, or ends, beyond what is given of them.
    fn name(&self, at: u32) -> Option<&'a [u8]> {
        let rest = self.strings.get(at as usize..)?;
        rest.get(..memchr(0, rest)?)
    }

    /// All types in order; the first has the id 1. Ends after the first error.
    fn types(&self) -> impl Iterator<Item = Result<Type, BtfError>> {
        let mut at = Some(0);
        std::iter::from_fn(move || {
            let here = at.filter(|&here| here < self.types.len())?;
            let ty = self.type_at(here);
            at = match &ty {
                Ok((_, next)) => Some(*next),
                Err(_) => None,
            };
            Some(ty.map(|(ty, _)| ty))
        })
    }

    fn type_at(&self, at: usize) -> Result<(Type, usize), BtfError> {
        let info = self.u32(at + 4)?;
        let (kind, length) = (info >> 24 & 0x7f, (info & 0x00ff_ffff) as usize);
        let each = match kind {
            kind::ENUM | kind::FUNC_PROTO => 8,
            kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12,
            _ => 0,
        };
        let fixed = match kind {
            kind::INT | kind::VAR | kind::DECL_TAG => 4,
            kind::ARRAY => 12,
            0 | 20.. => return Err(BtfError::Unsupported(format!("kind {kind}"))),
            _ => 0,
        };
        let ty = Type { name: self.u32(at)?, kind, length, size_or_id: self.u32(at + 8)?, details: at + 12 };
        Ok((ty, at + 12 + fixed + each * length))
    }

    fn subsystem_ids(&self, ty: &Type) -> Result<Vec<(String, u32)>, BtfError> {
        let mut ids = Vec::new();
        for entry in (0..ty.length).map(|i| ty.details + 8 * i) {
            let name = self.name(self.u32(entry)?).ok_or(BtfError::Truncated)?;
            let name = String::from_utf8_lossy(name);
            if name != COUNT {
                ids.push((name.strip_suffix(SUFFIX).unwrap_or(&name).to_owned(), self.u32(entry + 4)?));
            }
        }
        Ok(ids)
    }

    fn member(&self, ty: &Type, member: &[u8]) -> Result<Option<Member>, BtfError> {
        for entry in (0..ty.length).map(|i| ty.details + 12 * i) {
            if self.name(self.u32(entry)?).ok_or(BtfError::Truncated)? == member {
                // Where the struct has bit fields (its kind_flag) the upper byte is the size of one; the offset of
                // any other member stands in the lower ones either way (include/uapi/linux/btf.h).
                let bits = self.u32(entry + 8)? & 0x00ff_ffff;
                return Ok(Some(Member { type_id: self.u32(entry + 4)?, bits }));
            }
        }
        Ok(None)
    }

    /// The size in bytes of the integer that type `id` is, through typedefs and qualifiers.
    fn integer_bytes(&self, mut id: u32) -> Result<Option<u32>, BtfError> {
        for _ in 0..CHAIN_LIMIT {
            let Some(index) = (id as usize).checked_sub(1) else { return Ok(None) };
            let Some(ty) = self.types().nth(index) else { return Ok(None) };
            let ty = ty?;
            match ty.kind {
                kind::INT => return Ok(Some(ty.size_or_id)),
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    id = ty.size_or_id;
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const V5_10: &[u8] = include_bytes!("../../tests/data/btf/btf-5.10.bin");
    const V7_3: &[u8] = include_bytes!("../../tests/data/btf/btf-7.3.bin");
    const LONG_HEADER: &[u8] = include_bytes!("../../tests/data/btf/btf-7.3-dmem-debug-hdr32.bin");
    const HOST: &[u8] = include_bytes!("../../tests/data/btf/btf-host-6.18.bin");

    fn names(types: &CgroupTypes) -> Vec<&str> {
        types.subsystems.iter().map(|(n, _)| n.as_str()).collect()
    }

    #[test]
    fn ids_and_widths_of_real_kernels() {
        let old = cgroup_types(V5_10).unwrap();
        assert_eq!(old.subsystems.last(), Some(&("rdma".to_owned(), 12)));
        assert_eq!((old.subsystems.len(), old.mask_bits), (13, Some(16)));
        let new = cgroup_types(V7_3).unwrap();
        assert_eq!((new.subsystems.last(), new.mask_bits), (Some(&("misc".to_owned(), 13)), Some(32)));
        let long = cgroup_types(LONG_HEADER).unwrap();
        assert_eq!(names(&long)[13..], ["misc", "dmem", "debug"]);
        assert_eq!(cgroup_types(HOST).unwrap().subsystems.len(), 12);
    }

    #[test]
    fn anything_else_is_an_error() {
        assert_eq!(cgroup_types(b""), Err(BtfError::Truncated));
        assert_eq!(cgroup_types(b"ELF..."), Err(BtfError::NotBtf));
        assert_eq!(cgroup_types(&[0x9f, 0xeb, 2]), Err(BtfError::Unsupported("version 2".into())));
        for end in 0..V5_10.len() {
            assert!(cgroup_types(&V5_10[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn windows_find_what_the_whole_file_says() {
        for file in [V5_10, V7_3, LONG_HEADER, HOST] {
            for window in [1, 7, 64, 1 << 20] {
                let mut read = 0;
                let found = Sections::of(file).unwrap().search_by(window, |at, length| {
                    read += 1;
                    let at = usize::try_from(at).unwrap();
                    Ok::<_, BtfError>(file[at..file.len().min(at + length)].to_vec())
                });
                assert_eq!(found, cgroup_types(file));
                assert_eq!(window > 64, read == 2, "{read} reads with {window}");
            }
        }
    }

    #[test]
    fn what_is_not_needed_is_not_read() {
        // A file whose sections go on for megabytes, of which nothing is said.
        let mut file = V7_3.to_vec();
        let sections = Sections::of(&file).unwrap();
        let strings = file.split_off(usize::try_from(sections.strings.start).unwrap());
        let types = u32::try_from(sections.types.length + (4 << 20)).unwrap();
        // Integers, of twelve bytes and four.
        file.extend([0, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0, 0].repeat((4 << 20) / 16));
        file[12..16].copy_from_slice(&types.to_le_bytes());
        file[16..20].copy_from_slice(&types.to_le_bytes());
        file.extend(strings);
        let mut bytes = 0;
        let found = Sections::of(&file).unwrap().search_by(WINDOW, |at, length| {
            bytes += length;
            let at = usize::try_from(at).unwrap();
            Ok::<_, BtfError>(file[at..at + length].to_vec())
        });
        assert_eq!(found, cgroup_types(V7_3));
        assert!(bytes <= 2 * WINDOW, "{bytes}");
    }

    #[test]
    fn a_node_whose_file_is_cut_says_so() {
        use crate::node::{Memory, Node};
        let node = |bytes: &[u8]| Node::in_memory(Memory::new().file(PATH, bytes)).cgroup_types().clone();
        assert_eq!(node(V7_3), Ok(cgroup_types(V7_3).unwrap()));
        for end in [0, 10, HEADER, V7_3.len() - 1] {
            assert!(node(&V7_3[..end]).unwrap_err().reason.contains("truncated"), "{end}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(at in 0..V5_10.len(), byte: u8, garbage in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = V5_10.to_vec();
            bytes[at] = byte;
            let _ = cgroup_types(&bytes);
            let _ = cgroup_types(&[&[0x9f, 0xeb, 1, 0, 24, 0, 0, 0][..], &garbage].concat());
        }
    }
}
