//! What is expected of a value: one small language, the same in every check.

mod number;
mod pattern;

pub use number::Number;
pub use pattern::Pattern;

use crate::range::{Range, leading_version};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, value::MapAccessDeserializer},
};
use std::{borrow::Cow, fmt};

/// A value of which something is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// One value: a word, a number, a text of many lines.
    Text(Cow<'a, str>),
    /// Several values.
    List(Vec<Cow<'a, str>>),
}

impl<'a> From<&'a str> for Subject<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Subject<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl<'a, T: Into<Cow<'a, str>>> FromIterator<T> for Subject<'a> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

/// How a value compares to what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// As it is expected.
    Holds,
    /// Not so; how it is instead, as a clause without a subject: `does not contain `x``.
    Fails(String),
    /// It can't be compared, and so neither it nor its contrary holds: `is no number`.
    Unfit(String),
}

/// What is expected of a value. All that is said has to hold.
///
/// A word or a number alone is `equals`. A list (lines, options, addresses) is compared item by item with `contains`, `all`
/// of its items with `each`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matcher(Fields);

/// The keys of a [`Matcher`].
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(rename = "MatcherMap")]
struct Fields {
    /// It is this. Whole numbers are compared as numbers, everything else as text.
    equals: Option<Literal>,
    /// It is one of these.
    one_of: Option<Vec<Literal>>,
    /// It is a number or an amount (`2Gi`), and no smaller.
    at_least: Option<Number>,
    /// It is a number or an amount, and no larger.
    at_most: Option<Number>,
    /// A word: of a text a part, of a list an item. A map: of a text some line, of a list some item is like that.
    contains: Option<Box<Matcher>>,
    /// Each line of a text, each item of a list is like that.
    each: Option<Box<Matcher>>,
    /// How many lines or items there are.
    count: Option<Box<Matcher>>,
    /// A regular expression matches some part of it, of a list some part of an item; `^` and `$` for all of it.
    matches: Option<Pattern>,
    /// It begins with a version that lies within this range: `>=1.7`.
    version: Option<Range>,
    /// This does not hold.
    not: Option<Box<Matcher>>,
    /// All of these hold.
    all: Option<Vec<Matcher>>,
    /// At least one of these holds.
    any: Option<Vec<Matcher>>,
}

/// A word, a number, true or false, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Literal(String);

impl Literal {
    /// Whether `text` is the same: as whole numbers, or letter by letter.
    fn is(&self, text: &str) -> bool {
        let whole = |text: &str| text.parse::<i128>().ok();
        self.0 == text || whole(text).is_some_and(|number| whole(&self.0) == Some(number))
    }
}

impl Matcher {
    /// Just this.
    #[must_use]
    pub fn equals(text: impl Into<String>) -> Self {
        Self(Fields { equals: Some(Literal(text.into())), ..Fields::default() })
    }

    /// Of a list each item is this; for tests.
    #[cfg(test)]
    pub(crate) fn each_equals(text: &str) -> Self {
        Self(Fields { each: Some(Box::new(Self::equals(text))), ..Fields::default() })
    }

    /// What alone is right, where there is one such value.
    #[must_use]
    pub fn only(&self) -> Option<&str> {
        self.0.equals.as_ref().map(|literal| literal.0.as_str())
    }

    /// Compares a value; at most one of many reasons is told.
    #[must_use]
    pub fn judge(&self, subject: &Subject<'_>) -> Match {
        let parts = self.parts();
        all(parts.iter().map(|part| part.judge(subject)))
    }

    /// What is expected, as a clause: `is at least 5 and is not 7`.
    #[must_use]
    pub fn describe(&self) -> String {
        self.say(true)
    }

    /// What it is where all that is expected holds, or what it may be where something does not.
    fn say(&self, holds: bool) -> String {
        let parts: Vec<String> = self.parts().iter().map(|part| part.describe(holds)).collect();
        parts.join(if holds { " and " } else { " or " })
    }

