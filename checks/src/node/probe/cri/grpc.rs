//! Calls of gRPC with one request and one answer, over a Unix socket, within a time limit.
//!
//! HTTP/2 is the crate h2's; it wants a stream that says when it would block, and somebody who polls. One connection and one
//! thread need no runtime for that: [`Session::run`] polls, and waits with poll(2) for what the stream waits for.

use super::super::unix::{self, wait};
use bytes::Bytes;
use h2::client::SendRequest;
use prost::Message;
use rustix::event::PollFlags;
use std::{
    cell::Cell,
    fmt,
    future::{Future, poll_fn},
    io::{self, ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most bytes that one answer may have. A status without details has some hundred.
const ANSWER: usize = 1 << 18;
/// The most bytes that the headers of an answer may have.
const HEADERS: u32 = 16 << 10;
/// The longest message of an error that is kept, in characters.
const MESSAGE: usize = 300;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server did not answer in time.
    TimedOut,
    /// It answered with a status of gRPC that is not OK.
    Status(u32, String),
    /// What it says is no gRPC, or too much of it.
    Protocol(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("timed out"),
            Self::Status(code, message) => write!(f, "gRPC status {code}: {message}"),
            Self::Protocol(why) => f.write_str(why),
        }
    }
}

impl From<h2::Error> for Fault {
    fn from(error: h2::Error) -> Self {
        Self::Protocol(short(&error.to_string()))
    }
}

/// Text of a stranger, short and in one line.
fn short(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE).collect()
}

/// A connection, and until when it may be used.
pub(super) struct Session {
    stream: UnixStream,
    until: Instant,
}

impl Session {
    /// Connects.
    pub(super) fn open(path: &str, limit: Duration) -> io::Result<Self> {
        let until = Instant::now() + limit;
        Ok(Self { stream: unix::connect(path)?, until })
    }

    /// Lets `talk` call the server, until it has an answer or time is up.
    pub(super) fn run<T, F: Future<Output = Result<T, Fault>>>(
        &self,
        talk: impl FnOnce(Client) -> F,
    ) -> Result<T, Fault> {
        let stream = self.stream.try_clone().map_err(|e| Fault::Protocol(e.to_string()))?;
        drive(stream, self.until, |io| converse(io, talk)).unwrap_or(Err(Fault::TimedOut))
    }
}

/// Polls what uses a socket until it is done; None where time is up.
fn drive<F: Future>(stream: UnixStream, until: Instant, make: impl FnOnce(Socket) -> F) -> Option<F::Output> {
    let waits = Rc::new(Cell::new(PollFlags::empty()));
    let socket = stream.try_clone().ok()?;
    let mut all = pin!(make(Socket { stream, waits: Rc::clone(&waits) }));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    while Instant::now() < until {
        waits.set(PollFlags::empty());
        if let Poll::Ready(result) = all.as_mut().poll(&mut context) {
            return Some(result);
        }
        // One half may have something for the other, that has nothing to do with the socket.
        if !woken.0.swap(false, Ordering::Relaxed) {
            wait(&socket, waits.get(), until)?;
        }
    }
    None
}

/// Whether somebody asked to be polled again.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Shakes hands, and drives the connection along with who uses it.
async fn converse<T, F: Future<Output = Result<T, Fault>>>(
    io: Socket,
    talk: impl FnOnce(Client) -> F,
) -> Result<T, Fault> {
    let mut builder = h2::client::Builder::new();
    builder.max_header_list_size(HEADERS).enable_push(false).max_concurrent_streams(1);
    let (sender, connection) = builder.handshake::<_, Bytes>(io).await?;
    let mut connection = pin!(connection);
    let mut talk = pin!(talk(Client(sender)));
    poll_fn(|context| {
        if let Poll::Ready(result) = talk.as_mut().poll(context) {
            return Poll::Ready(result);
        }
        let Poll::Ready(end) = connection.as_mut().poll(context) else { return Poll::Pending };
        // What was answered before the end is told.
        match (talk.as_mut().poll(context), end) {
            (Poll::Ready(result), _) => Poll::Ready(result),
            (Poll::Pending, Err(e)) => Poll::Ready(Err(e.into())),
            (Poll::Pending, Ok(())) => {
                Poll::Ready(Err(Fault::Protocol("the connection was closed".to_owned())))
            }
        }
    })
    .await
}

