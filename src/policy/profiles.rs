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
    /// What it says, as build.rs read it.
    pub(super) tree: &'static [u8],
    /// The checksum of the file, which build.rs computed.
    pub(super) sha256: &'static str,
}

/// A file of configs/profiles/, as text and as what build.rs made of it.
macro_rules! profile {
    ($name:literal, $description:literal) => {
        Profile {
            name: $name,
            description: $description,
            text: include_str!(concat!("../../configs/profiles/", $name, ".yaml")),
            tree: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".tree")),
            sha256: include_str!(concat!(env!("OUT_DIR"), "/", $name, ".sha256")),
        }
    };
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
    profile!("kubernetes-node", "What any node of a Kubernetes cluster needs"),
    profile!("kubernetes-worker", "What a worker of a Kubernetes cluster needs"),
    profile!("kubernetes-control-plane", "What a control plane node of a Kubernetes cluster needs"),
    profile!("k3s", "What a node of k3s needs"),
    profile!("k0s", "What a node of k0s needs"),
    profile!("docker", "What Docker Engine needs"),
    profile!("minimal", "What any container runtime needs"),
];

/// The profile called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Profile> {
    ALL.iter().find(|p| p.name == name)
}
