//! `preflight cgroups` for people: a table, and the long note of one subsystem.

use super::model::{CgroupReport, Controller};
use crate::text;
use std::fmt::Write;

/// The table, `width` columns wide: a line per subsystem, with its state and why.
#[must_use]
pub fn table(report: &CgroupReport, width: usize) -> String {
    let mut out = String::new();
    let kernel = report.kernel.as_deref().unwrap_or("of unknown release");
    let head = format!("Kernel {kernel}, cgroup layout {}{}", report.layout.as_str(), where_mounted(report));
    out.push_str(&text::hanging(0, "", 0, &head, width));
    out.push('\n');
    let widest = |f: fn(&Controller) -> &str, title: usize| {
        report.controllers.iter().map(|c| text::columns(f(c))).max().unwrap_or(0).max(title)
    };
    let name = widest(|c| &c.name, 4);
    let state = widest(|c| c.state.as_str(), 5);
    let _ = writeln!(out, "{:<name$}  {:>2}  {:<state$}  WHY", "NAME", "ID", "STATE");
    for c in &report.controllers {
        let id = c.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        let label = format!("{:<name$}  {id:>2}  {:<state$}  ", text::plain(&c.name), c.state.as_str());
        out.push_str(&text::hanging(0, &label, name + state + 8, short_note(c), width));
    }
    let _ = write!(out, "\n{}", masks(report));
    for gap in &report.gaps {
        out.push_str(&text::hanging(
            0,
            "not read: ",
            10,
            &format!("{}: {}", gap.source, gap.observed),
            width,
        ));
    }
    out
}

/// Everything about one subsystem, by its version 1 or 2 name, `width` columns wide.
#[must_use]
pub fn explain(report: &CgroupReport, name: &str, width: usize) -> Option<String> {
    let c = report.controllers.iter().find(|c| c.name == name || c.legacy_name == name)?;
    let mut out = String::new();
    let other =
        if c.name == c.legacy_name { String::new() } else { format!(" ({} on cgroup v1)", c.legacy_name) };
    let basis = format!("{:?}", c.basis).to_lowercase();
    let _ = writeln!(out, "{}{other}: {} ({basis})\n", text::plain(&c.name), c.state.as_str());
    for note in std::iter::once(&c.note).chain(&c.notes) {
        out.push_str(&text::hanging(0, "- ", 2, note, width));
    }
    out.push('\n');
    if let Some(replacement) = &c.replacement {
        out.push_str(&text::hanging(0, "On cgroup v2 instead: ", 22, replacement, width));
    }
    if let Some(config) = &c.config {
        out.push_str(&text::hanging(0, "Kernel configuration: ", 22, config, width));
    }
    if !c.evidence.is_empty() {
        out.push_str("Evidence:\n");
    }
    for evidence in &c.evidence {
        let line = format!("{}: {}", evidence.source, evidence.observed);
        out.push_str(&text::hanging(2, "", 0, &line, width));
    }
    Some(out)
}

fn where_mounted(report: &CgroupReport) -> String {
    let Some(point) = &report.unified_mount else { return String::new() };
    let root = match report.is_root_cgroup {
        Some(true) => ", which is the real root",
        Some(false) => ", which is not the real root (container or delegated slice)",
        None => "",
    };
    let mode = if report.read_only == Some(true) { ", read-only" } else { "" };
    format!(", cgroup2 on {point}{root}{mode}")
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
        let _ = writeln!(out, "{title} {value}: {}", text::plain(&names));
    }
    let basis = format!("{:?}", masks.basis).to_lowercase();
    let width = masks.width_bits.map_or_else(String::new, |w| format!(", {w} bits wide in this kernel"));
    let _ = writeln!(out, "masks {basis}{width}");
    out
}
