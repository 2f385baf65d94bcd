//! How to get rid of swap for good, or let the kubelet have it.

use crate::{
    facts::swap::{Area, AtBoot, Bringer},
    finding::{Remedy, Risk},
};

/// Now, and at each boot.
pub(super) fn off(areas: &[Area], at_boot: &[AtBoot]) -> Remedy {
    let size: u64 = areas.iter().map(|area| area.size.get()).fold(0, u64::saturating_add);
    let size = crate::quantity::Quantity::bytes(size);
    let remedy = Remedy::new(format!(
        "Switch swap off; what is swapped has to fit into memory (at most {size}), or programs are killed"
    ));
    let remedy = remedy.command("swapoff -a").risk(Risk::Service);
    lasting(remedy, at_boot)
}

/// At each boot.
pub(super) fn keep_off(at_boot: &[AtBoot]) -> Remedy {
    lasting(Remedy::new("Take out what brings swap at boot"), at_boot)
}

fn lasting(remedy: Remedy, at_boot: &[AtBoot]) -> Remedy {
    at_boot.iter().fold(remedy, |remedy, one| match &one.bringer {
        Bringer::Fstab(number) => {
            // Held against what the line says, in case somebody edited the file in between.
            remedy.persistent(format!("sed -i '{number}{{/[[:space:]]swap[[:space:]]/s/^/#/}}' /etc/fstab"))
        }
        Bringer::Unit(unit) => remedy.persistent(format!("systemctl mask {unit}")),
        Bringer::ZramGenerator(_) => remedy.persistent(": > /etc/systemd/zram-generator.conf"),
        Bringer::Service(unit) => remedy.persistent(format!("systemctl disable --now {unit}")),
    })
}

/// The kubelet's configuration.
pub(super) fn let_the_kubelet() -> Remedy {
    Remedy::new("Let the kubelet run with swap, or switch swap off")
        .persistent("in /var/lib/kubelet/config.yaml: failSwapOn: false")
        .persistent("in /var/lib/kubelet/config.yaml: memorySwap: { swapBehavior: LimitedSwap }")
        .command("systemctl restart kubelet")
        .risk(Risk::Service)
}

/// The feature gate, where it is off by default.
pub(super) fn gate() -> Remedy {
    Remedy::new("Switch the feature gate NodeSwap on, or switch swap off")
        .persistent("in /var/lib/kubelet/config.yaml: featureGates: { NodeSwap: true }")
        .persistent("in /var/lib/kubelet/config.yaml: memorySwap: { swapBehavior: LimitedSwap }")
        .command("systemctl restart kubelet")
        .risk(Risk::Service)
}
