//! Where texts go: standard output, a file, a terminal and its colours.

use super::{
    args::Color,
    exit::{self, Stop},
};
use serde::Serialize;
use std::{
    env,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, IsTerminal, Write},
    os::unix::fs::OpenOptionsExt,
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
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Text for people, in characters that their locale has: where it is not one of UTF-8, signs get stand-ins of ASCII, and what
/// else is not ASCII (a name on the node) is written as an escape.
pub(super) fn for_people(text: String) -> String {
    if text.is_ascii() || is_utf8(|name| env::var_os(name)) { text } else { ascii(&text) }
}

/// As setlocale(3) has it: the first of these that is set and not empty decides; without any it is POSIX, which is ASCII.
fn is_utf8(var: impl Fn(&str) -> Option<OsString>) -> bool {
    let set =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| var(name).filter(|value| !value.is_empty()));
    let locale = set.map(|value| value.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    locale.contains("utf-8") || locale.contains("utf8")
}

fn ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '…' => out.push_str("..."),
            '→' => out.push_str("->"),
            '–' | '—' | '─' => out.push('-'),
            '“' | '”' => out.push('"'),
            '‘' | '’' => out.push('\''),
            '×' => out.push('x'),
            '·' | '•' => out.push('*'),
            '\u{a0}' => out.push(' '),
            c if c.is_ascii() => out.push(c),
            c => out.extend(c.escape_unicode()),
        }
    }
    out
}

/// Says on standard error why there is nothing on standard output.
pub(super) fn complain(message: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", message.trim_end());
}

/// Whether `file` can be written as a file at all: found out before the run, not after it. A device such as
/// /dev/null must not be replaced by a file, which a rename would do.
pub(super) fn check_target(file: &Path) -> Result<(), String> {
    let shown = file.display();
    if file.file_name().is_none() || file.is_dir() {
        return Err(format!("{shown} is a directory; name a file"));
    }
    // A link that leads to no path is /dev/stdout of a pipe.
    let target = fs::canonicalize(file);
    if target.map_or(file.is_symlink(), |target| !target.is_file()) {
        return Err(format!("{shown} is no regular file; leave the option out to write to standard output"));
    }
    let parent = parent(file);
    if parent.is_dir() { Ok(()) } else { Err(format!("{}: no such directory", parent.display())) }
}

fn parent(file: &Path) -> &Path {
    file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// How many names are tried for the temporary file. In a container the process id is the same in every run, so
/// that a run which was killed may have left one behind.
const TRIES: u32 = 16;

/// Writes `file` all or nothing: a reader sees the old content or the new one, never a part. The new file
/// stands beside the old one until it is complete, because a rename does not cross file systems (rename(2)).
/// Where `file` is a symbolic link, what it leads to is written. A file that is a mount of its own can't be replaced, only
/// written over: where Kubernetes takes a container's last words from, /dev/termination-log, is such a one.
pub(super) fn write_file(file: &Path, text: &str) -> io::Result<()> {
    write_bytes(file, text.as_bytes(), 0o666)
}

/// As [`write_file`], readable by its owner alone.
pub(super) fn write_private_file(file: &Path, bytes: &[u8]) -> io::Result<()> {
    write_bytes(file, bytes, 0o600)
}

/// `mode` is that of a new file, before the umask.
fn write_bytes(file: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let (temporary, mut new) = create_beside(&file, mode)?;
    let written =
        new.write_all(bytes).and_then(|()| new.sync_all()).and_then(|()| fs::rename(&temporary, &file));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    match written {
        // rename(2): EBUSY.
        Err(e) if e.kind() == ErrorKind::ResourceBusy => fs::write(&file, bytes),
        written => written,
    }
}

fn create_beside(file: &Path, mode: u32) -> io::Result<(PathBuf, File)> {
    let name = file.file_name().unwrap_or_default();
    let mut tried = 0;
    loop {
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}-{tried}.tmp", process::id()));
        let temporary = parent(file).join(hidden);
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary) {
            Ok(new) => return Ok((temporary, new)),
            Err(e) if e.kind() == ErrorKind::AlreadyExists && tried < TRIES => tried += 1,
            Err(e) => return Err(e),
        }
    }
}

/// How wide text may be: as the terminal, within reason; 80 columns elsewhere.
pub(super) fn width(to_stdout: bool) -> usize {
    let terminal =
        if to_stdout && io::stdout().is_terminal() { terminal_size::terminal_size() } else { None };
    terminal.map_or(WIDTH, |(width, _)| usize::from(width.0).clamp(NARROWEST, WIDEST))
}

/// The widest that a table is set: its columns are short lines of their own.
const WIDEST_TABLE: usize = 140;

