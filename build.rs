//! Reads the embedded profiles as YAML once, when the program is built, so that no run has to.
//!
//! The files that know how are those of the program itself; what they expect around them stands here.

#[path = "src/policy/checksum.rs"]
mod checksum;
#[path = "src/policy/compact.rs"]
#[allow(dead_code, reason = "the program reads what is written here")]
mod compact;
#[path = "src/policy/diagnostics.rs"]
#[allow(dead_code, unreachable_pub, reason = "the reader of YAML quotes words as it does")]
mod diagnostics;
#[path = "checks/src/names.rs"]
#[allow(dead_code, unreachable_pub, reason = "of values")]
mod names;
#[path = "checks/src/value.rs"]
#[allow(dead_code, unreachable_pub, reason = "what is read and written")]
mod value;
#[path = "src/policy/yaml.rs"]
#[allow(dead_code, reason = "all of it is for the program")]
mod yaml;
#[path = "checks/src/yaml_tree.rs"]
#[allow(dead_code, unreachable_pub, reason = "what reads YAML")]
mod yaml_tree;

// What those files call the library.
extern crate self as preflight_checks;

use flate2::{Compression, write::DeflateEncoder};
use std::{env, error::Error, fs, io::Write, path::Path, process::Command};

const PROFILES: &str = "configs/profiles";
/// What `policy schema` prints and `explain` reads; a test keeps it up to date.
const SCHEMA: &str = "configs/schema/policy-v1.schema.json";
/// Completions and manual pages; a test keeps them up to date.
const SHARE: &str = "share";
/// How the linker lays out the static program: docs/decisions/0002-size-and-speed.md.
const LAYOUT: &str = "build/layout.ld";
/// What the linker leaves out of the static program: docs/decisions/0003-panics-do-not-unwind.md.
const TABLES: &str = "build/no-tables.ld";
/// Set where the static program is to keep its symbols: `make layout`.
const KEEP: &str = "PREFLIGHT_KEEP_SYMBOLS";

#[allow(clippy::disallowed_methods, reason = "these are files of the source, not of a node")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PROFILES}");
    println!("cargo::rerun-if-changed=build.rs");
    for source in [
        "src/policy/checksum.rs",
        "src/policy/compact.rs",
        "src/policy/yaml.rs",
        "checks/src/value.rs",
        "checks/src/yaml_tree.rs",
    ] {
        println!("cargo::rerun-if-changed={source}");
    }
    println!("cargo::rerun-if-changed={LAYOUT}");
    println!("cargo::rerun-if-changed={TABLES}");
    println!("cargo::rerun-if-changed={SCHEMA}");
    let is_static =
        env::var("CARGO_CFG_TARGET_FEATURE").is_ok_and(|all| all.split(',').any(|one| one == "crt-static"));
    if is_static && env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{LAYOUT}");
        // Nothing unwinds: nobody looks for the tables that tell how.
        println!("cargo::rustc-link-arg-bins=-Wl,--no-eh-frame-hdr,-T,{TABLES}");
        // By the linker, and not by cargo, whose `strip` gives all names other hashes than build/layout.ld was learned with; nor
        // afterwards, since the linker's id of the file would be that of the symbols, which differ from directory to directory.
        println!("cargo::rerun-if-env-changed={KEEP}");
        if env::var_os(KEEP).is_none() {
            println!("cargo::rustc-link-arg-bins=-Wl,--strip-all");
        }
        link_small();
    }
    let out = env::var("OUT_DIR")?;
    for entry in fs::read_dir(PROFILES)? {
        let path = entry?.path();
        let text = fs::read_to_string(&path)?;
        // The tests say where and why; a build has to end either way.
        let (value, _) = yaml::parse(&text).map_err(|e| format!("{}: {e}", path.display()))?;
        let name = path.file_stem().ok_or("a file without a name")?;
        let made = Path::new(&out).join(name);
        fs::write(made.with_extension("tree"), compact::write(&value))?;
        fs::write(made.with_extension("sha256"), checksum::sha256(text.as_bytes()))?;
    }
    pack(Path::new(SCHEMA), &serde_json::from_slice(&fs::read(SCHEMA)?)?, Path::new(&out))?;
    println!("cargo::rerun-if-changed={SHARE}");
    let mut shared = serde_json::Map::new();
    for entry in fs::read_dir(SHARE)? {
        let path = entry?.path();
        let name = path.file_name().ok_or("a file without a name")?.display().to_string();
        shared.insert(name, fs::read_to_string(&path)?.into());
    }
    pack(Path::new("share.json"), &shared.into(), Path::new(&out))
}

/// Lets the linker fold functions that are the same, and write relocations in a twelfth of their size, where the linker is
/// LLVM's (Rust's default on this target since 1.90) and the C library starts such a program (glibc 2.36).
#[allow(clippy::disallowed_methods, reason = "the compiler and the C library are asked who they are")]
fn link_small() {
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    // `rustc 1.95.0 (…)`, `glibc 2.36`: the second number of the first version.
    let minor = |text: String| text.split_whitespace().nth(1)?.split('.').nth(1)?.parse::<u32>().ok();
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    if said(&rustc, "--version").and_then(minor).is_none_or(|minor| minor < 90) {
        return;
    }
    println!("cargo::rustc-link-arg-bins=-Wl,--icf=all,-O2");
    if said("getconf", "GNU_LIBC_VERSION").and_then(minor).is_some_and(|minor| minor >= 36) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Writes JSON without spaces and deflated, under the name of a file.
#[allow(clippy::disallowed_methods, reason = "this is a file of the build, not of a node")]
fn pack(file: &Path, json: &serde_json::Value, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
    packed.write_all(json.to_string().as_bytes())?;
    let name = format!("{}.deflate", file.file_name().ok_or("a file without a name")?.display());
    Ok(fs::write(out.join(name), packed.finish()?)?)
}
