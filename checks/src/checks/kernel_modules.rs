//! `kernel-modules`: Kernel modules are built in, loaded or loadable.

mod item;
pub(super) mod remedy;

use crate::{
    check::{Check, Meta},
    entry::Written,
    evidence::{Proof, Unknown},
    facts::modules::{ModuleState, fold},
    finding::{Finding, Findings, Severity},
    node::Node,
};
use item::ModuleRule;
use schemars::JsonSchema;
use serde::Deserialize;

/// Kernel modules are built in, loaded or loadable.
///
/// ## What it looks at
/// /proc/modules (loaded), modules.builtin and /sys/module (built in), modules.dep of the running release and the
/// files it names, those of the dependencies included (loadable), modules.alias (other names), and what forbids
/// loading: kernel.modules_disabled, `module_blacklist=` on the kernel's command line, `install NAME /bin/false`
/// in modprobe.d. Where a kernel has no modules at all, its configuration and /proc/filesystems tell what is
/// built in. Nothing is loaded.
///
/// Each module gets one finding: `built-in`, `loaded` and `loadable` pass; `blocked`, `missing` and `not-loaded`
/// do not. What could not be read leaves it undetermined: in a container without the host's /lib/modules a
/// module that is not loaded is not known to be missing.
///
/// ## Why it matters
/// A kernel configuration that says `=m` promises a module, not its file: minimal images, RHEL 10 without
/// kernel-modules-extra, and every machine whose running kernel was removed by an update lack it. Then the
/// container runtime cannot mount its images (overlay), or kube-proxy writes rules that the kernel refuses
/// (nf_conntrack, xt_*), long after the node has joined.
///
/// ## How to mend it
/// Install the package that holds the module, reboot into the kernel that is installed, or take the line out
/// that forbids it. `modprobe NAME` loads a module now, a line in /etc/modules-load.d/ at each boot.
///
/// ## Sources
/// modules.dep(5), modprobe.d(5), modules-load.d(5); Linux Documentation/ABI/stable/sysfs-module and
/// Documentation/admin-guide/kernel-parameters.txt (module_blacklist); kubernetes.io, container runtimes (overlay);
/// kubeadm#3025 (br_netfilter), kops#18724 (RHEL 10).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KernelModulesParams {
    /// Modules without which the node cannot carry the work. Default: overlay, nf_conntrack.
    pub required: Vec<Written<ModuleRule>>,
    /// Modules that are worth a warning when they cannot be had. Default: none.
    pub optional: Vec<Written<ModuleRule>>,
}

impl Default for KernelModulesParams {
    fn default() -> Self {
        let required = ["overlay", "nf_conntrack"].map(|name| Written(ModuleRule::named(name)));
        Self { required: required.into(), optional: Vec::new() }
    }
}

/// The check `kernel-modules`.
pub struct KernelModules;

impl Check for KernelModules {
    type Params = KernelModulesParams;

