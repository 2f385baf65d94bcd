//! Every state of a module, and what has to be known before it is told.

use super::*;
use crate::node::{Memory, ReadErrorKind};
use proptest::prelude::*;

const REL: &str = "6.1.0-56-amd64";
const TREE: &str = "/lib/modules/6.1.0-56-amd64";
const DENIED: ReadErrorKind = ReadErrorKind::Denied("EACCES");

fn tree(file: &str) -> String {
    format!("{TREE}/{file}")
}

/// A machine with Debian's indexes (excerpts, as depmod of kmod 30 writes them).
fn debian() -> Memory {
    let mut memory = Memory::new()
        .file("/proc/sys/kernel/osrelease", format!("{REL}\n"))
        .file("/proc/sys/kernel/modules_disabled", "0\n")
        .file("/proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro quiet\n")
        .file(
            "/proc/modules",
            "nf_conntrack 172032 1 nf_nat, Live 0x0000000000000000\n\
             nf_defrag_ipv4 16384 1 nf_conntrack, Live 0x0000000000000000\n",
        )
        .file("/proc/filesystems", "nodev\tsysfs\nnodev\tproc\n\text4\n")
        .file(&tree("modules.builtin"), "kernel/fs/ext4/ext4.ko\nkernel/drivers/char/random-x.ko\n")
        .file(&tree("modules.builtin.modinfo"), "ext4.license=GPL\0ext4.alias=fs-ext4\0")
        .file(
            &tree("modules.alias"),
            "# Aliases extracted\nalias fs-overlay overlay\nalias ip_conntrack nf_conntrack\n",
        )
        .file(&tree("modules.softdep"), "softdep br_netfilter post: nothing\n")
        .file(
            &tree("modules.dep"),
            "kernel/fs/overlayfs/overlay.ko:\n\
             kernel/net/netfilter/nf_conntrack.ko: kernel/net/ipv4/netfilter/nf_defrag_ipv4.ko\n\
             kernel/net/netfilter/xt_conntrack.ko.xz: kernel/net/netfilter/nf_conntrack.ko\n\
             kernel/net/bridge/br_netfilter.ko: kernel/net/bridge/bridge.ko kernel/net/llc/llc.ko\n\
             kernel/net/xt_gone.ko:\n\
             /opt/zfs/zfs.ko.zst:\n",
        )
        .file("/opt/zfs/zfs.ko.zst", "");
    for file in [
        "fs/overlayfs/overlay.ko",
        "net/netfilter/xt_conntrack.ko.xz",
        "net/bridge/br_netfilter.ko",
        "net/bridge/bridge.ko",
        "net/llc/llc.ko",
    ] {
        memory = memory.file(&tree(&format!("kernel/{file}")), "");
    }
    memory
}

fn state(memory: &Memory, name: &str) -> ModuleState {
    Node::in_memory(memory.clone()).module(name)
}

fn word(state: &ModuleState) -> &'static str {
    match state {
        ModuleState::BuiltIn(_) => "built-in",
        ModuleState::Loaded(_) => "loaded",
        ModuleState::Loadable(..) => "loadable",
        ModuleState::Blocked(..) => "blocked",
        ModuleState::Missing(_) => "missing",
        ModuleState::Unknown(_) => "unknown",
    }
}

#[track_caller]
fn expect(memory: &Memory, name: &str, want: &str) -> ModuleState {
    let state = state(memory, name);
    assert_eq!(word(&state), want, "{name}: {state:?}");
    state
}

#[test]
fn a_whole_machine() {
    for (name, want) in [
        ("ext4", "built-in"),
        ("random_x", "built-in"),
        ("random-x", "built-in"),
        ("nf-conntrack", "loaded"),
        ("overlay", "loadable"),
        ("xt_conntrack", "loadable"),
        ("zfs", "loadable"),
        ("fs-overlay", "loadable"),
        ("fs_overlay", "loadable"),
        ("fs-ext4", "built-in"),
        ("ip_conntrack", "loaded"),
        ("xt_gone", "missing"),
        ("xt_comment", "missing"),
    ] {
        expect(&debian(), name, want);
    }
    let ModuleState::Loadable(path, _) = state(&debian(), "zfs") else { panic!() };
    assert_eq!(path, "/opt/zfs/zfs.ko.zst");
    let ModuleState::Loadable(_, proof) = state(&debian(), "br-netfilter") else { panic!() };
    assert!(proof.into_evidence().iter().any(|e| e.observed.starts_with("softdep")));
}

