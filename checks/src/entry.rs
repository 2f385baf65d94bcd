//! An entry of a list in a policy: a word alone, or a map that says more.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, value::MapAccessDeserializer},
};
use std::{borrow::Cow, fmt, marker::PhantomData};

/// What an entry can be made of by its word alone.
pub trait Entry: DeserializeOwned + JsonSchema {
    /// What the word is, for messages: `the name of a module`.
    const WORD: &'static str;

    /// The entry of which only the word is said.
    ///
    /// # Errors
    /// What is wrong with the word, and what would be right.
    fn from_word(word: &str) -> Result<Self, String>;
}

/// An entry as it is written. Read by hand, not as an untagged enum, so that a mistake inside the map keeps its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<T>(pub T);

impl<'de, T: Entry> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<'de, T: Entry> de::Visitor<'de> for Visitor<T> {
            type Value = Written<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}, or a map that says more", T::WORD)
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Written<T>, E> {
                T::from_word(word).map(Written).map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Written<T>, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Written<T>, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i128<E: de::Error>(self, number: i128) -> Result<Written<T>, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Written<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Written)
            }
        }
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

impl<T: Entry> JsonSchema for Written<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Entry", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let map = generator.subschema_for::<T>();
        json_schema!({
            "description": format!("{}, or a map that says more.", T::WORD),
            "anyOf": [{ "type": ["string", "integer"] }, map]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{Key, Kind, Span, Value};

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Door {
        number: u16,
        #[serde(default)]
        why: String,
    }

    impl Entry for Door {
        const WORD: &'static str = "the number of a door";

        fn from_word(word: &str) -> Result<Self, String> {
            let number = word.parse().map_err(|_| format!("`{word}` is no number of a door"))?;
            Ok(Self { number, why: String::new() })
        }
    }

    fn value(start: u32, kind: Kind) -> Value {
        Value { span: Span { start, end: start + 1 }, kind }
    }

    #[test]
    fn a_word_or_a_map() {
        let read = |value: &Value| value.read::<Written<Door>>().map(|w| w.0);
        let door = |number, why: &str| Door { number, why: why.into() };
        assert_eq!(read(&value(1, Kind::Int(7, "7".into()))), Ok(door(7, "")));
        assert_eq!(read(&value(1, Kind::Str("8".into()))), Ok(door(8, "")));
        let key = |start, text: &str| Key { span: Span { start, end: start + 1 }, text: text.into() };
        let map = value(1, Kind::Map(vec![(key(2, "number"), value(3, Kind::Int(9, "9".into())))]));
        assert_eq!(read(&map), Ok(door(9, "")));
        let typo = value(1, Kind::Map(vec![(key(2, "nubmer"), value(3, Kind::Int(9, "9".into())))]));
        let error = read(&typo).unwrap_err();
        assert_eq!(error.span.unwrap().start, 2, "{error:?}");
        let error = read(&value(5, Kind::Str("x".into()))).unwrap_err();
        assert!(error.message.contains("no number of a door"), "{error:?}");
        assert!(read(&value(5, Kind::Bool(true))).unwrap_err().message.contains("the number of a door"));
    }
}
