//! What counts in one report.

use crate::report::{
    model::{Summary, Verdict},
    time,
};
use preflight_checks::facts::{cgroup::LayoutKind, environment};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
    str::FromStr,
};

/// By what nodes are grouped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupKey {
    /// The name of the policy.
    Policy,
    /// The release of the kernel.
    Kernel,
    /// The architecture.
    Architecture,
    /// The cgroup layout.
    Cgroup,
    /// What kind of machine it is.
    Environment,
    /// The directory of the file.
    Directory,
    /// An input of the policy: `input:role`.
    Input(String),
}

/// The words of [`GroupKey`], but for inputs.
const KEYS: [(&str, GroupKey); 6] = [
    ("policy", GroupKey::Policy),
    ("kernel", GroupKey::Kernel),
    ("architecture", GroupKey::Architecture),
    ("cgroup", GroupKey::Cgroup),
    ("environment", GroupKey::Environment),
    ("directory", GroupKey::Directory),
];

impl FromStr for GroupKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("input:").filter(|name| !name.is_empty()) {
            return Ok(Self::Input(name.to_owned()));
        }
        if let Some((_, key)) = KEYS.iter().find(|(word, _)| *word == text) {
            return Ok(key.clone());
        }
        let words = || KEYS.iter().map(|(word, _)| *word).chain(["input:NAME"]);
        let alike = |word: &&str| strsim::jaro_winkler(word, text);
        let nearest = words().max_by(|a, b| alike(a).total_cmp(&alike(b))).unwrap_or("policy");
        let all: Vec<&str> = words().collect();
        Err(format!(
            "nodes are not grouped by `{text}`; did you mean `{nearest}`? There are {}",
            all.join(", ")
        ))
    }
}

/// A report, as far as it counts; unknown fields are passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reading<'a> {
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) policy: Policy<'a>,
    #[serde(borrow)]
    pub(super) node: Node<'a>,
    #[serde(borrow)]
    pub(super) started_at: Cow<'a, str>,
    /// The same in seconds since 1970.
    #[serde(skip)]
    pub(super) started: u64,
    pub(super) verdict: Verdict,
    pub(super) summary: Summary,
    #[serde(borrow)]
    pub(super) findings: Vec<Found<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Policy<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) inputs: BTreeMap<Cow<'a, str>, Input<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Input<'a> {
    #[serde(borrow)]
    pub(super) value: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Node<'a> {
    #[serde(borrow)]
    pub(super) hostname: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) kernel: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) architecture: Option<Cow<'a, str>>,
    pub(super) cgroup: Option<LayoutKind>,
    pub(super) environment: environment::Kind,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Found<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) check: Cow<'a, str>,
    pub(super) verdict: Verdict,
    pub(super) determined: bool,
    #[serde(borrow)]
    pub(super) reason: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) blocked_by: Option<Cow<'a, str>>,
    // Only of the few that are no pass, and of identities, these are looked into.
    #[serde(borrow)]
    message: &'a RawValue,
    #[serde(borrow)]
    notes: &'a RawValue,
    #[serde(borrow)]
    evidence: &'a RawValue,
    #[serde(borrow)]
    remedy: &'a RawValue,
}

/// What was looked at, and what was seen there.
#[derive(Debug, Deserialize)]
pub(super) struct Evidence {
    pub(super) source: String,
    pub(super) observed: String,
}

/// What a finding says to people, in the words of its report.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Detail {
    pub(super) message: String,
    pub(super) notes: Vec<String>,
    pub(super) evidence: Vec<(String, String)>,
    pub(super) remedy: Option<String>,
    pub(super) commands: Vec<String>,
}

#[derive(Deserialize)]
struct Remedy {
    summary: String,
    #[serde(default)]
    commands: Vec<String>,
}

impl Detail {
    /// About how many bytes it takes.
    pub(super) fn size(&self) -> usize {
        let words = |all: &[String]| all.iter().map(|one| one.len() + size_of::<String>()).sum::<usize>();
        let pair = |(a, b): &(String, String)| a.len() + b.len() + 2 * size_of::<String>();
        size_of::<Self>()
            + self.message.len()
            + self.remedy.as_ref().map_or(0, String::len)
            + words(&self.notes)
            + words(&self.commands)
            + self.evidence.iter().map(pair).sum::<usize>()
    }
}

