//! What the kernel makes of its parameters about cgroups.

use super::{Effect, Here, Reader, Said, heeds_cgroup_enable, split};
use crate::facts::{cgroup::table, cmdline::kernel_truth};
use semver::Version;

/// A parameter that mainline got with a version. Before, the word goes to init's environment (init/main.c,
/// `unknown_bootoption`) and does nothing.
struct Since {
    name: &'static str,
    version: (u64, u64, u64),
    by: &'static str,
}

const DISABLE: Since = Since { name: "cgroup_disable", version: (2, 6, 25), by: "" };
const NO_V1: Since = Since { name: "cgroup_no_v1", version: (4, 6, 0), by: "kernel/cgroup/cgroup-v1.c" };
/// 646faf36d7271, in 6.17 and 6.16.1; RHEL 9.8 has it in its 5.14. Measured on 6.16.12, 6.18.15 and 7.3.4.
const V1_PROC: Since = Since { name: "cgroup_v1_proc", version: (6, 16, 1), by: "646faf36d727" };
const FAVORDYNMODS: Since = Since { name: "cgroup_favordynmods", version: (6, 7, 0), by: "9b81d3a5be05" };
const DEBUG: Since = Since { name: "cgroup_debug", version: (4, 13, 0), by: "kernel/cgroup/debug.c" };
const MEMORY: Since = Since { name: "cgroup.memory", version: (4, 5, 0), by: "mm/memcontrol.c" };
const SWAPACCOUNT: &str = "swapaccount";
const PSI: Since = Since { name: "psi", version: (4, 20, 0), by: "kernel/sched/psi.c" };

pub(super) fn say(name: &str, value: Option<&str>, at: usize, here: &Here<'_>) -> Option<Said> {
    let value_or_nothing = value.unwrap_or_default();
    Some(match name {
        "cgroup_disable" => disable(value_or_nothing, at, here),
        "cgroup_enable" => enable(value_or_nothing, at, here),
        "cgroup_no_v1" => no_v1(value_or_nothing, here),
        // All of these are declared with the `=` (__setup("psi=", …)).
        "cgroup_v1_proc" | "cgroup_favordynmods" | "psi" | "swapaccount" if value.is_none() => bare(name),
        "cgroup_v1_proc" => here.said(&V1_PROC, v1_proc(here.truth(value))),
        "cgroup_favordynmods" => here.said(&FAVORDYNMODS, favordynmods(here.truth(value))),
        "cgroup_debug" => here.said(
            &DEBUG,
            "makes the subsystem debug, where CONFIG_CGROUP_DEBUG has it, implicit on cgroup v2".into(),
        ),
        "cgroup.memory" => memory(value_or_nothing, here),
        "psi" => psi(value, here),
        "swapaccount" => swapaccount(value, here),
        _ => return None,
    })
}

impl Here<'_> {
    fn truth(&self, value: Option<&str>) -> Option<bool> {
        kernel_truth(value?, self.kernel)
    }

    fn reached(&self, (major, minor, patch): (u64, u64, u64)) -> Option<bool> {
        self.kernel.map(|v| *v >= Version::new(major, minor, patch))
    }

    /// A parameter that does what it means from a version on.
    fn said(&self, since: &Since, meaning: String) -> Said {
        let (major, minor, patch) = since.version;
        let dated = if patch == 0 || major < 3 {
            format!("{major}.{minor}")
        } else {
            format!("{major}.{minor}.{patch}")
        };
        let (effect, notes) = match self.reached(since.version) {
            Some(true) => (Effect::Applies, Vec::new()),
            Some(false) => {
                let note = format!(
                    "mainline knows {} since Linux {dated} ({}): this kernel is older and, unless its maker carried that \
                     over, passes the word on to init",
                    since.name, since.by
                );
                (Effect::Ignored, vec![note])
            }
            None => {
                (Effect::Unknown, vec![format!("the kernel's version is not known; it takes Linux {dated}")])
            }
        };
        Said { name: since.name, reader: Reader::Kernel, effect, meaning, notes }
    }

    /// Whether this is a kernel of the Raspberry Pi's own tree.
    fn is_raspberry_pi(&self) -> bool {
        heeds_cgroup_enable(self.release)
    }

    /// The last word that switches the subsystem `canonical` on or off: words are taken in the
    /// order of the line.
    pub(super) fn last_switch(&self, canonical: &str) -> Option<(usize, bool)> {
        let heeds_enable = self.is_raspberry_pi();
        let switches = |(at, word): (usize, &String)| {
            let (name, value) = split(word);
            let on = match name.as_str() {
                "cgroup_disable" => false,
                "cgroup_enable" if heeds_enable => true,
                _ => return None,
            };
            value?.split(',').any(|item| canonical_name(item) == canonical).then_some((at, on))
        };
        self.words.iter().enumerate().filter_map(switches).next_back()
    }
}

fn canonical_name(item: &str) -> &str {
    table::find(item).map_or(item, |known| known.name)
}

fn items(value: &str) -> Vec<&str> {
    value.split(',').filter(|item| !item.is_empty()).collect()
}

