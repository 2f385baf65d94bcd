//! `apparmor`: Where AppArmor is on, the runtime can load its profile.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::kernel_config::Setting,
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, Origin, ReadError},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where AppArmor is on, the runtime can load its profile.
///
/// ## What it looks at
/// /sys/kernel/security/lsm, or /sys/module/apparmor/parameters/enabled where that can't be read; where AppArmor is on,
/// whether `apparmor_parser` lies in /sbin (where /sbin is a link: in /usr/sbin), which is where containerd and Docker look.
///
/// How many profiles are loaded is told to root.
///
/// `off` and `usable` pass, `no-parser` warns; with `required: true` it fails, and AppArmor has to be on (`not-on`).
///
/// ## Why it matters
/// containerd, CRI-O and Docker give every container a profile of AppArmor where the kernel has it on, and load it with
/// apparmor_parser. Without that program containerd takes AppArmor for unsupported: ordinary pods start without the
/// profile that keeps them from the host, and pods that name a profile are refused. Some releases of containerd 1.6 did not
/// look for it and started no container at all. Where AppArmor is off, pods that name a profile are refused, too.
///
/// ## How to mend it
/// `apt-get install apparmor` (Debian, Ubuntu), `zypper install apparmor-parser` (SUSE).
///
/// ## Sources
/// containerd pkg/apparmor/apparmor_linux.go (hostSupports: /sbin/apparmor_parser; 1.7, 2.0) and contrib/apparmor;
/// containerd/containerd#7547 (1.6.2 fails), #5519, reverted by #8086 and #8087; siderolabs/talos#8641 (ordinary pods
/// start); moby daemon/apparmor_default.go; k3s check-config; kubernetes.io, Restrict a Container's Access to Resources with
/// AppArmor; Linux Documentation/admin-guide/LSM/apparmor.rst.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ApparmorParams {
    /// Whether AppArmor has to be on, because pods name profiles. Default: false.
    pub required: bool,
}

const ENABLED: &str = "/sys/module/apparmor/parameters/enabled";
const SUBJECT: &str = "parser";
/// The one place where containerd looks.
const PARSER: &str = "/sbin/apparmor_parser";
/// Its other name where /sbin is a link to it, which a tree may lack.
const MERGED: &str = "/usr/sbin/apparmor_parser";
/// Where it is of use to people, and to CRI-O, which also looks in PATH (containers/common pkg/apparmor).
const ELSEWHERE: [&str; 4] = [
    MERGED,
    "/usr/bin/apparmor_parser",
    "/usr/local/sbin/apparmor_parser",
    "/run/current-system/sw/bin/apparmor_parser",
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
        Err(e) if e.is_missing() => match not_built_in(node) {
            Some(seen) => Ok((false, seen)),
            None => Err(unknown.clone().tried([e.evidence()])),
        },
        Err(e) => Err(unknown.clone().tried([e.evidence()])),
    }
}

/// What shows that this kernel has no AppArmor at all.
fn not_built_in(node: &Node) -> Option<Evidence> {
    // Without CONFIG_SECURITY there is no security module at all, and their options are not named.
    let options = ["CONFIG_SECURITY_APPARMOR", "CONFIG_SECURITY"];
    if let Ok(config) = node.kernel_config()
        && let Some(option) = options.into_iter().find(|option| config.get(option) == Setting::NotSet)
    {
        return Some(config.evidence(option));
    }
    // Whatever is built in and has parameters is listed there (kernel/params.c), and AppArmor has some. A tree may have
    // lost a part of it.
    let names = node.list("/sys/module").ok().filter(|_| node.origin() == Origin::Live)?;
    (names.len() > 10 && !names.iter().any(|name| name == "apparmor"))
        .then(|| Evidence::new("/sys/module", "no apparmor"))
}

