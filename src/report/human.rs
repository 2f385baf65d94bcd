//! The report for people: failures first, each with why, what was seen, how to mend and how to waive it; then
//! warnings; then in short what passed and what was skipped; a summary line last.
//!
//! Colour is used here and in the report on cgroups, nowhere else.

mod problem;
mod rest;

use super::model::{NodeInfo, Report, Source, Verdict};
use crate::text;
use colored::Colorize;
use preflight_checks::facts::cgroup::LayoutKind;

/// How to set the text.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The width in columns.
    pub width: usize,
    /// Whether to use colour.
    pub color: bool,
    /// Only failures and the summary.
    pub quiet: bool,
    /// The evidence of everything.
    pub verbose: bool,
}

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, Debug)]
enum Ink {
    /// The word for a verdict.
    Verdict(Verdict),
    /// The id of a finding.
    Id,
    /// A label in front of text.
    Label,
}

impl Style {
    fn paint(self, text: &str, ink: Ink) -> String {
        if !self.color {
            return text.to_owned();
        }
        let painted = match ink {
            Ink::Verdict(Verdict::Fail) => text.red().bold(),
            Ink::Verdict(Verdict::Warn) => text.yellow().bold(),
            Ink::Verdict(Verdict::Pass) => text.green(),
            Ink::Id => text.bold(),
            Ink::Verdict(Verdict::Skip) | Ink::Label => text.dimmed(),
        };
        painted.to_string()
    }
}

/// The report as text.
#[must_use]
pub fn render(report: &Report, style: Style) -> String {
    if style.color {
        // colored looks at standard output by itself; whether to colour was decided for this text.
        colored::control::set_override(true);
    }
    let mut out = String::new();
    let of = |verdict| report.findings.iter().filter(move |f| f.verdict == verdict);
    for finding in of(Verdict::Fail) {
        out.push_str(&problem::failure(finding, style));
        out.push('\n');
    }
    if !style.quiet {
        let warnings: Vec<_> = of(Verdict::Warn).collect();
        for alike in warnings.chunk_by(|a, b| !style.verbose && problem::alike(a, b)) {
            out.push_str(&problem::warnings(alike, style));
            out.push('\n');
        }
        for section in [rest::passed(report, style), rest::skipped(report, style)] {
            if !section.is_empty() {
                out.push_str(&section);
                out.push('\n');
            }
        }
    }
    out.push_str(&summary(report, style));
    out
}

/// The last line: `FAIL: 41 passed, 2 warnings, 1 failure, 5 skipped (node n1, …) in 3 ms`.
fn summary(report: &Report, style: Style) -> String {
    let count = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    let summary = &report.summary;
    let unknown = report.findings.iter().filter(|f| !f.determined).count();
    let unknown = if unknown == 0 { String::new() } else { format!(", {unknown} undetermined") };
    let text = format!(
        "{} passed, {}, {}, {} skipped{unknown} ({}, policy {}{}) in {}",
        summary.pass,
        count(summary.warn, "warning", "warnings"),
        count(summary.fail, "failure", "failures"),
        summary.skip,
        node(&report.node),
        report.policy.name,
        kubernetes(report),
        milliseconds(report.duration_ms.0),
    );
    let word = format!("{}:", report.verdict.as_str().to_uppercase());
    let label = format!("{} ", style.paint(&word, Ink::Verdict(report.verdict)));
    text::hanging(0, &label, word.len() + 1, &text, style.width)
}

/// For which Kubernetes, and how that is known where nobody said it.
fn kubernetes(report: &Report) -> String {
    let Some(version) = report.policy.inputs.get("kubernetesVersion") else { return String::new() };
    let is_given = version.from == "--set" || version.from == report.policy.source;
    let how = if is_given { String::new() } else { format!(", {}", version.from) };
    format!(" for Kubernetes {}{how}", version.value)
}

fn node(node: &NodeInfo) -> String {
    let hostname = node.hostname.as_deref().unwrap_or("of unknown name");
    let place = match node.source {
        Source::Live => String::new(),
        Source::Root => format!(" under {}", node.root),
        Source::Capture => {
            format!(", captured {}", node.captured_at.as_deref().unwrap_or("at an unknown time"))
        }
    };
    let kernel = node.kernel.as_deref().unwrap_or("unknown");
    let cgroup = match node.cgroup {
        Some(LayoutKind::None) => "no cgroup",
        Some(kind) => &format!("cgroup {}", kind.as_str()),
        None => "cgroup unknown",
    };
    format!("node {hostname}{place}, kernel {kernel}, {cgroup}")
}

fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1} ms"),
        ms if ms < 10_000.0 => format!("{ms:.0} ms"),
        ms => format!("{:.1} s", ms / 1000.0),
    }
}
