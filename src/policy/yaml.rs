//! The YAML of policies: what is wrong with one is told in words of this program, with a way to mend it.

use super::diagnostics::quoted;
pub(super) use preflight_checks::yaml_tree::SIZE_LIMIT;
use preflight_checks::{
    value::{Error, Kind, Span, Value},
    yaml_tree::{self, ALIASES, DEPTH, Duplicate, NODES, span},
};
use serde_yaml::{MessageFormatter, UserMessageFormatter, budget::BudgetBreach};

/// Reads the one document of a policy. Beside the value come the duplicate keys, of which the first stays.
///
/// # Errors
/// The first problem of syntax, or the limit that was crossed; that there is nothing in it.
pub(super) fn parse(text: &str) -> Result<(Value, Vec<Error>), Error> {
    let (value, duplicates) = document(text)?;
    if value.kind == Kind::Null {
        let message = "there is nothing in it".to_owned();
        let help = Some("start with `apiVersion: preflight/v1` and `kind: Policy`".to_owned());
        return Err(Error { message, span: Some(Span::default()), help });
    }
    Ok((value, duplicates))
}

/// Reads any one document, as [`parse`] does; nothing at all is a value, too.
///
/// # Errors
/// The first problem of syntax, or the limit that was crossed.
pub(super) fn document(text: &str) -> Result<(Value, Vec<Error>), Error> {
    if text.len() > SIZE_LIMIT {
        let message = format!("the file has more than {SIZE_LIMIT} bytes, the most that a policy may have");
        return Err(Error { message, span: None, help: None });
    }
    let (value, duplicates) = yaml_tree::read(text).map_err(|e| explain(text, &e))?;
    Ok((value, duplicates.iter().map(|one| twice(text, one)).collect()))
}

fn twice(text: &str, Duplicate { key, before }: &Duplicate) -> Error {
    let above = text.get(..before.start as usize).unwrap_or_default();
    let line = 1 + above.matches('\n').count();
    Error {
        message: format!("the key {} is given twice", quoted(&key.text)),
        span: Some(key.span),
        help: Some(format!("it is already in line {line}; take one of them out")),
    }
}

/// An error of the crate in the words of this program.
fn explain(text: &str, error: &serde_yaml::Error) -> Error {
    let at = error.location().map_or(Span::default(), |l| span(text, l));
    let mut inner = error;
    while let serde_yaml::Error::AliasError { error, .. } | serde_yaml::Error::WithSnippet { error, .. } =
        inner
    {
        inner = error;
    }
    let (message, help) = match inner {
        serde_yaml::Error::Budget { breach, .. } => breached(breach),
        serde_yaml::Error::AliasReplayLimitExceeded { .. }
        | serde_yaml::Error::AliasReplayStackDepthExceeded { .. }
        | serde_yaml::Error::AliasExpansionLimitExceeded { .. } => {
            ("too much is repeated through aliases (`*name`)".to_owned(), None)
        }
        serde_yaml::Error::MultipleDocuments { .. } => (
            "a second document starts here (`---`); a policy is one document".to_owned(),
            Some("put the other one into a file of its own and name it under `extends`".to_owned()),
        ),
        serde_yaml::Error::Eof { .. } => ("there is nothing in it".to_owned(), None),
        // What the crate says of these two is about its types, not about the file.
        serde_yaml::Error::Unexpected { expected: "string scalar", .. }
        | serde_yaml::Error::NullIntoString { .. } => (
            "a key has to be text".to_owned(),
            Some("put it in quotes if it is; a template (`{{ … }}`) has to be filled in first".to_owned()),
        ),
        other => match UserMessageFormatter.format_message(other).as_ref() {
            "recursion limit exceeded" => (format!("lists and maps nest deeper than {DEPTH}"), None),
            message => unquoted(text, at).unwrap_or_else(|| (message.to_owned(), None)),
        },
    };
    if let Some(tab) = tab_in_indentation(text, at) {
        let message = "a tab in the indentation; YAML takes only spaces there".to_owned();
        return Error { message, span: Some(tab), help: Some("replace it with spaces".to_owned()) };
    }
    Error { message, span: Some(at), help }
}

fn breached(breach: &BudgetBreach) -> (String, Option<String>) {
    let message = match breach {
        BudgetBreach::Depth { .. } => format!("lists and maps nest deeper than {DEPTH}"),
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::MergeKeys { .. }
        | BudgetBreach::AliasAnchorRatio { .. } => {
            format!("more than {ALIASES} anchors (`&name`), aliases (`*name`) or merges (`<<`)")
        }
        BudgetBreach::ScalarBytes { .. }
        | BudgetBreach::RecordedAnchorEvents { .. }
        | BudgetBreach::RecordedAnchorBytes { .. } => {
            "too much is repeated through aliases (`*name`)".to_owned()
        }
        BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. } => {
            format!("more than {NODES} values: this is not a policy")
        }
        BudgetBreach::Documents { .. } => "more than one document (`---`)".to_owned(),
        _ => format!("too large in one way or another: {breach:?}"),
    };
    (message, None)
}

/// What to say where text lacks the quotes that YAML wants around it: the most frequent mistake of policies, since
/// ranges begin with `>` and patterns with `*`.
fn unquoted(text: &str, at: Span) -> Option<(String, Option<String>)> {
    let rest = text.get(at.start as usize..)?.lines().next()?;
    let first = rest.chars().next()?;
    let example = match first {
        // `>` and `|` with nothing but an indentation behind them do begin a block of text.
        '>' | '|' if !rest.trim_end().ends_with(['>', '|', '+', '-']) => ">=5.10",
        '*' | '&' => "*/memory",
        '@' | '`' | '%' => "…",
        ':' => {
            let message =
                "a second `:` in one line: text with a colon and a space in it has to stand in quotes";
            return Some((message.to_owned(), Some("put quotes around all of it".to_owned())));
        }
        _ => return None,
    };
    let message = format!("text that begins with `{first}` has to stand in quotes");
    Some((message, Some(format!("put quotes around all of it, as in `\"{example}\"`"))))
}

/// A tab among the white space that starts the line of `at`, or the line before it.
fn tab_in_indentation(text: &str, at: Span) -> Option<Span> {
    let here = text.get(..at.start as usize)?;
    let start = here.rfind('\n').map_or(0, |i| i + 1);
    let before = here.get(..start.saturating_sub(1))?.rfind('\n').map_or(0, |i| i + 1);
    [start, before].into_iter().find_map(|start| {
        let line = text.get(start..)?;
        let tab = line.bytes().take_while(|b| matches!(b, b' ' | b'\t' | b'-')).position(|b| b == b'\t')?;
        let tab = u32::try_from(start + tab).ok()?;
        Some(Span { start: tab, end: tab + 1 })
    })
}
