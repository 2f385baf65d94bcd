//! Versions as they really are, and ranges over them.
//!
//! Kernel releases are not semver: of 16 real ones 8 do not parse and the other 8 count as pre-releases, which
//! `>=5.10` refuses. So only the leading numbers are compared; the string is kept for people.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use semver::{Comparator, Op, Version, VersionReq};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, str::FromStr};

/// The leading numbers of a version string: `5.14.0-503.11.1.el9_5.x86_64` is 5.14.0, `6.17` is 6.17.0,
/// `v1.35.0-alpha.1` is 1.35.0, `5.15.167.4-microsoft-standard-WSL2` is 5.15.167.
///
/// `None` when it does not start with a number (an optional `v` aside), or has a number beyond 64 bits.
#[must_use]
pub fn leading_version(text: &str) -> Option<Version> {
    let text = text.trim();
    let text = text.strip_prefix('v').unwrap_or(text);
    let mut numbers = [0_u64; 3];
    let mut rest = text;
    for (i, number) in numbers.iter_mut().enumerate() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits == 0 {
            if i == 0 {
                return None;
            }
            break;
        }
        *number = rest[..digits].parse().ok()?;
        match rest[digits..].strip_prefix('.') {
            Some(r) => rest = r,
            None => break,
        }
    }
    Some(Version::new(numbers[0], numbers[1], numbers[2]))
}

/// A range of versions: comparators joined by commas or spaces (all must hold), alternatives by `||`.
///
/// `>=5.10`, `>=5.4, <6`, `5.10.* || 5.15.* || >=6`, `~5.10`. A bare `5.10` is refused: in semver it would mean
/// `^5.10` and leave 6.x out, which is hardly ever what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    text: String,
    alternatives: Vec<VersionReq>,
}

impl Range {
    /// Whether `version` lies within the range. One that comes before a release, as 2.0.0-rc1 does, lies within `>=1.9` and
    /// `<=2.0.0`, and not within what begins with that release (`>=2.0.0`, `2.*`) or ends before it (`<2`).
    #[must_use]
    pub fn contains(&self, version: &Version) -> bool {
        let release = Version::new(version.major, version.minor, version.patch);
        let begins = |c: &Comparator| {
            let first = Version::new(c.major, c.minor.unwrap_or(0), c.patch.unwrap_or(0));
            first == release && !matches!(c.op, Op::Greater | Op::Less | Op::LessEq)
        };
        let within = |req: &VersionReq| req.matches(&release) && !req.comparators.iter().any(begins);
        let plain = |req: &VersionReq| req.matches(version);
        self.alternatives.iter().any(|req| plain(req) || !version.pre.is_empty() && within(req))
    }

    /// Whether some version may lie within this range and within `other`. `false` is certain.
    #[must_use]
    pub fn may_meet(&self, other: &Self) -> bool {
        let all = || self.alternatives.iter().chain(&other.alternatives).flat_map(|req| &req.comparators);
        // What comes before releases has an order of its own.
        if all().any(|comparator| !comparator.pre.is_empty()) {
            return true;
        }
        // What lies within both begins where one of the comparators begins: at its version, or after it.
        let mut starts = all().flat_map(starts).chain([Version::new(0, 0, 0)]);
        starts.any(|version| self.contains(&version) && other.contains(&version))
    }

    /// The range as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Where what a comparator lets through can begin.
fn starts(comparator: &Comparator) -> [Version; 2] {
    let Comparator { major, minor, patch, .. } = *comparator;
    let next = match (minor, patch) {
        (Some(minor), Some(patch)) => Version::new(major, minor, patch.saturating_add(1)),
        (Some(minor), None) => Version::new(major, minor.saturating_add(1), 0),
        (None, _) => Version::new(major.saturating_add(1), 0, 0),
    };
    [Version::new(major, minor.unwrap_or(0), patch.unwrap_or(0)), next]
}

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let alternatives = text.split("||").map(|part| comparators(part, text)).collect::<Result<_, _>>()?;
        Ok(Self { text: text.trim().to_owned(), alternatives })
    }
}

