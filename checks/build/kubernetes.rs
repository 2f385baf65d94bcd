//! Makes Rust tables of configs/kubernetes/versions.yaml, or says everything that is wrong with it.
//!
//! Used by the build script, and by the tests, which hold it against data that is wrong.

use serde::Deserialize;
use std::fmt::Write as _;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    newest: String,
    oldest: String,
    subjects: Vec<Subject>,
    features: Vec<Feature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    title: String,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    since: String,
    #[serde(default)]
    stage: Option<String>,
    #[serde(default)]
    on: Option<bool>,
    #[serde(default)]
    value: String,
    text: String,
    source: String,
    #[serde(default)]
    planned: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    name: String,
    title: String,
    kernel: String,
    #[serde(default)]
    judge: Option<String>,
    #[serde(default)]
    proof: Option<String>,
    #[serde(default)]
    beside: Option<String>,
    #[serde(default)]
    files: Vec<String>,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    module: Option<String>,
    #[serde(default)]
    option: Option<String>,
    #[serde(default)]
    word: Option<String>,
    #[serde(default)]
    cgroup: Option<String>,
    #[serde(rename = "use")]
    usage: String,
    loss: String,
    source: String,
    steps: Vec<Step>,
}

/// The words of `stage`, and the variant of each.
const STAGES: [(&str, &str); 9] = [
    ("alpha", "Alpha"),
    ("beta", "Beta"),
    ("stable", "Stable"),
    ("maintenance", "Maintenance"),
    ("deprecated", "Deprecated"),
    ("unsupported", "Unsupported"),
    ("refused", "Refused"),
    ("required", "Required"),
    ("removed", "Removed"),
];
/// The words of `use`.
const USES: [(&str, &str); 3] = [("always", "Always"), ("pods", "Pods"), ("cluster", "Cluster")];
const FILE: &str = "configs/kubernetes/versions.yaml";

type Version = (u64, u64, u64);

/// The tables as Rust, for `facts/kubernetes.rs` to include.
///
/// # Errors
/// Everything that is wrong, a line each.
pub(crate) fn compile(yaml: &str) -> Result<String, String> {
    let data: Data = serde_yaml::from_str(yaml).map_err(|e| format!("{FILE}: {e}"))?;
    let mut writer = Writer::default();
    let code = writer.data(&data);
    if writer.problems.is_empty() { Ok(code) } else { Err(writer.problems.join("\n")) }
}

fn version(text: &str) -> Option<Version> {
    let mut numbers = text.split('.').map(|n| n.parse::<u64>().ok().filter(|v| v.to_string() == n));
    let (major, minor) = (numbers.next()??, numbers.next()??);
    let patch = numbers.next().unwrap_or(Some(0))?;
    numbers.next().is_none().then_some((major, minor, patch))
}

fn is_kebab(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.ends_with('-') && name.chars().all(fits)
}

