//! YAML of a node's own files (the kubelet's configuration) to a tree of values with places. Policies, whose mistakes are
//! explained at length, have a reader of their own; the crate and its limits are the same.

use crate::value::{Key, Kind, Span, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{
    Location, MessageFormatter, Spanned, UserMessageFormatter,
    options::{DuplicateKeyPolicy, NonFiniteFloatPolicy},
};
use std::{collections::HashSet, fmt};

/// The largest file, in bytes; the kubelet's has a few thousand.
pub const SIZE_LIMIT: usize = 1 << 20;
/// How deep lists and maps may nest.
const DEPTH: usize = 32;
/// How many nodes (lists, maps, scalars) there may be.
const NODES: usize = 10_000;
/// How many nodes aliases may repeat.
const REPEATED: usize = 5_000;
/// How many aliases (`*name`) there may be.
const ALIASES: usize = 100;
/// How much text there may be after aliases are replaced, in bytes.
const TEXT: usize = 4 * SIZE_LIMIT;

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
    let raw = serde_yaml::from_str_with_options::<Spanned<Raw>>(text, options()).map_err(|e| wrong(&e))?;
    let mut lift = Lift { text, twice: None };
    let value = lift.value(raw);
    match lift.twice {
        Some((key, span)) => {
            let (line, column) = place(text, span);
            Err(Wrong { message: format!("the key `{key}` is given twice"), line, column })
        }
        None => Ok(value),
    }
}

/// The line and column of a place, counted from one.
#[must_use]
pub fn place(text: &str, span: Span) -> (usize, usize) {
    let start = floor(text, span.start as usize);
    let before = text.get(..start).unwrap_or_default();
    let line = 1 + before.matches('\n').count();
    let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count();
    (line, column)
}

fn options() -> serde_yaml::Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            flow_nesting_limit: DEPTH,
            max_depth: DEPTH,
            max_nodes: NODES,
            max_events: 4 * NODES,
            max_aliases: ALIASES,
            max_anchors: ALIASES,
            max_merge_keys: ALIASES,
            max_recorded_anchor_events: 4 * NODES,
            max_recorded_anchor_bytes: TEXT,
            max_total_scalar_bytes: TEXT,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: REPEATED,
            max_replay_stack_depth: 8,
        },
        // The first is reported with its place: see `Lift`.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn wrong(error: &serde_yaml::Error) -> Wrong {
    let (line, column) = error.location().map_or((0, 0), |at| (at.line(), at.column()));
    let narrow = |n| usize::try_from(n).unwrap_or(0);
    let message = UserMessageFormatter.format_message(error).into_owned();
    Wrong { message, line: narrow(line), column: narrow(column) }
}

/// A value as the crate gives it, each part with its place.
#[derive(Debug)]
enum Raw {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(String),
    Seq(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(b))
    }

    fn visit_i64<E>(self, i: i64) -> Result<Raw, E> {
        Ok(Raw::Int(i.into()))
    }

    fn visit_u64<E>(self, i: u64) -> Result<Raw, E> {
        Ok(Raw::Int(i.into()))
    }

    fn visit_i128<E>(self, i: i128) -> Result<Raw, E> {
        Ok(Raw::Int(i))
    }

    fn visit_u128<E>(self, i: u128) -> Result<Raw, E> {
        Ok(i128::try_from(i).map_or_else(|_| Raw::Str(i.to_string()), Raw::Int))
    }

    fn visit_f64<E>(self, f: f64) -> Result<Raw, E> {
        Ok(Raw::Float(f))
    }

    fn visit_str<E>(self, s: &str) -> Result<Raw, E> {
        Ok(Raw::Str(s.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

/// Turns the crate's tree into ours.
struct Lift<'a> {
    text: &'a str,
    twice: Option<(String, Span)>,
}

impl Lift<'_> {
    fn value(&mut self, raw: Spanned<Raw>) -> Value {
        let span = span(self.text, raw.referenced);
        let kind = match raw.value {
            Raw::Null => Kind::Null,
            Raw::Bool(b) => Kind::Bool(b),
            Raw::Int(i) => Kind::Int(i, i.to_string()),
            Raw::Float(f) => Kind::Float(f, f.to_string()),
            Raw::Str(s) => Kind::Str(s),
            Raw::Seq(items) => Kind::Seq(items.into_iter().map(|item| self.value(item)).collect()),
            Raw::Map(entries) => {
                let mut seen = HashSet::with_capacity(entries.len());
                let entries = entries.into_iter().map(|(key, value)| {
                    let key = Key { span: self::span(self.text, key.referenced), text: key.value };
                    if !seen.insert(key.text.clone()) {
                        self.twice.get_or_insert((key.text.clone(), key.span));
                    }
                    (key, self.value(value))
                });
                Kind::Map(entries.collect())
            }
        };
        Value { span, kind }
    }
}

/// The crate's place as bytes of the text, on the boundaries of characters.
fn span(text: &str, location: Location) -> Span {
    let start = location.span().byte_offset().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let length = location.span().byte_len().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let narrow = |n: usize| u32::try_from(floor(text, n)).unwrap_or(u32::MAX);
    Span { start: narrow(start), end: narrow(start.saturating_add(length)) }
}

fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
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
