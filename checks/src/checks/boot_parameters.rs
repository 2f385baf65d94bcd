//! `boot-parameters`: The kernel was booted with what it should be, and without what it should not.

use crate::{
    capture::redact,
    check::{Check, Meta},
    entry::{Entry, Written},
    evidence::Unknown,
    facts::cmdline::Cmdline,
    finding::{Finding, Findings, Severity},
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The kernel was booted with what it should be, and without what it should not.
///
/// ## What it looks at
/// The words of /proc/cmdline up to `--`. `-` and `_` are the same in names. A word with a value is there where that very
/// word is, or where its value is among those of a list (`cgroup_disable=cpu,memory` has `cgroup_disable=memory`); a name
/// alone is there with any value. What is shown of the line is only the word that matters: it may hold secrets.
///
/// Each word is one finding: `present`, `absent` and `other-value`, which pass or not by what is asked.
///
/// ## Why it matters
/// What the kernel was told at boot decides what can be mended without a reboot, and is the same after the next one:
/// a memory controller that is switched off, a hierarchy of cgroups that the kubelet refuses, mitigations, a console.
///
/// ## How to mend it
/// By the boot loader, as each finding says, and a reboot.
///
/// ## Sources
/// Linux Documentation/admin-guide/kernel-parameters.rst; kernel/params.c (`parameq`, and `--`); bootparam(7).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct BootParametersParams {
    /// What has to be there: names, `name=value`, or maps that say more.
    pub required: Vec<Written<Parameter>>,
    /// What must not be there.
    pub forbidden: Vec<Written<Parameter>>,
}

/// A parameter.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Parameter {
    /// Its name, or `name=value`.
    pub word: String,
    /// What it is for, told where it is not as it should be.
    #[serde(default)]
    pub why: Option<String>,
    /// The most that it can yield. Default: fail.
    #[serde(default)]
    pub severity: Severity,
}

impl Entry for Parameter {
    const WORD: &'static str = "a parameter of the kernel";

    fn from_word(word: &str) -> Result<Self, String> {
        Ok(Self { word: word.to_owned(), why: None, severity: Severity::Fail })
    }
}

/// The check `boot-parameters`.
pub struct BootParameters;

impl Check for BootParameters {
    type Params = BootParametersParams;

    const META: Meta = Meta {
        id: "boot-parameters",
        summary: "The kernel was booted with what it should be, and without what it should not",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &BootParametersParams) -> Result<(), String> {
        let all = || params.required.iter().chain(&params.forbidden);
        if all().next().is_none() {
            return Err("name at least one parameter in `required` or `forbidden`".into());
        }
        for Written(parameter) in all() {
            let (name, _) = split(&parameter.word);
            if name.is_empty() || parameter.word.chars().any(char::is_whitespace) {
                return Err(format!("`{}` is no parameter: write name or name=value", parameter.word));
            }
        }
        let both = |Written(one): &&Written<Parameter>| {
            params.forbidden.iter().any(|Written(other)| other.word == one.word)
        };
        match params.required.iter().find(both) {
            Some(Written(one)) => Err(format!("`{}` is required and forbidden", one.word)),
            None => Ok(()),
        }
    }

    fn run(params: &BootParametersParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let line = whole_line(node);
        for (wanted, all) in [(true, &params.required), (false, &params.forbidden)] {
            for Written(parameter) in all {
                let finding = match &line {
                    Ok(line) => judge(parameter, wanted, line, node),
                    Err(why) => {
                        let message = format!(
                            "whether the kernel was booted with `{}` could not be determined",
                            parameter.word
                        );
                        Finding::undetermined(parameter.severity, &parameter.word, "unknown", message, why)
                    }
                };
                out.push(finding.notes(parameter.why.clone()));
            }
        }
        Ok(())
    }
}

/// The command line; what has no end of line was cut off, and may lack what matters (fs/proc/cmdline.c writes one).
fn whole_line(node: &Node) -> Result<&Cmdline, Unknown> {
    let line = node.cmdline().as_ref().map_err(Clone::clone)?;
    let read = node.read("/proc/cmdline");
    match read.text() {
        Ok(text) if text.ends_with('\n') => Ok(line),
        _ => Err(Unknown::new("the kernel command line was cut off")),
    }
}

fn split(word: &str) -> (&str, Option<&str>) {
    word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)))
}

/// How a parameter stands on the line.
enum Stands {
    /// As it was asked for.
    Present(String),
    /// Its name does, with these values.
    OtherValue(String),
    Absent,
}

