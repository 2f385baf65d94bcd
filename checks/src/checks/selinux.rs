//! `selinux`: SELinux is in the mode that is wanted, and has the policy for containers.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Unknown},
    facts::selinux::{CONFIG, SelinuxMode, SelinuxNow},
    finding::{Finding, Findings, Remedy, Risk, Severity},
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// SELinux is in the mode that is wanted, and has the policy for containers.
///
/// ## What it looks at
/// /sys/fs/selinux/enforce, the mode; where that is not there /sys/kernel/security/lsm and /proc/filesystems, which say
/// whether SELinux is on at all, and the context of this process, which shows whether a policy is loaded.
/// /etc/selinux/config and `enforcing=` on the kernel command line, which give the mode of the next boot. Where it
/// enforces, whether the policy knows containers: its booleans (/sys/fs/selinux/booleans/container_*), else the module
/// `container` of the package container-selinux in the store of the policy (/var/lib/selinux, /etc/selinux; for root only),
/// or its file below /usr/share/selinux/packages. One finding: the worst, the others as notes.
///
/// `off`, `as-wanted` pass; `wrong-mode` does not; `no-container-policy` and `changes-at-boot` warn.
///
/// ## Why it matters
/// With SELinux enforcing and no policy for containers the runtime can't start any, or they can't read what is mounted into
/// them. kubeadm's documentation has switched it to permissive for years; with container-selinux that is not needed. Where
/// the mode changes with the next boot, a node works today and fails after an update of its kernel.
///
/// ## How to mend it
/// `dnf install container-selinux`; for k3s and RKE2 also k3s-selinux or rke2-selinux. To let it log only:
/// `setenforce 0`, and SELINUX=permissive in /etc/selinux/config. To have it off altogether, `selinux=0` on the kernel
/// command line: SELINUX=disabled alone leaves it in the kernel, without a policy, from Linux 6.4 on.
///
/// ## Sources
/// selinux(8), Linux Documentation/admin-guide/LSM/SELinux.rst, security/selinux/selinuxfs.c and ss/services.c; libselinux
/// src/load_policy.c and src/selinux_config.c; semanage.conf(5); container-selinux (container.te); kubernetes.io, Installing
/// kubeadm (Red Hat-based distributions); docs.k3s.io, SELinux Support.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SelinuxParams {
    /// The modes that will do: `enforcing`, `permissive`, `disabled`. Default: any.
    pub modes: Vec<SelinuxMode>,
}

const SUBJECT: &str = "mode";

/// The check `selinux`.
pub struct Selinux;

impl Check for Selinux {
    type Params = SelinuxParams;

    const META: Meta = Meta {
        id: "selinux",
        summary: "SELinux is in the mode that is wanted, and has the policy for containers",
        since: "0.1.0",
        kubeadm: None,
    };

    fn run(params: &SelinuxParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(judge(params, node));
        Ok(())
    }
}

