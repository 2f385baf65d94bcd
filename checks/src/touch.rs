//! What goes beyond reading (law 5), and is done only where the command line allows it: kprobe events (`--allow
//! probe`), and a scratch cgroup or a private mount of tracefs (`--allow write`).
//!
//! Everything made here has a name that begins with `preflight` and ends with a process id, is made and taken away
//! under a lock that the kernel drops when this process dies, and is removed again in every case: at the end, after an
//! error, on a panic ([`take_away`], by the program's hook), and when [`Interrupt`] says that the user wants to stop. Only
//! SIGKILL leaves something behind; whoever holds the lock next finds it by its name and removes it first.

mod on_panic;
pub mod scratch;
pub mod trace;
mod tree;

pub use on_panic::take_away;

use crate::{
    errno::name as errno_name,
    evidence::{Evidence, Unknown},
};
use rustix::io::Errno;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// What the command line allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Asking the kernel by ways that touch its state: kprobe events.
    pub probe: bool,
    /// Writing: a scratch cgroup, a mount that no other process sees.
    pub write: bool,
}

/// Tells those who touch something that the user wants to stop. They look between any two steps, each of which is
/// short, then take away what they made and give up.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    stop: Arc<AtomicBool>,
    touching: Arc<AtomicUsize>,
}

impl Interrupt {
    /// The flag that a signal handler sets.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// Whether the user wants to stop.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Says that whoever touches something shall stop.
    pub fn set(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    /// Whether something may have to be removed at this moment. Once [`Interrupt::is_set`] and this is false, the process
    /// may end: whoever begins to touch something says so first, and looks at the flag then.
    #[must_use]
    pub fn is_touching(&self) -> bool {
        self.touching.load(Ordering::SeqCst) > 0
    }

    /// Says that something may have to be removed, as long as the answer lives.
    fn touch(&self) -> Touching {
        self.touching.fetch_add(1, Ordering::SeqCst);
        Touching(Arc::clone(&self.touching))
    }

    /// An error once the user wants to stop, so that `?` between two steps gives up.
    ///
    /// # Errors
    /// When [`Interrupt::is_set`].
    pub fn check(&self) -> Result<(), Unknown> {
        if self.is_set() { Err(Unknown::new("interrupted")) } else { Ok(()) }
    }
}

struct Touching(Arc<AtomicUsize>);

impl Drop for Touching {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What came of taking away what lay there under our names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// What was removed, by path or by the name of the event.
    pub removed: Vec<String>,
    /// What is still there, and the error that removing it gave.
    pub left: Vec<Evidence>,
    /// What lists such things and could not be read, with the error.
    pub unread: Vec<Evidence>,
}

impl Swept {
    /// Notes what came of removing `what`; what is gone already needs nothing.
    fn note(&mut self, what: String, result: Result<(), Errno>) {
        match result {
            Ok(()) => self.removed.push(what),
            Err(Errno::NOENT) => {}
            Err(e) => self.left.push(Evidence::new(what, errno_name(e))),
        }
    }

    /// Notes that the list `path` could not be read; where there is no list, nothing lies there.
    fn seen<T>(&mut self, path: String, list: Result<T, Errno>) -> Option<T> {
        match list {
            Ok(list) => Some(list),
            Err(Errno::NOENT) => None,
            Err(e) => {
                self.unread.push(Evidence::new(path, errno_name(e)));
                None
            }
        }
    }

    /// What is left at the end: also what may be in a list that could be read at the start and can't be now.
    fn left_since(self, start: &Self) -> Vec<Evidence> {
        let new = self.unread.into_iter().filter(|e| !start.unread.contains(e));
        self.left.into_iter().chain(new).collect()
    }
}

/// What came of touching something, and of what lay there before and after.
#[derive(Clone, Debug)]
pub struct Touched<T> {
    /// What was asked for.
    pub result: T,
    /// What a killed run had left behind and was removed before.
    pub removed: Vec<String>,
    /// What is left behind now, with the error that removing it gave.
    pub left: Vec<Evidence>,
}

impl<T> Touched<T> {
    /// Where nothing could be touched.
    fn nothing(result: T) -> Self {
        Self { result, removed: Vec::new(), left: Vec::new() }
    }

    /// Between two sweeps.
    fn between(before: Swept, result: T, after: Swept) -> Self {
        Self { result, left: after.left_since(&before), removed: before.removed }
    }
}

/// Whether `name` is one that this program gives to what it makes: `prefix` and a process id, nothing else. What an
/// administrator called `preflight-test` is not ours.
fn is_ours(name: &str, prefix: &str) -> bool {
    let id = name.strip_prefix(prefix).unwrap_or_default();
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())
}

/// How long something that is busy for a moment is tried again: the lock, a file that somebody else has open.
const PATIENCE: Duration = Duration::from_secs(2);

/// Tries until it works, `patience` is over, or the error is none of those that pass by themselves.
fn patiently<T>(
    patience: Duration,
    passing: &[Errno],
    mut attempt: impl FnMut() -> Result<T, Errno>,
) -> Result<T, Errno> {
    let start = Instant::now();
    loop {
        match attempt() {
            Err(e) if passing.contains(&e) && start.elapsed() < patience => {
                thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

/// Looking at or changing `path` failed.
fn refused(path: &str, errno: Errno) -> Unknown {
    let name = errno_name(errno);
    let unknown = Unknown::new(format!("{path}: {name}")).tried([Evidence::new(path, name)]);
    if matches!(errno, Errno::ACCESS | Errno::PERM) { unknown.needs("run as root") } else { unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_our_own() {
        assert!(is_ours("preflight_1", "preflight_"));
        assert!(is_ours("preflight-4194304", "preflight-"));
        for name in
            ["preflight", "preflight_", "preflight_x", "preflight_1x", "preflight-1", "x_preflight_1", ""]
        {
            assert!(!is_ours(name, "preflight_"), "{name}");
        }
    }

    #[test]
    fn patience_ends() {
        let mut left = 3;
        let mut busy = || {
            left -= 1;
            if left == 0 { Ok(7) } else { Err(Errno::BUSY) }
        };
        assert_eq!(patiently(PATIENCE, &[Errno::BUSY], &mut busy), Ok(7));
        let mut calls = 0;
        let answer: Result<(), _> = patiently(Duration::from_millis(15), &[Errno::BUSY], || {
            calls += 1;
            Err(Errno::BUSY)
        });
        assert!(answer == Err(Errno::BUSY) && (2..5).contains(&calls));
        assert_eq!(patiently::<()>(PATIENCE, &[Errno::BUSY], || Err(Errno::PERM)), Err(Errno::PERM));
    }

    #[test]
    fn an_interrupt_reaches_every_copy() {
        let interrupt = Interrupt::default();
        let copy = interrupt.clone();
        assert!(copy.check().is_ok());
        interrupt.set();
        assert!(copy.is_set() && copy.check().unwrap_err().reason == "interrupted");
        let touching = copy.touch();
        assert!(interrupt.is_touching());
        drop(touching);
        assert!(!interrupt.is_touching());
    }

    #[test]
    fn errors_say_what_helps() {
        let unknown = refused("/x", Errno::ACCESS);
        assert_eq!((unknown.reason.as_str(), unknown.needs.as_deref()), ("/x: EACCES", Some("run as root")));
        assert_eq!(refused("/x", Errno::BUSY).needs, None);
    }
}
