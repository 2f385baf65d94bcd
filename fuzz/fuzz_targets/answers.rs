//! What a machine answers to questions that no file answers, as a capture has it: each is given the same text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::facts::{cri, kernel_log::KernelLog, systemd_manager::Manager};
use preflight_fuzz::{Given, judge};

const CHECKS: [&str; 21] = [
    "clock",
    "commands",
    "container-runtime",
    "dns",
    "tcp",
    "http",
    "exec",
    "executables",
    "firewall",
    "iptables",
    "kernel-log",
    "kubelet",
    "services",
    "ports",
    "disk-latency",
    "data-directory",
    "operating-system",
    "cgroup-driver",
    "kubernetes-features",
    "cgroup-controllers",
    "runtime-config",
];

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Some(details) = text.strip_prefix("ok, ") {
        let _ = (cri::Runtime::parse(details), KernelLog::parse(details), Manager::parse(details));
    }
    let given = Given::new()
        .file("/proc/modules", "nf_tables 1 0 - Live 0x0\ntcp_diag 1 0 - Live 0x0\n")
        .file("/etc/resolv.conf", "nameserver 10.0.0.10\nsearch example\n")
        .file("/run/containerd/containerd.sock", "")
        .file("/run/systemd/system/x", "")
        .file("/usr/bin/mount", "x")
        .file("/usr/bin/newuidmap", "x")
        .file("/bin/sh", "x")
        .file("/bin/true", "x")
        .file("/bin/own", "x")
        .file("/bin/detector", "x")
        .answers(text);
    judge(&given, &CHECKS);
});
