//! Files become a policy: later ones win, inputs are filled in, parameters are bound to their checks.

use super::{
    Given, Inputs, Policy, Rule, Source, Waiver,
    diagnostics::{Diagnostic, Diagnostics, FileId, Place, quoted},
    load::Files,
    read::{Document, RuleDocument, Word, known_input, scalar_text},
};
use preflight_checks::{
    BoundCheck, DynCheck,
    facts::kubernetes,
    registry,
    value::{Kind, Span, Value, did_you_mean},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
};

/// The key that stands for an input's value: `{ input: NAME }`.
pub(super) const REFERENCE: &str = "input";

/// Why there is no policy to run.
#[derive(Clone, Debug)]
pub enum LoadError {
    /// `--set` names no input, or gives it a wrong value: wrong usage (exit 2).
    Usage(UsageError),
    /// The policy is wrong (exit 3).
    Policy(Diagnostics),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(e) => e.fmt(f),
            Self::Policy(d) => d.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {}

/// What is wrong with a `--set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageError {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.iter().try_for_each(|help| write!(f, "\n  = help: {help}"))
    }
}

/// What is said of inputs outside of the policy. Where several say something of one input, the first of these wins; what
/// the policy itself says comes last.
#[derive(Default)]
pub struct Overrides<'a> {
    /// The pairs of `--set`, of which later ones win. Each has to be an input of the policy.
    pub sets: &'a [(String, String)],
    /// What a kubeadm file says. What the policy has no input for is passed over.
    pub given: &'a [Given],
    /// Asked for `kubernetesVersion` where everybody leaves it at `auto`: what the node itself tells.
    pub detect: Option<&'a dyn Fn() -> Option<Given>>,
}

/// The value of `kubernetesVersion` that has it found out.
pub(super) const AUTO: &str = "auto";

/// A value of an input and where it was given: in a file of the policy, or outside of it.
struct Input {
    value: Value,
    /// Where a file gives it.
    place: Place,
    /// Who else gave the value: `--set`, `kubeadm.yaml:3:20`.
    from: Option<String>,
}

/// A policy with what `lint` wants to know besides.
pub(super) struct Resolved {
    pub(super) policy: Policy,
    pub(super) files: Files,
    /// Where each waiver's pattern and date stand, in the order of the policy's waivers.
    pub(super) waiver_places: Vec<(Place, Option<Place>)>,
    /// The inputs that nothing uses, and where they are given.
    pub(super) unused_inputs: Vec<(String, Place)>,
}

impl Policy {
    /// Reads and resolves a policy; `sets` are the pairs of `--set`, of which later ones win.
    ///
    /// # Errors
    /// Everything that is wrong with the policy and the files that it extends, at once; or, where those are
    /// right, the first `--set` that is not.
    pub fn load(source: &Source, sets: &[(String, String)]) -> Result<Self, LoadError> {
        Self::load_with(source, &Overrides { sets, ..Overrides::default() })
    }

    /// Reads and resolves a policy, with what is said of its inputs elsewhere.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_with(source: &Source, overrides: &Overrides<'_>) -> Result<Self, LoadError> {
        resolve(source, overrides, registry::CHECKS).map(|resolved| resolved.policy)
    }
}

