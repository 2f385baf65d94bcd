//! Every version of Kubernetes that is known, on every captured node: what has to change with the version does, and nothing
//! else; and every fact of tests/cases/kubernetes-by-version.yaml is in configs/kubernetes/versions.yaml, or said not to be.

mod common;

use common::{
    cases,
    nodes::{self, Captured},
    process::{Tree, policy, walk},
};
use preflight::{
    policy::{Date, Policy, Source},
    report::model::{Finding, Report},
    run::{Limits, Request, run},
};
use preflight_checks::{
    facts::kubernetes::{
        CGROUP_V1, CRICTL, EXECUTABLES, FEATURES, NEWEST, OLDEST, SUBJECTS, Stage, Subject, short,
    },
    node::Filesystem,
};
use semver::Version;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    thread,
    time::Duration,
};

/// The minors, oldest first.
fn minors() -> impl Iterator<Item = u64> {
    OLDEST.minor..=NEWEST.minor
}

fn load(text: &str, minor: u64) -> Arc<Policy> {
    let source = match text {
        "" => Source::Profile("kubernetes-node".to_owned()),
        text => Source::Stdin(text.as_bytes().to_vec()),
    };
    let set = [("kubernetesVersion".to_owned(), format!("1.{minor}"))];
    Arc::new(Policy::load(&source, &set).unwrap_or_else(|problems| panic!("{problems}")))
}

fn judge(policy: &Arc<Policy>, root: &std::path::Path) -> Report {
    run(&Request {
        root: "/captured".to_owned(),
        today: Date { year: 2026, month: 11, day: 22 },
        limits: Limits::with_deadline(Duration::from_secs(60)),
        ..Request::new(Arc::clone(policy), Arc::new(Filesystem::under(root).expect("a directory")))
    })
    .unwrap_or_else(|e| panic!("{e}"))
}

/// What a finding says that scripts may rely on. The message names the version, and may.
fn said(report: &Report) -> BTreeMap<String, String> {
    let tell = |f: &Finding| {
        let blocked = f.blocked_by.as_deref().unwrap_or_default();
        format!("{} {} {blocked}", f.verdict.as_str(), f.reason)
    };
    report.findings.iter().map(|f| (f.id.clone(), tell(f))).collect()
}

/// The rules that may answer otherwise from this minor on, and why. Rules that are not named here answer the same for all.
fn may_change(minor: u64, id: &str) -> bool {
    let rule = id.split('/').next().unwrap_or_default();
    let step = |subject: &Subject| subject.steps.iter().any(|s| (s.since.major, s.since.minor) == (1, minor));
    match rule {
        "cgroup-hierarchy" => step(&CGROUP_V1),
        // The kubelet refuses v1 from then on, so that nothing is asked of v1.
        "cgroup-controllers-v1" => {
            CGROUP_V1.at(&Version::new(1, minor, 0)).map(|s| s.stage) == Some(Stage::Refused)
                && step(&CGROUP_V1)
        }
        "executables" | "executables-before-1.33" | "executables-before-1.32" | "executables-before-1.31" => {
            step(&EXECUTABLES)
        }
        "kubernetes-features" => {
            // What follows from the layout is blocked by it from the version on that fails there.
            let name = id.split('/').nth(1).unwrap_or_default();
            let feature = FEATURES.iter().find(|f| f.subject.name == name);
            feature.is_some_and(|f| step(&f.subject) || (f.cgroup_v2 && step(&CGROUP_V1)))
        }
        _ => false,
    }
}

/// What changes from one minor to the next on one node that must not.
fn unexpected(captured: &Captured, policies: &BTreeMap<u64, Arc<Policy>>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut before: Option<BTreeMap<String, String>> = None;
    for (minor, policy) in policies {
        let now = said(&judge(policy, &captured.root));
        if let Some(before) = &before {
            let ids: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
            for id in ids {
                let (was, is) = (before.get(id), now.get(id));
                if was != is && !may_change(*minor, id) {
                    faults.push(format!("{}, 1.{minor}: {id}: {was:?} -> {is:?}", captured.name));
                }
            }
        }
        before = Some(now);
    }
    faults
}

