//! Each restriction, shown by an attempt that fails, and by the same attempt where it is allowed.
#![allow(clippy::disallowed_methods, reason = "the attempts are what is tested")]

use super::*;
use std::{
    fs,
    io::ErrorKind,
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::fs::symlink,
    path::Path,
    process::Command,
};

type Attempt = (&'static str, fn(&Path) -> io::Result<()>);

/// What changes files, each in a directory with a file `old`.
const WRITES: [Attempt; 9] = [
    ("make", |at| fs::write(at.join("new"), "x")),
    ("write", |at| fs::OpenOptions::new().write(true).open(at.join("old")).map(drop)),
    ("truncate", |at| fs::OpenOptions::new().write(true).truncate(true).open(at.join("old")).map(drop)),
    ("remove", |at| fs::remove_file(at.join("old"))),
    ("rename", |at| fs::rename(at.join("old"), at.join("other"))),
    ("mkdir", |at| fs::create_dir(at.join("directory"))),
    ("symlink", |at| symlink("old", at.join("link"))),
    ("link", |at| fs::hard_link(at.join("old"), at.join("hard"))),
    ("listen by path", |at| std::os::unix::net::UnixListener::bind(at.join("socket")).map(drop)),
];

/// Of these a filter can't tell what they do, Landlock alone can.
const UNSEEN: [&str; 1] = ["listen by path"];

const TCP: [Attempt; 2] = [
    ("connect", |_| TcpStream::connect(("127.0.0.1", 9)).map(drop)),
    ("bind", |_| TcpListener::bind(("127.0.0.1", 0)).map(drop)),
];
const UDP: Attempt = ("UDP", |_| UdpSocket::bind(("127.0.0.1", 0)).map(drop));
const EXECUTE: Attempt = ("execute", |_| Command::new("/bin/true").status().map(drop));
const READ: Attempt = ("read", |at| fs::read(at.join("old")).map(drop));

fn run(allowed: &[Allow]) -> Confinement {
    Confinement::new(allowed.iter().copied().collect(), Origin::Live, Vec::new())
}

/// What comes of an attempt on a thread of its own that was confined in this way; none where the kernel can't.
fn attempt(
    (name, what): Attempt,
    run: &Confinement,
    confine: fn(&Confinement) -> Result<String, String>,
) -> Option<io::Result<()>> {
    let at = tempfile::tempdir().unwrap();
    fs::write(at.path().join("old"), "old").unwrap();
    let confined = std::thread::scope(|scope| {
        let thread = scope.spawn(|| confine(run).map(|_| what(at.path())));
        thread.join().unwrap()
    });
    match confined {
        Ok(result) => Some(result),
        Err(why) => {
            assert!(std::env::var_os("PREFLIGHT_REQUIRE_LIVE").is_none(), "{name}: {why}");
            eprintln!("SKIPPED: {name}: {why}");
            None
        }
    }
}

fn refused(result: Option<io::Result<()>>, name: &str) {
    let Some(result) = result else { return };
    assert_eq!(result.map_err(|e| e.kind()), Err(ErrorKind::PermissionDenied), "{name}");
}

/// That it was tried: it may fail for another reason (nobody listens).
fn let_through(result: Option<io::Result<()>>, name: &str) {
    if let Some(Err(e)) = result {
        assert_ne!(e.kind(), ErrorKind::PermissionDenied, "{name}");
    }
}

#[test]
fn landlock_alone_refuses_what_is_not_allowed() {
    let shut = run(&[]);
    for one in WRITES.into_iter().chain(TCP).chain([EXECUTE]) {
        refused(attempt(one, &shut, landlock::restrict), one.0);
    }
    let_through(attempt(READ, &shut, landlock::restrict), READ.0);
    for one in TCP {
        let_through(attempt(one, &run(&[Allow::Network]), landlock::restrict), one.0);
    }
    let_through(attempt(EXECUTE, &run(&[Allow::Exec]), landlock::restrict), EXECUTE.0);
    // A scratch file, and no more than that.
    let writing = run(&[Allow::Write]);
    for one in WRITES {
        let result = attempt(one, &writing, landlock::restrict);
        match one.0 {
            "mkdir" | "symlink" | "listen by path" => refused(result, one.0),
            _ => let_through(result, one.0),
        }
    }
    // What a program sends nowhere is not written.
    let sink: Attempt = ("sink", |_| fs::OpenOptions::new().write(true).open("/dev/null").map(drop));
    let_through(attempt(sink, &run(&[Allow::Exec]), landlock::restrict), sink.0);
    refused(attempt(sink, &shut, landlock::restrict), sink.0);
    for one in WRITES {
        refused(attempt(one, &run(&[Allow::Exec]), landlock::restrict), one.0);
    }
}

#[test]
fn a_filter_alone_refuses_what_is_not_allowed() {
    let shut = run(&[]);
    let seen = WRITES.into_iter().filter(|(name, _)| !UNSEEN.contains(name));
    for one in seen.chain(TCP).chain([UDP, EXECUTE]) {
        refused(attempt(one, &shut, seccomp::filter), one.0);
    }
    let_through(attempt(READ, &shut, seccomp::filter), READ.0);
    for one in TCP.into_iter().chain([UDP]) {
        let_through(attempt(one, &run(&[Allow::Network]), seccomp::filter), one.0);
    }
    for one in WRITES {
        let_through(attempt(one, &run(&[Allow::Write]), seccomp::filter), one.0);
    }
    let_through(attempt(EXECUTE, &run(&[Allow::Exec]), seccomp::filter), EXECUTE.0);
}

/// What nobody may do, whatever is allowed. As root in a namespace of its own nothing else would refuse it.
#[test]
fn nothing_mounts_loads_or_changes_the_clock() {
    use rustix::{mount, system};
    let all = run(&Allow::ALL);
    let never: [Attempt; 3] = [
        ("umount", |at| Ok(mount::unmount(at, mount::UnmountFlags::empty())?)),
        ("sethostname", |_| Ok(system::sethostname(b"nobody")?)),
        ("bind mount", |at| Ok(mount::mount_bind(at, at)?)),
    ];
    for one in never {
        refused(attempt(one, &all, seccomp::filter), one.0);
    }
}

#[test]
fn capabilities_go_that_no_rule_needs() {
    use rustix::thread::{CapabilitySet, capabilities};
    let kept = std::thread::spawn(|| {
        let before = capabilities(None).unwrap().permitted;
        capabilities::drop(&run(&[])).unwrap();
        (before, capabilities(None).unwrap())
    });
    let (before, after) = kept.join().unwrap();
    assert!(
        !after
            .permitted
            .intersects(CapabilitySet::SYS_ADMIN | CapabilitySet::DAC_OVERRIDE | CapabilitySet::SYS_MODULE)
    );
    assert_eq!(after.effective, after.permitted);
    assert_eq!(
        after.permitted.contains(CapabilitySet::DAC_READ_SEARCH),
        before.contains(CapabilitySet::DAC_READ_SEARCH)
    );
}
