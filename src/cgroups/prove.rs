//! The survey with everything that may be asked: the kernel's memory, and, as far as it is allowed, kprobe events and a
//! scratch cgroup.

use super::CgroupReport;
use preflight_checks::{
    Node,
    evidence::Evidence,
    facts::{Known, cgroup::Ask},
    touch::{Allowance, Interrupt, scratch, trace},
};
use std::borrow::Cow;

/// How far a proof may go.
#[derive(Clone, Debug, Default)]
pub struct Prove {
    /// What is allowed beyond reading.
    pub allowance: Allowance,
    /// Says when to stop.
    pub interrupt: Interrupt,
}

/// A report, and what happened on the way to it.
#[derive(Debug)]
pub struct Proved {
    /// The report.
    pub report: CgroupReport,
    /// What the user has to know of what was touched: leftovers of a killed run, removed or still there; the unit in
    /// which the scratch cgroup lay. One sentence each.
    pub notices: Vec<String>,
}

/// Asks everything that reads, and what is allowed beyond it.
///
/// # Errors
/// When the layout could not be determined.
pub fn report(node: &Node, prove: &Prove) -> Known<Proved> {
    let mut ask = Ask { types: true, prove: true, ..Ask::default() };
    let mut notices = Vec::new();
    if prove.allowance.probe {
        let traced = trace::masks(&request(node), prove.allowance, &prove.interrupt);
        tell(traced.removed, traced.left, &mut notices);
        for attempt in &traced.result {
            match &attempt.result {
                Ok(r) => {
                    let (implicit, inhibited, control) = (r.implicit, r.inhibited, r.control);
                    tracing::info!(implicit, inhibited, control, "{}", r.method);
                }
                Err(unknown) => tracing::info!("{}: {}", attempt.method, unknown.reason),
            }
        }
        ask.traced = traced.result;
    } else {
        notices.extend(left_in_tracefs(node).map(|what| left_behind(&what, "probe")));
    }
    let parents = parents(node);
    if prove.allowance.write {
        let asked = scratch::ask(&parents, &names(node)?, &prove.interrupt);
        tell(asked.removed, asked.left, &mut notices);
        notices.extend(asked.result.as_ref().ok().and_then(|a| in_a_unit(&a.directory)));
        match &asked.result {
            Ok(answers) => tracing::info!("{}: {}", answers.directory, words(&answers.answers)),
            Err(unknown) => tracing::info!("no scratch cgroup: {}", unknown.reason),
        }
        ask.scratch = Some(asked.result);
    } else {
        notices.extend(left_in_cgroups(node, &parents).map(|what| left_behind(&what, "write")));
    }
    let report = super::report_of(node, &ask)?;
    Ok(Proved { report, notices })
}

fn request(node: &Node) -> trace::Request {
    trace::Request {
        width_bits: node.cgroup_types().as_ref().ok().and_then(|types| types.mask_bits),
        addresses: addresses(node),
        unified: unified(node),
        lockdown: node.read("/sys/kernel/security/lockdown").text().ok().map(Cow::into_owned),
    }
}

fn unified(node: &Node) -> Option<String> {
    let layout = node.cgroup_layout().as_ref().ok()?;
    layout.unified.as_ref().map(|mount| mount.point.clone())
}

/// The addresses of both masks.
fn addresses(node: &Node) -> Known<(u64, u64)> {
    node.cgroup_symbols().as_ref().map_err(Clone::clone)?.mask_addresses()
}

/// Where a scratch cgroup may lie: in the own cgroup of this process, else in the root of the mount.
fn parents(node: &Node) -> Vec<String> {
    let Some(mount) = node.cgroup_layout().as_ref().ok().and_then(|layout| layout.unified.as_ref()) else {
        return Vec::new();
    };
    let own = node.own_cgroup(mount).ok();
    let inside = |(below, _): (String, Evidence)| format!("{}{}", mount.point, below.trim_end_matches('/'));
    let mut parents: Vec<String> = own.map(inside).into_iter().collect();
    if !parents.contains(&mount.point) {
        parents.push(mount.point.clone());
    }
    parents
}

