#![allow(clippy::disallowed_methods, reason = "tests write the reports that are read")]

use super::{
    documents::{Documents, Piece},
    *,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fs;

/// A finding, as short as the report's format allows.
fn finding(id: &str, verdict: &str, determined: bool, blocked_by: Option<&str>) -> Value {
    let evidence = json!([{ "source": "/proc/x", "observed": "1" }]);
    json!({
        "id": id, "rule": id, "check": id.split('/').next(), "subject": null, "verdict": verdict, "determined": determined,
        "reason": if determined { verdict } else { "unknown" }, "message": format!("{id} says {verdict}"), "notes": [],
        "evidence": evidence, "remedy": { "summary": "mend it", "commands": ["true"] }, "kubeadm": null,
        "blockedBy": blocked_by, "waiver": null, "durationMs": 0.1,
    })
}

fn report(host: &str, findings: &[Value]) -> Value {
    let count = |verdict: &str| findings.iter().filter(|f| f["verdict"] == verdict).count();
    let summary =
        json!({ "pass": count("pass"), "warn": count("warn"), "fail": count("fail"), "skip": count("skip") });
    let verdict = ["fail", "warn", "pass"].into_iter().find(|v| count(v) > 0).unwrap_or("skip");
    json!({
        "apiVersion": "preflight/v1", "kind": "Report", "tool": { "name": "preflight", "version": "0.1.0" },
        "policy": { "name": "p", "source": "p", "sha256": "", "inputs": { "role": { "value": "worker", "from": "x" } } },
        "node": { "hostname": host, "kernel": "6.1", "architecture": "x86_64", "source": "live", "root": "/", "capturedAt": null,
                  "cgroup": "v2", "environment": "vm", "user": 0 },
        "startedAt": "2026-11-22T12:00:00Z", "durationMs": 1.0, "verdict": verdict, "summary": summary, "findings": findings,
    })
}

fn gather(text: &[u8]) -> Fleet {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), text).expect("written");
    Fleet::gather(&Sources { reports: vec![file.path().to_owned()], ..Sources::default() }).expect("a fleet")
}

fn picture(fleet: &Fleet) -> Value {
    serde_json::to_value(fleet.picture()).expect("JSON")
}

#[test]
fn causes_stand_in_the_order_of_what_they_explain() {
    let swap = || finding("swap/on", "fail", true, None);
    let port = || finding("ports/6443", "fail", true, None);
    let follows = || finding("kubelet/swap", "skip", true, Some("swap/on"));
    let good = || finding("swap/on", "pass", true, None);
    let documents: String = [
        report("a", &[swap(), follows()]),
        report("b", &[swap(), port(), follows()]),
        report("c", &[port(), good()]),
        report("d", &[swap()]),
        report("e", &[good(), finding("x", "warn", false, None)]),
    ]
    .iter()
    .map(|report| format!("{report}\n"))
    .collect();
    let told = picture(&gather(documents.as_bytes()));
    assert_eq!(told["totals"]["nodes"], 5, "{told:#}");
    assert_eq!((&told["totals"]["fail"], &told["totals"]["undetermined"]), (&json!(4), &json!(1)));
    let causes: Vec<_> = told["causes"]
        .as_array()
        .expect("causes")
        .iter()
        .map(|c| {
            (
                c["finding"].as_str().unwrap_or_default(),
                c["nodes"].as_u64(),
                c["alone"].as_u64(),
                c["followers"].as_u64(),
            )
        })
        .collect();
    assert_eq!(causes, [("swap/on", Some(3), Some(2), Some(2)), ("ports/6443", Some(2), Some(1), Some(0))]);
}

