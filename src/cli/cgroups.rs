//! `preflight cgroups`: from the options to the report on cgroups.

use super::{
    args::{CgroupsArgs, Format},
    exit::{self, Stop},
    output,
    run_command::door,
};
use crate::cgroups::{self, CgroupReport};
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

/// What the command prints.
pub(super) fn text(args: &CgroupsArgs) -> Result<String, Stop> {
    let report = survey(door(args.root.as_deref())?)?;
    let width = output::width(true);
    match (&args.explain, args.output) {
        (Some(name), _) => cgroups::explain(&report, name, width).ok_or_else(|| unknown_name(&report, name)),
        (None, Format::Human) => Ok(cgroups::table(&report, width)),
        (None, Format::Json) => serde_json::to_string_pretty(&report)
            .map(|text| text + "\n")
            .map_err(|e| Stop::new(exit::INTERNAL, e.to_string())),
    }
}

/// Surveys the node on a thread of its own, which is left behind if something that it reads hangs (law 8).
fn survey(door: Arc<dyn Door>) -> Result<CgroupReport, Stop> {
    let watch = Arc::new(Watch::default());
    let (sender, receiver) = channel();
    let its_watch = Arc::clone(&watch);
    thread::Builder::new()
        .name("cgroups".to_owned())
        .spawn(move || sender.send(cgroups::report(&Node::new(door, its_watch))))
        .map_err(|e| Stop::new(exit::INTERNAL, format!("no thread could be started: {e}")))?;
    match receiver.recv_timeout(LIMIT) {
        Ok(answer) => answer.map_err(undetermined),
        Err(_) => {
            let path = watch.give_up().unwrap_or_else(|| "something".to_owned());
            Err(Stop::new(exit::INTERNAL, format!("reading {path} did not end within {LIMIT:?}")))
        }
    }
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
