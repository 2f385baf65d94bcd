//! The signals by which a user stops a program, while something is touched: what was made is taken away first, then
//! the process dies by that very signal, as its parent expects.

use preflight_checks::touch::Interrupt;
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM},
    flag, low_level,
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

const SIGNALS: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

/// Notes the signals that arrive from here on.
#[derive(Debug)]
pub(super) struct Signals(Vec<(i32, Arc<AtomicBool>)>);

impl Signals {
    /// Has each signal set `interrupt`; a second one of the same kind kills at once. `status` is the content of
    /// /proc/self/status: a signal that is ignored there (nohup(1), a job in the background of a script) stays so.
    ///
    /// # Errors
    /// Those of sigaction(2).
    pub(super) fn catch(interrupt: &Interrupt, status: &str) -> io::Result<Self> {
        let mut seen = Vec::new();
        for signal in SIGNALS.into_iter().filter(|s| !is_ignored(*s, status)) {
            let caught = Arc::new(AtomicBool::new(false));
            // In this order: the first handler looks at the flag before the second one sets it.
            flag::register_conditional_default(signal, Arc::clone(&caught))?;
            flag::register(signal, Arc::clone(&caught))?;
            flag::register(signal, interrupt.flag())?;
            seen.push((signal, caught));
        }
        Ok(Self(seen))
    }

    /// Whether one of them arrived.
    pub(super) fn arrived(&self) -> bool {
        self.0.iter().any(|(_, caught)| caught.load(Ordering::SeqCst))
    }

    /// Dies by the signal that arrived, if one did. From here on each kills at once, as usual.
    pub(super) fn release(&self) {
        for (signal, caught) in &self.0 {
            if caught.swap(true, Ordering::SeqCst) {
                // It does not come back from a signal whose default is to end the process, as that of all these is.
                let _ = low_level::emulate_default_handler(*signal);
            }
        }
    }
}

/// Whether bit `signal - 1` is set in `SigIgn:` (proc_pid_status(5)).
fn is_ignored(signal: i32, status: &str) -> bool {
    let mask =
        status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    let bit = u32::try_from(signal - 1).ok();
    mask.zip(bit).is_some_and(|(mask, bit)| mask.checked_shr(bit).is_some_and(|m| m & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_stays_so() {
        // nohup(1) ignores SIGHUP (1); Rust's runtime ignores SIGPIPE (13).
        let status = "Name:\tpreflight\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0\n";
        assert!(is_ignored(SIGHUP, status) && !is_ignored(SIGINT, status) && !is_ignored(SIGTERM, status));
        for status in ["", "SigIgn:\n", "SigIgn: xyz", "SigIgn:\tffffffffffffffffffff"] {
            assert!(!is_ignored(SIGHUP, status), "{status}");
        }
    }
}
