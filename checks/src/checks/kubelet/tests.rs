use super::*;
use crate::{
    facts::kubelet::{
        CONFIG,
        buildinfo::tests::program,
        tests::{DROP_IN, HEAD, SERVICE, packaged},
    },
    finding::{Cause, Outcome},
    node::{FilesystemType, Memory, ReadErrorKind},
};

const WANTS: &str = "/etc/systemd/system/multi-user.target.wants/kubelet.service";
const V2: &str = "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";

/// A machine with systemd and the packages of Kubernetes 1.36, not joined.
fn installed() -> Memory {
    let disk = FilesystemType {
        size: 100 << 30,
        available: 50 << 30,
        inodes: 1000,
        inodes_free: 900,
        magic: 0xef53,
    };
    packaged()
        .file("/usr/bin/kubelet", program("mod\tk8s.io/kubernetes\tv1.36.4\n"))
        .file("/usr/bin/kubeadm", program("mod\tk8s.io/kubernetes\tv1.36.4\n"))
        .symlink(WANTS, "/usr/lib/systemd/system/kubelet.service")
        .file("/run/systemd/system/x", "")
        .file("/proc/1/comm", "systemd\n")
        .file("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n")
        .file("/proc/self/mountinfo", V2)
        .file("/proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\nSwapTotal: 0 kB\n")
        .file("/sys/devices/system/cpu/online", "0-3\n")
        .file("/etc/resolv.conf", "nameserver 10.0.0.1\n")
        .file("/var/lib/kubelet/x", "")
        .filesystem("/var/lib", disk)
}

fn configured(text: &str) -> Memory {
    installed().file(CONFIG, format!("{HEAD}{text}"))
}

fn ask(memory: Memory) -> Vec<Finding> {
    let params = KubeletParams { kubernetes_version: Some("1.36".into()), ..KubeletParams::default() };
    let mut out = Findings::default();
    KubeletCheck::run(&params, &Node::in_memory(memory), &mut out).unwrap();
    out.into_inner().into_iter().map(|(finding, _)| finding).collect()
}

fn one(memory: Memory, subject: &str) -> Finding {
    let found = ask(memory).into_iter().find(|f| f.subject() == subject);
    found.unwrap_or_else(|| panic!("no {subject}"))
}

fn brief(finding: &Finding) -> String {
    let outcome = match finding.outcome() {
        Outcome::Pass => "pass",
        Outcome::Problem if finding.severity() == Severity::Fail => "fail",
        Outcome::Problem => "warn",
        Outcome::Undetermined(_) => "unknown",
        Outcome::NotApplicable => "skip",
    };
    format!("{outcome} {}", finding.reason())
}

fn of(memory: Memory, subject: &str) -> String {
    brief(&one(memory, subject))
}

#[test]
fn before_a_join() {
    let found = ask(installed());
    let all: Vec<_> = found.iter().map(|f| format!("{}: {}", f.subject(), brief(f))).collect();
    assert_eq!(
        all,
        [
            "version: pass fits",
            "kubeadm: pass fits",
            "unit: pass enabled",
            "configuration: skip not-applicable"
        ]
    );
    let names: Vec<_> = found.iter().map(Finding::kubeadm_name).collect();
    assert_eq!(names, [Some("KubeletVersion"), Some("KubernetesVersion"), Some("Service-Kubelet"), None]);
    assert!(found[3].message().contains("kubeadm writes it at a join"));
}

#[test]
fn after_a_join() {
    let found = ask(configured("cgroupDriver: systemd\n"));
    let all: Vec<_> = found.iter().map(|f| format!("{}: {}", f.subject(), brief(f))).collect();
    assert_eq!(
        all[3..],
        [
            "configuration: pass readable",
            "failSwapOn: pass no-swap",
            "failCgroupV1: pass not-v1",
            "protectKernelDefaults: pass off",
            "reserved: pass nothing",
            "evictionHard: pass room",
            "resolvConf: pass exists"
        ]
    );
    assert!(one(configured(""), "reserved").all_notes()[0].contains("systemReserved"));
}

