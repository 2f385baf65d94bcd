//! The one place that lists the checks, in the order in which `preflight list` prints them.
//!
//! An explicit list: what registers itself at link time is silently lost when nobody `use`s its crate.

use crate::{
    check::DynCheck,
    checks::{
        Apparmor, BootParameters, CgroupControllers, CgroupDelegation, CgroupHierarchy, ClockCheck,
        ClusterNetworks, Cpu, DataDirectory, DiskLatency, DiskSpace, Dns, Entropy, EnvironmentCheck,
        Executables, Files, Filesystems, Firewall, Hostname, Http, Hugepages, Identity, Interfaces, Iptables,
        KernelConfigCheck, KernelLogCheck, KernelModules, KernelRestrictions, KernelVersion, Limits,
        MemoryCheck, MountsCheck, Namespaces, Numa, OperatingSystem, Packages, Ports, Pressure, Proxy,
        ResolvConfCheck, Seccomp, Selinux, Swap, Sysctl, Tcp, Users,
    },
};

/// Every built-in check.
pub static CHECKS: &[&dyn DynCheck] = &[
    &CgroupHierarchy,
    &CgroupControllers,
    &CgroupDelegation,
    &KernelVersion,
    &KernelConfigCheck,
    &KernelModules,
    &Filesystems,
    &Namespaces,
    &Cpu,
    &MemoryCheck,
    &Swap,
    &Sysctl,
    &Limits,
    &Ports,
    &DiskSpace,
    &DataDirectory,
    &DiskLatency,
    &ClockCheck,
    &Hostname,
    &Identity,
    &Interfaces,
    &ClusterNetworks,
    &Executables,
    &Files,
    &ResolvConfCheck,
    &Proxy,
    &Selinux,
    &Apparmor,
    &Seccomp,
    &KernelRestrictions,
    &OperatingSystem,
    &Entropy,
    &EnvironmentCheck,
    &Users,
    &Packages,
    &Pressure,
    &KernelLogCheck,
    &Hugepages,
    &Numa,
    &Firewall,
    &Iptables,
    &Tcp,
    &Dns,
    &Http,
    &BootParameters,
    &MountsCheck,
];

/// The check called `id`.
#[must_use]
pub fn find(id: &str) -> Option<&'static dyn DynCheck> {
    CHECKS.iter().copied().find(|c| c.meta().id == id)
}

/// The ids of all checks, in the order of the list.
pub fn ids() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|c| c.meta().id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_kebab_case() {
        let mut seen: Vec<_> = ids().collect();
        for id in &seen {
            assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{id}");
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), CHECKS.len());
    }

    #[test]
    fn every_check_documents_itself_and_each_parameter() {
        for check in CHECKS {
            let id = check.meta().id;
            let mut generator = schemars::SchemaGenerator::default();
            check.schema(&mut generator);
            let definitions = generator.take_definitions(true);
            for (name, schema) in &definitions {
                let described = schema.get("description").and_then(|d| d.as_str()).unwrap_or_default();
                assert!(!described.is_empty(), "{id}: type {name} has no doc comment");
                for (key, property) in
                    schema.get("properties").and_then(|p| p.as_object()).into_iter().flatten()
                {
                    let own = property.get("description").is_some();
                    assert!(own, "{id}: parameter {name}.{key} has no doc comment");
                }
            }
            let docs = definitions.values().filter_map(|s| s.get("description")?.as_str());
            let whole = docs.collect::<Vec<_>>().join("\n");
            for heading in ["## What it looks at", "## Why it matters", "## How to mend it", "## Sources"] {
                assert!(whole.contains(heading), "{id}: the documentation has no section {heading:?}");
            }
        }
    }
}
