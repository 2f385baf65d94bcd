//! `preflight explain`: the documentation of a check as text for a terminal.

use preflight_checks::DynCheck;

/// The documentation of `check`.
pub(crate) fn check(check: &dyn DynCheck, _width: usize) -> String {
    check.meta().summary.to_owned()
}

/// Two columns.
pub(crate) fn columns(rows: &[(&str, &str)], _width: usize) -> String {
    rows.iter().map(|(a, b)| format!("{a}  {b}\n")).collect()
}
