//! Which node is judged: this machine, a tree, or a capture.

use super::{
    args::NodeArgs,
    exit::{self, Stop},
};
use preflight_checks::{
    capture::{Capture, Captured},
    node::{Door, Filesystem},
};
use std::{path::Path, sync::Arc};

/// Opens the node that the options name.
pub(super) fn door(args: &NodeArgs) -> Result<Arc<dyn Door>, Stop> {
    Ok(match (&args.from, &args.root) {
        (Some(file), _) => Arc::new(Captured::new(read(file)?)),
        (None, Some(root)) => {
            Arc::new(Filesystem::under(root).map_err(|e| Stop::new(exit::USAGE, format!("--root {e}")))?)
        }
        (None, None) => Arc::new(Filesystem::live().map_err(|e| Stop::new(exit::INTERNAL, e.to_string()))?),
    })
}

/// Reads a capture.
#[expect(clippy::disallowed_methods, reason = "a capture is the user's file, not part of the node")]
pub(super) fn read(file: &Path) -> Result<Capture, Stop> {
    let named = |why: String| Stop::new(exit::USAGE, format!("{}: {why}", file.display()));
    if file == Path::new("-") {
        return Capture::read(std::io::stdin().lock()).map_err(|e| named(e.to_string()));
    }
    let opened = std::fs::File::open(file).map_err(|e| named(e.to_string()))?;
    Capture::read(opened).map_err(|e| named(e.to_string()))
}

/// The directory that is taken for the node's root, for reports.
pub(super) fn root(args: &NodeArgs) -> String {
    args.root.as_ref().map_or_else(|| "/".to_owned(), |root| root.display().to_string())
}
