//! Owners and modes of files.

use super::{params::FileRule, problem, unknown};
use crate::{
    evidence::{Evidence, Unknown},
    facts::{Known, users},
    finding::{Finding, Remedy},
    node::Node,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// The most that a mode may allow: the twelve bits of chmod(1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(u32);

impl Mode {
    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("0o").unwrap_or(text);
        let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| *mode <= 0o7777 && digits.len() >= 3);
        mode.map(Self)
            .ok_or_else(|| format!("`{text}` is not a mode; write it in octal and in quotes: \"0600\""))
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Mode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FileMode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "The most that a mode may allow, in octal: `\"0600\"`.",
            "pattern": "^(0o)?[0-7]{3,4}$"
        })
    }
}

/// Nothing where nothing was asked; what was seen where it is right; else the finding.
pub(super) fn judge(rule: &FileRule, node: &Node) -> Result<Option<Evidence>, Box<Finding>> {
    if !rule.asks_access() {
        return Ok(None);
    }
    let path = &rule.path;
    let access = node.access(path).map_err(|e| Box::new(unknown(rule, &e.unknown())))?;
    let seen = Evidence::new(
        path,
        format!("owner {}, group {}, mode {:04o}", access.owner, access.group, access.mode),
    );
    if let Some(Mode(most)) = rule.mode
        && access.mode & !most != 0
    {
        let message =
            format!("the mode of {path} is {:04o}, and may allow no more than {most:04o}", access.mode);
        let remedy = Remedy::new("Take away what is too much").command(format!("chmod {most:04o} {path}"));
        return Err(Box::new(problem(rule, "too-open", message, Some(seen)).remedy(remedy)));
    }
    for (wanted, has, what, ids) in [
        (&rule.owner, access.owner, "owner", users::PASSWD),
        (&rule.group, access.group, "group", users::GROUP),
    ] {
        let Some(wanted) = wanted else { continue };
        let id = id(wanted, ids, node).map_err(|why| Box::new(unknown(rule, &why)))?;
        if id != has {
            let message = format!("the {what} of {path} is {has}, and should be {wanted} ({id})");
            let command = if what == "owner" { "chown" } else { "chgrp" };
            let remedy = Remedy::new(format!("Set the {what}")).command(format!("{command} {wanted} {path}"));
            return Err(Box::new(problem(rule, "wrong-owner", message, Some(seen)).remedy(remedy)));
        }
    }
    Ok(Some(seen))
}

fn id(wanted: &str, file: &'static str, node: &Node) -> Known<u32> {
    if let Ok(number) = wanted.parse() {
        return Ok(number);
    }
    let (found, evidence) = node.account(file, wanted)?;
    found
        .map(|account| account.id)
        .ok_or_else(|| Unknown::new(format!("{file} has no {wanted}")).tried([evidence]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        assert_eq!(Mode::parse("0600"), Ok(Mode(0o600)));
        assert_eq!(Mode::parse("755"), Ok(Mode(0o755)));
        assert_eq!(Mode::parse("0o1777"), Ok(Mode(0o1777)));
        for text in ["", "8", "0888", "rw", "7", "77777"] {
            assert!(Mode::parse(text).is_err(), "{text}");
        }
    }
}
