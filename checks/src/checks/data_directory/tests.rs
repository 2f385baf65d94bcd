use super::*;
use crate::{
    entry::Entry,
    finding::Outcome,
    node::{Memory, ReadErrorKind},
};

const KUBELET: &str = "/var/lib/kubelet";
const CONTAINERD: &str = "/var/lib/containerd";
const ETCD: &str = "/var/lib/etcd";

/// A node with this mount at /var/lib.
fn node(fs_type: &str, options: &str) -> Memory {
    let mountinfo = format!(
        "1 0 0:2 / / rw - ext4 /dev/vda rw\n2 1 0:3 / /var/lib {options} - {fs_type} /dev/vdb {options}\n"
    );
    Memory::new().file("/proc/self/mountinfo", mountinfo).file("/var/lib/dpkg/status", "")
}

fn ask(path: &str, memory: Memory) -> Finding {
    let rule = DataDirectoryRule::from_word(path).unwrap();
    let params = DataDirectoryParams { directories: vec![Written(rule)] };
    DataDirectory::validate(&params).unwrap();
    let mut out = Findings::default();
    DataDirectory::run(&params, &Node::in_memory(memory), &mut out).unwrap();
    out.into_inner().remove(0).0
}

#[test]
fn types_and_options() {
    for (path, fs_type, options, reason, severity) in [
        (KUBELET, "ext4", "rw,relatime", "fit", None),
        (CONTAINERD, "btrfs", "rw", "fit", None),
        (CONTAINERD, "overlay", "rw", "no-overlay", Some(Severity::Fail)),
        (KUBELET, "overlay", "rw", "not-lasting", Some(Severity::Warn)),
        (CONTAINERD, "nfs4", "rw", "no-overlay", Some(Severity::Fail)),
        (ETCD, "nfs4", "rw", "network", Some(Severity::Warn)),
        (ETCD, "tmpfs", "rw", "not-lasting", Some(Severity::Warn)),
        (KUBELET, "vfat", "rw", "no-such-files", Some(Severity::Fail)),
        (KUBELET, "squashfs", "rw", "read-only", Some(Severity::Fail)),
        (ETCD, "ext4", "ro", "read-only", Some(Severity::Fail)),
        (CONTAINERD, "ext4", "rw,noexec", "noexec", Some(Severity::Fail)),
        (KUBELET, "ext4", "rw,noexec", "noexec", Some(Severity::Warn)),
        (ETCD, "ext4", "rw,noexec", "fit", None),
        (CONTAINERD, "ext4", "rw,nosuid", "nosuid", Some(Severity::Warn)),
        (KUBELET, "fuse.sshfs", "rw", "network", Some(Severity::Warn)),
        (KUBELET, "fuse", "rw", "network", Some(Severity::Warn)),
        (KUBELET, "ramfs", "rw", "not-lasting", Some(Severity::Warn)),
        (CONTAINERD, "ramfs", "rw", "no-overlay", Some(Severity::Fail)),
        (CONTAINERD, "tmpfs", "rw", "not-lasting", Some(Severity::Warn)),
        (ETCD, "rootfs", "rw", "not-lasting", Some(Severity::Warn)),
        (CONTAINERD, "rootfs", "rw", "not-lasting", Some(Severity::Warn)),
        (ETCD, "ext4", "rw,errors=remount-ro,emergency_ro", "read-only", Some(Severity::Fail)),
        (CONTAINERD, "ext4", "rw,shutdown", "read-only", Some(Severity::Fail)),
    ] {
        let found = ask(path, node(fs_type, options));
        assert_eq!(found.reason(), reason, "{path} {fs_type} {options}: {found:?}");
        match severity {
            None => assert_eq!(found.outcome(), &Outcome::Pass),
            Some(severity) => {
                assert_eq!((found.outcome(), found.severity()), (&Outcome::Problem, severity));
                assert!(found.mend().is_some());
            }
        }
    }
}

#[test]
fn xfs_is_asked_by_function() {
    let probe = |directory: &str| Probe::EntryTypes { directory: directory.into() };
    let xfs = || node("xfs", "rw");
    assert_eq!(ask(CONTAINERD, xfs().probe(probe("/var/lib"), "ok, typed")).reason(), "fit");
    let found = ask(CONTAINERD, xfs().probe(probe("/var/lib"), "ok, untyped"));
    assert_eq!((found.reason(), found.severity()), ("no-entry-types", Severity::Fail));
    // An empty directory tells nothing; the one above does.
    let empty = xfs().file("/var/lib/containerd/x", "").probe(probe(CONTAINERD), "ok, empty");
    assert_eq!(
        ask(CONTAINERD, empty.clone().probe(probe("/var/lib"), "ok, untyped")).reason(),
        "no-entry-types"
    );
    assert_eq!(ask(CONTAINERD, empty.probe(probe("/var/lib"), "ok, empty")).reason(), "unknown");
    assert_eq!(ask(CONTAINERD, xfs().as_root()).reason(), "unknown", "a tree can't be asked");
    assert_eq!(ask(KUBELET, xfs()).reason(), "fit", "volumes are not stacked");
}

