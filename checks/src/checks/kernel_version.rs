//! `kernel-version`: The release of the running kernel lies in a range.

use crate::{
    check::{Check, Meta},
    evidence::Unknown,
    finding::Findings,
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The release of the running kernel lies in a range.
///
/// ## What it looks at
/// ## Why it matters
/// ## How to mend it
/// ## Sources
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KernelVersionParams {}

/// The check `kernel-version`.
pub struct KernelVersion;

impl Check for KernelVersion {
    type Params = KernelVersionParams;

    const META: Meta = Meta {
        id: "kernel-version",
        summary: "The release of the running kernel lies in a range",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn run(_: &KernelVersionParams, _: &Node, _: &mut Findings) -> Result<(), Unknown> {
        Err(Unknown::new("not built yet"))
    }
}
