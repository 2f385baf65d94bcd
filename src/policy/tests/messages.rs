//! The text of errors, and that none hides another.

use super::*;

#[test]
fn a_typo_in_a_key() {
    assert_eq!(
        errors("checks:\n  - chekc: alpha\n    check: beta\n"),
        "\
standard input:4:5: error: unknown key `chekc`
  |
4 |   - chekc: alpha
  |     ^^^^^
  = help: did you mean `check`?
"
    );
}

#[test]
fn an_unknown_check() {
    assert_eq!(
        errors("checks:\n  - check: alhpa\n"),
        "\
standard input:4:12: error: there is no check `alhpa`
  |
4 |   - check: alhpa
  |            ^^^^^
  = help: did you mean `alpha`?
"
    );
}

#[test]
fn a_retry_without_units() {
    assert_eq!(
        errors("checks:\n  - check: beta\n    retry: { for: 30 }\n"),
        "\
standard input:5:19: error: `30` is not a duration: write it with units: 30s, 500ms, 1m30s, 2h
  |
5 |     retry: { for: 30 }
  |                   ^^
"
    );
}

#[test]
fn a_duplicate_key() {
    assert_eq!(
        errors("checks:\n  - check: alpha\n    severity: warn\n    severity: fail\n"),
        "\
standard input:6:5: error: the key `severity` is given twice
  |
6 |     severity: fail
  |     ^^^^^^^^
  = help: it is already in line 5; take one of them out
"
    );
}

#[test]
fn a_wrong_type() {
    assert_eq!(
        errors("checks:\n  - check: alpha\n    with:\n      names: [cpu, [io]]\n"),
        "\
standard input:6:20: error: expected text, found a list
  |
6 |       names: [cpu, [io]]
  |                    ^
"
    );
}

