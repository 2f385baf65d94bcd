//! Container runtimes: where their sockets are, and what they say over the Container Runtime Interface (CRI).

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, Probe, ReadErrorKind},
};
use serde_json::Value;
use std::rc::Rc;

/// The sockets that kubeadm knows (cmd/kubeadm/app/constants/constants_unix.go); /var/run is /run.
pub const SOCKETS: [&str; 3] =
    ["/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/cri-dockerd.sock"];

/// How long a runtime has to answer all questions, in milliseconds.
const MILLIS: u32 = 1000;

/// What a runtime said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runtime {
    /// The newest version of the API that it speaks: `v1`, `v1alpha2`.
    pub api: String,
    /// Its name: `containerd`, `cri-o`, `docker`.
    pub name: String,
    /// Its version, as it writes it.
    pub version: String,
    /// What it says of its state; nothing where it did not.
    pub conditions: Vec<Condition>,
    /// Why it did not say in which state it is.
    pub status_fault: Option<String>,
    /// What it says of its cgroup driver.
    pub config: Config,
    /// Why it did not say that, where the question failed.
    pub config_fault: Option<String>,
    /// What was seen.
    pub evidence: Vec<Evidence>,
}

/// A condition of a runtime: `RuntimeReady`, `NetworkReady`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Its type.
    pub name: String,
    /// Whether it holds.
    pub holds: bool,
    /// Why not, in a word and in a sentence; both may be empty.
    pub reason: String,
    /// The sentence.
    pub message: String,
}

/// What a runtime answers to RuntimeConfig.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Config {
    /// Its cgroup driver: `systemd`, `cgroupfs`.
    Driver(String),
    /// It does not know the question: before containerd 2.0 and CRI-O 1.28.
    Unimplemented,
    /// It was not asked, or its answer says nothing.
    #[default]
    Unknown,
}

impl Runtime {
    /// Reads what the probe wrote: one JSON object.
    #[must_use]
    pub fn parse(json: &str) -> Option<Self> {
        let whole: Value = serde_json::from_str(json).ok()?;
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let conditions = whole.get("conditions").and_then(Value::as_array).into_iter().flatten();
        let condition = |value: &Value| {
            Some(Condition {
                name: text(value, "type")?,
                holds: value.get("status")?.as_bool()?,
                reason: text(value, "reason").unwrap_or_default(),
                message: text(value, "message").unwrap_or_default(),
            })
        };
        let config = match (whole.get("runtimeConfig").and_then(Value::as_bool), text(&whole, "cgroupDriver"))
        {
            (Some(true), Some(driver)) => Config::Driver(driver),
            (Some(false), _) => Config::Unimplemented,
            _ => Config::Unknown,
        };
        Some(Self {
            api: text(&whole, "api")?,
            name: text(&whole, "name")?,
            version: text(&whole, "version")?,
            conditions: conditions.filter_map(condition).collect(),
            status_fault: text(&whole, "statusFault"),
            config,
            config_fault: text(&whole, "runtimeConfigFault"),
            evidence: Vec::new(),
        })
    }

    /// A condition by its type.
    #[must_use]
    pub fn condition(&self, name: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.name == name)
    }
}

/// What came of asking at a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A runtime answered.
    Runtime(Rc<Runtime>),
    /// Nobody listens there (ECONNREFUSED): the file was left.
    Refused(Evidence),
    /// Somebody listens who does not answer in time.
    Hung(Evidence),
    /// Somebody answers who speaks gRPC but has no CRI.
    NoCri(Evidence),
    /// Somebody answers who speaks something else.
    NotGrpc(Evidence),
}

impl Node {
    /// Asks who listens at a socket, and how it is; on a live node only.
    ///
    /// # Errors
    /// When it can't be asked: no permission, or this is no live node.
    pub fn container_runtime(&self, socket: &str) -> Known<Asked> {
        let probe = Probe::Cri { socket: socket.to_owned(), millis: MILLIS };
        let probed = self.probe(&probe);
        let seen = |observed: &str| Evidence::new(format!("CRI {socket}"), observed);
        if let Some(details) = probed.details() {
            return match Runtime::parse(details) {
                Some(runtime) => {
                    Ok(Asked::Runtime(Rc::new(Runtime { evidence: told(socket, &runtime), ..runtime })))
                }
                None => {
                    Err(Unknown::new(format!("the answer at {socket} could not be read"))
                        .tried([seen(details)]))
                }
            };
        }
        match (probed.errno(), probed.answer()) {
            (Some("ECONNREFUSED"), _) => Ok(Asked::Refused(seen("connection refused (ECONNREFUSED)"))),
            (Some("ETIMEDOUT"), _) => Ok(Asked::Hung(seen("no answer within a second"))),
            (Some(text), _) if text.starts_with("no CRI") => Ok(Asked::NoCri(seen(text))),
            (Some(text), _) if text.starts_with("not gRPC") => Ok(Asked::NotGrpc(seen(text))),
            (Some(errno @ ("EACCES" | "EPERM")), _) => {
                let why = Unknown::new(format!("{socket}: permission denied ({errno})"));
                Err(why.tried([seen(errno)]).needs("run as root"))
            }
            (_, Err(e)) if e.kind == ReadErrorKind::LiveOnly => {
                let why = Unknown::new("a runtime is asked on the machine itself only");
                Err(why
                    .tried([Evidence::new(socket, "exists")])
                    .needs("run on the machine itself, without --root"))
            }
            (_, Err(e)) => Err(e.unknown()),
            (_, Ok(answer)) => {
                let answer = answer.to_string();
                Err(Unknown::new(format!("{socket} could not be asked: {answer}")).tried([seen(&answer)]))
            }
        }
    }
}

