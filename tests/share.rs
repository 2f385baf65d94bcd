//! Completions in the shells themselves, and manual pages as man(1) sets them.
#![allow(clippy::disallowed_methods)] // tests start programs as users do

mod common;
#[allow(dead_code)] // what it knows of mounts is for other tests
#[path = "live/scene.rs"]
mod scene;

use common::process::{PROGRAM, Ran, preflight, run};
use scene::cannot;
use std::{fs, process::Command};

/// What a shell says to a script, in which `$FILE` is the completions that the program prints for it.
fn shell(name: &str, script: &str) -> Option<Ran> {
    if Command::new(name).arg("--version").output().is_err() {
        cannot(name, "it is not installed");
        return None;
    }
    let printed = preflight(&["completions", name]);
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    let directory = tempfile::tempdir().expect("a directory");
    // zsh looks for a function by the name of its file.
    let file = directory.path().join("_preflight");
    fs::write(&file, printed.stdout).expect("a file");
    let mut command = Command::new(name);
    let arguments: &[&str] = if name == "fish" { &["--no-config", "-c"] } else { &["-c"] };
    command
        .args(arguments)
        .arg(script)
        .env("FILE", &file)
        .env("DIR", directory.path())
        .env("HOME", directory.path());
    Some(run(command, ""))
}

#[test]
fn bash_completes() {
    let script = "source $FILE && complete -p preflight && COMP_WORDS=(preflight po) COMP_CWORD=1 && _preflight preflight po preflight
        echo \"${COMPREPLY[@]}\"; COMP_WORDS=(preflight --output ju) COMP_CWORD=2; _preflight preflight ju --output; echo \"${COMPREPLY[@]}\"";
    let Some(ran) = shell("bash", script) else { return };
    assert_eq!(ran.stderr, "");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines[0].contains("-F _preflight"), "{lines:?}");
    assert_eq!(lines[1..], ["policy", "junit"]);
}

#[test]
fn zsh_loads_them() {
    let script = "autoload -U compinit && fpath=($DIR $fpath) && compinit -u -d $DIR/dump && print ${_comps[preflight]} \
        && autoload +X _preflight && print ${+functions[_preflight]}";
    let Some(ran) = shell("zsh", script) else { return };
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("_preflight\n1\n", ""));
}

#[test]
fn fish_completes() {
    let script = "source $FILE; complete -C 'preflight pol'; complete -C 'preflight run -o sar'; complete -C 'preflight run --fail-on n'";
    let Some(ran) = shell("fish", script) else { return };
    assert_eq!(ran.stderr, "");
    let words: Vec<&str> =
        ran.stdout.lines().map(|line| line.split('\t').next().unwrap_or_default()).collect();
    assert_eq!(words, ["policy", "sarif", "never"]);
}

#[test]
fn man_sets_every_page() {
    if Command::new("man").arg("--version").output().is_err() {
        return cannot("man", "it is not installed (Debian: man-db, groff-base)");
    }
    for (page, says) in [
        ("", "--kubeadm-config"),
        ("run", "--fail-on"),
        ("cgroups", "--prove"),
        ("policy lint", "preflight-policy-lint"),
        ("completions", "fish"),
    ] {
        let arguments: Vec<&str> =
            ["man"].into_iter().chain(Some(page).filter(|page| !page.is_empty())).collect();
        let printed = preflight(&arguments);
        let mut command = Command::new("man");
        command
            .args(["--warnings", "-l", "-"])
            .env("LC_ALL", "C.UTF-8")
            .env("MANWIDTH", "100")
            .env("MAN_KEEP_FORMATTING", "");
        let set = run(command, &printed.stdout);
        assert_eq!((set.code, set.stderr.as_str()), (Some(0), ""), "{page}");
        // Overstruck letters are how a terminal makes them bold.
        let mut plain = String::new();
        for c in set.stdout.chars() {
            if c == '\u{8}' {
                plain.pop();
            } else {
                plain.push(c);
            }
        }
        assert!(plain.contains("NAME") && plain.contains(says), "{page}: {plain}");
    }
    let wrong = preflight(&["man", "pollicy"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("did you mean `policy`?"), "{} {PROGRAM}", wrong.stderr);
}