#[test]
fn from_one_minor_to_the_next_only_that_changes_which_has_to() {
    let policies: BTreeMap<u64, Arc<Policy>> = minors().map(|minor| (minor, load("", minor))).collect();
    let nodes = nodes::all();
    let faults: Vec<String> = thread::scope(|scope| {
        let policies = &policies;
        let parts = nodes.chunks(nodes.len().div_ceil(4));
        let threads: Vec<_> = parts
            .map(|part| {
                scope.spawn(move || part.iter().flat_map(|n| unexpected(n, policies)).collect::<Vec<_>>())
            })
            .collect();
        threads.into_iter().flat_map(|t| t.join().expect("no panic")).collect()
    });
    assert!(faults.is_empty(), "{} changes:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn cgroup_v1_is_good_then_maintained_then_refused() {
    let node = nodes::named("debian-6.1.0-56-amd64/v1");
    for minor in minors() {
        let found = &said(&judge(&load("", minor), &node.root))["cgroup-hierarchy/layout"];
        let want = match minor {
            ..31 => "pass v1 ",
            31..35 => "warn maintenance ",
            _ => "fail refused ",
        };
        assert_eq!(found, want, "1.{minor}");
    }
}

#[test]
fn swap_is_what_the_version_can_make_of_it() {
    let policy =
        policy(&["{check: swap, with: {mode: allowed, kubernetesVersion: {input: kubernetesVersion}}}"]);
    let policy = policy.replace("checks:", "inputs: {kubernetesVersion: \"1.36\"}\nchecks:");
    let tree = Tree::new()
        .file("/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/swapfile file 4096 0 -2\n")
        .file("/proc/self/mountinfo", "29 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n");
    let mut messages = BTreeSet::new();
    for (minor, want) in [
        (21, "fail too-old "),
        (22, "fail too-old "),
        (27, "fail too-old "),
        (28, "warn gate-off "),
        (29, "warn gate-off "),
        (30, "pass usable "),
        (34, "pass usable "),
        (NEWEST.minor, "pass usable "),
    ] {
        let report = judge(&load(&policy, minor), tree.at("/").as_path());
        assert_eq!(said(&report)["swap/active"], want, "1.{minor}");
        messages.insert(report.findings[0].message.replace(&format!("1.{minor}"), "V"));
    }
    assert_eq!(messages.len(), 4, "1.21, 1.22, 1.28 and 1.30 differ: {messages:#?}");
}

#[test]
fn the_profile_asks_for_the_programs_that_kubeadm_does() {
    let tree = Tree::new();
    let asked = |minor: u64| -> BTreeSet<String> {
        let report = judge(&load("", minor), tree.at("/").as_path());
        report
            .findings
            .iter()
            .filter(|f| f.check == "executables")
            .filter_map(|f| f.subject.clone())
            .collect()
    };
    for minor in minors() {
        let step = EXECUTABLES.at(&Version::new(1, minor, 9)).expect("known");
        let (errors, warnings) = step.value.split_once("; ").unwrap_or((step.value, ""));
        let listed = |text: &str| text.split(", ").map(str::to_owned).collect::<BTreeSet<String>>();
        let asked = asked(minor);
        let missing: Vec<_> = listed(errors).into_iter().filter(|name| !asked.contains(name)).collect();
        assert!(missing.is_empty(), "1.{minor}: {missing:?} of {asked:?}");
        // Of what kubeadm only warns of, touch is in every system.
        let mut more = &listed(errors) | &listed(warnings);
        let crictl = CRICTL.at(&Version::new(1, minor, 9)).map(|step| step.stage);
        more.extend((crictl == Some(Stage::Required)).then(|| "crictl".to_owned()));
        assert!(asked.is_subset(&more), "1.{minor}: {asked:?}");
    }
}

#[test]
fn a_version_newer_than_known_says_so() {
    let node = nodes::named("debian-6.1.0-56-amd64/v2");
    let of = |minor| said(&judge(&load("", minor), &node.root));
    let newer = of(NEWEST.minor + 1);
    assert_eq!(newer["kubernetes-features/versions"], "warn newer-than-known ");
    let known = of(NEWEST.minor);
    let mut differs = newer.iter().filter(|(id, said)| known.get(*id) != Some(*said));
    assert_eq!(differs.next().map(|(id, _)| id.as_str()), Some("kubernetes-features/versions"));
    assert_eq!(differs.next(), None);
}

/// Where a row of the facts is: a step of a subject, a feature, or nowhere, with the reason.
enum Place {
    Step(&'static str, &'static str),
    Feature(&'static str),
    Not(&'static str),
}

/// Every row of tests/cases/kubernetes-by-version.yaml: `section/key`, or `section` alone, or `kernel_by_feature/feature`.
const ROWS: &[(&str, Place)] = &[
    ("newest_seen", Place::Not("superseded: 1.37 was released since, and `newest` says so")),
    ("cgroup_v1/1.25", Place::Step("cgroup-v2", "1.25")),
    ("cgroup_v1/1.31", Place::Step("cgroup-v1", "1.31")),
    ("cgroup_v1/1.35", Place::Step("cgroup-v1", "1.35")),
    ("cgroup_v1/1.38", Place::Step("cgroup-v1", "1.38")),
    ("cgroup_v1/upgrade", Place::Not("upgrades are not judged")),
    ("cgroup_v1/also", Place::Not("of systemd, not of Kubernetes: facts/systemd.rs")),
    ("cgroup_v2_requirements", Place::Step("cgroup-v2", "1.25")),
    ("kubelet_needs_cgroup", Place::Step("kubelet-controllers", "1.28")),
    ("kernel_by_feature/kube-proxy nftables mode", Place::Feature("nftables-proxy")),
    ("kernel_by_feature/kube-proxy ipvs mode", Place::Feature("ipvs-proxy")),
    ("kernel_by_feature/kube-proxy iptables mode", Place::Step("proxy-mode", "1.2")),
    ("kernel_by_feature/recursive read-only mounts", Place::Feature("recursive-read-only-mounts")),
    ("kernel_by_feature/pod user namespaces", Place::Feature("user-namespaces")),
    ("kernel_by_feature/swap with tmpfs noswap", Place::Feature("tmpfs-noswap")),
    ("kernel_by_feature/PSI metrics", Place::Feature("psi")),
    ("kernel_by_feature/MemoryQoS (memory.high)", Place::Feature("memory-qos")),
    ("kernel_by_feature/safe sysctl net.ipv4.tcp_rmem/tcp_wmem", Place::Feature("safe-sysctl-tcp-rmem")),
    ("kernel_by_feature/safe sysctl tcp_keepalive_*", Place::Feature("safe-sysctl-tcp-keepalive")),
    ("kernel_by_feature/safe sysctl tcp_fin_timeout", Place::Feature("safe-sysctl-tcp-fin-timeout")),
    (
        "kernel_by_feature/safe sysctl ip_local_reserved_ports",
        Place::Feature("safe-sysctl-ip-local-reserved-ports"),
    ),
    ("kernel_by_feature/root cpu.stat in cgroup v2", Place::Feature("root-cpu-stat")),
    ("ports/control_plane", Place::Step("ports-control-plane", "1.28")),
    ("ports/worker", Place::Step("ports-worker", "1.28")),
    ("ports/local_only", Place::Step("ports-worker", "1.28")),
    ("minimum", Place::Step("machine", "1.28")),
    ("sysctls/kubeadm_errors", Place::Step("sysctls", "1.28")),
    ("sysctls/kubeadm_dropped_1_30", Place::Step("sysctls", "1.30")),
    ("sysctls/kubelet_protectKernelDefaults", Place::Step("kernel-defaults", "1.28")),
    ("modules", Place::Not("the same in every version: the rule kernel-modules of the profile")),
    ("executables_checked_by_kubeadm/<=1.31.0", Place::Step("executables", "1.28")),
    ("executables_checked_by_kubeadm/1.31.1", Place::Step("executables", "1.31.1")),
    ("executables_checked_by_kubeadm/1.32", Place::Step("executables", "1.32")),
    ("executables_checked_by_kubeadm/1.33", Place::Step("executables", "1.33")),
    ("executables_checked_by_kubeadm/crictl", Place::Step("crictl", "1.31")),
    ("swap/<=1.21", Place::Step("swap", "1.8")),
    ("swap/1.22", Place::Step("swap", "1.22")),
    ("swap/1.28", Place::Step("swap", "1.28")),
    ("swap/1.30", Place::Step("swap", "1.30")),
    ("swap/1.34", Place::Step("swap", "1.34")),
    ("cri/v1_only_since", Place::Step("cri", "1.26")),
    ("cri/known_endpoints", Place::Not("the same in every version: facts of the runtime")),
    ("cri/RuntimeConfig", Place::Step("runtime-config", "1.38")),
    ("cri/containerd_matrix", Place::Step("containerd", "1.33")),
    ("cri/containerd_eol", Place::Not("of containerd by date, not of Kubernetes by version")),
    ("cgroup_driver", Place::Step("cgroup-driver", "1.22")),
    ("external_etcd_min", Place::Step("external-etcd", "1.36")),
    ("version_skew", Place::Step("kubelet-skew", "1.28")),
    ("kernel_traps", Place::Not("of kernels, not of Kubernetes: facts/cgroup and facts/modules")),
];

/// The rows of the table of facts, by the names above.
fn rows() -> BTreeSet<String> {
    let whole: Map<String, Value> = cases::load("kubernetes-by-version");
    let named: BTreeSet<&str> = ROWS.iter().map(|(row, _)| *row).collect();
    let mut rows = BTreeSet::new();
    for (section, value) in &whole {
        match value {
            _ if named.contains(section.as_str()) => {
                rows.insert(section.clone());
            }
            Value::Array(entries) => {
                let of = |entry: &Value| format!("{section}/{}", entry["feature"].as_str().unwrap_or("?"));
                rows.extend(entries.iter().map(of));
            }
            Value::Object(entries) => rows.extend(entries.keys().map(|key| format!("{section}/{key}"))),
            other => panic!("{section} is {other}"),
        }
    }
    rows
}

#[test]
fn every_fact_is_among_the_data_or_said_not_to_be() {
    let named: BTreeSet<String> = ROWS.iter().map(|(row, _)| (*row).to_owned()).collect();
    assert_eq!(named.len(), ROWS.len());
    assert_eq!(rows(), named);
    for (row, place) in ROWS {
        match place {
            Place::Step(name, since) => {
                let subject =
                    SUBJECTS.iter().find(|s| s.name == *name).unwrap_or_else(|| panic!("{row}: {name}"));
                assert!(
                    subject.steps.iter().any(|step| short(&step.since) == *since),
                    "{row}: {name} {since}"
                );
            }
            Place::Feature(name) => {
                assert!(FEATURES.iter().any(|f| f.subject.name == *name), "{row}: {name}");
            }
            Place::Not(why) => assert!(why.len() > 20, "{row}"),
        }
    }
}

/// The values in the table, where one and the same value stands in both.
#[test]
fn what_the_facts_say_is_what_the_data_say() {
    let whole: Map<String, Value> = cases::load("kubernetes-by-version");
    let listed = |value: &Value| -> Vec<String> {
        value.as_array().expect("a list").iter().map(|v| v.as_str().expect("a word").to_owned()).collect()
    };
    let step = |name: &str, minor: u64| {
        let subject = SUBJECTS.iter().find(|s| s.name == name).expect(name);
        subject.at(&Version::new(1, minor, 0)).unwrap_or_else(|| panic!("{name} 1.{minor}"))
    };
    for (version, range) in whole["cri"]["containerd_matrix"].as_object().expect("a table") {
        let minor = version.strip_prefix("1.").and_then(|m| m.parse().ok()).expect("a minor");
        assert_eq!(Some(step("containerd", minor).value), range.as_str(), "{version}");
    }
    let executables = &whole["executables_checked_by_kubeadm"]["<=1.31.0"];
    let all = [listed(&executables["error"]).join(", "), listed(&executables["warn"]).join(", ")].join("; ");
    assert_eq!(step("executables", 28).value, all);
    for feature in whole["kernel_by_feature"].as_array().expect("a list") {
        let name = format!("kernel_by_feature/{}", feature["feature"].as_str().expect("a name"));
        let (_, place) = ROWS.iter().find(|(row, _)| *row == name).expect("a row");
        let Place::Feature(of) = place else { continue };
        let found = FEATURES.iter().find(|f| f.subject.name == *of).expect(of);
        let kernel = feature["kernel"].as_str().expect("a kernel");
        // Where the data know better, they say why.
        let known_better = matches!(*of, "tmpfs-noswap" | "memory-qos");
        assert!(known_better || kernel.contains(&short(&found.kernel)), "{name}: {kernel}, {}", found.kernel);
    }
    for (name, ports) in [("ports-control-plane", "control_plane"), ("ports-worker", "worker")] {
        for port in whole["ports"][ports].as_array().expect("a list") {
            let port = format!("tcp/{}", port["tcp"].to_string().trim_matches('"'));
            assert!(step(name, 36).value.split(", ").any(|p| p == port), "{name}: {port}");
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the source is no part of a node")]
fn no_check_holds_a_version_of_kubernetes() {
    let checks = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("checks/src/checks");
    for (name, path) in walk(&checks) {
        let text = std::fs::read_to_string(path).expect("a source");
        let code = text.lines().take_while(|line| *line != "#[cfg(test)]");
        let code: Vec<&str> = code.map(str::trim_start).filter(|line| !line.starts_with("//")).collect();
        for line in code.iter().filter(|_| !name.ends_with("/tests.rs")) {
            let minors = (20..=NEWEST.minor + 2)
                .map(|minor| [format!("(1, {minor}, "), format!("Kubernetes 1.{minor}")]);
            let found = minors.flatten().find(|text| line.contains(text.as_str()));
            assert!(found.is_none(), "{name}: {line}: configs/kubernetes/versions.yaml is the place");
        }
    }
}
