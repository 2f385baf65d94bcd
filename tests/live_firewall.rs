//! What filters packets on the machine itself: real rules of nftables in network namespaces of their own.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;
#[allow(dead_code)] // what it knows of mounts is for other tests
#[path = "live/scene.rs"]
mod scene;

use common::process::{PROGRAM, Report, policy, run};
use scene::{cannot, is_root, stage};
use std::{fs, process::Command};

/// The report of both checks in a network namespace of its own with these rules; by nobody, if so wanted.
fn with_rules(name: &str, rules: &str, nobody: bool) -> Option<Report> {
    if !is_root() {
        cannot(name, "only root may make rules");
        return None;
    }
    let (directory, program) = stage();
    let file = directory.path().join("rules");
    // nft wants an end of line behind a chain that ends.
    fs::write(&file, rules.replace("} ", "}\n")).expect("a file of rules");
    let viewer =
        if nobody { "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all " } else { "" };
    let script =
        format!("nft -f {} || exit 99; exec {viewer}{} -c - -o json", file.display(), program.display());
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", &script]);
    let ran = run(command, &policy(&["{check: firewall, with: {tcp: [10250]}}", "{check: iptables}"]));
    if ran.stdout.is_empty() {
        cannot(name, &format!("{PROGRAM}: {}", ran.stderr.trim()));
        return None;
    }
    Some(ran.report())
}

#[test]
fn the_kernel_s_own_rules_are_told() {
    let table = "table inet filter { chain input { type filter hook input priority 0; policy accept;";
    let forward = "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; } }";
    for (name, rules, want) in [
        ("no rules", String::new(), "pass open"),
        ("rules that keep nothing out", format!("{table} tcp dport 22 accept; }} }}"), "pass open"),
        ("a rule that drops", format!("{table} tcp dport 22 accept; drop; }} }}"), "warn filters"),
        ("a rule that rejects", format!("{table} tcp dport 10250 reject; }} }}"), "warn filters"),
        ("a policy of drop on input", table.replace("policy accept", "policy drop") + " } }", "warn filters"),
        ("a policy of drop on forward", forward.to_owned(), "warn forward-drop"),
        (
            "a chain that drops, jumped to",
            format!(
                "table inet f {{ chain d {{ drop; }} }} {}",
                table.replace("filter {", "f {") + " jump d; } }"
            ),
            "warn filters",
        ),
        (
            "a map of verdicts",
            format!("{table} tcp dport vmap {{ 22 : accept, 80 : drop }}; }} }}"),
            "warn filters",
        ),
        ("a set", format!("{table} tcp dport {{ 22, 80 }} accept; }} }}"), "pass open"),
        (
            "kube-proxy's own",
            "table ip kube-proxy { chain i { type filter hook input priority 0; reject; } }".to_owned(),
            "pass open",
        ),
        // No packet comes to a chain without a hook unless a rule sends it there.
        ("a chain of its own", "table inet t { chain c { drop; } }".to_owned(), "pass open"),
    ] {
        let Some(report) = with_rules(name, &rules, false) else { return };
        assert_eq!(report.brief("firewall/nftables"), want, "{name}: {report}");
    }
}

#[test]
fn many_rules_are_counted_to_the_last() {
    let rule = "tcp dport 22 accept;\n".repeat(3000);
    let rules = format!("table ip t {{ chain c {{ type filter hook input priority 0; {rule} drop; }} }}");
    let Some(report) = with_rules("many rules", &rules, false) else { return };
    let finding = report.finding("firewall/nftables");
    let seen = finding["evidence"][0]["observed"].as_str().expect("evidence");
    assert_eq!(seen, "policy accept, 3001 rules, of which 1 may drop", "{finding:#}");
}

#[test]
fn nobody_may_not_see_rules_and_calls_nothing_open() {
    let Some(report) = with_rules("rules seen by nobody", "table ip t { }", true) else { return };
    let finding = report.finding("firewall/nftables");
    assert_eq!(finding["determined"], false, "{finding:#}");
}
