//! Which reports are of one node, and what several nodes have that each needs for itself.

use super::census::Node;
use crate::compare::identity;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// What tells a node from others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identities {
    /// What it is, and its value; sorted.
    all: Vec<(&'static str, Box<str>)>,
}

const MAC: &str = "mac-address";

impl Identities {
    pub(super) fn of(hostname: Option<&str>) -> Self {
        Self { all: hostname.map(|name| ("hostname", name.into())).into_iter().collect() }
    }

    /// Takes what evidence of the check `identity` tells, if it is an identity.
    pub(super) fn add(&mut self, source: &str, observed: &str) {
        if let Some(what) = identity(source, observed) {
            self.all.push((what, observed.into()));
            self.all.sort_unstable();
            self.all.dedup();
        }
    }

    /// All but the addresses of interfaces, which come and go.
    fn lasting(&self) -> Vec<(&'static str, Box<str>)> {
        self.all.iter().filter(|(what, _)| *what != MAC).cloned().collect()
    }

    /// Whether they have an address in common, or one of them tells none.
    fn may_be_one(&self, other: &Self) -> bool {
        let macs = |all: &Self| {
            all.all.iter().filter(|(what, _)| *what == MAC).map(|(_, v)| v.clone()).collect::<Vec<_>>()
        };
        let (mine, others) = (macs(self), macs(other));
        mine.is_empty() || others.is_empty() || mine.iter().any(|mac| others.contains(mac))
    }

    /// Whether these are of one node: the same host name, machine-id and UUID, and an address in common where both tell some.
    pub(super) fn is_same_node(&self, other: &Self) -> bool {
        self.lasting() == other.lasting() && self.may_be_one(other)
    }

    /// What nodes that may be the same have in common, to find them by.
    pub(super) fn key(&self) -> Vec<(&'static str, Box<str>)> {
        self.lasting()
    }
}

/// Leaves the newest report of each node; how many were left out. A node that tells nothing of itself is one of its own.
pub(super) fn keep_newest(nodes: &mut Vec<Node>) -> usize {
    let before = nodes.len();
    // Of two of the same moment, the later document counts.
    nodes.reverse();
    nodes.sort_by(|a, b| b.started_at.cmp(&a.started_at));
    let mut kept: HashMap<Vec<(&'static str, Box<str>)>, Vec<Identities>> = HashMap::new();
    nodes.retain(|node| {
        if node.identities.all.is_empty() {
            return true;
        }
        let alike = kept.entry(node.identities.key()).or_default();
        let is_new = !alike.iter().any(|other| node.identities.is_same_node(other));
        if is_new {
            alike.push(node.identities.clone());
        }
        is_new
    });
    before - nodes.len()
}

/// A value that several nodes have, and only one should.
#[derive(Debug, Serialize)]
pub(super) struct Duplicate {
    /// `hostname`, `machine-id`, `product-uuid`, `mac-address`.
    pub(super) what: &'static str,
    pub(super) value: String,
    /// The places of the nodes in the census.
    #[serde(skip)]
    pub(super) at: Vec<u32>,
    /// Their names.
    pub(super) nodes: Vec<String>,
}

pub(super) fn duplicates(nodes: &[Node]) -> Vec<Duplicate> {
    let mut having: BTreeMap<(&'static str, &str), Vec<u32>> = BTreeMap::new();
    for (at, node) in (0..).zip(nodes) {
        for (what, value) in &node.identities.all {
            having.entry((what, value)).or_default().push(at);
        }
    }
    let several = having.into_iter().filter(|(_, nodes)| nodes.len() > 1);
    several
        .map(|((what, value), at)| {
            let names = at.iter().map(|at| nodes[*at as usize].name.to_string()).collect();
            Duplicate { what, value: value.to_owned(), at, nodes: names }
        })
        .collect()
}