/// How wide a table on standard output may be.
pub(super) fn table_width() -> usize {
    let terminal = if io::stdout().is_terminal() { terminal_size::terminal_size() } else { None };
    terminal.map_or(WIDTH, |(width, _)| usize::from(width.0).clamp(NARROWEST, WIDEST_TABLE))
}

/// One JSON document that ends with a newline.
pub(super) fn json(value: &impl Serialize) -> Result<String, Stop> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|e| Stop::new(exit::INTERNAL, e.to_string()))
}

/// Whether to use colour in what goes to standard output (or, if not `to_stdout`, to a file).
pub(super) fn color(option: Color, to_stdout: bool) -> bool {
    decide(option, to_stdout, io::stdout().is_terminal(), |name| env::var_os(name))
}

/// Whether to use colour in what goes to standard error.
pub(super) fn color_of_errors(option: Color) -> bool {
    decide(option, true, io::stderr().is_terminal(), |name| env::var_os(name))
}

/// In this order: the option; a file never; NO_COLOR (set and not empty: no-color.org); CLICOLOR_FORCE and
/// FORCE_COLOR (set and not 0: bixense.com/clicolors); a terminal that is not TERM=dumb.
fn decide(option: Color, to_stdout: bool, is_terminal: bool, var: impl Fn(&str) -> Option<OsString>) -> bool {
    let var = |name| var(name).filter(|value| !value.is_empty());
    let forced = |name| var(name).is_some_and(|value| value != "0");
    match option {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if !to_stdout || var("NO_COLOR").is_some() => false,
        Color::Auto if forced("CLICOLOR_FORCE") || forced("FORCE_COLOR") => true,
        Color::Auto => is_terminal && var("TERM").is_none_or(|term| term != "dumb"),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests look at what was written")]
mod tests {
    use super::*;

    #[test]
    fn when_there_is_colour() {
        use Color::{Always, Auto, Never};
        for (option, to_stdout, is_terminal, set, expected) in [
            (Auto, true, true, &[][..], true),
            (Auto, true, false, &[], false),
            (Auto, true, true, &[("TERM", "xterm")], true),
            (Auto, true, true, &[("TERM", "dumb")], false),
            (Auto, true, true, &[("NO_COLOR", "1")], false),
            (Auto, true, true, &[("NO_COLOR", "")], true),
            (Auto, true, false, &[("CLICOLOR_FORCE", "1")], true),
            (Auto, true, false, &[("FORCE_COLOR", "1"), ("TERM", "dumb")], true),
            (Auto, true, false, &[("CLICOLOR_FORCE", "0")], false),
            (Auto, true, false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
            (Auto, false, true, &[("CLICOLOR_FORCE", "1")], false),
            (Always, true, false, &[("NO_COLOR", "1")], true),
            (Never, true, true, &[("CLICOLOR_FORCE", "1")], false),
        ] {
            let var = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into());
            assert_eq!(
                decide(option, to_stdout, is_terminal, var),
                expected,
                "{option:?} {to_stdout} {is_terminal} {set:?}"
            );
        }
    }

    #[test]
    fn locales_and_stand_ins() {
        for (set, expected) in [
            (&[][..], false),
            (&[("LANG", "en_US.UTF-8")], true),
            (&[("LANG", "C.utf8")], true),
            (&[("LANG", "de_DE.ISO-8859-1")], false),
            (&[("LANG", "en_US.UTF-8"), ("LC_ALL", "C")], false),
            (&[("LANG", "C"), ("LC_CTYPE", "C.UTF-8"), ("LC_ALL", "")], true),
        ] {
            let var = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into());
            assert_eq!(is_utf8(var), expected, "{set:?}");
        }
        assert_eq!(ascii("a … → “é”\n"), "a ... -> \"\\u{e9}\"\n");
    }

    #[test]
    fn a_file_is_written_whole_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("report.json");
        for text in ["long old text", "new"] {
            write_file(&file, text).unwrap();
            assert_eq!(String::from_utf8(std::fs::read(&file).unwrap()).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        // What a killed run left behind stops nobody, and a link keeps leading where it led.
        let stale = directory.path().join(format!(".report.json.{}-0.tmp", process::id()));
        std::fs::write(&stale, "half").unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_file(&link, "through the link").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"through the link");
        assert!(link.is_symlink());
        std::fs::remove_file(stale).unwrap();
        std::fs::remove_file(link).unwrap();
        // A directory can't be replaced by a file: nothing may be left of the attempt.
        std::fs::create_dir(directory.path().join("d")).unwrap();
        assert!(write_file(&directory.path().join("d"), "x").is_err());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
