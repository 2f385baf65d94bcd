//! Asks a rule again whose answer may change by itself: a clock that is being set, a service that starts.

use super::worker::Answer;
use crate::policy::Retry;
use preflight_checks::{Finding, Outcome};
use std::{
    thread,
    time::{Duration, Instant},
};

/// The reasons that the runner gives where a check came to no answer.
const BROKEN: [&str; 2] = ["timed-out", "panicked"];

/// Whether it is an answer of the check, and not the runner's word that there was none.
pub(super) fn is_answer(answer: &Answer) -> bool {
    !answer.iter().any(|(finding, _)| BROKEN.contains(&finding.reason()))
}

/// Asks until nothing is left that waiting could mend, or there is no time for one more asking before `until`. None
/// where `first` was settled or there was no time.
pub(super) fn until(
    retry: Retry,
    until: Instant,
    first: &Answer,
    mut ask: impl FnMut() -> Answer,
) -> Option<Answer> {
    if is_settled(first) {
        return None;
    }
    let mut last = None;
    let mut takes = Duration::ZERO;
    while Instant::now() + retry.every.get() + takes < until {
        thread::sleep(retry.every.get());
        let asked_at = Instant::now();
        let answer = ask();
        // Twice as long as the slowest so far, so that the deadline does not take the answer away.
        takes = takes.max(2 * asked_at.elapsed());
        let settled = is_settled(&answer);
        last = Some(answer);
        if settled {
            break;
        }
    }
    last.map(|answer| explained(answer, first, retry))
}

/// Whether waiting can't mend anything: what could not be determined says what it needs where that is known, and time is
/// not among it.
fn is_settled(answer: &Answer) -> bool {
    !answer.iter().any(|(f, _)| matches!(f.outcome(), Outcome::Problem | Outcome::Undetermined(None)))
}

/// The answer with notes on what asking again has changed and what not.
fn explained(answer: Answer, first: &Answer, retry: Retry) -> Answer {
    let passed = |finding: &Finding| *finding.outcome() == Outcome::Pass;
    let passed_at_first =
        |finding: &Finding| first.iter().any(|(f, _)| f.subject() == finding.subject() && passed(f));
    let note = |finding: Finding| match finding.outcome() {
        Outcome::Pass if passed_at_first(&finding) => finding,
        Outcome::Pass => finding.note("not so at first: it was asked again (`retry`)"),
        Outcome::NotApplicable => finding,
        _ => finding.note(format!("it was asked again for {} and stayed so (`retry`)", retry.within)),
    };
    answer.into_iter().map(|(finding, took)| (note(finding), took)).collect()
}
