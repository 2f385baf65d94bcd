//! The configurations of containerd, CRI-O and Docker.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_fuzz::{Given, judge};

fuzz_target!(|data: &[u8]| {
    judge(&Given::files(data), &["runtime-config", "cgroup-driver", "container-runtime"]);
});
