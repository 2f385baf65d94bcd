//! What the documents promise is so: the README's example, its policy and its options; the list of dependencies.
#![allow(clippy::disallowed_methods)] // tests read the repository's files and start the program as users do

mod common;

use common::{
    nodes,
    process::{PROGRAM, preflight, preflight_with},
};
use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

const README: &str = include_str!("../README.md");

/// The first block of that language after `marker` in the README.
fn block<'a>(marker: &str, language: &str) -> &'a str {
    let fence = format!("```{language}\n");
    let after = README.split_once(marker).expect(marker).1;
    let block = after.split_once(&fence).expect("a block").1;
    block.split_once("```").expect("an end").0
}

/// The last line without the time that the run took.
fn timeless(text: &str) -> String {
    let (before, _) = text.trim_end().rsplit_once(" in ").unwrap_or((text, ""));
    before.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_example_of_the_readme_is_what_the_program_prints() {
    let example = block("## What it prints", "text");
    let (command, wanted) = example.split_once('\n').expect("a command and its output");
    assert_eq!(command, "$ preflight --root node --only 'cgroup-*,kernel-version'");
    let here = tempfile::tempdir().unwrap();
    let root = &nodes::named("debian-6.1.0-56-amd64/v2-disable-memory").root;
    symlink(root, here.path().join("node")).unwrap();
    let mut program = Command::new(PROGRAM);
    program.args(["--root", "node", "--only", "cgroup-*,kernel-version"]).current_dir(here.path());
    program.env("LC_ALL", "C.UTF-8");
    let output = program.output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(timeless(&printed), timeless(wanted), "the README shows something else than:\n{printed}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn the_table_of_cgroups_in_the_readme_is_what_the_program_prints() {
    let example = block("## Cgroups", "text");
    let (command, wanted) = example.split_once('\n').expect("a command and its output");
    assert_eq!(command, "$ preflight cgroups --root node");
    let root = &nodes::named("debian-6.1.0-56-amd64/v2").root;
    let printed = preflight(&["cgroups", "--root", root.to_str().unwrap()]).stdout;
    for line in wanted.lines() {
        assert!(printed.lines().any(|l| l == line), "`{line}` is not in:\n{printed}");
    }
}

#[test]
fn what_captures_leave_out_is_documented() {
    let page = include_str!("../docs/capture.md");
    for (place, what) in preflight_checks::capture::redact::RULES {
        assert!(page.contains(&format!("| {place} | {what} |")), "{place}");
    }
    assert!(page.contains(preflight_checks::capture::redact::MARK));
}

#[test]
fn the_policy_of_the_readme_is_right() {
    let ran = preflight_with(block("## A policy", "yaml"), &["policy", "lint", "-"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

/// The policies in docs/rules.md are right, and what they ask starts or changes nothing by itself.
#[test]
fn the_policies_of_the_documentation_are_right() {
    let text = include_str!("../docs/rules.md");
    let policies: Vec<&str> =
        text.split("```yaml\n").skip(1).map(|block| block.split_once("```").expect("an end").0).collect();
    assert_eq!(policies.len(), 4);
    for policy in policies {
        let ran = preflight_with(policy, &["policy", "lint", "-"]);
        assert_eq!(ran.code, Some(0), "{policy}{}{}", ran.stdout, ran.stderr);
        let ran = preflight_with(policy, &["-c", "-", "-o", "json"]);
        assert!(matches!(ran.code, Some(0 | 1)), "{policy}{}", ran.stderr);
    }
    // What `expect` knows is what the page tells, and the other way round.
    let keys = [
        "equals", "oneOf", "atLeast", "atMost", "contains", "each", "count", "matches", "version", "not",
        "all", "any",
    ];
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../configs/schema/policy-v1.schema.json")).unwrap();
    let properties =
        schema["definitions"]["MatcherMap"]["properties"].as_object().expect("the keys of matchers");
    assert_eq!(properties.len(), keys.len());
    for key in keys {
        assert!(properties.contains_key(key) && text.contains(&format!("`{key}`")), "{key}");
    }
}

/// The cases in docs/policies.md hold.
#[test]
fn the_cases_of_the_documentation_hold() {
    let text = include_str!("../docs/policies.md");
    let cases = text.split_once("```yaml\n").expect("cases").1.split_once("```").expect("an end").0;
    let here = tempfile::tempdir().unwrap();
    let file = here.path().join("cases.yaml");
    fs::write(&file, cases).unwrap();
    let ran = preflight(&["policy", "test", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let lines = include_str!("../configs/policies/embedded-cluster.yaml").lines().count();
    assert!(text.contains(&format!("in {lines} lines")), "{lines}");
}

/// Every relative link in the README and in docs/ leads to a file, and every page of the book is in its summary.
#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md"), root.join("CONTRIBUTING.md"), root.join("CHANGELOG.md")];
    let mut todo = vec![root.join("docs")];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                pages.push(path);
            }
        }
    }
    let summary = fs::read_to_string(root.join("docs/SUMMARY.md")).unwrap();
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        // What stands in code is no link.
        let prose: String = text.split("```").step_by(2).collect();
        for (at, _) in prose.match_indices("](") {
            let target = prose[at + 2..].split(')').next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let leads = page.parent().unwrap().join(file);
            assert!(leads.exists(), "{}: {target} leads nowhere", page.display());
        }
        if let Ok(name) = page.strip_prefix(root.join("docs")) {
            let listed = summary.contains(&format!("({})", name.display()));
            assert!(listed || name == Path::new("SUMMARY.md"), "docs/SUMMARY.md lacks {}", name.display());
        }
    }
}

#[test]
fn every_option_of_the_readme_exists_and_the_other_way_round() {
    let help = preflight(&["--help"]).stdout;
    let options = |text: &str| {
        let word = |w: &str| {
            w.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap_or_default().to_owned()
        };
        let mut found: Vec<String> = text.match_indices("--").map(|(i, _)| word(&text[i..])).collect();
        found.retain(|o| o.len() > 3);
        found.sort();
        found.dedup();
        found
    };
    let in_help: Vec<String> = options(&help);
    let use_section = README.split_once("## Use").unwrap().1.split_once("## A policy").unwrap().0;
    for option in options(use_section) {
        assert!(in_help.contains(&option), "the README speaks of {option}");
    }
    let rows: String = use_section.lines().filter(|l| l.starts_with("| `-")).collect();
    for option in
        in_help.iter().filter(|o| !["--help", "--version", "--quiet", "--verbose"].contains(&o.as_str()))
    {
        assert!(rows.contains(option.as_str()), "the README's table lacks {option}");
    }
}

#[test]
fn every_direct_dependency_is_accounted_for() {
    let documented = include_str!("../docs/dependencies.md");
    for manifest in ["Cargo.toml", "checks/Cargo.toml"] {
        let text = fs::read_to_string(format!("{}/{manifest}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let mut section = "";
        for line in text.lines() {
            if line.starts_with('[') {
                section = line;
            } else if section.ends_with("dependencies]") && section != "[workspace.dependencies]" {
                let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
                let named =
                    |l: &str| l.starts_with('|') && l.split('|').nth(1).unwrap_or_default().contains(name);
                let own = name.is_empty() || name.starts_with('#') || name.starts_with("preflight");
                assert!(
                    own || documented.lines().any(named),
                    "{manifest}: docs/dependencies.md lacks {name}"
                );
            }
        }
    }
}
