//! A question that is put before anybody needs the answer, for those that take the kernel a while.

use super::{Answer, Door, Probe, ReadError, ReadErrorKind};
use std::{
    io,
    sync::{Arc, mpsc},
    thread,
};

/// The answer that is to come.
pub(super) struct Ahead(mpsc::Receiver<Result<Answer, ReadError>>);

impl Ahead {
    /// Puts the question on a thread of its own, which is confined as the one that calls this.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn ask(door: &Arc<dyn Door>, probe: &Probe) -> io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(1);
        let (door, probe) = (Arc::clone(door), probe.clone());
        // Nobody waits for it where the run has ended before.
        let work = move || drop(sender.send(door.probe(&probe)));
        thread::Builder::new().name("ahead".to_owned()).spawn(work)?;
        Ok(Self(receiver))
    }

    /// Waits for it.
    pub(super) fn answer(self, probe: &Probe) -> Result<Answer, ReadError> {
        let gone = || ReadErrorKind::System("the thread that asked it has ended".to_owned());
        self.0.recv().unwrap_or_else(|_| Err(ReadError::new(probe.to_string(), gone())))
    }
}
