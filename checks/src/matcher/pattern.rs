//! Regular expressions, in bounds.

use regex_lite::{Regex, RegexBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::{borrow::Cow, fmt, str::FromStr};

/// The longest regular expression, in bytes.
const LONGEST: usize = 1024;
/// How large it may become when it is compiled, in bytes: with the limit to texts it bounds the time that matching takes.
const COMPILED: usize = 256 << 10;
/// How deep its groups may be nested.
const NESTED: u32 = 20;
/// The longest text in which it is looked for, in bytes.
const TEXT: usize = 1 << 20;

/// A regular expression in the syntax of Rust's crate regex, without classes of Unicode: as RE2's, no look-around and no
/// back-references, so that matching takes time in proportion to the text.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Pattern {
    /// Whether it matches some part of the text. None where that is too long to be looked through.
    #[must_use]
    pub fn is_match(&self, text: &str) -> Option<bool> {
        (text.len() <= TEXT).then(|| self.0.is_match(text))
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("a regular expression of more than {LONGEST} bytes"));
        }
        let built = RegexBuilder::new(text).size_limit(COMPILED).nest_limit(NESTED).build();
        built.map(Self).map_err(|e| format!("`{text}` is no regular expression: {e}"))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Pattern {
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A regular expression without look-around and back-references: `^v1\\.(3[0-9])`. `(?m)` makes `^` and `$` those of lines, `(?i)` takes letters of either case.",
            "maxLength": LONGEST
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        let is = |pattern: &str, text: &str| pattern.parse::<Pattern>().unwrap().is_match(text);
        assert_eq!(is("^a+$", "aaa"), Some(true));
        assert_eq!(is("(?m)^b$", "a\nb\nc"), Some(true));
        assert_eq!(is("^b$", "a\nb\nc"), Some(false));
        assert_eq!(is("a", &"a".repeat(TEXT + 1)), None);
        for pattern in ["(", "a{1000}{1000}{1000}", r"(?=a)", r"(a)\1", &"(".repeat(2000)] {
            assert!(pattern.parse::<Pattern>().is_err(), "{pattern}");
        }
    }
}
