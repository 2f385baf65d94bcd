//! A fleet for people.

use super::{causes::Cause, census::Census, matrix::Cell, picture::Picture};
use crate::text::{hanging, plain};
use std::fmt::Write as _;

/// How it is written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// How wide lines may be, in columns.
    pub width: usize,
    /// Everything, and not only what comes first.
    pub verbose: bool,
    /// Failures and the sum alone.
    pub quiet: bool,
}

/// How much of each list is told without `-v`.
const CAUSES: usize = 10;
const WARNINGS: usize = 5;
const ROWS: usize = 15;
const NAMES: usize = 5;

pub(super) fn render(census: &Census, picture: &Picture, style: Style) -> String {
    let mut out = Out { text: String::new(), style };
    out.part("What makes nodes fail, what concerns most of them first", &picture.causes, CAUSES, cause);
    if !style.quiet {
        out.part("What nodes warn of", &picture.warnings, WARNINGS, cause);
        matrix(&mut out, picture);
    }
    duplicates(&mut out, picture);
    if !style.quiet {
        odd(&mut out, picture);
        drift(&mut out, picture);
    }
    broken(&mut out, picture);
    out.line("", &sum(census, picture));
    out.text
}

struct Out {
    text: String,
    style: Style,
}

impl Out {
    fn line(&mut self, label: &str, text: &str) {
        let width = label.chars().count().min(6);
        self.text.push_str(&hanging(0, label, width, text, self.style.width));
    }

    fn head(&mut self, text: &str) {
        self.line("", &format!("{text}:"));
    }

    fn end(&mut self) {
        self.text.push('\n');
    }

    /// The first of a list, each told by its lines, and how many there are more.
    fn list<T>(&mut self, all: &[T], most: usize, tell: impl Fn(&mut Self, &T)) {
        let most = if self.style.verbose { all.len() } else { most };
        all.iter().take(most).for_each(|one| tell(self, one));
        if all.len() > most {
            self.line(
                "  ",
                &format!("and {} more (-v shows them, -o json has all)", number(all.len() - most)),
            );
        }
    }

    /// A list with a head, if there is anything in it.
    fn part<T>(&mut self, head: &str, all: &[T], most: usize, tell: impl Fn(&mut Self, &T)) {
        if !all.is_empty() {
            self.head(head);
            self.list(all, most, tell);
            self.end();
        }
    }
}

fn cause(out: &mut Out, cause: &Cause) {
    out.line("  ", &format!("{}: {}", plain(&cause.finding), counted(cause)));
    let message = cause.message.as_deref().map(plain).unwrap_or_default();
    out.line("      ", &format!("{message} ({})", plain(&cause.reason)));
    if let Some(remedy) = &cause.remedy {
        out.line("      ", &format!("mend: {}", plain(remedy)));
    }
}

/// On how many nodes, and what hangs on it.
fn counted(cause: &Cause) -> String {
    let alone = match cause.alone {
        0 => String::new(),
        n if n == cause.nodes => ", and nothing else there".to_owned(),
        n => format!(", on {} of them nothing else", number(n)),
    };
    let known = if cause.determined { "" } else { ", not determined" };
    let followers = match cause.followers {
        0 => String::new(),
        n => format!(", {} more findings follow from it", number(n)),
    };
    format!("{}{alone}{known}{followers}", nodes(cause.nodes))
}

fn matrix(out: &mut Out, picture: &Picture) {
    let groups = &picture.matrix.groups;
    if picture.matrix.findings.is_empty() || groups.len() < 2 {
        return;
    }
    out.head("Findings by groups (F fails, ? is not determined, W warns)");
    for (at, group) in (1..).zip(groups) {
        out.line("  ", &format!("[{at}] {}: {}", plain(&group.name), nodes(group.nodes)));
    }
    out.list(&picture.matrix.findings, ROWS, |out, row| {
        let cells = (1..).zip(&row.cells).filter_map(|(at, cell)| Some(format!("[{at}] {}", counts(*cell)?)));
        out.line("  ", &format!("{}: {}", plain(&row.finding), cells.collect::<Vec<_>>().join(", ")));
    });
    out.end();
}

