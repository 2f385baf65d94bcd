//! `swap`: Whether memory is swapped now or will be after a boot, and whether the kubelet can live with it.

mod kubelet;
mod remedy;

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{
        cgroup::LayoutKind,
        kubernetes::{self, NEWEST, SWAP, Stage, Step, TMPFS_NOSWAP, short},
        swap::{Area, AtBoot},
    },
    finding::{Finding, Findings, Severity},
    node::Node,
    range::leading_version,
};
use schemars::JsonSchema;
use semver::Version;
use serde::Deserialize;

/// Whether memory is swapped now or will be after a boot, and whether the kubelet can live with it.
///
/// ## What it looks at
/// /proc/swaps (partitions, files, compressed memory) with SwapTotal of /proc/meminfo as a second witness; what would
/// bring swap back at boot: /etc/fstab, .swap units, zram-generator, the services zramswap, dphys-swapfile and
/// zram-config; the cgroup layout; and failSwapOn and swapBehavior of the kubelet, from its flags and its configuration,
/// where there are any. Partitions that systemd finds by their type (systemd-gpt-auto-generator) are not looked for.
///
/// With `mode: off` there has to be none: `active` fails, `returns-at-boot` warns, `off` passes. Where the kubelet's file
/// says that it accepts swap, `active` only warns. With `mode: allowed` the node may swap where Kubernetes can deal with
/// it: `needs-cgroup-v2`, `refused-by-kubelet` and `too-old` fail, `gate-off` warns (the version has NodeSwap, but not by
/// default), `usable` and `off` pass. What each version can do is in `preflight kubernetes`.
///
/// ## Why it matters
/// A kubelet does not start with swap on unless failSwapOn is false, which is not its default in any version. Where it
/// starts, memory limits hold less than they say: on cgroup v1 a container can swap beyond its limit at will, so
/// Kubernetes supports swap on cgroup v2 only. Swap that was switched off by hand comes back with the next boot, and the
/// node does not come back with it.
///
/// ## How to mend it
/// `swapoff -a`, and take out what brings it back: comment the line of /etc/fstab out, `systemctl mask` the unit, leave
/// an empty /etc/systemd/zram-generator.conf. swapoff needs as much free memory as is swapped. Or let the kubelet have
/// it: `failSwapOn: false` and `memorySwap: { swapBehavior: LimitedSwap }` in its configuration, on cgroup v2.
///
/// ## Sources
/// proc_swaps(5), fstab(5), systemd.swap(5); KEP-2400 (NodeSwap: alpha in 1.22, beta in 1.28 for cgroup v2 only, on by
/// default since 1.30, stable in 1.34; failSwapOn stays true by default); kubernetes/kubernetes#104854 (kubeadm only
/// warns since 1.28); zram-generator.conf(5).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SwapParams {
    /// `off` or `allowed`. Default: off.
    pub mode: SwapMode,
    /// The version of the kubelet that shall run here; what it can do with swap depends on it. Default: the newest that
    /// is known.
    pub kubernetes_version: Option<String>,
}

/// Whether a node may swap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SwapMode {
    /// There is to be no swap.
    #[default]
    Off,
    /// There may be swap where Kubernetes can deal with it.
    Allowed,
}

impl Default for SwapParams {
    fn default() -> Self {
        Self { mode: SwapMode::Off, kubernetes_version: None }
    }
}

/// The check `swap`.
pub struct Swap;

/// What every kubelet that refuses swap follows from (law 6).
pub(super) const CAUSE: &str = "swap";

/// What the one finding is about.
const SUBJECT: &str = "active";

impl Check for Swap {
    type Params = SwapParams;

    const META: Meta = Meta {
        id: "swap",
        summary: "Whether memory is swapped now or after a boot, and whether the kubelet can live with it",
        since: "0.1.0",
        kubeadm: Some("Swap"),
    };

    fn validate(params: &SwapParams) -> Result<(), String> {
        params.kubernetes_version.as_deref().map(kubernetes::parse).transpose().map(drop)
    }

