//! What the probe tells of a server of HTTP.

use crate::node::Probed;
use std::fmt;

/// How far a request came, and what was seen on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The certificates, the server's own first.
    pub(super) chain: Vec<Vec<u8>>,
    /// When they were shown, in seconds since 1970.
    pub(super) at: u64,
    /// The body, where it was wanted.
    pub(super) body: Vec<u8>,
    /// How it ended.
    pub(super) ended: Ended,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With an answer of this status.
    Status(u16),
    /// With something that is no answer.
    NoHttp(String),
    /// With a handshake that failed.
    Tls(String),
    /// At the proxy.
    Proxy(String),
}

impl Ended {
    /// What ended it before there was a certificate to judge: the reason, what it means, and what mends it.
    pub(super) fn before_tls(&self) -> Option<(&'static str, String, String)> {
        match self {
            // With TLS 1.3 a server turns a client away after the handshake.
            Self::NoHttp(why) if wants_certificate(why) => Some(client_certificate(why)),
            Self::Status(_) | Self::NoHttp(_) => None,
            // rustls' words for bytes that are no record of TLS.
            Self::Tls(why) if why.contains("InvalidContentType") => Some((
                "no-tls",
                "what listens there does not speak TLS".to_owned(),
                "Write the URL with http://, or have TLS switched on there".to_owned(),
            )),
            Self::Tls(why) if why == "timeout" => Some((
                "timeout",
                "the handshake of TLS does not end in time".to_owned(),
                "Look for an MTU that is too large on the way, and for a firewall that looks into TLS".to_owned(),
            )),
            Self::Tls(why) if wants_certificate(why) => Some(client_certificate(why)),
            Self::Tls(why) => Some((
                "tls",
                format!("the handshake of TLS fails: {why}"),
                "See which versions and certificates that server wants".to_owned(),
            )),
            Self::Proxy(why) => Some((
                "proxy",
                format!("the proxy does not pass it on: {why}"),
                "Have the proxy allow this server, or spare it in NO_PROXY; user and password of a proxy are not used here"
                    .to_owned(),
            )),
        }
    }
}

/// Whether an alert is about the certificate of the client (RFC 8446, 6.2, in rustls' words).
fn wants_certificate(why: &str) -> bool {
    let alerts = [
        "CertificateRequired",
        "BadCertificate",
        "UnknownCA",
        "UnsupportedCertificate",
        "CertificateUnknown",
    ];
    why.contains("alert") && alerts.iter().any(|alert| why.contains(alert))
}

fn client_certificate(why: &str) -> (&'static str, String, String) {
    (
        "client-certificate",
        format!("the server does not take the certificate of this side, or wants one: {why}"),
        "Name a certificate and a key that an authority of that server signed, in `certFile` and `keyFile`"
            .to_owned(),
    )
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::NoHttp(why) | Self::Tls(why) | Self::Proxy(why) => f.write_str(why),
        }
    }
}

impl Answer {
    /// Reads the answer of [`Probe::Fetch`](crate::node::Probe::Fetch). None where it is none.
    pub(super) fn of(probed: &Probed) -> Option<Self> {
        if let Some(why) = probed.errno() {
            let ended = match (why.strip_prefix("tls: "), why.strip_prefix("proxy: ")) {
                (Some(why), _) => Ended::Tls(why.to_owned()),
                (_, Some(why)) => Ended::Proxy(why.to_owned()),
                _ => return None,
            };
            return Some(Self { chain: Vec::new(), at: 0, body: Vec::new(), ended });
        }
        Self::parse(probed.details()?)
    }

    /// `tls=TLSv1_3 at=1782864000 chain=30…,30… body=7b… status=200`, or `fault=…` to the end.
    fn parse(text: &str) -> Option<Self> {
        let (words, ended) = if let Some((words, why)) = text.split_once("fault=") {
            (words, Ended::NoHttp(why.to_owned()))
        } else {
            let (words, status) = text.rsplit_once("status=")?;
            (words, Ended::Status(status.parse().ok()?))
        };
        let word = |key: &str| words.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let chain = word("chain").unwrap_or_default();
        let chain = chain.split(',').filter(|hex| !hex.is_empty()).map(bytes).collect::<Option<_>>()?;
        let at = word("at").map_or(Some(0), |at| at.parse().ok())?;
        let body = word("body").map_or(Some(Vec::new()), bytes)?;
        Some(Self { chain, at, body, ended })
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|p| p.len() == 2)?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn answers() {
        let answer = Answer::parse("tls=TLSv1_3 at=17 chain=3001,02 body=7b7d status=200").unwrap();
        let (chain, body) = (vec![vec![0x30, 1], vec![2]], b"{}".to_vec());
        assert_eq!(answer, Answer { chain, at: 17, body, ended: Ended::Status(200) });
        let fault = Answer::parse("fault=no HTTP: status=1").unwrap();
        assert_eq!(fault.ended, Ended::NoHttp("no HTTP: status=1".into()));
        for text in ["", "status=x", "tls=x at=y status=200", "chain=3 status=200", "chain=xx status=200"] {
            assert_eq!(Answer::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,80}", hex in ".{0,9}") {
            let _ = Answer::parse(&text);
            let _ = bytes(&hex);
        }
    }
}
