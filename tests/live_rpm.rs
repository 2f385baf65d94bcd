//! The database of rpm, as rpm itself makes it.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;
#[allow(dead_code)] // what it knows of mounts is for other tests
#[path = "live/scene.rs"]
mod scene;

use common::process::{Report, policy, preflight_with};
use scene::cannot;
use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

const SPEC: &str = "Name: NAME\nEpoch: 2\nVersion: 1.2.3\nRelease: 4.fc40\nSummary: x\nLicense: MIT\nBuildArch: noarch\n\
    %description\nx\n%install\nmkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/NAME\n\
    echo hi > %{buildroot}/usr/bin/NAME\nchmod 755 %{buildroot}/usr/bin/NAME\n\
    for i in $(seq COUNT); do touch %{buildroot}/usr/share/NAME/a-file-with-a-rather-long-name-$i; done\n\
    %files\n/usr/bin/NAME\n/usr/share/NAME\n";

fn ran(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let said = || format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(()) } else { Err(said()) }
}

/// Builds a package with so many files, and installs it.
fn install(directory: &Path, name: &str, files: usize) -> Result<(), String> {
    let spec = directory.join(format!("{name}.spec"));
    fs::write(&spec, SPEC.replace("NAME", name).replace("COUNT", &files.to_string())).expect("a file");
    let top = format!("_topdir {}/build", directory.display());
    ran(Command::new("rpmbuild").args(["--define", &top, "-bb"]).arg(&spec))?;
    let package = directory.join(format!("build/RPMS/noarch/{name}-1.2.3-4.fc40.noarch.rpm"));
    ran(rpm(directory).args(["-i", "--nodeps"]).arg(package))
}

fn rpm(directory: &Path) -> Command {
    let mut command = Command::new("rpm");
    command.arg("--root").arg(directory.join("root"));
    command.args(["--dbpath", "/var/lib/rpm", "--define", "_db_backend sqlite"]);
    command
}

/// The headers of all packages: rpm puts eight bytes before each, then come the numbers of entries and of bytes.
fn headers(directory: &Path) -> Vec<Vec<u8>> {
    let mut command = Command::new("rpmdb");
    command.arg("--root").arg(directory.join("root"));
    command.args(["--dbpath", "/var/lib/rpm", "--define", "_db_backend sqlite", "--exportdb"]);
    let mut rest = command.output().expect("rpmdb").stdout;
    let mut headers = Vec::new();
    while rest.len() > 16 {
        let number =
            |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().expect("four bytes")) as usize;
        let end = 16 + number(8) * 16 + number(12);
        headers.push(rest[8..end].to_vec());
        rest.drain(..end);
    }
    headers
}

/// Has Berkeley DB's own program make the database, in the byte order of either kind of machine.
fn load(path: &Path, headers: &[Vec<u8>], is_big_endian: bool) -> Result<(), String> {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut text = String::from("VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize=4096\nHEADER=END\n");
    for (number, header) in (1_u32..).zip(headers) {
        let key = if is_big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
        text.push_str(&format!(" {}\n {}\n", hex(&key), hex(header)));
    }
    text.push_str("DATA=END\n");
    let order = if is_big_endian { "db_lorder=4321" } else { "db_lorder=1234" };
    let program = Command::new("db5.3_load").args(["-c", order]).arg(path).stdin(Stdio::piped()).spawn();
    let mut program = program.map_err(|error| format!("db5.3_load: {error}"))?;
    program.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("a pipe");
    let status = program.wait().expect("its status");
    if status.success() { Ok(()) } else { Err(format!("db5.3_load: {status}")) }
}

fn judge(directory: &Path, rules: &[&str]) -> Report {
    let root = directory.join("root");
    preflight_with(&policy(rules), &["-c", "-", "-o", "json", "--root", root.to_str().expect("a path")])
        .report()
}

