//! The runner: asks every rule of a policy, bounded in time, and makes verdicts of the answers.
//!
//! The order of things: `worker` asks, `select` keeps what was asked for, `verdict` maps answers to
//! verdicts (severities, `onUnknown`, kubeadm's names, waivers), `cause` leaves one failure for one cause.

mod asker;
mod cause;
mod confine;
pub mod kubeadm;
mod mailbox;
mod node_info;
mod retry;
mod select;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod verdict;
mod worker;

pub use asker::Asker;
pub(crate) use asker::ask_on_a_thread;
pub use confine::Confinement;
pub use kubeadm::Ignored;
pub use select::{NoMatch, Selection};
pub(crate) use verdict::DESELECTED;
pub use worker::Limits;

use crate::{
    policy::{Date, Policy},
    report::{
        model::{ApiVersion, InputInfo, Kind, Millis, PolicyInfo, Report, Summary, Tool, Verdict},
        time,
    },
};
use preflight_checks::node::{Allowed, Door};
use std::{
    collections::BTreeMap,
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Instant, SystemTime},
};

/// Everything that a run needs.
pub struct Request {
    /// What is asked.
    pub policy: Arc<Policy>,
    /// Who is asked.
    pub door: Arc<dyn Door>,
    /// The root directory, for the report.
    pub root: String,
    /// Which rules and findings are wanted.
    pub selection: Selection,
    /// Kubeadm's names whose failures are warnings.
    pub ignored: Ignored,
    /// The day by which waivers expire.
    pub today: Date,
    /// What may be done beyond reading, where a rule of the policy asks for it.
    pub allowed: Allowed,
    /// How long it may take.
    pub limits: Limits,
    /// What the threads that ask take from themselves; nothing without it.
    pub confinement: Option<Confinement>,
    /// Where it says how far it is.
    pub progress: Arc<Progress>,
    /// Who asked this node before, confined as this run is: what was found out then is not read again.
    pub asker: Option<Asker>,
}

impl Request {
    /// Asks all of this policy of this node, today, with reading alone and the usual limits, unconfined.
    #[must_use]
    pub fn new(policy: Arc<Policy>, door: Arc<dyn Door>) -> Self {
        Self {
            policy,
            door,
            root: "/".to_owned(),
            selection: Selection::default(),
            ignored: Ignored::default(),
            today: Date::today(),
            allowed: Allowed::default(),
            limits: Limits::with_deadline(Limits::RUN),
            confinement: None,
            progress: Arc::default(),
            asker: None,
        }
    }
}

/// How far a run is, for whoever watches it from another thread.
#[derive(Debug, Default)]
pub struct Progress(AtomicUsize);

impl Progress {
    /// The rule that is being asked, by its place in the policy.
    #[must_use]
    pub fn at(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn is_at(&self, rule: usize) {
        self.0.store(rule, Ordering::Relaxed);
    }
}

/// Why there is no report.
#[derive(Debug)]
pub enum RunError {
    /// A glob of the selection matches nothing.
    NoMatch(NoMatch),
    /// The system gave no thread to run checks on.
    Thread(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMatch(no_match) => no_match.fmt(f),
            Self::Thread(e) => write!(f, "can't start a thread to run the checks on: {e}"),
        }
    }
}

impl std::error::Error for RunError {}

/// Asks every rule and judges the answers.
///
/// # Errors
/// When a glob of the selection matches nothing, or no thread can be started. Whatever happens inside a check
/// is a finding, not an error.
pub fn run(request: &Request) -> Result<Report, RunError> {
    let (started_at, started) = (SystemTime::now(), Instant::now());
    let policy = &request.policy;
    request.selection.can_match(policy).map_err(RunError::NoMatch)?;
    let asked = policy.rules.iter().map(|rule| request.selection.asks(&rule.id)).collect::<Vec<_>>();
    let answers = worker::ask_all(request, &asked).map_err(RunError::Thread)?;

    let mut judged = verdict::judge_all(policy, answers.rules, &request.selection);
    request.selection.all_matched(policy, &judged).map_err(RunError::NoMatch)?;
    request.selection.keep(policy, &mut judged);
    for one in &mut judged {
        request.ignored.apply(&mut one.finding);
        verdict::waive(&mut one.finding, &policy.waivers, request.today);
    }
    cause::block(&mut judged);

    let findings: Vec<_> = judged.into_iter().map(|one| one.finding).collect();
    Ok(Report {
        api_version: ApiVersion::V1,
        kind: Kind::Report,
        tool: Tool::this(),
        policy: PolicyInfo {
            name: policy.name.clone(),
            source: policy.source.clone(),
            sha256: policy.sha256.clone(),
            inputs: inputs(policy),
        },
        node: answers
            .node
            .unwrap_or_else(node_info::NodeFacts::unknown)
            .with_root(&request.door, &request.root),
        started_at: time::rfc3339(started_at),
        duration_ms: Millis::from(started.elapsed()),
        verdict: findings.iter().map(|f| f.verdict).max().unwrap_or(Verdict::Skip),
        summary: Summary::of(&findings),
        findings,
    })
}

/// The inputs as the report shows them.
fn inputs(policy: &Policy) -> BTreeMap<String, InputInfo> {
    let info = |name: &String, value: &String| InputInfo {
        value: value.clone(),
        from: policy.origins.get(name).cloned().unwrap_or_default(),
    };
    policy.inputs.0.iter().map(|(name, value)| (name.clone(), info(name, value))).collect()
}
