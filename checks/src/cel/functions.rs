//! The functions: those of CEL, and of Kubernetes' libraries those that speak of nodes (quantities, versions, networks).

use super::{
    Value,
    eval::{Evaluation, Failure, Result, error},
    network,
    operators::none,
};
use crate::{
    matcher::{Number, Pattern},
    range::leading_version,
};
use semver::Version;
use std::{cmp::Ordering, rc::Rc};

/// Every function that an expression may call, those that are called on a value included.
pub(super) const NAMES: &[&str] = &[
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "lowerAscii",
    "upperAscii",
    "trim",
    "split",
    "join",
    "replace",
    "quantity",
    "isQuantity",
    "semver",
    "isSemver",
    "isGreaterThan",
    "isLessThan",
    "compareTo",
    "major",
    "minor",
    "patch",
    "sum",
    "min",
    "max",
    "indexOf",
    "ip",
    "isIP",
    "cidr",
    "isCIDR",
    "containsIP",
    "containsCIDR",
    "family",
];

/// What a function gives: `size(x)`, or `x.size()`.
pub(super) fn call(name: &str, target: Option<&Value>, args: &[Value], run: &mut Evaluation<'_>) -> Result {
    let all: Vec<Value> = target.into_iter().chain(args).cloned().collect();
    for value in &all {
        if let Value::Text(text) = value {
            run.pay(text.len())?;
        }
    }
    if let Some(result) = of_text(name, &all, run) {
        return result;
    }
    match (name, all.as_slice()) {
        ("size", [value]) => match value.size() {
            Some(size) => Ok((size as u64).into()),
            None => none(name, &all),
        },
        ("int", [value]) => int(value),
        ("uint", [value]) => match int(value)? {
            Value::Int(i) => match u64::try_from(i) {
                Ok(u) => Ok(Value::Uint(u)),
                Err(_) => error("a uint is not negative"),
            },
            other => Ok(other),
        },
        ("double", [value]) => match (value.double(), value) {
            (Some(double), _) => Ok(Value::Double(double)),
            (None, Value::Text(text)) => {
                text.parse().map(Value::Double).or_else(|_| error(format!("`{text}` is no number")))
            }
            _ => none(name, &all),
        },
        ("string", [value]) => Ok(value.text().into()),
        ("isGreaterThan" | "isLessThan" | "compareTo", [a, b]) => compared(name, a, b),
        ("major" | "minor" | "patch", [Value::Version(version)]) => Ok(match name {
            "major" => version.major,
            "minor" => version.minor,
            _ => version.patch,
        }
        .into()),
        ("sum" | "min" | "max", [Value::List(items)]) => folded(name, items),
        ("indexOf", [Value::List(items), item]) => {
            run.pay(items.len() * 16)?;
            let at = items.iter().position(|one| one == item);
            Ok(Value::Int(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)))
        }
        ("join", [Value::List(items)]) => join(items, "", run),
        ("join", [Value::List(items), Value::Text(joint)]) => join(items, joint, run),
        _ => network::call(name, &all).unwrap_or_else(|| none(name, &all)),
    }
}

/// What is asked of a text.
fn of_text(name: &str, all: &[Value], run: &mut Evaluation<'_>) -> Option<Result> {
    let (Value::Text(text), rest) = all.split_first()? else { return None };
    let words: Option<Vec<&str>> =
        rest.iter().map(|value| if let Value::Text(text) = value { Some(&**text) } else { None }).collect();
    Some(match (name, words?.as_slice()) {
        ("contains", [part]) => Ok(text.contains(part).into()),
        ("startsWith", [part]) => Ok(text.starts_with(part).into()),
        ("endsWith", [part]) => Ok(text.ends_with(part).into()),
        ("matches", [pattern]) => match pattern.parse::<Pattern>() {
            // Matching takes longer than looking at each byte once.
            Ok(pattern) => run.pay(text.len() * 16).and_then(|()| match pattern.is_match(text) {
                Some(is) => Ok(is.into()),
                None => error("the text is too long to be looked through for a pattern"),
            }),
            Err(why) => error(why),
        },
        ("lowerAscii", []) => Ok(text.to_ascii_lowercase().into()),
        ("upperAscii", []) => Ok(text.to_ascii_uppercase().into()),
        ("trim", []) => Ok(text.trim().into()),
        ("split", [at]) => run.pay(text.len() * 16).map(|()| text.split(at).collect()),
        ("replace", [from, to]) => {
            let most = (text.len() + 1).saturating_mul(to.len() + 1);
            run.pay(most).map(|()| text.replace(from, to).into())
        }
        ("quantity", []) => {
            text.parse::<Number>().map(|number| Value::Quantity(Rc::new(number))).or_else(error)
        }
        ("isQuantity", []) => Ok(text.parse::<Number>().is_ok().into()),
        ("semver", []) => match version(text) {
            Some(version) => Ok(Value::Version(Rc::new(version))),
            None => error(format!("`{text}` is no version")),
        },
        ("isSemver", []) => Ok(version(text).is_some().into()),
        _ => return None,
    })
}