fn constant(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

fn optional(text: Option<&String>) -> String {
    text.map_or("None".to_owned(), |text| format!("Some({text:?})"))
}

#[derive(Default)]
struct Writer {
    problems: Vec<String>,
    names: Vec<String>,
    newest: Version,
}

impl Writer {
    fn wrong(&mut self, place: &str, what: &str) {
        self.problems.push(format!("{FILE}: {place}: {what}"));
    }

    fn version(&mut self, place: &str, text: &str) -> Version {
        version(text).unwrap_or_else(|| {
            self.wrong(place, &format!("`{text}` is no version; write for example \"1.36\""));
            (0, 0, 0)
        })
    }

    fn word(&mut self, place: &str, words: &[(&str, &'static str)], text: &str) -> &'static str {
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, variant)| *variant);
        found.unwrap_or_else(|| {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.wrong(place, &format!("`{text}` is none of {}", all.join(", ")));
            ""
        })
    }

    fn sentence(&mut self, place: &str, key: &str, text: &str) {
        if text.trim().is_empty() || text.ends_with('.') {
            self.wrong(place, &format!("`{key}` has to say something, without a full stop"));
        }
    }

    fn name(&mut self, name: &str, title: &str) {
        if !is_kebab(name) {
            self.wrong(name, "a name is made of a-z, 0-9 and -");
        }
        if self.names.iter().any(|n| n == name) {
            self.wrong(name, "this name is there twice");
        }
        self.names.push(name.to_owned());
        self.sentence(name, "title", title);
    }

    fn data(&mut self, data: &Data) -> String {
        let ends = [self.version("newest", &data.newest), self.version("oldest", &data.oldest)];
        self.newest = ends[0];
        if ends[0] <= ends[1] {
            self.wrong("newest", "has to be newer than `oldest`");
        }
        let mut code = String::new();
        for (name, what, v) in
            [("NEWEST", "The newest minor", ends[0]), ("OLDEST", "The oldest minor", ends[1])]
        {
            let _ =
                writeln!(code, "/// {what} whose facts are known.\npub const {name}: Version = {};", new(v));
        }
        for subject in &data.subjects {
            self.name(&subject.name, &subject.title);
            let steps = self.steps(&subject.name, &subject.steps);
            let _ = writeln!(
                code,
                "/// {title}.\npub static {}: Subject = Subject {{ name: {:?}, title: {title:?}, steps: {steps} }};",
                constant(&subject.name),
                subject.name,
                title = subject.title,
            );
        }
        for feature in &data.features {
            code.push_str(&self.feature(feature));
        }
        list(&mut code, "SUBJECTS", "Subject", data.subjects.iter().map(|s| &s.name));
        list(&mut code, "FEATURES", "Feature", data.features.iter().map(|f| &f.name));
        code
    }

    fn steps(&mut self, name: &str, steps: &[Step]) -> String {
        if steps.is_empty() {
            self.wrong(name, "has no steps");
        }
        let mut code = "&[".to_owned();
        let mut before = None;
        for step in steps {
            let place = format!("{name}, step {}", step.since);
            let since = self.version(&place, &step.since);
            if before.is_some_and(|before| since <= before) {
                self.wrong(&place, "has to be later than the step before it");
            }
            before = Some(since);
            if step.planned == ((since.0, since.1) <= (self.newest.0, self.newest.1)) {
                self.wrong(&place, "`planned` is what is later than `newest`, and only that");
            }
            self.sentence(&place, "text", &step.text);
            self.sentence(&place, "source", &step.source);
            let stage = step.stage.as_deref().unwrap_or("stable");
            if stage == "beta" && step.on.is_none() {
                self.wrong(&place, "a beta has to say whether it is `on`");
            }
            let variant = self.word(&place, &STAGES, stage);
            let on = step.on.unwrap_or(!matches!(stage, "alpha" | "unsupported" | "refused" | "removed"));
            let _ = write!(
                code,
                "Step {{ since: {}, stage: Stage::{variant}, on: {on}, value: {:?}, text: {:?}, planned: {}, source: {:?} }}, ",
                new(since),
                step.value,
                step.text,
                step.planned,
                step.source
            );
        }
        code + "]"
    }

    fn feature(&mut self, feature: &Feature) -> String {
        let name = &feature.name;
        self.name(name, &feature.title);
        self.sentence(name, "loss", &feature.loss);
        self.sentence(name, "source", &feature.source);
        let steps = self.steps(name, &feature.steps);
        let kernel = self.version(name, &feature.kernel);
        let usage = self.word(name, &USES, &feature.usage);
        for file in feature.files.iter().chain(&feature.proof).chain(&feature.beside) {
            if !file.starts_with('/') || file.contains("..") {
                self.wrong(name, &format!("`{file}` is no absolute path"));
            }
        }
        if feature.beside.is_some() && feature.proof.is_none() {
            self.wrong(name, "`beside` is for a `proof`");
        }
        if feature.cgroup.as_deref().is_some_and(|cgroup| !matches!(cgroup, "v2" | "v2-alone")) {
            self.wrong(name, "`cgroup` can be v2 or v2-alone");
        }
        if feature.namespace.as_deref().is_some_and(|namespace| namespace != "user") {
            self.wrong(name, "`namespace` can be user only");
        }
        format!(
            "/// {title}.\npub static {}: Feature = Feature {{ subject: Subject {{ name: {name:?}, title: {title:?}, steps: {steps} }}, \
             kernel: {}, judge: {}, proof: {}, beside: {}, files: &{:?}, user_namespace: {}, module: {}, option: {}, word: {}, \
             cgroup_v2: {}, v2_alone: {}, usage: Usage::{usage}, loss: {:?}, source: {:?} }};\n",
            constant(name),
            new(kernel),
            optional(feature.judge.as_ref()),
            optional(feature.proof.as_ref()),
            optional(feature.beside.as_ref()),
            feature.files,
            feature.namespace.is_some(),
            optional(feature.module.as_ref()),
            optional(feature.option.as_ref()),
            optional(feature.word.as_ref()),
            feature.cgroup.is_some(),
            feature.cgroup.as_deref() == Some("v2-alone"),
            feature.loss,
            feature.source,
            title = feature.title,
        )
    }
}

fn new((major, minor, patch): Version) -> String {
    format!("Version::new({major}, {minor}, {patch})")
}

fn list<'a>(code: &mut String, name: &str, kind: &str, all: impl Iterator<Item = &'a String>) {
    let all: Vec<String> = all.map(|n| format!("&{}", constant(n))).collect();
    let _ = writeln!(
        code,
        "/// All of them, in the order of the data.\npub static {name}: &[&{kind}] = &[{}];",
        all.join(", ")
    );
}
