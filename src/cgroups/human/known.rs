//! How that is known: the best step of the ladder that told something, and why the better ones did not.

use super::{Style, universe_word};
use crate::cgroups::model::CgroupReport;
use preflight_checks::facts::cgroup::{
    Step,
    ladder::{Rung, Status},
};

pub(super) fn text(report: &CgroupReport, style: Style) -> String {
    if report.ladder.is_empty() {
        return String::new();
    }
    let label = Step::ALL.iter().map(|s| s.as_str().len()).max().unwrap_or(0);
    let mut out = style.title("How this is known");
    let best = report.ladder.iter().position(|r| r.status == Status::Answered);
    let shown = if style.verbose { report.ladder.len() } else { best.map_or(report.ladder.len(), |i| i + 1) };
    for rung in report.ladder.iter().take(shown) {
        out.push_str(&style.beside(rung.step.as_str(), label, &line(rung)));
    }
    let also: Vec<&str> = report
        .ladder
        .iter()
        .skip(shown)
        .filter(|r| r.status == Status::Answered)
        .map(|r| r.step.as_str())
        .collect();
    if !also.is_empty() {
        let agree = if report.disagreements.is_empty() { ", and agree" } else { "" };
        out.push_str(&style.beside("", label, &format!("{} told something too{agree}", also.join(", "))));
    }
    let mut universe = format!("which there are: from {}", universe_word(report.universe.source));
    for reason in &report.universe.instead_of {
        universe.push_str("; ");
        universe.push_str(reason);
    }
    out.push_str(&style.beside("subsystems", label, &universe));
    out
}

/// What came of a step, in one line.
pub(super) fn line(rung: &Rung) -> String {
    match rung.status {
        Status::Answered => rung.detail.clone(),
        Status::NotAsked => format!("not asked: {}", rung.detail),
        Status::Unavailable => format!("not available: {}", rung.detail),
    }
}
