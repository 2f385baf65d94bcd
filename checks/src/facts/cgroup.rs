//! Control groups: the layout, and every subsystem's state with its reason.

use super::Known;
use crate::{evidence::Unknown, node::Node};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which cgroup hierarchies the node uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LayoutKind {
    /// One cgroup2 mount for everything.
    V2,
    /// Version 1 hierarchies only.
    V1,
    /// Version 1 hierarchies, with a cgroup2 mount beside them.
    Hybrid,
    /// No cgroup file system is mounted.
    None,
}

impl LayoutKind {
    /// The word in reports and policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V1 => "v1",
            Self::Hybrid => "hybrid",
            Self::None => "none",
        }
    }
}

/// The layout and the mounts that make it.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The kind.
    pub kind: LayoutKind,
}

impl Node {
    /// The cgroup layout.
    pub fn cgroup_layout(&self) -> &Known<Layout> {
        self.facts().cgroup_layout.get_or_init(|| Err(Unknown::new("not looked for yet")))
    }
}
