//! Runs the checks in order on one thread, and watches the clock from another (law 8).
//!
//! A [`Node`] belongs to one thread. When a check takes too long, its thread is left behind, what it was
//! reading counts as hung from then on, and a new thread with a new node asks it again, so that what hangs costs it
//! that one finding; or goes on with the next rule. Threads that are left behind cannot be ended; they die with the process.
//!
//! Rules that the policy wants to be asked again (`retry`) are, after all others had their turn, so that waiting for
//! one costs no other its answer.

use super::{
    Asker, Confinement, Progress, Request,
    mailbox::{Receiver, Sender, Silence, mailbox},
    node_info::NodeFacts,
    retry,
};
use crate::{
    panics,
    policy::{Applicability, Inputs, Policy, Rule, When},
};
use preflight_checks::{
    Evidence, Finding, Findings, Node, Severity, Unknown,
    node::{Allowed, Door, Origin, Watch},
};
use std::{
    collections::VecDeque,
    io,
    sync::Arc,
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

    /// The usual deadline of the run.
    pub const RUN: Duration = Duration::from_secs(30);

    /// The given deadline of the run, and the usual limit of one check.
    #[must_use]
    pub fn with_deadline(run: Duration) -> Self {
        Self { check: Self::CHECK, run }
    }
}

/// How often a step is asked again after something that it read hung: each time costs its whole limit.
const AGAIN: u32 = 2;

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
    /// Asks a rule again that is to be retried and did not pass.
    Again(usize),
}

/// What the worker says after each step.
enum Said {
    Node(Option<NodeFacts>),
    Answer(Answer),
    /// The answer that was given before stands.
    Nothing,
}

/// What every thread of a run needs.
#[derive(Clone)]
struct Work {
    policy: Arc<Policy>,
    door: Arc<dyn Door>,
    allowed: Allowed,
    started: Instant,
    deadline: Instant,
    confinement: Option<Confinement>,
    progress: Arc<Progress>,
}

