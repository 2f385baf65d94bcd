//! `preflight capture`, `--from`, `--capture` and `compare`, as users run them.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;

use common::{
    nodes,
    process::{Tree, preflight, preflight_with, walk},
};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::Value;
use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

const PROFILES: [&str; 7] =
    ["kubernetes-node", "kubernetes-worker", "kubernetes-control-plane", "k3s", "k0s", "docker", "minimal"];

/// The report without what is not the same at another moment.
fn lasting(mut report: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.remove("durationMs");
                map.values_mut().for_each(strip);
            }
            Value::Array(all) => all.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut report);
    report["startedAt"] = Value::Null;
    for key in ["source", "capturedAt"] {
        report["node"][key] = Value::Null;
    }
    report
}

fn unpacked(file: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(fs::File::open(file).expect("a capture"))
        .read_to_string(&mut text)
        .expect("gzip of UTF-8");
    text
}

#[test]
fn what_a_run_says_live_its_capture_says_again() {
    let tree = Tree::new();
    let file = tree.at("/node.pfcap");
    let file = file.to_str().expect("UTF-8");
    for profile in PROFILES {
        let live = preflight(&["-c", profile, "-o", "json", "--capture", file]);
        let again = preflight(&["-c", profile, "-o", "json", "--from", file]);
        assert_eq!(again.json()["node"]["source"], "capture");
        assert!(again.json()["node"]["capturedAt"].is_string());
        assert_eq!(lasting(live.json()), lasting(again.json()), "{profile}");
        assert_eq!(live.code, again.code, "{profile}");
    }
}

#[test]
fn a_captured_tree_says_what_the_tree_says() {
    let tree = Tree::new();
    let file = tree.at("/node.pfcap");
    let file = file.to_str().expect("UTF-8");
    for name in
        ["debian-6.1.0-56-amd64/v2", "debian-5.10.0-46-amd64/hybrid", "debian-6.12.107+deb13-amd64/none"]
    {
        let root = nodes::named(name).root.to_str().expect("UTF-8");
        let captured = preflight(&["capture", "-o", file, "--root", root]);
        assert_eq!(captured.code, Some(0), "{captured:?}");
        // A usual node takes less than a megabyte.
        assert!(fs::metadata(file).expect("a file").len() < 1_000_000, "{captured:?}");
        for profile in PROFILES {
            let direct = preflight(&["-c", profile, "-o", "json", "--root", root]);
            let again = preflight(&["-c", profile, "-o", "json", "--from", file]);
            assert_eq!(lasting(direct.json()), lasting(again.json()), "{name}: {profile}");
        }
        for command in [&["cgroups", "-o", "json"][..], &["facts"]] {
            let [direct, again] =
                [["--root", root], ["--from", file]].map(|node| preflight(&[command, &node].concat()).json());
            assert_eq!(direct, again, "{name}: {command:?}");
        }
    }
}

#[test]
fn a_capture_answers_other_policies_and_knows_what_it_does_not_know() {
    let tree = Tree::new();
    let file = tree.at("/node.pfcap");
    let file = file.to_str().expect("UTF-8");
    preflight(&["capture", "-o", file]);
    let policy = "apiVersion: preflight/v1\nkind: Policy\nmetadata: {name: other}\nchecks:\n\
        - check: sysctl\n  with: {settings: [{key: kernel.ostype, equals: Linux}]}\n\
        - check: kernel-config\n  with: {required: [NO_SUCH_OPTION]}\n\
        - check: files\n  with: {paths: [{path: /usr/share/doc/nobody/asked, state: file}]}\n";
    let report = preflight_with(policy, &["-c", "-", "-o", "json", "--from", file]).report();
    let of = |id: &str| report.findings().iter().find(|f| f["id"] == id).cloned().unwrap_or_default();
    assert_eq!(of("sysctl/kernel.ostype")["verdict"], "pass", "{report}");
    let asked = of("files//usr/share/doc/nobody/asked");
    assert_eq!(asked["determined"], false, "{report}");
    assert!(asked.to_string().contains("was not captured"), "{asked}");
    assert!(asked.to_string().contains("preflight capture -c POLICY"), "{asked}");
}