pub(super) fn resolve(
    source: &Source,
    overrides: &Overrides<'_>,
    checks: &'static [&'static dyn DynCheck],
) -> Result<Resolved, LoadError> {
    let mut files = Files::open(source, checks);
    let mut documents = std::mem::take(&mut files.documents);
    let none_written = documents.iter().all(|(_, d)| d.rules.is_empty());
    let mut inputs = inputs(&documents);
    let usage = override_all(&mut inputs, overrides).err();
    let mut binder = Binder { inputs: &inputs, used: BTreeSet::new(), files: &mut files };
    let rules = rules(&mut documents, &mut binder);
    let used = binder.used;
    if none_written && rules.is_empty() {
        no_rule(&mut files);
    }
    if !files.out.is_empty() {
        return Err(LoadError::Policy(Diagnostics::new(files.texts, files.out)));
    }
    if let Some(usage) = usage {
        return Err(LoadError::Usage(usage));
    }
    let unused = inputs.iter().filter(|(name, _)| !used.contains(*name));
    let unused_inputs = unused.map(|(name, input)| (name.clone(), input.place)).collect();
    let waivers = documents.iter().flat_map(|(_, d)| &d.waivers);
    let waiver_places = waivers.map(|w| (w.finding.at, w.until.map(|(_, at)| at))).collect();
    let origin = |input: &Input| {
        let file = || files.texts.get(input.place.file).map(|text| text.name.clone());
        input.from.clone().or_else(file).unwrap_or_default()
    };
    let origins = inputs.iter().map(|(name, input)| (name.clone(), origin(input))).collect();
    let mut policy = policy(source, &documents, &inputs, rules, std::mem::take(&mut files.sha256));
    policy.origins = origins;
    Ok(Resolved { policy, files, waiver_places, unused_inputs })
}

/// Puts together what is left when nothing is wrong.
fn policy(
    source: &Source,
    documents: &[(FileId, Document)],
    inputs: &BTreeMap<String, Input>,
    rules: Vec<Rule>,
    sha256: String,
) -> Policy {
    let waivers = documents.iter().flat_map(|(_, d)| &d.waivers).map(|w| Waiver {
        finding: w.finding.text.clone(),
        reason: w.reason.clone(),
        until: w.until.map(|(date, _)| date),
    });
    // The policy itself is the last to apply.
    let own = documents.last().map(|(_, d)| d);
    Policy {
        name: own.and_then(|d| d.name.clone()).unwrap_or_else(|| default_name(source)),
        description: own.and_then(|d| d.description.clone()),
        source: source.to_string(),
        sha256,
        inputs: Inputs(inputs.iter().map(|(k, v)| (k.clone(), scalar_text(&v.value))).collect()),
        origins: BTreeMap::new(),
        rules,
        waivers: waivers.collect(),
    }
}

fn default_name(source: &Source) -> String {
    match source {
        Source::File(path) => path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        Source::Profile(name) => name.clone(),
        Source::Stdin(_) => "standard input".to_owned(),
    }
}

/// The inputs of all files; later ones win, key by key.
fn inputs(documents: &[(FileId, Document)]) -> BTreeMap<String, Input> {
    let given = documents.iter().flat_map(|(_, d)| &d.inputs);
    let given = given.map(|(name, value)| {
        let place = Place { file: name.at.file, span: value.span };
        (name.text.clone(), Input { value: value.clone(), place, from: None })
    });
    given.collect()
}

/// Puts what is said outside of the policy in the place of the policy's own values.
fn override_all(inputs: &mut BTreeMap<String, Input>, overrides: &Overrides<'_>) -> Result<(), UsageError> {
    for given in overrides.given {
        if let Some(input) = inputs.get_mut(&given.name) {
            input.value.kind = like(&input.value.kind, &given.value).unwrap_or_else(|kind| kind);
            input.from = Some(given.from.clone());
        }
    }
    let wrong = overrides.sets.iter().find_map(|(key, value)| set(inputs, key, value).err());
    if let Some(version) = inputs.get_mut("kubernetesVersion")
        && version.value.as_text() == Some(AUTO)
    {
        let found = overrides.detect.and_then(|detect| detect());
        let (value, from) = match found {
            Some(given) => (given.value, given.from),
            None => (kubernetes::short(&kubernetes::NEWEST), "the newest that is known".to_owned()),
        };
        version.value.kind = Kind::Str(value);
        version.from = Some(from);
    }
    wrong.map_or(Ok(()), Err)
}

