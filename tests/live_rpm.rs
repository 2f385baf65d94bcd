//! The database of rpm, as rpm itself makes it.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;
#[allow(dead_code)] // what it knows of mounts is for other tests
#[path = "live/scene.rs"]
mod scene;

use common::process::{Report, policy, preflight_with};
use scene::cannot;
use std::{fs, path::Path, process::Command};

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

fn judge(directory: &Path, rules: &[&str]) -> Report {
    let root = directory.join("root");
    preflight_with(&policy(rules), &["-c", "-", "-o", "json", "--root", root.to_str().expect("a path")])
        .report()
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
    let report = judge(here, &rules);
    assert_eq!(report.brief("packages/containerd"), "pass installed", "{report}");
    assert!(report.finding("packages/containerd").to_string().contains("2:1.2.3-4.fc40"), "{report}");
    assert_eq!(report.brief("packages/nftables"), "pass installed", "{report}");
    assert_eq!(report.brief("packages/kubelet"), "fail missing", "{report}");
    assert!(report.finding("packages/kubelet")["remedy"].to_string().contains("dnf install"), "{report}");
    assert_eq!(report.brief("packages/docker"), "pass absent", "{report}");
    assert_eq!(report.brief("executables/containerd"), "fail wrong-version", "{report}");
    assert_eq!(report.brief("executables/nftables"), "pass found", "{report}");
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