#[test]
fn a_merged_usr_is_found_too() {
    let memory = Memory::new()
        .file("/proc/sys/kernel/osrelease", REL)
        .file("/proc/modules", "")
        .file(&format!("/usr/lib/modules/{REL}/modules.builtin"), "kernel/fs/ext4/ext4.ko\n");
    expect(&memory, "ext4", "built-in");
}

#[test]
fn a_dependency_counts_unless_it_is_loaded() {
    let needed = tree("kernel/net/llc/llc.ko");
    expect(&debian().without(&needed), "br_netfilter", "missing");
    expect(&debian().error(&needed, ReadErrorKind::TimedOut), "br_netfilter", "unknown");
    let loaded = debian().without(&needed).file("/proc/modules", "llc 1 0 - Live 0x0\n");
    expect(&loaded, "br_netfilter", "loadable");
}

#[test]
fn what_blocks() {
    expect(&debian().file("/proc/sys/kernel/modules_disabled", "1\n"), "overlay", "blocked");
    expect(&debian().file("/proc/sys/kernel/modules_disabled", "1\n"), "nf_conntrack", "loaded");
    expect(&debian().file("/proc/cmdline", "ro module_blacklist=a,overlay\n"), "overlay", "blocked");
    let conf = "/etc/modprobe.d/cis.conf";
    let state = expect(&debian().file(conf, "install overlay /bin/false\n"), "overlay", "blocked");
    let ModuleState::Blocked(why, _) = state else { unreachable!() };
    assert!(why.contains(conf), "{why}");
    let state = expect(&debian().file(conf, "install bridge /bin/true\n"), "br_netfilter", "blocked");
    let ModuleState::Blocked(why, _) = state else { unreachable!() };
    assert!(why.contains("needs bridge"), "{why}");
    let blacklist = debian().file(conf, "blacklist overlay\n");
    expect(&blacklist, "overlay", "loadable");
    assert!(Node::in_memory(blacklist).module_blacklisted("overlay").is_some());
    let word = debian().file("/proc/cmdline", "ro modprobe.blacklist=pcspkr,br-netfilter\n");
    let found = Node::in_memory(word).module_blacklisted("br_netfilter").unwrap();
    assert_eq!(found, Evidence::new("/proc/cmdline", "modprobe.blacklist=pcspkr,br-netfilter"));
    assert!(Node::in_memory(debian()).module_blacklisted("br_netfilter").is_none());
    expect(&debian().file(conf, "alias container-fs overlay\n"), "container-fs", "loadable");
}

#[test]
fn what_cannot_be_read_is_not_missing() {
    for path in ["modules.dep", "modules.builtin", "modules.alias"] {
        expect(&debian().error(&tree(path), DENIED), "xt_comment", "unknown");
    }
    expect(&debian().error("/proc/modules", DENIED), "xt_comment", "unknown");
    expect(&debian().error("/proc/sys/kernel/osrelease", DENIED), "xt_comment", "unknown");
    expect(&debian().error("/proc/sys/kernel/osrelease", DENIED), "nf_conntrack", "loaded");
}

#[test]
fn what_might_forbid_it_must_be_readable() {
    for path in ["/proc/sys/kernel/modules_disabled", "/proc/cmdline", "/etc/modprobe.d/x.conf"] {
        expect(&debian().error(path, DENIED), "overlay", "unknown");
    }
    expect(&debian().without("/proc/sys/kernel/modules_disabled"), "overlay", "unknown");
}

#[test]
fn sysfs_tells_the_loaded_from_the_built_in() {
    let initstate = "/sys/module/overlay/initstate";
    expect(&debian().error("/proc/modules", DENIED).file(initstate, "live\n"), "overlay", "loaded");
    expect(&debian().error("/proc/modules", DENIED).file(initstate, "going\n"), "overlay", "loadable");
    let absent = Memory::new().file("/proc/sys/kernel/osrelease", REL);
    expect(&absent.clone().file("/sys/module/overlay/initstate", "live\n"), "overlay", "loaded");
    expect(&absent.clone().file("/sys/module/overlay/parameters/metacopy", "N\n"), "overlay", "built-in");
    expect(&absent.error("/sys/module/overlay/initstate", DENIED), "overlay", "unknown");
}

