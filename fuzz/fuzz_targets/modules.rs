//! The indexes of modules, what is loaded, and what modprobe is told.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_fuzz::{Given, judge, repeats};

fuzz_target!(|data: &[u8]| {
    let given = Given::files(data).file("/proc/sys/kernel/modules_disabled", "0\n");
    judge(&given, &["kernel-modules", "filesystems"]);
    repeats(|| {
        let node = given.node();
        ["overlay", "nf-conntrack", "fs-overlay", "net-pf-16-proto-12", "", "*"]
            .map(|name| format!("{:?}", node.module(name)))
    });
});
