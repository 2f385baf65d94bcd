//! What was found at one place, and the one finding that it comes to.

use super::place::Spot;
use crate::{
    evidence::{Evidence, Proof, Unknown},
    finding::{Finding, Remedy, Severity},
};

/// One thing that is wrong at a place.
pub(super) struct Trouble {
    pub severity: Severity,
    pub reason: &'static str,
    pub message: String,
    pub notes: Vec<String>,
    pub evidence: Vec<Evidence>,
    pub remedy: Option<Remedy>,
    /// The name of what it follows from, which other findings may share.
    pub cause: Option<String>,
}

impl Trouble {
    pub(super) fn new(severity: Severity, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity,
            reason,
            message: message.into(),
            notes: Vec::new(),
            evidence: Vec::new(),
            remedy: None,
            cause: None,
        }
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(super) fn evidence(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    pub(super) fn remedy(mut self, remedy: Remedy) -> Self {
        self.remedy = Some(remedy);
        self
    }

    pub(super) fn follows(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

/// Everything that was found at one place.
#[derive(Default)]
pub(super) struct Found {
    pub troubles: Vec<Trouble>,
    pub unknowns: Vec<(Severity, Unknown)>,
    pub notes: Vec<String>,
    /// What a verdict rests on.
    pub evidence: Vec<Evidence>,
}

impl Found {
    pub(super) fn unknown(&mut self, severity: Severity, unknown: Unknown) {
        self.unknowns.push((severity, unknown));
    }

    /// Adds evidence that is not there yet.
    pub(super) fn saw(&mut self, evidence: impl IntoIterator<Item = Evidence>) {
        for one in evidence {
            if !self.evidence.contains(&one) {
                self.evidence.push(one);
            }
        }
    }

    /// The finding. What is certainly wrong comes before what is not known, and that before what is only worth a
    /// warning; without either, it is a pass.
    pub(super) fn finding(mut self, spot: &Spot, reason: &'static str, message: String) -> Finding {
        // Of equals the first stays first: the sort is stable.
        self.troubles.sort_by_key(|t| std::cmp::Reverse(t.severity));
        self.unknowns.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
        let trouble = self.troubles.first().map(|t| t.severity);
        let unknown = self.unknowns.first().map(|(severity, _)| *severity);
        let notes = std::mem::take(&mut self.notes);
        let finding = if trouble.is_some() && trouble >= unknown {
            self.problem(spot)
        } else if let Some((severity, unknown)) = self.unknowns.first() {
            let message = format!("whether the controllers reach {} could not be determined", spot.path);
            Finding::undetermined(*severity, &*spot.subject, "unknown", message, unknown)
                .notes(self.troubles.iter().map(|t| t.message.clone()))
                .evidence(self.evidence)
        } else {
            let mut evidence = self.evidence.into_iter();
            let first = evidence.next().unwrap_or_else(|| Evidence::new(&*spot.path, "looked at"));
            Finding::pass(&*spot.subject, reason, message, Proof::new(first).and_all(evidence))
        };
        finding.notes(notes)
    }

    /// The worst trouble; the others are notes. It follows from something else only if all of them do.
    fn problem(self, spot: &Spot) -> Finding {
        let all_follow = self.troubles.iter().all(|t| t.cause.is_some());
        let mut troubles = self.troubles.into_iter();
        let Some(worst) = troubles.next() else {
            return Finding::undetermined(
                Severity::Fail,
                &*spot.subject,
                "unknown",
                "nothing",
                &Unknown::new("no trouble"),
            );
        };
        let mut evidence = worst.evidence;
        let mut finding =
            Finding::problem(worst.severity, &*spot.subject, worst.reason, worst.message).notes(worst.notes);
        if let Some(remedy) = worst.remedy {
            finding = finding.remedy(remedy);
        }
        if let Some(cause) = worst.cause.filter(|_| all_follow) {
            finding = finding.follows(cause);
        }
        for other in troubles {
            let mend =
                other.remedy.map_or_else(String::new, |r| format!(" ({})", r.summary.trim_end_matches('.')));
            finding = finding.note(format!("also: {}{mend}", other.message)).notes(other.notes);
            evidence.extend(other.evidence);
        }
        let mut reasons: Vec<String> = Vec::new();
        for (_, unknown) in self.unknowns {
            evidence.extend(unknown.evidence);
            // One file that can't be read may leave several questions open.
            if !reasons.contains(&unknown.reason) {
                reasons.push(unknown.reason);
            }
        }
        finding = finding.notes(reasons.into_iter().map(|reason| format!("not determined: {reason}")));
        evidence.extend(self.evidence);
        let mut unique: Vec<Evidence> = Vec::new();
        for one in evidence {
            if !unique.contains(&one) {
                unique.push(one);
            }
        }
        finding.evidence(unique)
    }
}
