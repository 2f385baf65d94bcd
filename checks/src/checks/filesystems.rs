//! `filesystems`: The file system types that containers need are there or can be loaded.

use crate::{
    check::{Check, Meta},
    evidence::Unknown,
    finding::Findings,
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The file system types that containers need are there or can be loaded.
///
/// ## What it looks at
/// ## Why it matters
/// ## How to mend it
/// ## Sources
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct FilesystemsParams {}

/// The check `filesystems`.
pub struct Filesystems;

impl Check for Filesystems {
    type Params = FilesystemsParams;

    const META: Meta = Meta {
        id: "filesystems",
        summary: "The file system types that containers need are there or can be loaded",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn run(_: &FilesystemsParams, _: &Node, _: &mut Findings) -> Result<(), Unknown> {
        Err(Unknown::new("not built yet"))
    }
}
