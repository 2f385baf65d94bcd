//! STAND-IN for the policy reader: everything that the program asks of it beside the types of
//! [`crate::policy`]. The lead replaces the bodies by calls into `crate::policy` (or this file altogether).

use crate::{
    glob::Glob,
    policy::{self, Applicability, Date, Inputs, Policy, When, profiles as embedded},
};
use preflight_checks::{Evidence, Node, Unknown};

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
    Usage(String),
    /// The policy is wrong (exit 3).
    Policy(String),
}

/// Reads and resolves a policy.
pub(crate) fn load(source: &Source, sets: &[(String, String)]) -> Result<Policy, LoadError> {
    let source = match source {
        Source::Default => policy::Source::Profile(embedded::DEFAULT.to_owned()),
        Source::Named(name) => policy::Source::named(name),
        Source::Stdin => {
            policy::Source::read_stdin().map_err(|e| LoadError::Policy(format!("standard input: {e}")))?
        }
    };
    Policy::load(&source, sets).map_err(|e| match e {
        policy::LoadError::Usage(usage) => LoadError::Usage(usage.to_string()),
        policy::LoadError::Policy(wrong) => LoadError::Policy(wrong.to_string()),
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
    match when.applies(inputs, node) {
        Applicability::Applies => Applies::Yes,
        Applicability::Not { reason, evidence } => Applies::No(reason, evidence),
        Applicability::Unknown(unknown) => Applies::Unknown(unknown),
    }
}

/// Whether `glob` matches `id`; `*` is any text, `/` included, and `?` any character.
pub(crate) fn glob_matches(glob: &str, id: &str) -> bool {
    Glob::new(glob).matches(id)
}

/// The current day in UTC.
pub(crate) fn today() -> Date {
    Date::today()
}

/// The embedded profiles: name and description.
pub(crate) fn profiles() -> Vec<(String, String)> {
    embedded::ALL.iter().map(|p| (p.name.to_owned(), p.description.to_owned())).collect()
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
