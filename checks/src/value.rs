//! A value of a policy with the place it was written at. Knows nothing of YAML: the program reads the file
//! into this tree, and a check's typed parameters are bound from it with exact places.

use crate::names::nearest;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor, value::StrDeserializer};
use serde::forward_to_deserialize_any;
use std::fmt;

/// A range of bytes in the text of a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// Whether `other` lies within this span.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Where it was written.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// The shape of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// An integer, with its spelling.
    Int(i128, String),
    /// A float, with its spelling: `5.10` stays `5.10` where text is wanted.
    Float(f64, String),
    /// Text.
    Str(String),
    /// A list.
    Seq(Vec<Value>),
    /// A map, in the order of the file.
    Map(Vec<(Key, Value)>),
}

impl Kind {
    /// What to call it in a message.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Int(..) | Self::Float(..) => "a number",
            Self::Str(_) => "text",
            Self::Seq(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// A key of a map and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Where it was written.
    pub span: Span,
    /// The key.
    pub text: String,
}

/// A typed read of a value failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub message: String,
    /// Where, the innermost place known.
    pub span: Option<Span>,
    /// What would be right: the nearest valid name, the valid ones.
    pub help: Option<String>,
}

impl Error {
    fn at(mut self, span: Span) -> Self {
        self.span.get_or_insert(span);
        self
    }

    fn expected(what: &str, found: de::Unexpected<'_>) -> Self {
        let found = match found {
            de::Unexpected::Unit | de::Unexpected::Option => "nothing".into(),
            de::Unexpected::Seq => "a list".into(),
            de::Unexpected::Map => "a map".into(),
            de::Unexpected::Str(s) => format!("the text `{s}`"),
            de::Unexpected::Bool(b) => format!("`{b}`"),
            de::Unexpected::Signed(n) => format!("the number `{n}`"),
            de::Unexpected::Unsigned(n) => format!("the number `{n}`"),
            de::Unexpected::Float(n) => format!("the number `{n}`"),
            other => other.to_string(),
        };
        Self { message: format!("expected {what}, found {found}"), span: None, help: None }
    }

    fn is_missing_field(&self) -> bool {
        self.message.starts_with(MISSING)
    }
}

const MISSING: &str = "the required key ";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Help for a name that is none of `expected`: the nearest, or all of them.
#[must_use]
pub fn did_you_mean<'a>(word: &str, expected: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(near) = nearest(word, expected.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<_> = expected.into_iter().map(|e| format!("`{e}`")).collect();
    (!all.is_empty()).then(|| format!("valid here: {}", all.join(", ")))
}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), span: None, help: None }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let help = did_you_mean(field, expected.iter().copied());
        Self { message: format!("unknown key `{field}`"), span: None, help }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let help = did_you_mean(variant, expected.iter().copied());
        Self { message: format!("`{variant}` is not valid here"), span: None, help }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { message: format!("{MISSING}`{field}` is missing"), span: None, help: None }
    }

    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let expected = match expected.to_string().as_str() {
            "a sequence" => "a list".to_owned(),
            "a string" => "text".to_owned(),
            "a boolean" => "true or false".to_owned(),
            "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => {
                "a whole number".to_owned()
            }
            s if s.starts_with("struct ") => "a map".to_owned(),
            s => s.to_owned(),
        };
        Self::expected(&expected, found)
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let expected = match expected.to_string().as_str() {
            "u8" => format!("a whole number from 0 to {}", u8::MAX),
            "u16" => format!("a whole number from 0 to {}", u16::MAX),
            "u32" => format!("a whole number from 0 to {}", u32::MAX),
            "u64" | "usize" => "a whole number of 0 or more".to_owned(),
            s => s.to_owned(),
        };
        Self::expected(&expected, found)
    }
}

