//! `preflight remedy`: the remedies of a report, or of this node, as a shell script on standard output.

use super::{
    args::{Global, RemedyArgs, RunArgs},
    exit::{self, Stop},
    run_command,
};
use crate::remedy::Remedies;
use std::{
    io::{self, Read},
    path::Path,
};

/// The largest report that is read, in bytes.
const LIMIT: u64 = 16 << 20;

pub(super) fn answer(args: &RemedyArgs, global: &Global) -> Result<String, Stop> {
    let fail_only = args.fail_only;
    let remedies = match args.report.as_deref() {
        Some(file) => {
            let named = |why: String| Stop::new(exit::USAGE, format!("{}: {why}", file.display()));
            Remedies::parse(&read(file).map_err(|e| named(e.to_string()))?).map_err(named)?
        }
        None => Remedies::of(&run_command::report(&run(args), global)?),
    };
    Ok(remedies.script(fail_only))
}

fn run(args: &RemedyArgs) -> RunArgs {
    RunArgs {
        policy: args.policy.clone(),
        only: args.only.clone(),
        skip: args.skip.clone(),
        allow: args.allow.clone(),
        timeout: args.timeout,
        ..RunArgs::judging("", &[], args.node.clone())
    }
}

#[expect(clippy::disallowed_methods, reason = "a report is the user's file, not part of the node")]
fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    if file == Path::new("-") {
        io::stdin().lock().take(LIMIT).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(file)?.take(LIMIT).read_to_string(&mut text)?;
    }
    Ok(text)
}
