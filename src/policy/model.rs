//! A policy that is ready to run.

use preflight_checks::{
    BoundCheck, Severity,
    duration::Duration,
    facts::{cgroup::LayoutKind, environment},
    range::Range,
    value::{Span, Value},
};
use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// A policy that is ready to run: extended, inputs filled in, parameters bound.
pub struct Policy {
    /// `metadata.name`, or the profile's name.
    pub name: String,
    /// `metadata.description`.
    pub description: Option<String>,
    /// Where it was read: a path, `profile kubernetes-node`, `standard input`.
    pub source: String,
    /// SHA-256 of the text of that source, in hexadecimal.
    pub sha256: String,
    /// The inputs, with what was said of them outside of the policy.
    pub inputs: Inputs,
    /// Where the value of each input comes from: `--set`, `kubeadm.yaml:3:20`, a file or profile of the policy, by name.
    pub origins: BTreeMap<String, String>,
    /// The rules, in the order in which they first appear; ids are unique.
    pub rules: Vec<Rule>,
    /// The waivers of all files.
    pub waivers: Vec<Waiver>,
}

/// The inputs of a policy by name, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs(pub BTreeMap<String, String>);

impl Inputs {
    /// `role`, if it is an input of this policy.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        self.0.get("role").map(String::as_str)
    }

    /// `kubernetesVersion`, if it is an input of this policy.
    #[must_use]
    pub fn kubernetes_version(&self) -> Option<Version> {
        preflight_checks::range::leading_version(self.0.get("kubernetesVersion")?)
    }
}

/// One rule: a check with its parameters, and what becomes of its answers.
pub struct Rule {
    /// Unique in the policy; the check's id where the policy names none.
    pub id: String,
    /// The check and its parameters.
    pub check: Box<dyn BoundCheck>,
    /// The most that the rule can yield.
    pub severity: Severity,
    /// What becomes of what could not be determined.
    pub on_unknown: OnUnknown,
    /// Where the rule is asked at all.
    pub when: When,
    /// Whether it is asked again while it does not pass.
    pub retry: Option<Retry>,
    /// The name under which kubeadm reports the same, where the check and its findings have none of their own.
    pub kubeadm: Option<String>,
    /// The parameters as the policy gives them, inputs filled in, defaults left out: what `policy show` prints.
    pub with: Value,
    /// The file or profile that states the rule, as in [`Policy::source`].
    pub origin: String,
    /// Which of the policy's files that is, in the order in which they were opened.
    pub(crate) file: usize,
    /// Where in that file its id is, or the name of its check.
    pub(crate) span: Span,
    /// Where it is stated: `policy.yaml:12:5`.
    pub place: String,
    /// Where rules with its id are stated whose place it takes, the last one first.
    pub instead_of: Vec<String>,
    /// The inputs that stand in its parameters, in their order.
    pub filled: Vec<String>,
}

/// How a rule about something that passes by itself (a clock that is being set, a service that starts) is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How long, counted from the start of the run; the run's own deadline ends it too.
    #[serde(rename = "for")]
    pub within: Duration,
    /// How long to wait between two askings; a second if left out.
    #[serde(default = "Retry::second")]
    pub every: Duration,
}

impl Retry {
    fn second() -> Duration {
        Duration::from_millis(1000)
    }
}

/// What becomes of what could not be determined. There is no `pass` (law 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnUnknown {
    /// A warning.
    #[default]
    Warn,
    /// A failure.
    Fail,
    /// Left out of the verdict.
    Skip,
}

/// Where a rule is asked: everything that is named must hold; a list holds if one of it does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct When {
    /// The input `role` is one of these.
    pub role: Vec<String>,
    /// The cgroup layout is one of these.
    pub cgroup: Vec<LayoutKind>,
    /// The running kernel's version lies within.
    pub kernel: Option<Range>,
    /// The input `kubernetesVersion` lies within.
    pub kubernetes: Option<Range>,
    /// The architecture (`x86_64`, `aarch64`) is one of these.
    pub architecture: Vec<String>,
    /// The environment is one of these.
    pub environment: Vec<environment::Kind>,
    /// Each of these inputs has one of the values.
    pub inputs: BTreeMap<String, Vec<String>>,
}

/// A failure that somebody decided to live with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiver {
    /// Glob over finding ids; `*` also matches `/`.
    pub finding: String,
    /// Why.
    pub reason: String,
    /// The last day (UTC) on which it holds.
    pub until: Option<Date>,
}

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Year.
    pub year: u16,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day, 1 to 31.
    pub day: u8,
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}
