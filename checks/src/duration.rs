//! Durations as people write them: `30s`, `500ms`, `1m30s`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::{fmt, str::FromStr, time};

/// The longest duration that is accepted: no preflight lasts longer than a day.
const LONGEST: time::Duration = time::Duration::from_secs(24 * 60 * 60);

/// A duration in a policy or on the command line: numbers with units, added up. Longer than nothing, a day at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(time::Duration);

impl Duration {
    /// So many milliseconds, for defaults.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(time::Duration::from_millis(millis))
    }

    /// The same as the standard library's.
    #[must_use]
    pub const fn get(self) -> time::Duration {
        self.0
    }
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write it with units: 30s, 500ms, 1m30s, 2h".to_owned();
        let mut rest = text.trim();
        let mut sum = time::Duration::ZERO;
        while !rest.is_empty() {
            let unit_at = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let (number, tail) = rest.split_at(unit_at);
            let next = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(next);
            let number: u64 = number.parse().map_err(|_| wrong())?;
            let millis = match unit {
                "ms" => Some(1),
                "s" => Some(1000),
                "m" => Some(60_000),
                "h" => Some(3_600_000),
                _ => None,
            };
            let millis = number.checked_mul(millis.ok_or_else(wrong)?).ok_or_else(wrong)?;
            sum = sum.checked_add(time::Duration::from_millis(millis)).ok_or_else(wrong)?;
            rest = tail;
        }
        if sum.is_zero() {
            return Err(if text.trim().is_empty() {
                wrong()
            } else {
                "it must be longer than nothing".to_owned()
            });
        }
        if sum > LONGEST { Err("it must be 24h at most".to_owned()) } else { Ok(Self(sum)) }
    }
}

/// As it would be written: `90s` is `1m30s`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_millis();
        for (unit, millis) in [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
            if rest >= millis {
                write!(f, "{}{unit}", rest / millis)?;
                rest %= millis;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|e| de::Error::custom(format!("`{text}` is not a duration: {e}")))
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A duration: `30s`, `500ms`, `1m30s`, `2h`.",
            "pattern": "^([0-9]+(ms|s|m|h))+$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations() {
        for (text, millis) in
            [("30s", 30_000), ("500ms", 500), ("1m30s", 90_000), ("2h", 7_200_000), (" 5s ", 5000)]
        {
            assert_eq!(text.parse(), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "5x", "-5s", "1.5s", "0s", "25h", "99999999999999999999s", "5 s", "5sé"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(millis in 1..86_400_000_u64) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn never_panics(text in ".{0,40}") {
            let _ = text.parse::<Duration>();
        }
    }
}
