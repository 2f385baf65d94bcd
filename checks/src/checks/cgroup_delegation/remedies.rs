//! How to make a controller arrive, or a cgroup ready to hand it on.

use crate::{
    facts::{cgroup::tree::Step, systemd_unit},
    finding::{Remedy, Risk},
};

/// A drop-in with `Delegate=` for a unit of systemd's system manager.
pub(in crate::checks) fn drop_in(unit: &str) -> Remedy {
    if systemd_unit::kind(unit) == Some("scope") {
        return Remedy::new(format!(
            "Have {unit} made with `Delegate=yes` by whoever makes it; what is started in a login session can be run \
             in a unit of its own instead."
        ))
        .command("systemd-run --scope -p Delegate=yes COMMAND")
        .risk(Risk::None);
    }
    let name = systemd_unit::template(unit).unwrap_or_else(|| unit.to_owned());
    let is_user = name == "user@.service";
    let value = if is_user { systemd_unit::DELEGABLE.join(" ") } else { "yes".to_owned() };
    let file = format!("/etc/systemd/system/{name}.d/delegate.conf");
    let effect =
        if is_user { "which ends everything that this user runs" } else { "which interrupts what it does" };
    Remedy::new(format!("Add `Delegate={value}` to {name}, and restart {unit}, {effect}."))
        .command(format!("mkdir -p {}", file.trim_end_matches("/delegate.conf")))
        .command(format!("printf '[Service]\\nDelegate={value}\\n' > {file}"))
        .command("systemctl daemon-reload")
        .command(format!("systemctl restart {unit}"))
        .persistent(format!("{file}: [Service] Delegate={value}"))
        .risk(Risk::Service)
}

/// Enables controllers by hand.
pub(super) fn enable(step: &Step<'_>, names: &[&str]) -> Remedy {
    let words: Vec<String> = names.iter().map(|n| format!("+{n}")).collect();
    Remedy::new(format!("Enable {} for the children of {}.", names.join(", "), step.path)).command(format!(
        "echo {} > {}",
        words.join(" "),
        step.file("cgroup.subtree_control")
    ))
}

/// Moves the processes of a cgroup into a child, as the entry points of docker, k3s and kind images do.
pub(super) fn evacuate(step: &Step<'_>, names: &[&str]) -> Remedy {
    let words: Vec<String> = names.iter().map(|n| format!("+{n}")).collect();
    let leaf = step.file("init");
    let is_service = systemd_unit::kind(&step.path) == Some("service");
    let by_unit =
        if is_service { ", the first by `DelegateSubgroup=init` of the unit (systemd 254)" } else { "" };
    Remedy::new(format!(
        "Move the processes of {} into a cgroup below it, then enable {}{by_unit}.",
        step.path,
        names.join(", ")
    ))
    .command(format!("mkdir -p {leaf}"))
    .command(format!("xargs -rn1 < {} > {leaf}/cgroup.procs", step.file("cgroup.procs")))
    .command(format!("echo {} > {}", words.join(" "), step.file("cgroup.subtree_control")))
    .risk(Risk::Service)
}

/// Gives a cgroup to a user.
pub(super) fn give(step: &Step<'_>, user: u32, paths: &[&str]) -> Remedy {
    let unit = step.path.rsplit('/').next().filter(|n| systemd_unit::kind(n) == Some("service"));
    match unit {
        Some(unit) => drop_in(unit),
        None => Remedy::new(format!("Give the cgroup {} to user {user}.", step.path))
            .command(format!("chown {user} {}", paths.join(" "))),
    }
}
