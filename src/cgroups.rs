//! The report on cgroups: every cgroup subsystem of the kernel, its state, and why.

mod decode;
mod human;
mod matrix;
mod model;
pub mod prove;

pub use decode::{Cell, Decoded, DecodedMask, Given, Ids, decode};
pub use human::{Style, explain, table};
pub use model::{CgroupReport, Controller, Mask, Masks};

use preflight_checks::{
    Node,
    facts::{
        Known,
        boot_parameters::BootParameter,
        cgroup::{
            Ask, Basis, MaskSide, Subsystem, Survey, Unified, features::Features, headroom::Headroom, masks,
            pressure::Pressure,
        },
        kernel_config::Setting,
    },
};
use schemars::generate::SchemaSettings;

/// Surveys the node, by reading alone, and makes the report of DESIGN 5.
///
/// # Errors
/// When the layout could not be determined.
pub fn report(node: &Node) -> Known<CgroupReport> {
    report_of(node, &Ask::types())
}

/// Surveys the node by as much as `ask` says, and makes the report.
///
/// # Errors
/// When the layout could not be determined.
pub fn report_of(node: &Node, ask: &Ask) -> Known<CgroupReport> {
    let survey = node.cgroup_survey(ask)?;
    let around = Around {
        features: node.cgroup_features().clone()?,
        pressure: node.cgroup_pressure().clone()?,
        headroom: node.cgroup_headroom().clone()?,
        boot_parameters: node.boot_parameters().as_ref().ok().cloned(),
    };
    let kernel = node.kernel_release().as_ref().ok().map(|r| r.text.clone());
    Ok(CgroupReport::of(&survey, kernel, around))
}

/// The JSON Schema of the report (draft-07, which editors and validators understand most widely).
#[must_use]
pub fn schema() -> schemars::Schema {
    SchemaSettings::draft07().for_serialize().into_generator().into_root_schema_for::<CgroupReport>()
}

/// The word for a basis.
fn basis_word(basis: Basis) -> &'static str {
    match basis {
        Basis::Expected => "expected",
        Basis::Inferred => "inferred",
        Basis::Measured => "measured",
    }
}

/// What the report shows beside the subsystems.
struct Around {
    features: Features,
    pressure: Pressure,
    headroom: Headroom,
    boot_parameters: Option<Vec<BootParameter>>,
}

impl CgroupReport {
    fn of(survey: &Survey, kernel: Option<String>, around: Around) -> Self {
        let enabled = survey.unified.as_ref().and_then(|u| u.subtree_control.as_deref());
        Self {
            api_version: "preflight/v1",
            kind: "CgroupReport",
            kernel,
            layout: survey.layout,
            unified_mount: survey.unified.as_ref().map(|u| u.point.clone()),
            is_root_cgroup: survey.unified.as_ref().and_then(|u| u.is_root),
            read_only: survey.unified.as_ref().map(|u| u.read_only),
            nsdelegate: survey.unified.as_ref().map(|u| u.nsdelegate),
            subtree_control: survey.unified.as_ref().and_then(|u: &Unified| u.subtree_control.clone()),
            controllers: survey.subsystems.iter().map(|s| Controller::of(s, enabled)).collect(),
            masks: Masks::of(survey),
            gaps: survey.gaps.clone(),
            universe: survey.universe.clone(),
            ladder: survey.ladder.clone(),
            readings: survey.readings.clone(),
            disagreements: survey.disagreements.clone(),
            features: around.features,
            pressure: around.pressure,
            headroom: around.headroom,
            boot_parameters: around.boot_parameters,
        }
    }
}

impl Controller {
    fn of(s: &Subsystem, enabled: Option<&[String]>) -> Self {
        let mut notes = s.notes.iter();
        let note = notes.next().cloned().unwrap_or_default();
        Self {
            name: s.name.clone(),
            legacy_name: s.legacy_name.clone(),
            id: s.id,
            state: s.state,
            basis: s.basis,
            step: s.step,
            listed: s.listed,
            hierarchy: s.hierarchy,
            legacy_mount: s.legacy_mount.clone(),
            config: s.config.as_ref().map(|(option, setting)| config_line(option, setting)),
            also_inhibited: s.is_inhibited(),
            delegated: s.delegated,
            enabled_for_children: enabled.filter(|_| s.is_listed()).map(|names| names.contains(&s.name)),
            replacement: s.known.and_then(|k| k.replacement).map(str::to_owned),
            note,
            notes: notes.cloned().collect(),
            evidence: s.evidence.clone(),
        }
    }
}

fn config_line(option: &str, setting: &Setting) -> String {
    match setting {
        Setting::BuiltIn => format!("{option}=y"),
        Setting::Module => format!("{option}=m"),
        Setting::Value(value) => format!("{option}={value}"),
        Setting::NotSet => format!("# {option} is not set"),
        Setting::Absent => format!("{option} is absent"),
    }
}

impl Masks {
    /// The masks as the best method read them; where none did, as the states of the subsystems make them.
    fn of(survey: &Survey) -> Self {
        if let Some(reading) = survey.readings.iter().min_by_key(|r| r.step) {
            let ids: Vec<(String, u32)> =
                survey.subsystems.iter().filter_map(|s| Some((s.name.clone(), s.id?))).collect();
            let mask = |value| Mask { value: Some(value), names: masks::names(value, &ids) };
            return Self {
                implicit: mask(reading.implicit),
                inhibited: mask(reading.inhibited),
                width_bits: Some(reading.width_bits),
                basis: Basis::Measured,
            };
        }
        let side = |wanted: MaskSide| -> (Mask, Option<Basis>) {
            let members: Vec<&Subsystem> =
                survey.subsystems.iter().filter(|s| s.mask.is_some_and(|(m, _)| m == wanted)).collect();
            let value = members.iter().try_fold(0_u64, |bits, s| Some(bits | 1_u64.checked_shl(s.id?)?));
            let names = members.iter().map(|s| s.name.clone()).collect();
            let basis = members.iter().filter_map(|s| s.mask.map(|(_, basis)| basis)).min();
            // Without ids the bits are not known; an empty mask is zero all the same, but only if ids are known.
            let ids_known = survey.subsystems.iter().any(|s| s.id.is_some());
            (Mask { value: value.filter(|_| ids_known), names }, basis)
        };
        let (implicit, implicit_basis) = side(MaskSide::Implicit);
        let (inhibited, inhibited_basis) = side(MaskSide::Inhibited);
        let basis = implicit_basis.into_iter().chain(inhibited_basis).min().unwrap_or(Basis::Expected);
        Self { implicit, inhibited, width_bits: survey.mask_bits, basis }
    }
}
