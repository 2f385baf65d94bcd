//! `preflight cgroups`: from the options to the report on cgroups.

use super::{
    args::{CgroupsArgs, Format, Global},
    decode,
    exit::{self, Stop},
    output,
    run_command::door,
};
use crate::{
    cgroups::{self, CgroupReport, Style},
    text,
};
use preflight_checks::{
    Node,
    evidence::Unknown,
    names::nearest,
    node::{Door, Watch},
};
use std::{
    sync::{Arc, mpsc::channel},
    thread,
    time::Duration,
};

/// How long the survey may take; on a node that answers it takes milliseconds.
const LIMIT: Duration = Duration::from_secs(30);

/// What the command prints, and its exit code.
pub(super) fn answer(args: &CgroupsArgs, global: &Global) -> Result<(String, u8), Stop> {
    if let Some(given) = &args.decode.decode {
        return decode::text(given, args.decode.ids.as_deref(), args.output).map(|text| (text, exit::OK));
    }
    let report = survey(door(args.root.as_deref())?)?;
    let style = Style {
        width: output::table_width(),
        color: output::color(global.color, true),
        verbose: global.verbose > 0,
    };
    let text = match (&args.explain, args.output) {
        (Some(name), _) => {
            cgroups::explain(&report, name, style).ok_or_else(|| unknown_name(&report, name))?
        }
        (None, Format::Human) => cgroups::table(&report, style),
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

/// Surveys the node on a thread of its own, which is left behind if something that it reads hangs (law 8).
fn survey(door: Arc<dyn Door>) -> Result<CgroupReport, Stop> {
    let watch = Arc::new(Watch::default());
    let (sender, receiver) = channel();
    let its_watch = Arc::clone(&watch);
    thread::Builder::new()
        .name("cgroups".to_owned())
        // Nobody listens any more when it took too long: then the answer is not wanted.
        .spawn(move || drop(sender.send(cgroups::report(&Node::new(door, its_watch)))))
        .map_err(|e| Stop::new(exit::INTERNAL, format!("no thread could be started: {e}")))?;
    if let Ok(answer) = receiver.recv_timeout(LIMIT) {
        return answer.map_err(undetermined);
    }
    let path = watch.give_up().unwrap_or_else(|| "something".to_owned());
    Err(Stop::new(exit::INTERNAL, format!("reading {path} did not end within {LIMIT:?}")))
}

fn undetermined(unknown: Unknown) -> Stop {
    let needs = unknown.needs.map_or_else(String::new, |needs| format!("; {needs}"));
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
    use preflight_checks::{facts::cgroup::ladder::Disagreement, node::Memory};

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
