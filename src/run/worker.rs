//! Runs the checks in order on one thread, and watches the clock from another (law 8).
//!
//! A [`Node`] belongs to one thread. When a check takes too long, its thread is left behind, what it was
//! reading counts as hung from then on, and a new thread with a new node goes on with the next rule. Threads
//! that are left behind cannot be ended; they die with the process.

use super::node_info::NodeFacts;
use crate::{
    logging::payload_text,
    policy::{Applicability, Inputs, Policy, Rule},
};
use preflight_checks::{
    Evidence, Finding, Findings, Node, Severity, Unknown,
    node::{Door, Watch},
};
use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// One check.
    pub check: Duration,
    /// The whole run.
    pub run: Duration,
}

impl Limits {
    /// The time limit of one check.
    pub const CHECK: Duration = Duration::from_secs(5);

    /// The given deadline of the run, and the usual limit of one check.
    #[must_use]
    pub fn with_deadline(run: Duration) -> Self {
        Self { check: Self::CHECK, run }
    }
}

/// No limit is longer: what is added to the clock must not overflow it.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The findings of one rule, each with the time it took; never empty.
pub(super) type Answer = Vec<(Finding, Duration)>;

/// What the node said.
pub(super) struct Answers {
    /// What is known of the node itself; `None` if that could not be read in time.
    pub(super) node: Option<NodeFacts>,
    /// By rule, in the order of the policy; `None` for what was not asked.
    pub(super) rules: Vec<Option<Answer>>,
}

/// One step of the worker's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Describe,
    Ask(usize),
}

/// What the worker says after each step.
enum Said {
    Node(Option<NodeFacts>),
    Answer(Answer),
}

/// Asks the rules that are marked in `asked`.
///
/// # Errors
/// When no thread can be started at all.
pub(super) fn ask_all(
    policy: &Arc<Policy>,
    asked: &[bool],
    door: &Arc<dyn Door>,
    limits: Limits,
) -> io::Result<Answers> {
    let mut answers = Answers { node: None, rules: vec![None; policy.rules.len()] };
    let rules = asked.iter().enumerate().filter(|(_, asked)| **asked).map(|(i, _)| Step::Ask(i));
    let mut todo: VecDeque<Step> = std::iter::once(Step::Describe).chain(rules).collect();
    let limits = Limits { check: limits.check.min(LONGEST), run: limits.run.min(LONGEST) };
    let deadline = Instant::now() + limits.run;
    let mut described_again = false;
    let mut watch = Arc::new(Watch::default());
    let mut worker = spawn(policy, &todo, door, &watch)?;
    let mut since = Instant::now();

    while let Some(&step) = todo.front() {
        let until = deadline.min(since + limits.check);
        let finding = match worker.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(said) => {
                answers.take(step, said);
                todo.pop_front();
                since = Instant::now();
                continue;
            }
            Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => {
                let hung = watch.give_up();
                answers.give_up(todo, hung.as_deref(), limits.run, since.elapsed());
                return Ok(answers);
            }
            Err(RecvTimeoutError::Timeout) => timed_out(watch.give_up().as_deref(), limits.check),
            Err(RecvTimeoutError::Disconnected) => panicked("its thread ended without a word"),
        };
        tracing::warn!(?step, finding = finding.message(), "a check was left behind");
        if step == Step::Describe && !described_again {
            // What hung is known now and answers at once; the rest of the description can be had.
            described_again = true;
        } else {
            answers.take(step, Said::Answer(vec![(finding, since.elapsed())]));
            todo.pop_front();
        }
        watch = Arc::new(watch.successor());
        worker = match spawn(policy, &todo, door, &watch) {
            Ok(worker) => worker,
            Err(e) => {
                answers.give_up_without_thread(todo, &e);
                return Ok(answers);
            }
        };
        since = Instant::now();
    }
    Ok(answers)
}

impl Answers {
    fn take(&mut self, step: Step, said: Said) {
        match (step, said) {
            (Step::Describe, Said::Node(node)) => self.node = node,
            (Step::Ask(rule), Said::Answer(answer)) => {
                if let Some(place) = self.rules.get_mut(rule) {
                    *place = Some(answer);
                }
            }
            // The node could not be described in time.
            (Step::Describe, Said::Answer(_)) | (Step::Ask(_), Said::Node(_)) => {}
        }
    }

