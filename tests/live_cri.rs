//! A real containerd, with its CRI on, off, stopped, left behind and stopped in its tracks.
#![allow(clippy::disallowed_methods)] // tests start programs as users do

mod common;
#[allow(dead_code)] // what it knows of mounts is for other tests
#[path = "live/scene.rs"]
mod scene;

use common::process::{Report, policy, preflight_with};
use scene::cannot;
use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A containerd with everything of its own in one directory.
struct Containerd {
    directory: TempDir,
    child: Option<Child>,
}

impl Containerd {
    /// Starts one; `lines` come first in its configuration.
    fn try_start(lines: &str) -> Result<Self, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let at = directory.path().display();
        let config = format!(
            "version = 2\nroot = \"{at}/root\"\nstate = \"{at}/state\"\n{lines}\n[grpc]\n  address = \"{at}/c.sock\"\n\
             [plugins.\"io.containerd.internal.v1.opt\"]\n  path = \"{at}/opt\"\n"
        );
        fs::write(directory.path().join("config.toml"), config).expect("a file");
        let log = fs::File::create(directory.path().join("log")).expect("a file");
        let mut command = Command::new("containerd");
        command.arg("-c").arg(directory.path().join("config.toml")).stdout(Stdio::null()).stderr(log);
        let mut this = Self { directory, child: None };
        match command.spawn() {
            Ok(child) => this.child = Some(child),
            Err(e) => return Err(format!("containerd: {e}")),
        }
        let until = Instant::now() + Duration::from_secs(30);
        while Instant::now() < until {
            let log = fs::read_to_string(this.directory.path().join("log")).unwrap_or_default();
            if log.contains("containerd successfully booted") {
                return Ok(this);
            }
            let ended =
                this.child.as_mut().is_some_and(|child| child.try_wait().is_ok_and(|end| end.is_some()));
            if ended {
                return Err(format!("containerd ended: {log}"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err("containerd did not come up in 30 seconds".to_owned())
    }

    fn start(scene: &str, lines: &str) -> Option<Self> {
        Self::try_start(lines).map_err(|why| cannot(scene, &why)).ok()
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("c.sock")
    }

    fn signal(&self, name: &str) {
        let id = self.child.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().expect("kill").success());
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        self.stop();
    }
}

fn asked(socket: &std::path::Path) -> Report {
    asked_for("1.28", socket)
}

/// Debian 12's 1.6 is tested with Kubernetes 1.28, and not with later ones.
fn asked_for(kubernetes: &str, socket: &std::path::Path) -> Report {
    let rule = format!(
        "check: container-runtime\n    with: {{ socket: 'unix://{}', kubernetesVersion: '{kubernetes}' }}",
        socket.display()
    );
    preflight_with(&policy(&[&rule]), &["-c", "-", "-o", "json"]).report()
}

fn brief(report: &Report, socket: &std::path::Path) -> String {
    report.brief(&format!("container-runtime/{}", socket.display()))
}

#[test]
fn with_its_cri_on_then_hung_then_gone() {
    let Some(mut containerd) = Containerd::start("containerd", "") else { return };
    let socket = containerd.socket();
    // The CRI plugin comes up a moment after the rest.
    let until = Instant::now() + Duration::from_secs(20);
    let mut report = asked(&socket);
    while brief(&report, &socket) != "pass ready" && Instant::now() < until {
        thread::sleep(Duration::from_millis(100));
        report = asked(&socket);
    }
    assert_eq!(brief(&report, &socket), "pass ready", "{report}");
    let finding = report.finding(&format!("container-runtime/{}", socket.display()));
    assert_eq!(finding["kubeadm"], "CRI");
    assert!(finding["notes"][0].as_str().unwrap().contains("no network yet"), "{finding:#}");
    // It does not know RuntimeConfig, 2.0 does.
    let report = asked_for("1.36", &socket);
    assert!(["warn old-version", "pass ready"].contains(&brief(&report, &socket).as_str()), "{report}");
    let config = report.finding("container-runtime/containerd/RuntimeConfig");
    assert_eq!(config["kubeadm"], "ContainerRuntimeVersion");
    let reason = config["reason"].as_str().unwrap();
    assert!(["no-runtime-config", "tells-driver"].contains(&reason), "{config:#}");

    // A host that is mounted somewhere has its sockets there: they are found in its tree, and lead to who listens.
    let rule = "check: container-runtime\n    with: { socket: /c.sock, kubernetesVersion: '1.28' }";
    let root = containerd.directory.path().to_str().expect("a path").to_owned();
    let mounted = preflight_with(&policy(&[rule]), &["-c", "-", "-o", "json", "--root", &root]).report();
    assert_eq!(mounted.brief("container-runtime//c.sock"), "pass ready", "{mounted}");

    containerd.signal("-STOP");
    let began = Instant::now();
    let report = asked(&socket);
    containerd.signal("-CONT");
    assert_eq!(brief(&report, &socket), "warn? unknown", "{report}");
    assert!(report.to_string().contains("no answer within a second"), "{report}");
    assert!(began.elapsed() < Duration::from_secs(5), "it is bounded");

    containerd.stop();
    assert_eq!(brief(&asked(&socket), &socket), "fail refused");
    fs::remove_file(&socket).unwrap();
    assert_eq!(brief(&asked(&socket), &socket), "fail no-socket");
}

#[test]
fn with_its_cri_off() {
    let off = "disabled_plugins = [\"io.containerd.grpc.v1.cri\"]";
    let Some(containerd) = Containerd::start("containerd without CRI", off) else { return };
    let report = asked(&containerd.socket());
    assert_eq!(brief(&report, &containerd.socket()), "fail no-cri", "{report}");
}

#[test]
fn nobody_may_not_ask_and_an_echo_is_no_runtime() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let socket = directory.path().join("c.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    // Who takes connections and says nothing is hung.
    let report = asked(&socket);
    assert_eq!(brief(&report, &socket), "warn? unknown", "{report}");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut echo = &stream;
            let _ = std::io::copy(&mut &stream, &mut echo);
        }
    });
    let report = asked(&socket);
    assert_eq!(brief(&report, &socket), "fail not-grpc", "{report}");
    // Without the permission to write to it nobody is let in (unix(7)).
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o600)).unwrap();
    let rule = format!("check: container-runtime\n    with: {{ socket: '{}' }}", socket.display());
    let file = directory.path().join("policy.yaml");
    fs::write(&file, policy(&[&rule])).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(common::process::PROGRAM);
    command.args(["-c", file.to_str().unwrap(), "-o", "json"]);
    let output = command.output().expect("setpriv");
    if !output.stderr.is_empty() && output.stdout.is_empty() {
        return cannot("a socket of others", &String::from_utf8_lossy(&output.stderr));
    }
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["findings"][0]["determined"], false, "{report:#}");
    assert!(report["findings"][0]["message"].as_str().unwrap().contains("EACCES"), "{report:#}");
}
