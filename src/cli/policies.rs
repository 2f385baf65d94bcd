//! `--config`, `--set` and the commands about policies.

use super::{
    args::{Color, Global, PolicyCommand, PolicyTarget},
    exit::{self, Stop},
    output,
};
use crate::policy::{LoadError, Policy, Source, profiles};

/// Reads the policy that `config` names; without it, the default profile.
pub(super) fn load(config: Option<&str>, sets: &[(String, String)], color: Color) -> Result<Policy, Stop> {
    Policy::load(&source(config)?, sets).map_err(|e| stop(e, color))
}

/// What `policy lint`, `policy show` and `policy schema` print.
pub(super) fn command(command: &PolicyCommand, global: &Global) -> Result<String, Stop> {
    let load = |target: &PolicyTarget| load(target.policy.as_deref(), &target.set, global.color);
    match command {
        PolicyCommand::Schema => Ok("{}\n".to_owned()),
        PolicyCommand::Lint(target) => {
            let policy = load(target)?;
            Ok(format!("{}: {} rules, nothing wrong\n", policy.source, policy.rules.len()))
        }
        PolicyCommand::Show(target) => {
            let rules: Vec<_> = load(target)?.rules.iter().map(|r| format!("- id: {}\n", r.id)).collect();
            Ok(rules.concat())
        }
    }
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
