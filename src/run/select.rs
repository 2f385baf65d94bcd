//! `--only` and `--skip`: which rules are asked and which findings are kept.

use super::verdict::{self, Judged};
use crate::{
    glob::{Glob, nearest_id},
    policy::Policy,
};
use preflight_checks::names::nearest;
use std::{collections::HashSet, fmt};

/// Globs over the ids of rules and findings. A glob selects what it matches: a rule with all its findings, or
/// single findings.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these, if there is any.
    pub only: Vec<String>,
    /// Not these.
    pub skip: Vec<String>,
}

/// A glob that matches nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoMatch {
    option: &'static str,
    glob: String,
    nearest: Option<String>,
}

impl fmt::Display for NoMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { option, glob, nearest } = self;
        write!(f, "`{option} {glob}` matches no rule and no finding of this policy")?;
        match nearest {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None if !glob.is_empty() && !glob.contains(['/', '*']) => write!(
                f,
                "; findings are called `rule/subject`, so that `*/{glob}` is what every rule says of {glob}; \
                 `preflight --output json` shows the ids"
            ),
            None => write!(f, "; `preflight --output json` shows the ids"),
        }
    }
}

impl Selection {
    /// The options that were given, for messages.
    pub(super) fn options(&self) -> &'static str {
        match (self.only.is_empty(), self.skip.is_empty()) {
            (true, _) => "--skip",
            (false, true) => "--only",
            (false, false) => "--only and --skip",
        }
    }

    fn globs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let only = self.only.iter().map(|glob| ("--only", glob.as_str()));
        only.chain(self.skip.iter().map(|glob| ("--skip", glob.as_str())))
    }

    /// Whether a rule has to be asked at all.
    pub(super) fn asks(&self, rule: &str) -> bool {
        let wanted = self.only.is_empty() || self.only.iter().any(|glob| may_match(glob, rule));
        wanted && !self.skip.iter().any(|glob| matches(glob, rule))
    }

    fn keeps(&self, rule: &str, id: &str) -> bool {
        let either = |glob: &String| matches(glob, id) || matches(glob, rule);
        (self.only.is_empty() || self.only.iter().any(either)) && !self.skip.iter().any(either)
    }

    /// Finds the glob that no rule can match, before anything is asked.
    pub(super) fn can_match(&self, policy: &Policy) -> Result<(), NoMatch> {
        for (option, glob) in self.globs() {
            if !policy.rules.iter().any(|rule| may_match(glob, &rule.id)) {
                let ids = || policy.rules.iter().map(|rule| rule.id.as_str());
                let near = match glob.split_once('/') {
                    Some((rule, subject)) => nearest(rule, ids()).map(|rule| format!("{rule}/{subject}")),
                    None => nearest(glob, ids()).map(str::to_owned),
                };
                return Err(NoMatch { option, glob: glob.to_owned(), nearest: near });
            }
        }
        Ok(())
    }

    /// Finds the glob that matched nothing after all. A rule that could not be asked as a whole might have had
    /// the finding; then nothing is said.
    pub(super) fn all_matched(&self, policy: &Policy, judged: &[Judged]) -> Result<(), NoMatch> {
        for (option, glob) in self.globs() {
            let found = judged.iter().any(|one| {
                matches(glob, &one.finding.id)
                    || one.finding.subject.is_none() && may_match(glob, &one.finding.rule)
            });
            if !found && !policy.rules.iter().any(|rule| matches(glob, &rule.id)) {
                let ids = judged.iter().map(|one| one.finding.id.as_str());
                let nearest = nearest_id(glob, ids).map(str::to_owned);
                return Err(NoMatch { option, glob: glob.to_owned(), nearest });
            }
        }
        Ok(())
    }

    /// Drops the findings that are not selected. A rule of which nothing is left keeps one skipped finding; a
    /// finding about a whole rule stays while any of the rule may be selected.
    pub(super) fn keep(&self, policy: &Policy, judged: &mut Vec<Judged>) {
        if self.only.is_empty() && self.skip.is_empty() {
            return;
        }
        let mut kept = Vec::with_capacity(judged.len());
        let mut seen: HashSet<String> = HashSet::new();
        let mut all = std::mem::take(judged).into_iter().peekable();
        for rule in &policy.rules {
            while let Some(one) = all.next_if(|one| one.finding.rule == rule.id) {
                if one.finding.subject.is_none() || self.keeps(&rule.id, &one.finding.id) {
                    seen.insert(rule.id.clone());
                    kept.push(one);
                }
            }
            if !seen.contains(&rule.id) {
                kept.push(verdict::deselected(rule, self));
            }
        }
        *judged = kept;
    }
}

fn matches(glob: &str, id: &str) -> bool {
    Glob::new(glob).matches(id)
}

/// Whether `glob` matches the rule, or can match one of its findings.
fn may_match(glob: &str, rule: &str) -> bool {
    let glob = Glob::new(glob);
    glob.matches(rule) || glob.can_match_below(&format!("{rule}/"))
}
