//! A run takes from itself what it does not need: programs that it starts can't do more than it was allowed, its findings are
//! what they would be without, and what it asks of the kernel is on a list.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;

use common::{
    laws::{POLICY, judge, load},
    process::{PROGRAM, Ran, Tree, preflight_with, run},
};
use preflight::policy::OnUnknown;
use preflight_checks::node::Filesystem;
use serde_json::Value;
use std::{
    collections::BTreeSet, fs, net::TcpListener, os::unix::fs::PermissionsExt as _, process::Command,
    sync::Arc,
};

/// What Landlock alone can refuse a program; without it this can't be shown.
fn has_landlock() -> bool {
    let ran = preflight_with("", &["-v", "--only", "cpu"]);
    let has = ran.stderr.contains("confined by=\"Landlock\"")
        && !ran.stderr.contains("not confined by=\"Landlock\"");
    assert!(has || std::env::var_os("PREFLIGHT_REQUIRE_LIVE").is_none(), "{ran:?}");
    if !has {
        eprintln!("SKIPPED: this kernel has no Landlock");
    }
    has
}

#[test]
fn a_program_may_do_what_the_run_may_and_no_more() {
    if !has_landlock() {
        return;
    }
    let tree = Tree::new();
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let script = tree.at("/attempt");
    let made = tree.at("/made");
    // Each says on a line of its own what came of it.
    let text = format!(
        "#!/bin/bash\n\
         true >/dev/null && echo sink-yes || echo sink-no\n\
         (echo x >{made}) 2>/dev/null && echo write-yes || echo write-no\n\
         (mkdir {made}.d) 2>/dev/null && echo mkdir-yes || echo mkdir-no\n\
         (: <>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo connect-yes || echo connect-no\n\
         (hostname nobody) 2>/dev/null && echo hostname-yes || echo hostname-no\n",
        made = made.display()
    );
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a mode");
    let policy = format!(
        "apiVersion: preflight/v1\nkind: Policy\nmetadata: {{name: attempts}}\nchecks:\n\
         - check: commands\n  with: {{commands: [{{run: [{}], expect: {{stdout: {{contains: nothing-of-the-kind}}}}}}]}}\n",
        script.display()
    );
    // What a command printed stands in no report; the policy asks for each line.
    let says = |allow: &str, line: &str| {
        let policy = policy.replace("nothing-of-the-kind", line);
        let ran = preflight_with(&policy, &["-c", "-", "-o", "json", "--allow", allow]);
        let report = ran.json();
        report["findings"][0]["verdict"].as_str().map_or_else(|| panic!("{ran:?}"), str::to_owned)
    };
    for (allow, lines) in [
        ("exec", ["sink-yes", "write-no", "mkdir-no", "connect-no", "hostname-no"]),
        ("exec,network", ["sink-yes", "write-no", "mkdir-no", "connect-yes", "hostname-no"]),
        ("exec,write", ["sink-yes", "write-yes", "mkdir-no", "connect-no", "hostname-no"]),
    ] {
        for line in lines {
            assert_eq!(says(allow, line), "pass", "{allow}: {line}");
        }
    }
}

/// By id: what it says, without what changes from moment to moment.
fn findings(report: &Value) -> Vec<(String, String, String)> {
    let text = |f: &Value, key: &str| f[key].as_str().unwrap_or_default().to_owned();
    let all = report["findings"].as_array().expect("findings");
    all.iter().map(|f| (text(f, "id"), text(f, "verdict"), text(f, "reason"))).collect()
}

#[test]
fn a_confined_run_says_what_any_other_would() {
    // Two moments: how busy the machine is, or how full, may change between them, but not five times.
    let mut told = Vec::new();
    for _ in 0..5 {
        // Not confined: the threads of this test ask.
        let live = Arc::new(Filesystem::live().expect("the root directory"));
        let free = judge(&load(POLICY, OnUnknown::Warn), live);
        let free = findings(&serde_json::to_value(free).expect("a report"));
        let confined = preflight_with(POLICY, &["-c", "-", "-o", "json"]);
        let found = findings(&confined.json());
        if free == found {
            return;
        }
        told.push(free.into_iter().zip(found).filter(|(one, other)| one != other).collect::<Vec<_>>());
    }
    panic!("{told:#?}");
}

