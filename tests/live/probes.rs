//! What is asked of the kernel by a system call, on a cgroup2 of a scene of its own.

use crate::{
    common::process::{PROGRAM, Report, policy, run, words},
    scene::{Scene, Viewer, cannot, is_root, stage, subsystems},
};
use serde_json::Value;
use std::{fs, process::Command};

const RULE: &str = "{check: cgroup-controllers, with: {required: [devices, perf_event], optional: []}}";
const ARGUMENTS: [&str; 4] = ["-c", "-", "-o", "json"];
/// An empty /sys/fs/cgroup with a cgroup2 in it, whatever this machine has there.
const SET: [&str; 2] = ["mount -t tmpfs tmpfs /sys/fs/cgroup", "mount -t cgroup2 cgroup2 /sys/fs/cgroup"];

const QUERY: &str = "bpf(BPF_PROG_QUERY, BPF_CGROUP_DEVICE)";
const PERF: &str = "perf_event_open(PERF_FLAG_PID_CGROUP)";

/// What a call gave, by the evidence of a finding.
fn observed<'a>(finding: &'a Value, source: &str) -> Option<&'a str> {
    let evidence = finding["evidence"].as_array().expect("evidence");
    evidence.iter().find(|e| e["source"] == source).and_then(|e| e["observed"].as_str())
}

fn report(name: &str, viewer: Viewer) -> Option<Report> {
    let ran = Scene { name, set: &SET, viewer }.play(&policy(&[RULE]), &ARGUMENTS)?;
    Some(ran.report())
}

/// The answer to each question is in the evidence, and the judgement is the one that follows from it.
#[test]
fn the_kernel_itself_is_asked_on_cgroup_v2() {
    for (name, viewer) in [("probes", Viewer::Me), ("probes by nobody", Viewer::Nobody)] {
        let Some(report) = report(name, viewer) else { continue };
        let devices = report.finding("cgroup-controllers/devices");
        let answer = observed(devices, QUERY).expect("it was asked");
        if answer.starts_with("ok, ") {
            assert_eq!(report.brief("cgroup-controllers/devices"), "pass replaced", "{devices:#}");
            assert!(!words(devices).contains("configuration"), "{devices:#}");
        } else if answer == "EPERM" {
            // The configuration alone passes it, and the finding says so.
            assert!(devices["verdict"] != "pass" || words(devices).contains("by the kernel's configuration"));
            assert!(words(devices).contains("CAP_BPF"), "{devices:#}");
        }
        assert!(viewer == Viewer::Me || !answer.starts_with("ok"), "nobody may not ask: {devices:#}");

        let v2_has_it =
            subsystems().iter().any(|(name, hierarchy, on)| name == "perf_event" && *hierarchy == 0 && *on);
        let perf_event = report.finding("cgroup-controllers/perf_event");
        if v2_has_it {
            let answer = observed(perf_event, PERF).expect("it was asked");
            assert_eq!(report.verdict("cgroup-controllers/perf_event"), "pass", "{perf_event:#}");
            assert!(["ok", "EACCES", "EPERM", "ENOSYS"].contains(&answer), "{perf_event:#}");
        } else {
            assert_eq!(observed(perf_event, PERF), None, "{perf_event:#}");
        }
    }
}

/// What of syslog(2), bpf(2) and perf_event_open(2) is a read: the log as a whole, which stays as it is; counting programs, loading one that is attached to nothing where
/// there was nothing to count, and opening an event that is disabled. A trace holds nothing else of them.
pub(crate) fn are_reads(calls: &[&str]) {
    let queried_in_vain = |c: &&&str| c.starts_with("bpf(BPF_PROG_QUERY,") && c.contains("EINVAL");
    for (at, call) in calls.iter().enumerate() {
        if call.starts_with("bpf(") {
            let load = call.starts_with("bpf(BPF_PROG_LOAD,") && call.contains("BPF_PROG_TYPE_CGROUP_DEVICE");
            let second = load && calls[..at].iter().any(|c| queried_in_vain(&c));
            assert!(call.starts_with("bpf(BPF_PROG_QUERY,") || second, "{call}");
        }
        if call.starts_with("perf_event_open(") {
            assert!(call.contains("disabled=1") && call.contains("PERF_FLAG_PID_CGROUP"), "{call}");
        }
        if call.starts_with("syslog(") {
            // Some versions of strace show the number, and the name as a comment; what another thread does meanwhile may cut the line.
            let read_all = ["syslog(SYSLOG_ACTION_READ_ALL", "syslog(3 /* SYSLOG_ACTION_READ_ALL */"];
            assert!(read_all.iter().any(|start| call.starts_with(start)), "{call}");
        }
        let starts_event = call.starts_with("ioctl(") && call.contains("PERF_EVENT_IOC");
        assert!(!starts_event, "{call}");
    }
}

#[test]
fn what_is_asked_is_let_go_at_once() {
    let name = "system calls of the probes";
    if Command::new("strace").arg("--version").output().is_err() {
        return cannot(name, "there is no strace(1)");
    }
    let (directory, _) = stage();
    let log = directory.path().join("strace");
    let script = format!("{} && exec strace -f -o \"$@\"", SET.join(" && "));
    let mut command = Command::new("unshare");
    command.arg(if is_root() { "-m" } else { "-Urm" }).args(["sh", "-c", &script, "scene"]);
    command.arg(&log).arg(PROGRAM).args(ARGUMENTS);
    let ran = run(command, &policy(&[RULE]));
    let text = fs::read_to_string(&log).unwrap_or_default();
    if !text.contains("execve(") || serde_json::from_str::<Value>(&ran.stdout).is_err() {
        return cannot(name, ran.stderr.trim());
    }
    let calls: Vec<&str> =
        text.lines().filter_map(|l| l.split_once(' ').map(|(_, call)| call.trim())).collect();
    are_reads(&calls);
    assert!(calls.iter().any(|c| c.starts_with("bpf(BPF_PROG_QUERY,")), "it was asked: {text}");
    // `perf_event_open({…}, 4, 0, -1, …) = 5` is followed by `close(5)`.
    for (at, call) in calls.iter().enumerate() {
        let made = call.starts_with("perf_event_open(") || call.starts_with("bpf(BPF_PROG_LOAD,");
        let Some((_, fd)) = call.rsplit_once(" = ").filter(|(_, r)| made && r.parse::<u32>().is_ok()) else {
            continue;
        };
        let close = format!("close({fd})");
        assert!(calls[at..].iter().any(|c| c.starts_with(&close)), "{call} is never closed");
    }
}
