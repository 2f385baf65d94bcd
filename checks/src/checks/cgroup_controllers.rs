//! `cgroup-controllers`: every cgroup controller that the kubelet and the runtime need can be used, and if not, why.

mod devices;
mod functions;
mod perf_event;
mod remedies;

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{
        cgroup::{Ask, Basis, CGROUP_ROOT, LayoutKind, State, Subsystem, Survey, table},
        kernel_config::Setting,
    },
    finding::{Finding, Findings, Severity},
    names::nearest,
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Every cgroup controller that the kubelet and the container runtime need can be used on this node; for each that
/// can't, why.
///
/// ## What it looks at
/// The cgroup layout; `/proc/cgroups`, `cgroup.controllers` and `cgroup.stat` of the cgroup2 mount, the version 1
/// mounts, `cgroup_disable=` on the kernel command line, the kernel configuration, and where all that leaves doubt
/// the kernel's type information (`/sys/kernel/btf/vmlinux`).
///
/// On a v2 node a controller can be used if it is listed in cgroup.controllers or implicit; whether it reaches the pods
/// from there is the matter of `cgroup-delegation`. `devices`, `freezer` and
/// `cpuacct` are never listed there, and never missing: what replaces them is looked at instead. For `freezer` that is
/// a `cgroup.freeze` in a cgroup below the root, for `cpuacct` `cpu.stat`. For `devices` the running kernel is asked
/// with bpf(2) which programs control the access to devices (BPF_PROG_QUERY); where it knows no such programs, one of
/// two instructions is loaded as a second opinion, attached to nothing and let go at once. Who may not ask
/// (CAP_NET_ADMIN and CAP_BPF, or CAP_SYS_ADMIN), and a tree under `--root`, have the option CONFIG_CGROUP_BPF instead,
/// and the finding says so; that option is all that is looked at for `net_cls` and `net_prio`. Where `perf_event` is
/// wanted, an event of a cgroup is opened with perf_event_open(2), never enabled, and closed. On a v1 or hybrid node a
/// controller can be used if its version 1 hierarchy is mounted.
///
/// Both names are understood: `io` is `blkio` on version 1.
///
/// ## Why it matters
/// The kubelet refuses to start when cpu, cpuset, memory or pids are missing; containers can't be made without a way
/// to control devices, nor stopped without a freezer. `/proc/cgroups` does not tell: it leaves out controllers that
/// version 2 has, and says "enabled" of ones that no hierarchy offers. And a controller that is enabled there but not
/// in cgroup.controllers may be all right: the kernel leaves out the *implicit* ones (always on, nothing to switch) and
/// the *inhibited* ones (no version 2 interface).
///
/// ## How to mend it
/// That depends on the reason, which every finding names: remove `cgroup_disable=` from the kernel command line, in the
/// file and line that the finding names where the boot loader of the node could be told; boot into cgroup v2, or
/// unmount the version 1 hierarchy that holds the controller; add `Delegate=yes` to the unit of the container manager;
/// take a kernel that has the option.
///
/// ## Sources
/// kernel/cgroup/cgroup.c (`cgroup_control`, `cgroup_init`, `cgroup_stat_show`) and kernel/cgroup/cgroup-v1.c of Linux
/// 5.10 to 7.3; cgroups(7); kernel/bpf/syscall.c (`bpf_prog_query`) and kernel/events/core.c (`perf_cgroup_connect`);
/// system-validators v1.12.1 for what the kubelet needs: cpu, cpuset, devices, freezer, memory, pids, and hugetlb and io
/// where wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct CgroupControllersParams {
    /// Controllers without which the node cannot carry work, by their version 1 or 2 names.
    pub required: Vec<String>,
    /// Controllers whose absence is worth a warning.
    pub optional: Vec<String>,
}

impl Default for CgroupControllersParams {
    fn default() -> Self {
        let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Self {
            required: own(&["cpu", "cpuset", "memory", "pids", "devices", "freezer"]),
            optional: own(&["hugetlb", "io"]),
        }
    }
}

