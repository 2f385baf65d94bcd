//! Numbers and amounts, compared exactly.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::{borrow::Cow, cmp::Ordering, fmt, str::FromStr};

/// How many digits may stand behind the point.
const DIGITS: usize = 9;
/// What one is in the unit that is counted: 10⁻⁹.
const ONE: i128 = 1_000_000_000;

/// A number with at most nine digits behind the point, or an amount as Kubernetes writes it: `5`, `0.8`, `2Gi`, `-1`.
#[derive(Clone, Debug)]
pub struct Number {
    billionths: i128,
    text: String,
}

impl Number {
    /// As a double; large ones are rounded.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        self.billionths as f64 / ONE as f64
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self { billionths: i128::from(number) * ONE, text: number.to_string() }
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self { billionths: i128::from(number) * ONE, text: number.to_string() }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.billionths == other.billionths
    }
}

impl Eq for Number {}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.billionths.cmp(&other.billionths)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no number and no amount; write for example 5, 0.8 or 2Gi");
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (number, unit) = crate::quantity::split_unit(rest);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        // 27 digits and the largest unit fit into 128 bits.
        if whole.is_empty()
            || whole.len() > 27
            || !digits(whole)
            || !digits(fraction)
            || fraction.len() > DIGITS
        {
            return Err(wrong());
        }
        let padded: i128 = format!("{fraction:0<DIGITS$}").parse().map_err(|_| wrong())?;
        let whole: i128 = whole.parse().map_err(|_| wrong())?;
        let billionths = whole
            .checked_mul(ONE)
            .and_then(|n| n.checked_add(padded)?.checked_mul(unit.into()))
            .ok_or_else(|| format!("`{text}` is too large to be compared"))?;
        let billionths = if negative { -billionths } else { billionths };
        Ok(Self { billionths, text: text.to_owned() })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Number {
    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["number", "string"],
            "description": "A number, or an amount as Kubernetes writes it: `5`, `0.8`, `2Gi`.",
            "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?(Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E)?$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_are_compared_exactly() {
        assert_eq!(number("2Gi"), number("2147483648"));
        assert_eq!(number("1.5Ki"), number("1536"));
        assert_eq!(number("007"), number("7"));
        assert!(
            number("9007199254740993") > number("9007199254740992"),
            "beyond what a float can tell apart"
        );
        assert!(number("-2") < number("-1.5") && number("0.1") < number("0.11"));
        for text in
            ["", "-", ".5", "5x", "1e3", "0x10", "1.2.3", "1.0000000001", "٣", "9999999999999999999999999999"]
        {
            assert!(text.parse::<Number>().is_err(), "{text}");
        }
        assert!("999999999999999999999999999Ei".parse::<Number>().unwrap_err().contains("too large"));
    }

    proptest! {
        #[test]
        fn whole_numbers_are_as_rust_has_them(a: i64, b: i64) {
            prop_assert_eq!(number(&a.to_string()).cmp(&number(&b.to_string())), a.cmp(&b));
        }

        #[test]
        fn never_panics(text in ".{0,60}") {
            let _ = text.parse::<Number>();
        }
    }
}
