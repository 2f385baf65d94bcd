//! `preflight policy test` as people run it, and the policies that are given to deploy.
#![allow(clippy::disallowed_methods)] // tests write and read their own files

mod common;

use common::{nodes, process::preflight};
use std::{fs, path::Path};

const POLICY: &str = "apiVersion: preflight/v1\nkind: Policy\nmetadata: {name: p}\ninputs: {least: 4}\nchecks:\n  - {check: cpu, with: {count: {input: least}}}\n  - {check: hostname}\nwaivers:\n  - {finding: hostname/name, reason: r, until: 2027-01-31}\n";

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs cases that are written in a directory of their own, beside the policy above.
fn test_in(directory: &Path, cases: &str, more: &[&str]) -> Ran {
    fs::write(directory.join("p.yaml"), POLICY).unwrap();
    let file = directory.join("p.test.yaml");
    fs::write(&file, format!("apiVersion: preflight/v1\nkind: PolicyTest\npolicy: ./p.yaml\n{cases}"))
        .unwrap();
    let file = file.display().to_string();
    let arguments: Vec<&str> = ["policy", "test", &file].into_iter().chain(more.iter().copied()).collect();
    let ran = preflight(&arguments);
    Ran { code: ran.code, out: ran.stdout, err: ran.stderr }
}

fn test(cases: &str, more: &[&str]) -> Ran {
    let here = tempfile::tempdir().unwrap();
    test_in(here.path(), cases, more)
}

const NODE: &str = "node:\n  files:\n    /sys/devices/system/cpu/online: \"0-3\\n\"\n    /proc/self/status: \"Cpus_allowed_list:\\t0-3\\n\"\n    /proc/sys/kernel/hostname: \"Node_1\\n\"\n    /etc/hostname: \"Node_1\\n\"\n";

