//! `preflight remedy`: the remedies of a report as a shell script. It is printed, and never run by preflight.
//!
//! A report is not to be trusted: names of files, units and processes in it are those of a node that somebody else may have
//! named. Only commands of known shapes, of words without any meaning to a shell, stand in the script as commands (`command`);
//! everything else stands there as a comment.

mod command;

use crate::report::model::Report;
use command::step;
use serde::Deserialize;

/// What a script is made of: the parts of a report that speak of remedies.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remedies {
    api_version: String,
    kind: String,
    node: NodeName,
    findings: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
struct NodeName {
    hostname: Option<String>,
    root: String,
}

#[derive(Debug, Deserialize)]
struct Finding {
    id: String,
    verdict: String,
    message: String,
    notes: Vec<String>,
    remedy: Option<Mend>,
}

#[derive(Debug, Deserialize)]
struct Mend {
    summary: String,
    commands: Vec<String>,
    persistent: Vec<String>,
    reboot: bool,
    risk: String,
}

/// How much a step can hurt, in the order in which steps stand in the script.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Risk {
    None,
    Service,
    Data,
}

impl Risk {
    /// What the report says, and no less than the commands themselves can do: a report is not to be trusted.
    fn of(mend: &Mend) -> Self {
        let said = match mend.risk.as_str() {
            "none" => Self::None,
            "service" => Self::Service,
            // What is not known may be the worst.
            _ => Self::Data,
        };
        let disturbs = mend.commands.iter().chain(&mend.persistent).any(|command| command::disturbs(command));
        said.max(if disturbs { Self::Service } else { Self::None })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Service => "service",
            Self::Data => "data",
        }
    }
}

/// The beginning of every script: its options, and what its steps call.
const HEAD: &str = r#"set -eu

services=false data=false failed=0 left=0
for option; do
    case $option in
    --with-services) services=true ;;
    --with-data) data=true ;;
    *)
        echo "usage: $0 [--with-services] [--with-data]" >&2
        exit 2
        ;;
    esac
done

# allowed RISK WHAT: whether a step of this risk is to be done.
allowed() {
    case $1 in
    none) return 0 ;;
    service) if $services; then return 0; fi ;;
    data) if $data; then return 0; fi ;;
    esac
    echo "left out: $2 (risk: $1)"
    left=$((left + 1))
    return 1
}

# run COMMAND...: shows it and runs it; what fails does not end the script.
run() {
    echo "+ $*"
    "$@" || failed=$((failed + 1))
}

# line FILE LINE: adds the line where the file does not have it.
line() {
    if [ -f "$1" ] && grep -qxF -e "$2" "$1"; then return 0; fi
    echo "+ line $1: $2"
    mkdir -p "$(dirname "$1")" && printf '%s\n' "$2" >>"$1" || failed=$((failed + 1))
}

# set_to FILE VALUE: writes a value to a file of the kernel.
set_to() {
    echo "+ echo $2 > $1"
    printf '%s\n' "$2" >"$1" || failed=$((failed + 1))
}
"#;

/// The end of every script.
const TAIL: &str = r#"
echo "done: $failed failed, $left left out"
[ "$failed" -eq 0 ]
"#;

