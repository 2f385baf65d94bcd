//! `namespaces`: The namespaces that containers are made of exist and are not limited away.

use crate::{
    check::{Check, Meta},
    evidence::Unknown,
    finding::Findings,
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The namespaces that containers are made of exist and are not limited away.
///
/// ## What it looks at
/// ## Why it matters
/// ## How to mend it
/// ## Sources
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct NamespacesParams {}

/// The check `namespaces`.
pub struct Namespaces;

impl Check for Namespaces {
    type Params = NamespacesParams;

    const META: Meta = Meta {
        id: "namespaces",
        summary: "The namespaces that containers are made of exist and are not limited away",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn run(_: &NamespacesParams, _: &Node, _: &mut Findings) -> Result<(), Unknown> {
        Err(Unknown::new("not built yet"))
    }
}
