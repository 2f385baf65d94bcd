//! A line on the terminal that says which rule is being asked, where that takes longer than a moment. It stands on standard
//! error, and is gone before the report comes.

use crate::{policy::Policy, run::Progress, text};
use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long a run may take before it is spoken of.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often the line is written anew.
const TICK: Duration = Duration::from_millis(200);

/// Takes the line away when it is dropped.
pub(super) struct Line {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Shows how far a run is, if standard error is a terminal.
pub(super) fn show(policy: &Arc<Policy>, progress: &Arc<Progress>) -> Option<Line> {
    if !io::stderr().is_terminal() {
        return None;
    }
    let (policy, progress) = (Arc::clone(policy), Arc::clone(progress));
    let (stop, stopped) = mpsc::channel();
    let draw = move || {
        let mut wait = PATIENCE;
        let mut drawn = false;
        // Until whoever runs says so, or is gone.
        while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            let at = progress.at();
            if let Some(rule) = policy.rules.get(at) {
                // In a terminal of any width it stays one line: autowrap is off while it is written.
                let line = format!(
                    "\r\x1b[?7l\x1b[K{} of {}: {} ...\x1b[?7h",
                    at + 1,
                    policy.rules.len(),
                    text::plain(&rule.id)
                );
                let _ = io::stderr().lock().write_all(line.as_bytes());
                drawn = true;
            }
            wait = TICK;
        }
        if drawn {
            let _ = io::stderr().lock().write_all(b"\r\x1b[K");
        }
    };
    let thread = thread::Builder::new().name("progress".to_owned()).spawn(draw).ok()?;
    Some(Line { stop: Some(stop), thread: Some(thread) })
}

impl Drop for Line {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
