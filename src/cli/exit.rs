//! The exit codes: what scripts rely on.

/// No failure; warnings included.
pub const OK: u8 = 0;
/// At least one failure (or one warning, with `--fail-on warn`).
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
  1  at least one failure (or one warning, with --fail-on warn)
  2  wrong usage
  3  the policy is wrong
  4  preflight itself could not do its job";
