//! The kernel's log on the machine itself: what `dmesg` counts, what nobody may see, and what it takes. Nothing is written
//! into it.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;
#[allow(dead_code)] // what it knows of cgroups is for the tests of those
#[path = "live/scene.rs"]
mod scene;

use common::process::{PROGRAM, Report, policy, preflight_with, run};
use scene::{Scene, Viewer, cannot};
use serde_json::Value;
use std::{fs, process::Command};

const FROM_STDIN: [&str; 4] = ["-c", "-", "-o", "json"];
const CALL: &str = "syslog(SYSLOG_ACTION_READ_ALL)";
const SUBJECTS: [&str; 7] = ["oom", "hung-tasks", "lockups", "oopses", "filesystems", "disks", "hardware"];

fn rule() -> String {
    policy(&["{check: kernel-log}"])
}

/// The number in the evidence of a finding that passes: `407 lines, from the start on`.
fn lines(report: &Report) -> Option<usize> {
    let evidence = |finding: &Value| finding["evidence"].as_array().cloned().unwrap_or_default();
    let all = report.findings().iter().flat_map(evidence).filter(|e| e["source"] == CALL);
    let mut numbers =
        all.filter_map(|e| e["observed"].as_str()?.split_once(" lines, ").and_then(|(n, _)| n.parse().ok()));
    numbers.next()
}

/// How much dmesg(1) asks for at least, whatever the size of the buffer: of a longer log it shows the end only.
const DMESG: usize = 64 << 10;

/// What dmesg(1) reads with the same call: the lines that the kernel wrote, which have a facility of 0, and whether those
/// are all.
fn by_dmesg() -> Option<(usize, bool)> {
    let output = Command::new("dmesg").args(["--syslog", "--raw"]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let of_kernel = |l: &&str| matches!(l.as_bytes(), [b'<', b'0'..=b'7', b'>', ..]);
    let count = || (text.lines().filter(of_kernel).count(), text.len() < DMESG);
    (output.status.success() && !text.is_empty()).then(count)
}

#[test]
fn as_many_lines_as_dmesg_shows() {
    let name = "lines of dmesg";
    let Some(_) = by_dmesg() else { return cannot(name, "dmesg(1) shows nothing") };
    // The kernel may write meanwhile: it has to be the same once.
    let ran: Vec<_> = (0..5)
        .map(|_| {
            let before = by_dmesg();
            let report = preflight_with(&rule(), &FROM_STDIN).report();
            for subject in SUBJECTS {
                let finding = report.finding(&format!("kernel-log/{subject}"));
                assert!(
                    ["pass", "warn", "skip"].contains(&finding["verdict"].as_str().unwrap()),
                    "{finding:#}"
                );
            }
            (before, lines(&report))
        })
        .collect();
    if ran.iter().all(|(_, seen)| seen.is_none()) {
        return cannot(name, "no finding of this machine passes");
    }
    let agrees = |(before, seen): &(Option<(usize, bool)>, Option<usize>)| match (before, seen) {
        (Some((shown, true)), Some(seen)) => shown == seen,
        (Some((shown, false)), Some(seen)) => shown <= seen,
        _ => false,
    };
    assert!(ran.iter().any(agrees), "{ran:?}");
}

#[test]
fn nobody_sees_what_the_kernel_lets_everybody_see() {
    let scene = Scene { name: "the log seen by nobody", set: &[], viewer: Viewer::Nobody };
    let Some(ran) = scene.play(&rule(), &FROM_STDIN) else { return };
    let theirs = ran.report();
    let own = preflight_with(&rule(), &FROM_STDIN).report();
    let restricted = fs::read_to_string("/proc/sys/kernel/dmesg_restrict").is_ok_and(|t| t.trim() != "0");
    let id = |subject: &str| format!("kernel-log/{subject}");
    for subject in SUBJECTS {
        let (theirs, own) = (theirs.finding(&id(subject)), own.finding(&id(subject)));
        if !restricted && own["determined"] == true {
            assert_eq!((&theirs["verdict"], &theirs["reason"]), (&own["verdict"], &own["reason"]));
        }
        if restricted && theirs["verdict"] == "pass" {
            // Not by the log, but by what the kernel counts beside it.
            assert_eq!(subject, "oom", "{theirs:#}");
            assert_eq!(theirs["evidence"][0]["source"], "/proc/vmstat", "{theirs:#}");
            assert_eq!(own["verdict"], "pass", "less evidence made it better: {own:#}");
        } else if restricted {
            assert_eq!(theirs["determined"], false, "{theirs:#}");
        }
    }
}

#[test]
fn the_same_log_gives_the_same_findings() {
    let findings = || {
        let mut all = preflight_with(&rule(), &FROM_STDIN).report().findings().to_vec();
        for finding in &mut all {
            finding["durationMs"] = Value::Null;
        }
        all
    };
    assert!((0..5).any(|_| findings() == findings()));
}

#[test]
fn one_call_reads_all_of_it() {
    let name = "system calls for the log";
    let directory = tempfile::tempdir().expect("a directory");
    let log = directory.path().join("strace");
    let mut command = Command::new("strace");
    if Command::new("strace").arg("--version").output().is_err() {
        return cannot(name, "there is no strace(1)");
    }
    command.args(["-f", "-o"]).arg(&log).arg(PROGRAM).args(FROM_STDIN);
    let ran = run(command, &rule());
    let text = fs::read_to_string(&log).unwrap_or_default();
    if !text.contains("execve(") || serde_json::from_str::<Value>(&ran.stdout).is_err() {
        return cannot(name, &format!("strace could not trace: {}", ran.stderr.trim()));
    }
    let calls: Vec<&str> =
        text.lines().filter_map(|l| l.split_once(' ').map(|(_, call)| call.trim())).collect();
    let named = |name: &str| calls.iter().filter(|c| c.split('(').next() == Some(name)).count();
    let of_log: Vec<_> = calls.iter().filter(|c| c.starts_with("syslog(")).collect();
    // Some versions of strace show the number, and the name as a comment; what another thread does meanwhile may cut the line.
    let read_all = ["syslog(SYSLOG_ACTION_READ_ALL", "syslog(3 /* SYSLOG_ACTION_READ_ALL */"];
    let is_read = |call: &str| read_all.iter().any(|start| call.starts_with(start));
    assert!(matches!(of_log[..], [call] if is_read(call)), "{of_log:?}");
    assert!(!text.contains("kmsg"), "{text}");
    assert_eq!(named("execve"), 1);
    assert_eq!(named("fork") + named("vfork"), 0);
}