/// Something that is not right, or not known, of a mode that will do.
enum Trouble {
    Problem { reason: &'static str, message: String, evidence: Vec<Evidence>, remedy: Remedy },
    Unknown(&'static str, Unknown),
}

impl Trouble {
    /// As a note beside a trouble that is worse.
    fn note(&self) -> String {
        match self {
            Self::Problem { message, .. } => format!("also: {message}"),
            Self::Unknown(message, why) => format!("also: {message}: {}", why.reason),
        }
    }
}

fn judge(params: &SelinuxParams, node: &Node) -> Finding {
    let now = match node.selinux() {
        Ok(now) => now,
        Err(unknown) => {
            let message = "the mode of SELinux could not be determined";
            return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, unknown);
        }
    };
    if !params.modes.is_empty() && !params.modes.contains(&now.mode) {
        return wrong_mode(&params.modes, now, node);
    }
    let mut troubles: Vec<Trouble> =
        [container_policy(now, node), at_boot(now, node)].into_iter().flatten().collect();
    // What is known to be wrong goes before what is not known.
    troubles.sort_by_key(|trouble| matches!(trouble, Trouble::Unknown(..)));
    let mut troubles = troubles.into_iter();
    let seen = now.proof.clone().into_evidence();
    let finding = match troubles.next() {
        Some(Trouble::Problem { reason, message, evidence, remedy }) => {
            Finding::problem(Severity::Warn, SUBJECT, reason, message)
                .evidence(seen.into_iter().chain(evidence))
                .remedy(remedy)
        }
        Some(Trouble::Unknown(message, why)) => {
            Finding::undetermined(Severity::Warn, SUBJECT, "unknown", message, &why).evidence(seen)
        }
        None => {
            let reason = if now.mode == SelinuxMode::Disabled { "off" } else { "as-wanted" };
            Finding::pass(SUBJECT, reason, format!("SELinux is {}", now.mode.as_str()), now.proof.clone())
        }
    };
    finding.notes(troubles.map(|trouble| trouble.note())).notes(causes(now, node))
}

fn wrong_mode(wanted: &[SelinuxMode], now: &SelinuxNow, node: &Node) -> Finding {
    let words: Vec<&str> = wanted.iter().map(|mode| mode.as_str()).collect();
    let message = format!("SELinux is {}, and has to be {}", now.mode.as_str(), words.join(" or "));
    Finding::problem(Severity::Fail, SUBJECT, "wrong-mode", message)
        .evidence(now.proof.clone().into_evidence())
        .remedy(set(*wanted.first().unwrap_or(&now.mode), now.mode))
        .notes(causes(now, node))
}

fn container_policy(now: &SelinuxNow, node: &Node) -> Option<Trouble> {
    if now.mode != SelinuxMode::Enforcing {
        return None;
    }
    match node.container_policy() {
        Ok((true, _)) => None,
        Ok((false, seen)) => Some(Trouble::Problem {
            reason: "no-container-policy",
            message: "SELinux enforces its policy, which has no module for containers".to_owned(),
            evidence: vec![seen],
            remedy: Remedy::new("Install the policy for containers")
                .command("dnf install container-selinux || zypper install container-selinux")
                .risk(Risk::Service),
        }),
        Err(why) => {
            let message =
                "SELinux enforces its policy, and whether that knows containers could not be determined";
            Some(Trouble::Unknown(message, why))
        }
    }
}

/// Where this kernel has SELinux on, the configuration decides about the next boot; elsewhere nothing reads it.
fn at_boot(now: &SelinuxNow, node: &Node) -> Option<Trouble> {
    if !now.in_kernel {
        return None;
    }
    let word = now.mode.as_str();
    match node.selinux_at_boot() {
        Ok((next, _)) if next == now.mode => None,
        Ok((next, evidence)) => {
            let remedy =
                Remedy::new("Decide for one of them").persistent(format!("in {CONFIG}: SELINUX={word}"));
            let by_cmdline = evidence.iter().find(|seen| seen.source == "/proc/cmdline");
            let remedy = match by_cmdline {
                Some(seen) => {
                    remedy.persistent(format!("take {} out of the kernel command line", seen.observed))
                }
                None => remedy,
            };
            Some(Trouble::Problem {
                reason: "changes-at-boot",
                message: format!("SELinux is {word} now, and {} after the next boot", next.as_str()),
                evidence,
                remedy,
            })
        }
        Err(why) => {
            Some(Trouble::Unknown("the mode of SELinux after the next boot could not be determined", why))
        }
    }
}

/// Why it is in this mode, where something says so.
fn causes(now: &SelinuxNow, node: &Node) -> Vec<String> {
    let mut notes = Vec::new();
    let cmdline = node.cmdline().as_ref().ok();
    let has = |name: &str, value: &str| cmdline.is_some_and(|line| line.values(name).any(|v| v == value));
    if now.mode == SelinuxMode::Disabled && now.in_kernel {
        notes.push(format!(
            "it is off because no policy was loaded (SELINUX=disabled in {CONFIG}), after the kernel had started it; selinux=0 on \
             the kernel command line keeps it from starting"
        ));
    } else if now.mode == SelinuxMode::Disabled && has("selinux", "0") {
        notes.push(format!("selinux=0 on the kernel command line switches it off, whatever {CONFIG} says"));
    }
    if now.mode == SelinuxMode::Permissive && has("enforcing", "0") {
        notes.push(format!("enforcing=0 on the kernel command line goes before {CONFIG}"));
    }
    notes
}

fn set(wanted: SelinuxMode, now: SelinuxMode) -> Remedy {
    let word = wanted.as_str();
    let remedy = Remedy::new(format!("Set SELinux to {word}"));
    if wanted == SelinuxMode::Disabled {
        return remedy.persistent("add selinux=0 to the kernel command line").reboot();
    }
    let remedy = remedy.persistent(format!("in {CONFIG}: SELINUX={word}"));
    match (wanted, now) {
        (_, SelinuxMode::Disabled) => {
            remedy.persistent("take selinux=0 out of the kernel command line, where it is there").reboot()
        }
        (SelinuxMode::Enforcing, _) => remedy.command("setenforce 1").risk(Risk::Service),
        _ => remedy.command("setenforce 0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::{security_modules::LSM, selinux::ENFORCE},
        finding::Outcome,
        node::{Memory, ReadErrorKind},
    };

    const STORE: &str = "/var/lib/selinux/targeted/active/modules";

    fn config(mode: &str) -> String {
        format!("# SELINUX= can take\nSELINUX={mode}\nSELINUXTYPE=targeted\n")
    }

    fn on(enforce: &str) -> Memory {
        let mode = if enforce == "1" { "enforcing" } else { "permissive" };
        Memory::new()
            .file(LSM, "lockdown,capability,selinux,bpf")
            .file(ENFORCE, enforce)
            .file(CONFIG, config(mode))
            .file("/proc/cmdline", "ro quiet\n")
    }

    fn bare() -> Memory {
        on("1").file(&format!("{STORE}/100/base/cil"), "")
    }

    fn with_policy(memory: Memory) -> Memory {
        memory.file(&format!("{STORE}/200/container/cil"), "")
    }

    fn ask(modes: &[SelinuxMode], memory: Memory) -> Finding {
        let params = SelinuxParams { modes: modes.to_vec() };
        let mut out = Findings::default();
        Selinux::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    fn is_unknown(found: &Finding) -> bool {
        matches!(found.outcome(), Outcome::Undetermined(_)) && found.subject() == SUBJECT
    }

    #[test]
    fn every_verdict() {
        use SelinuxMode::{Disabled, Enforcing, Permissive};
        let off = || Memory::new().file(LSM, "capability,apparmor");
        for (modes, memory, reason) in [
            (&[][..], off(), "off"),
            (&[], off().file(CONFIG, config("enforcing")), "off"),
            (&[], with_policy(on("1")), "as-wanted"),
            (&[], on("0"), "as-wanted"),
            (&[], bare(), "no-container-policy"),
            (&[Enforcing], on("0"), "wrong-mode"),
            (&[Enforcing], off(), "wrong-mode"),
            (&[Permissive], with_policy(on("1")), "wrong-mode"),
            (&[Disabled], with_policy(on("1")), "wrong-mode"),
            (&[], on("0").file(CONFIG, config("enforcing")), "changes-at-boot"),
            (&[], with_policy(on("1")).file(CONFIG, config("enforcing")), "as-wanted"),
        ] {
            let found = ask(modes, memory);
            assert_eq!(found.reason(), reason, "{found:?}");
            assert_eq!(found.outcome() == &Outcome::Pass, matches!(reason, "off" | "as-wanted"));
        }
        let unmounted = Memory::new().file("/proc/filesystems", "nodev\tproc\nnodev\tsysfs\n\text4\n");
        assert_eq!(ask(&[], unmounted).reason(), "off", "securityfs is not mounted");
        for memory in [Memory::new(), on(""), on("1").without(ENFORCE)] {
            assert!(is_unknown(&ask(&[], memory)));
        }
    }

    #[test]
    fn a_store_that_can_t_be_read_shows_no_policy() {
        let active = "/var/lib/selinux/targeted/active";
        let denied = || ReadErrorKind::Denied("EACCES");
        for memory in [
            on("1"),
            bare().error(STORE, denied()),
            bare().error(STORE, denied()).error(active, denied()),
            bare().error(&format!("{STORE}/100"), denied()),
        ] {
            assert!(is_unknown(&ask(&[], memory)));
        }
    }

    #[test]
    fn a_configuration_that_can_t_be_read_does_not_keep_the_mode() {
        let changes = || on("0").file(CONFIG, config("enforcing"));
        for memory in [
            changes().file(CONFIG, ""),
            changes().without(CONFIG),
            changes().error(CONFIG, ReadErrorKind::Denied("EACCES")),
            changes().file(CONFIG, "SELINUX=enf"),
        ] {
            assert!(is_unknown(&ask(&[], memory)));
        }
        let line = on("0").file("/proc/cmdline", "ro enforcing=1\n");
        let found = ask(&[], line.clone());
        assert_eq!(found.reason(), "changes-at-boot");
        assert!(found.mend().unwrap().persistent[1].contains("enforcing=1"));
        assert!(is_unknown(&ask(&[], line.without("/proc/cmdline"))));
    }

    #[test]
    fn the_worst_goes_first_and_the_others_are_notes() {
        let found = ask(&[], bare().file(CONFIG, config("permissive")));
        assert_eq!(found.reason(), "no-container-policy");
        assert!(found.all_notes()[0].contains("after the next boot"), "{found:?}");
        let found = ask(&[], on("1").file(CONFIG, config("permissive")));
        assert_eq!(found.reason(), "changes-at-boot");
        assert!(found.all_notes()[0].contains("knows containers"), "{found:?}");
    }

    #[test]
    fn disabled_without_being_switched_off() {
        let no_policy = on("0")
            .without(ENFORCE)
            .file(CONFIG, config("disabled"))
            .file("/proc/filesystems", "nodev\tproc\nnodev\tselinuxfs\n")
            .file("/proc/self/attr/current", "kernel\0");
        let found = ask(&[SelinuxMode::Disabled], no_policy.clone());
        assert_eq!(found.reason(), "off");
        assert!(found.all_notes()[0].contains("selinux=0"), "{found:?}");
        assert_eq!(ask(&[], no_policy.file(CONFIG, config("enforcing"))).reason(), "changes-at-boot");
        let booted = Memory::new().file(LSM, "capability,yama").file("/proc/cmdline", "ro selinux=0\n");
        assert!(ask(&[], booted).all_notes()[0].contains("selinux=0"));
    }
}
