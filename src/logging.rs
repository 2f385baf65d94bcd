//! Logs: by `tracing`, to standard error, never mixed with the report.

use std::io;
use tracing_subscriber::filter::LevelFilter;

/// Sends logs to standard error: errors with `-q`, warnings by default, then `-v` info, `-vv` debug (every
/// file that is read), `-vvv` trace.
pub fn init(quiet: bool, verbose: u8) {
    let level = match (quiet, verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    // Colour needs the feature `ansi`, which is off: logs are plain everywhere.
    let started = tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).try_init();
    if started.is_err() {
        tracing::debug!("logs were set up before");
    }
}