#[test]
fn links_and_modes() {
    let linked = node("ext4", "rw").symlink(KUBELET, "/data/kubelet");
    let found = ask(KUBELET, linked.clone().file("/data/kubelet/x", ""));
    assert_eq!((found.reason(), found.severity()), ("symbolic-link", Severity::Warn));
    // mkdir(2) makes nothing where the link leads nowhere.
    let found = ask(KUBELET, linked.clone());
    assert_eq!((found.reason(), found.severity()), ("dangling-link", Severity::Fail), "{found:?}");
    let found = ask(KUBELET, linked.as_root());
    assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "a tree may lack it: {found:?}");
    let found = ask(KUBELET, node("ext4", "rw").owned_by("/var", 0, 0o750));
    assert_eq!(found.reason(), "not-searchable");
    assert_eq!(found.mend().unwrap().commands, ["chmod o+x /var"]);
    let found = ask(KUBELET, node("ext4", "rw").owned_by("/var/lib", 0, 0o777));
    assert_eq!(found.reason(), "writable-by-all");
    // Like /tmp, and a directory of its own that others need not see.
    assert_eq!(ask(KUBELET, node("ext4", "rw").owned_by("/var/lib", 0, 0o1777)).reason(), "fit");
    let own = node("ext4", "rw").file("/var/lib/etcd/member/x", "").owned_by(ETCD, 0, 0o700);
    assert_eq!(ask(ETCD, own).reason(), "fit");
    let file = node("ext4", "rw").file(KUBELET, "");
    assert_eq!(
        (ask(KUBELET, file.clone()).reason(), ask(KUBELET, file).severity()),
        ("not-a-directory", Severity::Fail)
    );
}

#[test]
fn the_worst_comes_first_and_nothing_is_lost() {
    let found = ask(CONTAINERD, node("overlay", "rw,noexec").owned_by("/var", 0, 0o750));
    assert_eq!(found.severity(), Severity::Fail);
    assert_eq!(found.all_notes().len(), 2, "{found:?}");
}

#[test]
fn what_can_t_be_read_is_not_known() {
    for memory in [
        Memory::new().file("/var/lib/x", ""),
        node("ext4", "rw").error(KUBELET, ReadErrorKind::TimedOut),
        node("ext4", "rw").file("/proc/self/mountinfo", ""),
    ] {
        let found = ask(KUBELET, memory);
        assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{found:?}");
    }
}

#[test]
fn purposes() {
    let of = |path: &str| DataDirectoryRule::from_word(path).unwrap().purpose();
    assert_eq!(
        [CONTAINERD, "/var/lib/containers/storage", ETCD, KUBELET].map(of),
        [Purpose::Images, Purpose::Images, Purpose::Database, Purpose::Volumes]
    );
}

#[test]
fn links_on_the_way_are_followed_and_told() {
    let linked = || node("ext4", "rw").symlink("/var/lib", "../data").file("/data/x", "");
    let found = ask(KUBELET, linked());
    assert_eq!((found.reason(), found.severity()), ("symbolic-link", Severity::Warn), "{found:?}");
    assert!(found.message().starts_with("/var/lib, on the way to /var/lib/kubelet,"), "{found:?}");
    assert_eq!(found.mend().unwrap().persistent, ["echo '/data /var/lib none bind 0 0' >> /etc/fstab"]);
    // The directories that the link leads through count as well.
    let found = ask(KUBELET, linked().owned_by("/data", 0, 0o777));
    assert!(found.all_notes()[0].contains("everybody may write to /data"), "{found:?}");
}

#[test]
fn owners_on_the_way() {
    let of = |memory: Memory| ask(ETCD, memory);
    let etcd = || node("ext4", "rw").file("/var/lib/etcd/member/x", "").owned_by(ETCD, 1000, 0o700);
    assert_eq!(of(etcd()).reason(), "fit", "the directory is the service's own");
    assert_eq!(of(etcd().owned_by("/var/lib", 1000, 0o755)).reason(), "fit", "and so may be the one above");
    let found = of(etcd().owned_by("/var/lib", 1001, 0o755));
    assert_eq!((found.reason(), found.severity()), ("other-owner", Severity::Warn), "{found:?}");
    assert_eq!(of(etcd().owned_by("/var/lib", 1001, 0o755).as_user(1001)).reason(), "fit");
    // A directory that does not exist yet has no owner to go by.
    assert_eq!(of(node("ext4", "rw").owned_by("/var/lib", 1000, 0o755)).reason(), "other-owner");
    for user in [0, 65534] {
        let found = of(etcd().owned_by("/var/lib", 65534, 0o755).as_user(user));
        assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "nobody may be anybody: {found:?}");
    }
}

