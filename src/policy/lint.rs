//! What is not wrong with a policy, but not right either.

mod contradictions;
mod never;

use super::{
    Date, LoadError, Policy, Source,
    diagnostics::{Diagnostic, Diagnostics, quoted},
    resolve::{Overrides, Resolved, resolve},
};
use crate::glob::{Glob, nearest_id};
use preflight_checks::{DynCheck, registry};

/// How long before its last day a waiver is spoken of, in days.
const SOON: u64 = 30;

/// Inputs with a meaning of their own: they say what the policy is for, even where no rule asks.
const ALWAYS_USED: [&str; 2] = ["role", "kubernetesVersion"];

impl Policy {
    /// Reads and resolves a policy and says what is questionable about it: waivers that hold no longer, or not
    /// for long, on `today`; waivers for what no rule reports; inputs that nothing uses; two rules of which no node obeys both;
    /// rules that are asked nowhere.
    ///
    /// # Errors
    /// As [`Policy::load`].
    pub fn lint(source: &Source, sets: &[(String, String)], today: Date) -> Result<Diagnostics, LoadError> {
        lint(source, sets, today, registry::CHECKS)
    }
}

pub(super) fn lint(
    source: &Source,
    sets: &[(String, String)],
    today: Date,
    checks: &'static [&'static dyn DynCheck],
) -> Result<Diagnostics, LoadError> {
    let resolved = resolve(source, &Overrides { sets, ..Overrides::default() }, checks)?;
    let mut warnings: Vec<Diagnostic> = waivers(&resolved, today);
    warnings.extend(unused(&resolved));
    warnings.extend(contradictions::find(&resolved.policy.rules));
    warnings.extend(never::find(&resolved.policy.rules));
    let mut files = resolved.files;
    for warning in warnings {
        files.push(warning);
    }
    Ok(Diagnostics::new(files.texts, files.out))
}

fn waivers(resolved: &Resolved, today: Date) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    let rules = &resolved.policy.rules;
    for (waiver, (finding, date)) in resolved.policy.waivers.iter().zip(&resolved.waiver_places) {
        if let (Some(until), Some(at)) = (waiver.until, date) {
            if !waiver.holds_on(today) {
                let message = format!("this waiver ended on {until} and holds no longer");
                warnings.push(Diagnostic::warning(*at, message));
            } else if until.days() <= today.days() + SOON {
                let left = until.days().saturating_sub(today.days());
                let left = match left {
                    0 => "today".to_owned(),
                    1 => "tomorrow".to_owned(),
                    days => format!("in {days} days"),
                };
                let message = format!("this waiver ends on {until}, {left}");
                warnings.push(Diagnostic::warning(*at, message));
            }
        }
        let glob = Glob::new(&waiver.finding);
        if !rules.iter().any(|rule| glob.can_match_below(&format!("{}/", rule.id))) {
            let message =
                format!("no rule of this policy has findings that {} matches", quoted(&waiver.finding));
            let near = nearest_id(&waiver.finding, rules.iter().map(|r| r.id.as_str()));
            let help =
                near.map(|id| format!("findings are called `rule-id/subject`; did you mean `{id}/*`?"));
            let help = help.or_else(|| Some("findings are called `rule-id/subject`".to_owned()));
            warnings.push(Diagnostic::warning(*finding, message).help(help));
        }
    }
    warnings
}

fn unused(resolved: &Resolved) -> impl Iterator<Item = Diagnostic> {
    let unused = resolved.unused_inputs.iter().filter(|(name, _)| !ALWAYS_USED.contains(&name.as_str()));
    unused.map(|(name, at)| Diagnostic::warning(*at, format!("nothing uses the input {}", quoted(name))))
}
