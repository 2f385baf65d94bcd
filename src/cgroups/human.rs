//! `preflight cgroups` for people: a table, and the long note of one subsystem.

use super::model::{CgroupReport, Controller};
use std::fmt::Write;

/// The width of the table for a terminal that tells none.
const WIDTH: usize = 80;

/// The table: a line per subsystem, with its state and why.
#[must_use]
pub fn table(report: &CgroupReport) -> String {
    let mut out = String::new();
    let kernel = report.kernel.as_deref().unwrap_or("of unknown release");
    let _ =
        writeln!(out, "Kernel {kernel}, cgroup layout {}{}", report.layout.as_str(), where_mounted(report));
    out.push('\n');
    let width = |f: fn(&Controller) -> usize, title: usize| {
        report.controllers.iter().map(f).max().unwrap_or(0).max(title)
    };
    let name = width(|c| c.name.chars().count(), 4);
    let state = width(|c| c.state.as_str().len(), 5);
    let _ = writeln!(out, "{:<name$}  {:>2}  {:<state$}  WHY", "NAME", "ID", "STATE");
    let indent = name + state + 8;
    for c in &report.controllers {
        let id = c.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let _ = write!(out, "{:<name$}  {id:>2}  {:<state$}  ", printable(&c.name), c.state.as_str());
        let lines = wrap(&printable(short_note(c)), WIDTH.saturating_sub(indent));
        out.push_str(&lines.join(&format!("\n{:indent$}", "")));
        out.push('\n');
    }
    let _ = write!(out, "\n{}", masks(report));
    for gap in &report.gaps {
        let _ = writeln!(out, "not read: {}: {}", printable(&gap.source), printable(&gap.observed));
    }
    out
}

/// Everything about one subsystem, by its version 1 or 2 name.
#[must_use]
pub fn explain(report: &CgroupReport, name: &str) -> Option<String> {
    let c = report.controllers.iter().find(|c| c.name == name || c.legacy_name == name)?;
    let mut out = String::new();
    let other =
        if c.name == c.legacy_name { String::new() } else { format!(" ({} on cgroup v1)", c.legacy_name) };
    let basis = format!("{:?}", c.basis).to_lowercase();
    let _ = writeln!(out, "{}{other}: {} ({basis})\n", printable(&c.name), c.state.as_str());
    for note in std::iter::once(&c.note).chain(&c.notes) {
        let _ = writeln!(out, "- {}", wrap(&printable(note), WIDTH - 2).join("\n  "));
    }
    out.push('\n');
    if let Some(replacement) = &c.replacement {
        let _ = writeln!(out, "On cgroup v2 instead: {replacement}");
    }
    if let Some(config) = &c.config {
        let _ = writeln!(out, "Kernel configuration: {}", printable(config));
    }
    if !c.evidence.is_empty() {
        out.push_str("Evidence:\n");
    }
    for evidence in &c.evidence {
        let _ = writeln!(out, "  {}: {}", printable(&evidence.source), printable(&evidence.observed));
    }
    Some(out)
}

fn where_mounted(report: &CgroupReport) -> String {
    let Some(point) = &report.unified_mount else { return String::new() };
    let root = match report.is_root_cgroup {
        Some(true) => ", its real root",
        Some(false) => ", which is not the real root (container or delegated slice)",
        None => "",
    };
    let mode = if report.read_only == Some(true) { ", read-only" } else { "" };
    format!(", cgroup2 on {}{root}{mode}", printable(point))
}

/// The note without the name, which the table has in its first column.
fn short_note(c: &Controller) -> &str {
    c.note.strip_prefix(&c.name).and_then(|n| n.strip_prefix(" is ")).unwrap_or(&c.note)
}

fn masks(report: &CgroupReport) -> String {
    let mut out = String::new();
    let masks = &report.masks;
    for (title, mask) in [("implicit ", &masks.implicit), ("inhibited", &masks.inhibited)] {
        let value = mask.value.map_or_else(|| "bits not known".to_owned(), |v| format!("{v:#06x} = {v}"));
        let names = if mask.names.is_empty() { "none".to_owned() } else { mask.names.join(" ") };
        let _ = writeln!(out, "{title} {value}: {}", printable(&names));
    }
    let basis = format!("{:?}", masks.basis).to_lowercase();
    let width = masks.width_bits.map_or_else(String::new, |w| format!(", {w} bits wide in this kernel"));
    let _ = writeln!(out, "masks {basis}{width}");
    out
}

/// Takes control characters out of what came from the node, which could be ANSI sequences.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}
