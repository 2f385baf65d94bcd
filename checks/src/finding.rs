//! What a check found. The laws of DESIGN.md 1 are in the constructors: there is no public way to build a
//! pass without [`Proof`], and what could not be determined is a result of its own.

use crate::evidence::{Evidence, Proof, Unknown};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// The most that a finding can yield.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; the node can carry work without it.
    Warn,
    /// The node cannot carry the work.
    #[default]
    Fail,
}

/// What a check can say of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be; the finding carries evidence.
    Pass,
    /// Not as it should be.
    Problem,
    /// Neither could be shown; holds what would determine it, where known.
    Undetermined(Option<String>),
    /// Not asked here, because it does not apply.
    NotApplicable,
}

/// A named cause that several findings, of one check or of several, may share (law 6). The runner lets the
/// finding that *is* the cause fail and skips what merely follows from it.
///
/// Use the field's own names: `cgroup-mount`, `CONFIG_CGROUP_PIDS`, `module:overlay`, `cmdline:cgroup_disable=memory`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The name both sides agree on.
    pub name: String,
    /// Whether this finding is the cause itself, and not one of its consequences.
    pub is_root: bool,
}

/// How much a remedy can hurt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Nothing running is touched.
    #[default]
    None,
    /// Running services may be disturbed.
    Service,
    /// Data may be lost.
    Data,
}

/// How to mend a problem: shown, never run.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Remedy {
    /// One sentence.
    pub summary: String,
    /// Commands that mend the running system.
    pub commands: Vec<String>,
    /// What makes it last over a reboot: commands, or lines for a file.
    pub persistent: Vec<String>,
    /// Whether it takes effect only after a reboot.
    pub reboot: bool,
    /// How much it can hurt.
    pub risk: Risk,
}

impl Remedy {
    /// A remedy that is only a sentence; it gets its capital and its full stop where they are missing.
    pub fn new(summary: impl Into<String>) -> Self {
        let mut summary: String = summary.into();
        if let Some(first) = summary.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        if !summary.ends_with(['.', '!', '?']) {
            summary.push('.');
        }
        Self { summary, ..Self::default() }
    }

    /// Adds a command for the running system.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.commands.push(command.into());
        self
    }

    /// Adds what makes it last.
    #[must_use]
    pub fn persistent(mut self, what: impl Into<String>) -> Self {
        self.persistent.push(what.into());
        self
    }

    /// Takes effect after a reboot only.
    #[must_use]
    pub fn reboot(mut self) -> Self {
        self.reboot = true;
        self.risk = self.risk.max_with(Risk::Service);
        self
    }

    /// Sets the risk.
    #[must_use]
    pub fn risk(mut self, risk: Risk) -> Self {
        self.risk = risk;
        self
    }
}

impl Risk {
    fn max_with(self, other: Self) -> Self {
        if (other as u8) > (self as u8) { other } else { self }
    }
}

/// What a check found about one subject.
#[derive(Clone, Debug)]
pub struct Finding {
    subject: String,
    severity: Severity,
    outcome: Outcome,
    reason: &'static str,
    own_reason: Option<String>,
    message: String,
    notes: Vec<String>,
    evidence: Vec<Evidence>,
    remedy: Option<Remedy>,
    cause: Option<Cause>,
    kubeadm: Option<String>,
}

impl Finding {
    fn build(
        subject: impl Into<String>,
        severity: Severity,
        outcome: Outcome,
        reason: &'static str,
        message: impl Into<String>,
        evidence: Vec<Evidence>,
    ) -> Self {
        Self {
            subject: subject.into(),
            severity,
            outcome,
            reason,
            own_reason: None,
            message: message.into(),
            notes: Vec::new(),
            evidence,
            remedy: None,
            cause: None,
            kubeadm: None,
        }
    }

    /// As it should be. `reason` is a stable kebab-case word for scripts (`listed`, `built-in`).
    pub fn pass(
        subject: impl Into<String>,
        reason: &'static str,
        message: impl Into<String>,
        proof: impl Into<Proof>,
    ) -> Self {
        Self::build(subject, Severity::Fail, Outcome::Pass, reason, message, proof.into().into_evidence())
    }

    /// Not as it should be; yields `severity` at most.
    pub fn problem(
        severity: Severity,
        subject: impl Into<String>,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self::build(subject, severity, Outcome::Problem, reason, message, Vec::new())
    }