/// `1.35.0`, `v1.35`, `5.10.0-23-amd64`: what semver can't read, by its leading numbers.
fn version(text: &str) -> Option<Version> {
    Version::parse(text.strip_prefix('v').unwrap_or(text)).ok().or_else(|| leading_version(text))
}

fn int(value: &Value) -> Result {
    match value {
        Value::Int(_) => Ok(value.clone()),
        Value::Uint(u) => {
            i64::try_from(*u).map(Value::Int).or_else(|_| error("the number is too large for an int"))
        }
        // Towards zero, as CEL has it; 2^63 and more is none.
        #[expect(clippy::cast_possible_truncation, reason = "the bounds are checked")]
        Value::Double(d) if d.abs() < 9.2e18 => Ok(Value::Int(*d as i64)),
        Value::Text(text) => {
            text.parse().map(Value::Int).or_else(|_| error(format!("`{text}` is no whole number")))
        }
        other => none("int", std::slice::from_ref(other)),
    }
}

/// `a.isGreaterThan(b)`. A version is compared with a text, too, which is read as one.
fn compared(name: &str, a: &Value, b: &Value) -> Result {
    let read = |value: &Value, beside: &Value| match (value, beside) {
        (Value::Text(text), Value::Version(_)) => version(text).map(|v| Value::Version(Rc::new(v))),
        (Value::Text(text), Value::Quantity(_)) => text.parse().ok().map(|n| Value::Quantity(Rc::new(n))),
        _ => Some(value.clone()),
    };
    let order = read(a, b).zip(read(b, a)).and_then(|(a, b)| a.compare(&b));
    let Some(order) = order else { return none(name, &[a.clone(), b.clone()]) };
    Ok(match name {
        "isGreaterThan" => (order == Ordering::Greater).into(),
        "isLessThan" => (order == Ordering::Less).into(),
        _ => Value::Int(order as i64),
    })
}

fn folded(name: &str, items: &[Value]) -> Result {
    if name == "sum" {
        return items.iter().try_fold(Value::Int(0), |sum, item| match (&sum, item) {
            (Value::Int(a), Value::Int(b)) => a
                .checked_add(*b)
                .map(Value::Int)
                .ok_or_else(|| Failure::Error("the sum is too large".to_owned())),
            (_, Value::Double(b)) => Ok(Value::Double(sum.double().unwrap_or(0.0) + b)),
            _ => none(name, std::slice::from_ref(item)),
        });
    }
    let wanted = if name == "min" { Ordering::Less } else { Ordering::Greater };
    let Some(first) = items.first() else { return error(format!("`{name}` of an empty list")) };
    items.iter().try_fold(first.clone(), |best, item| match item.compare(&best) {
        Some(order) => Ok(if order == wanted { item.clone() } else { best }),
        None => none(name, &[best, item.clone()]),
    })
}

fn join(items: &[Value], joint: &str, run: &mut Evaluation<'_>) -> Result {
    let texts: Vec<String> = items.iter().map(Value::text).collect();
    run.pay(texts.iter().map(String::len).sum::<usize>() + joint.len() * texts.len())?;
    Ok(texts.join(joint).into())
}
