//! Helpers of the tests of the runner: checks that say what a test tells them to.

use super::{Limits, Request, run};
use crate::{
    policy::{Date, Inputs, OnUnknown, Policy, Rule, Waiver, When},
    report::model::{Finding as Reported, Report},
};
use preflight_checks::{
    BoundCheck, Evidence, Finding, Findings, Meta, Node, Severity, Unknown,
    node::{Door, FileKind, Memory, Origin, ReadError},
    value::{Kind, Span, Value},
};
use std::{sync::Arc, time::Duration};

pub(super) static META: Meta =
    Meta { id: "fake", summary: "A fake", since: "0.1.0", kubeadm: Some("SystemVerification") };

type Body = dyn Fn(&Node, &mut Findings) -> Result<(), Unknown> + Send + Sync;

struct Fake(Box<Body>);

impl BoundCheck for Fake {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn run(&self, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        (self.0)(node, out)
    }
}

/// A rule whose check does what `body` does.
pub(super) fn rule_of(
    id: &str,
    body: impl Fn(&Node, &mut Findings) -> Result<(), Unknown> + Send + Sync + 'static,
) -> Rule {
    Rule {
        id: id.to_owned(),
        check: Box::new(Fake(Box::new(body))),
        severity: Severity::Fail,
        on_unknown: OnUnknown::Warn,
        when: When::default(),
        retry: None,
        kubeadm: None,
        with: Value { span: Span::default(), kind: Kind::Map(Vec::new()) },
        origin: "test".to_owned(),
        file: 0,
        span: Span::default(),
        place: "test:1:1".to_owned(),
        instead_of: Vec::new(),
        filled: Vec::new(),
    }
}

/// A rule that finds `findings`.
pub(super) fn rule(id: &str, findings: Vec<Finding>) -> Rule {
    rule_of(id, move |_, out| {
        findings.iter().cloned().for_each(|finding| out.push(finding));
        Ok(())
    })
}

pub(super) fn pass(subject: &str) -> Finding {
    Finding::pass(subject, "there", "is there", Evidence::new("/proc/x", "there"))
}

pub(super) fn problem(severity: Severity, subject: &str) -> Finding {
    Finding::problem(severity, subject, "missing", "is missing")
}

pub(super) fn unknown(severity: Severity, subject: &str) -> Finding {
    let unknown = Unknown::new("permission denied (EACCES)").needs("run as root");
    Finding::undetermined(severity, subject, "unreadable", "not known", &unknown)
}

pub(super) fn policy(rules: Vec<Rule>) -> Policy {
    Policy {
        name: "test".to_owned(),
        description: None,
        source: "test".to_owned(),
        sha256: String::new(),
        inputs: Inputs::default(),
        origins: std::collections::BTreeMap::new(),
        rules,
        waivers: Vec::new(),
    }
}

pub(super) fn waiver(finding: &str, until: Option<(u16, u8, u8)>) -> Waiver {
    let until = until.map(|(year, month, day)| Date { year, month, day });
    Waiver { finding: finding.to_owned(), reason: "we know".to_owned(), until }
}

pub(super) fn request(policy: Policy) -> Request {
    Request {
        today: Date { year: 2026, month: 11, day: 22 },
        limits: Limits { check: Duration::from_secs(20), run: Duration::from_secs(60) },
        ..Request::new(Arc::new(policy), Arc::new(Memory::new()))
    }
}

pub(super) fn run_policy(policy: Policy) -> Report {
    run(&request(policy)).expect("a report")
}

pub(super) fn run_rules(rules: Vec<Rule>) -> Report {
    run_policy(policy(rules))
}

/// A door behind which reading this path takes half a minute.
pub(super) struct Hanging(pub(super) &'static str);

impl Door for Hanging {
    fn origin(&self) -> Origin {
        Origin::Live
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadError> {
        if path.starts_with(self.0) {
            std::thread::sleep(Duration::from_secs(30));
        }
        let release = "/proc/sys/kernel/osrelease";
        Memory::new().file("/fine", "fine").file(release, "6.1.0\n").read(path, limit)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        Memory::new().list(path)
    }

    fn kind(&self, path: &str) -> Result<FileKind, ReadError> {
        Memory::new().kind(path)
    }
}

/// One word for each finding: `rule/subject verdict reason`.
pub(super) fn brief(report: &Report) -> Vec<String> {
    let brief = |f: &Reported| format!("{} {} {}", f.id, f.verdict.as_str(), f.reason);
    report.findings.iter().map(brief).collect()
}

/// The finding with this id.
pub(super) fn finding<'a>(report: &'a Report, id: &str) -> &'a Reported {
    report.findings.iter().find(|f| f.id == id).unwrap_or_else(|| panic!("no finding {id} in {report:#?}"))
}
