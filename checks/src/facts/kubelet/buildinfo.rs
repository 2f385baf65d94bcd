//! What Go wrote into a program about how it was built (debug/buildinfo, since Go 1.18: strings behind the header).
//!
//! Of Kubernetes it seldom tells the version: its own releases are built with `-trimpath` (hack/lib/golang.sh), for which Go
//! leaves the linker's flags out (src/cmd/go/internal/load/pkg.go; golang/go#52372), and from a tree without version control,
//! so that the main module is `(devel)`. What distributions and vendors build often has either: the flag
//! `-X k8s.io/component-base/version.gitVersion=v1.34.1`, or, since Go 1.24, the tag as the version of the main module.

/// The section that holds it.
const SECTION: &[u8] = b".go.buildinfo";
/// What its header begins with.
const MAGIC: &[u8] = b"\xff Go buildinf:";
/// The most section headers that a file may have; Go's have about 25.
const SECTIONS: u64 = 4096;
/// The most of a section that is read, in bytes: that of a kubelet with all its modules has about 30,000.
const SIZE: u64 = 1 << 20;
/// How long the part before the strings is.
const HEADER: usize = 32;

/// Reads at most `length` bytes at `offset`.
pub type ReadAt<'a> = dyn Fn(u64, usize) -> Option<Vec<u8>> + 'a;

fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(width)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The text about modules and flags in an ELF program of 64 bits in little-endian order; only the headers and that section
/// are read. `None` where there is none.
#[must_use]
pub fn read(read_at: &ReadAt<'_>) -> Option<String> {
    let head = read_at(0, 64)?;
    // ELFCLASS64, ELFDATA2LSB (elf(5)).
    if head.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let table = number(&head, 40, 8)?;
    let (size, count, names) = (number(&head, 58, 2)?, number(&head, 60, 2)?, number(&head, 62, 2)?);
    if size != 64 || count == 0 || count > SECTIONS || names >= count {
        return None;
    }
    let headers = read_at(table, usize::try_from(count * size).ok()?)?;
    let header = |i: u64| headers.get(usize::try_from(i * size).ok()?..usize::try_from((i + 1) * size).ok()?);
    let place = |header: &[u8]| Some((number(header, 24, 8)?, number(header, 32, 8)?));
    let (offset, length) = place(header(names)?)?;
    let names = read_at(offset, usize::try_from(length.min(SIZE)).ok()?)?;
    let is_it = |header: &[u8]| {
        let at = usize::try_from(number(header, 0, 4)?).ok()?;
        let rest = names.get(at..)?;
        (rest.get(..SECTION.len())? == SECTION && rest.get(SECTION.len()) == Some(&0)).then_some(())
    };
    let section = (0..count).find_map(|i| header(i).filter(|h| is_it(h).is_some()))?;
    let (offset, length) = place(section)?;
    modules(&read_at(offset, usize::try_from(length.min(SIZE)).ok()?)?)
}

/// The second string of the section, without its frame of 16 bytes on each side.
fn modules(section: &[u8]) -> Option<String> {
    let at = section.windows(MAGIC.len()).step_by(16).position(|w| w == MAGIC)? * 16;
    let section = section.get(at..)?;
    // Bit 1: the strings stand here; without it, there are pointers to them (up to Go 1.17).
    if section.get(15)? & 2 == 0 {
        return None;
    }
    let (_, rest) = string(section.get(HEADER..)?)?;
    let (modules, _) = string(rest)?;
    let inner = modules.get(16..modules.len().checked_sub(16)?)?;
    Some(String::from_utf8_lossy(inner).into_owned())
}

/// A string with its length before it, as a varint.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_u64;
    for (i, byte) in bytes.iter().enumerate().take(9) {
        length |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return bytes.get(i + 1..)?.split_at_checked(usize::try_from(length).ok()?);
        }
    }
    None
}

