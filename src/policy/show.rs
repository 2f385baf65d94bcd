//! A resolved policy as YAML: one file that says the same without extending anything.
//!
//! Own and small: the serializer of the YAML crate would take the values as serde sees them, without the spelling
//! of numbers and without comments.

use super::{OnUnknown, Policy, Rule, Waiver, When, read};
use preflight_checks::{Severity, range::Range, value::Kind};
use std::fmt::Write as _;

/// How long a list or map in one line may be, in characters.
const FLOW_WIDTH: usize = 80;

/// A map on its way out.
type Entries = Vec<(String, Out)>;

/// A value on its way out.
enum Out {
    /// A scalar as it will stand there.
    Scalar(String),
    List(Vec<Out>),
    Map(Entries),
}

impl Policy {
    /// The policy as YAML that can be read back: extended, inputs filled in, each rule with where it comes from.
    /// Parameters that the policy leaves to their defaults are left to them here too.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        self.written(false)
    }

    /// The same, with the place of each rule, what it takes the place of, and where the value of each input comes from.
    #[must_use]
    pub fn explained(&self) -> String {
        self.written(true)
    }

    fn written(&self, explain: bool) -> String {
        let mut out =
            format!("# The policy {}, resolved, from {}.\n", comment(&self.name), comment(&self.source));
        if explain {
            for name in self.inputs.0.keys() {
                let _ = writeln!(out, "# {}", self.told(name));
            }
        }
        block(&mut out, 0, &self.head());
        let _ = writeln!(out, "checks:");
        for rule in &self.rules {
            let _ = writeln!(out, "  # from {}", comment(if explain { &rule.place } else { &rule.origin }));
            if explain {
                for place in &rule.instead_of {
                    let _ = writeln!(out, "  #   instead of {}", comment(place));
                }
                for name in &rule.filled {
                    let _ = writeln!(out, "  #   {}", self.told(name));
                }
            }
            item(&mut out, 2, &Out::Map(rule_entries(rule)));
        }
        if !self.waivers.is_empty() {
            let waivers = self.waivers.iter().map(|w| Out::Map(waiver_entries(w))).collect();
            block(&mut out, 0, &[("waivers".to_owned(), Out::List(waivers))]);
        }
        out
    }

    /// Which value an input has, and from where.
    fn told(&self, name: &str) -> String {
        let value = self.inputs.0.get(name).map(|value| quote(value)).unwrap_or_default();
        let from = self.origins.get(name).map(String::as_str).unwrap_or_default();
        format!("the input {} is {value}, from {}", comment(name), comment(from))
    }

    fn head(&self) -> Entries {
        let mut metadata = vec![entry("name", text(&self.name))];
        metadata.extend(self.description.iter().map(|d| entry("description", text(d))));
        let mut head = vec![
            entry("apiVersion", text(read::API_VERSION)),
            entry("kind", text(read::KIND)),
            entry("metadata", Out::Map(metadata)),
        ];
        if !self.inputs.0.is_empty() {
            let inputs = self.inputs.0.iter().map(|(k, v)| entry(k, text(v))).collect();
            head.push(entry("inputs", Out::Map(inputs)));
        }
        head
    }
}

fn rule_entries(rule: &Rule) -> Entries {
    let check = rule.check.meta().id;
    let mut entries = Vec::new();
    if rule.id != check {
        entries.push(entry("id", text(&rule.id)));
    }
    entries.push(entry("check", text(check)));
    if rule.severity == Severity::Warn {
        entries.push(entry("severity", text("warn")));
    }
    match rule.on_unknown {
        OnUnknown::Warn => {}
        OnUnknown::Fail => entries.push(entry("onUnknown", text("fail"))),
        OnUnknown::Skip => entries.push(entry("onUnknown", text("skip"))),
    }
    let when = when_entries(&rule.when);
    if !when.is_empty() {
        entries.push(entry("when", Out::Map(when)));
    }
    if let Some(retry) = &rule.retry {
        let every = entry("every", text(&retry.every.to_string()));
        entries.push(entry("retry", Out::Map(vec![entry("for", text(&retry.within.to_string())), every])));
    }
    entries.extend(rule.kubeadm.iter().map(|name| entry("kubeadm", text(name))));
    match value(&rule.with.kind) {
        Out::Map(with) if with.is_empty() => {}
        with => entries.push(entry("with", with)),
    }
    entries
}

