//! What a name server answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::fuzzing;
use std::net::IpAddr;

fuzz_target!(|data: &[u8]| {
    for v6 in [false, true] {
        if let Ok(told) = fuzzing::dns(data, v6) {
            let addresses = told.strip_prefix("ok, ").expect("an answer");
            for address in addresses.split_whitespace() {
                let address: IpAddr = address.parse().expect("an address");
                assert_eq!(address.is_ipv6(), v6);
            }
        }
    }
});
