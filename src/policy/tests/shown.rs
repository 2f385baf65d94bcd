//! `policy show` and `policy lint`.

use super::*;
use crate::policy::lint::lint;
use preflight_checks::value::{Kind, Value};
use proptest::prelude::*;

fn bare(value: &Value) -> Value {
    let kind = match &value.kind {
        Kind::Seq(items) => Kind::Seq(items.iter().map(bare).collect()),
        Kind::Map(entries) => {
            let key = |k: &preflight_checks::value::Key| preflight_checks::value::Key {
                span: preflight_checks::value::Span::default(),
                text: k.text.clone(),
            };
            Kind::Map(entries.iter().map(|(k, v)| (key(k), bare(v))).collect())
        }
        other => other.clone(),
    };
    Value { span: preflight_checks::value::Span::default(), kind }
}

/// Reads back what is shown, and compares everything but places and origins.
fn round_trip(policy: &Policy) {
    let text = policy.to_yaml();
    let again =
        load(&Source::Stdin(text.clone().into()), &[]).unwrap_or_else(|e| panic!("{text}\n{e}")).policy;
    assert_eq!(policy.name, again.name);
    assert_eq!(policy.description, again.description);
    assert_eq!(policy.inputs, again.inputs);
    assert_eq!(policy.waivers, again.waivers);
    assert_eq!(policy.rules.len(), again.rules.len());
    for (a, b) in policy.rules.iter().zip(&again.rules) {
        assert_eq!((&a.id, a.check.meta().id), (&b.id, b.check.meta().id));
        assert_eq!((a.severity, a.on_unknown, &a.when), (b.severity, b.on_unknown, &b.when));
        assert_eq!(a.retry, b.retry, "{text}");
        assert_eq!(bare(&a.with), bare(&b.with), "{text}");
    }
}

const FULL: &str = r##"
metadata: { name: "blue: worker", description: "a \"b\"\n# c" }
inputs: { role: worker, kubernetesVersion: 1.30, n: 7, s: "off" }
checks:
  - id: first
    check: alpha
    severity: warn
    onUnknown: skip
    retry: { for: 90s }
    when: { role: [worker, control-plane], cgroup: v2, kernel: ">=5.8", kubernetes: ">=1.22",
            architecture: [x86_64], environment: [vm, bare], inputs: { s: "off", n: [6, 7] } }
    with:
      names: [cpu, "true", "1", "5.10", "", "a b", "é\u0085", "#x", "- y", "null", "0x10", "~"]
      count: { input: n }
      version: { input: kubernetesVersion }
      requires: ">=5.4, <6"
      isStrict: true
      nested: { names: [a, b], nested: { names: [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbb] } }
  - check: beta
  - { id: empty, check: alpha, with: { names: [], nested: {} } }
waivers:
  - { finding: "first/*", reason: "known: yes", until: 2027-03-31 }
  - { finding: "beta/x", reason: "no" }
"##;

#[test]
fn what_is_shown_can_be_read_back() {
    round_trip(&policy(FULL));
    round_trip(&policy("checks: [{check: beta}]\n"));
}

#[test]
fn how_it_is_shown() {
    let policy = policy(
        "inputs: {num: 7}\nchecks:\n  - id: a\n    check: alpha\n    severity: warn\n    with: {count: {input: num}, names: [x, 5.10]}\n  - check: beta\nwaivers: [{finding: a/*, reason: r}]\n",
    );
    assert_eq!(
        policy.to_yaml(),
        "\
# The policy standard input, resolved, from standard input.
apiVersion: preflight/v1
kind: Policy
metadata:
  name: \"standard input\"
inputs:
  num: \"7\"
checks:
  # from standard input
  - id: a
    check: alpha
    severity: warn
    with: { count: 7, names: [x, 5.10] }
  # from standard input
  - check: beta
waivers:
  - finding: \"a/*\"
    reason: r
"
    );
}

#[test]
fn lint_finds_what_is_questionable() {
    let body = format!(
        "{HEAD}inputs: {{role: worker, cni: x}}\nchecks: [{{check: beta}}]\nwaivers:\n  - {{finding: 'beta/*', reason: r, until: 2026-11-21}}\n  - {{finding: 'beta/x', reason: r, until: 2026-12-22}}\n  - {{finding: 'beta/y', reason: r, until: 2026-12-23}}\n  - {{finding: 'btea/x', reason: r}}\n  - {{finding: 'beta/z', reason: r, until: 2026-11-22}}\n  - {{finding: 'beta/a', reason: r, until: 2026-11-23}}\n"
    );
    let today = "2026-11-22".parse().unwrap();
    let found = lint(&Source::Stdin(body.into()), &[], today, CHECKS).unwrap();
    assert_eq!(found.errors(), 0);
    let lines: Vec<_> = found.iter().map(|d| (d.line_column.unwrap(), d.message)).collect();
    assert_eq!(
        lines,
        [
            ((3, 29), "nothing uses the input `cni`"),
            ((6, 43), "this waiver ended on 2026-11-21 and holds no longer"),
            ((7, 43), "this waiver ends on 2026-12-22, in 30 days"),
            ((9, 15), "no rule of this policy has findings that `btea/x` matches"),
            ((10, 43), "this waiver ends on 2026-11-22, today"),
            ((11, 43), "this waiver ends on 2026-11-23, tomorrow"),
        ]
    );
    assert!(found.to_string().contains("did you mean `beta/*`?"), "{found}");
    assert!(found.to_string().starts_with("standard input:3:29: warning: "), "{found}");
}

#[test]
fn lint_of_a_clean_policy_is_silent() {
    let source = Source::Stdin(format!("{HEAD}checks: [{{check: beta}}]\n").into());
    assert!(lint(&source, &[], "2026-11-22".parse().unwrap(), CHECKS).unwrap().is_empty());
}

proptest! {
    #[test]
    fn any_text_survives(name in "\\PC{1,20}|[\\x00-\\x1f\\x7f-\\x9f\u{feff}\u{2028}x]{0,6}|[-?:,\\[\\]{}#&*!|>'\"%@` a]{1,10}") {
        let mut policy = policy("checks: [{check: alpha, with: {names: [x]}}]\n");
        let Kind::Map(with) = &mut policy.rules[0].with.kind else { panic!() };
        let Kind::Seq(names) = &mut with[0].1.kind else { panic!() };
        names[0].kind = Kind::Str(name.clone());
        round_trip(&policy);
    }
}