fn comparators(part: &str, whole: &str) -> Result<VersionReq, String> {
    let part = part.trim();
    if part.is_empty() {
        return Err(format!("`{whole}` is not a version range: it is empty, or has nothing beside a `||`"));
    }
    if part.starts_with(|c: char| c.is_ascii_digit()) && !part.contains(['*', 'x', 'X']) {
        let closed = if part.contains('.') {
            format!("`~{part}` for its patch releases")
        } else {
            format!("`^{part}` for all of {part}.x")
        };
        return Err(format!(
            "`{part}` alone is not a range; write `>={part}` for this version and later, {closed}, or `={part}` for \
             exactly this"
        ));
    }
    // A comparator may be separated by spaces as well as by commas, and from its number by a space.
    let mut joined = String::new();
    for word in part.split([',', ' ']).filter(|w| !w.is_empty()) {
        let operator_is_open = joined.ends_with(['>', '<', '=', '~', '^']);
        if !joined.is_empty() && !operator_is_open {
            joined.push(',');
        }
        joined.push_str(word);
    }
    VersionReq::parse(&joined).map_err(|e| {
        format!("`{part}` is not a version range: {e}; write for example `>=5.10` or `>=5.4, <6`")
    })
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Range {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "VersionRange".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A range of versions: `>=5.10`, `>=5.4, <6`, `5.10.* || >=5.15`.",
            "pattern": r"[<>=~^*]|\d+\.[xX]"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn real_releases() {
        for (text, want) in [
            ("6.17", (6, 17, 0)),
            ("6.19-rc4", (6, 19, 0)),
            ("5.14.0-503.11.1.el9_5.x86_64", (5, 14, 0)),
            ("5.15.167.4-microsoft-standard-WSL2", (5, 15, 167)),
            ("10.2.3", (10, 2, 3)),
            ("6.12.107+deb13-amd64", (6, 12, 107)),
            ("4.4.14+", (4, 4, 14)),
            ("v1.35.0-alpha.1", (1, 35, 0)),
            ("1.35", (1, 35, 0)),
            ("7", (7, 0, 0)),
        ] {
            let v = leading_version(text).unwrap();
            assert_eq!((v.major, v.minor, v.patch), want, "{text}");
        }
        for text in ["", "foo", "-5", "..", "99999999999999999999.1"] {
            assert_eq!(leading_version(text), None, "{text}");
        }
    }

    #[test]
    fn ranges() {
        for (range, version, within) in [
            (">=5.10", "5.10.0-46-amd64", true),
            (">=5.10", "5.9.16", false),
            (">=5.10", "6.19-rc4", true),
            (">=5.4, <6", "5.15.0", true),
            (">=5.4 <6", "6.1.0", false),
            (">= 5.4, < 6", "5.4.288", true),
            ("5.10.* || >=5.15", "5.11.0", false),
            ("5.10.* || >=5.15", "5.10.7", true),
            ("~5.4", "5.40.0", false),
            ("*", "2.6.32", true),
        ] {
            let range: Range = range.parse().unwrap();
            assert_eq!(range.contains(&leading_version(version).unwrap()), within, "{range} {version}");
        }
    }

    #[test]
    fn ranges_that_may_meet() {
        for (one, other, may) in [
            (">=5.10", "<5.10", false),
            (">=5.10", "<=5.10", true),
            (">5.10", "<5.11", false),
            (">5.10", "<=5.11.0", true),
            ("5.10.* || >=6", "5.15.*", false),
            ("5.10.* || >=6", "~6.1", true),
            ("*", "<1", true),
            ("*", "<0.0.0", false),
            (">=6, <5", "*", false),
            (">=2.0.0-rc1", "<1", true),
        ] {
            let (one, other): (Range, Range) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!((one.may_meet(&other), other.may_meet(&one)), (may, may), "{one} and {other}");
        }
    }

    #[test]
    fn what_comes_before_a_release_is_not_that_release() {
        for (range, within) in [
            (">=1.9", true),
            (">=1.9, <3", true),
            ("*", true),
            ("<=2.0.0", true),
            (">2.0.0", false),
            (">=2.0.0", false),
            (">=2", false),
            ("=2.0.0", false),
            ("2.*", false),
            ("^2", false),
            ("~2.0", false),
            ("<2", false),
            (">=1 <2 || >=2", false),
            (">=2.0.0-rc0", true),
            (">=2.0.0-rc2", false),
        ] {
            let range: Range = range.parse().unwrap();
            assert_eq!(range.contains(&"2.0.0-rc1".parse().unwrap()), within, "{range}");
        }
    }

    #[test]
    fn a_bare_version_is_refused_with_a_hint() {
        let error = "5.10".parse::<Range>().unwrap_err();
        assert!(error.contains(">=5.10"), "{error}");
        for bad in ["", "||", ">=5 ||", "banana", ">=five", ">=5.10.1.2"] {
            assert!(bad.parse::<Range>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,60}") {
            let _ = leading_version(&text);
            let _ = text.parse::<Range>();
        }
    }
}
