//! Scenes on the machine itself: a private mount namespace, what is mounted in it, and the program that looks at it.
//!
//! A scene that this user or machine does not permit is skipped with a line on standard error; with
//! PREFLIGHT_REQUIRE_LIVE=1 it fails. A scene that makes no sense on this machine's layout is always skipped.

use super::common::process::{PROGRAM, Ran, run};
use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// The code with which a scene ends that could not be built.
const NOT_BUILT: i32 = 99;

/// Says that a scene is not permitted here.
pub(crate) fn cannot(scene: &str, why: &str) {
    eprintln!("SKIPPED LIVE SCENE `{scene}`: {why}");
    let required = env::var("PREFLIGHT_REQUIRE_LIVE").is_ok_and(|v| v == "1");
    assert!(!required, "PREFLIGHT_REQUIRE_LIVE=1, and the scene `{scene}` can't be played: {why}");
}

/// Says that a scene has no meaning on this machine.
pub(crate) fn not_here(scene: &str, why: &str) {
    eprintln!("SKIPPED LIVE SCENE `{scene}` (this machine is not of that kind): {why}");
}

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Viewer {
    /// Whoever runs the tests.
    Me,
    /// User and group 65534, without any other group or capability; only root can become that.
    Nobody,
}

/// A scene.
pub(crate) struct Scene<'a> {
    /// Its name, for messages.
    pub(crate) name: &'a str,
    /// Shell commands that mount; each has to succeed. `$DIR` is a directory of the scene's own.
    pub(crate) set: &'a [&'a str],
    /// Who looks at it.
    pub(crate) viewer: Viewer,
}

/// Whether the tests run as root, outside of any user namespace that would make that a pretence.
pub(crate) fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|l| l.starts_with("Uid:") && l.split_ascii_whitespace().nth(2) == Some("0"))
}

/// A directory with a copy of the program that every user may run: the build directory may be closed to others.
pub(crate) fn stage() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("own directory");
    let program = directory.path().join("preflight");
    // Another process writes it: a handle of this one would be inherited by what other tests start meanwhile, and a
    // program that is open for writing can't be executed (ETXTBSY).
    let copied = Command::new("cp").arg(PROGRAM).arg(&program).status().expect("cp(1) starts");
    assert!(copied.success(), "the program can be copied");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("own file");
    (directory, program)
}

impl Scene<'_> {
    /// Runs the program in the scene; `None` (and said so) where the scene can't be built.
    pub(crate) fn play(&self, stdin: &str, arguments: &[&str]) -> Option<Ran> {
        let (directory, program) = stage();
        if self.viewer == Viewer::Nobody && !is_root() {
            cannot(self.name, "only root can become nobody");
            return None;
        }
        let become_viewer = match self.viewer {
            Viewer::Me => "",
            Viewer::Nobody => "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all ",
        };
        let look = format!("exec {become_viewer}\"$@\"");
        let script: Vec<&str> = self.set.iter().copied().chain([look.as_str()]).collect();
        let script = format!("{} || exit {NOT_BUILT}", script.join(" && "));
        let mut command = Command::new("unshare");
        command.arg(if is_root() { "-m" } else { "-Urm" }).args(["sh", "-c", &script, "scene"]);
        command.arg(&program).args(arguments).env("DIR", directory.path()).current_dir("/");
        if Command::new("unshare").arg("--version").output().is_err() {
            cannot(self.name, "there is no unshare(1)");
            return None;
        }
        let ran = run(command, stdin);
        // What comes before the program (unshare, mount, setpriv) ends so, and prints no report.
        let built = !(ran.stdout.is_empty() && matches!(ran.code, Some(1 | NOT_BUILT | 126 | 127)));
        if !built {
            cannot(self.name, ran.stderr.trim());
            return None;
        }
        Some(ran)
    }
}

/// The mount points of a file system type, as this process sees them.
pub(crate) fn mounted(fs_type: &str) -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mounts").expect("a mount table");
    let words = table.lines().map(|l| l.split(' ').collect::<Vec<_>>());
    words.filter(|w| w.get(2) == Some(&fs_type)).filter_map(|w| w.get(1).map(|p| (*p).to_owned())).collect()
}

/// The rows of /proc/cgroups: name, hierarchy, whether it is enabled.
pub(crate) fn subsystems() -> Vec<(String, u32, bool)> {
    let text = fs::read_to_string("/proc/cgroups").unwrap_or_default();
    let rows =
        text.lines().filter(|l| !l.starts_with('#')).map(|l| l.split_ascii_whitespace().collect::<Vec<_>>());
    rows.filter_map(|w| Some(((*w.first()?).to_owned(), w.get(1)?.parse().ok()?, *w.get(3)? == "1")))
        .collect()
}

/// Every cgroup mount outside of /sys/fs/cgroup, which no scene covers.
pub(crate) fn cgroups_elsewhere() -> Vec<String> {
    let all = mounted("cgroup").into_iter().chain(mounted("cgroup2"));
    all.filter(|point| !Path::new(point).starts_with("/sys/fs/cgroup")).collect()
}
