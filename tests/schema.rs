//! The JSON Schema of policies against policies: what the program takes, editors take, and what it refuses, they
//! mark. The validator is not ours.

use jsonschema::Validator;
use preflight::policy::{self, Policy, Source, profiles};
use preflight_checks::registry;
use serde_json::{Value, json};

fn validator() -> Validator {
    jsonschema::draft7::new(&policy::schema()).expect("the schema is one of draft 7")
}

/// YAML as editors read it, by way of the program's own crate.
fn read(yaml: &str) -> Value {
    serde_yaml::from_str(yaml).expect("YAML")
}

#[test]
fn the_schema_itself_is_one() {
    let schema = policy::schema();
    assert!(jsonschema::draft7::meta::is_valid(&schema));
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
}

#[test]
fn every_check_has_parameters_with_a_name_of_their_own() {
    let schema = policy::schema();
    let definitions = schema["definitions"].as_object().unwrap();
    for name in definitions.keys() {
        // schemars numbers the second type of the same name.
        assert!(!name.ends_with(|c: char| c.is_ascii_digit()), "{name}");
    }
    let parameters = schema["definitions"]["Rule"]["allOf"].as_array().unwrap();
    assert_eq!(parameters.len(), registry::CHECKS.len());
    let mut references = Vec::new();
    for (check, parameters) in registry::ids().zip(parameters) {
        assert_eq!(parameters["if"]["properties"]["check"]["const"], check);
        let reference = parameters["then"]["properties"]["with"]["anyOf"][0]["$ref"].as_str().unwrap();
        let name = reference.trim_start_matches("#/definitions/");
        assert!(definitions.contains_key(name) && name.ends_with("Params"), "{reference}");
        references.push(name);
    }
    references.sort_unstable();
    references.dedup();
    assert_eq!(references.len(), registry::CHECKS.len());
}

#[test]
fn profiles_are_valid() {
    let validator = validator();
    for profile in profiles::ALL {
        let errors: Vec<_> = validator
            .iter_errors(&read(profile.text))
            .map(|e| format!("{} {e}", e.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", profile.name);
    }
}

#[test]
fn what_the_program_shows_is_valid() {
    let validator = validator();
    for profile in profiles::ALL {
        let shown = profile.load().unwrap_or_else(|e| panic!("{e}")).to_yaml();
        assert!(validator.is_valid(&read(&shown)), "{shown}");
    }
}

/// A policy whose parts can be replaced: `None` takes the key away.
fn policy_with(path: &[&str], value: Option<Value>) -> Value {
    let mut policy = json!({
        "apiVersion": "preflight/v1",
        "kind": "Policy",
        "metadata": { "name": "x" },
        "extends": ["minimal"],
        "inputs": { "role": "worker", "kubernetesVersion": "1.36" },
        "checks": [
            { "check": "kernel-version", "when": { "role": ["worker"], "kernel": ">=4" }, "with": { "requires": ">=4" } },
            { "id": "b", "check": "cgroup-hierarchy", "severity": "warn", "onUnknown": "skip", "with": null }
        ],
        "waivers": [{ "finding": "b/*", "reason": "r", "until": "2027-03-31" }]
    });
    if let Some((last, before)) = path.split_last() {
        let at = before.iter().fold(&mut policy, |at, key| match key.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[*key],
        });
        match value {
            Some(value) => at[*last] = value,
            None => drop(at.as_object_mut().unwrap().remove(*last)),
        }
    }
    policy
}

#[test]
fn what_is_wrong_for_the_program_is_wrong_for_the_schema() {
    let validator = validator();
    let refused_by_both = |path: &[&str], value: Option<Value>| {
        let policy = policy_with(path, value.clone());
        // JSON is YAML.
        let loaded = Policy::load(&Source::Stdin(policy.to_string().into()), &[]);
        assert!(loaded.is_err(), "the program takes {path:?} {value:?}");
        assert!(!validator.is_valid(&policy), "the schema takes {path:?} {value:?}");
    };
    let whole = policy_with(&[], None);
    assert!(validator.is_valid(&whole));
    if let Err(e) = Policy::load(&Source::Stdin(whole.to_string().into()), &[]) {
        panic!("{e}");
    }
    for (path, value) in [
        (&["apiVersion"][..], Some(json!("preflight/v2"))),
        (&["apiVersion"], None),
        (&["kind"], None),
        (&["chekcs"], Some(json!([]))),
        (&["metadata", "nam"], Some(json!("x"))),
        (&["extends"], Some(json!("minimal"))),
        (&["inputs", "role"], Some(json!("wroker"))),
        (&["inputs", "kubernetesVersion"], Some(json!("latest"))),
        (&["inputs", "x"], Some(json!([1]))),
        (&["inputs", "a b"], Some(json!(1))),
        (&["checks"], Some(json!({}))),
        (&["checks", "0", "check"], None),
        (&["checks", "0", "check"], Some(json!("kernel-vresion"))),
        (&["checks", "0", "chekc"], Some(json!("kernel-version"))),
        (&["checks", "0", "id"], Some(json!("a/b"))),
        (&["checks", "0", "severity"], Some(json!("pass"))),
        (&["checks", "0", "onUnknown"], Some(json!("pass"))),
        (&["checks", "0", "with"], Some(json!([]))),
        (&["checks", "0", "with"], Some(json!({ "no-such-parameter": 1 }))),
        (&["checks", "0", "when", "kernel"], Some(json!("5.8"))),
        (&["checks", "0", "when", "cgroup"], Some(json!("v3"))),
        (&["checks", "0", "when", "role"], Some(json!([]))),
        (&["checks", "0", "when", "architecture"], Some(json!("amd64"))),
        (&["checks", "0", "when", "x"], Some(json!("y"))),
        (&["waivers", "0", "reason"], None),
        (&["waivers", "0", "finding"], None),
        (&["waivers", "0", "until"], Some(json!("soon"))),
    ] {
        refused_by_both(path, value);
    }
}
