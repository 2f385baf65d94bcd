use super::*;
use serde_json::json;

fn node(name: &str, machine_id: &str, findings: &[(&str, &str, &str, &str)]) -> Answers {
    let mut all: Vec<_> = findings
        .iter()
        .map(|(id, verdict, reason, message)| {
            json!({"id": id, "check": "x", "verdict": verdict, "reason": reason, "message": message, "evidence": []})
        })
        .collect();
    all.push(json!({"id": "identity/machine-id", "check": "identity", "verdict": "pass", "reason": "own", "message": "it is",
        "evidence": [{"source": "/etc/machine-id", "observed": machine_id.repeat(32)}]}));
    let report = json!({"apiVersion": "preflight/v1", "kind": "Report", "verdict": "pass",
        "node": {"hostname": name, "kernel": "6.1.0"}, "findings": all});
    Answers::parse(&format!("{name}.json"), report.to_string().as_bytes()).unwrap()
}

const STYLE: Style = Style { width: 80, verbose: false };

#[test]
fn two_nodes_finding_by_finding() {
    let a = node(
        "a",
        "1",
        &[("swap/active", "pass", "off", "swap is off"), ("disk/x", "pass", "room", "5 GiB are free")],
    );
    let b = node(
        "b",
        "2",
        &[
            ("swap/active", "fail", "on", "swap is on"),
            ("disk/x", "pass", "room", "6 GiB are free"),
            ("new", "warn", "odd", "it is odd"),
        ],
    );
    let comparison = Comparison::of(&[a, b]);
    assert!(comparison.differs());
    assert_eq!(
        comparison.text(STYLE),
        "a: pass, 6.1.0, 2 findings differ\n\
         b: pass, 6.1.0, 2 findings differ\n\
         \n\
         new\n\
         \x20 a: no such finding\n\
         \x20 b: warn: it is odd\n\
         \n\
         swap/active\n\
         \x20 a: pass: swap is off\n\
         \x20 b: fail: swap is on\n\
         \n\
         2 findings differ, 1 in their words alone (-v shows them), 1 are the same\n"
    );
    let verbose = comparison.text(Style { verbose: true, ..STYLE });
    assert!(verbose.contains("disk/x\n  a: pass: 5 GiB are free\n  b: pass: 6 GiB are free\n"), "{verbose}");
}

#[test]
fn the_same_is_no_difference() {
    let same = || node("a", "1", &[("x", "pass", "y", "z")]);
    let other = Answers { hostname: Some("b".to_owned()), identities: BTreeSet::new(), ..same() };
    let comparison = Comparison::of(&[same(), other]);
    assert!(!comparison.differs() && comparison.differences.is_empty());
    assert!(comparison.text(STYLE).ends_with("0 findings differ, 0 in their words alone, 2 are the same\n"));
}

#[test]
fn of_many_the_odd_one_and_the_clones_are_told() {
    let good = |name, id| node(name, id, &[("swap/active", "pass", "off", "swap is off")]);
    let bad = node("d", "4", &[("swap/active", "fail", "on", "swap is on")]);
    let comparison = Comparison::of(&[good("a", "1"), good("b", "2"), good("c", "1"), bad]);
    assert!(comparison.differs());
    assert_eq!(
        comparison.duplicates,
        [Duplicate { what: "machine-id", value: "1".repeat(32), nodes: vec![0, 2] }]
    );
    let odd: Vec<bool> = comparison.nodes.iter().map(|node| node.odd).collect();
    assert_eq!(odd, [false, false, false, true]);
    let text = comparison.text(STYLE);
    assert!(text.contains("d: pass, 6.1.0, 1 findings unlike most; the odd one out\n"), "{text}");
    assert!(text.contains(&format!("machine-id {}: a, c\n", "1".repeat(32))), "{text}");
    assert!(text.contains("swap/active\n  a, b, c: pass: swap is off\n  d: fail: swap is on\n"), "{text}");
}

#[test]
fn without_a_majority_each_is_apart_and_none_is_odd() {
    let with = |name: &str, reason: &str| node(name, name, &[("kernel", "pass", reason, "x")]);
    let comparison = Comparison::of(&[with("a", "1"), with("b", "2"), with("c", "3")]);
    assert!(comparison.nodes.iter().all(|node| node.apart == 1 && !node.odd));
}

#[test]
fn what_is_no_report_is_told() {
    for (text, why) in [
        ("", "neither a capture nor a report"),
        ("{}", "neither a capture nor a report"),
        (
            r#"{"apiVersion":"x/v1","kind":"Report","node":{},"verdict":"","findings":[]}"#,
            "no report of preflight/v1",
        ),
    ] {
        let error = Answers::parse("x", text.as_bytes()).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}
