//! Against servers that answer well, badly, endlessly or not at all, over real sockets.

use super::{super::ask, *};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use std::{os::unix::net::UnixListener, path::PathBuf, thread};
use tempfile::TempDir;

/// A server that takes one connection and does with it what a test says.
struct Server {
    directory: TempDir,
}

impl Server {
    fn new(serve: impl FnOnce(UnixStream) + Send + 'static) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("s")).unwrap();
        thread::spawn(move || serve(listener.accept().unwrap().0));
        Self { directory }
    }

    /// One that speaks gRPC: what `answer` says to a path is the status and the message.
    fn grpc(answer: impl Fn(&str) -> (u32, Vec<u8>) + Send + 'static) -> Self {
        Self::new(move |stream| {
            stream.set_nonblocking(true).unwrap();
            let until = Instant::now() + Duration::from_secs(10);
            drive(stream, until, |io| serve(io, answer));
        })
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("s")
    }

    fn ask(&self, millis: u32) -> String {
        match ask(self.path().to_str().unwrap(), millis) {
            Ok(Ok(text) | Err(text)) => text,
            Err(e) => format!("error: {e}"),
        }
    }
}

async fn serve(io: Socket, answer: impl Fn(&str) -> (u32, Vec<u8>)) {
    let Ok(mut connection) = h2::server::handshake(io).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let (status, message) = answer(request.uri().path());
        let head = http::Response::builder().header("content-type", "application/grpc");
        if status != 0 {
            let head = head.header("grpc-status", status).header("grpc-message", "no such service");
            respond.send_response(head.body(()).unwrap(), true).unwrap();
            continue;
        }
        let Ok(mut stream) = respond.send_response(head.body(()).unwrap(), false) else { return };
        let mut framed = vec![0];
        framed.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
        framed.extend(message);
        let _ = stream.send_data(framed.into(), false);
        let trailers = http::HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
        let _ = stream.send_trailers(trailers);
    }
}

/// A field of a message whose number is below 16 and whose content has a length.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
    bytes.extend(content);
    bytes
}

fn version() -> Vec<u8> {
    [field(1, b"0.1.0"), field(2, b"containerd"), field(3, b"v2.1.4"), field(4, b"v1")].concat()
}

fn status() -> Vec<u8> {
    let ready = [field(1, b"RuntimeReady"), vec![2 << 3, 1]].concat();
    let network =
        [field(1, b"NetworkReady"), field(3, b"NetworkPluginNotReady"), field(4, b"no cni")].concat();
    field(1, &[field(1, &ready), field(1, &network)].concat())
}

#[test]
fn a_runtime_that_tells_its_driver() {
    for (driver, name) in [(vec![], "systemd"), (vec![1 << 3, 1], "cgroupfs")] {
        let server = Server::grpc(move |path| match path {
            "/runtime.v1.RuntimeService/Version" => (0, version()),
            "/runtime.v1.RuntimeService/Status" => (0, status()),
            "/runtime.v1.RuntimeService/RuntimeConfig" => (0, field(1, &driver)),
            other => panic!("{other}"),
        });
        let told = server.ask(5000);
        let runtime = crate::facts::cri::Runtime::parse(told.strip_prefix("ok, ").unwrap()).unwrap();
        assert_eq!((runtime.name.as_str(), runtime.version.as_str()), ("containerd", "v2.1.4"));
        assert!(runtime.condition("RuntimeReady").unwrap().holds);
        assert_eq!(runtime.condition("NetworkReady").unwrap().message, "no cni");
        assert_eq!(runtime.config, crate::facts::cri::Config::Driver(name.to_owned()));
    }
}

#[test]
fn runtimes_that_lack_something() {
    let only = |service: &'static str| {
        Server::grpc(move |path| match path {
            path if !path.starts_with(service) => (12, Vec::new()),
            path if path.ends_with("/Version") => (0, version()),
            path if path.ends_with("/Status") => (0, status()),
            _ => (12, Vec::new()),
        })
    };
    assert!(only("/runtime.v1.").ask(5000).contains(r#""runtimeConfig":false"#));
    assert!(only("/runtime.v1alpha2.").ask(5000).contains(r#""api":"v1alpha2""#));
    assert_eq!(only("/none").ask(5000), "no CRI: no such service");
    let broken =
        Server::grpc(|path| if path.ends_with("/Version") { (0, version()) } else { (13, Vec::new()) });
    let told = broken.ask(5000);
    assert!(told.contains(r#""statusFault":"gRPC status 13: no such service""#), "{told}");
    assert_eq!(Server::grpc(|_| (14, Vec::new())).ask(5000), "gRPC status 14: no such service");
}

#[test]
fn answers_that_are_none() {
    let no_message = Server::grpc(|_| (0, vec![0xff; 9])).ask(5000);
    assert!(no_message.starts_with("not gRPC: an answer that is no message"), "{no_message}");
    let large = Server::grpc(|_| (0, vec![0; 2 << 20])).ask(5000);
    assert!(large.contains("an answer of more than"), "{large}");
    for garbage in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &[0xff; 4096], b"", &[0, 0, 0, 4, 0, 0, 0, 0, 0]]
    {
        let server = Server::new(move |mut stream| {
            let _ = stream.write_all(garbage);
            drop(stream);
        });
        let told = server.ask(5000);
        assert!(told.starts_with("not gRPC: "), "{garbage:?}: {told}");
    }
}

#[test]
fn who_is_slow_is_out_of_time() {
    let silent = Server::new(|stream| {
        thread::sleep(Duration::from_secs(3));
        drop(stream);
    });
    let began = Instant::now();
    assert_eq!(silent.ask(200), "ETIMEDOUT");
    let dripping = Server::new(|mut stream| {
        // Pings that are answered for ever: each is well-formed, and none is an answer.
        let _ = stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
        while stream.write_all(&[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]).is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    assert_eq!(dripping.ask(300), "ETIMEDOUT");
    // A queue that nobody takes connections from.
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let fd = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None).unwrap();
    rustix::net::bind(&fd, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    rustix::net::listen(&fd, 0).unwrap();
    let held: Vec<_> = (0..2)
        .filter_map(|_| Session::open(path.to_str().unwrap(), Duration::from_millis(100)).ok())
        .collect();
    let full = Session::open(path.to_str().unwrap(), Duration::from_millis(100));
    assert_eq!(full.err().map(|e| e.kind()), Some(ErrorKind::TimedOut), "{} held", held.len());
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[test]
fn nobody_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let none = ask(path.to_str().unwrap(), 100).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotFound);
    drop(UnixListener::bind(&path).unwrap());
    assert_eq!(ask(path.to_str().unwrap(), 100).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert!(ask(&"/x".repeat(200), 100).is_err(), "longer than an address may be");
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_a_message_or_none(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        use super::super::messages::{RuntimeConfigResponse, StatusResponse, VersionResponse};
        let _ = unframed::<VersionResponse>(&bytes);
        let _ = unframed::<StatusResponse>(&bytes).map(|status| status.told());
        let _ = unframed::<RuntimeConfigResponse>(&bytes).map(RuntimeConfigResponse::told);
        let _ = status_of_text(&bytes);
    }
}

fn status_of_text(bytes: &[u8]) -> Option<Result<(), Fault>> {
    let value = http::HeaderValue::from_bytes(bytes).ok()?;
    super::status(&http::HeaderMap::from_iter([("grpc-status".parse().ok()?, value)]))
}
