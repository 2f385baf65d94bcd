//! `kubelet`: The kubelet is installed in a version that fits, starts at boot, and is configured so that this node can run it.

mod demands;
mod params;
mod resources;
mod unit;
mod versions;

use params::KubeletParams;

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::kubelet::{ConfigFile, Flag, Kubelet, MILLIS},
    finding::{Finding, Findings, Remedy, Risk, Severity},
    node::Node,
    range::leading_version,
};
use semver::Version;
use std::time::Duration;

/// What follows from a kubelet that is not installed.
const MISSING: &str = "kubelet-missing";

/// The check `kubelet`.
pub struct KubeletCheck;

/// Flags that a kubelet of some version does not know any more: it ends at once ("unknown flag").
const REMOVED: [(&str, u64, &str); 5] = [
    ("network-plugin", 24, "CHANGELOG-1.24: gone with dockershim; kubespray#8924"),
    ("cni-conf-dir", 24, "CHANGELOG-1.24: gone with dockershim"),
    ("cni-bin-dir", 24, "CHANGELOG-1.24: gone with dockershim"),
    ("container-runtime", 27, "kubernetes#114017"),
    ("pod-infra-container-image", 35, "kubernetes#133779"),
];

impl Check for KubeletCheck {
    type Params = KubeletParams;

    const META: Meta = Meta {
        id: "kubelet",
        summary: "The kubelet fits the cluster, starts at boot, and is configured so that this node can run it",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &KubeletParams) -> Result<(), String> {
        match params.kubernetes_version.as_deref() {
            Some(version) if !version.is_empty() && leading_version(version).is_none() => {
                Err(format!("`{version}` is not a version of Kubernetes; write for example \"1.36\""))
            }
            _ if !params.directory.starts_with('/') => {
                Err(format!("`{}` is not an absolute path", params.directory))
            }
            _ => Ok(()),
        }
    }

    fn limit(_: &KubeletParams) -> Option<Duration> {
        // kubelet and kubeadm, each of which may be asked.
        Some(Duration::from_millis(2 * u64::from(MILLIS) + 3000))
    }

    fn run(params: &KubeletParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let cluster = params.kubernetes_version.as_deref().and_then(leading_version);
        out.push(versions::kubelet(params, cluster.as_ref(), node).kubeadm("KubeletVersion"));
        out.push(versions::kubeadm(cluster.as_ref(), node).kubeadm("KubernetesVersion"));
        out.push(unit::judge(node).kubeadm("Service-Kubelet"));
        let kubelet = node.kubelet();
        // What it would start as: the version that is installed, else that of the cluster.
        let installed =
            node.kubelet_version().as_ref().ok().and_then(Option::as_ref).map(|v| v.number.clone());
        let version = installed.or(cluster);
        out.push(configuration(kubelet, version.as_ref(), node));
        // Without a configuration, kubeadm still has to write it. What can't be read follows from the finding about it.
        if !kubelet.files.is_empty() || kubelet.unknown.is_some() {
            out.push(demands::swap(kubelet, node));
            out.push(demands::cgroups(kubelet, version.as_ref(), node));
            out.push(demands::kernel_defaults(kubelet, node));
            out.push(resources::reserved(kubelet, node));
            out.push(resources::eviction(kubelet, &params.directory, node));
            out.push(demands::resolv_conf(kubelet, node));
        }
        Ok(())
    }
}

