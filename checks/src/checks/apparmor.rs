//! `apparmor`: Where AppArmor is on, the runtime can load its profile.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    finding::{Finding, Findings, Remedy, Severity},
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where AppArmor is on, the runtime can load its profile.
///
/// ## What it looks at
/// /sys/kernel/security/lsm, or /sys/module/apparmor/parameters/enabled where that can't be read; where AppArmor is on,
/// whether `apparmor_parser` lies in one of the directories in which services look for programs.
///
/// `off` and `usable` pass, `no-parser` does not; `required: true` also wants AppArmor to be on (`not-on`).
///
/// ## Why it matters
/// containerd, CRI-O and Docker give every container a profile of AppArmor where the kernel has it on, and load it with
/// apparmor_parser. Without that program no container starts: "apparmor_parser: executable file not found". Pods that name
/// a profile are refused where AppArmor is off.
///
/// ## How to mend it
/// `apt-get install apparmor` (Debian, Ubuntu), `zypper install apparmor-parser` (SUSE).
///
/// ## Sources
/// containerd contrib/apparmor and pkg/apparmor (HostSupports asks for the parser); k3s check-config; kubernetes.io,
/// Restrict a Container's Access to Resources with AppArmor; Linux Documentation/admin-guide/LSM/apparmor.rst.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ApparmorParams {
    /// Whether AppArmor has to be on, because pods name profiles. Default: false.
    pub required: bool,
}

const ENABLED: &str = "/sys/module/apparmor/parameters/enabled";
const SUBJECT: &str = "parser";
/// Where packages put the parser, and where containerd looks for it.
const PARSERS: [&str; 4] = [
    "/usr/sbin/apparmor_parser",
    "/sbin/apparmor_parser",
    "/usr/bin/apparmor_parser",
    "/usr/local/sbin/apparmor_parser",
];

/// The check `apparmor`.
pub struct Apparmor;

impl Check for Apparmor {
    type Params = ApparmorParams;

    const META: Meta = Meta {
        id: "apparmor",
        summary: "Where AppArmor is on, the runtime can load its profile",
        since: "0.1.0",
        kubeadm: None,
    };

    fn run(params: &ApparmorParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(judge(params, node));
        Ok(())
    }
}

/// Whether it is on, with what shows it.
fn is_on(node: &Node) -> Result<(bool, Evidence), Unknown> {
    let read = node.read(ENABLED);
    let unknown = match node.security_modules() {
        Ok(modules) if modules.has("apparmor") => return Ok((true, modules.evidence.clone())),
        // A list that was cut off lacks what comes last; the module itself is the second witness.
        Ok(modules) if read.text().is_ok_and(|text| text.trim() == "Y") => {
            let why = Unknown::new(format!(
                "the kernel's list of security modules lacks apparmor, and {ENABLED} is Y"
            ));
            return Err(why.tried([modules.evidence.clone(), read.quote("Y")]));
        }
        Ok(modules) => return Ok((false, modules.evidence.clone())),
        Err(unknown) => unknown,
    };
    match read.text().map(|text| text.trim().to_owned()) {
        Ok(text) if text == "Y" || text == "N" => Ok((text == "Y", read.quote(text))),
        Ok(_) => Err(Unknown::new(format!("{ENABLED} holds neither Y nor N")).tried([read.evidence()])),
        // Whatever is built in and has parameters is listed there (kernel/params.c), and AppArmor has some.
        Err(e) if e.is_missing() => match node.list("/sys/module") {
            Ok(names) if names.len() > 10 && !names.iter().any(|name| name == "apparmor") => {
                Ok((false, Evidence::new("/sys/module", "no apparmor")))
            }
            _ => Err(unknown.clone().tried([e.evidence()])),
        },
        Err(e) => Err(unknown.clone().tried([e.evidence()])),
    }
}

fn judge(params: &ApparmorParams, node: &Node) -> Finding {
    let unknown = |message: &str, unknown: &Unknown| {
        Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, unknown)
    };
    let (on, seen) = match is_on(node) {
        Ok(found) => found,
        Err(why) => return unknown("whether AppArmor is on could not be determined", &why),
    };
    if !on && params.required {
        return Finding::problem(
            Severity::Fail,
            SUBJECT,
            "not-on",
            "AppArmor is not on, and pods that name a profile are refused",
        )
        .evidence([seen])
        .remedy(
            Remedy::new("Boot with AppArmor: `apparmor=1 security=apparmor` on the kernel command line")
                .reboot(),
        );
    }
    if !on {
        return Finding::pass(SUBJECT, "off", "AppArmor is off, so that no profile has to be loaded", seen);
    }
    for path in PARSERS {
        match node.kind(path) {
            Ok(_) => {
                let message = "AppArmor is on, and its parser is there";
                return Finding::pass(
                    SUBJECT,
                    "usable",
                    message,
                    Proof::new(seen).and(Evidence::new(path, "exists")),
                );
            }
            Err(e) if e.is_missing() => {}
            Err(e) => {
                return unknown("whether AppArmor's parser is there could not be determined", &e.unknown());
            }
        }
    }
    if node.kind("/usr/bin").is_err() && node.kind("/usr/sbin").is_err() {
        let why = Unknown::new("this tree has no directory with programs").tried([seen]);
        return unknown("whether AppArmor's parser is there could not be determined", &why);
    }
    let message = "AppArmor is on, but apparmor_parser is not there: the runtime can't load its profile, and no container starts";
    Finding::problem(Severity::Fail, SUBJECT, "no-parser", message)
        .evidence([seen, Evidence::new(PARSERS[0], "does not exist")])
        .remedy(
            Remedy::new("Install AppArmor's parser")
                .command("apt-get install apparmor || zypper install apparmor-parser"),
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{facts::security_modules::LSM, finding::Outcome, node::Memory};

    fn ask(required: bool, memory: Memory) -> Finding {
        let mut out = Findings::default();
        Apparmor::run(&ApparmorParams { required }, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    #[test]
    fn every_verdict() {
        let on = || Memory::new().file(LSM, "capability,apparmor").file("/usr/bin/env", "");
        let off = || Memory::new().file(LSM, "capability,selinux");
        for (required, memory, reason) in [
            (false, off(), "off"),
            (true, off(), "not-on"),
            (false, on().file("/sbin/apparmor_parser", ""), "usable"),
            (true, on().file("/usr/sbin/apparmor_parser", ""), "usable"),
            (false, on(), "no-parser"),
            (false, Memory::new().file(ENABLED, "N\n"), "off"),
            (false, Memory::new().file(ENABLED, "Y\n").file("/usr/bin/env", ""), "no-parser"),
        ] {
            let found = ask(required, memory);
            assert_eq!(found.reason(), reason, "{found:?}");
            assert_eq!(found.outcome() == &Outcome::Pass, matches!(reason, "off" | "usable"));
        }
        let without = (0..20).fold(Memory::new(), |m, i| m.file(&format!("/sys/module/m{i}/uevent"), ""));
        assert_eq!(ask(false, without).reason(), "off", "not in this kernel");
        for memory in
            [Memory::new(), Memory::new().file(ENABLED, ""), Memory::new().file(LSM, "capability,apparmor")]
        {
            assert!(matches!(ask(false, memory).outcome(), Outcome::Undetermined(_)));
        }
    }
}
