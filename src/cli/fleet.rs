//! `preflight fleet`: one picture of many reports.

use super::{
    args::{FailOn, FleetArgs, FleetFormat, Global},
    exit::{self, Stop},
    output,
};
use crate::fleet::{Fleet, Sources, Style, Totals};
use std::path::PathBuf;

/// What the command prints, and its exit code: 1 where a node fails, by the rule of `run`.
pub(super) fn answer(args: &FleetArgs, global: &Global) -> Result<(String, u8), Stop> {
    let usage = |message: String| Stop::new(exit::USAGE, message);
    if let Some(file) = &args.output_file {
        output::check_target(file).map_err(|e| usage(format!("--output-file {e}")))?;
    }
    let reports = if args.reports.is_empty() { vec![PathBuf::from("-")] } else { args.reports.clone() };
    let sources = Sources { reports, against: args.against.clone(), group_by: args.group_by.clone() };
    let fleet = Fleet::gather(&sources).map_err(usage)?;
    let to_stdout = args.output_file.is_none();
    let text = match args.output {
        FleetFormat::Human => {
            let style =
                Style { width: output::width(to_stdout), verbose: global.verbose > 0, quiet: global.quiet };
            output::for_people(fleet.text(style))
        }
        FleetFormat::Json => output::json(fleet.picture())?,
        FleetFormat::Html => fleet.page().map_err(|e| Stop::new(exit::INTERNAL, e))?,
    };
    let totals = fleet.picture().totals();
    // A picture of nothing says nothing; what there was instead is told all the same.
    if totals.nodes == 0 {
        output::complain(if totals.broken > 0 {
            "preflight: no document is a report that can be read"
        } else {
            "preflight: there are no reports"
        });
    }
    let code = code(args.fail_on, totals);
    // What a process leaves goes back to the kernel at once; taking tables apart word by word takes longer.
    std::mem::forget(fleet);
    let Some(file) = &args.output_file else { return Ok((text, code)) };
    let unwritten = |e: std::io::Error| Stop::new(exit::INTERNAL, format!("{}: {e}", file.display()));
    output::write_file(file, &text).map_err(unwritten)?;
    Ok((String::new(), code))
}

fn code(fail_on: FailOn, totals: Totals) -> u8 {
    if totals.nodes == 0 {
        return exit::INTERNAL;
    }
    let fails = match fail_on {
        FailOn::Fail => totals.fail > 0,
        FailOn::Warn => totals.fail + totals.warn + totals.broken > 0,
        FailOn::Never => false,
    };
    if fails { exit::FAIL } else { exit::OK }
}
