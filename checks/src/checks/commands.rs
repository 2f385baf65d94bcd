//! `commands`: Programs end and print what they should. Takes `--allow exec`.

use crate::{
    check::{Check, Meta},
    duration::Duration,
    evidence::{Evidence, Proof, Unknown},
    expect::{Expected, Property},
    finding::{Finding, Findings, Outcome, Remedy, Severity},
    matcher::Matcher,
    names::wrong_for_a_finding,
    node::{Allow, Ended, Node, Probe},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{collections::HashSet, time};

/// Programs end and print what they should. Takes `--allow exec`.
///
/// ## What it looks at
/// It starts each program, without a shell, with an empty environment but for PATH and LC_ALL=C, in `/`, in a process group of its
/// own that is killed when its time is over; at most 64 KiB of what it prints and 4 KiB of what it says on standard error
/// are kept. It may write and connect no more than the run may: what opens a device to write (`lvs`, `nvidia-smi`) takes
/// `--allow exec,write`, what asks a server `--allow exec,network`.
///
/// `as-wanted` passes; `unexpected` does not. One that can't be started, or runs longer than its time, is undetermined.
///
/// ## Why it matters
/// Some things only their own tool can tell: `multipath -ll`, `nvidia-smi`, `lvs`. What a file tells is better asked of the file:
/// `files`, `sysctl`, `packages` and `mounts` start nothing, and judge images as well.
///
/// ## How to mend it
/// As `remedy` says, if the policy does.
///
/// ## Sources
/// execve(2), setpgid(2); kubernetes node-problem-detector, custom plugins (whose programs hang on after their time,
/// issue 1110).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct CommandsParams {
    /// The programs, and what is expected of each.
    pub commands: Vec<CommandRule>,
}

/// A program, and what is expected of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CommandRule {
    /// The program by its whole path, and what it is given, each a word of its own: `[/usr/sbin/lvs, --noheadings]`.
    pub run: Vec<String>,
    /// What the finding is called, after the id of the rule. Default: the name of the program.
    #[serde(default)]
    pub name: Option<String>,
    /// What is expected of it.
    #[serde(default)]
    pub expect: CommandExpectations,
    /// How long it may run. Default: 5s; ten minutes is the most.
    #[serde(default = "five_seconds")]
    pub time: Duration,
    /// What it is for, told where it is not right.
    #[serde(default)]
    pub why: Option<String>,
    /// How to mend it: one sentence.
    #[serde(default)]
    pub remedy: Option<String>,
    /// The most that it can yield. Default: fail.
    #[serde(default)]
    pub severity: Severity,
}

/// What is expected of a program.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct CommandExpectations {
    /// Its exit status. Default: 0.
    pub exit_status: Option<Matcher>,
    /// What it prints, white space at both ends left out.
    pub stdout: Option<Matcher>,
    /// What it says on standard error.
    pub stderr: Option<Matcher>,
}

fn five_seconds() -> Duration {
    Duration::from_millis(5000)
}

/// The longest that one program may run.
const LONGEST: time::Duration = time::Duration::from_secs(600);

impl CommandRule {
    fn program(&self) -> &str {
        self.run.first().map_or("", String::as_str)
    }

    fn subject(&self) -> &str {
        let file = self.program().rsplit('/').next().unwrap_or_default();
        self.name.as_deref().unwrap_or(file)
    }

    fn validate(&self) -> Result<(), String> {
        let program = self.program();
        if !program.starts_with('/') {
            return Err(format!(
                "`{program}`: write the whole path of the program, each argument as a word of its own"
            ));
        }
        if self.run.iter().any(|word| word.contains('\0')) {
            return Err(format!("`{program}`: no argument has a zero byte"));
        }
        if self.time.get() > LONGEST {
            return Err(format!("`{program}`: ten minutes is the most that a program may run"));
        }
        wrong_for_a_finding(self.subject()).map_or(Ok(()), Err)
    }
}

/// The check `commands`.
pub struct Commands;

