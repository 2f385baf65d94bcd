//! What a server of TLS shows, and whom a node trusts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::facts::certificate::Certificate;
use preflight_fuzz::Given;

/// What parts the list of authorities from the certificate that is shown.
const END: u8 = 0x1e;
/// 2026-11-22.
const NOW: u64 = 1_795_305_600;

fuzz_target!(|data: &[u8]| {
    let at = data.iter().position(|byte| *byte == END);
    let (trusted, shown) = at.map_or((&[][..], data), |at| (&data[..at], &data[at + 1..]));
    if let Some(certificate) = Certificate::parse(shown) {
        let _ = (certificate.days_left(NOW), certificate.evidence("server"));
    }
    let node = Given::new().file("/etc/ssl/certs/ca-certificates.crt", trusted).node();
    if let Ok(authorities) = node.authorities(None) {
        assert!(authorities.count() > 0);
        let _ = authorities.judge(&[shown.to_vec(), shown.to_vec()], "server.example", NOW);
    }
});
