//! How to be rid of swap for good, or to let the kubelet have it.

use crate::{
    facts::{
        kubelet_swap::CONFIG,
        swap_boot::{SwapBoot, SwapOrigin},
        swaps::Swap,
    },
    finding::{Remedy, Risk},
    quantity::Quantity,
};
use std::collections::BTreeSet;

/// Switches it off, now and for good.
pub(super) fn switch_off(areas: &[Swap], boot: &SwapBoot) -> Remedy {
    let used = areas.iter().fold(0_u64, |sum, a| sum.saturating_add(a.used));
    let summary = if used == 0 {
        "Switch swap off, and take away what brings it back".to_owned()
    } else {
        format!(
            "Switch swap off, and take away what brings it back. The {} in it have to fit into memory, or the kernel \
             kills processes to make room",
            Quantity::bytes(used)
        )
    };
    let remedy = Remedy::new(summary).command("swapoff -a").risk(Risk::Service);
    lasting(remedy, boot)
}

/// Keeps it off.
pub(super) fn keep_off(boot: &SwapBoot) -> Remedy {
    lasting(Remedy::new("Take away what brings it back"), boot)
}

fn lasting(remedy: Remedy, boot: &SwapBoot) -> Remedy {
    let lines: BTreeSet<(SwapOrigin, String)> =
        boot.sources.iter().map(|s| (s.origin, undo(s.origin, &s.name))).collect();
    lines.into_iter().fold(remedy, |remedy, (_, line)| remedy.persistent(line))
}

fn undo(origin: SwapOrigin, name: &str) -> String {
    match origin {
        // A dash keeps the type's column apart from a mount point that is called so; the copy is kept beside it.
        SwapOrigin::Fstab => {
            r"sed -E -i.bak '/^[^#]\S*\s+\S+\s+swap\s/s/^/#/' /etc/fstab && systemctl daemon-reload".into()
        }
        SwapOrigin::Unit => format!("systemctl mask --now '{name}'"),
        SwapOrigin::ZramGenerator => {
            "ln -sf /dev/null /etc/systemd/zram-generator.conf, and take its section out of zram-generator.conf.d".into()
        }
        SwapOrigin::Service => format!("systemctl disable --now {name}"),
    }
}

const SETTINGS: &str = "failSwapOn: false, memorySwap: { swapBehavior: LimitedSwap }";

/// Lets the kubelet have it.
pub(super) fn tell_kubelet() -> Remedy {
    Remedy::new("Tell the kubelet to start with swap on, and what pods may use of it; or switch swap off")
        .command("systemctl restart kubelet")
        .persistent(format!("in {CONFIG} (and the ConfigMap kubelet-config): {SETTINGS}"))
        .risk(Risk::Service)
}

/// Lets an older kubelet have it.
pub(super) fn feature_gate() -> Remedy {
    Remedy::new("Switch the feature gate on, if that was not done; or switch swap off")
        .command("systemctl restart kubelet")
        .persistent(format!("in {CONFIG}: featureGates: {{ NodeSwap: true }}"))
        .risk(Risk::Service)
}

/// The kubelet is too old.
pub(super) fn upgrade_or_off() -> Remedy {
    Remedy::new("Run a newer Kubernetes, or switch swap off").command("swapoff -a").risk(Risk::Service)
}

/// Pods need cgroup v2.
pub(super) fn v2_or_off() -> Remedy {
    Remedy::new("Boot with cgroup v2, or switch swap off").command("swapoff -a").risk(Risk::Service)
}
