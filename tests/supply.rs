//! What comes from others is what deny.toml allows, also where cargo-deny is not installed, and docs/dependencies.md tells what
//! is true of it.
#![allow(clippy::disallowed_methods)] // tests read the sources of crates

mod common;

use common::cargo::{Crate, crates, links, list, metadata, toml, word};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// What cargo-deny's default allows: crates.io, by the name that cargo gives it.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// An expression of SPDX against licences that are allowed. `used` learns which of them allowed something.
struct Licences<'a> {
    words: Vec<&'a str>,
    allowed: &'a BTreeSet<&'a str>,
    used: &'a mut BTreeSet<String>,
}

impl Licences<'_> {
    /// `OR` binds less than `AND`, and `WITH` most. A slash is how `OR` was written before SPDX.
    fn any(&mut self) -> bool {
        let mut fits = self.all();
        while self.take("OR") || self.take("/") {
            fits |= self.all();
        }
        fits
    }

    fn all(&mut self) -> bool {
        let mut fits = self.one();
        while self.take("AND") {
            fits &= self.one();
        }
        fits
    }

    fn one(&mut self) -> bool {
        if self.take("(") {
            let fits = self.any();
            return self.take(")") && fits;
        }
        let Some(mut licence) = self.words.pop().map(str::to_owned) else { return false };
        if self.take("WITH") {
            licence = format!("{licence} WITH {}", self.words.pop().unwrap_or_default());
        }
        let fits = self.allowed.contains(licence.as_str());
        if fits {
            self.used.insert(licence);
        }
        fits
    }

    fn take(&mut self, word: &str) -> bool {
        self.words.pop_if(|next| *next == word).is_some()
    }
}

fn allows(allowed: &BTreeSet<&str>, expression: &str, used: &mut BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', "( ").replace(')', " )").replace('/', " / ");
    let words: Vec<&str> = spaced.split_whitespace().rev().collect();
    let mut licences = Licences { words, allowed, used };
    licences.any() && licences.words.is_empty()
}

#[test]
fn expressions_of_licences_are_understood() {
    let allowed = BTreeSet::from(["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]);
    for (expression, fits) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("GPL-3.0-only OR MIT", true),
        ("Apache-2.0/MIT", true),
        ("Apache-2.0", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("MIT AND GPL-3.0-only", false),
        ("MIT OR GPL-3.0-only AND BSD-3-Clause", true),
        ("(MIT OR GPL-3.0-only) AND BSD-3-Clause", false),
        ("(MIT OR GPL-3.0-only) AND ISC", true),
        ("(MIT", false),
        ("MIT GPL-3.0-only", false),
        ("", false),
    ] {
        assert_eq!(allows(&allowed, expression, &mut BTreeSet::new()), fits, "{expression}");
    }
}

#[test]
fn licences_are_allowed_and_no_more_than_needed() {
    let rules = toml("deny.toml");
    let everywhere: BTreeSet<&str> =
        list(&rules["licenses"], "allow").iter().filter_map(Value::as_str).collect();
    let mut used = BTreeSet::new();
    let mut exceptions: BTreeSet<&str> = BTreeSet::new();
    for ((name, version), licence) in crates("normal,build") {
        if allows(&everywhere, &licence, &mut used) {
            continue;
        }
        let exception = list(&rules["licenses"], "exceptions").iter().find(|e| word(e, "crate") == name);
        let exception =
            exception.unwrap_or_else(|| panic!("{name} {version}: {licence} is not in deny.toml"));
        let more = list(exception, "allow").iter().filter_map(Value::as_str);
        let allowed = everywhere.iter().copied().chain(more).collect();
        assert!(allows(&allowed, &licence, &mut used), "{name} {version}: {licence} is not in deny.toml");
        exceptions.insert(word(exception, "crate"));
    }
    let unused: Vec<_> = everywhere.iter().filter(|l| !used.contains(**l)).collect();
    assert!(unused.is_empty(), "deny.toml allows what nothing needs: {unused:?}");
    assert_eq!(
        exceptions.len(),
        list(&rules["licenses"], "exceptions").len(),
        "used of them: {exceptions:?}"
    );
}

#[test]
fn nothing_is_banned_twice_or_from_elsewhere() {
    let bans = &toml("deny.toml")["bans"];
    let all = crates("normal,build,dev");
    for banned in list(bans, "deny") {
        let name = word(banned, "crate");
        assert!(!all.keys().any(|(n, _)| n == name), "{name}: {}", word(banned, "reason"));
    }
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, version) in crates("normal,build").into_keys() {
        versions.entry(name).or_default().push(version);
    }
    let mut skipped: Vec<&str> = list(bans, "skip").iter().map(|s| word(s, "crate")).collect();
    for (name, mut versions) in versions {
        versions.retain(|version| {
            let spec = |s: &str| {
                s.strip_prefix(&format!("{name}@"))
                    .map(|v| format!("{version}.").starts_with(&format!("{v}.")))
            };
            let skip = skipped.iter().position(|s| spec(s) == Some(true));
            skip.map(|at| skipped.remove(at)).is_none()
        });
        assert!(versions.len() <= 1, "{name} is there as {versions:?}");
    }
    assert!(skipped.is_empty(), "deny.toml skips what is not there: {skipped:?}");
    for package in list(&toml("Cargo.lock"), "package") {
        let source = word(package, "source");
        let own = source.is_empty() && word(package, "name").starts_with("preflight");
        let foreign = source == CRATES_IO && word(package, "checksum").len() == 64;
        assert!(own || foreign, "{} comes from {source:?}", word(package, "name"));
    }
}

#[test]
fn no_version_is_a_wildcard() {
    for manifest in ["Cargo.toml", "checks/Cargo.toml"] {
        let whole = toml(manifest);
        let tables = [
            &whole["workspace"]["dependencies"],
            &whole["dependencies"],
            &whole["build-dependencies"],
            &whole["dev-dependencies"],
        ];
        for (name, wanted) in tables.into_iter().filter_map(Value::as_object).flatten() {
            let version = wanted.as_str().unwrap_or_else(|| word(wanted, "version"));
            let elsewhere = wanted["workspace"] == true || wanted.get("path").is_some();
            assert!(
                elsewhere || !(version.is_empty() || version.contains('*')),
                "{manifest}: {name} {version:?}"
            );
        }
    }
}

/// Where cargo keeps the source of a crate, and whether it builds by a script: `cargo metadata` of all of them.
fn sources() -> BTreeMap<Crate, (PathBuf, bool)> {
    let metadata = metadata();
    let read = |package: &Value| {
        let manifest = PathBuf::from(word(package, "manifest_path"));
        let script = list(package, "targets").iter().any(|t| t["kind"][0] == "custom-build");
        let key = (word(package, "name").to_owned(), word(package, "version").to_owned());
        (key, (manifest.with_file_name("src"), script))
    };
    list(&metadata, "packages").iter().map(read).collect()
}

/// Whether a directory has code that the compiler does not vouch for.
fn has_unsafe(directory: &Path) -> bool {
    let code = |line: &str| {
        let line = line.split("//").next().unwrap_or_default().replace("unsafe{", "unsafe {");
        ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|word| line.contains(word))
    };
    std::fs::read_dir(directory).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        let rust = path.extension().is_some_and(|e| e == "rs");
        (path.is_dir() && has_unsafe(&path))
            || (rust && std::fs::read_to_string(path).is_ok_and(|text| text.lines().any(code)))
    })
}