    const META: Meta = Meta {
        id: "kernel-modules",
        summary: "Kernel modules are built in, loaded or loadable",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn validate(params: &KernelModulesParams) -> Result<(), String> {
        item::validate(params.required.iter().chain(&params.optional).map(|item| &item.0))
    }

    fn run(params: &KernelModulesParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for (items, severity) in [(&params.required, Severity::Fail), (&params.optional, Severity::Warn)] {
            for Written(rule) in items {
                let finding = judge(rule, severity, node);
                out.push(finding.notes(rule.why.clone()));
            }
        }
        Ok(())
    }
}

fn judge(rule: &ModuleRule, severity: Severity, node: &Node) -> Finding {
    let subject = fold(&rule.name);
    if let Some(range) = &rule.kernel {
        match node.kernel_release() {
            Ok(release) if !range.contains(&release.version) => {
                let message = format!("{subject} is asked of kernels {range} only");
                return Finding::not_applicable(subject, message, [release.evidence.clone()]);
            }
            Ok(_) => {}
            Err(unknown) => {
                let message = format!("whether {subject} is asked of this kernel ({range}) is not known");
                return Finding::undetermined(severity, subject, "unknown", message, unknown);
            }
        }
    }
    let mut unknown = None;
    let mut own = None;
    for name in rule.names() {
        let state = node.module(name);
        if let Some(finding) = pass(rule, name, &state, node) {
            return finding;
        }
        if let ModuleState::Unknown(reason) = &state {
            unknown.get_or_insert_with(|| reason.clone());
        }
        own.get_or_insert(state);
    }
    // As long as one of the alternatives is not known, none of them is known to be missing.
    let state = unknown.map(ModuleState::Unknown).or(own);
    let finding = problem(rule, severity, state, node);
    if rule.any_of.is_empty() {
        finding
    } else {
        finding.note(format!("any of these would do as well: {}", rule.any_of.join(", ")))
    }
}

fn pass(rule: &ModuleRule, name: &str, state: &ModuleState, node: &Node) -> Option<Finding> {
    let subject = fold(&rule.name);
    let shown = fold(name);
    let instead = if shown == subject { String::new() } else { format!(", which does as well as {subject}") };
    let finding = match state {
        ModuleState::BuiltIn(proof) => {
            let message = format!("{shown} is built into the kernel{instead}");
            Finding::pass(subject, "built-in", message, proof.clone())
        }
        ModuleState::Loaded(proof) => {
            Finding::pass(subject, "loaded", format!("{shown} is loaded{instead}"), proof.clone())
        }
        ModuleState::Loadable(path, proof) if !rule.loaded => {
            let message = format!("{shown} is not loaded, but can be, from {path}{instead}");
            let finding = Finding::pass(subject, "loadable", message, proof.clone());
            match node.module_blacklisted(name) {
                Some(line) => finding.note(BLACKLISTED).evidence([line]),
                None => finding,
            }
        }
        _ => return None,
    };
    Some(finding)
}

/// modprobe passes over a blacklisted module only when it comes by an alias (modprobe(8), --use-blacklist);
/// systemd-modules-load asks for the blacklist to be applied to names as well (systemd, src/shared/module-util.c,
/// `KMOD_PROBE_APPLY_BLACKLIST`).
const BLACKLISTED: &str = "it is blacklisted: `modprobe` loads it by its name all the same, but the kernel does not on \
                           demand, nor systemd at boot from /etc/modules-load.d/";

fn problem(rule: &ModuleRule, severity: Severity, state: Option<ModuleState>, node: &Node) -> Finding {
    let name = fold(&rule.name);
    match state {
        Some(ModuleState::Loadable(path, proof)) => {
            // What is loadable may be loaded already where the list of loaded modules can't be read.
            if let Some(unknown) = node.read("/proc/modules").unknown() {
                let message = format!("whether {name} is loaded could not be determined");
                return Finding::undetermined(severity, name, "unknown", message, &unknown);
            }
            let message = format!("{name} has to be loaded and is not; it can be, from {path}");
            Finding::problem(severity, &name, "not-loaded", message)
                .evidence(proof.into_evidence())
                .remedy(node.on_the_host(remedy::load(&name)))
                .causes(format!("module:{name}"))
        }
        Some(ModuleState::Blocked(why, proof)) => blocked(name, severity, &why, proof, node),
        Some(ModuleState::Missing(proof)) => missing(name, severity, proof, node),
        Some(ModuleState::Unknown(unknown)) => {
            let message = format!("whether {name} can be had could not be determined");
            Finding::undetermined(severity, name, "unknown", message, &unknown)
        }
        // The others passed.
        Some(ModuleState::BuiltIn(proof) | ModuleState::Loaded(proof)) => {
            Finding::pass(&name, "loaded", format!("{name} is loaded"), proof)
        }
        None => {
            let unknown = Unknown::new("the rule names no module");
            Finding::undetermined(severity, name, "unknown", "nothing was looked for", &unknown)
        }
    }
}

fn blocked(name: String, severity: Severity, why: &str, proof: Proof, node: &Node) -> Finding {
    let evidence = proof.into_evidence();
    let remedy = node.on_the_host(remedy::unblock(&name, evidence.last()));
    let message = format!("{name} is on disk, but will not be loaded: {why}");
    let cause = format!("module:{name}");
    Finding::problem(severity, name, "blocked", message).evidence(evidence).remedy(remedy).causes(cause)
}

fn missing(name: String, severity: Severity, proof: Proof, node: &Node) -> Finding {
    let absence = remedy::Absence::of(&name, proof, node);
    let finding = Finding::problem(severity, name, "missing", absence.message)
        .evidence(absence.evidence)
        .remedy(node.on_the_host(absence.remedy));
    if absence.is_root { finding.causes(absence.cause) } else { finding.follows(absence.cause) }
}

#[cfg(test)]
mod tests;
