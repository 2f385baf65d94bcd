//! Why a runtime that speaks gRPC has no CRI: containerd's configuration may switch it off.

use crate::{
    checks::runtime_config::DISABLED,
    evidence::Evidence,
    facts::containerd::Containerd,
    finding::{Finding, Remedy, Risk, Severity},
    node::Node,
};

pub(super) fn finding(severity: Severity, socket: &str, node: &Node, seen: Evidence) -> Finding {
    let message = format!("who listens at {socket} has no CRI service, so that no kubelet can use it");
    let finding = Finding::problem(severity, socket, "no-cri", message).evidence([seen]);
    let disabled = node.containerd().filter(|_| socket.contains("containerd")).map(Containerd::cri_disabled);
    match disabled {
        None => finding,
        Some(Ok(Some(disabled))) => finding
            .note(format!("{} switches it off; Docker's packages bring it so", disabled.path))
            .evidence([disabled.seen.clone()])
            .remedy(restart().persistent(format!(
                "{}: take \"{}\" out of disabled_plugins",
                disabled.seen.source, disabled.name
            )))
            .follows(DISABLED),
        Some(_) => finding
            .note("the log of containerd tells why the plugin io.containerd.grpc.v1.cri was not loaded")
            .remedy(restart().command("journalctl -u containerd --grep cri")),
    }
}

fn restart() -> Remedy {
    Remedy::new("Switch the CRI plugin of containerd on, and restart it.")
        .command("systemctl restart containerd")
        .risk(Risk::Service)
}
