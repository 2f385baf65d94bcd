//! The built-in checks, one file each: documentation, parameters, logic, tests.

mod cgroup_controllers;
mod cgroup_delegation;
mod cgroup_hierarchy;
mod filesystems;
mod kernel_config;
mod kernel_modules;
mod kernel_version;
mod limits;
mod namespaces;
mod swap;
mod sysctl;

pub use cgroup_controllers::CgroupControllers;
pub use cgroup_delegation::CgroupDelegation;
pub use cgroup_hierarchy::CgroupHierarchy;
pub use filesystems::Filesystems;
pub use kernel_config::KernelConfigCheck;
pub use kernel_modules::KernelModules;
pub use kernel_version::KernelVersion;
pub use limits::Limits;
pub use namespaces::Namespaces;
pub use swap::Swap;
pub use sysctl::Sysctl;
