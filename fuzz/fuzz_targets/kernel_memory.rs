//! The kernel's table of symbols and the map of its memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::facts::{cgroup::Ask, kallsyms, kcore};
use preflight_fuzz::Given;

/// What parts the two.
const END: u8 = 0x1e;

fuzz_target!(|data: &[u8]| {
    let at = data.iter().position(|byte| *byte == END).unwrap_or(data.len());
    let (symbols, core) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    let _ = kallsyms::cgroup_symbols(symbols).mask_addresses();
    let given = Given::new()
        .file("/proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n")
        .file("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n")
        .large(kallsyms::PATH, symbols)
        .large(kcore::PATH, core);
    let node = given.node();
    for address in [0, 0xffff_ffff_8000_0000, u64::MAX] {
        let _ = (node.kernel_number(address, 8), node.kernel_memory(address, 4096));
    }
    let _ = node.cgroup_survey(&Ask { prove: true, ..Ask::default() });
});
