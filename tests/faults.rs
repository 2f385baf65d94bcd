//! Faults of the system, put into the running program by strace(1): a call that fails costs the findings that needed it, never
//! the run, and makes nothing better than it is.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;

use common::process::{PROGRAM, preflight, run};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

/// What fails, and how.
const FAULTS: &[(&str, &[&str])] = &[
    ("?open,openat", &["EIO", "EACCES", "EMFILE", "EINTR"]),
    ("read", &["EIO", "EINTR", "EAGAIN"]),
    ("pread64", &["EIO"]),
    ("getdents64", &["EIO", "ENOENT"]),
    ("fstat,newfstatat,statx", &["EIO", "EACCES"]),
    ("readlink,readlinkat", &["EACCES"]),
    ("statfs,fstatfs", &["EIO", "ENOSYS"]),
    ("bpf,perf_event_open", &["EPERM", "ENOSYS"]),
    ("syslog,adjtimex,clock_adjtime", &["EPERM"]),
    ("socket", &["EPERM", "EAFNOSUPPORT"]),
    ("connect,sendto,sendmsg", &["ECONNRESET"]),
    ("recvfrom,recvmsg", &["EIO", "ECONNRESET"]),
    ("seccomp,landlock_create_ruleset,landlock_restrict_self,capset", &["ENOSYS", "EPERM"]),
];

/// By id: verdict, and whether it is known.
type Findings = BTreeMap<String, (String, bool)>;

fn findings(report: &Value) -> Findings {
    let all = report["findings"].as_array().expect("findings");
    let of = |f: &Value| {
        let text = |key: &str| f[key].as_str().unwrap_or_default().to_owned();
        assert_ne!(text("reason"), "panicked", "{f:#}");
        let pass = text("verdict") == "pass";
        assert!(!pass || f["evidence"].as_array().is_some_and(|e| !e.is_empty()), "{f:#}");
        // What follows from another problem is a problem.
        let verdict = if f["blockedBy"].is_null() { text("verdict") } else { "warn".to_owned() };
        (text("id"), (verdict, f["determined"] == true))
    };
    all.iter().map(of).collect()
}

fn rules(findings: &Findings) -> BTreeSet<&str> {
    findings.keys().map(|id| id.split('/').next().unwrap_or(id)).collect()
}

/// How bad a verdict is.
fn weight(verdict: &str) -> u8 {
    ["skip", "pass", "warn", "fail"]
        .iter()
        .position(|v| *v == verdict)
        .map_or(0, |at| u8::try_from(at).unwrap_or(3))
}

/// The findings that passed under the fault and did not without it.
fn better(before: &Findings, after: &Findings) -> Vec<String> {
    let passes = |(id, (verdict, _)): (&String, &(String, bool))| {
        let was = before.get(id)?;
        (weight(&was.0) > weight(verdict) && verdict == "pass")
            .then(|| format!("{id}: {} -> {verdict}", was.0))
    };
    after.iter().filter_map(passes).collect()
}

#[test]
fn calls_that_fail_cost_findings_and_never_the_run() {
    let arguments = ["-c", "kubernetes-node", "-o", "json", "--skip", "pressure"];
    let whole = findings(&preflight(&arguments).json());
    // The program's own beginning takes some calls, and fails without them before it is ours: that is left alone.
    let alive = |text: &str| text.contains("\"findings\"");
    let mut answered = 0;
    for (calls, errors) in FAULTS {
        for error in *errors {
            for when in ["1", "30+1", "45+1", "60+3", "100+1", "150+7", "230+1"] {
                if *error == "EINTR" && when.ends_with("+1") {
                    continue; // A call that is interrupted for ever is one that hangs: tests/live_storage.rs.
                }
                let mut command = Command::new("strace");
                command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
                command.args(["-e", &format!("inject={calls}:error={error}:when={when}")]);
                command.arg(PROGRAM).args(arguments);
                let ran = run(command, "");
                let at = format!("{calls} {error} {when}");
                if !alive(&ran.stdout) {
                    // Before there is a thread to ask on, the program says so and ends.
                    assert!(matches!(ran.code, Some(2..=4 | 127)) && !ran.stderr.is_empty(), "{at}: {ran:?}");
                    continue;
                }
                answered += 1;
                let found = findings(&ran.json());
                assert_eq!(rules(&found), rules(&whole), "{at}");
                assert_eq!(better(&whole, &found), [""; 0], "{at}");
            }
        }
    }
    assert!(answered > 100, "{answered} runs only came to a report");
}

#[test]
fn where_no_thread_can_be_started_a_wrong_policy_is_told_all_the_same() {
    let without_threads = |arguments: &[&str], input: &str| {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=clone,clone3"]);
        command.args(["-e", "inject=clone,clone3:error=EAGAIN"]).arg(PROGRAM).args(arguments);
        run(command, input)
    };
    let wrong =
        without_threads(&["-c", "-"], "apiVersion: preflight/v1\nkind: Policy\nchecks: [{chek: swap}]\n");
    assert!(wrong.code == Some(3) && wrong.stderr.contains("chek"), "{wrong:?}");
    let wrong = without_threads(&["--set", "rolle=worker"], "");
    assert!(wrong.code == Some(2) && wrong.stderr.contains("rolle"), "{wrong:?}");
    let right = without_threads(&["-c", "minimal"], "");
    assert!(right.code == Some(4) && right.stderr.contains("can't start a thread"), "{right:?}");
}
