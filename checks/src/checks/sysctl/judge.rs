//! One setting: what it is, what it should be, and what the next boot makes of it.

use super::{params::SysctlSetting, remedies};
use crate::{
    checks::kernel_modules::remedy,
    evidence::{Evidence, Proof, Unknown},
    facts::{
        kernel_config::Setting,
        modules::{ModuleState, fold},
        sysctl::{Key, NetworkSettings, SysctlValue},
        sysctl_boot::Assignment,
    },
    finding::{Finding, Severity},
    node::{Node, Origin},
};

pub(super) fn judge(setting: &SysctlSetting, node: &Node) -> Finding {
    let key = &setting.key.0;
    if let Some(finding) = not_the_nodes(setting, node) {
        return finding;
    }
    let value = match node.sysctl(key) {
        Ok(Some(value)) => value,
        Ok(None) => return missing(setting, &key.path(), node),
        Err(unknown) => return undetermined(setting, &unknown),
    };
    let finding = match setting.suits(&value.text) {
        Err(why) => {
            let unknown = Unknown::new(format!("{}: {why}", key.path())).tried([value.evidence]);
            return undetermined(setting, &unknown);
        }
        Ok(true) => right(setting, value, node),
        Ok(false) => wrong(setting, value, node),
    };
    notes(finding, key, node)
}

pub(super) fn undetermined(setting: &SysctlSetting, unknown: &Unknown) -> Finding {
    let subject = setting.key.0.dotted();
    let message = format!("what {subject} is set to could not be determined");
    Finding::undetermined(setting.severity, subject, "unknown", message, unknown)
}

/// Settings of the network that are those of this program's container are none of the node's.
pub(super) fn not_the_nodes(setting: &SysctlSetting, node: &Node) -> Option<Finding> {
    if setting.key.0.top() != "net" {
        return None;
    }
    let NetworkSettings::OfAnother(seen) = node.network_settings() else { return None };
    let unknown = Unknown::new("/proc/sys/net shows the network of this container, not the node's")
        .tried([seen.clone()])
        .needs("run in the node's network (hostNetwork: true)");
    Some(undetermined(setting, &unknown))
}

pub(super) fn notes(finding: Finding, key: &Key, node: &Node) -> Finding {
    match node.network_settings() {
        NetworkSettings::OfNamespace(_) if key.top() == "net" => {
            finding.note("preflight runs in a network namespace of its own, and this is the value there")
        }
        _ => finding,
    }
}

fn wrong(setting: &SysctlSetting, value: SysctlValue, node: &Node) -> Finding {
    let key = &setting.key.0;
    let (subject, wanted) = (key.dotted(), setting.wanted());
    let message = format!("{subject} is {}, and {wanted} is needed", shown(&value.text));
    let boot = node.sysctl_boot().sets(key);
    let bad = boot.filter(|line| !suits(setting, line));
    let finding = Finding::problem(setting.severity, &subject, "wrong", message)
        .remedy(remedies::set(setting, Some(&value.text), bad))
        .evidence([value.evidence])
        .evidence(boot.map(Assignment::evidence));
    match boot {
        Some(line) if bad.is_none() => finding.note(format!(
            "line {} of {} sets it right: it was not applied yet, or something changed it since",
            line.line, line.file
        )),
        Some(line) => finding.note(format!("line {} of {} sets it so at boot", line.line, line.file)),
        None => finding,
    }
}

fn right(setting: &SysctlSetting, value: SysctlValue, node: &Node) -> Finding {
    let key = &setting.key.0;
    let subject = key.dotted();
    let boot = node.sysctl_boot();
    if let Some(line) = boot.sets(key) {
        if !suits(setting, line) {
            return reset(setting, value, line);
        }
    } else if let Some(unknown) = boot.unread() {
        let message =
            format!("{subject} is {}, but what the next boot sets is not known", shown(&value.text));
        return Finding::undetermined(Severity::Warn, subject, "boot-unknown", message, unknown)
            .evidence([value.evidence]);
    }
    let message = format!("{subject} is {}", shown(&value.text));
    let proof = Proof::new(value.evidence).and_all(boot.sets(key).map(Assignment::evidence));
    let finding = Finding::pass(subject, "set", message, proof);
    if let Some(line) = boot.sets(key) {
        return finding.note(format!("line {} of {} sets it at each boot", line.line, line.file));
    }
    if let Some(line) = boot.passed_over(key) {
        return finding.note(format!(
            "line {} of {} sets it, but systemd does not read that file: it belongs into /etc/sysctl.d/",
            line.line, line.file
        ));
    }
    if boot.was_seen() {
        finding.note("no file of sysctl.d sets it: it is the kernel's default, or whoever set it has to do so at each boot")
    } else {
        finding
    }
}

