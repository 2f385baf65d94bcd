//! What each kind of machine shows of itself.

use super::*;
use crate::node::{Memory, ReadErrorKind};
use proptest::prelude::*;

fn linux() -> Memory {
    Memory::new()
        .file("/proc/sys/kernel/osrelease", "6.12.107+deb13-amd64\n")
        .file("/proc/1/comm", "systemd\n")
        .file("/proc/1/environ", "HOME=/\0TERM=linux\0")
        .file(PID_2, "kthreadd\n")
}

fn kind(memory: &Memory) -> Kind {
    Node::in_memory(memory.clone()).environment().kind
}

fn dmi(vendor: &str, product: &str) -> Memory {
    linux().file("/sys/class/dmi/id/sys_vendor", vendor).file("/sys/class/dmi/id/product_name", product)
}

// From this project's sandbox (a Firecracker machine without DMI) and a captured QEMU node.
const FIRECRACKER: &str = "cpu:type:x86,ven0000fam0006mod0055:feature:,0000,0001,0002,009D,009E,009F,00C0\n";
const QEMU: &str =
    "processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu de pse hypervisor lahf_lm svm\n";
const METAL: &str = "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vme de lm vmx\n";

#[test]
fn wsl_is_known_by_its_kernel() {
    for release in ["5.15.167.4-microsoft-standard-WSL2\n", "4.4.0-19041-Microsoft\n"] {
        let memory = linux().file("/proc/sys/kernel/osrelease", release).file("/.dockerenv", "");
        assert_eq!(kind(&memory), Kind::Wsl);
    }
}

#[test]
fn containers() {
    let inside = linux().file(PID_2, "bash\n").file("/proc/cpuinfo", QEMU);
    assert_eq!(kind(&inside), Kind::Container, "another process 2");
    assert_eq!(kind(&inside.clone().without(PID_2)), Kind::Container, "no process 2");
    let hidden = inside.clone().without(PID_2).error("/proc/1/comm", ReadErrorKind::Denied("EACCES"));
    assert_eq!(kind(&hidden), Kind::Unknown, "process 1 is there, and is not shown");
    assert_eq!(kind(&inside.clone().without(PID_2).without("/proc/1/comm")), Kind::Vm, "no /proc");
    let user = inside.clone().without(PID_2).as_user(65534);
    assert_eq!(kind(&user), Kind::Vm, "hidepid may hide it from a user");
    assert_eq!(kind(&user.clone().file("/.dockerenv", "")), Kind::Container);
    assert_eq!(kind(&user.clone().file("/run/.containerenv", "")), Kind::Container);
    assert_eq!(kind(&user.clone().file("/run/systemd/container", "lxc\n")), Kind::Container);
    let denied = user.clone().error("/run/systemd/container", ReadErrorKind::Denied("EACCES"));
    assert_eq!(kind(&denied), Kind::Container, "it is there");
    assert_eq!(kind(&user.clone().file("/proc/1/environ", "A=b\0container=lxc\0")), Kind::Container);
    let denied = user.error("/proc/1/environ", ReadErrorKind::Denied("EACCES"));
    assert_eq!(kind(&denied), Kind::Unknown, "the mark may be in there");
    let first = denied.file(PID_2, "kthreadd\n");
    assert_eq!(kind(&first), Kind::Vm, "the first PID namespace is in no container");
}

#[test]
fn a_cgroup_namespace_is_a_container() {
    let mount = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n";
    let outside = dmi("QEMU", "Standard PC (Q35 + ICH9, 2009)").file("/proc/self/mounts", mount);
    assert_eq!(kind(&outside), Kind::Vm);
    let inside = outside.clone().file("/sys/fs/cgroup/cgroup.type", "domain\n");
    assert_eq!(kind(&inside), Kind::Container);
    // The host's cgroup2 in a container with a cgroup namespace of its own.
    let given = "2 1 0:3 /../.. /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n";
    assert_eq!(kind(&outside.file("/proc/self/mountinfo", given)), Kind::Container);
}

#[test]
fn a_secret_of_the_environment_is_not_evidence() {
    let memory = linux().file("/proc/1/environ", "TOKEN=secret\0container=podman\0");
    let node = Node::in_memory(memory);
    assert_eq!(node.environment().evidence, [Evidence::new("/proc/1/environ", "container=podman")]);
}

#[test]
fn a_machine_whose_disk_was_made_from_an_image_is_no_container() {
    let memory = linux()
        .file("/.dockerenv", "")
        .file("/sys/devices/system/cpu/modalias", FIRECRACKER)
        .file("/proc/1/mountinfo", "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n")
        .file("/proc/self/mountinfo", "90 70 254:0 / / rw,relatime - ext4 /dev/vda rw\n");
    assert_eq!(kind(&memory), Kind::Vm);
    let shares_pids =
        memory.file("/proc/self/mountinfo", "812 640 0:112 / / rw,relatime - overlay overlay rw\n");
    assert_eq!(kind(&shares_pids), Kind::Container);
}

