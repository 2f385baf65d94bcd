//! The report as JUnit XML, as Jenkins and its kin read it (jenkinsci/xunit-plugin, junit-10.xsd).
//!
//! One suite for each rule, one case for each finding. JUnit knows no warnings: they are cases that pass, and say so in their
//! output.

use super::model::{Finding, Report, Verdict};
use crate::text::plain;
use std::fmt::Write as _;

/// The report as text.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let summary = report.summary;
    let all = report.findings.len();
    // Writing to a String does not fail.
    let _ = writeln!(
        out,
        "<testsuites name=\"{}\" tests=\"{all}\" failures=\"{}\" errors=\"0\" time=\"{:.3}\">",
        attribute(&report.policy.name),
        summary.fail,
        report.duration_ms.0 / 1e3
    );
    for suite in report.findings.chunk_by(|one, next| one.rule == next.rule) {
        self::suite(&mut out, report, suite);
    }
    out.push_str("</testsuites>\n");
    out
}

fn suite(out: &mut String, report: &Report, findings: &[Finding]) {
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let took: f64 = findings.iter().map(|finding| finding.duration_ms.0).sum();
    let rule = findings.first().map_or("", |finding| finding.rule.as_str());
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" hostname=\"{}\" \
         timestamp=\"{}\" time=\"{:.3}\">",
        attribute(rule),
        findings.len(),
        count(Verdict::Fail),
        count(Verdict::Skip),
        attribute(report.node.hostname.as_deref().unwrap_or("unknown")),
        // xs:dateTime without a zone, as that schema wants it.
        report.started_at.trim_end_matches('Z'),
        took / 1e3
    );
    for finding in findings {
        case(out, finding);
    }
    out.push_str("  </testsuite>\n");
}

fn case(out: &mut String, finding: &Finding) {
    let _ = write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        attribute(&finding.rule),
        attribute(finding.subject.as_deref().unwrap_or(&finding.rule)),
        finding.duration_ms.0 / 1e3
    );
    let message = attribute(&finding.message);
    let inside = match finding.verdict {
        Verdict::Pass => {
            out.push_str("/>\n");
            return;
        }
        Verdict::Skip => format!("<skipped message=\"{message}\"/>"),
        Verdict::Warn => format!("<system-out>{}</system-out>", content(&super::details::text(finding))),
        Verdict::Fail => format!(
            "<failure message=\"{message}\" type=\"{}\">{}</failure>",
            attribute(&finding.reason),
            content(&super::details::text(finding))
        ),
    };
    let _ = writeln!(out, ">{inside}</testcase>");
}

/// Text of an element. What XML 1.0 can't hold at all is replaced.
fn content(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' | '\t' => out.push(c),
            // Char of XML 1.0 (2.2) leaves these out.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The value of an attribute, in which line ends would become spaces.
fn attribute(text: &str) -> String {
    content(&plain(text)).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}
