//! What holds of every rule, whatever a node looks like.

use crate::Given;
use preflight::policy::{Policy, Source};
use preflight_checks::{Findings, Node, Outcome};
use std::{collections::BTreeSet, fmt::Debug, sync::OnceLock};

/// Rules that ask what the default profile does not.
const POLICY: &str = include_str!("../policy.yaml");

fn policy() -> &'static Policy {
    static LOADED: OnceLock<Policy> = OnceLock::new();
    LOADED.get_or_init(|| {
        let source = Source::Stdin(POLICY.as_bytes().to_vec());
        Policy::load(&source, &[]).unwrap_or_else(|wrong| panic!("{wrong}"))
    })
}

/// Asks the rules of these checks, twice: every rule answers, no finding is there twice, every pass has evidence, and the same
/// node gives the same findings.
pub fn judge(given: &Given, checks: &[&str]) {
    for check in checks {
        assert!(policy().rules.iter().any(|rule| rule.check.meta().id == *check), "no rule asks {check}");
    }
    repeats(|| judged(&given.node(), &|check| checks.contains(&check)).told);
}

/// Asks all rules.
pub fn judge_all(node: &dyn Fn() -> Node) {
    repeats(|| judged(&node(), &|_| true).told);
}

/// Asks all rules, and again without what one file says: nothing gets better by that (law 3).
pub fn judge_without(given: &Given, path: &str) {
    let (before, after) =
        (judged(&given.node(), &|_| true), judged(&given.clone().denied(path).node(), &|_| true));
    for (rule, subject) in &before.bad {
        let stands = after.bad.iter().any(|(r, s)| r == rule && s == subject);
        assert!(
            stands || after.unknown.contains(rule),
            "{rule}/{subject} gets better where {path} can't be read: {:#?}",
            before
                .told
                .iter()
                .chain(&after.told)
                .filter(|told| told.starts_with(rule.as_str()))
                .collect::<Vec<_>>()
        );
    }
}

/// What gives the same each time.
pub fn repeats<T: Debug + PartialEq>(ask: impl Fn() -> T) -> T {
    let (first, second) = (ask(), ask());
    assert_eq!(first, second, "the same node gave something else the second time (law 7)");
    first
}

/// What rules say of a node.
#[derive(Default)]
struct Judged {
    /// All of it, as text.
    told: Vec<String>,
    /// Rule and subject of what is not as it should be, or not known.
    bad: Vec<(String, String)>,
    /// The rules of which something is not known.
    unknown: BTreeSet<String>,
}

fn judged(node: &Node, wanted: &dyn Fn(&str) -> bool) -> Judged {
    let mut all = Judged::default();
    for rule in policy().rules.iter().filter(|rule| wanted(rule.check.meta().id)) {
        let id = &rule.id;
        let mut out = Findings::default();
        let end = rule.check.run(node, &mut out);
        assert!(end.is_err() || !out.is_empty(), "{id} says nothing (law 1)");
        if end.is_err() {
            all.unknown.insert(id.clone());
        }
        let mut subjects = BTreeSet::new();
        for (finding, _) in out.into_inner() {
            let subject = finding.subject();
            assert!(subjects.insert(subject.to_owned()), "{id}/{subject} twice");
            match finding.outcome() {
                Outcome::Pass => {
                    assert!(
                        !finding.all_evidence().is_empty(),
                        "{id}/{subject}: a pass without evidence (law 2)"
                    );
                }
                Outcome::Problem => all.bad.push((id.clone(), subject.to_owned())),
                Outcome::Undetermined(_) => {
                    all.bad.push((id.clone(), subject.to_owned()));
                    all.unknown.insert(id.clone());
                }
                Outcome::NotApplicable => {}
            }
            all.told.push(format!("{id} {finding:?}"));
        }
        all.told.push(format!("{id} {end:?}"));
    }
    all
}
