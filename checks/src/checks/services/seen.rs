//! What is seen of one service: whether it runs, whether it starts at boot, what is delegated to it.

use super::params::{ServiceRule, ServiceState, is_unit, unit};
use crate::{
    evidence::{Evidence, Unknown},
    facts::{
        Known,
        cgroup::CGROUP_ROOT,
        service_manager::{OpenRcService, ServiceManager},
        systemd_manager::{Loaded, Manager, State},
        systemd_unit::{DELEGABLE, Delegate, Enablement, Unit, absent},
    },
    node::{Node, Origin},
};
use std::cell::OnceCell;

/// What a service does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    Running,
    Starting,
    /// It ended, and is about to be started again.
    Restarting,
    Stopping,
    Failed,
    Stopped,
    /// systemd can't make sense of its files.
    NotLoadable,
    /// There are processes in its cgroup, and systemd can't be asked what they come to.
    HasProcesses(Unknown),
}

/// A service that is there.
pub(super) struct Service {
    /// As the messages call it: the name of its unit, or of OpenRC's service.
    pub name: String,
    /// That it is there.
    pub there: Evidence,
    /// What it does, with what shows it; nothing where nobody asked.
    pub activity: Option<Known<(Activity, Evidence)>>,
    /// Whether it starts at boot; nothing where nobody asked.
    pub boot: Option<Known<(Enablement, Vec<Evidence>)>>,
    /// The controllers that are delegated to it; nothing where nobody asked.
    pub delegated: Option<Known<(Vec<String>, Evidence)>>,
    /// What shows that its files changed since systemd read them.
    pub stale: Option<Evidence>,
    /// How systemd has it, where it is loaded.
    pub loaded: Option<Box<Loaded>>,
    /// Whether OpenRC starts it.
    pub by_openrc: bool,
}

/// What came of looking for a service.
pub(super) enum Seen {
    There(Box<Service>),
    /// There is none of that name.
    Missing(Vec<Evidence>),
    /// Somebody starts services here who is not understood; systemd and OpenRC have none of that name.
    Elsewhere(Unknown),
    Unknown(Unknown),
}

/// Looks at services; systemd is asked once for all of them, and only where somebody wants to know what runs.
pub(super) struct Look<'a> {
    node: &'a Node,
    units: Vec<String>,
    manager: OnceCell<Known<Manager>>,
}

