//! The page of a fleet in Chromium: tests/fleet_page/test.py opens it with invented fleets, and uses it by mouse, keyboard and links.
#![allow(clippy::disallowed_methods)] // tests start programs as users do

mod common;
#[allow(dead_code)] // what it knows of mounts is for other tests
#[path = "live/scene.rs"]
mod scene;

use scene::cannot;
use std::process::Command;

/// What its exit status says where Chromium or axe-core is missing.
const NOT_RUN: i32 = 77;

#[test]
fn people_find_what_is_wrong_with_ten_thousand_nodes() {
    let name = "the page of a fleet";
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fleet_page/test.py"));
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
