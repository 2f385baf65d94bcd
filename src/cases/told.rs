//! What came of the cases, for people and for scripts.

use super::Outcome;
use crate::text;
use serde_json::json;

/// One line a case; for one that does not hold what was expected and what was found. With `verbose` all findings.
#[must_use]
pub fn human(outcomes: &[Outcome], width: usize, verbose: bool) -> String {
    let mut out = String::new();
    for outcome in outcomes {
        let word = if outcome.holds() { "ok    " } else { "FAIL  " };
        let place = if outcome.holds() { String::new() } else { format!(" ({})", outcome.place) };
        out.push_str(&text::hanging(0, word, 6, &format!("{}{place}", outcome.name), width));
        for wrong in &outcome.wrong {
            out.push_str(&text::hanging(6, "", 6, wrong, width));
        }
        let findings = outcome.report.iter().filter(|_| verbose).flat_map(|report| &report.findings);
        for finding in findings {
            let line = format!(
                "{} {} ({}): {}",
                finding.verdict.as_str(),
                finding.id,
                finding.reason,
                finding.message
            );
            out.push_str(&text::hanging(6, "", 8, &line, width));
        }
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.holds()).count();
    let s = if outcomes.len() == 1 { "" } else { "s" };
    out + &format!("{} case{s}: {} ok, {failed} failed\n", outcomes.len(), outcomes.len() - failed)
}

/// One object.
#[must_use]
pub fn json(outcomes: &[Outcome]) -> serde_json::Value {
    let case = |outcome: &Outcome| {
        json!({ "name": outcome.name, "place": outcome.place, "holds": outcome.holds(), "wrong": outcome.wrong,
                "verdict": outcome.report.as_ref().map(|report| report.verdict) })
    };
    json!({ "apiVersion": "preflight/v1", "kind": "PolicyTestReport",
            "holds": outcomes.iter().all(Outcome::holds),
            "cases": outcomes.iter().map(case).collect::<Vec<_>>() })
}
