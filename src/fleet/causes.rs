//! Why nodes fail, and what they warn of: what explains most of it first.

use super::{
    census::{Census, Outcome},
    counted::Counted,
};
use crate::report::model::Verdict;
use serde::Serialize;
use std::collections::HashMap;

/// Why nodes fail, or what they warn of.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cause {
    /// The finding.
    pub(super) finding: String,
    /// Its reason.
    pub(super) reason: String,
    /// Whether it is known, and not only not known to be good.
    pub(super) determined: bool,
    /// On how many nodes.
    pub(super) nodes: usize,
    /// On how many of them nothing else fails (or warns): mending it mends them.
    pub(super) alone: usize,
    /// How many findings follow from it.
    pub(super) followers: usize,
    /// What one of the nodes says.
    pub(super) message: Option<String>,
    /// How that one is mended.
    pub(super) remedy: Option<String>,
    #[serde(skip)]
    pub(super) outcome: u32,
    #[serde(skip)]
    pub(super) detail: Option<u32>,
}

/// What fails, or warns, by how many nodes it concerns.
pub(super) fn causes(census: &Census, counted: &Counted, verdict: Verdict) -> Vec<Cause> {
    let mut found: HashMap<u32, (usize, usize, usize)> = HashMap::new();
    for ((_, pattern), nodes) in &counted.kinds {
        let outcomes = &census.patterns[*pattern];
        let of_that = || outcomes.iter().filter(|number| census.outcomes[**number].verdict == verdict);
        let worse = outcomes.iter().any(|number| census.outcomes[*number].verdict > verdict);
        let is_alone = of_that().count() == 1 && !worse;
        for number in of_that() {
            let id = census.outcomes[*number].finding;
            let followers =
                outcomes.iter().filter(|other| census.outcomes[**other].blocked_by == Some(id)).count();
            let sums = found.entry(*number).or_default();
            sums.0 += nodes;
            sums.1 += if is_alone { *nodes } else { 0 };
            sums.2 += followers * nodes;
        }
    }
    let mut example: HashMap<u32, u32> = HashMap::new();
    for (outcome, detail) in census.nodes.iter().flat_map(|node| node.details.iter()) {
        example.entry(*outcome).or_insert(*detail);
    }
    let cause = |(outcome, (nodes, alone, followers))| {
        let Outcome { finding, reason, determined, .. } = census.outcomes[outcome];
        let detail = example.get(&outcome).copied();
        Cause {
            finding: census.word(finding).to_owned(),
            reason: census.word(reason).to_owned(),
            determined,
            nodes,
            alone,
            followers,
            message: detail.map(|detail| census.details[detail].message.clone()),
            remedy: detail.and_then(|detail| census.details[detail].remedy.clone()),
            outcome,
            detail,
        }
    };
    let mut causes: Vec<Cause> = found.into_iter().map(cause).collect();
    let order = |c: &Cause| {
        (
            std::cmp::Reverse((c.nodes, c.alone, c.followers)),
            c.finding.clone(),
            c.reason.clone(),
            c.determined,
        )
    };
    causes.sort_by_cached_key(order);
    causes
}
