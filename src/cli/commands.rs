//! The commands that judge no node: `list`, `explain`, `profiles`, `policy`.

use super::{
    args::{ExplainArgs, Format, ListArgs, PolicyCommand},
    exit::{self, Stop},
    output,
};
use crate::{
    explain,
    policy_stub::{self, Source},
};
use preflight_checks::{names::nearest, registry};
use serde_json::json;
use std::process::ExitCode;

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
            explain::columns(&rows, output::width(true))
        }
    };
    show(&text)
}

pub(super) fn explain(args: &ExplainArgs) -> ExitCode {
    let id = args.id.trim();
    // `cgroup-controllers/memory` is the id of a finding: people copy it from a report.
    let check = registry::find(id).or_else(|| registry::find(id.split('/').next()?));
    if let Some(check) = check {
        return show(&explain::check(check, output::width(true)));
    }
    output::complain(&match nearest(id, registry::ids()) {
        Some(near) => format!("there is no check `{id}`; did you mean `{near}`?"),
        None => format!("there is no check `{id}`; `preflight list` shows them all"),
    });
    exit::USAGE.into()
}

pub(super) fn profiles() -> ExitCode {
    let profiles = policy_stub::profiles();
    let rows: Vec<_> = profiles.iter().map(|(name, about)| (name.as_str(), about.as_str())).collect();
    show(&explain::columns(&rows, output::width(true)))
}

pub(super) fn policy(command: &PolicyCommand) -> ExitCode {
    let text = match command {
        PolicyCommand::Schema => Ok(policy_stub::schema()),
        PolicyCommand::Lint(target) => {
            policy_stub::lint(&Source::from_option(target.policy.as_deref()), &target.set)
        }
        PolicyCommand::Show(target) => {
            policy_stub::show(&Source::from_option(target.policy.as_deref()), &target.set)
        }
    };
    match text.map_err(Stop::from) {
        Ok(text) => show(&text),
        Err(stop) => {
            output::complain(&stop.message);
            stop.code.into()
        }
    }
}

fn show(text: &str) -> ExitCode {
    match output::print(text) {
        Ok(()) => exit::OK.into(),
        Err(e) => {
            output::complain(&format!("standard output: {e}"));
            exit::INTERNAL.into()
        }
    }
}
