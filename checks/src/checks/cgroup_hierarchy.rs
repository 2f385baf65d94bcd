//! `cgroup-hierarchy`: the cgroup layout is one that the kubelet accepts.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{
        boot_loader::{Carrier, Edit},
        boot_parameters::BootParameter,
        cgroup::{CGROUP_ROOT, Layout, LayoutKind},
        environment,
        kubernetes::{self, CGROUP_V1, CGROUP_V2, NEWEST, Stage, short},
        systemd::Legacy,
    },
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, Origin},
    range::leading_version,
};
use schemars::JsonSchema;
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
/// to boot with v1 unless forced, 257 ignores the wish and boots into v2, and 258 has no support for it; a note says
/// what the systemd of this node does, and which words of the kernel command line ask for v1.
///
/// ## How to mend it
/// Take `systemd.unified_cgroup_hierarchy=0` out of the kernel command line, or boot with
/// `systemd.unified_cgroup_hierarchy=1`; the finding names the file of the boot loader where it could be told. Or take a
/// distribution that uses version 2 by default (Debian 11, Ubuntu 21.10, Fedora 31, RHEL 9 and later). With OpenRC set
/// `rc_cgroup_mode="unified"` in `/etc/rc.conf`. On WSL2 add
/// `kernelCommandLine = cgroup_no_v1=all` to the section `[wsl2]` of `.wslconfig`.
///
/// ## Sources
/// KEP-5573 and Kubernetes documentation, "About cgroup v2"; system-validators v1.12.1; runc, `IsCgroup2UnifiedMode`;
/// the NEWS of systemd 256 to 258 and systemd/systemd#34999.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct CgroupHierarchyParams {
    /// The layouts that are good: `v2`, `v1`, `hybrid`. Without it, the kubelet's own rules for
    /// `kubernetesVersion` decide.
    pub accept: Option<Vec<LayoutKind>>,
    /// The version of Kubernetes that the node will run, for example `1.35`. Without it, the newest rules hold.
    pub kubernetes_version: Option<String>,
    /// What the kubelet is told by failCgroupV1: `true`, `false`, or an empty word, as of an input that is not set, for its
    /// default. With `false` a layout of version 1 is a warning as long as the kubelet has code for it.
    pub fail_cgroup_v1: String,
}

/// The check `cgroup-hierarchy`.
pub struct CgroupHierarchy;

const SUBJECT: &str = "layout";
/// What asks systemd for cgroup v2 (systemd(1)).
const UNIFIED: &str = "systemd.unified_cgroup_hierarchy=1";

impl Check for CgroupHierarchy {
    type Params = CgroupHierarchyParams;

