//! What becomes of right policies and what users see of wrong ones, on two checks made for these tests.

mod attacks;
mod extending;
mod messages;
mod shown;

use super::{
    Diagnostics, LoadError, Policy, Source,
    diagnostics::Level,
    resolve::{Overrides, Resolved, resolve},
};
use preflight_checks::{Check, DynCheck, Meta, Node, Unknown, finding::Findings, range::Range};
use schemars::JsonSchema;
use serde::Deserialize;

/// Parameters of every shape.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct AlphaParams {
    names: Vec<String>,
    count: u32,
    version: String,
    requires: Option<Range>,
    is_strict: bool,
    nested: Option<Box<AlphaParams>>,
}

struct Alpha;
struct Beta;

impl Check for Alpha {
    type Params = AlphaParams;
    const META: Meta = Meta { id: "alpha", summary: "", since: "0.1.0", kubeadm: None };

    fn validate(params: &AlphaParams) -> Result<(), String> {
        if params.count > 100 { Err("`count` is at most 100".to_owned()) } else { Ok(()) }
    }

    fn run(_: &AlphaParams, _: &Node, _: &mut Findings) -> Result<(), Unknown> {
        Err(Unknown::new("a test"))
    }
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct NoParams {}

impl Check for Beta {
    type Params = NoParams;
    const META: Meta = Meta { id: "beta", summary: "", since: "0.1.0", kubeadm: None };

    fn run(_: &NoParams, _: &Node, _: &mut Findings) -> Result<(), Unknown> {
        Err(Unknown::new("a test"))
    }
}

static CHECKS: &[&dyn DynCheck] = &[&Alpha, &Beta];

const HEAD: &str = "apiVersion: preflight/v1\nkind: Policy\n";

fn load(source: &Source, sets: &[(&str, &str)]) -> Result<Resolved, LoadError> {
    let sets: Vec<_> = sets.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    resolve(source, &Overrides { sets: &sets, ..Overrides::default() }, CHECKS)
}

/// Loads a policy from text; the head of every policy goes before it, on lines 1 and 2.
fn policy_with(body: &str, sets: &[(&str, &str)]) -> Result<Policy, LoadError> {
    load(&Source::Stdin(format!("{HEAD}{body}").into()), sets).map(|r| r.policy)
}

fn policy(body: &str) -> Policy {
    policy_with(body, &[]).unwrap_or_else(|e| panic!("{e}"))
}

/// What is wrong with a source.
fn wrong(source: &Source) -> Diagnostics {
    match load(source, &[]) {
        Err(LoadError::Policy(d)) => d,
        Err(LoadError::Usage(e)) => panic!("{e}"),
        Ok(_) => panic!("nothing is wrong with it"),
    }
}

/// The text of what is wrong with a body.
fn errors(body: &str) -> String {
    wrong(&Source::Stdin(format!("{HEAD}{body}").into())).to_string()
}

/// The first lines of what is wrong, without the lines that show it.
fn summary(diagnostics: &Diagnostics) -> Vec<String> {
    let all = diagnostics.iter().map(|d| {
        let (line, column) = d.line_column.unwrap_or((0, 0));
        assert_eq!(d.level, Level::Error);
        format!("{}:{line}:{column}: {}", d.path, d.message)
    });
    all.collect()
}

fn ids(policy: &Policy) -> Vec<&str> {
    policy.rules.iter().map(|r| r.id.as_str()).collect()
}
