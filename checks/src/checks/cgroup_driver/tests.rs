//! Every verdict.

use super::*;
use crate::{
    facts::containerd::{CONFIG, PROGRAMS},
    finding::Outcome,
    node::{Memory, ReadErrorKind},
};

const KUBELET: &str = "/var/lib/kubelet/config.yaml";
const MAJOR: fn(u32) -> Vec<u8> = |major| {
    let version = if major == 1 { "" } else { "v2/" };
    let text = format!("path\tgithub.com/containerd/containerd/{version}cmd/containerd\n");
    crate::facts::kubelet::buildinfo::tests::program(&text)
};

fn containerd(systemd: bool) -> String {
    format!(
        "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\nSystemdCgroup = {systemd}\n"
    )
}

fn kubelet(driver: &str) -> String {
    format!("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\ncgroupDriver: {driver}\n")
}

fn base(systemd: bool) -> Memory {
    let memory = Memory::new()
        .file("/proc/1/comm", if systemd { "systemd\n" } else { "init\n" })
        .file("/usr/bin/sh", "");
    if systemd { memory.file("/run/systemd/system/x", "") } else { memory }
}

fn run(params: &CgroupDriverParams, memory: Memory) -> Vec<Finding> {
    let mut out = Findings::default();
    CgroupDriver::run(params, &Node::in_memory(memory), &mut out).expect("it judges");
    out.into_inner().into_iter().map(|(finding, _)| finding).collect()
}

fn told(memory: Memory) -> Vec<String> {
    let short = |finding: &Finding| {
        let outcome = match finding.outcome() {
            Outcome::Pass => "pass",
            Outcome::Problem if finding.severity() == Severity::Warn => "warn",
            Outcome::Problem => "fail",
            Outcome::Undetermined(_) => "unknown",
            Outcome::NotApplicable => "skip",
        };
        format!("{} {outcome} {}", finding.subject(), finding.reason())
    };
    run(&CgroupDriverParams::default(), memory).iter().map(short).collect()
}

#[test]
fn both_sides_and_the_init_system() {
    for (init, runtime, driver, expected) in [
        (true, true, "systemd", ["containerd pass systemd", "kubelet pass systemd"]),
        (true, false, "systemd", ["containerd fail mismatch", "kubelet pass systemd"]),
        (true, true, "cgroupfs", ["containerd pass systemd", "kubelet fail mismatch"]),
        (true, false, "cgroupfs", ["containerd warn two-managers", "kubelet warn two-managers"]),
        (false, false, "cgroupfs", ["containerd pass cgroupfs", "kubelet pass cgroupfs"]),
        (false, true, "systemd", ["containerd fail no-systemd", "kubelet fail no-systemd"]),
        (false, true, "cgroupfs", ["containerd fail no-systemd", "kubelet pass cgroupfs"]),
        (false, false, "systemd", ["containerd pass cgroupfs", "kubelet fail mismatch"]),
    ] {
        let memory = base(init).file(CONFIG, containerd(runtime)).file(KUBELET, kubelet(driver));
        assert_eq!(told(memory), expected, "{init} {runtime} {driver}");
    }
}

#[test]
fn before_there_is_a_kubelet() {
    assert_eq!(told(base(true)), ["runtime skip not-applicable"]);
    assert_eq!(told(base(true).file(CONFIG, containerd(true))), ["containerd pass systemd"]);
    let found = run(&CgroupDriverParams::default(), base(true).file(CONFIG, containerd(false)));
    assert_eq!(found[0].reason(), "mismatch");
    let mend = found[0].mend().expect("it can be mended");
    assert!(
        mend.persistent[0].contains(
            "io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n  SystemdCgroup = true"
        )
    );
    assert_eq!(mend.commands, ["systemctl restart containerd"]);
    let bare = CgroupDriverParams { kubeadm: false, ..CgroupDriverParams::default() };
    assert_eq!(run(&bare, base(true).file(CONFIG, containerd(false)))[0].reason(), "two-managers");
}

#[test]
fn a_kubelet_takes_the_driver_of_a_runtime_that_tells_it() {
    let memory = base(true).file(CONFIG, containerd(true)).file(KUBELET, kubelet("cgroupfs"));
    let with = |major| {
        let params = CgroupDriverParams { kubernetes_version: Some("1.34".into()), ..Default::default() };
        let found = run(&params, memory.clone().file(PROGRAMS[0], MAJOR(major)));
        found.iter().map(Finding::reason).collect::<Vec<_>>()
    };
    assert_eq!(with(2), ["systemd", "from-runtime"]);
    assert_eq!(with(1), ["systemd", "mismatch"]);
}

