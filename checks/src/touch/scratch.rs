//! The errno of `-NAME` in cgroup.subtree_control of an own, empty cgroup: it tells the inhibit mask on every kernel,
//! and without privilege in a delegated cgroup.

use super::Interrupt;
use crate::{evidence::Unknown, facts::cgroup::masks::ScratchAnswers};

/// Makes a cgroup below `parent`, asks for each of `names`, and removes it.
///
/// # Errors
/// When it can't be made: no cgroup2, read-only, EACCES.
pub fn ask(parent: &str, _names: &[String], _interrupt: &Interrupt) -> Result<ScratchAnswers, Unknown> {
    Err(Unknown::new(format!("{parent}: not implemented")))
}