/// kernel/cgroup/cgroup.c, `cgroup_disable` (7.3, l. 7293): the name on v1 and on v2 both count, several parameters
/// add up, and a name that is unknown is passed over without a word.
fn disable(value: &str, at: usize, here: &Here<'_>) -> Said {
    let all = items(value);
    let subsystems: Vec<&str> = all.iter().copied().filter(|i| table::find(i).is_some()).collect();
    let mut notes = Vec::new();
    let mut meanings = Vec::new();
    if !subsystems.is_empty() {
        meanings.push(format!("switches off {}", subsystems.join(", ")));
    }
    let mut applies = !subsystems.is_empty();
    for item in &all {
        if *item == "pressure" {
            // A feature, not a subsystem: 3958e2d0c34e (5.14). Measured: 5.10 ignores it, 6.1 and later heed it.
            meanings.push("takes the *.pressure files from the cgroups (not /proc/pressure)".into());
            match here.reached((5, 14, 0)) {
                Some(false) => {
                    notes.push("`pressure` is known since Linux 5.14; this kernel passes it over".into());
                }
                Some(true) => applies = true,
                None => {}
            }
        } else if table::find(item).is_none() {
            notes.push(format!(
                "`{item}` is no subsystem of mainline; a kernel that lacks it passes the name over silently"
            ));
        }
    }
    if subsystems.iter().any(|i| canonical_name(i) == "io") {
        notes.push("`io` and `blkio` are the same subsystem".into());
    }
    if all.is_empty() {
        meanings.push("names nothing".into());
    }
    let back = |i: &&&str| here.last_switch(canonical_name(i)).is_some_and(|(last, on)| on && last > at);
    let taken_back: Vec<&str> = subsystems.iter().filter(back).copied().collect();
    if !taken_back.is_empty() {
        notes.push(format!("a later `cgroup_enable=` switches {} on again", taken_back.join(", ")));
    }
    if subsystems.iter().any(|i| canonical_name(i) == "memory") && here.is_raspberry_pi() {
        notes.push(FIRMWARE.into());
    }
    let effect = if !subsystems.is_empty() && taken_back.len() == subsystems.len() {
        Effect::Overridden
    } else if applies {
        Effect::Applies
    } else if here.kernel.is_none() && all.contains(&"pressure") {
        Effect::Unknown
    } else {
        Effect::Ignored
    };
    if meanings.is_empty() {
        meanings.push("names no subsystem of mainline".into());
    }
    Said { name: DISABLE.name, reader: Reader::Kernel, effect, meaning: meanings.join(", and "), notes }
}

/// raspberrypi/linux#6439 (2024-10) and its device trees; #6980 for the order.
const FIRMWARE: &str = "the firmware of the Raspberry Pi takes `cgroup_disable=memory` from the device tree and puts it \
                        before what cmdline.txt holds; `cgroup_enable=memory` in cmdline.txt comes after it and wins";

/// A parameter of the Raspberry Pi's tree (9b0efcc1ec49 for 5.4; raspberrypi/linux#6439 dropped it for 6.12 and #6524 of
/// 9 December 2024 brought it back); no mainline kernel has had it (the __setup lists of 5.10, 6.1, 6.12 and 7.3).
fn enable(value: &str, at: usize, here: &Here<'_>) -> Said {
    let names = items(value).join(", ");
    let meaning = format!("switches {names} on again, in the kernels of the Raspberry Pi");
    let mut notes = Vec::new();
    let effect = if here.release.is_empty() {
        Effect::Unknown
    } else if here.is_raspberry_pi() {
        let off = |i: &&str| here.last_switch(canonical_name(i)).is_some_and(|(last, on)| !on && last > at);
        let off: Vec<&str> = items(value).into_iter().filter(off).collect();
        if off.is_empty() {
            // 6.12.4 is of 9 December 2024.
            if here.reached((6, 12, 0)) == Some(true) && here.reached((6, 12, 5)) == Some(false) {
                notes.push(
                    "the 6.12 kernels of before 9 December 2024 did not know it (raspberrypi/linux#6524): update the kernel \
                     if memory is still off"
                        .into(),
                );
            }
            Effect::Applies
        } else {
            notes.push(format!(
                "a later `cgroup_disable=` switches {} off again: the words are taken in the order of the line",
                off.join(", ")
            ));
            Effect::Overridden
        }
    } else {
        notes.push(
            "mainline and the distributions' own kernels do not know cgroup_enable, and pass it on to init"
                .into(),
        );
        Effect::Ignored
    };
    Said { name: "cgroup_enable", reader: Reader::Kernel, effect, meaning, notes }
}

