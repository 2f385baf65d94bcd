//! `cgroup-controllers`: Every cgroup controller that the kubelet and the runtime need can be used, and if not, why.

use crate::{
    check::{Check, Meta},
    evidence::Unknown,
    finding::Findings,
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Every cgroup controller that the kubelet and the runtime need can be used, and if not, why.
///
/// ## What it looks at
/// ## Why it matters
/// ## How to mend it
/// ## Sources
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct CgroupControllersParams {}

/// The check `cgroup-controllers`.
pub struct CgroupControllers;

impl Check for CgroupControllers {
    type Params = CgroupControllersParams;

    const META: Meta = Meta {
        id: "cgroup-controllers",
        summary: "Every cgroup controller that the kubelet and the runtime need can be used, and if not, why",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn run(_: &CgroupControllersParams, _: &Node, _: &mut Findings) -> Result<(), Unknown> {
        Err(Unknown::new("not built yet"))
    }
}