impl<'a> Look<'a> {
    pub(super) fn new<'r>(node: &'a Node, rules: impl Iterator<Item = &'r ServiceRule>) -> Self {
        let about_now = rules.filter(|rule| rule.is_about_now());
        let units = about_now.flat_map(|rule| rule.names().map(unit).collect::<Vec<_>>()).collect();
        Self { node, units, manager: OnceCell::new() }
    }

    /// How systemd's manager has a unit.
    fn state(&self, unit: &str) -> Known<State> {
        let ask = || {
            let units: Vec<&str> = self.units.iter().map(String::as_str).collect();
            self.node.systemd_manager(&units)
        };
        let manager = self.manager.get_or_init(ask).as_ref().map_err(Clone::clone)?;
        let at = self.units.iter().position(|name| name == unit);
        let state = at.and_then(|at| manager.units.get(at));
        state.cloned().unwrap_or_else(|| Err(Unknown::new(format!("systemd was not asked for {unit}"))))
    }

    /// Looks at one service, as far as a rule asks.
    pub(super) fn at(&self, name: &str, rule: &ServiceRule) -> Seen {
        let unit_name = unit(name);
        match self.node.systemd_unit(&unit_name) {
            Ok(Some(unit)) => {
                Seen::There(Box::new(self.of_systemd(&unit_name, Some(&unit), unit.evidence(), rule)))
            }
            Err(unknown) => Seen::Unknown(unknown),
            Ok(None) => match self.node.service_manager() {
                Ok((ServiceManager::OpenRc, by)) => self.at_openrc(name, rule, by),
                Ok((ServiceManager::Systemd, by)) => self.without_file(&unit_name, rule, by),
                Err(unknown) => self.elsewhere(name, unknown),
            },
        }
    }

    /// A unit of systemd that has no file: it does not exist, or its file was taken away while it runs.
    fn without_file(&self, name: &str, rule: &ServiceRule, by: &[Evidence]) -> Seen {
        let missing = || absent(name).into_iter().chain(by.iter().cloned());
        if !rule.is_about_now() {
            return Seen::Missing(missing().collect());
        }
        let there = match self.state(name) {
            Ok(State::Loaded(loaded)) if loaded.load != "not-found" || loaded.active != "inactive" => {
                loaded.evidence
            }
            Ok(State::Loaded(loaded)) => return Seen::Missing(missing().chain([loaded.evidence]).collect()),
            Ok(State::NotLoaded(seen)) => return Seen::Missing(missing().chain([seen]).collect()),
            Err(unknown) => match populated(self.node, name) {
                Some(seen) => seen,
                // An image has nothing that runs; of a machine it is not known.
                None if rule.wants_absence() && self.node.origin() == Origin::Live => {
                    return Seen::Unknown(unknown);
                }
                None => return Seen::Missing(missing().collect()),
            },
        };
        Seen::There(Box::new(self.of_systemd(name, None, there, rule)))
    }

    /// Neither systemd nor OpenRC, or it is not known.
    fn elsewhere(&self, name: &str, unknown: &Unknown) -> Seen {
        match self.node.init() {
            Ok(init) if !init.is_systemd && is_unit(name) => {
                Seen::Missing(init.proof.clone().into_evidence())
            }
            Ok(init) if !init.is_systemd => Seen::Elsewhere(unknown.clone()),
            _ => Seen::Unknown(unknown.clone()),
        }
    }

    fn of_systemd(&self, name: &str, unit: Option<&Unit>, there: Evidence, rule: &ServiceRule) -> Service {
        let node = self.node;
        let state = rule.is_about_now().then(|| self.state(name));
        let activity = state.as_ref().filter(|_| rule.state != ServiceState::Any).map(|state| match state {
            Ok(state) => activity(state),
            Err(unknown) => match populated(node, unit.map_or(name, Unit::name)) {
                Some(seen) => Ok((Activity::HasProcesses(unknown.clone()), seen)),
                None => Err(unknown.clone()),
            },
        });
        let loaded = match state {
            Some(Ok(State::Loaded(loaded))) => Some(loaded),
            _ => None,
        };
        let boot = || match unit {
            Some(unit) => node.systemd_enablement(unit),
            None => Ok((Enablement::Disabled, absent(name))),
        };
        Service {
            name: name.to_owned(),
            there,
            activity,
            boot: rule.enabled.map(|_| boot()),
            delegated: (!rule.delegate.is_empty()).then(|| delegated(loaded.as_deref(), name, unit)),
            stale: loaded.as_deref().and_then(|loaded| stale(loaded, unit)),
            loaded,
            by_openrc: false,
        }
    }

    fn at_openrc(&self, name: &str, rule: &ServiceRule, by: &[Evidence]) -> Seen {
        let name = name.strip_suffix(".service").unwrap_or(name);
        if is_unit(name) {
            return Seen::Missing(by.to_vec());
        }
        match self.node.openrc_service(name) {
            Ok(Some(service)) => Seen::There(Box::new(self.of_openrc(name, service, rule))),
            Ok(None) => {
                let none = Evidence::new("/etc/init.d", format!("no {name}"));
                Seen::Missing(std::iter::once(none).chain(by.iter().cloned()).collect())
            }
            Err(unknown) => Seen::Unknown(unknown),
        }
    }

    fn of_openrc(&self, name: &str, service: OpenRcService, rule: &ServiceRule) -> Service {
        let activity = |(state, seen)| {
            let activity = match state {
                "started" => Activity::Running,
                // It waits for something before it is started (openrc-run(8), "inactive").
                "starting" | "inactive" => Activity::Starting,
                "stopping" => Activity::Stopping,
                "failed" => Activity::Failed,
                _ => Activity::Stopped,
            };
            (activity, seen)
        };
        let boot = || match service.level {
            Some(level) => (Enablement::Enabled, vec![level]),
            None => {
                (Enablement::Disabled, vec![Evidence::new("/etc/runlevels/default", format!("no {name}"))])
            }
        };
        let nothing = || Unknown::new("OpenRC delegates no controllers").tried([service.script.clone()]);
        Service {
            name: name.to_owned(),
            there: service.script.clone(),
            activity: (rule.state != ServiceState::Any).then(|| self.node.openrc_state(name).map(activity)),
            delegated: (!rule.delegate.is_empty()).then(|| Err(nothing())),
            boot: rule.enabled.map(|_| Ok(boot())),
            stale: None,
            loaded: None,
            by_openrc: true,
        }
    }
}

