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
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => {
            let checked: Checked<i64> =
                [i64::checked_add, i64::checked_sub, i64::checked_mul, i64::checked_div, i64::checked_rem];
            whole(name, *a, *b, checked).map(Value::Int)
        }
        (Value::Uint(a), Value::Uint(b)) => {
            let checked: Checked<u64> =
                [u64::checked_add, u64::checked_sub, u64::checked_mul, u64::checked_div, u64::checked_rem];
            whole(name, *a, *b, checked).map(Value::Uint)
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

/// `+`, `-`, `*`, `/` and `%` of whole numbers, which give nothing where the result does not fit.
type Checked<T> = [fn(T, T) -> Option<T>; 5];

fn whole<T: Default + PartialEq>(
    name: &str,
    a: T,
    b: T,
    [add, subtract, multiply, divide, rest]: Checked<T>,
) -> std::result::Result<T, Failure> {
    if matches!(name, op::DIVIDE | op::MODULO) && b == T::default() {
        return error("a number is divided by zero");
    }
    let result = match name {
        op::ADD => add(a, b),
        op::SUBSTRACT => subtract(a, b),
        op::MULTIPLY => multiply(a, b),
        op::DIVIDE => divide(a, b),
        _ => rest(a, b),
    };
    result.map_or_else(|| error("the result is too large for 64 bits"), Ok)
}
