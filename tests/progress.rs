//! The line that says how far a run is, on a real terminal: there while something takes long, and gone before the report.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;
#[allow(dead_code)] // what it knows of mounts is for other tests
#[path = "live/scene.rs"]
mod scene;

use common::process::{PROGRAM, policy, run};
use scene::cannot;
use std::{fs, process::Command};

/// Runs the program with a terminal of its own, and gives what it wrote there.
const PTY: &str = "import os, pty, sys\n\
    def read(fd):\n    return os.read(fd, 65536)\n\
    sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:], read)))\n";

fn on_a_terminal(seconds: &str, more: &[&str]) -> Option<String> {
    let here = tempfile::tempdir().expect("a directory");
    let file = here.path().join("policy.yaml");
    let rule =
        format!("{{check: commands, id: slow, with: {{commands: [{{run: [/bin/sleep, '{seconds}']}}]}}}}");
    fs::write(&file, policy(&[&rule])).expect("a policy");
    let mut command = Command::new("python3");
    command.args(["-c", PTY, PROGRAM, "--allow", "exec", "-c"]).arg(&file).args(more).env("TERM", "xterm");
    if Command::new("python3").arg("--version").output().is_err() {
        cannot("a terminal", "python3 is not installed");
        return None;
    }
    Some(run(command, "").stdout)
}

#[test]
fn what_takes_long_is_told_and_the_line_is_gone_before_the_report() {
    let Some(seen) = on_a_terminal("1", &[]) else { return };
    let line = "\x1b[K1 of 1: slow ...";
    let (before, report) = seen.rsplit_once("\r\x1b[K").unwrap_or_else(|| panic!("{seen:?}"));
    assert!(before.contains(line), "{seen:?}");
    assert!(report.contains("slow") && report.contains("PASS") && !report.contains("..."), "{seen:?}");
}

#[test]
fn what_is_quick_quiet_or_for_scripts_is_not_told() {
    for (seconds, more) in [("0", &[][..]), ("1", &["-q"]), ("1", &["-o", "json"])] {
        let Some(seen) = on_a_terminal(seconds, more) else { return };
        assert!(!seen.contains(" of 1: "), "{more:?}: {seen:?}");
    }
}

#[test]
fn without_utf_8_all_is_ascii() {
    for arguments in
        [&["explain", "cgroup-controllers"][..], &["cgroups"], &["kubernetes"], &["list"], &[], &["-v"]]
    {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env("LC_ALL", "C");
        let ran = run(command, "");
        assert!(ran.stdout.is_ascii() && !ran.stdout.is_empty(), "{arguments:?}: {}", ran.stdout);
    }
}
