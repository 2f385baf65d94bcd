//! What a finding says beside its message, as plain lines: for formats that have one place for all of it.

use super::model::{Finding, Verdict};
use crate::text::plain;

/// The message, then notes, evidence and remedy, a line each.
pub(super) fn text(finding: &Finding) -> String {
    let mut lines = vec![headline(finding)];
    lines.extend(finding.notes.iter().map(|note| format!("why: {}", plain(note))));
    lines.extend(
        finding.evidence.iter().map(|e| format!("seen: {}: {}", plain(&e.source), plain(&e.observed))),
    );
    if let Some(remedy) = &finding.remedy {
        lines.push(format!("mend: {}", plain(&remedy.summary)));
        let commands = remedy.commands.iter().chain(&remedy.persistent);
        lines.extend(commands.map(|command| format!("mend: {}", plain(command))));
    }
    if let Some(waiver) = &finding.waiver {
        lines.push(format!("waived: {}", plain(&waiver.reason)));
    }
    lines.join("\n")
}

/// The message in one line, with what makes a warning of it.
pub(super) fn headline(finding: &Finding) -> String {
    let message = plain(&finding.message);
    match finding.verdict {
        Verdict::Warn if !finding.determined => format!("undetermined: {message}"),
        Verdict::Warn if finding.waiver.is_some() => format!("waived: {message}"),
        Verdict::Warn => format!("warning: {message}"),
        _ => message,
    }
}
