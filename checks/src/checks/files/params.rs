//! What a policy may say of files.

use super::mode::Mode;
use crate::{finding::Severity, matcher::Matcher};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashSet;

/// Files and directories are there, or not, with the owners, modes and contents that they should have.
///
/// ## What it looks at
/// Each path, with symbolic links followed inside the root: whether it exists and what it is; with `mode`, `owner` or
/// `group` who may do what with it (on the machine itself only: the owners of an unpacked tree are not those of the node);
/// with `contains`, `lacks` or `equals` its text, of which nothing is shown but the line that was asked for. That a file is
/// not there counts only where the directory that would hold it could be looked at.
///
/// `as-wanted`, `absent` and `empty` pass; `missing`, `exists`, `not-empty`, `wrong-kind`, `too-open`, `wrong-owner`,
/// `wrong-contents`, `wrong-target` and `unexpected` (of `expect`) do not.
///
/// ## Why it matters
/// What an earlier cluster left (/etc/kubernetes/manifests, /var/lib/etcd) makes a join fail half way. Keys and
/// configurations that others can read or write are the way into a cluster. kubeadm asks for the first three of these and
/// shows no evidence; kube-bench calls an absent file pass, warn or fail as the case may be.
///
/// ## How to mend it
/// The finding has the command: chmod, chown, mv. What belongs to a cluster goes with `kubeadm reset`.
///
/// ## Sources
/// kubernetes cmd/kubeadm/app/preflight/checks.go (FileAvailable, DirAvailable, FileContent); CIS Kubernetes Benchmark, 4.1
/// (0600 or more restrictive); chmod(1), path_resolution(7).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct FilesParams {
    /// The paths and what is asked of each. One whose path is an empty word, as of an input that is not set, is left out.
    pub paths: Vec<FileRule>,
}

/// What is asked of one path.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct FileRule {
    /// The path.
    pub path: String,
    /// What is to be there. Default: present.
    #[serde(default)]
    pub state: FileState,
    /// The most that its mode may allow: `"0600"` also takes 0400, in quotes as every number with a leading zero.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// Who has to own it: a number, or a name of /etc/passwd.
    #[serde(default)]
    pub owner: Option<String>,
    /// Which group it has to have: a number, or a name of /etc/group.
    #[serde(default)]
    pub group: Option<String>,
    /// Where a symbolic link has to point, as it is written there; with `state: link`.
    #[serde(default)]
    pub target: Option<String>,
    /// A text that one of its lines has to contain.
    #[serde(default)]
    pub contains: Option<String>,
    /// A text that none of its lines may contain.
    #[serde(default)]
    pub lacks: Option<String>,
    /// What it has to say, white space at both ends aside.
    #[serde(default)]
    pub equals: Option<String>,
    /// What is expected of it besides.
    #[serde(default)]
    pub expect: FileExpectations,
    /// What it is for, told where it is not right.
    #[serde(default)]
    pub why: Option<String>,
    /// The most that it can yield. Default: fail.
    #[serde(default)]
    pub severity: Severity,
}

/// What is expected of a file or a directory.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct FileExpectations {
    /// Its text, white space at both ends left out. Nothing of it is shown in reports.
    pub text: Option<Matcher>,
    /// How many bytes it has.
    pub size: Option<Matcher>,
    /// Its mode, four digits in octal: `"0644"`. Of the machine itself only, as owner and group.
    pub mode: Option<Matcher>,
    /// The number of its owner.
    pub owner: Option<Matcher>,
    /// The number of its group.
    pub group: Option<Matcher>,
    /// The names in the directory.
    pub entries: Option<Matcher>,
}

impl FileExpectations {
    fn any(&self) -> bool {
        let all = [&self.text, &self.size, &self.mode, &self.owner, &self.group, &self.entries];
        all.iter().any(|one| one.is_some())
    }
}

/// What is to be at a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileState {
    /// Anything.
    #[default]
    Present,
    /// Nothing.
    Absent,
    /// Nothing, an empty file or an empty directory.
    Empty,
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
}

impl FileState {
    /// Its word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Absent => "absent",
            Self::Empty => "empty",
            Self::File => "file",
            Self::Directory => "directory",
            Self::Link => "link",
        }
    }
}

impl FileRule {
    /// Whether its text is asked for.
    pub(super) fn asks_contents(&self) -> bool {
        self.contains.is_some() || self.lacks.is_some() || self.equals.is_some()
    }

    /// Whether its owner or mode is asked for.
    pub(super) fn asks_access(&self) -> bool {
        self.mode.is_some() || self.owner.is_some() || self.group.is_some()
    }
}

impl FilesParams {
    pub(super) fn validate(&self) -> Result<(), String> {
        let mut seen = HashSet::new();
        for rule in &self.paths {
            let path = &rule.path;
            if path.is_empty() {
                continue;
            }
            if !path.starts_with('/') {
                return Err(format!("`{path}` is not an absolute path"));
            }
            if !seen.insert(path) {
                return Err(format!("`{path}` is named twice"));
            }
            let gone = matches!(rule.state, FileState::Absent | FileState::Empty);
            if gone && (rule.asks_contents() || rule.asks_access() || rule.expect.any()) {
                return Err(format!(
                    "`{path}` shall be {}, so that nothing else can be asked of it",
                    rule.state.as_str()
                ));
            }
            let contents = rule.asks_contents() || rule.expect.text.is_some() || rule.expect.size.is_some();
            if rule.state == FileState::Directory && contents {
                return Err(format!("`{path}`: a directory has no text"));
            }
            if rule.state == FileState::File && rule.expect.entries.is_some() {
                return Err(format!("`{path}`: a file has no entries"));
            }
            if rule.state == FileState::Link && rule.expect.any() {
                return Err(format!("`{path}`: of a link only its target is asked"));
            }
            if rule.target.is_some() && rule.state != FileState::Link {
                return Err(format!("`{path}`: a target goes with `state: link`"));
            }
        }
        if self.paths.is_empty() { Err("no path is named; write some under `paths`".into()) } else { Ok(()) }
    }
}
