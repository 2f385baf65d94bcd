//! Landlock lets nobody inside see into processes outside (security/landlock/task.c, `hook_ptrace_access_check`), also where they
//! are only looked at: what /proc shows of other processes by ptrace's rules is read by a thread that stays outside.

use preflight_checks::node::{
    Access, Answer, Door, FileKind, FilesystemType, Origin, Probe, ReadError, ReadErrorKind, Then,
};
use std::{
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

/// What is below /proc/PID that takes the rights of ptrace(2) (proc(5)).
const GUARDED: [&str; 6] = ["environ", "fd", "ns", "root", "cwd", "exe"];

type Look = Box<dyn FnOnce(&dyn Door) + Send>;

/// A door of which a thread outside asks what the one inside may not see.
struct Outside {
    door: Arc<dyn Door>,
    thread: Mutex<mpsc::Sender<Look>>,
}

/// Starts a thread that stays outside, which starts one that goes inside with the same door. What the first takes from itself by
/// `prepare`, the second has from it. Where there is no second to be had, the first does its work and is told not to go inside, so
/// that as much is seen as with two.
///
/// # Errors
/// When no thread can be started.
pub(in crate::run) fn start(
    name: &str,
    door: &Arc<dyn Door>,
    prepare: impl FnOnce() + Send + 'static,
    inside: impl FnOnce(Arc<dyn Door>, bool) + Send + 'static,
) -> io::Result<()> {
    let (name, door) = (name.to_owned(), Arc::clone(door));
    let work = move || {
        prepare();
        let (thread, looks) = mpsc::channel::<Look>();
        let its_door: Arc<dyn Door> =
            Arc::new(Outside { door: Arc::clone(&door), thread: Mutex::new(thread) });
        let inside = Arc::new(Mutex::new(Some(inside)));
        let taken = Arc::clone(&inside);
        let go_inside =
            move || take(&taken).into_iter().for_each(|inside| inside(Arc::clone(&its_door), true));
        if thread::Builder::new().name(name).spawn(go_inside).is_err() {
            return take(&inside).into_iter().for_each(|inside| inside(Arc::clone(&door), false));
        }
        // Until nobody is left who could ask.
        for look in looks {
            look(&*door);
        }
    };
    thread::Builder::new().name("outside".to_owned()).spawn(work).map(drop)
}

fn take<T>(from: &Mutex<Option<T>>) -> Option<T> {
    from.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Whether ptrace's rules guard this path.
fn is_guarded(path: &str) -> bool {
    let Some((pid, rest)) = path.strip_prefix("/proc/").and_then(|below| below.split_once('/')) else {
        return false;
    };
    let name = rest.split('/').next().unwrap_or(rest);
    pid.bytes().all(|b| b.is_ascii_digit()) && GUARDED.contains(&name)
}

impl Outside {
    fn ask<T: Send + 'static>(
        &self,
        path: &str,
        look: impl FnOnce(&dyn Door, &str) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        if !is_guarded(path) {
            return look(&*self.door, path);
        }
        let (sender, answer) = mpsc::sync_channel(1);
        let own = path.to_owned();
        let job: Look = Box::new(move |door| drop(sender.send(look(door, &own))));
        // A panic while the lock is held would leave the sender whole.
        let sent = self.thread.lock().unwrap_or_else(PoisonError::into_inner).send(job);
        let gone =
            || ReadError::new(path, ReadErrorKind::System("the thread that reads it has ended".to_owned()));
        sent.ok().and_then(|()| answer.recv().ok()).unwrap_or_else(|| Err(gone()))
    }
}

impl Door for Outside {
    fn origin(&self) -> Origin {
        self.door.origin()
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadError> {
        self.ask(path, move |door, path| door.read(path, limit))
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, ReadError> {
        self.ask(path, move |door, path| door.read_at(path, offset, length))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        self.ask(path, |door, path| door.list(path))
    }

    fn kind(&self, path: &str) -> Result<FileKind, ReadError> {
        self.ask(path, |door, path| door.kind(path))
    }

    fn link(&self, path: &str) -> Result<String, ReadError> {
        self.ask(path, |door, path| door.link(path))
    }

    fn filesystem(&self, path: &str) -> Result<FilesystemType, ReadError> {
        self.ask(path, |door, path| door.filesystem(path))
    }

    fn access(&self, path: &str) -> Result<Access, ReadError> {
        self.ask(path, |door, path| door.access(path))
    }

    fn machine(&self) -> Result<String, ReadError> {
        self.door.machine()
    }

    fn probe(&self, probe: &Probe) -> Result<Answer, ReadError> {
        self.door.probe(probe)
    }

    fn user(&self) -> Option<u32> {
        self.door.user()
    }

    fn captured(&self) -> Option<Then> {
        self.door.captured()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use preflight_checks::node::Memory;

    #[test]
    fn which_paths_are_guarded() {
        for path in ["/proc/1/environ", "/proc/12/fd", "/proc/12/fd/3", "/proc/1/ns/net", "/proc/1/root"] {
            assert!(is_guarded(path), "{path}");
        }
        for path in
            ["/proc/self/environ", "/proc/1/comm", "/proc/1", "/proc/sys/fd", "/etc/fd", "/proc/1/cgroup/fd"]
        {
            assert!(!is_guarded(path), "{path}");
        }
    }

    #[test]
    fn the_thread_outside_answers_as_the_door_does() {
        let memory: Arc<dyn Door> =
            Arc::new(Memory::new().file("/proc/1/environ", "A=b\0").file("/etc/x", "y"));
        let (sender, receiver) = mpsc::channel();
        let own = sender.clone();
        let prepare = move || own.send((thread::current().id(), None)).unwrap();
        start("inside", &memory, prepare, move |door, is_inside| {
            sender.send((thread::current().id(), Some((door, is_inside)))).unwrap();
        })
        .unwrap();
        let said: Vec<_> = receiver.iter().collect();
        let [(first, None), (second, Some((door, true)))] = &said[..] else {
            panic!("first what both have, then inside");
        };
        assert_ne!(first, second);
        for path in ["/proc/1/environ", "/proc/1/root", "/etc/x", "/etc/none"] {
            assert_eq!(door.read(path, 10), memory.read(path, 10));
            assert_eq!(door.kind(path), memory.kind(path));
        }
    }
}
