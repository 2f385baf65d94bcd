use super::{
    params::{Parameters, Protocol},
    *,
};
use crate::{
    finding::{Outcome, Severity},
    node::{Allowed, Memory},
};
use proptest::prelude::*;

fn plugin(protocol: Protocol) -> Plugin {
    Plugin {
        run: vec!["/opt/x".to_owned()],
        name: None,
        protocol,
        parameters: Parameters::default(),
        time: crate::duration::Duration::from_millis(5000),
        severity: Severity::Fail,
    }
}

fn ended(status: i32, stdout: &str) -> Ended {
    Ended { status: Some(status), signal: None, stdout: stdout.to_owned(), stderr: "oh\nno\n".to_owned() }
}

fn said(protocol: Protocol, status: i32, stdout: &str) -> Result<Vec<Finding>, Unknown> {
    protocol::findings(&plugin(protocol), &ended(status, stdout))
}

#[test]
fn nagios() {
    let of = |status, stdout: &str| said(Protocol::Nagios, status, stdout);
    let good = of(0, "DISK OK - free space: / 3326 MB (56%); | /=2643MB;5948;5958;0;5968\n").unwrap();
    assert_eq!((good[0].reason(), good[0].message()), ("ok", "DISK OK - free space: / 3326 MB (56%);"));
    assert_eq!(good[0].outcome(), &Outcome::Pass);
    let warns = &of(1, "LOAD WARNING").unwrap()[0];
    assert_eq!((warns.reason(), warns.severity(), warns.subject()), ("warning", Severity::Warn, "x"));
    let fails = &of(2, "").unwrap()[0];
    assert_eq!((fails.severity(), fails.message()), (Severity::Fail, "x ends with exit status 2"));
    for status in [3, 4, 127, -1] {
        assert!(of(status, "UNKNOWN").is_err(), "{status}");
    }
    let mild = Plugin { severity: Severity::Warn, ..plugin(Protocol::Nagios) };
    assert_eq!(protocol::findings(&mild, &ended(2, "x")).unwrap()[0].severity(), Severity::Warn);
}

#[test]
fn node_problem_detector() {
    let of = |status| said(Protocol::NodeProblemDetector, status, "ntp is out of order");
    assert_eq!(of(0).unwrap()[0].outcome(), &Outcome::Pass);
    assert_eq!(of(1).unwrap()[0].message(), "ntp is out of order");
    assert!(of(2).is_err() && of(5).is_err());
}

#[test]
fn our_own() {
    let text = r#"{"findings":[
        {"subject":"a","verdict":"pass","message":"m","reason":"there","evidence":[{"source":"/x","observed":"1"}]},
        {"subject":"b","verdict":"pass","message":"m"},
        {"subject":"c","verdict":"fail","message":"m","reason":"No Word","notes":["n"],
         "remedy":{"summary":"mend it","commands":["true"],"reboot":true}},
        {"subject":"d","verdict":"warn","message":"m"},
        {"subject":"e","verdict":"skip","message":"m"},
        {"subject":"f","verdict":"unknown","message":"m"}]}"#;
    let found = said(Protocol::Preflight, 0, text).unwrap();
    assert_eq!(
        (found[0].subject(), found[0].reported_reason(), found[0].outcome()),
        ("x/a", "there", &Outcome::Pass)
    );
    assert!(matches!(found[1].outcome(), Outcome::Undetermined(_)), "no pass without evidence");
    assert_eq!((found[2].severity(), found[2].reported_reason()), (Severity::Fail, "plugin"));
    assert_eq!(found[2].mend().map(|r| (r.summary.as_str(), r.reboot)), Some(("Mend it.", true)));
    assert_eq!(found[3].severity(), Severity::Warn);
    assert_eq!(found[4].outcome(), &Outcome::NotApplicable);
    assert!(matches!(found[5].outcome(), Outcome::Undetermined(_)));
}