#[test]
fn cases_hold_or_say_why_not() {
    let cases = format!(
        "{NODE}cases:\n  - {{name: good, expect: {{findings: {{\"hostname/*\": [warn, fail]}}}}}}\n  - name: bad\n    set: {{least: 8}}\n    expect: {{verdict: pass, findings: {{cpu/count: pass, \"cpu/cuont\": pass}}}}\n"
    );
    let ran = test(&cases, &[]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert!(ran.out.starts_with("ok    good\nFAIL  bad ("), "{}", ran.out);
    assert!(ran.out.contains("did you mean `cpu/count`?"), "{}", ran.out);
    assert!(ran.out.ends_with("2 cases: 1 ok, 1 failed\n"), "{}", ran.out);
    let ran = test(&cases, &["--only", "go*"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "ok    good\n1 case: 1 ok, 0 failed\n"));
    let ran = test(&cases, &["-o", "json"]);
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&told["holds"], &told["cases"][0]["holds"]), (&false.into(), &true.into()));
    let ran = test(&cases, &["--only", "nothing"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(test(&cases, &["-v", "--only", "good"]).out.contains("hostname/name ("));
}

#[test]
fn waivers_hold_on_the_day_of_the_case() {
    let case = |day: &str, verdict: &str| {
        format!(
            "{NODE}cases:\n  - {{name: c, today: {day}, expect: {{findings: {{hostname/name: {verdict}}}}}}}\n"
        )
    };
    assert_eq!(test(&case("2027-01-31", "warn"), &[]).code, Some(0));
    assert_eq!(test(&case("2027-02-01", "fail"), &[]).code, Some(0));
}

#[test]
fn mistakes_end_with_3_and_their_place() {
    for (cases, says) in [
        ("cases: []\n", "there is no case"),
        (
            "cases:\n  - {name: a, node: {root: x}, expect: {verdct: pass}}\n",
            "p.test.yaml:5:41: error: unknown key `verdct`",
        ),
        (
            "set: {lest: 5}\ncases:\n  - {name: a, node: {files: {/x: y}}, expect: {verdict: pass}}\n",
            "no input `lest`",
        ),
    ] {
        let ran = test(cases, &[]);
        assert_eq!(ran.code, Some(3), "{cases}{}{}", ran.out, ran.err);
        assert!(ran.err.contains(says), "{}", ran.err);
    }
    let ran = preflight(&["policy", "test", "/nowhere/at/all.yaml"]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let ran = test("cases:\n  - {name: a, node: {root: nowhere}, expect: {verdict: pass}}\n", &[]);
    assert_eq!(ran.code, Some(1), "a node that can't be opened fails its case: {}", ran.err);
}

#[test]
fn files_lie_on_top_of_a_tree() {
    let here = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&nodes::named("debian-6.1.0-56-amd64/v2").root, here.path().join("tree"))
        .unwrap();
    let policy =
        "apiVersion: preflight/v1\nkind: PolicyTest\npolicy: kubernetes-node\nnode: {root: tree}\ncases:\n";
    let file = here.path().join("t.test.yaml");
    fs::write(
        &file,
        format!(
            "{policy}  - {{name: as it is, expect: {{findings: {{kernel-version/release: pass, cgroup-controllers/memory: pass}}}}}}\n\
             \x20 - name: another kernel\n    node: {{files: {{/proc/sys/kernel/osrelease: \"3.10.0\\n\"}}}}\n    expect: {{findings: {{kernel-version/release: {{verdict: warn, reason: too-old}}}}}}\n\
             \x20 - name: no kernel is told\n    node: {{missing: [/proc/sys/kernel/osrelease]}}\n    expect: {{findings: {{kernel-version: {{determined: false}}}}}}\n\
             \x20 - name: it can't be read\n    node: {{denied: [/proc/sys/kernel/osrelease]}}\n    expect: {{findings: {{kernel-version: {{determined: false}}}}}}\n"
        ),
    )
    .unwrap();
    let ran = preflight(&["policy", "test", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_host_passes_the_policy_that_is_made_of_it() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("host.yaml").display().to_string();
    let roots = [
        "debian-6.1.0-56-amd64/v2",
        "debian-6.1.0-56-amd64/v2-disable-memory",
        "debian-6.1.0-56-amd64/hybrid",
    ];
    let all = nodes::all().iter().filter(|node| roots.contains(&node.name.as_str()));
    let roots = all.map(|node| Some(node.root.display().to_string())).chain([None]);
    for root in roots {
        let on: Vec<&str> = root.as_deref().map(|root| vec!["--root", root]).unwrap_or_default();
        let made = preflight(&[&["policy", "init", "--from-host"], &on[..]].concat());
        assert_eq!(made.code, Some(0), "{root:?}: {}", made.stderr);
        fs::write(&file, &made.stdout).unwrap();
        let lint = preflight(&["policy", "lint", &file]);
        assert!(
            lint.code == Some(0) && lint.stdout.contains("nothing wrong\n"),
            "{}{}",
            lint.stdout,
            lint.stderr
        );
        let judged = preflight(&[&["-c", &file, "-q"], &on[..]].concat());
        assert_eq!(judged.code, Some(0), "{root:?}: {}\n{}", made.stdout, judged.stdout);
    }
    let skeleton = preflight(&["policy", "init"]);
    fs::write(&file, &skeleton.stdout).unwrap();
    assert_eq!(preflight(&["policy", "lint", &file]).code, Some(0));
}

#[test]
fn where_everything_in_a_policy_comes_from() {
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("mine.yaml");
    fs::write(
        &file,
        "apiVersion: preflight/v1\nkind: Policy\nextends: [k3s]\ninputs: {role: control-plane}\nchecks:\n  - {check: swap, with: {mode: \"off\", kubernetesVersion: {input: kubernetesVersion}}}\n",
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let ran = preflight(&["policy", "show", "--explain", file, "--set", "kubernetesVersion=1.36"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let swap =
        ran.stdout.split("  # from ").find(|rule| rule.contains("\n  - check: swap\n")).expect("the rule");
    assert!(swap.starts_with(&format!("{file}:6:")), "{swap}");
    assert!(
        swap.contains("\n  #   instead of profile k3s:")
            && swap.contains("\n  #   instead of profile kubernetes-node:"),
        "{swap}"
    );
    assert!(swap.contains("\n  #   the input kubernetesVersion is \"1.36\", from --set\n"), "{swap}");
    let head = ran.stdout.split("apiVersion").next().expect("a head");
    assert!(head.contains(&format!("# the input role is control-plane, from {file}\n")), "{head}");
    // It is a policy all the same.
    let again = common::process::preflight_with(&ran.stdout, &["policy", "lint", "-"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
}

#[test]
fn rules_that_contradict_each_other_are_told() {
    let lint = |one: &str, other: &str| {
        let policy = format!(
            "apiVersion: preflight/v1\nkind: Policy\nchecks:\n  - {{id: a, check: sysctl, with: {{settings: [{{key: vm.swappiness, {one}}}]}}}}\n  - {{id: b, check: sysctl, {other}}}]}}}}\n"
        );
        common::process::preflight_with(&policy, &["policy", "lint", "-"])
    };
    let plain = "with: {settings: [{key: vm.swappiness, ";
    for (one, other, why) in [
        ("equals: 1", "equals: 2", "can't be 1 and 2"),
        ("equals: 10", "atLeast: 20", "can't be 10 and at least 20"),
        ("atLeast: 50", "atMost: 40", "can't be at least 50 and at most 40"),
    ] {
        let ran = lint(one, &format!("{plain}{other}"));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(
            ran.stdout.contains("warning: no node obeys both this and the rule `a`")
                && ran.stdout.contains(why),
            "{}",
            ran.stdout
        );
    }
    for (one, other) in [
        ("equals: 1", format!("{plain}equals: \"01\"")),
        ("atLeast: 1", format!("{plain}atMost: 1")),
        ("equals: 1", format!("when: {{cgroup: v2}}, {plain}equals: 2")),
    ] {
        let ran = lint(one, &other);
        assert!(ran.stdout.contains("nothing wrong\n"), "{}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn kernels_that_contradict_each_other_are_told() {
    let lint = |one: &str, other: &str| {
        let policy = format!(
            "apiVersion: preflight/v1\nkind: Policy\nchecks:\n  - {{id: a, check: kernel-version, with: {{requires: \"{one}\"}}}}\n  - {{id: b, check: kernel-version, with: {{requires: \"{other}\"}}}}\n"
        );
        common::process::preflight_with(&policy, &["policy", "lint", "-", "--strict"])
    };
    for (one, other, says) in [
        (">=6", "<5.10", "standard input:5:53: warning: no node obeys both this and the rule `a`"),
        (">=6", ">=6, <5", "standard input:5:53: warning: there is no version within `>=6, <5`"),
    ] {
        let ran = lint(one, other);
        assert!(ran.code == Some(1) && ran.stdout.contains(says), "{}{}", ran.stdout, ran.stderr);
    }
    let ran = lint(">=5", "<6");
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn rules_that_are_never_asked_are_told() {
    let lint = |when: &str| {
        let policy = format!(
            "apiVersion: preflight/v1\nkind: Policy\ninputs: {{role: worker, kubernetesVersion: \"1.36\"}}\nchecks:\n  - {{id: a, check: hostname, when: {{{when}}}}}\n"
        );
        common::process::preflight_with(&policy, &["policy", "lint", "-", "--strict"])
    };
    for (when, why) in [
        ("kernel: \">=6, <5\"", "no kernel lies within `>=6, <5`"),
        ("kubernetes: \">1.36, <1.30\"", "no version of Kubernetes lies within `>1.36, <1.30`"),
        ("role: worker, inputs: {role: control-plane}", "the role can only be worker"),
        ("inputs: {role: master}", "the role can only be control-plane or worker"),
        (
            "kubernetes: \">=1.36\", inputs: {kubernetesVersion: \"1.35\"}",
            "no version of Kubernetes within `>=1.36`",
        ),
    ] {
        let ran = lint(when);
        assert!(
            ran.code == Some(1)
                && ran.stdout.contains("standard input:5:10: warning: the rule `a` is never asked: ")
                && ran.stdout.contains(why),
            "{when}: {}{}",
            ran.stdout,
            ran.stderr
        );
    }
    // What the policy says of its inputs, `--set` may change.
    for when in [
        "role: control-plane",
        "kubernetes: \"<1.30\"",
        "inputs: {role: [master, worker]}",
        "kernel: \">=5, <6\"",
    ] {
        let ran = lint(when);
        assert_eq!(ran.code, Some(0), "{when}: {}{}", ran.stdout, ran.stderr);
    }
}

#[test]
fn the_policies_to_deploy_hold_their_cases() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/policies");
    let mut tested = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if name.ends_with(".test.yaml") {
            let ran = preflight(&["policy", "test", &name]);
            assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
            tested += 1;
        } else {
            let ran = preflight(&["policy", "lint", &name]);
            assert!(
                ran.code == Some(0) && ran.stdout.contains("nothing wrong\n"),
                "{}{}",
                ran.stdout,
                ran.stderr
            );
        }
    }
    assert!(tested > 0);
    // 1,391 lines there; docs/policies.md says so.
    let lines = include_str!("../configs/policies/embedded-cluster.yaml").lines().count();
    assert!(lines < 150, "{lines}");
}
