//! Storage on the machine itself: full disks, links, disks that hang or stopped, and what the kernel's overlayfs says. Each
//! scene lies on /srv, in a mount namespace of its own.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;
#[allow(dead_code)] // what it knows of cgroups is for the tests of those
#[path = "live/scene.rs"]
mod scene;

use common::process::{PROGRAM, Ran, Report, policy};
use scene::{Scene, Viewer, cannot, is_root, not_here};
use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const FROM_STDIN: [&str; 4] = ["-c", "-", "-o", "json"];
const WRITING: [&str; 6] = ["-c", "-", "-o", "json", "--allow", "write"];
const TMPFS: &str = "mount -t tmpfs tmpfs /srv";

fn play(name: &str, set: &[&str], rules: &[&str], arguments: &[&str]) -> Option<Ran> {
    if !Path::new("/srv").is_dir() {
        not_here(name, "there is no /srv to mount on");
        return None;
    }
    Scene { name, set, viewer: Viewer::Me }.play(&policy(rules), arguments)
}

fn look(name: &str, set: &[&str], rules: &[&str]) -> Option<Report> {
    play(name, set, rules, &FROM_STDIN).map(|ran| ran.report())
}

/// A file of this size on a loop device, with this file system on /srv; the device goes with the mount.
fn on_loop(make: &str, size: &str) -> [String; 3] {
    [
        format!("truncate -s {size} \"$DIR/image\""),
        format!("{make} \"$DIR/image\" >/dev/null"),
        "mount -o loop \"$DIR/image\" /srv".to_owned(),
    ]
}

const SPACE: &str = "{check: disk-space, with: {directories: [{path: /srv, availablePercent: 10, inodes: 20, inodesPercent: 5}]}}";

#[test]
fn a_full_disk_and_few_inodes() {
    let tmpfs = "mount -t tmpfs -o size=8m,nr_inodes=100 tmpfs /srv";
    let fill = "head -c 7900000 /dev/zero > /srv/fill";
    let files = "for i in $(seq 90); do : > /srv/$i || exit 99; done";
    for (set, space, inodes) in [
        (vec![tmpfs], "pass enough", "pass enough"),
        (vec![tmpfs, fill], "fail too-little", "pass enough"),
        (vec![tmpfs, files], "pass enough", "fail too-little"),
    ] {
        let Some(report) = look("a full tmpfs", &set, &[SPACE]) else { return };
        assert_eq!(report.brief("disk-space//srv"), space, "{set:?} {report}");
        assert_eq!(report.brief("disk-space/inodes:/srv"), inodes, "{set:?} {report}");
    }
}

#[test]
fn what_ext4_keeps_for_root_is_not_free() {
    let make = on_loop("mkfs.ext4 -q -m 20", "32M");
    // Root can fill it beyond what others may use.
    let fill = "head -c 22m /dev/zero > /srv/fill";
    let set: Vec<&str> = make.iter().map(String::as_str).chain([fill]).collect();
    let Some(report) = look("a full ext4", &set, &[SPACE]) else { return };
    assert_eq!(report.brief("disk-space//srv"), "fail too-little", "{report}");
}

#[test]
fn a_tmpfs_without_a_limit_is_not_full() {
    let set = ["mount -t tmpfs -o size=0,nr_inodes=0 tmpfs /srv"];
    let Some(report) = look("a tmpfs without a limit", &set, &[SPACE]) else { return };
    assert_eq!(report.brief("disk-space//srv"), "warn? unknown", "{report}");
    assert_eq!(report.brief("disk-space/inodes:/srv"), "pass enough", "{report}");
}

#[test]
fn a_disk_that_hangs_costs_one_finding() {
    let name = "a FUSE file system that answers nothing";
    if Command::new("python3").arg("--version").output().is_err() {
        return cannot(name, "there is no python3");
    }
    let server = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live_storage/fuse.py");
    let start = format!("{{ python3 {server} /srv >&2 & }}");
    let wait = "for i in $(seq 100); do grep -q ' /srv .* - fuse.hang ' /proc/self/mountinfo && break; sleep 0.1; done";
    let mounted = "grep -q ' /srv .* - fuse.hang ' /proc/self/mountinfo";
    let rules = [
        "{id: before, check: data-directory, with: {directories: [/opt]}}",
        "{id: hangs, check: disk-space, with: {directories: [{path: /srv/x, availablePercent: 1}]}}",
        "{id: after, check: disk-space, with: {directories: [{path: /proc, availablePercent: 0, inodes: 0}, {path: /, available: 1}]}}",
    ];
    let started = Instant::now();
    let Some(report) = look(name, &[&start, wait, mounted], &rules) else { return };
    assert!(started.elapsed() < Duration::from_secs(45), "{:?}", started.elapsed());
    let of = |rule: &str| report.findings().iter().filter(|f| f["rule"] == rule).collect::<Vec<_>>();
    assert_eq!(of("hangs").len(), 1, "{report}");
    assert_eq!(of("hangs")[0]["determined"], false, "{report}");
    assert_eq!(of("before").len(), 1, "{report}");
    assert_eq!(of("after").len(), 3, "{report}");
    assert_eq!(report.brief("after//"), "pass enough", "{report}");
}

