use super::*;
use crate::node::Memory;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn sources(memory: &Memory) -> Vec<String> {
    let node = Node::in_memory(memory.clone());
    node.swap_boot().sources.iter().map(|s| s.words.clone()).collect()
}

/// Ubuntu's and Debian's installers write these.
const FSTAB: &str = "\
# /etc/fstab: static file system information.
UUID=8a9e-1 / ext4 errors=remount-ro 0 1
/swap.img\tnone\tswap\tsw\t0\t0
UUID=5d1c none swap sw 0 0
/dev/sdb1 none swap noauto,sw 0 0
#/dev/sdc1 none swap sw 0 0
tmpfs /swap tmpfs defaults 0 0
";

#[test]
fn lines_of_fstab() {
    let all = fstab::lines(FSTAB);
    assert_eq!(all, [(3, "/swap.img".to_owned()), (4, "UUID=5d1c".to_owned())]);
    assert_eq!(fstab::lines("a b\n\n \nswap\n"), []);
    // systemd-escape -p --suffix=swap.
    assert_eq!(fstab::unit("/dev/sda2").as_deref(), Some("dev-sda2.swap"));
    assert_eq!(fstab::unit("UUID=5d-1c").as_deref(), Some("dev-disk-by\\x2duuid-5d\\x2d1c.swap"));
    assert_eq!(fstab::unit("/swap.img").as_deref(), Some("swap.img.swap"));
    assert_eq!(fstab::unit("swap"), None);
}

#[test]
fn fstab_and_masks() {
    let memory = Memory::new().file("/etc/fstab", FSTAB);
    assert_eq!(sources(&memory), ["line 3 of /etc/fstab", "line 4 of /etc/fstab"]);
    let masked = memory.symlink("/etc/systemd/system/swap.img.swap", "/dev/null");
    assert_eq!(sources(&masked), ["line 4 of /etc/fstab"]);
    let empty = Memory::new().file("/etc/fstab", "# none\n");
    let node = Node::in_memory(empty);
    assert!(node.swap_boot().sources.is_empty() && node.swap_boot().nothing.len() == 1);
}

#[test]
fn units_and_services() {
    let wants = "/etc/systemd/system/swap.target.wants";
    let memory = Memory::new()
        .symlink(&format!("{wants}/swapfile.swap"), "../swapfile.swap")
        .symlink(&format!("{wants}/other.mount"), "../other.mount")
        .symlink(
            "/etc/systemd/system/multi-user.target.wants/zramswap.service",
            "/lib/systemd/system/zramswap.service",
        );
    assert_eq!(sources(&memory), ["the unit swapfile.swap", "the service zramswap.service"]);
    let masked = memory.symlink("/etc/systemd/system/swapfile.swap", "/dev/null");
    assert_eq!(sources(&masked), ["the service zramswap.service"]);
}

#[test]
fn zram_generator() {
    // Fedora's zram-generator-defaults.
    let vendor = "/usr/lib/systemd/zram-generator.conf";
    let fedora = Memory::new().file(vendor, "# comment\n[zram0]\nzram-size = min(ram, 8192)\n");
    assert_eq!(sources(&fedora), [format!("[zram0] in {vendor}")]);
    // Fedora's own advice to be rid of it.
    assert!(sources(&fedora.clone().file("/etc/systemd/zram-generator.conf", "")).is_empty());
    let null = fedora
        .clone()
        .error("/etc/systemd/zram-generator.conf", ReadErrorKind::WrongKind("a device"))
        .symlink("/etc/systemd/zram-generator.conf", "/dev/null");
    assert!(sources(&null).is_empty() && Node::in_memory(null).swap_boot().unread.is_none());
    assert!(sources(&fedora.clone().file("/proc/cmdline", "quiet systemd.zram=0\n")).is_empty());
    let changed =
        fedora.file("/etc/systemd/zram-generator.conf.d/x.conf", "[zram0]\nzram-size = 0\n[zram1]\n");
    assert_eq!(sources(&changed), ["[zram1] in /etc/systemd/zram-generator.conf.d/x.conf"]);
    let mut devices = BTreeMap::new();
    zram::parse("/x", "[zram0]\nmount-point = /tmp\n[other]\nzram-size = 1\n", &mut devices);
    assert_eq!(devices.len(), 1);
}

#[test]
fn what_cannot_be_read_is_said() {
    let denied = ReadErrorKind::Denied("EACCES");
    for memory in [
        Memory::new().error("/etc/fstab", denied.clone()),
        Memory::new().file("/etc/fstab", b"\xff\xfe\x00"),
        Memory::new().file("/etc/fstab", "UUID=1 / ext4 defaults 0 1\n/swap.img none sw"),
        Memory::new().error("/etc/systemd/system/swap.target.wants", denied.clone()),
        Memory::new().error("/etc/systemd/zram-generator.conf", denied),
    ] {
        assert!(Node::in_memory(memory).swap_boot().unread.is_some());
    }
    assert!(Node::in_memory(Memory::new()).swap_boot().unread.is_none());
}

proptest! {
    #[test]
    fn never_panics(text in "(?s).{0,120}") {
        for (_, what) in fstab::lines(&text) {
            let _ = fstab::unit(&what);
        }
        let _ = fstab::unit(&text);
        zram::parse("/x", &text, &mut BTreeMap::new());
    }
}
