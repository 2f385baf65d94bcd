//! The program behind the `preflight` command: the command line, policies, the runner and reports.
//!
//! What a node is and what a check is lives in the crate [`preflight_checks`]; here a [`policy`] says which
//! checks are asked and what becomes of their answers.

pub mod cases;
pub mod cgroups;
pub mod cli;
pub mod compare;
mod explain;
pub mod fleet;
pub mod glob;
pub mod kubeadm_names;
pub mod logging;
pub mod panics;
pub mod policy;
pub mod remedy;
pub mod report;
pub mod run;
mod text;
