use super::*;
use crate::{
    finding::Outcome,
    node::{Memory, ReadErrorKind},
};

fn ask(role: JoinedRole, memory: Memory) -> Vec<Finding> {
    let mut out = Findings::default();
    let params = JoinedParams { role, ..JoinedParams::default() };
    Joined::run(&params, &Node::in_memory(memory), &mut out).unwrap();
    out.into_inner().into_iter().map(|(finding, _)| finding).collect()
}

fn brief(findings: &[Finding]) -> Vec<String> {
    let one = |f: &Finding| {
        let outcome = match f.outcome() {
            Outcome::Pass => "pass",
            Outcome::Problem if f.severity() == Severity::Fail => "fail",
            Outcome::Problem => "warn",
            _ => "unknown",
        };
        format!("{} {outcome} {}", f.subject().rsplit('/').next().unwrap(), f.reason())
    };
    findings.iter().map(one).collect()
}

fn fresh() -> Memory {
    Memory::new().file("/etc/passwd", "").file("/var/lib/dpkg/status", "")
}

#[test]
fn a_fresh_node() {
    let worker = ask(JoinedRole::Worker, fresh());
    assert_eq!(
        brief(&worker),
        [
            "kubelet.conf pass absent",
            "bootstrap-kubelet.conf pass absent",
            "ca.crt pass absent",
            "manifests pass absent",
            "net.d pass absent"
        ]
    );
    assert_eq!(worker[0].all_evidence()[0].source, "/etc/kubernetes");
    let packages = fresh()
        .file("/etc/cni/net.d/11-crio-ipv4-bridge.conflist", "")
        .file("/etc/cni/net.d/README", "")
        .file("/etc/kubernetes/manifests/.keep", "");
    let plane = ask(JoinedRole::ControlPlane, packages);
    assert!(plane.iter().all(|f| f.outcome() == &Outcome::Pass), "{:?}", brief(&plane));
    assert_eq!(plane.last().unwrap().message(), "/etc/cni/net.d has no network plugin of a cluster");
}

#[test]
fn a_member_is_one_cause() {
    let memory = fresh()
        .file("/etc/kubernetes/kubelet.conf", "")
        .file("/etc/kubernetes/pki/ca.crt", "")
        .file("/etc/cni/net.d/10-flannel.conflist", "");
    let found = ask(JoinedRole::Worker, memory);
    assert_eq!(
        brief(&found),
        [
            "kubelet.conf fail joined",
            "bootstrap-kubelet.conf pass absent",
            "ca.crt fail left-over",
            "manifests pass absent",
            "net.d warn left-over"
        ]
    );
    assert!(found[0].message().contains("already joined a cluster"), "{}", found[0].message());
    assert!(
        found[0].message().contains("/etc/kubernetes/pki/ca.crt, /etc/cni/net.d"),
        "{}",
        found[0].message()
    );
    assert_eq!(found[0].kubeadm_name(), Some("FileAvailable--etc-kubernetes-kubelet.conf"));
    assert_eq!(found[2].kubeadm_name(), Some("FileAvailable--etc-kubernetes-pki-ca.crt"));
    assert_eq!(found[3].kubeadm_name(), Some("DirAvailable--etc-kubernetes-manifests"));
    assert_eq!(found[4].kubeadm_name(), None);
    let roots: Vec<_> =
        found.iter().filter_map(|f| f.cause()).map(|c| (c.name.as_str(), c.is_root)).collect();
    assert_eq!(roots, [(CAUSE, true), (CAUSE, false), (CAUSE, false)]);
    let remedy = found[0].mend().unwrap();
    assert_eq!((remedy.risk, remedy.commands[0].as_str()), (Risk::Data, "kubeadm reset"));
}

#[test]
fn a_control_plane() {
    let memory = fresh()
        .file("/etc/kubernetes/manifests/etcd.yaml", "")
        .file("/etc/kubernetes/manifests/kube-vip.yaml", "")
        .file("/var/lib/etcd/member/x", "");
    let found = ask(JoinedRole::ControlPlane, memory);
    assert_eq!(found.len(), 8);
    assert_eq!(brief(&found)[5..7], ["etcd.yaml fail joined", "etcd fail left-over"]);
    assert_eq!(found[6].kubeadm_name(), Some("DirAvailable--var-lib-etcd"));
}

#[test]
fn what_only_warns_stands_where_nothing_fails() {
    let plugin = ask(JoinedRole::Worker, fresh().file("/etc/cni/net.d/05-cilium.conflist", ""));
    assert_eq!(brief(&plugin)[4], "net.d warn joined");
    assert!(plugin[4].mend().unwrap().commands[0].starts_with("mkdir -p /etc/cni/net.d.old"));
    let pods = ask(JoinedRole::Worker, fresh().file("/etc/kubernetes/manifests/haproxy.yaml", ""));
    assert_eq!(brief(&pods)[3], "manifests warn joined");
}

#[test]
fn what_cannot_be_looked_at_is_not_known() {
    let hung = fresh()
        .error("/etc/kubernetes", ReadErrorKind::TimedOut)
        .error("/etc/kubernetes/kubelet.conf", ReadErrorKind::TimedOut);
    assert_eq!(brief(&ask(JoinedRole::Worker, hung))[0], "kubelet.conf unknown unknown");
    let hidden = fresh().error("/var/lib/etcd", ReadErrorKind::Denied("EACCES")).file("/var/lib/etcd/x", "");
    let found = ask(JoinedRole::ControlPlane, hidden);
    // What is there and can't be listed is no directory for a memory; either way it does not pass.
    assert!(found[6].outcome() != &Outcome::Pass);
    let part = ask(JoinedRole::Worker, Memory::new().file("/proc/cmdline", "").as_root());
    assert!(part.iter().all(|f| matches!(f.outcome(), Outcome::Undetermined(_))), "{:?}", brief(&part));
}

#[test]
fn parameters() {
    let mut out = Findings::default();
    let role = JoinedRole::ControlPlane;
    let params = JoinedParams { role, etcd: JoinedEtcd::External, ..JoinedParams::default() };
    let full = Node::in_memory(fresh().file("/var/lib/etcd/member/x", ""));
    Joined::run(&params, &full, &mut out).unwrap();
    assert!(out.into_inner().iter().all(|(f, _)| f.subject() != "/var/lib/etcd"));
    let relative = JoinedParams { etcd_data: "data".into(), ..JoinedParams::default() };
    assert!(Joined::validate(&relative).unwrap_err().contains("absolute"));
    assert!(Joined::validate(&JoinedParams::default()).is_ok());
}
