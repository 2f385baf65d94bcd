//! How to get a controller back, by the reason why it can't be used.

use crate::{
    checks::cgroup_hierarchy::v2_remedy,
    evidence::Evidence,
    facts::{
        boot_loader::{Carrier, Edit},
        boot_parameters::heeds_cgroup_enable,
        cgroup::{LayoutKind, State, Subsystem, Survey},
    },
    finding::{Remedy, Risk},
    node::Node,
};

/// The remedy for a controller that can't be used, where there is one.
pub(super) fn of(s: &Subsystem, survey: &Survey, reason: &str, node: &Node) -> Option<Remedy> {
    let name = &s.name;
    Some(match s.state {
        State::Disabled => enable(s, node),
        State::NotCompiled => {
            let option = s.known.map_or_else(|| "its option".to_owned(), |k| format!("{}=y", k.config));
            Remedy::new(format!("Boot a kernel that was built with {option}.")).reboot()
        }
        State::NotDelegated => Remedy::new(format!(
            "Let the parent cgroup pass {name} on: under systemd, `Delegate=yes` for the unit that runs this; in a \
             container, its manager has to delegate it."
        ))
        .command("systemctl edit UNIT   # [Service] Delegate=yes")
        .risk(Risk::Service),
        State::BoundToV1 if survey.layout == LayoutKind::V2 => {
            let summary =
                format!("Boot with `cgroup_no_v1=all`, so that no cgroup v1 hierarchy can hold {name}.");
            let remedy = node.boot_loader().remedy(summary, &Edit::default().append("cgroup_no_v1=all"));
            match &s.legacy_mount {
                Some(point) => remedy.command(format!("umount {point}")),
                None => remedy,
            }
        }
        _ if survey.layout == LayoutKind::None => return None,
        _ if matches!(reason, "v1-not-mounted" | "on-v2-only") => Remedy {
            summary: "Boot into cgroup v2, where the kubelet uses what is listed there; mounting more version 1 \
                      hierarchies is the way back."
                .into(),
            ..v2_remedy(node)
        },
        State::Inhibited => Remedy::new("Boot a newer kernel.").reboot(),
        _ => return None,
    })
}

/// Where the word that switches a controller off stands on the disk, if that was found.
pub(super) fn place(s: &Subsystem, node: &Node) -> Option<Evidence> {
    if s.state != State::Disabled {
        return None;
    }
    words(s, node).iter().find_map(|word| node.boot_loader().evidence_of(word))
}

/// The running words of the parameter that switches `s` off; several add up.
fn words(s: &Subsystem, node: &Node) -> Vec<String> {
    listing("cgroup_disable", s, node)
}

fn listing(parameter: &str, s: &Subsystem, node: &Node) -> Vec<String> {
    let Ok(cmdline) = node.cmdline() else { return Vec::new() };
    let lists = |word: &&String| {
        let Some((name, value)) = word.split_once('=') else { return false };
        name.replace('-', "_") == parameter && value.split(',').any(|item| is_named(s, item))
    };
    cmdline.words().iter().filter(lists).cloned().collect()
}

fn is_named(s: &Subsystem, item: &str) -> bool {
    item == s.name || item == s.legacy_name
}

fn enable(s: &Subsystem, node: &Node) -> Remedy {
    let (name, words, loader) = (&s.name, words(s, node), node.boot_loader());
    let summary = format!("Remove {name} from `cgroup_disable=` on the kernel command line and reboot.");
    if name == "memory" && loader.carrier() == Some(Carrier::RaspberryPi) {
        return on_raspberry_pi(s, node, summary);
    }
    if words.is_empty() {
        return loader.remedy(summary, &Edit::default().remove(format!("cgroup_disable={name}")));
    }
    loader.remedy(summary, &without(s, &words))
}

/// The words without the controller: what else they name stays.
fn without(s: &Subsystem, words: &[String]) -> Edit {
    words.iter().fold(Edit::default(), |edit, word| {
        let edit = edit.remove(word);
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let rest: Vec<&str> = value.split(',').filter(|i| !is_named(s, i) && !i.is_empty()).collect();
        if rest.is_empty() { edit } else { edit.append(format!("{name}={}", rest.join(","))) }
    })
}

/// The firmware puts `cgroup_disable=memory` in front of what cmdline.txt holds, and before 6.12 the kernel had memory
/// off by itself (raspberrypi/linux 9b0efcc1ec49, #6439, #6980): `cgroup_enable=memory` behind that wins, in the kernels
/// that know it.
fn on_raspberry_pi(s: &Subsystem, node: &Node, summary: String) -> Remedy {
    let loader = node.boot_loader();
    let own: Vec<String> = words(s, node).into_iter().filter(|w| loader.evidence_of(w).is_some()).collect();
    let edit = without(s, &own);
    let knows = node.kernel_release().as_ref().is_ok_and(|r| heeds_cgroup_enable(&r.text));
    let asked = !listing("cgroup_enable", s, node).is_empty();
    if !own.is_empty() && (asked || !knows) {
        return loader.remedy(summary, &edit);
    }
    if asked || !knows {
        return Remedy::new(
            "Boot a kernel of the Raspberry Pi that knows `cgroup_enable=memory`: other kernels, and its own 6.12 of before \
             9 December 2024, pass it over.",
        )
        .persistent("apt full-upgrade   # Raspberry Pi OS")
        .reboot();
    }
    loader.remedy(
        "Switch memory on again with `cgroup_enable=memory` and reboot.",
        &edit.append("cgroup_enable=memory"),
    )
}
