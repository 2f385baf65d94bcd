use super::*;
use crate::{
    facts::kubelet_swap::CONFIG,
    finding::Outcome,
    node::{Memory, ReadErrorKind},
};
use proptest::prelude::*;

const HEADING: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
const PARTITION: &str = "/dev/sda2                               partition\t2097148\t\t1024\t\t-2\n";
const ZRAM: &str = "/dev/zram0                              partition\t8388604\t\t0\t\t100\n";
const DENIED: ReadErrorKind = ReadErrorKind::Denied("EACCES");

fn machine(rows: &str) -> Memory {
    Memory::new()
        .file("/proc/swaps", format!("{HEADING}{rows}"))
        .file("/etc/fstab", "UUID=1 / ext4 defaults 0 1\n")
        .file("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n")
        .file("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n")
}

fn kubelet(settings: &str) -> String {
    format!("apiVersion: kubelet.config.k8s.io/v1beta1\n{settings}kind: KubeletConfiguration\n")
}

fn find(memory: &Memory, mode: SwapMode, version: Option<&str>) -> Finding {
    let params = SwapParams { mode, kubernetes_version: version.map(str::to_owned) };
    let mut out = Findings::default();
    Swap::run(&params, &Node::in_memory(memory.clone()), &mut out).unwrap();
    out.into_inner().remove(0).0
}

fn verdict(memory: &Memory, mode: SwapMode, version: Option<&str>) -> String {
    let found = find(memory, mode, version);
    let outcome = match (found.outcome(), found.severity()) {
        (Outcome::Pass, _) => "pass",
        (Outcome::Problem, Severity::Fail) => "fail",
        (Outcome::Problem, Severity::Warn) => "warn",
        (Outcome::Undetermined(_), _) => "unknown",
        (Outcome::NotApplicable, _) => "skip",
    };
    format!("{outcome} {}", found.reason())
}

#[test]
fn off() {
    let found = find(&machine(""), SwapMode::Off, None);
    assert_eq!((found.reason(), found.all_evidence().len()), ("off", 2), "{found:#?}");
    assert_eq!(verdict(&machine(""), SwapMode::Limited, None), "pass off");
    assert_eq!(verdict(&machine(""), SwapMode::Allowed, None), "pass off");
    // A tree of /proc alone.
    assert_eq!(verdict(&machine("").without("/etc/fstab").as_root(), SwapMode::Off, None), "pass off");
}

#[test]
fn on() {
    let found = find(&machine(PARTITION), SwapMode::Off, None);
    assert_eq!((found.reason(), found.severity()), ("on", Severity::Fail));
    assert!(found.message().contains("/dev/sda2 (partition, 1.9Gi)"), "{}", found.message());
    let remedy = found.mend().unwrap();
    assert_eq!(remedy.commands, ["swapoff -a"]);
    assert!(remedy.summary.contains("The 1Mi in it have to fit"), "{remedy:?}");
    assert!(found.all_notes()[0].contains("systemd-gpt-auto-generator"), "{found:#?}");
    // zram is swap to the kubelet as any other.
    let zram = machine(ZRAM).file("/usr/lib/systemd/zram-generator.conf", "[zram0]\n");
    let found = find(&zram, SwapMode::Off, None);
    assert!(found.message().contains("/dev/zram0 (compressed memory (zram), 7.9Gi)"), "{}", found.message());
    assert!(found.mend().unwrap().persistent[0].starts_with("ln -sf /dev/null"), "{found:#?}");
    // kubeadm says the same whatever the kubelet is told (kubeadm#2563).
    let told = machine(PARTITION).file(CONFIG, kubelet("failSwapOn: false\n"));
    let found = find(&told, SwapMode::Off, None);
    assert!(found.message().contains("starts all the same"), "{}", found.message());
    assert_eq!(verdict(&machine(PARTITION), SwapMode::Allowed, None), "pass on");
}

#[test]
fn off_now_and_back_at_boot() {
    let memory = machine("").file("/etc/fstab", "/swap.img none swap sw 0 0\n");
    let found = find(&memory, SwapMode::Off, None);
    assert_eq!((found.reason(), found.severity()), ("returns-at-boot", Severity::Warn));
    assert!(found.message().contains("line 1 of /etc/fstab"), "{}", found.message());
    let masked = memory.clone().symlink("/etc/systemd/system/swap.img.swap", "/dev/null");
    assert_eq!(verdict(&masked, SwapMode::Off, None), "pass off");
    let unit = "/etc/systemd/system/swap.target.wants/dev-sdb.swap";
    let found = find(&machine("").symlink(unit, "/etc/systemd/system/dev-sdb.swap"), SwapMode::Off, None);
    assert_eq!(found.mend().unwrap().persistent, ["systemctl mask --now 'dev-sdb.swap'"]);
    assert_eq!(verdict(&memory, SwapMode::Limited, None), "pass off");
}

