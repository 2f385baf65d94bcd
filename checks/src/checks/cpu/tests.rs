use super::*;
use crate::{
    finding::Outcome,
    node::{Memory, ReadErrorKind},
};

const ONLINE: &str = "/sys/devices/system/cpu/online";
const STATUS: &str = "/proc/self/status";

fn machine(online: &str, allowed: &str) -> Memory {
    Memory::new()
        .file("/proc/self/mountinfo", "2 1 0:3 / / rw - ext4 ext4 rw\n")
        .file(ONLINE, format!("{online}\n"))
        .file(STATUS, format!("Name:\tpreflight\nCpus_allowed_list:\t{allowed}\n"))
}

fn with_quota(quota: &str) -> Memory {
    machine("0-15", "0-15")
        .file("/proc/self/mountinfo", "2 1 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
        .file("/proc/self/cgroup", "0::/a.slice\n")
        .file("/sys/fs/cgroup/cgroup.controllers", "cpu\n")
        .file("/sys/fs/cgroup/a.slice/cpu.max", quota)
}

fn ask(params: &CpuParams, memory: Memory) -> Finding {
    Cpu::validate(params).unwrap();
    let mut out = Findings::default();
    Cpu::run(params, &Node::in_memory(memory), &mut out).unwrap();
    out.into_inner().remove(0).0
}

fn count(memory: Memory) -> Finding {
    ask(&CpuParams::default(), memory)
}

#[test]
fn the_smallest_of_three_counts() {
    let found = count(machine("0-3", "0-3"));
    assert_eq!((found.outcome(), found.reason()), (&Outcome::Pass, "enough"));
    for (memory, says) in [
        (machine("0", "0"), "1 processors are online"),
        (machine("0-7", "3"), "in the cpuset"),
        (with_quota("50000 100000\n"), "0.5 processors are allowed by the CPU quota"),
    ] {
        let found = count(memory);
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "too-few"));
        assert!(found.message().contains(says), "{}", found.message());
    }
    assert_eq!(count(with_quota("max 100000\n")).reason(), "enough");
    assert_eq!(count(with_quota("200000 100000\n")).reason(), "enough");
}

#[test]
fn what_may_bind_and_can_t_be_read_is_not_known() {
    let good = machine("0-3", "0-3");
    for memory in [
        good.clone().without(ONLINE),
        good.clone().file(ONLINE, "0-"),
        good.clone().without(STATUS),
        good.clone().without("/proc/self/mountinfo"),
        with_quota("50000 100000\n").without("/proc/self/mountinfo"),
        with_quota("50000 100000\n").without("/proc/self/cgroup"),
        with_quota("max 100000\n").error("/sys/fs/cgroup/a.slice/cpu.max", ReadErrorKind::Denied("EACCES")),
    ] {
        let found = count(memory);
        assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{found:?}");
    }
    // Too few is too few, whatever else is not known.
    assert_eq!(count(machine("0", "0").without(STATUS)).reason(), "too-few");
}

#[test]
fn features_and_pages() {
    let params = |features: &[&str]| CpuParams {
        count: 0,
        features: features.iter().map(|f| (*f).to_owned()).collect(),
        ..CpuParams::default()
    };
    let arm = Memory::new().file("/proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd atomics\n");
    assert_eq!(ask(&params(&["atomics"]), arm.clone()).reason(), "has-it");
    assert_eq!(ask(&params(&["sve"]), arm).reason(), "missing");
    assert_eq!(ask(&params(&["sve"]), Memory::new()).reason(), "unknown");

    let pages = || CpuParams { count: 0, page_size: vec![4096], ..CpuParams::default() };
    let auxv = |size: usize| [6_usize.to_ne_bytes(), size.to_ne_bytes()].concat();
    let node = |size| Memory::new().file("/proc/self/auxv", auxv(size));
    assert_eq!(ask(&pages(), node(4096)).reason(), "has-it");
    assert_eq!(ask(&pages(), node(65536)).reason(), "missing");
    assert_eq!(ask(&pages(), Memory::new()).reason(), "unknown");
}

#[test]
fn levels() {
    let params = || CpuParams { count: 0, level: Some(CpuLevel::V2), ..CpuParams::default() };
    assert_eq!(ask(&params(), Memory::new()).reason(), "unknown");
    let x86 = Memory::new().file("/proc/sys/kernel/arch", "x86_64\n").as_root();
    let flags = |words: &str| x86.clone().file("/proc/cpuinfo", format!("flags : {words}\n"));
    let found = ask(&params(), flags("lm sse2 pni"));
    assert_eq!(found.reason(), "missing");
    assert!(found.message().contains("cx16"), "{}", found.message());
    let v2 = "lm sse2 cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3";
    assert_eq!(ask(&params(), flags(v2)).reason(), "has-it");
}

#[test]
fn parameters() {
    assert!(Cpu::validate(&CpuParams { count: 0, ..CpuParams::default() }).is_err());
    let twice = CpuParams { features: vec!["aes".into(), "aes".into()], ..CpuParams::default() };
    assert!(Cpu::validate(&twice).unwrap_err().contains("twice"));
}
