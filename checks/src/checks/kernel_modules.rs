//! `kernel-modules`: Kernel modules are built in, loaded or loadable.

use crate::{
    check::{Check, Meta},
    evidence::Unknown,
    finding::Findings,
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Kernel modules are built in, loaded or loadable.
///
/// ## What it looks at
/// ## Why it matters
/// ## How to mend it
/// ## Sources
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KernelModulesParams {}

/// The check `kernel-modules`.
pub struct KernelModules;

impl Check for KernelModules {
    type Params = KernelModulesParams;

    const META: Meta = Meta {
        id: "kernel-modules",
        summary: "Kernel modules are built in, loaded or loadable",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn run(_: &KernelModulesParams, _: &Node, _: &mut Findings) -> Result<(), Unknown> {
        Err(Unknown::new("not built yet"))
    }
}