fn reset(setting: &SysctlSetting, value: SysctlValue, line: &Assignment) -> Finding {
    let subject = setting.key.0.dotted();
    let message = format!(
        "{subject} is {} now, but line {} of {} sets it to {} at the next boot",
        shown(&value.text),
        line.line,
        line.file,
        shown(line.value.as_deref().unwrap_or_default())
    );
    Finding::problem(Severity::Warn, subject, "reset-at-boot", message)
        .evidence([value.evidence, line.evidence()])
        .remedy(remedies::keep(setting, &value.text, line))
}

fn suits(setting: &SysctlSetting, line: &Assignment) -> bool {
    line.value.as_deref().is_some_and(|v| setting.suits(v) == Ok(true))
}

pub(super) fn shown(value: &str) -> &str {
    if value.is_empty() { "empty" } else { value }
}

/// There is no such setting: because its module is not loaded, because IPv6 is off, or for no reason that is known.
pub(super) fn missing(setting: &SysctlSetting, path: &str, node: &Node) -> Finding {
    let seen = Evidence::new(path, "does not exist");
    if let Some(finding) = setting.module().and_then(|m| of_module(setting, &fold(m), &seen, node)) {
        return finding;
    }
    let subject = setting.key.0.dotted();
    if subject.starts_with("net.ipv6.")
        && let Some(finding) = no_ipv6(setting, &seen, node)
    {
        return finding;
    }
    // The same words for everything that is missing for this reason: they are one cause.
    let unknown = |why: &str| Unknown::new(format!("it does not exist, and {why}")).tried([seen.clone()]);
    if node.origin() == Origin::Root {
        return undetermined(setting, &unknown("this tree may hold a part of /proc only"));
    }
    if node.kind("/proc/sys/kernel").is_err() {
        return undetermined(setting, &unknown("there is nothing of the kernel's in /proc/sys"));
    }
    if setting.key.0.top() == "net"
        && let NetworkSettings::OfNamespace(more) = node.network_settings()
    {
        let unknown = unknown("only the first network namespace has all of them").tried([more.clone()]);
        return undetermined(setting, &unknown.needs("run in the network of the machine itself"));
    }
    Finding::problem(setting.severity, &subject, "missing", format!("this kernel has no setting {subject}"))
        .evidence([seen])
        .remedy(remedies::absent(&subject))
}

fn of_module(setting: &SysctlSetting, module: &str, seen: &Evidence, node: &Node) -> Option<Finding> {
    let subject = setting.key.0.dotted();
    let problem = |reason, why: String, proof: Proof| {
        let message = format!("there is no setting {subject}: it comes with the module {module}, and {why}");
        Finding::problem(setting.severity, &subject, reason, message)
            .evidence([seen.clone()])
            .evidence(proof.into_evidence())
    };
    let cause = format!("module:{module}");
    match node.module(module) {
        // It is there, so its absence is not the reason.
        ModuleState::BuiltIn(_) | ModuleState::Loaded(_) => None,
        ModuleState::Loadable(_, proof) => {
            let finding = problem("module-not-loaded", "that is not loaded".into(), proof);
            Some(finding.remedy(remedies::load(setting, module)).follows(cause))
        }
        ModuleState::Blocked(why, proof) => {
            let evidence = proof.clone().into_evidence();
            let finding = problem("module-blocked", format!("that will not be loaded: {why}"), proof);
            Some(finding.remedy(remedy::unblock(module, evidence.last())).follows(cause))
        }
        ModuleState::Missing(proof) => {
            let absence = remedy::Absence::of(module, proof.clone(), node);
            let finding = problem("module-missing", absence.message, proof);
            Some(finding.remedy(absence.remedy).follows(absence.cause))
        }
        ModuleState::Unknown(why) => {
            let unknown =
                Unknown { evidence: [seen.clone()].into_iter().chain(why.evidence).collect(), ..why };
            Some(undetermined(setting, &unknown))
        }
    }
}

/// IPv6 is not in this kernel, or was switched off when it started: then it has no settings at all.
fn no_ipv6(setting: &SysctlSetting, seen: &Evidence, node: &Node) -> Option<Finding> {
    let subject = setting.key.0.dotted();
    if let Ok(cmdline) = node.cmdline()
        && cmdline.words().iter().any(|w| w == "ipv6.disable=1")
    {
        let message = format!(
            "there is no setting {subject}: IPv6 is off by ipv6.disable=1 on the kernel's command line"
        );
        return Some(
            Finding::problem(setting.severity, &subject, "ipv6-disabled", message)
                .evidence([seen.clone(), Evidence::new("/proc/cmdline", "ipv6.disable=1")])
                .remedy(remedies::ipv6())
                .follows("cmdline:ipv6.disable=1"),
        );
    }
    let config = node.kernel_config().as_ref().ok()?;
    (config.get("CONFIG_IPV6") == Setting::NotSet).then(|| {
        let message = format!("there is no setting {subject}: this kernel was built without IPv6");
        Finding::problem(setting.severity, &subject, "ipv6-not-compiled", message)
            .evidence([seen.clone(), config.evidence("CONFIG_IPV6")])
            .follows("CONFIG_IPV6")
    })
}
