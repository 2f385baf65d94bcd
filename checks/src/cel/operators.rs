//! The operators.

use super::{
    Value,
    eval::{Evaluation, Failure, Result, error},
};
use cel::common::ast::operators as op;
use std::{cmp::Ordering, rc::Rc};

/// What an operator gives; nothing where the name is none of an operator.
pub(super) fn apply(name: &str, args: &[Value], run: &mut Evaluation<'_>) -> Option<Result> {
    Some(match (name, args) {
        (op::LOGICAL_NOT, [Value::Bool(is)]) => Ok((!is).into()),
        (op::NEGATE, [value]) => negate(value),
        (op::EQUALS, [a, b]) => paid(run, a, b).map(|()| (a == b).into()),
        (op::NOT_EQUALS, [a, b]) => paid(run, a, b).map(|()| (a != b).into()),
        (op::LESS, [a, b]) => ordered(name, a, b, &[Ordering::Less], run),
        (op::LESS_EQUALS, [a, b]) => ordered(name, a, b, &[Ordering::Less, Ordering::Equal], run),
        (op::GREATER, [a, b]) => ordered(name, a, b, &[Ordering::Greater], run),
        (op::GREATER_EQUALS, [a, b]) => ordered(name, a, b, &[Ordering::Greater, Ordering::Equal], run),
        (op::IN, [item, Value::List(items)]) => {
            run.pay(items.len() * 16).map(|()| items.iter().any(|one| one == item).into())
        }
        (op::IN, [key, map @ Value::Map(entries)]) => {
            run.pay(entries.len() * 16).map(|()| map.at(key).is_some().into())
        }
        (op::INDEX, [list, at]) => index(list, at),
        (op::ADD, [Value::Text(a), Value::Text(b)]) => {
            run.pay(a.len() + b.len()).map(|()| Value::from(format!("{a}{b}")))
        }
        (op::ADD, [Value::List(a), Value::List(b)]) => run
            .pay((a.len() + b.len()) * 16)
            .map(|()| Value::List(Rc::new(a.iter().chain(b.iter()).cloned().collect()))),
        (op::ADD | op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO, [a, b]) => arithmetic(name, a, b),
        (op::LOGICAL_NOT, _) => none(name, args),
        _ => return None,
    })
}

/// Comparing lists and maps takes as long as they are.
fn paid(run: &mut Evaluation<'_>, a: &Value, b: &Value) -> std::result::Result<(), Failure> {
    run.pay(weight(a).min(weight(b)))
}

/// How much there is to look at, roughly.
fn weight(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(items) => 16 + items.iter().map(weight).sum::<usize>(),
        Value::Map(entries) => {
            let of = |(key, value): &(Value, Value)| weight(key) + weight(value);
            16 + entries.len() * entries.len() + entries.iter().map(of).sum::<usize>()
        }
        _ => 16,
    }
}

/// `a string and an int`.
pub(super) fn none<T>(name: &str, args: &[Value]) -> std::result::Result<T, Failure> {
    let types: Vec<&str> = args.iter().map(Value::type_name).collect();
    let sign = name.trim_matches(['_', '@']).trim();
    error(format!(
        "there is no `{sign}` for {}",
        if types.is_empty() { "nothing".to_owned() } else { types.join(" and ") }
    ))
}

fn ordered(name: &str, a: &Value, b: &Value, right: &[Ordering], run: &mut Evaluation<'_>) -> Result {
    paid(run, a, b)?;
    match a.compare(b) {
        Some(order) => Ok(right.contains(&order).into()),
        // A double that is no number (NaN) is neither less nor greater.
        None if a.double().is_some() && b.double().is_some() => Ok(false.into()),
        None => none(name, &[a.clone(), b.clone()]),
    }
}

fn negate(value: &Value) -> Result {
    match value {
        Value::Int(i) => i.checked_neg().map(Value::Int).map_or_else(|| error("the number is too large"), Ok),
        Value::Double(d) => Ok(Value::Double(-d)),
        other => none("-_", std::slice::from_ref(other)),
    }
}

fn index(list: &Value, at: &Value) -> Result {
    match (list, at) {
        (Value::List(items), Value::Int(i)) => {
            let found = usize::try_from(*i).ok().and_then(|i| items.get(i)).cloned();
            found.map_or_else(|| error(format!("the list has {} items, none at {i}", items.len())), Ok)
        }
        (Value::Map(_), key) => {
            list.at(key).map_or_else(|| error(format!("there is no `{}`", key.text())), Ok)
        }
        _ => none("_[_]", &[list.clone(), at.clone()]),
    }
}

fn arithmetic(name: &str, a: &Value, b: &Value) -> Result {
    let too_large = || Failure::Error("the result is too large for 64 bits".to_owned());
    let by_zero = || Failure::Error("a number is divided by zero".to_owned());
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => {
            let result = match name {
                op::ADD => a.checked_add(*b),
                op::SUBSTRACT => a.checked_sub(*b),
                op::MULTIPLY => a.checked_mul(*b),
                _ if *b == 0 => return Err(by_zero()),
                op::DIVIDE => a.checked_div(*b),
                _ => a.checked_rem(*b),
            };
            result.map(Value::Int).ok_or_else(too_large)
        }
        (Value::Uint(a), Value::Uint(b)) => {
            let result = match name {
                op::ADD => a.checked_add(*b),
                op::SUBSTRACT => a.checked_sub(*b),
                op::MULTIPLY => a.checked_mul(*b),
                _ if *b == 0 => return Err(by_zero()),
                op::DIVIDE => a.checked_div(*b),
                _ => a.checked_rem(*b),
            };
            result.map(Value::Uint).ok_or_else(too_large)
        }
        (Value::Double(a), Value::Double(b)) => match name {
            op::ADD => Ok(Value::Double(a + b)),
            op::SUBSTRACT => Ok(Value::Double(a - b)),
            op::MULTIPLY => Ok(Value::Double(a * b)),
            op::DIVIDE => Ok(Value::Double(a / b)),
            _ => error("there is no `%` for doubles"),
        },
        _ => none(name, &[a.clone(), b.clone()]),
    }
}
