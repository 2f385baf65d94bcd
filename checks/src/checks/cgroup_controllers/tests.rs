//! One test per way in which a controller can or can't be used.

use super::*;
use crate::{
    finding::Outcome,
    node::{Memory, ReadErrorKind},
};

const V2_MOUNT: &str = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0";

fn rows(text: &str) -> String {
    let rows = text.split_whitespace().map(|r| r.replace(':', "\t") + "\n");
    std::iter::once("#subsys_name\thierarchy\tnum_cgroups\tenabled\n".to_owned()).chain(rows).collect()
}

pub(super) fn v2(release: &str, cgroups: &str, listed: &str) -> Memory {
    Memory::new()
        .file("/proc/sys/kernel/osrelease", release)
        .file("/proc/self/mounts", V2_MOUNT)
        .file("/proc/cgroups", rows(cgroups))
        .file("/sys/fs/cgroup/cgroup.controllers", listed)
}

fn ask_with(severity: Severity, name: &str, memory: Memory) -> Finding {
    let names = vec![name.to_owned()];
    let params = match severity {
        Severity::Fail => CgroupControllersParams { required: names, optional: vec![] },
        Severity::Warn => CgroupControllersParams { required: vec![], optional: names },
    };
    CgroupControllers::validate(&params).unwrap();
    let mut out = Findings::default();
    CgroupControllers::run(&params, &Node::in_memory(memory), &mut out).unwrap();
    out.into_inner().remove(0).0
}

pub(super) fn ask(name: &str, memory: Memory) -> Finding {
    ask_with(Severity::Fail, name, memory)
}

pub(super) fn short(finding: &Finding) -> (&'static str, &'static str) {
    let outcome = match finding.outcome() {
        Outcome::Pass => "pass",
        Outcome::Problem => "problem",
        Outcome::Undetermined(_) => "undetermined",
        Outcome::NotApplicable => "not-applicable",
    };
    (outcome, finding.reason())
}

#[test]
fn listed_by_either_name() {
    let node = || v2("6.1.0", "memory:0:1:1 blkio:0:1:1", "memory io");
    assert_eq!(short(&ask("memory", node())), ("pass", "listed"));
    let io = ask("blkio", node());
    assert_eq!((short(&io), io.subject()), (("pass", "listed"), "blkio"));
}

#[test]
fn what_contradicts_itself_is_not_believed() {
    // Listed in the root, and by cgroup.stat not among those that are not inhibited.
    let stat = |names: &str| {
        let lines: String = names.split(' ').map(|n| format!("nr_subsys_{n} 1\n")).collect();
        v2("6.12.0", "memory:0:1:1 pids:0:1:1", "memory pids").file("/sys/fs/cgroup/cgroup.stat", lines)
    };
    assert_eq!(short(&ask("memory", stat("memory pids"))), ("pass", "listed"));
    let finding = ask("memory", stat("pids"));
    assert_eq!(short(&finding), ("undetermined", "disagreement"));
    assert!(finding.message().contains("cgroup-stat says inhibited, hierarchy says listed"));
}

#[test]
fn what_has_files_is_never_implicit() {
    // Counted by cgroup.stat and enabled, yet not listed at the real root: no kernel that is known does that.
    let stat = "nr_subsys_cpuset 1\nnr_subsys_memory 1\nnr_subsys_perf_event 1\n";
    let node = v2("6.12.0", "cpuset:0:1:1 memory:0:1:1 perf_event:0:1:1", "memory")
        .file("/proc/cmdline", "ro\n")
        .file("/sys/fs/cgroup/cgroup.stat", stat);
    assert_eq!(short(&ask("cpuset", node.clone())), ("undetermined", "disagreement"));
    assert_eq!(short(&ask("memory", node.clone())), ("pass", "listed"));
    assert_eq!(short(&ask("perf_event", node)), ("pass", "implicit"));
}

#[test]
fn on_a_cgroup2_where_nobody_looks_nothing_can_be_used() {
    let node = Memory::new()
        .file("/proc/sys/kernel/osrelease", "6.12.0")
        .file("/proc/self/mounts", "cgroup2 /mnt/cg cgroup2 rw 0 0")
        .file("/mnt/cg/cgroup.controllers", "memory");
    let finding = ask("memory", node);
    assert_eq!(
        (short(&finding), finding.cause().unwrap().name.as_str()),
        (("problem", "elsewhere"), "cgroup-mount")
    );
}

