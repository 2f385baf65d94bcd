//! `preflight run`: from the options to a report and an exit code.

use super::{
    args::{FailOn, Global, RunArgs},
    capture, cgroups, detect,
    exit::{self, Stop},
    node, output,
    outputs::{self, Output, ReportFormat},
    policies, progress,
};
use crate::{
    cgroups::CgroupReport,
    policy::{Date, Overrides, Policy},
    report::{
        github, html, human, json, junit, kubeadm, markdown,
        model::{Report, Verdict},
        nagios, node_condition, prometheus, sarif, tap, yaml,
    },
    run::{self, Asker, Confinement, Ignored, Limits, Request, RunError, Selection},
};
use preflight_checks::{
    capture::Recorder,
    node::{Allowed, Door},
};
use std::{mem::ManuallyDrop, process::ExitCode, sync::Arc};

pub(super) fn run(args: &RunArgs, global: &Global) -> ExitCode {
    match try_run(args, global) {
        Ok(code) => code.into(),
        Err(stop) => stop.exit(),
    }
}

fn try_run(args: &RunArgs, global: &Global) -> Result<u8, Stop> {
    // Wrong usage is told before any file is read.
    ignored(&args.ignore_preflight_errors)?;
    let outputs = outputs::of(args)?;
    if let Some(file) = &args.capture {
        output::check_target(file).map_err(|why| Stop::new(exit::USAGE, format!("--capture {why}")))?;
    }
    let mut door = node::door(&args.node)?;
    let recorder = args.capture.is_some().then(|| Arc::new(Recorder::new(Arc::clone(&door))));
    if let Some(recorder) = &recorder {
        door = Arc::clone(recorder) as Arc<dyn Door>;
    }
    // The process ends with this: nobody has to take them apart first.
    let judged = ManuallyDrop::new(asked(&door, args, global)?);
    let report = &judged.0;
    // Nobody else asks for all of them.
    let wants_cgroups = outputs.iter().any(|output| output.format == ReportFormat::Html);
    let cgroups = wants_cgroups.then(|| cgroups::of(door));
    // All of them are made before the first is written: what can't be made leaves nothing behind.
    let texts: Vec<String> = outputs
        .iter()
        .map(|output| render(report, output, global, cgroups.as_ref()))
        .collect::<Result<_, _>>()?;
    for (output, text) in outputs.iter().zip(&texts) {
        write(output, text)?;
    }
    if let (Some(recorder), Some(file)) = (&recorder, &args.capture) {
        capture::save(recorder, args, report.policy.name.clone(), file)?;
    }
    // As a plugin it ends as whoever starts plugins wants it.
    let to_stdout = outputs.iter().find(|output| output.file.is_none());
    Ok(match to_stdout.map(|output| output.format) {
        Some(ReportFormat::Nagios) => nagios::state(report).1,
        Some(ReportFormat::NodeProblemDetector) => node_condition::plugin_status(report),
        _ => code(report, args.fail_on),
    })
}

fn ignored(lists: &[String]) -> Result<Ignored, Stop> {
    Ignored::parse(lists.iter().map(String::as_str))
        .map_err(|e| Stop::new(exit::USAGE, format!("--ignore-preflight-errors: {e}")))
}

/// Judges the node as the options say.
pub(super) fn report(args: &RunArgs, global: &Global) -> Result<Report, Stop> {
    judge(&node::door(&args.node)?, args, global)
}

/// As [`report`], behind this door.
pub(super) fn judge(door: &Arc<dyn Door>, args: &RunArgs, global: &Global) -> Result<Report, Stop> {
    asked(door, args, global).map(|(report, _)| report)
}