#[test]
fn what_cannot_be_known() {
    let denied = || ReadErrorKind::Denied("EACCES");
    let hidden = base(true).error(CONFIG, denied()).file(KUBELET, kubelet("systemd"));
    assert_eq!(told(hidden), ["containerd unknown unknown", "kubelet pass systemd"]);
    let hidden = base(true).error(CONFIG, denied()).file(KUBELET, kubelet("cgroupfs"));
    assert_eq!(told(hidden), ["containerd unknown unknown", "kubelet unknown runtime-unknown"]);
    let hidden = base(true).file(CONFIG, containerd(false)).error(KUBELET, denied());
    assert_eq!(told(hidden), ["containerd unknown kubelet-unknown", "kubelet unknown unknown"]);
    let spoilt = base(true).file(CONFIG, "version = \n");
    assert_eq!(told(spoilt), ["containerd unknown unknown"]);
    let no_init = Memory::new().file(CONFIG, containerd(true)).file(KUBELET, kubelet("systemd"));
    assert_eq!(told(no_init), ["containerd unknown init-unknown", "kubelet unknown init-unknown"]);
}

#[test]
fn other_runtimes() {
    let crio = |text: &str| base(true).file("/usr/bin/crio", "").file("/etc/crio/crio.conf", text);
    assert_eq!(told(crio("[crio]\n")), ["crio pass systemd"]);
    assert_eq!(told(crio("[crio.runtime]\ncgroup_manager = \"cgroupfs\"\n")), ["crio fail mismatch"]);
    let part = crio("").file("/etc/crio/crio.conf.d/10-x", "[crio.runtime]\ncgroup_manager = \"cgroupfs\"\n");
    assert_eq!(told(part), ["crio fail mismatch"]);
    assert_eq!(told(crio("[crio.runtime]\ncgroup_manager = \"x\"\n")), ["crio unknown unknown"]);
    let docker = |text: &str| {
        base(true)
            .file("/usr/bin/cri-dockerd", "")
            .file("/etc/docker/daemon.json", text)
            .file(CONFIG, "disabled_plugins = [\"cri\"]\n")
    };
    assert_eq!(told(docker("{ \"exec-opts\": [\"native.cgroupdriver=systemd\"] }")), ["docker pass systemd"]);
    assert_eq!(
        told(docker("{ \"exec-opts\": [\"native.cgroupdriver=cgroupfs\"] }")),
        ["docker fail mismatch"]
    );
    assert_eq!(told(docker("{ \"exec-opts\": ")), ["docker unknown unknown"]);
    // The kubelet's endpoint tells which of two counts.
    let two = crio("")
        .file(CONFIG, containerd(false))
        .file(KUBELET, kubelet("systemd") + "containerRuntimeEndpoint: unix:///var/run/crio/crio.sock\n");
    assert_eq!(told(two), ["crio pass systemd", "kubelet pass systemd"]);
}

#[test]
fn what_the_runtime_says_itself_goes_before_its_files() {
    use crate::node::Probe;
    let socket = "/run/containerd/containerd.sock";
    let answer = |driver: &str| {
        format!(
            r#"ok, {{"api":"v1","name":"containerd","version":"2.1.4","runtimeConfig":true,"cgroupDriver":"{driver}"}}"#
        )
    };
    let node = |answer: &str| {
        let probe = Probe::Cri { socket: socket.to_owned(), millis: 1000 };
        let memory = Memory::new().file("/run/systemd/system/x", "").file("/proc/1/comm", "systemd\n");
        // The file says nothing, so that its default is cgroupfs.
        Node::in_memory(memory.file("/usr/bin/containerd", "").file(socket, "").probe(probe, answer))
    };
    let ask = |params: &CgroupDriverParams, answer: &str| {
        let mut out = Findings::default();
        CgroupDriver::run(params, &node(answer), &mut out).unwrap();
        out.into_inner().remove(0).0
    };
    let newest = CgroupDriverParams::default();
    assert_eq!(ask(&newest, &answer("systemd")).reason(), "systemd");
    assert_ne!(ask(&newest, &answer("cgroupfs")).reason(), "systemd");
    let unasked = CgroupDriverParams { ask: false, ..CgroupDriverParams::default() };
    assert_ne!(ask(&unasked, &answer("systemd")).reason(), "systemd");
}

#[test]
fn a_driver_that_is_planned_stands_in_for_the_kubelet() {
    let node = |driver: bool| {
        let memory = Memory::new().file("/run/systemd/system/x", "").file("/proc/1/comm", "systemd\n");
        Node::in_memory(memory.file(CONFIG, containerd(driver)).file(PROGRAMS[0], MAJOR(1)))
    };
    let ask = |planned: &str, driver| {
        let params = CgroupDriverParams { planned: planned.to_owned(), ..CgroupDriverParams::default() };
        CgroupDriver::validate(&params).unwrap();
        let mut out = Findings::default();
        CgroupDriver::run(&params, &node(driver), &mut out).unwrap();
        out.into_inner().remove(0).0.reason()
    };
    assert_eq!(
        (ask("", false), ask("systemd", false), ask("cgroupfs", false)),
        ("mismatch", "mismatch", "two-managers")
    );
    let wrong = CgroupDriverParams { planned: "runc".to_owned(), ..CgroupDriverParams::default() };
    assert!(CgroupDriver::validate(&wrong).is_err());
}
