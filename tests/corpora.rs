//! What was kept for the fuzzers (fuzz/corpus), given to every parser by the targets themselves (fuzz/fuzz_targets): what went
//! wrong once goes well in every run of the tests, also where nobody has the minutes to build a fuzzer.

#![allow(clippy::disallowed_methods)] // tests read what was kept

// The targets name the crate of the fuzzer and their own: both are this one.
extern crate self as libfuzzer_sys;
extern crate self as preflight_fuzz;

#[path = "../fuzz/src/door.rs"]
mod door;
#[path = "../fuzz/src/laws.rs"]
#[allow(
    clippy::missing_panics_doc,
    reason = "they panic where a law does not hold: that is what they are for"
)]
mod laws;
#[path = "../fuzz/fuzz_targets/mod.rs"]
#[allow(unused_attributes, reason = "a fuzzer brings its own main")]
mod targets;
pub use door::Given;
pub use laws::{judge, judge_all, judge_without, repeats};

use std::{
    collections::BTreeSet,
    fs, panic,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// What is below this directory, sorted.
fn below(directory: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(directory);
    let entries = fs::read_dir(&directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn names(paths: &[PathBuf]) -> BTreeSet<&str> {
    paths.iter().filter_map(|path| path.file_stem()?.to_str()).filter(|name| *name != "mod").collect()
}

#[test]
fn every_target_is_here_and_has_a_corpus() {
    let known: BTreeSet<_> = targets::ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(names(&below("fuzz_targets")), known, "fuzz/fuzz_targets/mod.rs");
    assert_eq!(names(&below("corpus")), known, "fuzz/corpus");
}

/// An input, and the same cut off at these shares of it.
const SHARES: [usize; 3] = [100, 61, 23];

#[test]
fn what_was_kept_goes_well() {
    let all: Vec<_> = targets::ALL
        .iter()
        .flat_map(|(name, run)| below(&format!("corpus/{name}")).into_iter().map(move |path| (run, path)))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while let Some((run, path)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let input = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            for share in SHARES {
                let part = &input[..input.len() * share / 100];
                if panic::catch_unwind(|| run(part)).is_err() {
                    wrong.push(format!("{share} % of {}", path.display()));
                }
            }
        }
        wrong
    };
    let wrong: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..thread::available_parallelism().map_or(2, Into::into)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic outside of a target")).collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(all.len() > 500, "only {} inputs are left", all.len());
}

/// What the fuzzer calls with an input. The targets name it by its crate, so it stands behind them.
#[macro_export]
macro_rules! fuzz_target {
    (|$data:ident: &[u8]| $body:block) => {
        pub(crate) fn run($data: &[u8]) {
            $body
        }
    };
}
