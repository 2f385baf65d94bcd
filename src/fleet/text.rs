//! A fleet for people.

use super::{
    census::Census,
    picture::{Cause, Cell, Picture},
};
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
    out.causes("What makes nodes fail, what concerns most of them first", &picture.causes, CAUSES);
    if !style.quiet {
        out.causes("What nodes warn of", &picture.warnings, WARNINGS);
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

    /// How much of a list is told, and in words how much is not.
    fn some<'a, T>(&self, all: &'a [T], most: usize) -> (&'a [T], Option<String>) {
        if self.style.verbose || all.len() <= most {
            return (all, None);
        }
        (&all[..most], Some(format!("and {} more (-v shows them, -o json has all)", all.len() - most)))
    }

    fn causes(&mut self, head: &str, causes: &[Cause], most: usize) {
        if causes.is_empty() {
            return;
        }
        self.head(head);
        let (some, more) = self.some(causes, most);
        for cause in some {
            self.line("  ", &format!("{}: {}", plain(&cause.finding), counted(cause)));
            let message = cause.message.as_deref().map(plain).unwrap_or_default();
            self.line("      ", &format!("{message} ({})", plain(&cause.reason)));
            if let Some(remedy) = &cause.remedy {
                self.line("      ", &format!("mend: {}", plain(remedy)));
            }
        }
        if let Some(more) = more {
            self.line("  ", &more);
        }
        self.end();
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
    let (rows, more) = out.some(&picture.matrix.findings, ROWS);
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells =
                (1..).zip(&row.cells).filter_map(|(at, cell)| Some(format!("[{at}] {}", counts(*cell)?)));
            format!("{}: {}", plain(&row.finding), cells.collect::<Vec<_>>().join(", "))
        })
        .collect();
    for line in &lines {
        out.line("  ", line);
    }
    if let Some(more) = more {
        out.line("  ", &more);
    }
    out.end();
}

fn counts(cell: Cell) -> Option<String> {
    let parts = [(cell.fail, "F"), (cell.undetermined, "?"), (cell.warn, "W")];
    let told: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, sign)| format!("{}{sign}", number(*n))).collect();
    if told.is_empty() { None } else { Some(told.join(" ")) }
}

fn duplicates(out: &mut Out, picture: &Picture) {
    if picture.duplicates.is_empty() {
        return;
    }
    out.head("The same where each node needs its own");
    let (some, more) = out.some(&picture.duplicates, CAUSES);
    for duplicate in some {
        let told = format!(
            "{} {}: {}",
            duplicate.what,
            plain(&duplicate.value),
            few(out.style, &duplicate.nodes, duplicate.nodes.len())
        );
        out.line("  ", &told);
    }
    if let Some(more) = more {
        out.line("  ", &more);
    }
    out.end();
}

fn odd(out: &mut Out, picture: &Picture) {
    if picture.odd.is_empty() {
        return;
    }
    out.head("Nodes unlike most of their group");
    let (some, more) = out.some(&picture.odd, NAMES);
    for odd in some {
        out.line(
            "  ",
            &format!(
                "{}: {} findings differ: {}",
                plain(&odd.node),
                odd.apart,
                few(out.style, &odd.says, odd.apart)
            ),
        );
    }
    if let Some(more) = more {
        out.line("  ", &more);
    }
    out.end();
}

fn drift(out: &mut Out, picture: &Picture) {
    let Some(drift) = &picture.drift else { return };
    out.head(&format!("Since {}", plain(&drift.against)));
    for (what, changes) in [
        ("fails now", &drift.worse),
        ("is mended", &drift.better),
        ("failed, and is not known now", &drift.unclear),
    ] {
        let (some, more) = out.some(changes, CAUSES);
        for change in some {
            let names = few(out.style, &change.nodes, change.nodes.len());
            let told = format!("{} {what} on {}: {names}", plain(&change.finding), nodes(change.nodes.len()));
            out.line("  ", &told);
        }
        if let Some(more) = more {
            out.line("  ", &more);
        }
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
    if picture.broken.is_empty() {
        return;
    }
    out.head("Could not be read");
    let (some, more) = out.some(&picture.broken, NAMES);
    for unread in some {
        out.line("  ", &format!("{}: {}", plain(&unread.source), plain(&unread.why)));
    }
    if let Some(more) = more {
        out.line("  ", &more);
    }
    out.end();
}

/// The last line: how many of what.
fn sum(census: &Census, picture: &Picture) -> String {
    let totals = picture.totals();
    let word = match () {
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
    let _ = write!(told, " ({} kernels, {} groups)", kernels.len(), picture.matrix.groups.len());
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
    format!("{} {}", number(count), if count == 1 { "node" } else { "nodes" })
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