#[test]
fn a_kernel_without_modules() {
    // As this project's sandbox shows itself: no /proc/modules, no /lib/modules.
    let memory = Memory::new()
        .file("/proc/sys/kernel/osrelease", "6.18.44-fc\n")
        .file("/proc/filesystems", "nodev\toverlay\n");
    expect(&memory, "overlay", "built-in");
    expect(&memory, "fs-overlay", "built-in");
    expect(
        &memory.clone().file("/sys/module/nf_conntrack/parameters/hashsize", "1\n"),
        "nf_conntrack",
        "built-in",
    );
    let ModuleState::Unknown(unknown) = state(&memory, "xt_comment") else { panic!() };
    assert!(unknown.reason.contains("can load no modules"), "{}", unknown.reason);
    // A module file would not help such a kernel.
    let with_files = debian().without("/proc/modules");
    expect(&with_files, "overlay", "unknown");
}

#[test]
fn the_modules_of_another_release() {
    let updated = Memory::new()
        .file("/proc/sys/kernel/osrelease", REL)
        .file("/proc/modules", "")
        .file("/lib/modules/6.1.0-57-amd64/modules.dep", "");
    expect(&updated, "overlay", "unknown");
    let own = updated
        .file("/sys/class/dmi/id/sys_vendor", "QEMU\n")
        .file("/sys/module/printk/parameters/time", "Y\n");
    let ModuleState::Missing(proof) = expect(&own, "overlay", "missing") else { unreachable!() };
    assert_eq!(proof.into_evidence()[0].observed, "holds 6.1.0-57-amd64");
    let node = Node::in_memory(own.clone());
    assert_eq!(node.modules_replaced(), Some(&["6.1.0-57-amd64".to_owned()][..]));
    // The list of what is built in is gone, too: only where something else tells is it known to be missing.
    let ModuleState::Unknown(unknown) = expect(&own, "xt_comment", "unknown") else { unreachable!() };
    assert!(unknown.needs.unwrap().contains("reboot"));
    let config = |line: &str| configured(own.clone(), REL, line);
    expect(&config("CONFIG_NETFILTER_XT_MATCH_COMMENT=m\n"), "xt_comment", "missing");
    expect(&config("CONFIG_NETFILTER_XT_MATCH_COMMENT=y\n"), "xt_comment", "built-in");
    expect(&own.clone().file("/sys/module/overlay/parameters/metacopy", "N\n"), "overlay", "built-in");
    expect(&own.clone().error("/sys/module", DENIED), "overlay", "unknown");
    expect(&own.clone().as_root(), "overlay", "unknown");
    expect(&own.file("/run/systemd/container", "lxc\n"), "overlay", "unknown");
}

#[test]
fn no_modules_on_disk_at_all() {
    let container = Memory::new()
        .file("/proc/sys/kernel/osrelease", REL)
        .file("/proc/modules", "nf_conntrack 1 0 - Live 0x0\n");
    expect(&container, "nf_conntrack", "loaded");
    let ModuleState::Unknown(unknown) = state(&container, "overlay") else { panic!() };
    assert!(unknown.needs.unwrap().contains("/lib/modules"));
    expect(&container.error("/lib/modules", DENIED), "overlay", "unknown");
}

#[test]
fn depmod_has_not_run() {
    let memory = debian().without(&tree("modules.dep"));
    expect(&memory, "overlay", "missing");
    expect(&memory.as_root(), "overlay", "unknown");
}

#[test]
fn captured_nodes_are_a_tree_without_modules() {
    // A captured Debian 6.12 node: /proc/modules is there, /lib/modules is not.
    let capture = Memory::new()
        .file("/proc/sys/kernel/osrelease", "6.12.107+deb13-amd64\n")
        .file("/proc/modules", "overlay 217088 0 - Live 0xffffffffc05c6000\n")
        .file("/proc/filesystems", "nodev\toverlay\n\tfuseblk\nnodev\tfuse\n")
        .as_root();
    expect(&capture, "overlay", "loaded");
    expect(&capture, "nf_conntrack", "unknown");
    expect(&capture, "fuse", "built-in");
}

fn rank(state: &ModuleState) -> u8 {
    match state {
        ModuleState::BuiltIn(_) | ModuleState::Loaded(_) | ModuleState::Loadable(..) => 2,
        ModuleState::Unknown(_) => 1,
        ModuleState::Blocked(..) | ModuleState::Missing(_) => 0,
    }
}

