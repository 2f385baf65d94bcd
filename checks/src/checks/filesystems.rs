//! `filesystems`: The file system types that containers need are there or can be loaded.

use super::kernel_modules::remedy::{self, Absence};
use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{environment, filesystems::Filesystems as Known, modules::ModuleState},
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, ReadError},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The file system types that containers need are there or can be loaded.
///
/// ## What it looks at
/// /proc/filesystems, which lists what the running kernel can mount now. A type that is not there may still come
/// with a module: the kernel asks modprobe for `fs-NAME` at the first mount. So the module has to be loadable (see
/// the check `kernel-modules`), must not be blacklisted, and kernel.modprobe has to name a program that exists.
/// No kernel configuration is needed. Nothing is mounted.
///
/// `registered` and `loadable` pass; `not-on-demand` warns; `blocked` and `missing` do not pass.
///
/// ## Why it matters
/// containerd and CRI-O stack the layers of an image with overlay; without it they fall back to copying whole
/// images, or do not start. Into every container they mount proc, sysfs, tmpfs (/dev, /dev/shm), devpts and
/// mqueue; the kubelet keeps secrets and memory-backed volumes on tmpfs. Whether cgroup2 is mounted is left to the
/// check `cgroup-hierarchy`; which of ext4, xfs and others the disks need differs from node to node.
///
/// ## How to mend it
/// `modprobe overlay`, and a line `overlay` in a file of /etc/modules-load.d/. What was left out when the kernel
/// was built needs another kernel.
///
/// ## Sources
/// proc_filesystems(5); Linux fs/filesystems.c (`get_fs_type`) and Documentation/admin-guide/sysctl/kernel.rst
/// (modprobe); OCI runtime specification, config-linux.md, "Default Filesystems"; kubernetes.io, container
/// runtimes; containerd, docs/snapshotters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct FilesystemsParams {
    /// Types without which the node cannot carry the work, as /proc/filesystems names them. Default: overlay,
    /// proc, sysfs, tmpfs, devpts, mqueue.
    pub required: Vec<String>,
    /// Types that are worth a warning when they cannot be had. Default: none.
    pub optional: Vec<String>,
}

impl Default for FilesystemsParams {
    fn default() -> Self {
        let required = ["overlay", "proc", "sysfs", "tmpfs", "devpts", "mqueue"];
        Self { required: required.map(str::to_owned).into(), optional: Vec::new() }
    }
}

/// Types that are part of the kernel or not there at all, with the option that builds each (fs/Kconfig,
/// init/Kconfig, drivers/tty/Kconfig, kernel/bpf/Kconfig: all are `bool`).
const NEVER_MODULES: [(&str, &str); 11] = [
    ("proc", "CONFIG_PROC_FS"),
    ("sysfs", "CONFIG_SYSFS"),
    ("tmpfs", "CONFIG_TMPFS"),
    ("devtmpfs", "CONFIG_DEVTMPFS"),
    ("devpts", "CONFIG_UNIX98_PTYS"),
    ("mqueue", "CONFIG_POSIX_MQUEUE"),
    ("hugetlbfs", "CONFIG_HUGETLBFS"),
    ("cgroup", "CONFIG_CGROUPS"),
    ("cgroup2", "CONFIG_CGROUPS"),
    ("bpf", "CONFIG_BPF_SYSCALL"),
    ("securityfs", "CONFIG_SECURITYFS"),
];

/// What a type is for, told where it is lacking.
const PURPOSES: [(&str, &str); 8] = [
    ("overlay", "containerd and CRI-O stack the layers of images with it"),
    ("proc", "every container has its own /proc"),
    ("sysfs", "every container has /sys"),
    ("tmpfs", "a container's /dev and /dev/shm, secrets and memory-backed volumes are on it"),
    ("devpts", "a container's terminals (/dev/pts) are on it"),
    ("mqueue", "container runtimes mount /dev/mqueue into every container"),
    ("cgroup2", "a kubelet of today does not start without cgroup v2"),
    ("bpf", "Cilium and Calico's eBPF dataplane keep their maps on it"),
];

fn of<'a>(table: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    table.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
}

/// The check `filesystems`.
pub struct Filesystems;

impl Check for Filesystems {
    type Params = FilesystemsParams;

    const META: Meta = Meta {
        id: "filesystems",
        summary: "The file system types that containers need are there or can be loaded",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn validate(params: &FilesystemsParams) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for name in params.required.iter().chain(&params.optional) {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
                return Err(format!(
                    "`{name}` is not the name of a file system type; write for example `overlay`"
                ));
            }
            if !seen.insert(name) {
                return Err(format!("`{name}` is named twice"));
            }
        }
        if seen.is_empty() {
            return Err("no type is named; write some under `required` or `optional`".into());
        }
        Ok(())
    }

    fn run(params: &FilesystemsParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for (names, severity) in [(&params.required, Severity::Fail), (&params.optional, Severity::Warn)] {
            for name in names {
                out.push(judge(name, severity, node));
            }
        }
        Ok(())
    }
}

fn judge(name: &str, severity: Severity, node: &Node) -> Finding {
    let known = match node.filesystems() {
        Ok(known) => known,
        Err(unknown) => return undetermined(name, severity, unknown),
    };
    let finding = if known.has(name) {
        let message = format!("the kernel knows the file system {name}");
        return Finding::pass(name, "registered", message, known.evidence(name));
    } else if let Some(option) = of(&NEVER_MODULES, name) {
        never_built(name, option, severity, known, node)
    } else {
        by_module(name, severity, known, node)
    };
    finding.notes(of(&PURPOSES, name).map(str::to_owned))
}

