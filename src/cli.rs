//! The command line: what it accepts, and what each command does.

mod args;
#[cfg(test)]
mod book;
mod capture;
mod cgroups;
mod commands;
mod compare;
mod decode;
mod detect;
pub mod exit;
mod facts;
mod fleet;
mod kubernetes;
mod node;
mod output;
mod outputs;
mod policies;
mod progress;
mod remedy;
mod run_command;
mod share;
mod signals;

use crate::panics;
use args::{Cli, Command};
use clap::{ArgMatches, CommandFactory, FromArgMatches, error::ErrorKind, parser::ValueSource};
use std::{
    ffi::OsString,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

/// What belongs to every command and may stand before or after its name.
const GLOBAL: &[&str] = &["color", "quiet", "verbose"];

/// Runs the program with the arguments `args` (the first is its own name).
pub fn main(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let cli = match parse(args) {
        Ok(cli) => cli,
        Err(e) => {
            // A reader that has gone (`--help | head`) is no error of ours.
            let _ = e.print();
            return if e.use_stderr() { exit::USAGE.into() } else { exit::OK.into() };
        }
    };
    crate::logging::init(cli.global.quiet, cli.global.verbose);
    panics::hook();
    // Where a build unwinds, a panic of this thread was logged by then.
    catch_unwind(AssertUnwindSafe(|| dispatch(&cli))).unwrap_or(exit::INTERNAL.into())
}

fn dispatch(cli: &Cli) -> ExitCode {
    match &cli.command {
        None => run_command::run(&cli.run, &cli.global),
        Some(Command::Run(args)) => run_command::run(args, &cli.global),
        Some(Command::List(args)) => commands::list(args),
        Some(Command::Explain(args)) => commands::explain(args),
        Some(Command::Profiles) => commands::profiles(),
        Some(Command::Policy(args)) => commands::answer_with(policies::command(&args.command, &cli.global)),
        Some(Command::Cgroups(args)) => commands::answer_with(cgroups::answer(args, &cli.global)),
        Some(Command::Kubernetes(args)) => commands::kubernetes(args),
        Some(Command::Capture(args)) => commands::answer(capture::answer(args, &cli.global)),
        Some(Command::Compare(args)) => commands::answer_with(compare::answer(args, &cli.global)),
        Some(Command::Fleet(args)) => commands::answer_with(fleet::answer(args, &cli.global)),
        Some(Command::Remedy(args)) => commands::answer(remedy::answer(args, &cli.global)),
        Some(Command::Facts(args)) => commands::answer(facts::answer(args)),
        Some(Command::Completions(args)) => commands::answer(share::completions(args.shell)),
        Some(Command::Man(args)) => commands::answer(share::man(args.page.as_deref())),
    }
}

fn parse(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Cli, clap::Error> {
    let mut command = Cli::command();
    let matches = command.try_get_matches_from_mut(args)?;
    if let (Some((name, _)), Some(option)) = (matches.subcommand(), misplaced(&matches)) {
        let option = option.replace('_', "-");
        return Err(command.error(
            ErrorKind::ArgumentConflict,
            format!("`--{option}` stands before `{name}`; options of a command come after its name"),
        ));
    }
    Cli::from_arg_matches(&matches)
}

/// An option of the run that was given before the name of another command, where it would be ignored. clap's
/// own `args_conflicts_with_subcommands` would refuse `-v` and `--color` there as well.
fn misplaced(matches: &ArgMatches) -> Option<&str> {
    let mut given = matches.ids().map(clap::Id::as_str).filter(|id| !GLOBAL.contains(id));
    given.find(|id| {
        // Groups (one for each struct of options) have ids as well, but no source.
        matches!(matches.try_get_raw(id), Ok(Some(_)))
            && matches.value_source(id) == Some(ValueSource::CommandLine)
            && id.starts_with(|c: char| c.is_ascii_lowercase())
    })
}