#[test]
fn all_mistakes_at_once_in_the_order_of_the_file() {
    let body = "\
extends: [kubernetes-nod]
inputs: {role: wroker}
checks:
  - check: alpha
    severity: wanr
    with: { count: many, nmaes: [], requires: 5.10 }
  - check: beta
    with: { x: 1 }
waivers:
  - finding: alpha/*
    until: 2027-02-30
";
    assert_eq!(
        summary(&wrong(&Source::Stdin(format!("{HEAD}{body}").into()))),
        [
            "standard input:3:11: there is no profile `kubernetes-nod`",
            "standard input:4:16: there is no role `wroker`",
            "standard input:7:15: `wanr` is not valid here",
            "standard input:8:20: expected a whole number, found the text `many`",
            "standard input:8:26: unknown key `nmaes`",
            "standard input:8:47: `5.10` alone is not a range; write `>=5.10` for this version and later, `~5.10` \
             for its patch releases, or `=5.10` for exactly this",
            "standard input:10:13: unknown key `x`",
            "standard input:12:5: the waiver has no `reason`",
            "standard input:13:12: `2027-02-30` is not a date: that month has the days 1 to 28",
        ]
    );
}

#[test]
fn each_kind_of_mistake() {
    let mut differ = Vec::new();
    for (body, want) in [
        ("chekcs: []\nchecks: [{check: beta}]", "3:1: unknown key `chekcs`"),
        ("metadata: {nam: x}\nchecks: [{check: beta}]", "3:12: unknown key `nam`"),
        ("metadata: text\nchecks: [{check: beta}]", "3:11: metadata has to be a map, this is text"),
        ("metadata: {name: ''}\nchecks: [{check: beta}]", "3:18: a name must not be empty"),
        ("checks: {}", "3:9: expected a list, found a map"),
        ("checks: []", "1:1: the policy has no rule, so it would say nothing"),
        ("checks:", "1:1: the policy has no rule, so it would say nothing"),
        ("checks: [beta]", "3:10: a rule is a map, this is text"),
        ("checks: [{id: x}]", "3:10: the required key `check` is missing"),
        ("checks: [{check: [a]}]", "3:18: the name of a check has to be text, this is a list"),
        ("checks: [{check: beta, id: a/b}]", "3:28: `a/b` can't be an id"),
        ("checks: [{check: beta}, {check: beta}]", "3:33: there is already a rule `beta` in this file"),
        (
            "checks: [{check: beta, id: x}, {check: alpha, id: x}]",
            "3:51: there is already a rule `x` in this file",
        ),
        ("checks: [{check: beta, severity: 1}]", "3:34: `1` is not valid here"),
        ("checks: [{check: beta, onUnknown: pass}]", "3:35: what could not be determined never passes"),
        ("checks: [{check: beta, onUnknown: true}]", "3:35: expected one of the names, found true or false"),
        ("checks: [{check: beta, with: []}]", "3:30: expected a map, found a list"),
        ("checks: [{check: alpha, with: {count: 101}}]", "3:39: `count` is at most 100"),
        (
            "checks: [{check: alpha, with: {count: -1}}]",
            "3:39: expected a whole number from 0 to 4294967295, found the number `-1`",
        ),
        (
            "checks: [{check: alpha, with: {isStrict: yes}}]",
            "3:42: expected true or false, found the text `yes`",
        ),
        ("checks: [{check: beta, when: {rol: worker}}]", "3:31: unknown key `rol`"),
        ("checks: [{check: beta, when: worker}]", "3:30: `when` has to be a map, this is text"),
        ("checks: [{check: beta, when: {cgroup: v3}}]", "3:39: `v3` is not valid here"),
        (
            "checks: [{check: beta, when: {cgroup: []}}]",
            "3:39: an empty list never holds, so the rule would never be asked",
        ),
        ("checks: [{check: beta, when: {role: worker}}]", "3:31: the policy has no input `role`"),
        (
            "checks: [{check: beta, when: {kubernetes: '>=1'}}]",
            "3:31: the policy has no input `kubernetesVersion`",
        ),
        ("checks: [{check: beta, when: {inputs: {cni: x}}}]", "3:40: the policy has no input `cni`"),
        (
            "inputs: {role: worker}\nchecks: [{check: beta, when: {role: wroker}}]",
            "4:37: there is no role `wroker`",
        ),
        (
            "checks: [{check: beta, when: {architecture: amd64}}]",
            "3:45: `amd64` is called `x86_64` here, as `uname -m` does",
        ),
        ("checks: [{check: beta, when: {environment: docker}}]", "3:44: `docker` is not valid here"),
        ("inputs: {a b: 1}\nchecks: [{check: beta}]", "3:10: `a b` can't be the name of an input"),
        (
            "inputs: {a: [1]}\nchecks: [{check: beta}]",
            "3:13: an input is text, a number, true or false; this is a list",
        ),
        (
            "inputs: {kubernetesVersion: 1}\nchecks: [{check: beta}]",
            "3:29: `1` is not a version of Kubernetes",
        ),
        (
            "inputs: {kubernetesVersion: latest}\nchecks: [{check: beta}]",
            "3:29: `latest` is not a version of Kubernetes",
        ),
        ("checks: [{check: beta}]\nwaivers: [{reason: x}]", "4:11: the waiver has no `finding`"),
        (
            "checks: [{check: beta}]\nwaivers: [{finding: x, reason: ' '}]",
            "4:32: the reason of a waiver must not be empty",
        ),
        (
            "checks: [{check: beta}]\nwaivers: [{finding: x, reason: y, until: soon}]",
            "4:42: `soon` is not a date; write it as 2027-03-31",
        ),
        ("checks: [{check: beta}]\nextends: kubernetes-node", "4:10: expected a list, found text"),
    ] {
        let found = match load(&Source::Stdin(format!("{HEAD}{body}\n").into()), &[]) {
            Err(LoadError::Policy(d)) => summary(&d),
            _ => Vec::new(),
        };
        if found != [format!("standard input:{want}")] {
            differ.push((body, want, found));
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
}

#[test]
fn text_without_the_quotes_that_yaml_wants() {
    let begins = |c: char| format!("text that begins with `{c}` has to stand in quotes");
    let colon = "a second `:` in one line: text with a colon and a space in it has to stand in quotes";
    for (body, place, want) in [
        ("checks:\n- check: alpha\n  with:\n    requires: >=5.10\n", "6:15", begins('>')),
        ("checks:\n- check: alpha\n  when:\n    kernel: >= 5, <7  # why\n", "6:13", begins('>')),
        ("checks: [{check: alpha, with: {requires: >=5.10}}]\n", "3:42", begins('>')),
        ("waivers:\n- finding: *\n", "4:12", begins('*')),
        ("waivers: [{finding: */memory, reason: x}]\n", "3:21", begins('*')),
        ("metadata:\n  name: @x\n", "4:9", begins('@')),
        ("waivers:\n- finding: x\n  reason: see: there\n", "5:14", colon.to_owned()),
        ("metadata: {name: a: b}\n", "3:19", colon.to_owned()),
    ] {
        let found = wrong(&Source::Stdin(format!("{HEAD}{body}").into()));
        assert_eq!(summary(&found), [format!("standard input:{place}: {want}")], "{body}");
        assert!(found.iter().all(|d| d.help.is_some()), "{found}");
    }
    // A block of text is no such mistake.
    let block = "metadata:\n  description: >-\n    two\n    lines\nchecks: [{check: beta}]\n";
    assert_eq!(policy(block).description.as_deref(), Some("two lines"));
}

