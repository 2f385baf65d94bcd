//! Why, in sentences.

use super::{Basis, MaskSide, Shown, State, Subsystem, side};
use crate::facts::{
    boot_parameters::is_switched_on_again,
    cgroup::{
        files::Row,
        table::{Known, reached},
    },
};
use semver::Version;

pub(super) fn came_later(known: Option<&Known>, version: Option<&Version>) -> Option<String> {
    let (known, version) = (known?, version?);
    let (major, minor) = known.added;
    (!reached(version, known.added))
        .then(|| format!("Linux {major}.{minor} brought {}; this kernel is {version}", known.name))
}

/// The word of the command line that switches a subsystem off, unless the kernel heeds a later `cgroup_enable=`.
pub(super) fn disabling_word(name: &str, legacy: &str, shown: &Shown<'_>) -> Option<String> {
    let cmdline = shown.cmdline?;
    if is_switched_on_again(cmdline.words(), shown.release, name) {
        return None;
    }
    [name, legacy].into_iter().find_map(|n| cmdline.word_listing("cgroup_disable", n))
}

pub(super) fn disabled_note(name: &str, legacy: &str, shown: &Shown<'_>) -> String {
    match disabling_word(name, legacy, shown) {
        Some(word) => format!("{name} is switched off at boot: `{word}` on the kernel command line"),
        None => {
            format!("{name} is switched off: the kernel says so, and its command line does not show by what")
        }
    }
}

pub(super) fn not_on_v2_note(name: &str) -> String {
    format!(
        "{name} can be on cgroup v2, and its root does not list it: it is attached to a cgroup v1 hierarchy that is not \
         visible here, or switched off; /proc/cgroups would tell, and could not be read"
    )
}

/// That this kernel is not what mainline's version would be, where the masks or files show that.
pub(super) fn differs_from_mainline(subsystem: &Subsystem, shown: &Shown<'_>) -> Option<String> {
    let (side, basis) = subsystem.mask?;
    let expected =
        side::expected(subsystem.known, shown).filter(|e| *e != side && basis > Basis::Expected)?;
    let version = shown.version?;
    let would_be = match expected {
        MaskSide::Implicit => "implicit",
        MaskSide::Inhibited => "inhibited",
        MaskSide::Neither => "in neither mask",
    };
    Some(format!(
        "in mainline Linux {}.{} {} would be {would_be}: this kernel was changed there",
        version.major, version.minor, subsystem.name
    ))
}

pub(super) fn listed_note(subsystem: &Subsystem, is_root: Option<bool>) -> String {
    let name = &subsystem.name;
    match is_root {
        Some(false) => {
            format!("{name} is in cgroup.controllers of the cgroup visible here: its parent passed it on")
        }
        _ => format!("{name} is in cgroup.controllers of the cgroup2 root"),
    }
}

pub(super) fn bound_notes(subsystem: &Subsystem, row: Option<Row>) -> Vec<String> {
    let name = &subsystem.name;
    let number = row.map_or(String::new(), |r| format!(" {}", r.hierarchy));
    let mut notes = vec![match &subsystem.legacy_mount {
        Some(point) => format!(
            "{name} is attached to the cgroup v1 hierarchy{number}, mounted on {point}, which takes it away from \
             cgroup v2"
        ),
        None => format!(
            "{name} is attached to the cgroup v1 hierarchy{number}, which takes it away from cgroup v2; no mount of \
             that hierarchy is visible here: it is mounted elsewhere, or lives on because it has child cgroups"
        ),
    }];
    match subsystem.mask {
        Some((MaskSide::Inhibited, _)) => {
            notes.push(format!("without v1, {name} would be inhibited on cgroup v2 and still not be listed"));
        }
        Some((MaskSide::Implicit, _)) => {
            notes.push(format!(
                "without v1, {name} would be implicit on cgroup v2: always on, and still not listed"
            ));
        }
        _ => {}
    }
    notes
}

pub(super) fn unlisted_note(subsystem: &Subsystem, version: Option<&Version>) -> String {
    let name = &subsystem.name;
    let instead = subsystem.known.and_then(|k| k.replacement);
    match subsystem.state {
        State::Implicit => format!(
            "{name} is implicit on cgroup v2: it is always on and has no files, so the kernel leaves it out of \
             cgroup.controllers"
        ),
        State::Inhibited => {
            let later =
                subsystem.known.and_then(|k| k.listed_since).zip(version).filter(|(s, v)| !reached(v, *s));
            let tail = match (later, instead) {
                (Some(((major, minor), version)), _) => {
                    format!("; it got them with Linux {major}.{minor}, and this kernel is {version}")
                }
                (None, Some(instead)) => format!("; there its work is done by {instead}"),
                (None, None) => String::new(),
            };
            format!(
                "{name} is inhibited on cgroup v2: it has no v2 interface files, so the kernel leaves it out of \
                 cgroup.controllers{tail}"
            )
        }
        State::Unmounted => format!("{name} is free for cgroup v2, but no cgroup2 file system is mounted"),
        _ => format!(
            "{name} is not delegated: the cgroup2 root visible here is not the real root, and its parent does not \
             pass {name} on in cgroup.subtree_control"
        ),
    }
}
