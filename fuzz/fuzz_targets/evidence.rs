//! Whole nodes: files at their paths, every rule, and the same without what one of the files says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_fuzz::{Given, judge_without};

fuzz_target!(|data: &[u8]| {
    let paths: Vec<_> = Given::paths(data).collect();
    if let Some(path) = paths.get(data.len() % paths.len().max(1)) {
        judge_without(&Given::files(data), path);
    }
});
