//! `joined`: Nothing is left here of a cluster that this node belongs or belonged to.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Unknown},
    facts::Known,
    finding::{Finding, Findings, Remedy, Risk, Severity},
    node::{FileKind, Node, Origin},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Nothing is left here of a cluster that this node belongs or belonged to.
///
/// ## What it looks at
/// For every role /etc/kubernetes/kubelet.conf and bootstrap-kubelet.conf, and configurations of network plugins in
/// /etc/cni/net.d; for a worker also the cluster's certificate and manifests of static pods; for a control plane its four
/// manifests and the data of etcd. Of /etc/cni/net.d what container runtimes bring themselves (CRI-O, podman, containerd) does
/// not count. That something is not there counts only where the directory above could be looked at.
///
/// `absent` and `empty` pass. All that is found is one cause: the first one (`joined`) says what it means and lists the
/// others (`left-over`), which follow from it. Manifests of a worker and network plugins only warn.
///
/// ## Why it matters
/// kubeadm refuses to join a node that has any of these, one error for each, and the errors read as if something were broken
/// where the node just is a member already. Joined in spite of it, a node may come up with the certificates or the data of
/// another cluster. A plugin's configuration that is left behind is used at once, before the new cluster's own is there.
///
/// ## How to mend it
/// If it is to stay in its cluster, there is nothing to do: do not join it again. Otherwise drain and delete the node in its
/// cluster, then `kubeadm reset` here. That stops every pod, deletes what lies in /var/lib/kubelet and, on a control plane,
/// /var/lib/etcd: with the last member of etcd the cluster is lost. It leaves /etc/cni/net.d and packet filter rules behind.
///
/// ## Sources
/// kubernetes cmd/kubeadm/app/preflight/checks.go (JoinNodeChecks, InitNodeChecks: FileAvailableCheck, DirAvailableCheck;
/// 1.34; the manifests of a worker until 1.33); cmd/kubeadm/app/cmd/phases/reset; kubernetes/kubernetes#64171.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct JoinedParams {
    /// `worker` or `control-plane`. Default: worker.
    pub role: JoinedRole,
    /// Where the certificate of the cluster would be; kubeadm's caCertPath. Default: /etc/kubernetes/pki/ca.crt.
    pub ca_certificate: String,
    /// Where etcd would keep its data; kubeadm's etcd.local.dataDir. Default: /var/lib/etcd.
    pub etcd_data: String,
    /// `local`, or `external` where etcd runs elsewhere: then its data is not looked for here. Default: local.
    pub etcd: JoinedEtcd,
}

/// Where etcd runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JoinedEtcd {
    /// On control planes.
    #[default]
    Local,
    /// On machines of its own.
    External,
}

/// What the node is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JoinedRole {
    /// It runs pods.
    #[default]
    Worker,
    /// It runs the control plane.
    ControlPlane,
}

impl Default for JoinedParams {
    fn default() -> Self {
        Self {
            role: JoinedRole::Worker,
            ca_certificate: "/etc/kubernetes/pki/ca.crt".to_owned(),
            etcd_data: "/var/lib/etcd".to_owned(),
            etcd: JoinedEtcd::Local,
        }
    }
}

/// The check `joined`.
pub struct Joined;

const KUBERNETES: &str = "/etc/kubernetes";
const NETWORK: &str = "/etc/cni/net.d";
/// What all of it shares (law 6).
const CAUSE: &str = "joined-before";
/// What packages of container runtimes put into /etc/cni/net.d: CRI-O (contrib/cni), podman (87-podman-bridge.conflist),
/// containerd (script/setup/install-cni, 10-containerd-net.conflist).
const BROUGHT: [&str; 5] = ["crio", "podman", "containerd-net", "loopback", "nerdctl"];

impl Check for Joined {
    type Params = JoinedParams;

    const META: Meta = Meta {
        id: "joined",
        summary: "Nothing is left here of a cluster that this node belongs or belonged to",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &JoinedParams) -> Result<(), String> {
        let relative =
            [&params.ca_certificate, &params.etcd_data].into_iter().find(|path| !path.starts_with('/'));
        relative.map_or(Ok(()), |path| Err(format!("`{path}` is not an absolute path")))
    }