impl Value {
    /// Reads a `T`.
    ///
    /// # Errors
    /// The first problem, at the innermost value that does not fit.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        T::deserialize(self)
    }

    /// Reads a `T`, and on failure says everything that is wrong, not the first thing only.
    ///
    /// # Errors
    /// Every problem that could be told apart, in the order of the file.
    pub fn read_all<T: DeserializeOwned>(&self) -> Result<T, Vec<Error>> {
        self.read().map_err(|first| self.everything_wrong(first, &|part| part.read::<T>().err()))
    }

    /// The first problem and the others, which asking for parts of it tells. Not generic: it would be in the program once for
    /// each type of parameters.
    fn everything_wrong(&self, first: Error, wrong: &dyn Fn(&Self) -> Option<Error>) -> Vec<Error> {
        let mut errors = vec![first];
        // serde stops at the first problem. Asking again with one leaf of the tree at a time finds the others;
        // keys that are missing only because they were left out of the question are not problems.
        let others = self.parts().into_iter().filter_map(|part| wrong(&part));
        errors.extend(others.filter(|e| !e.is_missing_field()));
        for error in &mut errors {
            error.span.get_or_insert(self.span);
        }
        errors.sort_by(|a, b| (a.span, &a.message).cmp(&(b.span, &b.message)));
        errors.dedup();
        errors
    }

    /// This value with all but one entry left out, once per entry, down to two levels of nesting.
    fn parts(&self) -> Vec<Self> {
        fn narrowed(value: &Value, depth: u32) -> Vec<Value> {
            let again = |v: &Value| if depth == 0 { vec![v.clone()] } else { narrowed(v, depth - 1) };
            let kinds: Vec<Kind> = match &value.kind {
                Kind::Map(entries) if !entries.is_empty() => entries
                    .iter()
                    .flat_map(|(k, v)| again(v).into_iter().map(|v| Kind::Map(vec![(k.clone(), v)])))
                    .collect(),
                Kind::Seq(items) if !items.is_empty() => {
                    items.iter().flat_map(|v| again(v).into_iter().map(|v| Kind::Seq(vec![v]))).collect()
                }
                other => vec![other.clone()],
            };
            kinds.into_iter().map(|kind| Value { span: value.span, kind }).collect()
        }
        narrowed(self, 3)
    }

    /// The text, as it was written, of text and numbers.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Str(s) | Kind::Int(_, s) | Kind::Float(_, s) => Some(s),
            _ => None,
        }
    }
}

/// Runs a visit and gives an error without a place the place of the value.
fn placed<T>(span: Span, visit: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    visit().map_err(|e| e.at(span))
}

impl<'de> de::Deserializer<'de> for &Value {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        placed(self.span, || match &self.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(b) => visitor.visit_bool(*b),
            Kind::Int(i, _) => match (i64::try_from(*i), u64::try_from(*i)) {
                (Ok(i), _) => visitor.visit_i64(i),
                (_, Ok(u)) => visitor.visit_u64(u),
                _ => visitor.visit_i128(*i),
            },
            Kind::Float(f, _) => visitor.visit_f64(*f),
            Kind::Str(s) => visitor.visit_str(s),
            Kind::Seq(items) => {
                let mut items = Items(items.iter());
                let value = visitor.visit_seq(&mut items)?;
                match items.0.len() {
                    0 => Ok(value),
                    more => Err(de::Error::custom(format!("the list has {more} items too many"))),
                }
            }
            Kind::Map(entries) => visitor.visit_map(Entries::new(entries)),
        })
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.kind {
            Kind::Int(_, spelling) | Kind::Float(_, spelling) => {
                placed(self.span, || visitor.visit_str(spelling))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.kind {
            Kind::Null => visitor.visit_none(),
            _ => placed(self.span, || visitor.visit_some(self)),
        }
    }

    /// serde would fill a struct from a list by position; a policy names every key.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.kind {
            Kind::Seq(_) => {
                Err(<Error as de::Error>::invalid_type(de::Unexpected::Seq, &"a map").at(self.span))
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        placed(self.span, || visitor.visit_newtype_struct(self))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        placed(self.span, || match &self.kind {
            Kind::Map(entries) if entries.len() == 1 => {
                visitor.visit_enum(de::value::MapAccessDeserializer::new(Entries::new(entries)))
            }
            _ => match self.as_text() {
                Some(text) => visitor.visit_enum(text.into_deserializer()),
                None => Err(Error {
                    message: format!("expected one of the names, found {}", self.kind.describe()),
                    span: None,
                    help: did_you_mean("", names.iter().copied()),
                }),
            },
        })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier
    }
}

