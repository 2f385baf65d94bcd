//! Cases of a policy, as `policy test` reads and runs them: of built-in profiles, on nodes that they write themselves.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight::{
    cases,
    policy::{Cases, Source},
};
use std::path::Path;

/// How many are run: each takes a thread.
const RUN: usize = 2;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Cases::parse("cases.yaml", Path::new("/nowhere"), text) {
        Ok(mut cases) => {
            cases.cases.truncate(RUN);
            let is_own = cases.cases.iter().all(|case| case.node.root.is_none());
            if !is_own || !matches!(cases.source(), Source::Profile(_)) {
                return;
            }
            match cases::run_all(&cases, &[]) {
                Ok(outcomes) => {
                    assert!(outcomes.iter().all(|outcome| outcome.report.is_some() || !outcome.holds()));
                    let _ = (cases::human(&outcomes, 80, true), cases::json(&outcomes));
                }
                Err(wrong) => assert!(!wrong.to_string().is_empty()),
            }
        }
        Err(wrong) => {
            assert!(wrong.errors() > 0, "refused without a reason");
            let _ = wrong.render(false);
        }
    }
});
