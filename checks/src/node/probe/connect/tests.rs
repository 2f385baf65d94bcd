//! Against servers on this machine, with and without TLS.

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
        identity: None,
        body: false,
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

/// A server that wants a certificate of its own authority, and answers as etcd does; the files of a client of it.
fn mutual_server() -> (SocketAddr, tempfile::TempDir) {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.self_signed(&key).unwrap().der().clone()).unwrap();
    let issuer = rcgen::Issuer::new(authority, key);
    let signed = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &issuer).unwrap(), key)
    };
    let provider = Arc::new(ring::default_provider());
    let clients =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let (certificate, key) = signed("etcd.example");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = Stream::new(&mut connection, &mut stream);
            let mut buffer = [0; 1024];
            if stream.read(&mut buffer).is_ok_and(|n| buffer[..n].starts_with(b"GET /version HTTP/1.0")) {
                let _ = stream.write_all(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n{\"etcdserver\":\"3.5.24\"}");
            }
        }
    });
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = signed("client");
    std::fs::write(directory.path().join("crt"), certificate.pem()).unwrap();
    std::fs::write(directory.path().join("key"), key.serialize_pem()).unwrap();
    (address, directory)
}

#[test]
fn a_server_that_wants_to_know_who_asks() {
    let (address, directory) = mutual_server();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let asked = |identity: Option<&Identity>| {
        fetch(&Request { tls: true, path: "/version", identity, body: true, ..request(address) }).unwrap()
    };
    let own = Identity { certificate: path("crt"), key: path("key") };
    let told = asked(Some(&own)).unwrap();
    let body = hex(b"{\"etcdserver\":\"3.5.24\"}");
    assert!(told.ends_with(&format!(" body={body} status=200")), "{told}");
    let turned_away = asked(None).unwrap();
    assert!(turned_away.contains("fault=") && turned_away.contains("CertificateRequired"), "{turned_away}");
    let stranger = rcgen::generate_simple_self_signed(["x".to_owned()]).unwrap();
    std::fs::write(path("other"), stranger.cert.pem()).unwrap();
    std::fs::write(path("other-key"), stranger.signing_key.serialize_pem()).unwrap();
    let not_known = asked(Some(&Identity { certificate: path("other"), key: path("other-key") })).unwrap();
    assert!(not_known.contains("alert"), "{not_known}");
    // What this side is to show can't be had; nothing of a key is told.
    for (certificate, key, why) in [
        ("none", "key", "ENOENT"),
        ("crt", "none", "ENOENT"),
        ("key", "key", "is no list of certificates"),
        ("crt", "crt", "is no private key"),
    ] {
        let told = asked(Some(&Identity { certificate: path(certificate), key: path(key) })).unwrap_err();
        assert!(told.starts_with("client: /") && told.ends_with(why), "{told}");
    }
}

#[test]
fn whole_answers() {
    let read =
        |bytes: &[u8]| whole(&mut &bytes[..]).map(|head| (head.status, head.body)).map_err(|e| e.to_string());
    assert_eq!(read(b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n{}"), Ok((200, b"{}".to_vec())));
    assert_eq!(read(b"HTTP/1.1 503 x\r\n\r\n"), Ok((503, Vec::new())));
    assert!(read(b"HTTP/1.1 200 OK\r\n").unwrap_err().contains("without an end"));
    assert!(read(&b"HTTP/1.1 200 OK\r\n\r\n{} ".repeat(WHOLE / 8)).unwrap_err().contains("without an end"));
    assert!(read(b"SSH-2.0\r\n\r\n").unwrap_err().contains("no HTTP"));
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
