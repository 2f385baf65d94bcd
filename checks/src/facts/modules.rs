//! Kernel modules: built in, loaded, loadable, or missing.

use crate::{
    evidence::{Proof, Unknown},
    node::Node,
};

/// Where the running kernel has a module, or would get it from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleState {
    /// Part of the kernel image.
    BuiltIn(Proof),
    /// Loaded now.
    Loaded(Proof),
    /// On disk, for this release, and nothing forbids to load it. Holds its path.
    Loadable(String, Proof),
    /// On disk, but it will not be loaded: `modules_disabled`, or an `install X /bin/false`. Holds why.
    Blocked(String, Proof),
    /// Nowhere.
    Missing(Proof),
    /// Could not be told.
    Unknown(Unknown),
}

/// The indexes of modules of the running kernel.
#[derive(Debug, Default)]
pub struct Modules {}

impl Node {
    /// The state of the module `name` (`-` and `_` are the same; an alias such as `fs-overlay` will do).
    pub fn module(&self, _name: &str) -> ModuleState {
        let _ = self.facts().modules.get_or_init(Modules::default);
        ModuleState::Unknown(Unknown::new("not looked for yet"))
    }
}
