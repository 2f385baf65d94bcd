//! What starts the kernel: files of GRUB, systemd-boot, extlinux, the Raspberry Pi's firmware and others.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::facts::boot_loader::Edit;
use preflight_fuzz::{Given, judge, repeats};

fuzz_target!(|data: &[u8]| {
    let given = Given::files(data);
    judge(&given, &["boot-parameters"]);
    repeats(|| {
        let node = given.node();
        let loader = node.boot_loader();
        let edit = Edit::default().remove("cgroup_disable=memory").append("cgroup_enable='a b'");
        format!(
            "{loader:?} {:?} {:?}",
            loader.remedy("Do it.", &edit),
            loader.evidence_of("cgroup_disable=memory")
        )
    });
});