/// Whether the files and flags are such that a kubelet takes them.
fn configuration(kubelet: &Kubelet, version: Option<&Version>, node: &Node) -> Finding {
    const SUBJECT: &str = "configuration";
    // What is then not known of single settings follows from it.
    let cause = kubelet.unknown.as_ref().map(Unknown::cause).unwrap_or_default();
    let rewrite = "kubeadm upgrade node phase kubelet-config";
    if let Some(mark) = &kubelet.lost {
        let message = format!(
            "the kubelet does not start: {} does not exist, and this node has joined a cluster",
            kubelet.path
        );
        return Finding::problem(Severity::Fail, SUBJECT, "missing", message)
            .evidence([Evidence::new(&kubelet.path, "does not exist"), Evidence::new(mark, "exists")])
            .remedy(
                Remedy::new(format!("Have kubeadm write {} anew", kubelet.path))
                    .command(rewrite)
                    .risk(Risk::Service),
            )
            .causes(cause);
    }
    let mut problems = kubelet.problems();
    if let Some(first) = problems.next() {
        let message = format!("the kubelet does not start with {}: {}", first.path, first.message);
        return Finding::problem(Severity::Fail, SUBJECT, "invalid", message)
            .evidence([first.evidence.clone()])
            .notes(problems.map(|p| format!("{}: {}", p.path, p.message)))
            .remedy(
                Remedy::new(format!("Mend {}, or have kubeadm write it anew", first.path))
                    .command(rewrite)
                    .risk(Risk::Service),
            )
            .causes(cause);
    }
    let unknown = kubelet.flags.as_ref().err().or(kubelet.unknown.as_ref());
    if let Some(unknown) = unknown {
        let message = "how the kubelet is configured could not be determined in full";
        return Finding::undetermined(Severity::Warn, SUBJECT, "unknown", message, unknown);
    }
    if let Some(finding) = removed_flag(kubelet, version) {
        return finding;
    }
    if kubelet.files.is_empty() {
        let config = kubelet.path.as_str();
        if node.kind("/etc").is_err() {
            let why =
                Unknown::new(format!("this tree has nothing of {config}, and may be a part of a node only"));
            let message = "how the kubelet is configured could not be determined";
            return Finding::undetermined(Severity::Warn, SUBJECT, "unknown", message, &why);
        }
        let message = format!(
            "the kubelet is not configured yet: {config} does not exist; kubeadm writes it at a join"
        );
        return Finding::not_applicable(SUBJECT, message, [Evidence::new(config, "does not exist")]);
    }
    let flags = kubelet.flags.as_deref().unwrap_or_default();
    let names: Vec<&str> = kubelet.files.iter().map(|file| file.path.as_str()).collect();
    let message = format!("the kubelet's configuration can be read: {}", names.join(", "));
    let mut seen = kubelet.files.iter().map(ConfigFile::evidence);
    let first = seen.next().unwrap_or_else(|| Evidence::new(&kubelet.path, "exists"));
    let proof = Proof::new(first).and_all(seen).and_all(flags.iter().take(8).map(Flag::evidence));
    Finding::pass(SUBJECT, "readable", message, proof)
}

/// A flag that the kubelet of this version has no more.
fn removed_flag(kubelet: &Kubelet, version: Option<&Version>) -> Option<Finding> {
    let version = version?;
    let flags = kubelet.flags.as_deref().ok()?;
    let gone = |name: &str| {
        REMOVED.iter().find(|(n, since, _)| *n == name && (version.major, version.minor) >= (1, *since))
    };
    let (flag, (_, since, source)) = flags.iter().find_map(|flag| Some((flag, gone(&flag.name)?)))?;
    let message = format!(
        "the kubelet {version} does not start with --{}, which is gone since 1.{since}: unknown flag",
        flag.name
    );
    let file = flag.place.rsplit_once(':').map_or(flag.place.as_str(), |(file, _)| file);
    Some(
        Finding::problem(Severity::Fail, "configuration", "removed-flag", message)
            .evidence([flag.evidence()])
            .note(*source)
            .remedy(
                Remedy::new(format!("Take --{} out of {file}", flag.name))
                    .command(format!("sed -i -E 's/ ?--{}[= ][^ \"]+//' {file}", flag.name))
                    .command("systemctl daemon-reload")
                    .command("systemctl restart kubelet")
                    .risk(Risk::Service),
            ),
    )
}

#[cfg(test)]
mod tests;
