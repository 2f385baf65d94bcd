//! What is wrong with policies: every problem with its file, line and column, the line itself and a marker.
//!
//! Drawn here and not by annotate-snippets: its first line names no place, and `policy.yaml:12:7: error: …` is
//! what editors, log viewers and scripts can follow.

use preflight_checks::value::{self, Span};
use std::fmt::{self, Write as _};

/// The longest part of a source line that is shown, in characters.
const LINE_WIDTH: usize = 100;
/// What is shown before the marker when a line has to be cut, in characters.
const LINE_BEFORE: usize = 40;
/// The longest message, in characters: a policy can hold a key of a megabyte.
const MESSAGE_WIDTH: usize = 600;
/// How many problems are kept; a file of another kind can be wrong in every line.
const KEPT: usize = 50;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The policy can't be used.
    Error,
    /// The policy can be used; `policy lint` speaks of it.
    Warning,
}

impl Level {
    /// The word in the output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Which of the files of a policy, in the order in which they were opened.
pub(super) type FileId = usize;

/// A place in one of the files of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) file: FileId,
    pub(super) span: Span,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Diagnostic {
    pub(super) level: Level,
    pub(super) file: FileId,
    /// `None` where the file as a whole is meant: it can't be read.
    pub(super) span: Option<Span>,
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) notes: Vec<String>,
}

impl Diagnostic {
    pub(super) fn error(at: Place, message: impl Into<String>) -> Self {
        Self {
            level: Level::Error,
            file: at.file,
            span: Some(at.span),
            message: message.into(),
            help: None,
            notes: Vec::new(),
        }
    }

    pub(super) fn of_file(file: FileId, message: impl Into<String>) -> Self {
        let mut this = Self::error(Place { file, span: Span::default() }, message);
        this.span = None;
        this
    }

    pub(super) fn warning(at: Place, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(at, message) }
    }

    pub(super) fn from_value(file: FileId, whole: Span, error: value::Error) -> Self {
        let at = Place { file, span: error.span.unwrap_or(whole) };
        Self { help: error.help, ..Self::error(at, error.message) }
    }

    #[must_use]
    pub(super) fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }

    #[must_use]
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// The text of one file of a policy.
#[derive(Clone, Debug)]
pub(super) struct Text {
    /// As it is named in messages: a path, `profile minimal`, `standard input`.
    pub(super) name: String,
    /// The text, without a byte order mark.
    pub(super) content: String,
    /// The byte at which each line starts.
    line_starts: Vec<usize>,
}

impl Text {
    pub(super) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self { name: name.into(), content: text, line_starts }
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub(super) fn line_column(&self, byte: u32) -> (usize, usize) {
        let byte = (byte as usize).min(self.content.len());
        let line = self.line_starts.partition_point(|start| *start <= byte).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.content.as_bytes().get(start..byte).unwrap_or_default();
        // Bytes that continue a character don't count.
        (line, 1 + before.iter().filter(|b| (**b & 0xC0) != 0x80).count())
    }

    /// The text of a line, without its end.
    fn line(&self, line: usize) -> &str {
        let start = self.line_starts.get(line - 1).copied().unwrap_or(self.content.len());
        let rest = self.content.get(start..).unwrap_or_default();
        rest.split('\n').next().unwrap_or_default().trim_end_matches('\r')
    }
}

/// A problem with its place, for those who print it their own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<'a> {
    /// How bad it is.
    pub level: Level,
    /// The file, as its reader named it.
    pub path: &'a str,
    /// Line and column, from 1, the column in characters; none where the file as a whole is meant.
    pub line_column: Option<(usize, usize)>,
    /// What is wrong.
    pub message: &'a str,
    /// What would be right.
    pub help: Option<&'a str>,
    /// What else there is to know.
    pub notes: &'a [String],
}

/// Problems of a policy and of the files that it extends, in the order of the files and of their lines.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    texts: Vec<Text>,
    list: Vec<Diagnostic>,
    /// How many more errors there were.
    more: usize,
}

impl Diagnostics {
    pub(super) fn new(texts: Vec<Text>, mut list: Vec<Diagnostic>) -> Self {
        list.sort_by_key(|d| (d.file, d.span, d.level));
        list.dedup();
        let more = list.iter().skip(KEPT).filter(|d| d.level == Level::Error).count();
        list.truncate(KEPT);
        Self { texts, list, more }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many errors there are; warnings don't count.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.more + self.list.iter().filter(|d| d.level == Level::Error).count()
    }