    fn run(params: &SwapParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let finding = match node.swap() {
            Err(unknown) => {
                let message = "whether memory is swapped could not be determined";
                Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, unknown)
            }
            Ok(swap) if swap.areas.is_empty() => none(params.mode, swap.proof.clone(), node),
            Ok(swap) => match params.mode {
                SwapMode::Off => active(&swap.areas, swap.proof.clone(), node),
                SwapMode::Allowed => usable(params, &swap.areas, &swap.proof, node),
            },
        };
        out.push(finding);
        Ok(())
    }
}

/// `/dev/zram0 (3.8Gi, compressed memory (zram)) and /swapfile (1Gi, a file)`.
fn named(areas: &[Area]) -> String {
    let one = |a: &Area| format!("{} ({}, {})", a.name, a.size, a.kind.as_str());
    let all: Vec<String> = areas.iter().take(4).map(one).collect();
    let more = areas.len().saturating_sub(all.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", all.join(", "))
}

fn none(mode: SwapMode, proof: Proof, node: &Node) -> Finding {
    if mode == SwapMode::Allowed {
        return Finding::pass(SUBJECT, "off", "nothing is swapped", proof);
    }
    let (at_boot, unread) = node.swap_at_boot();
    if at_boot.is_empty() {
        // What could not be read may bring swap: a warning must not go away because nobody may look.
        if let Some(e) = unread.first() {
            let message = "nothing is swapped now, but what the next boot brings is not known in full";
            return Finding::undetermined(Severity::Warn, SUBJECT, "boot-unknown", message, &e.unknown())
                .evidence(proof.into_evidence());
        }
        let message = "nothing is swapped, and nothing brings swap at boot";
        return Finding::pass(SUBJECT, "off", message, proof);
    }
    let message = format!("nothing is swapped now, but the next boot brings swap: {}", bringers(&at_boot));
    Finding::problem(Severity::Warn, SUBJECT, "returns-at-boot", message)
        .evidence(proof.into_evidence())
        .evidence(at_boot.iter().map(|one| one.evidence.clone()))
        .remedy(remedy::keep_off(&at_boot))
}

fn bringers(at_boot: &[AtBoot]) -> String {
    at_boot.iter().map(|one| one.evidence.source.as_str()).collect::<Vec<_>>().join(", ")
}

fn active(areas: &[Area], proof: Proof, node: &Node) -> Finding {
    let kubelet = kubelet::settings(node);
    if let Some(unknown) = &kubelet.unknown {
        let message = format!(
            "memory is swapped to {}; whether the kubelet here may run so is not known",
            named(areas)
        );
        return Finding::undetermined(Severity::Fail, SUBJECT, "kubelet-unknown", message, unknown)
            .evidence(proof.into_evidence())
            .remedy(node.on_the_host(remedy::off(areas, &node.swap_at_boot().0)));
    }
    let (severity, what) = match kubelet.fail_swap_on {
        Some(false) => (Severity::Warn, "the kubelet's file says that it may run so (failSwapOn: false)"),
        _ => (Severity::Fail, "a kubelet does not start with it unless failSwapOn is false"),
    };
    let (at_boot, _) = node.swap_at_boot();
    let finding = Finding::problem(
        severity,
        SUBJECT,
        "active",
        format!("memory is swapped to {}: {what}", named(areas)),
    )
    .evidence(proof.into_evidence())
    .evidence(kubelet.evidence)
    .evidence(at_boot.iter().map(|one| one.evidence.clone()))
    .remedy(node.on_the_host(remedy::off(areas, &at_boot)))
    .causes(CAUSE);
    match layout(node) {
        Some(LayoutKind::V1 | LayoutKind::Hybrid) => {
            finding.note("on cgroup v1 Kubernetes does not support swap at all")
        }
        _ => finding.note("with `mode: allowed` the policy can let nodes swap on cgroup v2 (KEP-2400)"),
    }
}

fn layout(node: &Node) -> Option<LayoutKind> {
    node.cgroup_layout().as_ref().ok().map(|layout| layout.kind)
}

/// Whether Kubernetes can deal with the swap that there is.
fn usable(params: &SwapParams, areas: &[Area], proof: &Proof, node: &Node) -> Finding {
    let named = named(areas);
    let evidence = || proof.clone().into_evidence();
    let problem = |reason: &'static str, message: String| {
        Finding::problem(Severity::Fail, SUBJECT, reason, message).evidence(evidence())
    };
    let version = params.kubernetes_version.as_deref().and_then(leading_version).unwrap_or(NEWEST);
    let step = SWAP.at(&version);
    if let Some(why) = too_old(&version, step) {
        let message = format!("memory is swapped to {named}, and {why}");
        return problem("too-old", message).remedy(node.on_the_host(remedy::off(areas, &[])));
    }
    match node.cgroup_layout() {
        Ok(found) if found.kind == LayoutKind::V2 => {}
        Ok(found) => {
            let message = format!(
                "memory is swapped to {named}, but the cgroups are {}: Kubernetes limits swap on v2 only",
                found.kind.as_str()
            );
            return problem("needs-cgroup-v2", message)
                .remedy(node.on_the_host(remedy::off(areas, &[])))
                .follows(found.kind.cause());
        }
        Err(unknown) => {
            let message = format!("whether the swap on {named} can be limited could not be determined");
            return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, unknown)
                .evidence(evidence());
        }
    }
    let kubelet = kubelet::settings(node);
    if let Some(unknown) = &kubelet.unknown {
        let message = format!("memory is swapped to {named}; whether the kubelet starts so is not known");
        return Finding::undetermined(Severity::Fail, SUBJECT, "kubelet-unknown", message, unknown)
            .evidence(evidence());
    }
    if kubelet.fail_swap_on == Some(true) {
        let message = format!(
            "memory is swapped to {named}, and the kubelet's file does not let it start with swap on"
        );
        return problem("refused-by-kubelet", message)
            .evidence(kubelet.evidence)
            .remedy(remedy::let_the_kubelet())
            .causes(CAUSE);
    }
    let layout = Evidence::new("cgroup layout", LayoutKind::V2.as_str());
    let proof = Proof::new(layout).and_all(evidence()).and_all(kubelet.evidence);
    let message = format!("memory is swapped to {named}, on cgroup v2, where Kubernetes can limit it");
    let finding = match step.filter(|step| !step.on) {
        Some(_) => gate_off(&version, &named, proof),
        None => Finding::pass(SUBJECT, "usable", message, proof),
    };
    let finding = finding.notes(secrets(node));
    match kubelet.fail_swap_on {
        None => finding.note("the kubelet must be told so: failSwapOn: false in its configuration"),
        Some(_) => finding.notes(kubelet.behavior.map(|b| format!("the kubelet's swapBehavior is {b}"))),
    }
}

