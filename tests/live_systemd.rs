//! A real systemd, the first process of namespaces of its own, with units that run, crash, hang and change under it.
#![allow(clippy::disallowed_methods)] // tests start programs as users do

mod common;
#[allow(dead_code)] // what it knows of mounts is for other tests
#[path = "live/scene.rs"]
mod scene;

use common::process::{Ran, Report, policy, run};
use scene::{cannot, is_root};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Makes a root of its own, in which there is nothing of the machine but its programs, and starts systemd there. It has its own
/// cgroups below those of the machine, and its own network; its units are those of this test alone.
const BOOT: &str = r#"
set -e
for h in $(awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/self/mounts); do
    mkdir "$h/$NAME"
    if [ -e "$h/cpuset.mems" ]; then
        cat "$h/cpuset.cpus" > "$h/$NAME/cpuset.cpus"; cat "$h/cpuset.mems" > "$h/$NAME/cpuset.mems"
    fi
    echo 0 > "$h/$NAME/cgroup.procs"
done
exec unshare --mount --pid --uts --ipc --cgroup --net --fork --kill-child bash -c '
set -e
mount --make-rprivate /
R=$DIR/root; mkdir $R; mount -t tmpfs -o mode=755 tmpfs $R; cd $R
mkdir usr etc etc/systemd etc/systemd/system proc sys dev run tmp var opt
mount --rbind /usr usr; mount -o remount,bind,ro usr
for l in bin sbin lib lib64; do ln -s usr/$l $l; done
mount -t proc proc proc
mount -t sysfs sysfs sys; mount -t tmpfs tmpfs sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for d in null zero urandom random full tty; do touch dev/$d; mount --bind /dev/$d dev/$d; done
cp $DIR/preflight opt/preflight; chmod 755 opt/preflight
echo 0123456789abcdef0123456789abcdef > etc/machine-id
printf "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\nmessagebus:x:101:101::/:/bin/false\n" > etc/passwd
printf "root:x:0:\nnogroup:x:65534:\nmessagebus:x:101:\n" > etc/group
cp $DIR/units/* etc/systemd/system
mkdir etc/systemd/system/multi-user.target.wants
ln -s ../good.service etc/systemd/system/multi-user.target.wants/good.service
export container=preflight SYSTEMD_UNIT_PATH=/etc/systemd/system SYSTEMD_GENERATOR_PATH=/none
exec chroot . /usr/lib/systemd/systemd --system --unit=test.target --log-target=console
'
"#;

/// The units of the test. Those that systemd itself wants at a shutdown or a boot do nothing.
const UNITS: [(&str, &str); 9] = [
    ("test.target", "[Unit]\nWants=good.service crash.service slow.service dbus.service\n"),
    (
        "good.service",
        "[Service]\nExecStart=/usr/bin/sleep 1000\nDelegate=cpu pids\n[Install]\nWantedBy=multi-user.target\n",
    ),
    ("crash.service", "[Service]\nExecStart=/bin/sh -c 'exit 7'\nRestart=always\nRestartSec=60\n"),
    ("slow.service", "[Service]\nType=notify\nExecStart=/usr/bin/sleep 1000\nTimeoutStartSec=600\n"),
    ("broken.service", "[Service]\nType=nonsense\nRestart=always\n"),
    ("dbus.socket", "[Socket]\nListenStream=/run/dbus/system_bus_socket\n"),
    (
        "dbus.service",
        "[Unit]\nRequires=dbus.socket\n[Service]\nType=notify\nNotifyAccess=main\n\
         ExecStart=/usr/bin/dbus-daemon --system --address=systemd: --nofork --nopidfile --systemd-activation\n",
    ),
    ("shutdown.target", ""),
    ("sysinit.target", ""),
];

/// A machine that systemd runs.
struct Machine {
    directory: TempDir,
    outer: Child,
    /// systemd's number, as the tests see it.
    pid: u32,
}

impl Machine {
    fn boot(scene: &str) -> Option<Self> {
        if !is_root() {
            cannot(scene, "only root can start a systemd of its own");
            return None;
        }
        if !Path::new("/usr/lib/systemd/systemd").exists() {
            cannot(scene, "there is no systemd (Debian: systemd)");
            return None;
        }
        let (directory, _) = scene::stage();
        let units = directory.path().join("units");
        fs::create_dir(&units).expect("own directory");
        for (name, text) in UNITS {
            let text = if text.contains("[Unit]\n") {
                text.replacen("[Unit]\n", "[Unit]\nDefaultDependencies=no\n", 1)
            } else {
                format!("[Unit]\nDefaultDependencies=no\n{text}")
            };
            fs::write(units.join(name), text).expect("own file");
        }
        let log = fs::File::create(directory.path().join("log")).expect("own file");
        let mut command = Command::new("bash");
        command.args(["-c", BOOT, "scene"]).env("DIR", directory.path()).env("NAME", name_of(&directory));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).current_dir("/");
        let outer = command.spawn().expect("bash(1) starts");
        let mut machine = Self { directory, outer, pid: 0 };
        match machine.wait_for_systemd() {
            Ok(()) => Some(machine),
            Err(why) => {
                cannot(scene, &why);
                None
            }
        }
    }

    fn wait_for_systemd(&mut self) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(30);
        while Instant::now() < until {
            if self.outer.try_wait().is_ok_and(|end| end.is_some()) {
                break;
            }
            let id = self.outer.id();
            let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
            if let Some(pid) = children.split_whitespace().next().and_then(|pid| pid.parse().ok()) {
                self.pid = pid;
                let link = self.root().join("run/systemd/units/invocation:dbus.service");
                if fs::symlink_metadata(link).is_ok() && self.shows("slow", "starting") {
                    return Ok(());
                }
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!(
            "systemd did not come up: {}",
            fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
        ))
    }

    fn shows(&self, service: &str, reason: &str) -> bool {
        let ran = self.ask("", &[service]);
        ran.code != Some(127) && ran.stdout.contains(&format!("\"{reason}\""))
    }

    /// Its root, as the tests reach it.
    fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.pid))
    }

    /// Runs the program on it, or what stands before it.
    fn ask(&self, before: &str, services: &[&str]) -> Ran {
        let mut command = self.enter(before);
        command.args(["/opt/preflight", "-c", "-", "-o", "json"]);
        run(command, &rule(services))
    }

    fn enter(&self, before: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pid.to_string(), "--mount", "--pid", "--cgroup", "--root", "--wd"]);
        command.arg("--").args(before.split_whitespace());
        command
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.pid.to_string()]).status().expect("kill(1) starts");
        assert!(sent.success());
    }
}

impl Drop for Machine {
    /// With the first process of its namespace all others end, and their cgroups are empty.
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-KILL", &self.pid.to_string()]).status();
        let _ = self.outer.kill();
        let _ = self.outer.wait();
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let words = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let cgroups = words.filter(|w| w.get(2).is_some_and(|kind| kind.starts_with("cgroup")));
        let own = cgroups.filter_map(|w| Some(format!("{}/{}", w.get(1)?, name_of(&self.directory))));
        for cgroup in own {
            let until = Instant::now() + Duration::from_secs(5);
            while Path::new(&cgroup).exists() && Instant::now() < until {
                let _ = Command::new("find")
                    .args([&cgroup, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+"])
                    .stderr(Stdio::null())
                    .status();
                thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// A name for its cgroups that no other test has.
fn name_of(directory: &TempDir) -> String {
    format!("preflight{}", directory.path().file_name().expect("a name").to_string_lossy())
}

fn rule(services: &[&str]) -> String {
    policy(&[&format!("check: services\n    with: {{ services: [{}] }}", services.join(", "))])
}

fn briefs(report: &Report, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| report.brief(&format!("services/{name}"))).collect()
}

const GOOD: &str = "{ name: good, enabled: true, delegate: [cpu, pids] }";
const NAMES: [&str; 7] = ["good", "crash", "slow", "broken", "none", "off.timer", "test.target"];
const ALL: [&str; 7] =
    [GOOD, "crash", "slow", "broken", "none", "{ name: off.timer, state: inactive }", "test.target"];
const WANT: [&str; 7] = [
    "pass as-wanted",
    "fail restarting",
    "fail starting",
    "fail inactive",
    "fail missing",
    "pass as-wanted",
    "pass as-wanted",
];

#[test]
fn what_systemd_says_of_its_units() {
    let Some(machine) = Machine::boot("systemd") else { return };
    let report = machine.ask("", &ALL).report();
    assert_eq!(briefs(&report, &NAMES), WANT, "{report}");
    let notes =
        |report: &Report, name: &str| report.finding(&format!("services/{name}"))["notes"].to_string();
    assert!(notes(&report, "crash").contains("exit-code, exit status 7"), "{report}");

    // Another user asks by way of the bus, and hears the same.
    let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups";
    let report = machine.ask(nobody, &ALL).report();
    assert_eq!(briefs(&report, &NAMES), WANT, "by the bus: {report}");

    // So does who has its root mounted, as a pod has that of its host. systemd answers nobody whose number it can't see, so
    // that it is one among its processes.
    let mut command = Command::new("nsenter");
    command.args(["--target", &machine.pid.to_string(), "--pid", "--"]);
    command.arg(machine.directory.path().join("preflight"));
    command.args(["--root", machine.root().to_str().expect("a path"), "-c", "-", "-o", "json"]);
    let report = run(command, &rule(&ALL)).report();
    assert_eq!(briefs(&report, &NAMES), WANT, "by its root: {report}");

    // A drop-in that nobody had systemd read, and a delegation that is not there.
    let drop_in = machine.root().join("etc/systemd/system/good.service.d");
    fs::create_dir(&drop_in).expect("its directory");
    fs::write(drop_in.join("x.conf"), "[Service]\nDelegate=cpu pids memory\n").expect("its file");
    let report = machine.ask("", &[GOOD]).report();
    assert_eq!(report.brief("services/good"), "warn needs-reload", "{report}");
    let report = machine.ask("", &["{ name: good, delegate: [memory] }"]).report();
    assert_eq!(report.brief("services/good"), "fail not-delegated", "what runs decides: {report}");
}

#[test]
fn nothing_is_loaded_for_a_question() {
    let Some(machine) = Machine::boot("units that nobody loaded") else { return };
    let loaded = || {
        let mut command = machine.enter("systemctl list-units --all --no-legend --plain");
        let listed = command.output().expect("systemctl(1) starts");
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = loaded();
    assert!(before.iter().any(|unit| unit == "good.service"), "{before:?}");
    assert!(!before.iter().any(|unit| unit == "broken.service"), "{before:?}");
    machine.ask("", &ALL);
    assert_eq!(loaded(), before);
    // Once it is loaded, systemd says what is wrong with it.
    let started = machine.enter("systemctl start broken.service").output().expect("systemctl(1) starts");
    assert!(!started.status.success());
}

#[test]
fn where_it_hangs_or_has_no_bus() {
    let Some(machine) = Machine::boot("a systemd that hangs") else { return };
    machine.signal("-STOP");
    let began = Instant::now();
    let off = "{ name: good, state: inactive }";
    let report = machine.ask("", &["crash", off, "none"]).report();
    let took = began.elapsed();
    machine.signal("-CONT");
    assert_eq!(report.brief("services/crash"), "warn? unknown", "{report}");
    assert!(report.to_string().contains("did not answer within a second"), "{report}");
    assert_eq!(report.brief("services/none"), "fail missing", "{report}");
    // The processes of what must not run show in its cgroup, where that can be seen.
    let good = report.brief("services/good");
    assert!(["fail active", "skip? unknown", "warn? unknown"].contains(&good.as_str()), "{report}");
    assert!(took < Duration::from_secs(8), "{took:?}");

    // Without a bus that runs none is started to ask.
    let stop = machine.enter("systemctl stop dbus.service").output().expect("systemctl(1) starts");
    assert!(stop.status.success(), "{stop:?}");
    let report = machine.ask("setpriv --reuid=65534 --regid=65534 --clear-groups", &["crash"]).report();
    assert_eq!(report.brief("services/crash"), "warn? unknown", "{report}");
    let needs: &Value = &report.finding("services/crash")["notes"];
    assert!(needs.to_string().contains("run as root"), "{report}");
    let link = machine.root().join("run/systemd/units/invocation:dbus.service");
    assert!(fs::symlink_metadata(link).is_err(), "the bus was started");
}