    /// Could not be determined; whatever the policy makes of that, it is `severity` at most and never a pass.
    ///
    /// Its cause is the reason why: of many that could not be determined for one reason, one stands (law 6).
    pub fn undetermined(
        severity: Severity,
        subject: impl Into<String>,
        reason: &'static str,
        message: impl Into<String>,
        unknown: &Unknown,
    ) -> Self {
        let message = format!("{}: {}", message.into(), unknown.reason);
        let outcome = Outcome::Undetermined(unknown.needs.clone());
        let finding = Self::build(subject, severity, outcome, reason, message, unknown.evidence.clone());
        finding.follows(unknown.cause())
    }

    /// Not asked, because it does not apply to this node.
    pub fn not_applicable(
        subject: impl Into<String>,
        message: impl Into<String>,
        evidence: impl IntoIterator<Item = Evidence>,
    ) -> Self {
        let evidence = evidence.into_iter().collect();
        Self::build(subject, Severity::Fail, Outcome::NotApplicable, "not-applicable", message, evidence)
    }

    /// Adds an explanation.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds several explanations.
    #[must_use]
    pub fn notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Adds evidence.
    #[must_use]
    pub fn evidence(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    /// Says how to mend it.
    #[must_use]
    pub fn remedy(mut self, remedy: Remedy) -> Self {
        self.remedy = Some(remedy);
        self
    }

    /// This problem is the cause `name`: others that follow from it are skipped.
    #[must_use]
    pub fn causes(mut self, name: impl Into<String>) -> Self {
        self.cause = Some(Cause { name: name.into(), is_root: true });
        self
    }

    /// This problem follows from the cause `name`: where another failing finding is that cause, this one is
    /// skipped with `blockedBy`.
    #[must_use]
    pub fn follows(mut self, name: impl Into<String>) -> Self {
        self.cause = Some(Cause { name: name.into(), is_root: false });
        self
    }

    /// The name under which kubeadm reports this very subject (`Port-10250`), where that differs from the check's own
    /// ([`Meta::kubeadm`](crate::check::Meta::kubeadm)).
    #[must_use]
    pub fn kubeadm(mut self, name: impl Into<String>) -> Self {
        self.kubeadm = Some(name.into());
        self
    }

    /// What it is about, in the field's own name: `memory`, `CONFIG_CGROUPS`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The most it can yield.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What was found.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The stable word for scripts.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// The stable word that somebody else gave to it, as a plugin does; for scripts before [`reason`](Self::reason).
    #[must_use]
    pub fn reason_of(mut self, reason: Option<String>) -> Self {
        self.own_reason = reason;
        self
    }

    /// The word that reports have: somebody else's where there is one.
    #[must_use]
    pub fn reported_reason(&self) -> &str {
        self.own_reason.as_deref().unwrap_or(self.reason)
    }

    /// One sentence for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The explanations.
    #[must_use]
    pub fn all_notes(&self) -> &[String] {
        &self.notes
    }

    /// The observations; never empty for a pass.
    #[must_use]
    pub fn all_evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// How to mend it.
    #[must_use]
    pub fn mend(&self) -> Option<&Remedy> {
        self.remedy.as_ref()
    }

    /// The name under which kubeadm reports this very subject.
    #[must_use]
    pub fn kubeadm_name(&self) -> Option<&str> {
        self.kubeadm.as_deref()
    }

    /// The cause it is, or follows from.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }
}

/// Collects the findings of one run of a check, with the time that each took.
#[derive(Debug)]
pub struct Findings {
    found: Vec<(Finding, Duration)>,
    last: Instant,
}

impl Default for Findings {
    fn default() -> Self {
        Self { found: Vec::new(), last: Instant::now() }
    }
}

impl Findings {
    /// Adds one. Its time is what has passed since the one before.
    pub fn push(&mut self, finding: Finding) {
        let now = Instant::now();
        self.found.push((finding, now - self.last));
        self.last = now;
    }

    /// Everything found, in order, each with the time it took.
    #[must_use]
    pub fn into_inner(self) -> Vec<(Finding, Duration)> {
        self.found
    }

    /// Whether nothing was found so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remedy_is_a_sentence() {
        assert_eq!(Remedy::new("boot another kernel").summary, "Boot another kernel.");
        assert_eq!(Remedy::new("Reboot.").summary, "Reboot.");
        assert_eq!(Remedy::new("ältere").summary, "ältere.");
    }
}
