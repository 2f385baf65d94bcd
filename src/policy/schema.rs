//! The JSON Schema of policies, made from the registry, so that editors know every check and parameter.
//!
//! The program carries what this makes (see `published.rs`), not this.

use super::{OnUnknown, Retry, published::INPUT_REFERENCE, read, resolve::REFERENCE};
use preflight_checks::{
    Severity,
    facts::{cgroup::LayoutKind, environment},
    range::Range,
    registry,
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// The JSON Schema (draft 7, the one that editors know) of a policy file.
///
/// Stricter than the program in one point: where text is wanted, a number has to be in quotes, since not every
/// reader of YAML keeps `1.30` from becoming `1.3`.
#[must_use]
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft07().into_generator();
    let rule = rule(&mut generator);
    let mut definitions = generator.take_definitions(true);
    definitions.values_mut().for_each(allow_references);
    definitions.insert(INPUT_REFERENCE.to_owned(), reference());
    definitions.insert("Rule".to_owned(), rule);
    definitions.insert("Waiver".to_owned(), waiver());
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Policy of preflight",
        "description": "Which checks are asked of a node, with which parameters, and what becomes of the answers.",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "additionalProperties": false,
        "properties": {
            "apiVersion": { "const": read::API_VERSION },
            "kind": { "const": read::KIND },
            "metadata": metadata(),
            "extends": {
                "description": "Embedded profiles, or paths relative to this file; later ones win, rule by rule, by id.",
                "type": ["array", "null"],
                "items": { "type": "string", "minLength": 1 }
            },
            "inputs": inputs(),
            "checks": {
                "description": "The rules, in the order of the report.",
                "type": ["array", "null"],
                "items": { "$ref": "#/definitions/Rule" }
            },
            "waivers": {
                "description": "Failures that somebody decided to live with; they stay in the report as warnings.",
                "type": ["array", "null"],
                "items": { "$ref": "#/definitions/Waiver" }
            }
        },
        "anyOf": [{ "required": ["checks"] }, { "required": ["extends"] }],
        "definitions": definitions
    })
}

fn metadata() -> Value {
    json!({
        "description": "What the policy is.",
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": {
            "name": { "description": "Its name in reports.", "type": "string", "minLength": 1 },
            "description": { "description": "What it is for.", "type": "string", "minLength": 1 }
        }
    })
}

fn inputs() -> Value {
    json!({
        "description": "What differs between nodes or clusters; `--set KEY=VALUE` changes it, \
                        `{ input: KEY }` in `with` stands for it.",
        "type": ["object", "null"],
        "propertyNames": { "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,63}$" },
        "additionalProperties": { "type": ["string", "number", "boolean"] },
        "properties": {
            "role": { "description": "What the node is for.", "enum": read::ROLES },
            "kubernetesVersion": {
                "description": "The version of the kubelet that shall run here; `auto` has it found out.",
                "type": ["string", "number"],
                "pattern": r"^(auto|v?[0-9]+\.[0-9]+(\.[0-9]+)?([-+].*)?)$"
            }
        }
    })
}

fn rule(generator: &mut SchemaGenerator) -> Value {
    let names: Vec<_> = registry::ids().collect();
    let parameters: Vec<_> = names
        .iter()
        .zip(registry::schemas(generator))
        .map(|(name, with)| {
            json!({
                "if": { "properties": { "check": { "const": name } }, "required": ["check"] },
                "then": { "properties": { "with": { "anyOf": [with, { "type": "null" }] } } }
            })
        })
        .collect();
    json!({
        "description": "A check with its parameters, and what becomes of its answers.",
        "type": "object",
        "required": ["check"],
        "additionalProperties": false,
        "properties": {
            "id": {
                "description": "Unique in the policy, the part of a finding's id before the `/`; the name of the check if left out.",
                "type": "string",
                "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
            },
            "check": { "description": "The name of the check: see `preflight list`.", "enum": names },
            "severity": described::<Severity>(generator, "The most that the rule can yield; `fail` if left out."),
            "onUnknown": described::<OnUnknown>(
                generator,
                "What becomes of what could not be determined; `warn` if left out."
            ),
            "when": when(generator),
            "retry": described::<Retry>(
                generator,
                "Ask again while it does not pass, for what passes by itself: a clock that is being set."
            ),
            "kubeadm": {
                "description": "The name under which kubeadm reports the same, for `--ignore-preflight-errors` and `-o kubeadm`; \
                                where findings have a name of their own, that one counts.",
                "type": "string",
                "minLength": 1
            },
            "with": { "description": "The parameters of the check: see `preflight explain CHECK`." }
        },
        "allOf": parameters
    })
}

fn when(generator: &mut SchemaGenerator) -> Value {
    let scalar = json!({ "type": ["string", "number", "boolean"] });
    json!({
        "description": "Where the rule is asked: everything that is named must hold; a list holds if one of it does.",
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": {
            "role": one_or_many(&json!({ "enum": read::ROLES })),
            "cgroup": one_or_many(&subschema::<LayoutKind>(generator)),
            "kernel": subschema::<Range>(generator),
            "kubernetes": subschema::<Range>(generator),
            "architecture": one_or_many(&json!({
                "type": "string",
                "minLength": 1,
                "not": { "enum": ["amd64", "x64", "x86-64", "arm64"] }
            })),
            "environment": one_or_many(&subschema::<environment::Kind>(generator)),
            "inputs": { "type": ["object", "null"], "additionalProperties": one_or_many(&scalar) }
        }
    })
}

fn waiver() -> Value {
    json!({
        "type": "object",
        "required": ["finding", "reason"],
        "additionalProperties": false,
        "properties": {
            "finding": {
                "description": "Pattern over finding ids (`rule-id/subject`): `*` is any text, `?` one character.",
                "type": "string",
                "minLength": 1
            },
            "reason": { "description": "Why.", "type": "string", "minLength": 1 },
            "until": {
                "description": "The last day (UTC) on which it holds.",
                "type": "string",
                "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
            }
        }
    })
}

fn reference() -> Value {
    json!({
        "description": "Stands for the value of an input of the policy.",
        "type": "object",
        "required": [REFERENCE],
        "additionalProperties": false,
        "properties": { REFERENCE: { "type": "string" } }
    })
}

fn subschema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

fn described<T: JsonSchema>(generator: &mut SchemaGenerator, description: &str) -> Value {
    // Draft 7 knows nothing beside a `$ref`.
    json!({ "description": description, "allOf": [subschema::<T>(generator)] })
}

fn one_or_many(one: &Value) -> Value {
    json!({ "anyOf": [one, { "type": "array", "minItems": 1, "items": one }] })
}

/// Lets every value inside of a parameter be a reference to an input.
fn allow_references(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    for key in ["items", "additionalProperties"] {
        object.get_mut(key).into_iter().for_each(or_reference);
    }
    let properties = object.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(Map::values_mut).for_each(or_reference);
    for key in ["anyOf", "oneOf", "allOf"] {
        let alternatives = object.get_mut(key).and_then(Value::as_array_mut);
        alternatives.into_iter().flatten().for_each(allow_references);
    }
}

fn or_reference(schema: &mut Value) {
    allow_references(schema);
    let Some(object) = schema.as_object_mut() else { return };
    // Editors show these at the outermost.
    let mut outer = Map::new();
    for key in ["description", "default"] {
        outer.extend(object.remove(key).map(|value| (key.to_owned(), value)));
    }
    let inner = schema.take();
    outer.insert("anyOf".to_owned(), json!([inner, { "$ref": format!("#/definitions/{INPUT_REFERENCE}") }]));
    *schema = Value::Object(outer);
}
