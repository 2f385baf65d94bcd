//! What the report says of the node itself.

use crate::report::model::{NodeInfo, Source};
use preflight_checks::{
    Node,
    facts::{cgroup::LayoutKind, environment},
    node::{Door, Origin},
};
use std::sync::Arc;

/// The part of [`NodeInfo`] that is read from the node.
#[derive(Clone, Debug)]
pub(super) struct NodeFacts {
    hostname: Option<String>,
    kernel: Option<String>,
    architecture: Option<String>,
    cgroup: Option<LayoutKind>,
    environment: environment::Kind,
}

impl NodeFacts {
    /// Reads it.
    pub(super) fn read(node: &Node) -> Self {
        // Under a root, /proc may be missing (an image) or belong to the machine that looks at the tree; then
        // the file that names the host at its next boot is the better answer than none (hostname(5)).
        let named = |path| {
            let read = node.read(path);
            let text = read.text().ok()?;
            let line = text.lines().map(str::trim).find(|l| !l.is_empty() && !l.starts_with('#'))?;
            Some(line.to_owned())
        };
        Self {
            hostname: named("/proc/sys/kernel/hostname").or_else(|| named("/etc/hostname")),
            kernel: node.kernel_release().as_ref().ok().map(|release| release.text.clone()),
            architecture: node.architecture(),
            cgroup: node.cgroup_layout().as_ref().ok().map(|layout| layout.kind),
            environment: node.environment().kind,
        }
    }

    /// Nothing is known.
    pub(super) fn unknown() -> Self {
        Self {
            hostname: None,
            kernel: None,
            architecture: None,
            cgroup: None,
            environment: environment::Kind::Unknown,
        }
    }

    /// Completes it by what is known without reading.
    pub(super) fn with_root(self, door: &Arc<dyn Door>, root: &str) -> NodeInfo {
        let then = door.captured();
        NodeInfo {
            hostname: self.hostname,
            kernel: self.kernel,
            architecture: self.architecture,
            source: match door.origin() {
                _ if then.is_some() => Source::Capture,
                Origin::Live => Source::Live,
                Origin::Root => Source::Root,
            },
            root: then.as_ref().map_or(root, |then| &then.root).to_owned(),
            captured_at: then.map(|then| then.time),
            cgroup: self.cgroup,
            environment: self.environment,
            user: door.user(),
        }
    }
}