fn stands(parameter: &Parameter, line: &Cmdline) -> Stands {
    let (name, value) = split(&parameter.word);
    if !line.has(name) {
        return Stands::Absent;
    }
    let Some(value) = value else { return Stands::Present(name.to_owned()) };
    let values: Vec<&str> = line.values(name).collect();
    if let Some(found) = values.iter().find(|v| **v == value || v.split(',').any(|item| item == value)) {
        return Stands::Present(format!("{name}={found}"));
    }
    let shown: Vec<String> = values.iter().map(|value| format!("{name}={value}")).collect();
    Stands::OtherValue(if shown.is_empty() { name.to_owned() } else { shown.join(" ") })
}

fn judge(parameter: &Parameter, wanted: bool, line: &Cmdline, node: &Node) -> Finding {
    let Parameter { word, severity, .. } = parameter;
    let (name, value) = split(word);
    if value.is_some() && line.values(name).any(redact::is_redacted) {
        let message = format!("whether the kernel was booted with `{word}` could not be determined");
        return Finding::undetermined(*severity, word, "unknown", message, &redact::unknown("/proc/cmdline"));
    }
    let (reason, seen, is_there) = match stands(parameter, line) {
        Stands::Present(seen) => ("present", seen, true),
        Stands::OtherValue(seen) => ("other-value", seen, false),
        Stands::Absent => {
            ("absent", format!("{} words, and no `{}`", line.words().len(), split(word).0), false)
        }
    };
    let with = if is_there { "with" } else { "without" };
    let message = format!("the kernel was booted {with} `{word}`");
    let seen = node.cmdline_evidence(&seen);
    if is_there == wanted {
        return Finding::pass(word, reason, message, seen);
    }
    let loader = node.boot_loader();
    let remedy = if wanted { loader.remedy_add(word) } else { loader.remedy_remove(word) };
    Finding::problem(*severity, word, reason, message).evidence([seen]).remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, ReadErrorKind},
    };

    const LINE: &str = "ro root=/dev/sda1 cgroup-disable=cpu,memory mitigations=off quiet -- secret=x\n";

    fn ask(required: &[&str], forbidden: &[&str], memory: Memory) -> Vec<Finding> {
        let words = |all: &[&str]| all.iter().map(|w| Written(Parameter::from_word(w).unwrap())).collect();
        let params = BootParametersParams { required: words(required), forbidden: words(forbidden) };
        BootParameters::validate(&params).unwrap();
        let mut out = Findings::default();
        BootParameters::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().into_iter().map(|(finding, _)| finding).collect()
    }

    fn brief(required: &[&str], forbidden: &[&str]) -> Vec<String> {
        let found = ask(required, forbidden, Memory::new().file("/proc/cmdline", LINE));
        let verdict = |f: &Finding| if *f.outcome() == Outcome::Pass { "pass" } else { "problem" };
        found.iter().map(|f| format!("{} {}", verdict(f), f.reason())).collect()
    }

    #[test]
    fn required_and_forbidden() {
        assert_eq!(brief(&["quiet", "mitigations=off"], &[]), ["pass present", "pass present"]);
        assert_eq!(brief(&["mitigations=auto", "nosmt"], &[]), ["problem other-value", "problem absent"]);
        assert_eq!(
            brief(&[], &["cgroup_disable=memory", "mitigations=auto", "nosmt"]),
            ["problem present", "pass other-value", "pass absent"]
        );
        // What follows `--` is for init.
        assert_eq!(brief(&[], &["secret"]), ["pass absent"]);
    }

    #[test]
    fn nothing_but_the_word_is_shown() {
        let found = ask(&["nosmt"], &[], Memory::new().file("/proc/cmdline", LINE)).remove(0);
        assert!(!format!("{found:?}").contains("sda1"));
        assert!(found.mend().unwrap().reboot);
    }

    #[test]
    fn what_can_t_be_read_is_not_known() {
        for memory in [
            Memory::new(),
            Memory::new().file("/proc/cmdline", "ro qui"),
            Memory::new().error("/proc/cmdline", ReadErrorKind::Denied("EACCES")),
        ] {
            let found = ask(&[], &["nosmt"], memory).remove(0);
            assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{found:?}");
        }
    }

    #[test]
    fn wrong_parameters_are_told() {
        let wrong = |required: &[&str], forbidden: &[&str]| {
            let words =
                |all: &[&str]| all.iter().map(|w| Written(Parameter::from_word(w).unwrap())).collect();
            BootParameters::validate(&BootParametersParams {
                required: words(required),
                forbidden: words(forbidden),
            })
            .unwrap_err()
        };
        assert!(wrong(&[], &[]).contains("at least one"));
        assert!(wrong(&["=x"], &[]).contains("no parameter"));
        assert!(wrong(&["a b"], &[]).contains("no parameter"));
        assert!(wrong(&["a"], &["a"]).contains("required and forbidden"));
    }
}
