//! `selinux`: SELinux is in the mode that is wanted, and has the policy for containers.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    finding::{Finding, Findings, Remedy, Risk, Severity},
    node::{Node, ReadError},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// SELinux is in the mode that is wanted, and has the policy for containers.
///
/// ## What it looks at
/// /sys/kernel/security/lsm, which says whether SELinux is on at all (without it /proc/filesystems), /sys/fs/selinux/enforce, the mode, and
/// /etc/selinux/config, which gives the mode and the policy of the next boot; where it enforces, whether the module
/// `container` of the package container-selinux is in the policy (/var/lib/selinux, or its file below
/// /usr/share/selinux/packages).
///
/// `off`, `as-wanted` pass; `wrong-mode` and `no-container-policy` do not; `changes-at-boot` warns.
///
/// ## Why it matters
/// With SELinux enforcing and no policy for containers the runtime can't start any, or they can't read what is mounted into
/// them. kubeadm's documentation has switched it to permissive for years; with container-selinux that is not needed. Where
/// the mode changes with the next boot, a node works today and fails after an update of its kernel.
///
/// ## How to mend it
/// `dnf install container-selinux`; for k3s and RKE2 also k3s-selinux or rke2-selinux. To let it log only:
/// `setenforce 0`, and SELINUX=permissive in /etc/selinux/config.
///
/// ## Sources
/// selinux(8), Linux Documentation/admin-guide/LSM/SELinux.rst and security/selinux/selinuxfs.c; container-selinux;
/// kubernetes.io, Installing kubeadm (Red Hat-based distributions); docs.k3s.io, SELinux Support.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SelinuxParams {
    /// The modes that will do: `enforcing`, `permissive`, `disabled`. Default: any.
    pub modes: Vec<SelinuxMode>,
}

/// A mode of SELinux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SelinuxMode {
    /// What the policy does not allow is refused.
    Enforcing,
    /// It is only logged.
    Permissive,
    /// SELinux is off.
    Disabled,
}

impl SelinuxMode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Enforcing => "enforcing",
            Self::Permissive => "permissive",
            Self::Disabled => "disabled",
        }
    }
}

const ENFORCE: &str = "/sys/fs/selinux/enforce";
const CONFIG: &str = "/etc/selinux/config";
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

/// The mode now, with what shows it.
fn mode(node: &Node) -> Result<(SelinuxMode, Evidence), Unknown> {
    match (node.security_modules(), node.filesystems()) {
        // A list that was cut off lacks what comes last; selinuxfs is the second witness.
        (Ok(modules), Ok(known)) if !modules.has("selinux") && known.has("selinuxfs") => {
            let why =
                Unknown::new("the kernel's list of security modules lacks selinux, and it knows selinuxfs");
            return Err(why.tried([modules.evidence.clone(), known.evidence("selinuxfs")]));
        }
        (Ok(modules), _) if !modules.has("selinux") => {
            return Ok((SelinuxMode::Disabled, modules.evidence.clone()));
        }
        (Ok(_), _) => {}
        // The kernel registers selinuxfs only where SELinux is on (security/selinux/selinuxfs.c, `init_sel_fs`).
        (Err(_), Ok(known)) if !known.has("selinuxfs") => {
            return Ok((SelinuxMode::Disabled, known.evidence("selinuxfs")));
        }
        (Err(why), _) => return Err(why.clone()),
    }
    let read = node.read(ENFORCE);
    let text = read.text().map_err(ReadError::unknown)?;
    match text.trim() {
        "1" => Ok((SelinuxMode::Enforcing, read.quote("1"))),
        "0" => Ok((SelinuxMode::Permissive, read.quote("0"))),
        _ => Err(Unknown::new(format!("{ENFORCE} holds neither 0 nor 1")).tried([read.evidence()])),
    }
}

