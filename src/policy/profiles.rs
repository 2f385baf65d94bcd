//! The policies that are part of the program.

use super::{LoadError, Policy, Source};

/// A policy that is part of the program.
#[derive(Debug)]
pub struct Profile {
    /// The name that `-c` and `extends` know.
    pub name: &'static str,
    /// What it is for, in one line; the file says the same in `metadata.description` (a test compares them).
    pub description: &'static str,
    /// The file.
    pub text: &'static str,
}

impl Profile {
    /// Reads and resolves it.
    ///
    /// # Errors
    /// As [`Policy::load`]; a test shows that none of them gives any.
    pub fn load(&self) -> Result<Policy, LoadError> {
        Policy::load(&Source::Profile(self.name.to_owned()), &[])
    }
}

/// The profile that is used when the command line names no policy.
pub const DEFAULT: &str = "kubernetes-node";

/// Every profile, in the order in which `preflight profiles` lists them.
pub static ALL: &[Profile] = &[
    Profile {
        name: DEFAULT,
        description: "What any node of a Kubernetes cluster needs",
        text: include_str!("../../configs/profiles/kubernetes-node.yaml"),
    },
    Profile {
        name: "kubernetes-worker",
        description: "What a worker of a Kubernetes cluster needs",
        text: include_str!("../../configs/profiles/kubernetes-worker.yaml"),
    },
    Profile {
        name: "kubernetes-control-plane",
        description: "What a control plane node of a Kubernetes cluster needs",
        text: include_str!("../../configs/profiles/kubernetes-control-plane.yaml"),
    },
    Profile {
        name: "minimal",
        description: "What any container runtime needs",
        text: include_str!("../../configs/profiles/minimal.yaml"),
    },
];

/// The profile called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Profile> {
    ALL.iter().find(|p| p.name == name)
}
