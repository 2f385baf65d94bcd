//! `extends`: what wins, and what is refused.

use super::*;
use std::path::PathBuf;
use tempfile::TempDir;

/// Writes policies, each with its head, and gives the path of the first.
fn files(files: &[(&str, &str)]) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    for (name, body) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{HEAD}{body}")).unwrap();
    }
    let first = dir.path().join(files[0].0);
    (dir, first)
}

fn resolved(list: &[(&str, &str)]) -> Policy {
    let (_dir, first) = files(list);
    load(&Source::File(first), &[]).unwrap_or_else(|e| panic!("{e}")).policy
}

fn problems(list: &[(&str, &str)]) -> String {
    let (dir, first) = files(list);
    let found = wrong(&Source::File(first)).to_string();
    found.replace(&format!("{}/", dir.path().display()), "")
}

#[test]
fn later_ones_win_rule_by_rule() {
    let policy = resolved(&[
        (
            "main.yaml",
            "extends: [a.yaml, sub/b.yaml]\ninputs: {y: 2}\nchecks:\n  - check: alpha\n    severity: warn\n  - {id: own, check: beta}\nwaivers: [{finding: m, reason: r}]\n",
        ),
        (
            "a.yaml",
            "inputs: {x: a, y: 1}\nchecks:\n  - check: alpha\n    onUnknown: fail\n    with: {count: 5}\n  - {id: two, check: beta, severity: warn}\nwaivers: [{finding: a, reason: r}]\n",
        ),
        ("sub/b.yaml", "inputs: {x: b}\nchecks:\n  - {id: three, check: beta}\n  - {id: two, check: beta}\n"),
    ]);
    assert_eq!(policy.name, "main");
    assert_eq!(ids(&policy), ["alpha", "two", "three", "own"]);
    let alpha = &policy.rules[0];
    // The whole rule is replaced, not merged.
    assert_eq!(alpha.severity, preflight_checks::Severity::Warn);
    assert_eq!(alpha.on_unknown, crate::policy::OnUnknown::Warn);
    assert!(alpha.origin.ends_with("main.yaml"));
    assert_eq!(policy.rules[1].severity, preflight_checks::Severity::Fail);
    assert!(policy.rules[1].origin.ends_with("sub/b.yaml"));
    assert_eq!(policy.inputs.0["x"], "b");
    assert_eq!(policy.inputs.0["y"], "2");
    assert_eq!(policy.waivers.iter().map(|w| w.finding.as_str()).collect::<Vec<_>>(), ["a", "m"]);
}

#[test]
fn what_two_files_extend_applies_once() {
    // `b` changes a rule of `base`; that `c` extends `base` too does not change it back.
    let policy = resolved(&[
        ("main.yaml", "extends: [b.yaml, c.yaml]\n"),
        ("b.yaml", "extends: [base.yaml]\nchecks: [{check: alpha, severity: warn}]\n"),
        ("c.yaml", "extends: [./base.yaml]\nchecks: [{check: beta}]\n"),
        ("base.yaml", "checks: [{check: alpha}]\nwaivers: [{finding: x, reason: y}]\n"),
    ]);
    assert_eq!(ids(&policy), ["alpha", "beta"]);
    assert_eq!(policy.rules[0].severity, preflight_checks::Severity::Warn);
    assert_eq!(policy.waivers.len(), 1);
}

#[test]
fn an_error_in_an_extended_file() {
    assert_eq!(
        problems(&[
            ("main.yaml", "extends: [base.yaml]\nchecks: [{check: gamma}]\n"),
            ("base.yaml", "checks:\n  - check: alpha\n    with: { cuont: 1 }\n"),
        ]),
        "\
main.yaml:4:18: error: there is no check `gamma`
  |
4 | checks: [{check: gamma}]
  |                  ^^^^^
  = help: valid here: `alpha`, `beta`
base.yaml:5:13: error: unknown key `cuont`
  |
5 |     with: { cuont: 1 }
  |             ^^^^^
  = note: main.yaml:3:11 extends this file
  = help: did you mean `count`?
"
    );
}

#[test]
fn a_file_that_is_not_there() {
    assert_eq!(
        problems(&[("main.yaml", "extends: [nope.yaml]\nchecks: [{check: beta, when: {role: worker}}]\n")]),
        "\
main.yaml:3:11: error: nope.yaml cannot be read: No such file or directory
  |
3 | extends: [nope.yaml]
  |           ^^^^^^^^^
"
    );
    let found = wrong(&Source::File("/nonexistent/p.yaml".into())).to_string();
    assert_eq!(found, "/nonexistent/p.yaml: error: cannot be read: No such file or directory\n");
    let found = wrong(&Source::File("/".into())).to_string();
    assert_eq!(found, "/: error: cannot be read: Is a directory\n");
}

#[test]
fn profiles_by_name_and_files_by_path() {
    assert_eq!(Source::named("minimal"), Source::Profile("minimal".into()));
    for path in ["p.yaml", "p.YML", "./minimal", "a/b"] {
        assert_eq!(Source::named(path), Source::File(path.into()));
    }
    assert_eq!(
        wrong(&Source::named("kubernetes-wroker")).to_string(),
        "profile kubernetes-wroker: error: there is no profile `kubernetes-wroker`\n  = help: did you mean \
         `kubernetes-worker`? A file of this name is `./kubernetes-wroker`\n"
    );
}

#[test]
fn circles() {
    let found = problems(&[
        ("a.yaml", "extends: [b.yaml]\nchecks: [{check: beta}]\n"),
        ("b.yaml", "extends: [sub/../a.yaml]\n"),
        ("sub/x", ""),
    ]);
    assert!(
        found.starts_with("b.yaml:3:11: error: sub/../a.yaml extends itself (a.yaml → b.yaml →)\n"),
        "{found}"
    );
    assert!(found.ends_with("  = note: a.yaml:3:11 extends this file\n"), "{found}");
    let found = problems(&[("a.yaml", "extends: [a.yaml]\n")]);
    assert!(found.contains("a.yaml extends itself (a.yaml →)"), "{found}");
}

#[test]
fn too_deep_and_too_many() {
    let chain: Vec<_> = (0..12)
        .map(|i| (format!("{i}.yaml"), format!("extends: [{}.yaml]\nchecks: [{{check: beta}}]\n", i + 1)))
        .collect();
    let chain: Vec<_> = chain.iter().map(|(n, b)| (n.as_str(), b.as_str())).collect();
    let found = problems(&chain);
    assert!(found.starts_with("8.yaml:3:11: error: files extend each other more than 8 deep"), "{found}");

    let names: Vec<_> = (0..40).map(|i| format!("{i}.yaml")).collect();
    let main = format!("extends: [{}]\n", names.join(", "));
    let mut wide = vec![("main.yaml", main.as_str())];
    wide.extend(names.iter().map(|n| (n.as_str(), "checks: [{check: beta}]\n")));
    assert!(problems(&wide).contains("error: the policy is made of more than 32 files"));
}

#[test]
fn the_sum_is_that_of_the_file_itself() {
    let policy = policy("checks: [{check: beta}]\n");
    // printf 'apiVersion: preflight/v1\nkind: Policy\nchecks: [{check: beta}]\n' | sha256sum
    assert_eq!(policy.sha256.len(), 64);
    assert_eq!(policy.source, "standard input");
}