fn counts(cell: Cell) -> Option<String> {
    let parts = [(cell.fail, "F"), (cell.undetermined, "?"), (cell.warn, "W")];
    let told: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, sign)| format!("{}{sign}", number(*n))).collect();
    if told.is_empty() { None } else { Some(told.join(" ")) }
}

fn duplicates(out: &mut Out, picture: &Picture) {
    out.part("The same where each node needs its own", &picture.duplicates, CAUSES, |out, duplicate| {
        let nodes = few(out.style, &duplicate.nodes, duplicate.nodes.len());
        out.line("  ", &format!("{} {}: {nodes}", duplicate.what, plain(&duplicate.value)));
    });
}

fn odd(out: &mut Out, picture: &Picture) {
    out.part("Nodes unlike most of their group", &picture.odd, NAMES, |out, odd| {
        let says = few(out.style, &odd.says, odd.apart);
        out.line("  ", &format!("{}: {} findings differ: {says}", plain(&odd.node), odd.apart));
    });
}

fn drift(out: &mut Out, picture: &Picture) {
    let Some(drift) = &picture.drift else { return };
    out.head(&format!("Since {}", plain(&drift.against)));
    for (what, changes) in [
        ("fails now", &drift.worse),
        ("is mended", &drift.better),
        ("failed, and is not known now", &drift.unclear),
    ] {
        out.list(changes, CAUSES, |out, change| {
            let names = few(out.style, &change.nodes, change.nodes.len());
            let finding = plain(&change.finding);
            out.line("  ", &format!("{finding} {what} on {}: {names}", nodes(change.nodes.len())));
        });
    }
    for (what, names) in [("no longer reported", &drift.gone), ("new", &drift.new)] {
        if !names.is_empty() {
            out.line("  ", &format!("{} {what}: {}", nodes(names.len()), few(out.style, names, names.len())));
        }
    }
    if drift.broken > 0 {
        out.line("  ", &format!("{} documents of then could not be read", number(drift.broken)));
    }
    out.end();
}

fn broken(out: &mut Out, picture: &Picture) {
    out.part("Could not be read", &picture.broken, NAMES, |out, unread| {
        out.line("  ", &format!("{}: {}", plain(&unread.source), plain(&unread.why)));
    });
}

/// The last line: how many of what.
fn sum(census: &Census, picture: &Picture) -> String {
    let totals = picture.totals();
    let word = match () {
        () if totals.nodes == 0 => "NOTHING",
        () if totals.fail > 0 => "FAIL",
        () if totals.warn > 0 || totals.broken > 0 => "WARN",
        () if totals.pass > 0 => "PASS",
        () => "SKIP",
    };
    let mut told = format!(
        "{word}: {}: {} fail, {} warn, {} pass",
        nodes(totals.nodes),
        number(totals.fail),
        number(totals.warn),
        number(totals.pass)
    );
    for (count, what) in [
        (totals.skip, "were asked nothing"),
        (totals.undetermined, "have something that is not determined"),
        (totals.broken, "documents could not be read"),
        (totals.superseded, "reports are older than another one of their node"),
        (totals.other_files, "files are none of reports by their names"),
    ] {
        if count > 0 {
            let _ = write!(told, "; {} {what}", number(count));
        }
    }
    let kernels: std::collections::BTreeSet<u32> =
        census.nodes.iter().filter_map(|node| node.kernel).collect();
    let groups = picture.matrix.column.len();
    let _ = write!(told, " ({}, {})", many(kernels.len(), "kernel"), many(groups, "group"));
    told
}

/// Some names, and how many more there are.
fn few(style: Style, names: &[String], count: usize) -> String {
    let most = if style.verbose { names.len() } else { NAMES };
    let some: Vec<String> = names.iter().take(most).map(|name| plain(name)).collect();
    let more = count.saturating_sub(names.len().min(most));
    let more = if more > 0 { format!(", and {} more", number(more)) } else { String::new() };
    some.join(", ") + &more
}

fn nodes(count: usize) -> String {
    many(count, "node")
}

fn many(count: usize, what: &str) -> String {
    format!("{} {what}{}", number(count), if count == 1 { "" } else { "s" })
}

/// With a comma between thousands.
pub(super) fn number(count: usize) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