fn judge(params: &ApparmorParams, node: &Node) -> Finding {
    // Pods start without a profile; only those that name one are refused.
    let severity = if params.required { Severity::Fail } else { Severity::Warn };
    let (on, seen) = match is_on(node) {
        Ok(found) => found,
        Err(why) => {
            let message = "whether AppArmor is on could not be determined";
            return Finding::undetermined(severity, SUBJECT, "unknown", message, &why);
        }
    };
    match (on, params.required) {
        (true, _) => parser(severity, seen, node),
        (false, true) => {
            let message = "AppArmor is not on, and pods that name a profile are refused";
            Finding::problem(severity, SUBJECT, "not-on", message).evidence([seen]).remedy(
                node.on_the_host(
                    Remedy::new(
                        "Boot with AppArmor: `apparmor=1 security=apparmor` on the kernel command line",
                    )
                    .reboot(),
                ),
            )
        }
        (false, false) => {
            Finding::pass(SUBJECT, "off", "AppArmor is off, so that no profile has to be loaded", seen)
        }
    }
}

/// AppArmor is on: whether the runtime finds its parser.
fn parser(severity: Severity, seen: Evidence, node: &Node) -> Finding {
    let (absent, elsewhere) = match find(node) {
        Ok(Parser::There(path)) => {
            let proof = Proof::new(seen).and(Evidence::new(path, "exists"));
            return Finding::pass(SUBJECT, "usable", "AppArmor is on, and its parser is there", proof)
                .notes(profiles(node));
        }
        Ok(Parser::Absent(evidence, elsewhere)) => (evidence, elsewhere),
        Err(why) => {
            let message = "whether AppArmor's parser is there could not be determined";
            return Finding::undetermined(severity, SUBJECT, "unknown", message, &why).evidence([seen]);
        }
    };
    let message = format!(
        "AppArmor is on, but {PARSER} is not there: containerd starts ordinary pods without a profile, and refuses pods that \
         name one"
    );
    let remedy = Remedy::new("Install AppArmor's parser")
        .command("apt-get install apparmor || zypper install apparmor-parser");
    let remedy = match elsewhere {
        Some(path) => {
            Remedy::new(format!("Have {PARSER} point to {path}")).command(format!("ln -s {path} {PARSER}"))
        }
        None => remedy,
    };
    let hint = elsewhere
        .map(|path| format!("it is at {path}, where containerd does not look; CRI-O looks in PATH, too"));
    Finding::problem(severity, SUBJECT, "no-parser", message)
        .evidence(std::iter::once(seen).chain(absent))
        .notes(hint)
        .remedy(remedy)
}

/// How many profiles are loaded, where this user may know it (security/apparmor/apparmorfs.c, `profiles_open`).
fn profiles(node: &Node) -> Option<String> {
    let read = node.read("/sys/kernel/security/apparmor/profiles");
    let text = read.text().ok()?;
    let enforced = text.lines().filter(|line| line.ends_with("(enforce)")).count();
    let all = text.lines().filter(|line| !line.trim().is_empty()).count();
    Some(format!("{all} profiles are loaded, of which {enforced} are enforced; the runtime adds its own"))
}

