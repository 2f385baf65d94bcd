//! What a server of HTTP answers, with its body and without it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::fuzzing;
use preflight_fuzz::{Given, judge};

fuzz_target!(|data: &[u8]| {
    for body in [false, true] {
        let told = fuzzing::http(data, body);
        assert!(told.contains("status=") || told.contains("fault="), "{told:?}");
        judge(&Given::new().answers(format!("ok,{told}")), &["http"]);
    }
});
