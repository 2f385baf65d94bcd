//! `preflight fleet` as people and scripts use it: files, directories, pipes, exit statuses, and a large fleet within its bounds.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;

use common::{
    nodes,
    process::{PROGRAM, Ran, preflight, preflight_with, run},
};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command, sync::OnceLock};
use tempfile::TempDir;

/// The report of a captured node, which is good but for what can't be told from files.
fn base() -> &'static Value {
    static BASE: OnceLock<Value> = OnceLock::new();
    BASE.get_or_init(|| {
        let root = nodes::named("debian-6.12.107+deb13-amd64/v2").root.to_str().expect("UTF-8");
        preflight(&["-o", "json", "--root", root]).json()
    })
}

/// A report of a node with this name and machine-id; `wrong` are findings that fail on it.
fn report(name: &str, machine_id: &str, started_at: &str, wrong: &[&str]) -> Value {
    let mut report = base().clone();
    report["node"]["hostname"] = name.into();
    report["startedAt"] = started_at.into();
    let findings = report["findings"].as_array_mut().expect("findings");
    let mut finding = findings.iter().find(|f| f["verdict"] == "pass").expect("one that passes").clone();
    finding["id"] = "identity/machine-id".into();
    finding["check"] = "identity".into();
    finding["evidence"] = json!([{ "source": "/etc/machine-id", "observed": machine_id }]);
    findings.retain(|f| f["check"] != "identity" && f["verdict"] != "fail");
    findings.push(finding.clone());
    for id in wrong {
        finding["id"] = (*id).into();
        finding["check"] = "planted".into();
        finding["verdict"] = "fail".into();
        finding["reason"] = "planted".into();
        findings.push(finding.clone());
    }
    let verdicts: Vec<String> =
        findings.iter().filter_map(|f| f["verdict"].as_str().map(str::to_owned)).collect();
    let count = |verdict: &str| verdicts.iter().filter(|v| *v == verdict).count();
    report["summary"] =
        json!({ "pass": count("pass"), "warn": count("warn"), "fail": count("fail"), "skip": count("skip") });
    report["verdict"] = (if wrong.is_empty() { "warn" } else { "fail" }).into();
    report
}

const DAY: &str = "2026-11-22T12:00:00Z";

fn id(number: usize) -> String {
    format!("{number:032x}")
}

fn write(directory: &Path, name: &str, report: &Value) {
    fs::create_dir_all(directory.join(name).parent().expect("a directory")).expect("directories");
    fs::write(directory.join(name), serde_json::to_vec_pretty(report).expect("JSON")).expect("written");
}

/// Five nodes: two bad, two of the good ones with one machine-id.
fn reports() -> TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let at = directory.path();
    write(at, "a/n1.json", &report("n1", &id(1), DAY, &["swap/on", "ports/6443"]));
    write(at, "a/n2.json", &report("n2", &id(2), DAY, &["swap/on"]));
    write(at, "b/n3.json", &report("n3", &id(3), DAY, &[]));
    write(at, "b/n4.json", &report("n4", &id(4), DAY, &[]));
    write(at, "b/n5.json", &report("n5", &id(4), DAY, &[]));
    directory
}

fn path(directory: &TempDir) -> &str {
    directory.path().to_str().expect("UTF-8")
}

fn fleet(arguments: &[&str]) -> Ran {
    preflight(&[&["fleet"], arguments].concat())
}

fn picture(arguments: &[&str]) -> Value {
    fleet(&[arguments, &["-o", "json"]].concat()).json()
}

