//! `kernel-restrictions`: What the kernel forbids on purpose does not keep Kubernetes from its work.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{kernel_config::Setting, sysctl::Key},
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, ReadError},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// What the kernel forbids on purpose does not keep Kubernetes from its work.
///
/// ## What it looks at
/// The lockdown of the kernel (/sys/kernel/security/lockdown) with Secure Boot as its usual cause (the UEFI variable), the
/// signatures that modules need (/sys/module/module/parameters/sig_enforce), kernel.modules_disabled,
/// kernel.unprivileged_bpf_disabled and kernel.io_uring_disabled. What is off or allowed passes; what is forbidden passes
/// too, unless the policy names it under `needs`: then it fails. Notes say what each forbids.
///
/// ## Why it matters
/// Under lockdown=confidentiality tools that trace with BPF or kprobes (Tetragon, Falco, bpftrace) get nothing; unsigned
/// modules (drivers of vendors, ZFS, NVIDIA) are refused with Secure Boot. With kernel.modules_disabled=1 nothing that is
/// not loaded yet can be, overlay and br_netfilter included. Databases and proxies that use io_uring fail or fall back
/// where it is disabled.
///
/// ## How to mend it
/// Each is a decision; the finding says where it was made: the kernel command line, the firmware, a file of sysctl.d.
///
/// ## Sources
/// kernel_lockdown(7); Linux Documentation/admin-guide/module-signing.rst; Documentation/admin-guide/sysctl/kernel.rst
/// (modules_disabled, unprivileged_bpf_disabled, io_uring_disabled since 6.6); Documentation/filesystems/efivarfs.rst.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KernelRestrictionsParams {
    /// What has to be possible on this node. Default: nothing of these.
    pub needs: Vec<Need>,
}

/// Something that the kernel may forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Tracing with BPF and kprobes, by root: no lockdown=confidentiality.
    Tracing,
    /// Modules that are not signed by the kernel's maker.
    UnsignedModules,
    /// Modules that are loaded later.
    Modules,
    /// BPF for users other than root.
    UnprivilegedBpf,
    /// io_uring for containers, whose processes have no CAP_SYS_ADMIN.
    IoUring,
}

/// The check `kernel-restrictions`.
pub struct KernelRestrictions;

impl Check for KernelRestrictions {
    type Params = KernelRestrictionsParams;

    const META: Meta = Meta {
        id: "kernel-restrictions",
        summary: "What the kernel forbids on purpose does not keep Kubernetes from its work",
        since: "0.1.0",
        kubeadm: None,
    };

    fn run(params: &KernelRestrictionsParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let needs = |need| params.needs.contains(&need);
        out.push(lockdown(needs(Need::Tracing), needs(Need::UnsignedModules), node));
        out.push(modules(needs(Need::Modules), node));
        out.push(sysctl(&BPF, needs(Need::UnprivilegedBpf), node));
        out.push(sysctl(&IO_URING, needs(Need::IoUring), node));
        Ok(())
    }
}

fn unknown(subject: &str, unknown: &Unknown) -> Finding {
    let message = format!("whether the kernel restricts {subject} could not be determined");
    Finding::undetermined(Severity::Warn, subject, "unknown", message, unknown)
}

fn lockdown(tracing: bool, unsigned: bool, node: &Node) -> Finding {
    const SUBJECT: &str = "lockdown";
    let level = match node.lockdown() {
        Ok(level) => level,
        Err(why) => return without_lockdown(node).unwrap_or_else(|| unknown(SUBJECT, &why)),
    };
    let Some((level, seen)) = level else {
        let proof = match node.security_modules() {
            Ok(modules) => modules.evidence.clone(),
            Err(why) => return unknown(SUBJECT, why),
        };
        return Finding::pass(SUBJECT, "off", "this kernel has no lockdown", proof);
    };
    let secure_boot = node.secure_boot();
    let cause = match &secure_boot {
        Ok(Some((true, evidence))) => Some(("Secure Boot is on, which is its usual cause", evidence.clone())),
        _ => None,
    };
    let forbids = match level.as_str() {
        "none" => return Finding::pass(SUBJECT, "off", "the kernel is not locked down", seen),
        "integrity" => "unsigned modules, /dev/mem, kexec of unsigned kernels",
        _ => {
            "all that reads the kernel's memory: tracing with BPF and kprobes, /proc/kcore; and unsigned modules"
        }
    };
    let hurts = (tracing && level == "confidentiality") || unsigned;
    let message = format!("the kernel is locked down ({level}): it forbids {forbids}");
    let evidence = std::iter::once(seen.clone()).chain(cause.iter().map(|(_, evidence)| evidence.clone()));
    if hurts {
        return Finding::problem(Severity::Fail, SUBJECT, "locked-down", message)
            .evidence(evidence)
            .notes(cause.map(|(why, _)| why.to_owned()))
            .remedy(
                Remedy::new("Take lockdown= out of the kernel command line, or switch Secure Boot off in the firmware")
                    .reboot(),
            );
    }
    let proof = Proof::new(seen).and_all(cause.iter().map(|(_, evidence)| evidence.clone()));
    Finding::pass(SUBJECT, "locked-down", message, proof)
        .note("container runtimes, the kubelet and network plugins work so; tools that trace may not")
        .notes(cause.map(|(why, _)| why.to_owned()))
}

