use super::*;
use crate::{
    finding::Outcome,
    node::{Memory, Node, ReadErrorKind},
};
use proptest::prelude::*;
use rustix::io::Errno;

const RELEASE: &str = "/proc/sys/kernel/osrelease";
const V1: &str = "30 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
const V2: &str = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

/// A node that has everything that its kernel should have.
fn kernel(release: &str) -> Memory {
    let files = FEATURES.iter().flat_map(|feature| feature.files);
    files
        .fold(Memory::new(), |memory, file| memory.file(file, "1\n"))
        .file(RELEASE, format!("{release}\n"))
        .file("/proc/self/mountinfo", V2)
        .file("/sys/fs/cgroup/cgroup.controllers", "cpu memory\n")
        .file("/proc/loadavg", "0 0 0 1/2 3\n")
        .file("/proc/pressure/cpu", "some avg10=0.00\n")
        .file("/proc/self/ns/mnt", "")
        .file("/proc/self/ns/user", "")
        .file("/proc/sys/user/max_user_namespaces", "63000\n")
        .file("/proc/modules", "nf_tables 1 0 - Live 0x0\nip_vs 1 0 - Live 0x0\n")
}

fn ask(version: Option<&str>, features: &[&str], memory: Memory) -> Vec<Finding> {
    let params = KubernetesFeaturesParams {
        kubernetes_version: version.map(str::to_owned),
        features: features.iter().map(|&f| f.to_owned()).collect(),
    };
    KubernetesFeatures::validate(&params).unwrap();
    let mut out = Findings::default();
    KubernetesFeatures::run(&params, &Node::in_memory(memory), &mut out).unwrap();
    out.into_inner().into_iter().map(|(finding, _)| finding).collect()
}

fn one(version: &str, feature: &str, memory: Memory) -> Finding {
    let mut found = ask(Some(version), &[], memory);
    let at = found.iter().position(|f| f.subject() == feature);
    found.swap_remove(at.unwrap_or_else(|| panic!("{version} has no {feature}")))
}

fn required(feature: &str, memory: Memory) -> Finding {
    let mut found = ask(Some("1.36"), &[feature], memory);
    let at = found.iter().position(|f| f.subject() == feature).unwrap();
    found.swap_remove(at)
}

#[test]
fn a_kernel_of_today_carries_everything() {
    for minor in kubernetes::OLDEST.minor..=NEWEST.minor {
        for finding in ask(Some(&format!("1.{minor}")), &[], kernel("6.12.57+deb13-amd64")) {
            assert_eq!(finding.reason(), "carried", "{minor} {finding:#?}");
            assert!(!finding.all_evidence().is_empty());
        }
    }
    let found = one("1.33", "nftables-proxy", kernel("6.12.57+deb13-amd64"));
    assert_eq!(
        found.message(),
        "kube-proxy in nftables mode needs Linux 5.13; this kernel is 6.12.57+deb13-amd64 and has it"
    );
    assert!(found.all_notes()[0].starts_with("stable since Kubernetes 1.33: "), "{:?}", found.all_notes());
}

#[test]
fn only_what_this_version_has() {
    let names = |version: &str| {
        let found = ask(Some(version), &[], kernel("6.12.0"));
        found.iter().map(|f| f.subject().to_owned()).collect::<Vec<_>>()
    };
    let has = |version: &str, name: &str| names(version).iter().any(|n| n == name);
    for (feature, first) in [
        ("nftables-proxy", 29),
        ("recursive-read-only-mounts", 30),
        ("psi", 33),
        ("safe-sysctl-tcp-rmem", 32),
        ("safe-sysctl-tcp-keepalive", 29),
        ("safe-sysctl-tcp-slow-start", 37),
    ] {
        assert!(!has(&format!("1.{}", first - 1), feature), "{feature}");
        assert!(has(&format!("1.{first}.5"), feature), "{feature}");
    }
    let found = ask(Some("1.32"), &["psi"], kernel("6.12.0"));
    let psi = found.iter().find(|f| f.subject() == "psi").unwrap();
    assert_eq!((psi.reason(), psi.severity()), ("not-in-version", Severity::Fail));
    assert!(psi.message().ends_with("came with 1.33"), "{}", psi.message());
}

