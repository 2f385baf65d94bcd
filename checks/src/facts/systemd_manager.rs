//! In which state systemd's system manager has units, told by itself.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, Probe, ReadErrorKind},
};
use serde_json::Value;

/// How long the manager has to answer all questions, in milliseconds.
pub const MILLIS: u32 = 1000;

/// What is there while the service of a bus runs (unit_export_state_files(), systemd src/core/unit.c).
const BUSES: [&str; 2] =
    ["/run/systemd/units/invocation:dbus-broker.service", "/run/systemd/units/invocation:dbus.service"];

/// What the manager says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    /// The version that runs, as it writes it: `257.9-1~deb13u1`. An upgrade replaces it at `systemctl daemon-reexec` only.
    pub version: String,
    /// The units that were asked for, in that order.
    pub units: Vec<Known<State>>,
}

/// How it has one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is not loaded, so nothing of it runs.
    NotLoaded(Evidence),
    /// It is loaded.
    Loaded(Box<Loaded>),
}

/// A unit that is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its own name; it may have been asked for by an alias.
    pub id: String,
    /// `loaded`, `not-found`, `bad-setting`, `error`, `masked` (org.freedesktop.systemd1(5), LoadState).
    pub load: String,
    /// Why it could not be loaded.
    pub load_error: Option<String>,
    /// `active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating` and others (ActiveState).
    pub active: String,
    /// What that means for its type: `running`, `exited`, `auto-restart`, `listening`.
    pub sub: String,
    /// Whether its files changed since they were read, as far as systemd sees that: it does not look into a directory of
    /// drop-ins that is new (measured with 252).
    pub needs_reload: bool,
    /// The drop-ins that were read.
    pub drop_ins: Option<Vec<String>>,
    /// How the last run of a service ended: `success`, `exit-code`, `oom-kill`.
    pub result: Option<String>,
    /// How often it was started again by itself.
    pub restarts: Option<i64>,
    /// The exit status of its last run.
    pub exit_status: Option<i64>,
    /// The controllers that are delegated to it; none where delegation is off. Not known where it is no service.
    pub delegated: Option<Vec<String>>,
    /// What was seen.
    pub evidence: Evidence,
}

impl Loaded {
    fn parse(value: &Value, source: String) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let number = |key: &str| value.get(key).and_then(Value::as_i64);
        let list = |key: &str| {
            let list = value.get(key)?.as_array()?.iter();
            Some(list.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<String>>())
        };
        let delegated = match value.get("Delegate").and_then(Value::as_bool) {
            Some(true) => list("DelegateControllers"),
            Some(false) => Some(Vec::new()),
            None => None,
        };
        let (load, active, sub) = (text("LoadState")?, text("ActiveState")?, text("SubState")?);
        let needs_reload = value.get("NeedDaemonReload").and_then(Value::as_bool)?;
        let reload = if needs_reload { ", its files changed since it was loaded" } else { "" };
        let evidence = Evidence::new(source, format!("{load}, {active} ({sub}){reload}"));
        Some(Self {
            id: text("Id")?,
            // A pair: the error's name, and what is said about it.
            load_error: list("LoadError")
                .and_then(|pair| pair.into_iter().nth(1))
                .filter(|text| !text.is_empty()),
            drop_ins: list("DropInPaths"),
            result: text("Result"),
            restarts: number("NRestarts"),
            exit_status: number("ExecMainStatus"),
            load,
            active,
            sub,
            needs_reload,
            delegated,
            evidence,
        })
    }
}

impl Manager {
    /// Reads what the probe wrote: one JSON object.
    #[must_use]
    pub fn parse(json: &str) -> Option<Self> {
        let whole: Value = serde_json::from_str(json).ok()?;
        let unit = |value: &Value| {
            let name = value.get("name")?.as_str()?;
            let source = format!("systemd {name}");
            if value.get("loaded").and_then(Value::as_bool) == Some(false) {
                return Some(Ok(State::NotLoaded(Evidence::new(source, "not loaded"))));
            }
            if let Some(fault) = value.get("fault").and_then(Value::as_str) {
                let why = format!("systemd does not tell of {name}: {fault}");
                return Some(Err(Unknown::new(why).tried([Evidence::new(source, fault)])));
            }
            let loaded = Loaded::parse(value, source.clone());
            Some(match loaded {
                Some(loaded) => Ok(State::Loaded(Box::new(loaded))),
                None => Err(Unknown::new(format!("systemd does not tell all of {name}"))
                    .tried([Evidence::new(source, value.to_string())])),
            })
        };
        Some(Self {
            version: whole.get("version")?.as_str()?.to_owned(),
            units: whole.get("units")?.as_array()?.iter().map(unit).collect::<Option<_>>()?,
        })
    }
}

