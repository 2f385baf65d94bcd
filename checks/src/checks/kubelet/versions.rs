//! The versions of kubelet and kubeadm, against each other and that of the control plane.

use super::{MISSING, params::KubeletParams};
use crate::{
    evidence::{Evidence, Proof},
    facts::kubelet::{Told, Version as Installed},
    finding::{Finding, Remedy, Risk, Severity},
    node::Node,
};
use semver::Version;

const SUBJECT: &str = "version";

/// How many minors older a kubelet may be than a control plane (kubernetes.io, Version Skew Policy: three, but two for a
/// kubelet before 1.25, and so for every control plane before 1.28).
fn oldest(control_plane: &Version) -> u64 {
    let span = if control_plane.minor < 28 { 2 } else { 3 };
    control_plane.minor.saturating_sub(span)
}

/// How many minors older than kubeadm (constants.go, MinimumKubeletVersion: three since 1.29, one before; website#44815).
fn oldest_for_kubeadm(kubeadm: &Version) -> u64 {
    let span = if kubeadm.minor < 29 { 1 } else { 3 };
    kubeadm.minor.saturating_sub(span)
}

pub(super) fn kubelet(params: &KubeletParams, cluster: Option<&Version>, node: &Node) -> Finding {
    let installed = match node.kubelet_version() {
        Ok(Some(installed)) => installed,
        Ok(None) => return missing(params),
        Err(unknown) => {
            let message = "which kubelet is installed could not be determined";
            return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, unknown);
        }
    };
    let kubeadm = node.kubeadm_version().as_ref().ok().and_then(Option::as_ref);
    judge(installed, cluster, kubeadm)
}

/// kubeadm: "couldn't get kubelet version", an error.
fn missing(params: &KubeletParams) -> Finding {
    let message = "no kubelet is installed: there is no such program in the directories of root's path";
    let seen = ["/usr/bin", "/usr/local/bin"]
        .map(|place| Evidence::new(format!("{place}/kubelet"), "does not exist"));
    Finding::problem(params.missing, SUBJECT, "missing", message)
        .evidence(seen)
        .remedy(install(
            "",
            "Install the kubelet of the cluster's version (kubernetes.io, Installing kubeadm)",
        ))
        .causes(MISSING)
}

fn install(version: &str, summary: &str) -> Remedy {
    let (apt, dnf) = if version.is_empty() {
        ("kubelet".to_owned(), "kubelet".to_owned())
    } else {
        (format!("'kubelet={version}.*'"), format!("'kubelet-{version}.*'"))
    };
    Remedy::new(summary).command(format!("apt-get install {apt} || dnf install {dnf}")).risk(Risk::Service)
}

pub(super) fn judge(
    installed: &Installed,
    cluster: Option<&Version>,
    kubeadm: Option<&Installed>,
) -> Finding {
    let (kubelet, text) = (&installed.number, &installed.text);
    let fits = |other: &Version, least: u64| kubelet.major == other.major && kubelet.minor >= least;
    if let Some(cluster) = cluster {
        let wanted = format!("{}.{}", cluster.major, cluster.minor);
        if (kubelet.major, kubelet.minor) > (cluster.major, cluster.minor) {
            let message = format!(
                "the kubelet {text} is newer than the control plane ({wanted}), which is not supported: never newer"
            );
            return problem("newer", message, installed).remedy(install(
                &wanted,
                &format!("Install the kubelet {wanted}, or upgrade the control plane first"),
            ));
        }
        let least = oldest(cluster);
        if !fits(cluster, least) {
            let message = format!(
                "the kubelet {text} is too old for a control plane of {wanted}, which takes 1.{least} and later"
            );
            return problem("too-old", message, installed)
                .remedy(install(&wanted, &format!("Install the kubelet {wanted}")));
        }
    }
    if let Some(kubeadm) = kubeadm {
        let least = oldest_for_kubeadm(&kubeadm.number);
        if !fits(&kubeadm.number, least) {
            let wanted = format!("{}.{}", kubeadm.number.major, kubeadm.number.minor);
            let message = format!(
                "the kubelet {text} is older than kubeadm {} takes (1.{least} and later)",
                kubeadm.text
            );
            return problem("below-kubeadm", message, installed)
                .evidence([kubeadm.seen.clone()])
                .remedy(install(&wanted, &format!("Install the kubelet {wanted}")));
        }
    }
    let with = match cluster {
        Some(cluster) => format!(", which a control plane of {}.{} takes", cluster.major, cluster.minor),
        None => String::new(),
    };
    let finding = Finding::pass(SUBJECT, "fits", format!("the kubelet is {text}{with}"), proof(installed));
    match installed.told {
        Told::Package => finding,
        Told::BuildInfo => {
            finding.note("the version is what Go wrote into the program; no package that is known brought it")
        }
        Told::Itself => {
            finding.note("the version is what the program says; no package that is known brought it")
        }
    }
}

fn proof(installed: &Installed) -> Proof {
    Proof::new(installed.seen.clone()).and(Evidence::new(&installed.place, "exists"))
}

fn problem(reason: &'static str, message: String, installed: &Installed) -> Finding {
    Finding::problem(Severity::Fail, SUBJECT, reason, message).evidence(proof(installed).into_evidence())
}

