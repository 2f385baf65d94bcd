//! What is known of a node, parsed from what was read. Each fact is computed once, on first use, and carries
//! where it comes from. The parsers are pure functions over bytes; only the `impl Node` blocks read.

pub mod boot_loader;
pub mod boot_parameters;
pub mod btf;
pub mod certificate;
pub mod cgroup;
pub mod clock;
pub mod cmdline;
pub mod containerd;
pub mod cpu;
pub mod cri;
pub mod crio;
pub mod disk;
pub mod docker;
pub mod environment;
pub mod file_capabilities;
pub mod filesystems;
pub mod firewall;
pub mod hosts;
pub mod kallsyms;
pub mod kcore;
pub mod kernel_config;
pub mod kernel_log;
pub mod kubelet;
pub mod kubernetes;
pub mod lookup;
pub mod memory;
pub(crate) mod module_options;
pub mod modules;
pub mod mounts;
pub mod namespaces;
pub mod network;
pub mod os_release;
pub mod packages;
pub mod process_limits;
pub mod proxy;
pub mod reach;
pub mod release;
pub mod resolv_conf;
pub mod security_modules;
pub mod selinux;
pub mod service_manager;
pub mod sockets;
pub mod swap;
pub mod sysctl;
pub mod systemd;
pub mod systemd_manager;
pub mod systemd_unit;
pub mod usage;
pub mod users;

use crate::evidence::Unknown;

/// A fact, or why it could not be determined.
pub type Known<T> = Result<T, Unknown>;
