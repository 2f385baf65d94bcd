use super::*;
use crate::{entry::Entry, finding::Outcome, node::Memory};

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
        (CONTAINERD, "fuse.sshfs", "rw", "no-overlay", Some(Severity::Fail)),
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
    let found = ask(KUBELET, node("ext4", "rw").symlink(KUBELET, "/data/kubelet"));
    assert_eq!((found.reason(), found.severity()), ("symbolic-link", Severity::Warn));
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
