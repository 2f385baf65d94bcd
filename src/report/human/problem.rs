//! Failures and warnings: what, why, what was seen, how to mend, how to waive.

use super::{Ink, Style};
use crate::report::model::{Finding, NEEDS, Verdict};
use crate::text;
use preflight_checks::{Evidence, Remedy, Risk};

/// Where the text below a finding's id begins.
const INDENT: usize = 6;
/// The width of the labels (`why:`, `mend:`) with the space behind them.
const LABEL: usize = 7;
/// The most pieces of evidence that are shown without `-v`.
const PIECES: usize = 4;
/// The longest piece of evidence that is shown without `-v`, in characters.
const EVIDENCE: usize = 160;

/// A failure, in full.
pub(super) fn failure(finding: &Finding, style: Style) -> String {
    let mut out = head(finding, style);
    out.push_str(&notes(finding, style));
    out.push_str(&evidence(finding, style));
    if let Some(remedy) = &finding.remedy {
        out.push_str(&mend(remedy, true, style));
    }
    let id = serde_json::Value::from(finding.id.as_str());
    out.push_str(&labelled(
        "waive:",
        "if you can live with it, add this to `waivers:` of your policy",
        style,
    ));
    out.push_str(&verbatim(&format!("- {{ finding: {id}, reason: \"…\" }}")));
    out
}

/// Whether two things are undetermined for the same reason, so that one text does for both.
pub(super) fn alike(one: &Finding, other: &Finding) -> bool {
    let rest = |finding: &Finding| match &finding.subject {
        Some(subject) => finding.message.replace(subject.as_str(), ""),
        None => finding.message.clone(),
    };
    let is_plain =
        |f: &Finding| !f.determined && f.subject.is_some() && f.remedy.is_none() && f.waiver.is_none();
    is_plain(one)
        && is_plain(other)
        && (&one.rule, &one.reason, &one.notes) == (&other.rule, &other.reason, &other.notes)
        && rest(one) == rest(other)
}

/// A warning, and what is [`alike`]: without the evidence, unless it is asked for.
pub(super) fn warnings(findings: &[&Finding], style: Style) -> String {
    let [finding, others @ ..] = findings else { return String::new() };
    let mut out = head(finding, style);
    let others: Vec<_> = others.iter().filter_map(|other| other.subject.as_deref()).collect();
    if !others.is_empty() {
        out.push_str(&labelled("alike:", &others.join(" "), style));
    }
    out.push_str(&notes(finding, style));
    if style.verbose {
        out.push_str(&evidence(finding, style));
    }
    if let Some(waiver) = &finding.waiver {
        let until = waiver.until.as_ref().map(|until| format!(" (until {until})")).unwrap_or_default();
        out.push_str(&labelled("waived:", &format!("{}{until}", waiver.reason), style));
    } else if let Some(remedy) = &finding.remedy {
        out.push_str(&mend(remedy, style.verbose, style));
    }
    out
}

/// A finding that is not a problem, where everything is shown.
pub(super) fn other(finding: &Finding, style: Style) -> String {
    let mut out = head(finding, style);
    if let Some(by) = &finding.blocked_by {
        out.push_str(&labelled("cause:", by, style));
    }
    out.push_str(&notes(finding, style));
    out.push_str(&evidence(finding, style));
    out
}

fn head(finding: &Finding, style: Style) -> String {
    let verdict = finding.verdict.as_str();
    let word = if finding.verdict == Verdict::Fail { verdict.to_uppercase() } else { verdict.to_owned() };
    let word = style.paint(&word, Ink::Verdict(finding.verdict));
    let id = style.paint(&text::plain(&finding.id), Ink::Id);
    let mark = if finding.determined { "" } else { "  (undetermined)" };
    let message = text::hanging(INDENT, "", 0, &finding.message, style.width);
    format!("{word}  {id}{}\n{message}", style.paint(mark, Ink::Label))
}

fn labelled(label: &str, text: &str, style: Style) -> String {
    let painted = style.paint(&format!("{label:<LABEL$}"), Ink::Label);
    // `waived:` leaves no room for the space behind it.
    let gap = if label.len() >= LABEL { " " } else { "" };
    text::hanging(INDENT, &format!("{painted}{gap}"), LABEL.max(label.len()) + gap.len(), text, style.width)
}

/// A line that people copy: not wrapped, never broken.
fn verbatim(text: &str) -> String {
    let indent = " ".repeat(INDENT + LABEL + 2);
    text.lines().flat_map(|line| [indent.clone(), text::plain(line), "\n".to_owned()]).collect()
}

fn notes(finding: &Finding, style: Style) -> String {
    let (needs, why): (Vec<_>, Vec<_>) = finding.notes.iter().partition(|note| note.starts_with(NEEDS));
    let mut out = list("why:", why.iter().map(|note| note.as_str()), style);
    out.push_str(&list("needs:", needs.iter().filter_map(|note| note.strip_prefix(NEEDS)), style));
    out
}

/// Texts below each other, the label before the first.
fn list<'a>(label: &str, texts: impl Iterator<Item = &'a str>, style: Style) -> String {
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    labels.zip(texts).map(|(label, text)| labelled(label, text, style)).collect()
}

fn evidence(finding: &Finding, style: Style) -> String {
    let limit = if style.verbose { usize::MAX } else { EVIDENCE };
    let line = |evidence: &Evidence| {
        let mut observed: String = evidence.observed.chars().take(limit).collect();
        if observed.len() < evidence.observed.len() {
            observed.push('…');
        }
        format!("{}: {observed}", evidence.source)
    };
    let mut lines: Vec<_> = finding.evidence.iter().map(line).collect();
    if !style.verbose && lines.len() > PIECES + 1 {
        let more = lines.split_off(PIECES).len();
        lines.push(format!("… and {more} more (-v shows them)"));
    }
    list("seen:", lines.iter().map(String::as_str), style)
}

fn mend(remedy: &Remedy, in_full: bool, style: Style) -> String {
    let mut out = labelled("mend:", &remedy.summary, style);
    for command in &remedy.commands {
        out.push_str(&verbatim(command));
    }
    if in_full && !remedy.persistent.is_empty() {
        out.push_str(&labelled("", "to make it last:", style));
        for line in &remedy.persistent {
            out.push_str(&verbatim(line));
        }
    }
    let reboot = remedy.reboot.then_some("takes effect after a reboot");
    let risk = match remedy.risk {
        // A reboot says it already.
        Risk::Service if remedy.reboot => None,
        Risk::Service => Some("disturbs running services"),
        Risk::Data => Some("data may be lost: read it twice"),
        Risk::None => None,
    };
    let warnings: Vec<_> = [reboot, risk].into_iter().flatten().collect();
    if !warnings.is_empty() {
        out.push_str(&labelled("", &format!("({})", warnings.join("; ")), style));
    }
    out
}
