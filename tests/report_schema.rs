//! The JSON Schemas: checked in, up to date, and true of real reports.

#![allow(clippy::disallowed_methods)] // tests read their own files and start the program as users do

use serde_json::Value;
use std::{env, fs, path::Path, process::Command};

fn checked_in(name: &str) -> (std::path::PathBuf, Option<Value>) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/schema").join(name);
    let text = fs::read_to_string(&file).ok();
    (file, text.and_then(|text| serde_json::from_str(&text).ok()))
}

const REPORT: &str = "report-v1.schema.json";
const CGROUPS: &str = "cgroups-v1.schema.json";
const POLICY: &str = "policy-v1.schema.json";

#[test]
fn the_schemas_are_up_to_date() {
    let all = [
        (REPORT, preflight::report::json::schema().to_value()),
        (CGROUPS, preflight::cgroups::schema().to_value()),
        (POLICY, preflight::policy::schema()),
    ];
    for (name, schema) in all {
        let (file, old) = checked_in(name);
        if env::var_os("PREFLIGHT_BLESS").is_some() {
            fs::write(&file, format!("{schema:#}\n")).unwrap();
        } else {
            assert!(old.as_ref() == Some(&schema), "PREFLIGHT_BLESS=1 writes {} anew", file.display());
        }
    }
    if env::var_os("PREFLIGHT_BLESS").is_none() {
        assert_eq!(Some(preflight::policy::published()), checked_in(POLICY).1);
    }
}

/// Runs the program, and checks what it prints against the schema; then that each change makes it wrong.
fn obeys(name: &str, arguments: &[&str], wrongs: &[fn(&mut Value)]) {
    let (_, Some(schema)) = checked_in(name) else { panic!("no schema") };
    let run = Command::new(env!("CARGO_BIN_EXE_preflight")).args(arguments).output().unwrap();
    let report: Value = serde_json::from_slice(&run.stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&report).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert!(run.stdout.ends_with(b"}\n"));
    for wrong in wrongs {
        let mut report = report.clone();
        wrong(&mut report);
        assert!(!validator.is_valid(&report));
    }
}

#[test]
fn a_report_obeys_it() {
    // Every field is always there, and words are from their lists.
    obeys(
        REPORT,
        &["-o", "json"],
        &[
            |report| drop(report["findings"][0].as_object_mut().unwrap().remove("blockedBy")),
            |report| report["verdict"] = "maybe".into(),
            |report| report["node"]["cgroup"] = "v3".into(),
        ],
    );
}

#[test]
fn a_report_on_cgroups_obeys_it() {
    obeys(
        CGROUPS,
        &["cgroups", "-o", "json"],
        &[
            |report| drop(report.as_object_mut().unwrap().remove("disagreements")),
            |report| drop(report["universe"].as_object_mut().unwrap().remove("insteadOf")),
            |report| report["controllers"][0]["state"] = "maybe".into(),
            |report| report["headroom"]["tasks"][0]["left"] = "max".into(),
            |report| report["pressure"]["systemFiles"][0]["state"] = "on".into(),
        ],
    );
}

#[test]
fn every_field_of_the_report_on_cgroups_is_documented() {
    let page = include_str!("../docs/cgroups.md");
    let schema = preflight::cgroups::schema();
    let root = schema.as_value();
    let definitions = root["definitions"].as_object().unwrap().values();
    for owner in definitions.chain([root]) {
        for (field, of) in owner["properties"].as_object().into_iter().flatten() {
            assert!(page.contains(&format!("`{field}`")), "docs/cgroups.md lacks {field}: {of}");
        }
    }
}
