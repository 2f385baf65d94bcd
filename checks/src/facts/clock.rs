//! Whether the clock is kept right, as the kernel knows it, and who keeps it.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, Probe},
};
use std::time::Duration;

/// `STA_UNSYNC` and `TIME_ERROR` of include/uapi/linux/timex.h.
const UNSYNCHRONISED: u64 = 0x40;
const TIME_ERROR: u64 = 5;

/// What the kernel knows of its clock (adjtimex(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Whether somebody keeps it right.
    pub is_synchronised: bool,
    /// How far it may be off at most, as who keeps it says; it grows as long as nobody does.
    pub max_error: Duration,
}

impl Clock {
    /// Reads `state=0 status=8193 maxerror=16000 esterror=200`, errors in microseconds.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| -> Option<u64> {
            text.split(' ').find_map(|word| word.split_once('=').filter(|(k, _)| *k == key)?.1.parse().ok())
        };
        let is_synchronised = value("state")? != TIME_ERROR && value("status")? & UNSYNCHRONISED == 0;
        Some(Self { is_synchronised, max_error: Duration::from_micros(value("maxerror")?) })
    }
}

/// Programs that keep clocks, with a file that each has while it runs or once it has set the clock.
const KEEPERS: [(&str, &str); 6] = [
    ("/run/systemd/timesync/synchronized", "systemd-timesyncd"),
    ("/run/chrony/chronyd.pid", "chronyd"),
    ("/var/run/chrony/chronyd.pid", "chronyd"),
    ("/run/ntpd.pid", "ntpd"),
    ("/var/run/ntpd.pid", "ntpd"),
    ("/run/ntpsec/ntpd.pid", "ntpd (ntpsec)"),
];

impl Node {
    /// What the kernel knows of its clock; on a live node only.
    ///
    /// # Errors
    /// When it can't be asked.
    pub fn clock(&self) -> Known<Clock> {
        let probed = self.probe(&Probe::Clock);
        match (probed.details().and_then(Clock::parse), probed.answer()) {
            (Some(clock), _) => Ok(clock),
            (None, Err(e)) => Err(e.unknown()),
            (None, Ok(answer)) => {
                let unknown = Unknown::new(format!("adjtimex(2) answered {answer}"));
                Err(unknown.tried(probed.evidence()))
            }
        }
    }

    /// Which program seems to keep the clock.
    #[must_use]
    pub fn clock_keeper(&self) -> Option<(&'static str, Evidence)> {
        let found = KEEPERS.iter().find(|(path, _)| self.kind(path).is_ok());
        found.map(|(path, name)| (*name, Evidence::new(*path, "exists")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

    #[test]
    fn what_adjtimex_says() {
        let of = |text: &str| Clock::parse(text);
        let good = of("state=0 status=8193 maxerror=16000 esterror=0").unwrap();
        assert_eq!((good.is_synchronised, good.max_error), (true, Duration::from_millis(16)));
        assert!(!of("state=5 status=64 maxerror=16000000").unwrap().is_synchronised);
        assert!(!of("state=0 status=65 maxerror=1").unwrap().is_synchronised);
        for text in ["", "state=0", "state=x status=1 maxerror=1"] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn a_tree_has_no_clock() {
        assert!(Node::in_memory(Memory::new().as_root()).clock().is_err());
        let node = Node::in_memory(Memory::new().file("/run/chrony/chronyd.pid", "7\n"));
        assert_eq!(node.clock_keeper().unwrap().0, "chronyd");
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,100}") {
            let _ = Clock::parse(&text);
        }
    }
}
