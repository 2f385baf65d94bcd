//! Runs a program and takes what it prints: without a shell, with an empty environment but for PATH, in a process group of
//! its own that is killed when its time is over, and with a limit to what it may say.

// The one place that starts programs, and only where the command line allowed it (law 5).
#![allow(clippy::disallowed_methods)]

use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    io::{self, Read},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

/// How much of its output is kept, in bytes.
const OUTPUT: u64 = 8 << 10;
/// How long to wait for output that is still on its way after the program has ended.
const AFTER: Duration = Duration::from_millis(200);

/// `ok, OUTPUT`, or how it ended: `exit status 1`, `killed: it ran longer than 1000 ms`.
pub(super) fn run(program: &str, arguments: &[String], millis: u32) -> io::Result<Result<String, String>> {
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let (sender, receiver) = channel();
    let output = child.stdout.take();
    // Detached: who left the group may hold the pipe open for as long as it likes.
    thread::Builder::new().name("output".to_owned()).spawn(move || {
        let mut bytes = Vec::new();
        if let Some(output) = output {
            let _ = output.take(OUTPUT).read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    })?;
    let status = wait(&mut child, Duration::from_millis(millis.into()))?;
    let Some(status) = status else {
        return Ok(Err(format!("killed: it ran longer than {millis} ms")));
    };
    let bytes = receiver.recv_timeout(AFTER).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    Ok(if status.success() { Ok(format!("ok, {text}")) } else { Err(status.to_string()) })
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
        assert_eq!(sh("exit 3", 5000).unwrap_err(), "exit status: 3");
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
    fn who_prints_for_ever_is_cut() {
        let result = sh("yes", 300);
        // The pipe is closed after what is kept, which ends `yes` by a signal.
        assert!(result.is_err(), "{result:?}");
    }
}
