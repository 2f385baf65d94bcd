//! The report as one file of HTML that asks for nothing else: to be sent, kept, printed, and read on a telephone.
//!
//! Without a script everything is there to see; with it the findings can be searched and filtered. Nothing of a node can become
//! a tag or a script: its texts are escaped, and a policy in the head lets nothing be loaded.

mod tree;

use super::model::{Finding, Report, Verdict};
use crate::{cgroups::CgroupReport, text::plain};
use std::fmt::Write as _;

const STYLE: &str = include_str!("html.css");
const SCRIPT: &str = include_str!("html.js");

/// The report as text, with the node's control groups where they were surveyed for it, or why they could not be.
#[must_use]
pub fn render(report: &Report, cgroups: Option<&Result<CgroupReport, String>>) -> String {
    let word = report.verdict.as_str();
    let host = text(report.node.hostname.as_deref().unwrap_or("this node"));
    // Writing to a String does not fail.
    let mut out = String::with_capacity(64 << 10);
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src \
         'unsafe-inline'\">\n<title>preflight: {word}, {host}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header class=\"{word}\">\n<h1><span class=\"word\">{word}</span> {host}</h1>\n"
    );
    header(&mut out, report);
    out.push_str("</header>\n");
    filter(&mut out, report);
    out.push_str("<main>\n<h2>Findings</h2>\n");
    for verdict in [Verdict::Fail, Verdict::Warn, Verdict::Pass, Verdict::Skip] {
        for finding in report.findings.iter().filter(|finding| finding.verdict == verdict) {
            item(&mut out, finding);
        }
    }
    out.push_str("</main>\n");
    if let Some(cgroups) = cgroups {
        tree::section(&mut out, cgroups);
    }
    let _ = write!(out, "<script>\n{SCRIPT}</script>\n</body>\n</html>\n");
    out
}

fn header(out: &mut String, report: &Report) {
    let summary = report.summary;
    let _ = writeln!(
        out,
        "<p>{} failed, {} warnings, {} passed, {} skipped</p>",
        summary.fail, summary.warn, summary.pass, summary.skip
    );
    let kernel =
        report.node.kernel.as_deref().map(|kernel| format!(", kernel {}", text(kernel))).unwrap_or_default();
    let cgroup = report.node.cgroup.map(|layout| format!(", cgroup {}", layout.as_str())).unwrap_or_default();
    let _ = writeln!(
        out,
        "<p>Policy {}{kernel}{cgroup}; {}, {} {}</p>",
        text(&report.policy.name),
        report.started_at,
        report.tool.name,
        report.tool.version
    );
}

/// What the script filters by; hidden without it.
fn filter(out: &mut String, report: &Report) {
    let summary = report.summary;
    out.push_str(
        "<form role=\"search\" aria-label=\"Findings\" hidden>\n<label for=\"search\">Search</label>\n",
    );
    out.push_str("<input type=\"search\" id=\"search\" name=\"search\" autocomplete=\"off\">\n");
    for (verdict, count, checked) in [
        (Verdict::Fail, summary.fail, true),
        (Verdict::Warn, summary.warn, true),
        (Verdict::Pass, summary.pass, summary.fail + summary.warn == 0),
        (Verdict::Skip, summary.skip, false),
    ] {
        let word = verdict.as_str();
        let checked = if checked { " checked" } else { "" };
        let _ = writeln!(
            out,
            "<label class=\"{word}\"><input type=\"checkbox\" name=\"verdict\" value=\"{word}\"{checked}> \
             <span class=\"word\">{word}</span> {count}</label>"
        );
    }
    out.push_str("<output aria-live=\"polite\"></output>\n</form>\n");
}

fn item(out: &mut String, finding: &Finding) {
    let word = finding.verdict.as_str();
    let open = if finding.verdict == Verdict::Fail { " open" } else { "" };
    let _ = writeln!(
        out,
        "<details class=\"{word}\"{open}><summary><span class=\"word\">{word}</span> <code>{}</code> {}</summary>",
        text(&finding.id),
        text(&finding.message)
    );
    if !finding.notes.is_empty() {
        out.push_str("<ul>");
        for note in &finding.notes {
            let _ = write!(out, "<li>{}</li>", text(note));
        }
        out.push_str("</ul>\n");
    }
    if let Some(remedy) = &finding.remedy {
        let _ = writeln!(out, "<p>To mend it: {}</p>", text(&remedy.summary));
        commands(out, "", &remedy.commands);
        commands(out, "<p>To make it last:</p>", &remedy.persistent);
        if remedy.reboot {
            out.push_str("<p>It takes effect after a reboot.</p>\n");
        }
    }
    evidence(out, finding);
    if let Some(waiver) = &finding.waiver {
        let until =
            waiver.until.as_deref().map(|until| format!(" (until {})", text(until))).unwrap_or_default();
        let _ = writeln!(out, "<p>Waived{until}: {}</p>", text(&waiver.reason));
    }
    out.push_str("</details>\n");
}

/// What was looked at, once for all that was seen there in a row.
fn evidence(out: &mut String, finding: &Finding) {
    if finding.evidence.is_empty() {
        return;
    }
    out.push_str("<dl>");
    for seen in finding.evidence.chunk_by(|one, next| one.source == next.source) {
        let source = seen.first().map_or("", |one| one.source.as_str());
        let _ = write!(out, "<dt><code>{}</code></dt>", text(source));
        for one in seen {
            let _ = write!(out, "<dd><code>{}</code></dd>", text(&one.observed));
        }
    }
    out.push_str("</dl>\n");
}

fn commands(out: &mut String, title: &str, commands: &[String]) {
    if !commands.is_empty() {
        let lines: Vec<String> =
            commands.iter().flat_map(|one| one.lines().map(text).collect::<Vec<_>>()).collect();
        let _ = writeln!(out, "{title}<pre>{}</pre>", lines.join("\n"));
    }
}

/// Text that stands for nothing but itself, between tags and in attributes.
fn text(text: &str) -> String {
    plain(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
