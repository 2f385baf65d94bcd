//! Runs the cases of a policy and says which of them hold.

mod node;
mod told;

pub use told::{human, json};

use crate::{
    glob::{Glob, nearest_id},
    policy::{Case, Cases, ExpectFinding, ExpectMore, LoadError, Overrides, Policy, Verdicts},
    report::model::{Finding, Report, Verdict},
    run::{Limits, Request, run},
};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// How long one case may take.
const DEADLINE: Duration = Duration::from_secs(30);

/// What came of a case.
pub struct Outcome {
    /// What the case is called.
    pub name: String,
    /// `file:line`.
    pub place: String,
    /// What is not as it was expected; nothing where the case holds.
    pub wrong: Vec<String>,
    /// What was found. None where the case could not be run.
    pub report: Option<Report>,
}

impl Outcome {
    /// Whether all is as it was expected.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.wrong.is_empty()
    }
}

/// Runs the cases whose names a glob of `only` matches; all where there is none.
///
/// # Errors
/// What is wrong with the policy, or with an input that a case gives.
pub fn run_all(cases: &Cases, only: &[String]) -> Result<Vec<Outcome>, LoadError> {
    let mut policies: HashMap<Vec<(String, String)>, Arc<Policy>> = HashMap::new();
    let wanted =
        |case: &&Case| only.is_empty() || only.iter().any(|glob| Glob::new(glob).matches(&case.name));
    let mut outcomes = Vec::new();
    for case in cases.cases.iter().filter(wanted) {
        let sets = cases.sets(case);
        let policy = if let Some(policy) = policies.get(&sets) {
            Arc::clone(policy)
        } else {
            let overrides = Overrides { sets: &sets, ..Overrides::default() };
            let policy = Arc::new(Policy::load_with(&cases.source(), &overrides)?);
            policies.insert(sets, Arc::clone(&policy));
            policy
        };
        outcomes.push(one(cases, case, policy));
    }
    Ok(outcomes)
}

fn one(cases: &Cases, case: &Case, policy: Arc<Policy>) -> Outcome {
    let outcome =
        |wrong, report| Outcome { name: case.name.clone(), place: case.place.clone(), wrong, report };
    let door = match node::door(cases, &case.node) {
        Ok(door) => door,
        Err(why) => return outcome(vec![why], None),
    };
    let limits = Limits::with_deadline(DEADLINE);
    let request = Request { today: case.today(), limits, ..Request::new(policy, door) };
    match run(&request) {
        Ok(report) => outcome(wrong(case, &report), Some(report)),
        Err(why) => outcome(vec![why.to_string()], None),
    }
}

/// What is not as the case expects it.
fn wrong(case: &Case, report: &Report) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(Verdicts(wanted)) = &case.expect.verdict
        && !wanted.contains(&report.verdict)
    {
        let worst = report.findings.iter().find(|finding| finding.verdict == report.verdict);
        let because =
            worst.map(|finding| format!(": {}: {}", finding.id, finding.message)).unwrap_or_default();
        wrong.push(format!(
            "the run: expected {}, found {}{because}",
            words(wanted),
            report.verdict.as_str()
        ));
    }
    for (glob, wanted) in &case.expect.findings {
        let pattern = Glob::new(glob);
        let mut matched = report.findings.iter().filter(|finding| pattern.matches(&finding.id)).peekable();
        if matched.peek().is_none() {
            let near = nearest_id(glob, report.findings.iter().map(|finding| finding.id.as_str()));
            let near = near.map(|id| format!("; did you mean `{id}`?")).unwrap_or_default();
            wrong.push(format!("no finding is called `{glob}`{near}"));
        }
        wrong.extend(matched.filter_map(|finding| differs(finding, wanted)));
    }
    wrong
}

fn differs(finding: &Finding, wanted: &ExpectFinding) -> Option<String> {
    let (verdict, more) = match wanted {
        ExpectFinding::Verdict(verdicts) => (Some(verdicts), &ExpectMore::default()),
        ExpectFinding::More(more) => (more.verdict.as_ref(), more),
    };
    let mut expected = Vec::new();
    let mut found = Vec::new();
    if let Some(Verdicts(wanted)) = verdict.filter(|Verdicts(wanted)| !wanted.contains(&finding.verdict)) {
        expected.push(words(wanted));
        found.push(finding.verdict.as_str().to_owned());
    }
    if let Some(reason) = more.reason.as_ref().filter(|reason| **reason != finding.reason) {
        expected.push(format!("the reason {reason}"));
        found.push(format!("the reason {}", finding.reason));
    }
    if let Some(determined) = more.determined.filter(|determined| *determined != finding.determined) {
        let word = |is| if is { "determined" } else { "undetermined" };
        expected.push(word(determined).to_owned());
        found.push(word(finding.determined).to_owned());
    }
    if let Some(part) = more.message.as_ref().filter(|part| !finding.message.contains(part.as_str())) {
        expected.push(format!("a message with `{part}`"));
        found.push("another one".to_owned());
    }
    (!expected.is_empty()).then(|| {
        let (expected, found) = (expected.join(", "), found.join(", "));
        format!(
            "{}: expected {expected}, found {found} ({}): {}",
            finding.id, finding.reason, finding.message
        )
    })
}

fn words(verdicts: &[Verdict]) -> String {
    verdicts.iter().map(|verdict| verdict.as_str()).collect::<Vec<_>>().join(" or ")
}
