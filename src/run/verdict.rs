//! From a check's answer to a finding with a verdict.

use super::{select::Selection, worker::Answer};
use crate::{
    glob::Glob,
    policy::{Date, OnUnknown, Policy, Rule, Waiver},
    report::model::{self, Millis, NEEDS, Verdict},
};
use preflight_checks::{Cause, Finding, Outcome, Severity};
use std::{collections::HashSet, time::Duration};

/// The reason of a rule of which nothing was selected.
pub(crate) const DESELECTED: &str = "deselected";

/// A finding as the report will have it, and the cause that it is or follows from.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) finding: model::Finding,
    pub(super) cause: Option<Cause>,
}

/// Judges the answers of all rules, in order. Ids are unique afterwards: the second of two equal ones gets `#2`.
pub(super) fn judge_all(policy: &Policy, answers: Vec<Option<Answer>>, selection: &Selection) -> Vec<Judged> {
    let mut ids = HashSet::new();
    let mut judged = Vec::new();
    for (rule, answer) in policy.rules.iter().zip(answers) {
        match answer {
            None => judged.push(deselected(rule, selection)),
            Some(answer) => {
                judged.extend(answer.into_iter().map(|(finding, took)| judge(rule, &finding, took)));
            }
        }
    }
    for one in &mut judged {
        let plain = one.finding.id.clone();
        let mut nth = 1;
        while !ids.insert(one.finding.id.clone()) {
            nth += 1;
            one.finding.id = format!("{plain}#{nth}");
        }
    }
    judged
}

/// Judges one answer.
pub(super) fn judge(rule: &Rule, finding: &Finding, took: Duration) -> Judged {
    let cap = finding.severity().min(rule.severity);
    let (verdict, determined) = match finding.outcome() {
        Outcome::Pass => (Verdict::Pass, true),
        Outcome::NotApplicable => (Verdict::Skip, true),
        Outcome::Problem => (verdict_of(cap), true),
        Outcome::Undetermined(_) => (on_unknown(rule.on_unknown, cap), false),
    };
    let mut notes = finding.all_notes().to_vec();
    if let Outcome::Undetermined(Some(needs)) = finding.outcome() {
        notes.push(format!("{NEEDS}{needs}."));
    }
    let mut judged = empty(rule, finding.subject());
    judged.verdict = verdict;
    judged.determined = determined;
    finding.reported_reason().clone_into(&mut judged.reason);
    finding.message().clone_into(&mut judged.message);
    judged.notes = notes;
    judged.evidence = finding.all_evidence().to_vec();
    judged.remedy = finding.mend().cloned();
    if let Some(name) = finding.kubeadm_name() {
        judged.kubeadm = Some(name.to_owned());
    }
    judged.duration_ms = Millis::from(took);
    Judged { finding: judged, cause: finding.cause().cloned() }
}

fn verdict_of(severity: Severity) -> Verdict {
    match severity {
        Severity::Warn => Verdict::Warn,
        Severity::Fail => Verdict::Fail,
    }
}

fn on_unknown(on_unknown: OnUnknown, cap: Severity) -> Verdict {
    match on_unknown {
        OnUnknown::Skip => Verdict::Skip,
        OnUnknown::Warn => Verdict::Warn,
        OnUnknown::Fail => verdict_of(cap),
    }
}

/// The one finding of a rule of which nothing was selected: skipped, so that no rule is silent (law 1).
pub(super) fn deselected(rule: &Rule, selection: &Selection) -> Judged {
    let mut finding = empty(rule, "");
    DESELECTED.clone_into(&mut finding.reason);
    finding.message = format!("not selected by {}", selection.options());
    Judged { finding, cause: None }
}

fn empty(rule: &Rule, subject: &str) -> model::Finding {
    let subject = Some(subject).filter(|s| !s.is_empty());
    let meta = rule.check.meta();
    model::Finding {
        id: subject.map_or_else(|| rule.id.clone(), |subject| format!("{}/{subject}", rule.id)),
        rule: rule.id.clone(),
        check: meta.id.to_owned(),
        subject: subject.map(str::to_owned),
        verdict: Verdict::Skip,
        determined: true,
        reason: String::new(),
        message: String::new(),
        notes: Vec::new(),
        evidence: Vec::new(),
        remedy: None,
        kubeadm: rule.kubeadm.clone().or_else(|| meta.kubeadm.map(str::to_owned)),
        blocked_by: None,
        waiver: None,
        duration_ms: Millis::default(),
    }
}

/// Lets the first waiver that matches and still holds turn a failure into a warning. A waiver that has expired
/// says so and does nothing.
pub(super) fn waive(finding: &mut model::Finding, waivers: &[Waiver], today: Date) {
    if finding.verdict < Verdict::Warn {
        return;
    }
    let matching = || waivers.iter().filter(|w| Glob::new(&w.finding).matches(&finding.id));
    let held = matching().find(|w| w.holds_on(today)).cloned();
    let ended = matching().find(|w| !w.holds_on(today)).cloned();
    if let Some(waiver) = held {
        finding.verdict = Verdict::Warn;
        finding.waiver = Some(model::Waiver {
            finding: waiver.finding,
            reason: waiver.reason,
            until: waiver.until.map(|date| date.to_string()),
        });
    } else if let Some(Waiver { finding: glob, reason, until: Some(until) }) = ended {
        finding.notes.push(format!("The waiver `{glob}` ({reason}) expired on {until} and no longer holds."));
    }
}