    fn run(params: &JoinedParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        // One look says it of all below: nothing of Kubernetes is here.
        let nothing = node.kind(KUBERNETES).is_err_and(|e| e.is_missing()).then(|| missing(KUBERNETES, node));
        let state = |place: &Place| match &nothing {
            Some(state) if place.path.starts_with("/etc/kubernetes/") => state.clone(),
            _ => look(place, node),
        };
        let all: Vec<(Place, Known<State>)> =
            places(params).into_iter().map(|place| (place.clone(), state(&place))).collect();
        let found: Vec<&Place> = all
            .iter()
            .filter(|(_, state)| matches!(state, Ok(State::Found(..))))
            .map(|(place, _)| place)
            .collect();
        // The first that is worst stands for all.
        let first =
            found.iter().find(|p| p.severity == Severity::Fail).or(found.first()).map(|p| p.path.clone());
        for (place, state) in &all {
            let finding = match state {
                Ok(State::Absent(seen)) => absent(place, seen),
                Ok(State::Found(what, seen)) if first.as_ref() == Some(&place.path) => {
                    joined(place, what, seen, &found)
                }
                Ok(State::Found(what, seen)) => left_over(place, what, seen),
                Err(unknown) => {
                    let message = format!("whether anything is at {} could not be determined", place.path);
                    Finding::undetermined(place.severity, &place.path, "unknown", message, unknown)
                }
            };
            out.push(match place.family {
                Some(family) => finding.kubeadm(format!("{family}-{}", place.path.replace('/', "-"))),
                None => finding,
            });
        }
        Ok(())
    }
}

/// A path, and how it is looked at.
#[derive(Clone, Debug)]
struct Place {
    path: String,
    severity: Severity,
    /// How kubeadm calls its check for such a path (checks.go: FileAvailableCheck.Name, DirAvailableCheck.Name).
    family: Option<&'static str>,
}

/// What was found at a path.
#[derive(Clone, Debug)]
enum State {
    Absent(Evidence),
    /// What it is, in a few words, and what was seen.
    Found(String, Evidence),
}

/// What is looked at, in the order in which kubeadm does.
fn places(params: &JoinedParams) -> Vec<Place> {
    let fail = |path: String, family| Place { path, severity: Severity::Fail, family: Some(family) };
    let mut places: Vec<Place> = ["kubelet.conf", "bootstrap-kubelet.conf"]
        .map(|name| fail(format!("{KUBERNETES}/{name}"), "FileAvailable"))
        .to_vec();
    match params.role {
        JoinedRole::Worker => {
            places.push(fail(params.ca_certificate.clone(), "FileAvailable"));
            // kubeadm of 1.34 asks for it no more: a worker may have static pods of its own.
            let manifests = format!("{KUBERNETES}/manifests");
            places.push(Place { severity: Severity::Warn, ..fail(manifests, "DirAvailable") });
        }
        JoinedRole::ControlPlane => {
            let names = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"];
            places.extend(names.map(|n| fail(format!("{KUBERNETES}/manifests/{n}.yaml"), "FileAvailable")));
            if params.etcd == JoinedEtcd::Local {
                places.push(fail(params.etcd_data.clone(), "DirAvailable"));
            }
        }
    }
    places.push(Place { path: NETWORK.to_owned(), severity: Severity::Warn, family: None });
    places
}

