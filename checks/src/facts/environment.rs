//! What kind of machine the node is, and its architecture.

mod architecture;
mod detect;
mod host;
mod name;

pub use name::WSL_1;

use super::Known;
use crate::{evidence::Evidence, node::Node};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of machine the node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The machine itself.
    Bare,
    /// A virtual machine.
    Vm,
    /// A container.
    Container,
    /// Windows Subsystem for Linux.
    Wsl,
    /// Could not be told.
    Unknown,
}

impl Kind {
    /// The word in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Vm => "vm",
            Self::Container => "container",
            Self::Wsl => "wsl",
            Self::Unknown => "unknown",
        }
    }
}

/// What kind of machine the node is, and by what that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// The kind.
    pub kind: Kind,
    /// What told it; what was tried, when it could not be told.
    pub evidence: Vec<Evidence>,
}

impl Node {
    /// What kind of machine this is.
    pub fn environment(&self) -> &Environment {
        self.fact(|| detect::detect(self))
    }

    /// What shows that this machine is no container: that no mark of one was seen does not.
    ///
    /// # Errors
    /// When nothing does.
    pub fn outside_containers(&self) -> Known<Evidence> {
        detect::outside_containers(self)
    }

    /// What shows that this machine is not WSL.
    ///
    /// # Errors
    /// When the kernel's release could not be read whole.
    pub fn outside_wsl(&self) -> Known<Evidence> {
        detect::outside_wsl(self)
    }

    /// The architecture, as uname names it: `x86_64`, `aarch64`.
    pub fn architecture(&self) -> Option<String> {
        self.architecture_seen().map(|(name, _)| name)
    }

    /// The architecture with what tells it: uname, or a file in which the kernel of a tree speaks of itself.
    pub fn architecture_seen(&self) -> Option<(String, Evidence)> {
        match self.machine() {
            Ok(name) => {
                let seen = Evidence::new("uname", &*name);
                Some((name, seen))
            }
            Err(_) => architecture::of_tree(self),
        }
    }
}
