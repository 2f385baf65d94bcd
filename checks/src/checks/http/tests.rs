use super::*;
use crate::{
    entry::Entry as _,
    finding::Outcome,
    node::{Allow, Allowed, Memory},
};
use rcgen::date_time_ymd;

/// 2026-07-01.
const NOW: u64 = 1_782_864_000;
const CA: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A certificate for r.example, good in 2026, that is trusted by itself.
fn certificate() -> (String, String) {
    let mut own = rcgen::CertificateParams::new(vec!["r.example".to_owned()]).unwrap();
    (own.not_before, own.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
    let own = own.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
    (own.pem(), own.der().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn probe(address: &str, by_proxy: bool, tls: bool, host: &str) -> Probe {
    let port = if tls { 443 } else { 80 };
    let (address, host) = (address.parse().unwrap(), host.to_owned());
    Probe::Fetch {
        address,
        by_proxy,
        tls,
        host,
        port,
        path: "/v2/".into(),
        identity: None,
        body: false,
        millis: 5000,
    }
}

fn ask(request: HttpRequest, memory: Memory) -> Finding {
    let params = HttpParams { requests: vec![Written(request)], ..HttpParams::default() };
    Http::validate(&params).unwrap();
    let allowed: Allowed = [Allow::Network].into_iter().collect();
    let memory = memory.file("/etc/hosts", "10.0.0.1 r.example s.example\n10.0.0.3 proxy\n");
    let mut out = Findings::default();
    Http::run(&params, &Node::in_memory(memory).allowing(allowed), &mut out).unwrap();
    out.into_inner().remove(0).0
}

fn word(url: &str) -> HttpRequest {
    HttpRequest::from_word(url).unwrap()
}

/// What comes of asking r.example with TLS, where the probe answers this.
fn tls(pem: &str, answer: &str) -> Finding {
    let memory = Memory::new().file(CA, pem).file("/proc/self/environ", "");
    ask(word("https://r.example/v2/"), memory.probe(probe("10.0.0.1:443", false, true, "r.example"), answer))
}

#[test]
fn statuses() {
    let plain = |request: HttpRequest, answer| {
        let memory = Memory::new().file("/proc/self/environ", "");
        ask(request, memory.probe(probe("10.0.0.1:80", false, false, "r.example"), answer))
    };
    let url = || word("http://r.example/v2/");
    assert_eq!(plain(url(), "ok, status=200").outcome(), &Outcome::Pass);
    assert_eq!(plain(url(), "ok, status=401").reason(), "answers");
    assert_eq!(plain(url(), "ok, status=503").reason(), "status");
    assert_eq!(plain(HttpRequest { status: vec![503], ..url() }, "ok, status=503").reason(), "answers");
    assert_eq!(plain(url(), "ok, fault=no HTTP").reason(), "no-http");
    assert_eq!(plain(url(), "ECONNREFUSED").reason(), "refused");
    assert_eq!(plain(url(), "ETIMEDOUT").reason(), "timeout");
    assert!(matches!(plain(url(), "ok, nonsense").outcome(), Outcome::Undetermined(_)));
    let nothing = ask(word(""), Memory::new());
    assert_eq!(nothing.outcome(), &Outcome::NotApplicable);
}

#[test]
fn certificates() {
    let (pem, hex) = certificate();
    let shown = |at: u64, status: &str| tls(&pem, &format!("ok, tls=TLSv1_3 at={at} chain={hex} {status}"));
    let day = 86_400;
    assert_eq!(shown(NOW, "status=200").outcome(), &Outcome::Pass);
    let soon = shown(NOW + 180 * day, "status=200");
    assert_eq!((soon.reason(), soon.severity()), ("expires-soon", Severity::Warn));
    assert_eq!(shown(NOW + 300 * day, "status=200").reason(), "expired");
    assert_eq!(shown(NOW - 300 * day, "status=200").reason(), "not-yet-valid");
    assert_eq!(shown(NOW, "status=500").reason(), "status");
    let (other, _) = certificate();
    let found = tls(&other, &format!("ok, tls=TLSv1_3 at={NOW} chain={hex} status=200"));
    assert_eq!(found.reason(), "unknown-issuer");
    let memory = Memory::new().file(CA, pem.clone()).file("/proc/self/environ", "");
    let answer = format!("ok, tls=TLSv1_3 at={NOW} chain={hex} status=200");
    let memory = memory.probe(probe("10.0.0.1:443", false, true, "s.example"), &answer);
    assert_eq!(ask(word("https://s.example/v2/"), memory).reason(), "wrong-name");
    assert_eq!(tls(&pem, &format!("ok, tls=TLSv1_3 at={NOW} chain= status=200")).reason(), "bad-certificate");
    let without = tls("", &answer);
    assert!(matches!(without.outcome(), Outcome::Undetermined(_)), "no authorities: {without:?}");
}

#[test]
fn handshakes() {
    let reason = |answer| tls("", answer).reason();
    assert_eq!(reason("tls: received corrupt message of type InvalidContentType"), "no-tls");
    assert_eq!(reason("tls: received fatal alert: HandshakeFailure"), "tls");
    assert_eq!(reason("tls: timeout"), "timeout");
}

#[test]
fn proxies() {
    let by = |environ: &str, answer| {
        let memory = Memory::new().file("/proc/self/environ", environ);
        ask(
            word("http://r.example/v2/"),
            memory.probe(probe("10.0.0.3:3128", true, false, "r.example"), answer),
        )
    };
    let found = by("HTTP_PROXY=http://u:secret@proxy:3128\0", "ok, status=200");
    assert_eq!(found.outcome(), &Outcome::Pass);
    assert!(found.all_notes()[0].contains("proxy:3128") && !format!("{found:?}").contains("secret"));
    assert_eq!(by("HTTP_PROXY=http://proxy:3128\0", "proxy: status 407").reason(), "proxy");
    assert_eq!(by("HTTP_PROXY=http://proxy:3128\0", "ECONNREFUSED").reason(), "refused");
    let tls_proxy = by("HTTP_PROXY=https://proxy:3128\0", "");
    assert!(matches!(tls_proxy.outcome(), Outcome::Undetermined(_)));
    // Spared: the server itself is asked, of which nothing was captured.
    let spared = by("HTTP_PROXY=http://proxy:3128\0NO_PROXY=.example\0", "ok, status=200");
    assert!(matches!(spared.outcome(), Outcome::Undetermined(_)), "{spared:?}");
    let hidden = ask(word("http://r.example/v2/"), Memory::new());
    assert!(matches!(hidden.outcome(), Outcome::Undetermined(_)), "the environment can't be seen");
}

#[test]
fn wrong_parameters_are_told() {
    let wrong = |request| {
        Http::validate(&HttpParams { requests: vec![Written(request)], ..HttpParams::default() }).unwrap_err()
    };
    assert!(wrong(HttpRequest { status: vec![700], ..word("http://x/") }).contains("700"));
    assert!(wrong(HttpRequest { ca_file: Some("ca.crt".into()), ..word("http://x/") }).contains("absolute"));
    assert!(Http::validate(&HttpParams::default()).is_err());
}

#[test]
fn versions() {
    let etcd = |requires: &str| HttpRequest {
        path: Some("/version".into()),
        version: Some(VersionField { field: "etcdserver".into(), requires: requires.parse().unwrap() }),
        cert_file: Some("/crt".into()),
        key_file: Some("/key".into()),
        ..word("http://r.example,http://s.example")
    };
    let probe = |host: &str| {
        let identity = Some(Identity { certificate: "/crt".into(), key: "/key".into() });
        let (address, path) = ("10.0.0.1:80".parse().unwrap(), "/version".to_owned());
        let (by_proxy, tls, body, host, port) = (false, false, true, host.to_owned(), 80);
        Probe::Fetch { address, by_proxy, tls, host, port, path, identity, body, millis: 5000 }
    };
    let asked = |requires: &str, answer: &str| {
        let memory = Memory::new().file("/proc/self/environ", "");
        ask(
            etcd(requires),
            memory.probe(probe("r.example"), answer).probe(probe("s.example"), "ECONNREFUSED"),
        )
    };
    let answer = |body: &str| {
        let hex: String = body.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("ok, body={hex} status=200")
    };
    let newest = answer(r#"{"etcdserver":"3.5.24","etcdcluster":"3.5.0"}"#);
    let found = asked(">=3.5.24", &newest);
    assert_eq!((found.outcome(), found.reason()), (&Outcome::Pass, "answers"));
    assert!(found.message().contains("etcdserver 3.5.24"), "{}", found.message());
    assert_eq!(asked(">=3.6", &newest).reason(), "wrong-version");
    assert_eq!(asked(">=1", &answer(r#"{"etcdserver":"v3.4.13-rc.1"}"#)).reason(), "answers");
    for other in ["{}", "[]", "no JSON", "", r#"{"etcdserver":3}"#, r#"{"etcdserver":"new"}"#] {
        assert_eq!(asked(">=1", &answer(other)).reason(), "no-version", "{other}");
    }
    assert_eq!(
        asked(">=1", "ok, fault=received fatal alert: CertificateRequired").reason(),
        "client-certificate"
    );
    assert_eq!(asked(">=1", "tls: received fatal alert: BadCertificate").reason(), "client-certificate");
    let denied = asked(">=1", "client: /key: EACCES");
    assert_eq!(denied.outcome(), &Outcome::Undetermined(Some("run as root".into())));
    assert!(matches!(asked(">=1", "client: /key is no private key").outcome(), Outcome::Undetermined(None)));
    let half = HttpRequest { key_file: None, ..etcd(">=1") };
    assert!(Http::validate(&HttpParams { requests: vec![Written(half)], ..HttpParams::default() }).is_err());
}
