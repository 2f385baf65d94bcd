//! The databases of dpkg and apk.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::facts::packages::upstream;
use preflight_fuzz::{Given, judge, repeats};

fuzz_target!(|data: &[u8]| {
    let candidates = ["mount", "iptables"].map(str::to_owned);
    for path in ["/var/lib/dpkg/status", "/lib/apk/db/installed"] {
        let given = Given::new().file(path, data).file("/var/lib/dpkg/info/mount.list", data);
        judge(&given, &["packages"]);
        repeats(|| {
            let node = given.node();
            let package = node.package("mount");
            if let Ok((Some(package), _)) = &package {
                let _ = upstream(&package.version);
            }
            format!("{package:?} {:?}", node.package_of("/usr/sbin/iptables", &candidates))
        });
    }
});
