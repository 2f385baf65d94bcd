//! The `preflight` program.
fn main() {}
