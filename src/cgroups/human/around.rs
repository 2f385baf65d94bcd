//! What matters about cgroups beside the subsystems: the options of the mount, pressure, and what the limits leave.

use super::Style;
use crate::cgroups::model::CgroupReport;
use preflight_checks::facts::{
    boot_parameters::{BootParameter, Effect},
    cgroup::{features::Feature, headroom::Limit, pressure::Pressure},
};

/// The width of the labels, in columns.
const LABEL: usize = 9;

pub(super) fn text(report: &CgroupReport, style: Style) -> String {
    let mut out = style.title("Beside the subsystems");
    if style.verbose {
        for feature in &report.features.options {
            let meaning = feature.meaning.as_ref().map_or_else(String::new, |m| format!(": {m}"));
            out.push_str(&style.beside(
                "option",
                LABEL,
                &format!("{} {}{meaning}", feature.name, word(feature)),
            ));
        }
        if let Some(files) = &report.features.delegate {
            out.push_str(&style.beside("delegate", LABEL, &format!("hands over {}", files.join(" "))));
        }
    } else {
        out.push_str(&style.beside("options", LABEL, &options(&report.features.options)));
    }
    out.push_str(&style.beside("PSI", LABEL, &pressure(&report.pressure)));
    let headroom = &report.headroom;
    let seen = headroom.cgroup.is_some();
    if report.unified_mount.is_some() {
        let dying = headroom.levels.first().and_then(|l| l.dying_descendants).filter(|n| *n > 0);
        let dying = dying.map_or_else(String::new, |n| match n {
            1 => "; 1 removed one is still held in memory".to_owned(),
            n => format!("; {n} removed ones are still held in memory"),
        });
        let line = format!("{}{dying}", first(&headroom.cgroups, seen));
        out.push_str(&style.beside("cgroups", LABEL, &line));
        out.push_str(&style.beside("depth", LABEL, &first(&headroom.depth, seen)));
    }
    out.push_str(&style.beside("tasks", LABEL, &first(&headroom.tasks, true)));
    if style.verbose {
        for limit in headroom.cgroups.iter().chain(&headroom.depth).chain(&headroom.tasks) {
            out.push_str(&style.beside("limit", LABEL, &sentence(limit)));
        }
    }
    for parameter in report.boot_parameters.iter().flatten() {
        out.push_str(&style.beside("boot", LABEL, &boot_parameter(parameter, style.verbose)));
    }
    out
}

/// A word of the kernel command line, and what it does here.
fn boot_parameter(parameter: &BootParameter, verbose: bool) -> String {
    let effect = match parameter.effect {
        Effect::Applies => String::new(),
        other => format!(" ({})", other.as_str()),
    };
    let said = format!("{}{effect}: {}", parameter.word, parameter.meaning);
    // Why it does not do what it means is worth a line; what else is to know only to who wants more.
    let notes = parameter.notes.iter().filter(|_| verbose || parameter.effect != Effect::Applies);
    std::iter::once(said).chain(notes.cloned()).collect::<Vec<_>>().join("; ")
}

/// What is on, and what is off though the kernel has it.
fn options(features: &[Feature]) -> String {
    let list = |wanted: &dyn Fn(&Feature) -> bool| {
        let names: Vec<&str> = features.iter().filter(|f| wanted(f)).map(|f| f.name.as_str()).collect();
        names.join(" ")
    };
    let parts = [
        ("on: ", list(&|f| f.on == Some(true))),
        ("off, though the kernel has it: ", list(&|f| f.on == Some(false) && f.kernel == Some(true))),
        ("not in this kernel: ", list(&|f| f.on != Some(true) && f.kernel == Some(false))),
        ("the kernel has, no cgroup2 is mounted: ", list(&|f| f.on.is_none() && f.kernel == Some(true))),
        ("off, and not known to the kernel or not: ", list(&|f| f.on == Some(false) && f.kernel.is_none())),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(title, names)| format!("{title}{names}"))
        .collect();
    if said.is_empty() { "not known".to_owned() } else { said.join("; ") }
}

fn word(feature: &Feature) -> &'static str {
    match (feature.on, feature.kernel) {
        (Some(true), _) => "on",
        (_, Some(false)) => "not in this kernel",
        (Some(false), _) => "off",
        (None, Some(true)) => "in this kernel, no cgroup2 is mounted",
        (None, None) => "not known",
    }
}

fn pressure(pressure: &Pressure) -> String {
    let what = match (pressure.system, pressure.per_cgroup) {
        (Some(true), Some(true)) => "counted, for the machine and for each cgroup".to_owned(),
        (Some(true), Some(false)) => {
            "counted for the machine, not for cgroups, of which the kubelet has its metrics".to_owned()
        }
        (Some(false), _) => "not counted: the kubelet has no metrics of pressure".to_owned(),
        (Some(true), None) => "counted for the machine; for cgroups that is not known".to_owned(),
        (None, Some(true)) => "counted for each cgroup; for the machine that is not known".to_owned(),
        (None, _) => "not known".to_owned(),
    };
    std::iter::once(what).chain(pressure.notes.iter().cloned()).collect::<Vec<_>>().join("; ")
}

/// The limit that binds first; `seen`: whether the own cgroup could be looked at, not the root alone.
fn first(limits: &[Limit], seen: bool) -> String {
    let none = if seen { "no limit" } else { "no limit at the root; the own cgroup is not visible here" };
    limits.first().map_or_else(|| none.to_owned(), sentence)
}

fn sentence(limit: &Limit) -> String {
    format!("{} left of {}, by {}", limit.left, limit.limit, limit.source)
}