#[test]
fn implicit_is_a_pass() {
    let finding = ask("perf_event", v2("6.1.0", "perf_event:0:1:1", "memory"));
    assert_eq!(short(&finding), ("pass", "implicit"));
    assert!(finding.all_notes()[0].contains("implicit"));
}

#[test]
fn disabled_at_boot_names_the_parameter_and_the_remedy() {
    let node = v2("6.1.0", "memory:0:1:0", "cpu").file("/proc/cmdline", "ro cgroup_disable=memory\n");
    let finding = ask("memory", node);
    assert_eq!(short(&finding), ("problem", "disabled"));
    assert!(finding.all_notes()[0].contains("`cgroup_disable=memory`"));
    assert!(finding.mend().unwrap().reboot);
    assert!(finding.cause().is_some_and(|c| c.is_root && c.name == "cgroup-controller:memory"));
}

#[test]
fn disabled_at_boot_is_undone_in_the_file_that_does_it() {
    let grub = "GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\nGRUB_CMDLINE_LINUX=\"cgroup_disable=pids,memory\"\n";
    let node = v2("6.1.0", "memory:0:1:0", "cpu")
        .file("/proc/cmdline", "BOOT_IMAGE=/vmlinuz ro cgroup_disable=pids,memory quiet\n")
        .file("/etc/default/grub", grub)
        .file("/usr/sbin/update-grub", "");
    let finding = ask("memory", node);
    let place = finding.all_evidence().last().unwrap();
    assert_eq!(place.source, "/etc/default/grub");
    assert_eq!(place.observed, "line 3: GRUB_CMDLINE_LINUX: cgroup_disable=pids,memory");
    assert_eq!(
        finding.mend().unwrap().persistent,
        [
            "/etc/default/grub, line 3, GRUB_CMDLINE_LINUX: take out `cgroup_disable=pids,memory`",
            "/etc/default/grub, line 3, GRUB_CMDLINE_LINUX: add `cgroup_disable=pids`",
            "update-grub",
        ]
    );
}

/// The command line of raspberrypi/linux#6980, and what came of it with other words behind it.
#[test]
fn memory_of_a_raspberry_pi() {
    const FIRMWARE: &str = "reboot=w coherent_pool=1M 8250.nr_uarts=1 pci=pcie_bus_safe cgroup_disable=memory \
                            smsc95xx.macaddr=2C:CF:67:FB:89:3C vc_mem.mem_base=0x3fc00000 vc_mem.mem_size=0x40000000 ";
    const PI: &str = "6.6.74+rpt-rpi-2712";
    let mend = |release: &str, own: &str| {
        let node = v2(release, "memory:0:1:0", "cpu")
            .file("/proc/cmdline", format!("{FIRMWARE} {own}\n"))
            .file("/boot/firmware/config.txt", "[all]\nenable_uart=1\n")
            .file("/boot/firmware/cmdline.txt", format!("{own}\n"));
        let finding = ask("memory", node);
        assert_eq!(short(&finding), ("problem", "disabled"));
        finding.mend().unwrap().clone()
    };
    let own = "console=tty1 root=PARTUUID=4d8097e2-02 rootwait";
    assert_eq!(
        mend(PI, own).persistent,
        ["/boot/firmware/cmdline.txt, at the end of its only line: cgroup_enable=memory"]
    );
    // The last word wins, so the one of the file has to go.
    let last = format!("{own} cgroup_enable=memory cgroup_disable=memory");
    assert_eq!(
        mend(PI, &last).persistent,
        ["/boot/firmware/cmdline.txt, line 1: take out `cgroup_disable=memory`"]
    );
    // Asked for and still off: a kernel that does not know it (raspberrypi/linux#6439).
    let asked = mend("6.12.1+rpt-rpi-2712", &format!("{own} cgroup_enable=memory"));
    assert!(asked.summary.contains("9 December 2024"), "{}", asked.summary);
    assert!(mend("6.12.0-arm64", own).summary.contains("Boot a kernel of the Raspberry Pi"));
    // Before 6.12 the kernel itself had it off, and no word says so.
    let silent = v2(PI, "memory:0:1:0", "cpu")
        .file("/proc/cmdline", "vc_mem.mem_base=0x3ec00000 root=/dev/mmcblk0p2")
        .file("/boot/cmdline.txt", "root=/dev/mmcblk0p2\n");
    assert_eq!(
        ask("memory", silent).mend().unwrap().persistent,
        ["/boot/cmdline.txt, at the end of its only line: cgroup_enable=memory"]
    );
}

