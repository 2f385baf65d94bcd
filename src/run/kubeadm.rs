//! The names that kubeadm gives its checks, for `--ignore-preflight-errors`.

use crate::report::model::{Finding, Verdict};
use preflight_checks::names::nearest;
use std::collections::BTreeSet;

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
const ALL: &str = "all";

/// Kubeadm's names whose failures are warnings, as `--ignore-preflight-errors` lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignored(BTreeSet<String>);

impl Ignored {
    /// Reads lists of names; case does not count, nor does space around a name, nor an empty one.
    ///
    /// # Errors
    /// With a message about the first name that kubeadm never had. Kubeadm itself accepts any word silently.
    pub fn parse<'a>(lists: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut names = BTreeSet::new();
        for name in lists.into_iter().flat_map(|list| list.split(',')).map(str::trim) {
            if name.is_empty() {
                continue;
            }
            let lower = name.to_lowercase();
            if !is_known(&lower) {
                return Err(match nearest_name(&lower) {
                    Some(near) => format!("kubeadm has no check `{name}`; did you mean `{near}`?"),
                    None => format!("kubeadm has no check `{name}`; it has: {}, {ALL}", NAMES.join(", ")),
                });
            }
            names.insert(lower);
        }
        Ok(Self(names))
    }

    /// Whether failures under kubeadm's name `name` are ignored.
    #[must_use]
    pub fn ignores(&self, name: &str) -> bool {
        self.0.contains(ALL) || self.0.contains(&name.to_lowercase())
    }

    /// Turns an ignored failure into a warning that says so. `all` ignores also what kubeadm has no name for.
    pub(super) fn apply(&self, finding: &mut Finding) {
        let ignored = match &finding.kubeadm {
            Some(name) => self.ignores(name),
            None => self.0.contains(ALL),
        };
        if ignored && finding.verdict == Verdict::Fail {
            finding.verdict = Verdict::Warn;
            let name = finding.kubeadm.as_deref().filter(|name| self.0.contains(&name.to_lowercase()));
            let name = name.unwrap_or(ALL);
            finding
                .notes
                .push(format!("A failure, but --ignore-preflight-errors={name} makes it a warning."));
        }
    }
}

fn is_known(lower: &str) -> bool {
    lower == ALL
        || NAMES.iter().any(|known| {
            let known = known.to_lowercase();
            match known.strip_suffix('*') {
                Some(family) => lower.len() > family.len() && lower.starts_with(family),
                None => lower == known,
            }
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    /// kubernetes/kubernetes cmd/kubeadm/app/preflight/checks_test.go, version 1.20.2 (the tables of ignored
    /// names), with names that kubeadm has in place of foo, bar and baz.
    #[test]
    fn ignores_what_kubeadm_ignores() {
        for (ignore, name, ignored) in [
            ("", "Swap", false),
            ("all", "Swap", true),
            ("all,CRI", "Swap", true),
            ("CRI", "Swap", false),
            ("Mem,Swap,CRI", "Swap", true),
            ("Mem,CRI,swap", "Swap", true),
            ("SWAP", "swap", true),
            (" Mem , Swap ,", "Swap", true),
            ("Port-10250", "Port-10250", true),
            ("Port-10250", "Port-10259", false),
        ] {
            assert_eq!(Ignored::parse([ignore]).unwrap().ignores(name), ignored, "{ignore} {name}");
        }
    }

    #[test]
    fn knows_families_and_what_is_gone() {
        for name in [
            "Port-6443",
            "FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml",
            "DirAvailable--var-lib-etcd",
            "FileContent--proc-sys-net-bridge-bridge-nf-call-iptables",
            "fileexisting-crictl",
            "Service-Docker",
            "IsDockerSystemdCheck",
            "RequiredIPVSKernelModulesAvailable",
            "ContainerRuntimeVersion",
        ] {
            assert!(Ignored::parse([name]).is_ok(), "{name}");
        }
    }

    #[test]
    fn refuses_what_kubeadm_never_had() {
        for (name, near) in [
            ("NumCPUs", "`NumCPU`"),
            ("cpu", "`NumCPU`"),
            ("SystemVerificaton", "`SystemVerification`"),
            ("Prot-10250", "`Port-10250`"),
            ("al", "`all`"),
            ("Port-", "`Port-*`"),
            ("NoSuchCheck", "it has: IsPrivilegedUser, "),
        ] {
            let error = Ignored::parse([name]).unwrap_err();
            assert!(error.contains(near), "{error}");
        }
        assert!(Ignored::parse(["Swap", "Mem,Bogus"]).unwrap_err().contains("`Bogus`"), "in any list");
    }
}
