//! What systemd makes of the words about cgroups that it reads from the kernel command line.

use super::{Effect, Here, Reader, Said, split, truth};
use crate::facts::systemd::Legacy;

const UNIFIED: &str = "systemd.unified_cgroup_hierarchy";
const LEGACY: &str = "systemd.legacy_systemd_cgroup_controller";
const FORCE: &str = "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE";

/// Whether systemd is asked by it.
pub(super) fn is_its_own(name: &str) -> bool {
    [UNIFIED, LEGACY, FORCE].contains(&name)
}

/// Whether it asks for cgroup v1, as far as systemd still heeds that.
pub(super) fn asks_for_v1(name: &str, value: Option<&str>) -> bool {
    match name {
        UNIFIED => truth(value) == Some(false),
        LEGACY => true,
        FORCE => truth(value) == Some(true),
        _ => false,
    }
}

pub(super) fn say(name: &str, value: Option<&str>, here: &Here<'_>) -> Option<Said> {
    let name = [UNIFIED, LEGACY, FORCE].into_iter().find(|n| *n == name)?;
    let legacy = here.systemd.map(Legacy::of);
    let (effect, meaning, note) = match name {
        UNIFIED => unified(truth(value), legacy, here),
        LEGACY => controller(truth(value), legacy, here),
        _ => force(truth(value), legacy),
    };
    let version = match here.systemd {
        Some(version) => format!("systemd {version} of this node: {note}"),
        None => format!("the version of systemd could not be told; {note}"),
    };
    Some(Said { name, reader: Reader::Systemd, effect, meaning: meaning.into(), notes: vec![version] })
}

impl Here<'_> {
    /// The last truth value of `name`: systemd lets a later word win.
    fn last(&self, name: &str) -> Option<bool> {
        let of = |word: &String| {
            let (key, value) = split(word);
            (key == name).then(|| truth(value)).flatten()
        };
        self.words.iter().rev().find_map(of)
    }

    fn is_forced(&self) -> bool {
        self.last(FORCE) == Some(true)
    }
}

type Told = (Effect, &'static str, &'static str);

fn unified(value: Option<bool>, legacy: Option<Legacy>, here: &Here<'_>) -> Told {
    const V2: &str = "asks systemd for cgroup v2 alone";
    const V1: &str = "asks systemd for cgroup v1";
    let Some(v2) = value else {
        return (Effect::Ignored, "is no truth value", "a word that is none is not heeded");
    };
    if v2 {
        return match legacy {
            Some(Legacy::Removed) => {
                (Effect::Ignored, V2, "it always mounts cgroup v2, and needs no word for it")
            }
            Some(_) => (Effect::Applies, V2, "it mounts cgroup v2 alone"),
            None => (Effect::Unknown, V2, "up to 257 it heeds the word, from 258 on there is nothing but v2"),
        };
    }
    match legacy {
        Some(Legacy::Boots) => (Effect::Applies, V1, "it boots into v1; from 256 on it would not"),
        Some(Legacy::Refuses | Legacy::Ignores) if here.is_forced() => {
            (Effect::Applies, V1, "it boots into v1, because SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 forces it")
        }
        Some(Legacy::Refuses) => {
            (Effect::Applies, V1, "it refuses to boot with this word: take it out before the next reboot")
        }
        Some(Legacy::Ignores) => (Effect::Ignored, V1, "it prints a warning and mounts cgroup v2 alone"),
        Some(Legacy::Removed) => {
            (Effect::Ignored, V1, "it has no support for v1 left (since 258), and mounts v2")
        }
        None => (
            Effect::Unknown,
            V1,
            "up to 255 it boots into v1, 256 refuses to boot, 257 ignores the word, 258 has no v1 left",
        ),
    }
}

/// systemd(1) of 255: it counts only where v2 is not used alone.
fn controller(value: Option<bool>, legacy: Option<Legacy>, here: &Here<'_>) -> Told {
    let meaning = match value {
        Some(true) => "asks systemd to keep its own hierarchy on cgroup v1, too (legacy, not hybrid)",
        Some(false) => "asks systemd to keep its own hierarchy on cgroup v2 beside v1 (hybrid)",
        None => return (Effect::Ignored, "is no truth value", "a word that is none is not heeded"),
    };
    match legacy {
        Some(Legacy::Removed) => (Effect::Ignored, meaning, "it has no support for v1 left (since 258)"),
        Some(Legacy::Refuses | Legacy::Ignores) if !here.is_forced() => {
            (Effect::Ignored, meaning, "without SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 there is no v1 for it")
        }
        Some(_) if here.last(UNIFIED) == Some(false) => {
            (Effect::Applies, meaning, "v1 is asked for, so it counts")
        }
        Some(_) => {
            (Effect::Unknown, meaning, "it counts only where v2 is not used alone, which its build decides")
        }
        None => (Effect::Unknown, meaning, "from 258 on there is no v1 left"),
    }
}

fn force(value: Option<bool>, legacy: Option<Legacy>) -> Told {
    const MEANING: &str = "makes systemd 256 and 257 boot into cgroup v1 all the same";
    if value != Some(true) {
        return (Effect::Ignored, MEANING, "only a true value forces anything");
    }
    match legacy {
        Some(Legacy::Boots) => {
            (Effect::Ignored, MEANING, "it knows no such word: v1 needs no force before 256")
        }
        Some(Legacy::Refuses | Legacy::Ignores) => (Effect::Applies, MEANING, "it heeds the word"),
        Some(Legacy::Removed) => (Effect::Ignored, MEANING, "it has no support for v1 left (since 258)"),
        None => (Effect::Unknown, MEANING, "only 256 and 257 heed it"),
    }
}
