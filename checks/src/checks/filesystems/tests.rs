//! One test for every outcome.

use super::*;
use crate::{
    finding::Outcome,
    node::{Memory, ReadErrorKind},
};
use proptest::prelude::*;

const TREE: &str = "/lib/modules/6.1.0-56-amd64";
const DENIED: ReadErrorKind = ReadErrorKind::Denied("EACCES");

/// A machine on which overlay is a module that is not loaded, as on a fresh Debian.
fn machine() -> Memory {
    Memory::new()
        .file(
            "/proc/filesystems",
            "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevpts\n\text4\nnodev\tmqueue\n",
        )
        .file("/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n")
        .file("/proc/sys/kernel/modules_disabled", "0\n")
        .file("/proc/sys/kernel/modprobe", "/sbin/modprobe\n")
        .file("/sbin/modprobe", "")
        .file("/proc/cmdline", "ro quiet\n")
        .file("/proc/modules", "veth 1 0 - Live 0x0\n")
        .file(&format!("{TREE}/modules.builtin"), "kernel/fs/ext4/ext4.ko\n")
        .file(&format!("{TREE}/modules.alias"), "alias fs-overlay overlay\nalias fs-nfs4 nfsv4\n")
        .file(&format!("{TREE}/modules.dep"), "kernel/fs/overlayfs/overlay.ko:\nkernel/fs/nfs/nfsv4.ko:\n")
        .file(&format!("{TREE}/kernel/fs/overlayfs/overlay.ko"), "")
        .file(&format!("{TREE}/kernel/fs/nfs/nfsv4.ko"), "")
}

#[track_caller]
fn expect(memory: &Memory, name: &str, outcome: &Outcome, reason: &str) -> Finding {
    let params = FilesystemsParams { required: vec![name.into()], optional: vec![] };
    let mut out = Findings::default();
    Filesystems::run(&params, &Node::in_memory(memory.clone()), &mut out).unwrap();
    let (finding, _) = out.into_inner().remove(0);
    assert_eq!((finding.outcome(), finding.reason()), (outcome, reason), "{finding:#?}");
    finding
}

#[test]
fn registered() {
    let found = expect(&machine(), "tmpfs", &Outcome::Pass, "registered");
    assert_eq!(found.all_evidence(), [Evidence::new("/proc/filesystems", "tmpfs")]);
}

#[test]
fn loadable_by_name_or_alias() {
    let found = expect(&machine(), "overlay", &Outcome::Pass, "loadable");
    assert!(found.message().contains("overlay.ko"));
    expect(&machine(), "nfs4", &Outcome::Pass, "loadable");
}

#[test]
fn what_is_not_loaded_on_demand_warns() {
    let blacklist = machine().file("/etc/modprobe.d/l.conf", "blacklist overlay\n");
    let empty = machine().file("/proc/sys/kernel/modprobe", "\n");
    let gone = machine().without("/sbin/modprobe");
    let word = machine().file("/proc/cmdline", "ro modprobe.blacklist=overlay\n");
    // The kernel starts the machine's modprobe, whatever a container's image has.
    let container = gone.clone().file("/run/systemd/container", "docker\n");
    let needs = "run on the machine itself, or with its root mounted";
    expect(&container, "overlay", &Outcome::Undetermined(Some(needs.into())), "unknown");
    for memory in [blacklist, empty, gone, word] {
        let found = expect(&memory, "overlay", &Outcome::Problem, "not-on-demand");
        assert_eq!(found.severity(), Severity::Warn);
        let remedy = found.mend().unwrap();
        assert_eq!(remedy.commands, ["modprobe overlay"]);
        // systemd-modules-load heeds the blacklist, too: a line for it would be in vain.
        assert_eq!(remedy.persistent.is_empty(), found.message().contains("blacklists"), "{remedy:?}");
    }
    let unread = machine().error("/proc/sys/kernel/modprobe", DENIED);
    expect(&unread, "overlay", &Outcome::Undetermined(Some("run as root".into())), "unknown");
}

#[test]
fn blocked_follows_from_the_module() {
    let memory = machine().file("/etc/modprobe.d/cis.conf", "install overlay /bin/true\n");
    let found = expect(&memory, "overlay", &Outcome::Problem, "blocked");
    let cause = found.cause().unwrap();
    assert!(!cause.is_root && cause.name == "module:overlay");
}

#[test]
fn missing_follows_from_the_module() {
    let found = expect(&machine(), "xfs", &Outcome::Problem, "missing");
    assert_eq!(found.cause().unwrap().name, "module:xfs");
    assert!(!found.cause().unwrap().is_root && found.severity() == Severity::Fail);
}

#[test]
fn what_no_module_brings_follows_from_its_option() {
    let memory = machine().file("/proc/filesystems", "nodev\tproc\n").without("/proc/modules");
    let found = expect(&memory, "tmpfs", &Outcome::Problem, "missing");
    assert_eq!(found.cause().unwrap().name, "CONFIG_TMPFS");
    assert!(found.all_notes()[0].contains("secrets"));
}

#[test]
fn the_kernels_list_outweighs_the_module() {
    let memory = machine().file("/proc/modules", "overlay 1 0 - Live 0x0\n");
    expect(&memory, "overlay", &Outcome::Problem, "missing");
}

#[test]
fn unreadable_is_undetermined() {
    let root = Outcome::Undetermined(Some("run as root".into()));
    expect(&machine().error("/proc/filesystems", DENIED), "tmpfs", &root, "unknown");
    expect(&machine().error(&format!("{TREE}/modules.dep"), DENIED), "overlay", &root, "unknown");
}

#[test]
fn a_captured_node_without_modules_is_undetermined() {
    let capture = Memory::new()
        .file("/proc/filesystems", "nodev\tsysfs\nnodev\ttmpfs\n")
        .file("/proc/sys/kernel/osrelease", "6.12.107+deb13-amd64\n")
        .file("/proc/modules", "veth 1 0 - Live 0x0\n")
        .as_root();
    let params = FilesystemsParams { required: vec!["overlay".into()], optional: vec![] };
    let mut out = Findings::default();
    Filesystems::run(&params, &Node::in_memory(capture), &mut out).unwrap();
    assert!(matches!(out.into_inner()[0].0.outcome(), Outcome::Undetermined(Some(_))));
}

#[test]
fn parameters() {
    let validate = |names: &[&str]| {
        let required = names.iter().map(|&n| n.into()).collect();
        Filesystems::validate(&FilesystemsParams { required, optional: vec![] })
    };
    assert!(Filesystems::validate(&FilesystemsParams::default()).is_ok());
    for bad in [&[][..], &["overlay", "overlay"], &[""], &["a b"], &["/x"]] {
        assert!(validate(bad).is_err(), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn each_type_gets_one_finding(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let memory = machine().file("/proc/filesystems", &bytes).file("/proc/sys/kernel/modprobe", &bytes);
        let mut out = Findings::default();
        let params = FilesystemsParams::default();
        Filesystems::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        prop_assert_eq!(out.into_inner().len(), params.required.len());
    }
}

#[test]
fn what_the_configuration_leaves_out_follows_from_its_option() {
    let lines = "CONFIG_MODULES=y\n# CONFIG_XFS_FS is not set";
    let memory = crate::facts::modules::tests::configured(machine(), "6.1.0-56-amd64", lines);
    let found = expect(&memory, "xfs", &Outcome::Problem, "missing");
    assert_eq!(found.cause().unwrap().name, "CONFIG_XFS_FS");
}