/// Where the parser is.
enum Parser {
    There(&'static str),
    /// Certainly not where it counts; perhaps elsewhere.
    Absent(Vec<Evidence>, Option<&'static str>),
}

/// Looks for the parser. That it is absent takes directories that could be looked at.
fn find(node: &Node) -> Result<Parser, Unknown> {
    let exists = |path: &str| match node.kind(path) {
        Ok(_) => Ok(true),
        Err(e) if e.is_missing() => Ok(false),
        Err(e) => Err(e.unknown()),
    };
    if exists(PARSER)? {
        return Ok(Parser::There(PARSER));
    }
    let separate = node.list("/sbin");
    if exists(MERGED)? && separate.as_ref().is_err_and(ReadError::is_missing) {
        return Ok(Parser::There(MERGED));
    }
    for listed in [separate, node.list("/usr/sbin")] {
        match listed {
            Ok(names) if !names.is_empty() => {}
            Ok(_) => return Err(Unknown::new("the directories of programs are empty")),
            Err(e) => return Err(e.unknown()),
        }
    }
    let elsewhere = ELSEWHERE.into_iter().find(|path| node.kind(path).is_ok());
    Ok(Parser::Absent(vec![Evidence::new(PARSER, "does not exist")], elsewhere))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::security_modules::LSM,
        finding::Outcome,
        node::{Memory, ReadErrorKind},
    };

    fn ask(required: bool, memory: Memory) -> Finding {
        let mut out = Findings::default();
        Apparmor::run(&ApparmorParams { required }, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    /// AppArmor is on, and the directories of programs are there.
    fn on() -> Memory {
        Memory::new().file(LSM, "capability,apparmor").file("/sbin/init", "").file("/usr/sbin/chroot", "")
    }

    fn is_unknown(found: &Finding) -> bool {
        matches!(found.outcome(), Outcome::Undetermined(_)) && found.subject() == SUBJECT
    }

    #[test]
    fn every_verdict() {
        let off = || Memory::new().file(LSM, "capability,selinux");
        let by_module = |word: &str| Memory::new().file(ENABLED, word);
        let without = (0..20).fold(Memory::new(), |m, i| m.file(&format!("/sys/module/m{i}/uevent"), ""));
        for (required, memory, reason) in [
            (false, off(), "off"),
            (true, off(), "not-on"),
            (false, on().file(PARSER, ""), "usable"),
            (true, Memory::new().file(LSM, "capability,apparmor").file(MERGED, ""), "usable"),
            (false, on(), "no-parser"),
            (false, by_module("N\n"), "off"),
            (false, by_module("Y\n").file("/sbin/init", "").file("/usr/sbin/x", ""), "no-parser"),
            (false, without.clone(), "off"),
        ] {
            let found = ask(required, memory);
            assert_eq!(found.reason(), reason, "{found:?}");
            assert_eq!(found.outcome() == &Outcome::Pass, matches!(reason, "off" | "usable"));
        }
        for memory in [Memory::new(), by_module(""), Memory::new().file(LSM, "capability,apparmor")] {
            assert!(is_unknown(&ask(false, memory)));
        }
        assert!(is_unknown(&ask(false, without.as_root())), "a tree may have lost the parameter");
        let built_without = Memory::new()
            .file("/proc/sys/kernel/osrelease", "6.1.0-1\n")
            .file("/boot/config-6.1.0-1", "CONFIG_CGROUPS=y\n# CONFIG_SECURITY_APPARMOR is not set\n");
        assert_eq!(ask(false, built_without.as_root()).reason(), "off");
    }

    #[test]
    fn absent_only_where_all_directories_are_known() {
        let bare = || Memory::new().file(LSM, "capability,apparmor");
        let denied = || ReadErrorKind::Denied("EACCES");
        for memory in [
            bare().file("/usr/bin/env", ""),
            bare().file("/usr/sbin/chroot", ""),
            bare().file("/sbin/init", ""),
            on().error("/sbin", denied()),
            on().error("/usr/sbin", denied()),
        ] {
            assert!(is_unknown(&ask(false, memory)));
        }
    }

    #[test]
    fn the_profiles_that_are_loaded() {
        let usable = || on().file(PARSER, "");
        let list = "cri-containerd.apparmor.d (enforce)\nlsb_release (complain)\n/usr/sbin/x (enforce)\n";
        let found = ask(false, usable().file("/sys/kernel/security/apparmor/profiles", list));
        assert!(found.all_notes()[0].starts_with("3 profiles are loaded, of which 2 "), "{found:?}");
        assert!(ask(false, usable()).all_notes().is_empty());
    }

    #[test]
    fn where_containerd_does_not_look() {
        let found = ask(false, on().file(MERGED, ""));
        assert_eq!((found.reason(), found.severity()), ("no-parser", Severity::Warn));
        assert!(found.all_notes()[0].contains(MERGED), "{found:?}");
        assert_eq!(found.mend().unwrap().commands, [format!("ln -s {MERGED} {PARSER}")]);
    }

    #[test]
    fn without_the_parser_only_pods_that_name_a_profile_are_refused() {
        assert_eq!(ask(false, on()).severity(), Severity::Warn);
        assert_eq!(ask(true, on()).severity(), Severity::Fail);
    }
}
