//! Judges one place: goes down to it, and says what stops a controller on the way.

use super::{
    headroom, owners,
    place::{Role, Spot},
    remedies,
    troubles::{Found, Trouble},
};
use crate::{
    checks::cgroup_controllers,
    evidence::{Evidence, Unknown},
    facts::{
        Known,
        cgroup::{
            Ask, State,
            tree::{CgroupType, Enabling, Processes, Step},
        },
        mounts::Mount,
        systemd_unit,
    },
    finding::{Finding, Remedy, Risk, Severity},
    node::Node,
};

/// The container managers that run containers below their own unit if told so, or share it with their shims: all ship
/// with `Delegate=yes` (containerd.service, moby's contrib/init/systemd, k3s.service, rke2's bundle). CRI-O's has none:
/// it puts everything into cgroups of its own.
const MANAGERS: [&str; 6] = [
    "containerd.service",
    "docker.service",
    "k3s-agent.service",
    "k3s.service",
    "rke2-agent.service",
    "rke2-server.service",
];
/// How many steps are shown as evidence.
const STEPS_SHOWN: usize = 16;

/// One place to be judged.
pub(super) struct Case<'a> {
    pub node: &'a Node,
    pub mount: &'a Mount,
    /// By the names of cgroup v2, each with the most that its lack can yield.
    pub wanted: &'a [(String, Severity)],
    pub spot: &'a Spot,
}

/// What a controller meets on its way down.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stop {
    /// Nothing; it is, or need not be, enabled at the place.
    Nowhere,
    /// Nothing; it is still to be enabled at the place, and would be.
    Later,
    /// The visible root does not have it.
    Root,
    /// The step with this index does not enable it, and would.
    Withheld(usize),
    /// The step with this index has processes of its own.
    Busy(usize, Processes),
    /// The step with this index is no domain.
    Threaded,
    /// The step with this index does not have it, although the one above enables it.
    Lost(usize),
}

/// The controllers that are stopped at the same place for the same reason.
struct Group<'a> {
    stop: Stop,
    severity: Severity,
    names: Vec<&'a str>,
}

