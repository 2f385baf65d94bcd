//! What is known of a node, parsed from what was read. Each fact is computed once, on first use, and carries
//! where it comes from. The parsers are pure functions over bytes; only the `impl Node` blocks read.

pub mod btf;
pub mod cgroup;
pub mod cmdline;
pub mod environment;
pub mod filesystems;
pub mod kernel_config;
pub(crate) mod module_options;
pub mod modules;
pub mod mounts;
pub mod namespaces;
pub mod release;

use crate::evidence::Unknown;
use std::cell::OnceCell;

/// A fact, or why it could not be determined.
pub type Known<T> = Result<T, Unknown>;

/// The facts of one node that were asked for so far.
#[derive(Default)]
pub(crate) struct Facts {
    pub(crate) cgroup_layout: OnceCell<Known<cgroup::Layout>>,
    pub(crate) cmdline: OnceCell<Known<cmdline::Cmdline>>,
    pub(crate) environment: OnceCell<environment::Environment>,
    pub(crate) filesystems: OnceCell<Known<filesystems::Filesystems>>,
    pub(crate) kernel_config: OnceCell<Known<kernel_config::KernelConfig>>,
    pub(crate) modules: OnceCell<modules::Modules>,
    pub(crate) mounts: OnceCell<Known<mounts::Mounts>>,
    pub(crate) namespaces: OnceCell<Known<namespaces::Namespaces>>,
    pub(crate) release: OnceCell<Known<release::Release>>,
}