fn sound(report: &Report) {
    assert_eq!(report.brief("packages/containerd"), "pass installed", "{report}");
    assert!(report.finding("packages/containerd").to_string().contains("2:1.2.3-4.fc40"), "{report}");
    assert_eq!(report.brief("packages/nftables"), "pass installed", "{report}");
    assert_eq!(report.brief("packages/kubelet"), "fail missing", "{report}");
    assert!(report.finding("packages/kubelet")["remedy"].to_string().contains("dnf install"), "{report}");
    assert_eq!(report.brief("packages/docker"), "pass absent", "{report}");
    assert_eq!(report.brief("executables/containerd"), "fail wrong-version", "{report}");
    assert_eq!(report.brief("executables/nftables"), "pass found", "{report}");
}

/// The same, where Berkeley DB keeps it.
fn berkeley_db(rules: &[&str], headers: &[Vec<u8>]) {
    assert_eq!(headers.len(), 2);
    for is_big_endian in [false, true] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (here, root) = (directory.path(), directory.path().join("root"));
        for at in ["var/lib/rpm", "usr/bin"] {
            fs::create_dir_all(root.join(at)).expect("directories");
        }
        for name in ["containerd", "nftables"] {
            ran(Command::new("install")
                .args(["-m", "755", "/dev/null"])
                .arg(root.join("usr/bin").join(name)))
            .expect("a program");
        }
        let path = root.join("var/lib/rpm/Packages");
        if let Err(why) = load(&path, headers, is_big_endian) {
            return cannot("a database of Berkeley DB", &why);
        }
        // That rpm takes the file for its own shows that it is made as rpm would.
        let mut rpm = Command::new("rpm");
        rpm.args(["--define", "_db_backend bdb_ro", "-qa", "--dbpath"])
            .arg(path.parent().expect("a directory"));
        let listed = String::from_utf8_lossy(&rpm.output().expect("rpm").stdout).into_owned();
        assert!(listed.contains("containerd-1.2.3-4.fc40"), "{listed}");
        sound(&judge(here, rules));
        let bytes = fs::read(&path).expect("a database");
        fs::write(&path, &bytes[..bytes.len() - 1]).expect("own file");
        assert_eq!(judge(here, rules).finding("packages/docker")["determined"], false);
    }
}

#[test]
fn packages_are_read_from_rpm_s_own_database() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let here = directory.path();
    fs::create_dir(here.join("root")).expect("a directory");
    // Enough files for headers of many pages and an index of some levels.
    let made = ran(rpm(here).arg("--initdb"))
        .and_then(|()| install(here, "containerd", 4000))
        .and_then(|()| install(here, "nftables", 1));
    if let Err(why) = made {
        return cannot("a database of rpm", &why);
    }
    let rules = [
        "{check: packages, with: {required: [containerd, {name: nftables, version: '>=1.2'}, kubelet], forbidden: [docker]}}",
        "{check: executables, with: {required: [{name: containerd, version: '>=2'}, {name: nftables, version: '>=1.2.3'}]}}",
    ];
    sound(&judge(here, &rules));
    berkeley_db(&rules, &headers(here));
    // What was written last may stand in a log beside it, and what is cut off may lack anything.
    let database = here.join("root/var/lib/rpm/rpmdb.sqlite");
    let log = here.join("root/var/lib/rpm/rpmdb.sqlite-wal");
    fs::write(&log, "x").expect("a log");
    assert_eq!(judge(here, &rules).finding("packages/docker")["determined"], false);
    fs::remove_file(&log).expect("own file");
    assert_eq!(judge(here, &rules).finding("packages/docker")["determined"], false, "rpm keeps a log");
    fs::write(&log, "").expect("a log");
    assert_eq!(judge(here, &rules).brief("packages/docker"), "pass absent");
    let bytes = fs::read(&database).expect("a database");
    fs::write(&database, &bytes[..8192]).expect("own file");
    assert_eq!(judge(here, &rules).finding("packages/docker")["determined"], false);
}