impl Check for Commands {
    type Params = CommandsParams;

    const META: Meta = Meta {
        id: "commands",
        summary: "Programs end and print what they should (takes --allow exec)",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &CommandsParams) -> Result<(), String> {
        let mut seen = HashSet::new();
        for rule in &params.commands {
            rule.validate()?;
            if !seen.insert(rule.subject()) {
                return Err(format!("two commands are called `{}`: give one a `name`", rule.subject()));
            }
        }
        if seen.is_empty() { Err("no command is named; write some under `commands`".into()) } else { Ok(()) }
    }

    fn limit(params: &CommandsParams) -> Option<time::Duration> {
        Some(
            params.commands.iter().map(|rule| rule.time.get()).sum::<time::Duration>()
                + time::Duration::from_secs(1),
        )
    }

    fn run(params: &CommandsParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for rule in &params.commands {
            out.push(with_limits(judge(rule, node), node).notes(rule.why.clone()));
        }
        Ok(())
    }
}

/// What went wrong with a program may come of what the run takes from all that it starts.
pub(super) fn with_limits(finding: Finding, node: &Node) -> Finding {
    let started = node.allows(Allow::Exec);
    let limits = match (node.allows(Allow::Write), node.allows(Allow::Network)) {
        (true, true) => return finding,
        (false, true) => "write no file: that takes --allow exec,write",
        (true, false) => "not use the network: that takes --allow exec,network",
        (false, false) => "write no file and not use the network: that takes --allow exec,write,network",
    };
    match finding.outcome() {
        Outcome::Problem | Outcome::Undetermined(_) if started => {
            finding.note(format!("programs that this run started could {limits}"))
        }
        _ => finding,
    }
}

