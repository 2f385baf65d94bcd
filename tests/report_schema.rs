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
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&report).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert!(run.stdout.ends_with(b"}\n"));

    // Every field is always there, and words are from their lists.
    for wrong in [
        |report: &mut Value| drop(report["findings"][0].as_object_mut().unwrap().remove("blockedBy")),
        |report: &mut Value| report["verdict"] = "maybe".into(),
        |report: &mut Value| report["node"]["cgroup"] = "v3".into(),
    ] {
        let mut report = report.clone();
        wrong(&mut report);
        assert!(!validator.is_valid(&report));
    }
}
