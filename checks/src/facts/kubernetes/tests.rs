use super::{compile::compile, *};
use proptest::prelude::*;

/// The data that are built in.
const DATA: &str = include_str!("../../../kubernetes-versions.yaml");

fn version(minor: u64) -> Version {
    Version::new(1, minor, 0)
}

#[test]
fn what_holds_when() {
    for (subject, minor, stage) in [
        (&CGROUP_V1, 30, Stage::Stable),
        (&CGROUP_V1, 31, Stage::Maintenance),
        (&CGROUP_V1, 34, Stage::Maintenance),
        (&CGROUP_V1, 35, Stage::Refused),
        (&SWAP, 21, Stage::Unsupported),
        (&SWAP, 22, Stage::Alpha),
        (&SWAP, 28, Stage::Beta),
        (&SWAP, 34, Stage::Stable),
        // Announced for 1.38 only.
        (&CGROUP_V1, 99, Stage::Refused),
        (&RUNTIME_CONFIG, 99, Stage::Stable),
    ] {
        let step = subject.at(&version(minor)).expect(subject.name);
        assert_eq!(step.stage, stage, "{} {minor}", subject.name);
    }
    assert!(CGROUP_V2.at(&version(24)).is_none());
    assert_eq!(CGROUP_V1.after(&version(31)).map(|step| short(&step.since)), Some("1.35".to_owned()));
    assert!(CGROUP_V1.after(&version(35)).is_some_and(|step| step.planned));
    assert_eq!(EXECUTABLES.at(&Version::new(1, 31, 2)).map(|step| short(&step.since)), Some("1.31.1".into()));
    assert_eq!(SWAP.first(Stage::Beta).map(|step| &step.since), Some(&version(28)));
    assert!(is_newer_than_known(&version(NEWEST.minor + 1)));
    assert!(!is_newer_than_known(&Version::new(1, NEWEST.minor, 9)));
}

#[test]
fn steps_as_sentences() {
    for (subject, minor, sentence) in [
        (&CGROUP_V1, 31, "maintenance since Kubernetes 1.31: it gets no new features"),
        (&SWAP, 28, "beta since Kubernetes 1.28, off by default: on cgroup v2 only"),
        (&SWAP, 30, "beta since Kubernetes 1.30, on by default: pods get none"),
        (&KUBELET_SKEW, 36, "3: never newer"),
        (&EXECUTABLES, 33, "mount, losetup, cp since Kubernetes 1.33: ip, iptables"),
    ] {
        let found = subject.at(&version(minor)).expect(subject.name).sentence();
        assert!(found.starts_with(sentence), "{found}");
    }
    let planned = CGROUP_V1.after(&version(36)).map(Step::sentence).unwrap_or_default();
    assert!(planned.starts_with("planned for Kubernetes 1.38: removed: its code may go"), "{planned}");
}

#[test]
fn a_step_holds_until_the_next() {
    for subject in SUBJECTS.iter().copied().chain(FEATURES.iter().map(|f| &f.subject)) {
        for minor in OLDEST.minor..=NEWEST.minor {
            let known = subject.at(&version(minor));
            let first = &subject.steps[0].since;
            assert_eq!(known.is_some(), *first <= version(minor), "{} {minor}", subject.name);
        }
    }
}

#[test]
fn wrong_data_is_refused_with_the_place() {
    assert!(compile(DATA).is_ok());
    for (right, wrong, message) in [
        ("newest: \"1.37\"", "newest: \"1.20\"", "newest: has to be newer"),
        ("newest: \"1.37\"", "newest: next", "`next` is no version"),
        ("newest: \"1.37\"", "newest: \"1.38\"", "cgroup-v1, step 1.38: `planned` is what is later"),
        (
            "since: \"1.31\"\n        stage: maintenance",
            "since: \"1.36\"\n        stage: maintenance",
            "cgroup-v1, step 1.35: has to be later",
        ),
        (
            "since: \"1.31\"\n        stage: maintenance",
            "since: \"1.310\"\n        stage: maintenance",
            "cgroup-v1, step 1.310: `planned`",
        ),
        ("stage: maintenance", "stage: tired", "cgroup-v1, step 1.31: `tired` is none of alpha, beta"),
        (
            "        source: KEP-4569\n      - since: \"1.31\"",
            "        source: \"\"\n      - since: \"1.31\"",
            "cgroup-v1, step 1.0: `source` has to say",
        ),
        ("        source: KEP-4569\n      - since: \"1.31\"", "      - since: \"1.31\"", "source"),
        (
            "        stage: beta\n        on: false\n        text: on cgroup",
            "        stage: beta\n        text: on cgroup",
            "swap, step 1.28: a beta has to say",
        ),
        ("name: cgroup-v2", "name: cgroup-v1", "cgroup-v1: this name is there twice"),
        ("name: cgroup-v2", "name: Cgroup v2", "a name is made of a-z"),
        ("kernel: \"5.13\"", "kernel: new", "nftables-proxy: `new` is no version"),
        ("use: cluster", "use: sometimes", "nftables-proxy: `sometimes` is none of always"),
        ("proof: /proc/pressure/cpu", "proof: pressure", "psi: `pressure` is no absolute path"),
        ("    proof: /proc/pressure/cpu\n", "", "psi: `beside` is for a `proof`"),
        ("cgroup: v2", "cgroup: v1", "psi: `cgroup` can be v2 or"),
        ("namespace: user", "namespace: net", "user-namespaces: `namespace`"),
        ("title: Swap", "titel: Swap", "titel"),
    ] {
        let data = DATA.replacen(right, wrong, 1);
        assert_ne!(data, DATA, "{right}");
        let problems = compile(&data).expect_err(wrong);
        assert!(problems.contains(message), "{wrong}: {problems}");
        assert!(problems.lines().all(|line| !line.is_empty()), "{problems}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn cut_data_never_panics(cut in 0_usize..DATA.len()) {
        if DATA.is_char_boundary(cut) {
            let _ = compile(&DATA[..cut]);
        }
    }
}
