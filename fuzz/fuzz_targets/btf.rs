//! The kernel's type information, read whole and as a node reads it, in parts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::facts::{btf, cgroup::Ask};
use preflight_fuzz::Given;

fuzz_target!(|data: &[u8]| {
    let whole = btf::cgroup_types(data);
    let files = Given::new()
        .file("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n")
        .file("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
    let node = files.large(btf::PATH, data).node();
    let in_parts = node.cgroup_types();
    // In parts less of a file may be enough.
    if let Ok(whole) = whole {
        assert_eq!(Ok(&whole), in_parts.as_ref());
    }
    let _ = node.cgroup_survey(&Ask::types());
});
