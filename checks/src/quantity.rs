//! Amounts of bytes as Kubernetes writes them: `2Gi`, `1700M`, `1.5Gi`, `512`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::{fmt, str::FromStr};

/// The suffixes of apimachinery's resource.Quantity that make sense for bytes, with what each stands for.
const UNITS: [(&str, u64); 12] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("Ei", 1 << 60),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
    ("E", 1_000_000_000_000_000_000),
];

/// A number without its suffix, and what that stands for; 1 where there is none.
pub(crate) fn split_unit(text: &str) -> (&str, u64) {
    UNITS.iter().find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit))).unwrap_or((text, 1))
}

/// An amount of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u64);

impl Quantity {
    /// So many bytes.
    #[must_use]
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// How many bytes it is.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an amount of bytes; write for example 2Gi, 1700M or 512");
        let text = text.trim();
        let (number, unit) = split_unit(text);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
            return Err(wrong());
        }
        if number.ends_with('.') || (unit == 1 && !fraction.is_empty()) {
            return Err(wrong());
        }
        let whole: u128 = whole.parse().map_err(|_| wrong())?;
        let parts = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| wrong())?);
        let fraction: u128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| wrong())? };
        let bytes = whole
            .checked_mul(parts)
            .and_then(|n| n.checked_add(fraction)?.checked_mul(unit.into()))
            .map(|n| n / parts)
            .and_then(|n| u64::try_from(n).ok());
        bytes.map(Self).ok_or_else(|| format!("`{text}` is more bytes than 64 bits can count"))
    }
}

/// Rounded down to one decimal of the largest binary unit that is not below one: `1.5Gi`, `512Mi`, `17`.
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = UNITS.iter().take(6).rev().find(|(_, bytes)| self.0 >= *bytes);
        let Some((suffix, bytes)) = unit else { return write!(f, "{}", self.0) };
        let tenths = u128::from(self.0) * 10 / u128::from(*bytes);
        match (tenths / 10, tenths % 10) {
            (whole, 0) => write!(f, "{whole}{suffix}"),
            (whole, tenth) => write!(f, "{whole}.{tenth}{suffix}"),
        }
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "An amount of bytes as Kubernetes writes it: `2Gi`, `1700M`, `512`.",
            "pattern": r"^[0-9]+(\.[0-9]{1,9}(Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E)|(Ki|Mi|Gi|Ti|Pi|Ei|k|M|G|T|P|E)?)$",
            "minimum": 0
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts() {
        for (text, bytes, shown) in [
            ("512", 512, "512"),
            ("1700M", 1_700_000_000, "1.5Gi"),
            ("2Gi", 2 << 30, "2Gi"),
            ("1.5Gi", 3 << 29, "1.5Gi"),
            ("0.5k", 500, "500"),
            ("0", 0, "0"),
            ("15Ei", 15 << 60, "15Ei"),
        ] {
            let quantity: Quantity = text.parse().unwrap();
            assert_eq!((quantity.get(), quantity.to_string().as_str()), (bytes, shown), "{text}");
        }
        for text in
            ["", "Gi", "-1", "1.5", "1.", ".5Gi", "2 Gi", "2gi", "2GB", "16Ei", "1e3", "1.0000000001Gi"]
        {
            assert!(text.parse::<Quantity>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_number_is_itself(bytes: u64) {
            prop_assert_eq!(bytes.to_string().parse(), Ok(Quantity::bytes(bytes)));
        }

        #[test]
        fn what_is_shown_is_never_more_than_there_is(bytes: u64) {
            let shown: Quantity = Quantity::bytes(bytes).to_string().parse().unwrap();
            prop_assert!(shown.get() <= bytes);
        }

        #[test]
        fn never_panics(text in ".{0,30}") {
            let _ = text.parse::<Quantity>();
        }
    }
}
