//! `preflight remedy`: scripts that shellcheck accepts, that can be run twice, and in which nothing of a node becomes a command.
#![allow(clippy::disallowed_methods)] // tests write files and start what people start

mod common;

use common::{
    nodes,
    process::{preflight, preflight_with},
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    env, fs,
    path::Path,
    process::{Command, Output},
};

/// shellcheck's word on these scripts; nothing (and said so) where it is not installed.
fn shellcheck(directory: &Path) {
    let scripts: Vec<_> = fs::read_dir(directory).unwrap().map(|e| e.unwrap().path()).collect();
    let Ok(checked) = Command::new("shellcheck").arg("--shell=sh").args(&scripts).output() else {
        eprintln!("SKIPPED: shellcheck is not installed");
        assert!(env::var("PREFLIGHT_REQUIRE_LIVE").is_err(), "shellcheck is asked for");
        return;
    };
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

#[test]
fn shellcheck_accepts_the_script_of_every_captured_node() {
    let here = tempfile::tempdir().unwrap();
    let mut seen = BTreeSet::new();
    for node in nodes::all() {
        let ran = preflight(&["remedy", "--root", node.root.to_str().unwrap()]);
        assert_eq!(ran.code, Some(0), "{}: {}", node.name, ran.stderr);
        assert!(ran.stdout.starts_with("#!/bin/sh\n"), "{}", node.name);
        // Many nodes have the same remedies.
        if seen.insert(ran.stdout.clone()) {
            fs::write(here.path().join(format!("{}.sh", seen.len())), ran.stdout).unwrap();
        }
    }
    let ran = preflight(&["remedy"]);
    fs::write(here.path().join("here.sh"), ran.stdout).unwrap();
    shellcheck(here.path());
}

fn report(findings: &serde_json::Value) -> String {
    json!({ "apiVersion": "preflight/v1", "kind": "Report", "node": { "hostname": "n1", "root": "/" }, "findings": findings })
        .to_string()
}

fn finding(
    id: &str,
    message: &str,
    commands: &[String],
    persistent: &[String],
    risk: &str,
) -> serde_json::Value {
    json!({ "id": id, "verdict": "fail", "message": message, "notes": [message],
            "remedy": { "summary": message, "commands": commands, "persistent": persistent, "reboot": false, "risk": risk } })
}

fn sh(script: &Path, arguments: &[&str]) -> Output {
    Command::new("sh").arg(script).args(arguments).output().expect("sh(1) starts")
}

#[test]
fn a_script_can_be_run_twice() {
    let here = tempfile::tempdir().unwrap();
    let at = |name: &str| here.path().join(name).display().to_string();
    fs::write(at("key"), "secret").unwrap();
    let findings = json!([
        finding("mode", "m", &[format!("chmod 0600 {}", at("key"))], &[], "none"),
        finding(
            "line",
            "m",
            &[format!("mkdir -p {}", at("a/b"))],
            &[
                format!("echo 'a = 1' >> {}", at("sysctl.d/90.conf")),
                format!("echo overlay > {}", at("modules-load.d/overlay.conf")),
            ],
            "none"
        ),
        finding("service", "m", &[format!("mkdir -p {}", at("link"))], &[], "service"),
        finding("data", "m", &[format!("mkdir -p {}", at("data"))], &[], "data"),
    ]);
    let ran = preflight_with(&report(&findings), &["remedy", "-"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let script = here.path().join("script");
    fs::write(&script, &ran.stdout).unwrap();
    let state = || {
        let mode = Command::new("stat").args(["-c", "%a", &at("key")]).output().unwrap().stdout;
        (String::from_utf8(mode).unwrap(), fs::read_to_string(at("sysctl.d/90.conf")).unwrap())
    };
    let first = sh(&script, &[]);
    assert!(first.status.success(), "{first:?}");
    let after = state();
    assert_eq!((after.0.trim(), after.1.as_str()), ("600", "a = 1\n"));
    let modules = || fs::read_to_string(at("modules-load.d/overlay.conf")).unwrap();
    assert_eq!(modules(), "overlay\n");
    assert!(
        String::from_utf8_lossy(&first.stdout).contains("left out: service (risk: service)"),
        "{first:?}"
    );
    assert!(!Path::new(&at("link")).is_dir() && !Path::new(&at("data")).is_dir());
    let second = sh(&script, &["--with-services"]);
    assert!(second.status.success() && state() == after && modules() == "overlay\n", "{second:?}");
    assert!(Path::new(&at("link")).is_dir() && !Path::new(&at("data")).is_dir());
    assert!(sh(&script, &["--with-services", "--with-data"]).status.success());
    assert!(Path::new(&at("data")).is_dir());
    assert_eq!(sh(&script, &["--all"]).status.code(), Some(2));
}

#[test]
fn nothing_of_a_report_becomes_a_command() {
    let here = tempfile::tempdir().unwrap();
    let mark = here.path().join("mark").display().to_string();
    let evil = [
        format!("$(touch {mark})"),
        format!("`touch {mark}`"),
        format!("x\ntouch {mark}\n"),
        format!("x\r\ntouch {mark}"),
        format!("'; touch {mark}; '"),
        format!("\" ; touch {mark} ; \""),
        format!("a && touch {mark}"),
        format!("\u{202e}\u{2028}touch {mark}"),
        format!("\u{85}touch {mark}"),
        "\\".to_owned(),
    ];
    let mut findings = Vec::new();
    for (i, text) in evil.iter().enumerate() {
        let commands =
            ["systemctl stop", "sysctl -w", "echo", "chmod 0600", "ln -sfn a"].map(|c| format!("{c} {text}"));
        findings.push(finding(&format!("{i}{text}"), text, &commands, &commands, "none"));
    }
    let ran = preflight_with(&report(&json!(findings)), &["remedy", "-"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let script = here.path().join("script.sh");
    fs::write(&script, &ran.stdout).unwrap();
    // Where commands may be found, but none of this machine's.
    let run = Command::new("/bin/sh").arg(&script).env("PATH", "/nowhere").output().unwrap();
    assert!(!Path::new(&mark).exists(), "{}\n{run:?}", ran.stdout);
    assert!(String::from_utf8_lossy(&run.stdout).contains("done: "), "it runs to its end: {run:?}");
    let alone = tempfile::tempdir().unwrap();
    fs::copy(&script, alone.path().join("script.sh")).unwrap();
    shellcheck(alone.path());
}

#[test]
fn what_is_no_report_is_wrong_usage() {
    for text in ["", "{}", "[]", "kind: Report", r#"{"apiVersion":"preflight/v1","kind":"Facts"}"#] {
        let ran = preflight_with(text, &["remedy", "-"]);
        assert_eq!(ran.code, Some(2), "{text}: {}", ran.stdout);
        assert!(ran.stderr.contains("no report"), "{}", ran.stderr);
    }
    assert_eq!(preflight(&["remedy", "/nowhere/at/all.json"]).code, Some(2));
    assert_eq!(preflight(&["remedy", "-", "--only", "x"]).code, Some(2));
}

#[test]
fn a_report_says_the_same_as_the_node() {
    let root = &nodes::named("debian-6.1.0-56-amd64/v2-disable-memory").root;
    let root = root.to_str().unwrap();
    let report = preflight(&["--root", root, "-o", "json"]).stdout;
    let by_report = preflight_with(&report, &["remedy", "-"]).stdout;
    assert_eq!(by_report, preflight(&["remedy", "--root", root]).stdout);
    assert!(by_report.contains("# -- cgroup-controllers/memory (fail)"), "{by_report}");
    let fail_only = preflight(&["remedy", "--root", root, "--fail-only"]).stdout;
    assert!(!fail_only.contains(" (warn): ") && fail_only.contains(" (fail): "), "{fail_only}");
}