impl CgroupControllersParams {
    /// The optional ones: of the default list only what is not required, so that a policy that requires hugetlb
    /// need not say that it is no longer optional.
    fn optional(&self) -> impl Iterator<Item = &String> {
        let canonical = |name: &String| table::find(name).map_or(name.clone(), |k| k.name.to_owned());
        let is_default = self.optional == Self::default().optional;
        let required = move |name: &String| self.required.iter().any(|r| canonical(r) == canonical(name));
        self.optional.iter().filter(move |name| !(is_default && required(name)))
    }
}

/// The check `cgroup-controllers`.
pub struct CgroupControllers;

impl Check for CgroupControllers {
    type Params = CgroupControllersParams;

    const META: Meta = Meta {
        id: "cgroup-controllers",
        summary: "Every cgroup controller that the kubelet and the runtime need can be used, and if not, why",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn validate(params: &CgroupControllersParams) -> Result<(), String> {
        let mut seen: Vec<&str> = Vec::new();
        for name in params.required.iter().chain(params.optional()) {
            let known = table::SUBSYSTEMS.iter().flat_map(|k| [k.name, k.legacy]);
            let canonical = table::find(name).map(|k| k.name);
            if canonical.is_none()
                && let Some(near) = nearest(name, known)
            {
                return Err(format!("no cgroup controller is called `{name}`; did you mean `{near}`?"));
            }
            if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') {
                return Err(format!("`{name}` can't be the name of a cgroup controller"));
            }
            let canonical = canonical.unwrap_or(name);
            if seen.contains(&canonical) {
                return Err(format!("the controller `{name}` is named twice"));
            }
            seen.push(canonical);
        }
        if seen.is_empty() {
            Err("neither `required` nor `optional` names a controller".into())
        } else {
            Ok(())
        }
    }

    fn run(params: &CgroupControllersParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let wanted = || {
            let required = params.required.iter().map(|n| (n, Severity::Fail));
            required.chain(params.optional().map(|n| (n, Severity::Warn)))
        };
        let mut survey = node.cgroup_survey(&Ask::files())?;
        // The kernel's type information costs some milliseconds: it is asked only where the files leave doubt.
        let doubtful = |s: Option<&Subsystem>| {
            let no_config = node.kernel_config().is_err();
            s.is_none_or(|s| s.state == State::Unknown || (s.state == State::NotCompiled && no_config))
        };
        if wanted().any(|(name, _)| !functions::has(name) && doubtful(survey.find(name))) {
            survey = node.cgroup_survey(&Ask::types())?;
        }
        for (name, severity) in wanted() {
            out.push(Question { node, survey: &survey, name, severity }.answer());
        }
        Ok(())
    }
}

/// One controller that somebody wants.
struct Question<'a> {
    node: &'a Node,
    survey: &'a Survey,
    /// As the policy writes it.
    name: &'a str,
    severity: Severity,
}

