//! STAND-IN for the policy reader: everything that the program asks of it beside the types of
//! [`crate::policy`]. The lead replaces the bodies by calls into `crate::policy` (or this file altogether).

use crate::{
    policy::{Date, Inputs, OnUnknown, Policy, Rule, When},
    report::time,
};
use preflight_checks::{
    Evidence, Node, Severity, Unknown, registry,
    value::{Kind, Span, Value},
};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where a policy is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nothing was named: the embedded default profile.
    Default,
    /// A file, or the name of an embedded profile.
    Named(String),
    /// Standard input.
    Stdin,
}

impl Source {
    /// What `--config` names.
    pub(crate) fn from_option(config: Option<&str>) -> Self {
        match config {
            None => Self::Default,
            Some("-") => Self::Stdin,
            Some(name) => Self::Named(name.to_owned()),
        }
    }
}

/// Why there is no policy, ready to be shown.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// A `--set` is wrong (exit 2).
    #[expect(dead_code, reason = "the stand-in takes every input")]
    Usage(String),
    /// The policy is wrong (exit 3).
    Policy(String),
}

/// Reads and resolves a policy.
pub(crate) fn load(source: &Source, sets: &[(String, String)]) -> Result<Policy, LoadError> {
    if !matches!(source, Source::Default) {
        return Err(LoadError::Policy("policies can't be read yet: leave out --config".to_owned()));
    }
    let empty = Value { span: Span::default(), kind: Kind::Map(Vec::new()) };
    let rules = registry::CHECKS.iter().filter_map(|check| {
        Some(Rule {
            id: check.meta().id.to_owned(),
            check: check.bind(&empty).ok()?,
            severity: Severity::Fail,
            on_unknown: OnUnknown::Warn,
            when: When::default(),
        })
    });
    Ok(Policy {
        name: "kubernetes-node".to_owned(),
        description: None,
        source: "profile kubernetes-node".to_owned(),
        sha256: "0".repeat(64),
        inputs: Inputs(sets.iter().cloned().collect()),
        rules: rules.collect(),
        waivers: Vec::new(),
    })
}

/// Whether a rule is asked on a node.
pub(crate) enum Applies {
    /// It is.
    Yes,
    /// It is not: why, as a sentence, and what told so.
    No(String, Vec<Evidence>),
    /// Could not be told.
    Unknown(Unknown),
}

/// Whether `when` holds.
pub(crate) fn applies(when: &When, inputs: &Inputs, node: &Node) -> Applies {
    if let Some(role) = inputs.role()
        && !when.role.is_empty()
        && !when.role.iter().any(|r| r == role)
    {
        return Applies::No(
            format!("asked of the role {} only; this is {role}", when.role.join(", ")),
            vec![],
        );
    }
    if when.cgroup.is_empty() {
        return Applies::Yes;
    }
    match node.cgroup_layout() {
        Ok(layout) if when.cgroup.contains(&layout.kind) => Applies::Yes,
        Ok(layout) => Applies::No(format!("not asked on cgroup {}", layout.kind.as_str()), vec![]),
        Err(unknown) => Applies::Unknown(unknown.clone()),
    }
}

/// Whether `glob` matches `id`; `*` is any text, `/` included, and `?` any character.
pub(crate) fn glob_matches(glob: &str, id: &str) -> bool {
    let (glob, id): (Vec<char>, Vec<char>) = (glob.chars().collect(), id.chars().collect());
    let (mut g, mut i, mut star) = (0, 0, None);
    while i < id.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g, i));
                g += 1;
            }
            Some(c) if *c == '?' || *c == id[i] => {
                g += 1;
                i += 1;
            }
            _ => {
                let Some((star_at, from)) = star else { return false };
                g = star_at + 1;
                i = from + 1;
                star = Some((star_at, i));
            }
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

/// The current day in UTC.
pub(crate) fn today() -> Date {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (year, month, day) = time::civil(seconds / 86_400);
    Date {
        year: year.try_into().unwrap_or(u16::MAX),
        month: month.try_into().unwrap_or(12),
        day: day.try_into().unwrap_or(31),
    }
}

/// The embedded profiles: name and description.
pub(crate) fn profiles() -> Vec<(String, String)> {
    vec![("kubernetes-node".to_owned(), "Any node of a Kubernetes cluster (the default)".to_owned())]
}

/// Checks a policy without running it; what to say when nothing is wrong.
pub(crate) fn lint(source: &Source, sets: &[(String, String)]) -> Result<String, LoadError> {
    let policy = load(source, sets)?;
    Ok(format!("{}: {} rules, nothing wrong\n", policy.source, policy.rules.len()))
}

/// The resolved policy as text.
pub(crate) fn show(source: &Source, sets: &[(String, String)]) -> Result<String, LoadError> {
    let policy = load(source, sets)?;
    let rules: Vec<_> = policy.rules.iter().map(|r| format!("- id: {}", r.id)).collect();
    Ok(rules.join("\n") + "\n")
}

/// The JSON Schema of policies as text.
pub(crate) fn schema() -> String {
    "{}\n".to_owned()
}
