//! How many nodes are alike, so that each kind of them is looked at once.

use super::census::Census;
use std::collections::BTreeMap;

/// How many nodes of a group have a pattern, so that each pattern is looked at once.
pub(super) struct Counted {
    /// By group and pattern.
    pub(super) kinds: BTreeMap<(u32, u32), usize>,
    /// By group, the largest first, then by name.
    pub(super) groups: Vec<(u32, usize)>,
}

impl Counted {
    pub(super) fn of(census: &Census) -> Self {
        let mut kinds = BTreeMap::new();
        let mut groups: BTreeMap<u32, usize> = BTreeMap::new();
        for node in &census.nodes {
            *kinds.entry((node.group, node.pattern)).or_default() += 1;
            *groups.entry(node.group).or_default() += 1;
        }
        let mut groups: Vec<(u32, usize)> = groups.into_iter().collect();
        groups.sort_by_key(|(word, nodes)| (std::cmp::Reverse(*nodes), census.word(*word)));
        Self { kinds, groups }
    }

    /// The patterns of a group, and how many of its nodes have each.
    pub(super) fn patterns_of(&self, group: u32) -> impl Iterator<Item = (u32, usize)> {
        self.kinds.range((group, 0)..=(group, u32::MAX)).map(|((_, pattern), nodes)| (*pattern, *nodes))
    }
}