#[test]
fn an_unreadable_file_never_improves_a_state() {
    let machine = debian()
        .file("/etc/modprobe.d/a.conf", "install overlay /bin/false\n")
        .file("/proc/cmdline", "module_blacklist=zfs\n");
    let paths = [
        "/proc/sys/kernel/osrelease",
        "/proc/sys/kernel/modules_disabled",
        "/proc/cmdline",
        "/proc/modules",
        "/proc/filesystems",
        "/etc/modprobe.d/a.conf",
        "/lib/modules",
        &tree("modules.dep"),
        &tree("modules.builtin"),
        &tree("modules.alias"),
        &tree("modules.softdep"),
        TREE,
    ];
    for path in paths {
        for name in ["overlay", "zfs", "xt_gone", "xt_comment", "br_netfilter", "nf_conntrack", "fs-overlay"]
        {
            let (before, after) = (state(&machine, name), state(&machine.clone().error(path, DENIED), name));
            assert!(rank(&after) <= rank(&before).max(1), "{name} without {path}: {before:?} -> {after:?}");
        }
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), name in ".{0,20}") {
        let mut memory = debian().file("/etc/modprobe.d/g.conf", &bytes).file("/proc/modules", &bytes);
        for file in ["modules.dep", "modules.builtin", "modules.alias", "modules.softdep"] {
            memory = memory.file(&tree(file), &bytes);
        }
        let node = Node::in_memory(memory);
        let _ = (node.module(&name), node.module("overlay"), node.module("fs-overlay"));
    }
}

/// `memory` with the part of a configuration that matters, at the place where Debian puts it. A configuration
/// has thousands of lines and says where it ends; one of a few is taken for a truncated one.
pub(crate) fn configured(memory: Memory, release: &str, lines: &str) -> Memory {
    let filler: Vec<_> = (0..2000).map(|n| format!("CONFIG_FILLER_{n}=y")).collect();
    let head = format!(
        "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/x86 {release} Kernel Configuration\n#"
    );
    let text = format!("{head}\n{lines}\n{}\n# end of Kernel hacking\n", filler.join("\n"));
    memory.file(&format!("/boot/config-{release}"), text)
}

#[test]
fn the_configuration_tells_what_the_tree_does_not() {
    let container = Memory::new().file("/proc/sys/kernel/osrelease", REL).file("/proc/modules", "");
    let container = configured(
        container,
        REL,
        "CONFIG_MODULES=y\nCONFIG_OVERLAY_FS=y\nCONFIG_NF_CONNTRACK=m\n# CONFIG_IP_VS is not set\n",
    );
    expect(&container, "overlay", "built-in");
    expect(&container, "fs-overlay", "built-in");
    let ModuleState::Unknown(unknown) = expect(&container, "nf_conntrack", "unknown") else { unreachable!() };
    assert_eq!(unknown.evidence.last().unwrap().observed, "CONFIG_NF_CONNTRACK=m");
    expect(&container, "ip_vs", "missing");
    expect(&container, "ip_vs_rr", "unknown");
    let node = Node::in_memory(container);
    assert_eq!(node.module_not_configured("ip-vs").unwrap().0, "CONFIG_IP_VS");
    assert!(node.module_not_configured("nf_conntrack").is_none());
    assert!(node.module_not_configured("ip_vs_rr").is_none());
}

#[test]
fn the_indexes_outweigh_the_configuration() {
    let memory = configured(debian(), REL, "CONFIG_MODULES=y\n# CONFIG_OVERLAY_FS is not set\n");
    expect(&memory, "overlay", "loadable");
}

#[test]
fn the_newest_option_that_is_named_counts() {
    let memory = Memory::new().file("/proc/sys/kernel/osrelease", REL).file("/proc/modules", "");
    let split = "# CONFIG_IP_NF_IPTABLES_LEGACY is not set\nCONFIG_IP_NF_IPTABLES=y\n";
    expect(&configured(memory.clone(), REL, split), "ip_tables", "missing");
    expect(&configured(memory, REL, "CONFIG_IP_NF_IPTABLES=y\n"), "ip_tables", "built-in");
}

#[test]
fn a_tree_whose_kernel_has_no_modules() {
    let tree = Memory::new().file("/proc/sys/kernel/osrelease", REL).as_root();
    let ModuleState::Unknown(unknown) =
        state(&configured(tree, REL, "# CONFIG_MODULES is not set\n"), "xt_comment")
    else {
        panic!()
    };
    assert!(unknown.reason.contains("can load no modules"));
}
