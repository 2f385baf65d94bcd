//! Rules that are asked nowhere, whatever the node is and whatever `--set` says. What an input is in the policy proves nothing:
//! `--set` may change it.

use crate::policy::{
    Rule, When,
    diagnostics::{Diagnostic, Place, quoted},
    read::{ROLES, is_kubernetes_version},
};
use preflight_checks::range::leading_version;

/// A warning for each rule whose `when` never holds.
pub(super) fn find(rules: &[Rule]) -> Vec<Diagnostic> {
    let warning = |rule: &Rule| {
        let message = format!("the rule {} is never asked: {}", quoted(&rule.id), why(&rule.when)?);
        let at = Place { file: rule.file, span: rule.span };
        Some(Diagnostic::warning(at, message).help("mend its `when`, or take the rule out".to_owned()))
    };
    rules.iter().filter_map(warning).collect()
}

/// Why nothing satisfies these conditions, where that is certain.
fn why(when: &When) -> Option<String> {
    for (range, what) in [(&when.kernel, "kernel"), (&when.kubernetes, "version of Kubernetes")] {
        if let Some(range) = range.as_ref().filter(|range| !range.may_meet(range)) {
            return Some(format!("no {what} lies within {}", quoted(range.as_str())));
        }
    }
    if let Some(wanted) = when.inputs.get("role") {
        let can_be = |role: &&String| {
            ROLES.contains(&role.as_str()) && (when.role.is_empty() || when.role.contains(role))
        };
        if !wanted.iter().any(|role| can_be(&role)) {
            let only = if when.role.is_empty() { ROLES.join(" or ") } else { when.role.join(" or ") };
            return Some(format!(
                "`inputs.role` is {}, and the role can only be {only}",
                wanted.join(" or ")
            ));
        }
    }
    let wanted = when.inputs.get("kubernetesVersion")?;
    let can_be = |text: &&String| {
        let within = |version| when.kubernetes.as_ref().is_none_or(|range| range.contains(&version));
        is_kubernetes_version(text) && leading_version(text).is_some_and(within)
    };
    if wanted.iter().any(|text| can_be(&text)) {
        return None;
    }
    let within = when.kubernetes.as_ref().map(|range| format!(" within {}", quoted(range.as_str())));
    let within = within.unwrap_or_default();
    Some(format!(
        "`inputs.kubernetesVersion` is {}, which is no version of Kubernetes{within}",
        wanted.join(" or ")
    ))
}