impl<'de> IntoDeserializer<'de, Error> for &Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

struct Entries<'a> {
    rest: std::slice::Iter<'a, (Key, Value)>,
    pending: Option<&'a Value>,
}

impl<'a> Entries<'a> {
    fn new(entries: &'a [(Key, Value)]) -> Self {
        Self { rest: entries.iter(), pending: None }
    }
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.pending = Some(value);
        let text: StrDeserializer<'_, Error> = key.text.as_str().into_deserializer();
        seed.deserialize(text).map(Some).map_err(|e| e.at(key.span))
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Error> {
        let value =
            self.pending.take().ok_or_else(|| <Error as de::Error>::custom("a value before its key"))?;
        placed(value.span, || seed.deserialize(value))
    }
}

/// The items of a list, each with its place for errors that are made after it was read.
struct Items<'a>(std::slice::Iter<'a, Value>);

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(value) = self.0.next() else { return Ok(None) };
        placed(value.span, || seed.deserialize(value)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Params {
        version: String,
        #[serde(default)]
        names: Vec<String>,
        #[serde(default)]
        count: u32,
    }

    fn value(start: u32, kind: Kind) -> Value {
        Value { span: Span { start, end: start + 1 }, kind }
    }

    fn map(entries: Vec<(&str, u32, Kind)>) -> Value {
        let entries = entries.into_iter().map(|(k, at, kind)| {
            (Key { span: Span { start: at, end: at + 1 }, text: k.into() }, value(at + 2, kind))
        });
        Value { span: Span { start: 0, end: 100 }, kind: Kind::Map(entries.collect()) }
    }

    #[test]
    fn a_number_keeps_its_spelling_where_text_is_wanted() {
        let v = map(vec![("version", 1, Kind::Float(5.1, "5.10".into()))]);
        assert_eq!(v.read::<Params>().unwrap().version, "5.10");
    }

    #[test]
    fn every_problem_is_found_with_its_place() {
        let v = map(vec![
            ("vresion", 1, Kind::Str("5".into())),
            ("names", 10, Kind::Seq(vec![value(20, Kind::Bool(true)), value(22, Kind::Map(vec![]))])),
            ("count", 30, Kind::Str("many".into())),
        ]);
        let errors = v.read_all::<Params>().unwrap_err();
        let places: Vec<_> = errors.iter().map(|e| e.span.unwrap().start).collect();
        assert_eq!(places, [1, 20, 22, 32], "{errors:#?}");
        assert_eq!(errors[0].help.as_deref(), Some("did you mean `version`?"));
    }

    #[test]
    fn what_a_type_refuses_after_reading_has_the_place_of_the_value() {
        #[derive(Debug, Deserialize)]
        struct Ranges {
            #[expect(dead_code, reason = "only its errors are looked at")]
            one: Option<crate::range::Range>,
            #[expect(dead_code, reason = "only its errors are looked at")]
            many: Vec<crate::range::Range>,
        }
        let bare = |start| value(start, Kind::Float(5.1, "5.10".into()));
        let v = map(vec![
            ("one", 1, Kind::Str("5.10".into())),
            ("many", 10, Kind::Seq(vec![value(20, Kind::Str(">=5".into())), bare(22)])),
        ]);
        let places: Vec<_> =
            v.read_all::<Ranges>().unwrap_err().iter().map(|e| e.span.unwrap().start).collect();
        assert_eq!(places, [3, 22]);
    }

    #[test]
    fn a_struct_is_not_filled_by_position() {
        let v = value(1, Kind::Seq(vec![value(2, Kind::Str("5".into()))]));
        let errors = v.read_all::<Params>().unwrap_err();
        assert_eq!(errors[0].message, "expected a map, found a list");
        assert_eq!(errors.len(), 1);
    }

    #[test]
    fn a_missing_key_is_reported_at_the_map() {
        let errors = map(vec![("count", 1, Kind::Int(1, "1".into()))]).read_all::<Params>().unwrap_err();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].message, "the required key `version` is missing");
        assert_eq!(errors[0].span, Some(Span { start: 0, end: 100 }));
    }
}
