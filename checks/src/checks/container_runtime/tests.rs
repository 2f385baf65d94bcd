//! What is said of each answer that a socket can give.

use super::*;
use crate::{
    finding::Outcome,
    node::{Memory, Probe, ReadErrorKind},
};

const CONTAINERD: &str = SOCKETS[0];
const CRIO: &str = SOCKETS[1];

fn answer(name: &str, version: &str, ready: bool, more: &str) -> String {
    format!(
        r#"ok, {{"api":"v1","name":"{name}","version":"{version}","conditions":[{{"type":"RuntimeReady","status":{ready},"reason":"R","message":"why"}},{{"type":"NetworkReady","status":false,"reason":"NetworkPluginNotReady","message":"no cni"}}]{more}}}"#
    )
}

fn at(memory: Memory, socket: &str, answer: &str) -> Memory {
    memory.file(socket, "").probe(Probe::Cri { socket: socket.to_owned(), millis: 1000 }, answer)
}

fn ask(with: &str, memory: Memory) -> Vec<Finding> {
    let params: ContainerRuntimeParams = serde_json::from_str(with).unwrap();
    ContainerRuntime::validate(&params).unwrap();
    let mut out = Findings::default();
    ContainerRuntime::run(&params, &Node::in_memory(memory), &mut out).unwrap();
    out.into_inner().into_iter().map(|(finding, _)| finding).collect()
}

fn one(with: &str, memory: Memory) -> Finding {
    ask(with, memory).remove(0)
}

const FOR: &str = r#"{"kubernetesVersion":"1.33"}"#;

