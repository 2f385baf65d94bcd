//! Law 3 played on nodes: every file is taken away in every way, and nothing may get better.
//!
//! Only the rules that ask for a file are judged without it: to the others, the door answers as before. What is
//! judged twice with the same answers is judged once, so that all captured nodes, which are much alike, can be played.

use super::laws::{better, judge, sound, worse};
use preflight::policy::Policy;
use preflight_checks::node::{Door, FileKind, Memory, Origin, ReadError, ReadErrorKind};
use std::{
    collections::{BTreeSet, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    path::Path,
    sync::{Arc, Mutex},
};

/// One way to take evidence away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Ablation {
    Removed,
    Denied,
    Halved,
    Emptied,
    Noise,
}

impl Ablation {
    const ALL: [Self; 5] = [Self::Removed, Self::Denied, Self::Halved, Self::Emptied, Self::Noise];

    fn of(self, node: &Memory, path: &str) -> Memory {
        let node = node.clone();
        let whole = || node.read(path, usize::MAX).expect("it is there");
        match self {
            Self::Removed => node.without(path),
            Self::Denied => node.error(path, ReadErrorKind::Denied("EACCES")),
            Self::Halved => {
                let bytes = whole();
                node.file(path, &bytes[..half(&bytes)])
            }
            Self::Emptied => node.file(path, ""),
            Self::Noise => {
                let length = whole().len().max(64);
                node.file(path, noise(length))
            }
        }
    }
}

/// Where half of a text ends. Never with a line: what lost whole lines is what a machine with less of it would say, and
/// nobody could tell.
fn half(bytes: &[u8]) -> usize {
    let half = bytes.len() / 2;
    half - usize::from(half > 0 && bytes[half - 1] == b'\n')
}

/// Bytes without meaning, the same in every run (xorshift, Marsaglia 2003).
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

type Paths = BTreeSet<String>;

/// A door that remembers what it was asked.
struct Recording {
    node: Memory,
    asked: Mutex<Paths>,
}

impl Recording {
    fn new(node: Memory) -> Arc<Self> {
        Arc::new(Self { node, asked: Mutex::default() })
    }

    fn note(&self, path: &str) -> &Memory {
        self.asked.lock().expect("nobody panics with it").insert(path.to_owned());
        &self.node
    }

    fn asked(&self) -> Paths {
        self.asked.lock().expect("the run is over").clone()
    }
}

impl Door for Recording {
    fn origin(&self) -> Origin {
        self.node.origin()
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadError> {
        self.note(path).read(path, limit)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        self.note(path).list(path)
    }

    fn kind(&self, path: &str) -> Result<FileKind, ReadError> {
        self.note(path).kind(path)
    }
}

/// A node that is to be played.
pub(crate) struct Whole {
    name: String,
    node: Memory,
    paths: Paths,
    hashes: Mutex<HashMap<String, u64>>,
}

impl Whole {
    /// A node of these files.
    pub(crate) fn new(name: &str, node: Memory, paths: impl IntoIterator<Item = String>) -> Self {
        let (name, paths) = (name.to_owned(), paths.into_iter().collect());
        Self { name, node, paths, hashes: Mutex::default() }
    }

    /// All that any question about these paths can bring to light.
    fn hash(&self, asked: &Paths) -> u64 {
        let mut hashes = self.hashes.lock().expect("nobody panics with it");
        let mut all = DefaultHasher::new();
        for path in asked {
            let hash = *hashes.entry(path.clone()).or_insert_with(|| self.hash_of(path));
            (path, hash).hash(&mut all);
        }
        all.finish()
    }

    fn hash_of(&self, path: &str) -> u64 {
        let mut hash = DefaultHasher::new();
        self.node.read(path, usize::MAX).ok().hash(&mut hash);
        self.paths.iter().filter(|p| Path::new(p).starts_with(path)).for_each(|p| p.hash(&mut hash));
        hash.finish()
    }
}

/// What was played already: for a file, a way and rules the paths that were asked for, and what they held.
type Played = Mutex<HashMap<(String, Ablation, Vec<usize>), Vec<(Arc<Paths>, u64)>>>;
/// The same for what each rule asks of a whole node.
type Asked = Mutex<HashMap<usize, Vec<(Arc<Paths>, u64)>>>;

/// Plays nodes by one policy.
pub(crate) struct Player<'a> {
    load: &'a (dyn Fn() -> Arc<Policy> + Sync),
    rules: usize,
    parts: Mutex<HashMap<Vec<usize>, Arc<Policy>>>,
    asked: Asked,
    played: Played,
}

