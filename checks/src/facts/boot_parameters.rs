//! The parameters of the kernel command line that decide over cgroups, and what each does on this kernel and systemd.

mod kernel;
mod systemd;

use super::{Known, cmdline::Cmdline, systemd::Systemd};
use crate::{evidence::Evidence, node::Node};
use schemars::JsonSchema;
use semver::Version;
use serde::Serialize;

/// Who reads a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reader {
    /// The kernel.
    Kernel,
    /// systemd, from /proc/cmdline.
    Systemd,
}

/// What a parameter does on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It does what it means.
    Applies,
    /// This kernel or this systemd does not know it, or no longer heeds it.
    Ignored,
    /// Another word of the line takes it back.
    Overridden,
    /// Could not be told.
    Unknown,
}

/// One parameter of the command line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BootParameter {
    /// As it stands on the line.
    pub word: String,
    /// Its name: `cgroup_disable`.
    pub name: &'static str,
    /// Who reads it.
    pub reader: Reader,
    /// What it does here.
    pub effect: Effect,
    /// What it means, in one sentence.
    pub meaning: String,
    /// Why it does or does not do that here, and what else is to know.
    pub notes: Vec<String>,
    /// Where it was seen.
    pub evidence: Evidence,
}

/// What a parameter's meaning depends on.
struct Here<'a> {
    /// All words of the line.
    words: &'a [String],
    /// The version of the kernel, where it is known.
    kernel: Option<&'a Version>,
    /// The release of the kernel, or nothing.
    release: &'a str,
    /// The version of systemd, where it is known.
    systemd: Option<u32>,
}

/// The name and the value of a word. `-` and `_` are the same in names (kernel/params.c, `parameq`; systemd,
/// `proc_cmdline_key_streq`).
fn split(word: &str) -> (String, Option<&str>) {
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    (name.replace('-', "_"), value)
}

/// A truth value as systemd's parse_boolean() reads it; nothing counts as true.
fn truth(value: Option<&str>) -> Option<bool> {
    match value.unwrap_or("1").to_ascii_lowercase().as_str() {
        "1" | "y" | "yes" | "t" | "true" | "on" => Some(true),
        "0" | "n" | "no" | "f" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// What is said of one parameter.
struct Said {
    name: &'static str,
    reader: Reader,
    effect: Effect,
    meaning: String,
    notes: Vec<String>,
}

/// The words of `here` that concern cgroups, in the order of the line.
fn judge(here: &Here<'_>) -> Vec<(String, Said)> {
    let of = |(at, word): (usize, &String)| {
        let (name, value) = split(word);
        let said = kernel::say(&name, value, at, here).or_else(|| systemd::say(&name, value, here))?;
        Some((word.clone(), said))
    };
    here.words.iter().enumerate().filter_map(of).collect()
}

/// Whether a kernel of this release heeds `cgroup_enable=`: those of the Raspberry Pi's own tree do, by their names
/// `6.12.34+rpt-rpi-2712`, `6.12.57-v8+`, and Ubuntu's `6.8.0-1013-raspi`.
#[must_use]
pub fn heeds_cgroup_enable(release: &str) -> bool {
    ["-rpi", "+rpt", "-raspi", "-v7", "-v8"].iter().any(|mark| release.contains(mark))
}

/// Whether the last word about the subsystem `name` (the kernel's own name) is a `cgroup_enable=` that a kernel of this
/// release heeds.
pub(crate) fn is_switched_on_again(words: &[String], release: &str, name: &str) -> bool {
    let here = Here { words, kernel: None, release, systemd: None };
    here.last_switch(name).is_some_and(|(_, on)| on)
}

impl Effect {
    /// The word in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applies => "applies",
            Self::Ignored => "ignored",
            Self::Overridden => "overridden",
            Self::Unknown => "not known whether it applies",
        }
    }
}

impl BootParameter {
    /// Whether it asks systemd for cgroup v1.
    #[must_use]
    pub fn asks_for_v1(&self) -> bool {
        systemd::asks_for_v1(self.name, split(&self.word).1)
    }
}

impl Node {
    /// The parameters of the running kernel's command line that decide over cgroups, in its order.
    pub fn boot_parameters(&self) -> &Known<Vec<BootParameter>> {
        self.fact(|| {
            let cmdline: &Cmdline = self.cmdline().as_ref().map_err(Clone::clone)?;
            let release = self.kernel_release().as_ref().ok();
            let is_systemds = |w: &String| systemd::is_its_own(&split(w).0);
            // The version of systemd is looked for only where a word speaks to systemd.
            let systemd: Option<&Systemd> =
                cmdline.words().iter().any(is_systemds).then(|| self.systemd().as_ref().ok()).flatten();
            let here = Here {
                words: cmdline.words(),
                kernel: release.map(|r| &r.version),
                release: release.map_or("", |r| r.text.as_str()),
                systemd: systemd.map(|s| s.version),
            };
            let found = judge(&here).into_iter().map(|(word, said)| BootParameter {
                evidence: self.cmdline_evidence(&word),
                word,
                name: said.name,
                reader: said.reader,
                effect: said.effect,
                meaning: said.meaning,
                notes: said.notes,
            });
            Ok(found.collect())
        })
    }
}

#[cfg(test)]
mod tests;
