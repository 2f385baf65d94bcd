//! What changed since an earlier day.

use super::{
    census::{Census, Earlier, Node, Outcome},
    identities::Machines,
};
use crate::report::model::Verdict;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What changed since an earlier set of reports.
#[derive(Debug, Serialize)]
pub(super) struct Drift {
    /// The files and directories of the earlier set.
    pub(super) against: String,
    /// What fails now and did not then.
    pub(super) worse: Vec<Change>,
    /// What failed then and passes now; warnings that are determined count.
    pub(super) better: Vec<Change>,
    /// What failed then, and of which it is not known now whether it still does.
    pub(super) unclear: Vec<Change>,
    /// Nodes of which there was a report, and is none now.
    pub(super) gone: Vec<String>,
    /// Nodes of which there was no report.
    pub(super) new: Vec<String>,
    /// Documents of the earlier set that could not be read.
    pub(super) broken: usize,
    #[serde(skip)]
    pub(super) new_at: Vec<u32>,
}

/// A failure that came or went.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    pub(super) finding: String,
    pub(super) reason: String,
    pub(super) nodes: Vec<String>,
    #[serde(skip)]
    pub(super) outcome: u32,
    #[serde(skip)]
    pub(super) at: Vec<u32>,
}

pub(super) fn drift(census: &Census, against: String, earlier: &Earlier) -> Drift {
    let (pairs, new_at) = pairs(census, earlier);
    let found: HashSet<usize> = pairs.iter().map(|(was, _)| *was).collect();
    let (mut worse, mut better, mut unclear) = (Changes::default(), Changes::default(), Changes::default());
    for (was, at) in pairs {
        compare(census, &earlier.nodes[was], &census.nodes[at as usize], |kind, outcome| {
            let changes = match kind {
                Kind::Worse => &mut worse,
                Kind::Better => &mut better,
                Kind::Unclear => &mut unclear,
            };
            changes.0.entry(outcome).or_default().push(at);
        });
    }
    let gone = earlier.nodes.iter().enumerate().filter(|(at, _)| !found.contains(at));
    Drift {
        against,
        worse: worse.told(census),
        better: better.told(census),
        unclear: unclear.told(census),
        gone: gone.map(|(_, node)| node.name.to_string()).collect(),
        new: new_at.iter().map(|at| census.nodes[*at as usize].name.to_string()).collect(),
        broken: earlier.broken,
        new_at,
    }
}

/// The nodes of both days, by their places then and now; and those of today that are in no pair. Nodes that know less of
/// themselves on one of the days are told by their host names, where one alone is left of a name.
fn pairs(census: &Census, earlier: &Earlier) -> (Vec<(usize, u32)>, Vec<u32>) {
    let mut machines = Machines::default();
    let mut then: HashMap<(u32, u32), usize> = HashMap::new();
    for (at, node) in earlier.nodes.iter().enumerate() {
        then.entry((machines.number(&node.identities), node.policy)).or_insert(at);
    }
    let (mut pairs, mut left) = (Vec::new(), Vec::new());
    for (at, node) in (0..).zip(&census.nodes) {
        let machine = machines.find(&node.identities);
        match machine.and_then(|machine| then.remove(&(machine, node.policy))) {
            Some(was) => pairs.push((was, at)),
            None => left.push(at),
        }
    }
    let was = by_name(then.into_values().map(|at| (&earlier.nodes[at], at)));
    let is = by_name(left.iter().map(|at| (&census.nodes[*at as usize], *at)));
    let mut found = HashSet::new();
    for (name, at) in is {
        if let (Some(at), Some(Some(was))) = (at, was.get(&name)) {
            pairs.push((*was, at));
            found.insert(at);
        }
    }
    left.retain(|at| !found.contains(at));
    pairs.sort_unstable_by_key(|(_, at)| *at);
    (pairs, left)
}

/// By host name and policy; None where several have them.
fn by_name<'a, T>(nodes: impl Iterator<Item = (&'a Node, T)>) -> HashMap<(Box<str>, u32), Option<T>> {
    let mut all = HashMap::new();
    for (node, at) in nodes {
        if let Some(name) = node.identities.hostname() {
            all.entry((name, node.policy)).and_modify(|at| *at = None).or_insert(Some(at));
        }
    }
    all
}

enum Kind {
    Worse,
    Better,
    Unclear,
}

/// Tells of each failure of one of two days what became of it.
fn compare(census: &Census, was: &Node, is: &Node, mut tell: impl FnMut(Kind, u32)) {
    if was.pattern == is.pattern {
        return;
    }
    let by_finding = |node: &Node| -> HashMap<u32, Outcome> {
        census.outcomes_of(node).map(|(_, outcome)| (outcome.finding, *outcome)).collect()
    };
    let (then, now) = (by_finding(was), by_finding(is));
    for (number, outcome) in census.outcomes_of(is).filter(|(_, o)| o.verdict == Verdict::Fail) {
        if then.get(&outcome.finding).is_none_or(|then| then.verdict != Verdict::Fail) {
            tell(Kind::Worse, number);
        }
    }
    for (number, outcome) in census.outcomes_of(was).filter(|(_, o)| o.verdict == Verdict::Fail) {
        match now.get(&outcome.finding) {
            Some(now) if now.verdict == Verdict::Fail => {}
            // What is skipped, unknown or no longer asked is not mended.
            Some(now) if now.determined && now.verdict != Verdict::Skip => tell(Kind::Better, number),
            _ => tell(Kind::Unclear, number),
        }
    }
}

/// By outcome, the places of the nodes.
#[derive(Default)]
struct Changes(BTreeMap<u32, Vec<u32>>);

impl Changes {
    /// What concerns most nodes first.
    fn told(self, census: &Census) -> Vec<Change> {
        let change = |(outcome, at): (u32, Vec<u32>)| Change {
            finding: census.word(census.outcomes[outcome].finding).to_owned(),
            reason: census.word(census.outcomes[outcome].reason).to_owned(),
            nodes: at.iter().map(|at| census.nodes[*at as usize].name.to_string()).collect(),
            outcome,
            at,
        };
        let mut all: Vec<Change> = self.0.into_iter().map(change).collect();
        all.sort_by(|a, b| {
            b.nodes
                .len()
                .cmp(&a.nodes.len())
                .then_with(|| (&a.finding, &a.reason).cmp(&(&b.finding, &b.reason)))
        });
        all
    }
}
