//! The configuration that the running kernel was built with.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::Node,
};

/// What a kernel configuration says of one option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `CONFIG_X=y`
    BuiltIn,
    /// `CONFIG_X=m`
    Module,
    /// `CONFIG_X="text"` or `CONFIG_X=1000`: the value without its quotes.
    Value(String),
    /// `# CONFIG_X is not set`, or `CONFIG_X=n`.
    NotSet,
    /// Not named at all: this kernel does not know the option, or what it depends on is off.
    Absent,
}

/// The configuration of the running kernel, and where it was read.
#[derive(Debug)]
pub struct KernelConfig {}

impl KernelConfig {
    /// What it says of `option`, given with or without `CONFIG_`.
    #[must_use]
    pub fn get(&self, _option: &str) -> Setting {
        Setting::Absent
    }

    /// What it says of `option`, as evidence.
    #[must_use]
    pub fn evidence(&self, option: &str) -> Evidence {
        Evidence::new("", option)
    }
}

impl Node {
    /// The configuration of the running kernel.
    pub fn kernel_config(&self) -> &Known<KernelConfig> {
        self.facts().kernel_config.get_or_init(|| Err(Unknown::new("not looked for yet")))
    }
}
