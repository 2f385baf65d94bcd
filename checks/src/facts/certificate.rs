//! Certificates of servers: whose they are, how long they are good, and whether this node trusts them.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::Node,
};
use rustls::{
    CertificateError, Error, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _, verify_server_name},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
    server::ParsedCertificate,
};
use std::{sync::Arc, time::Duration};
use x509_cert::der::{DateTime, Decode as _};

/// What of a certificate is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The name of its owner: `CN=registry.example`.
    pub subject: String,
    /// The name of who signed it.
    pub issuer: String,
    /// From when it is good.
    pub not_before: DateTime,
    /// Until when it is good.
    pub not_after: DateTime,
}

impl Certificate {
    /// Reads a certificate (RFC 5280). None where it is none.
    #[must_use]
    pub fn parse(der: &[u8]) -> Option<Self> {
        let fields = x509_cert::Certificate::from_der(der).ok()?.tbs_certificate;
        Some(Self {
            subject: fields.subject.to_string(),
            issuer: fields.issuer.to_string(),
            not_before: fields.validity.not_before.to_date_time(),
            not_after: fields.validity.not_after.to_date_time(),
        })
    }

    /// Whether it is good at a moment, in seconds since 1970, and for how many more whole days.
    #[must_use]
    pub fn days_left(&self, at: u64) -> Option<u64> {
        let seconds = self.not_after.unix_duration().as_secs().checked_sub(at)?;
        (at >= self.not_before.unix_duration().as_secs()).then_some(seconds / 86_400)
    }

    /// What of it is evidence.
    #[must_use]
    pub fn evidence(&self, server: &str) -> Evidence {
        let Self { subject, issuer, not_before, not_after } = self;
        let subject = if subject.is_empty() { "no subject" } else { subject };
        let text = format!("{subject}, by {issuer}, from {not_before} to {not_after}");
        Evidence::new(format!("certificate of {server}"), text)
    }
}

/// The authorities that are trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// The file that names them.
    pub path: String,
    certificates: Vec<CertificateDer<'static>>,
}

/// Why a certificate is not good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None of the authorities signed it.
    UnknownIssuer,
    /// It is no longer good.
    Expired,
    /// It is not good yet: or the clock is wrong.
    NotYetValid,
    /// It is for other names.
    WrongName,
    /// Something else.
    Other(String),
}

/// Where distributions keep the authorities, in the order in which Go's programs look (crypto/x509/root_linux.go, Go 1.24).
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

impl Node {
    /// The authorities in a file, or those that this node trusts.
    ///
    /// # Errors
    /// When there is no such file, it can't be read, or has no certificate in it.
    pub fn authorities(&self, file: Option<&str>) -> Known<Authorities> {
        let paths: &[&str] = file.as_ref().map_or(&BUNDLES, std::slice::from_ref);
        for path in paths {
            let read = self.read(path);
            match read.bytes() {
                Ok(bytes) => {
                    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
                    let certificates =
                        all.map_err(|e| Unknown::new(format!("{path} is no list of certificates: {e}")))?;
                    if certificates.is_empty() {
                        return Err(
                            Unknown::new(format!("{path} has no certificate in it")).tried([read.evidence()])
                        );
                    }
                    return Ok(Authorities { path: (*path).to_owned(), certificates });
                }
                Err(e) if e.is_missing() => {}
                Err(e) => return Err(e.unknown()),
            }
        }
        Err(Unknown::new(format!("there is no list of certificate authorities: no {}", paths.join(", no ")))
            .needs("install the package ca-certificates"))
    }
}

