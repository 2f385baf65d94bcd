//! Runs the real program, on trees that a test builds, and reads its report.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The program that cargo built.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_preflight");
/// No run of the program may take longer, whatever it is given.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a process left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program with `arguments` and nothing on standard input.
pub(crate) fn preflight(arguments: &[&str]) -> Ran {
    preflight_with("", arguments)
}

/// Runs the program with `arguments` and `stdin` on standard input.
pub(crate) fn preflight_with(stdin: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(PROGRAM);
    command.args(arguments);
    run(command, stdin)
}

/// Runs a command to its end, and ends it when it takes far too long. Its output goes through files: a pipe
/// that nobody empties would stop it.
pub(crate) fn run(mut command: Command, stdin: &str) -> Ran {
    // The locale of whoever runs the tests is not theirs.
    if !command.get_envs().any(|(name, _)| name == "LC_ALL") {
        command.env("LC_ALL", "C.UTF-8");
    }
    let mut files = [0; 3].map(|_| tempfile::tempfile().expect("a temporary file"));
    files[0].write_all(stdin.as_bytes()).expect("a temporary file can be written");
    files[0].seek(SeekFrom::Start(0)).expect("a file can be rewound");
    let [input, output, errors] = files.each_ref().map(|f| Stdio::from(f.try_clone().expect("a handle")));
    let mut child = command.stdin(input).stdout(output).stderr(errors).spawn().expect("the command starts");
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        if started.elapsed() > PATIENCE {
            // It may hang in the kernel, where no signal reaches it: it is not waited for.
            let _ = child.kill();
            panic!("{command:?} did not end within {PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(2));
    };
    let [_, stdout, stderr] = files.map(|mut file| {
        file.seek(SeekFrom::Start(0)).expect("a file can be rewound");
        std::io::read_to_string(file).expect("the program writes UTF-8")
    });
    Ran { code: status.code(), stdout, stderr }
}

impl Ran {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Standard output as a report; the exit code has to be the one that the verdict asks for.
    pub(crate) fn report(&self) -> Report {
        let report = Report(self.json());
        let code = i32::from(report.0["verdict"] == "fail");
        assert_eq!(self.code, Some(code), "{self:#?}");
        report
    }
}

/// A report, as scripts read it.
#[derive(Debug)]
pub(crate) struct Report(pub(crate) Value);

impl Report {
    /// Every finding, in order.
    pub(crate) fn findings(&self) -> &[Value] {
        self.0["findings"].as_array().expect("findings")
    }

    /// The finding with this id.
    pub(crate) fn finding(&self, id: &str) -> &Value {
        self.findings().iter().find(|f| f["id"] == id).unwrap_or_else(|| panic!("no {id}: {self}"))
    }

    /// The verdict of a finding.
    pub(crate) fn verdict(&self, id: &str) -> &str {
        self.finding(id)["verdict"].as_str().expect("a verdict")
    }

    /// `verdict reason` of a finding; what is not known is marked with `?`.
    pub(crate) fn brief(&self, id: &str) -> String {
        brief(self.finding(id))
    }

    /// What of the report has to be the same in every run (law 7).
    pub(crate) fn lasting(&self) -> Value {
        let mut lasting = self.0.clone();
        forget_times(&mut lasting);
        lasting
    }
}

/// One line a finding, for messages of tests that fail.
impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for finding in self.findings() {
            write!(f, "\n  {}: {}: {}", finding["id"], brief(finding), finding["message"])?;
        }
        Ok(())
    }
}

fn brief(finding: &Value) -> String {
    let word = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let doubt = if finding["determined"] == true { "" } else { "?" };
    format!("{}{doubt} {}", word("verdict"), word("reason"))
}

/// All text of a finding that people read: message and notes.
pub(crate) fn words(finding: &Value) -> String {
    let mut words = finding["message"].as_str().unwrap_or_default().to_owned();
    for key in ["note", "notes"] {
        match &finding[key] {
            Value::String(note) => write!(words, " {note}").expect("a String takes all"),
            Value::Array(notes) => {
                notes.iter().filter_map(Value::as_str).for_each(|note| {
                    write!(words, " {note}").expect("a String takes all");
                });
            }
            _ => {}
        }
    }
    words
}

fn forget_times(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("startedAt");
            map.remove("durationMs");
            map.values_mut().for_each(forget_times);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_times),
        _ => {}
    }
}

/// A tree of files that stands for a node.
#[derive(Debug)]
pub(crate) struct Tree(TempDir);

impl Tree {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    /// Adds a file at an absolute path of the node.
    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        let at = self.at(path);
        fs::create_dir_all(at.parent().expect("a file has a directory")).expect("directories");
        fs::write(at, content).expect("a file");
        self
    }

    /// Adds files.
    pub(crate) fn files<'a>(self, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        files.into_iter().fold(self, |tree, (path, content)| tree.file(path, content))
    }

    /// Adds an empty directory.
    pub(crate) fn directory(self, path: &str) -> Self {
        fs::create_dir_all(self.at(path)).expect("directories");
        self
    }

    /// Where a path of the node lies on this machine.
    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path.trim_start_matches('/'))
    }

    /// What `--root` takes.
    pub(crate) fn root(&self) -> &str {
        self.0.path().to_str().expect("a path of UTF-8")
    }

    /// Runs `policy` on it.
    pub(crate) fn judge(&self, policy: &str) -> Report {
        preflight_with(policy, &["-c", "-", "-o", "json", "--root", self.root()]).report()
    }

    /// What `preflight cgroups` says of it.
    pub(crate) fn cgroups(&self) -> Value {
        let ran = preflight(&["cgroups", "-o", "json", "--root", self.root()]);
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        ran.json()
    }
}

/// One controller of what `preflight cgroups` says.
pub(crate) fn controller<'a>(report: &'a Value, name: &str) -> &'a Value {
    let controllers = report["controllers"].as_array().expect("controllers");
    controllers.iter().find(|c| c["name"] == name).unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

/// The whole of a policy with these rules, each a line of YAML in flow style.
pub(crate) fn policy(rules: &[&str]) -> String {
    let mut text = "apiVersion: preflight/v1\nkind: Policy\nmetadata: {name: test}\nchecks:\n".to_owned();
    for rule in rules {
        writeln!(text, "  - {rule}").expect("a String takes all");
    }
    text
}

/// Every file below a directory: its absolute path in the node, and where it lies.
pub(crate) fn walk(root: &Path) -> BTreeMap<String, PathBuf> {
    let mut files = BTreeMap::new();
    let mut todo = vec![root.to_owned()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let entry = entry.expect("an entry");
            let path = entry.path();
            if entry.file_type().expect("a type").is_dir() {
                todo.push(path);
            } else {
                let name = format!("/{}", path.strip_prefix(root).expect("below it").display());
                files.insert(name, path);
            }
        }
    }
    files
}
