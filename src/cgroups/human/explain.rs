//! Everything about one subsystem.

use super::{Ink, Style, known};
use crate::{
    cgroups::{
        basis_word,
        model::{CgroupReport, Controller},
    },
    text,
};
use std::fmt::Write;

/// Everything about one subsystem, by its version 1 or 2 name.
#[must_use]
pub fn explain(report: &CgroupReport, name: &str, style: Style) -> Option<String> {
    if style.color {
        colored::control::set_override(true);
    }
    let c = report.controllers.iter().find(|c| c.name == name || c.legacy_name == name)?;
    let mut out = String::new();
    let other =
        if c.name == c.legacy_name { String::new() } else { format!(" ({} on cgroup v1)", c.legacy_name) };
    let title = format!("{}{}", text::plain(&c.name), text::plain(&other));
    let state = style.paint(c.state.as_str(), Ink::State(c.state));
    let _ = writeln!(out, "{}: {state} ({})\n", style.paint(&title, Ink::Title), basis_word(c.basis));
    for wrong in report.disagreements.iter().filter(|d| d.subject == c.name || d.subject == "masks") {
        let label = format!("{}: ", style.paint("DISAGREEMENT", Ink::Alarm));
        out.push_str(&text::hanging(0, &label, 14, &wrong.message, style.width));
    }
    for note in std::iter::once(&c.note).chain(&c.notes) {
        out.push_str(&text::hanging(0, "- ", 2, note, style.width));
    }
    out.push('\n');
    for (label, value) in facts(report, c) {
        let label = format!("{label:<21} ");
        out.push_str(&text::hanging(0, &label, 22, &value, style.width));
    }
    if !c.evidence.is_empty() {
        out.push_str("Evidence:\n");
    }
    for evidence in &c.evidence {
        let line = format!("{}: {}", evidence.source, evidence.observed);
        out.push_str(&text::hanging(2, "", 0, &line, style.width));
    }
    Some(out)
}

/// Lines of a label and what belongs to it.
fn facts(report: &CgroupReport, c: &Controller) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(step) = c.step {
        let told = report.ladder.iter().find(|rung| rung.step == step).map(known::line);
        facts.push((
            "Mask known by:",
            told.map_or_else(|| step.as_str().to_owned(), |t| format!("{}: {t}", step.as_str())),
        ));
    }
    if let Some(id) = c.id {
        facts.push(("Id, and bit of masks:", id.to_string()));
    }
    if let Some(point) = &c.legacy_mount {
        facts.push(("On cgroup v1 at:", point.clone()));
    }
    if let Some(enabled) = c.enabled_for_children {
        let word = if enabled { "yes, in cgroup.subtree_control" } else { "no" };
        facts.push(("Enabled for children:", word.to_owned()));
    }
    if let Some(delegated) = c.delegated {
        facts.push(("Delegated:", if delegated { "yes" } else { "no" }.to_owned()));
    }
    if let Some(replacement) = &c.replacement {
        facts.push(("On cgroup v2 instead:", replacement.clone()));
    }
    if let Some(config) = &c.config {
        facts.push(("Kernel configuration:", config.clone()));
    }
    facts
}
