//! `cgroup-delegation`: the controllers reach the places where Kubernetes needs them, and can be handed on there.

mod headroom;
mod judge;
mod owners;
mod place;
mod remedies;
mod troubles;

pub(super) use remedies::drop_in;

use crate::{
    check::{Check, Meta},
    evidence::Unknown,
    facts::{
        cgroup::{CGROUP_ROOT, Layout, LayoutKind, table},
        mounts::Mount,
    },
    finding::{Finding, Findings, Severity},
    names::nearest,
    node::Node,
};
use judge::Case;
use place::Place;
use schemars::JsonSchema;
use serde::Deserialize;

/// The cgroup controllers reach the places where Kubernetes puts its cgroups, and can be handed on from there; where
/// not, which cgroup on the way stops them.
///
/// ## What it looks at
/// On a cgroup v2 node the way from the visible root down to each place, and nothing beside it: `cgroup.controllers`
/// (what a cgroup has), `cgroup.subtree_control` (what it enables for its children), `cgroup.type`, and where something
/// would have to be enabled `cgroup.procs`; `cgroup.max.descendants`, `cgroup.max.depth`, `cgroup.stat` and `pids.max`
/// for the room that pods need. The places:
///
/// - `pods`: `kubepods.slice` or `kubepods`; where there is none yet, the root below which the kubelet will make it.
/// - `system`: `system.slice`, and `Delegate=` of the container managers that run there (containerd, docker, k3s, rke2).
/// - `user`: the user manager of each user that has one, `user.slice/user-UID.slice/user@UID.service` (64 at most), for
///   rootless Kubernetes: the subjects are `user-1000` and so on. Also whether that user may write there.
/// - `own`: the cgroup of this process; under `--root` that of the node's first process.
/// - a path below the root, such as `/kubelet.slice`, which has to exist.
///
/// A place passes if every required controller arrives and every cgroup in which it is still to be enabled would take
/// that: the real root always does; any other refuses (EBUSY) while it has processes of its own, and in a threaded
/// subtree (EOPNOTSUPP). Without being named, `own` and `user` are not judged: an administrator's login session has few
/// controllers on a node that is all right.
///
/// A controller that not even the root has is the matter of `cgroup-controllers`. On cgroup v1 and hybrid there is
/// nothing to judge: each v1 hierarchy has its controllers everywhere.
///
/// ## Why it matters
/// A controller in the root is of no use to a pod if one cgroup between the two withholds it. A kubelet whose
/// `--cgroup-root` lacks one refuses to start; a rootless one gets only what systemd delegates to the user, which by
/// default is `pids memory`, since systemd 252 `cpu` too. A container manager without `Delegate=` shares its cgroups with
/// systemd, which may move its processes and undo its settings at any reload. In a container the apparent root is an
/// ordinary cgroup: it has what its parent passes on, and as long as processes are in it, nothing can be enabled there.
///
/// ## How to mend it
/// For a systemd unit a drop-in such as `/etc/systemd/system/user@.service.d/delegate.conf` with `[Service]` and
/// `Delegate=cpu cpuset io memory pids`, then `systemctl daemon-reload` and a restart of the unit, which stops what runs
/// in it. For a cgroup with processes: move them into a child. For one that nobody manages: write `+NAME` to its
/// cgroup.subtree_control.
///
/// ## Sources
/// Documentation/admin-guide/cgroup-v2.rst (Top-down Constraint, No Internal Process Constraint, Delegation, Threads);
/// kernel/cgroup/cgroup.c (`cgroup_vet_subtree_control_enable`, `cgroup_check_hierarchy_limits`), measured on Linux 5.10
/// to 7.3 by tests/vm/delegation.py; systemd.resource-control(5) and systemd's CGROUP_DELEGATION.md; the units of
/// systemd 249 and 252, containerd, docker, k3s and rke2; kubernetes pkg/kubelet/cm (`Validate`, `--cgroup-root`);
/// rootlesscontaine.rs, cgroup v2.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct CgroupDelegationParams {
    /// Controllers that have to arrive at every place, by their names on cgroup v2.
    pub required: Vec<String>,
    /// Controllers whose absence is worth a warning. One that not even the real root has is not counted.
    pub optional: Vec<String>,
    /// What is judged: `pods`, `system`, `user`, `own`, or a path below the root of the hierarchy (`/kubelet.slice`).
    pub places: Vec<String>,
}

impl Default for CgroupDelegationParams {
    fn default() -> Self {
        let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Self {
            required: own(&["cpu", "cpuset", "memory", "pids"]),
            optional: own(&["io", "hugetlb"]),
            places: own(&["pods", "system"]),
        }
    }
}

