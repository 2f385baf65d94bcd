//! Settings, limits and swap on the machine itself: real namespaces, a real limit, a swap file that the kernel uses.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;
#[allow(dead_code)] // what it knows of cgroups is for the tests of those
#[path = "live/scene.rs"]
mod scene;

use common::process::{PROGRAM, Report, policy, run};
use scene::{Scene, Viewer, cannot, is_root, not_here, stage};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const FROM_STDIN: [&str; 4] = ["-c", "-", "-o", "json"];

fn brief(report: &Report, id: &str) -> String {
    let finding = report.finding(id);
    format!("{} {}", finding["verdict"], finding["reason"]).replace('"', "")
}

fn setting(key: &str, what: &str) -> String {
    policy(&[&format!("{{check: sysctl, with: {{settings: [{{key: {key}, {what}}}]}}}}")])
}

#[test]
fn what_the_next_boot_sets_is_told_from_what_is_set() {
    let key = "kernel/pid_max";
    let now = fs::read_to_string(format!("/proc/sys/{key}")).expect("a setting").trim().to_owned();
    let line = "echo 'kernel.pid_max = 301' > /etc/sysctl.d/zz.conf";
    let set = ["mount -t tmpfs tmpfs /etc/sysctl.d", line];
    for viewer in [Viewer::Me, Viewer::Nobody] {
        let scene = Scene { name: "a setting that the boot undoes", set: &set, viewer };
        let Some(ran) = scene.play(&setting("kernel.pid_max", &format!("equals: {now}")), &FROM_STDIN) else {
            continue;
        };
        let report = ran.report();
        assert_eq!(brief(&report, "sysctl/kernel.pid_max"), "warn reset-at-boot", "{report}");
        let Some(ran) = scene.play(&setting("kernel.pid_max", "equals: 301"), &FROM_STDIN) else { continue };
        let report = ran.report();
        assert_eq!(brief(&report, "sysctl/kernel.pid_max"), "fail wrong-value", "{report}");
    }
}

/// Runs the program in a network namespace of its own, after `command` there.
fn in_own_network(name: &str, command: &str, policy: &str) -> Option<Report> {
    let mut unshare = Command::new("unshare");
    unshare.arg(if is_root() { "-n" } else { "-Urn" });
    unshare
        .args(["sh", "-c", &format!("{command} || exit 99; exec \"$@\""), "scene", PROGRAM])
        .args(FROM_STDIN);
    if Command::new("unshare").arg("--version").output().is_err() {
        cannot(name, "there is no unshare(1)");
        return None;
    }
    let ran = run(unshare, policy);
    if ran.stdout.is_empty() {
        cannot(name, ran.stderr.trim());
        return None;
    }
    Some(ran.report())
}

#[test]
fn each_network_namespace_has_settings_of_its_own() {
    let name = "forwarding in a network namespace";
    let ask = setting("net.ipv4.ip_forward", "equals: 1");
    for (value, want) in [("1", "pass right"), ("0", "fail wrong-value")] {
        let command = format!("echo {value} > /proc/sys/net/ipv4/ip_forward");
        let Some(report) = in_own_network(name, &command, &ask) else { return };
        assert_eq!(brief(&report, "sysctl/net.ipv4.ip_forward"), want, "{report}");
        let finding = report.finding("sysctl/net.ipv4.ip_forward");
        assert!(finding["notes"].to_string().contains("network namespace"), "{finding:#}");
    }
}

#[test]
fn of_two_values_of_rp_filter_the_greater_one_counts() {
    let name = "rp_filter in a network namespace";
    let ask = setting("net.ipv4.conf.*.rp_filter", "oneOf: [0, 2]");
    let conf = "/proc/sys/net/ipv4/conf";
    for (all, lo, want) in [
        ("0", "0", "pass right"),
        ("1", "0", "fail wrong-value"),
        ("2", "1", "pass right"),
        ("0", "1", "fail wrong-value"),
    ] {
        let command = format!(
            "echo 0 > {conf}/default/rp_filter && for i in {conf}/*; do echo {lo} > $i/rp_filter; done && \
             echo {lo} > {conf}/lo/rp_filter && echo {all} > {conf}/all/rp_filter"
        );
        let Some(report) = in_own_network(name, &command, &ask) else { return };
        assert_eq!(brief(&report, "sysctl/net.ipv4.conf.*.rp_filter"), want, "all {all}, lo {lo}: {report}");
    }
}

#[test]
fn a_pattern_of_the_boot_is_asked_of_each_interface() {
    let name = "a pattern of the boot in a network namespace";
    if !is_root() {
        return cannot(name, "root alone mounts over /etc/sysctl.d");
    }
    let ask = setting("net.ipv4.conf.*.rp_filter", "equals: 0");
    let conf = "/proc/sys/net/ipv4/conf";
    for (lines, want) in [
        ("net.ipv4.conf.*.rp_filter = 0", "pass right"),
        ("net.ipv4.conf.*.rp_filter = 1", "warn reset-at-boot"),
        (
            "net.ipv4.conf.l*.rp_filter = 1\\n-net.ipv4.conf.lo.rp_filter\\nnet.ipv4.conf.*.rp_filter = 0",
            "pass right",
        ),
    ] {
        let command = format!(
            "for i in {conf}/*; do echo 0 > $i/rp_filter; done && unshare -m sh -c 'mount -t tmpfs tmpfs /etc/sysctl.d && \
             for d in /run /usr/lib /usr/local/lib; do test ! -d $d/sysctl.d || mount -t tmpfs tmpfs $d/sysctl.d; done && \
             printf \"{lines}\\n\" > /etc/sysctl.d/50.conf && exec \"$@\"' scene \"$@\"; exit"
        );
        let Some(report) = in_own_network(name, &command, &ask) else { return };
        assert_eq!(brief(&report, "sysctl/net.ipv4.conf.*.rp_filter"), want, "{lines}: {report}");
    }
}

