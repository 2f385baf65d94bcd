//! `kernel-config`: The kernel was built with the options that containers need.

use crate::{
    check::{Check, Meta},
    evidence::Unknown,
    finding::Findings,
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The kernel was built with the options that containers need.
///
/// ## What it looks at
/// ## Why it matters
/// ## How to mend it
/// ## Sources
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KernelConfigCheckParams {}

/// The check `kernel-config`.
pub struct KernelConfigCheck;

impl Check for KernelConfigCheck {
    type Params = KernelConfigCheckParams;

    const META: Meta = Meta {
        id: "kernel-config",
        summary: "The kernel was built with the options that containers need",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn run(_: &KernelConfigCheckParams, _: &Node, _: &mut Findings) -> Result<(), Unknown> {
        Err(Unknown::new("not built yet"))
    }
}