fn undetermined(name: &str, severity: Severity, unknown: &Unknown) -> Finding {
    let message = format!("whether the file system {name} can be had could not be determined");
    Finding::undetermined(severity, name, "unknown", message, unknown)
}

/// A type that no module brings is not in this kernel.
fn never_built(name: &str, option: &str, severity: Severity, known: &Known, node: &Node) -> Finding {
    let config = node.kernel_config().as_ref().ok().map(|config| config.evidence(option));
    let message = format!("the kernel does not know the file system {name}, which no module can bring");
    Finding::problem(severity, name, "missing", message)
        .evidence(std::iter::once(known.evidence(name)).chain(config))
        .remedy(node.on_the_host(Remedy::new(format!("Boot a kernel that was built with {option}")).reboot()))
        .follows(option)
}

fn by_module(name: &str, severity: Severity, known: &Known, node: &Node) -> Finding {
    let seen = known.evidence(name);
    // The module of a file system bears its name, with few exceptions; those have the alias `fs-NAME`.
    let state = match node.module(name) {
        ModuleState::Missing(proof) => match node.module(&format!("fs-{name}")) {
            ModuleState::Missing(_) => ModuleState::Missing(proof),
            other => other,
        },
        state => state,
    };
    match state {
        ModuleState::Loadable(path, proof) => {
            loadable(name, &path, Proof::new(seen).and_all(proof.into_evidence()), node)
        }
        ModuleState::Blocked(why, proof) => {
            let evidence = proof.into_evidence();
            let remedy = node.on_the_host(remedy::unblock(name, evidence.last()));
            let message = format!("the module of the file system {name} will not be loaded: {why}");
            Finding::problem(severity, name, "blocked", message)
                .evidence(std::iter::once(seen).chain(evidence))
                .remedy(remedy)
                .follows(cause(name))
        }
        ModuleState::Missing(proof) => {
            let absence = Absence::of(name, proof, node);
            let message = format!("the kernel does not know the file system {name}: {}", absence.message);
            Finding::problem(severity, name, "missing", message)
                .evidence(std::iter::once(seen).chain(absence.evidence))
                .remedy(node.on_the_host(absence.remedy))
                .follows(absence.cause)
        }
        // The kernel's own list outweighs what says that it should be on it.
        ModuleState::BuiltIn(proof) | ModuleState::Loaded(proof) => {
            let message =
                format!("the kernel does not know the file system {name}, though it has a module {name}");
            Finding::problem(severity, name, "missing", message)
                .evidence(std::iter::once(seen).chain(proof.into_evidence()))
                .remedy(node.on_the_host(
                    Remedy::new(format!("Boot a kernel that brings the file system {name}")).reboot(),
                ))
        }
        ModuleState::Unknown(unknown) => undetermined(name, severity, &unknown.tried([seen])),
    }
}

fn cause(name: &str) -> String {
    format!("module:{}", crate::facts::modules::fold(name))
}

/// A module that can be loaded: also by the kernel, when the file system is first mounted?
fn loadable(name: &str, path: &str, proof: Proof, node: &Node) -> Finding {
    match on_demand(name, node) {
        Ok(Ok(evidence)) => {
            let message = format!("the file system {name} is not loaded, but can be, from {path}");
            Finding::pass(name, "loadable", message, proof.and(evidence))
                .note("the kernel loads it by itself when it is first mounted")
        }
        Ok(Err((why, evidence))) => {
            let message = format!("the file system {name} is not loaded, and not on demand either: {why}");
            let blacklist = node.module_blacklisted(name);
            let remedy = blacklist.map_or_else(|| remedy::load(name), |by| remedy::allow(name, &by));
            // containerd's unit loads overlay by its name before it starts; not every runtime does.
            Finding::problem(Severity::Warn, name, "not-on-demand", message)
                .evidence(proof.and(evidence).into_evidence())
                .remedy(node.on_the_host(remedy))
        }
        Err(unknown) => undetermined(name, Severity::Warn, &unknown),
    }
}

/// Whether the kernel would load the module of `name` at a mount: by the program that kernel.modprobe names
/// (kernel/module/kmod.c), which passes over a blacklisted module when it is asked for by an alias.
fn on_demand(name: &str, node: &Node) -> Result<Result<Evidence, (String, Evidence)>, Unknown> {
    if let Some(line) = node.module_blacklisted(name) {
        return Ok(Err((format!("{} blacklists it", line.source), line)));
    }
    let read = node.read("/proc/sys/kernel/modprobe");
    let program = read.text().map_err(ReadError::unknown)?.trim().to_owned();
    if program.is_empty() {
        return Ok(Err(("kernel.modprobe is empty".into(), read.evidence())));
    }
    match node.kind(&program) {
        Ok(_) => Ok(Ok(read.quote(program))),
        // The kernel starts it in the root directory of the machine, not in that of a container.
        Err(e) if e.is_missing() && node.environment().kind == environment::Kind::Container => {
            let reason = format!("{program} is looked for on the machine, not in this container");
            Err(Unknown::new(reason)
                .tried([e.evidence()])
                .needs("run on the machine itself, or with its root mounted"))
        }
        Err(e) if e.is_missing() => {
            Ok(Err((format!("kernel.modprobe names {program}, which does not exist"), e.evidence())))
        }
        Err(e) => Err(e.unknown()),
    }
}

#[cfg(test)]
mod tests;
