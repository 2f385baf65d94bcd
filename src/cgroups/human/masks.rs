//! The kernel's two masks: as inferred; and, where they were read, the raw numbers by each method, the names behind them
//! and the table.

use super::{Ink, Style};
use crate::{
    cgroups::{
        basis_word,
        matrix::{self, Row},
        model::CgroupReport,
    },
    text,
};
use preflight_checks::facts::cgroup::masks::{self, Reading};
use std::{fmt::Write, slice};

pub(super) fn text(report: &CgroupReport, style: Style) -> String {
    let masks = &report.masks;
    let width = masks.width_bits.map_or_else(String::new, |w| format!(", {w} bits wide in this kernel"));
    let mut out = style.title(&format!("Masks ({}{width})", basis_word(masks.basis)));
    for (title, mask) in [("implicit", &masks.implicit), ("inhibited", &masks.inhibited)] {
        let value = mask.value.map_or_else(|| "bits not known".to_owned(), |v| format!("{v:#06x} = {v}"));
        let names = if mask.names.is_empty() { "none".to_owned() } else { mask.names.join(" ") };
        out.push_str(&style.beside(title, 9, &format!("{value}: {names}")));
    }
    for part in readings(report, style) {
        out.push('\n');
        out.push_str(&part);
    }
    out
}

/// What was read, by each method; then one table for all of them if they agree, else one for each.
fn readings(report: &CgroupReport, style: Style) -> Vec<String> {
    let Some(first) = report.readings.first() else { return Vec::new() };
    let ids: Vec<(String, u32)> =
        report.controllers.iter().filter_map(|c| Some((c.name.clone(), c.id?))).collect();
    let agree =
        report.readings.iter().all(|r| (r.implicit, r.inhibited) == (first.implicit, first.inhibited));
    let mut parts = Vec::new();
    for reading in &report.readings {
        let mut part = style.title(&format!("Read by {}", reading.method));
        for row in rows(slice::from_ref(reading)) {
            let names = masks::names(row.mask, &ids);
            let names = if names.is_empty() { "none".to_owned() } else { names.join(" ") };
            let value = format!("{0} = {0:#06x} = {0:#b}: {names}", row.mask);
            part.push_str(&style.beside(row.name, 9, &value));
        }
        if style.verbose {
            for seen in &reading.evidence {
                let line = format!("{}: {}", seen.source, seen.observed);
                part.push_str(&text::hanging(2, "seen: ", 6, &line, style.width));
            }
        }
        if !agree {
            part.push('\n');
            part.push_str(&matrix::text(&rows(slice::from_ref(reading)), &ids, style.width));
        }
        parts.push(part);
    }
    if agree {
        parts.push(matrix::text(&rows(&report.readings), &ids, style.width));
    } else {
        let mut alarm = String::new();
        let _ = writeln!(alarm, "{}", style.paint("The methods do not agree.", Ink::Alarm));
        parts.push(alarm);
    }
    parts
}

/// The rows of the table; what only some methods show, from the first that does.
fn rows(readings: &[Reading]) -> Vec<Row<'static>> {
    let first = |value: fn(&Reading) -> Option<u64>| readings.iter().find_map(value);
    let rows = [
        ("implicit", first(|r| Some(r.implicit))),
        ("inhibit", first(|r| Some(r.inhibited))),
        ("control", first(|r| r.control)),
        ("attached", first(|r| r.attached)),
    ];
    rows.into_iter().filter_map(|(name, mask)| Some(Row { name, mask: mask? })).collect()
}