#[test]
fn limited_needs_cgroup_v2_and_a_kubelet_that_knows() {
    let v1 = "30 23 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
    let with = |settings: &str| machine(PARTITION).file(CONFIG, kubelet(settings));
    let good = "failSwapOn: false\nmemorySwap:\n  swapBehavior: LimitedSwap\n";
    for (memory, version, want) in [
        (with(good), None, "pass usable"),
        (with(good), Some("1.34"), "pass usable"),
        (with(good), Some("1.29"), "warn feature-gate"),
        (with(good), Some("1.21"), "fail unsupported-version"),
        (with("failSwapOn: false\n"), None, "pass usable"),
        (with("failSwapOn: true\n"), None, "fail kubelet-refuses"),
        (with(""), None, "fail kubelet-refuses"),
        (with(&good.replace("Limited", "Unlimited")), Some("1.30"), "fail unsupported-behavior"),
        (with("memorySwap: {swapBehavior: LimitedSwap}\n"), None, "unknown kubelet-unknown"),
        (machine(PARTITION), None, "unknown kubelet-unknown"),
        (with(good).error(CONFIG, DENIED), None, "unknown kubelet-unknown"),
        (with(good).file("/proc/self/mountinfo", v1), None, "fail cgroup-v1"),
        (with(good).without("/proc/self/mountinfo"), None, "unknown unknown"),
    ] {
        assert_eq!(verdict(&memory, SwapMode::Limited, version), want, "{version:?} {memory:#?}");
    }
    assert!(find(&with(good), SwapMode::Limited, None).message().contains("LimitedSwap"));
    let noted = |release: &str| {
        let memory = with(good).file("/proc/sys/kernel/osrelease", release);
        find(&memory, SwapMode::Limited, None).all_notes().iter().any(|n| n.contains("tmpfs"))
    };
    assert!(noted("6.1.0-56-amd64\n") && !noted("6.12.107+deb13-amd64\n"));
    assert!(find(&with("failSwapOn: false\n"), SwapMode::Limited, None).message().contains("NoSwap"));
}

#[test]
fn what_cannot_be_read_is_undetermined() {
    for memory in [
        machine("").without("/proc/swaps"),
        machine("").error("/proc/swaps", DENIED),
        machine("").file("/proc/swaps", ""),
        machine("").file("/proc/swaps", &HEADING[..20]),
        machine(PARTITION).file("/proc/swaps", format!("{HEADING}/dev/sda2  part")),
        machine("").file("/proc/swaps", "\u{1}\u{2}\n"),
    ] {
        for mode in [SwapMode::Off, SwapMode::Limited, SwapMode::Allowed] {
            assert_eq!(verdict(&memory, mode, None), "unknown unknown");
        }
    }
    // Swap that comes back is not gone because nobody may look.
    assert_eq!(
        verdict(&machine("").error("/etc/fstab", DENIED), SwapMode::Off, None),
        "unknown boot-unknown"
    );
    assert_eq!(
        verdict(&machine("").file("/etc/fstab", b"\xff\0"), SwapMode::Off, None),
        "unknown boot-unknown"
    );
    assert_eq!(verdict(&machine(PARTITION).error("/etc/fstab", DENIED), SwapMode::Off, None), "fail on");
}

#[test]
fn a_kernel_without_swap() {
    let config: String = (0..300).map(|i| format!("CONFIG_X{i}=y\n")).collect();
    let memory = machine("").without("/proc/swaps").file("/proc/sys/kernel/osrelease", "6.12.0\n").file(
        "/boot/config-6.12.0",
        format!("# Linux/x86 6.12.0 Kernel Configuration\n{config}# CONFIG_SWAP is not set\n"),
    );
    assert_eq!(verdict(&memory, SwapMode::Off, None), "pass off");
}

#[test]
fn parameters() {
    let version =
        |v: &str| Swap::validate(&SwapParams { kubernetes_version: Some(v.into()), ..SwapParams::default() });
    assert!(version("newest").is_err() && version("1.35").is_ok());
}

proptest! {
    #[test]
    fn never_panics(text in "(?s).{0,100}") {
        for path in ["/proc/swaps", "/etc/fstab", CONFIG] {
            let memory = machine(PARTITION).file(path, format!("{HEADING}{text}"));
            let _ = find(&memory, SwapMode::Limited, None);
            let _ = find(&memory, SwapMode::Off, None);
        }
    }
}
