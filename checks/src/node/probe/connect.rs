//! Connects to an address, and asks a server of HTTP for the head of one answer, with TLS or without.
//!
//! Certificates are not judged here but handed on: who judges them knows which authorities this node trusts, and what was
//! captured can be judged again.

// The one place that connects, and only where the command line allowed it (law 5).
#![allow(clippy::disallowed_methods)]

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error as TlsError, SignatureScheme, Stream,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{
    fmt::Write as _,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

/// How much of an answer is read: the first line is wanted.
const HEAD: usize = 4096;
/// The most certificates that a server may send, and their bytes.
const CHAIN: usize = 10;
const CERTIFICATE: usize = 16 << 10;

/// Connects, says nothing, and closes.
pub(super) fn connect(address: SocketAddr, millis: u32) -> io::Result<String> {
    TcpStream::connect_timeout(&address, Duration::from_millis(millis.into())).map(|_| "ok".to_owned())
}

/// What is asked of which server.
pub(super) struct Request<'a> {
    /// Where to connect to.
    pub(super) address: SocketAddr,
    /// Whether that is a proxy.
    pub(super) by_proxy: bool,
    /// Whether the server speaks TLS.
    pub(super) tls: bool,
    /// The server's name, and its port.
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// What is asked for, from the `/` on.
    pub(super) path: &'a str,
    pub(super) millis: u32,
}

/// `ok, tls=… at=SECONDS chain=HEX,HEX status=200`, or with `fault=…` in the place of the status; `Err(Ok)` is what went wrong
/// before anything was known of the server.
pub(super) fn fetch(request: &Request<'_>) -> io::Result<Result<String, String>> {
    let until = Instant::now() + Duration::from_millis(request.millis.into());
    let stream = TcpStream::connect_timeout(&request.address, Duration::from_millis(request.millis.into()))?;
    let mut stream = Timed { stream, until };
    if request.by_proxy
        && request.tls
        && let Err(why) = tunnel(&mut stream, request)?
    {
        return Ok(Err(why));
    }
    let mut told = "ok,".to_owned();
    if !request.tls {
        told.push_str(&ended(exchange(&mut stream, request)));
        return Ok(Ok(told));
    }
    let mut connection = match client(request.host) {
        Ok(connection) => connection,
        Err(e) => return Ok(Err(format!("tls: {e}"))),
    };
    while connection.is_handshaking() {
        if let Err(e) = connection.complete_io(&mut stream) {
            return Ok(Err(tls_fault(&e)));
        }
    }
    told.push_str(&certificates(&connection));
    told.push_str(&ended(exchange(&mut Stream::new(&mut connection, &mut stream), request)));
    Ok(Ok(told))
}

/// What a failed handshake says. A time-out is one wherever it happens.
fn tls_fault(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "tls: timeout".to_owned(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => "tls: the connection was closed".to_owned(),
        _ => format!("tls: {error}"),
    }
}

fn ended(result: io::Result<u16>) -> String {
    match result {
        Ok(status) => format!(" status={status}"),
        Err(e) => match e.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => " fault=timeout".to_owned(),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
                " fault=the connection was closed".to_owned()
            }
            _ => format!(" fault={e}"),
        },
    }
}

/// Has a proxy connect to the server (RFC 9110, 9.3.6).
fn tunnel(stream: &mut Timed, request: &Request<'_>) -> io::Result<Result<(), String>> {
    let target = authority(request);
    write!(stream, "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")?;
    Ok(match head(stream, true) {
        Ok(status) if (200..300).contains(&status) => Ok(()),
        Ok(status) => Err(format!("proxy: status {status}")),
        Err(e) => Err(format!("proxy:{}", ended(Err(e)).replace(" fault=", " "))),
    })
}

/// `host:port`, with brackets around an address of IPv6.
fn authority(request: &Request<'_>) -> String {
    let Request { host, port, .. } = request;
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn exchange(stream: &mut (impl Read + Write), request: &Request<'_>) -> io::Result<u16> {
    let authority = authority(request);
    // A proxy wants the whole address (RFC 9112, 3.2.2).
    let start = if request.by_proxy && !request.tls { format!("http://{authority}") } else { String::new() };
    let agent = concat!("preflight/", env!("CARGO_PKG_VERSION"));
    let path = request.path;
    write!(
        stream,
        "GET {start}{path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )?;
    stream.flush()?;
    head(stream, false)
}

/// The status of an answer. Of a proxy the whole head is read; after it nothing comes before this side has spoken.
fn head(stream: &mut impl Read, whole: bool) -> io::Result<u16> {
    let end: &[u8] = if whole { b"\r\n\r\n" } else { b"\n" };
    let mut buffer = [0; HEAD];
    let mut filled = 0;
    while !buffer[..filled].windows(end.len()).any(|bytes| bytes == end) {
        if filled == HEAD {
            return Err(io::Error::new(ErrorKind::InvalidData, "no HTTP: an endless line"));
        }
        match stream.read(&mut buffer[filled..])? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            more => filled += more,
        }
    }
    status(&buffer[..filled]).ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "no HTTP"))
}