#[test]
fn limits_are_those_of_the_process_that_runs_preflight() {
    let (_directory, program) = stage();
    let ask = policy(&["{check: limits, with: {openFiles: 600}}"]);
    for (limit, want) in [(512, "warn low"), (600, "pass enough")] {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("ulimit -n {limit} && exec \"$@\""), "scene"])
            .arg(&program)
            .args(FROM_STDIN);
        let report = run(shell, &ask).report();
        assert_eq!(brief(&report, "limits/nofile"), want, "{report}");
        for subject in ["threads", "file-handles", "fs.nr_open"] {
            assert_eq!(report.finding(&format!("limits/{subject}"))["determined"], true, "{report}");
        }
    }
}

const SWAP: &str = "{check: swap, with: {mode: off}}";

fn no_swap_is_on() -> bool {
    fs::read_to_string("/proc/swaps").is_ok_and(|t| t.lines().count() == 1)
}

#[test]
fn swap_that_comes_back_at_boot() {
    let name = "swap in /etc/fstab";
    // The other test switches swap on for a moment.
    let _one_at_a_time = SWAPS.lock();
    if !no_swap_is_on() {
        return not_here(name, "swap is on");
    }
    let fstab = "echo '/swap.img none swap sw 0 0' > $DIR/fstab && mount --bind $DIR/fstab /etc/fstab";
    let units = "mount -t tmpfs tmpfs /etc/systemd/system";
    let mask = "ln -s /dev/null /etc/systemd/system/swap.img.swap";
    let unit = "mkdir /etc/systemd/system/swap.target.wants && ln -s ../x.swap /etc/systemd/system/swap.target.wants/x.swap";
    for (set, want) in [
        (vec![units, fstab], "warn returns-at-boot"),
        (vec![fstab, units, mask], "pass off"),
        (vec!["mount --bind /dev/null /etc/fstab", units, unit], "warn returns-at-boot"),
    ] {
        for viewer in [Viewer::Me, Viewer::Nobody] {
            let scene = Scene { name, set: &set, viewer };
            let Some(ran) = scene.play(&policy(&[SWAP]), &FROM_STDIN) else { continue };
            let report = ran.report();
            assert_eq!(brief(&report, "swap/active"), want, "{set:?} {report}");
        }
    }
}

static SWAPS: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Swap that is on until this is dropped.
struct SwapOn {
    area: PathBuf,
    on_loop: bool,
}

fn command_of(program: &str, arguments: &[&str], path: &Path) -> Result<String, String> {
    let done =
        Command::new(program).args(arguments).arg(path).output().map_err(|e| format!("{program}: {e}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
}

impl SwapOn {
    /// On the file itself; where its file system takes no swap (tmpfs, overlayfs), on a loop device.
    fn new(path: &Path) -> Result<Self, String> {
        command_of("mkswap", &[], path)?;
        if command_of("swapon", &[], path).is_ok() {
            return Ok(Self { area: path.to_owned(), on_loop: false });
        }
        let device = PathBuf::from(command_of("losetup", &["--find", "--show"], path)?);
        let swap = Self { area: device, on_loop: true };
        command_of("swapon", &[], &swap.area)?;
        Ok(swap)
    }
}

impl Drop for SwapOn {
    fn drop(&mut self) {
        let _ = command_of("swapoff", &[], &self.area);
        if self.on_loop {
            let _ = command_of("losetup", &["--detach"], &self.area);
        }
    }
}

#[test]
fn a_swap_file_that_the_kernel_uses() {
    let name = "a swap file";
    let _one_at_a_time = SWAPS.lock();
    if !is_root() {
        return cannot(name, "only root can switch swap on");
    }
    if !no_swap_is_on() {
        return not_here(name, "swap is on already");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("swap");
    fs::write(&path, vec![0; 4 << 20]).expect("a file");
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("own file");
    let swap = match SwapOn::new(&path) {
        Ok(swap) => swap,
        Err(why) => return cannot(name, why.trim()),
    };
    let kind = if swap.on_loop { "(3.9Mi, a partition)" } else { "(3.9Mi, a file)" };
    let ran = run(command(), &policy(&[SWAP, "{id: any, check: swap, with: {mode: allowed}}"]));
    drop(swap);
    let report = ran.report();
    assert_eq!(brief(&report, "swap/active"), "fail active", "{report}");
    assert!(report.finding("swap/active")["message"].to_string().contains(kind), "{report}");
    // Where pods can use it depends on the cgroups of this machine and on its kubelet.
    let allowed = brief(&report, "any/active");
    let layout = report.0["node"]["cgroup"].as_str().expect("a layout");
    assert_eq!(allowed.ends_with("needs-cgroup-v2"), layout != "v2", "{report}");
}

fn command() -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(FROM_STDIN);
    command
}
