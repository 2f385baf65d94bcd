//! The report as a condition of a Kubernetes node, and as a plugin of node-problem-detector, which makes one of it.
//!
//! The fields are those of NodeCondition (kubernetes staging/src/k8s.io/api/core/v1/types.go, 1.37): status is True, False or
//! Unknown; reason is one word in CamelCase. A plugin of node-problem-detector ends with 0 where all is well, 1 where there is a
//! problem, anything else where it can't tell, and prints what becomes the message (node-problem-detector v1.36,
//! pkg/custompluginmonitor/plugin/plugin.go).

use super::{
    details,
    model::{Finding, Report, Verdict},
};
use crate::text::plain;
use serde::Serialize;

/// The longest message, in characters. What a container may leave as its last words, 4096 bytes, holds the whole condition
/// (kubernetes pkg/kubelet/container/runtime.go, `MaxContainerTerminationMessageLength`), and an event, 1024, the message.
const LONGEST: usize = 512;

/// What a condition of a node says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeCondition {
    r#type: &'static str,
    status: Status,
    last_heartbeat_time: String,
    /// This run knows of no earlier one: who keeps the condition keeps the old time where the status is the same.
    last_transition_time: String,
    reason: &'static str,
    message: String,
}

/// Whether the node passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Status {
    True,
    False,
    Unknown,
}

/// The condition `PreflightPassed` as one line of JSON.
///
/// # Errors
/// When it can't be written as JSON, which no report that the runner makes can cause.
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    let (status, reason) = state(report);
    let mut text = serde_json::to_string(&NodeCondition {
        r#type: "PreflightPassed",
        status,
        last_heartbeat_time: report.started_at.clone(),
        last_transition_time: report.started_at.clone(),
        reason,
        message: message(report),
    })?;
    text.push('\n');
    Ok(text)
}

/// The message alone, for node-problem-detector.
#[must_use]
pub fn plugin(report: &Report) -> String {
    message(report) + "\n"
}

/// The exit status of a plugin of node-problem-detector.
#[must_use]
pub fn plugin_status(report: &Report) -> u8 {
    match state(report).0 {
        Status::True => 0,
        Status::False => 1,
        Status::Unknown => 2,
    }
}

/// True only where all that the policy wants to know is known, and none of it is a failure.
fn state(report: &Report) -> (Status, &'static str) {
    if report.verdict == Verdict::Fail {
        (Status::False, "RequirementsNotMet")
    } else if report.findings.iter().any(is_open) {
        (Status::Unknown, "NotDetermined")
    } else if !report.findings.iter().any(|finding| finding.determined && finding.verdict != Verdict::Skip) {
        (Status::Unknown, "NothingJudged")
    } else if report.verdict == Verdict::Warn {
        (Status::True, "PassedWithWarnings")
    } else {
        (Status::True, "Passed")
    }
}

/// Not known, and neither the policy (`onUnknown: skip`, a waiver) nor another finding says that it does not matter.
fn is_open(finding: &Finding) -> bool {
    !finding.determined && finding.verdict == Verdict::Warn && finding.waiver.is_none()
}

/// How many, the first of them in full, and the ids of the others as far as they find room.
fn message(report: &Report) -> String {
    let summary = report.summary;
    let (status, _) = state(report);
    let counts = match status {
        Status::False => format!("{} failed", summary.fail),
        Status::Unknown => {
            format!("{} not determined", report.findings.iter().filter(|finding| is_open(finding)).count())
        }
        Status::True => format!("{} passed, {} warnings", summary.pass, summary.warn),
    };
    let told = report.findings.iter().filter(|finding| match status {
        Status::False => finding.verdict == Verdict::Fail,
        Status::Unknown => is_open(finding),
        Status::True => finding.verdict == Verdict::Warn,
    });
    let mut text = counts;
    for (nth, finding) in told.enumerate() {
        let more = match nth {
            0 => format!(": {}: {}", plain(&finding.id), details::headline(finding)),
            1 => format!("; also {}", plain(&finding.id)),
            _ => format!(", {}", plain(&finding.id)),
        };
        text.push_str(&more);
    }
    if text.chars().count() > LONGEST {
        text = text.chars().take(LONGEST - 1).chain(['…']).collect();
    }
    text
}
