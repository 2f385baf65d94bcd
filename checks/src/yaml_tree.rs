//! Text of YAML to a tree of values with places: for policies, and for a node's own files. The only file that knows how the YAML
//! crate is used.
//!
//! The crate is serde-saphyr under the name serde_yaml: upstream's serde_yaml is archived, its parser has
//! RUSTSEC-2024-0449, it accepts duplicate keys, loses places, and a 275 KB file with aliases costs it 3 s and
//! 2.4 GB (measured, 22 Nov 2026). Here every kind of growth has a limit.

use crate::value::{Key, Kind, Span, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{
    Location, Spanned,
    options::{DuplicateKeyPolicy, NonFiniteFloatPolicy},
};
use std::{collections::HashMap, fmt};

/// The largest text, in bytes. The embedded profiles and the kubelet's configuration have a few thousand.
pub const SIZE_LIMIT: usize = 1 << 20;
/// How deep lists and maps may nest; a policy needs six.
pub const DEPTH: usize = 32;
/// How many nodes (lists, maps, scalars) there may be; the embedded profiles have a few hundred.
pub const NODES: usize = 10_000;
/// How many aliases (`*name`) there may be.
pub const ALIASES: usize = 100;
/// How many nodes aliases may repeat.
const REPEATED: usize = 5_000;
/// How much text there may be after aliases are replaced, in bytes.
const TEXT: usize = 4 * SIZE_LIMIT;
/// How many duplicate keys are told.
const DUPLICATES: usize = 100;

/// A key that a map has once more; what stood there first counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// The second one.
    pub key: Key,
    /// Where the first one stands.
    pub before: Span,
}

/// Reads one document of at most [`SIZE_LIMIT`] bytes, which the caller has to see to. Nothing at all is a value, too.
///
/// # Errors
/// The first problem of syntax, or the limit that was crossed.
pub fn read(text: &str) -> Result<(Value, Vec<Duplicate>), serde_yaml::Error> {
    let raw = serde_yaml::from_str_with_options::<Spanned<Raw>>(text, options())?;
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
    duplicates: Vec<Duplicate>,
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
                    self.duplicates.push(Duplicate { key, before: *before });
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

/// The crate's place as bytes of the text, on the boundaries of characters.
#[must_use]
pub fn span(text: &str, location: Location) -> Span {
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

/// The boundary of a character at or before a byte.
#[must_use]
pub fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0)
}