#[test]
fn a_directory_becomes_one_picture() {
    let directory = reports();
    fs::write(directory.path().join("notes.txt"), "nothing").expect("written");
    let told = picture(&[path(&directory)]);
    assert_eq!((&told["kind"], &told["apiVersion"]), (&json!("Fleet"), &json!("preflight/v1")));
    assert_eq!(
        (&told["totals"]["nodes"], &told["totals"]["fail"], &told["totals"]["otherFiles"]),
        (&json!(5), &json!(2), &json!(1))
    );
    assert_eq!((&told["causes"][0]["finding"], &told["causes"][0]["nodes"]), (&json!("swap/on"), &json!(2)));
    assert_eq!(
        (&told["causes"][1]["finding"], &told["causes"][1]["alone"]),
        (&json!("ports/6443"), &json!(0))
    );
    assert_eq!(told["duplicates"], json!([{ "what": "machine-id", "value": id(4), "nodes": ["n4", "n5"] }]));
    assert_eq!(
        (&told["odd"][0]["node"], &told["odd"][0]["says"][0]),
        (&json!("n1"), &json!("swap/on: fail (planted)"))
    );
    let by_directory = picture(&[path(&directory), "--group-by", "directory,cgroup"]);
    let groups = by_directory["matrix"]["groups"].as_array().expect("groups");
    let named: Vec<_> =
        groups.iter().filter_map(|g| g["name"].as_str()?.rsplit_once('/')).map(|(_, name)| name).collect();
    assert_eq!(named, ["b · cgroup v2", "a · cgroup v2"]);
    let text = fleet(&[path(&directory)]);
    for line in [
        "swap/on: 2 nodes, on 1 of them nothing else",
        "machine-id 00000000000000000000000000000004: n4, n5",
        "FAIL: 5 nodes: 2 fail, 3 warn, 0 pass",
    ] {
        assert!(text.stdout.contains(line), "{line}: {}", text.stdout);
    }
}

#[test]
fn the_exit_status_goes_by_the_rule_of_a_run() {
    let (bad, good) = (reports(), tempfile::tempdir().expect("a directory"));
    write(good.path(), "n3.json", &report("n3", &id(3), DAY, &[]));
    let broken = tempfile::tempdir().expect("a directory");
    fs::write(broken.path().join("x.json"), "{\"a\":").expect("written");
    for (arguments, code) in [
        (vec![path(&bad)], 1),
        (vec![path(&bad), "--fail-on", "never"], 0),
        (vec![path(&good)], 0),
        (vec![path(&good), "--fail-on", "warn"], 1),
        // What can't be read is not good, and does not hide the rest.
        (vec![path(&good), path(&broken)], 0),
        (vec![path(&good), path(&broken), "--fail-on", "warn"], 1),
        (vec![path(&broken)], 4),
        (vec!["/nowhere"], 2),
        (vec![path(&good), "--group-by", "kernels"], 2),
        (vec![path(&good), "--group-by", "input:roel"], 2),
        (vec![path(&good), "--against", "/nowhere"], 2),
        (vec![path(&good), "-o", "xml"], 2),
    ] {
        let ran = fleet(&arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?} {ran:?}");
        assert!(code != 2 || ran.stdout.is_empty() && !ran.stderr.is_empty(), "{arguments:?} {ran:?}");
    }
    assert!(fleet(&[path(&good), "--group-by", "kernels"]).stderr.contains("did you mean `kernel`"));
    assert!(fleet(&[path(&good), "--group-by", "input:roel"]).stderr.contains("did you mean `input:role`"));
    let nothing = preflight_with("", &["fleet", "-o", "json"]);
    assert_eq!((nothing.code, &nothing.json()["totals"]["broken"]), (Some(4), &json!(1)), "{nothing:?}");
}

#[test]
fn a_pipe_takes_documents_however_they_are_set() {
    let (one, two) = (report("n1", &id(1), DAY, &["swap/on"]), report("n2", &id(2), DAY, &[]));
    let pretty = |value: &Value| serde_json::to_string_pretty(value).expect("JSON");
    let set = [
        format!("{one}\n{two}\n"),
        format!("{}\n{}", pretty(&one), pretty(&two)),
        format!("{one}\n{}\n\n", pretty(&two)),
        format!("{one}{two}"),
    ];
    let told: Vec<Value> =
        set.iter().map(|text| preflight_with(text, &["fleet", "-", "-o", "json"]).json()).collect();
    for told in &told {
        assert_eq!(told["totals"], told["totals"], "{told:#}");
        assert_eq!((&told["totals"]["nodes"], &told["totals"]["broken"]), (&json!(2), &json!(0)), "{told:#}");
    }
    // A log with lines of others in it, and the last one torn.
    let torn = format!("{one}\n2026-11-22 something else\n{}", &two.to_string()[..500]);
    let told = preflight_with(&torn, &["fleet", "-o", "json"]).json();
    assert_eq!(
        (&told["totals"]["nodes"], &told["totals"]["broken"]),
        (&json!(1), &json!(2)),
        "{:#}",
        told["broken"]
    );
}