fn look(place: &Place, node: &Node) -> Known<State> {
    let path = place.path.as_str();
    let kind = match node.kind(path) {
        Ok(kind) => kind,
        Err(e) if e.is_missing() => return missing(path, node),
        Err(e) => return Err(e.unknown()),
    };
    if place.family == Some("FileAvailable") {
        return Ok(State::Found("exists".to_owned(), Evidence::new(path, "exists")));
    }
    if kind != FileKind::Directory {
        return Ok(State::Found("is no directory".to_owned(), Evidence::new(path, "no directory")));
    }
    let names =
        node.list(path).or_else(|e| if e.is_missing() { Ok(Vec::new()) } else { Err(e.unknown()) })?;
    let is_network = place.family.is_none();
    let counts = |name: &&String| !is_network || is_of_a_cluster(name);
    let all: Vec<&str> = names.iter().filter(counts).map(String::as_str).collect();
    if all.is_empty() {
        let what = if names.is_empty() { "an empty directory" } else { "no network plugin of a cluster" };
        return Ok(State::Absent(Evidence::new(path, what)));
    }
    let shown = all.iter().take(4).copied().collect::<Vec<_>>().join(", ");
    let more = if all.len() > 4 { format!(" and {} more", all.len() - 4) } else { String::new() };
    Ok(State::Found(format!("has {shown}{more}"), Evidence::new(path, format!("{shown}{more}"))))
}

/// What a runtime reads as the configuration of a network (libcni, ConfFiles), but for those that it brought.
fn is_of_a_cluster(name: &str) -> bool {
    let ends = [".conf", ".conflist", ".json"].iter().any(|end| name.strip_suffix(end).is_some());
    ends && !BROUGHT.iter().any(|word| name.contains(word))
}

/// Nothing is there, if the directory above could be looked at, and the tree is a whole node.
fn missing(path: &str, node: &Node) -> Known<State> {
    let seen = Evidence::new(path, "does not exist");
    let above = node.first_existing(path)?;
    let whole = node.origin() == Origin::Live && node.list("/").is_ok_and(|names| !names.is_empty());
    if above == "/" && !whole {
        let why = format!("this tree has nothing of {path}, and may be a part of a node only");
        return Err(Unknown::new(why).tried([seen]));
    }
    Ok(State::Absent(seen))
}

fn absent(place: &Place, seen: &Evidence) -> Finding {
    let path = &place.path;
    let (reason, message) = match seen.observed.as_str() {
        "does not exist" => ("absent", format!("{path} does not exist")),
        what => ("empty", format!("{path} is {what}")),
    };
    let message = if reason == "empty" && !seen.observed.starts_with("an ") {
        format!("{path} has {}", seen.observed)
    } else {
        message
    };
    Finding::pass(path, reason, message, seen.clone())
}

fn joined(place: &Place, what: &str, seen: &Evidence, found: &[&Place]) -> Finding {
    let path = &place.path;
    let others: Vec<&str> = found.iter().map(|p| p.path.as_str()).filter(|p| p != path).collect();
    let also = if others.is_empty() { String::new() } else { format!(", and so do {}", others.join(", ")) };
    let message = if place.severity == Severity::Fail {
        format!("this node has already joined a cluster, or keeps what is left of one: {path} {what}{also}")
    } else {
        format!("something of a cluster is left here: {path} {what}{also}")
    };
    let finding =
        Finding::problem(place.severity, path, "joined", message).evidence([seen.clone()]).causes(CAUSE);
    if place.severity == Severity::Warn && place.family.is_none() {
        let remedy = Remedy::new(
            "Move the network plugin's configuration away, unless the new cluster's own is meant",
        )
        .command(format!("mkdir -p {NETWORK}.old && mv {NETWORK}/* {NETWORK}.old/"));
        return finding.remedy(remedy.risk(Risk::Service));
    }
    finding
        .note("if it is to stay in its cluster, nothing is to be done: a member is not joined again")
        .remedy(reset())
}

fn reset() -> Remedy {
    Remedy::new(
        "If it is to join another cluster: drain and delete the node in its own, then reset it here. That stops every \
         pod, and deletes /var/lib/kubelet and the data of etcd: with the last member of etcd a cluster is lost",
    )
    .command("kubeadm reset")
    .command(format!("rm -r {NETWORK}"))
    .risk(Risk::Data)
}

fn left_over(place: &Place, what: &str, seen: &Evidence) -> Finding {
    let message = format!("{} {what}: left of a cluster that this node has joined", place.path);
    Finding::problem(place.severity, &place.path, "left-over", message)
        .evidence([seen.clone()])
        .remedy(reset())
        .follows(CAUSE)
}

#[cfg(test)]
mod tests;
