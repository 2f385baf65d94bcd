//! `namespaces`: The namespaces that containers are made of exist and are not limited away.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{cgroup::LayoutKind, kernel_config::Setting, namespaces::Namespace},
    finding::{Finding, Findings, Remedy, Severity},
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashSet;

/// The namespaces that containers are made of exist and are not limited away.
///
/// ## What it looks at
/// /proc/self/ns, which has one entry for each type of namespace that the running kernel has, and
/// /proc/sys/user/max_NAME_namespaces, the number that each user (root included) may make. No kernel configuration
/// is needed; where one can be read, it tells why a type is absent. Notes say what else bars users other than root
/// from making user namespaces. No namespace is made.
///
/// `available` passes; `missing` (not in this kernel) and `disabled` (a limit of 0) do not; `low` warns.
///
/// ## Why it matters
/// A container is a process in namespaces of its own: mnt, uts, ipc, pid and net for every pod, cgroup on cgroup
/// v2. user is needed for pods with `hostUsers: false` and for rootless runtimes only; hardening guides set
/// user.max_user_namespaces to 0. A pod takes one uts, ipc and net namespace, and each of its containers an mnt, pid
/// and cgroup one: a limit far below that stops pods from starting although memory and processors are free.
///
/// ## How to mend it
/// `sysctl -w user.max_net_namespaces=N`, and the same line in a file of /etc/sysctl.d/. A type that the kernel
/// was built without needs another kernel.
///
/// ## Sources
/// namespaces(7), user_namespaces(7), cgroup_namespaces(7); Linux Documentation/admin-guide/sysctl/user.rst;
/// podman-create(1), --cgroupns (private on cgroup v2, host on v1); KEP-127 and kubernetes.io, User Namespaces
/// (Linux 6.5 by its page, 6.3 for tmpfs with mapped ids; beta and on by default since 1.33).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct NamespacesParams {
    /// Types without which the node cannot carry the work. Default: mnt, uts, ipc, pid, net, cgroup.
    pub required: Vec<Namespace>,
    /// Types that are worth a warning when they cannot be had. Default: user.
    pub optional: Vec<Namespace>,
    /// The least number of namespaces of a type that a user should be allowed, below which there is a warning.
    /// Default: 1024, which leaves room for the kubelet's 110 pods with eight containers each.
    pub limit: u64,
}

impl Default for NamespacesParams {
    fn default() -> Self {
        use Namespace::{Cgroup, Ipc, Mnt, Net, Pid, User, Uts};
        Self { required: vec![Mnt, Uts, Ipc, Pid, Net, Cgroup], optional: vec![User], limit: 1024 }
    }
}

/// The check `namespaces`.
pub struct Namespaces;

impl Check for Namespaces {
    type Params = NamespacesParams;

