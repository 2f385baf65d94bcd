//! A fleet as one page for browsers, which asks for nothing else.
//!
//! What the page is made of are page.html, page.css and page.js; the data go into it as numbers that lead from one table to the
//! next, so that ten thousand nodes fit. tests/fleet_page tries what people do with it.

use super::{causes::Cause, census::Census, picture::Picture, text::number};
use crate::{
    report::{model::Verdict, time::rfc3339},
    text::plain,
};
use serde_json::{Value, json};
use std::{collections::HashMap, time::SystemTime};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

pub(super) fn render(census: &Census, picture: &Picture) -> Result<String, String> {
    let title = heading(picture);
    // In one pass: a host name may be the name of a place.
    let (mut out, mut rest) = (String::new(), TEMPLATE);
    for place in ["{{title}}", "{{style}}", "{{summary}}", "{{data}}", "{{script}}"] {
        let (before, after) = rest.split_once(place).ok_or_else(|| format!("page.html has no {place}"))?;
        out.push_str(before);
        match place {
            "{{title}}" => out.push_str(&escaped(&title)),
            "{{style}}" => out.push_str(STYLE),
            "{{summary}}" => out.push_str(&summary(picture, &title)),
            "{{data}}" => data(&mut out, census, picture),
            _ => out.push_str(SCRIPT),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Writes a value into a page: nothing in it may end the element that it stands in.
fn put(out: &mut String, value: &Value) {
    for (at, part) in value.to_string().split('<').enumerate() {
        if at > 0 {
            out.push_str("\\u003c");
        }
        out.push_str(part);
    }
}

/// Writes a field of many values, one after another: all of them as values at once would take twenty times their text.
fn put_all(out: &mut String, name: &str, values: impl Iterator<Item = Value>) {
    out.push_str(&format!("\"{name}\":["));
    for (at, value) in values.enumerate() {
        if at > 0 {
            out.push(',');
        }
        put(out, &value);
    }
    out.push_str("],");
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in plain(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

fn heading(picture: &Picture) -> String {
    let totals = picture.totals();
    let of = number(totals.nodes);
    match () {
        () if totals.fail > 0 => format!("{} of {of} nodes fail", number(totals.fail)),
        () if totals.warn > 0 => format!("{} of {of} nodes warn, none fails", number(totals.warn)),
        () => format!("none of {of} nodes fails"),
    }
}

/// What is there without JavaScript.
fn summary(picture: &Picture, heading: &str) -> String {
    let totals = picture.totals();
    let word = match () {
        () if totals.fail > 0 => "fail",
        () if totals.warn > 0 => "warn",
        () => "pass",
    };
    let counts = format!(
        "{} warn, {} pass, {} have something that is not determined; {} documents could not be read.",
        number(totals.warn),
        number(totals.pass),
        number(totals.undetermined),
        number(totals.broken)
    );
    let cause = |cause: &Cause| {
        let message = cause.message.as_deref().unwrap_or(&cause.reason);
        format!("<li>{}: {} nodes: {}</li>", escaped(&cause.finding), number(cause.nodes), escaped(message))
    };
    let causes: String = picture.causes.iter().take(20).map(cause).collect();
    format!(
        "<h1><span class=\"word {word}\">{word}</span> {}</h1><p>{counts}</p><ol>{causes}</ol>",
        escaped(heading)
    )
}

/// What page.js reads.
fn data(out: &mut String, census: &Census, picture: &Picture) {
    let totals = picture.totals();
    let open =
        |node: &super::census::Node| census.outcomes_of(node).filter(|(_, o)| o.is_undetermined()).count();
    let undetermined: usize = census.nodes.iter().map(open).sum();
    let findings = findings(census, picture);
    let number_of: HashMap<u32, usize> = findings.iter().enumerate().map(|(at, word)| (*word, at)).collect();
    let check = |word: &u32| census.checks.get(word).map_or("", |check| census.word(*check));
    let source = |node: &super::census::Node| {
        json!({
            "n": node.name, "k": node.kernel.map(|kernel| census.word(kernel)), "s": node.source, "t": node.started_at,
            "g": picture.matrix.column.get(&node.group), "p": node.pattern, "v": node.verdict, "e": node.details,
        })
    };
    let outcome = |o: &super::census::Outcome| {
        let blocker = o
            .blocked_by
            .and_then(|word| number_of.get(&word))
            .map_or(-1, |at| i64::try_from(*at).unwrap_or(-1));
        json!({ "f": number_of.get(&o.finding), "v": o.verdict, "d": o.determined, "r": census.word(o.reason), "b": blocker })
    };
    let cause = |c: &Cause| json!({ "o": c.outcome, "nodes": c.nodes, "alone": c.alone, "follow": c.followers, "detail": c.detail });
    out.push('{');
    put_all(
        out,
        "findings",
        findings.iter().map(|word| json!({ "id": census.word(*word), "check": check(word) })),
    );
    put_all(out, "outcomes", census.outcomes.all().iter().map(outcome));
    put_all(out, "patterns", census.patterns.all().iter().map(|pattern| json!(**pattern)));
    put_all(out, "nodes", census.nodes.iter().map(source));
    put_all(out, "details", census.details.all().iter().map(|one| detail(one)));
    put_all(out, "causes", picture.causes.iter().chain(&picture.warnings).map(cause));
    let groups = picture.matrix.groups.iter();
    put_all(out, "groups", groups.map(|g| json!({ "name": g.name, "nodes": g.nodes })));
    let duplicates = picture.duplicates.iter();
    put_all(
        out,
        "duplicates",
        duplicates.map(|d| json!({ "what": d.what, "value": d.value, "nodes": d.at })),
    );
    let odd = picture.odd.iter();
    put_all(out, "odd", odd.map(|o| json!({ "node": o.at, "apart": o.apart, "outcomes": o.outcomes })));
    put_all(out, "broken", picture.broken.iter().map(|b| json!({ "source": b.source, "why": b.why })));
    let rest = json!({
        "generatedAt": rfc3339(SystemTime::now()),
        "tool": format!("preflight {}", env!("CARGO_PKG_VERSION")),
        "totals": {
            "nodes": totals.nodes, "fail": totals.fail, "warn": totals.warn, "pass": totals.pass,
            "undetermined": undetermined, "broken": totals.broken, "superseded": totals.superseded,
        },
        "drift": picture.drift.as_ref().map(drift),
        "dropped": census.dropped,
    });
    let begin = out.len();
    put(out, &rest);
    // The brace that opens it was written before the first field.
    out.remove(begin);
}

fn drift(drift: &super::drift::Drift) -> Value {
    let changes = |all: &[super::drift::Change]| -> Vec<Value> {
        all.iter().map(|change| json!({ "o": change.outcome, "nodes": change.at })).collect()
    };
    json!({
        "against": drift.against, "worse": changes(&drift.worse), "better": changes(&drift.better),
        "unclear": changes(&drift.unclear), "gone": drift.gone, "new": drift.new_at,
    })
}

fn detail(d: &super::reading::Detail) -> Value {
    json!({ "m": d.message, "n": d.notes, "e": d.evidence, "x": d.remedy, "c": d.commands })
}

/// The findings, as words: those that are not good everywhere first, as the matrix has them, then the others by id.
fn findings(census: &Census, picture: &Picture) -> Vec<u32> {
    let mut findings: Vec<u32> = picture.matrix.findings.iter().map(|row| row.word).collect();
    let known: std::collections::HashSet<u32> = findings.iter().copied().collect();
    let mut others: Vec<u32> =
        census.outcomes.all().iter().map(|o| o.finding).filter(|f| !known.contains(f)).collect();
    others.sort_by_key(|word| census.word(*word));
    others.dedup();
    findings.extend(others);
    // No failure is hidden by the order of the verdicts.
    debug_assert!(Verdict::Fail > Verdict::Warn);
    findings
}
