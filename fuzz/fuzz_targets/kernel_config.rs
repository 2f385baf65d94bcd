//! The configuration of a kernel: packed, as the kernel gives it, and as a text beside it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_fuzz::{Given, judge};

fuzz_target!(|data: &[u8]| {
    let checks = ["kernel-config", "kernel-modules", "namespaces"];
    judge(&Given::new().file("/proc/config.gz", data), &checks);
    judge(&Given::new().file("/boot/config-6.1.0-56-amd64", data), &checks);
});
