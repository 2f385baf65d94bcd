//! Connects to an address, and asks a server of HTTP for the head of one answer, with TLS or without.
//!
//! Certificates are not judged here but handed on: who judges them knows which authorities this node trusts, and what was
//! captured can be judged again.

// The one place that connects, and only where the command line allowed it (law 5).
#![allow(clippy::disallowed_methods)]

use super::{Identity, errno_name};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error as TlsError, SignatureScheme, Stream,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
};
use std::{
    fmt::Write as _,
    fs::File,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

/// How much of an answer is read: the first line is wanted.
const HEAD: usize = 4096;
/// How much, where the body is wanted, too: a version is told in a hundred bytes.
const WHOLE: usize = 16 << 10;
/// How much of a file with a certificate or a key is read.
const IDENTITY: u64 = 64 << 10;
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
    /// Who asks, where the server wants to know.
    pub(super) identity: Option<&'a Identity>,
    /// Whether the body of the answer is wanted, too.
    pub(super) body: bool,
    pub(super) millis: u32,
}

/// `ok, tls=… at=SECONDS chain=HEX,HEX body=HEX status=200`, or with `fault=…` in the place of the status; `Err(Ok)` is what
/// went wrong before anything was known of the server.
pub(super) fn fetch(request: &Request<'_>) -> io::Result<Result<String, String>> {
    let until = Instant::now() + Duration::from_millis(request.millis.into());
    let own = match request.identity.map(read_identity).transpose() {
        Ok(own) => own,
        Err(why) => return Ok(Err(format!("client: {why}"))),
    };
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
    let mut connection = match client(request.host, own) {
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

pub(super) fn ended(result: io::Result<Head>) -> String {
    match result {
        Ok(Head { status, body }) if body.is_empty() => format!(" status={status}"),
        Ok(Head { status, body }) => format!(" body={} status={status}", hex(&body)),
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
        Ok(Head { status, .. }) if (200..300).contains(&status) => Ok(()),
        Ok(Head { status, .. }) => Err(format!("proxy: status {status}")),
        Err(e) => Err(format!("proxy:{}", ended(Err(e)).replace(" fault=", " "))),
    })
}

/// `host:port`, with brackets around an address of IPv6.
fn authority(request: &Request<'_>) -> String {
    let Request { host, port, .. } = request;
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

pub(super) fn exchange(stream: &mut (impl Read + Write), request: &Request<'_>) -> io::Result<Head> {
    let authority = authority(request);
    // A proxy wants the whole address (RFC 9112, 3.2.2).
    let start = if request.by_proxy && !request.tls { format!("http://{authority}") } else { String::new() };
    let agent = concat!("preflight/", env!("CARGO_PKG_VERSION"));
    let path = request.path;
    // Of version 1.0 the body comes in one piece, and ends with the connection.
    let version = if request.body { "1.0" } else { "1.1" };
    write!(
        stream,
        "GET {start}{path} HTTP/{version}\r\nHost: {authority}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )?;
    stream.flush()?;
    if request.body { whole(stream) } else { head(stream, false) }
}

/// What is read of an answer.
pub(super) struct Head {
    status: u16,
    /// The body, where it was wanted.
    body: Vec<u8>,
}

/// An answer to its end, which for this request is that of the connection; not all servers of TLS say that they close it.
fn whole(stream: &mut impl Read) -> io::Result<Head> {
    let mut bytes = Vec::new();
    let end = stream.take(WHOLE as u64 + 1).read_to_end(&mut bytes);
    let split = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let (Some(at), true) = (split, bytes.len() <= WHOLE) else {
        end?;
        return Err(io::Error::new(ErrorKind::InvalidData, "no HTTP: an answer without an end"));
    };
    match end {
        Err(e) if e.kind() != ErrorKind::UnexpectedEof => return Err(e),
        _ => {}
    }
    let status = status(&bytes).ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "no HTTP"))?;
    Ok(Head { status, body: bytes.split_off(at + 4) })
}

/// The status of an answer. Of a proxy the whole head is read; after it nothing comes before this side has spoken.
fn head(stream: &mut impl Read, whole: bool) -> io::Result<Head> {
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
    let status =
        status(&buffer[..filled]).ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "no HTTP"))?;
    Ok(Head { status, body: Vec::new() })
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
        told.push_str(&hex(certificate));
    }
    told
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A certificate and its key, as this side shows them.
type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Reads what stands in the files. Nothing of the key is told, not even where it is none.
fn read_identity(identity: &Identity) -> Result<Own, String> {
    let read = |path: &str| {
        let file = File::open(path).map_err(|e| format!("{path}: {}", errno_name(&e)))?;
        let mut bytes = Vec::new();
        file.take(IDENTITY).read_to_end(&mut bytes).map_err(|e| format!("{path}: {}", errno_name(&e)))?;
        Ok::<_, String>(bytes)
    };
    let Identity { certificate, key } = identity;
    let certificates = CertificateDer::pem_slice_iter(&read(certificate)?).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.ok().filter(|all| !all.is_empty());
    let certificates = certificates.ok_or_else(|| format!("{certificate} is no list of certificates"))?;
    let own = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| format!("{key} is no private key"))?;
    Ok((certificates, own))
}

fn client(host: &str, own: Option<Own>) -> Result<ClientConnection, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let any = Arc::new(AnyCertificate(Arc::clone(&provider)));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(any);
    let mut config = match own {
        Some((certificates, key)) => config.with_client_auth_cert(certificates, key)?,
        None => config.with_no_client_auth(),
    };
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
mod tests;
