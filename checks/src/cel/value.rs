//! Values of expressions.

use crate::matcher::Number;
use ipnet::IpNet;
use semver::Version;
use std::{cmp::Ordering, net::IpAddr, rc::Rc};

/// A value. Texts, lists and maps are shared, so that copying one is cheap.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number that is not negative: `5u`.
    Uint(u64),
    /// A number with a point.
    Double(f64),
    /// Text.
    Text(Rc<str>),
    /// A list.
    List(Rc<Vec<Value>>),
    /// A map, in the order in which it was made.
    Map(Rc<Vec<(Value, Value)>>),
    /// An amount: `quantity("2Gi")`.
    Quantity(Rc<Number>),
    /// A version: `semver("1.35.0")`.
    Version(Rc<Version>),
    /// An address: `ip("10.0.0.1")`.
    Ip(IpAddr),
    /// A network: `cidr("10.0.0.0/8")`.
    Cidr(IpNet),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Bool(is)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or(Self::Uint(number), Self::Int)
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::List(Rc::new(items.into_iter().map(Into::into).collect()))
    }
}

impl Value {
    /// A map with names as keys.
    pub fn map<'a>(entries: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        Self::Map(Rc::new(entries.into_iter().map(|(key, value)| (key.into(), value)).collect()))
    }

    /// The name of its type, as CEL has it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Uint(_) => "uint",
            Self::Double(_) => "double",
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Map(_) => "map",
            Self::Quantity(_) => "quantity",
            Self::Version(_) => "semver",
            Self::Ip(_) => "ip",
            Self::Cidr(_) => "cidr",
        }
    }

    /// How many characters, items or entries it has. None where that can't be asked.
    pub(super) fn size(&self) -> Option<usize> {
        match self {
            Self::Text(text) => Some(text.chars().count()),
            Self::List(items) => Some(items.len()),
            Self::Map(entries) => Some(entries.len()),
            _ => None,
        }
    }

    /// What stands at a key of a map.
    pub(super) fn at(&self, key: &Value) -> Option<Value> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(k, _)| k == key).map(|(_, value)| value.clone())
    }

    /// A number or an amount, exactly. None for what is neither, and for a double that is no number.
    fn number(&self) -> Option<Number> {
        match self {
            Self::Int(i) => Some((*i).into()),
            Self::Uint(u) => Some((*u).into()),
            Self::Quantity(quantity) => Some(Number::clone(quantity)),
            _ => None,
        }
    }

    /// As a double, for comparison with one.
    pub(super) fn double(&self) -> Option<f64> {
        match self {
            Self::Int(i) => Some(*i as f64),
            Self::Uint(u) => Some(*u as f64),
            Self::Double(d) => Some(*d),
            Self::Quantity(quantity) => Some(quantity.to_f64()),
            _ => None,
        }
    }

    /// How two values of types that can be compared stand to each other.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::Version(a), Self::Version(b)) => Some(a.cmp(b)),
            (Self::Ip(a), Self::Ip(b)) => Some(a.cmp(b)),
            (Self::Double(_), _) | (_, Self::Double(_)) => self.double()?.partial_cmp(&other.double()?),
            _ => Some(self.number()?.cmp(&other.number()?)),
        }
    }

    /// As JSON, for people.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(is) => (*is).into(),
            Self::Int(i) => (*i).into(),
            Self::Uint(u) => (*u).into(),
            Self::Double(d) => (*d).into(),
            Self::List(items) => items.iter().map(Self::json).collect(),
            Self::Map(entries) => {
                let entry = |(key, value): &(Value, Value)| (key.text(), value.json());
                serde_json::Value::Object(entries.iter().map(entry).collect())
            }
            _ => self.text().into(),
        }
    }

    /// As text: a string as it is, everything else as it would be written.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.to_string(),
            Self::Quantity(quantity) => quantity.to_string(),
            Self::Version(version) => version.to_string(),
            Self::Ip(ip) => ip.to_string(),
            Self::Cidr(cidr) => cidr.to_string(),
            other => other.json().to_string(),
        }
    }
}

/// As CEL has it: numbers are equal across their types, values of other types that differ are not.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Cidr(a), Self::Cidr(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => {
                a.len() == b.len() && a.iter().all(|(key, value)| other.at(key).as_ref() == Some(value))
            }
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }
}
