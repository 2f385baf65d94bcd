//! Unix sockets that never block for longer than they may.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect as connect_to, socket_with},
};
use std::{
    io::{self, ErrorKind},
    os::unix::net::UnixStream,
    time::Instant,
};

/// Connects, without blocking then or later. A server whose queue is full takes no connection and refuses none: that is a
/// time-out, too.
pub(super) fn connect(path: &str) -> io::Result<UnixStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match connect_to(&fd, &SocketAddrUnix::new(path)?) {
        Ok(()) => Ok(fd.into()),
        Err(Errno::AGAIN) => Err(ErrorKind::TimedOut.into()),
        Err(e) => Err(e.into()),
    }
}

/// Waits until the socket is ready for `what`; None where time is up.
pub(super) fn wait(socket: &UnixStream, what: PollFlags, until: Instant) -> Option<()> {
    let left = Timespec::try_from(until.saturating_duration_since(Instant::now())).ok()?;
    let mut fds = [PollFd::new(socket, what)];
    match poll(&mut fds, Some(&left)) {
        Ok(0) => None,
        Ok(_) | Err(Errno::INTR) => Some(()),
        Err(_) => None,
    }
}
