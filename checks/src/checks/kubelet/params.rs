//! What a policy may say of the kubelet.

use crate::finding::Severity;
use schemars::JsonSchema;
use serde::Deserialize;

/// The kubelet is installed in a version that fits, starts at boot, and is configured so that this node can run it.
///
/// ## What it looks at
/// The programs kubelet and kubeadm in the directories of root's path, or where the unit starts it; their versions by the
/// package database, by what Go wrote into the program, and with `--allow exec` by asking them. kubelet.service with its
/// drop-ins and links, or OpenRC's /etc/init.d and /etc/runlevels. The flags that the unit comes to with its variables, the
/// file of `--config` (else /var/lib/kubelet/config.yaml) and the drop-ins of `--config-dir`; and what the settings ask of
/// the node: swap, the cgroup layout, kernel parameters, processors, memory, disks, the file for name resolution.
///
/// `version`: `fits` passes; `missing`, `newer`, `too-old`, `below-kubeadm` do not. `kubeadm`: `fits`; `older` warns.
/// `unit`: `enabled` passes; `missing`, `masked`, `disabled`, `enabled-runtime`, `static`, `no-environment` warn.
/// `configuration`: `readable`; `invalid`, `missing` and `removed-flag` fail. Where there is a configuration, also `failSwapOn`,
/// `failCgroupV1`, `protectKernelDefaults`, `reserved`, `evictionHard` and `resolvConf`: what the kubelet would refuse to
/// start with, or act on at once. Of `reserved` and `evictionHard` only processors, memory, disks and inodes are judged.
///
/// ## Why it matters
/// A kubelet that is newer than the API server is not supported and may use what that does not know; one that is much older
/// likewise. One that is not enabled takes the node out of the cluster at the next boot. A mistake in its file, a flag that
/// its version has no more, more memory reserved than there is: it ends at once, systemd starts it again every ten seconds,
/// and the join waits four minutes and gives up with a time-out that says none of this.
///
/// ## How to mend it
/// Install the kubelet of the cluster's minor version, or up to three older: `apt-get install kubelet=1.36.*`, `dnf install
/// kubelet-1.36.*`. `systemctl enable kubelet`. The finding names the file and line of a setting that does not fit.
///
/// ## Sources
/// kubernetes cmd/kubeadm/app/preflight/checks.go (KubeletVersionCheck, KubernetesVersionCheck, ServiceCheck; 1.34);
/// kubernetes.io, Version Skew Policy (three minors, two for a kubelet before 1.25); cmd/kubelet/app/server.go,
/// pkg/kubelet/cm/node_container_manager_linux.go (validateNodeAllocatable), pkg/kubelet/cm/container_manager_linux.go
/// (setupKernelTunables); pkg/kubelet/eviction/defaults_linux.go; KEP-2400 (failSwapOn), KEP-5573 (failCgroupV1).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KubeletParams {
    /// The version of the control plane. Default: not known, and the kubelet's is not compared with it.
    pub kubernetes_version: Option<String>,
    /// The most that a missing kubelet can yield, `warn` or `fail`. Default: fail, as kubeadm has it.
    pub missing: Severity,
    /// Where the kubelet keeps what is its own, whose disk evictionHard is about. Default: /var/lib/kubelet.
    pub directory: String,
}

impl Default for KubeletParams {
    fn default() -> Self {
        Self { kubernetes_version: None, missing: Severity::Fail, directory: "/var/lib/kubelet".to_owned() }
    }
}
