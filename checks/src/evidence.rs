//! What was looked at and what it showed: the only thing a pass can be made of.

use schemars::JsonSchema;
use serde::Serialize;

/// The longest observation that is kept, in bytes. Evidence is for reading; the file itself stays on the node.
const OBSERVED_LIMIT: usize = 400;

/// One observation: where it was made and what was seen there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Evidence {
    /// A path of the node (`/proc/cgroups`) or the name of a probe (`uname`).
    pub source: String,
    /// What was seen: the part of the file that mattered, or the error that reading it gave.
    pub observed: String,
}

impl Evidence {
    /// An observation; `observed` is cut to a readable length at a character boundary.
    pub fn new(source: impl Into<String>, observed: impl Into<String>) -> Self {
        let mut observed: String = observed.into();
        if observed.len() > OBSERVED_LIMIT {
            let cut = (0..=OBSERVED_LIMIT).rev().find(|&i| observed.is_char_boundary(i)).unwrap_or(0);
            observed.truncate(cut);
            observed.push('…');
        }
        Self { source: source.into(), observed }
    }
}

/// At least one piece of evidence. A pass takes a `Proof`, so none can be made without evidence (law 2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof(Vec<Evidence>);

impl Proof {
    /// A proof that rests on `first`.
    #[must_use]
    pub fn new(first: Evidence) -> Self {
        Self(vec![first])
    }

    /// A proof that rests on all of these; none where there are none.
    pub fn of(all: impl IntoIterator<Item = Evidence>) -> Option<Self> {
        let all: Vec<Evidence> = all.into_iter().collect();
        (!all.is_empty()).then_some(Self(all))
    }

    /// The same proof with one more piece of evidence.
    #[must_use]
    pub fn and(mut self, more: Evidence) -> Self {
        self.0.push(more);
        self
    }

    /// The same proof with all of `more`.
    #[must_use]
    pub fn and_all(mut self, more: impl IntoIterator<Item = Evidence>) -> Self {
        self.0.extend(more);
        self
    }

    /// The evidence, in the order it was given; never empty.
    #[must_use]
    pub fn into_evidence(self) -> Vec<Evidence> {
        self.0
    }
}

impl From<Evidence> for Proof {
    fn from(first: Evidence) -> Self {
        Self::new(first)
    }
}

/// Something could not be determined: neither "is so" nor "is not so" (law 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Why, as a clause that can follow "could not be determined: ".
    pub reason: String,
    /// What was tried.
    pub evidence: Vec<Evidence>,
    /// What would determine it: root, a capability, a mount. As a clause: "run as root".
    pub needs: Option<String>,
}

impl Unknown {
    /// Not determined, for `reason`.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), evidence: Vec::new(), needs: None }
    }

    /// The name of the cause that everything shares which could not be determined for this reason.
    #[must_use]
    pub fn cause(&self) -> String {
        format!("unknown: {}", self.reason)
    }

    /// Adds what was tried.
    #[must_use]
    pub fn tried(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    /// Says what would determine it.
    #[must_use]
    pub fn needs(mut self, what: impl Into<String>) -> Self {
        self.needs = Some(what.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_observations_are_cut_between_characters() {
        let e = Evidence::new("/x", "é".repeat(OBSERVED_LIMIT));
        assert!(e.observed.len() <= OBSERVED_LIMIT + '…'.len_utf8());
        assert!(e.observed.ends_with("é…"));
    }
}
