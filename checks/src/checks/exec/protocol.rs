//! What plugins say, and what becomes of it.

use super::params::{Plugin, Protocol};
use crate::{
    evidence::{Evidence, Proof, Unknown},
    finding::{Finding, Remedy, Risk, Severity},
    node::{Ended, Node},
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::HashSet};

/// The most findings of one plugin.
const FINDINGS: usize = 500;
/// The longest subject, and the longest message or note, in characters.
const SUBJECT: usize = 200;
const TEXT: usize = 1000;

/// What a plugin reads.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    api_version: &'static str,
    kind: &'static str,
    parameters: &'a serde_json::Value,
    node: NodeFacts,
    time_ms: u128,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeFacts {
    kernel: Option<String>,
    architecture: Option<String>,
    cgroup: Option<&'static str>,
    environment: &'static str,
    user: Option<u32>,
}

/// What is written to the standard input of a plugin: a line of JSON.
pub(super) fn request(plugin: &Plugin, node: &Node) -> String {
    if plugin.protocol != Protocol::Preflight {
        return String::new();
    }
    let request = Request {
        api_version: "preflight/v1",
        kind: "PluginRequest",
        parameters: &plugin.parameters.0,
        node: NodeFacts {
            kernel: node.kernel_release().as_ref().ok().map(|release| release.text.clone()),
            architecture: node.architecture(),
            cgroup: node.cgroup_layout().as_ref().ok().map(|layout| layout.kind.as_str()),
            environment: node.environment().kind.as_str(),
            user: node.user(),
        },
        time_ms: plugin.time.get().as_millis(),
    };
    serde_json::to_string(&request).map(|json| json + "\n").unwrap_or_default()
}

