//! `--ignore-preflight-errors`: kubeadm's names of checks whose failures are warnings.

use crate::{
    kubeadm_names::{ALL, is_known, unknown},
    report::model::{Finding, Verdict},
};
use std::collections::BTreeSet;

/// Kubeadm's names whose failures are warnings, as `--ignore-preflight-errors` lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignored(BTreeSet<String>);

impl Ignored {
    /// Reads lists of names; case does not count, nor does space around a name, nor an empty one.
    ///
    /// # Errors
    /// With a message about the first name that kubeadm never had (kubeadm itself accepts any word silently), or where
    /// `all` does not stand alone, which kubeadm refuses, too (ValidateIgnorePreflightErrors, validation.go).
    pub fn parse<'a>(lists: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut names = BTreeSet::new();
        for name in lists.into_iter().flat_map(|list| list.split(',')).map(str::trim) {
            if name.is_empty() {
                continue;
            }
            let lower = name.to_lowercase();
            if !is_known(&lower) {
                return Err(unknown(name));
            }
            names.insert(lower);
        }
        if names.contains(ALL) && names.len() > 1 {
            return Err(format!(
                "`{ALL}` stands alone, as with kubeadm: leave out the other names or `{ALL}`"
            ));
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
    fn all_stands_alone() {
        assert!(Ignored::parse(["all", "all"]).is_ok());
        for lists in [&["all,CRI"][..], &["Swap", "all"], &["Swap,Mem,ALL"]] {
            assert!(Ignored::parse(lists.iter().copied()).unwrap_err().contains("stands alone"));
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