#[test]
fn what_is_in_use_by_default_warns_and_what_is_not_is_told() {
    let off = |release| {
        let memory = kernel(release);
        memory.error("/proc/pressure/cpu", ReadErrorKind::System(Errno::OPNOTSUPP.to_string()))
    };
    let found = one("1.33", "psi", off("6.12.0"));
    assert_eq!(*found.outcome(), Outcome::NotApplicable, "alpha: off by default");
    assert!(found.message().ends_with("it is off by default"), "{}", found.message());
    let found = one("1.34", "psi", off("6.12.0"));
    assert_eq!((found.reason(), found.severity()), ("missing", Severity::Warn));
    assert!(format!("{:?}", found.mend()).contains("psi=1"), "{found:#?}");
    let found = required("psi", off("6.12.0"));
    assert_eq!((found.reason(), found.severity()), ("missing", Severity::Fail));
    // By the number.
    let old = || kernel("5.4.288");
    let found = one("1.36", "root-cpu-stat", old());
    assert_eq!((found.reason(), found.severity()), ("missing", Severity::Warn));
    // On by default since 1.37, and yet nothing is set by it.
    assert_eq!(*one("1.37", "memory-qos", old()).outcome(), Outcome::NotApplicable);
    for optional in ["nftables-proxy", "user-namespaces", "recursive-read-only-mounts", "tmpfs-noswap"] {
        let found = one("1.36", optional, old());
        assert_eq!(*found.outcome(), Outcome::NotApplicable, "{found:#?}");
        assert!(found.message().contains("this kernel is 5.4.288"), "{}", found.message());
        assert_eq!(required(optional, old()).severity(), Severity::Fail);
        assert_eq!(required(optional, old()).reason(), "missing");
    }
}

#[test]
fn the_function_goes_before_the_number() {
    // A vendor's old kernel that counts pressure.
    let found = one("1.36", "psi", kernel("4.18.0-553.el8_10.x86_64"));
    assert_eq!(found.reason(), "carried");
    assert!(found.message().ends_with("/proc/pressure/cpu shows that this kernel has it"));
    // A new one that has been told not to.
    let none = kernel("6.12.0").error("/proc/pressure/cpu", ReadErrorKind::Missing);
    assert_eq!(one("1.36", "psi", none).reason(), "missing");
    let none = kernel("6.12.0").file("/proc/sys/user/max_user_namespaces", "0\n");
    let found = required("user-namespaces", none);
    assert!(found.message().ends_with("user.max_user_namespaces is 0"), "{}", found.message());
    let v1 = || kernel("6.12.0").file("/proc/self/mountinfo", V1);
    assert_eq!(*one("1.36", "root-cpu-stat", v1()).outcome(), Outcome::NotApplicable);
    let found = one("1.36", "psi", v1());
    assert_eq!((found.reason(), found.severity()), ("missing", Severity::Warn));
    assert_eq!(found.cause().map(|c| (c.name.as_str(), c.is_root)), Some(("cgroup-layout", false)));
}

#[test]
fn a_live_kernel_without_the_file_has_it_not() {
    let memory = || kernel("6.12.0").error("/proc/sys/net/ipv4/tcp_wmem", ReadErrorKind::Missing);
    let found = required("safe-sysctl-tcp-rmem", memory().file("/proc/sys/kernel/pid_max", "1\n"));
    assert_eq!((found.reason(), found.severity()), ("missing", Severity::Fail));
}

