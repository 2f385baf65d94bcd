//! Whole nodes: files at their paths, and every rule.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_fuzz::{Given, judge_all};

fuzz_target!(|data: &[u8]| {
    // Every other one is a tree under a root.
    let given = Given::files(data);
    let given = if data.len().is_multiple_of(2) { given } else { given.as_root() };
    judge_all(&|| given.node());
});