#[test]
fn no_kubelet_at_all() {
    let bare =
        Memory::new().file("/usr/bin/sh", "").file("/etc/passwd", "").file("/run/systemd/system/x", "");
    let found = ask(bare.clone());
    assert_eq!(brief(&found[0]), "fail missing");
    assert_eq!(found[0].cause().map(|c| (c.name.as_str(), c.is_root)), Some((MISSING, true)));
    assert_eq!(brief(&found[1]), "skip not-applicable");
    assert_eq!(brief(&found[2]), "warn missing");
    assert_eq!(found[2].cause().map(|c| (c.name.as_str(), c.is_root)), Some((MISSING, false)));
    let nothing = ask(Memory::new().as_root());
    assert!(nothing.iter().all(|f| f.outcome() != &Outcome::Pass && brief(f) != "fail missing"));
    assert_eq!(brief(&nothing[0]), "unknown unknown");
}

#[test]
fn units() {
    let with = |unit: &str| Memory::new().file("/usr/lib/systemd/system/kubelet.service", unit);
    assert_eq!(of(packaged(), "unit"), "warn disabled");
    assert_eq!(
        of(packaged().symlink("/run/systemd/system/multi-user.target.wants/kubelet.service", "x"), "unit"),
        "warn enabled-runtime"
    );
    assert_eq!(
        of(packaged().symlink("/etc/systemd/system/kubelet.service", "/dev/null"), "unit"),
        "warn masked"
    );
    assert_eq!(of(with("[Service]\nExecStart=/usr/bin/kubelet\n"), "unit"), "warn static");
    let lacks = with(
        "[Service]\nEnvironmentFile=/etc/k.env\nExecStart=/usr/bin/kubelet\n[Install]\nWantedBy=multi-user.target\n",
    );
    let found = one(lacks.symlink(WANTS, "x"), "unit");
    assert_eq!(
        (brief(&found).as_str(), found.mend().unwrap().commands[0].as_str()),
        ("warn no-environment", "touch /etc/k.env")
    );
    let hidden = packaged().error("/usr/lib/systemd/system/kubelet.service", ReadErrorKind::Denied("EACCES"));
    assert_eq!(of(hidden, "unit"), "unknown unknown");
    let alpine = || {
        Memory::new()
            .file("/proc/1/comm", "init\n")
            .file("/etc/init.d/kubelet", "")
            .file("/etc/runlevels/boot/x", "")
    };
    assert_eq!(of(alpine(), "unit"), "warn disabled");
    assert_eq!(
        of(alpine().symlink("/etc/runlevels/default/kubelet", "/etc/init.d/kubelet"), "unit"),
        "pass enabled"
    );
    assert_eq!(of(alpine().without("/etc/init.d/kubelet").file("/etc/init.d/x", ""), "unit"), "warn missing");
    // Another init: not "not enabled".
    assert_eq!(of(Memory::new().file("/proc/1/comm", "runit\n"), "unit"), "unknown unknown");
    assert_eq!(of(Memory::new().as_root().file("/usr/lib/systemd/systemd", ""), "unit"), "warn missing");
}

#[test]
fn configurations() {
    let wrong = one(configured("failSwapOn: true\nfailSwapOn: false\n"), "configuration");
    assert_eq!(brief(&wrong), "fail invalid");
    assert!(wrong.message().contains("line 4, column 1"), "{}", wrong.message());
    assert_eq!(wrong.all_evidence()[0].observed, "failSwapOn: false");
    let found = ask(configured("a: [\n"));
    assert!(found[4..].iter().all(|f| brief(f) == "unknown unknown"
        && f.cause() == found[3].cause().map(|c| Cause { is_root: false, ..c.clone() }).as_ref()));
    assert_eq!(found.len(), 10);
    // It was there: the node has joined.
    let lost = one(
        installed().file("/var/lib/kubelet/kubeadm-flags.env", "KUBELET_KUBEADM_ARGS=\n"),
        "configuration",
    );
    assert_eq!(brief(&lost), "fail missing");
    assert_eq!(of(installed().file("/etc/kubernetes/kubelet.conf", ""), "configuration"), "fail missing");
    assert_eq!(
        of(configured("").error(CONFIG, ReadErrorKind::Denied("EACCES")), "configuration"),
        "unknown unknown"
    );
    let script =
        Memory::new().file("/etc/systemd/system/kubelet.service", "[Service]\nExecStart=/opt/x.sh\n");
    assert_eq!(of(script, "configuration"), "unknown unknown");
    let old = configured("").file("/etc/default/kubelet", "KUBELET_EXTRA_ARGS=--container-runtime=remote\n");
    let found = one(old, "configuration");
    assert_eq!(brief(&found), "fail removed-flag");
    assert!(
        found.message().contains("1.36.4 does not start with --container-runtime, which is gone since 1.27")
    );
    let early = configured("")
        .file("/usr/bin/kubelet", program("mod\tk8s.io/kubernetes\tv1.26.0\n"))
        .file("/etc/default/kubelet", "KUBELET_EXTRA_ARGS=--container-runtime=remote\n");
    assert_eq!(of(early, "configuration"), "pass readable");
    assert_eq!(of(Memory::new().as_root(), "configuration"), "unknown unknown");
}

