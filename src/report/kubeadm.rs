//! The report in the lines of kubeadm's own preflight, for what reads its logs: `[WARNING Name]: …`, `[ERROR Name]: …`.
//!
//! The frame is that of kubeadm 1.34 (cmd/kubeadm/app/preflight/checks.go, RunChecks and Error), all of it in one stream.
//! A pass prints nothing there and nothing here.

use super::model::{Finding, Report, Verdict};
use crate::text::plain;
use std::{collections::HashMap, fmt::Write as _};

/// The report as text.
#[must_use]
pub fn render(report: &Report) -> String {
    let verdicts: HashMap<&str, Verdict> =
        report.findings.iter().map(|f| (f.id.as_str(), f.verdict)).collect();
    // Kubeadm tells each check on its own: what follows from another failure is told as bad as that.
    let verdict = |finding: &Finding| match &finding.blocked_by {
        Some(cause) if finding.kubeadm.is_some() => verdicts.get(cause.as_str()).copied(),
        _ => Some(finding.verdict),
    };
    let of = |wanted| report.findings.iter().filter(move |finding| verdict(finding) == Some(wanted));
    let mut out = "[preflight] Running pre-flight checks\n".to_owned();
    for finding in of(Verdict::Warn) {
        line(&mut out, "WARNING", finding);
    }
    if report.verdict == Verdict::Fail {
        out.push_str("[preflight] Some fatal errors occurred:\n");
        for finding in of(Verdict::Fail) {
            line(&mut out, "ERROR", finding);
        }
        out.push_str(
            "[preflight] If you know what you are doing, you can make a check non-fatal with \
             `--ignore-preflight-errors=...`\n",
        );
    }
    out
}

/// Kubeadm's name, ours where it has none; one line, whatever the message holds.
fn line(out: &mut String, word: &str, finding: &Finding) {
    let name = finding.kubeadm.as_deref().unwrap_or(&finding.id);
    let message = plain(&finding.message);
    // Writing to a String does not fail.
    let _ = writeln!(out, "\t[{word} {}]: {message}", name.replace(char::is_whitespace, "_"));
}
