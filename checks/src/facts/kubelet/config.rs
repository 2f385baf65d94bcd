//! The kubelet's configuration file and its drop-ins (KEP-3983: `--config-dir` is alpha in 1.28, beta in 1.30, stable in 1.35).

use super::{CONFIG, FLAGS, Kubelet};
use crate::{
    evidence::{Evidence, Unknown},
    facts::Known,
    node::{FileKind, Node},
    value::{Kind, Value},
    yaml,
};

/// The most drop-ins that are read, and how deep their directories may nest.
const DROP_INS: usize = 256;
const DEPTH: usize = 8;

/// What a join leaves behind beside the configuration.
const MARKS: [&str; 2] = ["/etc/kubernetes/kubelet.conf", FLAGS];

/// One file of the configuration.
#[derive(Debug)]
pub struct ConfigFile {
    /// Its path.
    pub path: String,
    /// Its text, for the places in it.
    pub text: String,
    /// What it says; nothing where something is wrong with it.
    pub value: Option<Value>,
    /// What is wrong with it.
    pub problem: Option<Problem>,
}

/// What is wrong with a file of the configuration: the kubelet does not start with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: String,
    /// `line 3, column 5: …`.
    pub message: String,
    /// What stands there.
    pub evidence: Evidence,
}

impl ConfigFile {
    fn parse(path: &str, text: &str) -> Self {
        let (value, message) = match yaml::parse(text) {
            Ok(value) => match wrong_kind(&value, text) {
                None => (Some(value), None),
                message => (None, message),
            },
            Err(wrong) => (None, Some(wrong.to_string())),
        };
        let problem = message.map(|message| {
            let evidence = Evidence::new(path, line_of(text, &message));
            Problem { path: path.to_owned(), message, evidence }
        });
        Self { path: path.to_owned(), text: text.to_owned(), value, problem }
    }

    /// What the first line says, and that it is there.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        match &self.problem {
            Some(problem) => problem.evidence.clone(),
            None => Evidence::new(&self.path, "kind: KubeletConfiguration"),
        }
    }
}

/// The line that a message begins with the number of.
fn line_of(text: &str, message: &str) -> String {
    let number = message.strip_prefix("line ").and_then(|m| m.split(',').next()?.parse::<usize>().ok());
    let line = number.and_then(|n| text.lines().nth(n.checked_sub(1)?)).unwrap_or_default().trim();
    if line.is_empty() { format!("{} bytes", text.len()) } else { line.to_owned() }
}

/// The kubelet takes this kind and version only (pkg/kubelet/kubeletconfig/configfiles, loader.Load).
fn wrong_kind(value: &Value, text: &str) -> Option<String> {
    let Kind::Map(entries) = &value.kind else {
        return Some(format!("it is {}, and no KubeletConfiguration", value.kind.describe()));
    };
    for (key, wanted) in [("apiVersion", "kubelet.config.k8s.io/v1beta1"), ("kind", "KubeletConfiguration")] {
        let found = entries.iter().find(|(k, _)| k.text == key);
        match found.map(|(_, value)| value) {
            Some(value) if value.as_text() == Some(wanted) => {}
            Some(value) => {
                let (line, column) = yaml::place(text, value.span);
                let found = value.as_text().unwrap_or(value.kind.describe());
                return Some(format!(
                    "line {line}, column {column}: {key} is {found}, and has to be {wanted}"
                ));
            }
            None => return Some(format!("it has no {key}: {wanted}")),
        }
    }
    None
}

impl Node {
    /// Reads the file that the flags name, or that of kubeadm, and the drop-ins.
    pub(super) fn add_configuration(&self, kubelet: &mut Kubelet) {
        let named = |name: &str| {
            let flags = kubelet.flags.as_deref().unwrap_or_default();
            flags.iter().rfind(|f| f.name == name).map(|f| f.value.clone())
        };
        let path = named("config");
        let is_named = path.is_some();
        let path = path.unwrap_or_else(|| CONFIG.to_owned());
        let mut paths = vec![path.clone()];
        let directory = named("config-dir");
        kubelet.path = path;
        let mut unknown = None;
        if let Some(directory) = directory
            && let Err(why) = self.config_drop_ins(&directory, DEPTH, &mut paths)
        {
            unknown = Some(why);
        }
        for path in paths {
            let read = self.read(&path);
            match read.text() {
                Ok(text) => {
                    let file = ConfigFile::parse(&path, &text);
                    if let Some(problem) = &file.problem {
                        let why = format!("{path}: {}", problem.message);
                        unknown = unknown.or(Some(Unknown::new(why).tried([problem.evidence.clone()])));
                    } else if !text.ends_with('\n') {
                        // What kubeadm writes ends with one; a file that was cut may lack what counts.
                        let why = format!("{path} does not end with a line end: it may have been cut");
                        let needs = "add the rest, or a line end if it is whole";
                        let why = Unknown::new(why).tried([file.evidence()]).needs(needs);
                        unknown = unknown.or(Some(why));
                    }
                    kubelet.files.push(file);
                }
                Err(e) if e.is_missing() => {}
                Err(e) => unknown = unknown.or(Some(e.unknown())),
            }
        }
        if unknown.is_none() && kubelet.files.is_empty() && (is_named || matches!(kubelet.unit, Ok(None))) {
            kubelet.lost = MARKS.into_iter().find(|mark| self.kind(mark).is_ok()).map(str::to_owned);
            unknown = kubelet.lost.as_ref().map(|mark| {
                let why =
                    format!("{} does not exist, although {mark} does: this node has joined", kubelet.path);
                Unknown::new(why).tried([Evidence::new(mark, "exists")])
            });
        }
        kubelet.unknown = unknown;
    }

    /// The drop-ins in lexical order, those of directories below among them (filepath.WalkDir in
    /// mergeKubeletConfigurations(), cmd/kubelet/app/server.go); what does not end in `.conf` is passed over.
    fn config_drop_ins(&self, directory: &str, depth: usize, paths: &mut Vec<String>) -> Known<()> {
        let directory = directory.trim_end_matches('/');
        let names = match self.list(directory) {
            Ok(names) => names,
            Err(e) if e.is_missing() => return Ok(()),
            Err(e) => return Err(e.unknown()),
        };
        for name in names {
            let path = format!("{directory}/{name}");
            let is_directory = self.kind(&path).is_ok_and(|kind| kind == FileKind::Directory);
            if is_directory && depth > 0 {
                self.config_drop_ins(&path, depth - 1, paths)?;
            } else if !is_directory && name.rsplit_once('.').is_some_and(|(_, end)| end == "conf") {
                paths.push(path);
            }
            if paths.len() > DROP_INS {
                return Err(Unknown::new(format!(
                    "{directory} has more than {DROP_INS} drop-ins of the kubelet"
                )));
            }
        }
        Ok(())
    }
}
