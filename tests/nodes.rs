//! The captured nodes themselves: all of them are there, complete, and what their README says they are.

mod common;

use common::nodes::{self, Captured, Masks};
use preflight_checks::{
    Node,
    node::{FileKind, Filesystem, Watch},
};
use std::{collections::BTreeSet, sync::Arc};

/// Every state that a subsystem can be in.
const STATES: [&str; 8] = [
    "listed",
    "implicit",
    "inhibited",
    "bound-to-v1",
    "disabled",
    "not-compiled",
    "not-delegated",
    "unmounted",
];

fn open(captured: &Captured) -> Node {
    let door = Filesystem::under(&captured.root).expect("a directory");
    Node::new(Arc::new(door), Arc::new(Watch::default()))
}

fn text(captured: &Captured, path: &str) -> String {
    let read = open(captured).read(path);
    read.text().unwrap_or_else(|error| panic!("{}: {path}: {error:?}", captured.name)).into_owned()
}

#[test]
fn there_are_83_captured_nodes_of_5_kernels_in_21_modes() {
    let nodes = nodes::all();
    assert_eq!(nodes.len(), 83);
    let kernels: BTreeSet<_> = nodes.iter().map(|n| &n.expected.kernel).collect();
    let modes: BTreeSet<_> = nodes.iter().map(|n| &n.expected.mode).collect();
    assert_eq!((kernels.len(), modes.len()), (5, 21), "{kernels:?} {modes:?}");
    for node in nodes {
        assert_eq!(node.name, format!("{}/{}", node.expected.kernel, node.expected.mode));
    }
}

#[test]
fn every_node_has_what_the_facts_are_made_of() {
    for node in nodes::all() {
        for path in ["/proc/cgroups", "/proc/self/mountinfo", "/proc/cmdline", "/proc/filesystems"] {
            assert!(!text(node, path).is_empty(), "{}: {path}", node.name);
        }
        let release = text(node, "/proc/sys/kernel/osrelease");
        let opened = open(node);
        let boot = opened.kind(&format!("/boot/config-{}", release.trim()));
        let config = boot.or_else(|_| opened.kind("/proc/config.gz"));
        assert_eq!(config.expect("a kernel configuration"), FileKind::File, "{}", node.name);
        let btf = opened.read("/sys/kernel/btf/vmlinux");
        assert_eq!(btf.bytes().expect("BTF").get(..2), Some([0x9f, 0xeb].as_slice()), "{}", node.name);
    }
}

#[test]
fn the_right_answers_are_plausible() {
    for node in nodes::all() {
        let name = &node.name;
        assert_eq!(node.expected.subsystems.len(), 16, "{name}");
        for s in &node.expected.subsystems {
            assert!(STATES.contains(&s.state.as_str()), "{name}: {}", s.state);
            assert_eq!(s.id.is_none(), s.state == "not-compiled", "{name}: {}", s.name);
        }
        let mut listed: Vec<_> = node.expected.subsystems.iter().filter(|s| s.state == "listed").collect();
        listed.sort_by_key(|s| s.id);
        let listed: Vec<_> = listed.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(listed, node.expected.controllers.clone().unwrap_or_default(), "{name}");
    }
}

#[test]
fn masks_are_known_where_the_kernel_shows_them() {
    let usual = Masks { implicit: Some(0x100), inhibit: Some(0x2e4), threaded: Some(0x903), width: 16 };
    assert_eq!(nodes::named("debian-6.1.0-56-amd64/v2").expected.masks, Some(usual));
    let locked = nodes::named("debian-6.1.0-56-amd64/v2-lockdown-confidentiality");
    assert_eq!(locked.expected.masks.map(|m| (m.implicit, m.inhibit)), Some((None, None)));
    let bare = nodes::named("hybrid-6.18-sandbox/hybrid");
    assert_eq!(bare.expected.masks, None);
    assert!(bare.expected.how.is_some());
}

#[test]
fn unusual_names_and_links_between_nodes_survive_packing() {
    let hybrid = nodes::named("debian-5.10.0-46-amd64/hybrid");
    let directory = open(hybrid).list("/sys/fs/cgroup/cpu,cpuacct").expect("a directory with a comma");
    assert_eq!(directory, ["cgroup.sane_behavior", "notify_on_release"]);
    // The kernel's configuration is stored once and linked from twenty nodes.
    let config = "/boot/config-5.10.0-46-amd64";
    assert_eq!(text(hybrid, config).len(), 236_476);
    assert_eq!(text(hybrid, config), text(nodes::named("debian-5.10.0-46-amd64/v1"), config));
    let plus = nodes::named("debian-6.18.15+deb13-cloud-amd64/v2-psi0");
    assert!(text(plus, "/proc/cmdline").contains("psi=0"));
}
