//! `preflight cgroups` for people: what contradicts itself, the table of subsystems, the masks, how that is known, and
//! what else matters about cgroups; and the long note of one subsystem.

mod around;
mod explain;
mod known;
mod masks;
mod table;

use super::model::CgroupReport;
use crate::text;
use colored::Colorize;
use preflight_checks::facts::cgroup::{State, UniverseSource};

pub use explain::explain;

/// How to set the text.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The width in columns.
    pub width: usize,
    /// Whether to use colour.
    pub color: bool,
    /// Every step of the ladder, and what every feature means.
    pub verbose: bool,
    /// The table alone, and what contradicts itself.
    pub quiet: bool,
}

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, Debug)]
enum Ink {
    /// Something is wrong with the kernel or with this program.
    Alarm,
    /// The heading of a part.
    Title,
    /// The state of a subsystem.
    State(State),
}

impl Style {
    fn paint(self, text: &str, ink: Ink) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let painted = match ink {
            Ink::Alarm => text.red().bold(),
            Ink::Title => text.bold(),
            Ink::State(State::Listed | State::Implicit) => text.green(),
            Ink::State(State::Inhibited | State::NotCompiled) => text.dimmed(),
            Ink::State(_) => text.yellow(),
        };
        painted.to_string()
    }

    /// A heading on lines of its own.
    fn title(self, text: &str) -> String {
        text::lines(text, self.width)
            .iter()
            .map(|line| format!("{}\n", self.paint(line, Ink::Title)))
            .collect()
    }

    /// `text` beside `label`, which is set in a column of `label_width`.
    fn beside(self, label: &str, label_width: usize, text: &str) -> String {
        let label = text::plain(label);
        let label = format!("{label:<label_width$}  ");
        text::hanging(2, &label, text::columns(&label), text, self.width)
    }
}

/// The whole report.
#[must_use]
pub fn table(report: &CgroupReport, style: Style) -> String {
    if style.color {
        // colored looks at standard output by itself; whether to colour was decided for this text.
        colored::control::set_override(true);
    }
    let mut parts = vec![disagreements(report, style), head(report, style) + &table::text(report, style)];
    if !style.quiet {
        parts.extend([
            masks::text(report, style),
            known::text(report, style),
            around::text(report, style),
            gaps(report, style),
        ]);
    }
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// What can't both be so. It stands first: nothing below it can be relied on.
fn disagreements(report: &CgroupReport, style: Style) -> String {
    let mut out = String::new();
    for disagreement in &report.disagreements {
        let word = style.paint("DISAGREEMENT", Ink::Alarm);
        let subject = text::plain(&disagreement.subject);
        let label = format!("{word} about {subject}: ");
        let width = text::columns("DISAGREEMENT about : ") + text::columns(&subject);
        // The label may be as wide as the page: the text then starts below it.
        if width + 40 > style.width {
            out.push_str(label.trim_end());
            out.push('\n');
            out.push_str(&text::hanging(2, "", 0, &disagreement.message, style.width));
        } else {
            out.push_str(&text::hanging(0, &label, width, &disagreement.message, style.width));
        }
        for seen in &disagreement.evidence {
            let line = format!("{}: {}", seen.source, seen.observed);
            out.push_str(&text::hanging(2, "seen: ", 6, &line, style.width));
        }
    }
    if !out.is_empty() {
        let what = "Two ways to learn the same do not agree: this kernel is not what preflight takes it for, or preflight \
                    is wrong. Do not rely on what follows, and report it.";
        out.push_str(&text::hanging(0, "", 0, what, style.width));
    }
    out
}

fn head(report: &CgroupReport, style: Style) -> String {
    let kernel = report.kernel.as_deref().unwrap_or("of unknown release");
    let head = format!("Kernel {kernel}, cgroup layout {}{}", report.layout.as_str(), where_mounted(report));
    text::hanging(0, "", 0, &head, style.width) + "\n"
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

fn gaps(report: &CgroupReport, style: Style) -> String {
    let gap = |source: &str, observed: &str| {
        text::hanging(0, "not read: ", 10, &format!("{source}: {observed}"), style.width)
    };
    report.gaps.iter().chain(&report.headroom.gaps).map(|e| gap(&e.source, &e.observed)).collect()
}

/// The word for what told which subsystems there are.
fn universe_word(source: UniverseSource) -> &'static str {
    match source {
        UniverseSource::Btf => "the kernel's type information (BTF)",
        UniverseSource::Kallsyms => "the symbols of /proc/kallsyms",
        UniverseSource::Files => "the files of cgroups",
        UniverseSource::Config => "the kernel's configuration",
    }
}
