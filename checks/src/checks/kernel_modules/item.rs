//! How a policy names a module: by its name alone, or by a map that says more.

use crate::{entry::Entry, facts::modules::fold, range::Range};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;

/// What is asked of one module.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ModuleRule {
    /// The module, as modprobe takes it: `br_netfilter`. `-` and `_` are the same; an alias such as `fs-overlay`
    /// will do.
    pub name: String,
    /// Modules each of which does as well.
    #[serde(default)]
    pub any_of: Vec<String>,
    /// What it is for, told with the finding.
    #[serde(default)]
    pub why: Option<String>,
    /// The kernels of which it is asked: `>=5.13`. Default: all.
    #[serde(default)]
    pub kernel: Option<Range>,
    /// Whether it has to be loaded (or built in) now; that it could be loaded is then not enough.
    #[serde(default)]
    pub loaded: bool,
}

impl ModuleRule {
    /// The module `name`, and nothing more said of it.
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), any_of: Vec::new(), why: None, kernel: None, loaded: false }
    }

    /// The module and its alternatives.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.any_of).map(String::as_str)
    }
}

impl Entry for ModuleRule {
    const WORD: &'static str = "the name of a module";

    fn from_word(name: &str) -> Result<Self, String> {
        Ok(Self::named(name))
    }
}

/// What is wrong with a list of rules that has the right shape.
pub(super) fn validate<'a>(rules: impl Iterator<Item = &'a ModuleRule>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for rule in rules {
        if let Some(wrong) = rule.names().find(|n| !is_name(n)) {
            return Err(match wrong.split_once(".ko") {
                Some((name, _)) => format!("`{wrong}` is a file; write the module's name, `{name}`"),
                None => format!("`{wrong}` is not the name of a module; write for example `br_netfilter`"),
            });
        }
        if !seen.insert(fold(&rule.name)) {
            return Err(format!("`{}` is named twice; `-` and `_` are the same", rule.name));
        }
    }
    if seen.is_empty() {
        return Err("no module is named; write some under `required` or `optional`".into());
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_graphic() && c != '/';
    !name.is_empty() && name.len() < 128 && name.chars().all(fits) && !name.contains(".ko")
}
