//! The pages of the book that are made of the program itself: docs/reference. A test holds them against it.

#![allow(clippy::disallowed_methods, reason = "tests read and write files of the source")]

use super::{args::Cli, exit, outputs::ReportFormat};
use crate::{
    explain,
    policy::{profiles, published},
};
use clap::{Command, CommandFactory as _, ValueEnum};
use preflight_checks::registry;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::Path,
};

const MADE: &str = "<!-- Made of the program: PREFLIGHT_BLESS=1 cargo test book -->\n\n";

fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let schema = published::published();
    let mut index = format!("{MADE}# Checks\n\n| check | judges |\n|---|---|\n");
    for check in registry::CHECKS {
        let meta = check.meta();
        let _ = writeln!(
            index,
            "| [`{}`](checks/{}.md) | {} |",
            meta.id,
            meta.id,
            meta.summary.replace('|', "\\|")
        );
        let (parameters, _) = published::parameters(&schema, meta.id).expect("every check has parameters");
        let told = parameters["description"].as_str().unwrap_or(meta.summary);
        let whole = explain::check(*check, 100);
        let (_, parameters) =
            whole.split_once("\nPARAMETERS (below `with:` of a rule)\n").expect("parameters");
        let kubeadm = meta.kubeadm.map(|name| format!(" kubeadm calls it {name}.")).unwrap_or_default();
        let page = format!(
            "{MADE}# `{}`\n\nSince {}.{kubeadm}\n\n{told}\n\n## Parameters\nBelow `with:` of a rule.\n\n```text\n{}```\n",
            meta.id, meta.since, parameters
        );
        pages.insert(format!("checks/{}.md", meta.id), page);
    }
    pages.insert("checks.md".to_owned(), index);
    let mut commands = format!("{MADE}# Commands and their options\n");
    let mut command = Cli::command();
    command.build();
    help(&mut command, "preflight", &mut commands);
    pages.insert("commands.md".to_owned(), commands);
    pages.insert("exit-status.md".to_owned(), exit_status());
    pages.insert("report.md".to_owned(), fields());
    pages.insert("policy.md".to_owned(), policy_fields(&schema));
    pages.insert("formats.md".to_owned(), formats());
    let rows = profiles::ALL.iter().map(|p| format!("| `{}` | {} |\n", p.name, p.description));
    let rows: String = rows.collect();
    pages.insert(
        "profiles.md".to_owned(),
        format!("{MADE}# Built-in profiles\n\n`preflight policy show PROFILE` prints one.\n\n| profile | for |\n|---|---|\n{rows}"),
    );
    pages
}

fn help(command: &mut Command, name: &str, out: &mut String) {
    let text = command.clone().term_width(90).render_long_help().to_string();
    let text: Vec<&str> = text.lines().map(str::trim_end).collect();
    let _ = write!(out, "\n## {name}\n\n```text\n{}\n```\n", text.join("\n").trim_end());
    let below: Vec<String> =
        command.get_subcommands().map(|c| c.get_name().to_owned()).filter(|name| name != "help").collect();
    for one in below {
        let inner = command.find_subcommand_mut(&one).expect("it was listed");
        help(inner, &format!("{name} {one}"), out);
    }
}

fn exit_status() -> String {
    format!(
        "{MADE}# Exit status\n\n```text\n{}\n```\n\nWith `-o nagios` on standard output a run ends as Nagios has it: 0 OK, 1 warning, 2 critical, 3 nothing \
         was determined; with `-o node-problem-detector` 0 passed, 1 failed, 2 not determined. `policy test` ends with 1 where a case does not hold, `policy lint` with 0 where there are only warnings.\n",
        exit::HELP
    )
}

/// The formats of reports, as `--help` tells them.
fn formats() -> String {
    let mut out = format!(
        "{MADE}# Formats of reports\n\n`-o FORMAT[=FILE]`, once for each report.\n\n| format | what it is |\n|---|---|\n"
    );
    for value in ReportFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value) {
        let told = value.get_help().expect("every format is told of");
        let _ = writeln!(out, "| `{}` | {} |", value.get_name(), told.to_string().replace('|', "\\|"));
    }
    out
}

/// The fields of a report, by type.
fn fields() -> String {
    let schema = crate::report::json::schema().to_value();
    let mut out = format!(
        "{MADE}# The report as JSON\n\nWithin `preflight/v1` fields are added, never renamed or removed. The JSON Schema is in configs/schema.\n"
    );
    table("Report", &schema, &mut out);
    for (name, definition) in schema["definitions"].as_object().into_iter().flatten() {
        table(name, definition, &mut out);
    }
    out
}

/// The fields of a policy, by type, without the parameters of checks, which have pages of their own.
fn policy_fields(schema: &Value) -> String {
    let mut out = format!(
        "{MADE}# Fields of a policy\n\nThe JSON Schema is in configs/schema; `preflight policy schema` prints it. What stands below `with:` \
         is on the page of each [check](checks.md).\n"
    );
    table("Policy", schema, &mut out);
    let mut named = BTreeSet::new();
    let properties = Value::from_iter([("properties", schema["properties"].clone())]);
    refer(&properties, schema, &mut named);
    for name in named {
        table(&name, &schema["definitions"][&name], &mut out);
    }
    out
}

/// The types that a part of a schema names, and those that they name.
fn refer(part: &Value, schema: &Value, named: &mut BTreeSet<String>) {
    let reference = part["$ref"].as_str().and_then(|at| at.strip_prefix("#/definitions/"));
    if let Some(name) = reference.filter(|name| !name.ends_with("Params"))
        && named.insert(name.to_owned())
    {
        refer(&schema["definitions"][name], schema, named);
    }
    let inner = part.as_object().into_iter().flat_map(|object| object.values());
    for below in inner.chain(part.as_array().into_iter().flatten()) {
        refer(below, schema, named);
    }
}

fn table(name: &str, of: &Value, out: &mut String) {
    let Some(properties) = of["properties"].as_object() else { return };
    let _ = write!(out, "\n## {name}\n\n| field | meaning |\n|---|---|\n");
    for (field, property) in properties {
        let told = property["description"].as_str().unwrap_or_default().replace(['\n', '|'], " ");
        let _ = writeln!(out, "| `{field}` | {told} |");
    }
}

/// `PREFLIGHT_BLESS=1 cargo test book` writes them anew.
#[test]
fn the_reference_of_the_book_is_up_to_date() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference");
    let made = pages();
    if env::var_os("PREFLIGHT_BLESS").is_some() {
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(directory.join("checks")).unwrap();
        for (name, text) in &made {
            fs::write(directory.join(name), text).unwrap();
        }
        return;
    }
    for (name, text) in &made {
        let there = fs::read_to_string(directory.join(name)).unwrap_or_default();
        assert!(there == *text, "docs/reference/{name} is stale: PREFLIGHT_BLESS=1 cargo test book");
    }
    let count = |at: &Path| fs::read_dir(at).unwrap().count();
    assert_eq!(
        count(&directory) - 1 + count(&directory.join("checks")),
        made.len(),
        "a page that nobody makes"
    );
}
