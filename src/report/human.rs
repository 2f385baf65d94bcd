//! The report for people.

use super::model::Report;

/// How to set the text.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Columns.
    pub width: usize,
    /// Whether to use colour.
    pub color: bool,
    /// Only failures and the summary.
    pub quiet: bool,
    /// The evidence of everything.
    pub verbose: bool,
}

/// The report as text.
#[must_use]
pub fn render(report: &Report, _style: Style) -> String {
    format!("{}\n", report.verdict.as_str())
}
