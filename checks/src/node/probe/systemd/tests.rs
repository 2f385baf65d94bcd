use super::{
    wire::{
        ERROR, FIXED, Message, RETURN,
        tests::{answer, string, variant},
    },
    *,
};
use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    thread::{self, JoinHandle},
};

/// What a server makes of the calls, by their number from one.
type Answers = Box<dyn Fn(u32) -> Vec<u8> + Send>;

struct Server {
    directory: tempfile::TempDir,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves one connection: says `greeting` to the handshake, and answers each call.
    fn start(greeting: &'static [u8], answers: Answers) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("socket")).unwrap();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = [0; 200];
            let read = stream.read(&mut line).unwrap();
            assert!(line[..read].starts_with(b"\0AUTH EXTERNAL 3"), "{:?}", &line[..read]);
            stream.write_all(greeting).unwrap();
            let mut begin = [0; 7];
            if stream.read_exact(&mut begin).is_err() {
                return;
            }
            assert_eq!(&begin, b"BEGIN\r\n");
            while let Some(serial) = read_call(&mut stream) {
                if stream.write_all(&answers(serial)).is_err() {
                    return;
                }
            }
        });
        Self { directory, thread: Some(thread) }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    fn ask(&self, units: &[&str], millis: u32) -> io::Result<Result<String, String>> {
        let units: Vec<String> = units.iter().map(|&unit| unit.to_owned()).collect();
        ask_at(self.path().to_str().unwrap(), None, &units, millis)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The serial of the next call.
fn read_call(stream: &mut UnixStream) -> Option<u32> {
    let mut head = [0; FIXED];
    stream.read_exact(&mut head).ok()?;
    let mut rest = vec![0; Message::length(head).unwrap() - FIXED];
    stream.read_exact(&mut rest).ok()?;
    Some(u32::from_ne_bytes(head[8..12].try_into().unwrap()))
}

const OK: &[u8] = b"OK 0123456789abcdef\r\n";

fn returns(to: u32, body: &[u8]) -> Vec<u8> {
    answer(RETURN, to, None, body)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn a_unit_that_is_loaded_and_one_that_is_not() {
    let server = Server::start(
        OK,
        Box::new(|serial| match serial {
            // A signal in between is passed over, and one to another call, too.
            1 => [answer(4, 1, None, b""), returns(77, b""), returns(1, &variant(&text("257.9-1")))].concat(),
            2 => returns(2, &string("/org/freedesktop/systemd1/unit/a_2eservice")),
            3 => answer(ERROR, 3, Some(NOT_LOADED), &string("Unit b.timer not loaded.")),
            4 => returns(4, &variant(&text("a.service"))),
            5 => returns(5, &variant(&text("loaded"))),
            6 => returns(6, &variant(&Value::List(vec![]))),
            7 => returns(7, &variant(&text("active"))),
            8 => returns(8, &variant(&text("running"))),
            9 => returns(9, &variant(&Value::Bool(true))),
            10 => returns(10, &variant(&Value::List(vec!["/etc/x.conf".into()]))),
            11 => returns(11, &variant(&text("success"))),
            12 => returns(12, &variant(&Value::Number(3))),
            // An old one that does not know this.
            13 => answer(ERROR, 13, Some("org.freedesktop.DBus.Error.UnknownProperty"), &string("no")),
            14 => returns(14, &variant(&Value::Bool(true))),
            n => returns(n, &variant(&Value::List(vec!["cpu".into(), "pids".into()]))),
        }),
    );
    let told = server.ask(&["a.service", "b.timer"], 5000).unwrap().unwrap();
    let told: Json = serde_json::from_str(told.strip_prefix("ok, ").unwrap()).unwrap();
    let unit = json!({
        "name": "a.service", "Id": "a.service", "LoadState": "loaded", "LoadError": [], "ActiveState": "active",
        "SubState": "running", "NeedDaemonReload": true, "DropInPaths": ["/etc/x.conf"], "Result": "success", "NRestarts": 3, "Delegate": true,
        "DelegateControllers": ["cpu", "pids"],
    });
    assert_eq!(told["units"], json!([unit, { "name": "b.timer", "loaded": false }]));
    assert_eq!(told["version"], "257.9-1");
}

#[test]
fn who_speaks_something_else_or_nothing() {
    let fault = |greeting: &'static [u8], answers: Answers| {
        let server = Server::start(greeting, answers);
        let asked = server.ask(&["a.service"], 300);
        asked.map_or_else(|e| e.kind().to_string(), |answer| answer.unwrap_err())
    };
    let nothing = || -> Answers { Box::new(|_| Vec::new()) };
    assert_eq!(fault(b"", nothing()), "timed out");
    assert_eq!(fault(OK, nothing()), "timed out");
    assert_eq!(fault(b"REJECTED EXTERNAL\r\n", nothing()), "rejected: REJECTED EXTERNAL");
    assert!(fault(b"HTTP/1.1 400 Bad Request\r\n", nothing()).starts_with("not D-Bus"));
    assert!(
        fault(OK, Box::new(|_| b"l\x02\x00\x01\xff\xff\xff\xff\0\0\0\0\0\0\0\0".to_vec()))
            .starts_with("not D-Bus")
    );
    assert!(fault(OK, Box::new(|_| b"HTTP/1.1 400 Bad Request".to_vec())).starts_with("not D-Bus"));
    assert!(fault(OK, Box::new(|to| returns(to, b"\x01t\0\0\0\0\0\0"))).starts_with("not D-Bus"));
    // A version that is no text.
    assert!(fault(OK, Box::new(|to| returns(to, &variant(&Value::Number(257))))).starts_with("not D-Bus"));
    let denied = |to| answer(ERROR, to, Some("org.freedesktop.DBus.Error.AccessDenied"), &string("no"));
    assert_eq!(fault(OK, Box::new(denied)), "rejected: org.freedesktop.DBus.Error.AccessDenied: no");
}

#[test]
fn who_never_stops_talking_is_left() {
    let started = Instant::now();
    let server = Server::start(OK, Box::new(|_| answer(4, 9, None, &[0; 1000]).repeat(40_000)));
    let asked = server.ask(&[], 5000).unwrap().unwrap_err();
    assert_eq!(asked, "not D-Bus: more came than anybody asked for");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn where_nobody_listens() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let kind = |path: &String| ask_at(path, Some(MANAGER), &[], 100).unwrap_err().kind();
    drop(UnixListener::bind(directory.path().join("left")).unwrap());
    assert_eq!(kind(&path("none")), ErrorKind::NotFound);
    assert_eq!(kind(&path("left")), ErrorKind::ConnectionRefused);
}
