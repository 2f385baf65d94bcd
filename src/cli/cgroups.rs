//! `preflight cgroups`: from the options to the report on cgroups.

use super::{
    args::{AllowProof, CgroupsArgs, Format, Global},
    decode,
    exit::{self, Stop},
    node, output,
    signals::Signals,
};
use crate::{
    cgroups::{
        self, CgroupReport, Style,
        prove::{self, Prove},
    },
    run::ask_on_a_thread,
    text,
};
use preflight_checks::{
    Node,
    evidence::Unknown,
    facts::Known,
    names::nearest,
    node::{Allowed, Door, Origin, Watch},
    touch::{Allowance, Interrupt},
};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// How long the survey may take; on a node that answers it takes milliseconds.
const LIMIT: Duration = Duration::from_secs(30);

/// How long a survey that is told to stop may take to remove what it made. It takes milliseconds, in an emulator under
/// load seconds; a second signal ends the waiting.
const GRACE: Duration = Duration::from_secs(10);
/// The name of its thread.
const NAME: &str = "cgroups";
/// How often it is looked whether a signal has arrived.
const TICK: Duration = Duration::from_millis(20);

/// What the command prints, and its exit code.
pub(super) fn answer(args: &CgroupsArgs, global: &Global) -> Result<(String, u8), Stop> {
    if let Some(given) = &args.decode.decode {
        return decode::text(given, args.decode.ids.as_deref(), args.output).map(|text| (text, exit::OK));
    }
    let report = survey(args)?;
    let style = Style {
        width: output::table_width(),
        color: output::color(global.color, true),
        verbose: global.verbose > 0,
        quiet: global.quiet,
    };
    let text = match (&args.explain, args.output) {
        (Some(name), _) => {
            cgroups::explain(&report, name, style).ok_or_else(|| unknown_name(&report, name))?
        }
        (None, Format::Human) => output::for_people(cgroups::table(&report, style)),
        (None, Format::Json) => output::json(&report)?,
    };
    Ok((text, contradictions(&report)))
}

/// Says on standard error that two steps of the ladder contradict each other; the report says it as well, but a script
/// may look at one of its fields only.
fn contradictions(report: &CgroupReport) -> u8 {
    for disagreement in &report.disagreements {
        let message = format!("{}: {}", disagreement.subject, disagreement.message);
        output::complain(&format!("preflight: warning: DISAGREEMENT about {}", text::plain(&message)));
    }
    if report.disagreements.is_empty() { exit::OK } else { exit::FAIL }
}

fn survey(args: &CgroupsArgs) -> Result<CgroupReport, Stop> {
    let allowance = allowance(args)?;
    let door = node::door(&args.node)?;
    if !args.prove {
        return on_a_thread(door, Hands::Off, cgroups::report);
    }
    let prove = Prove { allowance, interrupt: Interrupt::default() };
    let interrupt = prove.interrupt.clone();
    let signals = if allowance == Allowance::default() { None } else { Some(catch(&door, &interrupt)?) };
    let stop = signals.as_ref().map(|signals| (signals, &interrupt));
    let proved = on_a_thread(door, Hands::Proving(stop), move |node| prove::report(node, &prove));
    if let Some(signals) = &signals {
        signals.release();
    }
    let proved = proved?;
    for notice in proved.notices {
        tracing::warn!("{notice}");
    }
    Ok(proved.report)
}

/// The survey of a node by reading alone, for a report of something else.
///
/// # Errors
/// Why there is none.
pub(super) fn of(door: Arc<dyn Door>) -> Result<CgroupReport, String> {
    on_a_thread(door, Hands::Off, cgroups::report).map_err(|stop| stop.message().to_owned())
}

/// What may be touched, which is the machine itself or nothing.
fn allowance(args: &CgroupsArgs) -> Result<Allowance, Stop> {
    let allowance = Allowance {
        probe: args.allow.contains(&AllowProof::Probe),
        write: args.allow.contains(&AllowProof::Write),
    };
    let wrong = |why: &str| Err(Stop::new(exit::USAGE, why));
    if args.allow.is_empty() {
        Ok(allowance)
    } else if !args.prove {
        wrong(
            "--allow says how far --prove may go, and there is no --prove; without it this command only reads",
        )
    } else if args.node.root.is_some() {
        wrong(
            "--allow speaks of the running kernel, and --root of a tree of files, of which nothing is touched",
        )
    } else {
        Ok(allowance)
    }
}

fn catch(door: &Arc<dyn Door>, interrupt: &Interrupt) -> Result<Signals, Stop> {
    let node = Node::new(Arc::clone(door), Arc::default());
    let status = node.read("/proc/self/status");
    let caught = Signals::catch(interrupt, &status.text().unwrap_or_default());
    caught.map_err(|e| {
        Stop::new(exit::INTERNAL, format!("the signals can't be caught, so nothing is touched: {e}"))
    })
}

/// How far a survey may go.
#[derive(Clone, Copy)]
enum Hands<'a> {
    /// It reads as a run does, and its thread can do no more.
    Off,
    /// It looks into the kernel's memory; where it touches something, signals tell it to stop.
    Proving(Option<(&'a Signals, &'a Interrupt)>),
}