    const META: Meta = Meta {
        id: "cgroup-hierarchy",
        summary: "The cgroup layout is one that the kubelet accepts",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn validate(params: &CgroupHierarchyParams) -> Result<(), String> {
        params.kubernetes_version.as_deref().map(kubernetes::parse).transpose()?;
        if !["", "true", "false"].contains(&params.fail_cgroup_v1.as_str()) {
            return Err(format!("failCgroupV1 `{}` is neither true nor false", params.fail_cgroup_v1));
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
            .causes(kind.cause());
    }
    if let Some(mount) = layout.unified.as_ref().filter(|m| kind == LayoutKind::V2 && m.point != CGROUP_ROOT)
    {
        let message = format!("cgroup2 is mounted on {}, not on {CGROUP_ROOT}", mount.point);
        return Finding::problem(Severity::Fail, SUBJECT, "elsewhere", message)
            .note(format!("the kubelet and the container runtimes look on {CGROUP_ROOT} and nowhere else"))
            .evidence(evidence())
            .remedy(mount_remedy())
            .causes(kind.cause());
    }
    let pass = |reason: &'static str, message: String| {
        let mut seen = evidence();
        let first = seen.next().unwrap_or_else(|| Evidence::new(CGROUP_ROOT, kind.as_str()));
        Finding::pass(SUBJECT, reason, message, Proof::new(first).and_all(seen))
    };
    let refuse = |severity, reason, message: String| {
        let asked = asked_for(node).flat_map(|p| {
            [Some(p.evidence.clone()), node.boot_loader().evidence_of(&p.word)].into_iter().flatten()
        });
        // What asks for it before the mounts that it led to.
        Finding::problem(severity, SUBJECT, reason, message)
            .evidence(asked)
            .evidence(evidence())
            .remedy(v2_remedy(node))
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
    let named = params.kubernetes_version.as_deref();
    let version = named.and_then(leading_version);
    if kind == LayoutKind::V2 {
        let finding = pass("v2", "the cgroup layout is v2".into());
        let stable = CGROUP_V2.first(Stage::Stable).filter(|step| version.is_some_and(|v| v < step.since));
        return finding.notes(stable.map(|step| {
            format!("Kubernetes supports cgroup v2 as stable only since {}", short(&step.since))
        }));
    }
    let refused = CGROUP_V1.first(Stage::Refused).map(|step| short(&step.since)).unwrap_or_default();
    let kubelet = named.map_or_else(
        || format!("a kubelet of Kubernetes {refused} or later"),
        |v| format!("the kubelet {v}"),
    );
    let layout = match kind {
        LayoutKind::Hybrid => "hybrid, which the kubelet takes for cgroup v1",
        _ => "cgroup v1",
    };
    let told = params.fail_cgroup_v1.as_str();
    let step = CGROUP_V1.at(&version.unwrap_or(NEWEST));
    match step.map(|step| step.stage) {
        Some(Stage::Stable) => {
            pass(kind.as_str(), format!("the cgroup layout is {layout}; {kubelet} supports that"))
        }
        Some(Stage::Maintenance | Stage::Refused) if told == "false" => refuse(
            Severity::Warn,
            "tolerated",
            format!(
                "the cgroup layout is {layout}; {kubelet} starts on it only because failCgroupV1 is false"
            ),
        )
        .causes(kind.cause())
        .note("version 1 gets no new features, and the kubelet's code for it will go"),
        Some(Stage::Maintenance) if told != "true" => refuse(
            Severity::Warn,
            "maintenance",
            format!("the cgroup layout is {layout}; for {kubelet} that is in maintenance mode"),
        )
        .causes(kind.cause())
        .note(format!(
            "a kubelet from {refused} on will refuse to start here (failCgroupV1 is true by default)"
        )),
        _ => {
            let gone = CGROUP_V1.first(Stage::Removed).map(|step| short(&step.since));
            let gone = gone.map(|since| format!("; its code for v1 may go from {since} on"));
            refuse(
                Severity::Fail,
                "refused",
                format!("the cgroup layout is {layout}; {kubelet} refuses to start on it"),
            )
            .note(format!(
                "the kubelet's failCgroupV1 is true by default since {refused}{}",
                gone.unwrap_or_default()
            ))
            .causes(kind.cause())
        }
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
        notes.push(of_systemd(node));
        if node.environment().kind == environment::Kind::Wsl {
            notes.push(
                "WSL2 boots hybrid by default; `kernelCommandLine = cgroup_no_v1=all` in .wslconfig gives v2"
                    .into(),
            );
        }
    }
    notes.extend(asked_for(node).map(|p| {
        let why = p.notes.first().map(|n| format!(" ({n})")).unwrap_or_default();
        format!("`{}` on the kernel command line {}{why}", p.word, p.meaning)
    }));
    notes
}

/// The words of the command line that ask systemd for version 1.
fn asked_for(node: &Node) -> impl Iterator<Item = &BootParameter> {
    node.boot_parameters().iter().flatten().filter(|p| p.asks_for_v1())
}

/// What the systemd of this node does with version 1; what any does, where its version is not known.
fn of_systemd(node: &Node) -> String {
    let Ok(systemd) = node.systemd() else {
        return "systemd 256 boots into such a layout only when forced, and systemd 258 not at all".into();
    };
    let version = systemd.version;
    match Legacy::of(version) {
        Legacy::Boots => format!(
            "systemd {version} of this node still boots into such a layout; 256 does so only when forced, and 258 not at all"
        ),
        Legacy::Refuses => format!(
            "systemd {version} of this node refuses to boot into such a layout without \
             SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1, and 258 has no support for it"
        ),
        Legacy::Ignores => format!(
            "systemd {version} of this node boots into such a layout only with SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1, and \
             into v2 without; 258 has no support for it"
        ),
        Legacy::Removed => format!(
            "systemd {version} of this node has no support for version 1: the next boot mounts v2 alone, unless \
             something else mounts version 1"
        ),
    }
}

/// How to get cgroup v2: who mounts the hierarchies at boot differs.
pub(in crate::checks) fn v2_remedy(node: &Node) -> Remedy {
    let loader = node.boot_loader();
    if loader.carrier() == Some(Carrier::Wsl) {
        // WSL has no boot loader, and its own init mounts (microsoft/WSL#6662, #11857).
        let summary = "Boot WSL2 into cgroup v2: give its kernel `cgroup_no_v1=all`.";
        return loader.remedy(summary, &Edit::default().append("cgroup_no_v1=all"));
    }
    if node.kind("/sbin/openrc").is_ok() {
        return Remedy::new("Let OpenRC mount cgroup v2 alone, and reboot.")
            .command("rc-update add cgroups boot")
            .persistent("/etc/rc.conf: rc_cgroup_mode=\"unified\"")
            .reboot();
    }
    let has = |word: &str| node.cmdline().as_ref().is_ok_and(|c| c.words().iter().any(|w| w == word));
    let systemd = node.systemd().as_ref().map(|s| s.version);
    let asked: Vec<&BootParameter> = asked_for(node).collect();
    let edit = asked.iter().fold(Edit::default(), |edit, p| edit.remove(&p.word));
    if systemd.is_err() && node.origin() == Origin::Live && loader.carrier() != Some(Carrier::Container) {
        let summary = format!(
            "Boot into cgroup v2: let init mount cgroup2 alone on {CGROUP_ROOT}, and give the kernel `cgroup_no_v1=all`, so \
             that nothing can mount version 1."
        );
        return loader.remedy(summary, &edit.append("cgroup_no_v1=all"));
    }
    // From 256 on v2 is what systemd can be built for, and it needs no word (its NEWS on `default-hierarchy`).
    let edit = match systemd {
        Ok(256..) if !edit.is_empty() => edit,
        _ if has(UNIFIED) => edit.append("cgroup_no_v1=all"),
        _ => edit.append(UNIFIED),
    };
    let summary = if asked.is_empty() {
        "Boot into cgroup v2: give the kernel `systemd.unified_cgroup_hierarchy=1`, and `cgroup_no_v1=all` where \
         something still mounts v1."
    } else {
        "Boot into cgroup v2: take out what asks systemd for version 1."
    };
    loader.remedy(summary, &edit)
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
            fail_cgroup_v1: String::new(),
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
    fn what_asks_for_version_1_is_named_and_taken_out() {
        let finding = |memory: Memory| {
            let node = Node::in_memory(memory.file("/proc/self/mounts", HYBRID));
            let mut out = Findings::default();
            CgroupHierarchy::run(&CgroupHierarchyParams::default(), &node, &mut out).unwrap();
            out.into_inner().remove(0).0
        };
        let lib = |version: u32| format!("/usr/lib/systemd/libsystemd-shared-{version}.so");
        let node = |version: u32| {
            Memory::new()
                .file("/run/systemd/system/x", "")
                .file(&lib(version), "")
                .file("/proc/cmdline", "BOOT_IMAGE=/boot/vmlinuz ro systemd.unified_cgroup_hierarchy=0\n")
                .file("/etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\nGRUB_CMDLINE_LINUX=\"systemd.unified_cgroup_hierarchy=0\"\n")
                .file("/usr/sbin/update-grub", "")
        };
        let old = finding(node(252));
        assert_eq!(old.reason(), "refused");
        assert!(old.all_notes().iter().any(|n| n.contains("systemd 252 of this node still boots")));
        assert!(old.all_notes().iter().any(|n| n.starts_with("`systemd.unified_cgroup_hierarchy=0`")));
        assert_eq!(old.all_evidence()[1].source, "/etc/default/grub");
        assert_eq!(
            old.mend().unwrap().persistent,
            [
                "/etc/default/grub, line 2, GRUB_CMDLINE_LINUX: take out `systemd.unified_cgroup_hierarchy=0`",
                "/etc/default/grub, line 2, GRUB_CMDLINE_LINUX: add `systemd.unified_cgroup_hierarchy=1`",
                "update-grub",
            ]
        );
        // systemd 256 and later have v2 as the default in every build: the word only has to go.
        assert_eq!(finding(node(256)).mend().unwrap().persistent.len(), 2);
        for (version, text) in [
            (256, "refuses to boot into such a layout"),
            (257, "into v2 without"),
            (258, "has no support for version 1"),
        ] {
            let found = finding(node(version));
            assert!(found.all_notes().iter().any(|n| n.contains(text)), "{version}: {:?}", found.all_notes());
        }
    }

    #[test]
    fn a_v2_node_hears_of_a_word_that_its_next_boot_may_fail_on() {
        let node = Memory::new()
            .file("/proc/self/mounts", V2)
            .file("/run/systemd/system/x", "")
            .file("/usr/lib/systemd/libsystemd-shared-256.so", "")
            .file("/proc/cmdline", "systemd.unified_cgroup_hierarchy=0");
        let mut out = Findings::default();
        CgroupHierarchy::run(&CgroupHierarchyParams::default(), &Node::in_memory(node), &mut out).unwrap();
        let found = out.into_inner().remove(0).0;
        assert_eq!(found.reason(), "v2");
        assert!(
            found.all_notes()[0].contains("it refuses to boot with this word"),
            "{:?}",
            found.all_notes()
        );
    }

    #[test]
    fn the_remedy_is_that_of_who_mounts() {
        let mend = |memory: Memory| {
            let node = Node::in_memory(memory.file("/proc/self/mounts", HYBRID));
            let mut out = Findings::default();
            CgroupHierarchy::run(&CgroupHierarchyParams::default(), &node, &mut out).unwrap();
            out.into_inner().remove(0).0.mend().unwrap().clone()
        };
        let persistent = |memory: Memory| mend(memory).persistent.concat();
        let no_systemd = mend(Memory::new());
        assert!(no_systemd.summary.contains("let init mount cgroup2"), "{}", no_systemd.summary);
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
            let params = CgroupHierarchyParams {
                accept,
                kubernetes_version: version.map(str::to_owned),
                ..CgroupHierarchyParams::default()
            };
            CgroupHierarchy::validate(&params).is_err()
        };
        assert!(refused(None, Some("foo")));
        assert!(refused(Some(vec![]), None));
        assert!(refused(Some(vec![LayoutKind::None]), None));
    }

    #[test]
    fn what_the_kubelet_is_told_counts() {
        let node = Node::in_memory(Memory::new().file("/proc/self/mounts", V1));
        for (told, kubernetes, reason) in [
            ("false", "1.36", "tolerated"),
            ("false", "1.33", "tolerated"),
            ("true", "1.33", "refused"),
            ("", "1.33", "maintenance"),
            ("", "1.36", "refused"),
            ("false", "1.30", "v1"),
        ] {
            let params = CgroupHierarchyParams {
                kubernetes_version: Some(kubernetes.to_owned()),
                fail_cgroup_v1: told.to_owned(),
                accept: None,
            };
            let mut out = Findings::default();
            CgroupHierarchy::run(&params, &node, &mut out).unwrap();
            assert_eq!(out.into_inner()[0].0.reason(), reason, "{told} {kubernetes}");
        }
        let wrong =
            CgroupHierarchyParams { fail_cgroup_v1: "no".to_owned(), ..CgroupHierarchyParams::default() };
        assert!(CgroupHierarchy::validate(&wrong).is_err());
    }
}
