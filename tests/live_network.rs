//! What takes `--allow network`, against real servers: dnsmasq, Python's http.server with OpenSSL, nftables; all of it in
//! network namespaces of its own.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;
#[allow(dead_code)] // what it knows of mounts is for other tests
#[path = "live/scene.rs"]
mod scene;

use common::process::{PROGRAM, Report, policy, run};
use scene::{cannot, is_root};
use std::{fs, path::Path, process::Command};

/// Plays `set` (shell) in a network and mount namespace with `$DIR`, then judges; what was started there ends with it.
fn play(name: &str, set: &str, rules: &[&str], allow: &[&str]) -> Option<Report> {
    if !is_root() {
        cannot(name, "only root may make network namespaces that have a port 53");
        return None;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    write(directory.path(), "serve.py", SERVE);
    let script = format!(
        "set -e; ip link set lo up; {set}\n\"$@\" -c - -o json {} && code=0 || code=$?; exit $code",
        allow.join(" ")
    );
    let mut command = Command::new("unshare");
    command.args(["-n", "-m", "--fork", "--pid", "--kill-child", "bash", "-c", &script, "scene", PROGRAM]);
    command.env("DIR", directory.path()).env_remove("HTTPS_PROXY").env_remove("HTTP_PROXY");
    command.env_remove("https_proxy").env_remove("http_proxy");
    let ran = run(command, &policy(rules));
    if ran.stdout.is_empty() {
        cannot(name, ran.stderr.trim());
        return None;
    }
    Some(ran.report())
}

fn write(directory: &Path, name: &str, text: &str) {
    fs::write(directory.join(name), text).expect("a file of the scene");
}

const NETWORK: [&str; 1] = ["--allow network"];

/// Serves HTTP on a port, with TLS where a certificate is given; says so in a file when it listens.
const SERVE: &str = "
import http.server, ssl, sys
port, ready = int(sys.argv[1]), sys.argv[2]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({'/v2/': 401, '/down': 503}.get(self.path, 200))
        self.end_headers()
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', port), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
open(ready, 'w').close()
server.serve_forever()
";

/// Waits for files that say that something listens.
const WAIT: &str = "wait_for() { for f in \"$@\"; do for _ in $(seq 200); do [ -e $f ] && break; sleep 0.02; done; [ -e $f ]; done; }";

#[test]
fn name_servers_names_and_wildcards() {
    let set = "printf 'search exact.example wild.example\\nnameserver 127.0.0.1\\nnameserver 127.0.0.2\\n' > $DIR/resolv.conf
        mount --bind $DIR/resolv.conf /etc/resolv.conf
        dnsmasq --no-resolv --no-hosts --no-daemon --user=root --bind-interfaces --listen-address=127.0.0.1 --port=53 \
            --host-record=r.example,192.0.2.7,2001:db8::7 --address=/wild.example/192.0.2.99 --local=/example/ \
            --local=// --pid-file=$DIR/pid --log-facility=$DIR/log 2>/dev/null &
        for _ in $(seq 200); do grep -q 0100007F:0035 /proc/net/udp && break; sleep 0.02; done; grep -q 0100007F:0035 /proc/net/udp";
    let rule =
        "{check: dns, with: {names: [r.example, {name: r.example., within: [10.0.0.0/8]}, nobody.example]}}";
    let Some(report) = play("name servers", set, &[rule], &NETWORK) else { return };
    assert_eq!(report.brief("dns/server/127.0.0.1"), "pass answers", "{report}");
    assert_eq!(report.brief("dns/server/127.0.0.2"), "warn refused", "{report}");
    assert_eq!(report.brief("dns/r.example"), "pass resolves", "{report}");
    assert!(
        report.finding("dns/r.example")["message"].to_string().contains("192.0.2.7, 2001:db8::7"),
        "{report}"
    );
    assert_eq!(report.brief("dns/r.example."), "fail other-address", "{report}");
    // The wildcard of the search domain catches it: that is what the warning is about.
    assert_eq!(report.brief("dns/nobody.example"), "pass resolves", "{report}");
    assert_eq!(report.brief("dns/wildcard/exact.example"), "pass exact", "{report}");
    assert_eq!(report.brief("dns/wildcard/wild.example"), "warn wildcard", "{report}");
}

#[test]
fn what_keeps_connections_from_being_made() {
    let set = format!(
        "{WAIT}
        python3 $DIR/serve.py 8080 $DIR/ready & wait_for $DIR/ready
        nft 'table inet t {{ chain c {{ type filter hook input priority 0; tcp dport 8082 drop; }}; }}'"
    );
    let rule = "{check: tcp, with: {time: 700ms, endpoints: ['127.0.0.1:8080', '127.0.0.1:8081', '127.0.0.1:8082', '192.0.2.1:80', 'nobody.invalid:80']}}";
    let set =
        format!("{set}\necho 'nameserver 127.0.0.1' > $DIR/conf; mount --bind $DIR/conf /etc/resolv.conf");
    let Some(report) = play("connections", &set, &[rule], &NETWORK) else { return };
    for (endpoint, want) in [
        ("127.0.0.1:8080", "pass connects"),
        ("127.0.0.1:8081", "fail refused"),
        ("127.0.0.1:8082", "fail timeout"),
        ("192.0.2.1:80", "fail no-route"),
        ("nobody.invalid:80", "fail name-servers"),
    ] {
        assert_eq!(report.brief(&format!("tcp/{endpoint}")), want, "{report}");
    }
}

/// An authority, and certificates of it for r.example: good, of the past, and for another name.
const CERTIFICATES: &str = "
    exec 3>&2 2>/dev/null; cd $DIR
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -subj /CN=authority -days 30
    make() { # NAME SAN DAYS...
        openssl req -newkey rsa:2048 -nodes -keyout $1.key -out $1.csr -subj /CN=$1
        printf \"subjectAltName=DNS:$2\\n\" > $1.ext
        openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile $1.ext -out $1.crt -days $3
        cat $1.crt $1.key > $1.pem
    }
    make good r.example 29; make soon r.example 3; make other s.example 29
    openssl ca -help >/dev/null; exec 2>&3
    printf '127.0.0.1 r.example\\n' > hosts; mount --bind hosts /etc/hosts";

#[test]
fn certificates_and_statuses() {
    let set = format!(
        "{WAIT}{CERTIFICATES}
        python3 serve.py 4431 r1 good.pem & python3 serve.py 4432 r2 soon.pem & python3 serve.py 4433 r3 other.pem &
        python3 serve.py 8080 r4 & wait_for r1 r2 r3 r4
        mkdir -p ssl/certs; cp ca.crt ssl/certs/ca-certificates.crt; mount --bind ssl /etc/ssl"
    );
    let rules = ["{check: http, with: {requests: [
        'https://r.example:4431/v2/', 'https://r.example:4432/', 'https://r.example:4433/', 'https://r.example:8080/',
        'http://r.example:8080/down', 'http://r.example:4431/', 'http://r.example:8080/x']}}"];
    let Some(report) = play("certificates", &set, &rules, &NETWORK) else { return };
    for (url, want) in [
        ("https://r.example:4431/v2/", "pass answers"),
        ("https://r.example:4432/", "warn expires-soon"),
        ("https://r.example:4433/", "fail wrong-name"),
        ("https://r.example:8080/", "fail no-tls"),
        ("http://r.example:8080/down", "fail status"),
        ("http://r.example:4431/", "fail no-http"),
        ("http://r.example:8080/x", "pass answers"),
    ] {
        assert_eq!(report.brief(&format!("http/{url}")), want, "{report}");
    }
    let evidence = report.finding("http/https://r.example:4431/v2/")["evidence"].to_string();
    assert!(evidence.contains("CN=good, by CN=authority"), "{evidence}");
}

