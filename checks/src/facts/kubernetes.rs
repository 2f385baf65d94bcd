//! What each version of Kubernetes wants of a node: the typed face of configs/kubernetes/versions.yaml, of which
//! checks/build.rs makes the tables below.

use crate::range::leading_version;
use semver::Version;

/// How far something has come, or how far it has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// For trying out; off by default.
    Alpha,
    /// Well tested; on by default or not.
    Beta,
    /// Here to stay.
    Stable,
    /// It works and gets nothing new.
    Maintenance,
    /// It works and will go.
    Deprecated,
    /// Not meant to work.
    Unsupported,
    /// Turned down unless configured otherwise.
    Refused,
    /// Nothing works without.
    Required,
    /// Gone.
    Removed,
}

impl Stage {
    /// Its word in the data.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alpha => "alpha",
            Self::Beta => "beta",
            Self::Stable => "stable",
            Self::Maintenance => "maintenance",
            Self::Deprecated => "deprecated",
            Self::Unsupported => "unsupported",
            Self::Refused => "refused",
            Self::Required => "required",
            Self::Removed => "removed",
        }
    }
}

/// What holds from one version of Kubernetes on.
#[derive(Debug)]
pub struct Step {
    /// That version.
    pub since: Version,
    /// How far it is.
    pub stage: Stage,
    /// Whether it is on by default.
    pub on: bool,
    /// A number or a list; may be empty.
    pub value: &'static str,
    /// What it means.
    pub text: &'static str,
    /// Announced for a version that is not known yet: told, never judged by.
    pub planned: bool,
    /// Where that is written.
    pub source: &'static str,
}

impl Step {
    /// As a sentence: `beta since Kubernetes 1.34, on by default: in the Summary API`, `3 since Kubernetes 1.28: never newer`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let on = match (self.stage, self.on) {
            _ if !self.value.is_empty() => "",
            (Stage::Beta, true) => ", on by default",
            (Stage::Beta | Stage::Alpha | Stage::Deprecated, false) => ", off by default",
            _ => "",
        };
        let what = if self.value.is_empty() { self.stage.as_str() } else { self.value };
        if self.planned {
            return format!("planned for Kubernetes {}: {what}: {}", short(&self.since), self.text);
        }
        // What is as old as the oldest minor may be older.
        let is_old = self.since <= OLDEST && !self.value.is_empty();
        let since = if is_old { String::new() } else { format!(" since Kubernetes {}", short(&self.since)) };
        format!("{what}{since}{on}: {}", self.text)
    }
}

/// Something that differs by version.
#[derive(Debug)]
pub struct Subject {
    /// Its name, in kebab case.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What holds, from the oldest to the newest.
    pub steps: &'static [Step],
}

impl Subject {
    /// What holds for a version, announcements aside; none for versions before the first step.
    #[must_use]
    pub fn at(&self, version: &Version) -> Option<&'static Step> {
        self.steps.iter().rev().find(|step| !step.planned && step.since <= *version)
    }

    /// What holds for the newest version that is known.
    #[must_use]
    pub fn newest(&self) -> Option<&'static Step> {
        self.at(&NEWEST)
    }

    /// What changes after a version, announcements included.
    #[must_use]
    pub fn after(&self, version: &Version) -> Option<&'static Step> {
        self.steps.iter().find(|step| step.since > *version)
    }

    /// The first step of a stage.
    #[must_use]
    pub fn first(&self, stage: Stage) -> Option<&'static Step> {
        self.steps.iter().find(|step| step.stage == stage)
    }
}

/// Who makes use of a feature once it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// Kubernetes itself.
    Always,
    /// Pods that ask for it.
    Pods,
    /// Clusters that are configured so.
    Cluster,
}

/// A subject that asks something of the kernel.
#[derive(Debug)]
pub struct Feature {
    /// What it is, and its steps.
    pub subject: Subject,
    /// The version of Linux that brought what it needs.
    pub kernel: Version,
    /// Who compares that number by itself, so that a vendor's backport does not help.
    pub judge: Option<&'static str>,
    /// A file that shows the function itself.
    pub proof: Option<&'static str>,
    /// A file next to it that every kernel shows; without that one, a missing proof tells nothing.
    pub beside: Option<&'static str>,
    /// Files that have to be there, and prove nothing alone.
    pub files: &'static [&'static str],
    /// Whether it needs user namespaces.
    pub user_namespace: bool,
    /// A kernel module that has to be there or to be had.
    pub module: Option<&'static str>,
    /// What the kernel was built with; asked where the function could not be told.
    pub option: Option<&'static str>,
    /// What switches it on, on the kernel command line, where it was built in and is off.
    pub word: Option<&'static str>,
    /// Whether it works on cgroup v2 only.
    pub cgroup_v2: bool,
    /// Whether version 1 has another way to the same, so that nothing is lost there.
    pub v2_alone: bool,
    /// Who uses it.
    pub usage: Usage,
    /// What a node without it lacks.
    pub loss: &'static str,
    /// Where that is written.
    pub source: &'static str,
}

/// A version as people write it: `1.35`, and `1.31.1` where the patch counts.
#[must_use]
pub fn short(version: &Version) -> String {
    match version.patch {
        0 => format!("{}.{}", version.major, version.minor),
        patch => format!("{}.{}.{patch}", version.major, version.minor),
    }
}

/// The version that a policy gives.
///
/// # Errors
/// When it is none.
pub fn parse(text: &str) -> Result<Version, String> {
    leading_version(text).ok_or_else(|| {
        format!("`{text}` is no version of Kubernetes; write for example `{}`", short(&NEWEST))
    })
}

/// Whether a version is of a later minor than the newest one that is known.
#[must_use]
pub fn is_newer_than_known(version: &Version) -> bool {
    (version.major, version.minor) > (NEWEST.major, NEWEST.minor)
}

include!(concat!(env!("OUT_DIR"), "/kubernetes.rs"));

#[cfg(test)]
#[path = "../../build/kubernetes.rs"]
mod compile;
#[cfg(test)]
mod tests;