/// The version of Kubernetes that the text tells, and the part of it that does.
#[must_use]
pub fn version(text: &str) -> Option<(String, String)> {
    const FLAG: &str = "k8s.io/component-base/version.gitVersion=";
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
    let of = |rest: &str| {
        let version: String = rest.chars().take_while(|c| is_part(*c)).take(100).collect();
        version.starts_with("v1.").then_some(version)
    };
    for line in text.lines() {
        let mut fields = line.split('\t');
        let found = match (fields.next(), fields.next()) {
            (Some("mod"), Some("k8s.io/kubernetes")) => fields.next().and_then(of),
            (Some("build"), Some(flags)) if flags.starts_with("-ldflags=") => {
                flags.split_once(FLAG).and_then(|(_, rest)| of(rest))
            }
            _ => None,
        };
        if let Some(version) = found {
            let seen = match line.strip_prefix("mod\t") {
                Some(_) => format!("mod k8s.io/kubernetes {version}"),
                None => format!("-ldflags has {FLAG}{version}"),
            };
            return Some((version, seen));
        }
    }
    None
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A program that has the sections `.go.buildinfo` and `.shstrtab`, and nothing to run.
    pub(crate) fn program(modules: &str) -> Vec<u8> {
        let names = b"\0.go.buildinfo\0.shstrtab\0";
        let mut section = MAGIC.to_vec();
        section.extend([8, 2]);
        section.resize(HEADER, 0);
        for text in ["go1.24.6".to_owned(), format!("{0}{modules}{0}", "0123456789abcdef")] {
            let mut length = text.len();
            while length >= 0x80 {
                section.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
                length >>= 7;
            }
            section.push(u8::try_from(length).unwrap());
            section.extend(text.as_bytes());
        }
        let table = 64 + names.len() + section.len();
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(64, 0);
        file[40..48].copy_from_slice(&(table as u64).to_le_bytes());
        for (at, value) in [(58, 64_u16), (60, 3), (62, 2)] {
            file[at..at + 2].copy_from_slice(&value.to_le_bytes());
        }
        file.extend(names);
        file.extend(&section);
        for (name, offset, length) in
            [(0_u32, 0, 0), (1, 64 + names.len(), section.len()), (15, 64, names.len())]
        {
            let mut header = [0; 64];
            header[..4].copy_from_slice(&name.to_le_bytes());
            header[24..32].copy_from_slice(&(offset as u64).to_le_bytes());
            header[32..40].copy_from_slice(&(length as u64).to_le_bytes());
            file.extend(header);
        }
        file
    }

    fn of(file: &[u8]) -> Option<String> {
        read(&|offset, length| {
            let rest = file.get(usize::try_from(offset).ok()?..)?;
            Some(rest.get(..length).unwrap_or(rest).to_vec())
        })
    }

    const TAGGED: &str =
        "path\tk8s.io/kubernetes/cmd/kubelet\nmod\tk8s.io/kubernetes\tv1.34.1+incompatible\t\n";

    #[test]
    fn what_go_wrote() {
        let long = format!("{TAGGED}{}", "dep\tx\tv1\n".repeat(3000));
        for text in [TAGGED, "", &long] {
            assert_eq!(of(&program(text)).as_deref(), Some(text));
        }
        let whole = program(TAGGED);
        for cut in 0..whole.len() {
            assert_eq!(of(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(of(b"#!/bin/sh\nexec kubelet\n"), None);
    }

    #[test]
    fn versions_that_it_tells() {
        let flags = "build\t-ldflags=\"-s -w -X 'k8s.io/component-base/version.gitVersion=v1.30.4-eks-a737599' -X 'a=b'\"\n";
        for (text, want) in [
            (TAGGED, Some("v1.34.1+incompatible")),
            (flags, Some("v1.30.4-eks-a737599")),
            ("mod\tk8s.io/kubernetes\t(devel)\t\ndep\tk8s.io/kubernetes\tv1.2.3\n", None),
            ("mod\tgithub.com/k3s-io/k3s\tv1.34.1\n", None),
            ("", None),
        ] {
            assert_eq!(version(text).map(|(version, _)| version).as_deref(), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(mut file in proptest::collection::vec(any::<u8>(), 0..300), text in ".{0,80}") {
            let _ = (of(&file), modules(&file), string(&file), version(&text));
            // One byte of a good file is another.
            let mut good = program(TAGGED);
            if let (Some(at), Some(byte)) = (file.pop(), file.pop()) {
                let at = usize::from(at) * good.len() / 256;
                good[at] = byte;
                let _ = of(&good);
            }
        }
    }
}