#[test]
fn strangers_are_not_trusted() {
    let set = format!(
        "{WAIT}{CERTIFICATES}
        cp ca.crt first.crt; openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out second.crt -subj /CN=authority -days 9 2>/dev/null
        python3 serve.py 4431 r1 good.pem & wait_for r1; cp second.crt /dev/shm/preflight-second.crt"
    );
    let rule = "{check: http, with: {requests: [{url: 'https://r.example:4431/', caFile: /dev/shm/preflight-second.crt}]}}";
    let set = format!("mount -t tmpfs tmpfs /dev/shm\n{set}");
    let Some(report) = play("strangers", &set, &[rule], &NETWORK) else { return };
    // The authority has the same name and another key, as that of a cluster that was made anew.
    assert_eq!(report.brief("http/https://r.example:4431/"), "fail unknown-issuer", "{report}");
}

#[test]
fn an_etcd_that_wants_to_know_who_asks() {
    let set = format!(
        "{WAIT}{CERTIFICATES}
        make client client.example 29
        openssl req -x509 -newkey rsa:2048 -nodes -keyout stranger.key -out stranger.crt -subj /CN=stranger -days 9 2>/dev/null
        mount -t tmpfs tmpfs /dev/shm; cp ca.crt client.crt client.key stranger.crt stranger.key /dev/shm
        ETCD_UNSUPPORTED_ARCH=arm64 etcd --data-dir $DIR/etcd --listen-client-urls https://127.0.0.1:2379 \
            --advertise-client-urls https://r.example:2379 --listen-peer-urls http://127.0.0.1:2380 --client-cert-auth \
            --trusted-ca-file ca.crt --cert-file good.crt --key-file good.key >$DIR/log 2>&1 &
        for _ in $(seq 500); do grep -q 'serving client requests' $DIR/log && break; sleep 0.02; done
        grep -q 'serving client requests' $DIR/log"
    );
    let request = |id: &str, of: &str, requires: &str| {
        format!(
            "{{check: http, id: {id}, with: {{requests: [{{url: 'https://r.example:2379', path: /version, \
             caFile: /dev/shm/ca.crt, certFile: /dev/shm/{of}.crt, keyFile: /dev/shm/{of}.key, \
             version: {{field: etcdserver, requires: '{requires}'}}}}]}}}}"
        )
    };
    let nobody = "{check: http, id: nobody, with: {requests: [{url: 'https://r.example:2379', caFile: /dev/shm/ca.crt}]}}";
    let rules = [
        request("known", "client", ">=3"),
        request("newer", "client", ">=99"),
        request("stranger", "stranger", ">=3"),
        nobody.to_owned(),
    ];
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let Some(report) = play("etcd", &set, &rules, &NETWORK) else { return };
    for (rule, want) in [
        ("known", "pass answers"),
        ("newer", "fail wrong-version"),
        ("stranger", "fail client-certificate"),
        ("nobody", "fail client-certificate"),
    ] {
        assert_eq!(report.brief(&format!("{rule}/https://r.example:2379")), want, "{report}");
    }
}

#[test]
fn without_the_allowance_no_socket_is_made() {
    let rules = [
        "{check: dns, with: {names: [r.example]}}",
        "{check: tcp, with: {endpoints: ['127.0.0.1:80', 'r.example:80']}}",
        "{check: http, with: {requests: ['https://r.example/']}}",
    ];
    let directory = tempfile::tempdir().expect("a temporary directory");
    let log = directory.path().join("strace");
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "trace=network", "-o"]).arg(&log).arg(PROGRAM).args(["-c", "-", "-o", "json"]);
    if Command::new("strace").arg("--version").output().is_err() {
        return cannot("sockets", "there is no strace(1)");
    }
    let ran = run(command, &policy(&rules));
    if ran.stdout.is_empty() {
        return cannot("sockets", &ran.stderr);
    }
    for finding in ran.report().findings() {
        assert_eq!(finding["determined"], false, "{finding:#}");
        assert!(finding.to_string().contains("--allow network"), "{finding:#}");
    }
    let calls = fs::read_to_string(&log).expect("a trace");
    assert!(!calls.contains("socket(") && calls.contains("exited with"), "{calls}");
}