impl Authorities {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.certificates.len()
    }

    /// Judges what a server showed: its certificate and those between that and an authority, for `name`, at a moment in
    /// seconds since 1970.
    ///
    /// # Errors
    /// Why it is not good.
    pub fn judge(&self, chain: &[Vec<u8>], name: &str, at: u64) -> Result<(), Fault> {
        let other = |e: &dyn ToString| Fault::Other(e.to_string());
        let name = ServerName::try_from(name.to_owned()).map_err(|e| other(&e))?;
        let chain: Vec<CertificateDer<'_>> =
            chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let [own, between @ ..] = chain.as_slice() else {
            return Err(Fault::Other("it shows no certificate".into()));
        };
        let now = UnixTime::since_unix_epoch(Duration::from_secs(at));
        let judged = if self.certificates.contains(own) {
            // It is trusted by itself, as one that nobody else signed has to be.
            Self::judge_alone(own, &name, at)
        } else {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(self.certificates.iter().cloned());
            let provider = Arc::new(ring::default_provider());
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = verifier.build().map_err(|e| other(&e))?;
            verifier.verify_server_cert(own, between, &name, &[], now).map(|_| ())
        };
        judged.map_err(|e| match e {
            // An authority of the same name with another key: a cluster that was made anew has one.
            Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
                Fault::UnknownIssuer
            }
            Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => Fault::Expired,
            Error::InvalidCertificate(
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
            ) => Fault::NotYetValid,
            Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => Fault::WrongName,
            e => other(&e),
        })
    }

    fn judge_alone(own: &CertificateDer<'_>, name: &ServerName<'_>, at: u64) -> Result<(), Error> {
        let Some(dates) = Certificate::parse(own) else { return Err(CertificateError::BadEncoding.into()) };
        if at < dates.not_before.unix_duration().as_secs() {
            return Err(CertificateError::NotValidYet.into());
        }
        if dates.days_left(at).is_none() {
            return Err(CertificateError::Expired.into());
        }
        verify_server_name(&ParsedCertificate::try_from(own)?, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;
    use rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd};

    /// 2026-07-01.
    const NOW: u64 = 1_782_864_000;
    const DAY: u64 = 86_400;

    /// An authority, and a certificate of it that is good in 2026.
    fn made(by: &str) -> (String, Vec<u8>) {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, by);
        let key = KeyPair::generate().unwrap();
        let pem = authority.self_signed(&key).unwrap().pem();
        let mut own = CertificateParams::new(vec!["r.example".to_owned(), "10.0.0.1".to_owned()]).unwrap();
        (own.not_before, own.not_after) = (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
        own.distinguished_name.push(rcgen::DnType::CommonName, "own");
        let issuer = Issuer::new(authority, key);
        let own = own.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
        (pem, own.der().to_vec())
    }

    #[test]
    fn what_is_told() {
        let (_, der) = made("authority");
        let found = Certificate::parse(&der).unwrap();
        assert!(found.subject.contains("CN=own") && found.issuer.contains("CN=authority"), "{found:?}");
        assert_eq!(found.not_after.to_string(), "2027-01-01T00:00:00Z");
        assert_eq!(found.days_left(NOW), Some(184));
        assert_eq!(found.days_left(NOW + 184 * DAY), Some(0));
        assert_eq!(found.days_left(NOW + 185 * DAY), None);
        assert_eq!(found.days_left(NOW - 182 * DAY), None);
        assert_eq!(Certificate::parse(b"x"), None);
    }

    #[test]
    fn good_and_bad_ones() {
        let (pem, der) = made("authority");
        let trusted = Node::in_memory(Memory::new().file(BUNDLES[1], pem)).authorities(None).unwrap();
        assert_eq!((trusted.count(), trusted.path.as_str()), (1, BUNDLES[1]));
        let judge = |name: &str, at| trusted.judge(std::slice::from_ref(&der), name, at);
        assert_eq!(judge("r.example", NOW), Ok(()));
        assert_eq!(judge("10.0.0.1", NOW), Ok(()));
        assert_eq!(judge("s.example", NOW), Err(Fault::WrongName));
        assert_eq!(judge("r.example", NOW + 300 * DAY), Err(Fault::Expired));
        assert_eq!(judge("r.example", NOW - 300 * DAY), Err(Fault::NotYetValid));
        assert!(matches!(trusted.judge(&[], "r.example", NOW), Err(Fault::Other(_))));
        assert!(matches!(trusted.judge(&[b"x".to_vec()], "r.example", NOW), Err(Fault::Other(_))));
        for by in ["authority", "another authority"] {
            let (_, stranger) = made(by);
            assert_eq!(trusted.judge(&[stranger], "r.example", NOW), Err(Fault::UnknownIssuer));
        }
    }

    #[test]
    fn one_that_is_trusted_by_itself() {
        let own = rcgen::generate_simple_self_signed(["r.example".to_owned()]).unwrap().cert;
        let memory = Memory::new().file("/ca.crt", own.pem());
        let trusted = Node::in_memory(memory).authorities(Some("/ca.crt")).unwrap();
        let judge = |name: &str, at| trusted.judge(&[own.der().to_vec()], name, at);
        assert_eq!(judge("r.example", NOW), Ok(()));
        assert_eq!(judge("s.example", NOW), Err(Fault::WrongName));
        // rcgen's own dates: 1975 to 4096.
        assert_eq!(judge("r.example", 1000), Err(Fault::NotYetValid));
    }

    #[test]
    fn without_authorities_nothing_is_trusted() {
        let asked = |memory| Node::in_memory(memory).authorities(None).unwrap_err();
        assert!(asked(Memory::new()).needs.unwrap().contains("ca-certificates"));
        asked(Memory::new().file(BUNDLES[0], ""));
        asked(Memory::new().file(BUNDLES[0], "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"));
        asked(Memory::new().error(BUNDLES[0], ReadErrorKind::Denied("EACCES")));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0..u64::from(u32::MAX)) {
            if let Some(found) = Certificate::parse(&bytes) {
                let _ = found.days_left(at);
            }
            let all = Authorities { path: String::new(), certificates: vec![CertificateDer::from(bytes.clone())] };
            prop_assert!(all.judge(&[bytes], "r.example", at).is_err());
        }
    }
}