impl Case<'_> {
    pub(super) fn judge(&self) -> Finding {
        let mut found = Found { notes: self.spot.notes.clone(), ..Found::default() };
        found.saw(self.spot.evidence.iter().cloned());
        match self.node.cgroup_way(self.mount, &self.spot.path) {
            Ok(way) => self.look(&way, &mut found),
            Err(unknown) => found.unknown(Severity::Fail, unknown),
        }
        let (reason, message) = self.good();
        found.finding(self.spot, reason, message)
    }

    fn look(&self, way: &[Step<'_>], found: &mut Found) {
        self.mounted(way, found);
        types(way, found);
        self.controllers(way, found);
        let user = match self.spot.role {
            Role::User(user) => Some(user),
            Role::Own => self.node.user().filter(|user| *user != 0),
            _ => None,
        };
        if let (Some(user), Some(place)) = (user, way.last()) {
            owners::judge(self.node, place, user, found);
        }
        self.units(way, found);
        headroom::judge(way, self.spot.role, found);
    }

    /// What is said where nothing is wrong.
    fn good(&self) -> (&'static str, String) {
        let names = self.wanted.iter().filter(|(_, severity)| *severity == Severity::Fail);
        let mut names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
        if names.is_empty() {
            names = self.wanted.iter().map(|(name, _)| name.as_str()).collect();
        }
        let (names, path) = (list(&names), &self.spot.path);
        match self.spot.role {
            Role::FuturePods => {
                let message = format!(
                    "{names} can be enabled below {path}, where the kubelet will make the cgroup of the pods"
                );
                ("can-be-delegated", message)
            }
            Role::System => ("can-be-delegated", format!("{names} reach {path}, or can be enabled for it")),
            Role::Own => ("delegated", format!("{names} reach {path}, the cgroup of this process")),
            _ => ("delegated", format!("{names} reach {path} and can be handed on there")),
        }
    }

    /// Where a controller shall arrive, in words.
    fn target(&self) -> &str {
        if self.spot.role == Role::FuturePods { "the cgroup of the pods" } else { &self.spot.path }
    }

    /// What the mount itself means.
    fn mounted(&self, way: &[Step<'_>], found: &mut Found) {
        if way.first().is_some_and(|root| root.is_root == Some(false)) {
            let (_, seen) = self.node.is_real_root(&self.mount.point, &self.mount.root);
            found.saw([seen]);
            found.notes.push(
                "what looks like the root here is none: it is an ordinary cgroup, the top of a container or of a cgroup \
                 namespace; the cgroups above it, and what they withhold, can't be seen from here"
                    .into(),
            );
        }
        if !self.mount.has_option("ro") {
            return;
        }
        let message =
            format!("no cgroup can be made here: cgroup2 on {} is mounted read-only", self.mount.point);
        if matches!(self.spot.role, Role::System | Role::Own) {
            found.notes.push(message);
            return;
        }
        let seen = Evidence::new("mounts", &self.mount.line);
        let remedy = Remedy::new(
            "Run the container with a writable cgroup2 of its own (a private cgroup namespace, privileged); to judge \
             its host instead, mount the host's root into it and use `--root`.",
        );
        let trouble = Trouble::new(Severity::Fail, "read-only", message)
            .note("a read-only cgroup2 is how container managers hide it from a container")
            .evidence([seen])
            .remedy(remedy);
        found.troubles.push(trouble.follows("cgroup-read-only"));
    }

    fn controllers(&self, way: &[Step<'_>], found: &mut Found) {
        let mut groups: Vec<Group<'_>> = Vec::new();
        for (name, severity) in self.wanted {
            let stop = match self.stop(way, name) {
                Ok(stop) => stop,
                Err(unknown) => {
                    found.unknown(*severity, unknown);
                    continue;
                }
            };
            if *severity == Severity::Warn
                && matches!(stop, Stop::Withheld(at) if self.is_systemds(way, at, name))
            {
                found.notes.push(format!("not counted: {name}, which systemd delegates to nobody"));
                continue;
            }
            // What the root lacks is judged apart: of what is optional that is only a note.
            let apart = |g: &&mut Group<'_>| stop != Stop::Root || g.severity == *severity;
            match groups.iter_mut().filter(apart).find(|g| g.stop == stop) {
                Some(group) => {
                    group.names.push(name);
                    group.severity = group.severity.max(*severity);
                }
                None => groups.push(Group { stop, severity: *severity, names: vec![name] }),
            }
        }
        for (i, step) in way.iter().enumerate().take(STEPS_SHOWN) {
            if i == 0 || i + 1 == way.len() {
                found.saw([step.evidence("cgroup.controllers")]);
            }
            if i + 1 < way.len() || self.hands_on() {
                found.saw([step.evidence("cgroup.subtree_control")]);
            }
        }
        let later = groups.iter().filter(|g| g.stop == Stop::Later);
        let later: Vec<&str> = later.flat_map(|g| g.names.iter().copied()).collect();
        for group in groups {
            self.stopped(way, &group, found);
        }
        if !later.is_empty() && found.troubles.is_empty() {
            found.notes.push(format!(
                "nothing stands in the way of enabling {} in {}",
                list(&later),
                self.spot.path
            ));
        }
    }

    /// Whether controllers have to be enabled at the place itself, for cgroups below it.
    fn hands_on(&self) -> bool {
        !matches!(self.spot.role, Role::System | Role::Own)
    }

    /// Whether systemd would have to enable `name` below the step with that index, and never does.
    fn is_systemds(&self, way: &[Step<'_>], at: usize, name: &str) -> bool {
        self.spot.role != Role::System
            && unit_below(way, at).is_some()
            && !systemd_unit::DELEGABLE.contains(&name)
    }

    /// What stops `name` first.
    fn stop(&self, way: &[Step<'_>], name: &str) -> Known<Stop> {
        let has = |names: Vec<String>| names.iter().any(|n| n == name);
        for (i, step) in way.iter().enumerate() {
            if !has(step.controllers()?) {
                return Ok(if i == 0 { Stop::Root } else { Stop::Lost(i) });
            }
            let is_place = i + 1 == way.len();
            if is_place && !self.hands_on() {
                break;
            }
            match step.enabling(name)? {
                Enabling::Already => {}
                Enabling::Works if is_place => return Ok(Stop::Later),
                Enabling::Works => return Ok(Stop::Withheld(i)),
                Enabling::Absent => return Ok(Stop::Lost(i)),
                Enabling::Busy(processes) | Enabling::MakesThreaded(processes) => {
                    return Ok(Stop::Busy(i, processes));
                }
                Enabling::Refused(_) => return Ok(Stop::Threaded),
            }
        }
        Ok(Stop::Nowhere)
    }

    fn stopped(&self, way: &[Step<'_>], group: &Group<'_>, found: &mut Found) {
        let at = |i: usize| way.get(i);
        let threaded = found.troubles.iter().any(|t| t.reason == "threaded");
        match &group.stop {
            // Nothing that can be done there is of use.
            Stop::Withheld(_) | Stop::Busy(..) | Stop::Lost(_) if threaded => {}
            // types() has said that it is threaded, and controllers() says in one note what is enabled later.
            Stop::Nowhere | Stop::Threaded | Stop::Later => {}
            Stop::Root => self.missing_at_root(way, group, found),
            Stop::Withheld(i) => {
                if let Some(step) = at(*i) {
                    self.withheld(way, *i, step, group, found);
                }
            }
            Stop::Busy(i, processes) => {
                if let Some(step) = at(*i) {
                    found.troubles.push(busy(step, processes, group));
                }
            }
            Stop::Lost(i) => {
                let Some(step) = at(*i) else { return };
                let names = list(&group.names);
                let changed = format!(
                    "{} does not have {names}, which the cgroup above it enables: it has just changed",
                    step.path
                );
                found.unknown(group.severity, Unknown::new(changed).needs("run again"));
            }
        }
    }

    fn missing_at_root(&self, way: &[Step<'_>], group: &Group<'_>, found: &mut Found) {
        let (Some(root), Some(first)) = (way.first(), group.names.first()) else { return };
        let names = list(&group.names);
        let apparent = root.is_root == Some(false);
        if !apparent && group.severity == Severity::Warn {
            found.notes.push(format!(
                "not counted: {names}, which the root does not have either (cgroup-controllers)"
            ));
            return;
        }
        let place = self.target();
        let trouble = if apparent {
            let message = format!(
                "{names} can't reach {place}: what looks like the root here gets less from its parent"
            );
            Trouble::new(group.severity, "not-delegated", message).remedy(
                Remedy::new(format!(
                    "Let the manager of this container delegate {names}: under systemd by `Delegate=yes` for its unit on \
                     the host, and by whatever lies between the two."
                ))
                .risk(Risk::Service),
            )
        } else {
            let message = format!("{names} can't reach {place}: not even the root has that");
            Trouble::new(group.severity, "missing-at-root", message)
                .note("the finding of cgroup-controllers says why, and how to mend it")
        };
        let seen = [root.evidence("cgroup.controllers")];
        found.troubles.push(trouble.evidence(seen).follows(self.cause_at_root(first)));
    }

    /// The cause by which `cgroup-controllers` knows why the root lacks a controller.
    fn cause_at_root(&self, name: &str) -> String {
        let survey = self.node.cgroup_survey(&Ask::files()).ok();
        let subsystem = survey.as_ref().and_then(|s| s.find(name));
        match subsystem.filter(|s| s.state == State::NotCompiled).and_then(|s| s.known) {
            Some(known) => known.config.to_owned(),
            None => cgroup_controllers::missing(name),
        }
    }

    /// A cgroup does not enable what it could.
    fn withheld(&self, way: &[Step<'_>], at: usize, step: &Step<'_>, group: &Group<'_>, found: &mut Found) {
        if self.spot.role == Role::System {
            let names = list(&group.names);
            found
                .notes
                .push(format!("not enabled for {}: {names}; whoever needs it can enable it", self.spot.path));
            return;
        }
        let unit = unit_below(way, at);
        let Some(first) = group.names.first() else { return };
        let names = list(&group.names);
        let message = format!(
            "{names} {} not reach {}: {} does not enable {} for its children",
            if group.names.len() == 1 { "does" } else { "do" },
            self.spot.path,
            step.path,
            if group.names.len() == 1 { "it" } else { "them" },
        );
        let is_pods = self.spot.role == Role::Pods;
        let severity = if is_pods { Severity::Warn } else { group.severity };
        let trouble = Trouble::new(severity, "not-delegated", message)
            .evidence([step.evidence("cgroup.controllers"), step.evidence("cgroup.subtree_control")]);
        found.troubles.push(match unit {
            Some(unit) => self.by_unit(unit, &group.names, trouble),
            None if is_pods => trouble
                .note("a kubelet that starts enables what its cgroup of the pods lacks; one that runs says that it has missing controllers")
                .remedy(remedies::enable(step, &group.names))
                .follows(cgroup_controllers::missing(first)),
            None => {
                let cause = format!("cgroup:{}:{first}", step.path);
                trouble.remedy(remedies::enable(step, &group.names)).follows(cause)
            }
        });
    }

    /// A controller that systemd would pass on if the unit asked for it.
    fn by_unit(&self, unit: &str, names: &[&str], trouble: Trouble) -> Trouble {
        let trouble = trouble.follows(unit_cause(unit));
        match systemd_unit::delegate(self.node, unit) {
            Ok(delegate) if names.iter().all(|n| delegate.names(n)) => trouble
                .note(format!("{unit} asks for it by `Delegate=`, and was started before it did"))
                .evidence(delegate.seen)
                .remedy(
                    Remedy::new(format!("Restart {unit}, which ends what runs in it."))
                        .command("systemctl daemon-reload")
                        .command(format!("systemctl restart {unit}"))
                        .risk(Risk::Service),
                ),
            Ok(delegate) => trouble
                .note(format!(
                    "systemd enables for {unit} what its `Delegate=` names, and that does not name {}",
                    list(names)
                ))
                .evidence(delegate.seen)
                .remedy(remedies::drop_in(unit)),
            Err(unknown) => trouble
                .note(format!("what `Delegate=` of {unit} says could not be read: {}", unknown.reason))
                .evidence(unknown.evidence)
                .remedy(remedies::drop_in(unit)),
        }
    }

    /// Whether systemd leaves alone what lies below the units that manage cgroups of their own.
    fn units(&self, way: &[Step<'_>], found: &mut Found) {
        let units: Vec<String> = if self.spot.role == Role::System {
            let Some(place) = way.last() else { return };
            match self.node.list(&place.directory) {
                Ok(names) => names.into_iter().filter(|n| MANAGERS.contains(&n.as_str())).collect(),
                Err(e) => return found.unknown(Severity::Warn, e.unknown()),
            }
        } else {
            // The first process has a scope without a file, and lives in it whatever is delegated.
            unit_index(way)
                .and_then(|i| unit_name(way.get(i)?))
                .filter(|u| *u != "init.scope")
                .map(str::to_owned)
                .into_iter()
                .collect()
        };
        for unit in units {
            match systemd_unit::delegate(self.node, &unit) {
                Ok(delegate) if delegate.on => found.saw(delegate.seen),
                Ok(delegate) => {
                    let message =
                        format!("{unit} has no `Delegate=`: systemd takes the cgroups below it for its own");
                    found.troubles.push(
                        Trouble::new(Severity::Warn, "no-delegate", message)
                            .note("at a reload systemd may undo settings there and move processes (CGROUP_DELEGATION.md)")
                            .evidence(delegate.seen)
                            .remedy(remedies::drop_in(&unit))
                            .follows(unit_cause(&unit)),
                    );
                }
                Err(unknown) => found.unknown(Severity::Warn, unknown),
            }
        }
    }
}

/// A cgroup that is no domain: no container can run there, nor below it.
fn types(way: &[Step<'_>], found: &mut Found) {
    for step in way.iter().filter(|s| s.is_root == Some(false)) {
        let kind = match step.kind() {
            Ok(CgroupType::Domain) => continue,
            Ok(kind) => kind,
            Err(unknown) => {
                found.unknown(Severity::Fail, unknown);
                continue;
            }
        };
        let message = format!("{} is `{}`: below it no container can run", step.path, kind.as_str());
        let trouble = Trouble::new(Severity::Fail, "threaded", message)
            .note(
                "in a threaded subtree single threads are distributed, not processes: cgroup.procs takes none \
                 (EOPNOTSUPP), and controllers of whole processes such as memory can't be enabled",
            )
            .evidence([step.evidence("cgroup.type")])
            .remedy(Remedy::new(format!(
                "Remove the threaded cgroups of {} and make them anew: what was made threaded does not become a domain \
                 again.",
                step.path
            )));
        found.troubles.push(trouble.follows(format!("cgroup:{}", step.path)));
        // What lies below is so because of it.
        return;
    }
}

/// Processes where only children may have them.
fn busy(step: &Step<'_>, processes: &Processes, group: &Group<'_>) -> Trouble {
    let names = list(&group.names);
    let count = match processes.count {
        1 => "a process".to_owned(),
        n => format!("{n} processes"),
    };
    let message = format!("{names} can't be enabled in {}: it has {count} of its own (EBUSY)", step.path);
    let first: Vec<String> = processes.first.iter().map(u32::to_string).collect();
    let more = if processes.count > processes.first.len() { " …" } else { "" };
    Trouble::new(group.severity, "busy", message)
        .note(
            "only the real root may have processes beside children with controllers (\"no internal processes\"); for \
             cpu, cpuset and pids alone the kernel may take it, and makes the cgroup a threaded domain, in which no \
             container runs",
        )
        .evidence([
            step.evidence("cgroup.type"),
            Evidence::new(step.file("cgroup.procs"), format!("{}{more}", first.join(" "))),
        ])
        .remedy(remedies::evacuate(step, &group.names))
        .follows(format!("cgroup:{}", step.path))
}

/// The first unit on the way that can be delegated to: it is systemd's last; what lies below is the unit's own.
fn unit_index(way: &[Step<'_>]) -> Option<usize> {
    way.iter().position(|s| unit_name(s).is_some())
}

/// That unit, if it lies below the step with this index: what systemd enables down to it depends on its `Delegate=`.
fn unit_below<'a>(way: &'a [Step<'_>], at: usize) -> Option<&'a str> {
    unit_index(way).filter(|unit| *unit > at).and_then(|unit| unit_name(way.get(unit)?))
}

fn unit_name<'a>(step: &'a Step<'_>) -> Option<&'a str> {
    step.path.rsplit('/').next().filter(|n| matches!(systemd_unit::kind(n), Some("service" | "scope")))
}

fn unit_cause(unit: &str) -> String {
    format!("unit:{}", systemd_unit::template(unit).as_deref().unwrap_or(unit))
}

/// `cpu`, `cpu and io`, `cpu, io and memory`.
fn list(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
