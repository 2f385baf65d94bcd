//! What brings swap back at boot: lines of fstab(5), units of systemd, generators and services that make zram or files.

mod zram;

use crate::{
    evidence::Evidence,
    facts::mounts::decode,
    node::{Node, ReadError, ReadErrorKind},
};

/// Who brings swap at boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bringer {
    /// A line of /etc/fstab, with its number.
    Fstab(usize),
    /// A unit that is wanted by swap.target.
    Unit(String),
    /// systemd's zram-generator, by this file.
    ZramGenerator(String),
    /// A service that makes swap: zramswap, dphys-swapfile.
    Service(String),
}

/// One thing that brings swap at boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtBoot {
    /// Who.
    pub bringer: Bringer,
    /// What was seen.
    pub evidence: Evidence,
}

/// Services of distributions that make swap: zram-tools of Debian, dphys-swapfile and rpi-swap of Raspberry Pi OS,
/// zram-config of Ubuntu.
const SERVICES: [&str; 4] =
    ["zramswap.service", "dphys-swapfile.service", "zram-config.service", "rpi-zram-writeback.service"];
/// Where an enabled unit has its link.
const WANTS: [&str; 3] = ["multi-user.target.wants", "swap.target.wants", "sysinit.target.wants"];
const SYSTEM: &str = "/etc/systemd/system";

impl Node {
    /// What brings swap at the next boot, as far as files tell; beside it what could not be looked at.
    #[must_use]
    pub fn swap_at_boot(&self) -> (Vec<AtBoot>, Vec<ReadError>) {
        let mut unread = Vec::new();
        // A masked swap.target takes everything with it that systemd would swap on (systemd.special(7)).
        if is_masked(self, &format!("{SYSTEM}/swap.target")) {
            return (Vec::new(), unread);
        }
        let mut found = self.fstab_swap(&mut unread);
        for directory in WANTS {
            let path = format!("{SYSTEM}/{directory}");
            match self.list(&path) {
                Ok(names) => found.extend(names.iter().filter_map(|name| self.wanted(&path, name))),
                Err(e) if e.is_missing() => {}
                Err(e) => unread.push(e),
            }
        }
        found.extend(zram::bringers(self, &mut unread));
        (found, unread)
    }

    fn fstab_swap(&self, unread: &mut Vec<ReadError>) -> Vec<AtBoot> {
        let read = self.read("/etc/fstab");
        match read.text() {
            Ok(text) => {
                if is_cut(&text) || text.contains('\0') {
                    let strange = ReadErrorKind::System("is no text, or ends within a line".to_owned());
                    unread.push(ReadError::new(read.path(), strange));
                }
                fstab(&text)
                    .filter(|(_, line)| !self.is_masked_line(line))
                    .map(|(number, line)| AtBoot {
                        bringer: Bringer::Fstab(number),
                        evidence: Evidence::new(format!("/etc/fstab:{number}"), line),
                    })
                    .collect()
            }
            Err(e) => {
                unread.extend((!e.is_missing()).then(|| e.clone()));
                Vec::new()
            }
        }
    }

    /// Whether the unit that systemd makes of a line is masked: the way to keep swap off that leaves the file alone.
    fn is_masked_line(&self, line: &str) -> bool {
        let unit = line.split_whitespace().next().and_then(|what| unit(&decode(what)));
        unit.is_some_and(|unit| is_masked(self, &format!("{SYSTEM}/{unit}")))
    }

    fn wanted(&self, directory: &str, name: &str) -> Option<AtBoot> {
        let bringer = match name {
            _ if SERVICES.contains(&name) => Bringer::Service(name.to_owned()),
            _ => Bringer::Unit(name.strip_suffix(".swap").map(|_| name.to_owned())?),
        };
        let masked = is_masked(self, &format!("{SYSTEM}/{name}"));
        let evidence = Evidence::new(format!("{directory}/{name}"), "exists");
        (!masked).then_some(AtBoot { bringer, evidence })
    }
}

/// Whether `path` is a link to /dev/null, by which files of systemd are masked (systemd.unit(5)).
fn is_masked(node: &Node, path: &str) -> bool {
    node.link(path).is_ok_and(|target| target == "/dev/null")
}

/// Whether the last line has no end and too few fields: then there may have been more.
fn is_cut(text: &str) -> bool {
    let last = text.lines().last().unwrap_or_default().trim();
    let fields = last.split_whitespace().count();
    !text.ends_with('\n') && !last.starts_with('#') && (1..4).contains(&fields)
}

/// The name of the unit that systemd makes of a line (systemd.swap(5), systemd-escape(1)): the path of the device or file.
fn unit(what: &str) -> Option<String> {
    let tags =
        [("UUID=", "uuid"), ("LABEL=", "label"), ("PARTUUID=", "partuuid"), ("PARTLABEL=", "partlabel")];
    let tag = tags.iter().find_map(|(tag, directory)| Some((what.strip_prefix(tag)?, directory)));
    let path = match tag {
        Some((value, directory)) => format!("/dev/disk/by-{directory}/{}", value.trim_matches('"')),
        None => what.to_owned(),
    };
    let mut unit = String::new();
    for (i, byte) in path.strip_prefix('/')?.bytes().enumerate() {
        match byte {
            b'/' => unit.push('-'),
            b'.' if i == 0 => unit.push_str("\\x2e"),
            b'_' | b':' | b'.' => unit.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => unit.push(char::from(byte)),
            _ => unit.push_str(&format!("\\x{byte:02x}")),
        }
    }
    Some(unit + ".swap")
}

