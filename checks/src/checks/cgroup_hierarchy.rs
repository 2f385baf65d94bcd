//! `cgroup-hierarchy`: the cgroup layout is one that the kubelet accepts.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{
        cgroup::{CGROUP_ROOT, Layout, LayoutKind},
        environment,
    },
    finding::{Finding, Findings, Remedy, Severity},
    node::Node,
    range::leading_version,
};
use schemars::JsonSchema;
use semver::Version;
use serde::Deserialize;

/// The cgroup layout of the node is one that the kubelet accepts.
///
/// ## What it looks at
/// The mounts that can be seen in `/proc/self/mountinfo` (of several on one path the last one counts), their file
/// system types, and on a live node statfs(2) of `/sys/fs/cgroup`. What lies on `/sys/fs/cgroup` decides, because
/// the kubelet and the container runtimes look there and nowhere else. A cgroup2 mount somewhere else, such as the
/// private one of a network plugin, makes no node v2.
///
/// - `v2`: cgroup2 on `/sys/fs/cgroup`.
/// - `v1`: version 1 hierarchies.
/// - `hybrid`: version 1 hierarchies, with a cgroup2 beside them; the kubelet treats such a node as v1.
/// - `none`: no cgroup file system at all.
///
/// ## Why it matters
/// A kubelet of Kubernetes 1.35 or later does not start on cgroup v1 (`failCgroupV1` is true by default); from 1.31 to
/// 1.34 version 1 is in maintenance mode and gets no new features; version 2 is stable since 1.25. systemd 256 refuses
/// to boot with v1 unless forced, systemd 258 has no support for it.
///
/// ## How to mend it
/// Boot with `systemd.unified_cgroup_hierarchy=1` on the kernel command line, or with a distribution that uses
/// version 2 by default (Debian 11, Ubuntu 21.10, Fedora 31, RHEL 9 and later). With OpenRC set
/// `rc_cgroup_mode="unified"` in `/etc/rc.conf`. On WSL2 add
/// `kernelCommandLine = cgroup_no_v1=all` to the section `[wsl2]` of `.wslconfig`.
///
/// ## Sources
/// KEP-5573 and Kubernetes documentation, "About cgroup v2"; system-validators v1.12.1; runc, `IsCgroup2UnifiedMode`;
/// the NEWS of systemd 256 to 258.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct CgroupHierarchyParams {
    /// The layouts that are good: `v2`, `v1`, `hybrid`. Without it, the kubelet's own rules for
    /// `kubernetesVersion` decide.
    pub accept: Option<Vec<LayoutKind>>,
    /// The version of Kubernetes that the node will run, for example `1.35`. Without it, the newest rules hold.
    pub kubernetes_version: Option<String>,
}

/// The check `cgroup-hierarchy`.
pub struct CgroupHierarchy;

const SUBJECT: &str = "layout";
/// A kubelet from here on does not start on cgroup v1 (KEP-5573; kubernetes 1.35).
const REFUSED_SINCE: Version = Version::new(1, 35, 0);
/// From here on cgroup v1 is in maintenance mode (kubernetes 1.31).
const MAINTENANCE_SINCE: Version = Version::new(1, 31, 0);
/// From here on cgroup v2 is stable (kubernetes 1.25).
const V2_STABLE_SINCE: Version = Version::new(1, 25, 0);

impl Check for CgroupHierarchy {
    type Params = CgroupHierarchyParams;

