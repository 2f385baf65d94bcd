//! One file as it is written: every part checked for itself, nothing resolved yet.

use super::{
    Date, OnUnknown, Retry, When,
    diagnostics::{Diagnostic, FileId, Place, quoted},
    resolve::AUTO,
};
use crate::kubeadm_names::{ALL, is_known, unknown};
use preflight_checks::{
    DynCheck, Severity,
    value::{Key, Kind, Span, Value, did_you_mean},
};
use serde::de::DeserializeOwned;
use std::collections::{HashMap, HashSet};

/// The value of `apiVersion`.
pub(super) const API_VERSION: &str = "preflight/v1";
/// The value of `kind`.
pub(super) const KIND: &str = "Policy";
/// The values of the input `role`.
pub(super) const ROLES: [&str; 2] = ["control-plane", "worker"];

/// The longest pattern of a waiver, in bytes: matching takes as many steps for each character of an id.
const PATTERN_LIMIT: usize = 256;

/// A word and its place.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) at: Place,
}

/// A policy file as it is written.
pub(super) struct Document {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) extends: Vec<Word>,
    pub(super) inputs: Vec<(Word, Value)>,
    pub(super) rules: Vec<RuleDocument>,
    pub(super) waivers: Vec<WaiverDocument>,
}

/// A rule as it is written.
pub(super) struct RuleDocument {
    pub(super) id: Word,
    /// `None` where the name is wrong, which is already reported.
    pub(super) check: Option<&'static dyn DynCheck>,
    pub(super) severity: Severity,
    pub(super) on_unknown: OnUnknown,
    pub(super) when: When,
    pub(super) retry: Option<Retry>,
    pub(super) kubeadm: Option<String>,
    /// The inputs that `when` rests on.
    pub(super) needs: Vec<Word>,
    pub(super) with: Value,
}

/// A waiver as it is written.
pub(super) struct WaiverDocument {
    pub(super) finding: Word,
    pub(super) reason: String,
    pub(super) until: Option<(Date, Place)>,
}

/// Reads parts of one file and collects what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) file: FileId,
    pub(super) checks: &'a [&'static dyn DynCheck],
    pub(super) out: &'a mut Vec<Diagnostic>,
}

type Entry<'v> = (&'v Key, &'v Value);

