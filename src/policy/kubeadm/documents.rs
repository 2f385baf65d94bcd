//! The documents of a stream of YAML, each read on its own, with places in the whole text.

use crate::policy::{
    diagnostics::{Diagnostic, Place},
    yaml,
};
use preflight_checks::value::{Error, Kind, Span, Value};

/// The most documents that are read; kubeadm knows eight kinds.
const MOST: usize = 32;

/// The documents of `text` that say something; what is no YAML is told in `out`.
pub(super) fn documents(text: &str, out: &mut Vec<Diagnostic>) -> Vec<Value> {
    let mut found = Vec::new();
    for (count, (start, document)) in split(text).into_iter().enumerate() {
        let by = u32::try_from(start).unwrap_or(u32::MAX);
        if count >= MOST {
            let at = Place { file: 0, span: Span { start: by, end: by } };
            out.push(Diagnostic::error(at, format!("the file has more than {MOST} documents")));
            break;
        }
        match yaml::document(document) {
            Ok((value, _)) if value.kind == Kind::Null => {}
            Ok((mut value, duplicates)) => {
                shift(&mut value, by);
                out.extend(duplicates.into_iter().map(|e| told(e, by)));
                found.push(value);
            }
            Err(e) => out.push(told(e, by)),
        }
    }
    found
}

fn told(mut error: Error, by: u32) -> Diagnostic {
    error.span = error.span.map(|span| moved(span, by));
    Diagnostic::from_value(0, Span { start: by, end: by }, error)
}

/// The texts between the lines that begin with `---`, each with its first byte. Such a line ends a document wherever it
/// stands, in a block of text too (YAML 1.2, 9.1.2 and 9.1.4).
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        let rest = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n'])) {
            parts.push((start, text.get(start..at).unwrap_or_default()));
            // What follows on the same line belongs to the next document.
            start = at + 3;
        }
        at += line.len();
    }
    parts.push((start, text.get(start..).unwrap_or_default()));
    parts
}

fn moved(span: Span, by: u32) -> Span {
    Span { start: span.start.saturating_add(by), end: span.end.saturating_add(by) }
}

/// Places in a document as places in the whole text.
fn shift(value: &mut Value, by: u32) {
    value.span = moved(value.span, by);
    match &mut value.kind {
        Kind::Seq(items) => items.iter_mut().for_each(|item| shift(item, by)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                key.span = moved(key.span, by);
                shift(value, by);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_apart() {
        for (text, parts) in [
            ("a: 1\n", vec!["a: 1\n"]),
            ("---\na: 1\n---\nb: 2\n", vec!["", "\na: 1\n", "\nb: 2\n"]),
            ("a: |\n  ---\n---\nb: 2", vec!["a: |\n  ---\n", "\nb: 2"]),
            ("a: 1\n...\n--- # next\nb: 2\n", vec!["a: 1\n", "\n", " # next\nb: 2\n"]),
            ("---a: 1\n----\n", vec!["---a: 1\n----\n"]),
            ("a: 1\r\n---\r\nb: 2\r\n", vec!["a: 1\r\n", "\r\nb: 2\r\n"]),
            ("", vec![""]),
        ] {
            let found: Vec<_> = split(text).into_iter().map(|(_, part)| part).collect();
            assert_eq!(found, parts, "{text:?}");
            for (start, part) in split(text) {
                assert_eq!(&text[start..start + part.len()], part);
            }
        }
    }

    #[test]
    fn places_are_those_of_the_whole_text() {
        let text = "a: 1\n---\nb: [x, y]\n";
        let mut out = Vec::new();
        let found = documents(text, &mut out);
        assert!(out.is_empty(), "{out:?}");
        let Kind::Map(entries) = &found[1].kind else { panic!() };
        let (key, value) = &entries[0];
        assert_eq!(&text[key.span.start as usize..key.span.end as usize], "b");
        let Kind::Seq(items) = &value.kind else { panic!() };
        assert_eq!(&text[items[1].span.start as usize..items[1].span.end as usize], "y");
        documents(&"---\na: 1\n".repeat(40), &mut out);
        assert_eq!(out.len(), 1, "{out:?}");
    }
}
