//! Which place is taken, which is passed over, and why.

use super::*;
use crate::node::Memory;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::io::Write;

const RELEASE: &str = "6.12.107+deb13-amd64";
const BOOT: &str = "/boot/config-6.12.107+deb13-amd64";
const TREE: &str = "/usr/src/linux/.config";

fn memory(release: &str) -> Memory {
    Memory::new().file("/proc/sys/kernel/osrelease", format!("{release}\n"))
}

fn config(version: &str, from: &str) -> String {
    format!("#\n# Linux/x86 {version} Kernel Configuration\n#\nCONFIG_FROM=\"{from}\"\nCONFIG_A=y\n")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn takes(memory: Memory, path: &str, tie: Tie) -> KernelConfig {
    let found = find(&Node::in_memory(memory)).unwrap();
    assert_eq!((found.path(), found.tie()), (path, tie));
    found
}

#[track_caller]
fn fails(memory: Memory) -> Unknown {
    find(&Node::in_memory(memory)).unwrap_err()
}

#[test]
fn the_running_kernels_own_comes_first_whatever_its_header_says() {
    let m = memory(RELEASE).file(BOOT, config("6.12.107", "boot"));
    let found = takes(m.clone().file(RUNNING, gzip(&config("6.12.107", "proc"))), RUNNING, Tie::Running);
    assert_eq!(found.get("CONFIG_FROM"), Setting::Value("proc".into()));
    assert!(found.notes().is_empty() && found.passed_over().is_empty());
    let found = takes(m.file(RUNNING, gzip(&config("4.19.1", "proc"))), RUNNING, Tie::Running);
    assert!(found.notes()[0].contains("4.19.1"), "{:?}", found.notes());
}

#[test]
fn each_place_is_reached_in_its_order() {
    let m = memory(RELEASE);
    let release = Node::in_memory(m.clone()).kernel_release().clone().unwrap();
    let mut all = m;
    let mut order = places(Some(&release));
    order.reverse();
    for (path, tie) in order {
        let text = config("6.12.107+deb13", &path);
        all = all.file(&path, if path == RUNNING { gzip(&text) } else { text.into_bytes() });
        takes(all.clone(), &path, tie);
    }
}

#[test]
fn a_bad_place_is_passed_over_and_the_reason_kept() {
    let good = gzip(&config("6.12.107", "proc"));
    let boot = || memory(RELEASE).file(BOOT, config("6.12.107", "boot"));
    for (m, why) in [
        (boot(), "does not exist"),
        (boot().error(RUNNING, ReadErrorKind::Denied("EACCES")), "permission denied (EACCES)"),
        (boot().error(RUNNING, ReadErrorKind::TimedOut), "did not answer in time"),
        (boot().file(RUNNING, ""), "is empty"),
        (boot().file(RUNNING, "CONFIG_A=n\n"), "not gzip"),
        (boot().file(RUNNING, &good[..good.len() / 2]), "truncated"),
        (boot().file(RUNNING, [&good[..good.len() - 8], &[0; 8]].concat()), "corrupt"),
        (boot().file(RUNNING, gzip("")), "is empty"),
        (boot().file(RUNNING, gzip("nothing of the kind\n")), "names no kernel option"),
    ] {
        let found = takes(m, BOOT, Tie::Path);
        assert_eq!(found.get("FROM"), Setting::Value("boot".into()));
        let [passed] = found.passed_over() else { panic!("{:?}", found.passed_over()) };
        assert_eq!(passed.source, RUNNING);
        assert!(passed.observed.contains(why), "{passed:?} {why}");
    }
    // A file in /boot that was cut is passed over as well, and its options are not trusted.
    let cut = config("6.12.107", "boot");
    let m = memory(RELEASE)
        .file(BOOT, &cut[..cut.len() - 3])
        .file(&format!("/usr/lib/modules/{RELEASE}/config"), config("6.12.107", "modules"));
    assert_eq!(takes(m, &format!("/usr/lib/modules/{RELEASE}/config"), Tie::Path).passed_over().len(), 2);
}

#[test]
fn the_header_of_a_named_file_is_compared_with_the_release() {
    for (release, header, note) in [
        ("5.10.0-46-amd64", "5.10.262", None),
        ("6.1.0-56-amd64", "6.1.192", None),
        ("6.12.107+deb13-amd64", "6.12.107", None),
        ("5.14.0-503.11.1.el9_5.x86_64", "5.14.0-503.11.1.el9_5.x86_64", None),
        ("6.12.107+deb13-amd64", "6.12.90", Some("another patch level")),
    ] {
        let path = format!("/boot/config-{release}");
        let found = takes(memory(release).file(&path, config(header, "boot")), &path, Tie::Path);
        assert_eq!(found.notes().first().map(|n| n.contains(note.unwrap_or("never"))), note.map(|_| true));
    }
    let unknown = fails(memory(RELEASE).file(BOOT, config("6.1.192", "boot")));
    assert!(unknown.reason.contains("another kernel's: its header names 6.1.192"), "{}", unknown.reason);
    // Without a header the name has to do.
    takes(memory(RELEASE).file(BOOT, "CONFIG_A=y\n"), BOOT, Tie::Path);
}

#[test]
fn a_source_tree_counts_only_if_its_header_names_the_release() {
    for release in ["6.6.30-gentoo", "6.6.30-gentoo-x86_64"] {
        let found = takes(memory(release).file(TREE, config("6.6.30-gentoo", "tree")), TREE, Tie::Header);
        assert!(found.notes()[0].contains("edited since"), "{:?}", found.notes());
    }
    for (release, header) in
        [("6.6.30-gentoo", "6.6.3"), ("6.6.30", "6.6.30-gentoo"), ("6.6.30", "6.7.1"), ("6.6.3", "6.6.30")]
    {
        let unknown = fails(memory(release).file(TREE, config(header, "tree")));
        assert!(unknown.reason.contains("another kernel's"), "{release} {header}: {}", unknown.reason);
    }
    assert!(fails(memory(RELEASE).file(TREE, "CONFIG_A=y\n")).reason.contains("any kernel's"));
}

#[test]
fn nothing_found_names_every_place_and_what_would_help() {
    let unknown = fails(memory(RELEASE));
    assert_eq!(unknown.evidence.len(), 10);
    assert!(unknown.reason.ends_with("10 places do not exist"), "{}", unknown.reason);
    assert!(unknown.needs.unwrap().contains(BOOT));
    let unknown = fails(memory(RELEASE).error(BOOT, ReadErrorKind::Denied("EACCES")).as_user(1000));
    assert!(
        unknown.reason.contains("permission denied (EACCES); 9 places do not exist"),
        "{}",
        unknown.reason
    );
    assert!(unknown.needs.unwrap().starts_with("run as root"));
}

#[test]
fn without_a_release_only_the_kernels_own_can_be_taken() {
    let m = Memory::new().file(RUNNING, gzip(&config("6.12.107", "proc")));
    takes(m, RUNNING, Tie::Running);
    let unknown = fails(Memory::new().file(BOOT, config("6.12.107", "boot")));
    assert!(unknown.reason.contains("osrelease"), "{}", unknown.reason);
    assert_eq!(unknown.evidence.len(), 2);
}

#[test]
fn the_very_line_is_the_evidence() {
    let found = takes(memory(RELEASE).file(BOOT, "CONFIG_A=y\n# CONFIG_B is not set\n"), BOOT, Tie::Path);
    assert_eq!(found.evidence("CONFIG_A").observed, "CONFIG_A=y");
    assert_eq!(found.evidence("B"), Evidence::new(BOOT, "# CONFIG_B is not set"));
    assert_eq!(found.evidence("C").observed, "CONFIG_C does not occur");
    assert!(found.get("B").is_off() && found.get("C").is_off() && !found.get("A").is_off());
}

proptest! {
    #[test]
    fn any_file_anywhere_is_survived(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        place in 0..10_usize,
    ) {
        let m = memory(RELEASE);
        let release = Node::in_memory(m.clone()).kernel_release().clone().unwrap();
        let path = places(Some(&release)).swap_remove(place).0;
        let _ = find(&Node::in_memory(m.file(&path, bytes)));
    }
}
