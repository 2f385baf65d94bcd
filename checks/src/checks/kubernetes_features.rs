//! `kubernetes-features`: the kernel carries the features that this version of Kubernetes has.

mod carries;
mod judge;

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Unknown},
    facts::kubernetes::{self, FEATURES, NEWEST, short},
    finding::{Finding, Findings, Severity},
    names::nearest,
    node::Node,
    range::leading_version,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashSet;

/// The kernel carries the features that this version of Kubernetes has.
///
/// ## What it looks at
/// The features of `kubernetesVersion` that need something of the kernel, as `preflight kubernetes` lists them, and no
/// others. Of each, in this order: what shows the function itself (/proc/pressure/cpu, /proc/self/ns/user and
/// user.max_user_namespaces, the module nf_tables, a file in /proc/sys, the cgroup layout); where that can't be told, what the
/// kernel was built with; last its version. A vendor's kernel (RHEL 8 and its like) has features of later ones: where nothing
/// but its number speaks against a feature, that counts as not known. Where Kubernetes itself compares the number, as
/// kube-proxy does in nftables mode, the number decides.
///
/// `carried` passes. What is in use by default and can't be had is `missing`, a warning; what only some pods or clusters use is
/// not judged but told. What is named in `features` has to be there: else `missing` or `not-in-version`, a failure. For a
/// version of Kubernetes that is newer than those known here the newest known is taken, and `newer-than-known` warns of that.
///
/// ## Why it matters
/// A feature that the kernel does not carry is silently absent (pressure is not reported), or keeps pods from starting (user
/// namespaces), or a whole node from the network (kube-proxy in nftables mode on an old kernel).
///
/// ## How to mend it
/// Boot a newer kernel, or one that was built with what is missing; do not use the feature on this node.
///
/// ## Sources
/// configs/kubernetes/versions.yaml names the source of every number; `preflight kubernetes` prints them. Most are from
/// pkg/util/kernel/constants.go and from "Linux Kernel Version Requirements" in Kubernetes' documentation.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KubernetesFeaturesParams {
    /// The version of Kubernetes that the node will run, for example `1.35`. Default: the newest that is known.
    pub kubernetes_version: Option<String>,
    /// The features that the node must carry, for example `nftables-proxy`. Default: none; what is in use by default is a
    /// warning where it can't be had.
    pub features: Vec<String>,
}

/// The check `kubernetes-features`.
pub struct KubernetesFeatures;

/// What the finding on the data themselves is about.
const DATA: &str = "versions";

impl Check for KubernetesFeatures {
    type Params = KubernetesFeaturesParams;

    const META: Meta = Meta {
        id: "kubernetes-features",
        summary: "The kernel carries the features that this version of Kubernetes has",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &KubernetesFeaturesParams) -> Result<(), String> {
        params.kubernetes_version.as_deref().map(kubernetes::parse).transpose()?;
        let names = || FEATURES.iter().map(|feature| feature.subject.name);
        let mut seen = HashSet::new();
        for name in &params.features {
            if !names().any(|known| known == name) {
                let near = nearest(name, names()).map(|near| format!("; did you mean `{near}`?"));
                return Err(format!("there is no feature `{name}`{}", near.unwrap_or_default()));
            }
            if !seen.insert(name) {
                return Err(format!("`{name}` is named twice"));
            }
        }
        Ok(())
    }

    fn run(params: &KubernetesFeaturesParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let version = params.kubernetes_version.as_deref().and_then(leading_version).unwrap_or(NEWEST);
        for feature in FEATURES {
            let is_required = params.features.iter().any(|name| name == feature.subject.name);
            if let Some(finding) = judge::judge(feature, &version, is_required, node) {
                out.push(finding);
            }
        }
        if kubernetes::is_newer_than_known(&version) {
            let (known, version) = (short(&NEWEST), short(&version));
            let message =
                format!("Kubernetes {version} is newer than what is known here: it is judged as {known}");
            let seen = Evidence::new("configs/kubernetes/versions.yaml", format!("newest: {known}"));
            out.push(
                Finding::problem(Severity::Warn, DATA, "newer-than-known", message)
                    .evidence([seen])
                    .note("what changed since is not judged; a newer preflight may know it"),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
