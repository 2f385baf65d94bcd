//! What goes beyond reading (law 5), and is done only where the command line allows it: kprobe events (`--allow
//! probe`), and a scratch cgroup or a private mount (`--allow write`).
//!
//! Everything made here has a name that begins with `preflight`, is made and taken away under a lock that the kernel
//! drops when this process dies, and is removed again in every case: at the end, after an error, on a panic (by
//! `Drop`), and when [`Interrupt`] says that the user wants to stop. Only SIGKILL leaves something behind; whoever holds
//! the lock next finds it by its name and removes it first.

pub mod scratch;
pub mod trace;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// What the command line allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Asking the kernel by ways that touch its state: kprobe events.
    pub probe: bool,
    /// Writing: a scratch cgroup, mounts that no other process sees.
    pub write: bool,
}

/// Tells those who touch something that the user wants to stop. They look between any two steps, each of which is
/// short, then take away what they made and give up.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// The flag that a signal handler sets.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Whether the user wants to stop.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
