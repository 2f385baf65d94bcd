//! The exit codes: what scripts rely on.

use super::output;
use std::process::ExitCode;

/// No failure; warnings included.
pub const OK: u8 = 0;
/// At least one failure (or one warning, with `--fail-on warn`); of `cgroups`: the kernel contradicts itself; of `policy test`: a
/// case that does not hold; of `policy lint --strict`: a warning; of `compare`: a difference; of `fleet`: a node that fails.
pub const FAIL: u8 = 1;
/// Wrong usage.
pub const USAGE: u8 = 2;
/// The policy is wrong.
pub const POLICY: u8 = 3;
/// Preflight itself could not do its job.
pub const INTERNAL: u8 = 4;

/// The same for the help texts.
pub(super) const HELP: &str = "\
Exit codes:
  0  no failure (warnings included)
  1  at least one failure (or one warning, with --fail-on warn);
     of `cgroups`: the kernel contradicts itself; of `compare`: a difference
  2  wrong usage
  3  the policy is wrong
  4  preflight itself could not do its job";

/// What ends a command without its result: the exit code, and what to say on standard error.
#[derive(Debug)]
pub(super) struct Stop {
    code: u8,
    message: String,
}

impl Stop {
    /// Says `message`, as coming from this program.
    pub(super) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: format!("preflight: {}", message.into()) }
    }

    /// Says `message` as it is.
    pub(super) fn verbatim(code: u8, message: String) -> Self {
        Self { code, message }
    }

    /// What it says, without the name of this program.
    pub(super) fn message(&self) -> &str {
        self.message.strip_prefix("preflight: ").unwrap_or(&self.message)
    }

    /// Says it.
    pub(super) fn exit(&self) -> ExitCode {
        output::complain(&self.message);
        self.code.into()
    }
}