#[test]
fn swap_and_cgroups() {
    let swapped = |text: &str| {
        configured(text)
            .file("/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/sda2                               partition\t1048572\t\t0\t\t-2\n")
            .file("/proc/meminfo", "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\nSwapTotal: 1048572 kB\n")
    };
    let refused = one(swapped(""), "failSwapOn");
    assert_eq!(brief(&refused), "fail swap-on");
    assert_eq!(refused.cause().map(|c| (c.name.as_str(), c.is_root)), Some(("swap", false)));
    assert_eq!(of(swapped("failSwapOn: false\n"), "failSwapOn"), "pass off");
    assert_eq!(of(swapped("").without("/proc/swaps"), "failSwapOn"), "unknown unknown");
    assert_eq!(of(configured("failSwapOn: maybe\n"), "failSwapOn"), "unknown unknown");
    let v1 = |text: &str| {
        configured(text).file(
            "/proc/self/mountinfo",
            "30 20 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
        )
    };
    let refused = one(v1(""), "failCgroupV1");
    assert_eq!(brief(&refused), "fail refused");
    assert_eq!(refused.cause().map(|c| (c.name.as_str(), c.is_root)), Some(("cgroup-layout", false)));
    assert_eq!(of(v1("failCgroupV1: false\n"), "failCgroupV1"), "pass off");
    let old = v1("").file("/usr/bin/kubelet", program("mod\tk8s.io/kubernetes\tv1.34.0\n"));
    assert_eq!(of(old, "failCgroupV1"), "pass off");
    assert_eq!(
        of(v1("").error("/proc/self/mountinfo", ReadErrorKind::Denied("EACCES")), "failCgroupV1"),
        "unknown unknown"
    );
}

#[test]
fn kernel_defaults() {
    let values = [
        ("vm/overcommit_memory", "1\n"),
        ("vm/panic_on_oom", "0\n"),
        ("kernel/panic", "10\n"),
        ("kernel/panic_on_oops", "1\n"),
        ("kernel/keys/root_maxkeys", "1000000\n"),
        ("kernel/keys/root_maxbytes", "25000000\n"),
    ];
    let good = values.iter().fold(configured("protectKernelDefaults: true\n"), |m, (path, value)| {
        m.file(&format!("/proc/sys/{path}"), value)
    });
    assert_eq!(of(good.clone(), "protectKernelDefaults"), "pass right");
    let found = one(good.clone().file("/proc/sys/kernel/panic", "0\n"), "protectKernelDefaults");
    assert_eq!(brief(&found), "fail differs");
    assert!(found.message().ends_with("kernel.panic is 0 and not 10"), "{}", found.message());
    assert_eq!(found.mend().unwrap().commands, ["sysctl -w kernel.panic=10"]);
    assert_eq!(of(good.without("/proc/sys/kernel/panic"), "protectKernelDefaults"), "unknown unknown");
}

