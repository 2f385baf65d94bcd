//! The survey with everything that may be asked: the kernel's memory, and, as far as it is allowed, kprobe events and a
//! scratch cgroup.

use super::CgroupReport;
use preflight_checks::{
    Node,
    evidence::Evidence,
    facts::{
        Known,
        cgroup::{Ask, files, table},
    },
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
        ask.traced = traced.attempts;
    } else {
        notices.extend(left_in_tracefs(node).map(|what| left_behind(&what, "probe")));
    }
    let parents = parents(node);
    if prove.allowance.write {
        let asked = scratch::ask(&parents, &names(node), &prove.interrupt);
        tell(asked.removed, asked.left, &mut notices);
        notices.extend(asked.answers.as_ref().ok().and_then(|a| in_a_unit(&a.directory)));
        ask.scratch = Some(asked.answers);
    } else {
        notices.extend(left_in_cgroups(node, &parents).map(|what| left_behind(&what, "write")));
    }
    let report = super::report_of(node, &ask)?;
    Ok(Proved { report, notices })
}

fn request(node: &Node) -> trace::Request {
    trace::Request {
        width_bits: node.cgroup_types().ok().and_then(|types| types.mask_bits),
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
    let own = || {
        let read = node.read(&node.proc_self("cgroup"));
        let text = read.text().ok()?;
        let own = files::own_unified_cgroup(&text)?;
        // What the mount shows is its root and below; `/..` is above what this process may see.
        let below = if mount.root == "/" { own } else { own.strip_prefix(mount.root.as_str())? };
        let below = below.trim_end_matches('/');
        let inside = below.is_empty() || below.starts_with('/');
        (inside && !below.split('/').any(|name| name == "..")).then(|| format!("{}{below}", mount.point))
    };
    let mut parents: Vec<String> = own().into_iter().collect();
    if !parents.contains(&mount.point) {
        parents.push(mount.point.clone());
    }
    parents
}

/// Every name that may be a subsystem of this kernel, as the kernel calls it.
fn names(node: &Node) -> Vec<String> {
    let mut names: Vec<String> = table::SUBSYSTEMS.iter().map(|known| known.name.to_owned()).collect();
    let compiled = node.cgroup_types().map(|types| types.subsystems).unwrap_or_default();
    let rows = node.read("/proc/cgroups").text().map(|text| files::proc_cgroups(&text)).unwrap_or_default();
    for name in compiled.into_iter().map(|(name, _)| name).chain(rows.into_keys()) {
        let name = table::find(&name).map_or(name, |known| known.name.to_owned());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
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