#[test]
fn what_a_check_says_of_its_parameters_has_its_place() {
    let body = "\
checks:
  - check: cgroup-controllers
    with:
      required: [cpu, memroy, pids, cpuest]
      optional: [io, blkio]
  - check: filesystems
    with: { required: [overlay, a/b] }
  - check: kernel-modules
    with:
      required: [overlay, { name: x, anyOf: ['a b'] }, overlay.ko]
  - check: kernel-config
    with: { required: [CGROUPS, CONFIG_CGROUPS] }
  - check: kernel-version
    with: { why: because }
  - check: cgroup-hierarchy
    with: { accept: [] }
  - check: namespaces
    with: { required: [], optional: [] }
  - { id: modules, check: kernel-modules,
      with: { required: ['a b'] } }
";
    let source = Source::Stdin(format!("{HEAD}{body}").into());
    let Err(LoadError::Policy(found)) = Policy::load(&source, &[]) else { panic!("it is wrong") };
    let places: Vec<_> = summary(&found)
        .iter()
        .map(|line| line.trim_start_matches("standard input:").chars().take(30).collect::<String>())
        .collect();
    let want = [
        "6:23: no cgroup controller is ",
        "6:37: no cgroup controller is ",
        "7:22: the controller `blkio` i",
        "9:33: `a/b` is not the name of",
        "12:46: `a b` is not the name o",
        "12:56: `overlay.ko` is a file;",
        "14:33: CONFIG_CGROUPS is liste",
        "16:11: give `requires` or `rec",
        "18:21: `accept` is empty: no n",
        "20:37: no namespace is named; ",
        "22:26: `a b` is not the name o",
    ];
    assert_eq!(places, want, "{found}");
}

#[test]
fn many_wrong_names_take_no_time() {
    for (rules, names) in [(1, 9_000), (130, 70), (1_000, 6)] {
        let names = (0..names).map(|i| format!("'a {i}'")).collect::<Vec<_>>().join(",");
        let rule = |i| format!("  - {{ id: r{i}, check: filesystems, with: {{ required: [{names}] }} }}\n");
        let body: String = (0..rules).map(rule).collect();
        let now = std::time::Instant::now();
        assert!(Policy::load(&Source::Stdin(format!("{HEAD}checks:\n{body}").into()), &[]).is_err());
        assert!(now.elapsed().as_secs() < 5, "{rules}: {:?}", now.elapsed());
    }
}

#[test]
fn what_an_id_may_be() {
    for bad in ["a/b", "-a", "'a b'", "ä", "'*'", &"x".repeat(65)] {
        let found = errors(&format!("checks: [{{check: beta, id: {bad}}}]\n"));
        assert!(found.contains("can't be an id"), "{found}");
        assert!(found.contains("use at most 64 letters, digits,"), "{found}");
        assert!(found.contains("a letter or digit first"), "{found}");
    }
    for good in ["a", "1", "a.b_c-D", &"x".repeat(64)] {
        assert_eq!(ids(&policy(&format!("checks: [{{check: beta, id: {good}}}]\n"))), [good]);
    }
}

#[test]
fn a_pattern_that_goes_on_and_on() {
    let body = format!("checks: [{{check: beta}}]\nwaivers: [{{finding: {}, reason: y}}]\n", "x".repeat(257));
    let found = errors(&body);
    assert!(
        found.starts_with("standard input:4:21: error: a pattern over findings has at most 256 characters\n"),
        "{found}"
    );
}