impl CgroupDelegationParams {
    /// What is wanted, by the names of cgroup v2. Of the default list of optional ones only what is not required.
    fn wanted(&self) -> Vec<(String, Severity)> {
        let canonical = |name: &String| table::find(name).map_or(name.clone(), |k| k.name.to_owned());
        let required: Vec<String> = self.required.iter().map(canonical).collect();
        let is_default = self.optional == Self::default().optional;
        let optional: Vec<String> =
            self.optional.iter().map(canonical).filter(|n| !(is_default && required.contains(n))).collect();
        let required = required.into_iter().map(|n| (n, Severity::Fail));
        required.chain(optional.into_iter().map(|n| (n, Severity::Warn))).collect()
    }
}

/// The check `cgroup-delegation`.
pub struct CgroupDelegation;

impl Check for CgroupDelegation {
    type Params = CgroupDelegationParams;

    const META: Meta = Meta {
        id: "cgroup-delegation",
        summary: "The cgroup controllers reach the places that Kubernetes uses, and can be handed on there",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &CgroupDelegationParams) -> Result<(), String> {
        let mut seen = Vec::new();
        for (name, _) in params.wanted() {
            controller(&name)?;
            if seen.contains(&name) {
                return Err(format!("the controller `{name}` is named twice"));
            }
            seen.push(name);
        }
        if seen.is_empty() {
            return Err("neither `required` nor `optional` names a controller".into());
        }
        let mut places: Vec<Place> = Vec::new();
        for name in &params.places {
            let place = Place::parse(name)?;
            if places.contains(&place) {
                return Err(format!("the place `{name}` is named twice"));
            }
            places.push(place);
        }
        if places.is_empty() { Err("`places` names no place".into()) } else { Ok(()) }
    }

    fn run(params: &CgroupDelegationParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let layout = node.cgroup_layout().as_ref().map_err(Clone::clone)?;
        let wanted = params.wanted();
        for name in &params.places {
            let Ok(place) = Place::parse(name) else { continue };
            let mount = match mounted(layout, &place) {
                Ok(mount) => mount,
                Err(finding) => {
                    out.push(*finding);
                    continue;
                }
            };
            for spot in place.spots(node, mount) {
                out.push(match spot {
                    Ok(spot) => Case { node, mount, wanted: &wanted, spot: &spot }.judge(),
                    Err(finding) => *finding,
                });
            }
        }
        Ok(())
    }
}

/// Whether a name is that of a controller that can be delegated at all.
fn controller(name: &str) -> Result<(), String> {
    let Some(known) = table::find(name) else {
        let known = table::SUBSYSTEMS.iter().filter(|k| k.listed_since.is_some()).map(|k| k.name);
        return match nearest(name, known) {
            Some(near) => Err(format!("no cgroup controller is called `{name}`; did you mean `{near}`?")),
            None if name.is_empty()
                || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/') =>
            {
                Err(format!("`{name}` can't be the name of a cgroup controller"))
            }
            None => Ok(()),
        };
    };
    match known.listed_since {
        Some(_) => Ok(()),
        None => Err(format!(
            "`{name}` is never handed on by cgroup.subtree_control of cgroup v2; `cgroup-controllers` judges it"
        )),
    }
}

/// The cgroup2 mount in which a place is looked for; else what is to be said of that place.
fn mounted<'a>(layout: &'a Layout, place: &Place) -> Result<&'a Mount, Box<Finding>> {
    let evidence = layout.evidence.iter().cloned();
    let apart = |why: &str| Box::new(Finding::not_applicable(place.subject(), why, evidence.clone()));
    let lost = |reason, message: String| {
        let finding = Finding::problem(Severity::Fail, place.subject(), reason, message);
        Box::new(finding.evidence(evidence.clone()).follows("cgroup-mount"))
    };
    match (layout.kind, &layout.unified) {
        (LayoutKind::V2, Some(mount)) if mount.point == CGROUP_ROOT => Ok(mount),
        (LayoutKind::V2, Some(mount)) => Err(lost(
            "elsewhere",
            format!("nothing can be delegated: cgroup2 is mounted on {}, not on {CGROUP_ROOT}", mount.point),
        )),
        (LayoutKind::V1, _) => Err(apart("on cgroup v1 every controller is in all cgroups of its hierarchy")),
        (LayoutKind::Hybrid, _) => Err(apart(
            "on a hybrid node the kubelet uses the hierarchies of cgroup v1, and delegates nothing on v2",
        )),
        _ => Err(lost("unmounted", "nothing can be delegated: no cgroup file system is mounted".into())),
    }
}

#[cfg(test)]
mod tests;