/// Runs a survey on a thread of its own, which is left behind if something that it reads hangs (law 8). One that
/// touches something is told to stop first, when time is over or a signal arrives, and has a moment to clean up.
fn on_a_thread<T: Send + 'static>(
    door: Arc<dyn Door>,
    hands: Hands<'_>,
    survey: impl FnOnce(&Node) -> Known<T> + Send + 'static,
) -> Result<T, Stop> {
    let watch = Arc::new(Watch::default());
    let origin = door.origin();
    let (sender, receiver) = channel();
    let its_watch = Arc::clone(&watch);
    // Nobody listens any more when it took too long: then the answer is not wanted.
    let ask = move |node: &Node| drop(sender.send(survey(node)));
    let (started, stop) = match hands {
        Hands::Off => (ask_on_a_thread(NAME, &door, Allowed::default(), its_watch, ask), None),
        Hands::Proving(stop) => {
            let work = move || ask(&Node::new(door, its_watch));
            (thread::Builder::new().name(NAME.to_owned()).spawn(work).map(drop), stop)
        }
    };
    started.map_err(|e| Stop::new(exit::INTERNAL, format!("no thread could be started: {e}")))?;
    match wait(&receiver, stop) {
        Ok(answer) => answer.map_err(|unknown| undetermined(unknown, origin)),
        Err(RecvTimeoutError::Disconnected) => Err(Stop::new(
            exit::INTERNAL,
            "the survey ended without an answer, which is a fault of preflight",
        )),
        Err(RecvTimeoutError::Timeout) => {
            let path = watch.give_up().unwrap_or_else(|| "something".to_owned());
            Err(Stop::new(exit::INTERNAL, format!("reading {path} did not end within {LIMIT:?}")))
        }
    }
}

fn wait<T>(receiver: &Receiver<T>, stop: Option<(&Signals, &Interrupt)>) -> Result<T, RecvTimeoutError> {
    let Some((signals, interrupt)) = stop else { return receiver.recv_timeout(LIMIT) };
    let end = Instant::now() + LIMIT;
    while Instant::now() < end && !signals.arrived() {
        match receiver.recv_timeout(TICK) {
            Err(RecvTimeoutError::Timeout) => {}
            answer => return answer,
        }
    }
    interrupt.set();
    let end = Instant::now() + GRACE;
    while interrupt.is_touching() && Instant::now() < end {
        thread::sleep(TICK);
    }
    Err(RecvTimeoutError::Timeout)
}

fn undetermined(unknown: Unknown, origin: Origin) -> Stop {
    let needs = match (unknown.needs, origin) {
        (Some(needs), _) => format!("; {needs}"),
        (None, Origin::Root) => {
            "; --root takes the root directory of a node that runs or of a capture, with its \
                                 /proc: an image has no cgroups"
                .to_owned()
        }
        (None, Origin::Live) => String::new(),
    };
    let why = unknown.reason;
    Stop::new(exit::INTERNAL, format!("the cgroup layout could not be determined: {why}{needs}"))
}

fn unknown_name(report: &CgroupReport, name: &str) -> Stop {
    let names = report.controllers.iter().flat_map(|c| [c.name.as_str(), c.legacy_name.as_str()]);
    let help = match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`preflight cgroups` lists them all".to_owned(),
    };
    Stop::new(exit::USAGE, format!("no cgroup subsystem is called `{name}`; {help}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use clap::Parser;
    use preflight_checks::{facts::cgroup::ladder::Disagreement, node::Memory};

    fn asked(options: &[&str]) -> Result<Allowance, String> {
        let words = ["preflight", "cgroups"].iter().chain(options);
        let cli = Cli::try_parse_from(words).map_err(|e| e.to_string())?;
        let Some(Command::Cgroups(args)) = cli.command else { panic!("another command") };
        allowance(&args).map_err(|stop| format!("{stop:?}"))
    }

    #[test]
    fn what_may_be_touched() {
        assert_eq!(asked(&[]), Ok(Allowance::default()));
        assert_eq!(asked(&["--prove", "--root", "/"]), Ok(Allowance::default()));
        assert_eq!(asked(&["--prove", "--allow", "probe"]), Ok(Allowance { probe: true, write: false }));
        assert_eq!(asked(&["--prove", "--allow=write,probe"]), Ok(Allowance { probe: true, write: true }));
        for (options, why) in [
            (&["--allow", "probe"][..], "there is no --prove"),
            (&["--prove", "--allow", "probe", "--root", "/"], "of which nothing is touched"),
            (&["--prove", "--allow", "network"], "possible values: probe, write"),
        ] {
            let said = asked(options).unwrap_err();
            assert!(said.contains(why), "{options:?}: {said}");
        }
    }

    #[test]
    fn a_contradiction_is_exit_code_1() {
        let mounts = "1 0 0:2 / / rw - ext4 /dev/vda rw\n2 1 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let node = Node::in_memory(Memory::new().file("/proc/self/mountinfo", mounts));
        let mut report = cgroups::report(&node).unwrap();
        assert_eq!(contradictions(&report), exit::OK);
        report.disagreements.push(Disagreement {
            subject: "hugetlb".to_owned(),
            message: "two steps do not agree".to_owned(),
            evidence: Vec::new(),
        });
        assert_eq!(contradictions(&report), exit::FAIL);
    }
}
