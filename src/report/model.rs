//! The report as scripts see it: `preflight/v1`. Every field is always present, `null` where there is nothing
//! to say; fields are added within v1, never renamed or removed.

use preflight_checks::{Evidence, Remedy, facts::cgroup::LayoutKind, facts::environment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// What one run of a policy said about one node.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The version of this format.
    pub api_version: ApiVersion,
    /// What kind of document this is.
    pub kind: Kind,
    /// The program that wrote it.
    pub tool: Tool,
    /// The policy that was asked.
    pub policy: PolicyInfo,
    /// The node that answered.
    pub node: NodeInfo,
    /// When the run began: RFC 3339, UTC, whole seconds.
    pub started_at: String,
    /// How long the run took, in milliseconds.
    pub duration_ms: Millis,
    /// The worst verdict of all findings.
    pub verdict: Verdict,
    /// How many findings have each verdict.
    pub summary: Summary,
    /// The findings, in the order of the policy's rules.
    pub findings: Vec<Finding>,
}

/// The version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum ApiVersion {
    /// The first one.
    #[serde(rename = "preflight/v1")]
    V1,
}

/// The kind of document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub enum Kind {
    /// What one run said about one node.
    Report,
}

/// The program that wrote a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Tool {
    /// `preflight`.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Tool {
    /// This program.
    #[must_use]
    pub fn this() -> Self {
        Self { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() }
    }
}

/// The policy of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PolicyInfo {
    /// Its name.
    pub name: String,
    /// Where it was read: a path, `profile kubernetes-node`, `standard input`.
    pub source: String,
    /// SHA-256 of the text of that source, in hexadecimal.
    pub sha256: String,
    /// Its inputs by name, as they were in this run.
    pub inputs: BTreeMap<String, InputInfo>,
}

/// The value of an input in a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct InputInfo {
    /// The value, as text.
    pub value: String,
    /// Where it comes from: `--set`, a place in a kubeadm file, the policy's file or profile, or how it was found out.
    pub from: String,
}

/// The node of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodeInfo {
    /// Its host name (/proc/sys/kernel/hostname); null when it could not be read.
    pub hostname: Option<String>,
    /// The release of its kernel; null when it could not be read.
    pub kernel: Option<String>,
    /// Its architecture, as uname names it; null when it could not be told.
    pub architecture: Option<String>,
    /// Where the answers came from.
    pub source: Source,
    /// The directory that was taken for the node's root.
    pub root: String,
    /// When the node was captured, where a capture answered: RFC 3339, UTC; null elsewhere.
    pub captured_at: Option<String>,
    /// Its cgroup layout; null when it could not be told, which is not the same as `none`.
    pub cgroup: Option<LayoutKind>,
    /// What kind of machine it is.
    pub environment: environment::Kind,
    /// The effective user id of the run on a live node; null elsewhere.
    pub user: Option<u32>,
}

/// Where the answers came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The machine on which preflight ran.
    Live,
    /// A tree under a directory.
    Root,
    /// A recorded node.
    Capture,
}

/// What was made of a finding. The order is from harmless to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Not asked, does not apply here, or follows from another finding.
    Skip,
    /// As it should be.
    Pass,
    /// Worth knowing.
    Warn,
    /// The node cannot carry the work.
    Fail,
}

impl Verdict {
    /// The word in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// How many findings have each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    /// As they should be.
    pub pass: usize,
    /// Worth knowing.
    pub warn: usize,
    /// Failures.
    pub fail: usize,
    /// Not asked or not counted.
    pub skip: usize,
}

impl Summary {
    /// Counts `findings`.
    #[must_use]
    pub fn of(findings: &[Finding]) -> Self {
        let mut summary = Self::default();
        for finding in findings {
            match finding.verdict {
                Verdict::Pass => summary.pass += 1,
                Verdict::Warn => summary.warn += 1,
                Verdict::Fail => summary.fail += 1,
                Verdict::Skip => summary.skip += 1,
            }
        }
        summary
    }
}

/// One answer about one subject.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// `rule/subject`, or the rule's id where the finding is about the whole rule. Unique in a report, and
    /// stable across releases.
    pub id: String,
    /// The id of the rule in the policy.
    pub rule: String,
    /// The id of the check that the rule asks.
    pub check: String,
    /// What it is about, in the field's own name; null where it is about the whole rule.
    pub subject: Option<String>,
    /// What was made of it.
    pub verdict: Verdict,
    /// Whether the subject's state is known. `false` is never a pass.
    pub determined: bool,
    /// A stable kebab-case word.
    pub reason: String,
    /// One sentence for people.
    pub message: String,
    /// Explanations: why it is so, what would determine it, what was overruled.
    pub notes: Vec<String>,
    /// What was looked at and what was seen there; never empty for a pass.
    pub evidence: Vec<Evidence>,
    /// How to mend it: shown, never run.
    pub remedy: Option<Remedy>,
    /// The name under which kubeadm reports the same, for `--ignore-preflight-errors`.
    pub kubeadm: Option<String>,
    /// The id of the finding from which this one follows; its verdict is then `skip`.
    pub blocked_by: Option<String>,
    /// The waiver that holds for it.
    pub waiver: Option<Waiver>,
    /// How long it took, in milliseconds.
    pub duration_ms: Millis,
}

/// A failure that somebody decided to live with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Waiver {
    /// The glob over finding ids.
    pub finding: String,
    /// Why.
    pub reason: String,
    /// The last day (UTC) on which it holds, as `2027-03-31`; null without end.
    pub until: Option<String>,
}

/// How the note begins that says what would determine what is undetermined.
pub(crate) const NEEDS: &str = "To determine it: ";

/// A time span in milliseconds, with three decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, JsonSchema)]
pub struct Millis(pub f64);

impl From<Duration> for Millis {
    fn from(duration: Duration) -> Self {
        Self((duration.as_secs_f64() * 1e6).round() / 1e3)
    }
}