/// Puts the value of a `--set` in the place of the policy's own.
fn set(inputs: &mut BTreeMap<String, Input>, key: &str, value: &str) -> Result<(), UsageError> {
    let Some(input) = inputs.get_mut(key) else {
        let names: Vec<_> = inputs.keys().map(String::as_str).collect();
        let help = did_you_mean(key, names).or_else(|| Some("this policy has no inputs".to_owned()));
        return Err(UsageError { message: format!("--set: the policy has no input {}", quoted(key)), help });
    };
    known_input(key, value)
        .map_err(|(message, help)| UsageError { message: format!("--set {key}: {message}"), help })?;
    input.value.kind = like(&input.value.kind, value).map_err(|_| {
        let message = format!("--set {key}: expected true or false, found {}", quoted(value));
        UsageError { message, help: None }
    })?;
    input.from = Some("--set".to_owned());
    Ok(())
}

/// The text as a number or a truth value where the policy's own value is one, as text otherwise; as text in the error
/// where it is to be a truth value and is none.
fn like(own: &Kind, value: &str) -> Result<Kind, Kind> {
    let text = value.to_owned();
    match own {
        Kind::Bool(_) => match value {
            "true" | "false" => Ok(Kind::Bool(value == "true")),
            _ => Err(Kind::Str(text)),
        },
        Kind::Int(..) | Kind::Float(..) => Ok(match (value.parse::<i128>(), value.parse::<f64>()) {
            (Ok(i), _) => Kind::Int(i, text),
            (_, Ok(f)) if f.is_finite() => Kind::Float(f, text),
            _ => Kind::Str(text),
        }),
        _ => Ok(Kind::Str(text)),
    }
}

/// The rules of all files: one with the id of an earlier one takes its place.
fn rules(documents: &mut [(FileId, Document)], binder: &mut Binder<'_>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut position: HashMap<String, usize> = HashMap::new();
    let written = documents.iter_mut().map(|(file, d)| (*file, std::mem::take(&mut d.rules)));
    for (file, rule) in written.flat_map(|(file, all)| all.into_iter().map(move |rule| (file, rule))) {
        // Each is bound, overridden or not: a mistake in a file is a mistake wherever the file is used.
        let Some(mut rule) = binder.bind(file, rule) else { continue };
        if let Some(earlier) = position.get(&rule.id).and_then(|at| rules.get_mut(*at)) {
            rule.instead_of.push(std::mem::take(&mut earlier.place));
            rule.instead_of.append(&mut earlier.instead_of);
            *earlier = rule;
        } else {
            position.insert(rule.id.clone(), rules.len());
            rules.push(rule);
        }
    }
    rules
}

fn no_rule(files: &mut Files) {
    if files.out.is_empty() {
        let help = "add rules under `checks`, or a profile: `extends: [kubernetes-node]`".to_owned();
        let at = Place { file: 0, span: Span::default() };
        files.push(Diagnostic::error(at, "the policy has no rule, so it would say nothing").help(help));
    }
}

/// Fills in inputs and binds parameters to checks.
struct Binder<'a> {
    inputs: &'a BTreeMap<String, Input>,
    used: BTreeSet<String>,
    files: &'a mut Files,
}

