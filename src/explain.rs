//! `preflight explain`: the documentation of a check as text for a terminal. It is the doc comment of the
//! check's parameters, which the JSON Schema of policies carries: written once, printed everywhere.

mod markdown;
mod parameters;

use crate::{policy::published, text};
use preflight_checks::DynCheck;
use serde_json::{Map, Value};

/// The documentation of `check` in at most `width` columns.
pub(crate) fn check(check: &dyn DynCheck, width: usize) -> String {
    let meta = check.meta();
    let policies = published::published();
    let none = (&Value::Null, &Map::new());
    let (schema, definitions) = published::parameters(&policies, meta.id).unwrap_or(none);

    let kubeadm = meta.kubeadm.map(|name| format!("; kubeadm's {name}")).unwrap_or_default();
    let documentation = schema.get("description").and_then(Value::as_str).unwrap_or(meta.summary);
    let parameters = parameters::to_text(schema, definitions, width);
    let parameters = if parameters.is_empty() { "  none\n".to_owned() } else { parameters };
    format!(
        "{} (since {}{kubeadm})\n\n{}\nPARAMETERS (below `with:` of a rule)\n{parameters}",
        meta.id,
        meta.since,
        markdown::to_text(documentation, width),
    )
}

/// Two columns: names, and what they are.
pub(crate) fn columns(rows: &[(&str, &str)], width: usize) -> String {
    let widest = rows.iter().map(|(name, _)| text::columns(name)).max().unwrap_or(0) + 2;
    let row = |(name, text): &(&str, &str)| {
        let name = text::plain(name);
        let gap = " ".repeat(widest.saturating_sub(text::columns(&name)));
        text::hanging(0, &format!("{name}{gap}"), widest, text, width)
    };
    rows.iter().map(row).collect()
}
