//! For fuzz/: a server that says what it was given, whatever it is told.

use super::{Client, Fault, Socket, Woken, converse};
use rustix::event::PollFlags;
use std::{
    cell::Cell,
    future::Future,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    pin::pin,
    rc::Rc,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, Waker},
};

/// How often a conversation may be polled: more is a loop without an end.
const POLLS: usize = 100_000;

/// Lets `talk` call a server that says each of these parts as soon as nothing else is to be done, and then is gone. One thread
/// does both, so that the same parts give the same answer.
pub(in super::super) fn script<T, F: Future<Output = Result<T, Fault>>>(
    parts: &[&[u8]],
    talk: impl FnOnce(Client) -> F,
) -> Result<T, Fault> {
    let failed = |e: std::io::Error| Fault::Protocol(e.to_string());
    let (stream, mut server) = UnixStream::pair().map_err(failed)?;
    stream.set_nonblocking(true).map_err(failed)?;
    server.set_nonblocking(true).map_err(failed)?;
    let waits = Rc::new(Cell::new(PollFlags::empty()));
    let mut all = pin!(converse(Socket { stream, waits }, talk));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let (mut parts, mut buffer) = (parts.iter(), [0; 4096]);
    for _ in 0..POLLS {
        if let Poll::Ready(result) = all.as_mut().poll(&mut context) {
            return result;
        }
        while server.read(&mut buffer).is_ok_and(|read| read > 0) {}
        if woken.0.swap(false, Ordering::Relaxed) {
            continue;
        }
        match parts.next() {
            Some(part) => server.write_all(part).map_err(failed)?,
            None => server.shutdown(std::net::Shutdown::Write).map_err(failed)?,
        }
    }
    panic!("{POLLS} polls and no end");
}
