//! `services`: Services run or not, start at boot or not, and have the controllers that they need.

mod params;
mod seen;
mod troubles;

use params::{ServiceRule, ServicesParams};
use seen::{Look, Seen, Service};
use troubles::{Judged, judge};

use crate::{
    check::{Check, Meta},
    entry::Written,
    evidence::{Evidence, Proof, Unknown},
    finding::{Finding, Findings, Remedy, Severity},
    node::Node,
};

/// The check `services`.
pub struct Services;

impl Check for Services {
    type Params = ServicesParams;

    const META: Meta = Meta {
        id: "services",
        summary: "Services run or not, start at boot or not, and have the controllers that they need",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &ServicesParams) -> Result<(), String> {
        params.validate()
    }

    fn run(params: &ServicesParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let look = Look::new(node, params.services.iter().map(|Written(rule)| rule));
        for Written(rule) in &params.services {
            out.push(one(rule, &look).kubeadm(kubeadm_name(&rule.name)));
        }
        Ok(())
    }
}

/// `Service-Kubelet`: kubeadm's name of its check of a service (checks.go, ServiceCheck.Name: strings.Title of the name).
fn kubeadm_name(name: &str) -> String {
    let mut title = String::from("Service-");
    let mut starts = true;
    for c in name.strip_suffix(".service").unwrap_or(name).chars() {
        title.push(if starts { c.to_ascii_uppercase() } else { c });
        starts = !(c.is_ascii_alphanumeric() || c == '_');
    }
    title
}

/// Of services each of which will do, one that is as it should be decides; then what is not known; then the first that is
/// there.
fn one(rule: &ServiceRule, look: &Look) -> Finding {
    let subject = rule.name.as_str();
    let mut missing = Vec::new();
    let mut unknown = None;
    let mut problem = None;
    for name in rule.names() {
        match look.at(name, rule) {
            // What may be missing, and is in no place that is known, is not asked for.
            Seen::Elsewhere(why) if rule.optional => missing.extend(why.evidence),
            Seen::Elsewhere(why) | Seen::Unknown(why) => unknown = unknown.or(Some(why)),
            Seen::Missing(evidence) => {
                let known = |seen: &Evidence| missing.contains(seen);
                let new: Vec<Evidence> = evidence.into_iter().filter(|seen| !known(seen)).collect();
                missing.extend(new);
            }
            Seen::There(service) => match judge(&service, rule) {
                Judged::Good(finding) => return finding,
                Judged::Problem(finding) => problem = problem.or(Some(finding)),
                Judged::Unknown(why) => unknown = unknown.or(Some(why)),
            },
        }
    }
    match (unknown, problem) {
        // With one alone, a problem that was seen stands, whatever else is not known.
        (Some(unknown), _) => {
            let message = format!("whether the service {subject} is as it should be could not be determined");
            Finding::undetermined(rule.severity, subject, "unknown", message, &unknown)
        }
        (None, Some(finding)) => finding,
        (None, None) => absent(rule, missing),
    }
}

/// There is none.
fn absent(rule: &ServiceRule, seen: Vec<Evidence>) -> Finding {
    let subject = rule.name.as_str();
    let or =
        if rule.any_of.is_empty() { String::new() } else { format!(" (nor {})", rule.any_of.join(", ")) };
    let message = format!("there is no service {subject}{or}");
    if rule.optional {
        return Finding::not_applicable(subject, message, seen);
    }
    if rule.wants_absence()
        && let Some(proof) = Proof::of(seen.clone())
    {
        return Finding::pass(subject, "as-wanted", message, proof);
    }
    Finding::problem(rule.severity, subject, "missing", message)
        .evidence(seen)
        .notes(rule.why.clone())
        .remedy(Remedy::new(format!("Install what brings the service {subject}")))
}

/// A finding about a service that is not as it should be.
fn problem(rule: &ServiceRule, severity: Severity, reason: &'static str, message: String) -> Finding {
    Finding::problem(rule.severity.min(severity), &rule.name, reason, message).notes(rule.why.clone())
}

#[cfg(test)]
mod tests;
