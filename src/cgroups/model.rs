//! The JSON of `preflight cgroups`. Fields are added, never renamed or removed, within `preflight/v1`.

use preflight_checks::{
    Evidence,
    facts::{
        boot_parameters::BootParameter,
        cgroup::{
            Basis, LayoutKind, State, Step, Universe,
            features::Features,
            headroom::Headroom,
            ladder::{Disagreement, Rung},
            masks::Reading,
            pressure::Pressure,
        },
    },
};
use schemars::JsonSchema;
use serde::Serialize;

/// What `preflight cgroups -o json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CgroupReport {
    /// `preflight/v1`
    pub api_version: &'static str,
    /// `CgroupReport`
    pub kind: &'static str,
    /// The release of the running kernel, if it could be read.
    pub kernel: Option<String>,
    /// The layout.
    pub layout: LayoutKind,
    /// Where cgroup2 is mounted.
    pub unified_mount: Option<String>,
    /// Whether that mount shows the real root. Null without a mount, or where that can't be told.
    pub is_root_cgroup: Option<bool>,
    /// Whether that mount is read-only.
    pub read_only: Option<bool>,
    /// Whether it is mounted with `nsdelegate`.
    pub nsdelegate: Option<bool>,
    /// What it enables for its children.
    pub subtree_control: Option<Vec<String>>,
    /// Every subsystem.
    pub controllers: Vec<Controller>,
    /// The kernel's two masks.
    pub masks: Masks,
    /// What could not be read and would have told more.
    pub gaps: Vec<Evidence>,
    /// From where it is known which subsystems this kernel has, and why nothing better told.
    pub universe: Universe,
    /// The steps of the ladder of evidence, the best first, and what came of each.
    pub ladder: Vec<Rung>,
    /// The masks as they were read, by each method that could. Empty unless asked for with `--prove`.
    pub readings: Vec<Reading>,
    /// Where two steps say what can't both be so. Never empty without reason: somebody is wrong.
    pub disagreements: Vec<Disagreement>,
    /// The features of cgroup2, and which of them the mount has switched on.
    pub features: Features,
    /// Whether pressure (PSI) is counted.
    pub pressure: Pressure,
    /// What the limits on cgroups and tasks leave.
    pub headroom: Headroom,
    /// The words of the kernel command line that decide over cgroups, and what each does here. Null where it could not
    /// be read.
    pub boot_parameters: Option<Vec<BootParameter>>,
}

/// One subsystem.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Controller {
    /// The name on version 2.
    pub name: String,
    /// The name on version 1.
    pub legacy_name: String,
    /// Its id, which is its bit in the masks. Null where BTF does not tell.
    pub id: Option<u32>,
    /// Its state.
    pub state: State,
    /// How that is known.
    pub basis: Basis,
    /// The step of the ladder that tells on which side of the masks it stands. Null where that is not known, or the
    /// subsystem has none (not compiled in, disabled).
    pub step: Option<Step>,
    /// Whether it is in cgroup.controllers. Null where no cgroup2 is mounted or the list could not be read.
    pub listed: Option<bool>,
    /// 0 for version 2, otherwise a version 1 hierarchy. Null where /proc/cgroups has no row.
    pub hierarchy: Option<u32>,
    /// Where its version 1 hierarchy is mounted.
    pub legacy_mount: Option<String>,
    /// What the configuration says of it, if that could be read.
    pub config: Option<String>,
    /// Whether it stands in the inhibit mask, whatever its state.
    pub also_inhibited: bool,
    /// Whether the parent of the visible root passed it on. Null at the real root, and for what is never listed.
    pub delegated: Option<bool>,
    /// Whether the visible root enables it for its children (cgroup.subtree_control). Null for what is not listed there.
    pub enabled_for_children: Option<bool>,
    /// What does its work on version 2 where it is not listed there.
    pub replacement: Option<String>,
    /// Why, in one sentence.
    pub note: String,
    /// What else holds.
    pub notes: Vec<String>,
    /// What that rests on.
    pub evidence: Vec<Evidence>,
}

/// The kernel's two masks, fixed at boot.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Masks {
    /// `cgrp_dfl_implicit_ss_mask`
    pub implicit: Mask,
    /// `cgrp_dfl_inhibit_ss_mask`
    pub inhibited: Mask,
    /// Their width in bits, if BTF tells.
    pub width_bits: Option<u32>,
    /// How they are known: the weakest basis of any member.
    pub basis: Basis,
}

/// One mask.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Mask {
    /// Its value. Null where the ids are not known.
    pub value: Option<u64>,
    /// The subsystems in it.
    pub names: Vec<String>,
}
