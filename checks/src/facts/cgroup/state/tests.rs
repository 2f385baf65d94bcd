//! Each state, how it is known, and what may not be concluded.

use super::*;

fn row(hierarchy: u32, enabled: bool) -> Row {
    Row { hierarchy, cgroups: 1, enabled }
}

fn shown<'a>(version: &'a Version, rows: &[(&str, Row)], listed: Option<&[&str]>) -> Shown<'a> {
    Shown {
        version: Some(version),
        rows: Some(rows.iter().map(|(n, r)| ((*n).to_owned(), *r)).collect()),
        mounted: listed.is_some(),
        listed: listed.map(|l| l.iter().map(|n| (*n).to_owned()).collect()),
        is_root: listed.map(|_| true),
        ..Shown::default()
    }
}

fn state(name: &str, shown: &Shown<'_>) -> (State, Basis) {
    let s = judge(name, shown, |_| None);
    assert!(!s.notes.is_empty(), "{name} has no note");
    (s.state, s.basis)
}

#[test]
fn at_the_real_root_everything_unlisted_is_in_a_mask() {
    let v = Version::new(6, 1, 0);
    let s = shown(
        &v,
        &[("devices", row(0, true)), ("perf_event", row(0, true)), ("blkio", row(0, true))],
        Some(&["io"]),
    );
    assert_eq!(state("devices", &s), (State::Inhibited, Basis::Inferred));
    assert_eq!(state("perf_event", &s), (State::Implicit, Basis::Inferred));
    assert_eq!(state("io", &s), (State::Listed, Basis::Inferred));
    assert_eq!(state("misc", &s), (State::NotCompiled, Basis::Inferred));
    // Without the version: what was never implicit is inhibited, what became implicit once is not known.
    let s = Shown { version: None, ..s };
    assert_eq!(state("devices", &s), (State::Inhibited, Basis::Inferred));
    assert_eq!(state("perf_event", &s).0, State::Unknown);
}

#[test]
fn cgroup_stat_decides_before_the_table() {
    let v = Version::new(6, 18, 0);
    // A vendor's subsystem that nobody here knows, and one that the vendor made implicit.
    let mut s = shown(&v, &[("nvm", row(0, true)), ("net_cls", row(0, true))], Some(&[]));
    s.stat = Some(vec!["nvm".into()]);
    let line = Cmdline::default();
    s.cmdline = Some(&line);
    assert_eq!(state("nvm", &s), (State::Implicit, Basis::Inferred));
    assert_eq!(state("net_cls", &s), (State::Inhibited, Basis::Inferred));
    // Not at the real root, being in cgroup.stat means: not passed on.
    s.is_root = Some(false);
    s.stat = Some(vec!["net_cls".into(), "perf_event".into(), "memory".into()]);
    assert_eq!(state("net_cls", &s), (State::NotDelegated, Basis::Inferred));
    assert_eq!(state("perf_event", &s), (State::Implicit, Basis::Inferred));
    assert_eq!(state("memory", &s), (State::NotDelegated, Basis::Inferred));
    let s = Shown { version: None, ..s };
    assert_eq!(state("perf_event", &s).0, State::Unknown);
}

#[test]
fn older_kernels_inhibit_more() {
    let v = Version::new(4, 19, 0);
    let s = shown(&v, &[("cpuset", row(0, true))], Some(&["memory"]));
    assert_eq!(state("cpuset", &s), (State::Inhibited, Basis::Inferred));
    let note = judge("cpuset", &s, |_| None).notes.remove(0);
    assert!(note.contains("Linux 5.0"), "{note}");
}