#[test]
fn secrets_stay_on_the_node() {
    const SECRET: &str = "hunter2";
    let mut tree = Tree::new();
    let file = tree.at("/node.pfcap");
    for (path, text) in [
        ("/proc/cmdline", "ro iscsi_password=hunter2 quiet\n"),
        ("/proc/1/environ", "TOKEN=hunter2\0container=lxc\0http_proxy=http://me:hunter2@proxy:3128\0"),
        ("/etc/environment", "HTTPS_PROXY=http://me:hunter2@proxy:3128\n"),
        ("/etc/passwd", "root:hunter2:0:0:root:/root:/bin/sh\n"),
        ("/etc/group", "root:x:0:\n"),
        ("/etc/app.conf", "password: hunter2\nmode: fast\n"),
        ("/etc/hosts", "127.0.0.1 localhost\n"),
    ] {
        tree = tree.file(&format!("/root{path}"), text);
    }
    let policy = "apiVersion: preflight/v1\nkind: Policy\nmetadata: {name: secrets}\nchecks:\n\
        - check: files\n  with: {paths: [{path: /etc/app.conf, lacks: hunter3}, {path: /etc/hosts, lacks: hunter3}]}\n\
        - check: proxy\n- check: environment\n\
        - check: boot-parameters\n  with: {forbidden: ['iscsi_password=guess'], required: [quiet]}\n\
        - check: users\n  with: {users: [root]}\n";
    let root = tree.at("/root");
    let file = file.to_str().expect("UTF-8");
    let run = ["-c", "-", "-o", "json", "--root", root.to_str().expect("UTF-8"), "--capture", file];
    let direct = preflight_with(policy, &run).report();
    let kept = unpacked(Path::new(file));
    assert!(!kept.contains(SECRET), "{kept}");
    assert!(kept.contains("(redacted-by-preflight)@proxy:3128"), "{kept}");
    let mode = fs::metadata(file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = preflight_with(policy, &["-c", "-", "-o", "json", "--from", file]).report();
    // What hangs on a secret is not known any more, all else is as it was.
    let verdicts = |report: &common::process::Report| -> Vec<(String, bool, String)> {
        let of = |f: &Value| {
            (
                f["id"].as_str().unwrap_or_default().to_owned(),
                f["determined"] == true,
                f["verdict"].to_string(),
            )
        };
        report.findings().iter().map(of).collect()
    };
    for (before, after) in verdicts(&direct).into_iter().zip(verdicts(&again)) {
        let hangs_on_a_secret =
            ["files//etc/app.conf", "boot-parameters/iscsi_password=guess"].contains(&before.0.as_str());
        if hangs_on_a_secret {
            assert!(before.1 && !after.1 && after.0 == before.0, "{before:?} {after:?}");
        } else {
            assert_eq!(before, after);
        }
    }
}

/// What somebody may send who means no good.
#[test]
fn hostile_captures_are_refused_with_their_place() {
    let tree = Tree::new();
    let packed = |text: &str| {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(text.as_bytes()).expect("memory");
        out.finish().expect("memory")
    };
    let head = r#"{"apiVersion":"preflight/v1","kind":"Capture","version":"0.1.0","capturedAt":"2026-11-28T00:00:00Z","policy":"x","live":true,"root":"/","user":0,"allowed":[]}"#;
    for (name, bytes, why) in [
        ("text", b"apiVersion: preflight/v1\n".to_vec(), "can't be read as a capture"),
        (
            "report",
            packed(r#"{"apiVersion":"preflight/v1","kind":"Report"}"#),
            "no capture: its kind is \"Report\"",
        ),
        ("newer", packed(&head.replace("/v1", "/v7")), "\"preflight/v7\""),
        ("cut", packed(head)[..60].to_vec(), "can't be read as a capture"),
        (
            "line",
            packed(&format!("{head}\n{{\"look\":\"read\",\"path\":\"../x\",\"text\":\"\"}}\n")),
            "line 2",
        ),
        ("bomb", packed(&format!("{head}\n{}", "\n".repeat(80 << 20))), "line 2"),
        ("wide", packed(&format!("{head}\n{}", "[".repeat(80 << 20))), "24 MiB"),
    ] {
        let file = tree.at(&format!("/{name}.pfcap"));
        fs::write(&file, bytes).expect("a file");
        let ran = preflight(&["--from", file.to_str().expect("UTF-8")]);
        assert_eq!(ran.code, Some(2), "{name}: {ran:?}");
        assert!(ran.stderr.contains(why) && ran.stderr.contains(&format!("{name}.pfcap")), "{name}: {ran:?}");
        assert!(ran.stdout.is_empty());
    }
    let missing = preflight(&["--from", "/nowhere.pfcap"]);
    assert!(missing.code == Some(2) && missing.stderr.contains("/nowhere.pfcap"), "{missing:?}");
    for wrong in [&["--from", "x", "--root", "/"][..], &["--from", "x", "--allow", "network"]] {
        assert_eq!(preflight(wrong).code, Some(2), "{wrong:?}");
    }
    let nowhere = preflight(&["capture", "-o", "/nowhere/x.pfcap"]);
    assert!(nowhere.code == Some(2) && nowhere.stderr.contains("no such directory"), "{nowhere:?}");
}

#[test]
fn nodes_are_compared_by_captures_and_reports() {
    let tree = Tree::new();
    let at = |name: &str| tree.at(name).to_str().expect("UTF-8").to_owned();
    let (good, old, report) = (at("/good.pfcap"), at("/old.pfcap"), at("/good.json"));
    for (file, name) in [(&good, "debian-6.12.107+deb13-amd64/v2"), (&old, "debian-5.10.0-46-amd64/v1")] {
        let root = nodes::named(name).root.to_str().expect("UTF-8");
        assert_eq!(preflight(&["capture", "-o", file, "--root", root]).code, Some(0));
    }
    preflight(&["--from", &good, "-o", &format!("json={report}")]);
    let same = preflight(&["compare", &good, &report]);
    // They are one node: nothing differs, but what should be unique is there twice.
    assert!(same.stdout.contains("0 findings differ, 0 in their words alone"), "{same:?}");
    let differ = preflight(&["compare", &good, &old]);
    assert_eq!(differ.code, Some(1), "{differ:?}");
    assert!(
        differ.stdout.contains("cgroup-hierarchy/layout\n  good.pfcap: pass: the cgroup layout is v2\n"),
        "{differ:?}"
    );
    let all = preflight(&["compare", &good, &report, &old, "-o", "json"]);
    let json = all.json();
    assert_eq!(json["kind"], "Comparison");
    assert_eq!(json["nodes"][2]["odd"], true, "{json:#}");
    let usage = preflight(&["compare", &good]);
    assert_eq!(usage.code, Some(2), "{usage:?}");
    let policy = tree.at("/p.yaml");
    fs::write(&policy, "kind: nonsense\n").expect("a file");
    let wrong = preflight(&["compare", &good, &old, "-c", policy.to_str().expect("UTF-8")]);
    assert_eq!(wrong.code, Some(3), "{wrong:?}");
    assert!(walk(Path::new(tree.root())).len() < 10, "nothing else was written");
}
