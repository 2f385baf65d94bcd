//! The report as SARIF 2.1.0 (OASIS), for what gathers the results of scanners.

use super::{
    details,
    model::{Finding, Report, Verdict},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The report as one JSON document.
///
/// # Errors
/// As [`json::render`](super::json::render).
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let mut rules: BTreeMap<&str, &str> = BTreeMap::new();
    for finding in &report.findings {
        rules.entry(&finding.rule).or_insert(&finding.check);
    }
    let rules: Vec<Value> = rules.iter().map(|(rule, check)| described(rule, check)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "rules": rules,
            } },
            "invocations": [{ "executionSuccessful": true, "startTimeUtc": report.started_at }],
            "properties": { "policy": report.policy, "node": report.node, "summary": report.summary },
            "results": report.findings.iter().map(result).collect::<Vec<_>>(),
        }],
    });
    serde_json::to_string_pretty(&log).map(|text| text + "\n")
}

fn described(rule: &str, check: &str) -> Value {
    let summary = preflight_checks::registry::find(check).map_or(check, |check| check.meta().summary);
    json!({ "id": rule, "shortDescription": { "text": summary } })
}

fn result(finding: &Finding) -> Value {
    // 3.27.9 and 3.27.10: what is no problem has the level none, and a kind that says why. What a policy fails because it is not
    // known is a problem.
    let (kind, level) = match finding.verdict {
        Verdict::Pass => ("pass", "none"),
        Verdict::Skip => ("notApplicable", "none"),
        Verdict::Warn if !finding.determined => ("review", "none"),
        Verdict::Warn => ("fail", "warning"),
        Verdict::Fail => ("fail", "error"),
    };
    let mut result = json!({
        "ruleId": finding.rule,
        "kind": kind,
        "level": level,
        "message": { "text": details::text(finding) },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": place(finding) } } }],
        "partialFingerprints": { "finding/v1": finding.id },
        "properties": {
            "id": finding.id, "subject": finding.subject, "verdict": finding.verdict, "reason": finding.reason,
            "determined": finding.determined,
        },
    });
    if let Some(waiver) = &finding.waiver {
        result["suppressions"] =
            json!([{ "kind": "external", "status": "accepted", "justification": waiver.reason }]);
    }
    result
}

/// The first file that was looked at, as a URI; the root where there is none.
fn place(finding: &Finding) -> String {
    let paths = finding.evidence.iter().map(|evidence| evidence.source.as_str());
    let path = paths
        .filter(|source| source.starts_with('/'))
        .map(|path| path.split(' ').next().unwrap_or(path))
        .next();
    let mut uri = "file://".to_owned();
    for byte in path.unwrap_or("/").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(byte.into());
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
