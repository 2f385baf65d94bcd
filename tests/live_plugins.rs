//! Commands and plugins that really run: those of Debian's monitoring-plugins, the three of the documentation, and hostile ones.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;
#[allow(dead_code)] // what it knows of mounts is for other tests
#[path = "live/scene.rs"]
mod scene;

use common::process::{Ran, policy, preflight_with};
use scene::{cannot, is_root};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const NAGIOS: &str = "/usr/lib/nagios/plugins";

fn judge(rule: &str) -> Ran {
    preflight_with(&policy(&[rule]), &["-c", "-", "-o", "json", "--allow", "exec", "--timeout", "60s"])
}

fn findings(rule: &str) -> Vec<Value> {
    let ran = judge(rule);
    let report: Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}{}", ran.stdout, ran.stderr));
    report["findings"].as_array().expect("findings").clone()
}

fn brief(findings: &[Value]) -> Vec<String> {
    let word = |f: &Value, key: &str| f[key].as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .map(|f| format!("{} {} {}", word(f, "id"), word(f, "verdict"), word(f, "reason")))
        .collect()
}

/// A directory that only its owner can write, with a script in it.
fn script(text: &str) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("plugin");
    // Another process writes it: see scene::stage.
    let written = Command::new("sh")
        .args(["-c", "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"", "sh", text])
        .arg(&file)
        .status();
    assert!(written.expect("sh(1) starts").success());
    (directory, file)
}

fn exec(file: &Path, more: &str) -> String {
    format!("{{check: exec, with: {{plugins: [{{run: [{}], name: p{more}}}]}}}}", file.display())
}

#[test]
fn real_plugins_of_nagios() {
    if !Path::new(NAGIOS).is_dir() {
        return cannot("plugins of Nagios", "Debian's monitoring-plugins-basic is not installed");
    }
    let plugin =
        |words: &str, name: &str| format!("{{run: [{NAGIOS}/{words}], name: {name}, protocol: nagios}}");
    let plugins = [
        plugin("check_dummy, '0', fine", "good"),
        plugin("check_dummy, '1', so-so", "warning"),
        plugin("check_dummy, '2', broken", "critical"),
        plugin("check_dummy, '3', dark", "dark"),
        plugin("check_load, '-w', '999,999,999', '-c', '999,999,999'", "load"),
        plugin("check_procs, '-c', '1:'", "procs"),
        plugin("check_disk, '-w', '0%', '-c', '0%', '-p', /", "disk"),
        plugin("check_users, '-w', '1000', '-c', '2000'", "users"),
    ];
    let found = findings(&format!("{{check: exec, with: {{plugins: [{}]}}}}", plugins.join(", ")));
    assert_eq!(
        brief(&found),
        [
            "exec/good pass ok",
            "exec/warning warn warning",
            "exec/critical fail critical",
            "exec/dark warn unknown",
            "exec/load pass ok",
            "exec/procs pass ok",
            "exec/disk pass ok",
            "exec/users pass ok",
        ],
        "{found:#?}"
    );
    assert_eq!(found[0]["message"], "OK: fine");
    assert!(
        found[6]["message"].as_str().is_some_and(|m| m.starts_with("DISK OK") && !m.contains('|')),
        "{found:#?}"
    );
}

#[test]
fn the_plugins_of_the_documentation_agree() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rust = PathBuf::from(env!("CARGO_BIN_EXE_preflight")).with_file_name("examples").join("mtu");
    if Command::new("jq").arg("--version").output().is_err() {
        return cannot("the plugin in shell", "jq(1) is not installed");
    }
    let said = [here.join("docs/plugins/mtu.sh"), here.join("docs/plugins/mtu.py"), rust].map(|plugin| {
        // Where nobody else can write it: root starts no other.
        let (directory, copy) = script("");
        let copied = Command::new("cp").arg(&plugin).arg(&copy).status().expect("cp(1) starts");
        assert!(copied.success(), "{} is missing: cargo build --examples", plugin.display());
        let found = findings(&exec(&copy, ", parameters: {atLeast: 1}"));
        let large = findings(&exec(&copy, ", parameters: {atLeast: 1000000}"));
        drop(directory);
        (brief(&found), brief(&large))
    });
    assert_eq!(said[0], said[1]);
    assert_eq!(said[1], said[2]);
    let (small, large) = &said[0];
    assert!(
        !small.is_empty()
            && small.iter().all(|f| f.ends_with(" pass large-enough") || f.ends_with("not-applicable")),
        "{small:?}"
    );
    assert!(
        large.iter().all(|f| f.ends_with(" fail small-mtu") || f.ends_with("not-applicable")),
        "{large:?}"
    );
}