#[test]
fn not_compiled_names_the_option_and_follows_it() {
    let finding = ask_with(Severity::Warn, "misc", v2("5.10.0", "memory:0:1:1", "memory"));
    assert_eq!((short(&finding), finding.severity()), (("problem", "not-compiled"), Severity::Warn));
    assert_eq!(finding.cause().unwrap().name, "CONFIG_CGROUP_MISC");
    assert!(finding.all_notes().iter().any(|n| n.contains("Linux 5.13")), "{:?}", finding.all_notes());
}

#[test]
fn held_by_a_v1_hierarchy() {
    let node = v2("6.1.0", "memory:4:1:1", "cpu")
        .file("/proc/self/mounts", format!("{V2_MOUNT}\ncgroup /mnt/memory cgroup rw,memory 0 0"));
    let finding = ask("memory", node);
    assert_eq!(short(&finding), ("problem", "bound-to-v1"));
    assert!(finding.all_notes()[0].contains("/mnt/memory"));
    assert_eq!(finding.mend().unwrap().commands, ["umount /mnt/memory"]);
    // perf_event can be taken from a running v2 system.
    assert_eq!(
        short(&ask("perf_event", v2("6.1.0", "perf_event:1:1:1", "memory"))),
        ("problem", "bound-to-v1")
    );
}

#[test]
fn not_delegated_in_a_container() {
    let node = v2("6.1.0", "cpu:0:1:1", "memory").file("/sys/fs/cgroup/cgroup.type", "domain\n");
    let finding = ask("cpu", node);
    assert_eq!(short(&finding), ("problem", "not-delegated"));
    // What needs it further down is not a second failure.
    assert!(finding.cause().is_some_and(|c| c.is_root && c.name == "cgroup-controller:cpu"));
    assert!(finding.mend().unwrap().summary.contains("Delegate=yes"));
}

#[test]
fn too_old_for_version_2() {
    let finding = ask("cpuset", v2("4.19.0", "cpuset:0:1:1", "memory"));
    assert_eq!(short(&finding), ("problem", "inhibited"));
    assert!(finding.all_notes()[0].contains("Linux 5.0"));
}

#[test]
fn nothing_mounted_follows_from_that() {
    let node = v2("6.1.0", "memory:0:1:1 pids:0:1:0", "").file("/proc/self/mounts", "proc /proc proc rw 0 0");
    let memory = ask("memory", node.clone());
    assert_eq!(
        (short(&memory), memory.cause().unwrap().name.as_str()),
        (("problem", "unmounted"), "cgroup-mount")
    );
    // What is switched off at boot would be missing with a mount, too.
    assert!(ask("pids", node).cause().is_some_and(|c| c.is_root));
}

#[test]
fn the_state_cannot_be_told() {
    let node = v2("6.1.0", "memory:0:1:1", "")
        .error("/sys/fs/cgroup/cgroup.controllers", ReadErrorKind::Denied("EACCES"));
    let finding = ask("memory", node);
    assert_eq!(short(&finding), ("undetermined", "unknown"));
    assert!(finding.all_evidence().iter().any(|e| e.observed.contains("EACCES")));
}

#[test]
fn on_v1_what_is_mounted_can_be_used() {
    let node = |mounts: &str, release: &str, cgroups: &str| {
        v2(release, cgroups, "")
            .file("/proc/self/mounts", mounts)
            .without("/sys/fs/cgroup/cgroup.controllers")
    };
    let v1 = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\ncgroup /sys/fs/cgroup/blkio cgroup rw,blkio 0 0";
    let finding = ask("io", node(v1, "6.1.0", "blkio:3:1:1"));
    assert_eq!(short(&finding), ("pass", "mounted-v1"));
    // cases-peer-wrong.yaml, memory-disabled-v1: the cause, not a riddle about v2.
    let pi = node(v1, "6.1.0", "memory:0:1:0").file("/proc/cmdline", "cgroup_disable=memory");
    assert_eq!(short(&ask("memory", pi)), ("problem", "disabled"));
    assert_eq!(short(&ask("pids", node(v1, "6.1.0", "pids:9:2:1"))), ("problem", "v1-not-mounted"));
    assert_eq!(short(&ask("pids", node(v1, "6.1.0", "pids:0:2:1"))), ("problem", "v1-not-mounted"));
}