/// What a plugin prints.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Response {
    #[serde(default, rename = "apiVersion")]
    _api_version: Option<String>,
    #[serde(default, rename = "kind")]
    _kind: Option<String>,
    findings: Vec<Said>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Said {
    subject: String,
    verdict: Verdict,
    message: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    evidence: Vec<Seen>,
    #[serde(default)]
    remedy: Option<Mend>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Pass,
    Warn,
    Fail,
    Skip,
    Unknown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    source: String,
    observed: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mend {
    summary: String,
    #[serde(default)]
    commands: Vec<String>,
    #[serde(default)]
    persistent: Vec<String>,
    #[serde(default)]
    reboot: bool,
    #[serde(default)]
    risk: Option<String>,
}

/// The findings that a plugin's end stands for.
///
/// # Errors
/// What it said that its protocol does not know, or that it has failed itself.
pub(super) fn findings(plugin: &Plugin, ended: &Ended) -> Result<Vec<Finding>, Unknown> {
    match plugin.protocol {
        Protocol::Preflight => own(plugin, ended),
        Protocol::Nagios => {
            by_status(plugin, ended, &[Some(None), Some(Some(Severity::Warn)), Some(Some(Severity::Fail))])
        }
        Protocol::NodeProblemDetector => by_status(plugin, ended, &[Some(None), Some(Some(Severity::Fail))]),
    }
}

/// The way that an exit status stands for a verdict: none a pass, or a problem of that severity.
type ByStatus = Option<Option<Severity>>;

fn by_status(plugin: &Plugin, ended: &Ended, meaning: &[ByStatus]) -> Result<Vec<Finding>, Unknown> {
    let name = plugin.name();
    // Values for graphs stand behind the bar, and are no words.
    let first = ended.stdout.trim().lines().next().unwrap_or_default();
    let said = first.split('|').next().unwrap_or_default().trim();
    let message = if said.is_empty() {
        format!("{name} ends with {}", ended.how())
    } else {
        cut(said, TEXT).into_owned()
    };
    let seen = Evidence::new(plugin.run.join(" "), format!("{}: {}", ended.how(), cut(first, TEXT)));
    let status = ended.status.and_then(|status| usize::try_from(status).ok());
    match status.and_then(|status| meaning.get(status).copied()).flatten() {
        Some(None) => Ok(vec![Finding::pass(name, "ok", message, seen)]),
        Some(Some(severity)) => {
            let reason = if severity == Severity::Warn { "warning" } else { "critical" };
            let severity = severity.min(plugin.severity);
            Ok(vec![Finding::problem(severity, name, reason, message).evidence([seen])])
        }
        None => Err(Unknown::new(format!("{}: {message}", ended.how())).tried([seen])),
    }
}

fn own(plugin: &Plugin, ended: &Ended) -> Result<Vec<Finding>, Unknown> {
    let says = |what: &str| {
        let line = ended.stderr.trim().lines().last().unwrap_or_default();
        let seen = [
            Evidence::new(plugin.run.join(" "), ended.how()),
            Evidence::new("its standard error", if line.is_empty() { "(nothing)" } else { line }),
        ];
        Unknown::new(what.to_owned()).tried(seen)
    };
    if ended.status != Some(0) {
        return Err(says(&format!("the plugin failed ({})", ended.how())));
    }
    let response: Response = serde_json::from_str(&ended.stdout)
        .map_err(|e| says(&format!("what the plugin printed is not what it should be: {e}")))?;
    if response.findings.is_empty() {
        return Err(says("the plugin found nothing at all"));
    }
    if response.findings.len() > FINDINGS {
        return Err(says(&format!("the plugin has more than {FINDINGS} findings")));
    }
    let mut subjects = HashSet::new();
    for said in &response.findings {
        if said.subject.is_empty()
            || said.subject.contains(char::is_control)
            || said.subject.chars().count() > SUBJECT
        {
            return Err(says(
                "a finding of the plugin has no subject, or one with control characters or too long",
            ));
        }
        if !subjects.insert(said.subject.clone()) {
            return Err(says(&format!("two findings of the plugin are about {}", said.subject)));
        }
    }
    Ok(response.findings.into_iter().map(|said| finding(plugin, said)).collect())
}

fn finding(plugin: &Plugin, said: Said) -> Finding {
    let subject = format!("{}/{}", plugin.name(), said.subject);
    let message = cut(&said.message, TEXT).into_owned();
    let evidence: Vec<Evidence> = said
        .evidence
        .into_iter()
        .take(20)
        .map(|e| Evidence::new(cut(&e.source, SUBJECT), e.observed))
        .collect();
    let reason = said.reason.filter(|reason| is_word(reason));
    let problem = |severity: Severity| {
        let severity = severity.min(plugin.severity);
        Finding::problem(severity, &subject, "plugin", &message).evidence(evidence.clone())
    };
    let unknown = |why: Unknown| Finding::undetermined(plugin.severity, &subject, "unknown", &message, &why);
    let finding = match said.verdict {
        Verdict::Pass => match Proof::of(evidence.clone()) {
            Some(proof) => Finding::pass(&subject, "plugin", &message, proof),
            None => return unknown(Unknown::new("the plugin says so, and shows no evidence")),
        },
        Verdict::Warn => problem(Severity::Warn),
        Verdict::Fail => problem(Severity::Fail),
        Verdict::Skip => Finding::not_applicable(&subject, &message, evidence.clone()),
        Verdict::Unknown => unknown(Unknown::new("the plugin could not tell").tried(evidence.clone())),
    };
    let notes = said.notes.iter().take(20).map(|note| cut(note, TEXT).into_owned());
    let finding = finding.reason_of(reason).notes(notes);
    match said.remedy {
        Some(mend) => finding.remedy(remedy(mend)),
        None => finding,
    }
}

fn remedy(mend: Mend) -> Remedy {
    let risk = match mend.risk.as_deref() {
        None | Some("none") => Risk::None,
        Some("data") => Risk::Data,
        Some(_) => Risk::Service,
    };
    let short = |all: Vec<String>| all.into_iter().take(20).map(|one| cut(&one, TEXT).into_owned());
    let mut remedy = Remedy::new(cut(&mend.summary, TEXT)).risk(risk);
    remedy.commands.extend(short(mend.commands));
    remedy.persistent.extend(short(mend.persistent));
    if mend.reboot { remedy.reboot() } else { remedy }
}

/// A word that scripts can rely on.
fn is_word(reason: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !reason.is_empty() && reason.len() <= 64 && reason.bytes().all(plain)
}

fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]).into(),
        None => text.into(),
    }
}