impl Remedies {
    /// Reads a report as `preflight -o json` prints it.
    ///
    /// # Errors
    /// What it is instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let read: Self = serde_json::from_str(text)
            .map_err(|e| format!("this is no report of `preflight -o json`: {e}"))?;
        match (read.api_version.as_str(), read.kind.as_str()) {
            ("preflight/v1", "Report") => Ok(read),
            (_, kind) => Err(format!("this is no report of preflight, but a {}", comment(kind))),
        }
    }

    /// Those of a report of this run.
    #[must_use]
    pub fn of(report: &Report) -> Self {
        let mend = |remedy: &preflight_checks::Remedy| Mend {
            summary: remedy.summary.clone(),
            commands: remedy.commands.clone(),
            persistent: remedy.persistent.clone(),
            reboot: remedy.reboot,
            risk: format!("{:?}", remedy.risk).to_lowercase(),
        };
        let findings = report.findings.iter().map(|finding| Finding {
            id: finding.id.clone(),
            verdict: finding.verdict.as_str().to_owned(),
            message: finding.message.clone(),
            notes: finding.notes.clone(),
            remedy: finding.remedy.as_ref().map(mend),
        });
        Self {
            api_version: "preflight/v1".to_owned(),
            kind: "Report".to_owned(),
            node: NodeName { hostname: report.node.hostname.clone(), root: report.node.root.clone() },
            findings: findings.collect(),
        }
    }

    /// The script: remedies of failures, and of warnings unless `fail_only`, the harmless ones first, those that take a
    /// reboot last.
    #[must_use]
    pub fn script(&self, fail_only: bool) -> String {
        let wanted = |finding: &&Finding| match finding.verdict.as_str() {
            "fail" => true,
            "warn" => !fail_only,
            _ => false,
        };
        let mut all: Vec<(&Finding, &Mend)> = self
            .findings
            .iter()
            .filter(wanted)
            .filter_map(|finding| Some((finding, finding.remedy.as_ref()?)))
            .collect();
        all.sort_by_key(|(_, mend)| (mend.reboot, Risk::of(mend)));
        let name = self.node.hostname.as_deref().unwrap_or("a node without a name");
        let mut out = format!(
            "#!/bin/sh\n# What mends {}, by preflight {}.\n",
            comment(name),
            env!("CARGO_PKG_VERSION")
        );
        if self.node.root != "/" {
            out.push_str(&format!("# It was judged under {}: run this there.\n", comment(&self.node.root)));
        }
        out.push_str(
            "# Read it before you run it. Steps that disturb services or may lose data are done only with --with-services and\n\
             # --with-data; what takes a decision stands here as a comment.\n",
        );
        out.push_str(HEAD);
        for (finding, mend) in &all {
            out.push_str(&block(finding, mend));
        }
        if all.is_empty() {
            out.push_str("\n# Nothing is to be mended.\n");
        }
        if all.iter().any(|(_, mend)| mend.reboot) {
            out.push_str("\necho 'some of this takes effect after a reboot only'\n");
        }
        out + TAIL
    }
}

/// The steps of one finding.
fn block(finding: &Finding, mend: &Mend) -> String {
    let risk = Risk::of(mend);
    let mut out = format!(
        "\n# -- {} ({}): {}\n",
        comment(&finding.id),
        comment(&finding.verdict),
        comment(&finding.message)
    );
    for note in &finding.notes {
        out.push_str(&format!("# why: {}\n", comment(note)));
    }
    out.push_str(&format!("# {}", comment(&mend.summary)));
    out.push_str(if mend.reboot { " It takes effect after a reboot.\n" } else { "\n" });
    let now = mend.commands.iter().map(|command| (command, "by hand"));
    let lasting = mend.persistent.iter().map(|command| (command, "to make it last"));
    let mut steps = Vec::new();
    for (text, why) in now.chain(lasting) {
        match step(text) {
            Some(line) => steps.push(format!("    {line}\n")),
            None => {
                steps.push(text.lines().map(|line| format!("    # {why}: {}\n", comment(line))).collect());
            }
        }
    }
    let runs = steps.iter().any(|step| !step.trim_start().starts_with('#'));
    if !runs {
        out.extend(steps.iter().map(|step| step.replace("    # ", "# ")));
        return out;
    }
    // An id has no meaning to the shell inside of single quotes, once those in it are gone.
    let what: String = comment(&finding.id).chars().filter(|c| *c != '\'').collect();
    out.push_str(&format!("if allowed {} '{what}'; then\n", risk.as_str()));
    out.extend(steps);
    out.push_str("fi\n");
    out
}

