//! Runs a program and takes what it prints: without a shell, with an empty environment but for PATH, in a process group of
//! its own that is killed when its time is over, and with a limit to what it may say.

// The one place that starts programs, and only where the command line allowed it (law 5).
#![allow(clippy::disallowed_methods)]

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Read, Write as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

/// How much of its output is kept, in bytes, and of what it says on standard error.
const OUTPUT: u64 = 64 << 10;
const ERRORS: u64 = 4 << 10;
/// How long to wait for output that is still on its way after the program has ended.
const AFTER: Duration = Duration::from_millis(200);

/// How a program ended, and what it printed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its exit status; none where a signal ended it.
    pub status: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it printed, at most 64 KiB; what is not UTF-8 is replaced.
    pub stdout: String,
    /// What it said on standard error, at most 4 KiB.
    pub stderr: String,
}

impl Ended {
    /// Reads the answer to a [`Probe::Execute`](super::Probe::Execute).
    #[must_use]
    pub fn of(probed: &super::Probed) -> Option<Self> {
        serde_json::from_str(probed.details()?).ok()
    }

    /// `exit status 1`, `killed by signal 9`.
    #[must_use]
    pub fn how(&self) -> String {
        match (self.status, self.signal) {
            (Some(status), _) => format!("exit status {status}"),
            (None, Some(signal)) => format!("ended by signal {signal}"),
            (None, None) => "ended".to_owned(),
        }
    }
}

/// What to start.
pub(super) struct Program<'a> {
    pub(super) path: &'a str,
    pub(super) arguments: &'a [String],
    /// What it is given on standard input.
    pub(super) input: &'a str,
    pub(super) millis: u32,
}

/// `ok, OUTPUT`, or how it ended: `exit status 1`, `killed: it ran longer than 1000 ms`.
pub(super) fn run(program: &str, arguments: &[String], millis: u32) -> io::Result<Result<String, String>> {
    let ended = start(&Program { path: program, arguments, input: "", millis })?;
    Ok(ended.and_then(|ended| match ended.status {
        Some(0) => Ok(format!("ok, {}", ended.stdout.trim())),
        _ => Err(ended.how()),
    }))
}

/// `ok, {…}` with [`Ended`] as JSON, or why it did not end by itself.
pub(super) fn execute(program: &Program<'_>) -> io::Result<Result<String, String>> {
    let ended = start(program)?;
    Ok(ended.and_then(|ended| {
        serde_json::to_string(&ended).map(|json| format!("ok, {json}")).map_err(|e| e.to_string())
    }))
}

fn start(program: &Program<'_>) -> io::Result<Result<Ended, String>> {
    let stdin = if program.input.is_empty() { Stdio::null() } else { Stdio::piped() };
    let mut child = Command::new(program.path)
        .args(program.arguments)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        let input = program.input.to_owned();
        // Who does not read it, does not hold the run.
        thread::Builder::new().name("input".to_owned()).spawn(move || stdin.write_all(input.as_bytes()))?;
    }
    let stdout = child.stdout.take().map(|pipe| take(pipe, OUTPUT, false)).transpose()?;
    let stderr = child.stderr.take().map(|pipe| take(pipe, ERRORS, true)).transpose()?;
    let Some(status) = wait(&mut child, Duration::from_millis(program.millis.into()))? else {
        return Ok(Err(format!("killed: it ran longer than {} ms", program.millis)));
    };
    let text = |pipe: Option<Receiver<Vec<u8>>>| {
        let bytes = pipe.and_then(|pipe| pipe.recv_timeout(AFTER).ok()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (stdout, stderr) = (text(stdout), text(stderr));
    Ok(Ok(Ended { status: status.code(), signal: status.signal(), stdout, stderr }))
}

/// Takes at most `limit` bytes from a pipe, on a thread of its own: who left the group may hold the pipe open for as long as
/// it likes. The rest is thrown away, or the pipe closed, which ends who prints on.
fn take(mut pipe: impl Read + Send + 'static, limit: u64, throw_away: bool) -> io::Result<Receiver<Vec<u8>>> {
    let (sender, receiver) = channel();
    thread::Builder::new().name("output".to_owned()).spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.by_ref().take(limit).read_to_end(&mut bytes);
        let _ = sender.send(bytes);
        if throw_away {
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
    })?;
    Ok(receiver)
}

/// Waits for the end of the program; kills its group when the time is over. None where it had to be killed.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<std::process::ExitStatus>> {
    let until = Instant::now() + limit;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = child.try_wait()? {
            // Whatever it left running in its group ends with it.
            if let Some(group) = group {
                let _ = kill_process_group(group, Signal::KILL);
            }
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            if let Some(group) = group {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, millis: u32) -> Result<String, String> {
        run("/bin/sh", &["-c".to_owned(), script.to_owned()], millis).unwrap()
    }

    #[test]
    fn what_it_prints_and_how_it_ends() {
        assert_eq!(sh("echo one; echo two >&2", 5000).as_deref(), Ok("ok, one"));
        assert_eq!(sh("exit 3", 5000).unwrap_err(), "exit status 3");
        assert!(run("/nowhere/at/all", &[], 100).is_err());
        // Nothing of the environment of this program, which always has a home.
        assert_eq!(sh("echo \"$HOME$CARGO$USER\"", 5000).as_deref(), Ok("ok, "));
    }

    #[test]
    fn who_hangs_is_killed_with_all_its_children() {
        let started = Instant::now();
        assert!(sh("sleep 60 & sleep 60", 100).unwrap_err().starts_with("killed"));
        assert!(started.elapsed() < Duration::from_secs(10));
        // A child that holds the pipe does not hold the run.
        assert_eq!(sh("sleep 60 & echo done", 5000).as_deref(), Ok("ok, done"));
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn input_and_all_that_comes_of_it() {
        let execute = |script: &str, input: &str| {
            let arguments = ["-c".to_owned(), script.to_owned()];
            let told = execute(&Program { path: "/bin/sh", arguments: &arguments, input, millis: 5000 });
            let told = told.unwrap().unwrap();
            serde_json::from_str::<Ended>(told.strip_prefix("ok, ").unwrap()).unwrap()
        };
        let ended = execute("cat; echo no >&2; exit 2", "{}");
        assert_eq!(
            ended,
            Ended { status: Some(2), signal: None, stdout: "{}".into(), stderr: "no\n".into() }
        );
        assert_eq!(execute("kill -9 $$", "").how(), "ended by signal 9");
        // Who does not read its input, and more of it than a pipe holds.
        assert_eq!(execute("exit 0", &"x".repeat(1 << 20)).status, Some(0));
        assert_eq!(execute("head -c 100000 /dev/zero; exit 7", "").stdout.len(), 64 << 10);
        assert_eq!(execute("head -c 100000 /dev/zero >&2; exit 7", "").status, Some(7));
    }

    #[test]
    fn who_prints_for_ever_is_cut() {
        let result = sh("yes", 300);
        // The pipe is closed after what is kept, which ends `yes` by a signal.
        assert!(result.is_err(), "{result:?}");
    }
}
