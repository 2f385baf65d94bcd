//! `preflight kubernetes`: what a version of Kubernetes wants of a node, out of configs/kubernetes/versions.yaml.

use super::{
    args::{Format, KubernetesArgs},
    exit::{self, Stop},
    output,
};
use crate::text;
use preflight_checks::facts::kubernetes::{
    self, FEATURES, Feature, NEWEST, OLDEST, SUBJECTS, Step, Subject, short,
};
use semver::Version;
use serde_json::{Value, json};
use std::iter;

pub(super) fn answer(args: &KubernetesArgs) -> Result<String, Stop> {
    let given = args.version.as_deref().map(kubernetes::parse).transpose();
    let version = given.map_err(|message| Stop::new(exit::USAGE, message))?.unwrap_or(NEWEST);
    match args.output {
        Format::Human => Ok(output::for_people(to_text(&version, output::width(true)))),
        Format::Json => output::json(&to_json(&version)),
    }
}

/// Why the facts may not be those of this version.
fn doubt(version: &Version) -> Option<String> {
    let (oldest, newest) = (short(&OLDEST), short(&NEWEST));
    if kubernetes::is_newer_than_known(version) {
        Some(format!("what is known ends with {newest}: these are its facts, and what is planned after it"))
    } else if *version < OLDEST {
        Some(format!("what is known begins with {oldest}: older steps are not complete"))
    } else {
        None
    }
}

fn to_text(version: &Version, width: usize) -> String {
    let mut out = format!("What Kubernetes {} wants of a node\n", short(version));
    out.extend(doubt(version).map(|doubt| text::hanging(0, "", 0, &doubt, width)));
    let subjects = SUBJECTS.iter().map(|subject| rows(subject, version, None));
    out.push_str(&subjects.map(|rows| paragraph(&rows, width)).collect::<String>());
    let features = FEATURES.iter().map(|f| rows(&f.subject, version, Some(f)));
    let features: String = features.map(|rows| paragraph(&rows, width)).collect();
    if !features.is_empty() {
        out.push_str("\nFeatures that need something of the kernel\n");
        out.push_str(&features);
    }
    out
}

/// The title of a subject, what holds, what comes, and where that is written; nothing of what this version has not.
fn rows(subject: &Subject, version: &Version, feature: Option<&Feature>) -> Vec<String> {
    let Some(step) = subject.at(version) else { return Vec::new() };
    let mut rows = vec![format!("{}: {}", subject.name, subject.title), step.sentence()];
    let mut sources = step.source.to_owned();
    if let Some(feature) = feature {
        let judge = feature.judge.map(|judge| format!(", compared by {judge} itself")).unwrap_or_default();
        rows.push(format!("needs Linux {}{judge}; without it: {}", short(&feature.kernel), feature.loss));
        sources = format!("{sources}; {}", feature.source);
    }
    if let Some(next) = subject.after(version) {
        rows.push(format!("next: {}", next.sentence()));
        sources = format!("{sources}; {}", next.source);
    }
    rows.push(format!("({sources})"));
    rows
}

fn paragraph(rows: &[String], width: usize) -> String {
    let Some((title, rest)) = rows.split_first() else { return String::new() };
    let rest = rest.iter().map(|row| text::hanging(2, "", 0, row, width));
    iter::once(format!("\n{}", text::hanging(0, "", 0, title, width))).chain(rest).collect()
}

fn to_json(version: &Version) -> Value {
    let subjects = SUBJECTS.iter().filter_map(|subject| subject_json(subject, version));
    let features = FEATURES.iter().filter_map(|feature| {
        let mut json = subject_json(&feature.subject, version)?;
        json["kernel"] = short(&feature.kernel).into();
        json["comparedBy"] = feature.judge.into();
        json["cgroupV2"] = feature.cgroup_v2.into();
        json["module"] = feature.module.into();
        json["without"] = feature.loss.into();
        json["kernelSource"] = feature.source.into();
        Some(json)
    });
    json!({
        "apiVersion": "preflight/v1",
        "kind": "KubernetesVersion",
        "version": short(version),
        "oldestKnown": short(&OLDEST),
        "newestKnown": short(&NEWEST),
        "note": doubt(version),
        "subjects": subjects.collect::<Vec<_>>(),
        "features": features.collect::<Vec<_>>(),
    })
}

fn subject_json(subject: &Subject, version: &Version) -> Option<Value> {
    let mut json = step_json(subject.at(version)?);
    json["name"] = subject.name.into();
    json["title"] = subject.title.into();
    json["next"] = subject.after(version).map_or(Value::Null, step_json);
    Some(json)
}

fn step_json(step: &Step) -> Value {
    let value = Some(step.value).filter(|value| !value.is_empty());
    json!({
        "since": short(&step.since), "stage": step.stage.as_str(), "onByDefault": step.on, "value": value,
        "text": step.text, "planned": step.planned, "source": step.source,
    })
}