/// kubeadm warns of a cluster that is newer than itself, in init only.
pub(super) fn kubeadm(cluster: Option<&Version>, node: &Node) -> Finding {
    const SUBJECT: &str = "kubeadm";
    let installed = match node.kubeadm_version() {
        Ok(Some(installed)) => installed,
        Ok(None) => {
            let message = "no kubeadm is installed: nothing that it is compared with";
            return Finding::not_applicable(
                SUBJECT,
                message,
                [Evidence::new("/usr/bin/kubeadm", "does not exist")],
            );
        }
        Err(unknown) => {
            let message = "which kubeadm is installed could not be determined";
            return Finding::undetermined(Severity::Warn, SUBJECT, "unknown", message, unknown);
        }
    };
    match cluster {
        Some(cluster) if is_beyond(cluster, installed) => {
            let (wanted, text) = (format!("{}.{}", cluster.major, cluster.minor), &installed.text);
            let message = format!(
                "kubeadm {text} is older than the Kubernetes {wanted} that is to run: it does not know it"
            );
            Finding::problem(Severity::Warn, SUBJECT, "older", message)
                .evidence(proof(installed).into_evidence())
                .remedy(Remedy::new(format!("Install kubeadm {wanted}")).command(format!(
                    "apt-get install 'kubeadm={wanted}.*' || dnf install 'kubeadm-{wanted}.*'"
                )))
        }
        _ => Finding::pass(SUBJECT, "fits", format!("kubeadm is {}", installed.text), proof(installed)),
    }
}

/// Whether a version of Kubernetes is of a later minor than kubeadm, pre-releases of that minor among them; a kubeadm that
/// was built without a version (0.0.0) is not compared.
fn is_beyond(cluster: &Version, kubeadm: &Installed) -> bool {
    let kubeadm = &kubeadm.number;
    *kubeadm != Version::new(0, 0, 0) && (cluster.major, cluster.minor) > (kubeadm.major, kubeadm.minor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{facts::kubelet::tests::table, finding::Outcome, range::leading_version};

    fn installed(text: &str) -> Installed {
        Installed {
            place: "/usr/bin/kubelet".into(),
            number: leading_version(text).unwrap(),
            text: text.trim_start_matches('v').to_owned(),
            told: Told::Package,
            seen: Evidence::new("/var/lib/dpkg/status", text),
        }
    }

    fn reason(kubelet: &str, cluster: &str, kubeadm: &str) -> &'static str {
        let kubeadm = Some(kubeadm).filter(|k| !k.is_empty()).map(installed);
        judge(&installed(kubelet), leading_version(cluster).as_ref(), kubeadm.as_ref()).reason()
    }

    #[derive(serde::Deserialize)]
    struct Skew {
        kubelet: String,
        control_plane: String,
        fail: bool,
    }

    /// The rows are of a kubeadm 1.11, whose least kubelet is 1.10.
    #[test]
    fn the_table_of_kubeadm() {
        let rows: Vec<Skew> = table("kubelet_skew");
        assert_eq!(rows.len(), 7);
        for Skew { kubelet, control_plane, fail } in rows {
            assert_eq!(
                reason(&kubelet, &control_plane, "v1.11.0") != "fits",
                fail,
                "{kubelet} {control_plane}"
            );
        }
    }

    #[test]
    fn the_skew_policy() {
        for (kubelet, cluster, want) in [
            ("1.36.4", "1.36", "fits"),
            ("1.33.0", "1.36", "fits"),
            ("1.32.9", "1.36", "too-old"),
            ("1.37.0-rc.0", "1.36", "newer"),
            ("1.25.0", "1.28", "fits"),
            ("1.25.0", "1.27", "fits"),
            ("1.24.0", "1.27", "too-old"),
            ("2.0.0", "1.36", "newer"),
            ("1.0.0", "", "fits"),
        ] {
            assert_eq!(reason(kubelet, cluster, ""), want, "{kubelet} {cluster}");
        }
        assert_eq!(reason("1.32.0", "", "1.36.1"), "below-kubeadm");
        assert_eq!(reason("1.33.0", "", "1.36.1"), "fits");
    }

    #[derive(serde::Deserialize)]
    struct Pair {
        kubeadm: String,
        kubernetes: String,
        warn: bool,
    }

    #[test]
    fn kubeadm_and_the_cluster() {
        let rows: Vec<Pair> = table("kubernetes_vs_kubeadm_version");
        assert_eq!(rows.len(), 6);
        for Pair { kubeadm, kubernetes, warn } in rows {
            let cluster = leading_version(&kubernetes).unwrap();
            assert_eq!(is_beyond(&cluster, &installed(&kubeadm)), warn, "{kubeadm} {kubernetes}");
        }
    }

    #[test]
    fn a_missing_kubelet_is_as_bad_as_the_policy_says() {
        for severity in [Severity::Warn, Severity::Fail] {
            let params = KubeletParams { missing: severity, ..KubeletParams::default() };
            let node = Node::in_memory(crate::node::Memory::new().file("/usr/bin/sh", ""));
            let found = kubelet(&params, None, &node);
            assert_eq!(
                (found.severity(), found.reason(), found.outcome()),
                (severity, "missing", &Outcome::Problem)
            );
        }
    }
}