fn when_entries(when: &When) -> Entries {
    let mut entries = Vec::new();
    let mut add = |key: &str, values: Vec<&str>| match values.as_slice() {
        [] => {}
        [one] => entries.push(entry(key, text(one))),
        many => entries.push(entry(key, Out::List(many.iter().map(|v| text(v)).collect()))),
    };
    add("role", when.role.iter().map(String::as_str).collect());
    add("cgroup", when.cgroup.iter().map(|k| k.as_str()).collect());
    add("kernel", when.kernel.iter().map(Range::as_str).collect());
    add("kubernetes", when.kubernetes.iter().map(Range::as_str).collect());
    add("architecture", when.architecture.iter().map(String::as_str).collect());
    add("environment", when.environment.iter().map(|k| k.as_str()).collect());
    let inputs: Entries = when
        .inputs
        .iter()
        .map(|(name, values)| entry(name, Out::List(values.iter().map(|v| text(v)).collect())))
        .collect();
    if !inputs.is_empty() {
        entries.push(entry("inputs", Out::Map(inputs)));
    }
    entries
}

fn waiver_entries(waiver: &Waiver) -> Entries {
    let mut entries = vec![entry("finding", text(&waiver.finding)), entry("reason", text(&waiver.reason))];
    entries.extend(waiver.until.map(|until| entry("until", Out::Scalar(until.to_string()))));
    entries
}

fn entry(key: &str, value: Out) -> (String, Out) {
    (key.to_owned(), value)
}

fn value(kind: &Kind) -> Out {
    match kind {
        Kind::Null => Out::Scalar("null".to_owned()),
        Kind::Bool(b) => Out::Scalar(b.to_string()),
        Kind::Int(_, spelling) | Kind::Float(_, spelling) => Out::Scalar(spelling.clone()),
        Kind::Str(s) => text(s),
        Kind::Seq(items) => Out::List(items.iter().map(|v| value(&v.kind)).collect()),
        Kind::Map(entries) => Out::Map(entries.iter().map(|(k, v)| entry(&k.text, value(&v.kind))).collect()),
    }
}

fn text(text: &str) -> Out {
    Out::Scalar(quote(text))
}

/// Text as a scalar that YAML reads back as this text: bare only where nothing can be taken for anything else.
pub(super) fn quote(text: &str) -> String {
    const TAKEN: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_');
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./-".contains(&b));
    if starts && plain && !TAKEN.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // Whatever YAML may not have in a file, or would take for the end of a line.
            c if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}') =>
            {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A name inside of a comment: on one line, whatever it holds.
pub(super) fn comment(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

/// The value in one line, if it fits there.
fn flow(value: &Out) -> Option<String> {
    let joined = match value {
        Out::Scalar(s) => return Some(s.clone()),
        Out::List(items) => {
            let items: Option<Vec<_>> = items.iter().map(flow).collect();
            format!("[{}]", items?.join(", "))
        }
        Out::Map(entries) if entries.is_empty() => "{}".to_owned(),
        Out::Map(entries) => {
            let entries: Option<Vec<_>> =
                entries.iter().map(|(k, v)| Some(format!("{}: {}", quote(k), flow(v)?))).collect();
            format!("{{ {} }}", entries?.join(", "))
        }
    };
    (joined.chars().count() <= FLOW_WIDTH).then_some(joined)
}

/// The entries of a map, one a line and more where they need it.
fn block(out: &mut String, indent: usize, entries: &[(String, Out)]) {
    for (key, value) in entries {
        let _ = write!(out, "{:indent$}{}:", "", quote(key));
        // Top-level maps and lists are read by people: never in one line.
        match (flow(value).filter(|_| indent > 0 || matches!(value, Out::Scalar(_))), value) {
            (Some(line), _) => {
                let _ = writeln!(out, " {line}");
            }
            (None, Out::Map(entries)) => {
                out.push('\n');
                block(out, indent + 2, entries);
            }
            (None, Out::List(items)) => {
                out.push('\n');
                for i in items {
                    item(out, indent + 2, i);
                }
            }
            (None, Out::Scalar(s)) => {
                let _ = writeln!(out, " {s}");
            }
        }
    }
}

/// One item of a list; a map starts on the line of the dash.
fn item(out: &mut String, indent: usize, value: &Out) {
    match value {
        Out::Map(entries) if !entries.is_empty() => {
            let mut inner = String::new();
            block(&mut inner, indent + 2, entries);
            let _ = write!(out, "{:indent$}- {}", "", inner.get(indent + 2..).unwrap_or_default());
        }
        Out::List(items) if flow(value).is_none() => {
            let mut inner = String::new();
            for i in items {
                item(&mut inner, indent + 2, i);
            }
            let _ = write!(out, "{:indent$}- {}", "", inner.get(indent + 2..).unwrap_or_default());
        }
        other => {
            let _ = writeln!(out, "{:indent$}- {}", "", flow(other).unwrap_or_default());
        }
    }
}