/// Every name that may be a subsystem of this kernel, as the kernel calls it.
fn names(node: &Node) -> Known<Vec<String>> {
    let survey = node.cgroup_survey(&Ask::types())?;
    Ok(survey.subsystems.into_iter().map(|s| s.name).collect())
}

/// What the kernel said to each name, for the log.
fn words(answers: &[(String, Option<String>)]) -> String {
    let word =
        |(name, answer): &(String, Option<String>)| format!("-{name} {}", answer.as_deref().unwrap_or("ok"));
    answers.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// Says what was removed for a killed run, and what may still be there.
fn tell(removed: Vec<String>, left: Vec<Evidence>, notices: &mut Vec<String>) {
    let removed = removed.into_iter();
    notices.extend(
        removed.map(|what| format!("{what} was left behind by a run that was killed; it is removed now")),
    );
    let left = left.into_iter();
    notices.extend(
        left.map(|e| format!("{}: {}; what this run made there is left behind", e.source, e.observed)),
    );
}

fn left_behind(what: &str, allow: &str) -> String {
    format!(
        "{what} was left behind by a run that was killed; `preflight cgroups --prove --allow {allow}` removes it"
    )
}

/// What a killed run left in tracefs, as far as this process may look. Only mounted directories are looked at: the other
/// one may be an automount point, and looking would mount.
fn left_in_tracefs(node: &Node) -> impl Iterator<Item = String> {
    let is_mounted = |place: &&&str| {
        let mounts = node.mounts().as_ref().ok();
        mounts.is_some_and(|m| m.visible().any(|m| m.fs_type == "tracefs" && m.point == ***place))
    };
    let found = trace::PLACES.iter().find(is_mounted).map(|place| {
        let instances = node.list(&format!("{place}/instances")).unwrap_or_default();
        let instances = instances.into_iter().filter(|name| trace::is_ours(name));
        let list = node.read(&format!("{place}/kprobe_events"));
        let events = list.text().map(|text| trace::own_events(&text)).unwrap_or_default();
        let events = events.into_iter().map(|event| format!("kprobe event {event}"));
        instances.map(|name| format!("{place}/instances/{name}")).chain(events).collect::<Vec<_>>()
    });
    found.unwrap_or_default().into_iter()
}

/// The scratch cgroups that a killed run left where this process would make its own.
fn left_in_cgroups<'a>(node: &'a Node, parents: &'a [String]) -> impl Iterator<Item = String> + use<'a> {
    parents.iter().flat_map(move |parent| {
        let names = node.list(parent).unwrap_or_default().into_iter().filter(|name| scratch::is_ours(name));
        names.map(move |name| format!("{parent}/{name}"))
    })
}

/// A unit of systemd is recognised by its name (systemd.unit(5)); only systemd names cgroups so.
fn in_a_unit(directory: &str) -> Option<String> {
    let suffixes = [".scope", ".service", ".slice"];
    let unit = directory.rsplit('/').find(|name| suffixes.iter().any(|s| name.ends_with(s)))?;
    Some(format!("the scratch cgroup lay for a moment in {unit}, a cgroup that systemd manages: {directory}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use preflight_checks::node::Memory;

    /// A cgroup2 mount of the directory `root` of the hierarchy, seen from the cgroup `own`.
    fn node(root: &str, own: &str) -> Memory {
        let mounts = format!(
            "1 0 0:2 / / rw - ext4 /dev/vda rw\n2 1 0:3 {root} /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n\
             3 1 0:4 / /sys/kernel/tracing rw - tracefs tracefs rw\n"
        );
        Memory::new()
            .file("/proc/self/mountinfo", mounts)
            .file("/proc/self/cgroup", format!("0::{own}\n"))
            .file("/sys/fs/cgroup/cgroup.controllers", "io\n")
    }

    #[test]
    fn where_a_scratch_cgroup_may_lie() {
        let found = |root, own| parents(&Node::in_memory(node(root, own)));
        assert_eq!(found("/", "/"), ["/sys/fs/cgroup"]);
        assert_eq!(
            found("/", "/user.slice/a.scope"),
            ["/sys/fs/cgroup/user.slice/a.scope", "/sys/fs/cgroup"]
        );
        assert_eq!(found("/pod", "/pod/x"), ["/sys/fs/cgroup/x", "/sys/fs/cgroup"]);
        // Above or beside what the mount shows.
        for (root, own) in [("/", "/../other"), ("/pod", "/pod2"), ("/pod", "/")] {
            assert_eq!(found(root, own), ["/sys/fs/cgroup"], "{root} {own}");
        }
        assert!(parents(&Node::in_memory(Memory::new())).is_empty());
    }

    #[test]
    fn names_are_those_of_the_kernel_and_each_once() {
        let rows = "#subsys_name\thierarchy\tnum_cgroups\tenabled\nblkio\t0\t1\t1\nnvm\t0\t1\t1\n";
        // One that only the kernel's own table knows, and one that only its files name.
        let symbols = "ffffffff9e8b1d00 D memory_cgrp_subsys\nffffffff9e8b1e00 D own_cgrp_subsys\n";
        let memory = node("/", "/").file("/proc/cgroups", rows).file("/proc/kallsyms", symbols);
        let found = names(&Node::in_memory(memory)).unwrap();
        assert!(
            ["own", "nvm"].iter().all(|name| found.iter().filter(|n| n == name).count() == 1),
            "{found:?}"
        );
        assert_eq!(found.iter().filter(|n| ["io", "memory"].contains(&n.as_str())).count(), 2);
        assert!(!found.contains(&"blkio".to_owned()));
    }

    #[test]
    fn without_the_allowance_leftovers_are_told_and_nothing_is_touched() {
        let left = node("/", "/user.slice")
            .file("/sys/fs/cgroup/preflight-77/cgroup.type", "domain\n")
            .file("/sys/fs/cgroup/preflight-x/cgroup.type", "domain\n")
            .file("/sys/kernel/tracing/instances/preflight_9/trace", "")
            .file("/sys/kernel/tracing/kprobe_events", "p:preflight_9/by_symbol f\np:kprobes/x f\n");
        let Proved { notices, .. } = report(&Node::in_memory(left), &Prove::default()).unwrap();
        let what: Vec<_> = notices.iter().filter_map(|n| n.split_once(" was left behind")).collect();
        let names: Vec<_> = what.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            [
                "/sys/kernel/tracing/instances/preflight_9",
                "kprobe event preflight_9/by_symbol",
                "/sys/fs/cgroup/preflight-77"
            ]
        );
        assert!(what[0].1.ends_with("`preflight cgroups --prove --allow probe` removes it"), "{}", what[0].1);
        assert!(what[2].1.ends_with("`preflight cgroups --prove --allow write` removes it"), "{}", what[2].1);
        let Proved { notices, .. } = report(&Node::in_memory(node("/", "/")), &Prove::default()).unwrap();
        assert!(notices.is_empty(), "{notices:?}");
    }

    #[test]
    fn units_of_systemd_are_named() {
        let said = in_a_unit("/sys/fs/cgroup/user.slice/user-0.slice/session-1.scope/preflight-7").unwrap();
        assert!(said.contains(" in session-1.scope, "), "{said}");
        assert!(
            in_a_unit("/sys/fs/cgroup/system.slice/x.service/sub/preflight-7").unwrap().contains("x.service")
        );
        assert_eq!(in_a_unit("/sys/fs/cgroup/preflight-7"), None);
    }
}
