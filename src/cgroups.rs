//! `preflight cgroups`: every cgroup subsystem of the kernel, its state, and why.

use crate::cli::{CgroupsArgs, exit};
use std::process::ExitCode;

/// Runs the command.
#[must_use]
pub fn run(_args: &CgroupsArgs) -> ExitCode {
    eprintln!("preflight: `cgroups` is not built yet");
    exit::INTERNAL.into()
}
