//! Text to a tree of values with places. The only file that knows which YAML crate is used.
//!
//! The crate is serde-saphyr under the name serde_yaml: upstream's serde_yaml is archived, its parser has
//! RUSTSEC-2024-0449, it accepts duplicate keys, loses places, and a 275 KB file with aliases costs it 3 s and
//! 2.4 GB (measured, 22 Nov 2026). Here every kind of growth has a limit.

use super::diagnostics::quoted;
use preflight_checks::value::{Error, Key, Kind, Span, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{
    Location, MessageFormatter, Spanned, UserMessageFormatter,
    budget::BudgetBreach,
    options::{DuplicateKeyPolicy, NonFiniteFloatPolicy},
};
use std::{collections::HashMap, fmt};

/// The largest policy, in bytes. The embedded profiles have a few thousand.
pub(super) const SIZE_LIMIT: usize = 1 << 20;
/// How deep lists and maps may nest; a policy needs six.
const DEPTH: usize = 32;
/// How many nodes (lists, maps, scalars) there may be; the embedded profiles have a few hundred.
const NODES: usize = 10_000;
/// How many nodes aliases may repeat.
const REPEATED: usize = 5_000;
/// How many aliases (`*name`) there may be.
const ALIASES: usize = 100;
/// How much text there may be after aliases are replaced, in bytes.
const TEXT: usize = 4 * SIZE_LIMIT;

/// How many duplicate keys are reported.
const DUPLICATES: usize = 100;

/// Reads the one document of a policy. Beside the value come the duplicate keys, of which the first stays.
///
/// # Errors
/// The first problem of syntax, or the limit that was crossed; that there is nothing in it.
pub(super) fn parse(text: &str) -> Result<(Value, Vec<Error>), Error> {
    let (value, duplicates) = document(text)?;
    if value.kind == Kind::Null {
        let message = "there is nothing in it".to_owned();
        let help = Some("start with `apiVersion: preflight/v1` and `kind: Policy`".to_owned());
        return Err(Error { message, span: Some(Span::default()), help });
    }
    Ok((value, duplicates))
}

/// Reads any one document, as [`parse`] does; nothing at all is a value, too.
///
/// # Errors
/// The first problem of syntax, or the limit that was crossed.
pub(super) fn document(text: &str) -> Result<(Value, Vec<Error>), Error> {
    if text.len() > SIZE_LIMIT {
        let message = format!("the file has more than {SIZE_LIMIT} bytes, the most that a policy may have");
        return Err(Error { message, span: None, help: None });
    }
    let raw =
        serde_yaml::from_str_with_options::<Spanned<Raw>>(text, options()).map_err(|e| explain(text, &e))?;
    let mut lift = Lift { text, duplicates: Vec::new() };
    let value = lift.value(raw);
    Ok((value, lift.duplicates))
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
        // All duplicates are reported, with everything else that is wrong: see `Lift`.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        // `off`, `no` and `y` are words (YAML 1.2), as in `mode: off`.
        strict_booleans: true,
        // 0755 and 1_000 are told apart from numbers rather than guessed.
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
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
    duplicates: Vec<Error>,
}

impl Lift<'_> {
    fn value(&mut self, raw: Spanned<Raw>) -> Value {
        // Through an alias, the place is where the alias stands, the spelling where the anchor does.
        let span = span(self.text, raw.referenced);
        let written = self::span(self.text, raw.defined);
        let kind = match raw.value {
            Raw::Null => Kind::Null,
            Raw::Bool(b) => Kind::Bool(b),
            Raw::Int(i) => Kind::Int(i, self.spelling(written).unwrap_or_else(|| i.to_string())),
            Raw::Float(f) => Kind::Float(f, self.spelling(written).unwrap_or_else(|| f.to_string())),
            Raw::Str(s) => Kind::Str(s),
            Raw::Seq(items) => Kind::Seq(items.into_iter().map(|item| self.value(item)).collect()),
            Raw::Map(entries) => self.map(entries),
        };
        Value { span, kind }
    }

    fn map(&mut self, raw: Vec<(Spanned<String>, Spanned<Raw>)>) -> Kind {
        let mut first: HashMap<String, Span> = HashMap::with_capacity(raw.len());
        let mut entries = Vec::with_capacity(raw.len());
        for (key, value) in raw {
            let key = Key { span: span(self.text, key.referenced), text: key.value };
            let value = self.value(value);
            if let Some(before) = first.get(&key.text) {
                if self.duplicates.len() < DUPLICATES {
                    self.duplicates.push(duplicate(self.text, &key, *before));
                }
                continue;
            }
            first.insert(key.text.clone(), key.span);
            entries.push((key, value));
        }
        Kind::Map(entries)
    }

    /// A number as it was written, if what stands there is one (and not a tag, say).
    fn spelling(&self, at: Span) -> Option<String> {
        let written = self.text.get(at.start as usize..at.end as usize)?.trim();
        let plain = !written.is_empty()
            && written.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-'));
        plain.then(|| written.to_owned())
    }
}

fn duplicate(text: &str, key: &Key, before: Span) -> Error {
    let above = text.get(..before.start as usize).unwrap_or_default();
    let line = 1 + above.matches('\n').count();
    Error {
        message: format!("the key {} is given twice", quoted(&key.text)),
        span: Some(key.span),
        help: Some(format!("it is already in line {line}; take one of them out")),
    }
}

