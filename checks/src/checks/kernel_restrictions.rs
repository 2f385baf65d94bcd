//! `kernel-restrictions`: What the kernel forbids on purpose does not keep Kubernetes from its work.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{kernel_config::Setting, sysctl::Key},
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, Origin, ReadError},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// What the kernel forbids on purpose does not keep Kubernetes from its work.
///
/// ## What it looks at
/// The lockdown of the kernel (/sys/kernel/security/lockdown) with Secure Boot as its usual cause (the UEFI variable), the
/// signatures that modules need (/sys/module/module/parameters/sig_enforce), kernel.modules_disabled,
/// kernel.unprivileged_bpf_disabled and kernel.io_uring_disabled; where the policy needs it, kernel.kexec_load_disabled. What
/// is off or allowed passes; what is forbidden passes too, unless the policy names it under `needs`: then it fails
/// (`locked-down`, `forbidden`, `signed-only`, `not-built`). Notes say what each forbids.
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
/// (modules_disabled, unprivileged_bpf_disabled, io_uring_disabled since 6.6, kexec_load_disabled); kernel/bpf/syscall.c
/// (1 stays until the next boot); kernel/module/signing.c; Documentation/filesystems/efivarfs.rst.
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
    /// Kernels for kexec and kdump that are loaded later.
    Kexec,
}

/// Where the kernel shows its lockdown.
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

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
        out.push(modules(needs(Need::Modules), needs(Need::UnsignedModules), node));
        out.push(sysctl(&BPF, needs(Need::UnprivilegedBpf), node));
        out.push(sysctl(&IO_URING, needs(Need::IoUring), node));
        // Containers have no part in it: told only where it is needed.
        if needs(Need::Kexec) {
            out.push(sysctl(&KEXEC, true, node));
        }
        Ok(())
    }
}

fn unknown(subject: &str, needed: bool, unknown: &Unknown) -> Finding {
    let message = format!("whether the kernel restricts {subject} could not be determined");
    // Where nobody needs it, nothing that could be found would fail.
    let severity = if needed { Severity::Fail } else { Severity::Warn };
    Finding::undetermined(severity, subject, "unknown", message, unknown)
}