/// The system calls of a run, as strace(1) names them. None of them changes anything: what may (`openat`, `socket`, `bpf`) is
/// looked at below by its arguments.
const CALLS: &[&str] = &[
    // Memory, threads and the program's own beginning and end.
    "execve",
    "brk",
    "mmap",
    "munmap",
    "mprotect",
    "madvise",
    "mremap",
    "arch_prctl",
    "set_tid_address",
    "set_robust_list",
    "rseq",
    "prlimit64",
    "clone3",
    "clone",
    "futex",
    "sigaltstack",
    "rt_sigaction",
    "rt_sigprocmask",
    "sched_getaffinity",
    "exit",
    "exit_group",
    "getrandom",
    "poll",
    "ppoll",
    "gettid",
    "getpid",
    "sched_yield",
    "clock_nanosleep",
    "nanosleep",
    "restart_syscall",
    // What it takes from itself.
    "prctl",
    "seccomp",
    "landlock_create_ruleset",
    "landlock_restrict_self",
    "capget",
    "capset",
    // Reading.
    "open",
    "openat",
    "read",
    "pread64",
    "close",
    "fstat",
    "newfstatat",
    "stat",
    "statx",
    "getdents64",
    "readlink",
    "readlinkat",
    "access",
    "statfs",
    "fcntl",
    "lseek",
    "getxattr",
    // Questions to the kernel, and to systemd and the runtime over sockets of this machine.
    "uname",
    "geteuid",
    "getuid",
    "adjtimex",
    "clock_adjtime",
    "syslog",
    "bpf",
    "perf_event_open",
    "clock_gettime",
    "socket",
    "connect",
    "bind",
    "sendto",
    "sendmsg",
    "recvfrom",
    "recvmsg",
    "getsockname",
    "getsockopt",
    "setsockopt",
    "shutdown",
    "ioctl",
    // The report.
    "write",
];

#[test]
fn the_system_calls_of_a_run_are_on_the_list() {
    let trace = tempfile::NamedTempFile::new().expect("a file");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o"]).arg(trace.path()).args([
        PROGRAM,
        "-c",
        "kubernetes-node",
        "-o",
        "json",
    ]);
    let ran = run(command, "");
    assert!(ran.stdout.contains("\"findings\""), "{ran:?}");
    let trace = fs::read_to_string(trace.path()).expect("a trace");
    let mut seen = BTreeSet::new();
    for line in trace.lines() {
        let call = line.split_whitespace().nth(1).unwrap_or_default();
        let Some((name, arguments)) = call.split_once('(') else { continue };
        seen.insert(name.to_owned());
        let rest = &line[line.find('(').unwrap_or(0)..];
        match name {
            "openat" | "open" => {
                for flag in ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"] {
                    assert!(!rest.contains(flag), "{line}");
                }
            }
            "socket" => assert!(["AF_UNIX", "AF_NETLINK"].iter().any(|f| arguments.starts_with(f)), "{line}"),
            "bpf" => assert!(
                arguments.starts_with("BPF_PROG_QUERY") || arguments.starts_with("BPF_PROG_LOAD"),
                "{line}"
            ),
            "write" => assert!(arguments.starts_with("1,") || arguments.starts_with("2,"), "{line}"),
            "execve" => assert!(rest.contains("preflight"), "{line}"),
            "adjtimex" | "clock_adjtime" => assert!(rest.contains("modes=0"), "{line}"),
            "clone" | "clone3" => assert!(rest.contains("CLONE_THREAD"), "{line}"),
            _ => {}
        }
    }
    let new: Vec<&String> = seen.iter().filter(|name| !CALLS.contains(&name.as_str())).collect();
    assert!(new.is_empty(), "not on the list: {new:?}");
}

/// Where no more threads are to be had than so many, a run says so and ends, or finds what it finds with as many as it wants.
#[test]
fn fewer_threads_see_no_less() {
    let with = |threads: usize| {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=65533",
            "--regid=65533",
            "--clear-groups",
            "prlimit",
            &format!("--nproc={threads}"),
        ]);
        command.arg(PROGRAM).args([
            "-o",
            "json",
            "--skip",
            "pressure",
            "--skip",
            "memory",
            "--skip",
            "disk-space",
        ]);
        run(command, "")
    };
    let whole = with(100);
    if whole.code == Some(127) || !whole.stdout.contains("\"findings\"") {
        assert!(std::env::var_os("PREFLIGHT_REQUIRE_LIVE").is_none(), "{whole:?}");
        return eprintln!("SKIPPED: fewer threads: it takes root: {}", whole.stderr);
    }
    let mut reports = 0;
    for threads in 1..6 {
        let ran = with(threads);
        if ran.code == Some(4) {
            assert!(ran.stderr.contains("can't start a thread"), "{threads}: {ran:?}");
            continue;
        }
        reports += 1;
        // What limits is no secret to the rule that judges limits.
        let told = |ran: &Ran| {
            let all = findings(&ran.json());
            all.into_iter().filter(|(id, ..)| !id.starts_with("limits")).collect::<Vec<_>>()
        };
        assert_eq!(told(&ran), told(&whole), "{threads} threads");
    }
    assert!(reports > 1, "no run came to a report");
}