/// All that a crate brings, at build time too.
fn below(links: &BTreeMap<Crate, BTreeSet<Crate>>, of: &Crate) -> usize {
    let (mut found, mut todo) = (BTreeSet::new(), vec![of]);
    while let Some(next) = todo.pop() {
        todo.extend(links[next].iter().filter(|l| found.insert(*l)));
    }
    found.len()
}

/// The names of the direct dependencies as crates.io knows them, and whether the program has them, not only its tests.
fn direct() -> BTreeMap<String, bool> {
    let mut direct = BTreeMap::new();
    let workspace = &toml("Cargo.toml")["workspace"]["dependencies"];
    for manifest in ["Cargo.toml", "checks/Cargo.toml"] {
        let whole = toml(manifest);
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            for name in whole[section].as_object().into_iter().flatten().map(|(name, _)| name) {
                let name = workspace[name]["package"].as_str().unwrap_or(name);
                if !name.starts_with("preflight") {
                    *direct.entry(name.to_owned()).or_default() |= section != "dev-dependencies";
                }
            }
        }
    }
    direct
}

#[test]
fn what_is_said_of_each_dependency_is_true() {
    let text = include_str!("../docs/dependencies.md");
    let table = text.split_once("## Who keeps them, and what they bring").expect("the section").1;
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| crate "))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let direct = direct();
    let named: Vec<&str> = rows.iter().map(|row| row[0]).collect();
    assert_eq!(
        named,
        direct.keys().collect::<Vec<_>>(),
        "the rows are those of the direct dependencies, in order"
    );
    let (sources, built, tested) = (sources(), links("normal,build"), links("normal,build,dev"));
    let mut wrong = Vec::new();
    for row in rows {
        let [name, keeper, ..] = row[..] else { panic!("{row:?}") };
        let links = if direct[name] { &built } else { &tested };
        let found = links.keys().find(|(n, _)| n == name).expect(name);
        let (source, script) = &sources[found];
        let brings = below(links, found);
        let yes = |so: bool| if so { "yes" } else { "no" };
        let right =
            format!("| {name} | {keeper} | {brings} | {} | {} |", yes(has_unsafe(source)), yes(*script));
        if right != format!("| {} |", row.join(" | ")) || keeper.is_empty() {
            wrong.push(right);
        }
    }
    assert!(wrong.is_empty(), "docs/dependencies.md should have\n{}", wrong.join("\n"));
}
