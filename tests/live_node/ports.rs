//! `ports` beside sockets that real processes hold, and beside what bind(2) says of the same addresses.

use super::{Play, evidence};
use crate::{
    common::process::{Report, words},
    scene::Viewer,
};
use std::collections::BTreeMap;

/// The holder of sockets, and who tries to have the same ports: `address port kind` a line, of TCP and of UDP.
const HOLD: &str = r"
import os, socket, sys
directory = os.environ['DIR']
HELD = [('0.0.0.0', 1), ('127.0.0.1', 2), ('::', 3), ('only', 4), ('::1', 5), ('::ffff:127.0.0.1', 6)]
KINDS = {'tcp': socket.SOCK_STREAM, 'udp': socket.SOCK_DGRAM}

def bound(kind, address, port):
    only = address == 'only'
    address = '::' if only else address
    one = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, KINDS[kind])
    if kind == 'tcp':  # as Go's net.Listen does
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ':' in address:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(only))
    try:
        one.bind((address, port))
        if kind == 'tcp':
            one.listen()
    except OSError:
        one.close()
        raise
    return one

kept = [bound(kind, address, 21000 + port) for kind in KINDS for address, port in HELD]
talk = bound('udp', '127.0.0.1', 21007)
talk.connect(('127.0.0.1', 9))
with open(directory + '/said.new', 'w') as said:
    said.write('pid 0 %d\n' % os.getpid())
    for kind in KINDS:
        for port in range(21001, 21009):
            for address in ('0.0.0.0', '127.0.0.1', '127.0.0.2', '::', '::1'):
                try:
                    bound(kind, address, port).close()
                    said.write('%s %d %s free\n' % (kind, port, address))
                except OSError as error:
                    said.write('%s %d %s %s\n' % (kind, port, address, os.strerror(error.errno).split()[0]))
os.rename(directory + '/said.new', directory + '/said')
import signal
signal.pause()
";

fn play(viewer: Viewer, rules: &[&str]) -> Option<(Report, String)> {
    let set = format!(
        "ip link set lo up\ncat > $DIR/hold.py <<'END'\n{HOLD}\nEND\npython3 $DIR/hold.py &\n\
         for _ in $(seq 1500); do [ -e $DIR/said ] && break; sleep 0.02; done; [ -e $DIR/said ]"
    );
    let seen = Play { viewer, ..Play::new("held ports", &set) }.see(rules)?;
    Some((seen.report, seen.said))
}

fn both(port: &str) -> String {
    format!("{{check: ports, with: {{tcp: [{port}], udp: [{port}]}}}}")
}

/// The free port of the scene, and the one with a conversation.
const FREE: u16 = 21008;
const TALK: u16 = 21007;

#[test]
fn the_verdict_is_that_of_bind() {
    let addresses = ["0.0.0.0", "127.0.0.1", "127.0.0.2", "::", "::1"];
    let rules: Vec<String> = addresses
        .iter()
        .enumerate()
        .map(|(i, address)| {
            let ports: Vec<String> =
                (21001..=FREE).map(|port| format!("{{port: {port}, address: \"{address}\"}}")).collect();
            let ports = ports.join(", ");
            format!("{{id: at-{i}, check: ports, with: {{tcp: [{ports}], udp: [{ports}]}}}}")
        })
        .collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let Some((report, said)) = play(Viewer::Me, &rules) else { return };
    let bind: BTreeMap<(&str, &str, &str), bool> = said
        .lines()
        .filter_map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
            [kind, port, address, word] => Some(((kind, port, address), word == "free")),
            _ => None,
        })
        .collect();
    assert_eq!(bind.len(), 2 * 8 * addresses.len(), "{said}");
    for ((kind, port, address), is_free) in bind {
        let i = addresses.iter().position(|one| *one == address).expect("one of them");
        let finding = report.finding(&format!("at-{i}/{kind}/{port}"));
        let passes = finding["verdict"] == "pass";
        // Which socket on `::` leaves IPv4 to others only netlink tells, and it is asked for TCP.
        let is_not_told =
            port == "21004" && !address.contains(':') && (kind == "udp" || !over_netlink(&report));
        if is_not_told {
            assert!(is_free && !passes, "{kind} {port} {address}: {finding:#}");
        } else {
            assert_eq!(passes, is_free, "{kind} {port} {address}: {finding:#}");
        }
    }
}

/// Whether the listeners were asked for over netlink, which the free port's evidence says.
fn over_netlink(report: &Report) -> bool {
    !evidence(report.finding(&format!("at-0/tcp/{FREE}"))).contains("/proc/")
}

#[test]
fn the_holder_is_named_to_root_only() {
    for viewer in [Viewer::Me, Viewer::Nobody] {
        let Some((report, said)) = play(viewer, &[&both("21001, 21002, 21008")]) else { return };
        let pid = said.lines().find_map(|line| line.strip_prefix("pid 0 ")).expect("the holder says its pid");
        for id in ["ports/tcp/21001", "ports/tcp/21002", "ports/udp/21001", "ports/udp/21002"] {
            assert_eq!(report.brief(id), "fail in-use", "{report}");
            let text = words(report.finding(id));
            assert_eq!(text.contains("python3"), viewer == Viewer::Me, "{text}");
            assert_eq!(text.contains(&format!("(pid {pid}")), viewer == Viewer::Me, "{text}");
            assert_eq!(text.contains("another user"), viewer == Viewer::Nobody, "{text}");
            assert_eq!(text.contains("loopback address only"), id.ends_with("21002"), "{text}");
        }
        for kind in ["tcp", "udp"] {
            assert_eq!(report.brief(&format!("ports/{kind}/{FREE}")), "pass free", "{report}");
        }
    }
}

#[test]
fn ranges_and_holders_that_are_wanted() {
    let owned = "{id: own, check: ports, with: {tcp: [{port: 21003, owners: [python3]}]}}";
    let warned = "{id: soft, check: ports, with: {tcp: [{port: 21003, severity: warn}]}}";
    let rules = [&both("21001-21008, 21008-21099"), owned, warned];
    let Some((report, _)) = play(Viewer::Me, &rules) else { return };
    for kind in ["tcp", "udp"] {
        let id = format!("ports/{kind}/21001-21008");
        assert_eq!(report.brief(&id), "fail in-use", "{report}");
        let text = words(report.finding(&id));
        assert!(text.contains("21001, 21002, 21003, 21004, 21005 and 1 more are in use"), "{text}");
        assert_eq!(report.brief(&format!("ports/{kind}/21008-21099")), "pass free", "{report}");
    }
    assert_eq!(report.brief("own/tcp/21003"), "pass held-as-wanted", "{report}");
    assert_eq!(report.brief("soft/tcp/21003"), "warn in-use", "{report}");
}

#[test]
fn one_end_of_a_conversation_holds_its_port_for_a_while() {
    let rule = format!("{{check: ports, with: {{udp: [{TALK}, {TALK}-21099]}}}}");
    let Some((report, said)) = play(Viewer::Me, &[&rule]) else { return };
    assert!(said.contains("udp 21007 0.0.0.0 Address"), "{said}");
    let id = format!("ports/udp/{TALK}");
    assert_eq!(report.brief(&id), "warn in-use", "{report}");
    assert!(words(report.finding(&id)).contains("conversation"), "{report}");
    assert_eq!(report.brief(&format!("{id}-21099")), "pass free", "{report}");
}