    const META: Meta = Meta {
        id: "cgroup-hierarchy",
        summary: "The cgroup layout is one that the kubelet accepts",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn validate(params: &CgroupHierarchyParams) -> Result<(), String> {
        if let Some(text) = &params.kubernetes_version
            && leading_version(text).is_none()
        {
            return Err(format!("kubernetesVersion `{text}` is no version; write for example `1.35`"));
        }
        match &params.accept {
            Some(accept) if accept.is_empty() => Err("`accept` is empty: no node could pass".into()),
            Some(accept) if accept.contains(&LayoutKind::None) => {
                Err("`accept` names `none`: without cgroups no container can run".into())
            }
            _ => Ok(()),
        }
    }

    fn run(params: &CgroupHierarchyParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let layout = node.cgroup_layout().as_ref().map_err(Clone::clone)?;
        let finding = judge(params, layout, node);
        out.push(finding.notes(remarks(layout, node)));
        Ok(())
    }
}

fn judge(params: &CgroupHierarchyParams, layout: &Layout, node: &Node) -> Finding {
    let kind = layout.kind;
    let evidence = || layout.evidence.iter().cloned();
    if kind == LayoutKind::None {
        return Finding::problem(Severity::Fail, SUBJECT, "none", "no cgroup file system is mounted")
            .note("without cgroups the kubelet does not start and no container can be run")
            .evidence(evidence())
            .remedy(mount_remedy())
            .causes("cgroup-mount");
    }
    if let Some(mount) = layout.unified.as_ref().filter(|m| kind == LayoutKind::V2 && m.point != CGROUP_ROOT)
    {
        let message = format!("cgroup2 is mounted on {}, not on {CGROUP_ROOT}", mount.point);
        return Finding::problem(Severity::Fail, SUBJECT, "elsewhere", message)
            .note(format!("the kubelet and the container runtimes look on {CGROUP_ROOT} and nowhere else"))
            .evidence(evidence())
            .remedy(mount_remedy())
            .causes("cgroup-mount");
    }
    let pass = |reason: &'static str, message: String| {
        let mut seen = evidence();
        let first = seen.next().unwrap_or_else(|| Evidence::new(CGROUP_ROOT, kind.as_str()));
        Finding::pass(SUBJECT, reason, message, Proof::new(first).and_all(seen))
    };
    let refuse = |severity, reason, message: String| {
        Finding::problem(severity, SUBJECT, reason, message).evidence(evidence()).remedy(v2_remedy(node))
    };
    if let Some(accept) = &params.accept {
        if accept.contains(&kind) {
            return pass(kind.as_str(), format!("the cgroup layout is {}", kind.as_str()));
        }
        let wanted: Vec<&str> = accept.iter().map(|k| k.as_str()).collect();
        let message =
            format!("the cgroup layout is {}; the policy accepts {}", kind.as_str(), wanted.join(", "));
        return refuse(Severity::Fail, "not-accepted", message);
    }
    by_kubelet(params, kind, pass, refuse)
}

