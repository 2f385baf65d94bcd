use super::*;
use crate::{
    finding::Outcome,
    node::{Memory, ReadErrorKind},
};

const NONE: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
const KUBELET: &str = "/var/lib/kubelet/config.yaml";
const HEAD: &str = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";

fn swapped(line: &str) -> Memory {
    Memory::new().file("/proc/swaps", format!("{NONE}{line}\n"))
}

fn zram() -> Memory {
    swapped("/dev/zram0 partition 4096 0 100")
}

fn on_v2(memory: Memory) -> Memory {
    let line = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    memory.file("/proc/self/mountinfo", line).file("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
}

fn ask(mode: SwapMode, version: Option<&str>, memory: Memory) -> Finding {
    let params = SwapParams { mode, kubernetes_version: version.map(str::to_owned) };
    let mut out = Findings::default();
    Swap::run(&params, &Node::in_memory(memory), &mut out).unwrap();
    let mut found: Vec<_> = out.into_inner().into_iter().map(|(finding, _)| finding).collect();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn off(memory: Memory) -> Finding {
    ask(SwapMode::Off, None, memory)
}

#[test]
fn none_and_none_to_come() {
    let found = off(Memory::new().file("/proc/swaps", NONE));
    assert_eq!((found.outcome(), found.reason()), (&Outcome::Pass, "off"));
    let denied = Memory::new().file("/proc/swaps", NONE).error("/etc/fstab", ReadErrorKind::Denied("EACCES"));
    let found = off(denied);
    assert_eq!((found.severity(), found.reason()), (Severity::Warn, "boot-unknown"));
    assert!(found.message().contains("/etc/fstab"), "{found:?}");
}

#[test]
fn none_now_but_after_a_boot() {
    let found =
        off(Memory::new().file("/proc/swaps", NONE).file("/etc/fstab", "#\n/swap.img none swap sw 0 0\n"));
    assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "returns-at-boot"));
    assert_eq!(found.severity(), Severity::Warn);
    assert!(found.message().ends_with("/etc/fstab:2"), "{}", found.message());
    let persistent = &found.mend().unwrap().persistent;
    assert_eq!(persistent, &["sed -i '2{/[[:space:]]swap[[:space:]]/s/^/#/}' /etc/fstab"]);
}

#[test]
fn some_is_a_failure_whatever_its_kind() {
    for (line, kind) in [
        ("/dev/zram0 partition 4096 0 100", "zram"),
        ("/swapfile file 4096 0 -2", "a file"),
        ("/dev/sda5 partition 4096 0 -2", "a partition"),
    ] {
        let found = off(swapped(line));
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "active"));
        assert_eq!(found.severity(), Severity::Fail);
        assert!(found.message().contains(kind), "{}", found.message());
        assert_eq!(found.mend().unwrap().commands, ["swapoff -a"]);
    }
}

#[test]
fn a_kubelet_that_accepts_it_makes_it_a_warning() {
    let found = off(zram().file(KUBELET, format!("{HEAD}failSwapOn: false\n")));
    assert_eq!((found.reason(), found.severity()), ("active", Severity::Warn));
    let found = off(zram().file(KUBELET, HEAD));
    assert_eq!((found.reason(), found.severity()), ("active", Severity::Fail), "the default is true");
}

#[test]
fn what_can_t_be_read_is_not_known() {
    for memory in [
        Memory::new(),
        Memory::new().error("/proc/swaps", ReadErrorKind::Denied("EACCES")),
        Memory::new().file("/proc/swaps", ""),
        Memory::new().file("/proc/swaps", &NONE[..30]),
        Memory::new().file("/proc/swaps", format!("{NONE}/dev/zr")),
        Memory::new().file("/proc/swaps", NONE).file("/proc/meminfo", "SwapTotal: 8 kB\n"),
    ] {
        for mode in [SwapMode::Off, SwapMode::Allowed] {
            let found = ask(mode, None, memory.clone());
            assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{found:?}");
        }
    }
}

#[test]
fn allowed_where_kubernetes_can_limit_it() {
    let allowed = |version, memory| ask(SwapMode::Allowed, version, memory);
    let found = allowed(Some("1.34"), on_v2(zram()));
    assert_eq!((found.outcome(), found.reason()), (&Outcome::Pass, "usable"));
    assert!(found.all_notes()[0].contains("failSwapOn"));
    for (version, reason, severity) in [
        ("1.7", "too-old", Severity::Fail),
        ("1.21", "too-old", Severity::Fail),
        ("1.22", "too-old", Severity::Fail),
        ("1.27", "too-old", Severity::Fail),
        ("1.28", "gate-off", Severity::Warn),
        ("1.29.3", "gate-off", Severity::Warn),
        ("1.30", "usable", Severity::Fail),
        ("1.99", "usable", Severity::Fail),
    ] {
        let found = allowed(Some(version), on_v2(zram()));
        assert_eq!((found.reason(), found.severity()), (reason, severity), "{version}");
    }
    assert!(allowed(Some("1.21"), zram()).message().ends_with("Kubernetes 1.21 can't limit swap (1.28 can)"));
    assert!(allowed(Some("1.22"), zram()).message().contains("which is alpha there"));
    assert!(allowed(Some("1.28"), on_v2(zram())).message().ends_with("on by default since 1.30"));
    let found = allowed(None, on_v2(zram()).file(KUBELET, HEAD));
    assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "refused-by-kubelet"));
    let willing = format!("{HEAD}failSwapOn: false\nmemorySwap:\n  swapBehavior: LimitedSwap\n");
    let found = allowed(None, on_v2(zram()).file(KUBELET, willing));
    assert_eq!((found.outcome(), found.reason()), (&Outcome::Pass, "usable"));
    assert!(found.all_notes()[0].contains("LimitedSwap"));
    let v1 = "30 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
    let found = allowed(None, zram().file("/proc/self/mountinfo", v1));
    assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "needs-cgroup-v2"));
    let found = allowed(None, zram());
    assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "no mount table: {found:?}");
    let found = allowed(None, Memory::new().file("/proc/swaps", NONE));
    assert_eq!(found.reason(), "off");
}

#[test]
fn parameters() {
    let params = |version: &str| SwapParams { mode: SwapMode::Off, kubernetes_version: Some(version.into()) };
    assert!(Swap::validate(&params("1.36")).is_ok());
    assert!(Swap::validate(&params("new")).unwrap_err().contains("`new`"));
}
