//! The databases of rpm. The first byte says which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_fuzz::{Given, repeats};

fuzz_target!(|data: &[u8]| {
    let Some((kind, database)) = data.split_first() else { return };
    let path = match kind % 3 {
        0 => "/var/lib/rpm/rpmdb.sqlite",
        1 => "/usr/lib/sysimage/rpm/Packages.db",
        _ => "/var/lib/rpm/Packages",
    };
    let given = Given::new().large(path, database);
    let candidates = ["kernel", "containerd", "util-linux", "nothing", "bash"].map(str::to_owned);
    repeats(|| {
        let node = given.node();
        let by_name = candidates.each_ref().map(|name| node.package(name));
        format!("{by_name:?} {:?}", node.package_of("/usr/bin/mount", &candidates))
    });
});
