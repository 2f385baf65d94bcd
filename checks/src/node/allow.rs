//! What a run may do beyond reading (law 5): named by the policy, allowed by the command line.

use std::fmt;

/// A way of going beyond reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Allow {
    /// Send packets, look up names.
    Network,
    /// Start programs.
    Exec,
    /// Write scratch files.
    Write,
    /// Ask the kernel by ways that touch its state.
    Probe,
}

impl Allow {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Network, Self::Exec, Self::Write, Self::Probe];

    /// Its word on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Exec => "exec",
            Self::Write => "write",
            Self::Probe => "probe",
        }
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a run may do beyond reading; by default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed(u8);

impl Allowed {
    /// Whether `what` is among it.
    #[must_use]
    pub fn contains(self, what: Allow) -> bool {
        self.0 & bit(what) != 0
    }
}

fn bit(what: Allow) -> u8 {
    1 << what as u8
}

impl FromIterator<Allow> for Allowed {
    fn from_iter<T: IntoIterator<Item = Allow>>(all: T) -> Self {
        Self(all.into_iter().fold(0, |bits, one| bits | bit(one)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_allowed_that_was_not_named() {
        let allowed: Allowed = [Allow::Network, Allow::Write].into_iter().collect();
        assert_eq!(Allow::ALL.map(|a| allowed.contains(a)), [true, false, true, false]);
        assert!(!Allow::ALL.into_iter().any(|a| Allowed::default().contains(a)));
    }
}
