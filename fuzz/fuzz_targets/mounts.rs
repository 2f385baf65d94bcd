//! The two lists of mounts that a kernel gives.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::facts::mounts::Mounts;
use preflight_fuzz::{Given, judge};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    for mounts in [Mounts::parse_mountinfo("mountinfo", &text), Mounts::parse_mounts("mounts", &text)] {
        for mount in mounts.visible().chain(mounts.hidden()) {
            assert!(mounts.at(&mount.point).is_some() || mounts.hidden().any(|hidden| hidden == mount));
            let _ = (mount.source(), mounts.evidence(mount), mounts.holding(&mount.point));
        }
    }
    let checks = ["mounts", "filesystems", "disk-space", "data-directory", "cgroup-hierarchy"];
    judge(&Given::new().file("/proc/self/mountinfo", data), &checks);
    judge(&Given::new().file("/proc/self/mounts", data), &checks);
});
