//! Remembers what is being read, so that a read that hangs costs one finding and not the run (law 8).

use super::{ReadError, ReadErrorKind};
use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What a node is reading at the moment, and what hung before. Shared between the thread that reads and the one
/// that watches the clock.
#[derive(Debug, Default)]
pub struct Watch {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    current: Option<String>,
    hung: BTreeSet<String>,
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held leaves nothing half done: both fields are replaced whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `look` at `path`, unless that path hung before.
    pub(super) fn during<T>(
        &self,
        path: &str,
        look: impl FnOnce() -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        {
            let mut state = self.state();
            if state.hung.contains(path) {
                return Err(ReadError::new(path, ReadErrorKind::TimedOut));
            }
            state.current = Some(path.to_owned());
        }
        let result = look();
        self.state().current = None;
        result
    }

    /// Whether this hung before.
    pub(super) fn is_hung(&self, path: &str) -> bool {
        self.state().hung.contains(path)
    }

    /// Gives up on what is being read now: from here on it counts as hung. Returns its path.
    pub fn give_up(&self) -> Option<String> {
        let mut state = self.state();
        let path = state.current.take()?;
        state.hung.insert(path.clone());
        Some(path)
    }

    /// A watch for the next thread: it knows what hung so far. A thread that was left behind keeps the old one,
    /// so that what it does when its read ends after all is not taken for what the next one does.
    #[must_use]
    pub fn successor(&self) -> Self {
        Self { state: Mutex::new(State { current: None, hung: self.state().hung.clone() }) }
    }
}
