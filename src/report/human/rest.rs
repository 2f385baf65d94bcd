//! What passed and what was skipped: one line per rule.

use super::{Ink, Style, problem};
use crate::text;
use crate::{
    report::model::{Finding, Report, Verdict},
    run::DESELECTED,
};

/// The widest that the column of rules gets.
const RULES: usize = 24;

/// How many rules that were not asked are named.
const NAMED: usize = 12;

/// What passed, one line per rule; with `-v` every finding with its evidence.
pub(super) fn passed(report: &Report, style: Style) -> String {
    if style.verbose {
        return in_full(report, Verdict::Pass, style);
    }
    let lines = grouped(report, Verdict::Pass, |_| String::new()).into_iter().map(|(rule, _, group)| {
        let text = format!("{}: {}", group.len(), subjects(&group));
        (rule, text)
    });
    table(lines, Verdict::Pass, style)
}

/// What was skipped, one line per rule and reason; with `-v` every finding.
pub(super) fn skipped(report: &Report, style: Style) -> String {
    if style.verbose {
        return in_full(report, Verdict::Skip, style);
    }
    let is_unknown = |id: &str| report.findings.iter().any(|f| f.id == id && !f.determined);
    let why = |finding: &Finding| match (&finding.blocked_by, finding.determined) {
        // They share the reason why nothing is known, and need not follow from each other.
        (Some(by), false) if is_unknown(by) => format!("undetermined like {by}"),
        (Some(by), _) => format!("follows from {by}"),
        (None, false) => "undetermined".to_owned(),
        (None, true) => finding.reason.clone(),
    };
    let (deselected, others): (Vec<_>, Vec<_>) =
        grouped(report, Verdict::Skip, why).into_iter().partition(|(_, why, _)| why == DESELECTED);
    // Rules for other inputs (a role, a version, a network plugin) are many and say nothing of the node.
    let (elsewhere, others): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|(_, _, group)| is_for_others(group));
    let names = |groups: &[(&str, String, Vec<&Finding>)]| {
        let rules: Vec<&str> = groups.iter().map(|(rule, _, _)| *rule).collect();
        if rules.len() > NAMED { format!("{} rules (-v names them)", rules.len()) } else { rules.join(" ") }
    };
    let in_one_line = [("for other inputs:", names(&elsewhere)), ("not selected:", names(&deselected))];
    let in_one_line = in_one_line.into_iter().filter(|(_, rules)| !rules.is_empty());
    let lines = others.into_iter().map(|(rule, why, group)| {
        let text = match group.as_slice() {
            [only] if only.subject.is_none() => format!("{why}: {}", only.message),
            // Nothing else in the report says why, and there is room for it.
            [only] if only.blocked_by.is_none() => {
                format!("1 {why}: {} ({})", subjects(&group), only.message)
            }
            _ => format!("{} {why}: {}", group.len(), subjects(&group)),
        };
        (rule, text)
    });
    let mut out = table(lines, Verdict::Skip, style);
    out.push_str(&table(in_one_line, Verdict::Skip, style));
    out
}

/// Whether the inputs of the policy alone decided that a rule is not asked: then nothing of the node was looked at.
fn is_for_others(group: &[&Finding]) -> bool {
    let decided = |f: &&Finding| f.subject.is_none() && f.determined && f.evidence.is_empty();
    group.iter().all(decided) && group.iter().all(|f| f.reason == "not-applicable")
}

fn in_full(report: &Report, verdict: Verdict, style: Style) -> String {
    let findings = report.findings.iter().filter(|f| f.verdict == verdict);
    findings.map(|finding| problem::other(finding, style)).collect()
}

/// The findings with this verdict by rule and `why`, each group where its first finding stands.
fn grouped(
    report: &Report,
    verdict: Verdict,
    why: impl Fn(&Finding) -> String,
) -> Vec<(&str, String, Vec<&Finding>)> {
    let mut groups: Vec<(&str, String, Vec<&Finding>)> = Vec::new();
    for finding in report.findings.iter().filter(|f| f.verdict == verdict) {
        let why = why(finding);
        match groups.iter_mut().find(|(rule, other, _)| *rule == finding.rule && *other == why) {
            Some((_, _, group)) => group.push(finding),
            None => groups.push((&finding.rule, why, vec![finding])),
        }
    }
    groups
}

/// The subjects of a group; kernel options without `CONFIG_`, which would fill half of every line.
fn subjects(group: &[&Finding]) -> String {
    let subject = |finding: &&Finding| match finding.subject.clone() {
        Some(subject) => subject.strip_prefix("CONFIG_").map(str::to_owned).unwrap_or(subject),
        None => "(the whole rule)".to_owned(),
    };
    group.iter().map(subject).collect::<Vec<_>>().join(" ")
}

fn table<'a>(lines: impl Iterator<Item = (&'a str, String)>, verdict: Verdict, style: Style) -> String {
    let lines: Vec<(String, String)> = lines.map(|(rule, text)| (text::plain(rule), text)).collect();
    let widest = lines.iter().map(|(rule, _)| text::columns(rule)).max().unwrap_or(0).min(RULES);
    let word = format!("{}  ", style.paint(verdict.as_str(), Ink::Verdict(verdict)));
    let mut out = String::new();
    for (rule, text) in &lines {
        let gap = " ".repeat(widest.saturating_sub(text::columns(rule)) + 2);
        // A rule's name that is wider than its column pushes its own text only.
        let start = verdict.as_str().len() + 2 + text::columns(rule) + gap.len();
        out.push_str(&text::hanging(0, &format!("{word}{rule}{gap}"), start, text, style.width));
    }
    out
}
