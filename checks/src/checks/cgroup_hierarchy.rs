//! `cgroup-hierarchy`: The cgroup layout is one that the kubelet accepts.

use crate::{
    check::{Check, Meta},
    evidence::Unknown,
    finding::Findings,
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The cgroup layout is one that the kubelet accepts.
///
/// ## What it looks at
/// ## Why it matters
/// ## How to mend it
/// ## Sources
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct CgroupHierarchyParams {}

/// The check `cgroup-hierarchy`.
pub struct CgroupHierarchy;

impl Check for CgroupHierarchy {
    type Params = CgroupHierarchyParams;

    const META: Meta = Meta {
        id: "cgroup-hierarchy",
        summary: "The cgroup layout is one that the kubelet accepts",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn run(_: &CgroupHierarchyParams, _: &Node, _: &mut Findings) -> Result<(), Unknown> {
        Err(Unknown::new("not built yet"))
    }
}