fn judge(rule: &CommandRule, node: &Node) -> Finding {
    let (program, subject) = (rule.program(), rule.subject());
    let unknown = |why: &Unknown| {
        let message = format!("how `{}` ends could not be determined", rule.run.join(" "));
        Finding::undetermined(rule.severity, subject, "unknown", message, why)
    };
    let probed = node.probe(&Probe::Execute {
        program: program.to_owned(),
        arguments: rule.run.iter().skip(1).cloned().collect(),
        input: String::new(),
        millis: u32::try_from(rule.time.get().as_millis()).unwrap_or(u32::MAX),
    });
    let ended = match (probed.answer(), Ended::of(&probed)) {
        (Err(e), _) => return unknown(&e.unknown()),
        (Ok(_), Some(ended)) => ended,
        (Ok(answer), None) => {
            return unknown(
                &Unknown::new(answer.to_string()).tried([Evidence::new(program, answer.to_string())]),
            );
        }
    };
    let (expect, source) = (&rule.expect, rule.run.join(" "));
    let mut expected = Expected::default();
    let zero = Matcher::equals("0");
    expected.ask("exit status", Some(expect.exit_status.as_ref().unwrap_or(&zero)), &|| {
        let status = ended.status.ok_or_else(|| Unknown::new(ended.how()))?;
        Ok(Property::shown(&source, status.to_string()))
    });
    expected.ask("output", expect.stdout.as_ref(), &|| Ok(Property::shown(&source, ended.stdout.trim())));
    expected
        .ask("standard error", expect.stderr.as_ref(), &|| Ok(Property::shown(&source, ended.stderr.trim())));
    let said = |text: &str| {
        let line = text.trim().lines().last().filter(|_| expect.exit_status.is_none())?;
        Some(Evidence::new(format!("{source}, standard error"), line))
    };
    let unexpected = |message, seen| {
        let finding = Finding::problem(rule.severity, subject, "unexpected", message);
        let finding = finding.evidence([seen]).evidence(said(&ended.stderr));
        match &rule.remedy {
            Some(remedy) => finding.remedy(Remedy::new(remedy.as_str())),
            None => finding,
        }
    };
    match expected.end().or(subject, &unexpected, &unknown) {
        Ok(seen) => match Proof::of(seen) {
            Some(proof) => {
                Finding::pass(subject, "as-wanted", format!("`{source}` ends as it should"), proof)
            }
            None => unknown(&Unknown::new("nothing was compared")),
        },
        Err(finding) => *finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Allowed, Memory};

    fn rule(words: &[&str]) -> CommandRule {
        CommandRule {
            run: words.iter().map(|word| (*word).to_owned()).collect(),
            name: None,
            expect: CommandExpectations::default(),
            time: five_seconds(),
            why: None,
            remedy: Some("ask its author".to_owned()),
            severity: Severity::Fail,
        }
    }

    fn answered(ended: &str) -> Memory {
        let probe = Probe::Execute {
            program: "/bin/x".into(),
            arguments: vec![],
            input: String::new(),
            millis: 5000,
        };
        Memory::new().probe(probe, ended)
    }

    fn ask(rule: CommandRule, ended: &str) -> Finding {
        let allowed: Allowed = [Allow::Exec].into_iter().collect();
        let params = CommandsParams { commands: vec![rule] };
        Commands::validate(&params).unwrap();
        let mut out = Findings::default();
        Commands::run(&params, &Node::in_memory(answered(ended)).allowing(allowed), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    fn ended(status: i32, stdout: &str) -> String {
        format!(r#"ok, {{"status":{status},"signal":null,"stdout":"{stdout}","stderr":"oh\n"}}"#)
    }

    #[test]
    fn every_verdict() {
        let found = ask(rule(&["/bin/x"]), &ended(0, ""));
        assert_eq!((found.reason(), found.subject()), ("as-wanted", "x"));
        let found = ask(rule(&["/bin/x"]), &ended(3, ""));
        assert_eq!(found.message(), "x: its exit status (3) is not `0`");
        assert_eq!(found.all_evidence()[1].observed, "oh");
        assert!(format!("{found:?}").contains("could write no file and not use the network"), "{found:?}");
        let expect =
            CommandExpectations { stdout: Some(Matcher::equals("up")), ..CommandExpectations::default() };
        let wants_up =
            || CommandRule { expect: expect.clone(), name: Some("link".into()), ..rule(&["/bin/x"]) };
        assert_eq!(ask(wants_up(), &ended(0, "up\\n")).outcome(), &Outcome::Pass);
        assert_eq!(ask(wants_up(), &ended(0, "down")).message(), "link: its output (down) is not `up`");
        for none in ["killed: it ran longer than 5000 ms", "ENOENT", "ok, {}x"] {
            assert!(matches!(ask(rule(&["/bin/x"]), none).outcome(), Outcome::Undetermined(_)), "{none}");
        }
        let signal = r#"ok, {"status":null,"signal":9,"stdout":"","stderr":""}"#;
        assert!(matches!(ask(rule(&["/bin/x"]), signal).outcome(), Outcome::Undetermined(_)));
        let mut out = Findings::default();
        let params = CommandsParams { commands: vec![rule(&["/bin/x"])] };
        Commands::run(&params, &Node::in_memory(answered("ok, ")), &mut out).unwrap();
        let Outcome::Undetermined(Some(needs)) = out.into_inner()[0].0.outcome().clone() else { panic!() };
        assert!(needs.contains("--allow exec"), "{needs}");
    }

    #[test]
    fn parameters() {
        let wrong = |commands| Commands::validate(&CommandsParams { commands }).unwrap_err();
        assert!(wrong(vec![]).contains("no command"));
        assert!(wrong(vec![rule(&["lvs"])]).contains("whole path"));
        assert!(wrong(vec![rule(&["/bin/x"]), rule(&["/sbin/x"])]).contains("give one a `name`"));
        assert!(
            wrong(vec![CommandRule { name: Some("a b".into()), ..rule(&["/bin/x"]) }]).contains("blanks")
        );
        assert!(
            wrong(vec![CommandRule { time: Duration::from_millis(3_600_000), ..rule(&["/bin/x"]) }])
                .contains("ten minutes")
        );
    }
}
