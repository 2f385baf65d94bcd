//! The kernel's log. What is told of it is printable, short, and understood.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::{facts::kernel_log::KernelLog, fuzzing};
use preflight_fuzz::{Given, judge};

fuzz_target!(|data: &[u8]| {
    let told = fuzzing::kernel_log(data, 9_000_001);
    assert!(told.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{told:?}");
    assert!(told.len() < 128 << 10, "{} bytes", told.len());
    let details = told.strip_prefix("ok, ").expect("an answer");
    assert!(KernelLog::parse(details).is_some(), "{told:?} is not understood");
    judge(&Given::new().answers(told), &["kernel-log"]);
});
