//! What systemd or a bus says over D-Bus; the first byte says which of the two. What is told of it is understood.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::{facts::systemd_manager::Manager, fuzzing};

fuzz_target!(|data: &[u8]| {
    let Some((by_bus, said)) = data.split_first() else { return };
    let units = ["kubelet.service", "x.timer"].map(str::to_owned);
    if let Ok(told) = fuzzing::systemd(said, by_bus & 1 == 1, &units) {
        let details = told.strip_prefix("ok, ").expect("an answer");
        let manager = Manager::parse(details);
        assert!(
            manager.is_some_and(|manager| manager.units.len() == units.len()),
            "{told:?} is not understood"
        );
    }
});
