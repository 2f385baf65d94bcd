//! YAML of a node's own files (the kubelet's configuration): values with places, and what is wrong in one line.

use crate::{
    value::{Span, Value},
    yaml_tree,
};
use serde_yaml::{MessageFormatter, UserMessageFormatter};
use std::fmt;

pub use yaml_tree::SIZE_LIMIT;

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What.
    pub message: String,
    /// The line, counted from one; zero where it is not known.
    pub line: usize,
    /// The column, counted from one.
    pub column: usize,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.message),
            line => write!(f, "line {line}, column {}: {}", self.column, self.message),
        }
    }
}

/// Reads one document.
///
/// # Errors
/// The first problem of syntax, the limit that was crossed, or the first key that a map has twice.
pub fn parse(text: &str) -> Result<Value, Wrong> {
    if text.len() > SIZE_LIMIT {
        let message = format!("it has more than {SIZE_LIMIT} bytes");
        return Err(Wrong { message, line: 0, column: 0 });
    }
    let (value, duplicates) = yaml_tree::read(text).map_err(|e| wrong(&e))?;
    match duplicates.first() {
        Some(twice) => {
            let (line, column) = place(text, twice.key.span);
            Err(Wrong { message: format!("the key `{}` is given twice", twice.key.text), line, column })
        }
        None => Ok(value),
    }
}

/// The line and column of a place, counted from one.
#[must_use]
pub fn place(text: &str, span: Span) -> (usize, usize) {
    let start = yaml_tree::floor(text, span.start as usize);
    let before = text.get(..start).unwrap_or_default();
    let line = 1 + before.matches('\n').count();
    let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count();
    (line, column)
}

fn wrong(error: &serde_yaml::Error) -> Wrong {
    let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
    let narrow = |n| usize::try_from(n).unwrap_or(0);
    let message = UserMessageFormatter.format_message(error).into_owned();
    Wrong { message, line: narrow(line), column: narrow(column) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Kind;
    use proptest::prelude::*;

    #[test]
    fn values_have_places() {
        let text = "a: 1\nb:\n  é: [x, 2.5, no]\n";
        let Kind::Map(entries) = parse(text).unwrap().kind else { panic!() };
        assert_eq!(entries.iter().map(|(k, _)| place(text, k.span)).collect::<Vec<_>>(), [(1, 1), (2, 1)]);
        let Kind::Map(inner) = &entries[1].1.kind else { panic!() };
        let Kind::Seq(items) = &inner[0].1.kind else { panic!() };
        assert_eq!(items[2].kind, Kind::Str("no".into()));
        assert_eq!(place(text, items[1].span), (3, 10));
    }

    #[test]
    fn mistakes_have_places() {
        for (text, line) in
            [("a: [\n", 2), ("a: 1\nb: *x\n", 2), ("a: 1\nb: 2\na: 3\n", 3), ("a:\n\t- 1\n", 2)]
        {
            let wrong = parse(text).unwrap_err();
            assert!(
                wrong.line.abs_diff(line) <= 1 && wrong.to_string().starts_with("line "),
                "{text}: {wrong}"
            );
        }
        assert_eq!(
            parse("a: 1\nb: 2\na: 3\n").unwrap_err().to_string(),
            "line 3, column 1: the key `a` is given twice"
        );
        assert!(parse(&"[".repeat(5000)).is_err());
        assert!(parse(&" ".repeat(SIZE_LIMIT + 1)).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "([a-z:é \\[\\]{}*&\"'|>#-]|\n|  ){0,60}") {
            for (at, _) in text.char_indices() {
                let _ = parse(&text[..at]);
            }
        }
    }
}
