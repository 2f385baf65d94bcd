//! A report that somebody made up, of which `remedy` makes a script: each line is a comment or has a shape that is known.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight::remedy::Remedies;

/// What a script ends and begins with, as that of a report without findings tells.
fn frame() -> (String, String) {
    let empty =
        r#"{"apiVersion":"preflight/v1","kind":"Report","node":{"hostname":null,"root":"/"},"findings":[]}"#;
    let script = Remedies::parse(empty).expect("a report").script(false);
    let (before, after) = script.split_once("\n# Nothing is to be mended.\n").expect("nothing to mend");
    let (_, functions) = before.split_once("set -eu\n").expect("its options");
    (functions.to_owned(), after.to_owned())
}

fn is_known(line: &str) -> bool {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || " _./:=,@%+-".contains(c);
    let call = ["    run ", "    line ", "    set_to "].iter().find_map(|start| line.strip_prefix(start));
    let risk = |line: &str| {
        let rest = line.strip_prefix("if allowed ")?;
        let (risk, what) = rest.split_once(" '")?;
        let what = what.strip_suffix("'; then")?;
        Some(matches!(risk, "none" | "service" | "data") && !what.contains('\''))
    };
    line.is_empty()
        || line.starts_with('#')
        || line.starts_with("    #")
        || line == "fi"
        || line == "echo 'some of this takes effect after a reboot only'"
        || risk(line).unwrap_or(false)
        || call.is_some_and(|rest| {
            rest.replace('\'', "").chars().all(is_safe) && rest.matches('\'').count() % 2 == 0
        })
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(remedies) = Remedies::parse(text) else { return };
    let (functions, end) = frame();
    for fail_only in [false, true] {
        let script = remedies.script(fail_only);
        let (head, body) = script.split_once(&functions).expect("the functions");
        assert!(head.lines().all(|line| line.starts_with('#') || line == "set -eu"), "{head}");
        let body = body.strip_suffix(&end).expect("the end");
        for line in body.lines() {
            assert!(is_known(line), "{line:?}");
        }
    }
});
