//! `preflight run`: from the options to a report and an exit code.

use super::{
    args::{FailOn, Global, ReportFormat, RunArgs},
    detect,
    exit::{self, Stop},
    output, policies,
};
use crate::{
    policy::{Date, Overrides},
    report::{
        human, json, kubeadm,
        model::{Report, Verdict},
    },
    run::{self, Ignored, Limits, Request, RunError, Selection},
};
use preflight_checks::node::{Allowed, Door, Filesystem};
use std::{path::Path, process::ExitCode, sync::Arc};

pub(super) fn run(args: &RunArgs, global: &Global) -> ExitCode {
    match try_run(args, global) {
        Ok(code) => code.into(),
        Err(stop) => stop.exit(),
    }
}

fn try_run(args: &RunArgs, global: &Global) -> Result<u8, Stop> {
    let ignored = |lists: &[String]| {
        Ignored::parse(lists.iter().map(String::as_str))
            .map_err(|e| Stop::new(exit::USAGE, format!("--ignore-preflight-errors: {e}")))
    };
    // Wrong usage is told before any file is read.
    ignored(&args.ignore_preflight_errors)?;
    if let Some(file) = &args.output_file {
        output::check_target(file).map_err(|e| Stop::new(exit::USAGE, format!("--output-file {e}")))?;
    }
    let door = door(args.root.as_deref())?;
    let sets = args.policy.set.as_slice();
    let kubeadm = args.policy.kubeadm_config.as_deref();
    let kubeadm =
        kubeadm.map(|file| policies::kubeadm(file, sets, global.color)).transpose()?.unwrap_or_default();
    let allowed: Allowed = args.allow.iter().map(|allow| (*allow).into()).collect();
    let version = || detect::kubernetes_version(&door, allowed, args.timeout);
    let overrides = Overrides { sets, given: &kubeadm.inputs, detect: Some(&version) };
    let policy = policies::load(args.policy.config.as_deref(), &overrides, global.color)?;
    let request = Request {
        policy: Arc::new(policy),
        door: Arc::clone(&door),
        root: args.root.as_ref().map_or_else(|| "/".to_owned(), |root| root.display().to_string()),
        selection: Selection { only: args.only.clone(), skip: args.skip.clone() },
        ignored: ignored(&[args.ignore_preflight_errors.as_slice(), &kubeadm.ignored].concat())?,
        today: Date::today(),
        allowed,
        limits: Limits::with_deadline(args.timeout),
    };
    let report = run::run(&request).map_err(|e| match e {
        RunError::NoMatch(_) => Stop::new(exit::USAGE, e.to_string()),
        RunError::Thread(_) => Stop::new(exit::INTERNAL, e.to_string()),
    })?;
    let text = render(&report, args, global)?;
    match &args.output_file {
        None => {
            output::print(&text).map_err(|e| Stop::new(exit::INTERNAL, format!("standard output: {e}")))?;
        }
        Some(file) => output::write_file(file, &text).map_err(|e| {
            Stop::new(exit::INTERNAL, format!("the report can't be written to {}: {e}", file.display()))
        })?,
    }
    Ok(code(&report, args.fail_on))
}

pub(super) fn door(root: Option<&Path>) -> Result<Arc<dyn Door>, Stop> {
    let opened = match root {
        None => Filesystem::live().map_err(|e| Stop::new(exit::INTERNAL, e.to_string())),
        Some(root) => Filesystem::under(root).map_err(|e| Stop::new(exit::USAGE, format!("--root {e}"))),
    };
    Ok(Arc::new(opened?))
}

fn render(report: &Report, args: &RunArgs, global: &Global) -> Result<String, Stop> {
    match args.output {
        ReportFormat::Json => json::render(report).map_err(|e| Stop::new(exit::INTERNAL, e.to_string())),
        ReportFormat::Kubeadm => Ok(kubeadm::render(report)),
        ReportFormat::Human => {
            let to_stdout = args.output_file.is_none();
            let style = human::Style {
                width: output::width(to_stdout),
                color: output::color(global.color, to_stdout),
                quiet: global.quiet,
                verbose: global.verbose > 0,
            };
            Ok(human::render(report, style))
        }
    }
}

fn code(report: &Report, fail_on: FailOn) -> u8 {
    let least = match fail_on {
        FailOn::Fail => Verdict::Fail,
        FailOn::Warn => Verdict::Warn,
        FailOn::Never => return exit::OK,
    };
    if report.verdict >= least { exit::FAIL } else { exit::OK }
}