/// A kernel that was built without has none, whether or not securityfs is mounted.
fn without_lockdown(node: &Node) -> Option<Finding> {
    const OPTION: &str = "CONFIG_SECURITY_LOCKDOWN_LSM";
    let config = node.kernel_config().as_ref().ok().filter(|config| config.get(OPTION) == Setting::NotSet)?;
    Some(Finding::pass("lockdown", "off", "this kernel was built without lockdown", config.evidence(OPTION)))
}

fn modules(needed: bool, node: &Node) -> Finding {
    const SUBJECT: &str = "modules";
    const DISABLED: &str = "/proc/sys/kernel/modules_disabled";
    let read = node.read(DISABLED);
    if read.is_missing()
        && let Ok(config) = node.kernel_config()
        && config.get("CONFIG_MODULES") == Setting::NotSet
    {
        let message = "this kernel has no modules: everything is built in, or not there";
        let seen = config.evidence("CONFIG_MODULES");
        return if needed {
            Finding::problem(Severity::Fail, SUBJECT, "forbidden", message)
                .evidence([seen])
                .remedy(node.on_the_host(Remedy::new("Boot a kernel with modules").reboot()))
        } else {
            Finding::pass(SUBJECT, "built-in-only", message, seen)
        };
    }
    let text = match read.text().map_err(ReadError::unknown) {
        Ok(text) => text.trim().to_owned(),
        Err(why) => return unknown(SUBJECT, &why),
    };
    match text.as_str() {
        "0" => Finding::pass(
            SUBJECT,
            "allowed",
            "modules can be loaded",
            Proof::new(read.quote("0")).and_all(signed(node)),
        ),
        "1" => {
            let message = "no module can be loaded until the next boot (kernel.modules_disabled is 1)";
            let finding = if needed {
                Finding::problem(Severity::Fail, SUBJECT, "forbidden", message).evidence([read.quote("1")]).remedy(
                    Remedy::new("Take kernel.modules_disabled out of sysctl.d, or set it after all modules were loaded")
                        .reboot(),
                )
            } else {
                Finding::pass(SUBJECT, "forbidden", message, read.quote("1"))
            };
            finding.note("what is not loaded now will not be: the check kernel-modules tells what is missing")
        }
        _ => unknown(
            SUBJECT,
            &Unknown::new(format!("{DISABLED} holds neither 0 nor 1")).tried([read.evidence()]),
        ),
    }
}

/// Whether modules have to be signed, as a word beside the others.
fn signed(node: &Node) -> Option<Evidence> {
    let read = node.read("/sys/module/module/parameters/sig_enforce");
    let text = read.text().ok()?.trim().to_owned();
    (text == "Y").then(|| read.quote("Y: modules have to be signed"))
}

/// A restriction that a sysctl makes.
struct Restriction {
    subject: &'static str,
    key: &'static str,
    /// The values that restrict, with what each forbids.
    forbids: &'static [(&'static str, &'static str)],
    /// Since which kernel it exists; before, nothing is restricted.
    since: (u64, u64),
}

const BPF: Restriction = Restriction {
    subject: "unprivileged-bpf",
    key: "kernel.unprivileged_bpf_disabled",
    forbids: &[("1", "BPF is for root only, until the next boot"), ("2", "BPF is for root only")],
    since: (4, 4),
};

const IO_URING: Restriction = Restriction {
    subject: "io-uring",
    key: "kernel.io_uring_disabled",
    forbids: &[("1", "io_uring is for root and one group only"), ("2", "io_uring is for nobody")],
    since: (6, 6),
};