#[test]
fn who_hangs_ends_with_all_that_it_started() {
    let mark = format!("86{:05}", std::process::id() % 100_000);
    let (_directory, file) = script(&format!("#!/bin/sh\nsleep {mark} & sleep {mark}\n"));
    let started = Instant::now();
    let found = findings(&exec(&file, ", protocol: nagios, time: 300ms"));
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(brief(&found), ["exec/p warn unknown"]);
    assert!(found[0]["message"].as_str().is_some_and(|m| m.contains("ran longer than 300 ms")), "{found:#?}");
    let left =
        Command::new("pgrep").args(["-f", &format!("^sleep {mark}$")]).output().expect("pgrep(1) starts");
    assert!(left.stdout.is_empty(), "still there: {}", String::from_utf8_lossy(&left.stdout));
}

#[test]
fn hostile_words_of_plugins_are_kept_in_bounds() {
    for (text, reason) in [
        ("#!/bin/sh\nyes '{' | head -c 10000000\n", "unknown"),
        ("#!/bin/sh\ncat /dev/urandom | head -c 5000\n", "unknown"),
        ("#!/bin/sh\nexit 7\n", "unknown"),
        ("#!/bin/sh\nkill -SEGV $$\n", "unknown"),
        ("#!/nowhere/interpreter\n", "unknown"),
        (
            "#!/bin/sh\nprintf '{\"findings\":[{\"subject\":\"a\\u001b[31m\",\"verdict\":\"pass\",\"message\":\"m\"}]}'\n",
            "unknown",
        ),
    ] {
        let (_directory, file) = script(text);
        let found = findings(&exec(&file, ""));
        assert_eq!(brief(&found), [format!("exec/p warn {reason}")], "{text}");
    }
    // The environment and the directory are not those of whoever runs preflight.
    let (_directory, file) = script(
        "#!/bin/sh\nprintf '{\"findings\":[{\"subject\":\"env\",\"verdict\":\"warn\",\"message\":\"%s %s\"}]}' \"$(env | cut -d= -f1 | sort | tr '\\n' ' ')\" \"$(pwd -P)\"\n",
    );
    let found = findings(&exec(&file, ""));
    assert_eq!(found[0]["message"], "LC_ALL PATH PWD  /", "{found:#?}");
}

#[test]
fn root_does_not_start_what_others_can_write() {
    if !is_root() {
        return cannot("a plugin that others can write", "root is asked for");
    }
    let (_directory, file) = script("#!/bin/sh\nexit 0\n");
    let rule = exec(&file, ", protocol: nagios");
    assert_eq!(brief(&findings(&rule)), ["exec/p pass ok"]);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o777)).unwrap();
    let found = findings(&rule);
    assert_eq!(brief(&found), ["exec/p fail unsafe"]);
    assert!(
        found[0]["remedy"]["commands"][1].as_str().is_some_and(|c| c.starts_with("chmod go-w /")),
        "{found:#?}"
    );
}

#[test]
fn without_the_allowance_nothing_starts() {
    let (directory, file) = script("#!/bin/sh\ntouch \"$(dirname \"$0\")/started\"\n");
    let rules = [
        exec(&file, ""),
        format!("{{check: commands, with: {{commands: [{{run: [{}]}}]}}}}", file.display()),
    ];
    for rule in rules {
        let ran = preflight_with(&policy(&[&rule]), &["-c", "-", "-o", "json"]);
        let report: Value = serde_json::from_str(&ran.stdout).expect("a report");
        let finding = &report["findings"][0];
        assert_eq!(finding["determined"], false, "{finding:#}");
        assert!(finding.to_string().contains("--allow exec"), "{finding:#}");
    }
    assert!(!directory.path().join("started").exists());
}

#[test]
fn commands_end_and_print_what_they_should() {
    let found = findings(
        "{check: commands, with: {commands: [\
            {run: [/bin/uname, -s], expect: {stdout: Linux}},\
            {run: [/bin/uname, -m], name: machine, expect: {stdout: {oneOf: [pdp11, vax]}}},\
            {run: [/bin/false], expect: {exitStatus: 1}},\
            {run: [/bin/ls, /nowhere/at/all], expect: {exitStatus: {not: 0}, stderr: {contains: No such file}}},\
            {run: [/nowhere/at/all], name: gone}]}}",
    );
    assert_eq!(
        brief(&found),
        [
            "commands/uname pass as-wanted",
            "commands/machine fail unexpected",
            "commands/false pass as-wanted",
            "commands/ls pass as-wanted",
            "commands/gone warn unknown",
        ],
        "{found:#?}"
    );
}
