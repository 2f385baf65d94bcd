//! What the node itself tells of an input of the policy: `kubernetesVersion: auto` is that of the kubelet that is installed.

use crate::{policy::Given, run::Asker};
use preflight_checks::Node;
use std::time::Duration;

/// How long the node may take to tell, and never longer than the whole run; what hangs (a dead file server) must not keep the run from its deadline.
const PATIENCE: Duration = Duration::from_secs(3);

/// The version of the kubelet that is installed; none where there is none, or nothing tells it in time.
pub(super) fn kubernetes_version(asker: &Asker, timeout: Duration) -> Option<Given> {
    asker.answer(PATIENCE.min(timeout), look).flatten()
}

fn look(node: &Node) -> Option<Given> {
    let version = node.has_kubelet().then(|| node.kubelet_version().as_ref().ok()?.as_ref()).flatten()?;
    Some(Given {
        name: "kubernetesVersion".to_owned(),
        value: format!("{}.{}.{}", version.number.major, version.number.minor, version.number.patch),
        from: format!("{}, by {}", version.place, version.seen.source),
    })
}
