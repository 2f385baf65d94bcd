//! What the node itself tells of an input of the policy: `kubernetesVersion: auto` is that of the kubelet that is installed.

use crate::{policy::Given, run::ask_on_a_thread};
use preflight_checks::{
    Node,
    node::{Allowed, Door},
};
use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

/// How long the node may take to tell, and never longer than the whole run; what hangs (a dead file server) must not keep the run from its deadline.
const PATIENCE: Duration = Duration::from_secs(3);

/// The version of the kubelet that is installed; none where there is none, or nothing tells it in time.
pub(super) fn kubernetes_version(door: &Arc<dyn Door>, allowed: Allowed, timeout: Duration) -> Option<Given> {
    let (sender, receiver) = mpsc::channel();
    // A thread that hangs is left behind, as one that hangs in a check is.
    let look = move |node: &Node| {
        let version = node.has_kubelet().then(|| node.kubelet_version().as_ref().ok()?.as_ref()).flatten();
        let found = version.map(|version| Given {
            name: "kubernetesVersion".to_owned(),
            value: format!("{}.{}.{}", version.number.major, version.number.minor, version.number.patch),
            from: format!("{}, by {}", version.place, version.seen.source),
        });
        // Nobody waits any more where it took too long.
        let _ = sender.send(found);
    };
    ask_on_a_thread("detect", door, allowed, Arc::default(), look).ok()?;
    receiver.recv_timeout(PATIENCE.min(timeout)).ok()?
}