    fn parts(&self) -> Vec<Part<'_>> {
        let fields = &self.0;
        let mut parts = Vec::new();
        parts.extend(fields.equals.as_ref().map(Part::Equals));
        parts.extend(fields.one_of.as_deref().map(Part::OneOf));
        parts.extend(fields.at_least.as_ref().map(Part::AtLeast));
        parts.extend(fields.at_most.as_ref().map(Part::AtMost));
        parts.extend(fields.contains.as_deref().map(Part::Contains));
        parts.extend(fields.each.as_deref().map(Part::Each));
        parts.extend(fields.count.as_deref().map(Part::Count));
        parts.extend(fields.matches.as_ref().map(Part::Matches));
        parts.extend(fields.version.as_ref().map(Part::Version));
        parts.extend(fields.not.as_deref().map(Part::Not));
        parts.extend(fields.all.as_deref().map(Part::All));
        parts.extend(fields.any.as_deref().map(Part::Any));
        parts
    }

    /// The word, where nothing but a word is said.
    fn word(&self) -> Option<&str> {
        let only = self.parts().len() == 1;
        self.only().filter(|_| only)
    }

    /// What makes no sense: nothing said, an empty list, more wanted than allowed.
    fn fault(&self) -> Option<String> {
        let fields = &self.0;
        let empty = |list: Option<usize>| list == Some(0);
        if self.parts().is_empty() {
            return Some("nothing is expected: write a word, or one of equals, oneOf, atLeast, atMost, contains, each, \
                         count, matches, version, not, all, any"
                .to_owned());
        }
        for (name, length) in [
            ("oneOf", fields.one_of.as_ref().map(Vec::len)),
            ("all", fields.all.as_ref().map(Vec::len)),
            ("any", fields.any.as_ref().map(Vec::len)),
        ] {
            if empty(length) {
                return Some(format!("`{name}` is empty"));
            }
        }
        match (&fields.at_least, &fields.at_most) {
            (Some(least), Some(most)) if least > most => {
                Some(format!("nothing is at least {least} and at most {most}"))
            }
            _ => None,
        }
    }
}

