//! Mounts, and which of them can be seen.

use super::Known;
use crate::{evidence::Unknown, node::Node};

/// The mounts of the node.
#[derive(Debug, Default)]
pub struct Mounts {}

impl Node {
    /// The mounts of the node.
    pub fn mounts(&self) -> &Known<Mounts> {
        self.facts().mounts.get_or_init(|| Err(Unknown::new("not looked for yet")))
    }
}
