//! What one node said: the parts of a report that are compared.

use crate::report::model::Report;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What one node said.
#[derive(Debug)]
pub struct Answers {
    /// The file that told it.
    pub(super) source: String,
    pub(super) hostname: Option<String>,
    pub(super) kernel: Option<String>,
    pub(super) verdict: String,
    /// By id.
    pub(super) findings: BTreeMap<String, Answer>,
    /// What should be unique: what it is, and its value.
    pub(super) identities: BTreeSet<(&'static str, String)>,
}

/// What one node said in one finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) verdict: String,
    pub(super) reason: String,
    pub(super) message: String,
}

impl Answer {
    /// What counts: the words may name what differs between any two nodes.
    pub(super) fn key(&self) -> (&str, &str) {
        (&self.verdict, &self.reason)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    api_version: String,
    kind: String,
    node: Node,
    verdict: String,
    findings: Vec<Found>,
}

#[derive(Deserialize)]
struct Node {
    hostname: Option<String>,
    kernel: Option<String>,
}

#[derive(Deserialize)]
struct Found {
    id: String,
    check: String,
    #[serde(flatten)]
    answer: Answer,
    evidence: Vec<Evidence>,
}

#[derive(Deserialize)]
struct Evidence {
    source: String,
    observed: String,
}

impl Answers {
    /// Reads a report as `preflight -o json` prints it; `source` names the file.
    ///
    /// # Errors
    /// What it is instead.
    pub fn parse(source: &str, report: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(report)
            .map_err(|e| format!("this is neither a capture nor a report of `preflight -o json`: {e}"))?;
        if (document.api_version.as_str(), document.kind.as_str()) != ("preflight/v1", "Report") {
            return Err(format!(
                "this is no report of preflight/v1, but {:?} of {:?}",
                document.kind, document.api_version
            ));
        }
        let mut answers = Self {
            source: source.to_owned(),
            hostname: document.node.hostname,
            kernel: document.node.kernel,
            verdict: document.verdict,
            findings: BTreeMap::new(),
            identities: BTreeSet::new(),
        };
        answers.identities.extend(answers.hostname.clone().map(|name| ("hostname", name)));
        for found in document.findings {
            if found.check == "identity" {
                let told = |e: &Evidence| Some((identity(&e.source, &e.observed)?, e.observed.clone()));
                answers.identities.extend(found.evidence.iter().filter_map(told));
            }
            answers.findings.insert(found.id, found.answer);
        }
        Ok(answers)
    }

    /// Those of a report of this program.
    ///
    /// # Errors
    /// Never for a report that was made here.
    pub fn of(source: &str, report: &Report) -> Result<Self, String> {
        serde_json::to_vec(report).map_err(|e| e.to_string()).and_then(|text| Self::parse(source, &text))
    }
}

/// Whether it is an id, and not why there is none.
fn is_one(observed: &str) -> bool {
    observed.len() >= "00:00:00:00:00:00".len()
        && observed.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'-' | b':'))
}

/// What identity the check `identity` saw at this path: `machine-id`, `product-uuid` or `mac-address`.
pub(crate) fn identity(path: &str, observed: &str) -> Option<&'static str> {
    match path {
        _ if !is_one(observed) => None,
        "/etc/machine-id" => Some("machine-id"),
        "/sys/class/dmi/id/product_uuid" => Some("product-uuid"),
        _ if path.starts_with("/sys/class/net/") && path.ends_with("/address") => Some("mac-address"),
        _ => None,
    }
}