#[test]
fn disabled_by_the_row_or_by_the_command_line() {
    let v = Version::new(6, 18, 0);
    let line = Cmdline::parse("ro cgroup_disable=memory,blkio");
    let mut s = shown(&v, &[("blkio", row(0, false))], Some(&["cpu"]));
    s.cmdline = Some(&line);
    s.ids = Some(vec![("memory".into(), 4), ("io".into(), 3)]);
    assert_eq!(state("memory", &s).0, State::Disabled);
    let io = judge("io", &s, |_| None);
    assert_eq!((io.state, io.mask), (State::Disabled, None));
    assert!(io.notes[0].contains("`cgroup_disable=memory,blkio`"), "{:?}", io.notes);
    // No row, no type information, no configuration (Raspberry Pi OS with Linux 6.12): it is off all the same.
    s.ids = None;
    assert_eq!(state("memory", &s), (State::Disabled, Basis::Expected));
    let off = judge("memory", &s, |_| None);
    assert_eq!(off.evidence[0], Evidence::new("/proc/cmdline", "cgroup_disable=memory,blkio"));
    assert_eq!(off.notes.len(), 2);
    // Named on the command line, but not in this kernel.
    s.ids = Some(vec![("cpu".into(), 1)]);
    assert_eq!(state("memory", &s).0, State::NotCompiled);
}

#[test]
fn what_may_be_disabled_is_not_called_implicit() {
    // Linux 6.18 with cgroup_disable=memory and an unreadable command line: no row, yet counted in cgroup.stat.
    let v = Version::new(6, 18, 0);
    let mut s = shown(&v, &[("cpu", row(0, true))], Some(&["cpu"]));
    s.stat = Some(vec!["cpu".into(), "memory".into()]);
    s.ids = Some(vec![("memory".into(), 4), ("devices".into(), 5)]);
    assert_eq!(state("memory", &s).0, State::Unknown);
    assert_eq!(state("devices", &s), (State::Inhibited, Basis::Inferred));
    // A command line that was cut, or belongs to the machine around the container.
    let line = Cmdline::parse("ro quiet");
    s.cmdline = Some(&line);
    assert_eq!(state("memory", &s).0, State::Unknown);
}

#[test]
fn bound_to_v1_with_and_without_a_visible_mount() {
    let v = Version::new(6, 1, 0);
    let mut s = shown(&v, &[("devices", row(5, true)), ("pids", row(9, true))], Some(&[]));
    let mount = Evidence::new("/proc/self/mountinfo", "/sys/fs/cgroup/devices cgroup rw,devices");
    s.legacy.insert("devices".into(), ("/sys/fs/cgroup/devices".into(), mount));
    let devices = judge("devices", &s, |_| None);
    assert_eq!((devices.state, devices.is_inhibited()), (State::BoundToV1, true));
    assert!(devices.notes[0].contains("/sys/fs/cgroup/devices"));
    let pids = judge("pids", &s, |_| None);
    assert_eq!((pids.state, pids.legacy_mount.is_none()), (State::BoundToV1, true));
    assert!(pids.notes[0].contains("no mount of that hierarchy is visible"));
}

#[test]
fn with_nothing_mounted_the_version_tells() {
    let v = Version::new(6, 1, 0);
    let s = shown(&v, &[("devices", row(0, true)), ("memory", row(0, true))], None);
    assert_eq!(state("devices", &s), (State::Inhibited, Basis::Expected));
    assert_eq!(state("memory", &s), (State::Unmounted, Basis::Inferred));
}

#[test]
fn what_cannot_be_read_is_unknown() {
    let v = Version::new(6, 18, 0);
    let mut s = shown(&v, &[], None);
    s.rows = None;
    assert_eq!(state("memory", &s).0, State::Unknown);
    // Mounted, but the list cannot be read.
    let mut s = shown(&v, &[("memory", row(0, true))], None);
    s.mounted = true;
    assert_eq!(state("memory", &s).0, State::Unknown);
    // Since 6.12, no row does not mean: not in the kernel.
    let s = shown(&v, &[("cpu", row(0, true))], None);
    assert_eq!(state("memory", &s).0, State::Unknown);
    assert_eq!(state("pids", &s).0, State::NotCompiled);
}

