//! The report as YAML: the same tree as JSON, in blocks.

use super::model::Report;
use serde::Serialize;

/// The report as one document.
///
/// # Errors
/// As [`json::render`](super::json::render).
pub fn render(report: &Report) -> Result<String, serde_json::Error> {
    text(report)
}

/// A value as a document in blocks, its keys in the order in which JSON has them. Texts stand in double quotes, which JSON's
/// escapes fit (YAML 1.2.2, 5.7 and 7.3.1), so that none is taken for a number, a date or `no`.
///
/// # Errors
/// When it can't be written as JSON.
pub(super) fn text(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(value).map(|json| blocks(&json))
}

/// Blocks of YAML from JSON that has a line for each bracket and each value.
fn blocks(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    // Whether each open bracket is that of a list.
    let mut open: Vec<bool> = Vec::new();
    // Dashes of lists whose first line is still to come.
    let mut dashes = String::new();
    for line in json.lines().map(str::trim_start) {
        let line = line.strip_suffix(',').unwrap_or(line);
        if matches!(line, "}" | "]") {
            open.pop();
            continue;
        }
        let in_list = open.last() == Some(&true);
        let (key, value) = if in_list { (None, line) } else { split(line) };
        if dashes.is_empty() {
            out.push_str(&"  ".repeat(open.len().saturating_sub(1)));
        }
        if in_list {
            dashes.push_str("- ");
        }
        let opens = matches!(value, "{" | "[");
        if opens {
            open.push(value == "[");
        }
        // A list or map in a list begins beside the dash.
        if opens && key.is_none() {
            continue;
        }
        out.push_str(&std::mem::take(&mut dashes));
        if let Some(key) = key {
            out.push_str(&word(key));
            out.push_str(if opens { ":" } else { ": " });
        }
        if !opens {
            out.push_str(&printable(value));
        }
        out.push('\n');
    }
    out
}

/// The key of a line, in its quotes, and what follows it.
fn split(line: &str) -> (Option<&str>, &str) {
    let mut escaped = false;
    for (at, c) in line.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                return match line.get(at + 1..).and_then(|rest| rest.strip_prefix(": ")) {
                    Some(value) => (line.get(..=at), value),
                    None => (None, line),
                };
            }
            _ => {}
        }
    }
    (None, line)
}

/// A key: those of reports are plain words, those of inputs may be anything.
fn word(quoted: &str) -> String {
    let key = quoted.trim_matches('"');
    let is_plain = key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let others = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = is_plain && !others.iter().any(|other| key.eq_ignore_ascii_case(other));
    if is_plain { key.to_owned() } else { printable(quoted) }
}

/// JSON leaves some characters as they are that YAML does not print (5.1).
fn printable(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{2028}' | '\u{2029}' => {
                out.extend(format!("\\u{:04x}", u32::from(c)).chars());
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn blocks() {
        let value = json!({
            "a": 1, "b": [], "c": {}, "no": null, "d": [{"x": "1", "y": [true, "é\n"]}, [1, [2]], "t"], "e": {"f": {"g h": 1.5}},
        });
        let want = "a: 1\nb: []\nc: {}\nd:\n  - x: \"1\"\n    \"y\":\n      - true\n      - \"é\\n\"\n  - - 1\n    - - 2\n  - \"t\"\n\
                    e:\n  f:\n    \"g h\": 1.5\n\"no\": null\n";
        assert_eq!(text(&value).unwrap(), want);
        assert_eq!(text(&json!("x")).unwrap(), "\"x\"\n");
        assert_eq!(text(&json!([[]])).unwrap(), "- []\n");
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            prop::collection::vec(any::<char>(), 0..6)
                .prop_map(|chars| chars.into_iter().collect::<String>().into()),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z :#-]{1,5}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// What a foreign reader makes of it is what was written.
        #[test]
        fn it_is_read_back(value in any_value()) {
            let back: Value = serde_yaml::from_str(&text(&value).unwrap()).unwrap();
            prop_assert_eq!(back, value);
        }
    }
}
