//! The text of a file. Nothing of it is shown but what the policy asked for: files hold secrets.

use super::{params::FileRule, problem, unknown};
use crate::{
    capture::redact,
    evidence::Evidence,
    finding::{Finding, Remedy},
    node::Node,
};

/// Nothing where nothing was asked; what was seen where it is right; else the finding.
pub(super) fn judge(rule: &FileRule, node: &Node) -> Result<Option<Evidence>, Box<Finding>> {
    if !rule.asks_contents() {
        return Ok(None);
    }
    let path = &rule.path;
    let read = node.read(path);
    let text = match read.text() {
        Ok(text) => text,
        Err(e) => return Err(Box::new(unknown(rule, &e.unknown()))),
    };
    if redact::is_redacted(&text) {
        return Err(Box::new(unknown(rule, &redact::unknown(path))));
    }
    let wrong = |message: String, seen: Evidence, remedy: Remedy| {
        Err(Box::new(problem(rule, "wrong-contents", message, Some(seen)).remedy(remedy)))
    };
    let mut right = None;
    if let Some(wanted) = &rule.equals {
        if text.trim() != wanted.trim() {
            let seen = read.quote("says something else");
            let message = format!("{path} does not say `{wanted}`");
            return wrong(message, seen, Remedy::new(format!("Have it say `{wanted}`")));
        }
        right = Some(read.quote(wanted.trim()));
    }
    if let Some(wanted) = &rule.contains {
        if !text.lines().any(|line| line.contains(wanted.as_str())) {
            let message = format!("no line of {path} contains `{wanted}`");
            let seen = read.quote(format!("{} lines, none of them with it", text.lines().count()));
            return wrong(message, seen, Remedy::new(format!("Add the line with `{wanted}`")));
        }
        right = Some(read.quote(format!("a line has `{wanted}`")));
    }
    if let Some(unwanted) = &rule.lacks {
        if let Some(at) = text.lines().position(|line| line.contains(unwanted.as_str())) {
            let message = format!("line {} of {path} contains `{unwanted}`", at + 1);
            let seen = Evidence::new(format!("{path}:{}", at + 1), format!("has `{unwanted}`"));
            return wrong(message, seen, Remedy::new(format!("Take line {} out", at + 1)));
        }
        right = right.or_else(|| Some(read.quote(format!("no line has `{unwanted}`"))));
    }
    Ok(right)
}
