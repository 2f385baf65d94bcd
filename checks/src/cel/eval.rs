//! Evaluates an expression, step by counted step.

use super::{Facts, Value, compile::path_of, functions, operators};
use crate::evidence::{Evidence, Unknown};
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators as op,
};
use std::rc::Rc;

/// How many steps an evaluation may take; a step that makes or looks through a text takes one more for every 16 bytes.
pub const COST: u32 = 200_000;

/// Why there is no value.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// It has none: a number divided by zero, a key that is not there.
    Error(String),
    /// A fact that decides is not known.
    Unknown(Unknown),
    /// It takes more than [`COST`] steps. Nothing absorbs this.
    TooMuch,
}

pub(super) type Result = std::result::Result<Value, Failure>;

pub(super) fn error<T>(message: impl Into<String>) -> std::result::Result<T, Failure> {
    Err(Failure::Error(message.into()))
}

/// An evaluation that is under way.
pub(super) struct Evaluation<'a> {
    facts: &'a dyn Facts,
    /// The variables of comprehensions, the innermost last.
    variables: Vec<(&'a str, Value)>,
    left: u32,
    /// What was asked, each once.
    pub(super) seen: Vec<Evidence>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(facts: &'a dyn Facts) -> Self {
        Self { facts, variables: Vec::new(), left: COST, seen: Vec::new() }
    }

    /// Counts a step that works on so many bytes.
    pub(super) fn pay(&mut self, bytes: usize) -> std::result::Result<(), Failure> {
        let steps = u32::try_from(bytes / 16).unwrap_or(COST).saturating_add(1);
        self.left = self.left.checked_sub(steps).ok_or(Failure::TooMuch)?;
        Ok(())
    }

    pub(super) fn eval(&mut self, expr: &'a IdedExpr) -> Result {
        self.pay(0)?;
        match &expr.expr {
            Expr::Literal(literal) => Ok(constant(literal)),
            Expr::Ident(name) => self.named(name),
            Expr::Select(select) => {
                if let Some(path) = path_of(&expr.expr)
                    && self.variable(path.split('.').next().unwrap_or_default()).is_none()
                    && let Some(found) = self.facts.get(&path)
                {
                    return self.fact(found);
                }
                let operand = self.eval(&select.operand)?;
                let key = Value::from(select.field.as_str());
                match (operand.at(&key), select.test, &operand) {
                    (found, true, Value::Map(_)) => Ok(found.is_some().into()),
                    (Some(found), false, _) => Ok(found),
                    (None, _, Value::Map(_)) => error(format!("there is no `{}`", select.field)),
                    (_, _, other) => {
                        error(format!("a {} has no field `{}`", other.type_name(), select.field))
                    }
                }
            }
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let items = list.elements.iter().map(|item| self.eval(item));
                Ok(Value::List(Rc::new(items.collect::<std::result::Result<_, _>>()?)))
            }
            Expr::Map(map) => {
                let mut entries: Vec<(Value, Value)> = Vec::new();
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else {
                        return error("a map has no such entry");
                    };
                    let (key, value) = (self.eval(&entry.key)?, self.eval(&entry.value)?);
                    self.pay(entries.len())?;
                    if entries.iter().any(|(k, _)| *k == key) {
                        return error(format!("a map has the key {} twice", key.text()));
                    }
                    entries.push((key, value));
                }
                Ok(Value::Map(Rc::new(entries)))
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(_) | Expr::Unspecified => error("there are no messages here"),
        }
    }

    fn variable(&self, name: &str) -> Option<&Value> {
        self.variables.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    fn named(&mut self, name: &str) -> Result {
        if let Some(value) = self.variable(name) {
            return Ok(value.clone());
        }
        match self.facts.get(name) {
            Some(found) => self.fact(found),
            None => error(format!("there is no `{name}`")),
        }
    }

    fn fact(&mut self, found: crate::facts::Known<(Value, Vec<Evidence>)>) -> Result {
        match found {
            Ok((value, seen)) => {
                for one in seen {
                    if !self.seen.contains(&one) {
                        self.seen.push(one);
                    }
                }
                Ok(value)
            }
            Err(why) => Err(Failure::Unknown(why)),
        }
    }

    fn call(&mut self, call: &'a CallExpr) -> Result {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (op::LOGICAL_AND, [a, b]) => self.either(a, b, false),
            (op::LOGICAL_OR, [a, b]) => self.either(a, b, true),
            (op::CONDITIONAL, [condition, yes, no]) => match self.eval(condition)? {
                Value::Bool(true) => self.eval(yes),
                Value::Bool(false) => self.eval(no),
                other => error(format!("a {} is neither true nor false", other.type_name())),
            },
            // Whether a loop goes on: errors do not end it, since a later item may decide.
            (op::NOT_STRICTLY_FALSE, [a]) => match self.eval(a) {
                Ok(value) => Ok(Value::Bool(value != Value::Bool(false))),
                Err(Failure::TooMuch) => Err(Failure::TooMuch),
                Err(_) => Ok(Value::Bool(true)),
            },
            (name, args) => {
                let target = call.target.as_ref().map(|target| self.eval(target)).transpose()?;
                let args = args.iter().map(|arg| self.eval(arg));
                let args: Vec<Value> = args.collect::<std::result::Result<_, _>>()?;
                if let (None, [Value::Text(argument)]) = (&target, args.as_slice())
                    && let Some(found) = self.facts.call(name, argument)
                {
                    return self.fact(found);
                }
                match operators::apply(name, &args, self) {
                    Some(result) => result,
                    None => functions::call(name, target.as_ref(), &args, self),
                }
            }
        }
    }

    /// `&&` and `||`: a side that decides, decides, whatever the other one is.
    fn either(&mut self, a: &'a IdedExpr, b: &'a IdedExpr, decides: bool) -> Result {
        let mut failure: Option<Failure> = None;
        for side in [a, b] {
            match self.eval(side) {
                Ok(Value::Bool(is)) if is == decides => return Ok(decides.into()),
                Ok(Value::Bool(_)) => {}
                Ok(other) => {
                    let why = format!("a {} is neither true nor false", other.type_name());
                    failure = failure.or(Some(Failure::Error(why)));
                }
                Err(Failure::TooMuch) => return Err(Failure::TooMuch),
                // What is not known counts before what is wrong: with it known, the other might not have been asked.
                Err(why @ Failure::Unknown(_)) if !matches!(failure, Some(Failure::Unknown(_))) => {
                    failure = Some(why);
                }
                Err(why) => failure = failure.or(Some(why)),
            }
        }
        failure.map_or(Ok((!decides).into()), Err)
    }

    /// What the macros all, exists, exists_one, map and filter stand for.
    fn comprehension(&mut self, over: &'a ComprehensionExpr) -> Result {
        let items: Vec<(Value, Option<Value>)> = match self.eval(&over.iter_range)? {
            Value::List(items) if over.iter_var2.is_none() => {
                items.iter().map(|item| (item.clone(), None)).collect()
            }
            Value::List(items) => {
                items.iter().enumerate().map(|(at, item)| ((at as u64).into(), Some(item.clone()))).collect()
            }
            Value::Map(entries) => {
                entries.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect()
            }
            other => return error(format!("a {} has no items", other.type_name())),
        };
        let depth = self.variables.len();
        let init = self.eval(&over.accu_init);
        let result = self.loop_over(over, items, init);
        self.variables.truncate(depth);
        result
    }

    fn loop_over(
        &mut self,
        over: &'a ComprehensionExpr,
        items: Vec<(Value, Option<Value>)>,
        init: Result,
    ) -> Result {
        // An item that fails does not end the loop: a later one may decide, as with && and ||.
        let mut accumulated = init;
        for (item, second) in items {
            let depth = self.variables.len();
            let before = match accumulated {
                Ok(value) => value,
                Err(Failure::TooMuch) => return Err(Failure::TooMuch),
                Err(why) => {
                    // Only a loop of true and false can still be decided.
                    if let Some(value) = self.decided_by(over, item, second) {
                        return Ok(value);
                    }
                    self.variables.truncate(depth);
                    accumulated = Err(why);
                    continue;
                }
            };
            self.variables.push((&over.accu_var, before));
            self.variables.push((&over.iter_var, item));
            if let (Some(name), Some(second)) = (&over.iter_var2, second) {
                self.variables.push((name, second));
            }
            let goes_on = self.eval(&over.loop_cond)? == Value::Bool(true);
            accumulated =
                if goes_on { self.eval(&over.loop_step) } else { Ok(self.variables[depth].1.clone()) };
            self.variables.truncate(depth);
            if !goes_on {
                break;
            }
        }
        let accumulated = accumulated?;
        self.variables.push((&over.accu_var, accumulated));
        self.eval(&over.result)
    }

    /// After an item failed: whether this one decides a loop of `&&` or `||` all the same.
    fn decided_by(
        &mut self,
        over: &'a ComprehensionExpr,
        item: Value,
        second: Option<Value>,
    ) -> Option<Value> {
        let Expr::Call(step) = &over.loop_step.expr else { return None };
        let decides = match step.func_name.as_str() {
            op::LOGICAL_AND => false,
            op::LOGICAL_OR => true,
            _ => return None,
        };
        self.variables.push((&over.accu_var, Value::Bool(!decides)));
        self.variables.push((&over.iter_var, item));
        if let (Some(name), Some(second)) = (&over.iter_var2, second) {
            self.variables.push((name, second));
        }
        (self.eval(&over.loop_step) == Ok(Value::Bool(decides))).then_some(Value::Bool(decides))
    }
}

fn constant(literal: &LiteralValue) -> Value {
    match literal {
        LiteralValue::Boolean(b) => Value::Bool(*b.inner()),
        LiteralValue::Double(d) => Value::Double(*d.inner()),
        LiteralValue::Int(i) => Value::Int(*i.inner()),
        LiteralValue::UInt(u) => Value::Uint(*u.inner()),
        LiteralValue::String(s) => Value::from(s.inner()),
        LiteralValue::Bytes(_) | LiteralValue::Null => Value::Null,
    }
}
