//! `swap`: Swap is off, or it is what the kubelet can deal with, after a boot as well.

mod limited;
mod remedies;

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{
        cgroup::LayoutKind,
        swap_boot::SwapBoot,
        swaps::{Swap as Area, SwapKind, Swaps},
    },
    finding::{Finding, Findings, Severity},
    node::Node,
    quantity::Quantity,
    range::leading_version,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// What the policy makes of swap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SwapMode {
    /// No swap: what the kubelet wants unless it is told otherwise.
    #[default]
    Off,
    /// Swap may be on where the kubelet can deal with it: cgroup v2, NodeSwap, failSwapOn: false.
    Limited,
    /// Swap may be on.
    Allowed,
}

/// Swap is off, or it is what the kubelet can deal with, after a boot as well.
///
/// ## What it looks at
/// /proc/swaps: partitions, files and compressed memory (zram). Then what would bring swap back at the next boot:
/// /etc/fstab, units that swap.target wants, zram-generator.conf with its drop-ins, and the services zramswap,
/// zram-config and dphys-swapfile; what is masked does not count. Where swap is on, the cgroup layout and what
/// /var/lib/kubelet/config.yaml says of it are put into the same verdict. Nothing is switched off.
///
/// `off` passes; `on` does not (mode `off`); `returns-at-boot` warns of swap that is off now and comes back. In mode
/// `limited`, `usable` passes, and `cgroup-v1`, `kubelet-refuses`, `feature-gate` and `unsupported-version` say what is
/// in the way.
///
/// ## Why it matters
/// A kubelet with its default configuration does not start while swap is on. Swap that was switched off by hand comes
/// back with the next boot, and then the node does not. Pods can use swap on cgroup v2 only, because v1 has no limit
/// for swap alone.
///
/// ## How to mend it
/// `swapoff -a`, and take away what brings it back: the line in /etc/fstab, the unit (`systemctl mask`), or
/// zram-generator's configuration. Or let the kubelet have it: `failSwapOn: false` and
/// `memorySwap: { swapBehavior: LimitedSwap }`.
///
/// ## Sources
/// proc_swaps(5), fstab(5), systemd.swap(5), zram-generator.conf(5); kubernetes.io, Swap memory management; KEP-2400
/// (NodeSwap: alpha 1.22, beta 1.28 and off, on since 1.30, stable 1.34); kubelet.config.k8s.io/v1beta1 (failSwapOn is
/// true by default); kubeadm's check Swap (an error until 1.27, a warning since).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SwapParams {
    /// `off` (default), `limited` or `allowed`.
    pub mode: SwapMode,
    /// The version of Kubernetes that the node will run, for example `1.35`. Without it, the newest rules hold.
    pub kubernetes_version: Option<String>,
}

/// The check `swap`.
pub struct Swap;

/// One finding for all of it: what is on, and what comes back, is one question.
const SUBJECT: &str = "active";

impl Check for Swap {
    type Params = SwapParams;

    const META: Meta = Meta {
        id: "swap",
        summary: "Swap is off, or it is what the kubelet can deal with, after a boot as well",
        since: "0.1.0",
        kubeadm: Some("Swap"),
    };

    fn validate(params: &SwapParams) -> Result<(), String> {
        match &params.kubernetes_version {
            Some(text) if leading_version(text).is_none() => {
                Err(format!("kubernetesVersion `{text}` is no version; write for example `1.35`"))
            }
            _ => Ok(()),
        }
    }

    fn run(params: &SwapParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(match node.swaps() {
            Err(unknown) => {
                let severity = if params.mode == SwapMode::Allowed { Severity::Warn } else { Severity::Fail };
                let message = "whether swap is on could not be determined";
                Finding::undetermined(severity, SUBJECT, "unknown", message, &unknown)
            }
            Ok(swaps) => judge(params, swaps, node),
        });
        Ok(())
    }
}

fn judge(params: &SwapParams, swaps: Swaps, node: &Node) -> Finding {
    match (params.mode, swaps.areas.is_empty()) {
        (SwapMode::Off, false) => on(&swaps, node),
        (SwapMode::Off, true) => off(swaps.proof, node),
        (SwapMode::Limited, false) => limited::judge(params, swaps, node),
        (SwapMode::Limited, true) => {
            Finding::pass(SUBJECT, "off", "no swap is on, and none has to be", swaps.proof)
        }
        (SwapMode::Allowed, false) => {
            let message = format!("swap is on, which this policy allows: {}", listed(&swaps.areas));
            Finding::pass(SUBJECT, "on", message, swaps.proof)
        }
        (SwapMode::Allowed, true) => Finding::pass(SUBJECT, "off", "no swap is on", swaps.proof),
    }
}