/// Why a kubelet of this version can't limit swap, on any node.
fn too_old(version: &Version, step: Option<&Step>) -> Option<String> {
    let can = SWAP.first(Stage::Beta).map(|step| short(&step.since)).unwrap_or_default();
    let version = short(version);
    match step.map_or(Stage::Unsupported, |step| step.stage) {
        Stage::Unsupported => Some(format!("Kubernetes {version} can't limit swap ({can} can)")),
        Stage::Alpha => Some(format!(
            "Kubernetes {version} can limit swap only with NodeSwap, which is alpha there ({can} has it as beta)"
        )),
        _ => None,
    }
}

/// NodeSwap has to be switched on in this version.
fn gate_off(version: &Version, named: &str, proof: Proof) -> Finding {
    let on = SWAP.steps.iter().find(|step| step.on).map(|step| short(&step.since)).unwrap_or_default();
    let version = short(version);
    let message = format!(
        "memory is swapped to {named}, and Kubernetes {version} limits it only with the feature gate NodeSwap, which is on by default since {on}"
    );
    Finding::problem(Severity::Warn, SUBJECT, "gate-off", message)
        .evidence(proof.into_evidence())
        .remedy(remedy::gate())
}

/// Secrets lie on a tmpfs, which the kubelet mounts with `noswap` where the kernel knows that: it tries
/// (pkg/kubelet/cm/container_manager_linux.go, IsTmpfsNoswapOptionSupported).
fn secrets(node: &Node) -> Option<String> {
    let since = &TMPFS_NOSWAP.kernel;
    let old = node.kernel_release().as_ref().is_ok_and(|r| r.version < *since);
    old.then(|| {
        format!(
            "secrets and other volumes in memory may be written to swap: a tmpfs can be kept out of it from Linux {} on",
            short(since)
        )
    })
}

#[cfg(test)]
mod tests;
