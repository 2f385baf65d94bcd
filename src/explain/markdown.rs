//! Markdown as text for a terminal: the little of it that doc comments use.

use crate::text;

/// How far text below a heading is indented, and code below that.
const INDENT: usize = 2;

/// `source` as text of at most `width` columns. Code blocks and tables are kept as they are.
pub(super) fn to_text(source: &str, width: usize) -> String {
    let mut out = Text { out: String::new(), width, indent: 0, pending: None };
    let mut in_code = false;
    for line in source.lines() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("```") {
            out.flush();
            in_code = !in_code;
        } else if in_code || trimmed.starts_with('|') {
            out.flush();
            out.verbatim(line);
        } else if trimmed.is_empty() {
            out.flush();
            out.blank();
        } else if let Some(heading) = heading(trimmed) {
            out.flush();
            out.heading(heading);
        } else if let Some((mark, text)) = item(trimmed) {
            out.flush();
            let nested = line.len() - trimmed.len();
            out.pending = Some((format!("{}{mark} ", " ".repeat(nested)), text.to_owned()));
        } else {
            out.add(trimmed);
        }
    }
    out.flush();
    format!("{}\n", out.out.trim_end())
}

/// The text so far, and the paragraph or list item that is being read.
struct Text {
    out: String,
    width: usize,
    indent: usize,
    pending: Option<(String, String)>,
}

impl Text {
    fn add(&mut self, line: &str) {
        let (_, text) = self.pending.get_or_insert_default();
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(line);
    }

    fn flush(&mut self) {
        if let Some((mark, text)) = self.pending.take() {
            let columns = text::columns(&mark);
            self.out.push_str(&text::hanging(self.indent, &mark, columns, &inline(&text), self.width));
        }
    }

    fn blank(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn heading(&mut self, heading: &str) {
        self.blank();
        self.out.push_str(&text::plain(&heading.to_uppercase()));
        self.out.push('\n');
        self.indent = INDENT;
    }

    fn verbatim(&mut self, line: &str) {
        let line = format!("{}{}", " ".repeat(self.indent + INDENT), text::plain(line));
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    (text.len() < line.len()).then(|| text.strip_prefix(' ')).flatten().map(str::trim)
}

/// The mark and the text of a list item: `- x`, `* x`, `1. x`.
fn item(line: &str) -> Option<(&str, &str)> {
    if let Some(text) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
        return Some(("-", text));
    }
    let dot = line.find(". ")?;
    let (number, text) = (line.get(..dot)?, line.get(dot + 2..)?);
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| line.get(..=dot)).flatten().map(|mark| (mark, text))
}

/// Links as `text (address)`, without `**` and the angle brackets of addresses.
fn inline(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let link = after.split_once(']').and_then(|(label, tail)| {
            let (address, tail) = tail.strip_prefix('(')?.split_once(')')?;
            Some((label, address, tail))
        });
        out.push_str(before);
        let Some((label, address, tail)) = link else {
            out.push('[');
            rest = after;
            continue;
        };
        out.push_str(label);
        if label != address {
            out.push_str(" (");
            out.push_str(address);
            out.push(')');
        }
        rest = tail;
    }
    out.push_str(rest);
    let out = out.replace("**", "");
    out.replace("<http", "http").split(' ').map(closing_bracket).collect::<Vec<_>>().join(" ")
}

/// An address without the `>` that closed it.
fn closing_bracket(word: &str) -> String {
    if word.starts_with("http") { word.replacen('>', "", 1) } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_markdown_of_doc_comments() {
        let source = "One line\nand more **of** it.\n\n## What it looks at\nA [page](https://x.y/z), <https://a.b>.\n\n\
                      - one\n  two\n- three [a]\n\n1. first\n\n```yaml\nwith:\n  a: 1\n```\n\n| a | b |\n|---|---|";
        let text = "\
One line and more of it.

WHAT IT LOOKS AT
  A page (https://x.y/z), https://a.b.

  - one two
  - three [a]

  1. first

    with:
      a: 1

    | a | b |
    |---|---|
";
        assert_eq!(to_text(source, 80), text);
    }

    proptest! {
        #[test]
        fn never_panics(source in "([#*`|\\[\\]()<>. 0-9a-zé-]|\\n){0,80}", width in 0_usize..100) {
            to_text(&source, width);
        }
    }
}