impl Node {
    /// Asks systemd's system manager for the states of units: root at its own socket, others by way of the bus, where that
    /// runs. Of a mounted host by the socket that is mounted with it.
    ///
    /// # Errors
    /// When it can't be asked: it is not there, lets this user not ask, does not answer in a second, or this is no running
    /// machine.
    pub fn systemd_manager(&self, units: &[&str]) -> Known<Manager> {
        let by_bus = self.user().is_some_and(|user| user != 0);
        // Its socket would start a bus that does not run yet (systemd.socket(5)), and nothing is started here.
        if by_bus && !BUSES.iter().any(|link| self.link(link).is_ok()) {
            return Err(Unknown::new("systemd lets root alone ask it here: there is no bus that runs")
                .tried(BUSES.map(|link| Evidence::new(link, "does not exist")))
                .needs("run as root"));
        }
        let names: Vec<String> = units.iter().map(|&name| name.to_owned()).collect();
        let probed = self.probe(&Probe::Units { names, by_bus, millis: MILLIS });
        let seen = |observed: &str| Evidence::new("systemd", observed);
        if let Some(details) = probed.details() {
            return Manager::parse(details).filter(|manager| manager.units.len() == units.len()).ok_or_else(
                || Unknown::new("the answer of systemd could not be read").tried([seen(details)]),
            );
        }
        // One reason for all that could not be asked: they are one cause.
        Err(match (probed.errno(), probed.answer()) {
            (Some("ETIMEDOUT"), _) => Unknown::new("systemd did not answer within a second")
                .tried([seen("no answer within a second")]),
            (Some(errno @ ("EACCES" | "EPERM")), _) => {
                Unknown::new("systemd lets this user not ask it").tried([seen(errno)]).needs("run as root")
            }
            (Some(errno @ ("ENOENT" | "ENOTDIR")), _) => {
                Unknown::new("systemd has no socket here").tried([seen(errno)])
            }
            (_, Err(e)) if e.kind == ReadErrorKind::LiveOnly || e.is_missing() => {
                Unknown::new("what runs can be asked of a running machine only")
                    .needs("run on the machine itself, without --root")
            }
            (_, Err(e)) => e.unknown(),
            (_, Ok(answer)) => {
                let answer = answer.to_string();
                Unknown::new(format!("systemd could not be asked: {answer}")).tried([seen(&answer)])
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;

    const ANSWER: &str = r#"{"bus":false,"version":"257.9-1","units":[{"name":"a.service","Id":"b.service","LoadState":"loaded","LoadError":["",""],"ActiveState":"activating","SubState":"auto-restart","NeedDaemonReload":true,"Result":"exit-code","NRestarts":7,"ExecMainStatus":1,"Delegate":true,"DelegateControllers":["cpu"]},{"name":"c.timer","loaded":false},{"name":"d.service","fault":"org.freedesktop.DBus.Error.AccessDenied: no"}]}"#;

    fn ask(answer: &str) -> Known<Manager> {
        let units = ["a.service", "c.timer", "d.service"];
        let names = units.map(str::to_owned).into();
        Node::in_memory(Memory::new().probe(Probe::Units { names, by_bus: false, millis: MILLIS }, answer))
            .systemd_manager(&units)
    }

    #[test]
    fn what_the_manager_says() {
        let manager = ask(&format!("ok, {ANSWER}")).unwrap();
        assert_eq!(manager.version, "257.9-1");
        let Ok(State::Loaded(a)) = &manager.units[0] else { panic!() };
        assert_eq!((a.id.as_str(), a.sub.as_str(), a.restarts), ("b.service", "auto-restart", Some(7)));
        assert_eq!((a.load_error.as_deref(), a.delegated.as_deref()), (None, Some(&["cpu".to_owned()][..])));
        assert!(
            a.evidence.observed.contains("activating (auto-restart), its files changed"),
            "{:?}",
            a.evidence
        );
        assert!(matches!(&manager.units[1], Ok(State::NotLoaded(_))));
        assert!(manager.units[2].as_ref().unwrap_err().reason.contains("AccessDenied"));
    }

    #[test]
    fn why_it_does_not() {
        for (answer, words) in [
            ("ETIMEDOUT", "within a second"),
            ("EACCES", "this user"),
            ("ENOENT", "no socket"),
            ("ECONNREFUSED", "could not be asked: ECONNREFUSED"),
            ("rejected: x", "could not be asked: rejected: x"),
            ("ok, []", "could not be read"),
            // One unit less than asked for.
            (r#"ok, {"version":"1","units":[{"name":"a.service","loaded":false}]}"#, "could not be read"),
        ] {
            let unknown = ask(answer).unwrap_err();
            assert!(unknown.reason.contains(words), "{answer}: {}", unknown.reason);
        }
        assert!(Node::in_memory(Memory::new()).systemd_manager(&["a.service"]).is_err());
    }

    #[test]
    fn who_is_not_root_asks_by_way_of_a_bus_that_runs() {
        let names = vec!["a.service".to_owned()];
        let answer = r#"ok, {"version":"1","units":[{"name":"a.service","loaded":false}]}"#;
        let memory =
            Memory::new().as_user(1000).probe(Probe::Units { names, by_bus: true, millis: MILLIS }, answer);
        let ask = |memory: Memory| Node::in_memory(memory).systemd_manager(&["a.service"]);
        assert_eq!(ask(memory.clone()).unwrap_err().needs.as_deref(), Some("run as root"));
        assert!(BUSES.into_iter().all(|link| ask(memory.clone().symlink(link, "0123")).is_ok()));
    }

    proptest::proptest! {
        #[test]
        fn any_answer_is_read(text in "\\PC{0,200}", cut in 0usize..ANSWER.len()) {
            let _ = Manager::parse(&text);
            assert!(Manager::parse(&ANSWER[..cut]).is_none());
        }
    }
}