/// The areas in a few words. How much of them is in use changes all the time and is not among them.
fn listed(areas: &[Area]) -> String {
    let shown = |a: &Area| format!("{} ({}, {})", a.name, a.kind.as_str(), Quantity::bytes(a.size));
    let mut words: Vec<String> = areas.iter().take(4).map(shown).collect();
    words.extend(areas.len().checked_sub(4).filter(|n| *n > 0).map(|n| format!("{n} more")));
    words.join(", ")
}

/// What brings swap back, in a few words.
fn brings_back(boot: &SwapBoot) -> String {
    let mut words: Vec<&str> = boot.sources.iter().take(4).map(|s| s.words.as_str()).collect();
    let more = boot.sources.len().checked_sub(4).filter(|n| *n > 0).map(|n| format!("{n} more"));
    words.extend(more.as_deref());
    words.join(", ")
}

fn evidence(boot: &SwapBoot) -> impl Iterator<Item = Evidence> {
    boot.sources.iter().take(8).map(|s| s.evidence.clone())
}

/// On, and it must not be.
fn on(swaps: &Swaps, node: &Node) -> Finding {
    let boot = node.swap_boot();
    let kubelet = node.kubelet_swap().ok().flatten();
    let told = kubelet.as_ref().is_some_and(|k| !k.fail_swap_on);
    let then = if told {
        "the kubelet here starts all the same (failSwapOn: false), but this policy wants it off"
    } else {
        "the kubelet does not start with swap on unless it is told to (failSwapOn is true by default)"
    };
    let message = format!("swap is on: {}; {then}", listed(&swaps.areas));
    let mut finding = Finding::problem(Severity::Fail, SUBJECT, "on", message)
        .evidence(swaps.proof.clone().into_evidence())
        .evidence(evidence(boot))
        .evidence(kubelet.into_iter().flat_map(|k| k.evidence))
        .remedy(remedies::switch_off(&swaps.areas, boot))
        .notes(boot.notes.clone());
    if told {
        finding =
            finding.note("where swap is wanted, `mode: limited` asks for what the kubelet needs for it");
    }
    if !boot.sources.is_empty() {
        return finding.note(format!("{} would bring it back at the next boot", brings_back(boot)));
    }
    match (&boot.unread, swaps.areas.iter().any(|a| a.kind == SwapKind::Partition)) {
        (Some(unknown), _) => finding.note(format!("whether it comes back at boot is not known: {}", unknown.reason)),
        (None, true) => finding.note(
            "no file was found that brings it back at boot; a partition with the type of swap on the disk of the root file \
             system is used without any (systemd-gpt-auto-generator)",
        ),
        (None, false) => finding.note("no file was found that brings it back at boot"),
    }
}

/// Off, as it has to be: is it tomorrow?
fn off(proof: Proof, node: &Node) -> Finding {
    let boot = node.swap_boot();
    if !boot.sources.is_empty() {
        let message = format!("no swap is on now, but {} brings it back at the next boot", brings_back(boot));
        return Finding::problem(Severity::Warn, SUBJECT, "returns-at-boot", message)
            .evidence(proof.into_evidence())
            .evidence(evidence(boot))
            .notes(boot.notes.clone())
            .remedy(remedies::keep_off(boot));
    }
    if let Some(unknown) = &boot.unread {
        let message = "no swap is on now, but whether the next boot brings some is not known";
        return Finding::undetermined(Severity::Warn, SUBJECT, "boot-unknown", message, unknown)
            .evidence(proof.into_evidence());
    }
    if boot.nothing.is_empty() {
        return Finding::pass(SUBJECT, "off", "no swap is on", proof)
            .note("there is no /etc/fstab here to bring it back");
    }
    let message = "no swap is on, and nothing brings it back at boot";
    Finding::pass(SUBJECT, "off", message, proof.and_all(boot.nothing.clone())).notes(boot.notes.clone())
}

/// Whether the layout is v2, by which alone pods can use swap.
fn is_v2(kind: LayoutKind) -> bool {
    kind == LayoutKind::V2
}

#[cfg(test)]
mod tests;