/// `HTTP/1.1 200 OK`.
fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head.split(|b| *b == b'\n').next()?).ok()?;
    let (version, rest) = line.split_once(' ')?;
    let status = rest.get(..3)?.parse().ok().filter(|status| (100..600).contains(status))?;
    version.starts_with("HTTP/").then_some(status)
}

fn certificates(connection: &ClientConnection) -> String {
    let version = connection.protocol_version().map_or("?", |v| v.as_str().unwrap_or("?"));
    let mut told = format!(" tls={version} at={} chain=", UnixTime::now().as_secs());
    let chain = connection.peer_certificates().unwrap_or_default();
    for (i, certificate) in chain.iter().filter(|c| c.len() <= CERTIFICATE).take(CHAIN).enumerate() {
        if i > 0 {
            told.push(',');
        }
        for byte in certificate.iter() {
            // Writing to a String does not fail.
            let _ = write!(told, "{byte:02x}");
        }
    }
    told
}

fn client(host: &str) -> Result<ClientConnection, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let any = Arc::new(AnyCertificate(Arc::clone(&provider)));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(any)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let name = ServerName::try_from(host.to_owned()).map_err(|e| TlsError::General(e.to_string()))?;
    ClientConnection::new(Arc::new(config), name)
}

/// Takes every certificate, since it is judged later; that the server holds its key is verified here.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A connection whose every read and write has to end by the same moment: a server that sends a byte now and then does
/// not hold anybody.
struct Timed {
    stream: TcpStream,
    until: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rustls::{ServerConfig, ServerConnection, pki_types::PrivatePkcs8KeyDer};
    use std::{net::TcpListener, thread};

    /// A server that says this to whoever connects, after it has read what they say.
    fn server<const N: usize>(says: [&'static str; N]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut buffer = [0; 1024];
                for part in says {
                    let _ = stream.read(&mut buffer);
                    let _ = stream.write_all(part.as_bytes());
                }
                // Until the other side has closed, so that nothing is reset.
                while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
            }
        });
        address
    }

    fn request(address: SocketAddr) -> Request<'static> {
        Request {
            address,
            by_proxy: false,
            tls: false,
            host: "registry.example",
            port: 80,
            path: "/v2/",
            millis: 3000,
        }
    }

    #[test]
    fn what_servers_say() {
        let fetched = |says| fetch(&request(server([says]))).unwrap();
        assert_eq!(fetched("HTTP/1.1 200 OK\r\n\r\n").as_deref(), Ok("ok, status=200"));
        assert_eq!(fetched("SSH-2.0-OpenSSH\r\n").as_deref(), Ok("ok, fault=no HTTP"));
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(fetch(&request(closed)).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(connect(closed, 1000).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(connect(server([]), 1000).unwrap(), "ok");
    }

    #[test]
    fn proxies() {
        let by = |tls, address| fetch(&Request { by_proxy: true, tls, ..request(address) }).unwrap();
        assert_eq!(by(false, server(["HTTP/1.1 204 x\r\n\r\n"])).as_deref(), Ok("ok, status=204"));
        let refused = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
        assert_eq!(by(true, server([refused])).unwrap_err(), "proxy: status 407");
        let tunnel =
            by(true, server(["HTTP/1.1 200 ok\r\n\r\n", "no TLS at all, but long enough for a record\r\n"]));
        assert!(tunnel.as_ref().unwrap_err().starts_with("tls: "), "{tunnel:?}");
    }

    /// A server of TLS with a certificate for this name, which answers one request after the other.
    fn tls_server(name: &str) -> (SocketAddr, Vec<u8>) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            while let Ok((mut stream, _)) = listener.accept() {
                let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = Stream::new(&mut connection, &mut stream);
                let mut buffer = [0; 1024];
                let _ = stream.read(&mut buffer);
                let _ = stream.write_all(b"HTTP/1.1 401 Unauthorized\r\n\r\n");
                while stream.read(&mut buffer).is_ok_and(|n| n > 0) {}
            }
        });
        (address, certificate.to_vec())
    }

    #[test]
    fn certificates_are_handed_on() {
        let (address, certificate) = tls_server("registry.example");
        let fetched = fetch(&Request { tls: true, ..request(address) }).unwrap().unwrap();
        let hex: String = certificate.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(fetched.starts_with("ok, tls=TLSv1_3 at="), "{fetched}");
        assert!(fetched.ends_with(&format!(" chain={hex} status=401")), "{fetched}");
        let plain = fetch(&Request { tls: true, ..request(server(["HTTP/1.1 400 Bad\r\n\r\n"])) }).unwrap();
        assert!(plain.unwrap_err().starts_with("tls: "));
    }

    #[test]
    fn who_drips_holds_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            while stream.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(20));
            }
        });
        let before = Instant::now();
        let fetched = fetch(&Request { millis: 300, ..request(address) }).unwrap();
        assert_eq!(fetched.as_deref(), Ok("ok, fault=timeout"));
        assert!(before.elapsed() < Duration::from_secs(5));
    }

    proptest! {
        #[test]
        fn no_head_panics(bytes in proptest::collection::vec(any::<u8>(), 0..100), line in "HTTP/1.[0-9] .{0,8}") {
            let _ = status(&bytes);
            let _ = status(line.as_bytes());
            let _ = head(&mut bytes.as_slice(), true);
        }
    }
}
