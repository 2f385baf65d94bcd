//! A connection over which D-Bus is spoken, with systemd itself or by way of the bus, within a time limit.

use super::{
    super::unix::wait,
    wire::{Call, ERROR, FIXED, Message, RETURN, Reader},
};
use rustix::{event::PollFlags, process::geteuid};
use std::{
    io::{self, ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    time::Instant,
};

/// How much may come over one connection, signals that nobody asked for among it, in bytes.
const TOTAL: usize = 8 << 20;
/// The longest line of the handshake.
const LINE: usize = 1 << 10;
/// The longest text of an error that is kept, in characters.
const TEXT: usize = 300;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// The socket is not there, or does not let us in.
    Io(io::Error),
    /// Nobody answered in time.
    TimedOut,
    /// Whoever answers does not want to talk to this user.
    Rejected(String),
    /// What it says is no D-Bus, or too much of it.
    Protocol(&'static str),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::TimedOut { Self::TimedOut } else { Self::Io(error) }
    }
}

/// An answer to a call: what it carries, or the name and text of the error.
pub(super) type Answered = Result<Vec<u8>, Refusal>;

/// An error that was answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Its name: `org.freedesktop.systemd1.NoSuchUnit`.
    pub name: String,
    /// What is said about it.
    pub text: String,
}

/// A connection after the handshake.
pub(super) struct Bus {
    stream: UnixStream,
    until: Instant,
    destination: Option<&'static str>,
    serial: u32,
    /// What came and was not looked at yet.
    input: Vec<u8>,
    total: usize,
}

impl Bus {
    /// Shakes hands. With a `destination` there is a bus in between, which has to be greeted.
    pub(super) fn open(
        stream: UnixStream,
        destination: Option<&'static str>,
        until: Instant,
    ) -> Result<Self, Fault> {
        let mut bus = Self { stream, until, destination, serial: 0, input: Vec::new(), total: 0 };
        // The kernel tells the other side who we are; the number is only compared with that (AUTH EXTERNAL, in hexadecimal).
        let user: String =
            geteuid().as_raw().to_string().bytes().map(|digit| format!("{digit:02x}")).collect();
        bus.write(format!("\0AUTH EXTERNAL {user}\r\n").as_bytes())?;
        let line = bus.line()?;
        if !line.starts_with("OK ") {
            return Err(if line.starts_with("REJECTED") {
                Fault::Rejected(line)
            } else {
                Fault::Protocol("the handshake was not answered by OK or REJECTED")
            });
        }
        bus.write(b"BEGIN\r\n")?;
        if destination.is_some() {
            let name = "org.freedesktop.DBus";
            let hello =
                Call { path: "/org/freedesktop/DBus", interface: name, member: "Hello", arguments: &[] };
            let message = hello.message(bus.next(), Some(name));
            bus.write(&message)?;
            if let Err(refusal) = bus.answer(bus.serial)? {
                return Err(Fault::Rejected(format!("{}: {}", refusal.name, refusal.text)));
            }
        }
        Ok(bus)
    }

    /// Makes several calls at once, and gives the answers in their order.
    pub(super) fn call(&mut self, calls: &[Call]) -> Result<Vec<Answered>, Fault> {
        let mut bytes = Vec::new();
        let mut serials = Vec::with_capacity(calls.len());
        for call in calls {
            let serial = self.next();
            bytes.extend(call.message(serial, self.destination));
            serials.push(serial);
        }
        self.write(&bytes)?;
        // Both systemd and the bus answer in the order of the calls.
        serials.into_iter().map(|serial| self.answer(serial)).collect()
    }

    fn next(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    /// The answer to the call `serial`; what else comes is passed over.
    fn answer(&mut self, serial: u32) -> Result<Answered, Fault> {
        loop {
            let message = self.message()?;
            if message.answers != Some(serial) || !matches!(message.kind, RETURN | ERROR) {
                continue;
            }
            if message.kind == RETURN {
                return Ok(Ok(message.body));
            }
            let text = Reader::new(&message.body).string().unwrap_or_default();
            let text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT).collect();
            return Ok(Err(Refusal { name: message.error.unwrap_or_default(), text }));
        }
    }

    fn message(&mut self) -> Result<Message, Fault> {
        const WRONG: Fault = Fault::Protocol("what came is no message, or a very long one");
        self.fill(FIXED)?;
        let head = self.input.first_chunk::<FIXED>().ok_or(WRONG)?;
        let length = Message::length(*head).ok_or(WRONG)?;
        self.fill(length)?;
        let message = Message::read(&self.input[..length]).ok_or(WRONG);
        self.input.drain(..length);
        message
    }

    /// One line of the handshake, without its end.
    fn line(&mut self) -> Result<String, Fault> {
        loop {
            if let Some(at) = self.input.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(&self.input[..at]).into_owned();
                self.input.drain(..at + 2);
                return Ok(line);
            }
            if self.input.len() > LINE {
                return Err(Fault::Protocol("the handshake has a line without an end"));
            }
            self.fill(self.input.len() + 1)?;
        }
    }

    /// Reads until there are `count` bytes.
    fn fill(&mut self, count: usize) -> Result<(), Fault> {
        let mut buffer = [0; 4096];
        while self.input.len() < count {
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Fault::Protocol("the connection was closed")),
                Ok(read) => {
                    self.input.extend_from_slice(&buffer[..read]);
                    self.total += read;
                }
                Err(e) => self.pause(e, PollFlags::IN)?,
            }
            // Somebody who never stops talking is not waited for either.
            if self.total > TOTAL {
                return Err(Fault::Protocol("more came than anybody asked for"));
            }
            if Instant::now() >= self.until {
                return Err(Fault::TimedOut);
            }
        }
        Ok(())
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(0) => return Err(Fault::Protocol("the connection was closed")),
                Ok(written) => bytes = &bytes[written..],
                Err(e) => self.pause(e, PollFlags::OUT)?,
            }
        }
        Ok(())
    }

    fn pause(&self, error: io::Error, what: PollFlags) -> Result<(), Fault> {
        match error.kind() {
            ErrorKind::WouldBlock => wait(&self.stream, what, self.until).ok_or(Fault::TimedOut),
            ErrorKind::Interrupted => Ok(()),
            _ => Err(error.into()),
        }
    }
}