/// One thing that is expected.
enum Part<'a> {
    Equals(&'a Literal),
    OneOf(&'a [Literal]),
    AtLeast(&'a Number),
    AtMost(&'a Number),
    Contains(&'a Matcher),
    Each(&'a Matcher),
    Count(&'a Matcher),
    Matches(&'a Pattern),
    Version(&'a Range),
    Not(&'a Matcher),
    All(&'a [Matcher]),
    Any(&'a [Matcher]),
}

impl Part<'_> {
    fn judge(&self, subject: &Subject<'_>) -> Match {
        let told = |holds: bool| if holds { Match::Holds } else { Match::Fails(self.describe(false)) };
        match (self, subject) {
            (Self::Not(matcher), _) => match matcher.judge(subject) {
                Match::Holds => told(false),
                Match::Fails(_) => Match::Holds,
                unfit @ Match::Unfit(_) => unfit,
            },
            (Self::All(matchers), _) => all(matchers.iter().map(|matcher| matcher.judge(subject))),
            (Self::Any(matchers), _) => any(matchers.iter().map(|matcher| matcher.judge(subject))),
            (Self::Contains(matcher), _) => match (matcher.word(), subject) {
                (Some(part), Subject::Text(text)) => told(text.contains(part)),
                _ => match any(subject.items().map(|item| matcher.judge(&item))) {
                    Match::Fails(_) => told(false),
                    other => other,
                },
            },
            (Self::Each(matcher), _) => all(subject.items().map(|item| matcher.judge(&item))),
            (Self::Count(matcher), _) => match matcher.judge(&subject.items().count().to_string().into()) {
                Match::Holds => Match::Holds,
                Match::Fails(why) | Match::Unfit(why) => Match::Fails(format!("has a count that {why}")),
            },
            (Self::Matches(pattern), Subject::Text(text)) => match pattern.is_match(text) {
                Some(holds) => told(holds),
                None => Match::Unfit("is too long to be looked through for a pattern".to_owned()),
            },
            (Self::Matches(_), Subject::List(_)) => any(subject.items().map(|item| self.judge(&item))),
            (_, Subject::List(_)) => {
                Match::Unfit("is a list: use contains, each, count or matches".to_owned())
            }
            (Self::Equals(literal), Subject::Text(text)) => told(literal.is(text)),
            (Self::OneOf(literals), Subject::Text(text)) => told(literals.iter().any(|l| l.is(text))),
            (Self::AtLeast(bound), Subject::Text(text)) => numeric(text, |number| told(number >= **bound)),
            (Self::AtMost(bound), Subject::Text(text)) => numeric(text, |number| told(number <= **bound)),
            (Self::Version(range), Subject::Text(text)) => match leading_version(text) {
                Some(version) => told(range.contains(&version)),
                None => Match::Unfit("is no version".to_owned()),
            },
        }
    }

    /// `is at least 5`, or `is less than 5`.
    fn describe(&self, holds: bool) -> String {
        let word = |yes: &'static str, no: &'static str| if holds { yes } else { no };
        match self {
            Self::Equals(literal) => format!("{} `{}`", word("is", "is not"), literal.0),
            Self::OneOf(literals) => {
                let all: Vec<&str> = literals.iter().map(|literal| literal.0.as_str()).collect();
                format!("{} {}", word("is one of", "is none of"), all.join(", "))
            }
            Self::AtLeast(bound) => format!("{} {bound}", word("is at least", "is less than")),
            Self::AtMost(bound) => format!("{} {bound}", word("is at most", "is more than")),
            Self::Contains(matcher) => match matcher.word() {
                Some(part) => format!("{} `{part}`", word("contains", "does not contain")),
                None => format!("{} that {}", word("has a part", "has no part"), matcher.describe()),
            },
            Self::Each(matcher) => {
                format!("{} that {}", word("has only parts", "has not only parts"), matcher.describe())
            }
            Self::Count(matcher) => {
                format!("{} {}", word("has a count that", "has no count that"), matcher.describe())
            }
            Self::Matches(pattern) => format!("{} `{pattern}`", word("matches", "does not match")),
            Self::Version(range) => format!("{} {range}", word("lies within", "does not lie within")),
            Self::Not(matcher) => matcher.say(!holds),
            Self::All(matchers) => list(matchers, holds, word(" and ", " or ")),
            Self::Any(matchers) => list(matchers, holds, word(" or ", " and ")),
        }
    }
}

fn list(matchers: &[Matcher], holds: bool, joint: &str) -> String {
    matchers.iter().map(|matcher| matcher.say(holds)).collect::<Vec<_>>().join(joint)
}

impl<'a> Subject<'a> {
    /// The lines of a text, the items of a list.
    fn items(&self) -> Box<dyn Iterator<Item = Subject<'_>> + '_> {
        match self {
            Self::Text(text) => Box::new(text.lines().map(Subject::from)),
            Self::List(items) => Box::new(items.iter().map(|item| Subject::from(&**item))),
        }
    }

    /// The value as it may be shown.
    #[must_use]
    pub fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::List(items) => items.join(", ").into(),
        }
    }
}

fn numeric(text: &str, judge: impl Fn(Number) -> Match) -> Match {
    text.trim().parse().map_or_else(|_| Match::Unfit("is no number".to_owned()), judge)
}

/// All have to hold: the first that does not is told, before what can't be compared.
fn all(matches: impl Iterator<Item = Match>) -> Match {
    let mut unfit = None;
    for one in matches {
        match one {
            Match::Holds => {}
            fails @ Match::Fails(_) => return fails,
            none @ Match::Unfit(_) => unfit = unfit.or(Some(none)),
        }
    }
    unfit.unwrap_or(Match::Holds)
}

/// One has to hold.
fn any(matches: impl Iterator<Item = Match>) -> Match {
    let mut reasons: Vec<String> = Vec::new();
    let mut unfit = None;
    for one in matches {
        match one {
            Match::Holds => return Match::Holds,
            // Of a long list a few reasons will do.
            Match::Fails(why) if reasons.len() < 3 && !reasons.contains(&why) => reasons.push(why),
            Match::Fails(_) => {}
            none @ Match::Unfit(_) => unfit = unfit.or(Some(none)),
        }
    }
    unfit.unwrap_or_else(|| Match::Fails(reasons.join(", ")))
}

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Literal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word, a number, true or false")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Literal, E> {
                Ok(Literal(text.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, is: bool) -> Result<Literal, E> {
                Ok(Literal(is.to_string()))
            }
        }
        // Numbers keep their spelling: 5.10 is not 5.1.
        deserializer.deserialize_str(Visitor)
    }
}

impl JsonSchema for Literal {
    fn schema_name() -> Cow<'static, str> {
        "Literal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A word, a number, true or false.",
            "type": ["string", "number", "boolean"]
        })
    }
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Matcher;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word, a number, or a map such as `{ atLeast: 5 }`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Matcher, E> {
                Ok(Matcher::equals(text))
            }

            fn visit_bool<E: de::Error>(self, is: bool) -> Result<Matcher, E> {
                Ok(Matcher::equals(is.to_string()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Matcher, A::Error> {
                let matcher = Matcher(Fields::deserialize(MapAccessDeserializer::new(map))?);
                matcher.fault().map_or(Ok(matcher), |fault| Err(de::Error::custom(fault)))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl JsonSchema for Matcher {
    fn schema_name() -> Cow<'static, str> {
        "Matcher".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let word = generator.subschema_for::<Literal>();
        let map = generator.subschema_for::<Fields>();
        json_schema!({
            "description": "What is expected of a value: a word or a number that it equals, or a map that says more; all that is said has to hold.",
            "anyOf": [word, map]
        })
    }
}

#[cfg(test)]
mod tests;
