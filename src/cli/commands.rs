//! The commands that judge no node: `list`, `explain`, `profiles`, `policy`, `kubernetes`.

use super::{
    args::{ExplainArgs, Format, KubernetesArgs, ListArgs},
    exit::{self, Stop},
    kubernetes, output,
};
use crate::{explain, policy::profiles};
use preflight_checks::{names::nearest, registry};
use serde_json::json;
use std::{io, process::ExitCode};

pub(super) fn list(args: &ListArgs) -> ExitCode {
    let text = match args.output {
        Format::Json => {
            let checks = registry::CHECKS.iter().map(|check| {
                let meta = check.meta();
                json!({ "id": meta.id, "summary": meta.summary, "since": meta.since, "kubeadm": meta.kubeadm })
            });
            format!(
                "{:#}\n",
                json!({ "apiVersion": "preflight/v1", "kind": "CheckList",
                                      "checks": checks.collect::<Vec<_>>() })
            )
        }
        Format::Human => {
            let rows: Vec<_> = registry::CHECKS.iter().map(|c| (c.meta().id, c.meta().summary)).collect();
            output::for_people(explain::columns(&rows, output::width(true)))
        }
    };
    show(&text)
}

pub(super) fn explain(args: &ExplainArgs) -> ExitCode {
    let id = args.id.trim();
    // `cgroup-controllers/memory` is the id of a finding: people copy it from a report.
    let check = registry::find(id).or_else(|| registry::find(id.split('/').next()?));
    if let Some(check) = check {
        return show(&output::for_people(explain::check(check, output::width(true))));
    }
    let message = match nearest(id, registry::ids()) {
        Some(near) => format!("there is no check `{id}`; did you mean `{near}`?"),
        None => format!("there is no check `{id}`; `preflight list` shows them all"),
    };
    Stop::new(exit::USAGE, message).exit()
}

pub(super) fn profiles() -> ExitCode {
    let rows: Vec<_> = profiles::ALL.iter().map(|profile| (profile.name, profile.description)).collect();
    show(&output::for_people(explain::columns(&rows, output::width(true))))
}

pub(super) fn kubernetes(args: &KubernetesArgs) -> ExitCode {
    answer(kubernetes::answer(args))
}

/// Prints what a command has to say and ends with its exit code: a report that tells of trouble was made all the same.
pub(super) fn answer_with(answer: Result<(String, u8), Stop>) -> ExitCode {
    match answer {
        Ok((text, code)) => output::print(&text).map_or_else(|e| unwritten(&e), |()| code.into()),
        Err(stop) => stop.exit(),
    }
}

pub(super) fn answer(text: Result<String, Stop>) -> ExitCode {
    match text {
        Ok(text) => show(&text),
        Err(stop) => stop.exit(),
    }
}

fn show(text: &str) -> ExitCode {
    match output::print(text) {
        Ok(()) => exit::OK.into(),
        Err(e) => unwritten(&e),
    }
}

fn unwritten(error: &io::Error) -> ExitCode {
    Stop::new(exit::INTERNAL, format!("standard output: {error}")).exit()
}