impl Binder<'_> {
    fn bind(&mut self, file: FileId, rule: RuleDocument) -> Option<Rule> {
        for need in &rule.needs {
            self.input(need);
        }
        let mut filled = Vec::new();
        let with = self.fill(file, rule.with, &mut filled)?;
        let check = self.bound(file, rule.check?, &with, &filled)?;
        let origin = self.files.texts.get(file).map(|t| t.name.clone()).unwrap_or_default();
        Some(Rule {
            place: self.files.locate(rule.id.at),
            id: rule.id.text,
            check,
            severity: rule.severity,
            on_unknown: rule.on_unknown,
            when: rule.when,
            retry: rule.retry,
            kubeadm: rule.kubeadm,
            with,
            origin,
            file,
            span: rule.id.at.span,
            instead_of: Vec::new(),
            filled: filled.into_iter().map(|(_, name)| name).collect(),
        })
    }

    fn bound(
        &mut self,
        file: FileId,
        check: &dyn DynCheck,
        with: &Value,
        filled: &[(Span, String)],
    ) -> Option<Box<dyn BoundCheck>> {
        let errors = match check.bind(with) {
            Ok(bound) => return Some(bound),
            Err(errors) => errors,
        };
        for error in errors {
            let at = error.span;
            let mut diagnostic = Diagnostic::from_value(file, with.span, error);
            if let Some((_, name)) = filled.iter().find(|(span, _)| Some(*span) == at) {
                diagnostic = diagnostic.note(self.given(name));
            }
            self.files.push(diagnostic);
        }
        None
    }

    /// Which value an input has, and where it comes from.
    fn given(&self, name: &str) -> String {
        let Some(input) = self.inputs.get(name) else { return String::new() };
        let from = input.from.clone().unwrap_or_else(|| self.files.locate(input.place));
        format!("the input `{name}` is {}, from {from}", quoted(&scalar_text(&input.value)))
    }

    /// The value of an input, or a problem where it is asked for.
    fn input(&mut self, name: &Word) -> Option<&Value> {
        let inputs = self.inputs;
        if let Some(input) = inputs.get(&name.text) {
            self.used.insert(name.text.clone());
            return Some(&input.value);
        }
        // An input may be given in a file that could not be read; that one is already reported.
        if !self.files.incomplete {
            let near = did_you_mean(&name.text, inputs.keys().map(String::as_str).collect::<Vec<_>>());
            let help = match (name.text.as_str(), near) {
                ("kubernetesVersion", _) => {
                    Some("add for example `kubernetesVersion: \"1.36\"` under `inputs`".into())
                }
                ("role", _) => Some("add `role: worker` or `role: control-plane` under `inputs`".into()),
                (_, near) => near.or_else(|| Some("this policy has no inputs; add it under `inputs`".into())),
            };
            let message = format!("the policy has no input {}", quoted(&name.text));
            self.files.push(Diagnostic::error(name.at, message).help(help));
        }
        None
    }

    /// The value with inputs in the place of references to them. Their places are those of the references.
    fn fill(&mut self, file: FileId, value: Value, filled: &mut Vec<(Span, String)>) -> Option<Value> {
        let span = value.span;
        let kind = match value.kind {
            Kind::Map(entries) => {
                if let [(key, name)] = entries.as_slice()
                    && key.text == REFERENCE
                {
                    return self.reference(file, span, name, filled);
                }
                // All entries, so that each unknown input is reported.
                let each = entries.into_iter().map(|(key, value)| (key, self.fill(file, value, filled)));
                let all: Vec<_> = each.collect();
                Kind::Map(all.into_iter().map(|(key, value)| Some((key, value?))).collect::<Option<_>>()?)
            }
            Kind::Seq(items) => {
                let all: Vec<_> = items.into_iter().map(|item| self.fill(file, item, filled)).collect();
                Kind::Seq(all.into_iter().collect::<Option<_>>()?)
            }
            other => other,
        };
        Some(Value { span, kind })
    }

    fn reference(
        &mut self,
        file: FileId,
        whole: Span,
        name: &Value,
        filled: &mut Vec<(Span, String)>,
    ) -> Option<Value> {
        let at = Place { file, span: name.span };
        let Kind::Str(text) = &name.kind else {
            let message =
                format!("`{REFERENCE}` takes the name of an input, this is {}", name.kind.describe());
            self.files.push(Diagnostic::error(at, message));
            return None;
        };
        let kind = self.input(&Word { text: text.clone(), at })?.kind.clone();
        let span = self.reference_span(file, whole, name.span);
        filled.push((span, text.clone()));
        Some(Value { span, kind })
    }

    /// The whole of `{ input: NAME }`: the place of a map in flow style is that of its brace only.
    fn reference_span(&self, file: FileId, map: Span, name: Span) -> Span {
        if name.start < map.start {
            return map;
        }
        let after =
            self.files.texts.get(file).and_then(|t| t.content.get(name.end as usize..)).unwrap_or_default();
        let blanks = after.len() - after.trim_start_matches(' ').len();
        let closes = after.get(blanks..).is_some_and(|rest| rest.starts_with('}'));
        let more = if closes { u32::try_from(blanks + 1).unwrap_or(0) } else { 0 };
        Span { start: map.start, end: name.end.saturating_add(more) }
    }
}
