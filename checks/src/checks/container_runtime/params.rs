//! What a policy may say of container runtimes.

use crate::{facts::kubernetes, finding::Severity};
use schemars::JsonSchema;
use serde::Deserialize;

/// A container runtime is there, answers, and is one that the kubelet of this version takes.
///
/// ## What it looks at
/// The sockets of containerd, CRI-O and cri-dockerd, or the one that the policy names. Each that is there is asked over the
/// Container Runtime Interface, as the kubelet and crictl do: Version, Status, RuntimeConfig. That is asking the node itself
/// and changes nothing; all of it may take a second. `ask: false` leaves it out.
///
/// `ready` passes, and `tells-driver` of RuntimeConfig. `no-runtime` (no socket), `no-socket` (what is named is none), `refused`
/// (nobody listens at it), `no-cri` (no CRI service there), `not-grpc`, `old-api` (v1alpha2 only), `not-ready`, `old-version`,
/// `several` (more than one answers, and none is named) and `no-runtime-config` do not. A runtime that is `hung`, a socket
/// that may not be opened, and a version that can't be compared (`version-unknown`) are undetermined. Before a join no network plugin is there: NetworkReady is told in a note only.
///
/// ## Why it matters
/// kubeadm and the kubelet tell all of these as "container runtime is not running". A containerd from Docker's packages runs
/// well and has its CRI switched off; a runtime older than containerd 1.6 speaks an API that the kubelet dropped in 1.26.
///
/// ## How to mend it
/// Install or start the runtime, or switch its CRI on: the finding names the file and the line where it could be told.
///
/// ## Sources
/// configs/kubernetes/versions.yaml (which API and which containerd go with which Kubernetes; `preflight kubernetes`);
/// kubernetes/cri-api pkg/apis/runtime/v1/api.proto; kubernetes cmd/kubeadm/app/util/runtime/runtime.go; CRI-O's README.md (its
/// minors are those of Kubernetes); containerd#8139 (CRI switched off); kubeadm#2937 (several sockets); kubernetes#134906 (RuntimeConfig).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ContainerRuntimeParams {
    /// The socket of the runtime that the kubelet will use: `unix:///run/crio/crio.sock`, or a path. Default, and where it is
    /// an empty word: those that are there.
    pub socket: String,
    /// The version of Kubernetes that the node will run. Default: not known, and not judged.
    pub kubernetes_version: Option<String>,
    /// The most that a node without any runtime can yield, `warn` or `fail`. Default: fail, as kubeadm has it.
    pub missing: Severity,
    /// Whether runtimes are asked. Default: true.
    pub ask: bool,
}

impl Default for ContainerRuntimeParams {
    fn default() -> Self {
        Self { socket: String::new(), kubernetes_version: None, missing: Severity::Fail, ask: true }
    }
}

impl ContainerRuntimeParams {
    pub(super) fn validate(&self) -> Result<(), String> {
        if let Some(text) = &self.kubernetes_version {
            kubernetes::parse(text)?;
        }
        if self.socket.is_empty() || self.path().starts_with('/') {
            return Ok(());
        }
        Err(format!("`{}` is not the path of a socket; write for example `/run/crio/crio.sock`", self.socket))
    }

    /// The path of the socket that is named; empty where none is.
    pub(super) fn path(&self) -> &str {
        self.socket.strip_prefix("unix://").unwrap_or(&self.socket)
    }
}
