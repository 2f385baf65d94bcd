//! The messages of the Container Runtime Interface: the answers to its three questions. What is told of them is understood.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::{facts::cri::Runtime, fuzzing};

fuzz_target!(|data: &[u8]| {
    if let Ok(told) = fuzzing::cri_messages(data) {
        assert!(Runtime::parse(&told).is_some(), "{told:?} is not understood");
    }
});
