//! Two rules that no node obeys: settings of one kernel parameter, versions of the kernel. Only rules that are asked at the same places are compared, and
//! only what is certain is told.

use crate::policy::{
    Rule,
    diagnostics::{Diagnostic, Place, quoted},
};
use preflight_checks::{
    range::Range,
    value::{Kind, Value},
};

/// What a setting asks of its parameter.
struct Asked<'a> {
    rule: &'a Rule,
    key: &'a str,
    at: Place,
    equals: Option<&'a str>,
    at_least: Option<i128>,
    at_most: Option<i128>,
}

/// A warning for each rule that contradicts one before it.
pub(super) fn find(rules: &[Rule]) -> Vec<Diagnostic> {
    let mut warnings = of_settings(rules);
    warnings.extend(of_kernels(rules));
    warnings
}

/// Ranges of `kernel-version` that have no version in common, or none at all.
fn of_kernels(rules: &[Rule]) -> Vec<Diagnostic> {
    let asked = |rule: &'_ Rule| {
        let value = field(&rule.with, "requires").filter(|_| rule.check.meta().id == "kernel-version")?;
        Some((Place { file: rule.file, span: value.span }, value.as_text()?.parse::<Range>().ok()?))
    };
    let all: Vec<_> =
        rules.iter().filter_map(|rule| asked(rule).map(|(at, range)| (rule, at, range))).collect();
    let mut warnings = Vec::new();
    for (i, (later, at, range)) in all.iter().enumerate() {
        if !range.may_meet(range) {
            warnings.push(Diagnostic::warning(
                *at,
                format!("there is no version within {}", quoted(range.as_str())),
            ));
            continue;
        }
        for (earlier, _, other) in all.iter().take(i).filter(|(earlier, ..)| earlier.when == later.when) {
            if other.may_meet(other) && !range.may_meet(other) {
                let why = format!("a kernel can't be {range} and {other}");
                warnings.push(warning(*at, earlier, &why));
            }
        }
    }
    warnings
}

fn warning(at: Place, earlier: &Rule, why: &str) -> Diagnostic {
    let message = format!("no node obeys both this and the rule {}: {why}", quoted(&earlier.id));
    Diagnostic::warning(at, message).note(format!("that one is at {}", earlier.place))
}

fn of_settings(rules: &[Rule]) -> Vec<Diagnostic> {
    let all: Vec<Asked<'_>> =
        rules.iter().filter(|rule| rule.check.meta().id == "sysctl").flat_map(settings).collect();
    let mut warnings = Vec::new();
    for (i, later) in all.iter().enumerate() {
        let same = |earlier: &&Asked<'_>| earlier.key == later.key && earlier.rule.when == later.rule.when;
        for earlier in all.iter().take(i).filter(same) {
            if let Some(why) = contradict(earlier, later) {
                warnings.push(warning(later.at, earlier.rule, &why));
            }
        }
    }
    warnings
}

fn settings(rule: &Rule) -> Vec<Asked<'_>> {
    let Some(Value { kind: Kind::Seq(items), .. }) = field(&rule.with, "settings") else { return Vec::new() };
    items
        .iter()
        .filter_map(|item| {
            // A field of several is no value by itself.
            if field(item, "field").is_some() {
                return None;
            }
            let number = |key| field(item, key).and_then(Value::as_text).and_then(|text| text.parse().ok());
            Some(Asked {
                rule,
                key: field(item, "key")?.as_text()?,
                at: Place { file: rule.file, span: item.span },
                equals: field(item, "equals").and_then(Value::as_text),
                at_least: number("atLeast"),
                at_most: number("atMost"),
            })
        })
        .collect()
}

fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let Kind::Map(entries) = &value.kind else { return None };
    entries.iter().find(|(key, _)| key.text == name).map(|(_, value)| value)
}

fn contradict(one: &Asked<'_>, other: &Asked<'_>) -> Option<String> {
    let number = |text: &str| text.trim().parse::<i128>().ok();
    if let (Some(a), Some(b)) = (one.equals, other.equals) {
        let same = match (number(a), number(b)) {
            (Some(a), Some(b)) => a == b,
            _ => a.split_whitespace().eq(b.split_whitespace()),
        };
        return (!same).then(|| format!("{} can't be {a} and {b}", one.key));
    }
    let least = [one, other].iter().filter_map(|asked| asked.at_least).max();
    let most = [one, other].iter().filter_map(|asked| asked.at_most).min();
    let equals = one.equals.or(other.equals).and_then(number);
    let key = one.key;
    match (equals, least, most) {
        (Some(value), Some(least), _) if value < least => {
            Some(format!("{key} can't be {value} and at least {least}"))
        }
        (Some(value), _, Some(most)) if value > most => {
            Some(format!("{key} can't be {value} and at most {most}"))
        }
        (_, Some(least), Some(most)) if least > most => {
            Some(format!("{key} can't be at least {least} and at most {most}"))
        }
        _ => None,
    }
}
