//! What becomes of a panic, which is a mistake in this program. A release build does not unwind: unwinding would be one
//! seventh of the file, for what must never happen (docs/decisions/0003-panics-do-not-unwind.md).
//!
//! The hook runs on the thread that panics, before the program would end. It logs one line, takes away what that thread has
//! made, and lets a thread that has last words say them; then the thread stops there for ever. The runner leaves it
//! behind as it does one that hangs, so that a panic inside a check is one finding (law 1). A panic of the main thread ends
//! the program.

use crate::cli::exit;
use preflight_checks::touch;
use std::{any::Any, cell::Cell, panic, process, thread};

/// What a thread does with the text of its panic.
type LastWords = Box<dyn FnOnce(String)>;

thread_local! {
    static LAST_WORDS: Cell<Option<LastWords>> = const { Cell::new(None) };
}

/// From here on a panic of this thread is told by `say`, and then stops the thread for ever.
pub(crate) fn on_panic(say: impl FnOnce(String) + 'static) {
    LAST_WORDS.set(Some(Box::new(say)));
}

/// Installs the hook, on the main thread.
pub fn hook() {
    let main = thread::current().id();
    panic::set_hook(Box::new(move |info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let text = payload_text(info.payload());
        tracing::error!(place, "panic: {text}");
        touch::take_away();
        if let Some(say) = LAST_WORDS.try_with(Cell::take).ok().flatten() {
            say(text);
        }
        // Where a build unwinds (tests do), the thread ends by itself.
        if cfg!(panic = "abort") {
            if thread::current().id() == main {
                process::exit(exit::INTERNAL.into());
            }
            // For ever: the hook must not return.
            loop {
                thread::park();
            }
        }
    }));
}

/// The text of a panic: `panic!` without and with arguments gives these two types (std::panic).
fn payload_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "(no message)".to_owned())
}