/// The crate's place as bytes of the text, on the boundaries of characters.
fn span(text: &str, location: Location) -> Span {
    let (start, length) = match (location.span().byte_offset(), location.span().byte_len()) {
        (Some(start), length) => (usize::try_from(start).unwrap_or(usize::MAX), length.unwrap_or(0)),
        _ => (byte_of(text, location), 0),
    };
    let start = floor(text, start);
    let end = floor(text, start.saturating_add(usize::try_from(length).unwrap_or(0)));
    let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span { start: narrow(start), end: narrow(end) }
}

/// The byte at a line and column; some errors know no more than those.
fn byte_of(text: &str, location: Location) -> usize {
    let line = usize::try_from(location.line()).unwrap_or(0);
    let column = usize::try_from(location.column()).unwrap_or(0);
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(0, |(i, _)| i)
}

fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}

/// An error of the crate in the words of this program.
fn explain(text: &str, error: &serde_yaml::Error) -> Error {
    let at = error.location().map_or(Span::default(), |l| span(text, l));
    let mut inner = error;
    while let serde_yaml::Error::AliasError { error, .. } | serde_yaml::Error::WithSnippet { error, .. } =
        inner
    {
        inner = error;
    }
    let (message, help) = match inner {
        serde_yaml::Error::Budget { breach, .. } => breached(breach),
        serde_yaml::Error::AliasReplayLimitExceeded { .. }
        | serde_yaml::Error::AliasReplayStackDepthExceeded { .. }
        | serde_yaml::Error::AliasExpansionLimitExceeded { .. } => {
            ("too much is repeated through aliases (`*name`)".to_owned(), None)
        }
        serde_yaml::Error::MultipleDocuments { .. } => (
            "a second document starts here (`---`); a policy is one document".to_owned(),
            Some("put the other one into a file of its own and name it under `extends`".to_owned()),
        ),
        serde_yaml::Error::Eof { .. } => ("there is nothing in it".to_owned(), None),
        // What the crate says of these two is about its types, not about the file.
        serde_yaml::Error::Unexpected { expected: "string scalar", .. }
        | serde_yaml::Error::NullIntoString { .. } => (
            "a key has to be text".to_owned(),
            Some("put it in quotes if it is; a template (`{{ … }}`) has to be filled in first".to_owned()),
        ),
        other => match UserMessageFormatter.format_message(other).as_ref() {
            "recursion limit exceeded" => (format!("lists and maps nest deeper than {DEPTH}"), None),
            message => unquoted(text, at).unwrap_or_else(|| (message.to_owned(), None)),
        },
    };
    if let Some(tab) = tab_in_indentation(text, at) {
        let message = "a tab in the indentation; YAML takes only spaces there".to_owned();
        return Error { message, span: Some(tab), help: Some("replace it with spaces".to_owned()) };
    }
    Error { message, span: Some(at), help }
}

fn breached(breach: &BudgetBreach) -> (String, Option<String>) {
    let message = match breach {
        BudgetBreach::Depth { .. } => format!("lists and maps nest deeper than {DEPTH}"),
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::MergeKeys { .. }
        | BudgetBreach::AliasAnchorRatio { .. } => {
            format!("more than {ALIASES} anchors (`&name`), aliases (`*name`) or merges (`<<`)")
        }
        BudgetBreach::ScalarBytes { .. }
        | BudgetBreach::RecordedAnchorEvents { .. }
        | BudgetBreach::RecordedAnchorBytes { .. } => {
            "too much is repeated through aliases (`*name`)".to_owned()
        }
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => {
            format!("more than {NODES} values: this is not a policy")
        }
        BudgetBreach::Documents { .. } => "more than one document (`---`)".to_owned(),
        _ => format!("too large in one way or another: {breach:?}"),
    };
    (message, None)
}

/// What to say where text lacks the quotes that YAML wants around it: the most frequent mistake of policies, since
/// ranges begin with `>` and patterns with `*`.
fn unquoted(text: &str, at: Span) -> Option<(String, Option<String>)> {
    let rest = text.get(at.start as usize..)?.lines().next()?;
    let first = rest.chars().next()?;
    let example = match first {
        // `>` and `|` with nothing but an indentation behind them do begin a block of text.
        '>' | '|' if !rest.trim_end().ends_with(['>', '|', '+', '-']) => ">=5.10",
        '*' | '&' => "*/memory",
        '@' | '`' | '%' => "…",
        ':' => {
            let message =
                "a second `:` in one line: text with a colon and a space in it has to stand in quotes";
            return Some((message.to_owned(), Some("put quotes around all of it".to_owned())));
        }
        _ => return None,
    };
    let message = format!("text that begins with `{first}` has to stand in quotes");
    Some((message, Some(format!("put quotes around all of it, as in `\"{example}\"`"))))
}

/// A tab among the white space that starts the line of `at`, or the line before it.
fn tab_in_indentation(text: &str, at: Span) -> Option<Span> {
    let here = text.get(..at.start as usize)?;
    let start = here.rfind('\n').map_or(0, |i| i + 1);
    let before = here.get(..start.saturating_sub(1))?.rfind('\n').map_or(0, |i| i + 1);
    [start, before].into_iter().find_map(|start| {
        let line = text.get(start..)?;
        let tab = line.bytes().take_while(|b| matches!(b, b' ' | b'\t' | b'-')).position(|b| b == b'\t')?;
        let tab = u32::try_from(start + tab).ok()?;
        Some(Span { start: tab, end: tab + 1 })
    })
}
