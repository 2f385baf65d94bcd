//! The table of subsystems. Columns that say nothing on this node are left out. Where the page is narrow, those go whose
//! content the reason can tell as well; where it is narrower still, the reason stands below its row.

use super::{Ink, Style};
use crate::{
    cgroups::model::{CgroupReport, Controller},
    text,
};
use preflight_checks::facts::cgroup::State;

/// The widest that a path is set, in columns.
const WIDEST_PATH: usize = 32;
/// The widest that a replacement is set.
const WIDEST_INSTEAD: usize = 30;
/// The least room for the reason beside its row.
const ROOM: usize = 34;
/// The titles of the columns that the reason can replace.
const WHERE: &str = "ON V1 AT";
const PASSED_ON: &str = "DELEGATED";

/// One column: its title, and a cell for each subsystem.
struct Column {
    title: &'static str,
    cells: Vec<String>,
    widest: usize,
}

impl Column {
    fn of(report: &CgroupReport, title: &'static str, cell: impl Fn(&Controller) -> String) -> Self {
        let cells = report.controllers.iter().map(|c| text::plain(&cell(c))).collect();
        Self { title, cells, widest: usize::MAX }
    }

    fn at_most(mut self, widest: usize) -> Self {
        self.widest = widest;
        self
    }

    fn says_nothing(&self) -> bool {
        self.cells.iter().all(String::is_empty)
    }

    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|c| text::columns(c)).max().unwrap_or(0);
        cells.min(self.widest).max(text::columns(self.title))
    }

    fn lines(&self, row: usize) -> Vec<String> {
        self.cells.get(row).map_or_else(Vec::new, |cell| text::lines(cell, self.width()))
    }
}

pub(super) fn text(report: &CgroupReport, style: Style) -> String {
    let mut columns = columns(report);
    let room = |columns: &[Column]| style.width.saturating_sub(columns.iter().map(|c| c.width() + 2).sum());
    let instead = Column::of(report, "INSTEAD", instead).at_most(WIDEST_INSTEAD);
    let apart = !instead.says_nothing() && room(&columns) >= ROOM + 2 + instead.width();
    if apart {
        columns.push(instead);
    } else if room(&columns) < ROOM {
        columns.retain(|c| c.title != WHERE && c.title != PASSED_ON);
    }
    let has_where = columns.iter().any(|c| c.title == WHERE);
    let why = Column::of(report, "WHY", |c| reason(c, !has_where, !apart)).at_most(room(&columns));
    let beside = room(&columns) >= ROOM;
    let below = if beside { None } else { Some(why.cells.clone()) };
    if beside {
        columns.push(why);
    }
    let mut out =
        line(&columns.iter().map(|c| (c.title.to_owned(), None, c.width())).collect::<Vec<_>>(), style);
    for (row, controller) in report.controllers.iter().enumerate() {
        out.push_str(&cells(&columns, row, controller.state, style));
        if let Some(why) = below.as_ref().and_then(|cells| cells.get(row)) {
            out.push_str(&text::hanging(4, "", 0, why, style.width));
        }
    }
    out
}

fn columns(report: &CgroupReport) -> Vec<Column> {
    let yes_no = |value: Option<bool>, yes: &str, no: &str| match value {
        Some(true) => yes.to_owned(),
        Some(false) => no.to_owned(),
        None => String::new(),
    };
    let mut columns = vec![
        Column::of(report, "NAME", |c| c.name.clone()),
        Column::of(report, "ID", |c| c.id.map_or_else(|| " -".to_owned(), |id| format!("{id:>2}"))),
        Column::of(report, "STATE", |c| c.state.as_str().to_owned()),
        Column::of(report, WHERE, on_v1).at_most(WIDEST_PATH),
        Column::of(report, "CHILDREN", |c| yes_no(c.enabled_for_children, "enabled", "-")),
        Column::of(report, PASSED_ON, |c| yes_no(c.delegated, "yes", "no")),
    ];
    columns.retain(|c| !c.says_nothing());
    columns
}

/// One row, in as many lines as its cells take.
fn cells(columns: &[Column], row: usize, state: State, style: Style) -> String {
    let cells: Vec<Vec<String>> = columns.iter().map(|c| c.lines(row)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    (0..height)
        .map(|i| {
            let parts: Vec<_> = columns
                .iter()
                .zip(&cells)
                .map(|(column, lines)| {
                    let ink = (column.title == "STATE").then_some(Ink::State(state));
                    (lines.get(i).cloned().unwrap_or_default(), ink, column.width())
                })
                .collect();
            line(&parts, style)
        })
        .collect()
}

/// Texts with their colours, each padded to its width.
fn line(parts: &[(String, Option<Ink>, usize)], style: Style) -> String {
    let mut out = String::new();
    for (text, ink, width) in parts {
        out.push_str(&ink.map_or_else(|| text.clone(), |ink| style.paint(text, ink)));
        out.push_str(&" ".repeat(width.saturating_sub(text::columns(text)) + 2));
    }
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
    out
}

fn on_v1(c: &Controller) -> String {
    match (&c.legacy_mount, c.hierarchy) {
        (Some(point), _) => point.clone(),
        (None, Some(number)) if number > 0 => format!("hierarchy {number}, no mount"),
        _ => String::new(),
    }
}

/// What does its work on version 2, where it is not there itself.
fn instead(c: &Controller) -> String {
    match c.state {
        State::Listed | State::BoundToV1 => String::new(),
        _ => c.replacement.clone().unwrap_or_default(),
    }
}

/// The reason in one line: the long note is for `--explain`.
fn reason(c: &Controller, with_where: bool, with_instead: bool) -> String {
    let after = |start: &str| c.note.split_once(start).map_or(c.note.as_str(), |(_, rest)| rest).to_owned();
    let mut why = match c.state {
        State::Listed if c.delegated == Some(true) => {
            "in cgroup.controllers: its parent passed it on".to_owned()
        }
        State::Listed => "in cgroup.controllers".to_owned(),
        State::Implicit => "always on, and has no files".to_owned(),
        State::Inhibited => match c.note.split_once("; it got them with ") {
            Some((_, since)) => format!("has no v2 files: it got them with {since}"),
            None => "has no v2 files".to_owned(),
        },
        State::BoundToV1 => match (&c.legacy_mount, c.hierarchy) {
            (Some(point), _) if with_where => format!("on the v1 hierarchy at {point}"),
            (None, Some(number)) if with_where => format!("on the v1 hierarchy {number}, no mount seen"),
            (None, _) => "on a v1 hierarchy: mounted elsewhere, or alive by its cgroups".to_owned(),
            (Some(_), _) => "a v1 hierarchy has taken it".to_owned(),
        },
        State::NotDelegated => "its parent does not pass it on".to_owned(),
        State::NotCompiled => after("not compiled into this kernel: "),
        State::Disabled => after("switched off at boot: "),
        State::Unmounted => "free, but no cgroup2 is mounted".to_owned(),
        State::Unknown => c.note.clone(),
    };
    let instead = instead(c);
    if with_instead && !instead.is_empty() {
        why.push_str("; instead: ");
        why.push_str(&instead);
    }
    why
}