#[test]
fn links_and_owners_on_the_way() {
    let rule = |path: &str| format!("{{check: data-directory, with: {{directories: [{path}]}}}}");
    for (make, path, want) in [
        ("mkdir /srv/real && ln -s real /srv/lib", "/srv/lib/kubelet", "warn symbolic-link"),
        (
            "ln -s nowhere /srv/lib && ! mkdir -p /srv/lib/kubelet 2>&-",
            "/srv/lib/kubelet",
            "fail dangling-link",
        ),
        ("ln -s nowhere /srv/kubelet && ! mkdir -p /srv/kubelet 2>&-", "/srv/kubelet", "fail dangling-link"),
        ("ln -s a /srv/b && ln -s b /srv/a", "/srv/a/kubelet", "warn? unknown"),
        ("mkdir /srv/home && chown 1000 /srv/home", "/srv/home/kubelet", "warn other-owner"),
        ("mkdir /srv/home && chown 65534 /srv/home", "/srv/home/kubelet", "warn? unknown"),
        // It belongs to the service itself, and only the tmpfs below it is left to be told.
        ("mkdir /srv/etcd && chown 1000 /srv/etcd && chmod 700 /srv/etcd", "/srv/etcd", "warn not-lasting"),
    ] {
        let Some(report) = look("a way with links", &[TMPFS, make], &[&rule(path)]) else { return };
        assert_eq!(report.brief(&format!("data-directory/{path}")), want, "{make}: {report}");
    }
}

#[test]
fn a_disk_that_ext4_stopped_writing_to() {
    let name = "an ext4 that was shut down";
    // FS_IOC_SHUTDOWN (include/uapi/linux/fs.h), without flushing.
    let stop = "python3 -c 'import fcntl, os, struct; \
                fcntl.ioctl(os.open(\"/srv\", os.O_RDONLY), 0x8004587d, struct.pack(\"I\", 2))'";
    let make = on_loop("mkfs.ext4 -q", "32M");
    let told = "{ grep ' /srv .* - ext4 ' /proc/self/mountinfo >&2; }";
    let set: Vec<&str> = make.iter().map(String::as_str).chain([stop, told]).collect();
    let rule = "{check: data-directory, with: {directories: [/srv]}}";
    let Some(ran) = play(name, &set, &[rule], &FROM_STDIN) else { return };
    if !ran.stderr.contains("shutdown") {
        return not_here(name, "this kernel does not show it (Linux 6.15 and later do)");
    }
    let report = ran.report();
    assert_eq!(report.brief("data-directory//srv"), "fail read-only", "{report}");
}

#[test]
fn memory_is_not_measured() {
    let rule = "{check: disk-latency, with: {directory: /srv/etcd}}";
    let hide = "mount --bind /dev/null /proc/$$/mountinfo && mount --bind /dev/null /proc/$$/mounts";
    for kind in ["tmpfs", "ramfs"] {
        let mount = format!("mount -t {kind} {kind} /srv");
        for set in [vec![mount.as_str()], vec![mount.as_str(), hide]] {
            let Some(ran) = play("a disk in memory", &set, &[rule], &WRITING) else { return };
            let report = ran.report();
            assert_eq!(report.brief("disk-latency//srv/etcd"), "skip not-applicable", "{set:?} {report}");
        }
    }
}