#[test]
fn what_is_no_report_is_named_and_nothing_else_is_lost() {
    let good = report("a", &[finding("x", "pass", true, None)]).to_string();
    let lost = report("b", &[finding("x", "pass", true, None), finding("y", "fail", true, None)]);
    let mut lost_one = lost.clone();
    lost_one["findings"].as_array_mut().expect("findings").pop();
    let pretty = serde_json::to_string_pretty(&lost).expect("JSON");
    for (broken, why) in [
        (pretty[..pretty.len() / 2].to_owned(), "cut off"),
        (lost.to_string()[..300].to_owned(), "cut off"),
        (lost_one.to_string(), "not those that it counts"),
        ("{\"apiVersion\":\"preflight/v1\",\"kind\":\"CgroupReport\"}".to_owned(), "no report"),
        ("{\"apiVersion\":\"v1\",\"kind\":\"Report\"}".to_owned(), "something wrong"),
        ("{nonsense}".to_owned(), "no JSON"),
        ("{}".to_owned(), "no report"),
    ] {
        // Before, between and after good ones.
        for text in
            [format!("{good}\n{broken}\n{good}\n"), format!("{broken}\n{good}"), format!("{good}\n{broken}")]
        {
            let told = picture(&gather(text.as_bytes()));
            assert_eq!(
                (&told["totals"]["nodes"], &told["totals"]["broken"]),
                (&json!(1), &json!(1)),
                "{text} {told:#}"
            );
            let said = told["broken"][0]["why"].as_str().unwrap_or_default();
            assert!(said.contains(why), "{said}: {broken}");
        }
    }
    for text in [&b""[..], b"\n\n", b"\xff\xfe{}", b"[]"] {
        let totals = gather(text).picture().totals();
        assert_eq!((totals.nodes, totals.broken), (0, 1), "{text:?}");
    }
}

#[test]
fn a_document_that_is_too_large_costs_itself_alone() {
    let good = report("a", &[finding("x", "pass", true, None)]).to_string();
    let large = format!("{{\"x\":\"{}\"}}", "y".repeat(9 << 20));
    for text in [format!("{large}\n{good}\n"), format!("{good}\n{large}\n{good}"), format!("{good}\n{large}")]
    {
        let told = picture(&gather(text.as_bytes()));
        assert_eq!((&told["totals"]["nodes"], &told["totals"]["broken"]), (&json!(1), &json!(1)));
        assert_eq!(told["broken"][0]["why"], "it has more than 8 MiB");
    }
}

proptest! {
    /// However documents are set, each is found, and no byte of one is lost.
    #[test]
    fn documents_are_found_however_they_are_set(sizes in proptest::collection::vec((1_usize..4000, any::<bool>()), 1..20)) {
        let document = |(size, pretty): &(usize, bool)| {
            let value = json!({ "a": { "b": ["x".repeat(*size), { "c": 1 }] } });
            if *pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.expect("JSON")
        };
        let documents: Vec<String> = sizes.iter().map(document).collect();
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), documents.join("\n")).expect("written");
        let found: Vec<String> = Documents::open(&[file.path().to_owned()]).expect("open")
            .map(|Piece { bytes, .. }| String::from_utf8(bytes.expect("bytes")).expect("UTF-8").trim_end().to_owned())
            .collect();
        prop_assert_eq!(found, documents);
    }

    #[test]
    fn numbers_add_up(verdicts in proptest::collection::vec(proptest::collection::vec(0_usize..5, 1..6), 1..30)) {
        let kinds = [("pass", true), ("skip", true), ("warn", true), ("warn", false), ("fail", true)];
        let node = |(at, kinds_of): (usize, &Vec<usize>)| {
            let findings = kinds_of.iter().enumerate().map(|(f, kind)| finding(&format!("f{f}"), kinds[*kind].0, kinds[*kind].1, None));
            format!("{}\n", report(&format!("n{at}"), &findings.collect::<Vec<_>>()))
        };
        let text: String = verdicts.iter().enumerate().map(node).collect();
        let fleet = gather(text.as_bytes());
        let totals = fleet.picture().totals();
        prop_assert_eq!(totals.nodes, verdicts.len());
        prop_assert_eq!(totals.fail + totals.warn + totals.pass + totals.skip, totals.nodes);
        let told = picture(&fleet);
        for row in told["matrix"]["findings"].as_array().expect("rows") {
            let sum: u64 = row["cells"].as_array().expect("cells").iter()
                .flat_map(|cell| cell.as_object().expect("a cell").values().filter_map(Value::as_u64)).sum();
            prop_assert_eq!(sum, verdicts.len() as u64, "{}", row);
        }
    }
}
