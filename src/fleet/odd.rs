//! Nodes that are unlike most of their group.

use super::{
    census::{Census, Node},
    counted::Counted,
};
use crate::report::model::Verdict;
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

/// In how many findings it is told of such a node what it says.
const SAYS: usize = 20;
/// How many nodes are named that are unlike most.
const ODD: usize = 1000;

/// A node that is unlike most of its group.
#[derive(Debug, Serialize)]
pub(super) struct Odd {
    pub(super) node: String,
    pub(super) source: String,
    /// In how many findings.
    pub(super) apart: usize,
    /// What it says in them, the first twenty: `finding: verdict (reason)`, or that it has no such finding.
    pub(super) says: Vec<String>,
    #[serde(skip)]
    pub(super) at: u32,
    #[serde(skip)]
    pub(super) outcomes: Vec<u32>,
}

/// What most nodes of a group say, by finding: those which more than half say. None where most have no such finding.
fn usual(census: &Census, counted: &Counted, group: (u32, usize)) -> HashMap<u32, Option<(Verdict, u32)>> {
    let mut said: HashMap<u32, HashMap<(Verdict, u32), usize>> = HashMap::new();
    for (pattern, nodes) in counted.patterns_of(group.0) {
        for number in census.patterns[pattern].iter() {
            let outcome = census.outcomes[*number];
            *said.entry(outcome.finding).or_default().entry(outcome.key()).or_default() += nodes;
        }
    }
    let mut usual = HashMap::new();
    for (finding, keys) in said {
        let told: usize = keys.values().sum();
        let most = keys.into_iter().find(|(_, nodes)| nodes * 2 > group.1).map(|(key, _)| key);
        if most.is_some() || (group.1 - told) * 2 > group.1 {
            usual.insert(finding, most);
        }
    }
    usual
}

/// The outcomes in which a node is unlike others, and what it says in all that differs.
type Unlike = (Vec<u32>, Vec<String>);

pub(super) fn odd(census: &Census, counted: &Counted) -> Vec<Odd> {
    let mut apart: HashMap<(u32, u32), Unlike> = HashMap::new();
    // Of two nodes none is the odd one.
    for group in counted.groups.iter().filter(|(_, nodes)| *nodes > 2) {
        let usual = usual(census, counted, *group);
        for (pattern, _) in counted.patterns_of(group.0) {
            let differs = unlike(census, pattern, &usual);
            if !differs.1.is_empty() {
                apart.insert((pattern, group.0), differs);
            }
        }
    }
    let mut found: Vec<(u32, &Node, &Unlike)> = Vec::new();
    for (at, node) in (0..).zip(&census.nodes) {
        found.extend(apart.get(&(node.pattern, node.group)).map(|differs| (at, node, differs)));
    }
    // Nodes are ordered by name already.
    found.sort_by_key(|(_, _, (_, says))| std::cmp::Reverse(says.len()));
    found.truncate(ODD);
    let odd = |(at, node, (outcomes, says)): (u32, &Node, &Unlike)| Odd {
        node: node.name.to_string(),
        source: node.source.to_string(),
        apart: says.len(),
        says: says.iter().take(SAYS).cloned().collect(),
        at,
        outcomes: outcomes.clone(),
    };
    found.into_iter().map(odd).collect()
}

/// In which outcomes a pattern is unlike what is usual, and in words; findings that it lacks, too.
fn unlike(census: &Census, pattern: u32, usual: &HashMap<u32, Option<(Verdict, u32)>>) -> Unlike {
    let (mut outcomes, mut says) = (Vec::new(), Vec::new());
    let mut has = BTreeSet::new();
    for number in census.patterns[pattern].iter() {
        let outcome = census.outcomes[*number];
        has.insert(outcome.finding);
        if usual.get(&outcome.finding).is_some_and(|usual| *usual != Some(outcome.key())) {
            outcomes.push(*number);
            let (finding, reason) = (census.word(outcome.finding), census.word(outcome.reason));
            says.push(format!("{finding}: {} ({reason})", outcome.verdict.as_str()));
        }
    }
    let lacks = usual.iter().filter(|(finding, usual)| usual.is_some() && !has.contains(finding));
    let mut lacks: Vec<String> =
        lacks.map(|(finding, _)| format!("{}: no such finding", census.word(*finding))).collect();
    lacks.sort();
    says.extend(lacks);
    (outcomes, says)
}