    /// The run's deadline has come: the first of `todo` was being asked, the others never will be.
    fn give_up(&mut self, todo: VecDeque<Step>, hung: Option<&str>, limit: Duration, spent: Duration) {
        for (i, step) in todo.into_iter().enumerate() {
            let (what, spent) = match (i, hung) {
                (0, Some(path)) => (format!("it was reading {path} when "), spent),
                (0, None) => ("it was being asked when ".to_owned(), spent),
                _ => ("it was not asked before ".to_owned(), Duration::ZERO),
            };
            let reason = format!("{what}the run's deadline of {limit:?} came");
            let mut unknown = Unknown::new(reason).needs("give the run more time with --timeout");
            if let (0, Some(path)) = (i, hung) {
                unknown = unknown.tried([Evidence::new(path, "did not answer in time")]);
            }
            self.take(step, Said::Answer(vec![(rule_level("deadline", "not answered", &unknown), spent)]));
        }
    }

    fn give_up_without_thread(&mut self, todo: VecDeque<Step>, error: &io::Error) {
        let unknown = Unknown::new(format!("no thread could be started for it: {error}"));
        for step in todo {
            let finding = rule_level("no-thread", "not answered", &unknown);
            self.take(step, Said::Answer(vec![(finding, Duration::ZERO)]));
        }
    }
}

/// Starts a thread that goes through `todo` and says what came of each step.
fn spawn(
    policy: &Arc<Policy>,
    todo: &VecDeque<Step>,
    door: &Arc<dyn Door>,
    watch: &Arc<Watch>,
) -> io::Result<Receiver<Said>> {
    let (sender, receiver) = channel();
    let (policy, todo, door, watch) = (policy.clone(), todo.clone(), door.clone(), watch.clone());
    // Detached: joining a thread that hangs would hang as well.
    thread::Builder::new().name("checks".to_owned()).spawn(move || {
        work(&policy, todo, &Node::new(door, watch), &sender);
    })?;
    Ok(receiver)
}

fn work(policy: &Policy, todo: VecDeque<Step>, node: &Node, sender: &Sender<Said>) {
    for step in todo {
        let said = match step {
            Step::Describe => Said::Node(catch_unwind(AssertUnwindSafe(|| NodeFacts::read(node))).ok()),
            Step::Ask(rule) => match policy.rules.get(rule) {
                Some(rule) => Said::Answer(ask(rule, &policy.inputs, node)),
                None => return,
            },
        };
        // Nobody listens any more: this thread was left behind.
        if sender.send(said).is_err() {
            return;
        }
    }
}

/// Asks one rule; whatever happens, there is at least one finding (law 1).
fn ask(rule: &Rule, inputs: &Inputs, node: &Node) -> Answer {
    tracing::debug!(rule = rule.id, check = rule.check.meta().id, "asks");
    let mut found = Findings::default();
    let asked = catch_unwind(AssertUnwindSafe(|| ask_where_it_applies(rule, inputs, node, &mut found)));
    match asked {
        Ok(Ok(())) if found.is_empty() => {
            let unknown = Unknown::new("the check said nothing; this is a mistake in preflight");
            found.push(rule_level("no-answer", "not answered", &unknown));
        }
        Ok(Ok(())) => {}
        Ok(Err(unknown)) => found.push(rule_level("unknown", "could not be determined", &unknown)),
        Err(panic) => found.push(panicked(&payload_text(panic.as_ref()))),
    }
    found.into_inner()
}

fn ask_where_it_applies(
    rule: &Rule,
    inputs: &Inputs,
    node: &Node,
    found: &mut Findings,
) -> Result<(), Unknown> {
    match rule.when.applies(inputs, node) {
        Applicability::Applies => return rule.check.run(node, found),
        Applicability::Not { reason, evidence } => {
            found.push(Finding::not_applicable("", reason, evidence));
        }
        Applicability::Unknown(unknown) => {
            found.push(rule_level("when-unknown", "whether it applies could not be determined", &unknown));
        }
    }
    Ok(())
}

/// A finding about the whole rule: its subject is empty.
fn rule_level(reason: &'static str, message: &str, unknown: &Unknown) -> Finding {
    Finding::undetermined(Severity::Fail, "", reason, message, unknown)
}

fn timed_out(hung: Option<&str>, limit: Duration) -> Finding {
    let unknown = match hung {
        Some(path) => Unknown::new(format!("reading {path} did not end within {limit:?}"))
            .tried([Evidence::new(path, "did not answer in time")])
            .needs(format!("find out why {path} does not answer (a dead network mount, a broken disk)")),
        None => Unknown::new(format!("the check did not end within {limit:?}")),
    };
    rule_level("timed-out", "given up", &unknown)
}

fn panicked(message: &str) -> Finding {
    let unknown = Unknown::new(format!("the check broke down, which is a mistake in preflight: {message}"));
    rule_level("panicked", "not answered", &unknown)
}