#[test]
fn reservations() {
    let of = |text: &str| of(configured(text), "reserved");
    assert_eq!(
        of("kubeReserved: {cpu: 500m, memory: 1Gi}\nsystemReserved: {memory: 1Gi, pid: \"100\"}\n"),
        "pass fits"
    );
    assert_eq!(of("kubeReserved: {cpu: \"3\"}\nsystemReserved: {cpu: 1001m}\n"), "fail more-than-there-is");
    assert_eq!(of("kubeReserved: {memory: 7Gi}\nsystemReserved: {memory: 1Gi}\n"), "fail more-than-there-is");
    assert_eq!(
        of("kubeReserved: {memory: 7Gi}\nevictionHard: {memory.available: 25%}\n"),
        "fail more-than-there-is"
    );
    assert_eq!(of("kubeReserved: {memory: 7Gi}\nevictionHard: {nodefs.available: 1%}\n"), "pass fits");
    assert_eq!(of("kubeReserved: {memory: much}\n"), "unknown unknown");
    assert_eq!(of("reservedSystemCPUs: 0-1\nkubeReserved: {cpu: \"9\"}\n"), "pass fits");
    assert_eq!(of("reservedSystemCPUs: 3-5\n"), "fail no-such-cpus");
    assert_eq!(of("reservedSystemCPUs: many\n"), "unknown unknown");
    let found = one(configured("kubeReserved:\n  cpu: \"9\"\n"), "reserved");
    assert_eq!(
        found.mend().unwrap().persistent,
        ["/var/lib/kubelet/config.yaml:4: kubeReserved: {cpu: 200m, memory: 500Mi}"]
    );
    let hidden = configured("kubeReserved: {cpu: \"1\"}\n").without("/proc/meminfo");
    assert_eq!(brief(&one(hidden, "reserved")), "unknown unknown");
}

#[test]
fn evictions() {
    let of = |text: &str| of(configured(text), "evictionHard");
    assert_eq!(of("evictionHard: {memory.available: 5Gi}\n"), "fail would-evict");
    assert_eq!(of("evictionHard: {nodefs.available: 60%}\n"), "fail would-evict");
    assert_eq!(of("evictionHard: {imagefs.inodesFree: 95%, memory.available: 1Gi}\n"), "fail would-evict");
    assert_eq!(of("evictionHard: {nodefs.available: 10%, pid.available: 10%}\n"), "pass room");
    assert_eq!(of("evictionHard: {nodefs.available: most}\n"), "unknown unknown");
    let full =
        FilesystemType { size: 100 << 30, available: 1 << 30, inodes: 0, inodes_free: 0, magic: 0xef53 };
    let found = one(configured("").filesystem("/var/lib/kubelet", full), "evictionHard");
    assert_eq!(brief(&found), "fail would-evict");
    assert!(found.cause().unwrap().name.starts_with("disk-space:"));
    assert_eq!(brief(&one(configured("").as_root(), "evictionHard")), "unknown unknown");
}

#[test]
fn name_resolution() {
    assert_eq!(of(configured("resolvConf: \"\"\n"), "resolvConf"), "pass none");
    let gone = "resolvConf: /run/systemd/resolve/resolv.conf\n";
    assert_eq!(of(configured(gone), "resolvConf"), "fail missing");
    assert_eq!(of(configured(gone).as_root(), "resolvConf"), "unknown unknown");
    assert_eq!(
        of(configured(gone).file("/run/systemd/resolve/resolv.conf", ""), "resolvConf"),
        "pass exists"
    );
}

#[test]
fn versions_that_nobody_tells() {
    let silent = installed().file("/usr/bin/kubelet", program("mod\tk8s.io/kubernetes\t(devel)\n"));
    let found = one(silent, "version");
    assert_eq!(found.outcome(), &Outcome::Undetermined(Some("run with --allow exec".into())));
    assert_eq!(
        of(installed().file("/usr/bin/kubelet", program("mod\tk8s.io/kubernetes\tv1.37.0\n")), "version"),
        "fail newer"
    );
    assert_eq!(
        of(installed().file("/usr/bin/kubeadm", program("mod\tk8s.io/kubernetes\tv1.35.0\n")), "kubeadm"),
        "warn older"
    );
    assert_eq!(of(installed().file("/usr/bin/kubeadm", "#!/bin/sh"), "kubeadm"), "unknown unknown");
}

#[test]
fn parameters() {
    let with = |version: &str| KubeletParams {
        kubernetes_version: Some(version.into()),
        ..KubeletParams::default()
    };
    assert!(KubeletCheck::validate(&with("1.36")).is_ok());
    assert!(KubeletCheck::validate(&with("")).is_ok());
    assert!(KubeletCheck::validate(&with("newest")).unwrap_err().contains("1.36"));
    let relative = KubeletParams { directory: "kubelet".into(), ..KubeletParams::default() };
    assert!(KubeletCheck::validate(&relative).is_err());
    assert!(DROP_IN.contains("ExecStart=\n") && SERVICE.contains("[Install]"));
}
