//! What one thread says to another that need not wake up for each word: it looks when its patience ends, or when there is
//! no more to come. A channel would wake it every time, two system calls each.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

struct Shared<T> {
    state: Mutex<State<T>>,
    closed: Condvar,
    abandoned: AtomicBool,
}

struct State<T> {
    /// What was said, and when.
    said: VecDeque<(T, Instant)>,
    is_closed: bool,
    /// Why the one who spoke can't go on.
    last_words: Option<String>,
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        // A panic while the lock is held leaves the queue whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The side that speaks.
pub(super) struct Sender<T>(Arc<Shared<T>>);

/// The side that listens.
pub(super) struct Receiver<T>(Arc<Shared<T>>);

/// Why nothing came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// The time is over.
    Timeout,
    /// Nobody is there who could say something; why, where that was told.
    Closed(Option<String>),
}

/// What tells why the sender can't go on, from within a panic.
pub(super) struct LastWords<T>(Arc<Shared<T>>);

impl<T> LastWords<T> {
    /// Nothing more will be said, for this reason. A panic that came while the mailbox was in use is not told.
    pub(super) fn say(&self, why: String) {
        if let Ok(mut state) = self.0.state.try_lock() {
            (state.is_closed, state.last_words) = (true, Some(why));
        }
        self.0.closed.notify_one();
    }
}

/// Both sides of a new one.
pub(super) fn mailbox<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State { said: VecDeque::new(), is_closed: false, last_words: None }),
        closed: Condvar::new(),
        abandoned: AtomicBool::new(false),
    });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl<T> Sender<T> {
    /// What tells why this one can't go on.
    pub(super) fn last_words(&self) -> LastWords<T> {
        LastWords(Arc::clone(&self.0))
    }

    /// Says something; false where nobody listens any more.
    pub(super) fn say(&self, what: T) -> bool {
        self.0.state().said.push_back((what, Instant::now()));
        !self.0.abandoned.load(Ordering::Relaxed)
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.state().is_closed = true;
        self.0.closed.notify_one();
    }
}

impl<T> Receiver<T> {
    /// The next word and when it was said; waits for it until `until` at most.
    pub(super) fn next(&self, until: Instant) -> Result<(T, Instant), Silence> {
        let mut state = self.0.state();
        loop {
            if let Some(next) = state.said.pop_front() {
                return Ok(next);
            }
            if state.is_closed {
                return Err(Silence::Closed(state.last_words.take()));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Silence::Timeout);
            }
            state = self.0.closed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.abandoned.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{thread, time::Duration};

    #[test]
    fn everything_arrives_in_order_and_with_its_time() {
        let (sender, receiver) = mailbox();
        let before = Instant::now();
        let thread = thread::spawn(move || (0..100).all(|i| sender.say(i)));
        let far = || Instant::now() + Duration::from_secs(30);
        for i in 0..100 {
            let (said, when) = receiver.next(far()).unwrap();
            assert!(said == i && when >= before && when <= Instant::now());
        }
        assert_eq!(receiver.next(far()).unwrap_err(), Silence::Closed(None));
        assert!(thread.join().unwrap());
    }

    #[test]
    fn what_was_said_before_the_time_was_over_counts() {
        let (sender, receiver) = mailbox();
        assert_eq!(receiver.next(Instant::now()).unwrap_err(), Silence::Timeout);
        sender.say(1);
        assert_eq!(receiver.next(Instant::now()).unwrap().0, 1);
        drop(receiver);
        assert!(!sender.say(2), "nobody listens any more");
    }

    #[test]
    fn last_words_come_after_what_was_said() {
        let (sender, receiver) = mailbox();
        sender.say(1);
        sender.last_words().say("broken".to_owned());
        let far = || Instant::now() + Duration::from_secs(30);
        assert_eq!(receiver.next(far()).unwrap().0, 1);
        assert_eq!(receiver.next(far()).unwrap_err(), Silence::Closed(Some("broken".to_owned())));
        drop(sender);
        assert_eq!(receiver.next(far()).unwrap_err(), Silence::Closed(None));
    }
}
