//! What holds of every rule, whatever a node looks like.

use crate::Given;
use preflight::policy::{Policy, Source};
use preflight_checks::{Findings, Outcome};
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
    repeats(|| judged(given, &|check| checks.contains(&check)));
}

/// Asks all rules.
pub fn judge_all(given: &Given) {
    repeats(|| judged(given, &|_| true));
}

/// What gives the same each time.
pub fn repeats<T: Debug + PartialEq>(ask: impl Fn() -> T) -> T {
    let (first, second) = (ask(), ask());
    assert_eq!(first, second, "the same node gave something else the second time (law 7)");
    first
}

fn judged(given: &Given, wanted: &dyn Fn(&str) -> bool) -> Vec<String> {
    let node = given.node();
    let mut told = Vec::new();
    for rule in policy().rules.iter().filter(|rule| wanted(rule.check.meta().id)) {
        let id = &rule.id;
        let mut out = Findings::default();
        let end = rule.check.run(&node, &mut out);
        assert!(end.is_err() || !out.is_empty(), "{id} says nothing (law 1)");
        let mut subjects = BTreeSet::new();
        for (finding, _) in out.into_inner() {
            let is_pass = *finding.outcome() == Outcome::Pass;
            assert!(!is_pass || !finding.all_evidence().is_empty(), "{id}: a pass without evidence (law 2)");
            assert!(subjects.insert(finding.subject().to_owned()), "{id}/{} twice", finding.subject());
            told.push(format!("{id} {finding:?}"));
        }
        told.push(format!("{id} {end:?}"));
    }
    told
}
