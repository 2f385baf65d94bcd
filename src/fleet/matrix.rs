//! Findings by groups of nodes.

use super::{census::Census, counted::Counted};
use crate::report::model::Verdict;
use serde::Serialize;
use std::collections::HashMap;

/// How many groups have a column of their own: a table of ten thousand helps nobody, and does not fit into memory.
const GROUPS: usize = 64;

/// Findings by groups.
#[derive(Debug, Serialize)]
pub(super) struct Matrix {
    /// The groups, the largest first; the last column stands for all that are more than 64.
    pub(super) groups: Vec<Group>,
    /// The findings that are not good everywhere, the worst first.
    pub(super) findings: Vec<Row>,
    /// The column of each group, by its word.
    #[serde(skip)]
    pub(super) column: HashMap<u32, usize>,
}

#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) nodes: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) finding: String,
    #[serde(skip)]
    pub(super) word: u32,
    /// In the order of the groups.
    pub(super) cells: Vec<Cell>,
}

/// How many nodes of a group say what of a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Cell {
    pub(super) fail: usize,
    pub(super) undetermined: usize,
    pub(super) warn: usize,
    pub(super) pass: usize,
    pub(super) skip: usize,
    /// Nodes without such a finding.
    pub(super) none: usize,
}

/// Counts by finding and group what nodes say.
pub(super) fn matrix(census: &Census, counted: &Counted) -> Matrix {
    let (groups, column) = columns(census, counted);
    let mut rows: HashMap<u32, Vec<Cell>> = HashMap::new();
    for ((group, pattern), nodes) in &counted.kinds {
        for number in census.patterns[*pattern].iter() {
            let outcome = census.outcomes[*number];
            let cells = rows.entry(outcome.finding).or_insert_with(|| vec![Cell::default(); groups.len()]);
            let cell = &mut cells[column[group]];
            *match outcome.verdict {
                Verdict::Fail => &mut cell.fail,
                Verdict::Warn if !outcome.determined => &mut cell.undetermined,
                Verdict::Warn => &mut cell.warn,
                Verdict::Pass => &mut cell.pass,
                Verdict::Skip => &mut cell.skip,
            } += nodes;
        }
    }
    let mut findings = Vec::new();
    for (word, mut cells) in rows {
        if cells.iter().all(|cell| cell.fail + cell.warn + cell.undetermined == 0) {
            continue;
        }
        for (cell, group) in cells.iter_mut().zip(&groups) {
            let told = cell.fail + cell.undetermined + cell.warn + cell.pass + cell.skip;
            cell.none = group.nodes.saturating_sub(told);
        }
        findings.push(Row { finding: census.word(word).to_owned(), word, cells });
    }
    let sum = |row: &Row, of: fn(&Cell) -> usize| row.cells.iter().map(of).sum::<usize>();
    let weight = |row: &Row| (sum(row, |c| c.fail), sum(row, |c| c.undetermined), sum(row, |c| c.warn));
    findings.sort_by_cached_key(|row| (std::cmp::Reverse(weight(row)), row.finding.clone()));
    Matrix { groups, findings, column }
}

/// The columns, and which of them is that of a group.
fn columns(census: &Census, counted: &Counted) -> (Vec<Group>, HashMap<u32, usize>) {
    let mut groups: Vec<Group> = Vec::new();
    let mut column = HashMap::new();
    for (at, (word, nodes)) in counted.groups.iter().enumerate() {
        column.insert(*word, at.min(GROUPS));
        match groups.get_mut(GROUPS) {
            Some(rest) => rest.nodes += nodes,
            None if at == GROUPS => {
                let name = format!("{} more groups", counted.groups.len() - GROUPS);
                groups.push(Group { name, nodes: *nodes });
            }
            None => groups.push(Group { name: census.word(*word).to_owned(), nodes: *nodes }),
        }
    }
    (groups, column)
}
