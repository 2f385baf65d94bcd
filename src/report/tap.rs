//! The report as TAP, version 13 (testanything.org), which every parser knows: one test point for each finding.
//!
//! TAP knows no warnings: they are `ok`, with what they say in the YAML block that follows.

use super::{
    details,
    model::{Finding, Report, Verdict},
    yaml,
};
use crate::text::plain;
use preflight_checks::{Evidence, Remedy};
use serde::Serialize;
use std::fmt::Write as _;

/// The report as text.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = format!("TAP version 13\n1..{}\n", report.findings.len());
    for (i, finding) in report.findings.iter().enumerate() {
        point(&mut out, i + 1, finding);
    }
    out
}

/// What stands in the block behind a test point.
#[derive(Serialize)]
struct Block<'a> {
    message: &'a str,
    severity: Verdict,
    reason: &'a str,
    determined: bool,
    notes: &'a [String],
    evidence: &'a [Evidence],
    remedy: Option<&'a Remedy>,
}

fn point(out: &mut String, number: usize, finding: &Finding) {
    let word = if finding.verdict == Verdict::Fail { "not ok" } else { "ok" };
    let described = format!("{}: {}", finding.id, details::headline(finding));
    let skip = if finding.verdict == Verdict::Skip { " # SKIP" } else { "" };
    // Writing to a String does not fail.
    let _ = writeln!(out, "{word} {number} - {}{skip}", escaped(&described));
    if matches!(finding.verdict, Verdict::Fail | Verdict::Warn) {
        let block = Block {
            message: &finding.message,
            severity: finding.verdict,
            reason: &finding.reason,
            determined: finding.determined,
            notes: &finding.notes,
            evidence: &finding.evidence,
            remedy: finding.remedy.as_ref(),
        };
        let _ = writeln!(out, "  ---");
        // What a report is made of can always be written.
        for line in yaml::text(&block).unwrap_or_default().lines() {
            let _ = writeln!(out, "  {line}");
        }
        let _ = writeln!(out, "  ...");
    }
}

/// A description: `#` would begin a directive, and a backslash escapes.
fn escaped(text: &str) -> String {
    plain(text).replace('\\', "\\\\").replace('#', "\\#")
}