fn sysctl(restriction: &Restriction, needed: bool, node: &Node) -> Finding {
    let Restriction { subject, key, forbids, since } = restriction;
    let Some(parsed) = Key::parse(key) else {
        return unknown(subject, &Unknown::new(format!("{key} is no name of a parameter")));
    };
    let value = match node.sysctl(&parsed) {
        Ok(value) => value,
        Err(e) if e.is_missing() => return not_there(restriction, &e, *since, node),
        Err(e) => return unknown(subject, &e.unknown()),
    };
    if value.text == "0" {
        let message = format!("{subject} is not restricted ({key} is 0)");
        return Finding::pass(*subject, "allowed", message, value.evidence());
    }
    let Some((_, what)) = forbids.iter().find(|(number, _)| *number == value.text) else {
        return unknown(
            subject,
            &Unknown::new(format!("{key} is `{}`", value.text)).tried([value.evidence()]),
        );
    };
    let message = format!("{what} ({key} is {})", value.text);
    if needed {
        return Finding::problem(Severity::Fail, *subject, "forbidden", message)
            .evidence([value.evidence()])
            .remedy(
                Remedy::new(format!("Allow it: {key} has to be 0"))
                    .command(format!("sysctl -w {key}=0"))
                    .persistent(format!("echo '{key} = 0' >> /etc/sysctl.d/90-kubernetes.conf")),
            );
    }
    Finding::pass(*subject, "forbidden", message, value.evidence())
}

/// A kernel from before the parameter restricts nothing; one that has left the thing out altogether is not asked.
fn not_there(restriction: &Restriction, error: &ReadError, since: (u64, u64), node: &Node) -> Finding {
    let Restriction { subject, key, .. } = restriction;
    match node.kernel_release() {
        Ok(release) if (release.version.major, release.version.minor) < since => {
            let message = format!(
                "this kernel knows no {key} (Linux {}.{}), and does not restrict {subject}",
                since.0, since.1
            );
            let proof = Proof::new(release.evidence.clone()).and(error.evidence());
            Finding::pass(*subject, "allowed", message, proof)
        }
        _ => unknown(subject, &error.unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Outcome, node::Memory};

    const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

    fn open() -> Memory {
        Memory::new()
            .file("/proc/sys/kernel/osrelease", "6.12.0-1\n")
            .file(LOCKDOWN, "[none] integrity confidentiality\n")
            .file("/proc/sys/kernel/modules_disabled", "0\n")
            .file("/proc/sys/kernel/unprivileged_bpf_disabled", "0\n")
            .file("/proc/sys/kernel/io_uring_disabled", "0\n")
    }

    fn ask(needs: &[Need], memory: Memory) -> Vec<Finding> {
        let mut out = Findings::default();
        let params = KernelRestrictionsParams { needs: needs.to_vec() };
        KernelRestrictions::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().into_iter().map(|(finding, _)| finding).collect()
    }

    fn reasons(found: &[Finding]) -> Vec<&'static str> {
        found.iter().map(Finding::reason).collect()
    }

    const ALL: [Need; 5] =
        [Need::Tracing, Need::UnsignedModules, Need::Modules, Need::UnprivilegedBpf, Need::IoUring];

    #[test]
    fn nothing_is_restricted() {
        assert_eq!(reasons(&ask(&ALL, open())), ["off", "allowed", "allowed", "allowed"]);
        let old = open()
            .file("/proc/sys/kernel/osrelease", "5.10.0-1\n")
            .without("/proc/sys/kernel/io_uring_disabled");
        assert_eq!(ask(&ALL, old)[3].reason(), "allowed");
    }

    #[test]
    fn a_restriction_hurts_only_who_needs_it() {
        let closed = open()
            .file(LOCKDOWN, "none integrity [confidentiality]\n")
            .file("/proc/sys/kernel/modules_disabled", "1\n")
            .file("/proc/sys/kernel/unprivileged_bpf_disabled", "2\n")
            .file("/proc/sys/kernel/io_uring_disabled", "2\n");
        let found = ask(&[], closed.clone());
        assert!(found.iter().all(|f| f.outcome() == &Outcome::Pass), "{found:?}");
        let found = ask(&ALL, closed);
        assert!(found.iter().all(|f| f.outcome() == &Outcome::Problem), "{found:?}");
        let integrity = open().file(LOCKDOWN, "none [integrity] confidentiality\n");
        assert_eq!(ask(&[Need::Tracing], integrity.clone())[0].outcome(), &Outcome::Pass);
        assert_eq!(ask(&[Need::UnsignedModules], integrity)[0].outcome(), &Outcome::Problem);
    }

    #[test]
    fn what_can_t_be_read_is_not_known() {
        let found = ask(&ALL, Memory::new());
        assert!(found.iter().all(|f| matches!(f.outcome(), Outcome::Undetermined(_))), "{found:?}");
        let strange = open().file("/proc/sys/kernel/io_uring_disabled", "7\n");
        assert!(matches!(ask(&ALL, strange)[3].outcome(), Outcome::Undetermined(_)));
    }
}