/// Text that can stand in a comment, on one line: without control characters and marks of direction.
fn comment(text: &str) -> String {
    crate::text::plain(text).replace(['\n', '\r', '\u{2028}', '\u{2029}', '\u{85}'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "reads better where it is called")]
    fn report(findings: serde_json::Value) -> String {
        json!({ "apiVersion": "preflight/v1", "kind": "Report", "node": { "hostname": "n1", "root": "/" }, "findings": findings })
            .to_string()
    }

    fn finding(
        id: &str,
        commands: &[&str],
        persistent: &[&str],
        risk: &str,
        reboot: bool,
    ) -> serde_json::Value {
        json!({ "id": id, "verdict": "fail", "message": "m", "notes": ["because"],
                "remedy": { "summary": "Do it.", "commands": commands, "persistent": persistent, "reboot": reboot, "risk": risk } })
    }

    #[test]
    fn the_harmless_first_and_reboots_last() {
        let text = report(json!([
            finding("a", &["systemctl restart x"], &[], "service", false),
            finding("b", &["reboot"], &[], "service", true),
            finding("c", &["mkfs.xfs -n ftype=1 DEVICE"], &[], "data", false),
            finding("d", &["sysctl -w a.b=1"], &["echo 'a.b = 1' >> /etc/sysctl.d/90-kubernetes.conf"], "none", false),
            { "id": "e", "verdict": "pass", "message": "m", "notes": [], "remedy": null },
        ]));
        let script = Remedies::parse(&text).unwrap().script(false);
        let order: Vec<&str> = script.lines().filter(|l| l.starts_with("# -- ")).map(|l| &l[5..6]).collect();
        assert_eq!(order, ["d", "a", "c", "b"]);
        assert!(
            script.contains("    run sysctl -w a.b=1\n    line /etc/sysctl.d/90-kubernetes.conf 'a.b = 1'\n"),
            "{script}"
        );
        assert!(script.contains("if allowed service 'a'; then\n    run systemctl restart x\nfi"), "{script}");
        assert!(script.contains("# by hand: mkfs.xfs") && script.contains("# by hand: reboot"), "{script}");
    }

    #[test]
    fn a_report_does_not_make_a_risk_smaller() {
        let text = report(json!([
            finding("a", &["systemctl stop sshd"], &[], "none", false),
            finding("b", &["ufw allow 22/tcp"], &[], "none", false)
        ]));
        let script = Remedies::parse(&text).unwrap().script(false);
        assert!(script.contains("if allowed service 'a'; then\n    run systemctl stop sshd\n"), "{script}");
        assert!(script.contains("if allowed service 'b'"), "{script}");
    }

    #[test]
    fn what_is_no_report() {
        for (text, says) in [
            ("{}", "no report"),
            ("x", "no report"),
            (
                r#"{"apiVersion":"preflight/v1","kind":"CgroupReport","node":{"hostname":null,"root":"/"},"findings":[]}"#,
                "but a CgroupReport",
            ),
        ] {
            let error = Remedies::parse(text).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    proptest! {
        /// Whatever a report holds: each line of its blocks is a comment, or of a shape that is known.
        #[test]
        fn nothing_of_a_report_becomes_a_command(id in ".{0,20}", words in "[ -~\n\r\u{202e}']{0,60}", program in "(sysctl -w |systemctl stop |echo |chmod 0644 |ln -sfn /a )?") {
            let command = format!("{program}{words}");
            let text = report(json!([finding(&id, &[&command], &[&command], "none", false)]));
            let script = Remedies::parse(&text).unwrap().script(false);
            let body = script.split_once(HEAD).unwrap().1.split_once(TAIL).unwrap().0;
            for line in body.lines() {
                let safe = |c: char| c.is_ascii_alphanumeric() || " _./:=,@%+-".contains(c);
                let known = line.is_empty() || line.starts_with('#') || line.starts_with("    #") || line == "fi"
                    || ["none", "service"].iter().any(|risk| line.starts_with(&format!("if allowed {risk} '")))
                    || ["    run ", "    line ", "    set_to "].iter().any(|start| line.strip_prefix(start).is_some_and(|rest| {
                        rest.replace('\'', "").chars().all(safe) && rest.matches('\'').count() % 2 == 0
                    }));
                prop_assert!(known, "{:?}", line);
            }
        }
    }
}