    const META: Meta = Meta {
        id: "namespaces",
        summary: "The namespaces that containers are made of exist and are not limited away",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn validate(params: &NamespacesParams) -> Result<(), String> {
        let mut seen = HashSet::new();
        for namespace in params.required.iter().chain(&params.optional) {
            if !seen.insert(namespace) {
                return Err(format!("`{}` is named twice", namespace.as_str()));
            }
        }
        if seen.is_empty() {
            return Err("no namespace is named; write some under `required` or `optional`".into());
        }
        Ok(())
    }

    fn run(params: &NamespacesParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for (types, severity) in [(&params.required, Severity::Fail), (&params.optional, Severity::Warn)] {
            for &namespace in types {
                let severity = if needless(namespace, node) { Severity::Warn } else { severity };
                let finding = judge(namespace, severity, params.limit, node);
                out.push(notes(finding, namespace, node));
            }
        }
        Ok(())
    }
}

/// On cgroup v1 containers share the host's cgroup namespace: podman and the CRI runtimes make a private one on
/// v2 only (podman-create(1), --cgroupns).
fn needless(namespace: Namespace, node: &Node) -> bool {
    let v1 = |kind| matches!(kind, LayoutKind::V1 | LayoutKind::Hybrid);
    namespace == Namespace::Cgroup && node.cgroup_layout().as_ref().is_ok_and(|layout| v1(layout.kind))
}

fn judge(namespace: Namespace, severity: Severity, least: u64, node: &Node) -> Finding {
    let name = namespace.as_str();
    let unknown = |unknown: &Unknown| {
        let message = format!("whether {name} namespaces can be made could not be determined");
        Finding::undetermined(severity, name, "unknown", message, unknown)
    };
    let known = match node.namespaces() {
        Ok(known) => known,
        Err(why) => {
            return match not_configured(namespace, node) {
                Some((option, evidence)) => missing(namespace, severity, Some(option), vec![evidence]),
                None => unknown(why),
            };
        }
    };
    let seen = known.evidence(namespace);
    if !known.has(namespace) {
        let (option, config) = not_configured(namespace, node).unzip();
        return missing(namespace, severity, option, [seen].into_iter().chain(config).collect());
    }
    match node.namespace_limit(namespace) {
        Err(why) => unknown(&why),
        Ok(None) => pass(name, "this kernel has no limit for them (that came with 4.9)", seen),
        Ok(Some((0, limit))) => limited(namespace, severity, least, "disabled", [seen, limit]),
        Ok(Some((number, limit))) if number < least => {
            limited(namespace, Severity::Warn, least, "low", [seen, limit])
        }
        Ok(Some((number, limit))) => {
            pass(name, &format!("each user may make {number} of them"), Proof::new(seen).and(limit))
        }
    }
}

fn pass(name: &str, limit: &str, proof: impl Into<Proof>) -> Finding {
    Finding::pass(name, "available", format!("the kernel has {name} namespaces, and {limit}"), proof)
}

fn missing(
    namespace: Namespace,
    severity: Severity,
    not_set: Option<&'static str>,
    evidence: Vec<Evidence>,
) -> Finding {
    let name = namespace.as_str();
    let message = match not_set {
        Some(option) => format!("this kernel was built without {name} namespaces: {option} is not set"),
        None => format!("this kernel has no {name} namespaces"),
    };
    let remedy = match namespace.option() {
        Some(option) => format!("Boot a kernel that was built with {option}"),
        None => "Boot another kernel".to_owned(),
    };
    let finding = Finding::problem(severity, name, "missing", message)
        .evidence(evidence)
        .remedy(Remedy::new(remedy).reboot());
    match not_set {
        Some(option) => finding.follows(option),
        None => finding,
    }
}

/// The option behind the type, where the running kernel's configuration says that it is not set.
fn not_configured(namespace: Namespace, node: &Node) -> Option<(&'static str, Evidence)> {
    let option = namespace.option()?;
    let config = node.kernel_config().as_ref().ok()?;
    (config.get(option) == Setting::NotSet).then(|| (option, config.evidence(option)))
}

fn limited(
    namespace: Namespace,
    severity: Severity,
    least: u64,
    reason: &'static str,
    [seen, limit]: [Evidence; 2],
) -> Finding {
    let name = namespace.as_str();
    let sysctl = format!("user.max_{name}_namespaces");
    let message = if reason == "disabled" {
        format!("{sysctl} is 0: no {name} namespace can be made, not by root either")
    } else {
        format!(
            "{sysctl} is {}: each user may make no more than that, and {least} are wanted",
            limit.observed
        )
    };
    // The kernel's own default is half of the processes that it allows (kernel/fork.c); anything lower was set.
    let generous = least.max(65_536);
    Finding::problem(severity, name, reason, message).evidence([seen, limit]).remedy(
        Remedy::new(format!("Raise {sysctl}; something under /etc/sysctl.d set it"))
            .command(format!("sysctl -w {sysctl}={generous}"))
            .persistent(format!("echo '{sysctl} = {generous}' > /etc/sysctl.d/90-{name}-namespaces.conf")),
    )
}

/// What else is worth knowing of user namespaces, and of cgroup namespaces on v1.
fn notes(finding: Finding, namespace: Namespace, node: &Node) -> Finding {
    match namespace {
        Namespace::User => {
            let purpose = "needed for pods with `hostUsers: false` and for rootless runtimes only";
            bars(node).into_iter().fold(finding.note(purpose), |finding, (bar, evidence)| {
                finding.note(bar).evidence([evidence])
            })
        }
        Namespace::Cgroup if needless(namespace, node) => {
            finding.note("containers on cgroup v1 share the host's cgroup namespace: it is needed on v2 only")
        }
        _ => finding,
    }
}

/// What keeps users other than root from making user namespaces. Container runtimes that run as root are not
/// concerned.
fn bars(node: &Node) -> Vec<(&'static str, Evidence)> {
    [
        // Debian's and Ubuntu's own patch; no such file elsewhere.
        (
            "/proc/sys/kernel/unprivileged_userns_clone",
            "0",
            "only root may make user namespaces (kernel.unprivileged_userns_clone is 0): rootless runtimes \
             will not work, others do",
        ),
        // Ubuntu since 23.10.
        (
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "AppArmor keeps users other than root from using user namespaces \
             (kernel.apparmor_restrict_unprivileged_userns is 1): rootless runtimes need a profile, others do not",
        ),
    ]
    .into_iter()
    .filter_map(|(path, barred, note)| {
        let read = node.read(path);
        read.text().is_ok_and(|t| t.trim() == barred).then(|| (note, read.quote(barred)))
    })
    .collect()
}

#[cfg(test)]
mod tests;
