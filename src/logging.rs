//! Logs: by `tracing`, to standard error, never mixed with the report.

use std::{any::Any, io, panic};
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

/// Makes a panic one line in the log. The runner turns a panic inside a check into a finding, so that the
/// default hook's message would only disturb.
pub fn hook_panics() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic: {}", payload_text(info.payload()));
    }));
}

/// The text of a panic: `panic!` without and with arguments gives these two types (std::panic).
pub(crate) fn payload_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "(no message)".to_owned())
}