/// kernel/cgroup/cgroup-v1.c, `cgroup_no_v1`. The list and the masks of v2 stay as they are (measured).
fn no_v1(value: &str, here: &Here<'_>) -> Said {
    let all = items(value);
    let mut what = Vec::new();
    if all.contains(&"all") {
        what.push("every controller".to_owned());
    }
    if all.contains(&"named") {
        what.push("hierarchies without a controller, such as name=systemd".to_owned());
    }
    what.extend(all.iter().filter(|i| !["all", "named"].contains(i)).map(|i| (*i).to_owned()));
    let meaning = if what.is_empty() {
        "names nothing".to_owned()
    } else {
        format!("keeps cgroup v1 from being mounted for {}; cgroup v2 is not touched", what.join(", "))
    };
    let mut said = here.said(&NO_V1, meaning);
    // "cgroup: Add named hierarchy disabling to cgroup_no_v1 boot param", of 5.0.
    if all.contains(&"named") && here.reached((5, 0, 0)) == Some(false) {
        said.notes.push("`named` is known since Linux 5.0".into());
    }
    if all.contains(&"all") && !all.contains(&"named") {
        said.notes.push(
            "`all` leaves hierarchies without a controller (name=systemd); `named` is for those".into(),
        );
    }
    if all.is_empty() {
        said.effect = Effect::Ignored;
    }
    said
}

/// A word without the value that the kernel asks for: it does not know it so, and passes it on to init.
fn bare(name: &str) -> Said {
    let names = [V1_PROC.name, FAVORDYNMODS.name, PSI.name, SWAPACCOUNT];
    let name = names.into_iter().find(|n| *n == name).unwrap_or(PSI.name);
    Said {
        name,
        reader: Reader::Kernel,
        effect: Effect::Ignored,
        meaning: "has no value".into(),
        notes: vec![format!(
            "the kernel knows it with a value only (`{name}=1`), and passes this word on to init"
        )],
    }
}

fn v1_proc(value: Option<bool>) -> String {
    match value {
        Some(false) => {
            "leaves /proc/cgroups without the subsystems that have no version 1 side (the default)".into()
        }
        _ => "brings back the rows of /proc/cgroups for subsystems that have no version 1 side".into(),
    }
}

fn favordynmods(value: Option<bool>) -> String {
    match value {
        Some(false) => "keeps forks and exits fast, at the price of slower moves between cgroups".into(),
        _ => "makes moves between cgroups faster, at the price of slower forks and exits; no controller depends on it"
            .into(),
    }
}

/// mm/memcontrol.c, `cgroup_memory`: accounting only, the controller stays.
fn memory(value: &str, here: &Here<'_>) -> Said {
    let mut notes = Vec::new();
    let meanings: Vec<String> = items(value)
        .into_iter()
        .map(|item| match item {
            "nokmem" => "does not count the kernel's own memory for a cgroup".into(),
            "nosocket" => "does not count the buffers of sockets".into(),
            "nobpf" => {
                // b6c1a8af5b1e
                if here.reached((6, 3, 0)) == Some(false) {
                    notes.push("`nobpf` is known since Linux 6.3".into());
                }
                "does not count the memory of BPF programs and maps".into()
            }
            other => {
                notes.push(format!("`{other}` is none of nokmem, nosocket, nobpf"));
                format!("`{other}` means nothing")
            }
        })
        .collect();
    let meaning = if meanings.is_empty() { "names nothing".to_owned() } else { meanings.join("; ") };
    let mut said = here.said(&MEMORY, meaning);
    said.notes.extend(notes);
    said
}

/// kernel/sched/psi.c. Measured: with psi=0 5.10 keeps the files of the cgroups, 6.1 and later take them away, too.
fn psi(value: Option<&str>, here: &Here<'_>) -> Said {
    let value = here.truth(value);
    let meaning = match value {
        Some(true) => "switches pressure stall information on, where CONFIG_PSI_DEFAULT_DISABLED had it off",
        Some(false) => "switches pressure stall information off: no /proc/pressure",
        None => "is no truth value, so the kernel's default holds",
    };
    let mut said = here.said(&PSI, meaning.to_owned());
    if value.is_none() {
        said.effect = Effect::Ignored;
    }
    if value == Some(false) {
        said.notes.push(match here.reached((6, 1, 0)) {
            Some(true) => "the *.pressure files of the cgroups are gone, too".into(),
            Some(false) => "the *.pressure files of the cgroups stay, and say nothing".into(),
            None => "from Linux 6.1 on the *.pressure files of the cgroups are gone, too".into(),
        });
    }
    said
}

/// mm/memcontrol.c, `setup_swap_account`: since 6.1 (b25806dcd3d5) it only prints that it is deprecated.
fn swapaccount(value: Option<&str>, here: &Here<'_>) -> Said {
    let meaning = match here.truth(value) {
        Some(false) => "switches off the accounting of swap by cgroup",
        _ => "switches on the accounting of swap by cgroup",
    };
    let mut notes = Vec::new();
    let effect = match here.reached((6, 1, 0)) {
        Some(true) => {
            notes.push("since Linux 6.1 swap is always accounted for, and the word does nothing".into());
            Effect::Ignored
        }
        Some(false) => Effect::Applies,
        None => Effect::Unknown,
    };
    Said { name: SWAPACCOUNT, reader: Reader::Kernel, effect, meaning: meaning.into(), notes }
}
