//! What there is to tell of a fleet.

use super::{
    census::{Census, Earlier, Node, Outcome},
    drift::{Drift, drift},
    identities::{Duplicate, duplicates},
};
use crate::report::model::{ApiVersion, Tool, Verdict};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

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

/// Findings by groups.
#[derive(Debug, Serialize)]
pub(super) struct Matrix {
    /// The groups, the largest first.
    pub(super) groups: Vec<Group>,
    /// The findings that are not good everywhere, the worst first.
    pub(super) findings: Vec<Row>,
}

#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) nodes: usize,
    #[serde(skip)]
    pub(super) word: u32,
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
        let matrix = matrix(census, &counted);
        Self {
            api_version: ApiVersion::V1,
            kind: "Fleet",
            tool: Tool::this(),
            totals: totals(census),
            causes: causes(census, &counted, Verdict::Fail),
            warnings: causes(census, &counted, Verdict::Warn),
            odd: odd(census, &counted),
            matrix,
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

/// How many nodes of a group have a pattern, so that each pattern is looked at once.
struct Counted {
    /// By pattern and group.
    kinds: BTreeMap<(u32, u32), usize>,
    /// By group, the largest first, then by name.
    groups: Vec<(u32, usize)>,
}

impl Counted {
    fn of(census: &Census) -> Self {
        let mut kinds = BTreeMap::new();
        let mut groups: BTreeMap<u32, usize> = BTreeMap::new();
        for node in &census.nodes {
            *kinds.entry((node.pattern, node.group)).or_default() += 1;
            *groups.entry(node.group).or_default() += 1;
        }
        let mut groups: Vec<(u32, usize)> = groups.into_iter().collect();
        groups.sort_by_key(|(word, nodes)| (std::cmp::Reverse(*nodes), census.word(*word)));
        Self { kinds, groups }
    }
}

/// What fails, or warns, by how many nodes it concerns.
fn causes(census: &Census, counted: &Counted, verdict: Verdict) -> Vec<Cause> {
    let mut found: HashMap<u32, (usize, usize, usize)> = HashMap::new();
    for ((pattern, _), nodes) in &counted.kinds {
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

fn matrix(census: &Census, counted: &Counted) -> Matrix {
    let column: HashMap<u32, usize> =
        counted.groups.iter().enumerate().map(|(at, (word, _))| (*word, at)).collect();
    let mut rows: HashMap<u32, Vec<Cell>> = HashMap::new();
    for ((pattern, group), nodes) in &counted.kinds {
        for number in &census.patterns[*pattern] {
            let outcome = census.outcomes[*number];
            let cells =
                rows.entry(outcome.finding).or_insert_with(|| vec![Cell::default(); counted.groups.len()]);
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
        for (cell, (_, nodes)) in cells.iter_mut().zip(&counted.groups) {
            let told = cell.fail + cell.undetermined + cell.warn + cell.pass + cell.skip;
            cell.none = nodes.saturating_sub(told);
        }
        findings.push(Row { finding: census.word(word).to_owned(), word, cells });
    }
    let sum = |row: &Row, of: fn(&Cell) -> usize| row.cells.iter().map(of).sum::<usize>();
    let weight = |row: &Row| (sum(row, |c| c.fail), sum(row, |c| c.undetermined), sum(row, |c| c.warn));
    findings.sort_by_cached_key(|row| (std::cmp::Reverse(weight(row)), row.finding.clone()));
    let group = |(word, nodes): &(u32, usize)| Group {
        name: census.word(*word).to_owned(),
        nodes: *nodes,
        word: *word,
    };
    Matrix { groups: counted.groups.iter().map(group).collect(), findings }
}

/// What most nodes of a group say, by finding: those which more than half say. None where most have no such finding.
fn usual(census: &Census, counted: &Counted, group: (u32, usize)) -> HashMap<u32, Option<(Verdict, u32)>> {
    let mut said: HashMap<u32, HashMap<(Verdict, u32), usize>> = HashMap::new();
    for ((pattern, _), nodes) in counted.kinds.iter().filter(|((_, of), _)| *of == group.0) {
        for number in &census.patterns[*pattern] {
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

fn odd(census: &Census, counted: &Counted) -> Vec<Odd> {
    let mut apart: HashMap<(u32, u32), Unlike> = HashMap::new();
    // Of two nodes none is the odd one.
    for group in counted.groups.iter().filter(|(_, nodes)| *nodes > 2) {
        let usual = usual(census, counted, *group);
        for (pattern, _) in counted.kinds.keys().filter(|(_, of)| *of == group.0) {
            let differs = unlike(census, *pattern, &usual);
            if !differs.1.is_empty() {
                apart.insert((*pattern, group.0), differs);
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

/// In how many findings it is told of such a node what it says.
const SAYS: usize = 20;

/// How many nodes are named that are unlike most.
const ODD: usize = 1000;

/// In which outcomes a pattern is unlike what is usual, and in words; findings that it lacks, too.
fn unlike(census: &Census, pattern: u32, usual: &HashMap<u32, Option<(Verdict, u32)>>) -> Unlike {
    let (mut outcomes, mut says) = (Vec::new(), Vec::new());
    let mut has = BTreeSet::new();
    for number in &census.patterns[pattern] {
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
