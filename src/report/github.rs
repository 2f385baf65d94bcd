//! The report as commands of a GitHub workflow, which shows them as annotations (docs.github.com, Workflow commands).

use super::{
    details,
    model::{Report, Verdict},
};
use std::fmt::Write as _;

/// The report as text.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    for (word, verdict) in [("error", Verdict::Fail), ("warning", Verdict::Warn)] {
        for finding in report.findings.iter().filter(|finding| finding.verdict == verdict) {
            let title = property(&finding.id);
            // Writing to a String does not fail.
            let _ = writeln!(out, "::{word} title={title}::{}", data(&details::text(finding)));
        }
    }
    let summary = report.summary;
    let word = if report.verdict == Verdict::Fail { "error" } else { "notice" };
    let _ = writeln!(
        out,
        "::{word} title=preflight::{} failed, {} warnings, {} passed, {} skipped by {}",
        summary.fail,
        summary.warn,
        summary.pass,
        summary.skip,
        data(&report.policy.name)
    );
    out
}

/// What follows the second `::` (actions/toolkit, packages/core/src/command.ts).
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