#[test]
fn a_vendors_number_is_not_a_failure_unless_kubernetes_itself_compares_it() {
    let rhel = || kernel("4.18.0-553.el8_10.x86_64");
    let found = required("user-namespaces", rhel());
    assert!(matches!(found.outcome(), Outcome::Undetermined(Some(_))), "{found:#?}");
    assert!(found.message().contains("Red Hat"), "{}", found.message());
    let found = one("1.36", "user-namespaces", rhel());
    assert_eq!(*found.outcome(), Outcome::NotApplicable);
    assert!(found.all_notes().iter().any(|n| n.contains("bring features of later kernels")));
    let found = required("nftables-proxy", rhel());
    assert_eq!((found.reason(), found.severity()), ("missing", Severity::Fail));
    assert!(found.message().ends_with("kube-proxy itself compares the number"), "{}", found.message());
    assert!(matches!(one("1.36", "root-cpu-stat", rhel()).outcome(), Outcome::Undetermined(_)));
}

#[test]
fn not_knowing_is_neither() {
    let denied = ReadErrorKind::Denied("EACCES");
    for (feature, memory) in [
        ("psi", kernel("6.12.0").error("/proc/pressure/cpu", denied.clone())),
        ("psi", kernel("6.12.0").file("/proc/pressure/cpu", "")),
        ("psi", kernel("6.12.0").error("/proc/self/mountinfo", denied.clone())),
        // Neither the file nor the one beside it: a tree that holds no /proc.
        (
            "psi",
            kernel("6.12.0")
                .error("/proc/pressure/cpu", ReadErrorKind::Missing)
                .error("/proc/loadavg", ReadErrorKind::Missing),
        ),
        ("nftables-proxy", kernel("6.12.0").error("/proc/modules", denied.clone())),
        ("user-namespaces", kernel("6.12.0").error("/proc/self/ns", denied.clone())),
        ("user-namespaces", kernel("6.12.0").file("/proc/sys/user/max_user_namespaces", "many")),
        ("recursive-read-only-mounts", kernel("6.12.0").error(RELEASE, denied)),
    ] {
        let found = one("1.36", feature, memory);
        assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{feature}: {found:#?}");
    }
}

#[test]
fn what_was_not_built_in_is_not_there() {
    let memory = kernel("6.12.0").error("/proc/self/ns", ReadErrorKind::Denied("EACCES")).file(
        "/boot/config-6.12.0",
        "# Linux/x86 6.12.0 Kernel Configuration\n# CONFIG_USER_NS is not set\nCONFIG_PSI=y\n",
    );
    let found = required("user-namespaces", memory);
    assert_eq!((found.reason(), found.severity()), ("missing", Severity::Fail), "{found:#?}");
    assert_eq!(found.cause().map(|c| c.name.as_str()), Some("CONFIG_USER_NS"));
}

#[test]
fn newer_than_known_is_told() {
    let newer = format!("1.{}", NEWEST.minor + 1);
    let found = ask(Some(&newer), &[], kernel("6.12.0"));
    let data = found.iter().find(|f| f.subject() == DATA).unwrap();
    assert_eq!((data.reason(), data.severity()), ("newer-than-known", Severity::Warn));
    assert!(data.message().ends_with(&short(&NEWEST)), "{}", data.message());
    assert_eq!(found.len(), ask(None, &[], kernel("6.12.0")).len() + 1);
}

#[test]
fn parameters() {
    let wrong = |version: Option<&str>, features: &[&str]| {
        let features = features.iter().map(|&f| f.to_owned()).collect();
        let params = KubernetesFeaturesParams { kubernetes_version: version.map(str::to_owned), features };
        KubernetesFeatures::validate(&params).unwrap_err()
    };
    assert!(wrong(Some("new"), &[]).contains("`new` is no version of Kubernetes"));
    assert!(wrong(None, &["nftable-proxy"]).ends_with("did you mean `nftables-proxy`?"));
    assert!(wrong(None, &["psi", "psi"]).contains("named twice"));
}

proptest! {
    #[test]
    fn never_panics(release in ".{0,30}", version in "[0-9.v]{0,12}", limit in ".{0,6}") {
        let memory = kernel(&release).file("/proc/sys/user/max_user_namespaces", limit);
        let params = KubernetesFeaturesParams { kubernetes_version: Some(version), features: Vec::new() };
        let _ = KubernetesFeatures::validate(&params);
        let _ = KubernetesFeatures::run(&params, &Node::in_memory(memory), &mut Findings::default());
    }
}
