//! The JSON Schema of reports: checked in, up to date, and true of a real report.

#![allow(clippy::disallowed_methods)] // tests read their own files and start the program as users do

use serde_json::Value;
use std::{env, fs, path::Path, process::Command};

fn checked_in() -> (std::path::PathBuf, Option<Value>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/schema/report-v1.schema.json");
    let text = fs::read_to_string(&file).ok();
    (file, text.and_then(|text| serde_json::from_str(&text).ok()))
}

#[test]
fn the_schema_is_up_to_date() {
    let schema = preflight::report::json::schema();
    let (file, old) = checked_in();
    if env::var_os("PREFLIGHT_BLESS").is_some() {
        fs::write(&file, format!("{:#}\n", schema.as_value())).unwrap();
    } else {
        assert!(old.as_ref() == Some(schema.as_value()), "PREFLIGHT_BLESS=1 writes {} anew", file.display());
    }
}

#[test]
fn a_report_obeys_it() {
    let (_, Some(schema)) = checked_in() else { panic!("no schema") };
    let run = Command::new(env!("CARGO_BIN_EXE_preflight")).args(["-o", "json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    validate(&report, &schema, &schema, "report");
    assert!(run.stdout.ends_with(b"}\n"));

    let mut wrong = report.clone();
    wrong["findings"][0].as_object_mut().unwrap().remove("blockedBy");
    wrong["verdict"] = "maybe".into();
    let judged = std::panic::catch_unwind(|| validate(&wrong, &schema, &schema, "report"));
    assert!(judged.is_err(), "the validator of this test finds mistakes");
}

/// As much of JSON Schema as the schema of reports uses.
fn validate(value: &Value, schema: &Value, root: &Value, at: &str) {
    let Some(schema) = schema.as_object() else { return };
    for (keyword, rule) in schema {
        match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                validate(value, root.pointer(pointer).expect("a definition"), root, at);
            }
            "allOf" => rule.as_array().unwrap().iter().for_each(|s| validate(value, s, root, at)),
            "anyOf" | "oneOf" => {
                let fits = |s: &&Value| std::panic::catch_unwind(|| validate(value, s, root, at)).is_ok();
                assert!(
                    rule.as_array().unwrap().iter().any(|s| fits(&s)),
                    "{at}: {value} fits none of {rule}"
                );
            }
            "const" => assert_eq!(value, rule, "{at}"),
            "enum" => assert!(rule.as_array().unwrap().contains(value), "{at}: {value} is none of {rule}"),
            "type" => {
                let kinds: Vec<&Value> = rule.as_array().map_or(vec![rule], |list| list.iter().collect());
                assert!(
                    kinds.iter().any(|kind| is(value, kind.as_str().unwrap())),
                    "{at}: {value} is no {rule}"
                );
            }
            "required" => {
                for key in rule.as_array().unwrap() {
                    assert!(value.get(key.as_str().unwrap()).is_some(), "{at}: no {key}");
                }
            }
            "properties" => {
                for (key, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        validate(value, rule, root, &format!("{at}.{key}"));
                    }
                }
                for key in value.as_object().unwrap().keys() {
                    assert!(rule.get(key).is_some(), "{at}: {key} is not in the schema");
                }
            }
            "items" => {
                for (i, item) in value.as_array().unwrap().iter().enumerate() {
                    validate(item, rule, root, &format!("{at}[{i}]"));
                }
            }
            "minimum" => assert!(value.as_f64().is_none_or(|n| n >= rule.as_f64().unwrap()), "{at}: {value}"),
            "$schema" | "title" | "description" | "definitions" | "format" | "maximum" => {}
            other => panic!("{at}: this test does not know the keyword {other}"),
        }
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no JSON type {other}"),
    }
}