/// What a runtime said, a line each.
fn told(socket: &str, runtime: &Runtime) -> Vec<Evidence> {
    let line = |method: &str, observed: String| Evidence::new(format!("CRI {socket} {method}"), observed);
    let mut lines = vec![line("Version", format!("{} {} ({})", runtime.name, runtime.version, runtime.api))];
    if !runtime.conditions.is_empty() {
        let all = runtime.conditions.iter().map(|c| format!("{}={}", c.name, c.holds));
        lines.push(line("Status", all.collect::<Vec<_>>().join(" ")));
    }
    match &runtime.config {
        Config::Driver(driver) => lines.push(line("RuntimeConfig", format!("cgroup driver {driver}"))),
        Config::Unimplemented => lines.push(line("RuntimeConfig", "unimplemented".to_owned())),
        Config::Unknown => {}
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;

    const ANSWER: &str = r#"{"api":"v1","name":"containerd","version":"v2.1.4","conditions":[{"type":"RuntimeReady","status":true,"reason":"","message":""},{"type":"NetworkReady","status":false,"reason":"NetworkPluginNotReady","message":"cni plugin not initialized"}],"runtimeConfig":true,"cgroupDriver":"systemd"}"#;

    fn ask(answer: &str) -> Known<Asked> {
        let probe = Probe::Cri { socket: "/run/x.sock".to_owned(), millis: MILLIS };
        Node::in_memory(Memory::new().probe(probe, answer)).container_runtime("/run/x.sock")
    }

    #[test]
    fn what_a_runtime_says() {
        let Ok(Asked::Runtime(runtime)) = ask(&format!("ok, {ANSWER}")) else { panic!() };
        assert_eq!((runtime.name.as_str(), runtime.version.as_str()), ("containerd", "v2.1.4"));
        assert_eq!(runtime.config, Config::Driver("systemd".to_owned()));
        assert!(runtime.condition("RuntimeReady").unwrap().holds);
        assert_eq!(runtime.condition("NetworkReady").unwrap().reason, "NetworkPluginNotReady");
        let lines: Vec<_> = runtime.evidence.iter().map(|e| e.observed.as_str()).collect();
        assert_eq!(
            lines,
            ["containerd v2.1.4 (v1)", "RuntimeReady=true NetworkReady=false", "cgroup driver systemd"]
        );
        let without =
            Runtime::parse(r#"{"api":"v1","name":"a","version":"1","runtimeConfig":false}"#).unwrap();
        assert_eq!(without.config, Config::Unimplemented);
    }

    #[test]
    fn what_goes_wrong_is_told_apart() {
        assert!(matches!(ask("ECONNREFUSED"), Ok(Asked::Refused(_))));
        assert!(matches!(ask("ETIMEDOUT"), Ok(Asked::Hung(_))));
        assert!(matches!(ask("no CRI: unknown service runtime.v1.RuntimeService"), Ok(Asked::NoCri(_))));
        assert!(matches!(ask("not gRPC: frame with invalid size"), Ok(Asked::NotGrpc(_))));
        assert!(ask("EACCES").unwrap_err().needs.unwrap().contains("root"));
        for strange in ["ok, ", "ok, []", "ok, {\"api\":1}", "EIO", "gRPC status 13: internal"] {
            assert!(ask(strange).is_err(), "{strange}");
        }
        let node = Node::in_memory(Memory::new());
        assert!(node.container_runtime("/run/x.sock").is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_answer_is_read(text in "\\PC{0,200}", cut in 0usize..ANSWER.len()) {
            let _ = Runtime::parse(&text);
            assert!(Runtime::parse(&ANSWER[..cut]).is_none());
        }
    }
}