impl Found<'_> {
    /// Whether people have to look at it.
    pub(super) fn is_open(&self) -> bool {
        self.verdict >= Verdict::Warn
    }

    pub(super) fn evidence(&self) -> Vec<Evidence> {
        serde_json::from_str(self.evidence.get()).unwrap_or_default()
    }

    pub(super) fn detail(&self) -> Detail {
        let remedy: Option<Remedy> = serde_json::from_str(self.remedy.get()).unwrap_or_default();
        let (remedy, commands) = remedy.map_or((None, Vec::new()), |r| (Some(r.summary), r.commands));
        Detail {
            message: serde_json::from_str(self.message.get()).unwrap_or_default(),
            notes: serde_json::from_str(self.notes.get()).unwrap_or_default(),
            evidence: self.evidence().into_iter().map(|e| (e.source, e.observed)).collect(),
            remedy,
            commands,
        }
    }
}

/// What a document says that it is.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow, default)]
    kind: Option<Cow<'a, str>>,
}

/// The documents in these bytes: one as a rule, more where they follow each other within a line.
pub(super) fn parse_all(bytes: &[u8]) -> Vec<Result<Reading<'_>, String>> {
    let Ok(text) = std::str::from_utf8(bytes) else { return vec![Err("it is no UTF-8".to_owned())] };
    // Some editors begin a file with a mark of its encoding.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('[') {
        let why = "it is a list: give its documents one after another, as `jq -c '.[]'` does";
        return vec![Err(why.to_owned())];
    }
    let mut documents = serde_json::Deserializer::from_str(text).into_iter::<Reading>();
    let mut all = Vec::new();
    loop {
        let begin = documents.byte_offset();
        match documents.next() {
            Some(Ok(reading)) => all.push(check(reading)),
            Some(Err(e)) => {
                all.push(Err(why_not(text.get(begin..).unwrap_or_default(), &e)));
                return all;
            }
            None => break,
        }
    }
    if all.is_empty() {
        all.push(Err("it is empty".to_owned()));
    }
    all
}

const FOREIGN: &str = "it is no report of `preflight -o json` (preflight/v1)";

/// Whether it is one, and says all that it counts: what was lost must not count as good.
fn check(mut reading: Reading<'_>) -> Result<Reading<'_>, String> {
    if (&*reading.api_version, &*reading.kind) != ("preflight/v1", "Report") {
        return Err(FOREIGN.to_owned());
    }
    reading.started = time::seconds(&reading.started_at)
        .ok_or_else(|| format!("its startedAt is no time: {}", reading.started_at))?;
    if reading.findings.is_empty() {
        return Err("it has no findings".to_owned());
    }
    let mut ids = HashSet::with_capacity(reading.findings.len());
    let mut counted = Summary::default();
    for found in &reading.findings {
        if !ids.insert(&*found.id) {
            return Err(format!("it has the finding {} twice", found.id));
        }
        if found.verdict == Verdict::Pass && !found.determined {
            return Err(format!("{} passes, and is not determined", found.id));
        }
        match found.verdict {
            Verdict::Pass => counted.pass += 1,
            Verdict::Warn => counted.warn += 1,
            Verdict::Fail => counted.fail += 1,
            Verdict::Skip => counted.skip += 1,
        }
    }
    let worst = reading.findings.iter().map(|found| found.verdict).max();
    if counted != reading.summary || worst.unwrap_or(Verdict::Skip) != reading.verdict {
        return Err("its findings are not those that it counts".to_owned());
    }
    Ok(reading)
}

/// What this is, which is no report.
fn why_not(text: &str, error: &serde_json::Error) -> String {
    let is_cut = text.starts_with('{') && !text.trim_end().ends_with('}');
    let head = serde_json::Deserializer::from_str(text).into_iter::<Head>().next();
    match head {
        Some(Err(e)) if is_cut || e.is_eof() => "it ends too early: it was cut off".to_owned(),
        Some(Err(e)) if e.is_syntax() => format!("it is no JSON: {e}"),
        Some(Ok(head)) if head.kind.as_deref() == Some("Capture") => CAPTURE.to_owned(),
        Some(Ok(head)) if head.kind.as_deref() == Some("Report") => {
            format!("it is a report with something wrong in it: {error}")
        }
        _ => FOREIGN.to_owned(),
    }
}

const CAPTURE: &str = "it is a capture: judge it first, with `preflight --from FILE -o json`";

/// Whether a document begins as a capture does, of which every line is one more document.
pub(super) fn is_capture(document: &[u8]) -> bool {
    serde_json::from_slice::<Head>(document).is_ok_and(|head| head.kind.as_deref() == Some("Capture"))
}