/// Calls methods of the runtime's service.
pub(super) struct Client(SendRequest<Bytes>);

impl Client {
    /// Calls `method` of the API `version`.
    pub(super) async fn call<Q: Message, A: Message + Default>(
        &self,
        version: &str,
        method: &str,
        request: &Q,
    ) -> Result<A, Fault> {
        let mut sender = self.0.clone().ready().await?;
        let head = http::Request::post(format!("http://localhost/runtime.{version}.RuntimeService/{method}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .map_err(|e| Fault::Protocol(e.to_string()))?;
        let (response, mut body) = sender.send_request(head, false)?;
        body.send_data(framed(request), true)?;
        let response = response.await?;
        if !response.status().is_success() {
            return Err(Fault::Protocol(format!("HTTP status {}", response.status())));
        }
        // A server that has nothing to say puts the status where the headers are.
        if let Some(fault) = status(response.headers()) {
            fault?;
        }
        let mut stream = response.into_body();
        let mut bytes = Vec::new();
        while let Some(part) = stream.data().await {
            let part = part?;
            if bytes.len() + part.len() > ANSWER {
                return Err(Fault::Protocol(format!("an answer of more than {ANSWER} bytes")));
            }
            bytes.extend_from_slice(&part);
            stream.flow_control().release_capacity(part.len())?;
        }
        let trailers = stream.trailers().await?.unwrap_or_default();
        match status(&trailers) {
            Some(fault) => fault?,
            None if bytes.is_empty() => {
                return Err(Fault::Protocol("an answer without a status of gRPC".to_owned()));
            }
            None => {}
        }
        unframed(&bytes)
    }
}

/// A message with the five bytes before it: not compressed, and its length (gRPC over HTTP2, Length-Prefixed-Message).
fn framed(message: &impl Message) -> Bytes {
    let body = message.encode_to_vec();
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let mut bytes = vec![0];
    bytes.extend(length.to_be_bytes());
    bytes.extend(body);
    bytes.into()
}

pub(super) fn unframed<A: Message + Default>(bytes: &[u8]) -> Result<A, Fault> {
    let wrong = |why: &str| Fault::Protocol(format!("an answer that is no message: {why}"));
    let Some((head, body)) = bytes.split_first_chunk::<5>() else { return Err(wrong("too short")) };
    let [compressed, length @ ..] = *head;
    if compressed != 0 {
        return Err(wrong("it is compressed, and nobody asked for that"));
    }
    if u32::from_be_bytes(length) as usize != body.len() {
        return Err(wrong("its length is wrong"));
    }
    A::decode(body).map_err(|e| wrong(&short(&e.to_string())))
}

/// The status of gRPC in headers, where there is one.
fn status(headers: &http::HeaderMap) -> Option<Result<(), Fault>> {
    let text =
        |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let code = text("grpc-status")?;
    Some(match code.parse() {
        Ok(0) => Ok(()),
        Ok(code) => Err(Fault::Status(code, short(&text("grpc-message").unwrap_or_default()))),
        Err(_) => Err(Fault::Protocol(format!("the status of gRPC is {}", short(&code)))),
    })
}

/// The socket, which notes what it would have blocked for.
struct Socket {
    stream: UnixStream,
    waits: Rc<Cell<PollFlags>>,
}

impl Socket {
    fn ready<T>(&self, done: io::Result<T>, waits: PollFlags) -> Poll<io::Result<T>> {
        match done {
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                self.waits.set(self.waits.get() | waits);
                Poll::Pending
            }
            // poll(2) comes back at once then, and the call is made again.
            Err(e) if e.kind() == ErrorKind::Interrupted => {
                self.waits.set(self.waits.get() | waits);
                Poll::Pending
            }
            done => Poll::Ready(done),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let read = this.stream.read(buffer.initialize_unfilled());
        this.ready(read, PollFlags::IN).map_ok(|count| buffer.advance(count))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = this.stream.write(bytes);
        this.ready(written, PollFlags::OUT)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(feature = "fuzzing")]
mod script;
#[cfg(feature = "fuzzing")]
pub(super) use script::script;

#[cfg(test)]
mod tests;