fn lockdown(tracing: bool, unsigned: bool, node: &Node) -> Finding {
    const SUBJECT: &str = "lockdown";
    let level = match node.lockdown() {
        Ok(level) => level,
        Err(why) => {
            return without_lockdown(node).unwrap_or_else(|| unknown(SUBJECT, tracing || unsigned, &why));
        }
    };
    let Some((level, seen)) = level else {
        let proof = match node.security_modules() {
            Ok(modules) => modules.evidence.clone(),
            Err(why) => return unknown(SUBJECT, tracing || unsigned, why),
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
    // What is there and can't be read, or is not understood, is more than a configuration knows.
    let config = node.kernel_config().as_ref().ok().filter(|_| node.read(LOCKDOWN).is_missing())?;
    // Without CONFIG_SECURITY there is no security module at all, and their options are not named.
    let options = ["CONFIG_SECURITY_LOCKDOWN_LSM", "CONFIG_SECURITY"];
    let option = options.into_iter().find(|option| config.get(option) == Setting::NotSet)?;
    Some(Finding::pass("lockdown", "off", "this kernel was built without lockdown", config.evidence(option)))
}

fn modules(needed: bool, unsigned: bool, node: &Node) -> Finding {
    const SUBJECT: &str = "modules";
    const DISABLED: &str = "/proc/sys/kernel/modules_disabled";
    let read = node.read(DISABLED);
    if read.is_missing()
        && let Ok(config) = node.kernel_config()
        && config.get("CONFIG_MODULES") == Setting::NotSet
    {
        return without_modules(needed || unsigned, config.evidence("CONFIG_MODULES"), node);
    }
    let disabled = match read.text().map(|text| text.trim().to_owned()).map_err(ReadError::unknown) {
        Ok(text) if text == "0" || text == "1" => text == "1",
        Ok(_) => {
            let why = Unknown::new(format!("{DISABLED} holds neither 0 nor 1"));
            return unknown(SUBJECT, needed || unsigned, &why.tried([read.evidence()]));
        }
        Err(why) => return unknown(SUBJECT, needed || unsigned, &why),
    };
    let seen = read.quote(if disabled { "1" } else { "0" });
    if disabled {
        return without_more_modules(needed || unsigned, seen);
    }
    let signed = must_be_signed(node);
    match signed {
        Err(why) if unsigned => unknown(SUBJECT, true, &why),
        Ok((true, signed)) if unsigned => {
            let message = "modules have to be signed by a key that the kernel knows";
            Finding::problem(Severity::Fail, SUBJECT, "signed-only", message)
                .evidence([seen, signed])
                .remedy(node.on_the_host(
                    Remedy::new(
                        "Sign the modules with a key that the firmware knows (mokutil), or take module.sig_enforce out of the \
                         kernel command line, where it is there",
                    )
                    .reboot(),
                ))
        }
        signed => {
            let must = matches!(signed, Ok((true, _)));
            let message =
                if must { "modules can be loaded, if they are signed" } else { "modules can be loaded" };
            let proof = Proof::new(seen).and_all(signed.ok().map(|(_, seen)| seen));
            Finding::pass(SUBJECT, "allowed", message, proof)
        }
    }
}

fn without_modules(needed: bool, seen: Evidence, node: &Node) -> Finding {
    const SUBJECT: &str = "modules";
    let message = "this kernel has no modules: everything is built in, or not there";
    if needed {
        return Finding::problem(Severity::Fail, SUBJECT, "forbidden", message)
            .evidence([seen])
            .remedy(node.on_the_host(Remedy::new("Boot a kernel with modules").reboot()));
    }
    Finding::pass(SUBJECT, "built-in-only", message, seen)
}

fn without_more_modules(needed: bool, seen: Evidence) -> Finding {
    const SUBJECT: &str = "modules";
    let message = "no module can be loaded until the next boot (kernel.modules_disabled is 1)";
    let finding = if needed {
        Finding::problem(Severity::Fail, SUBJECT, "forbidden", message).evidence([seen]).remedy(
            Remedy::new(
                "Take kernel.modules_disabled out of sysctl.d, or set it after all modules were loaded",
            )
            .reboot(),
        )
    } else {
        Finding::pass(SUBJECT, "forbidden", message, seen)
    };
    finding.note("what is not loaded now will not be: the check kernel-modules tells what is missing")
}

/// Whether modules have to be signed, whatever the lockdown (kernel/module/signing.c).
fn must_be_signed(node: &Node) -> Result<(bool, Evidence), Unknown> {
    const OPTION: &str = "CONFIG_MODULE_SIG";
    let read = node.read("/sys/module/module/parameters/sig_enforce");
    match read.text().map(|text| text.trim().to_owned()) {
        Ok(text) if text == "Y" || text == "N" => Ok((text == "Y", read.quote(text))),
        Ok(_) => Err(Unknown::new(format!("{} holds neither Y nor N", read.path())).tried([read.evidence()])),
        Err(e) => match node.kernel_config() {
            // A kernel that was built without looks at no signature, and has no such parameter.
            Ok(config) if e.is_missing() && config.get(OPTION) == Setting::NotSet => {
                Ok((false, config.evidence(OPTION)))
            }
            _ => Err(e.unknown()),
        },
    }
}

/// A restriction that a sysctl makes.
struct Restriction {
    subject: &'static str,
    key: &'static str,
    /// The values that restrict, with what each forbids.
    forbids: &'static [(&'static str, &'static str)],
    /// The option without which there is nothing to restrict.
    option: &'static str,
    /// The value that can't be changed while this kernel runs.
    locked: Option<&'static str>,
    /// Since which kernel it exists; before, nothing is restricted.
    since: (u64, u64),
}

const BPF: Restriction = Restriction {
    subject: "unprivileged-bpf",
    key: "kernel.unprivileged_bpf_disabled",
    forbids: &[("1", "BPF is for root only, until the next boot"), ("2", "BPF is for root only")],
    option: "CONFIG_BPF_SYSCALL",
    // EPERM for whatever else is written (kernel/bpf/syscall.c, `bpf_unpriv_handler`, 5.13); before, 1 was the only value.
    locked: Some("1"),
    since: (4, 4),
};

const IO_URING: Restriction = Restriction {
    subject: "io-uring",
    key: "kernel.io_uring_disabled",
    forbids: &[("1", "io_uring is for root and one group only"), ("2", "io_uring is for nobody")],
    option: "CONFIG_IO_URING",
    locked: None,
    since: (6, 6),
};

const KEXEC: Restriction = Restriction {
    subject: "kexec",
    key: "kernel.kexec_load_disabled",
    forbids: &[("1", "no kernel can be loaded for kexec or kdump until the next boot")],
    option: "CONFIG_KEXEC",
    // It takes no other value (kernel/kexec_core.c, `kexec_core_sysctls`: from SYSCTL_ONE to SYSCTL_ONE).
    locked: Some("1"),
    since: (3, 14),
};

fn sysctl(restriction: &Restriction, needed: bool, node: &Node) -> Finding {
    let Restriction { subject, key, forbids, locked, .. } = restriction;
    let unknown = |why: &Unknown| unknown(subject, needed, why);
    let Some(parsed) = Key::parse(key) else {
        return unknown(&Unknown::new(format!("{key} is no name of a parameter")));
    };
    let value = match node.sysctl(&parsed) {
        Ok(value) => value,
        Err(e) if e.is_missing() => return not_there(restriction, needed, &e, node),
        Err(e) => return unknown(&e.unknown()),
    };
    if value.text == "0" {
        let message = format!("{subject} is not restricted ({key} is 0)");
        return Finding::pass(*subject, "allowed", message, value.evidence());
    }
    let Some((_, what)) = forbids.iter().find(|(number, _)| *number == value.text) else {
        return unknown(&Unknown::new(format!("{key} is `{}`", value.text)).tried([value.evidence()]));
    };
    let message = format!("{what} ({key} is {})", value.text);
    if needed {
        return Finding::problem(Severity::Fail, *subject, "forbidden", message)
            .evidence([value.evidence()])
            .remedy(node.on_the_host(allow(key, *locked == Some(value.text.as_str()))));
    }
    Finding::pass(*subject, "forbidden", message, value.evidence())
}

/// How to set a parameter to 0; one that is locked keeps its value until the next boot.
fn allow(key: &str, is_locked: bool) -> Remedy {
    let line = format!("echo '{key} = 0' >> /etc/sysctl.d/90-kubernetes.conf");
    if is_locked {
        return Remedy::new(format!(
            "Take `{key} = 1` out of sysctl.d, set it to 0 there, and reboot: until then the kernel refuses every other value"
        ))
        .persistent(line)
        .reboot();
    }
    Remedy::new(format!("Allow it: {key} has to be 0")).command(format!("sysctl -w {key}=0")).persistent(line)
}

/// A kernel that was built without the thing has nothing to restrict; one from before the parameter restricts nothing.
fn not_there(restriction: &Restriction, needed: bool, error: &ReadError, node: &Node) -> Finding {
    let Restriction { subject, key, option, since, .. } = restriction;
    if let Ok(config) = node.kernel_config()
        && config.get(option) == Setting::NotSet
    {
        let message =
            format!("this kernel was built without it ({option}), so that there is nothing to restrict");
        let (seen, error) = (config.evidence(option), error.evidence());
        if !needed {
            return Finding::pass(*subject, "not-built", message, Proof::new(seen).and(error));
        }
        return Finding::problem(Severity::Fail, *subject, "not-built", message)
            .evidence([seen, error])
            .remedy(node.on_the_host(Remedy::new(format!("Boot a kernel with {option}")).reboot()))
            .follows(*option);
    }
    match node.kernel_release() {
        // Distributions give parameters to older kernels, too (RHEL 9.3: io_uring_disabled). A running kernel that has
        // none shows it; a tree may have lost its file.
        Ok(release)
            if (release.version.major, release.version.minor) < *since
                && !(needed && node.origin() == Origin::Root) =>
        {
            let message = format!(
                "this kernel knows no {key} (Linux {}.{}), and does not restrict {subject}",
                since.0, since.1
            );
            let proof = Proof::new(release.evidence.clone()).and(error.evidence());
            Finding::pass(*subject, "allowed", message, proof)
        }
        _ => unknown(subject, needed, &error.unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Outcome, node::Memory};

    const SIG_ENFORCE: &str = "/sys/module/module/parameters/sig_enforce";

    fn open() -> Memory {
        Memory::new()
            .file("/proc/sys/kernel/osrelease", "6.12.0-1\n")
            .file(LOCKDOWN, "[none] integrity confidentiality\n")
            .file("/proc/sys/kernel/modules_disabled", "0\n")
            .file(SIG_ENFORCE, "N\n")
            .file("/proc/sys/kernel/unprivileged_bpf_disabled", "0\n")
            .file("/proc/sys/kernel/io_uring_disabled", "0\n")
            .file("/proc/sys/kernel/kexec_load_disabled", "0\n")
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

    const ALL: [Need; 6] = [
        Need::Tracing,
        Need::UnsignedModules,
        Need::Modules,
        Need::UnprivilegedBpf,
        Need::IoUring,
        Need::Kexec,
    ];

    #[test]
    fn nothing_is_restricted() {
        assert_eq!(reasons(&ask(&ALL, open())), ["off", "allowed", "allowed", "allowed", "allowed"]);
        let old = open()
            .file("/proc/sys/kernel/osrelease", "5.10.0-1\n")
            .without("/proc/sys/kernel/io_uring_disabled");
        assert_eq!(ask(&ALL, old.clone())[3].reason(), "allowed");
        assert_eq!(ask(&ALL, old.clone().as_root())[3].reason(), "unknown", "RHEL has it in 5.14");
        assert_eq!(ask(&[], old.as_root())[3].outcome(), &Outcome::Pass);
    }

    #[test]
    fn what_was_not_built_can_t_be_restricted_nor_used() {
        let without = open()
            .without("/proc/sys/kernel/io_uring_disabled")
            .file("/boot/config-6.12.0-1", "CONFIG_CGROUPS=y\n# CONFIG_IO_URING is not set\n");
        let found = |needs| ask(needs, without.clone()).swap_remove(3);
        assert_eq!((found(&[]).outcome(), found(&[]).reason()), (&Outcome::Pass, "not-built"));
        assert_eq!(found(&ALL).outcome(), &Outcome::Problem);
    }

    #[test]
    fn a_restriction_hurts_only_who_needs_it() {
        let closed = open()
            .file(LOCKDOWN, "none integrity [confidentiality]\n")
            .file("/proc/sys/kernel/modules_disabled", "1\n")
            .file("/proc/sys/kernel/unprivileged_bpf_disabled", "2\n")
            .file("/proc/sys/kernel/io_uring_disabled", "2\n")
            .file("/proc/sys/kernel/kexec_load_disabled", "1\n");
        let found = ask(&[], closed.clone());
        assert!(found.iter().all(|f| f.outcome() == &Outcome::Pass), "{found:?}");
        let found = ask(&ALL, closed);
        assert!(found.iter().all(|f| f.outcome() == &Outcome::Problem), "{found:?}");
        let integrity = open().file(LOCKDOWN, "none [integrity] confidentiality\n");
        assert_eq!(ask(&[Need::Tracing], integrity.clone())[0].outcome(), &Outcome::Pass);
        assert_eq!(ask(&[Need::UnsignedModules], integrity)[0].outcome(), &Outcome::Problem);
    }

    #[test]
    fn modules_that_have_to_be_signed() {
        let reason = |needs: &[Need], memory: Memory| ask(needs, memory)[1].reason();
        let signed = open().file(SIG_ENFORCE, "Y\n");
        assert_eq!(reason(&[Need::UnsignedModules], signed.clone()), "signed-only");
        assert_eq!(reason(&[Need::Modules], signed), "allowed");
        for memory in [open().without(SIG_ENFORCE), open().file(SIG_ENFORCE, "")] {
            assert_eq!(reason(&[Need::UnsignedModules], memory.clone()), "unknown");
            assert_eq!(reason(&[Need::Modules], memory), "allowed");
        }
        let built_without = open()
            .without(SIG_ENFORCE)
            .file("/boot/config-6.12.0-1", "CONFIG_MODULES=y\n# CONFIG_MODULE_SIG is not set\n");
        assert_eq!(reason(&[Need::UnsignedModules], built_without), "allowed");
        let closed = open().file("/proc/sys/kernel/modules_disabled", "1\n");
        assert_eq!(reason(&[Need::UnsignedModules], closed), "forbidden");
    }

    #[test]
    fn a_value_that_is_locked_takes_a_reboot() {
        let remedy = |value: &str| {
            let memory = open().file("/proc/sys/kernel/unprivileged_bpf_disabled", value);
            ask(&[Need::UnprivilegedBpf], memory)[2].mend().unwrap().clone()
        };
        assert!(
            remedy("1\n").commands.is_empty() && remedy("1\n").reboot && !remedy("1\n").persistent.is_empty()
        );
        assert_eq!(remedy("2\n").commands, ["sysctl -w kernel.unprivileged_bpf_disabled=0"]);
    }

    #[test]
    fn a_level_that_no_kernel_has_is_not_known() {
        let strange = open().file(LOCKDOWN, "none [banana] confidentiality\n");
        let without = "CONFIG_CGROUPS=y\n# CONFIG_SECURITY_LOCKDOWN_LSM is not set\n";
        for memory in [strange.clone(), strange.file("/boot/config-6.12.0-1", without)] {
            assert!(matches!(ask(&[], memory)[0].outcome(), Outcome::Undetermined(_)));
        }
        for without in [without, "# CONFIG_SECURITY is not set\nCONFIG_SECURITYFS=y\n"] {
            let built_without = open().without(LOCKDOWN).file("/boot/config-6.12.0-1", without);
            assert_eq!(ask(&[], built_without)[0].reason(), "off");
        }
    }

    #[test]
    fn what_can_t_be_read_is_not_known() {
        let found = ask(&ALL, Memory::new());
        assert!(found.iter().all(|f| matches!(f.outcome(), Outcome::Undetermined(_))), "{found:?}");
        assert!(found.iter().all(|f| f.severity() == Severity::Fail), "as severe as what was needed");
        let strange = open().file("/proc/sys/kernel/io_uring_disabled", "7\n");
        assert!(matches!(ask(&ALL, strange)[3].outcome(), Outcome::Undetermined(_)));
    }
}
