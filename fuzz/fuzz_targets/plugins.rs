//! What plugins print: the first byte is their exit status.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::node::Ended;
use preflight_fuzz::{Given, judge};

fuzz_target!(|data: &[u8]| {
    let Some((status, printed)) = data.split_first() else { return };
    let ended = Ended {
        status: (*status < 128).then(|| i32::from(*status)),
        signal: (*status >= 128).then(|| i32::from(*status) - 128),
        stdout: String::from_utf8_lossy(printed).into_owned(),
        stderr: String::new(),
    };
    let answer = format!("ok, {}", serde_json::to_string(&ended).expect("JSON"));
    let given =
        Given::new().file("/bin/true", "").file("/bin/own", "").file("/bin/detector", "").answers(answer);
    judge(&given, &["exec", "commands"]);
});