/// What the kernel's overlayfs says of /srv: mounts it, and changes each kind of thing that lies in the layer below.
const OVERLAY: &str = "mkdir -p /srv/l/d /srv/u /srv/w /srv/m && echo x > /srv/l/f && echo y > /srv/l/d/g && \
     if { mount -t overlay overlay -o lowerdir=/srv/l,upperdir=/srv/u,workdir=/srv/w /srv/m && rm /srv/m/f && \
          echo z >> /srv/m/d/g && rm -r /srv/m/d && mkdir /srv/m/d && test -z \"$(ls -A /srv/m/d)\"; } 2>&-; \
     then echo overlay works >&2; else echo overlay does not work >&2; fi; cd /; umount /srv/m 2>&- || :";

#[test]
fn overlayfs_says_the_same_as_the_check() {
    // In a user namespace overlayfs may write no trusted.* attributes, and root's containerd is what is asked about.
    if !is_root() {
        return cannot("overlayfs", "only root can mount it as containerd does");
    }
    let xfs = on_loop("mkfs.xfs -q", "320M");
    let xfs: Vec<&str> = xfs.iter().map(String::as_str).collect();
    let ext4 = on_loop("mkfs.ext4 -q", "32M");
    let ext4: Vec<&str> = ext4.iter().map(String::as_str).collect();
    let overlay = [
        "mkdir \"$DIR/o\" && mount -t tmpfs tmpfs \"$DIR/o\" && mkdir \"$DIR/o/l\" \"$DIR/o/u\" \"$DIR/o/w\"",
        "mount -t overlay overlay -o \"lowerdir=$DIR/o/l,upperdir=$DIR/o/u,workdir=$DIR/o/w\" /srv",
    ];
    let rule = "{check: data-directory, with: {directories: [{path: /srv, purpose: images}]}}";
    for (kind, set) in [
        ("tmpfs", vec![TMPFS]),
        ("ramfs", vec!["mount -t ramfs ramfs /srv"]),
        ("overlay", overlay.to_vec()),
        ("xfs", xfs),
        ("ext4", ext4),
    ] {
        let name = format!("overlayfs on {kind}");
        let set: Vec<&str> = set.into_iter().chain([OVERLAY]).collect();
        let Some(ran) = play(&name, &set, &[rule], &FROM_STDIN) else { continue };
        let works = ran.stderr.contains("overlay works");
        assert!(works || ran.stderr.contains("overlay does not work"), "{ran:#?}");
        if kind == "tmpfs"
            && !works
            && !fs::read_to_string("/proc/filesystems").unwrap_or_default().contains("\toverlay\n")
        {
            return cannot(&name, "this kernel has no overlayfs");
        }
        let report = ran.report();
        let finding = report.finding("data-directory//srv");
        assert_eq!(finding["determined"], true, "{finding:#}");
        assert_eq!(finding["verdict"] != "fail", works, "{name}: {finding:#}");
    }
}

/// What has no name and is open in this process, in this directory.
fn is_writing(child: &Child, directory: &Path) -> bool {
    let open = fs::read_dir(format!("/proc/{}/fd", child.id())).into_iter().flatten().flatten();
    open.filter_map(|fd| fs::read_link(fd.path()).ok())
        .any(|at| at.starts_with(directory) && at.to_string_lossy().ends_with("(deleted)"))
}

#[test]
fn a_measurement_that_is_ended_leaves_nothing() {
    for signal in ["KILL", "INT", "TERM"] {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let rule = format!(
            "{{check: disk-latency, with: {{directory: {}, writes: 20000, time: 60s}}}}",
            directory.path().display()
        );
        // Whoever starts tests in the background may ignore SIGINT, which is inherited.
        let mut child = Command::new("env")
            .args(["--default-signal=INT,TERM", PROGRAM])
            .args(WRITING)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        child.stdin.take().expect("a pipe").write_all(policy(&[&rule]).as_bytes()).expect("a policy");
        let started = Instant::now();
        while !is_writing(&child, directory.path()) {
            if child.try_wait().expect("a child").is_some() || started.elapsed() > Duration::from_secs(20) {
                let _ = child.kill();
                let _ = child.wait();
                return not_here(
                    "an ended measurement",
                    "the build directory takes none (in memory or full?)",
                );
            }
            thread::sleep(Duration::from_millis(1));
        }
        let pid = child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{signal}"), &pid]).status().expect("kill(1)");
        assert!(sent.success(), "{signal}");
        let status = child.wait().expect("a child can be waited for");
        assert!(!status.success(), "{signal}: {status}");
        let left: Vec<_> = fs::read_dir(directory.path()).expect("a directory").flatten().collect();
        assert!(left.is_empty(), "{signal}: {left:?}");
    }
}
