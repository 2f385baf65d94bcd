//! How to get a controller back, by the reason why it can't be used.

use crate::{
    facts::cgroup::{LayoutKind, State, Subsystem, Survey},
    finding::{Remedy, Risk},
};

/// Where the kernel command line of most distributions is kept.
const GRUB: &str = "/etc/default/grub: GRUB_CMDLINE_LINUX; then update-grub or grub2-mkconfig";

/// The remedy for a controller that can't be used, where there is one.
pub(super) fn of(s: &Subsystem, survey: &Survey, reason: &str) -> Option<Remedy> {
    let name = &s.name;
    Some(match s.state {
        State::Disabled => {
            let summary = format!("Remove {name} from `cgroup_disable=` on the kernel command line and reboot.");
            let remedy = Remedy::new(summary).persistent(GRUB).reboot();
            // The firmware adds cgroup_disable=memory there, and the downstream kernel honours this
            // (raspberrypi/linux#1198, #5933).
            if name == "memory" { remedy.persistent("Raspberry Pi: cgroup_enable=memory in cmdline.txt") } else { remedy }
        }
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
            let remedy = Remedy::new(format!(
                "Boot with `cgroup_no_v1=all`, so that no cgroup v1 hierarchy can hold {name}."
            ))
            .persistent(GRUB)
            .reboot();
            match &s.legacy_mount {
                Some(point) => remedy.command(format!("umount {point}")),
                None => remedy,
            }
        }
        _ if survey.layout == LayoutKind::None => return None,
        _ if matches!(reason, "v1-not-mounted" | "on-v2-only") => Remedy::new(
            "Boot into cgroup v2, where the kubelet uses what is listed there; mounting more version 1 hierarchies is \
             the way back.",
        )
        .persistent("kernel command line: systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all")
        .reboot(),
        State::Inhibited => Remedy::new("Boot a newer kernel.").reboot(),
        _ => return None,
    })
}
