//! The files of cgroups, and what is asked of them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::facts::cgroup::Ask;
use preflight_fuzz::{Given, judge, repeats};

fuzz_target!(|data: &[u8]| {
    let given = Given::files(data);
    judge(
        &given,
        &["cgroup-hierarchy", "cgroup-controllers", "cgroup-delegation", "cgroup-driver", "pressure"],
    );
    repeats(|| {
        let node = given.node();
        let survey = node.cgroup_survey(&Ask { types: true, prove: true, ..Ask::default() });
        format!("{survey:?} {:?} {:?}", node.own_cpu_quota(), node.own_memory_limit())
    });
});
