//! A run stays below 64 MiB of memory and ends in time, whatever the node holds (law 8).
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;

use common::{
    laws::POLICY,
    nodes,
    process::{PROGRAM, Ran, Tree, run, walk},
};
use flate2::{Compression, write::GzEncoder};
use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// The most that a run may have resident, in KiB. A program that is not optimised takes 14 MiB more for itself.
const MOST: u64 = if cfg!(debug_assertions) { 78 << 10 } else { 64 << 10 };

/// Runs a command and tells how much of it was resident at most, on the last line of standard error.
const MEASURE: &str = "import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)";

fn measured(arguments: &[&str], stdin: &str, at: &str) -> Ran {
    let mut command = Command::new("python3");
    command.args(["-c", MEASURE, PROGRAM]).args(arguments);
    let started = Instant::now();
    let ran = run(command, stdin);
    let resident: u64 =
        ran.stderr.lines().last().and_then(|l| l.parse().ok()).unwrap_or_else(|| panic!("{at}: {ran:?}"));
    assert!(resident < MOST, "{at}: {resident} KiB");
    assert!(started.elapsed() < Duration::from_secs(35), "{at}: {:?}", started.elapsed());
    eprintln!("{at}: {resident} KiB, {:?}", started.elapsed());
    ran
}

/// A good node, one of whose files is another one.
fn with(path: &str, make: impl FnOnce(&Path)) -> Tree {
    let tree = Tree::new();
    for (own, at) in walk(&nodes::named("debian-6.1.0-56-amd64/v2").root) {
        if own != path {
            let copy = tree.at(&own);
            fs::create_dir_all(copy.parent().expect("a directory")).expect("directories");
            fs::hard_link(&at, &copy).or_else(|_| fs::copy(&at, &copy).map(drop)).expect("a copy");
        }
    }
    let at = tree.at(path);
    fs::create_dir_all(at.parent().expect("a directory")).expect("directories");
    make(&at);
    tree
}

fn judge(tree: &Tree, at: &str) {
    let ran = measured(&["-c", "-", "-o", "json", "--root", tree.root()], POLICY, at);
    assert!(ran.stdout.contains("\"findings\""), "{at}: {ran:?}");
}

#[test]
fn files_of_a_gigabyte_are_not_read_whole() {
    for path in [
        "/boot/config-6.1.0-56-amd64",
        "/etc/sysctl.conf",
        "/etc/passwd",
        "/etc/resolv.conf",
        "/var/lib/dpkg/status",
        "/lib/modules/6.1.0-56-amd64/modules.dep",
        "/usr/lib/sysimage/rpm/rpmdb.sqlite",
        "/proc/modules",
        "/sys/kernel/btf/vmlinux",
    ] {
        let tree =
            with(path, |at| fs::File::create(at).and_then(|f| f.set_len(1 << 30)).expect("a sparse file"));
        judge(&tree, path);
    }
}

#[test]
fn what_unpacks_to_a_gigabyte_is_not_unpacked_whole() {
    // By gzip itself: not optimised, our own packer takes minutes.
    let packed = Command::new("sh")
        .args(["-c", "(head -c 1073741824 /dev/zero; echo CONFIG_X=y) | gzip -1"])
        .output()
        .expect("gzip runs");
    assert!(packed.status.success() && packed.stdout.len() > 100_000);
    let packed = packed.stdout;
    let tree = with("/proc/config.gz", |at| fs::write(at, &packed).expect("a file"));
    judge(&tree, "/proc/config.gz");
}