    /// Each problem with its place, the first fifty at most.
    pub fn iter(&self) -> impl Iterator<Item = Located<'_>> {
        self.list.iter().filter_map(|d| {
            let text = self.texts.get(d.file)?;
            Some(Located {
                level: d.level,
                path: &text.name,
                line_column: d.span.map(|s| text.line_column(s.start)),
                message: &d.message,
                help: d.help.as_deref(),
                notes: &d.notes,
            })
        })
    }

    /// The problems as text for people, each with its line and a marker; colours only where `colour` says so.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let mut out = String::new();
        for diagnostic in &self.list {
            if let Some(text) = self.texts.get(diagnostic.file) {
                // Writing to a String does not fail.
                let _ = draw(&mut out, text, diagnostic, &Paint { colour });
            }
        }
        if self.more > 0 {
            let _ = writeln!(out, "… and {} more problems", self.more);
        }
        out
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

struct Paint {
    colour: bool,
}

impl Paint {
    const BOLD: &'static str = "1";
    const BLUE: &'static str = "1;34";

    fn level(level: Level) -> &'static str {
        match level {
            Level::Error => "1;31",
            Level::Warning => "1;33",
        }
    }

    fn with(&self, style: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

fn draw(out: &mut String, text: &Text, diagnostic: &Diagnostic, paint: &Paint) -> fmt::Result {
    let level = paint.with(Paint::level(diagnostic.level), &format!("{}:", diagnostic.level.as_str()));
    let message = paint.with(Paint::BOLD, &printable(&diagnostic.message));
    let name = printable(&text.name);
    let mut margin = 1;
    if let Some(span) = diagnostic.span {
        let (line, column) = text.line_column(span.start);
        writeln!(out, "{name}:{line}:{column}: {level} {message}")?;
        margin = line.to_string().len();
        let (shown, before, width) = excerpt(text.line(line), column, marker_width(text, span));
        let bar = paint.with(Paint::BLUE, "|");
        let number = paint.with(Paint::BLUE, &line.to_string());
        let marker = paint.with(Paint::level(diagnostic.level), &"^".repeat(width));
        writeln!(out, "{:margin$} {bar}", "")?;
        writeln!(out, "{number} {bar} {shown}")?;
        writeln!(out, "{:margin$} {bar} {:before$}{marker}", "", "")?;
    } else {
        writeln!(out, "{name}: {level} {message}")?;
    }
    let equals = paint.with(Paint::BLUE, "=");
    for note in &diagnostic.notes {
        writeln!(out, "{:margin$} {equals} note: {}", "", printable(note))?;
    }
    if let Some(help) = &diagnostic.help {
        writeln!(out, "{:margin$} {equals} help: {}", "", printable(help))?;
    }
    Ok(())
}

/// How many characters of its first line a span covers, at least one.
fn marker_width(text: &Text, span: Span) -> usize {
    let covered = text.content.get(span.start as usize..span.end as usize).unwrap_or_default();
    covered.lines().next().unwrap_or_default().trim_end().chars().count().max(1)
}

/// The part of a line around a column (from 1), the number of characters before it, and the marker's width.
fn excerpt(line: &str, column: usize, width: usize) -> (String, usize, usize) {
    let length = line.chars().count();
    let at = column - 1;
    let from = if length <= LINE_WIDTH { 0 } else { at.saturating_sub(LINE_BEFORE) };
    let mut shown: String = line.chars().skip(from).take(LINE_WIDTH).map(visible).collect();
    let mut before = at - from;
    if from > 0 {
        shown.insert(0, '…');
        before += 1;
    }
    if length > from + LINE_WIDTH {
        shown.push('…');
    }
    let room = shown.trim_end().chars().count().saturating_sub(before).max(1);
    (shown.trim_end().to_owned(), before, width.min(room))
}

/// A character that takes one place and does nothing to a terminal.
fn visible(c: char) -> char {
    match c {
        '\t' => '→',
        c if acts(c) => '\u{FFFD}',
        c => c,
    }
}

/// Control characters, and those that turn the direction of text.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{FEFF}')
}