#[test]
fn the_head() {
    let found = |text: &str| summary(&wrong(&Source::Stdin(text.into())));
    assert_eq!(
        found("apiVersion: preflight/v2\nkind: Polciy\nchecks: [{check: beta}]\n"),
        [
            "standard input:1:13: `apiVersion` is `preflight/v2`; this version of preflight knows `preflight/v1` only",
            "standard input:2:7: `kind` is `Polciy`; this version of preflight knows `Policy` only",
        ]
    );
    assert_eq!(
        found("checks: [{check: beta}]\n"),
        [
            "standard input:1:1: the required key `apiVersion` is missing",
            "standard input:1:1: the required key `kind` is missing",
        ]
    );
    assert_eq!(found("- check: beta\n"), ["standard input:1:1: a policy has to be a map, this is a list"]);
    assert_eq!(found("just text\n"), ["standard input:1:1: a policy has to be a map, this is text"]);
}

#[test]
fn references_to_inputs() {
    assert_eq!(
        errors(
            "inputs: {vresion: 1.35}\nchecks:\n  - check: alpha\n    with: { version: { input: version } }\n"
        ),
        "\
standard input:6:31: error: the policy has no input `version`
  |
6 |     with: { version: { input: version } }
  |                               ^^^^^^^
  = help: did you mean `vresion`?
"
    );
    // The value is wrong where it is used; the note says where it comes from.
    assert_eq!(
        errors("inputs: { n: many }\nchecks:\n  - check: alpha\n    with: { count: { input: n } }\n"),
        "\
standard input:6:20: error: expected a whole number, found the text `many`
  |
6 |     with: { count: { input: n } }
  |                    ^^^^^^^^^^^^
  = note: the input `n` is `many`, from standard input:3:14
"
    );
    let found = errors("checks:\n  - check: alpha\n    with: { version: { input: [x] } }\n");
    assert!(found.starts_with("standard input:5:31: error: `input` takes the name of an input"), "{found}");
}

#[test]
fn sets() {
    let body = "inputs: { role: worker, n: 1, s: \"1\", b: true }\nchecks: [{check: alpha, with: {count: {input: n}}}]\n";
    let usage = |key: &str, value: &str| match policy_with(body, &[(key, value)]) {
        Err(LoadError::Usage(e)) => e.to_string(),
        Err(LoadError::Policy(d)) => panic!("{d}"),
        Ok(_) => panic!("taken"),
    };
    assert_eq!(
        usage("rloe", "worker"),
        "--set: the policy has no input `rloe`\n  = help: did you mean `role`?"
    );
    assert_eq!(
        usage("role", "wroker"),
        "--set role: there is no role `wroker`\n  = help: did you mean `worker`?"
    );
    assert_eq!(usage("b", "perhaps"), "--set b: expected true or false, found `perhaps`");

    let taken = policy_with(body, &[("n", "2"), ("n", "7"), ("role", "control-plane")]).unwrap();
    assert_eq!(taken.inputs.0["n"], "7");
    assert_eq!(taken.inputs.role(), Some("control-plane"));

    // A value that fits no parameter is a mistake where it is used.
    let Err(LoadError::Policy(d)) = policy_with(body, &[("n", "many")]) else { panic!("taken") };
    assert!(d.to_string().contains("= note: the input `n` is `many`, from --set"), "{d}");

    // What is wrong with the policy comes first.
    let both = policy_with("checks: [{check: gamma}]\n", &[("x", "y")]);
    assert!(matches!(both, Err(LoadError::Policy(_))));
}

#[test]
fn numbers_keep_their_spelling() {
    for spelling in ["1.30", "\"1.30\""] {
        let body = format!(
            "inputs: {{ kubernetesVersion: {spelling} }}\nchecks: [{{check: alpha, with: {{version: {{input: kubernetesVersion}}}}}}]\n"
        );
        let policy = policy(&body);
        assert_eq!(policy.inputs.0["kubernetesVersion"], "1.30");
        assert_eq!(policy.inputs.kubernetes_version().unwrap().minor, 30);
        assert!(policy.to_yaml().contains("version: \"1.30\"") || policy.to_yaml().contains("version: 1.30"));
    }
}