#[test]
fn what_is_at_a_socket() {
    let ready = answer("containerd", "v2.1.4", true, r#","runtimeConfig":true,"cgroupDriver":"systemd""#);
    for (answer, reason, passes) in [
        (ready.as_str(), "ready", Some(true)),
        (&answer("containerd", "v2.1.4", false, ""), "not-ready", Some(false)),
        (
            r#"ok, {"api":"v1","name":"containerd","version":"2.1.4","statusFault":"timed out"}"#,
            "unknown",
            None,
        ),
        (r#"ok, {"api":"v1alpha2","name":"containerd","version":"1.5.9"}"#, "old-api", Some(false)),
        ("ECONNREFUSED", "refused", Some(false)),
        ("ETIMEDOUT", "unknown", None),
        ("EACCES", "unknown", None),
        ("no CRI: unknown service runtime.v1.RuntimeService", "no-cri", Some(false)),
        ("not gRPC: frame with invalid size", "not-grpc", Some(false)),
        ("gRPC status 13: broken", "unknown", None),
    ] {
        let found = one("{}", at(Memory::new(), CONTAINERD, answer));
        assert_eq!((found.subject(), found.reason()), (CONTAINERD, reason), "{answer}");
        let outcome = match found.outcome() {
            Outcome::Pass => Some(true),
            Outcome::Problem => Some(false),
            _ => None,
        };
        assert_eq!(outcome, passes, "{answer}");
        assert_eq!(found.severity(), Severity::Fail, "{answer}");
    }
    let found = one("{}", at(Memory::new(), CONTAINERD, &ready));
    assert!(found.all_notes()[0].contains("no network yet"), "{:?}", found.all_notes());
}

#[test]
fn a_version_that_can_not_be_compared() {
    let of =
        |name: &str, with: &str| one(with, at(Memory::new(), CONTAINERD, &answer(name, "edge", true, "")));
    let found = of("containerd", FOR);
    assert_eq!((found.reason(), found.severity()), ("version-unknown", Severity::Warn));
    assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{found:?}");
    // Where nobody asks for a version, or nobody wrote down which go with which, there is nothing to compare.
    assert_eq!((of("containerd", "{}").reason(), of("other", FOR).reason()), ("ready", "ready"));
}

#[test]
fn nothing_is_there() {
    let found = one("{}", Memory::new());
    assert_eq!((found.reason(), found.severity()), ("no-runtime", Severity::Fail));
    assert_eq!(one(r#"{"missing":"warn"}"#, Memory::new()).severity(), Severity::Warn);
    assert_eq!(found.all_evidence().len(), 3);
    assert_eq!(one("{}", Memory::new().as_root()).outcome(), &Outcome::NotApplicable);
    let found = one(r#"{"socket":"unix:///run/x.sock"}"#, Memory::new());
    assert_eq!((found.reason(), found.severity()), ("no-socket", Severity::Fail));
    // A socket in a tree can't be asked, and one that may not be looked at may be there.
    let found = one("{}", Memory::new().file(CRIO, "").as_root());
    assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{found:?}");
    let found = one("{}", Memory::new().error(CRIO, ReadErrorKind::Denied("EACCES")));
    assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{found:?}");
    let found = one(r#"{"ask":false}"#, Memory::new().file(CRIO, ""));
    assert_eq!(found.outcome(), &Outcome::NotApplicable);
}

#[test]
fn several_are_listed() {
    let both = at(
        at(Memory::new(), CONTAINERD, &answer("containerd", "2.1.4", true, "")),
        CRIO,
        &answer("cri-o", "1.33.0", true, ""),
    );
    let found = ask("{}", both.clone());
    let found: Vec<_> = found.into_iter().filter(|f| !f.subject().ends_with("/RuntimeConfig")).collect();
    let reasons: Vec<_> = found.iter().map(Finding::reason).collect();
    assert_eq!(reasons, ["ready", "ready", "several"]);
    assert_eq!(found[2].severity(), Severity::Warn);
    let found = ask(&format!(r#"{{"socket":"unix://{CRIO}"}}"#), both);
    assert!(found.iter().all(|f| f.reason() != "several"));
    // What a stopped one left is no failure beside one that works.
    let left = at(at(Memory::new(), CONTAINERD, "ECONNREFUSED"), CRIO, &answer("cri-o", "1.33.0", true, ""));
    let found = ask("{}", left);
    assert_eq!((found[0].reason(), found[0].severity()), ("refused", Severity::Warn));
    assert_eq!(found[1].reason(), "ready");
}

#[test]
fn versions_that_go_together() {
    for (name, version, kubernetes, reason) in [
        ("containerd", "v2.1.4", "1.33", "ready"),
        ("containerd", "1.6.20~ds1", "1.33", "old-version"),
        ("containerd", "1.7.24", "1.33", "ready"),
        ("containerd", "2.0.3", "1.33", "old-version"),
        ("containerd", "1.6.20", "1.28", "ready"),
        // Newer than all that was known.
        ("containerd", "2.9.0", "1.33", "ready"),
        // No row is no reproach.
        ("containerd", "1.5.0", "1.20", "ready"),
        ("docker", "29.0.0", "1.33", "ready"),
        ("cri-o", "1.33.2", "1.33", "ready"),
        ("cri-o", "1.32.2", "1.33", "old-version"),
        ("containerd", "unknown", "1.33", "version-unknown"),
    ] {
        let with = FOR.replacen("\"1.33\"", &format!("\"{kubernetes}\""), 1);
        let found = one(&with, at(Memory::new(), CONTAINERD, &answer(name, version, true, "")));
        assert_eq!(found.reason(), reason, "{name} {version} {kubernetes}");
    }
    let old = r#"ok, {"api":"v1alpha2","name":"containerd","version":"1.5.9"}"#;
    let with = |kubernetes: &str| FOR.replacen("\"1.33\"", &format!("\"{kubernetes}\""), 1);
    assert_eq!(one(&with("1.25"), at(Memory::new(), CONTAINERD, old)).reason(), "ready");
    assert_eq!(one(&with("1.26"), at(Memory::new(), CONTAINERD, old)).reason(), "old-api");
}

#[test]
fn the_cgroup_driver() {
    for (more, kubernetes, reason) in [
        (r#","runtimeConfig":true,"cgroupDriver":"cgroupfs""#, "1.36", Some("tells-driver")),
        (r#","runtimeConfig":false"#, "1.36", Some("no-runtime-config")),
        (r#","runtimeConfig":false"#, "1.34", Some("not-applicable")),
        (r#","runtimeConfig":true,"cgroupDriver":null"#, "1.36", Some("unknown")),
        (r#","runtimeConfigFault":"gRPC status 13: broken""#, "1.36", Some("unknown")),
    ] {
        let with = FOR.replacen("\"1.33\"", &format!("\"{kubernetes}\""), 1);
        let found = ask(&with, at(Memory::new(), CONTAINERD, &answer("containerd", "2.0.9", true, more)));
        let config = found.get(1);
        assert_eq!(config.map(Finding::reason), reason, "{more} {kubernetes}");
        let name = config.and_then(Finding::kubeadm_name);
        assert!(config.is_none() || name == Some("ContainerRuntimeVersion"), "{name:?}");
    }
}

#[test]
fn the_line_that_switches_it_off() {
    let memory = || at(Memory::new(), CONTAINERD, "no CRI: unknown service").file("/usr/bin/containerd", "");
    let config = "# disabled_plugins = [\"cri\"]\ndisabled_plugins = [\n  \"cri\",\n]\n";
    let found = one("{}", memory().file("/etc/containerd/config.toml", config));
    assert!(found.all_notes()[0].contains("/etc/containerd/config.toml"), "{:?}", found.all_notes());
    let where_to = &found.mend().unwrap().persistent[0];
    assert!(where_to.contains("config.toml:2"), "{where_to}");
    assert_eq!(found.cause().unwrap().name, crate::checks::runtime_config::DISABLED);
    let found = one("{}", memory());
    assert!(found.all_notes()[0].contains("log"), "{:?}", found.all_notes());
}

#[test]
fn what_is_no_path_is_refused() {
    for with in
        [r#"{"socket":"containerd"}"#, r#"{"socket":"tcp://1.2.3.4"}"#, r#"{"kubernetesVersion":"new"}"#]
    {
        assert!(ContainerRuntime::validate(&serde_json::from_str(with).unwrap()).is_err(), "{with}");
    }
}
