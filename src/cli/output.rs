//! Where texts go: standard output, a file, a terminal and its colours.

use super::args::Color;
use std::{
    env,
    ffi::OsString,
    fs::{self, OpenOptions},
    io::{self, ErrorKind, IsTerminal, Write},
    path::{Path, PathBuf},
    process,
};

/// The width of texts that go anywhere but to a terminal, in columns.
const WIDTH: usize = 80;
/// The widest that text is set, in columns: longer lines are hard to read.
const WIDEST: usize = 100;
/// The narrowest: below it, wrapping helps nobody.
const NARROWEST: usize = 40;

/// Writes to standard output. A reader that has gone (`| head`) is no error: the report was made, and the exit
/// code says its verdict.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Says on standard error why there is nothing on standard output.
pub(crate) fn complain(message: &str) {
    let _ = writeln!(io::stderr().lock(), "preflight: {}", message.trim_end());
}

/// Whether `file` can be a file at all: found out before the run, not after it.
pub(crate) fn check_target(file: &Path) -> Result<(), String> {
    if file.file_name().is_none() || file.is_dir() {
        return Err(format!("{} is a directory; name a file", file.display()));
    }
    let parent = parent(file);
    if parent.is_dir() { Ok(()) } else { Err(format!("{}: no such directory", parent.display())) }
}

fn parent(file: &Path) -> &Path {
    file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes `file` all or nothing: a reader sees the old content or the new one, never a part. The new file
/// stands beside the old one until it is complete, because a rename does not cross file systems (rename(2)).
pub(crate) fn write_file(file: &Path, text: &str) -> io::Result<()> {
    let mut name = OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", process::id()));
    let temporary: PathBuf = parent(file).join(name);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .and_then(|mut new| new.write_all(text.as_bytes()).and_then(|()| new.sync_all()))
        .and_then(|()| fs::rename(&temporary, file));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// How wide text may be: as the terminal, within reason; 80 columns elsewhere.
pub(crate) fn width(to_stdout: bool) -> usize {
    let terminal =
        if to_stdout && io::stdout().is_terminal() { terminal_size::terminal_size() } else { None };
    terminal.map_or(WIDTH, |(width, _)| usize::from(width.0).clamp(NARROWEST, WIDEST))
}

/// Whether to use colour. In this order: the option; CLICOLOR_FORCE or FORCE_COLOR (set and not 0); NO_COLOR
/// (set and not empty, no-color.org); TERM=dumb; a terminal.
pub(crate) fn color(option: Color, to_stdout: bool) -> bool {
    let var = |name| env::var_os(name).filter(|value| !value.is_empty());
    let forced = |name| var(name).is_some_and(|value| value != "0");
    match option {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if !to_stdout => false,
        Color::Auto if var("NO_COLOR").is_some() => false,
        Color::Auto if forced("CLICOLOR_FORCE") || forced("FORCE_COLOR") => true,
        Color::Auto => io::stdout().is_terminal() && var("TERM").is_none_or(|term| term != "dumb"),
    }
}
