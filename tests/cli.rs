//! The command line as users and scripts meet it: the program itself, its output, its exit codes.

#![allow(clippy::disallowed_methods)] // tests start the program as users do

use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

fn preflight(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_preflight"));
    command.args(args).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "TERM"] {
        command.env_remove(name);
    }
    command
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code, not a signal")
}

/// A node of which nothing can be read: everything is undetermined or missing.
fn empty_root() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn no_argument_runs_the_default_profile() {
    let run = preflight(&[]);
    assert!(matches!(code(&run), 0 | 1), "{}", err(&run));
    let text = out(&run);
    let last = text.lines().rev().find(|l| !l.starts_with(' ')).unwrap();
    assert!(last.contains(" passed, "), "a summary line last: {last}");
    assert!(text.lines().all(|line| !line.contains('\u{1b}')), "no colour without a terminal");
    assert_eq!(err(&run), "", "nothing on standard error");
}

#[test]
fn run_may_be_left_out() {
    let json = |args: &[&str]| -> Value {
        let mut report: Value = serde_json::from_str(&out(&preflight(args))).unwrap();
        report["startedAt"] = Value::Null;
        report["durationMs"] = Value::Null;
        for finding in report["findings"].as_array_mut().unwrap() {
            finding["durationMs"] = Value::Null;
        }
        report
    };
    // And the same node gives the same report (law 7): of what does not change from one moment to the next, as memory does.
    assert_eq!(json(&["-c", "minimal", "-o", "json"]), json(&["run", "-c", "minimal", "--output=json"]));
    let ids = |report: Value| -> Vec<Value> {
        report["findings"].as_array().unwrap().iter().map(|finding| finding["id"].clone()).collect()
    };
    assert_eq!(ids(json(&["-o", "json"])), ids(json(&["run", "--output=json"])));
}

