//! The least that a run can take: this asks the kernel for the same files and does nothing with them. `make bench` measures a
//! run beside it; build/bench.py says which files, one an argument: `read:BYTES:PATH`, `list:PATH`, `stat:PATH` or `link:PATH`.
#![allow(clippy::disallowed_methods)] // a program of its own, and no check

use std::{
    env,
    fs::{self, File},
    io::Read as _,
    process::ExitCode,
};

fn main() -> ExitCode {
    let mut buffer = Vec::new();
    for argument in env::args().skip(1) {
        let Some((kind, rest)) = argument.split_once(':') else { return ExitCode::from(2) };
        // What is missing was asked for as well: an answer is an answer.
        match kind {
            "read" => {
                let Some((bytes, path)) = rest.split_once(':') else { return ExitCode::from(2) };
                let Ok(bytes) = bytes.parse() else { return ExitCode::from(2) };
                read(path, bytes, &mut buffer);
            }
            "list" => drop(fs::read_dir(rest).map(Iterator::count)),
            "stat" => drop(fs::symlink_metadata(rest)),
            "link" => drop(fs::read_link(rest)),
            _ => return ExitCode::from(2),
        }
    }
    ExitCode::SUCCESS
}

/// Reads so many bytes, in as few calls as the kernel takes for them.
fn read(path: &str, bytes: usize, buffer: &mut Vec<u8>) {
    let Ok(mut file) = File::open(path) else { return };
    let mut missing = bytes;
    // One more than is there, so that a call that is cut short is told from the end.
    buffer.resize(buffer.len().max(bytes + 1), 0);
    while let Ok(count @ 1..) = file.read(&mut buffer[..=missing]) {
        missing = missing.saturating_sub(count);
        if missing == 0 {
            break;
        }
    }
}
