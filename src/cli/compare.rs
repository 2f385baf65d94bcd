//! `preflight compare`: captures and reports side by side.

use super::{
    args::{CompareArgs, Format, Global, NodeArgs, RunArgs},
    exit::{self, Stop},
    output, run_command,
};
use crate::compare::{Answers, Comparison, Style};
use preflight_checks::{
    capture::{Capture, Captured},
    node::Door,
};
use std::{
    io::{self, Read as _},
    path::Path,
    sync::Arc,
};

/// The largest report that is read, in bytes.
const LIMIT: u64 = 16 << 20;
/// What a file packed with gzip begins with (RFC 1952, 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What the command prints, and its exit code: 1 where something differs, as diff(1) has it.
pub(super) fn answer(args: &CompareArgs, global: &Global) -> Result<(String, u8), Stop> {
    let mut nodes = Vec::new();
    for file in &args.files {
        nodes.push(read(file, args, global)?);
    }
    let comparison = Comparison::of(&nodes);
    let text = match args.output {
        Format::Json => output::json(&comparison)?,
        Format::Human => {
            let style = Style { width: output::width(true), verbose: global.verbose > 0 };
            output::for_people(comparison.text(style))
        }
    };
    Ok((text, if comparison.differs() { exit::FAIL } else { exit::OK }))
}

fn read(file: &Path, args: &CompareArgs, global: &Global) -> Result<Answers, Stop> {
    let source = file.display().to_string();
    let named = |why: String| Stop::new(exit::USAGE, format!("{source}: {why}"));
    let bytes = bytes(file).map_err(|e| named(e.to_string()))?;
    if !bytes.starts_with(&GZIP) {
        return Answers::parse(&source, &bytes).map_err(named);
    }
    let capture = Capture::read(bytes.as_slice()).map_err(|e| named(e.to_string()))?;
    let door: Arc<dyn Door> = Arc::new(Captured::new(capture));
    let node = NodeArgs { root: None, from: Some(file.to_owned()) };
    let run = RunArgs { policy: args.policy.clone(), ..RunArgs::judging("", &[], node) };
    Answers::of(&source, &run_command::judge(&door, &run, global)?).map_err(named)
}

#[expect(clippy::disallowed_methods, reason = "a report is the user's file, not part of the node")]
fn bytes(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        io::stdin().lock().take(LIMIT).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(file)?.take(LIMIT).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