#[test]
fn every_rule_answers() {
    let run = preflight(&["-o", "json"]);
    assert!(out(&run).ends_with("}\n"));
    let report: Value = serde_json::from_str(&out(&run)).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert!(!findings.is_empty());
    let summary: u64 = report["summary"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(summary, findings.len() as u64);
    assert_eq!(report["node"]["source"], "live");
    assert_eq!(report["node"]["root"], "/");
    assert!(report["node"]["kernel"].is_string());
}

#[test]
fn a_root_is_judged_and_must_exist() {
    let root = empty_root();
    fs::create_dir_all(root.path().join("proc/sys/kernel")).unwrap();
    fs::write(root.path().join("proc/sys/kernel/hostname"), "far-away\n").unwrap();
    let run = preflight(&["--root", root.path().to_str().unwrap(), "-o", "json"]);
    let report: Value = serde_json::from_str(&out(&run)).unwrap();
    assert_eq!(report["node"]["source"], "root");
    assert_eq!(report["node"]["hostname"], "far-away");
    assert_eq!(report["node"]["kernel"], Value::Null, "never this machine's");
    assert_eq!(report["node"]["user"], Value::Null);

    for wrong in ["/no/such/directory", "/proc/version"] {
        let run = preflight(&["--root", wrong]);
        assert_eq!(code(&run), 2);
        assert!(err(&run).contains(wrong), "{}", err(&run));
    }
}

#[test]
fn fail_on_decides_the_exit_code() {
    // Of an empty tree nothing passes, so there is at least a warning.
    let root = empty_root();
    let run = |fail_on: &str| {
        code(&preflight(&["--root", root.path().to_str().unwrap(), "--fail-on", fail_on, "-o", "json"]))
    };
    assert_eq!(run("warn"), 1);
    assert_eq!(run("never"), 0);
}

#[test]
fn wrong_usage_is_2_and_says_what_would_be_right() {
    for (args, says) in [
        (&["--no-such-option"][..], "--no-such-option"),
        (&["runn"], "run"),
        (&["--output", "yml"], "did you mean `yaml`?"),
        (&["--allow", "netwrk"], "network"),
        (&["--fail-on", "error"], "[possible values: fail, warn, never]"),
        (&["--timeout", "30"], "30s, 500ms"),
        (&["--timeout", "0s"], "longer than nothing"),
        (&["--set", "role"], "KEY=VALUE"),
        (&["--ignore-preflight-errors", "NumCPUs"], "did you mean `NumCPU`?"),
        (&["--only", "cgroup-controlers"], "did you mean `cgroup-controllers`?"),
        (&["--only", "cgroup-controlers/memory"], "did you mean `cgroup-controllers/memory`?"),
        (&["--skip", "banana"], "`--skip banana` matches no rule"),
        (&["--only", "pids"], "`*/pids` is what every rule says of pids"),
        (&["--only", "kernel-config/MEMCG"], "did you mean `kernel-config/CONFIG_MEMCG`?"),
        (&["--root", "Cargo.toml"], "--root Cargo.toml: is not a directory"),
        (&["--root", "/no/such/directory"], "--root /no/such/directory: does not exist"),
        (&["explain", "cgroup-controlers"], "did you mean `cgroup-controllers`?"),
        (&["explain", "banana"], "`preflight list`"),
        (&["--config", "x.yaml", "list"], "`--config` stands before `list`"),
        (&["--only", "x", "run"], "`--only` stands before `run`"),
        (&["-q", "-v"], "cannot be used with"),
        (&["cgroups", "--explain", "memory", "-o", "json"], "cannot be used with"),
        (&["--output-file", "/no/such/directory/report"], "no such directory"),
        (&["--output-file", "/"], "is a directory"),
        (&["--output-file", "/dev/null"], "is no regular file"),
        (&["--output-file", "/dev/stdout"], "is no regular file"),
    ] {
        let run = preflight(args);
        assert_eq!(code(&run), 2, "{args:?}");
        assert!(err(&run).contains(says), "{args:?}: {}", err(&run));
        assert_eq!(out(&run), "", "{args:?}: nothing on standard output");
    }
}

#[test]
fn a_root_that_is_no_node_is_said_to_be_none() {
    let run = preflight(&["cgroups", "--root", "src"]);
    assert_eq!((code(&run), out(&run)), (4, String::new()));
    assert!(
        err(&run).contains("/proc/self/mountinfo: does not exist; --root takes the root directory of a node")
    );
    assert_eq!(err(&run).lines().count(), 1);
}

#[test]
fn the_table_of_cgroups_is_80_columns_wide() {
    let run = preflight(&["cgroups"]);
    assert_eq!(code(&run), 0, "{}", err(&run));
    for line in out(&run).lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_report_that_cannot_be_written_is_4_and_says_so() {
    let run = preflight(&["--root", empty_root().path().to_str().unwrap(), "--output-file", "/proc/report"]);
    assert_eq!(code(&run), 4);
    assert!(
        err(&run).starts_with("preflight: the report can't be written to /proc/report: "),
        "{}",
        err(&run)
    );
}

#[test]
fn a_policy_that_cannot_be_read_is_3() {
    for args in [&["-c", "/no/such/policy.yaml"][..], &["policy", "lint", "/no/such/policy.yaml"]] {
        let run = preflight(args);
        assert_eq!((code(&run), out(&run).as_str()), (3, ""), "{args:?}");
        assert!(!err(&run).is_empty());
    }
}

#[test]
fn a_mistake_in_a_policy_has_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.yaml");
    let head = "apiVersion: preflight/v1\nkind: Policy\nmetadata: { name: x }\n";
    fs::write(&file, format!("{head}checks:\n  - check: kernel-versio\n")).unwrap();
    for color in ["never", "always"] {
        let run = preflight(&["--color", color, "--config", file.to_str().unwrap()]);
        assert_eq!(code(&run), 3);
        let text = err(&run);
        assert!(text.contains("kernel-version"), "the nearest name: {text}");
        assert_eq!(text.contains('\u{1b}'), color == "always");
        if color == "never" {
            assert!(text.starts_with(&format!("{}:5:12: ", file.display())), "path first: {text}");
        }
    }
    let usage = preflight(&["--set", "rol=worker"]);
    assert_eq!(code(&usage), 2, "a wrong --set is wrong usage: {}", err(&usage));
}

#[test]
fn lint_show_and_schema() {
    let lint = preflight(&["policy", "lint", "kubernetes-node"]);
    assert_eq!((code(&lint), err(&lint).as_str()), (0, ""));
    assert!(out(&lint).ends_with("nothing wrong\n"), "{}", out(&lint));

    // What is shown can be run, and is the same policy.
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("shown.yaml");
    let shown = preflight(&["policy", "show", "kubernetes-node"]);
    fs::write(&file, &shown.stdout).unwrap();
    let again = preflight(&["policy", "lint", file.to_str().unwrap()]);
    assert_eq!(code(&again), 0, "{}{}", out(&shown), err(&again));

    // A waiver that holds no longer is worth a word, but no error.
    let waiver = "waivers:\n  - { finding: swap/x, reason: x, until: 2001-01-01 }\n";
    let policy = "apiVersion: preflight/v1\nkind: Policy\nmetadata: { name: x }\nextends: [minimal]\n";
    fs::write(&file, format!("{policy}{waiver}")).unwrap();
    let lint = preflight(&["policy", "lint", file.to_str().unwrap()]);
    assert_eq!(code(&lint), 0, "{}", err(&lint));
    assert!(out(&lint).contains("nothing wrong, but "), "{}", out(&lint));

    let schema: Value = serde_json::from_str(&out(&preflight(&["policy", "schema"]))).unwrap();
    assert!(schema["properties"]["checks"].is_object(), "{schema}");
}

#[test]
fn a_policy_from_standard_input_with_waivers() {
    use std::io::Write;
    let root = empty_root();
    fs::create_dir_all(root.path().join("proc/sys/kernel")).unwrap();
    fs::write(root.path().join("proc/sys/kernel/osrelease"), "3.10.0\n").unwrap();
    let verdict = |waivers: &str| {
        let root = root.path().to_str().unwrap();
        let mut child = command(&["-c", "-", "--root", root, "-o", "json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let policy = format!(
            "apiVersion: preflight/v1\nkind: Policy\nmetadata: {{ name: x }}\nchecks:\n  \
             - check: kernel-version\n    with: {{ requires: '>=4.19' }}\n{waivers}"
        );
        child.stdin.take().unwrap().write_all(policy.as_bytes()).unwrap();
        let run = child.wait_with_output().unwrap();
        let report: Value = serde_json::from_str(&out(&run)).unwrap_or_else(|_| panic!("{}", err(&run)));
        (code(&run), report["findings"][0].clone())
    };
    let (code, finding) = verdict("");
    assert_eq!((code, &finding["verdict"]), (1, &"fail".into()), "{finding}");
    let (code, finding) =
        verdict("waivers:\n  - { finding: 'kernel-version/*', reason: old friend, until: 2999-12-31 }\n");
    assert_eq!((code, &finding["verdict"]), (0, &"warn".into()), "{finding}");
    assert_eq!(finding["waiver"]["reason"], "old friend");
    assert_eq!(finding["waiver"]["until"], "2999-12-31");
    let (code, finding) =
        verdict("waivers:\n  - { finding: 'kernel-version/*', reason: x, until: 2001-01-01 }\n");
    assert_eq!((code, &finding["verdict"]), (1, &"fail".into()), "{finding}");
    assert!(finding["notes"].to_string().contains("expired on 2001-01-01"), "{finding}");
}

#[test]
fn kubeadms_names_keep_existing_scripts_working() {
    // How full the disks of this machine are is not what this is about.
    let names = "--ignore-preflight-errors=NumCPU,Mem,Port-10250,systemverification";
    let run = preflight(&[names, "--skip", "disk-space", "-o", "json"]);
    assert_eq!(code(&run), 0, "every check of this version is kubeadm's SystemVerification");
    assert_eq!(code(&preflight(&["--ignore-preflight-errors", "all", "-o", "json"])), 0);
}

#[test]
fn help_and_version() {
    for args in [&["--help"][..], &["-h"], &["run", "--help"]] {
        let help = preflight(args);
        assert_eq!(code(&help), 0);
        for word in ["Examples:", "Exit codes:", "--root", "--only", "3  the policy is wrong"] {
            assert!(out(&help).contains(word), "{args:?} has no {word}");
        }
    }
    for command in ["list", "explain", "profiles", "policy", "cgroups"] {
        assert!(out(&preflight(&["--help"])).contains(&format!("\n  {command}")), "{command}");
        assert_eq!(code(&preflight(&[command, "--help"])), 0);
    }
    let version = concat!("preflight ", env!("CARGO_PKG_VERSION"), " (Kubernetes node preflight)\n");
    assert_eq!(out(&preflight(&["--version"])), version);
}

#[test]
fn list_and_explain_speak_of_every_check() {
    let list: Value = serde_json::from_str(&out(&preflight(&["list", "-o", "json"]))).unwrap();
    let text = out(&preflight(&["list"]));
    let checks = list["checks"].as_array().unwrap();
    assert!(checks.len() >= 7);
    for check in checks {
        let id = check["id"].as_str().unwrap();
        assert!(text.contains(id));
        let explained = preflight(&["explain", id]);
        assert_eq!(code(&explained), 0);
        let explained = out(&explained);
        for heading in ["WHAT IT LOOKS AT", "WHY IT MATTERS", "HOW TO MEND IT", "SOURCES", "PARAMETERS"] {
            assert!(explained.contains(&format!("\n{heading}")), "{id}: no {heading} in {explained}");
        }
    }
    assert_eq!(code(&preflight(&["explain", "cgroup-controllers/memory"])), 0, "the id of a finding will do");
}

#[test]
fn colour_is_for_terminals() {
    let colourful = |args: &[&str], vars: &[(&str, &str)]| {
        let run = command(args).envs(vars.iter().copied()).output().unwrap();
        out(&run).contains('\u{1b}')
    };
    assert!(!colourful(&[], &[]));
    assert!(colourful(&["--color", "always"], &[("NO_COLOR", "1")]));
    assert!(colourful(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colourful(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    assert!(!colourful(&["--color=never"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!colourful(&["-o", "json"], &[("CLICOLOR_FORCE", "1")]));
}

#[test]
fn logs_go_to_standard_error_only() {
    let run = preflight(&["-vv", "-o", "json"]);
    assert!(err(&run).contains("/proc/sys/kernel/hostname"), "{}", err(&run));
    serde_json::from_str::<Value>(&out(&run)).expect("standard output is the report alone");
    assert!(!err(&run).contains('\u{1b}'));
}

#[test]
fn a_reader_that_goes_away_changes_nothing() {
    for args in
        [&["-o", "json", "--fail-on", "never"][..], &["list"], &["--help"], &["explain", "kernel-config"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = command(args).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((code(&run), err(&run).as_str()), (0, ""), "{args:?}");
    }
    let root = empty_root();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let args = ["--root", root.path().to_str().unwrap(), "--fail-on", "warn"];
    let run = command(&args).stdout(writer).output().unwrap();
    assert_eq!(code(&run), 1, "the verdict, all the same");
}

#[test]
fn a_full_disk_is_4() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let run = command(&["-o", "json"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(code(&run), 4);
    assert!(err(&run).contains("standard output: "), "{}", err(&run));
}

#[test]
fn an_output_file_is_written_whole_and_standard_output_stays_silent() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("report.json");
    fs::write(&file, "old").unwrap();
    let run = preflight(&["-o", "json", "--output-file", file.to_str().unwrap()]);
    assert_eq!(out(&run), "");
    let report: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(report["kind"], "Report");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn quiet_says_the_summary_and_failures_only() {
    let run = preflight(&["-q", "--ignore-preflight-errors", "all"]);
    assert!(out(&run).lines().count() <= 4, "{}", out(&run));
}

#[test]
fn only_one_rule() {
    let run = preflight(&["--only", "kernel-version", "-o", "json"]);
    let report: Value = serde_json::from_str(&out(&run)).unwrap();
    for finding in report["findings"].as_array().unwrap() {
        let deselected = finding["reason"] == "deselected" && finding["verdict"] == "skip";
        assert_eq!(deselected, finding["rule"] != "kernel-version", "{finding}");
    }
}

#[test]
fn what_a_version_of_kubernetes_wants() {
    let text = out(&preflight(&["kubernetes", "1.35"]));
    for part in [
        "What Kubernetes 1.35 wants of a node\n\ncgroup-v1: Cgroup v1\n  refused since Kubernetes 1.35: ",
        "next: planned for Kubernetes 1.38: removed",
        "psi: counting pressure (PSI metrics)\n  beta since Kubernetes 1.34, on by default: ",
        "  needs Linux 5.13, compared by kube-proxy itself; without it: ",
        "feature-gates/KubeletPSI.md",
    ] {
        assert!(text.contains(part), "{part} is not in:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!out(&preflight(&["kubernetes", "1.31"])).contains("psi:"), "it came with 1.33");
    let json = |args: &[&str]| -> Value { serde_json::from_str(&out(&preflight(args))).unwrap() };
    let newest = json(&["kubernetes", "-o", "json"]);
    assert_eq!((&newest["kind"], &newest["note"]), (&"KubernetesVersion".into(), &Value::Null));
    let all = newest["subjects"].as_array().unwrap().iter().chain(newest["features"].as_array().unwrap());
    assert!(all.clone().count() > 20);
    for one in all {
        assert!(one["source"].as_str().is_some_and(|source| !source.is_empty()), "{one}");
    }
    for (version, note) in [("1.99", "what is known ends with"), ("v1.20.3", "what is known begins with")] {
        let found = json(&["kubernetes", version, "-o", "json"]);
        assert!(found["note"].as_str().is_some_and(|found| found.starts_with(note)), "{found}");
        assert!(out(&preflight(&["kubernetes", version])).contains(note));
    }
    let wrong = preflight(&["kubernetes", "new"]);
    assert_eq!(code(&wrong), 2);
    assert!(err(&wrong).contains("`new` is no version of Kubernetes"), "{}", err(&wrong));
}
