//! For fuzz/ alone (feature `fuzzing`): what comes over sockets, given to who reads it there. No node reaches these parsers
//! without a kernel, a runtime, a systemd or a server behind it.

use super::{connect, listeners as tcp, lookup, netlink, nftables as rules, systemd as manager};
use rustix::io::Errno;
use simple_dns::TYPE;
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

/// More than anything takes that does not wait for others.
const LIMIT: Duration = Duration::from_secs(5);

/// What is told of nftables where the kernel dumps these chains and these rules.
///
/// # Errors
/// What the kernel, or its dump, has for an error.
pub fn nftables(chains: &[u8], of_rules: &[u8]) -> Result<String, String> {
    let dump = |what, each: &mut dyn FnMut(&[u8])| {
        netlink::messages(if what == rules::GET_RULE { of_rules } else { chains }, each).map(drop)
    };
    rules::dump_by(&dump).map_err(|e: Errno| e.to_string())
}

/// What is told of listeners where the kernel dumps these of IPv4 and of IPv6.
///
/// # Errors
/// What the kernel, or its dump, has for an error.
pub fn listeners(v4: &[u8], v6: &[u8]) -> Result<String, String> {
    let mut told = Vec::new();
    for dump in [v4, v6] {
        netlink::messages(dump, &mut |message| told.extend(tcp::listener(message)))
            .map_err(|e: Errno| e.to_string())?;
    }
    Ok(tcp::answer(&told))
}

/// What is told of a container runtime that says these parts, each when the one before is dealt with.
///
/// # Errors
/// What went wrong, as the probe names it.
pub fn cri(parts: &[&[u8]]) -> Result<String, String> {
    super::cri::ask_script(parts)
}

/// What is told of a container runtime all of whose answers have these bytes, without HTTP/2 around them.
///
/// # Errors
/// Why they are no answer.
pub fn cri_messages(answer: &[u8]) -> Result<String, String> {
    super::cri::ask_messages(answer)
}

/// What is told of units where systemd, or a bus before it, says these bytes.
///
/// # Errors
/// What went wrong, as the probe names it.
pub fn systemd(said: &[u8], by_bus: bool, units: &[String]) -> Result<String, String> {
    let pair = || -> io::Result<(UnixStream, UnixStream)> {
        let (stream, mut other) = UnixStream::pair()?;
        stream.set_nonblocking(true)?;
        other.set_nonblocking(true)?;
        other.write_all(said)?;
        other.shutdown(Shutdown::Write)?;
        Ok((stream, other))
    };
    let (stream, _other) = pair().map_err(|e| e.to_string())?;
    let destination = by_bus.then_some(manager::MANAGER);
    manager::ask_over(Ok(stream), destination, units, Instant::now() + LIMIT).map_err(|e| e.to_string())?
}

/// What is told of a name server that answers this.
///
/// # Errors
/// What it says, or why it is no answer.
pub fn dns(answer: &[u8], v6: bool) -> Result<String, String> {
    lookup::read(answer, if v6 { TYPE::AAAA } else { TYPE::A })
}

/// What is told of a server of HTTP that answers this, and then closes the connection.
#[must_use]
pub fn http(answer: &[u8], body: bool) -> String {
    let request = connect::Request {
        address: (Ipv4Addr::LOCALHOST, 80).into(),
        by_proxy: false,
        tls: false,
        host: "server",
        port: 80,
        path: "/",
        identity: None,
        body,
        millis: 0,
    };
    connect::ended(connect::exchange(&mut Answering(answer), &request))
}

/// What is told of a kernel's log that was read `now` microseconds after boot.
#[must_use]
pub fn kernel_log(log: &[u8], now: u64) -> String {
    super::kernel_log::digest(log, now)
}

/// A server that answers this, whatever it is asked.
struct Answering<'a>(&'a [u8]);

impl Read for Answering<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Answering<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