/// Asks the rules that are marked in `asked`.
///
/// # Errors
/// When no thread can be started at all.
pub(super) fn ask_all(request: &Request, asked: &[bool]) -> io::Result<Answers> {
    let (policy, limits) = (&request.policy, request.limits);
    let limits = Limits { check: limits.check.min(LONGEST), run: limits.run.min(LONGEST) };
    let started = Instant::now();
    let work = Work {
        policy: Arc::clone(policy),
        door: Arc::clone(&request.door),
        allowed: request.allowed,
        started,
        deadline: started + limits.run,
        confinement: request.confinement.clone(),
        progress: Arc::clone(&request.progress),
    };
    let mut answers = Answers { node: None, rules: vec![None; policy.rules.len()] };
    let mut todo = steps(policy, asked);
    let mut asked_again = 0;
    let (mut watch, mut worker) = work.begin(request.asker.as_ref(), &todo, &answers)?;
    let mut since = Instant::now();

    while let Some(&step) = todo.front() {
        let limit = step.limit(policy, limits.check);
        let until = work.deadline.min(since + limit);
        let finding = match worker.next(until) {
            Ok((said, when)) => {
                answers.take(step, said);
                todo.pop_front();
                (since, asked_again) = (when, 0);
                continue;
            }
            Err(Silence::Timeout) if Instant::now() >= work.deadline => {
                let hung = watch.give_up();
                answers.give_up(todo, hung.as_deref(), limits.run, since.elapsed());
                return Ok(answers);
            }
            Err(Silence::Timeout) => {
                let hung = watch.give_up();
                // What hung is known now and answers at once: the rest of what is asked can be had.
                if hung.is_some() && asked_again < AGAIN && !matches!(step, Step::Again(_)) {
                    asked_again += 1;
                    None
                } else {
                    Some(timed_out(hung.as_deref(), limit))
                }
            }
            Err(Silence::Closed(why)) => {
                Some(panicked(why.as_deref().unwrap_or("its thread ended without a word")))
            }
        };
        tracing::warn!(?step, again = finding.is_none(), "a check was left behind");
        if let Some(finding) = finding {
            answers.take(step, Said::Answer(vec![(finding, since.elapsed())]));
            todo.pop_front();
            asked_again = 0;
        }
        watch = Arc::new(watch.successor());
        worker = match work.spawn(&todo, &answers, &watch) {
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

/// What is to be done, in order.
fn steps(policy: &Policy, asked: &[bool]) -> VecDeque<Step> {
    let rules = || policy.rules.iter().zip(asked).enumerate().filter(|(_, (_, asked))| **asked);
    let again = rules().filter(|(_, (rule, _))| rule.retry.is_some()).map(|(i, _)| Step::Again(i));
    std::iter::once(Step::Describe).chain(rules().map(|(i, _)| Step::Ask(i))).chain(again).collect()
}

impl Step {
    /// How long it may take.
    fn limit(self, policy: &Policy, usual: Duration) -> Duration {
        let (rule, waiting) = match self {
            Self::Describe => return usual,
            Self::Ask(rule) => (policy.rules.get(rule), Duration::ZERO),
            Self::Again(rule) => {
                let rule = policy.rules.get(rule);
                (rule, rule.and_then(|r| r.retry).map_or(Duration::ZERO, |retry| retry.within.get()))
            }
        };
        let own = rule.and_then(|rule| rule.check.limit()).unwrap_or_default();
        usual.max(own).min(LONGEST) + waiting
    }
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
            // An answer that came of asking again; what went wrong while it was, leaves the one before.
            (Step::Again(rule), Said::Answer(answer)) if retry::is_answer(&answer) => {
                if let Some(place) = self.rules.get_mut(rule) {
                    *place = Some(answer);
                }
            }
            // The node could not be described in time; nothing new came of asking again.
            (_, Said::Answer(_) | Said::Node(_) | Said::Nothing) => {}
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

impl Work {
    /// Has the thread begin that was there before, unless it hangs, or a new one.
    fn begin(
        &self,
        before: Option<&Asker>,
        todo: &VecDeque<Step>,
        answers: &Answers,
    ) -> io::Result<(Arc<Watch>, Receiver<Said>)> {
        if let Some(asker) = before.filter(|asker| !asker.is_hung()) {
            return Ok((Arc::clone(asker.watch()), self.clone().give(asker, todo, answers)));
        }
        // A check has more patience: what was only slow then is to have its answer.
        let watch = Arc::default();
        let worker = self.spawn(todo, answers, &watch)?;
        Ok((watch, worker))
    }

    /// Starts a thread that goes through `todo` and says what came of each step.
    fn spawn(
        &self,
        todo: &VecDeque<Step>,
        answers: &Answers,
        watch: &Arc<Watch>,
    ) -> io::Result<Receiver<Said>> {
        let confinement = self.confinement.clone();
        let asker = Asker::confined("checks", &self.door, self.allowed, Arc::clone(watch), confinement)?;
        Ok(self.clone().give(&asker, todo, answers))
    }

    /// Has a thread do so that asks already.
    fn give(self, asker: &Asker, todo: &VecDeque<Step>, answers: &Answers) -> Receiver<Said> {
        let (sender, receiver) = mailbox();
        // What the threads before found of the rules that may be asked again.
        let (todo, found) = (todo.clone(), answers.rules.clone());
        let not_yet = asker.not_yet(self.confinement.as_ref());
        asker.ask(move |node| {
            // It may have been started before anybody knew what this run needs.
            if let Some(confinement) = not_yet {
                confinement.narrow();
            }
            self.go(node, todo, found, &sender);
        });
        receiver
    }

    fn go(&self, node: &Node, todo: VecDeque<Step>, mut found: Vec<Option<Answer>>, sender: &Sender<Said>) {
        let last_words = sender.last_words();
        panics::on_panic(move |text| last_words.say(text));
        // What is no running machine answers at once.
        if self.confinement.is_some() {
            self.ask_ahead(node, &todo);
        }
        for step in todo {
            if let Step::Ask(rule) | Step::Again(rule) = step {
                self.progress.is_at(rule);
            }
            let said = match step {
                Step::Describe => Said::Node(Some(NodeFacts::read(node))),
                Step::Ask(rule) => match (self.policy.rules.get(rule), found.get_mut(rule)) {
                    (Some(asked), Some(found)) => {
                        let answer = ask(asked, &self.policy.inputs, node);
                        if asked.retry.is_some() {
                            *found = Some(answer.clone());
                        }
                        Said::Answer(answer)
                    }
                    _ => return,
                },
                Step::Again(rule) => match (self.policy.rules.get(rule), found.get_mut(rule)) {
                    (Some(rule), Some(before)) => self.again(rule, before.take(), node),
                    _ => return,
                },
            };
            // Nobody listens any more: this thread was left behind.
            if !sender.say(said) {
                return;
            }
        }
    }

    /// Puts the questions that take a while, of rules that are asked at any rate.
    fn ask_ahead(&self, node: &Node, todo: &VecDeque<Step>) {
        let rules = todo.iter().filter_map(|step| match step {
            Step::Ask(rule) => self.policy.rules.get(*rule).filter(|rule| rule.when == When::default()),
            Step::Describe | Step::Again(_) => None,
        });
        rules.filter_map(|rule| rule.check.ahead()).for_each(|probe| node.probe_ahead(probe));
    }

    /// Asks a rule again and again, each time of a node of which nothing is remembered.
    fn again(&self, rule: &Rule, before: Option<Answer>, node: &Node) -> Said {
        let (Some(retry), Some(first)) = (rule.retry, before) else { return Said::Nothing };
        let until = (self.started + retry.within.get()).min(self.deadline);
        let ask = || ask(rule, &self.policy.inputs, &node.afresh());
        // What is no running machine does not change by itself.
        if self.door.origin() != Origin::Live || self.door.captured().is_some() {
            return Said::Nothing;
        }
        match retry::until(retry, until, &first, ask) {
            Some(answer) => Said::Answer(answer),
            None => Said::Nothing,
        }
    }
}

/// Asks one rule; there is at least one finding (law 1), unless it panics, which the caller of [`ask_all`] hears of.
fn ask(rule: &Rule, inputs: &Inputs, node: &Node) -> Answer {
    tracing::debug!(rule = rule.id, check = rule.check.meta().id, "asks");
    let mut found = Findings::default();
    match ask_where_it_applies(rule, inputs, node, &mut found) {
        Ok(()) if found.is_empty() => {
            let unknown = Unknown::new("the check said nothing; this is a mistake in preflight");
            found.push(rule_level("no-answer", "not answered", &unknown));
        }
        Ok(()) => {}
        Err(unknown) => found.push(rule_level("unknown", "could not be determined", &unknown)),
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