/// The kubelet's own rules.
fn by_kubelet(
    params: &CgroupHierarchyParams,
    kind: LayoutKind,
    pass: impl Fn(&'static str, String) -> Finding,
    refuse: impl Fn(Severity, &'static str, String) -> Finding,
) -> Finding {
    let version = params.kubernetes_version.as_deref().and_then(leading_version);
    let named = params.kubernetes_version.as_deref();
    if kind == LayoutKind::V2 {
        let finding = pass("v2", "the cgroup layout is v2".into());
        return match version.filter(|v| *v < V2_STABLE_SINCE) {
            Some(_) => finding.note("Kubernetes supports cgroup v2 as stable only since 1.25"),
            None => finding,
        };
    }
    let kubelet =
        named.map_or("a kubelet of Kubernetes 1.35 or later".to_owned(), |v| format!("the kubelet {v}"));
    let layout = match kind {
        LayoutKind::Hybrid => "hybrid, which the kubelet takes for cgroup v1",
        _ => "cgroup v1",
    };
    match version {
        Some(v) if v < MAINTENANCE_SINCE => {
            pass(kind.as_str(), format!("the cgroup layout is {layout}; {kubelet} supports that"))
        }
        Some(v) if v < REFUSED_SINCE => refuse(
            Severity::Warn,
            "maintenance",
            format!("the cgroup layout is {layout}; for {kubelet} that is in maintenance mode"),
        )
        .note("a kubelet from 1.35 on will refuse to start here (failCgroupV1 is true by default)"),
        _ => refuse(
            Severity::Fail,
            "refused",
            format!("the cgroup layout is {layout}; {kubelet} refuses to start on it"),
        )
        .note(
            "the kubelet's failCgroupV1 is true by default since 1.35; its code for v1 may go from 1.38 on",
        ),
    }
}

/// What else is worth knowing of a layout.
fn remarks(layout: &Layout, node: &Node) -> Vec<String> {
    let mut notes = Vec::new();
    for mount in &layout.private {
        notes.push(format!("the cgroup2 mount on {} is a private one and does not count", mount.point));
    }
    if layout.kind == LayoutKind::V2 {
        let taken: Vec<&str> =
            layout.legacy.iter().flat_map(|(_, names)| names).map(String::as_str).collect();
        if !taken.is_empty() {
            notes.push(format!(
                "cgroup v1 mounts beside it take controllers away from v2: {}",
                taken.join(", ")
            ));
        }
    }
    if let Some(mount) = layout.unified.as_ref().filter(|m| m.has_option("ro")) {
        notes.push(format!(
            "cgroup2 on {} is mounted read-only here: this looks like the inside of a container",
            mount.point
        ));
    }
    if matches!(layout.kind, LayoutKind::V1 | LayoutKind::Hybrid) {
        notes
            .push("systemd 256 boots into such a layout only when forced, and systemd 258 not at all".into());
        if node.environment().kind == environment::Kind::Wsl {
            notes.push(
                "WSL2 boots hybrid by default; `kernelCommandLine = cgroup_no_v1=all` in .wslconfig gives v2"
                    .into(),
            );
        }
    }
    notes
}

/// How to get cgroup v2: who mounts the hierarchies at boot differs.
fn v2_remedy(node: &Node) -> Remedy {
    if node.environment().kind == environment::Kind::Wsl {
        // WSL has no boot loader, and its own init mounts (microsoft/WSL#6662, #11857).
        return Remedy::new("Boot WSL2 into cgroup v2: give its kernel `cgroup_no_v1=all`.")
            .command("wsl --shutdown   # on Windows, after the change")
            .persistent("%UserProfile%\\.wslconfig: [wsl2] kernelCommandLine = cgroup_no_v1=all")
            .reboot();
    }
    if node.kind("/sbin/openrc").is_ok() {
        return Remedy::new("Let OpenRC mount cgroup v2 alone, and reboot.")
            .command("rc-update add cgroups boot")
            .persistent("/etc/rc.conf: rc_cgroup_mode=\"unified\"")
            .reboot();
    }
    Remedy::new(
        "Boot into cgroup v2: give the kernel `systemd.unified_cgroup_hierarchy=1`, and `cgroup_no_v1=all` where \
         something still mounts v1.",
    )
    .persistent("/etc/default/grub: GRUB_CMDLINE_LINUX; then update-grub or grub2-mkconfig")
    .reboot()
}

fn mount_remedy() -> Remedy {
    Remedy::new(format!(
        "Mount cgroup2 on {CGROUP_ROOT}; systemd does so at boot, other inits have a service for it."
    ))
    .command(format!("mount -t cgroup2 cgroup2 {CGROUP_ROOT}"))
    .persistent(format!(
        "/etc/fstab: cgroup2 {CGROUP_ROOT} cgroup2 rw,nosuid,nodev,noexec,relatime,nsdelegate 0 0"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Outcome, node::Memory};

    const V2: &str = "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0";
    const V1: &str = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0";
    const HYBRID: &str =
        "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0";
    const NONE: &str = "tmpfs /sys/fs/cgroup tmpfs rw 0 0";

    fn run(mounts: &str, accept: Option<&[LayoutKind]>, kubernetes: Option<&str>) -> Finding {
        let params = CgroupHierarchyParams {
            accept: accept.map(<[_]>::to_vec),
            kubernetes_version: kubernetes.map(str::to_owned),
        };
        CgroupHierarchy::validate(&params).unwrap();
        let node = Node::in_memory(Memory::new().file("/proc/self/mounts", mounts));
        let mut out = Findings::default();
        CgroupHierarchy::run(&params, &node, &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    fn verdict(finding: &Finding) -> &'static str {
        match (finding.outcome(), finding.severity()) {
            (Outcome::Pass, _) => "pass",
            (Outcome::Problem, Severity::Fail) => "fail",
            (Outcome::Problem, Severity::Warn) => "warn",
            _ => "other",
        }
    }

    #[test]
    fn the_kubelets_rules_by_version() {
        for (mounts, kubernetes, want) in [
            (V2, None, "pass"),
            (V2, Some("1.24"), "pass"),
            (V1, None, "fail"),
            (V1, Some("1.36"), "fail"),
            // cases-sysval-cgroups.yaml, kubelet_refuses_v1
            (V1, Some("1.35.0-alpha.1"), "fail"),
            (V1, Some("1.35.1"), "fail"),
            (V1, Some("1.34.7"), "warn"),
            (HYBRID, Some("1.31"), "warn"),
            (HYBRID, Some("1.35"), "fail"),
            (V1, Some("1.30.2"), "pass"),
            (NONE, Some("1.30"), "fail"),
        ] {
            assert_eq!(verdict(&run(mounts, None, kubernetes)), want, "{mounts} {kubernetes:?}");
        }
    }

    #[test]
    fn the_remedy_is_that_of_who_mounts() {
        let persistent = |memory: Memory| {
            let node = Node::in_memory(memory.file("/proc/self/mounts", HYBRID));
            let mut out = Findings::default();
            CgroupHierarchy::run(&CgroupHierarchyParams::default(), &node, &mut out).unwrap();
            out.into_inner().remove(0).0.mend().unwrap().persistent.concat()
        };
        let wsl = Memory::new().file("/proc/sys/kernel/osrelease", "5.15.167.4-microsoft-standard-WSL2\n");
        assert!(persistent(wsl).contains(".wslconfig"));
        assert!(persistent(Memory::new().file("/sbin/openrc", "")).contains("rc_cgroup_mode"));
        assert!(persistent(Memory::new()).contains("GRUB"));
    }

    #[test]
    fn the_policy_may_accept_what_it_likes() {
        assert_eq!(verdict(&run(HYBRID, Some(&[LayoutKind::V1, LayoutKind::Hybrid]), Some("1.36"))), "pass");
        assert_eq!(run(V2, Some(&[LayoutKind::V1]), None).reason(), "not-accepted");
    }

    #[test]
    fn nothing_mounted_is_a_cause_and_elsewhere_does_not_count() {
        let none = run(NONE, None, None);
        assert!(none.cause().is_some_and(|c| c.is_root && c.name == "cgroup-mount"));
        let elsewhere = run("none /run/cilium/cgroupv2 cgroup2 rw 0 0", None, None);
        assert_eq!((verdict(&elsewhere), elsewhere.reason()), ("fail", "elsewhere"));
        let private = run(&format!("{V1}\nnone /run/cilium/cgroupv2 cgroup2 rw 0 0"), None, Some("1.30"));
        assert!(private.all_notes().iter().any(|n| n.contains("/run/cilium/cgroupv2")));
    }

    #[test]
    fn no_mounts_is_undetermined() {
        let node = Node::in_memory(Memory::new());
        let result = CgroupHierarchy::run(&CgroupHierarchyParams::default(), &node, &mut Findings::default());
        assert!(result.is_err());
    }

    #[test]
    fn parameters_that_make_no_sense_are_refused() {
        let refused = |accept: Option<Vec<LayoutKind>>, version: Option<&str>| {
            let params = CgroupHierarchyParams { accept, kubernetes_version: version.map(str::to_owned) };
            CgroupHierarchy::validate(&params).is_err()
        };
        assert!(refused(None, Some("foo")));
        assert!(refused(Some(vec![]), None));
        assert!(refused(Some(vec![LayoutKind::None]), None));
    }
}
