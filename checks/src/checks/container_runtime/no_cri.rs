//! Why a runtime that speaks gRPC has no CRI: containerd's configuration may switch it off.

use crate::{
    evidence::Evidence,
    finding::{Finding, Remedy, Risk, Severity},
    node::Node,
};

/// Where containerd looks (cmd/containerd/server/config).
const CONFIG: &str = "/etc/containerd/config.toml";

pub(super) fn finding(severity: Severity, socket: &str, node: &Node, seen: Evidence) -> Finding {
    let message = format!("who listens at {socket} has no CRI service, so that no kubelet can use it");
    let finding = Finding::problem(severity, socket, "no-cri", message).evidence([seen]);
    if !socket.contains("containerd") {
        return finding;
    }
    let read = node.read(CONFIG);
    let text = read.text().unwrap_or_default();
    let line = text.lines().enumerate().find(|(_, line)| {
        let code = line.split('#').next().unwrap_or_default();
        code.trim_start().starts_with("disabled_plugins") && code.contains("cri")
    });
    let remedy = Remedy::new("Switch the CRI plugin of containerd on, and restart it.")
        .command("systemctl restart containerd")
        .risk(Risk::Service);
    match line {
        Some((number, line)) => finding
            .note(format!("{CONFIG} switches it off in line {}; Docker's packages bring it so", number + 1))
            .evidence([read.quote(line.trim())])
            .remedy(
                remedy.persistent(format!(
                    "{CONFIG}, line {}: take \"cri\" out of disabled_plugins",
                    number + 1
                )),
            ),
        None => finding
            .note("the log of containerd tells why the plugin io.containerd.grpc.v1.cri was not loaded")
            .remedy(remedy.persistent("journalctl -u containerd | grep cri: the plugin's own error")),
    }
}