impl Reader<'_> {
    /// The document, or nothing if its root is not a map; what is wrong with its parts is in `out`.
    pub(super) fn document(&mut self, mut root: Value) -> Option<Document> {
        const KEYS: [&str; 7] = ["apiVersion", "kind", "metadata", "extends", "inputs", "checks", "waivers"];
        let fields = self.fields(&root, "a policy", &KEYS)?;
        let get = |name: &str| fields.get(name).map(|(_, v)| *v);
        for (key, want) in [("apiVersion", API_VERSION), ("kind", KIND)] {
            self.constant(root.span, fields.get(key).copied(), key, want);
        }
        let metadata = get("metadata").and_then(|v| self.fields(v, "metadata", &["name", "description"]));
        let metadata = metadata.unwrap_or_default();
        let name = metadata.get("name").and_then(|(_, v)| self.text(v, "a name"));
        let description = metadata.get("description").and_then(|(_, v)| self.text(v, "a description"));
        let extends = self.items(get("extends")).iter().filter_map(|v| self.word(v, "a profile or a path"));
        let extends = extends.collect();
        let inputs = get("inputs").map(|v| self.inputs(v)).unwrap_or_default();
        let items = self.items(get("checks")).iter().enumerate();
        let (places, mut rules): (Vec<_>, Vec<_>) =
            items.filter_map(|(at, v)| Some((at, self.rule(v)?))).unzip();
        self.unique(&rules);
        let waivers = self.items(get("waivers")).iter().filter_map(|v| self.waiver(v)).collect();
        // The parameters are most of a policy: they are moved out of it when everything else was read.
        let mut checks = value_of(&mut root, "checks");
        for (place, rule) in places.into_iter().zip(&mut rules) {
            let Some(Kind::Seq(items)) = checks.as_mut().map(|checks| &mut checks.kind) else { break };
            let with = items.get_mut(place).and_then(|item| value_of(item, "with"));
            if let Some(with) = with.filter(|with| with.kind != Kind::Null) {
                rule.with = Value { span: with.span, kind: std::mem::replace(&mut with.kind, Kind::Null) };
            }
        }
        Some(Document { name, description, extends, inputs, rules, waivers })
    }

    fn place(&self, span: Span) -> Place {
        Place { file: self.file, span }
    }

    fn error(&mut self, span: Span, message: impl Into<String>) {
        self.help(span, message, None);
    }

    fn help(&mut self, span: Span, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.out.push(Diagnostic::error(self.place(span), message).help(help));
    }

    /// The entries of a map by name; unknown keys are reported. Nothing at all counts as an empty map.
    fn fields<'v>(
        &mut self,
        value: &'v Value,
        what: &str,
        known: &[&'static str],
    ) -> Option<HashMap<&'static str, Entry<'v>>> {
        let mut fields = HashMap::new();
        for (key, value) in self.entries(value, what)? {
            if let Some(name) = known.iter().find(|k| **k == key.text) {
                fields.insert(*name, (key, value));
            } else {
                let help = did_you_mean(&key.text, known.iter().copied());
                self.help(key.span, format!("unknown key {}", quoted(&key.text)), help);
            }
        }
        Some(fields)
    }

    fn entries<'v>(&mut self, value: &'v Value, what: &str) -> Option<&'v [(Key, Value)]> {
        match &value.kind {
            Kind::Map(entries) => Some(entries),
            Kind::Null => Some(&[]),
            other => {
                self.error(value.span, format!("{what} has to be a map, this is {}", other.describe()));
                None
            }
        }
    }

    /// The items of a list. Nothing at all counts as an empty list: people comment entries out.
    fn items<'v>(&mut self, value: Option<&'v Value>) -> &'v [Value] {
        match value.map(|v| (&v.kind, v.span)) {
            Some((Kind::Seq(items), _)) => items,
            None | Some((Kind::Null, _)) => &[],
            Some((other, span)) => {
                self.error(span, format!("expected a list, found {}", other.describe()));
                &[]
            }
        }
    }

    fn typed<T: DeserializeOwned>(&mut self, value: &Value) -> Option<T> {
        match value.read_all() {
            Ok(read) => Some(read),
            Err(errors) => {
                let (file, whole) = (self.file, value.span);
                self.out.extend(errors.into_iter().map(|e| Diagnostic::from_value(file, whole, e)));
                None
            }
        }
    }

    /// Text that is not blank.
    fn text(&mut self, value: &Value, what: &str) -> Option<String> {
        match value.as_text().map(str::trim) {
            Some("") => self.error(value.span, format!("{what} must not be empty")),
            Some(text) => return Some(text.to_owned()),
            None => {
                self.error(value.span, format!("{what} has to be text, this is {}", value.kind.describe()));
            }
        }
        None
    }

    fn word(&mut self, value: &Value, what: &str) -> Option<Word> {
        self.text(value, what).map(|text| Word { text, at: self.place(value.span) })
    }

    fn constant(&mut self, root: Span, entry: Option<Entry<'_>>, key: &str, want: &str) {
        match entry {
            Some((_, value)) if value.as_text() == Some(want) => {}
            Some((_, value)) => {
                let found = value.as_text().map_or(value.kind.describe().to_owned(), quoted);
                self.help(
                    value.span,
                    format!("`{key}` is {found}; this version of preflight knows `{want}` only"),
                    format!("write `{key}: {want}`"),
                );
            }
            None => {
                let help = format!("add `{key}: {want}`");
                self.help(root, format!("the required key `{key}` is missing"), help);
            }
        }
    }

    fn inputs(&mut self, value: &Value) -> Vec<(Word, Value)> {
        let mut inputs = Vec::new();
        for (key, value) in self.entries(value, "inputs").unwrap_or_default() {
            let name = Word { text: key.text.clone(), at: self.place(key.span) };
            if !is_name(&key.text) {
                let message = format!("{} can't be the name of an input", quoted(&key.text));
                self.help(key.span, message, "use letters, digits, `-` and `_`".to_owned());
                continue;
            }
            if matches!(value.kind, Kind::Null | Kind::Seq(_) | Kind::Map(_)) {
                let found = value.kind.describe();
                let message = format!("an input is text, a number, true or false; this is {found}");
                self.error(value.span, message);
                continue;
            }
            if let Err((message, help)) = known_input(&key.text, &scalar_text(value)) {
                self.help(value.span, message, help);
            }
            inputs.push((name, value.clone()));
        }
        inputs
    }

    /// A rule without its parameters.
    fn rule(&mut self, value: &Value) -> Option<RuleDocument> {
        const KEYS: [&str; 8] = ["id", "check", "severity", "onUnknown", "when", "retry", "kubeadm", "with"];
        if value.as_text().is_some() {
            let message = "a rule is a map, this is text";
            self.help(
                value.span,
                message,
                format!("write `- check: {}`", value.as_text().unwrap_or_default()),
            );
            return None;
        }
        let fields = self.fields(value, "a rule", &KEYS)?;
        let get = |name: &str| fields.get(name).map(|(_, v)| *v);
        if get("check").is_none() {
            let help = "add `check: NAME`; `preflight list` shows the names".to_owned();
            self.help(value.span, "the required key `check` is missing", help);
        }
        let named = get("check").and_then(|v| self.word(v, "the name of a check"));
        let check = named.as_ref().and_then(|name| self.check(name));
        let id = get("id").and_then(|v| self.word(v, "an id"));
        if let Some(id) = id.as_ref().filter(|id| !is_id(&id.text)) {
            let help = "use at most 64 letters, digits, `-`, `_` and `.`, a letter or digit first: it is the part \
                        of a finding's id before the `/`";
            self.help(id.at.span, format!("{} can't be an id", quoted(&id.text)), help.to_owned());
        }
        let severity = get("severity").and_then(|v| self.typed(v)).unwrap_or_default();
        let on_unknown = get("onUnknown").and_then(|v| self.on_unknown(v)).unwrap_or_default();
        let (when, needs) = get("when").map(|v| self.when(v)).unwrap_or_default();
        let retry = get("retry").and_then(|v| self.typed(v));
        let with = Value { span: value.span, kind: Kind::Map(Vec::new()) };
        let id = id.or(named)?;
        let kubeadm = get("kubeadm").and_then(|v| self.kubeadm_name(v));
        Some(RuleDocument { id, check, severity, on_unknown, when, retry, kubeadm, needs, with })
    }

    fn kubeadm_name(&mut self, value: &Value) -> Option<String> {
        let name = self.text(value, "a name of kubeadm")?;
        if !is_known(&name.to_lowercase()) || name == ALL {
            self.error(value.span, unknown(&name));
            return None;
        }
        Some(name)
    }

    fn check(&mut self, name: &Word) -> Option<&'static dyn DynCheck> {
        let found = self.checks.iter().copied().find(|c| c.meta().id == name.text);
        if found.is_none() {
            let names = self.checks.iter().map(|c| c.meta().id);
            let help = did_you_mean(&name.text, names.collect::<Vec<_>>());
            self.help(name.at.span, format!("there is no check {}", quoted(&name.text)), help);
        }
        found
    }

    fn on_unknown(&mut self, value: &Value) -> Option<OnUnknown> {
        if value.as_text() == Some("pass") {
            let help = "`skip` leaves it out of the verdict".to_owned();
            self.help(value.span, "what could not be determined never passes", help);
            return None;
        }
        self.typed(value)
    }

    /// Reports rules with the id of one before them.
    fn unique(&mut self, rules: &[RuleDocument]) {
        let mut seen: HashSet<&str> = HashSet::new();
        for rule in rules {
            if !seen.insert(&rule.id.text) {
                let message = format!("there is already a rule {} in this file", quoted(&rule.id.text));
                self.help(rule.id.at.span, message, "give one of them an `id` of its own".to_owned());
            }
        }
    }

    fn when(&mut self, value: &Value) -> (When, Vec<Word>) {
        const KEYS: [&str; 7] =
            ["role", "cgroup", "kernel", "kubernetes", "architecture", "environment", "inputs"];
        let (mut when, mut needs) = (When::default(), Vec::new());
        let fields = self.fields(value, "`when`", &KEYS).unwrap_or_default();
        let get = |name: &str| fields.get(name).map(|(_, v)| *v);
        for (key, input) in [("role", "role"), ("kubernetes", "kubernetesVersion")] {
            if let Some((key, _)) = fields.get(key) {
                needs.push(Word { text: input.to_owned(), at: self.place(key.span) });
            }
        }
        when.role = get("role").map(|v| self.one_or_many(v, Self::role)).unwrap_or_default();
        when.cgroup = get("cgroup").map(|v| self.one_or_many(v, Self::typed)).unwrap_or_default();
        when.environment = get("environment").map(|v| self.one_or_many(v, Self::typed)).unwrap_or_default();
        when.architecture =
            get("architecture").map(|v| self.one_or_many(v, Self::architecture)).unwrap_or_default();
        when.kernel = get("kernel").and_then(|v| self.typed(v));
        when.kubernetes = get("kubernetes").and_then(|v| self.typed(v));
        for (key, value) in get("inputs").and_then(|v| self.entries(v, "`when.inputs`")).unwrap_or_default() {
            needs.push(Word { text: key.text.clone(), at: self.place(key.span) });
            let values = self.one_or_many(value, Self::scalar);
            when.inputs.insert(key.text.clone(), values);
        }
        (when, needs)
    }

    /// A value, or a list of values of which one has to hold.
    fn one_or_many<T>(
        &mut self,
        value: &Value,
        mut read: impl FnMut(&mut Self, &Value) -> Option<T>,
    ) -> Vec<T> {
        match &value.kind {
            Kind::Seq(items) if items.is_empty() => {
                self.error(value.span, "an empty list never holds, so the rule would never be asked");
                Vec::new()
            }
            Kind::Seq(items) => items.iter().filter_map(|v| read(self, v)).collect(),
            _ => read(self, value).into_iter().collect(),
        }
    }

    fn role(&mut self, value: &Value) -> Option<String> {
        let role = self.text(value, "a role")?;
        if let Err((message, help)) = known_input("role", &role) {
            self.help(value.span, message, help);
            return None;
        }
        Some(role)
    }

    fn architecture(&mut self, value: &Value) -> Option<String> {
        let name = self.text(value, "an architecture")?;
        let uname = match name.as_str() {
            "amd64" | "x64" | "x86-64" => "x86_64",
            "arm64" => "aarch64",
            _ => return Some(name),
        };
        let message = format!("`{name}` is called `{uname}` here, as `uname -m` does");
        self.help(value.span, message, format!("write `{uname}`"));
        None
    }

    fn scalar(&mut self, value: &Value) -> Option<String> {
        if matches!(value.kind, Kind::Null | Kind::Seq(_) | Kind::Map(_)) {
            let found = value.kind.describe();
            self.error(value.span, format!("expected text, a number, true or false; found {found}"));
            return None;
        }
        Some(scalar_text(value))
    }

    fn waiver(&mut self, value: &Value) -> Option<WaiverDocument> {
        let fields = self.fields(value, "a waiver", &["finding", "reason", "until"])?;
        for (key, why) in [
            ("finding", "name the findings it is for, `rule-id/subject` with `*` and `?`"),
            ("reason", "say why, for those who read the report"),
        ] {
            if !fields.contains_key(key) {
                self.help(value.span, format!("the waiver has no `{key}`"), why.to_owned());
            }
        }
        let get = |name: &str| fields.get(name).map(|(_, v)| *v);
        let finding = get("finding").and_then(|v| self.word(v, "a pattern over findings"));
        if let Some(long) = finding.as_ref().filter(|f| f.text.len() > PATTERN_LIMIT) {
            self.error(
                long.at.span,
                format!("a pattern over findings has at most {PATTERN_LIMIT} characters"),
            );
        }
        let reason = get("reason").and_then(|v| self.text(v, "the reason of a waiver"));
        let until = get("until").and_then(|v| self.date(v));
        Some(WaiverDocument { finding: finding?, reason: reason?, until })
    }

    fn date(&mut self, value: &Value) -> Option<(Date, Place)> {
        match self.text(value, "a date")?.parse() {
            Ok(date) => Some((date, self.place(value.span))),
            Err(e) => {
                self.error(value.span, format!("{e}"));
                None
            }
        }
    }
}

