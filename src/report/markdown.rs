//! The report as Markdown (GitHub's kind, with tables), for comments and job summaries.

use super::model::{Finding, Report, Verdict};
use crate::text::plain;
use std::fmt::Write as _;

/// The report as text.
#[must_use]
pub fn render(report: &Report) -> String {
    let summary = report.summary;
    let host = report.node.hostname.as_deref().unwrap_or("this node");
    // Writing to a String does not fail.
    let mut out = format!("# preflight: {} of {}\n\n", report.verdict.as_str(), inline(host));
    let _ = writeln!(
        out,
        "{} failed, {} warnings, {} passed, {} skipped, by the policy {}{}.\n",
        summary.fail,
        summary.warn,
        summary.pass,
        summary.skip,
        inline(&report.policy.name),
        report
            .node
            .kernel
            .as_deref()
            .map(|kernel| format!(", kernel {}", inline(kernel)))
            .unwrap_or_default()
    );
    let of = |verdict| report.findings.iter().filter(move |finding| finding.verdict == verdict);
    for (title, verdict) in [("Failures", Verdict::Fail), ("Warnings", Verdict::Warn)] {
        if of(verdict).next().is_some() {
            let _ = writeln!(out, "## {title}\n");
            of(verdict).for_each(|finding| problem(&mut out, finding));
        }
    }
    if of(Verdict::Pass).next().is_some() {
        out.push_str("## Passed\n\n| finding | |\n|---|---|\n");
        for finding in of(Verdict::Pass) {
            let _ = writeln!(out, "| {} | {} |", inline(&finding.id), inline(&finding.message));
        }
    }
    out
}

fn problem(out: &mut String, finding: &Finding) {
    let _ = writeln!(out, "- **{}**: {}", inline(&finding.id), inline(&finding.message));
    let mut item = |label: &str, text: &str| {
        let _ = writeln!(out, "  - {label}: {}", inline(text));
    };
    finding.notes.iter().for_each(|note| item("why", note));
    for evidence in &finding.evidence {
        item("seen", &format!("{}: {}", evidence.source, evidence.observed));
    }
    if let Some(remedy) = &finding.remedy {
        item("mend", &remedy.summary);
        for command in remedy.commands.iter().chain(&remedy.persistent) {
            let _ = writeln!(out, "\n    ```sh\n    {}\n    ```", plain(command).replace("```", "'''"));
        }
    }
}

/// Text that stands for nothing but itself: what Markdown and HTML would obey is escaped.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}
