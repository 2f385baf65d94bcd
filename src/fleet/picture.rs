//! What there is to tell of a fleet.

use super::{
    causes::{Cause, causes},
    census::{Census, Earlier, Node},
    counted::Counted,
    drift::{Drift, drift},
    identities::{Duplicate, duplicates},
    matrix::{Matrix, matrix},
    odd::{Odd, odd},
};
use crate::report::model::{ApiVersion, Tool, Verdict};
use serde::Serialize;

/// What the reports of many nodes say together: `kind: Fleet` of `preflight/v1`. Fields are added, never renamed or removed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Picture {
    api_version: ApiVersion,
    kind: &'static str,
    tool: Tool,
    /// How many there are.
    totals: Totals,
    /// Why nodes fail, what fails most of them first.
    pub(super) causes: Vec<Cause>,
    /// What nodes warn of, likewise.
    pub(super) warnings: Vec<Cause>,
    /// The findings that are not good everywhere, by groups of nodes.
    pub(super) matrix: Matrix,
    /// What should be unique and is not.
    pub(super) duplicates: Vec<Duplicate>,
    /// The nodes that are unlike most of their group, the least alike first.
    pub(super) odd: Vec<Odd>,
    /// What changed since an earlier set; null where there is none.
    pub(super) drift: Option<Drift>,
    /// The documents that could not be read; the first thousand.
    pub(super) broken: Vec<Unread>,
    /// Every node, by name.
    nodes: Vec<Told>,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Nodes that were judged.
    pub nodes: usize,
    /// Nodes with each verdict; those that were asked nothing count as `skip`.
    pub fail: usize,
    /// See there.
    pub warn: usize,
    /// See there.
    pub pass: usize,
    /// See there.
    pub skip: usize,
    /// Nodes on which a finding could not be determined and is told as a problem.
    pub undetermined: usize,
    /// Documents that could not be read.
    pub broken: usize,
    /// Reports of which there is a newer one of the same node.
    pub superseded: usize,
    /// Files in directories that are none of reports by their names.
    pub other_files: usize,
}

/// A document that could not be read.
#[derive(Debug, Serialize)]
pub(super) struct Unread {
    pub(super) source: String,
    pub(super) why: String,
}

#[derive(Debug, Serialize)]
struct Told {
    name: String,
    source: String,
    group: String,
    kernel: Option<String>,
    verdict: Verdict,
    /// The ids of what fails.
    fails: Vec<String>,
}

impl Picture {
    pub(super) fn of(census: &Census, earlier: Option<(String, Earlier)>) -> Self {
        let counted = Counted::of(census);
        Self {
            api_version: ApiVersion::V1,
            kind: "Fleet",
            tool: Tool::this(),
            totals: totals(census),
            causes: causes(census, &counted, Verdict::Fail),
            warnings: causes(census, &counted, Verdict::Warn),
            odd: odd(census, &counted),
            matrix: matrix(census, &counted),
            duplicates: duplicates(&census.nodes),
            drift: earlier.map(|(against, earlier)| drift(census, against, &earlier)),
            broken: census
                .broken
                .iter()
                .map(|b| Unread { source: b.source.clone(), why: b.why.clone() })
                .collect(),
            nodes: census.nodes.iter().map(|node| told(census, node)).collect(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.totals
    }
}

fn told(census: &Census, node: &Node) -> Told {
    let fails = census.outcomes_of(node).filter(|(_, o)| o.verdict == Verdict::Fail);
    Told {
        name: node.name.to_string(),
        source: node.source.to_string(),
        group: census.word(node.group).to_owned(),
        kernel: node.kernel.map(|kernel| census.word(kernel).to_owned()),
        verdict: node.verdict,
        fails: fails.map(|(_, o)| census.word(o.finding).to_owned()).collect(),
    }
}

fn totals(census: &Census) -> Totals {
    let mut totals = Totals {
        nodes: census.nodes.len(),
        broken: census.broken_count,
        superseded: census.superseded,
        other_files: census.other_files,
        ..Totals::default()
    };
    for node in &census.nodes {
        match node.verdict {
            Verdict::Fail => totals.fail += 1,
            Verdict::Warn => totals.warn += 1,
            Verdict::Pass => totals.pass += 1,
            Verdict::Skip => totals.skip += 1,
        }
        totals.undetermined += usize::from(census.outcomes_of(node).any(|(_, o)| o.is_undetermined()));
    }
    totals
}
