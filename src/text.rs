//! Setting text in columns, and keeping what a node says from steering the terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// `text` without anything that a terminal would obey: control characters are written as escapes, tabs become
/// spaces, and so do the marks that turn the direction of writing (they can make text look like another).
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => plain.push(' '),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                plain.extend(c.escape_unicode());
            }
            c if c.is_control() => plain.extend(c.escape_default()),
            c => plain.push(c),
        }
    }
    plain
}

/// The least room that text gets beside a label, in columns: one word per line helps nobody.
const ROOM: usize = 20;

/// How many columns `text` takes.
pub(crate) fn columns(text: &str) -> usize {
    UnicodeWidthStr::width(text)
}

/// Splits `text` into lines of at most `width` columns at white space; a word that is longer is broken.
pub(crate) fn lines(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in plain(text).split_whitespace() {
        if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for c in word.chars() {
            if columns(&line) + c.width().unwrap_or(0) > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// `text` after `label`, which stands at `indent`; further lines begin where the text began. `label` may carry
/// colour: `label_width` is what it takes on the screen.
pub(crate) fn hanging(indent: usize, label: &str, label_width: usize, text: &str, width: usize) -> String {
    let start = indent + label_width;
    let mut out = String::new();
    for (i, line) in lines(text, width.saturating_sub(start).max(ROOM)).iter().enumerate() {
        if i == 0 {
            out.push_str(&" ".repeat(indent));
            out.push_str(label);
        } else {
            out.push_str(&" ".repeat(start));
        }
        out.push_str(line);
        out.truncate(out.trim_end_matches(' ').len());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wraps_at_words_and_breaks_long_ones() {
        for (text, width, expected) in [
            ("", 10, &[""][..]),
            ("one two three", 7, &["one two", "three"]),
            ("abcdefghij", 4, &["abcd", "efgh", "ij"]),
            ("a bcdefghij", 4, &["a", "bcde", "fghi", "j"]),
            ("日本語 x", 4, &["日本", "語 x"]),
            ("a\n\n b", 80, &["a\\n\\n b"]),
        ] {
            assert_eq!(lines(text, width), expected, "{text:?} at {width}");
        }
        assert_eq!(
            hanging(2, "why: ", 5, "one two three four five", 27),
            "  why: one two three four\n       five\n"
        );
    }

    #[test]
    fn what_a_node_says_steers_no_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\rc\u{9b}d\u{202e}e\tf"), r"a\u{1b}[31mb\rc\u{9b}d\u{202e}e f");
    }

    proptest! {
        #[test]
        fn never_too_wide_and_never_a_control(text in "\\PC{0,60}|.{0,60}", width in 2_usize..40) {
            for line in lines(&text, width) {
                prop_assert!(columns(&line) <= width, "{line:?}");
                prop_assert!(!line.chars().any(char::is_control));
            }
        }
    }
}