#[test]
fn files_that_are_no_reports_are_named() {
    let directory = reports();
    let at = directory.path();
    fs::write(at.join("empty.json"), "").expect("written");
    fs::write(at.join("latin.json"), b"{\"apiVersion\":\"\xff\"}").expect("written");
    fs::write(at.join("policy.json"), "{\"apiVersion\":\"preflight/v1\",\"kind\":\"Policy\"}")
        .expect("written");
    let capture = at.join("capture.json.gz");
    let ran = preflight(&[
        "capture",
        "-o",
        capture.to_str().expect("UTF-8"),
        "--root",
        nodes::named("debian-6.1.0-56-amd64/v2").root.to_str().expect("UTF-8"),
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // Who opened it would wait for a writer.
    assert!(Command::new("mkfifo").arg(at.join("fifo.json")).status().is_ok_and(|s| s.success()));
    std::os::unix::fs::symlink(at, at.join("around")).expect("a link");
    let told = picture(&[path(&directory)]);
    let mut broken: Vec<(String, String)> = told["broken"]
        .as_array()
        .expect("broken")
        .iter()
        .map(|b| {
            let text = |key: &str| b[key].as_str().unwrap_or_default().to_owned();
            (text("source").rsplit('/').next().unwrap_or_default().to_owned(), text("why"))
        })
        .collect();
    broken.sort();
    let (names, whys): (Vec<String>, Vec<String>) = broken.into_iter().unzip();
    let expected = ["capture.json.gz", "empty.json", "fifo.json", "latin.json", "policy.json"];
    assert_eq!(names, expected, "{told:#}");
    for (why, part) in
        whys.iter().zip(["it is a capture", "it is empty", "it is no file", "no UTF-8", "no report"])
    {
        assert!(why.contains(part), "{why}");
    }
    assert_eq!((&told["totals"]["nodes"], &told["totals"]["otherFiles"]), (&json!(5), &json!(1)));
}

#[test]
fn of_several_reports_of_a_node_the_newest_counts() {
    let directory = tempfile::tempdir().expect("a directory");
    let at = directory.path();
    write(at, "old.json", &report("n1", &id(1), "2026-11-21T12:00:00Z", &["swap/on"]));
    write(at, "new.json", &report("n1", &id(1), DAY, &[]));
    // The same name with another machine-id is another node, and the name is there twice.
    write(at, "other.json", &report("n1", &id(2), "2026-11-20T12:00:00Z", &["swap/on"]));
    let told = picture(&[path(&directory)]);
    assert_eq!(
        (&told["totals"]["nodes"], &told["totals"]["superseded"], &told["totals"]["fail"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(told["duplicates"], json!([{ "what": "hostname", "value": "n1", "nodes": ["n1", "n1"] }]));
}

#[test]
fn what_changed_since_an_earlier_day_is_told() {
    let (then, now) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    for (name, number, before, after) in [
        ("n1", 1, Some(&["swap/on"][..]), Some(&[][..])),
        ("n2", 2, Some(&[]), Some(&["ports/6443"])),
        ("n3", 3, Some(&["swap/on"]), Some(&["swap/on"])),
        ("n4", 4, Some(&[]), None),
        ("n5", 5, None, Some(&[])),
    ] {
        for (directory, wrong) in [(&then, before), (&now, after)] {
            if let Some(wrong) = wrong {
                write(directory.path(), &format!("{name}.json"), &report(name, &id(number), DAY, wrong));
            }
        }
    }
    let told = picture(&[path(&now), "--against", path(&then)]);
    let drift = &told["drift"];
    let of = |key: &str| {
        drift[key]
            .as_array()
            .expect(key)
            .iter()
            .map(|c| (c["finding"].clone(), c["nodes"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(of("worse"), [(json!("ports/6443"), json!(["n2"]))]);
    // The finding is gone, which is not the same as passing.
    assert_eq!((of("better"), of("unclear")), (vec![], vec![(json!("swap/on"), json!(["n1"]))]));
    assert_eq!((&drift["gone"], &drift["new"]), (&json!(["n4"]), &json!(["n5"])));
    assert_eq!(told["totals"]["nodes"], 4, "those of the earlier day are not counted");
}

#[test]
fn the_same_reports_give_the_same_bytes() {
    let directory = reports();
    let mut files: Vec<String> = ["a/n1.json", "a/n2.json", "b/n3.json", "b/n4.json", "b/n5.json"]
        .iter()
        .map(|name| directory.path().join(name).display().to_string())
        .collect();
    let ask = |files: &[String]| {
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        [fleet(&files).stdout, fleet(&[&files[..], &["-o", "json"]].concat()).stdout]
    };
    let first = ask(&files);
    for _ in 0..4 {
        files.rotate_left(1);
        assert_eq!(ask(&files), first);
    }
}

/// Runs a command and tells how much of it was resident at most, on the last line of standard error.
const MEASURE: &str = "import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)";

#[test]
fn thousands_of_nodes_fit_into_memory_and_what_was_planted_is_found() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut kinds = Vec::new();
    for name in
        ["debian-6.1.0-56-amd64/v2", "debian-6.12.107+deb13-amd64/hybrid", "debian-5.10.0-46-amd64/v1"]
    {
        let root = nodes::named(name).root.to_str().expect("UTF-8");
        let ran = preflight(&["-o", "json", "--only", "cgroup-*,kernel-*,sysctl*", "--root", root]);
        let file = directory.path().join(format!("{}.report", kinds.len()));
        fs::write(&file, ran.stdout).expect("written");
        kinds.push(file);
    }
    let page = directory.path().join("fleet.html");
    let pipe = "generate=$1 measure=$2 program=$3 page=$4; shift 4
        \"$generate\" 2000 \"$@\" | python3 -c \"$measure\" \"$program\" fleet -o html --output-file \"$page\"";
    let mut command = Command::new("sh");
    command.args([
        "-c",
        pipe,
        "sh",
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fleet/generate.py"),
        MEASURE,
        PROGRAM,
    ]);
    let ran = run(
        {
            command.arg(&page).args(&kinds);
            command
        },
        "",
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let resident: u64 = ran.stderr.lines().last().and_then(|line| line.parse().ok()).expect("a number");
    eprintln!(
        "2,000 nodes: {resident} KiB, a page of {} bytes",
        fs::metadata(&page).expect("the page").len()
    );
    assert!(resident < 64 << 10, "{resident} KiB");
    let page = fs::read_to_string(&page).expect("UTF-8");
    let data =
        page.split_once("id=\"data\">").and_then(|(_, rest)| rest.split_once("</script>")).expect("data").0;
    let data: Value = serde_json::from_str(data).expect("JSON");
    assert_eq!(data["totals"]["nodes"], 2000);
    assert_eq!(data["duplicates"][0]["nodes"], json!([1, 1999]), "{}", data["duplicates"]);
    let odd = &data["odd"].as_array().expect("odd");
    assert!(!odd.is_empty() && page.len() < 6_000_000, "{} bytes", page.len());
}

/// The commands of docs/fleet.md, as they stand there; `ssh` and `kubectl` print the report of a node.
#[test]
fn the_commands_of_the_page_work() {
    let page = include_str!("../docs/fleet.md");
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let commands: Vec<&str> = blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty()).collect();
    assert!(commands.len() >= 6, "{commands:?}");
    let directory = tempfile::tempdir().expect("a directory");
    let at = directory.path();
    let node = report("n1", &id(1), DAY, &["swap/x"]);
    for name in ["reports/n1.json", "today/n1.json", "yesterday/n1.json"] {
        write(at, name, &node);
    }
    fs::write(at.join("line"), format!("{node}\n")).expect("written");
    fs::write(at.join("hosts"), "n1\nn2\n").expect("written");
    for command in commands {
        // Exit status 1: a node fails.
        let script = format!(
            "set -o pipefail; preflight() {{ \"$PROGRAM\" \"$@\"; }}; ssh() {{ cat line; }}; kubectl() {{ cat line; }}\n{command}\n"
        );
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).current_dir(at).env("PROGRAM", PROGRAM);
        let ran = run(bash, "");
        assert_eq!(ran.code, Some(1), "{command}: {ran:?}");
        let told = if command.contains("--output-file") {
            fs::read_to_string(at.join("fleet.html")).expect("a page")
        } else {
            ran.stdout
        };
        assert!(told.contains("swap/x"), "{command}: {told}");
    }
}
