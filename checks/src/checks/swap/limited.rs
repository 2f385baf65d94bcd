//! Swap is on and may be: does the kubelet get along with it?

use super::{SUBJECT, SwapParams, is_v2, listed, remedies};
use crate::{
    evidence::{Evidence, Proof, Unknown},
    facts::{
        kubelet_swap::{CONFIG, KubeletSwap},
        swaps::Swaps,
    },
    finding::{Finding, Severity},
    node::Node,
    range::leading_version,
};
use semver::Version;

/// The feature gate NodeSwap exists from here on (KEP-2400: alpha 1.22).
const ALPHA: Version = Version::new(1, 22, 0);
/// It is on by default from here on (beta, with NoSwap as the default; UnlimitedSwap was removed).
const ON: Version = Version::new(1, 30, 0);

pub(super) fn judge(params: &SwapParams, swaps: Swaps, node: &Node) -> Finding {
    let areas = listed(&swaps.areas);
    let mut seen = swaps.proof.into_evidence();
    let version = params.kubernetes_version.as_deref().and_then(leading_version);
    if let Some(version) = version.as_ref().filter(|v| **v < ALPHA) {
        let message = format!(
            "swap is on: {areas}; Kubernetes {}.{} cannot deal with swap, that came with 1.22",
            version.major, version.minor
        );
        return problem("unsupported-version", message, seen).remedy(remedies::upgrade_or_off());
    }
    match node.cgroup_layout() {
        Err(unknown) => {
            let message = format!("swap is on: {areas}; whether pods can use it could not be determined");
            return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, unknown)
                .evidence(seen);
        }
        Ok(layout) if !is_v2(layout.kind) => {
            let message = format!(
                "swap is on: {areas}; pods can use swap on cgroup v2 only, and the layout here is {}",
                layout.kind.as_str()
            );
            seen.extend(layout.evidence.iter().take(2).cloned());
            return problem("cgroup-v1", message, seen).remedy(remedies::v2_or_off());
        }
        Ok(layout) => seen.extend(layout.evidence.iter().take(1).cloned()),
    }
    match node.kubelet_swap() {
        Err(unknown) => undetermined(&areas, &unknown, seen),
        Ok(None) => {
            let unknown = Unknown::new(format!("there is no {CONFIG} yet"))
                .needs("give the kubelet failSwapOn: false and memorySwap.swapBehavior, then ask again");
            undetermined(&areas, &unknown, seen)
        }
        Ok(Some(kubelet)) => of_kubelet(&areas, kubelet, version.as_ref(), seen).notes(secrets(node)),
    }
}

/// Secrets lie on a tmpfs, which the kubelet mounts with `noswap` where the kernel knows that (Linux 6.3, and backports:
/// the kubelet tries it; pkg/kubelet/cm/container_manager_linux.go, IsTmpfsNoswapOptionSupported).
fn secrets(node: &Node) -> Option<String> {
    let old = node.kernel_release().as_ref().is_ok_and(|r| r.version < Version::new(6, 3, 0));
    old.then(|| {
        "secrets and other volumes in memory may be written to swap: a tmpfs can be kept out of it from Linux 6.3 on".into()
    })
}

fn problem(reason: &'static str, message: String, seen: Vec<Evidence>) -> Finding {
    Finding::problem(Severity::Fail, SUBJECT, reason, message).evidence(seen)
}

fn undetermined(areas: &str, unknown: &Unknown, seen: Vec<Evidence>) -> Finding {
    let message = format!("swap is on: {areas}; whether the kubelet starts with it is not known");
    Finding::undetermined(Severity::Fail, SUBJECT, "kubelet-unknown", message, unknown).evidence(seen)
}

fn of_kubelet(
    areas: &str,
    kubelet: KubeletSwap,
    version: Option<&Version>,
    mut seen: Vec<Evidence>,
) -> Finding {
    seen.extend(kubelet.evidence);
    if kubelet.fail_swap_on {
        let message = format!(
            "swap is on: {areas}; the kubelet refuses to start with it (failSwapOn is true, the default)"
        );
        return problem("kubelet-refuses", message, seen).remedy(remedies::tell_kubelet());
    }
    let behavior = kubelet.behavior.as_deref();
    if behavior == Some("UnlimitedSwap") && version.is_none_or(|v| *v >= ON) {
        let message = format!(
            "swap is on: {areas}; swapBehavior: UnlimitedSwap is no longer known since Kubernetes 1.30"
        );
        return problem("unsupported-behavior", message, seen).remedy(remedies::tell_kubelet());
    }
    if version.is_some_and(|v| *v < ON) {
        let message = format!(
            "swap is on: {areas}; before Kubernetes 1.30 the kubelet needs the feature gate NodeSwap for it"
        );
        return Finding::problem(Severity::Warn, SUBJECT, "feature-gate", message)
            .evidence(seen)
            .remedy(remedies::feature_gate());
    }
    let pods = match behavior {
        Some("LimitedSwap") => "burstable pods can use it (LimitedSwap)",
        _ => "pods do not use it, only what else runs on the node does (NoSwap)",
    };
    let message = format!("swap is on: {areas}; the kubelet starts with it, and {pods}");
    let mut seen = seen.into_iter();
    let first = seen.next().unwrap_or_else(|| Evidence::new("/proc/swaps", areas));
    Finding::pass(SUBJECT, "usable", message, Proof::new(first).and_all(seen))
}