/// A container that was given its host's cgroup2, with /proc/cgroups hidden: the host's v1 mounts don't show here.
#[test]
fn without_proc_cgroups_a_hierarchy_may_be_out_of_sight() {
    let v = Version::new(6, 18, 0);
    let line = Cmdline::default();
    let mut s = shown(&v, &[], Some(&["cpu"]));
    s.rows = None;
    s.cmdline = Some(&line);
    s.ids = Some(vec![("memory".into(), 4), ("devices".into(), 5), ("perf_event".into(), 8)]);
    s.stat = Some(vec!["cpu".into(), "perf_event".into()]);
    // memory is on a v1 hierarchy: it is not inhibited, and nobody failed to delegate it.
    assert_eq!(state("memory", &s).0, State::Unknown);
    let note = judge("memory", &s, |_| None).notes.remove(0);
    assert!(note.contains("cgroup v1 hierarchy that is not visible here"), "{note}");
    // What cgroup.stat does count is on v2; what it does not count is only expected to be inhibited.
    assert_eq!(state("perf_event", &s), (State::Implicit, Basis::Inferred));
    assert_eq!(state("devices", &s), (State::Inhibited, Basis::Expected));
    // The masks say that it stands in neither, and that is no contradiction.
    let reading = Reading {
        step: Step::Kcore,
        method: "kallsyms and kcore".into(),
        implicit: 0x100,
        inhibited: 0x2e4,
        control: None,
        attached: None,
        width_bits: 16,
        evidence: Vec::new(),
    };
    s.masks = Some(&reading);
    for name in ["memory", "devices", "perf_event"] {
        let subsystem = judge(name, &s, |_| None);
        assert_eq!(agree::disagreement(&subsystem, None, &s), None, "{name}");
    }
    assert_eq!(state("devices", &s), (State::Inhibited, Basis::Measured));
}

/// raspberrypi/linux#6980: 6.12.57-v8+ has no row for memory, and its firmware writes the first of these words. In a
/// container without memory that is delegation.
#[test]
fn what_is_switched_on_again_is_not_disabled() {
    let v = Version::new(6, 12, 57);
    let line = Cmdline::parse("cgroup_disable=memory root=/dev/mmcblk0p2 cgroup_enable=memory");
    let mut s = shown(&v, &[("pids", row(0, true))], Some(&["pids"]));
    s.cmdline = Some(&line);
    s.is_root = Some(false);
    s.ids = Some(vec![("memory".into(), 4), ("pids".into(), 11)]);
    s.release = "6.12.57-v8+";
    assert_eq!(state("memory", &s).0, State::NotDelegated);
    // No other kernel knows the second word.
    s.release = "6.12.57+deb13-arm64";
    assert_eq!(state("memory", &s).0, State::Disabled);
    // The last word counts.
    let line = Cmdline::parse("cgroup_enable=memory cgroup_disable=memory");
    s.cmdline = Some(&line);
    s.release = "6.12.57-v8+";
    assert_eq!(state("memory", &s).0, State::Disabled);
}

/// `cgroup_debug` on a kernel with CONFIG_CGROUP_DEBUG (debug.c:362-376): a bit in the implicit mask, counted by
/// cgroup.stat, never listed. A vendor's subsystem without v2 files (Android's schedtune) is inhibited.
#[test]
fn the_debug_subsystem_and_that_of_a_vendor_agree_with_the_masks() {
    let v = Version::new(6, 18, 0);
    let line = Cmdline::parse("cgroup_debug");
    let rows = [("debug", row(0, true)), ("schedtune", row(0, true)), ("cpu", row(0, true))];
    let mut s = shown(&v, &rows, Some(&["cpu"]));
    s.cmdline = Some(&line);
    s.ids = Some(vec![("cpu".into(), 0), ("schedtune".into(), 1), ("debug".into(), 2)]);
    s.stat = Some(vec!["cpu".into(), "debug".into()]);
    assert_eq!(state("debug", &s), (State::Implicit, Basis::Inferred));
    assert_eq!(state("schedtune", &s), (State::Inhibited, Basis::Inferred));
    let reading = Reading {
        step: Step::Kprobe,
        method: "kprobe".into(),
        implicit: 0b100,
        inhibited: 0b10,
        control: None,
        attached: Some(0b111),
        width_bits: 16,
        evidence: Vec::new(),
    };
    s.masks = Some(&reading);
    for (name, _) in rows {
        let subsystem = judge(name, &s, |_| None);
        assert_eq!(agree::disagreement(&subsystem, Some(row(0, true)), &s), None, "{name}");
    }
}