#[test]
fn on_hybrid_what_version_2_holds_is_lost_for_the_kubelet() {
    // cases-peer-wrong.yaml, v1-unmounted-controller.
    let node = v2("6.18.0", "hugetlb:0:1:1 memory:4:1:1", "")
        .file("/proc/self/mounts", "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0")
        .file("/sys/fs/cgroup/unified/cgroup.controllers", "hugetlb\n");
    let finding = ask("hugetlb", node.clone());
    assert_eq!(short(&finding), ("problem", "on-v2-only"));
    assert_eq!(short(&ask("memory", node)), ("pass", "mounted-v1"));
}

#[test]
fn freezer_by_its_function() {
    let base = || v2("6.1.0", "freezer:0:1:0 memory:0:1:1", "memory");
    let below = base().file("/sys/fs/cgroup/system.slice/cgroup.freeze", "0\n");
    let finding = ask("freezer", below);
    assert_eq!(short(&finding), ("pass", "replaced"));
    assert_eq!(finding.all_evidence()[0].source, "/sys/fs/cgroup/system.slice/cgroup.freeze");
    let other = base().file("/sys/fs/cgroup/kubepods/cgroup.freeze", "0\n");
    assert_eq!(short(&ask("freezer", other)), ("pass", "replaced"));
    let own = base().file("/proc/self/cgroup", "0::/me\n").file("/sys/fs/cgroup/me/cgroup.freeze", "0\n");
    assert_eq!(short(&ask("freezer", own)), ("pass", "replaced"));
    // Nothing below the root: the version tells, and the finding says so.
    assert_eq!(short(&ask("freezer", base())), ("pass", "expected"));
    // RHEL 8 has it in 4.18: found by function; a cgroup without it is a failure whatever the version.
    let rhel8 =
        v2("4.18.0-553.el8_10.x86_64", "memory:0:1:1", "memory").file("/sys/fs/cgroup/a/cgroup.freeze", "0");
    assert_eq!(short(&ask("freezer", rhel8)), ("pass", "replaced"));
    let old = base().file("/sys/fs/cgroup/system.slice/cgroup.events", "populated 1\n");
    assert_eq!(short(&ask("freezer", old.clone())), ("problem", "no-freezer"));
    // The same in a captured tree: the capture left it out.
    assert_eq!(short(&ask("freezer", old.as_root())), ("pass", "expected"));
    assert_eq!(short(&ask("freezer", v2("4.19.0", "memory:0:1:1", "memory"))), ("undetermined", "unknown"));
}

#[test]
fn cpuacct_by_its_function() {
    let base = || v2("6.1.0", "cpuacct:0:1:1", "memory");
    let finding = ask("cpuacct", base().file("/sys/fs/cgroup/cpu.stat", "usage_usec 42\nuser_usec 1\n"));
    assert_eq!(short(&finding), ("pass", "replaced"));
    assert_eq!(short(&ask("cpuacct", base())), ("undetermined", "unknown"));
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    let validate = |required: &[&str], optional: &[&str]| {
        let own = |n: &[&str]| n.iter().map(|n| (*n).to_owned()).collect();
        CgroupControllers::validate(&CgroupControllersParams {
            required: own(required),
            optional: own(optional),
        })
    };
    // The default of `optional` gives way; a list that the policy wrote does not.
    assert_eq!(validate(&["hugetlb", "blkio"], &["hugetlb", "io"]), Ok(()));
    assert!(validate(&["hugetlb", "io"], &["hugetlb"]).unwrap_err().contains("named twice"));
    assert!(validate(&["memroy"], &[]).unwrap_err().contains("`memory`"));
    assert!(validate(&["io"], &["blkio"]).unwrap_err().contains("twice"));
    assert!(validate(&[], &[]).is_err());
    assert!(validate(&["a b"], &[]).is_err());
    assert!(validate(&["nvm"], &[]).is_ok());
}
