//! What the checks that ask over the network have in common: how long they wait, and what they say where nobody was reached.

use crate::{
    duration::Duration,
    endpoint::Endpoint,
    facts::reach::{Barrier, Unreached},
    finding::{Finding, Remedy, Severity},
};
use std::time;

/// The longest time that a connection may take.
pub(super) const LONGEST: time::Duration = time::Duration::from_secs(30);

/// In milliseconds, as probes take it.
pub(super) fn millis(time: Duration) -> u32 {
    u32::try_from(time.get().as_millis()).unwrap_or(u32::MAX)
}

/// How long so many endpoints may take at worst: names by the last server in the last domain, addresses one after the other.
pub(super) fn waiting(time: Duration, endpoints: usize) -> time::Duration {
    let times = endpoints.saturating_mul(8).saturating_add(2);
    time.get().saturating_mul(u32::try_from(times).unwrap_or(u32::MAX))
}

/// The finding about an endpoint that can't be reached.
pub(super) fn unreached_finding(
    subject: &str,
    target: &Endpoint,
    severity: Severity,
    unreached: Unreached,
) -> Finding {
    let Unreached { barrier, evidence } = unreached;
    let message = format!("this node can't connect to {subject}: {}", barrier.text());
    let finding = Finding::problem(severity, subject, barrier.reason(), message)
        .evidence(evidence)
        .remedy(Remedy::new(barrier.remedy(target)));
    if barrier == Barrier::NameServers { finding.follows("name-servers") } else { finding }
}
