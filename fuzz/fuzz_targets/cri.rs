//! What a container runtime says over HTTP/2, one part after the other. What is told of it is understood.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::{facts::cri::Runtime, fuzzing};

/// What parts the parts.
const END: &[u8] = b"\x1e\x1e\x1e\x1e";

fuzz_target!(|data: &[u8]| {
    let mut parts = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(END.len()).position(|four| four == END) {
        parts.push(&rest[..at]);
        rest = &rest[at + END.len()..];
    }
    parts.push(rest);
    if let Ok(told) = fuzzing::cri(&parts) {
        let details = told.strip_prefix("ok, ").expect("an answer");
        assert!(Runtime::parse(details).is_some(), "{told:?} is not understood");
    }
});