/// Text on one line of bounded length that does nothing to a terminal.
fn printable(text: &str) -> String {
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        if i >= MESSAGE_WIDTH {
            out.push('…');
            break;
        }
        if acts(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

/// A word of a policy as it stands in a message, cut to a readable length.
pub(super) fn quoted(word: &str) -> String {
    const LIMIT: usize = 60;
    match word.char_indices().nth(LIMIT) {
        Some((cut, _)) => format!("`{}…`", &word[..cut]),
        None => format!("`{word}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn span(start: u32, end: u32) -> Span {
        Span { start, end }
    }

    fn rendered(text: &str, start: u32, end: u32) -> String {
        let text = Text::new("p.yaml", text);
        let d = Diagnostic::error(Place { file: 0, span: span(start, end) }, "wrong");
        Diagnostics::new(vec![text], vec![d]).to_string()
    }

    #[test]
    fn columns_count_characters_from_one() {
        assert_eq!(
            rendered("a: 1\nüü: bad\n", 11, 14),
            "p.yaml:2:5: error: wrong\n  |\n2 | üü: bad\n  |     ^^^\n"
        );
    }

    #[test]
    fn crlf_and_the_end_of_the_file() {
        assert_eq!(rendered("a: 1\r\nb", 6, 7), "p.yaml:2:1: error: wrong\n  |\n2 | b\n  | ^\n");
        assert_eq!(rendered("a\n", 2, 2), "p.yaml:2:1: error: wrong\n  |\n2 | \n  | ^\n");
        assert_eq!(rendered("", 0, 0), "p.yaml:1:1: error: wrong\n  |\n1 | \n  | ^\n");
    }

    #[test]
    fn long_lines_are_cut_around_the_marker() {
        let text = format!("{}BAD{}", "x".repeat(5000), "y".repeat(5000));
        let out = rendered(&text, 5000, 5003);
        assert!(out.lines().all(|l| l.chars().count() < 120), "{out}");
        let (line, marker) = (out.lines().nth(2).unwrap(), out.lines().nth(3).unwrap());
        let at = marker.chars().position(|c| c == '^').unwrap();
        assert_eq!(line.chars().skip(at).take(3).collect::<String>(), "BAD");
        assert!(line.contains('…') && line.ends_with('…'));
    }

    #[test]
    fn what_acts_on_a_terminal_is_not_passed_on() {
        let text = Text::new("p\x1b.yaml", "k: \x1b[31mred \u{202e}x\ty");
        let d = Diagnostic::error(Place { file: 0, span: span(3, 4) }, "a\x1b]0;title\x07\nb");
        let out = Diagnostics::new(vec![text], vec![d]).to_string();
        assert!(out.chars().all(|c| c == '\n' || !acts(c)), "{out:?}");
        assert!(out.starts_with("p\\u{1b}.yaml:1:4: error: a\\u{1b}]0;title\\u{7}\\u{a}b\n"), "{out}");
    }

    #[test]
    fn colour_changes_nothing_but_the_colour() {
        let text = Text::new("p.yaml", "key: 1");
        let d =
            Diagnostic::error(Place { file: 0, span: span(0, 3) }, "wrong").help("do".to_owned()).note("so");
        let all = Diagnostics::new(vec![text], vec![d]);
        let coloured = all.render(true);
        assert!(coloured.starts_with("p.yaml:1:1: \x1b[1;31merror:\x1b[0m "), "{coloured:?}");
        let mut plain = coloured;
        for code in ["\x1b[0m", "\x1b[1m", "\x1b[1;31m", "\x1b[1;34m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, all.render(false));
        assert!(plain.ends_with("  = note: so\n  = help: do\n"), "{plain}");
    }

    #[test]
    fn a_thousand_problems_are_not_all_shown() {
        let list =
            (0..1000).map(|i| Diagnostic::error(Place { file: 0, span: span(i, i) }, "wrong")).collect();
        let out = Diagnostics::new(vec![Text::new("p", "x".repeat(2000))], list).to_string();
        assert!(out.ends_with("… and 950 more problems\n"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,80}|[a\\r\\n\\tü]{0,40}", start in 0_u32..200, end in 0_u32..200) {
            let _ = rendered(&text, start, end);
        }
    }
}
