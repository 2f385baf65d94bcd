//! The `preflight` program.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    preflight::cli::main(env::args_os())
}
