//! The report as metrics in the text format of Prometheus, for node_exporter's textfile collector.

use super::model::{Report, Verdict};
use crate::text::plain;
use std::fmt::Write as _;

/// The report as text.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    let policy = label(&report.policy.name);
    let help = "0 skipped, 1 passed, 2 warning, 3 failed";
    let mut family = |name: &str, help: &str, samples: &[String]| {
        // Writing to a String does not fail.
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge");
        for sample in samples {
            let _ = writeln!(out, "{name}{sample}");
        }
    };
    let version = format!("{{version=\"{}\"}} 1", label(&report.tool.version));
    family("preflight_info", "The program that judged.", &[version]);
    let verdict = format!("{{policy=\"{policy}\"}} {}", level(report.verdict));
    family("preflight_verdict", &format!("The worst verdict of the last run: {help}."), &[verdict]);
    let summary = report.summary;
    let counts =
        [("pass", summary.pass), ("warn", summary.warn), ("fail", summary.fail), ("skip", summary.skip)];
    let counts = counts.map(|(word, count)| format!("{{policy=\"{policy}\",verdict=\"{word}\"}} {count}"));
    family("preflight_findings", "How many findings of the last run have each verdict.", &counts);
    let findings: Vec<String> = report
        .findings
        .iter()
        .map(|finding| {
            let (id, rule) = (label(&finding.id), label(&finding.rule));
            let reason = label(&finding.reason);
            let level = level(finding.verdict);
            format!("{{policy=\"{policy}\",finding=\"{id}\",rule=\"{rule}\",reason=\"{reason}\"}} {level}")
        })
        .collect();
    family("preflight_finding_verdict", &format!("The verdict of each finding: {help}."), &findings);
    let took = format!("{{policy=\"{policy}\"}} {:.6}", report.duration_ms.0 / 1e3);
    family("preflight_run_duration_seconds", "How long the last run took.", &[took]);
    if let Some(at) = super::time::seconds(&report.started_at) {
        let at = format!("{{policy=\"{policy}\"}} {at}");
        family("preflight_run_timestamp_seconds", "When the last run began, in seconds since 1970.", &[at]);
    }
    out
}

fn level(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Skip => 0,
        Verdict::Pass => 1,
        Verdict::Warn => 2,
        Verdict::Fail => 3,
    }
}

/// The value of a label (Prometheus, Exposition formats: backslash and double quote are escaped; line feeds are none any more).
fn label(text: &str) -> String {
    plain(text).replace('\\', "\\\\").replace('"', "\\\"")
}
