//! What the check `cgroup-delegation` says of every captured node, and of each with a file taken away.
#![allow(clippy::disallowed_methods)] // tests read captured files as they are

mod common;

use common::{
    nodes::{self, Captured},
    process::walk,
};
use preflight_checks::{
    Check, Finding, Findings, Node, Outcome, Severity,
    checks::CgroupDelegation,
    node::{Filesystem, Memory, ReadErrorKind},
};
use std::{fs, sync::Arc};

/// The parameters of the check.
type Params = <CgroupDelegation as Check>::Params;

/// What the default parameters ask for.
const REQUIRED: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];

fn ask(node: &Node) -> Option<Finding> {
    let mut out = Findings::default();
    CgroupDelegation::run(&Params::default(), node, &mut out).ok()?;
    let found = out.into_inner();
    assert_eq!(found.iter().map(|(f, _)| f.subject()).collect::<Vec<_>>(), ["pods", "system"]);
    found.into_iter().map(|(finding, _)| finding).next()
}

fn live(captured: &Captured) -> Node {
    Node::new(Arc::new(Filesystem::under(&captured.root).unwrap()), Arc::default())
}

#[test]
fn every_captured_node() {
    let mut good = 0;
    for captured in nodes::all() {
        let finding = ask(&live(captured)).expect(&captured.name);
        let said = (finding.outcome(), finding.severity(), finding.reason());
        let mode = captured.expected.mode.as_str();
        let lacks: Vec<_> = REQUIRED
            .into_iter()
            .filter(|name| captured.expected.subsystem(name).is_none_or(|s| s.state != "listed"))
            .collect();
        let cause = finding.cause().map(|c| c.name.as_str());
        let at = &captured.name;
        if mode.starts_with("v1") || mode.starts_with("hybrid") {
            assert_eq!(said.0, &Outcome::NotApplicable, "{at}");
        } else if mode == "none" {
            assert_eq!((said.0, cause), (&Outcome::Problem, Some("cgroup-mount")), "{at}");
        } else if mode == "v2-container" {
            assert_eq!((said.0, said.1), (&Outcome::Problem, Severity::Fail), "{at}");
            assert!(finding.all_notes().iter().any(|n| n.contains("looks like the root")), "{at}");
        } else if let Some(first) = lacks.first() {
            assert_eq!(said, (&Outcome::Problem, Severity::Fail, "missing-at-root"), "{at}");
            assert_eq!(cause, Some(format!("cgroup-controller:{first}").as_str()), "{at}");
        } else {
            assert_eq!((said.0, said.2), (&Outcome::Pass, "can-be-delegated"), "{at}: {}", finding.message());
            good += 1;
        }
    }
    assert!(good >= 40, "{good}");
}

#[test]
fn taking_evidence_away_never_makes_a_pass() {
    let mut changed = 0;
    for captured in nodes::all().iter().filter(|n| n.expected.mode.starts_with("v2")) {
        let files = walk(&captured.root);
        let start = ["/sys/fs/cgroup/", "/proc/self/", "/proc/1/"];
        let asked = files.iter().filter(|(path, _)| start.iter().any(|s| path.starts_with(s)));
        let whole = asked
            .fold(Memory::new().as_root(), |memory, (path, file)| memory.file(path, fs::read(file).unwrap()));
        let passed =
            |memory: Memory| ask(&Node::in_memory(memory)).is_some_and(|f| *f.outcome() == Outcome::Pass);
        let before = passed(whole.clone());
        for path in files.keys().filter(|p| p.starts_with("/sys/fs/cgroup/")) {
            for less in
                [whole.clone().without(path), whole.clone().error(path, ReadErrorKind::Denied("EACCES"))]
            {
                let after = passed(less);
                assert!(before || !after, "{} without {path} passes", captured.name);
                changed += usize::from(before != after);
            }
        }
    }
    assert!(changed > 100, "{changed}");
}
