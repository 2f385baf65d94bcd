//! Everything that was read, each thing once.
//!
//! A node is what it is called and the *pattern* of its outcomes. Ten thousand nodes have few kernels, some hundred outcomes and
//! hardly more patterns than there are kinds of machines, so that a node takes some hundred bytes.

use super::{
    documents::Place,
    identities::Identities,
    reading::{Detail, GroupKey, Reading},
};
use crate::report::model::Verdict;
use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashMap},
    hash::Hash,
    sync::Arc,
};

/// Things by number, each once. What takes room is an [`Arc`]: it is held by its number and as a key.
#[derive(Debug)]
pub(super) struct Table<T> {
    all: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { all: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    fn number(&mut self, thing: T) -> u32 {
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(thing).or_insert_with_key(|thing| {
            self.all.push(thing.clone());
            next
        })
    }

    /// By number, in the order in which they came.
    pub(super) fn all(&self) -> &[T] {
        &self.all
    }
}

impl<T> std::ops::Index<u32> for Table<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        &self.all[number as usize]
    }
}

impl<T: ?Sized + Eq + Hash> Table<Arc<T>> {
    fn known<Q: ?Sized + Eq + Hash>(&self, thing: &Q) -> Option<u32>
    where
        Arc<T>: Borrow<Q>,
    {
        self.numbers.get(thing).copied()
    }
}

impl Table<Arc<str>> {
    fn word(&mut self, text: &str) -> u32 {
        self.known(text).unwrap_or_else(|| self.number(text.into()))
    }
}

/// What a node said of one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Outcome {
    /// The finding's id, a word.
    pub(super) finding: u32,
    pub(super) verdict: Verdict,
    pub(super) determined: bool,
    /// A word.
    pub(super) reason: u32,
    /// The id of the finding from which it follows, a word.
    pub(super) blocked_by: Option<u32>,
}

impl Outcome {
    /// What of it is compared.
    pub(super) fn key(&self) -> (Verdict, u32) {
        (self.verdict, self.reason)
    }

    /// Whether nobody knows, and that is told as a problem.
    pub(super) fn is_undetermined(&self) -> bool {
        !self.determined && self.verdict >= Verdict::Warn
    }
}

/// One report.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// As people call it: the host name, or the file.
    pub(super) name: Box<str>,
    /// A word.
    pub(super) kernel: Option<u32>,
    /// The file, and the number of the document in it where it has several.
    pub(super) source: Box<str>,
    pub(super) started_at: Box<str>,
    /// The same in seconds since 1970.
    pub(super) started: u64,
    /// The name of the policy, a word.
    pub(super) policy: u32,
    /// Which machine it is of; reports of one machine by several policies are nodes of their own.
    pub(super) machine: u32,
    /// A word.
    pub(super) group: u32,
    pub(super) pattern: u32,
    pub(super) verdict: Verdict,
    pub(super) identities: Identities,
    /// Outcomes that are open, and what was said of them.
    pub(super) details: Box<[(u32, u32)]>,
}

/// A document that could not be read.
#[derive(Clone, Debug)]
pub(super) struct Broken {
    pub(super) source: String,
    pub(super) why: String,
}

/// How many bytes of what is said of findings are kept, and how many documents that could not be read are named.
const DETAILS: usize = 12 << 20;
const BROKEN_NAMED: usize = 1000;

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Census {
    pub(super) words: Table<Arc<str>>,
    /// By word: the check of a finding's id.
    pub(super) checks: HashMap<u32, u32>,
    pub(super) outcomes: Table<Outcome>,
    pub(super) patterns: Table<Arc<[u32]>>,
    pub(super) details: Table<Arc<Detail>>,
    detail_bytes: usize,
    /// How many findings lack what was said of them, for want of room.
    pub(super) dropped: usize,
    pub(super) nodes: Vec<Node>,
    pub(super) broken: Vec<Broken>,
    /// Documents that could not be read, named or not.
    pub(super) broken_count: usize,
    /// Reports of nodes of which there is a newer one.
    pub(super) superseded: usize,
    /// Files in directories that hold no reports by their names.
    pub(super) other_files: usize,
    /// The names of the inputs that policies have, where nodes are grouped by one.
    pub(super) inputs: BTreeSet<String>,
}

/// What was counted before the earlier set came.
pub(super) struct Now {
    nodes: Vec<Node>,
    broken: Vec<Broken>,
    broken_count: usize,
    superseded: usize,
    other_files: usize,
}

/// The earlier set.
#[derive(Debug)]
pub(super) struct Earlier {
    pub(super) nodes: Vec<Node>,
    pub(super) broken: usize,
}

impl Census {
    /// Takes in what a document said.
    pub(super) fn add(&mut self, place: &Place, reading: Result<Reading<'_>, String>, group_by: &[GroupKey]) {
        let source = if place.number > 1 {
            format!("{} document {}", place.file, place.number)
        } else {
            place.file.clone()
        };
        match reading {
            Ok(reading) => self.add_node(place, source, &reading, group_by),
            Err(why) => {
                self.broken_count += 1;
                if self.broken.len() < BROKEN_NAMED {
                    self.broken.push(Broken { source, why });
                }
            }
        }
    }