/// The lines of fstab(5) that swap at boot, with their numbers: the third field is `swap`, the fourth has no `noauto`.
fn fstab(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let swaps = |line: &str| {
        let mut fields = line.split_whitespace().skip(2);
        let is_swap = fields.next() == Some("swap");
        is_swap && !fields.next().unwrap_or_default().split(',').any(|option| option == "noauto")
    };
    let lines = text.lines().map(str::trim).enumerate().map(|(i, line)| (i + 1, line));
    lines.filter(move |(_, line)| !line.starts_with('#') && swaps(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

    #[test]
    fn lines_of_fstab() {
        let text = "# /etc/fstab\nUUID=1 / ext4 errors=remount-ro 0 1\n#UUID=2 none swap sw 0 0\n\
                    UUID=3 none  swap\tsw,pri=5 0 0\n/swapfile none swap noauto,nofail 0 0\n/swap/img swap swap\n";
        let numbers: Vec<_> = fstab(text).map(|(number, _)| number).collect();
        assert_eq!(numbers, [4, 6]);
    }

    fn bringers(memory: Memory) -> Vec<Bringer> {
        Node::in_memory(memory).swap_at_boot().0.into_iter().map(|one| one.bringer).collect()
    }

    #[test]
    fn units_and_services() {
        let wants = "/etc/systemd/system/swap.target.wants/dev-sda2.swap";
        assert_eq!(bringers(Memory::new()), []);
        assert_eq!(bringers(Memory::new().symlink(wants, "x")), [Bringer::Unit("dev-sda2.swap".into())]);
        let masked =
            Memory::new().symlink(wants, "x").symlink("/etc/systemd/system/dev-sda2.swap", "/dev/null");
        assert_eq!(bringers(masked), []);
        let service = "/etc/systemd/system/multi-user.target.wants/zramswap.service";
        assert_eq!(
            bringers(Memory::new().symlink(service, "x")),
            [Bringer::Service("zramswap.service".into())]
        );
        let target = Memory::new()
            .file("/etc/fstab", "/swapfile none swap sw 0 0\n")
            .symlink("/etc/systemd/system/swap.target", "/dev/null");
        assert_eq!(bringers(target), []);
    }

    #[test]
    fn the_zram_generator() {
        let generator = Memory::new().file("/usr/lib/systemd/system-generators/zram-generator", "");
        let shipped = "/usr/lib/systemd/zram-generator.conf";
        let fedora = generator.clone().file(shipped, "# Fedora\n[zram0]\nzram-size = min(ram, 8192)\n");
        assert_eq!(bringers(fedora.clone()), [Bringer::ZramGenerator(shipped.into())]);
        assert_eq!(bringers(fedora.clone().file("/etc/systemd/zram-generator.conf", "")), []);
        let without = Memory::new().file(shipped, "[zram0]\n");
        assert_eq!(bringers(without), [], "nobody reads the file");
        assert_eq!(bringers(generator), []);
    }

    #[test]
    fn what_the_generator_is_told() {
        let generator = Memory::new().file("/usr/lib/systemd/system-generators/zram-generator", "");
        let shipped = "/usr/lib/systemd/zram-generator.conf";
        let fedora = generator.file(shipped, "[zram0]\nzram-size = min(ram, 8192)\n");
        assert_eq!(bringers(fedora.clone().file("/proc/cmdline", "quiet systemd.zram=0\n")), []);
        let more = "/etc/systemd/zram-generator.conf.d/x.conf";
        let none = fedora.clone().file(more, "[zram0]\nzram-size = 0\n");
        assert_eq!(bringers(none), []);
        let tmp = fedora.clone().file(more, "[zram0]\nmount-point = /tmp\n[zram1]\n");
        assert_eq!(bringers(tmp), [Bringer::ZramGenerator(more.into())]);
        let null = "/etc/systemd/zram-generator.conf";
        let masked = fedora.error(null, ReadErrorKind::WrongKind("a device")).symlink(null, "/dev/null");
        assert_eq!(bringers(masked), []);
    }

    #[test]
    fn a_masked_unit_takes_its_line_out_of_fstab() {
        assert_eq!(unit("/dev/sda2").as_deref(), Some("dev-sda2.swap"));
        assert_eq!(unit("UUID=5d-1c").as_deref(), Some("dev-disk-by\\x2duuid-5d\\x2d1c.swap"));
        assert_eq!(unit("swap"), None);
        let memory =
            Memory::new().file("/etc/fstab", "/swap.img none swap sw 0 0\nUUID=1 none swap sw 0 0\n");
        let masked = memory.symlink("/etc/systemd/system/swap.img.swap", "/dev/null");
        assert_eq!(bringers(masked), [Bringer::Fstab(2)]);
    }

    #[test]
    fn a_cut_table_is_not_a_whole_one() {
        let unread = |text: &str| {
            let node = Node::in_memory(Memory::new().file("/etc/fstab", text));
            node.swap_at_boot().1.len()
        };
        assert_eq!(unread("UUID=1 / ext4 defaults 0 1\n/swap.img none"), 1);
        assert_eq!(unread("UUID=1 / ext4 defaults 0 1"), 0);
        assert_eq!(unread("\0\0\n"), 1);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,300}") {
            let _ = fstab(&text).count();
            let _ = (unit(&text), is_cut(&text));
            zram::parse("/x", &text, &mut std::collections::BTreeMap::new());
        }
    }
}
