//! A run in which a check panics, built as a release is: it has to end with the findings of all other rules, and one that says
//! so. `cargo test` unwinds; this shows what people run (docs/decisions/0003-panics-do-not-unwind.md).

use preflight::{
    panics,
    policy::{Policy, Source},
    run::{Request, run},
};
use preflight_checks::node::{Door, FileKind, Memory, Origin, ReadError};
use std::{process::ExitCode, sync::Arc};

/// A node that can't be asked for its swap.
struct Broken(Memory);

impl Door for Broken {
    fn origin(&self) -> Origin {
        self.0.origin()
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadError> {
        assert!(path != "/proc/swaps", "on purpose");
        self.0.read(path, limit)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        self.0.list(path)
    }

    fn kind(&self, path: &str) -> Result<FileKind, ReadError> {
        self.0.kind(path)
    }
}

fn main() -> ExitCode {
    panics::hook();
    let policy = Policy::load(&Source::named("kubernetes-node"), &[]).expect("a profile is right");
    let rules = policy.rules.len();
    let request = Request::new(Arc::new(policy), Arc::new(Broken(Memory::new())));
    let report = run(&request).expect("whatever happens in a check, there is a report");
    let answered: std::collections::BTreeSet<_> = report.findings.iter().map(|f| &f.rule).collect();
    let panicked: Vec<_> =
        report.findings.iter().filter(|f| f.reason == "panicked").map(|f| &*f.id).collect();
    println!("{} of {rules} rules answered; broke down: {panicked:?}", answered.len());
    let right = answered.len() == rules && panicked == ["swap"];
    if right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
