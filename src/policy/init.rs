//! `preflight policy init`: a policy to begin with, empty or as a good node is.

use super::{
    Date,
    show::{comment, quote},
};
use crate::report::model::{Finding, Report, Verdict};
use preflight_checks::{inventory, quantity::Quantity};
use std::fmt::Write as _;

/// For how many days what fails now is waived.
const WAIVED: u64 = 90;

/// A policy that says how to go on.
pub const SKELETON: &str = "\
# preflight policy lint policy.yaml     is it right?
# preflight -c policy.yaml              judge this machine by it
# preflight explain CHECK               what a check takes; `preflight list` names all
apiVersion: preflight/v1
kind: Policy
metadata:
  name: my-policy
  description: What my nodes need
# Built-in profiles (`preflight profiles`) or files; later rules win, by id.
extends: [kubernetes-node]
inputs:
  role: worker # or control-plane
  kubernetesVersion: auto # or for example \"1.36\"
# Beside those of the profile.
checks:
  - id: my-kernel
    check: kernel-version
    severity: warn
    with: { requires: \">=5.10\" }
# Failures that you decided to live with.
waivers: []
";

/// What a host is like.
pub struct Host {
    /// Facts by their names, as text, with the plain number where they are one.
    facts: Vec<(&'static str, String)>,
}

impl Host {
    /// Asks a node for what a policy can hold others against.
    #[must_use]
    pub fn of(node: &preflight_checks::Node) -> Self {
        let wanted = ["node.kernel.version", "node.cpu.count", "node.memory.total"];
        let facts = inventory::all().iter().filter(|fact| wanted.contains(&fact.path));
        let told = facts.filter_map(|fact| Some((fact.path, fact.of(node).ok()?.0.text())));
        Self { facts: told.collect() }
    }

    fn get(&self, path: &str) -> Option<&str> {
        self.facts.iter().find(|(known, _)| *known == path).map(|(_, value)| value.as_str())
    }
}

/// A policy that extends the one of the report, asks no less than this host has, and waives what fails there now.
#[must_use]
pub fn from_host(report: &Report, host: &Host, extends: &str, today: Date) -> String {
    let name = report.node.hostname.as_deref().unwrap_or("this node");
    let mut out = format!(
        "# What a node needs that is as good as {}, which was judged by {} on {today}.\n\
         # Look through it: thresholds are what that node has, rounded down; waivers are what fails there.\n\
         apiVersion: preflight/v1\nkind: Policy\nmetadata:\n  name: {}\n  description: {}\nextends: [{}]\ninputs:\n",
        comment(name),
        comment(extends),
        quote(&format!("like-{name}")),
        quote(&format!("Nodes as good as {name}")),
        quote(extends),
    );
    // Writing to a String does not fail.
    for key in ["role", "kubernetesVersion"] {
        if let Some(input) = report.policy.inputs.get(key) {
            let _ = writeln!(out, "  # from {}\n  {key}: {}", comment(&input.from), quote(&input.value));
        }
    }
    out.push_str("checks:\n");
    if let Some(series) = host.get("node.kernel.version").and_then(|version| version.rsplit_once('.')) {
        let _ = writeln!(
            out,
            "  # Nothing older than this node runs.\n  - id: host-kernel\n    check: kernel-version\n    with: {{ requires: \">={}\" }}",
            series.0
        );
    }
    if let Some(count) = host.get("node.cpu.count") {
        let _ = writeln!(
            out,
            "  - id: host-cpu\n    check: cpu\n    severity: warn\n    with: {{ count: {count} }}"
        );
    }
    if let Some(total) = host.get("node.memory.total").and_then(|bytes| bytes.parse().ok()) {
        let total = rounded(total);
        let _ = writeln!(
            out,
            "  - id: host-memory\n    check: memory\n    severity: warn\n    with: {{ total: {total} }}"
        );
    }
    if out.ends_with("checks:\n") {
        out.truncate(out.len() - "checks:\n".len());
    }
    // What follows from a failure that is waived fails by itself.
    let fails = |finding: &&Finding| finding.verdict == Verdict::Fail || finding.blocked_by.is_some();
    let failed = report.findings.iter().filter(fails);
    let until = Date::from_days(today.days() + WAIVED);
    let waivers: String = failed
        .map(|finding| {
            format!(
                "  # {}\n  - finding: {}\n    reason: {}\n    until: {until}\n",
                comment(&finding.message),
                quote(&finding.id),
                quote(&format!("so it was on {name} when this policy was made"))
            )
        })
        .collect();
    if waivers.is_empty() { out } else { out + "waivers:\n" + &waivers }
}

/// Nine tenths, in whole Mi: the firmware and the kernel of another machine of this size may keep more for themselves.
fn rounded(bytes: u64) -> String {
    let mebi = (bytes / 10 * 9) >> 20;
    if mebi == 0 { Quantity::bytes(bytes).to_string() } else { format!("{mebi}Mi") }
}