impl<'a> Player<'a> {
    /// Of the policy that `load` reads, time and again: parts of it are judged by.
    pub(crate) fn new(load: &'a (dyn Fn() -> Arc<Policy> + Sync)) -> Self {
        Self {
            load,
            rules: load().rules.len(),
            parts: Mutex::default(),
            asked: Mutex::default(),
            played: Mutex::default(),
        }
    }

    /// How many runs with a file taken away there were.
    pub(crate) fn runs(&self) -> usize {
        self.played.lock().expect("nobody panics with it").values().map(Vec::len).sum()
    }

    /// The policy with these of its rules alone.
    fn part(&self, rules: &[usize]) -> Arc<Policy> {
        let mut parts = self.parts.lock().expect("nobody panics with it");
        let part = parts.entry(rules.to_owned()).or_insert_with(|| {
            let mut policy = Arc::into_inner((self.load)()).expect("nobody else has it");
            let mut at = 0..;
            policy.rules.retain(|_| rules.binary_search(&at.next().expect("endless")).is_ok());
            Arc::new(policy)
        });
        Arc::clone(part)
    }

    /// What a rule asks of a node. Where it got the same answers from another one, it asked the same.
    fn asked(&self, whole: &Whole, rule: usize) -> Arc<Paths> {
        let known = self.asked.lock().expect("nobody panics with it").get(&rule).cloned().unwrap_or_default();
        if let Some((asked, _)) = known.into_iter().find(|(asked, hash)| whole.hash(asked) == *hash) {
            return asked;
        }
        let door = Recording::new(whole.node.clone());
        judge(&self.part(&[rule]), Arc::clone(&door) as Arc<dyn Door>);
        let asked = Arc::new(door.asked());
        let entry = (Arc::clone(&asked), whole.hash(&asked));
        self.asked.lock().expect("nobody panics with it").entry(rule).or_default().push(entry);
        asked
    }

    /// Takes away every file of a node in every way; tells what got better.
    pub(crate) fn play(&self, whole: &Whole) -> Vec<String> {
        let asked: Vec<Arc<Paths>> = (0..self.rules).map(|rule| self.asked(whole, rule)).collect();
        // A file matters to a rule that asks for it, or for a directory above it.
        let matters = |path: &str, asked: &Paths| {
            Path::new(path).ancestors().any(|a| asked.contains(a.to_str().expect("UTF-8")))
        };
        let mut faults = Vec::new();
        for path in &whole.paths {
            let rules: Vec<usize> = (0..self.rules).filter(|rule| matters(path, &asked[*rule])).collect();
            if !rules.is_empty() {
                faults.extend(self.play_file(whole, path, &rules));
            }
        }
        faults
    }

    fn play_file(&self, whole: &Whole, path: &str, rules: &[usize]) -> Vec<String> {
        let mut faults = Vec::new();
        let policy = self.part(rules);
        let mut before = None;
        for ablation in Ablation::ALL {
            let key = (path.to_owned(), ablation, rules.to_owned());
            if self.is_played(&key, whole) {
                continue;
            }
            let (before, asked_before) = before.get_or_insert_with(|| {
                let door = Recording::new(whole.node.clone());
                (judge(&policy, Arc::clone(&door) as Arc<dyn Door>), door.asked())
            });
            let at = format!("{}: {path} {ablation:?}", whole.name);
            let door = Recording::new(ablation.of(&whole.node, path));
            let after = judge(&policy, Arc::clone(&door) as Arc<dyn Door>);
            sound(&policy, &after, &at);
            faults.extend(better(before, &after).into_iter().map(|b| format!("{at}: {b}")));
            // That it can't be read says nothing of what it holds; that it is not there may.
            if matches!(ablation, Ablation::Denied) {
                faults.extend(worse(before, &after).into_iter().map(|b| format!("{at}: {b}")));
            }
            let mut asked = door.asked();
            asked.extend(asked_before.iter().cloned());
            let hash = whole.hash(&asked);
            let mut played = self.played.lock().expect("nobody panics with it");
            played.entry(key).or_default().push((Arc::new(asked), hash));
        }
        faults
    }

    fn is_played(&self, key: &(String, Ablation, Vec<usize>), whole: &Whole) -> bool {
        let like = self.played.lock().expect("nobody panics with it").get(key).cloned().unwrap_or_default();
        like.iter().any(|(asked, hash)| whole.hash(asked) == *hash)
    }
}
