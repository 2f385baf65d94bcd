//! The parameters of a check as text, from their JSON Schema.

use crate::{policy::published::INPUT_REFERENCE, text};
use serde_json::{Map, Value};

/// The longest default that is written out, in characters: a longer one is better read in `policy show`.
const DEFAULT: usize = 240;
/// How deep types of parameters are described.
const DEPTH: usize = 4;

/// Types that the schemas refer to, by name.
pub(super) type Definitions = Map<String, Value>;

/// The parameters of the type `schema`, and below them the types that these use.
pub(super) fn to_text(schema: &Value, definitions: &Definitions, width: usize) -> String {
    let mut out = fields(schema, definitions, width);
    let mut named: Vec<String> = Vec::new();
    let mut at = schema.clone();
    for _ in 0..DEPTH {
        let new: Vec<String> =
            objects(&at, definitions).into_iter().filter(|name| !named.contains(name)).collect();
        for name in &new {
            if let Some(definition) = definitions.get(name) {
                out.push_str("\n  ");
                out.push_str(name);
                out.push_str(":\n");
                out.push_str(&fields(definition, definitions, width));
            }
        }
        at = Value::Array(new.iter().filter_map(|name| definitions.get(name).cloned()).collect());
        named.extend(new);
    }
    out
}

/// The properties of one type.
fn fields(schema: &Value, definitions: &Definitions, width: usize) -> String {
    let mut out = String::new();
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let text = |key| property.get(key).and_then(Value::as_str).unwrap_or_default();
        out.push_str(&text::hanging(
            2,
            &format!("{name}  "),
            name.len() + 2,
            &kind(property, definitions),
            width,
        ));
        for paragraph in text("description").split("\n\n") {
            out.push_str(&text::hanging(6, "", 0, &paragraph.replace('\n', " "), width));
        }
        if let Some(default) = property.get("default").filter(|d| !d.is_null()) {
            let default = default.to_string();
            let is_long = default.chars().count() > DEFAULT;
            let shown = if is_long { "long; `preflight policy show` writes it out" } else { &default };
            out.push_str(&text::hanging(6, "default: ", 9, shown, width));
        }
    }
    out
}

/// The type of a value in words.
fn kind(schema: &Value, definitions: &Definitions) -> String {
    if let Some(name) = reference(schema) {
        let definition = definitions.get(name);
        let is_object = definition.is_some_and(|d| d.get("properties").is_some());
        return match definition {
            Some(definition) if !is_object => kind(definition, definitions),
            _ => name.to_owned(),
        };
    }
    if let Some(constant) = schema.get("const") {
        return constant.to_string().replace('"', "");
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let mut names: Vec<_> = values.iter().map(|v| v.to_string().replace('"', "")).collect();
        // `386` may be written as text and as a number.
        names.dedup();
        return names.join(" | ");
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        if let Some(kinds) = schema.get(key).and_then(Value::as_array) {
            let own = kinds.iter().filter(|schema| reference(schema) != Some(INPUT_REFERENCE));
            return either(own.map(|schema| kind(schema, definitions)));
        }
    }
    match schema.get("type") {
        Some(Value::String(name)) => simple(name, schema, definitions),
        Some(Value::Array(names)) => {
            either(names.iter().filter_map(Value::as_str).map(|name| simple(name, schema, definitions)))
        }
        _ => "any value".to_owned(),
    }
}

fn simple(name: &str, schema: &Value, definitions: &Definitions) -> String {
    let of = |key| schema.get(key).filter(|s| s.is_object()).map(|schema| kind(schema, definitions));
    match name {
        "array" => format!("list of {}", of("items").unwrap_or_else(|| "values".to_owned())),
        "object" => match of("additionalProperties") {
            Some(values) => format!("map of {values}"),
            None => "map".to_owned(),
        },
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "boolean" => "true | false".to_owned(),
        name => name.to_owned(),
    }
}

/// Alternatives; `null` means that it may be left out.
fn either(kinds: impl Iterator<Item = String>) -> String {
    let (null, kinds): (Vec<String>, Vec<String>) = kinds.partition(|kind| kind == "null");
    let kinds = kinds.join(" | ");
    if null.is_empty() { kinds } else { format!("{kinds}, optional") }
}

fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.rsplit('/').next()
}

/// The names of the types with properties of their own that `schema` mentions, in order.
fn objects(schema: &Value, definitions: &Definitions) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo = vec![(schema, 0)];
    while let Some((value, depth)) = todo.pop() {
        if let Some(name) = reference(value)
            && let Some(definition) = definitions.get(name)
        {
            if name == INPUT_REFERENCE {
                continue;
            }
            if definition.get("properties").is_some() {
                found.push(name.to_owned());
            } else if depth < DEPTH {
                todo.push((definition, depth + 1));
            }
        }
        match value {
            Value::Object(map) => todo.extend(map.values().map(|value| (value, depth))),
            Value::Array(list) => todo.extend(list.iter().map(|value| (value, depth))),
            _ => {}
        }
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::{JsonSchema, SchemaGenerator};
    use serde::{Deserialize, Serialize};

    /// What the check wants.
    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    #[serde(default, rename_all = "camelCase")]
    struct Sample {
        /// Names, in order.
        required: Vec<String>,
        /// The mode.
        mode: Option<Mode>,
        /// How many.
        at_least: u32,
        /// Rules of their own.
        options: Vec<Nested>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        /// Switched off.
        Off,
        /// Left alone.
        Ignore,
    }

    /// One option.
    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    struct Nested {
        /// Its name.
        name: String,
    }

    #[test]
    fn a_name_that_may_be_a_number_is_there_once() {
        let schema = serde_json::json!({ "enum": ["arm64", "386", 386, "i686"] });
        assert_eq!(kind(&schema, &Definitions::new()), "arm64 | 386 | i686");
    }

    #[test]
    fn parameters_with_type_meaning_and_default() {
        let mut generator = SchemaGenerator::default();
        let root = generator.subschema_for::<Sample>();
        let definitions = generator.take_definitions(true);
        let name = reference(root.as_value()).unwrap();
        let text = "  atLeast  whole number
      How many.
      default: 0
  mode  off | ignore, optional
      The mode.
  options  list of Nested
      Rules of their own.
      default: []
  required  list of text
      Names, in order.
      default: []

  Nested:
  name  text
      Its name.
";
        assert_eq!(to_text(&definitions[name], &definitions, 80), text);
    }
}
