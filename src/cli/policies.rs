//! `--config`, `--set` and the commands about policies.

use super::{
    args::{
        Color, Format, Global, NodeArgs, PolicyCommand, PolicyInitArgs, PolicyLintArgs, PolicyTestArgs,
        RunArgs,
    },
    exit::{self, Stop},
    node, output, run_command,
};
use crate::cases;
use crate::policy::{self, Cases, Date, KubeadmConfig, LoadError, Overrides, Policy, Source, init, profiles};
use preflight_checks::Node;
use std::{path::Path, sync::Arc};

/// Reads the policy that `config` names, the default profile without it, with what is said of its inputs elsewhere.
pub(super) fn load(config: Option<&str>, overrides: &Overrides<'_>, color: Color) -> Result<Policy, Stop> {
    Policy::load_with(&source(config)?, overrides).map_err(|e| stop(e, color))
}

/// Reads a file of kubeadm. What it would pass over is told on standard error.
pub(super) fn kubeadm(file: &Path, sets: &[(String, String)], color: Color) -> Result<KubeadmConfig, Stop> {
    let role = sets.iter().rev().find(|(key, _)| key == "role").map(|(_, role)| role.as_str());
    let color = output::color_of_errors(color);
    let read = KubeadmConfig::read(&Source::File(file.to_owned()), role);
    let config = read.map_err(|wrong| Stop::verbatim(exit::POLICY, wrong.render(color)))?;
    if !config.warnings.is_empty() {
        output::complain(&config.warnings.render(color));
    }
    Ok(config)
}

/// What the commands about policies print, and their exit code.
pub(super) fn command(command: &PolicyCommand, global: &Global) -> Result<(String, u8), Stop> {
    Ok(match command {
        PolicyCommand::Schema => (format!("{:#}\n", policy::published()), exit::OK),
        PolicyCommand::Lint(args) => {
            let (text, code) = lint(args, global.color)?;
            (output::for_people(text), code)
        }
        PolicyCommand::Test(args) => return test(args, global),
        PolicyCommand::Init(args) => (init(args, global)?, exit::OK),
        PolicyCommand::Show(args) => {
            let overrides = Overrides { sets: &args.target.set, ..Overrides::default() };
            let policy = load(args.target.policy.as_deref(), &overrides, global.color)?;
            (if args.explain { policy.explained() } else { policy.to_yaml() }, exit::OK)
        }
    })
}

/// A policy to begin with.
fn init(args: &PolicyInitArgs, global: &Global) -> Result<String, Stop> {
    if !args.from_host {
        return Ok(init::SKELETON.to_owned());
    }
    let run = RunArgs::judging(&args.extends, &args.set, NodeArgs { root: args.root.clone(), from: None });
    let door = node::door(&run.node)?;
    let report = run_command::judge(&door, &run, global)?;
    // What it asks was read a moment ago, and did not hang.
    let host = init::Host::of(&Node::new(door, Arc::default()));
    Ok(init::from_host(&report, &host, &args.extends, Date::today()))
}

/// Runs the cases of all files.
fn test(args: &PolicyTestArgs, global: &Global) -> Result<(String, u8), Stop> {
    let mut outcomes = Vec::new();
    for file in &args.files {
        let wrong = |d: policy::Diagnostics| {
            Stop::verbatim(exit::POLICY, d.render(output::color_of_errors(global.color)))
        };
        let cases = Cases::read(file).map_err(wrong)?;
        outcomes.extend(cases::run_all(&cases, &args.only).map_err(|e| match e {
            // An input that the policy has not is a mistake of the file here.
            LoadError::Usage(usage) => Stop::new(exit::POLICY, format!("{}: {usage}", file.display())),
            wrong @ LoadError::Policy(_) => stop(wrong, global.color),
        })?);
    }
    if outcomes.is_empty() {
        let message = format!("no case is called `{}`", args.only.join("` or `"));
        return Err(Stop::new(exit::USAGE, message));
    }
    let text = match args.output {
        Format::Human => output::for_people(cases::human(&outcomes, output::width(true), global.verbose > 0)),
        Format::Json => output::json(&cases::json(&outcomes))?,
    };
    let code = if outcomes.iter().all(cases::Outcome::holds) { exit::OK } else { exit::FAIL };
    Ok((text, code))
}

/// The questionable places of a policy, and how much of it there is. Errors are no result but a [`Stop`].
fn lint(PolicyLintArgs { target, strict }: &PolicyLintArgs, color: Color) -> Result<(String, u8), Stop> {
    let source = source(target.policy.as_deref())?;
    let warnings = Policy::lint(&source, &target.set, Date::today()).map_err(|e| stop(e, color))?;
    let policy = Policy::load(&source, &target.set).map_err(|e| stop(e, color))?;
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let found = match warnings.iter().count() {
        0 => "nothing wrong".to_owned(),
        n => format!("nothing wrong, but {}", count(n, "warning")),
    };
    let text = warnings.render(output::color(color, true));
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let code = if *strict && !warnings.is_empty() { exit::FAIL } else { exit::OK };
    Ok((format!("{text}{gap}{}: {}, {found}\n", policy.source, count(policy.rules.len(), "rule")), code))
}

fn source(config: Option<&str>) -> Result<Source, Stop> {
    match config {
        None => Ok(Source::Profile(profiles::DEFAULT.to_owned())),
        Some("-") => Source::read_stdin()
            .map_err(|e| Stop::new(exit::POLICY, format!("standard input cannot be read: {e}"))),
        Some(name) => Ok(Source::named(name)),
    }
}

fn stop(error: LoadError, color: Color) -> Stop {
    match error {
        LoadError::Usage(usage) => Stop::new(exit::USAGE, usage.to_string()),
        // As compilers write it, so that editors find the place: the path comes first.
        LoadError::Policy(diagnostics) => {
            Stop::verbatim(exit::POLICY, diagnostics.render(output::color_of_errors(color)))
        }
    }
}