#[test]
fn virtual_machines() {
    for (vendor, product) in [
        ("QEMU\n", "Standard PC (Q35 + ICH9, 2009)\n"),
        ("Amazon EC2\n", "t3.medium\n"),
        ("Google\n", "Google Compute Engine\n"),
        ("Microsoft Corporation\n", "Virtual Machine\n"),
        ("innotek GmbH\n", "VirtualBox\n"),
        ("VMware, Inc.\n", "VMware7,1\n"),
        ("Red Hat\n", "KVM\n"),
        ("Hetzner\n", "vServer\n"),
    ] {
        assert_eq!(kind(&dmi(vendor, product)), Kind::Vm, "{vendor}{product}");
    }
    assert_eq!(kind(&linux().file("/proc/cpuinfo", QEMU)), Kind::Vm);
    assert_eq!(kind(&linux().file("/sys/devices/system/cpu/modalias", FIRECRACKER)), Kind::Vm);
    assert_eq!(kind(&linux().file("/sys/hypervisor/type", "xen\n")), Kind::Vm);
    assert_eq!(kind(&linux().file("/proc/device-tree/compatible", "linux,dummy-virt\0")), Kind::Vm);
    assert_eq!(kind(&linux().file("/proc/device-tree/hypervisor/compatible", "linux,kvm\0")), Kind::Vm);
}

#[test]
fn bare_metal_needs_evidence() {
    assert_eq!(kind(&linux()), Kind::Unknown);
    assert_eq!(kind(&dmi("Example Ltd\n", "Board\n")), Kind::Unknown);
    assert_eq!(kind(&linux().file("/proc/cpuinfo", METAL)), Kind::Bare);
    assert_eq!(kind(&dmi("Amazon EC2\n", "m7i.metal-24xl\n").file("/proc/cpuinfo", METAL)), Kind::Bare);
    assert_eq!(
        kind(&dmi("Microsoft Corporation\n", "Surface Pro\n").file("/proc/cpuinfo", METAL)),
        Kind::Bare
    );
    assert_eq!(kind(&dmi("HPE\n", "ProLiant RL300\n")), Kind::Bare, "an Arm server: no flags line");
    assert_eq!(kind(&dmi("Dell Inc.\n", "R650\n").file("/proc/cpuinfo", QEMU)), Kind::Vm, "tables passed on");
    let board = "raspberrypi,4-model-b\0brcm,bcm2711\0";
    assert_eq!(kind(&linux().file("/proc/device-tree/compatible", board)), Kind::Bare);
    let dom0 = linux().file("/proc/cpuinfo", QEMU).file("/proc/xen/capabilities", "control_d\n");
    assert_eq!(kind(&dom0), Kind::Bare);
}

#[test]
fn a_list_that_was_cut_off_does_not_lack_the_hypervisor() {
    let half = |text: &str| text[..text.len() / 2].to_owned();
    let alias = "/sys/devices/system/cpu/modalias";
    assert_eq!(kind(&linux().file(alias, half(FIRECRACKER))), Kind::Unknown);
    assert_eq!(kind(&linux().file(alias, half(FIRECRACKER)).file("/proc/cpuinfo", QEMU)), Kind::Vm);
    assert_eq!(kind(&linux().file("/proc/cpuinfo", "flags\t\t: fpu de pse hyper")), Kind::Unknown);
}

#[test]
fn what_shows_that_it_is_neither_container_nor_wsl() {
    let node = Node::in_memory(linux());
    assert_eq!(outside_containers(&node).unwrap().source, PID_2);
    assert_eq!(outside_wsl(&node).unwrap().source, "/proc/sys/kernel/osrelease");
    let bare = Node::in_memory(Memory::new().file("/proc/sys/kernel/osrelease", "5.15.167.4-microso"));
    assert!(outside_containers(&bare).is_err() && outside_wsl(&bare).is_err(), "cut off");
    assert!(outside_wsl(&Node::in_memory(Memory::new())).is_err());
}

#[test]
fn a_tree_is_judged_by_its_own_files() {
    let tree = dmi("QEMU\n", "Standard PC (Q35 + ICH9, 2009)\n").without(PID_2).as_root();
    assert_eq!(kind(&tree), Kind::Vm, "a capture holds no process 2");
    let mounted = linux().file("/.dockerenv", "").file("/proc/cpuinfo", METAL).as_root();
    assert_eq!(kind(&mounted), Kind::Bare);
}

#[test]
fn unreadable_is_unknown() {
    let denied = ReadErrorKind::Denied("EACCES");
    let memory = Memory::new()
        .error("/proc/cpuinfo", denied.clone())
        .error("/proc/sys/kernel/osrelease", denied.clone())
        .error("/sys/class/dmi/id/product_name", denied);
    let node = Node::in_memory(memory);
    assert_eq!(node.environment().kind, Kind::Unknown);
    assert_eq!(node.environment().evidence.len(), 2);
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut memory = linux();
        for path in ["/proc/cpuinfo", "/proc/1/environ", PID_2, "/proc/1/mountinfo", "/.dockerenv",
            "/sys/devices/system/cpu/modalias", "/proc/device-tree/compatible", "/sys/class/dmi/id/sys_vendor"] {
            memory = memory.file(path, &bytes);
        }
        let _ = kind(&memory);
    }
}
