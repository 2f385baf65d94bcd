//! The kubelet's configuration, its flags and its unit.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_fuzz::{Given, judge};

fuzz_target!(|data: &[u8]| {
    judge(&Given::files(data), &["kubelet", "swap", "cgroup-driver", "cgroup-delegation", "joined"]);
});