fn activity(state: &State) -> Known<(Activity, Evidence)> {
    let loaded = match state {
        State::NotLoaded(seen) => return Ok((Activity::Stopped, seen.clone())),
        State::Loaded(loaded) => loaded,
    };
    let activity = match (loaded.active.as_str(), loaded.load.as_str()) {
        ("active" | "reloading" | "refreshing", _) => Activity::Running,
        ("activating", _) if loaded.sub.starts_with("auto-restart") => Activity::Restarting,
        ("activating", _) => Activity::Starting,
        ("deactivating", _) => Activity::Stopping,
        ("failed", _) => Activity::Failed,
        (_, "bad-setting" | "error") => Activity::NotLoadable,
        // Its directories are being cleaned (systemctl clean).
        ("inactive" | "maintenance", _) => Activity::Stopped,
        (other, _) => {
            let why = format!("{} is in a state that is not known here: {other}", loaded.id);
            return Err(Unknown::new(why).tried([loaded.evidence.clone()]));
        }
    };
    Ok((activity, loaded.evidence.clone()))
}

/// That systemd did not read the files of a unit as they are now: by its own word, or because a drop-in is not among those that
/// it read. Drop-ins for other names of the unit, or for its type, are left to systemd's word.
fn stale(loaded: &Loaded, unit: Option<&Unit>) -> Option<Evidence> {
    if loaded.needs_reload {
        return Some(loaded.evidence.clone());
    }
    let known = loaded.drop_ins.as_ref()?;
    let directory = format!("/{}.d/", loaded.id);
    let unread = unit?.assignments.iter().map(|one| &one.file).find(|file| {
        file.contains(&directory)
            && ["/etc/", "/run/"].iter().any(|top| file.starts_with(top))
            && !known.contains(file)
    })?;
    Some(Evidence::new(unread, "is not among the drop-ins that systemd read"))
}

/// What is delegated to a service: as systemd has it, which counts, else as its files say.
fn delegated(loaded: Option<&Loaded>, name: &str, unit: Option<&Unit>) -> Known<(Vec<String>, Evidence)> {
    if let Some(loaded) = loaded
        && let Some(controllers) = &loaded.delegated
    {
        let words = if controllers.is_empty() { "nothing".to_owned() } else { controllers.join(" ") };
        let seen = Evidence::new(format!("systemd {}", loaded.id), format!("delegates {words}"));
        return Ok((controllers.clone(), seen));
    }
    let no_file = || Unknown::new(format!("{name} has no file")).tried(absent(name));
    let unit = unit.ok_or_else(no_file)?;
    let found = Delegate::of(unit);
    let names = DELEGABLE.into_iter().filter(|name| found.names(name));
    let seen = found.seen.last().cloned().unwrap_or_else(|| unit.evidence());
    Ok((names.map(str::to_owned).collect(), seen))
}

/// That there are processes in the cgroup of a unit, where systemd itself can't be asked: in cgroup v2, in that of a hybrid
/// layout, in systemd's own hierarchy of version 1. Only units of the system's slice are found.
fn populated(node: &Node, unit: &str) -> Option<Evidence> {
    for root in [CGROUP_ROOT, "/sys/fs/cgroup/unified"] {
        let read = node.read(&format!("{root}/system.slice/{unit}/cgroup.events"));
        if let Ok(text) = read.text()
            && text.lines().any(|line| line == "populated 1")
        {
            return Some(read.quote("populated 1"));
        }
    }
    let read = node.read(&format!("/sys/fs/cgroup/systemd/system.slice/{unit}/cgroup.procs"));
    let text = read.text().ok()?;
    let first =
        text.lines().next().filter(|line| !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit()))?;
    Some(read.quote(format!("process {first}")))
}
