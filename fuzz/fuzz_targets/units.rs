//! Units of systemd: their files, drop-ins and links.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::facts::systemd_unit;
use preflight_fuzz::{Given, judge, repeats};

fuzz_target!(|data: &[u8]| {
    let given = Given::files(data).file("/run/systemd/system/x", "");
    judge(&given, &["services", "swap"]);
    repeats(|| {
        let node = given.node();
        let unit = node.systemd_unit("kubelet.service");
        let told = unit.as_ref().ok().and_then(Option::as_ref).map(|unit| {
            let command = node.service_command(unit);
            let variables = node.service_variables(unit).is_ok();
            (format!("{command:?}"), variables, format!("{:?}", node.systemd_enablement(unit)))
        });
        format!("{unit:?} {told:?} {:?}", systemd_unit::delegate(&node, "kubelet.service").is_ok())
    });
    let _ = systemd_unit::template(&String::from_utf8_lossy(data));
});
