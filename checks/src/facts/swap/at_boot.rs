//! What brings swap back at boot: lines of fstab(5), units of systemd, generators and services that make zram or files.

use crate::{
    evidence::Evidence,
    node::{Node, ReadError},
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
/// Where zram-generator looks for its file, the first wins (its zram-generator.conf(5)).
const GENERATOR: [&str; 4] = ["/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"];

impl Node {
    /// What brings swap at the next boot, as far as files tell; beside it what could not be looked at.
    #[must_use]
    pub fn swap_at_boot(&self) -> (Vec<AtBoot>, Vec<ReadError>) {
        let mut unread = Vec::new();
        // A masked swap.target takes everything with it that systemd would swap on (systemd.special(7)).
        if self.link(&format!("{SYSTEM}/swap.target")).is_ok_and(|target| target == "/dev/null") {
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
        found.extend(self.zram_generator(&mut unread));
        (found, unread)
    }

    fn fstab_swap(&self, unread: &mut Vec<ReadError>) -> Vec<AtBoot> {
        let read = self.read("/etc/fstab");
        match read.text() {
            Ok(text) => fstab(&text)
                .map(|(number, line)| AtBoot {
                    bringer: Bringer::Fstab(number),
                    evidence: Evidence::new(format!("/etc/fstab:{number}"), line),
                })
                .collect(),
            Err(e) => {
                unread.extend((!e.is_missing()).then(|| e.clone()));
                Vec::new()
            }
        }
    }

    fn wanted(&self, directory: &str, name: &str) -> Option<AtBoot> {
        let bringer = match name {
            _ if SERVICES.contains(&name) => Bringer::Service(name.to_owned()),
            _ => Bringer::Unit(name.strip_suffix(".swap").map(|_| name.to_owned())?),
        };
        let masked = self.link(&format!("{SYSTEM}/{name}")).is_ok_and(|target| target == "/dev/null");
        let evidence = Evidence::new(format!("{directory}/{name}"), "exists");
        (!masked).then_some(AtBoot { bringer, evidence })
    }

    /// The generator makes a device for each section `[zramN]` of its file; an empty file turns it off.
    fn zram_generator(&self, unread: &mut Vec<ReadError>) -> Option<AtBoot> {
        let generator = "/usr/lib/systemd/system-generators/zram-generator";
        self.kind(generator).ok()?;
        for directory in GENERATOR {
            let path = format!("{directory}/zram-generator.conf");
            let read = self.read(&path);
            match read.text() {
                Ok(text) => {
                    let section = text.lines().map(str::trim).find(|line| line.starts_with("[zram"))?;
                    let evidence = read.quote(section);
                    return Some(AtBoot { bringer: Bringer::ZramGenerator(path), evidence });
                }
                Err(e) if e.is_missing() => {}
                // A link to /dev/null is how one is masked.
                Err(_) if self.link(&path).is_ok_and(|target| target == "/dev/null") => return None,
                Err(e) => unread.push(e.clone()),
            }
        }
        None
    }
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

    proptest! {
        #[test]
        fn never_panics(text in ".{0,300}") {
            let _ = fstab(&text).count();
        }
    }
}