fn judge(params: &SelinuxParams, node: &Node) -> Finding {
    let (mode, seen) = match mode(node) {
        Ok(found) => found,
        Err(unknown) => {
            let message = "the mode of SELinux could not be determined";
            return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, &unknown);
        }
    };
    let word = mode.as_str();
    if !params.modes.is_empty() && !params.modes.contains(&mode) {
        let wanted: Vec<&str> = params.modes.iter().map(|mode| mode.as_str()).collect();
        let message = format!("SELinux is {word}, and has to be {}", wanted.join(" or "));
        return Finding::problem(Severity::Fail, SUBJECT, "wrong-mode", message)
            .evidence([seen])
            .remedy(set(*params.modes.first().unwrap_or(&mode), mode));
    }
    if mode == SelinuxMode::Enforcing
        && let Some(evidence) = without_container_policy(node)
    {
        let message = "SELinux enforces its policy, which has no module for containers";
        return Finding::problem(Severity::Warn, SUBJECT, "no-container-policy", message)
            .evidence([seen, evidence])
            .remedy(
                Remedy::new("Install the policy for containers")
                    .command("dnf install container-selinux || zypper install container-selinux")
                    .risk(Risk::Service),
            );
    }
    if let Some((next, evidence)) = at_boot(node).filter(|(next, _)| *next != mode) {
        let message = format!("SELinux is {word} now, and {} after the next boot", next.as_str());
        return Finding::problem(Severity::Warn, SUBJECT, "changes-at-boot", message)
            .evidence([seen, evidence])
            .remedy(
                Remedy::new("Decide for one of them").persistent(format!("in {CONFIG}: SELINUX={word}")),
            );
    }
    let reason = if mode == SelinuxMode::Disabled { "off" } else { "as-wanted" };
    Finding::pass(SUBJECT, reason, format!("SELinux is {word}"), Proof::new(seen))
}

fn set(wanted: SelinuxMode, now: SelinuxMode) -> Remedy {
    let word = wanted.as_str();
    let remedy =
        Remedy::new(format!("Set SELinux to {word}")).persistent(format!("in {CONFIG}: SELINUX={word}"));
    match (wanted, now) {
        (SelinuxMode::Disabled, _) | (_, SelinuxMode::Disabled) => remedy.reboot(),
        (SelinuxMode::Enforcing, _) => remedy.command("setenforce 1").risk(Risk::Service),
        (SelinuxMode::Permissive, _) => remedy.command("setenforce 0"),
    }
}

/// The mode of the next boot, where the file gives one.
fn at_boot(node: &Node) -> Option<(SelinuxMode, Evidence)> {
    let read = node.read(CONFIG);
    let text = read.text().ok()?;
    let line = text.lines().map(str::trim).rfind(|line| line.starts_with("SELINUX="))?;
    let mode = match line.split_once('=')?.1.trim() {
        "enforcing" => SelinuxMode::Enforcing,
        "permissive" => SelinuxMode::Permissive,
        "disabled" => SelinuxMode::Disabled,
        _ => return None,
    };
    Some((mode, read.quote(line)))
}

/// Where the module of container-selinux would be, if it certainly is not there.
fn without_container_policy(node: &Node) -> Option<Evidence> {
    let kind = node.read(CONFIG).text().ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix("SELINUXTYPE="))?;
        Some(line.trim().to_owned())
    });
    let store = format!("/var/lib/selinux/{}/active/modules", kind.as_deref().unwrap_or("targeted"));
    let priorities = node.list(&store).ok()?;
    let has = priorities.iter().any(|priority| node.kind(&format!("{store}/{priority}/container")).is_ok());
    let shipped = node.kind("/usr/share/selinux/packages/container.pp.bz2").is_ok();
    (!has && !shipped).then(|| Evidence::new(store, "no module `container`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{facts::security_modules::LSM, finding::Outcome, node::Memory};

    fn on(enforce: &str) -> Memory {
        Memory::new().file(LSM, "lockdown,capability,selinux,bpf").file(ENFORCE, enforce)
    }

    fn with_policy(memory: Memory) -> Memory {
        memory.file("/var/lib/selinux/targeted/active/modules/200/container/cil", "")
    }

    fn ask(modes: &[SelinuxMode], memory: Memory) -> Finding {
        let params = SelinuxParams { modes: modes.to_vec() };
        let mut out = Findings::default();
        Selinux::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    #[test]
    fn every_verdict() {
        use SelinuxMode::{Enforcing, Permissive};
        let off = || Memory::new().file(LSM, "capability,apparmor");
        let config = |mode: &str| format!("# SELINUX= can take\nSELINUX={mode}\nSELINUXTYPE=targeted\n");
        let bare = on("1").file("/var/lib/selinux/targeted/active/modules/100/base/cil", "");
        for (modes, memory, reason) in [
            (&[][..], off(), "off"),
            (&[], with_policy(on("1")), "as-wanted"),
            (&[], on("0"), "as-wanted"),
            (&[], bare, "no-container-policy"),
            (&[Enforcing], on("0"), "wrong-mode"),
            (&[Enforcing], off(), "wrong-mode"),
            (&[Permissive], with_policy(on("1")), "wrong-mode"),
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
            assert!(matches!(ask(&[], memory).outcome(), Outcome::Undetermined(_)));
        }
    }
}
