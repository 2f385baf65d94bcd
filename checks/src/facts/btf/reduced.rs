//! BTF that says what concerns cgroups and nothing else: some hundred bytes in the place of six million, for captures.

use super::{COUNT, CgroupTypes, SUFFIX, kind};

/// A BTF file of which [`super::cgroup_types`] tells just this. Its numbers are little-endian.
#[must_use]
pub(crate) fn reduced(types: &CgroupTypes) -> Vec<u8> {
    let mut file = Writer { types: Vec::new(), strings: vec![0] };
    // The type with the id 1, of which the members below are.
    let bytes = types.mask_bits.unwrap_or(32) / 8;
    file.start("u", kind::INT, 0, bytes);
    file.push(bytes * 8);
    let count = u32::try_from(types.subsystems.len()).unwrap_or(u32::MAX);
    file.start("cgroup_subsys_id", kind::ENUM, count + 1, 4);
    for (name, id) in &types.subsystems {
        let name = file.string(&format!("{name}{SUFFIX}"));
        file.push(name);
        file.push(*id);
    }
    let name = file.string(COUNT);
    file.push(name);
    file.push(count);
    if types.mask_bits.is_some() {
        file.structure("cgroup", "subtree_control", 0);
    }
    if let Some(offset) = types.attached_offset {
        file.structure("cgroup_root", "subsys_mask", offset * 8);
    }
    file.end()
}

struct Writer {
    types: Vec<u8>,
    strings: Vec<u8>,
}

impl Writer {
    fn push(&mut self, number: u32) {
        self.types.extend(number.to_le_bytes());
    }

    fn string(&mut self, text: &str) -> u32 {
        let at = u32::try_from(self.strings.len()).unwrap_or(u32::MAX);
        self.strings.extend(text.as_bytes());
        self.strings.push(0);
        at
    }

    /// One `struct btf_type`.
    fn start(&mut self, name: &str, kind: u32, length: u32, size: u32) {
        let name = self.string(name);
        self.push(name);
        self.push(kind << 24 | length);
        self.push(size);
    }

    /// A struct with one member, of the type with the id 1, which lies so many bits behind its beginning.
    fn structure(&mut self, name: &str, member: &str, bits: u32) {
        self.start(name, kind::STRUCT, 1, bits / 8 + 4);
        let member = self.string(member);
        self.push(member);
        self.push(1);
        self.push(bits);
    }

    fn end(self) -> Vec<u8> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        // Magic number, version, flags (include/uapi/linux/btf.h, `struct btf_header`).
        let mut file = vec![0x9f, 0xeb, 1, 0];
        for number in [24, 0, length(&self.types), length(&self.types), length(&self.strings)] {
            file.extend(number.to_le_bytes());
        }
        file.extend(self.types);
        file.extend(self.strings);
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::btf::cgroup_types;

    #[test]
    fn it_says_the_same() {
        for file in [
            &include_bytes!("../../../tests/data/btf/btf-5.10.bin")[..],
            include_bytes!("../../../tests/data/btf/btf-7.3.bin"),
            include_bytes!("../../../tests/data/btf/btf-host-6.18.bin"),
        ] {
            let types = cgroup_types(file).unwrap();
            assert_eq!(cgroup_types(&reduced(&types)), Ok(types));
        }
        let bare =
            CgroupTypes { subsystems: vec![("cpu".to_owned(), 0)], mask_bits: None, attached_offset: None };
        assert_eq!(cgroup_types(&reduced(&bare)), Ok(bare));
    }
}
