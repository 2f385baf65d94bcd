//! `preflight compare`: what differs between nodes, by their reports.
//!
//! Of two nodes it is told finding by finding, of more than two by how each differs from most. What has to be unique among
//! the nodes of a cluster (host name, machine-id, the firmware's UUID, MAC addresses) is told where it is not.

mod answers;
#[cfg(test)]
mod tests;
mod text;

pub use answers::Answers;
pub(crate) use answers::identity;
pub use text::Style;

use crate::report::model::ApiVersion;
use answers::Answer;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What differs between nodes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    api_version: ApiVersion,
    kind: &'static str,
    /// The nodes, in the order in which they were named.
    nodes: Vec<Compared>,
    /// What should be unique and is not.
    duplicates: Vec<Duplicate>,
    /// The findings that are not the same on all nodes, in the order of their ids.
    differences: Vec<Difference>,
    /// How many findings are the same everywhere.
    same: usize,
}

/// One of the nodes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Compared {
    /// The file that told of it.
    source: String,
    hostname: Option<String>,
    kernel: Option<String>,
    verdict: String,
    /// In how many findings it has another verdict or reason than most nodes; of two nodes, than the other one.
    apart: usize,
    /// Whether it is further apart than every other node.
    odd: bool,
}

/// A value that several nodes have, and only one should.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Duplicate {
    /// `hostname`, `machine-id`, `product-uuid`, `mac-address`.
    what: &'static str,
    value: String,
    /// The places of the nodes in the list.
    nodes: Vec<usize>,
}

/// A finding that is not the same on all nodes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Difference {
    finding: String,
    /// Whether verdict and reason are the same, and the words alone differ (numbers, names).
    words_alone: bool,
    /// What each node says, in the order of the nodes; null where it has no such finding.
    answers: Vec<Option<Answer>>,
}

impl Comparison {
    /// Compares nodes.
    #[must_use]
    pub fn of(nodes: &[Answers]) -> Self {
        let ids: BTreeSet<&str> =
            nodes.iter().flat_map(|node| node.findings.keys().map(String::as_str)).collect();
        let mut differences = Vec::new();
        let mut apart = vec![0; nodes.len()];
        let mut same = 0;
        for id in ids {
            let answers: Vec<Option<&Answer>> = nodes.iter().map(|node| node.findings.get(id)).collect();
            if answers.windows(2).all(|pair| pair[0] == pair[1]) {
                same += 1;
                continue;
            }
            let keys: Vec<Option<(&str, &str)>> = answers.iter().map(|a| a.map(Answer::key)).collect();
            let words_alone = keys.windows(2).all(|pair| pair[0] == pair[1]);
            if !words_alone {
                for (apart, key) in apart.iter_mut().zip(&keys) {
                    *apart += usize::from(!is_usual(*key, &keys));
                }
            }
            let answers = answers.into_iter().map(Option::<&Answer>::cloned).collect();
            differences.push(Difference { finding: id.to_owned(), words_alone, answers });
        }
        Self {
            api_version: ApiVersion::V1,
            kind: "Comparison",
            nodes: compared(nodes, &apart),
            duplicates: duplicates(nodes),
            differences,
            same,
        }
    }

    /// Whether anything differs but words, or something is there twice that should be unique.
    #[must_use]
    pub fn differs(&self) -> bool {
        !self.duplicates.is_empty() || self.differences.iter().any(|difference| !difference.words_alone)
    }

    /// For people.
    #[must_use]
    pub fn text(&self, style: Style) -> String {
        text::render(self, style)
    }
}

/// Whether more than half of the nodes say this.
fn is_usual(key: Option<(&str, &str)>, keys: &[Option<(&str, &str)>]) -> bool {
    keys.iter().filter(|other| **other == key).count() * 2 > keys.len()
}

fn compared(nodes: &[Answers], apart: &[usize]) -> Vec<Compared> {
    let most = apart.iter().copied().max().unwrap_or_default();
    let alone = nodes.len() > 2 && most > 0 && apart.iter().filter(|apart| **apart == most).count() == 1;
    let of = |(node, apart): (&Answers, &usize)| Compared {
        source: node.source.clone(),
        hostname: node.hostname.clone(),
        kernel: node.kernel.clone(),
        verdict: node.verdict.clone(),
        apart: *apart,
        odd: alone && *apart == most,
    };
    nodes.iter().zip(apart).map(of).collect()
}

fn duplicates(nodes: &[Answers]) -> Vec<Duplicate> {
    let mut having: BTreeMap<(&'static str, &str), Vec<usize>> = BTreeMap::new();
    for (at, node) in nodes.iter().enumerate() {
        for (what, value) in &node.identities {
            having.entry((what, value)).or_default().push(at);
        }
    }
    let several = having.into_iter().filter(|(_, nodes)| nodes.len() > 1);
    several.map(|((what, value), nodes)| Duplicate { what, value: value.to_owned(), nodes }).collect()
}
