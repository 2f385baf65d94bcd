//! The page of a fleet in Chromium: tests/fleet_page/test.py opens it with invented fleets and with one that the program made, and
//! uses it by mouse, keyboard and links.
#![allow(clippy::disallowed_methods)] // tests start programs as users do

mod common;
#[allow(dead_code)] // what it knows of mounts is for other tests
#[path = "live/scene.rs"]
mod scene;

use common::{
    nodes,
    process::{PROGRAM, preflight, run},
};
use scene::cannot;
use std::{fs, path::Path, process::Command};

/// What its exit status says where Chromium or axe-core is missing.
const NOT_RUN: i32 = 77;

/// The page of three kinds of nodes, made by the program.
fn real_page(directory: &Path) -> std::path::PathBuf {
    let page = directory.join("fleet.html");
    let script = "generate=$1 program=$2 page=$3; shift 3
        \"$generate\" 300 \"$@\" | \"$program\" fleet -o html --output-file \"$page\"";
    let mut command = Command::new("sh");
    let generate = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fleet/generate.py");
    command.args(["-c", script, "sh", generate, PROGRAM]).arg(&page);
    for name in
        ["debian-6.1.0-56-amd64/v2", "debian-6.12.107+deb13-amd64/hybrid", "debian-5.10.0-46-amd64/v1"]
    {
        let report = directory.join(name.replace('/', "-"));
        let root = nodes::named(name).root.to_str().expect("UTF-8");
        fs::write(&report, preflight(&["-o", "json", "--root", root]).stdout).expect("written");
        command.arg(report);
    }
    let ran = run(command, "");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    page
}

#[test]
fn people_find_what_is_wrong_with_ten_thousand_nodes() {
    let name = "the page of a fleet";
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fleet_page/test.py"));
    let directory = tempfile::tempdir().expect("a directory");
    command.arg("--page").arg(real_page(directory.path()));
    // It has a time limit of its own.
    let Ok(ran) = command.output() else { return cannot(name, "there is no python3") };
    let (told, wrong) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    // Its times and sizes.
    eprint!("{told}");
    if ran.status.code() == Some(NOT_RUN) {
        return cannot(name, &wrong);
    }
    assert!(ran.status.success(), "{wrong}");
}