/// The value of a key; of one that is there twice, the last, as [`Reader::fields`] takes it.
fn value_of<'v>(map: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    let Kind::Map(entries) = &mut map.kind else { return None };
    entries.iter_mut().rev().find_map(|(key, value)| (key.text == name).then_some(value))
}

/// The text of a value that is no list and no map.
pub(super) fn scalar_text(value: &Value) -> String {
    match &value.kind {
        Kind::Bool(b) => b.to_string(),
        _ => value.as_text().unwrap_or_default().to_owned(),
    }
}

/// Whether an input that the program knows has a value that it can have; if not, a message and help.
pub(super) fn known_input(name: &str, value: &str) -> Result<(), (String, Option<String>)> {
    match name {
        "role" if !ROLES.contains(&value) => {
            Err((format!("there is no role {}", quoted(value)), did_you_mean(value, ROLES)))
        }
        "kubernetesVersion" if value != AUTO && !is_kubernetes_version(value) => Err((
            format!("{} is not a version of Kubernetes", quoted(value)),
            Some("write for example \"1.36\" or \"1.36.2\", or `auto` to have it found out".to_owned()),
        )),
        _ => Ok(()),
    }
}

/// `1.36`, `v1.36.2`, `1.36.0-rc.1`: with a minor version at least, since that is what rules speak of.
pub(super) fn is_kubernetes_version(text: &str) -> bool {
    let numbers = text.strip_prefix('v').unwrap_or(text);
    let numbers = numbers.split(['-', '+']).next().unwrap_or_default();
    let mut count = 0;
    let all_numbers = numbers.split('.').all(|part| {
        count += 1;
        !part.is_empty() && part.len() <= 6 && part.bytes().all(|b| b.is_ascii_digit())
    });
    all_numbers && (2..=3).contains(&count)
}

/// Whether `text` can name an input.
fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Whether `text` can be the id of a rule: no `/`, which separates it from the subject, and nothing of a glob.
fn is_id(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
