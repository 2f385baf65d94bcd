//! The built-in checks, one file each: documentation, parameters, logic, tests.

mod cgroup_controllers;
mod cgroup_delegation;
mod cgroup_hierarchy;
mod cpu;
mod filesystems;
mod kernel_config;
mod kernel_modules;
mod kernel_version;
mod limits;
mod memory;
mod namespaces;
mod ports;
mod swap;
mod sysctl;

pub use cgroup_controllers::CgroupControllers;
pub use cgroup_delegation::CgroupDelegation;
pub use cgroup_hierarchy::CgroupHierarchy;
pub use cpu::Cpu;
pub use filesystems::Filesystems;
pub use kernel_config::KernelConfigCheck;
pub use kernel_modules::KernelModules;
pub use kernel_version::KernelVersion;
pub use limits::Limits;
pub use memory::MemoryCheck;
pub use namespaces::Namespaces;
pub use ports::Ports;
pub use swap::Swap;
pub use sysctl::Sysctl;
