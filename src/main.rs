//! The `preflight` program.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    preflight_checks::node::share_memory_among_threads();
    preflight::cli::main(env::args_os())
}