#[test]
fn what_is_not_the_protocol_is_not_known() {
    let one = r#"{"subject":"a","verdict":"fail","message":"m"}"#;
    for (status, text) in [
        (0, String::new()),
        (0, "OK".to_owned()),
        (0, r#"{"findings":[]}"#.to_owned()),
        (0, format!(r#"{{"findings":[{one},{one}]}}"#)),
        (0, r#"{"findings":[{"subject":"a","verdict":"good","message":"m"}]}"#.to_owned()),
        (0, r#"{"findings":[{"subject":"a\u0007","verdict":"fail","message":"m"}]}"#.to_owned()),
        (0, r#"{"findings":[{"subject":"a","verdict":"fail","message":"m","colour":"red"}]}"#.to_owned()),
        (1, format!(r#"{{"findings":[{one}]}}"#)),
    ] {
        let why = said(Protocol::Preflight, status, &text).unwrap_err();
        assert_eq!(why.evidence[1].observed, "no", "{text}");
    }
}

fn ask(memory: Memory, allow: &[Allow]) -> Finding {
    let allowed: Allowed = allow.iter().copied().collect();
    let params = ExecParams { plugins: vec![plugin(Protocol::Nagios)] };
    Exec::validate(&params).unwrap();
    let mut out = Findings::default();
    Exec::run(&params, &Node::in_memory(memory).allowing(allowed), &mut out).unwrap();
    out.into_inner().remove(0).0
}

fn answering() -> Memory {
    let probe =
        Probe::Execute { program: "/opt/x".into(), arguments: vec![], input: String::new(), millis: 5000 };
    Memory::new()
        .file("/opt/x", "")
        .owned_by("/opt/x", 0, 0o755)
        .probe(probe, r#"ok, {"status":0,"signal":null,"stdout":"fine","stderr":""}"#)
}

#[test]
fn root_starts_nothing_that_others_can_write() {
    let exec = [Allow::Exec];
    assert_eq!(ask(answering(), &exec).reason(), "ok");
    for (path, owner, mode) in
        [("/opt/x", 1000, 0o755), ("/opt/x", 0, 0o775), ("/opt", 0, 0o757), ("/opt/x", 0, 0o1777)]
    {
        let found = ask(answering().owned_by(path, owner, mode), &exec);
        assert_eq!(found.reason(), "unsafe", "{path} {owner} {mode:o}");
        assert_eq!(found.outcome(), &Outcome::Problem);
    }
    assert_eq!(ask(answering().owned_by("/opt", 0, 0o1777), &exec).reason(), "ok", "sticky, as /tmp");
    // Who is not root gives away nothing but what is theirs.
    assert_eq!(ask(answering().owned_by("/opt/x", 1000, 0o755).as_user(1000), &exec).reason(), "ok");
}

#[test]
fn nothing_is_started_that_was_not_allowed() {
    let Outcome::Undetermined(Some(needs)) = ask(answering(), &[]).outcome().clone() else { panic!() };
    assert!(needs.contains("--allow exec"), "{needs}");
    let gone = ask(Memory::new().file("/opt/y", ""), &[Allow::Exec]);
    assert!(matches!(gone.outcome(), Outcome::Undetermined(_)), "{gone:?}");
}

#[test]
fn what_a_plugin_is_told() {
    let told = protocol::request(&plugin(Protocol::Preflight), &Node::in_memory(Memory::new()));
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["kind"], &told["timeMs"]), (&"PluginRequest".into(), &5000.into()));
    assert_eq!(protocol::request(&plugin(Protocol::Nagios), &Node::in_memory(Memory::new())), "");
}

#[test]
fn parameters() {
    let wrong = |plugins| Exec::validate(&ExecParams { plugins }).unwrap_err();
    let own = || plugin(Protocol::Preflight);
    assert!(wrong(vec![]).contains("no plugin"));
    assert!(wrong(vec![Plugin { run: vec!["x".into()], ..own() }]).contains("whole path"));
    assert!(wrong(vec![own(), own()]).contains("give one a `name`"));
    let parameters = Parameters(serde_json::json!({"a": 1}));
    assert!(wrong(vec![Plugin { parameters, ..plugin(Protocol::Nagios) }]).contains("parameters"));
}

proptest! {
    #[test]
    fn never_panics(text in ".{0,200}", status in -2_i32..300) {
        for protocol in [Protocol::Preflight, Protocol::Nagios, Protocol::NodeProblemDetector] {
            let _ = said(protocol, status, &text);
        }
    }
}