#[test]
fn a_tree_without_the_directory_is_judged_by_the_mount_that_would_hold_it() {
    let mountinfo = "1 0 0:2 / / rw - ext4 /dev/vda rw\n\
        2 1 0:3 / /var/lib/containerd rw,noexec - ext4 /dev/vdb rw\n";
    let tree =
        Memory::new().file("/proc/self/mountinfo", mountinfo).file("/var/lib/dpkg/status", "").as_root();
    assert_eq!(ask(CONTAINERD, tree).reason(), "noexec");
    let xfs = "1 0 0:2 / / rw - ext4 /dev/vda rw\n2 1 0:3 / /var/lib/containerd rw - xfs /dev/vdb rw\n";
    let probe = Probe::EntryTypes { directory: "/var/lib".into() };
    let memory = Memory::new().file("/proc/self/mountinfo", xfs).file("/var/lib/x", "");
    let found = ask(CONTAINERD, memory.probe(probe, "ok, typed"));
    assert_eq!(found.reason(), "unknown", "another file system's entries: {found:?}");
}

#[test]
fn entries_are_those_of_the_file_system_that_the_link_leads_to() {
    let mountinfo = "1 0 0:2 / / rw - ext4 /dev/vda rw\n2 1 0:3 / /d rw - xfs /dev/vdb rw\n";
    let probe = |directory: &str| Probe::EntryTypes { directory: directory.into() };
    let memory = Memory::new()
        .file("/proc/self/mountinfo", mountinfo)
        .file("/var/lib/x", "")
        .symlink(CONTAINERD, "/d/containerd")
        .file("/d/containerd/x", "")
        .probe(probe("/d/containerd"), "ok, empty")
        .probe(probe(CONTAINERD), "ok, empty")
        .probe(probe("/var/lib"), "ok, typed");
    let found = ask(CONTAINERD, memory.clone().probe(probe("/d"), "ok, untyped"));
    assert_eq!((found.reason(), found.severity()), ("no-entry-types", Severity::Fail), "{found:?}");
    let found = ask(CONTAINERD, memory);
    assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{found:?}");
}

#[test]
fn a_warning_does_not_hide_what_is_not_known() {
    let memory = node("xfs", "rw,nosuid").probe(Probe::EntryTypes { directory: "/var/lib".into() }, "EACCES");
    let found = ask(CONTAINERD, memory.clone());
    assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{found:?}");
    assert!(found.all_notes()[0].contains("nosuid"), "nor does that hide the warning: {found:?}");
    let failure = ask(CONTAINERD, node("xfs", "ro"));
    assert_eq!((failure.reason(), failure.severity()), ("read-only", Severity::Fail));
    assert!(failure.all_notes()[0].starts_with("not all could be looked at"), "{failure:?}");
}

#[test]
fn zfs_has_what_overlayfs_needs_since_2_2() {
    let zfs = |version: &str| ask(CONTAINERD, node("zfs", "rw").file("/sys/module/zfs/version", version));
    for version in ["2.2.0-1\n", "2.3.4-1ubuntu2\n", "2.10.0\n", "3.0.0\n"] {
        assert_eq!(zfs(version).reason(), "fit", "{version}");
    }
    for version in ["2.1.5-1ubuntu6~22.04.2\n", "0.8.3-1\n"] {
        assert_eq!(
            (zfs(version).reason(), zfs(version).severity()),
            ("no-overlay", Severity::Fail),
            "{version}"
        );
    }
    for version in ["", "2.2", "zfs\n"] {
        assert!(matches!(zfs(version).outcome(), Outcome::Undetermined(_)), "{version}");
    }
    assert!(matches!(ask(CONTAINERD, node("zfs", "rw")).outcome(), Outcome::Undetermined(_)));
    assert_eq!(ask(KUBELET, node("zfs", "rw")).reason(), "fit");
}

#[test]
fn what_a_server_can_do_is_not_known_here() {
    for kind in ["virtiofs", "fuse", "fuse.sshfs"] {
        let on =
            |release: &str| ask(CONTAINERD, node(kind, "rw").file("/proc/sys/kernel/osrelease", release));
        let found = on("5.6.19\n");
        assert_eq!((found.reason(), found.severity()), ("no-overlay", Severity::Fail), "{kind}");
        let found = on("5.7.0\n");
        assert_eq!((found.reason(), found.severity()), ("depends-on-server", Severity::Warn), "{kind}");
        let found = ask(CONTAINERD, node(kind, "rw"));
        assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{kind}: {found:?}");
    }
}
