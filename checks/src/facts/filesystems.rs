//! The file system types that the running kernel knows (/proc/filesystems).

use super::Known;
use crate::{evidence::Unknown, node::Node};

/// The file system types that are registered now.
#[derive(Debug, Default)]
pub struct Filesystems {}

impl Node {
    /// The file system types that are registered now.
    pub fn filesystems(&self) -> &Known<Filesystems> {
        self.facts().filesystems.get_or_init(|| Err(Unknown::new("not looked for yet")))
    }
}