/// The report, and what was asked.
fn asked(door: &Arc<dyn Door>, args: &RunArgs, global: &Global) -> Result<(Report, Request), Stop> {
    let sets = args.policy.set.as_slice();
    let kubeadm = args.policy.kubeadm_config.as_deref();
    let kubeadm =
        kubeadm.map(|file| policies::kubeadm(file, sets, global.color)).transpose()?.unwrap_or_default();
    // It makes itself ready while the policy is read. Where no thread is to be had, the run says so, after what is wrong with the policy.
    let asker = Asker::start("checks", door, allowed(door, args), Arc::default()).ok();
    let version = || detect::kubernetes_version(asker.as_ref()?, args.timeout);
    let overrides = Overrides { sets, given: &kubeadm.inputs, detect: Some(&version) };
    let policy = policies::load(args.policy.config.as_deref(), &overrides, global.color)?;
    let mut request = Request { asker, ..request(Arc::new(policy), door, args)? };
    request.ignored = ignored(&[args.ignore_preflight_errors.as_slice(), &kubeadm.ignored].concat())?;
    // For people alone, and only if they want to hear more than the end of it.
    let for_people =
        args.output.iter().any(|output| output.format == ReportFormat::Human && output.file.is_none());
    let _line =
        if for_people && !global.quiet { progress::show(&request.policy, &request.progress) } else { None };
    let report = run::run(&request).map_err(|e| match e {
        RunError::NoMatch(_) => Stop::new(exit::USAGE, e.to_string()),
        RunError::Thread(_) => Stop::new(exit::INTERNAL, e.to_string()),
    })?;
    Ok((report, request))
}

/// What a run of this policy takes.
pub(super) fn request(policy: Arc<Policy>, door: &Arc<dyn Door>, args: &RunArgs) -> Result<Request, Stop> {
    // What held when a node was captured is judged as of then: waivers, too.
    let then = door.captured().and_then(|then| then.time.split('T').next()?.parse().ok());
    let allowed = allowed(door, args);
    let checks = policy.rules.iter().map(|rule| rule.check.meta().id).collect();
    // A capture asks nothing of this machine.
    let confinement = door.captured().is_none().then(|| Confinement::new(allowed, door.origin(), checks));
    Ok(Request {
        root: node::root(&args.node),
        selection: Selection { only: args.only.clone(), skip: args.skip.clone() },
        ignored: ignored(&args.ignore_preflight_errors)?,
        today: then.unwrap_or_else(Date::today),
        allowed,
        confinement,
        limits: Limits::with_deadline(args.timeout),
        ..Request::new(policy, Arc::clone(door))
    })
}

/// What may go beyond reading: what the command line says, or said when the node was captured.
fn allowed(door: &Arc<dyn Door>, args: &RunArgs) -> Allowed {
    match door.captured() {
        Some(then) => then.allowed,
        None => args.allow.iter().map(|allow| (*allow).into()).collect(),
    }
}

fn write(output: &Output, text: &str) -> Result<(), Stop> {
    match &output.file {
        None => output::print(text).map_err(|e| Stop::new(exit::INTERNAL, format!("standard output: {e}"))),
        Some(file) => output::write_file(file, text).map_err(|e| {
            Stop::new(exit::INTERNAL, format!("the report can't be written to {}: {e}", file.display()))
        }),
    }
}

fn render(
    report: &Report,
    output: &Output,
    global: &Global,
    cgroups: Option<&Result<CgroupReport, String>>,
) -> Result<String, Stop> {
    let as_json =
        |text: Result<String, serde_json::Error>| text.map_err(|e| Stop::new(exit::INTERNAL, e.to_string()));
    Ok(match output.format {
        ReportFormat::Json => as_json(json::render(report))?,
        ReportFormat::Ndjson => as_json(json::render_line(report))?,
        ReportFormat::NodeCondition => as_json(node_condition::render(report))?,
        ReportFormat::NodeProblemDetector => node_condition::plugin(report),
        ReportFormat::Yaml => as_json(yaml::render(report))?,
        ReportFormat::Sarif => as_json(sarif::render(report))?,
        ReportFormat::Junit => junit::render(report),
        ReportFormat::Tap => tap::render(report),
        ReportFormat::Prometheus => prometheus::render(report),
        ReportFormat::Nagios => nagios::render(report),
        ReportFormat::Github => github::render(report),
        ReportFormat::Markdown => markdown::render(report),
        ReportFormat::Html => html::render(report, cgroups),
        ReportFormat::Kubeadm => kubeadm::render(report),
        ReportFormat::Human => {
            let to_stdout = output.file.is_none();
            let style = human::Style {
                width: output::width(to_stdout),
                color: output::color(global.color, to_stdout),
                quiet: global.quiet,
                verbose: global.verbose > 0,
            };
            output::for_people(human::render(report, style))
        }
    })
}

fn code(report: &Report, fail_on: FailOn) -> u8 {
    let least = match fail_on {
        FailOn::Fail => Verdict::Fail,
        FailOn::Warn => Verdict::Warn,
        FailOn::Never => return exit::OK,
    };
    if report.verdict >= least { exit::FAIL } else { exit::OK }
}
