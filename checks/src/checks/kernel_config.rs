//! `kernel-config`: The kernel was built with the options that containers need.

mod judge;
mod options;
mod params;

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::kernel_config::{KernelConfig, Tie},
    finding::{Finding, Findings, Severity},
    node::Node,
};
use judge::Judge;
use params::{Entry, validate};
use schemars::JsonSchema;
use serde::Deserialize;

/// The kernel was built with the options that containers need.
///
/// An item of a list is the name of an option (with or without `CONFIG_`) or a map that says more:
///
/// ```yaml
/// required:
///   - CGROUPS
///   - { option: NETFILTER_XT_TARGET_REDIRECT, aliases: [IP_NF_TARGET_REDIRECT] }
///   - { option: CGROUP_BPF, cgroup: v2, why: On cgroup v2 runtimes control devices with BPF programs. }
/// optional:
///   - { option: NR_CPUS, minimum: 16 }
/// forbidden:
///   - { option: RT_GROUP_SCHED, cgroup: v2, why: It keeps the cpu controller from being enabled. }
/// ```
///
/// ## What it looks at
/// The first of these files that is whole and belongs to the running release `REL` (finding `source` says
/// which): `/proc/config.gz`, `/boot/config-REL`, `/usr/lib/modules/REL/config`, `/lib/modules/REL/config`,
/// `/usr/lib/ostree-boot/config-REL`, `/usr/lib/kernel/config-REL`, `/usr/src/linux-REL/.config`,
/// `/usr/src/linux-headers-REL/.config`, `/lib/modules/REL/build/.config`, `/usr/src/linux/.config`. The
/// next one is tried where one is missing, unreadable, empty, corrupt or truncated (gzip that fails its
/// checksum; text that ends in the middle of a line, holds NUL bytes, or ends menus but not the last one,
/// `Kernel hacking`), or where its header names another version of Linux. `/usr/src/linux/.config` is not
/// tied to the running kernel by its path, so it counts only if its header names the running release. Where
/// no file counts, nothing is concluded: one undetermined finding lists every place and why it was passed
/// over, and the functional checks (`cgroup-controllers`, `filesystems`, `namespaces`, `kernel-modules`)
/// tell the rest.
///
/// An option is built in (`=y`), a module (`=m`), a text or a number, not set (`# CONFIG_X is not set`,
/// `=n`), or absent: then this kernel does not know it, or what it depends on is off. `=m` passes only if
/// the module is part of the kernel, loaded, or can be loaded. One of an option's aliases is enough; what
/// is missing is reported under the option's own name. An item that is asked under another cgroup layout,
/// kernel or architecture only is reported as not applicable. Items with `cgroup: v1` are asked on v1 and
/// on the hybrid layout, where the kubelet uses the v1 hierarchies; items with `cgroup: v2` on v2 alone.
/// The architecture is the one that the configuration itself was made for.
///
/// ## Why it matters
/// An option that the kernel was built without can't be switched on later. The kubelet or the runtime then
/// fails with a message that does not name it: `missing required cgroups`, `unknown filesystem type
/// overlay`, `Extension comment revision 0 not supported, missing kernel module`. The configuration is a
/// hint all the same: where another check shows that something works, it works.
///
/// ## How to mend it
/// Boot a kernel that has the option: another kernel package of the distribution, or an own build. A module
/// that is missing is often in a package of its own: `kernel-modules-extra` on RHEL 10 and its rebuilds
/// (xt_comment, br_netfilter, ip_set), `linux-modules-extra-…` on Ubuntu. If the configuration can't be
/// found, take a kernel with `CONFIG_IKCONFIG_PROC`, or provide `/boot/config-REL`; in a container mount
/// the host's `/boot`.
///
/// ## Sources
/// - Linux: scripts/kconfig/confdata.c (the format), init/Kconfig, net/netfilter/Kconfig, the Makefiles
/// - k8s.io/system-validators v1.12.1, `DefaultSysSpec` (kubeadm's list)
/// - k0s `sysinfo`, k3s and moby `check-config` (further options and places)
/// - kops#18724, rke2#8498 (`=m` without the module on RHEL 10)
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KernelConfigCheckParams {
    /// Options without which the node can't carry work: a failure.
    required: Vec<Entry>,
    /// Options without which the node can do less: a warning.
    optional: Vec<Entry>,
    /// Options that shall be off, with all their aliases: a failure. With a `value`, only that value is
    /// forbidden.
    forbidden: Vec<Entry>,
}

/// The check `kernel-config`.
pub struct KernelConfigCheck;

impl Check for KernelConfigCheck {
    type Params = KernelConfigCheckParams;

    const META: Meta = Meta {
        id: "kernel-config",
        summary: "The kernel was built with the options that containers need",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn validate(params: &KernelConfigCheckParams) -> Result<(), String> {
        validate([
            ("required", &params.required),
            ("optional", &params.optional),
            ("forbidden", &params.forbidden),
        ])
    }

    fn run(params: &KernelConfigCheckParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let config = node.kernel_config().as_ref().map_err(Unknown::clone)?;
        out.push(source(config));
        let release = node.kernel_release();
        let layout = || node.cgroup_layout().as_ref().map(|layout| layout.kind).map_err(Unknown::clone);
        let module = |name: &str| node.module(name);
        let judge = |severity| Judge { config, release, layout: &layout, module: &module, severity };
        for Entry(item) in &params.required {
            out.push(judge(Severity::Fail).wanted(item));
        }
        for Entry(item) in &params.optional {
            out.push(judge(Severity::Warn).wanted(item));
        }
        for Entry(item) in &params.forbidden {
            out.push(judge(Severity::Fail).forbidden(item));
        }
        Ok(())
    }
}

/// Says which file was read, and what ties it to the running kernel.
fn source(config: &KernelConfig) -> Finding {
    let path = config.path();
    let (reason, tie) = match config.tie() {
        Tie::Running => ("running-kernel", "it comes from the running kernel itself"),
        Tie::Path => ("named-for-release", "it is named for the running release"),
        Tie::Header => ("header-names-release", "its header names the running release"),
    };
    let read = Evidence::new(path, format!("{} lines that name an option", config.options()));
    let proof = Proof::new(read).and_all(config.passed_over().iter().cloned());
    Finding::pass("source", reason, format!("the kernel's configuration is read from {path}: {tie}"), proof)
        .notes(config.notes().iter().cloned())
}

#[cfg(test)]
mod tests;
