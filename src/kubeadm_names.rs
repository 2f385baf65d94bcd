//! The names that kubeadm gives its checks.

use preflight_checks::names::nearest;

/// Every name that kubeadm has or had; one that ends in `-*` is a family (`Port-10250`).
///
/// Read in kubernetes/kubernetes cmd/kubeadm/app/preflight/checks.go and checks_linux.go, versions 1.20 to 1.34,
/// and in the release notes of 1.35 (ContainerRuntimeVersion) and cmd/kubeadm/app/phases/upgrade.
pub const NAMES: &[&str] = &[
    "IsPrivilegedUser",
    "NumCPU",
    "Mem",
    "KubernetesVersion",
    "Firewalld",
    "Port-*",
    "FileAvailable-*",
    "DirAvailable-*",
    "FileContent-*",
    "FileExisting-*",
    "Service-*",
    "HTTPProxy",
    "HTTPProxyCIDR",
    "CRI",
    "ContainerRuntimeVersion",
    "ImagePull",
    "Swap",
    "SystemVerification",
    "Hostname",
    "KubeletVersion",
    "ExternalEtcdVersion",
    "ExternalEtcdClientCertificates",
    // of `kubeadm upgrade`
    "CreateJob",
    "ControlPlaneNodesReady",
    "StaticPodManifest",
    "CoreDNSUnsupportedPlugins",
    "CoreDNSMigration",
    // gone: until 1.20, and until about 1.16; scripts still name them
    "IsDockerSystemdCheck",
    "RequiredIPVSKernelModulesAvailable",
];

/// The name that ignores everything.
pub(crate) const ALL: &str = "all";

/// Whether kubeadm has or had a check of this name, or it is `all`; the name in lower case.
#[must_use]
pub fn is_known(lower: &str) -> bool {
    lower == ALL
        || NAMES.iter().any(|known| {
            let known = known.to_lowercase();
            match known.strip_suffix('*') {
                Some(family) => lower.len() > family.len() && lower.starts_with(family),
                None => lower == known,
            }
        })
}

/// What is wrong with a name that kubeadm never had, in a message with the nearest name.
pub(crate) fn unknown(name: &str) -> String {
    match nearest_name(&name.to_lowercase()) {
        Some(near) => format!("kubeadm has no check `{name}`; did you mean `{near}`?"),
        None => format!("kubeadm has no check `{name}`; it has: {}, {ALL}", NAMES.join(", ")),
    }
}

/// The nearest name; for a mistyped family (`Prot-10250`) with the rest of the name.
fn nearest_name(lower: &str) -> Option<String> {
    if let Some((family, rest)) = lower.split_once('-') {
        let families = NAMES.iter().filter_map(|name| name.strip_suffix("-*"));
        if let Some(near) = nearest(family, families) {
            return Some(format!("{near}-{}", if rest.is_empty() { "*" } else { rest }));
        }
    }
    // "cpu" for NumCPU was written in the wild (kubernetes/website#16800).
    let inside = || NAMES.iter().copied().find(|name| lower.len() > 2 && name.to_lowercase().contains(lower));
    nearest(lower, NAMES.iter().copied().chain([ALL])).or_else(inside).map(str::to_owned)
}
