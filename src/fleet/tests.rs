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
        (report("b", &[]).to_string(), "no findings"),
        (report("b", &[finding("x", "pass", false, None)]).to_string(), "not determined"),
        (
            report("b", &[finding("x", "pass", true, None), finding("x", "fail", true, None)]).to_string(),
            "twice",
        ),
        (lost.to_string().replace("2026-11-22T12:00:00Z", "zzz"), "no time"),
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

/// The check `identity`, which tells these.
fn identity(machine_id: &str, others: &[(&str, &str)]) -> Value {
    let mut told = finding("identity/x", "pass", true, None);
    let others = others.iter().map(|(source, observed)| json!({ "source": source, "observed": observed }));
    let machine_id = json!({ "source": "/etc/machine-id", "observed": machine_id });
    told["evidence"] = std::iter::once(machine_id).chain(others).collect();
    told
}

const ID: &str = "0123456789abcdef0123456789abcdef";
const UUID: (&str, &str) = ("/sys/class/dmi/id/product_uuid", "4c4c4544-0042-3510-8052-b3c04f4b4e32");

fn mac(last: u32) -> (&'static str, String) {
    (
        "/sys/class/net/eth0/address",
        format!("52:54:00:{:02x}:{:02x}:{:02x}", last >> 16, last >> 8 & 255, last & 255),
    )
}

/// What is told of a bad report and a good one: nodes, those that fail, and what several machines have.
fn two(bad: &Value, good: &Value) -> (Value, Value, usize) {
    let told = picture(&gather(format!("{bad}\n{good}\n").as_bytes()));
    let duplicates = told["duplicates"].as_array().expect("duplicates").len();
    (told["totals"]["nodes"].clone(), told["totals"]["fail"].clone(), duplicates)
}

#[test]
fn a_later_report_hides_no_failure_of_another_machine_or_policy() {
    let make = |host: &str, verdict: &str, others: &[(&str, &str)], second: u32| {
        let mut made = report(host, &[identity(ID, others), finding("swap/on", verdict, true, None)]);
        made["startedAt"] = format!("2026-11-22T12:00:{second:02}Z").into();
        made
    };
    let (one, other) = (mac(1), mac(2));
    let (one, other) = ((one.0, one.1.as_str()), (other.0, other.1.as_str()));
    let bad = make("n1", "fail", &[UUID, one], 0);
    let same = (json!(1), json!(0), 0);
    // The same machine, later; also where it does not know its UUID, or knows no address.
    for others in [&[UUID, one][..], &[one], &[UUID], &[UUID, other, one]] {
        assert_eq!(two(&bad, &make("n1", "pass", others, 1)), same, "{others:?}");
    }
    // At the same moment the worse counts.
    assert_eq!(two(&bad, &make("n1", "pass", &[UUID, one], 0)).1, 1);
    // A copy of it, with its own address: name, machine-id and UUID are there twice.
    assert_eq!(two(&bad, &make("n1", "pass", &[UUID, other], 1)), (json!(2), json!(1), 3));
    assert_eq!(two(&bad, &make("n1", "pass", &[other], 1)), (json!(2), json!(1), 2));
    // Neither an address nor the UUID in common.
    assert_eq!(two(&bad, &make("n1", "pass", &[], 1)).0, 2);
    assert_eq!(two(&bad, &make("n2", "pass", &[UUID, one], 1)), (json!(2), json!(1), 3));
    // Another policy judges the same machine, which has everything once.
    let mut by_other = make("n1", "pass", &[UUID, one], 1);
    by_other["policy"]["name"] = "q".into();
    assert_eq!(two(&bad, &by_other), (json!(2), json!(1), 0));
    // A name that is none.
    for name in ["localhost", "localhost.localdomain", "(none)"] {
        let plain = |verdict: &str| report(name, &[finding("swap/on", verdict, true, None)]);
        assert_eq!(two(&plain("fail"), &plain("pass")), (json!(2), json!(1), 0), "{name}");
    }
}

#[test]
fn ten_thousand_copies_of_a_machine_are_told_apart_in_time() {
    let copies = |at: u32| {
        let mac = mac(at);
        format!("{}\n", report("n", &[identity(ID, &[(mac.0, &mac.1)])]))
    };
    let text: String = (0..10_000).map(copies).collect();
    let fleet = gather(text.as_bytes());
    assert_eq!((fleet.picture().totals().nodes, fleet.picture().totals().superseded), (10_000, 0));
}

#[test]
fn drift_knows_a_machine_again_that_knows_less_of_itself() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    let (then, now) = (path("then.json"), path("now.json"));
    fs::write(&then, report("n1", &[identity(ID, &[UUID])]).to_string()).expect("written");
    fs::write(&now, report("n1", &[finding("swap/on", "fail", true, None)]).to_string()).expect("written");
    let sources = Sources { reports: vec![now], against: vec![then], ..Sources::default() };
    let told = picture(&Fleet::gather(&sources).expect("a fleet"));
    assert_eq!(told["drift"]["worse"][0]["nodes"], json!(["n1"]), "{:#}", told["drift"]);
    assert_eq!((&told["drift"]["gone"], &told["drift"]["new"]), (&json!([]), &json!([])));
}

#[test]
fn what_was_packed_to_burst_is_left_in_time() {
    let pack = |text: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut packed, text).expect("packed");
        packed.finish().expect("packed")
    };
    let good = report("a", &[finding("x", "pass", true, None)]).to_string();
    // The blanks belong to the document before them, which is too large with them.
    for (bomb, nodes) in [
        (b"\n{".repeat(32 << 20), 1),
        (b"\n{\"apiVersion\":\"preflight/v1\"}".repeat(1 << 20), 1),
        (b" ".repeat(64 << 20), 0),
    ] {
        let text = [format!("{good}\n").as_bytes(), &bomb].concat();
        let totals = gather(&pack(&text)).picture().totals();
        assert!(totals.nodes == nodes && totals.broken >= 1, "{totals:?}");
    }
    let totals = gather(&pack(format!("\u{feff}{good}\n{good}").as_bytes())).picture().totals();
    assert_eq!(
        (totals.nodes, totals.broken),
        (1, 0),
        "what is packed is read, and a mark of encoding passed over"
    );
}

#[test]
fn many_groups_have_few_columns() {
    let node = |at: u32| {
        let mut made = report(&format!("n{at}"), &[finding("x", "warn", true, None)]);
        made["node"]["kernel"] = format!("6.{at}").into();
        format!("{made}\n")
    };
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), (0..200).map(node).collect::<String>()).expect("written");
    let sources = Sources {
        reports: vec![file.path().to_owned()],
        group_by: vec![GroupKey::Kernel],
        ..Sources::default()
    };
    let told = picture(&Fleet::gather(&sources).expect("a fleet"));
    let groups = told["matrix"]["groups"].as_array().expect("groups");
    assert_eq!((groups.len(), &groups[64]), (65, &json!({ "name": "136 more groups", "nodes": 136 })));
    assert_eq!(told["matrix"]["findings"][0]["cells"][64]["warn"], 136);
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