#[test]
fn a_hundred_thousand_of_anything_fit() {
    type Table = (&'static str, fn(usize) -> String);
    let lines = |line: fn(usize) -> String| (0..100_000).map(line).collect::<String>();
    let tables: [Table; 6] = [
        ("/proc/self/mountinfo", |i| {
            format!("{i} 1 0:{i} / /mnt/{i} rw,relatime - tmpfs tmpfs rw,size=1024k\n")
        }),
        ("/proc/net/tcp", |i| {
            format!(
                "{i:5}: 0100007F:{:04X} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 {i} 1 0 100 0 0 10 0\n",
                i % 65536
            )
        }),
        ("/proc/modules", |i| format!("module_{i} 16384 0 - Live 0x0000000000000000\n")),
        ("/etc/fstab", |i| format!("/dev/sd{i} /mnt/{i} ext4 defaults 0 0\n")),
        ("/proc/swaps", |i| format!("/dev/sd{i}                               partition\t1048572\t0\t-2\n")),
        ("/var/lib/dpkg/status", |i| {
            format!("Package: p{i}\nStatus: install ok installed\nVersion: 1.{i}\n\n")
        }),
    ];
    for (path, line) in tables {
        let text = lines(line);
        let tree = with(path, |at| fs::write(at, &text).expect("a file"));
        judge(&tree, path);
    }
    let tree = with("/sys/class/net/lo/x", |at| {
        for i in 0..5_000 {
            fs::create_dir(at.with_file_name("..").join(format!("eth{i}"))).expect("a directory");
        }
    });
    judge(&tree, "/sys/class/net");
}

/// What takes many times its length in memory, in captures that somebody else made.
#[test]
fn captures_of_any_shape_are_refused_or_read() {
    let head = r#"{"apiVersion":"preflight/v1","kind":"Capture","version":"0.1.0","capturedAt":"2026-11-28T00:00:00Z","policy":"x","live":true,"root":"/","user":0,"allowed":[]}"#;
    let line = |body: String| format!("{head}\n{{{body}}}\n");
    let many = |item: &str| vec![item; (20 << 20) / (item.len() + 1)].join(",");
    let names = || many("\"\"");
    let names_of_its_own = (0..90_000).map(|i| format!("\"{i:x}\"")).collect::<Vec<_>>().join(",");
    let lists =
        |i: usize| format!("{{\"look\":\"list\",\"path\":\"/{i}\",\"names\":[{names_of_its_own}]}}\n");
    let small = |i: usize| format!("{{\"look\":\"read\",\"path\":\"/{i}\",\"text\":\"\"}}\n");
    for (at, text, is_read) in [
        ("names", line(format!("\"look\":\"list\",\"path\":\"/\",\"names\":[{}]", names())), false),
        ("numbers", line(format!("\"look\":\"access\",\"path\":\"/\",\"numbers\":[{}]", many("0"))), false),
        ("a probe", line(format!("\"look\":\"probe\",\"probe\":[{}]", many("0"))), false),
        (
            "what is not known",
            line(format!("\"look\":\"read\",\"path\":\"/\",\"text\":\"\",\"new\":[{}]", many("0"))),
            true,
        ),
        ("a header", head.replace("[]", &format!("[{}]", names())), false),
        ("lists", format!("{head}\n{}", (0..25).map(lists).collect::<String>()), false),
        ("answers", format!("{head}\n{}", (0..400_000).map(small).collect::<String>()), false),
        (
            "a text",
            line(format!("\"look\":\"read\",\"path\":\"/\",\"text\":\"{}\"", "x".repeat(20 << 20))),
            true,
        ),
    ] {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let mut packed = GzEncoder::new(file.as_file(), Compression::fast());
        packed.write_all(text.as_bytes()).and_then(|()| packed.try_finish()).expect("a capture");
        let path = file.path().to_str().expect("UTF-8");
        let ran = measured(&["--only", "cpu", "-o", "json", "--from", path], "", at);
        assert_eq!(ran.stdout.contains("\"findings\""), is_read, "{at}: {ran:?}");
        assert!(is_read || ran.code == Some(2), "{at}: {ran:?}");
    }
}

#[test]
fn policies_and_reports_of_any_size_are_refused_or_read() {
    let mut rules = "apiVersion: preflight/v1\nkind: Policy\nmetadata: {name: x}\nchecks:\n".to_owned();
    for i in 0..20_000 {
        let _ = writeln!(rules, "  - {{id: r{i}, check: cpu, with: {{count: 1}}}}");
    }
    measured(&["policy", "lint", "-"], &rules, "20,000 rules");
    measured(&["policy", "lint", "-"], &"[".repeat(1 << 20), "brackets");
    measured(&["policy", "lint", "-"], &"a: &a [*a, *a]\n".repeat(1 << 16), "aliases");
    let report = format!("{{\"apiVersion\": \"preflight/v1\", \"x\": \"{}\"}}", "x".repeat(40 << 20));
    measured(&["remedy", "-"], &report, "a report of 40 MB");
}
