//! What cargo knows of the crates that this program takes, and files of TOML beside it.
#![allow(clippy::disallowed_methods)] // tests read the repository's files and start programs

use super::process::run;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
    process::Command,
};

/// The name and the version of a crate.
pub(crate) type Crate = (String, String);

/// A file of this repository that is TOML.
pub(crate) fn toml(name: &str) -> Value {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect(name);
    toml::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

pub(crate) fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// What a command of cargo prints, of this repository and no other; `target` is the option that takes the target of deny.toml.
fn cargo(arguments: &[&str], target: &str) -> String {
    let rules = toml("deny.toml");
    let only = rules["graph"]["targets"][0].as_str().expect("a target");
    let mut cargo = Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    cargo.args(["--locked", "--offline", target, only]);
    let ran = run(cargo, "");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stdout
}

/// What cargo prints of the crates that these edges lead to.
fn tree(edges: &str, prefix: &str, format: &str) -> String {
    let tree = ["tree", "--workspace", "--edges", edges, "--prefix", prefix, "--format", format];
    cargo(&tree, "--target")
}

/// `name v1.2.3 (proc-macro)` as a crate.
fn parse(package: &str) -> Option<Crate> {
    let mut words = package.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.trim_start_matches('v').to_owned()))
}

/// The crates that these edges lead to, each with its licence.
pub(crate) fn crates(edges: &str) -> BTreeMap<Crate, String> {
    let read = |line: &str| {
        let (package, licence) = line.trim_end_matches(" (*)").split_once('|')?;
        Some((parse(package)?, licence.to_owned()))
    };
    tree(edges, "none", "{p}|{l}").lines().filter_map(read).collect()
}

/// Which crate has which others below it at once.
pub(crate) fn links(edges: &str) -> BTreeMap<Crate, BTreeSet<Crate>> {
    let mut links: BTreeMap<Crate, BTreeSet<Crate>> = BTreeMap::new();
    let mut above: Vec<Crate> = Vec::new();
    for line in tree(edges, "depth", " {p}").lines() {
        let Some((depth, package)) = line.split_once(' ') else { continue };
        let (Ok(depth), Some(found)) = (depth.parse(), parse(package)) else { continue };
        above.truncate(depth);
        if let Some(parent) = above.last() {
            links.entry(parent.clone()).or_default().insert(found.clone());
        }
        links.entry(found.clone()).or_default();
        above.push(found);
    }
    links
}

/// All that cargo knows of the crates on that target.
pub(crate) fn metadata() -> Value {
    let text = cargo(&["metadata", "--format-version", "1"], "--filter-platform");
    serde_json::from_str(&text).expect("JSON")
}