impl Question<'_> {
    fn answer(&self) -> Finding {
        if let Some(point) = self.elsewhere() {
            let message =
                format!("{} can't be used: cgroup2 is mounted on {point}, not on {CGROUP_ROOT}", self.name);
            return Finding::problem(self.severity, self.name, "elsewhere", message).follows("cgroup-mount");
        }
        let v2 = self.survey.layout == LayoutKind::V2;
        if v2 && let Some(finding) = functions::answer(self) {
            return finding;
        }
        let Some(subsystem) = self.survey.find(self.name) else {
            let message = format!("this kernel has no cgroup controller {}", self.name);
            let seen = self.node.read("/proc/cgroups");
            return Finding::problem(self.severity, self.name, "not-compiled", message)
                .note("neither a file of the kernel nor the list of mainline's controllers knows that name")
                .evidence([seen.evidence()]);
        };
        if let Some(finding) = self.contradicted(subsystem) {
            return finding;
        }
        match self.survey.layout {
            LayoutKind::V2 => self.on_v2(subsystem),
            LayoutKind::V1 | LayoutKind::Hybrid => self.on_v1(subsystem),
            LayoutKind::None => self.unusable(subsystem, subsystem.state.as_str()),
        }
    }

    /// The finding where what the kernel shows of this controller can't all be so: then none of it is believed.
    fn contradicted(&self, s: &Subsystem) -> Option<Finding> {
        let found = self.survey.disagreements.iter().find(|d| d.subject == s.name)?;
        let unknown = Unknown::new(&found.message)
            .tried(found.evidence.iter().cloned())
            .needs("`preflight cgroups --prove` as root reads the kernel's own masks");
        let message = "what the kernel shows of it contradicts itself";
        Some(Finding::undetermined(self.severity, self.name, "disagreement", message, &unknown))
    }

    /// Where the only cgroup2 is, if that is where neither the kubelet nor a runtime looks.
    fn elsewhere(&self) -> Option<&str> {
        let v2 = self.survey.layout == LayoutKind::V2;
        self.survey.unified.as_ref().map(|u| u.point.as_str()).filter(|p| v2 && *p != CGROUP_ROOT)
    }

    fn on_v2(&self, s: &Subsystem) -> Finding {
        let finding = self.on_v2_by_files(s);
        if s.name == "perf_event" { perf_event::confirm(self, s, finding) } else { finding }
    }

    fn on_v2_by_files(&self, s: &Subsystem) -> Finding {
        match s.state {
            State::Listed => {
                self.usable(s, "listed", format!("{} is listed in cgroup.controllers", self.name))
            }
            // Mainline has none that is implicit and has files at once; those files are what pods are limited by.
            State::Implicit if s.known.is_some_and(|k| k.listed_since.is_some()) => {
                let unknown = Unknown::new(
                    "the kernel has it on cgroup v2 and does not list it, as it does with none that has files",
                )
                .tried(s.evidence.iter().cloned())
                .needs("`preflight cgroups --prove` as root reads the kernel's own masks");
                Finding::undetermined(self.severity, self.name, "disagreement", &s.name, &unknown)
            }
            State::Implicit if s.basis > Basis::Expected || is_built_in(s) => {
                self.usable(s, "implicit", format!("{} is always on", self.name))
            }
            State::Implicit => {
                let unknown = Unknown::new("only the kernel's version says that it is implicit");
                Finding::undetermined(self.severity, self.name, "expected", &s.name, &unknown)
                    .evidence(s.evidence.iter().cloned())
            }
            other => self.unusable(s, other.as_str()),
        }
    }

    fn on_v1(&self, s: &Subsystem) -> Finding {
        match (s.state, &s.legacy_mount) {
            (State::BoundToV1, Some(point)) => {
                self.usable(s, "mounted-v1", format!("{} is mounted as cgroup v1 on {point}", self.name))
            }
            (State::BoundToV1, None) => self.unusable(s, "v1-not-mounted"),
            (State::Listed, _) => self.unusable(s, "on-v2-only"),
            (State::Implicit | State::Inhibited | State::Unmounted | State::NotDelegated, _) => {
                self.unusable(s, "v1-not-mounted")
            }
            (other, _) => self.unusable(s, other.as_str()),
        }
    }

    fn usable(&self, s: &Subsystem, reason: &'static str, message: String) -> Finding {
        let mut evidence = s.evidence.iter().cloned();
        let first =
            evidence.next().unwrap_or_else(|| Evidence::new("cgroup layout", self.survey.layout.as_str()));
        Finding::pass(self.name, reason, message, Proof::new(first).and_all(evidence))
            .notes(s.notes.iter().cloned())
    }

    fn unusable(&self, s: &Subsystem, reason: &'static str) -> Finding {
        if s.state == State::Unknown {
            let why = s.notes.first().cloned().unwrap_or_else(|| "the kernel does not show it".into());
            let unknown = Unknown::new(why)
                .tried(self.survey.gaps.iter().cloned())
                .needs("run as root, with /proc and /sys of the host");
            return Finding::undetermined(self.severity, self.name, "unknown", "controller state", &unknown);
        }
        let finding = Finding::problem(self.severity, self.name, reason, self.why(s, reason))
            .notes(s.notes.iter().cloned())
            .notes(self.after_v1(s, reason))
            .evidence(s.evidence.iter().cloned())
            .evidence(self.v1_support(s).filter(|_| reason == "v1-not-mounted").map(|(_, e)| e));
        let finding = finding.evidence(remedies::place(s, self.node));
        let finding = match remedies::of(s, self.survey, reason, self.node) {
            Some(remedy) => finding.remedy(remedy),
            None => finding,
        };
        match (s.state, s.known) {
            (State::NotCompiled, Some(known)) => finding.follows(known.config),
            (State::Disabled | State::NotCompiled, _) => finding.causes(missing(&s.name)),
            _ if self.survey.layout == LayoutKind::None => finding.follows("cgroup-mount"),
            _ => finding.causes(missing(&s.name)),
        }
    }

    /// One sentence: that it can't be used, and the reason in short.
    fn why(&self, s: &Subsystem, reason: &str) -> String {
        let because = match (reason, s.state) {
            (_, State::NotCompiled) => "it is not compiled into this kernel".into(),
            (_, State::Disabled) => "it is switched off at boot (cgroup_disable=)".into(),
            ("on-v2-only", _) => format!(
                "it is on the cgroup v2 hierarchy, and on a {} node the kubelet uses version 1",
                self.survey.layout.as_str()
            ),
            ("v1-not-mounted", State::BoundToV1) => "its cgroup v1 hierarchy is not mounted here".into(),
            ("v1-not-mounted", _) if self.v1_support(s).is_some_and(|(has, _)| !has) => {
                "this kernel was built without its cgroup v1 side".into()
            }
            ("v1-not-mounted", _) => "no cgroup v1 hierarchy is mounted for it".into(),
            (_, State::BoundToV1) => "a cgroup v1 hierarchy holds it".into(),
            (_, State::NotDelegated) => "the parent cgroup does not pass it on".into(),
            (_, State::Inhibited) => "it has no cgroup v2 interface in this kernel".into(),
            _ if self.survey.layout == LayoutKind::None => "no cgroup file system is mounted".into(),
            (_, other) => format!("its state is {}", other.as_str()),
        };
        let purpose = s.known.map_or_else(String::new, |k| format!(" ({})", k.purpose));
        format!("{}{purpose} can't be used: {because}", self.name)
    }

    /// Whether the kernel has the version 1 side of a controller, where that is an option of its own.
    fn v1_support(&self, s: &Subsystem) -> Option<(bool, Evidence)> {
        let (option, _) = s.known?.legacy_config?;
        let config = self.node.kernel_config().as_ref().ok()?;
        // Before the option came, the version 1 side was always there.
        let version = &self.node.kernel_release().as_ref().ok()?.version;
        let since = s.known?.legacy_config?.1;
        table::reached(version, since)
            .then(|| (config.get(option) == Setting::BuiltIn, config.evidence(option)))
    }

    fn after_v1(&self, s: &Subsystem, reason: &str) -> Option<String> {
        let (option, (major, minor)) = s.known?.legacy_config?;
        (reason == "v1-not-mounted" && self.v1_support(s).is_some_and(|(has, _)| !has)).then(|| {
            format!("since Linux {major}.{minor} the v1 side of {} is an option of its own, {option}, and off by default", s.name)
        })
    }
}

/// The cause of everything that fails because the root of the hierarchy lacks the controller `name` (as version 2 calls
/// it): what is not there can't be delegated.
pub(super) fn missing(name: &str) -> String {
    format!("cgroup-controller:{name}")
}

fn is_built_in(s: &Subsystem) -> bool {
    matches!(s.config, Some((_, Setting::BuiltIn)))
}

#[cfg(test)]
mod tests;
