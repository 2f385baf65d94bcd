//! The report as a plugin of Nagios prints it (Monitoring Plugins Development Guidelines, "Plugin Output for Nagios"): a line,
//! numbers behind a bar, and more lines for who wants to know.

use super::{
    details,
    model::{Report, Verdict},
};
use std::fmt::Write as _;

/// The report as text.
#[must_use]
pub fn render(report: &Report) -> String {
    let summary = report.summary;
    let (word, _) = state(report);
    let of = |verdict| report.findings.iter().filter(move |finding| finding.verdict == verdict);
    let first = of(Verdict::Fail).chain(of(Verdict::Warn)).next();
    let counts = format!("{} failed, {} warnings, {} passed", summary.fail, summary.warn, summary.pass);
    let first =
        first.map(|finding| format!(" - {}: {}", finding.id, details::headline(finding))).unwrap_or_default();
    let mut out = format!(
        "PREFLIGHT {word}: {counts}{}|fail={};;1 warn={};1 pass={} skip={} time={:.6}s\n",
        line(&first),
        summary.fail,
        summary.warn,
        summary.pass,
        summary.skip,
        report.duration_ms.0 / 1e3
    );
    for (word, verdict) in [("CRITICAL", Verdict::Fail), ("WARNING", Verdict::Warn)] {
        for finding in of(verdict) {
            // Writing to a String does not fail.
            let _ =
                writeln!(out, "{word} {}", line(&format!("{}: {}", finding.id, details::headline(finding))));
        }
    }
    out
}

/// The word and the exit status of a report: OK 0, WARNING 1, CRITICAL 2, UNKNOWN 3 where nothing at all was determined.
#[must_use]
pub fn state(report: &Report) -> (&'static str, u8) {
    match report.verdict {
        Verdict::Fail => ("CRITICAL", 2),
        _ if report
            .findings
            .iter()
            .all(|finding| !finding.determined || finding.verdict == Verdict::Skip) =>
        {
            ("UNKNOWN", 3)
        }
        Verdict::Warn => ("WARNING", 1),
        Verdict::Pass | Verdict::Skip => ("OK", 0),
    }
}

/// A bar would begin the numbers.
fn line(text: &str) -> String {
    text.replace('|', "/")
}