    fn add_node(&mut self, place: &Place, source: String, reading: &Reading<'_>, group_by: &[GroupKey]) {
        let group = group_of(reading, place, group_by);
        let mut pattern = Vec::with_capacity(reading.findings.len());
        let mut details = Vec::new();
        let mut identities = Identities::of(reading.node.hostname.as_deref());
        for found in &reading.findings {
            let finding = self.words.word(&found.id);
            let check = self.words.word(&found.check);
            self.checks.insert(finding, check);
            let outcome = Outcome {
                finding,
                verdict: found.verdict,
                determined: found.determined,
                reason: self.words.word(&found.reason),
                blocked_by: found.blocked_by.as_deref().map(|id| self.words.word(id)),
            };
            let outcome = self.outcomes.number(outcome);
            pattern.push(outcome);
            if found.is_open() {
                details.extend(self.detail(found.detail()).map(|detail| (outcome, detail)));
            }
            if &*found.check == "identity" {
                found.evidence().iter().for_each(|e| identities.add(&e.source, &e.observed));
            }
        }
        if group_by.iter().any(|key| matches!(key, GroupKey::Input(_))) {
            let names = reading.policy.inputs.keys().filter(|name| !self.inputs.contains(&***name));
            let names: Vec<String> = names.map(ToString::to_string).collect();
            self.inputs.extend(names);
        }
        let node = Node {
            name: reading.node.hostname.as_deref().unwrap_or(&source).into(),
            kernel: reading.node.kernel.as_deref().map(|kernel| self.words.word(kernel)),
            source: source.into(),
            started_at: (&*reading.started_at).into(),
            started: reading.started,
            policy: self.words.word(&reading.policy.name),
            machine: 0,
            group: self.words.word(&group),
            pattern: self.patterns.number(pattern.into()),
            verdict: reading.verdict,
            identities,
            details: details.into(),
        };
        self.nodes.push(node);
    }

    /// Keeps what was said, while there is room.
    fn detail(&mut self, detail: Detail) -> Option<u32> {
        if let Some(known) = self.details.known(&detail) {
            return Some(known);
        }
        if self.detail_bytes + detail.size() > DETAILS {
            self.dropped += 1;
            return None;
        }
        self.detail_bytes += detail.size();
        Some(self.details.number(Arc::new(detail)))
    }

    /// Of several reports of one machine by one policy, the newest counts. Nodes are ordered by name, then by file.
    pub(super) fn resolve(&mut self) {
        self.superseded += super::identities::keep_newest(&mut self.nodes);
        self.nodes.sort_by(|a, b| (&a.name, &a.source).cmp(&(&b.name, &b.source)));
    }

    /// Puts what was read aside, so that an earlier set can be read.
    pub(super) fn begin_earlier(&mut self) -> Now {
        Now {
            nodes: std::mem::take(&mut self.nodes),
            broken: std::mem::take(&mut self.broken),
            broken_count: std::mem::take(&mut self.broken_count),
            superseded: self.superseded,
            other_files: self.other_files,
        }
    }

    /// Tells the earlier set, and takes back what was put aside.
    pub(super) fn end_earlier(&mut self, now: Now) -> Earlier {
        let earlier = Earlier { nodes: std::mem::take(&mut self.nodes), broken: self.broken_count };
        self.nodes = now.nodes;
        self.broken = now.broken;
        self.broken_count = now.broken_count;
        (self.superseded, self.other_files) = (now.superseded, now.other_files);
        earlier
    }

    /// A word, as text.
    pub(super) fn word(&self, number: u32) -> &str {
        &self.words[number]
    }

    /// What a node said, in the order of its report.
    pub(super) fn outcomes_of<'a>(&'a self, node: &Node) -> impl Iterator<Item = (u32, &'a Outcome)> {
        self.patterns[node.pattern].iter().map(|number| (*number, &self.outcomes[*number]))
    }
}

/// The name of the group to which a node belongs.
fn group_of(reading: &Reading<'_>, place: &Place, keys: &[GroupKey]) -> String {
    let input = |name: &str| {
        reading.policy.inputs.get(name).map(|input| &*input.value).filter(|value| !value.is_empty())
    };
    if keys.is_empty() {
        let role = input("role").map(|role| format!(" · role={role}")).unwrap_or_default();
        return format!("{}{role}", reading.policy.name);
    }
    let words: Vec<String> = keys
        .iter()
        .map(|key| match key {
            GroupKey::Policy => reading.policy.name.to_string(),
            GroupKey::Kernel => reading.node.kernel.as_deref().unwrap_or("unknown kernel").to_owned(),
            GroupKey::Architecture => {
                reading.node.architecture.as_deref().unwrap_or("unknown architecture").to_owned()
            }
            GroupKey::Cgroup => {
                let layout = reading.node.cgroup.map_or("unknown", |layout| layout.as_str());
                format!("cgroup {layout}")
            }
            GroupKey::Environment => reading.node.environment.as_str().to_owned(),
            GroupKey::Directory => place.directory.clone(),
            GroupKey::Input(name) => format!("{name}={}", input(name).unwrap_or_default()),
        })
        .collect();
    words.join(" · ")
}
