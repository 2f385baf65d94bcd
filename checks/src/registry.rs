//! The one place that lists the checks, in the order in which `preflight list` prints them.
//!
//! An explicit list: what registers itself at link time is silently lost when nobody `use`s its crate.

use crate::{
    check::{Check, DynCheck},
    checks::{
        Apparmor, BootParameters, CgroupControllers, CgroupDelegation, CgroupDriver, CgroupHierarchy,
        ClockCheck, ClusterNetworks, Commands, ContainerRuntime, Cpu, DataDirectory, DiskLatency, DiskSpace,
        Dns, Entropy, EnvironmentCheck, Exec, Executables, Expression, Files, Filesystems, Firewall,
        Hostname, Http, Hugepages, Identity, Interfaces, Iptables, Joined, KernelConfigCheck, KernelLogCheck,
        KernelModules, KernelRestrictions, KernelVersion, KubeletCheck, KubernetesFeatures, Limits,
        MemoryCheck, MountsCheck, Namespaces, Numa, OperatingSystem, Packages, Ports, Pressure, Privileges,
        Proxy, ResolvConfCheck, RuntimeConfig, Seccomp, Selinux, Services, Swap, Sysctl, Tcp, Users,
    },
};
use schemars::{Schema, SchemaGenerator};

/// The two faces of each check: what runs use, and what only its documentation needs.
macro_rules! checks {
    ($($check:ident),+ $(,)?) => {
        /// Every built-in check.
        pub static CHECKS: &[&dyn DynCheck] = &[$(&$check),+];
        /// The JSON Schema of each check's parameters, in the order of [`CHECKS`]; its description is the check's
        /// documentation. It is apart from [`DynCheck`] because no run needs it: the program carries the schema that was
        /// made from this (configs/schema/policy-v1.schema.json) instead of 0.4 MB of code that makes it.
        pub fn schemas(generator: &mut SchemaGenerator) -> Vec<Schema> {
            vec![$(generator.subschema_for::<<$check as Check>::Params>()),+]
        }
    };
}
checks![
    CgroupHierarchy,
    CgroupControllers,
    CgroupDelegation,
    KernelVersion,
    KernelConfigCheck,
    KernelModules,
    Filesystems,
    Namespaces,
    Cpu,
    MemoryCheck,
    Swap,
    Sysctl,
    Limits,
    Ports,
    DiskSpace,
    DataDirectory,
    DiskLatency,
    ClockCheck,
    Hostname,
    Identity,
    Interfaces,
    ClusterNetworks,
    Executables,
    Files,
    ResolvConfCheck,
    Proxy,
    Selinux,
    Apparmor,
    Seccomp,
    KernelRestrictions,
    OperatingSystem,
    EnvironmentCheck,
    Entropy,
    Users,
    Privileges,
    Packages,
    Pressure,
    KernelLogCheck,
    Hugepages,
    Numa,
    KubernetesFeatures,
    Firewall,
    Iptables,
    Tcp,
    Dns,
    Http,
    BootParameters,
    MountsCheck,
    ContainerRuntime,
    KubeletCheck,
    Joined,
    CgroupDriver,
    RuntimeConfig,
    Services,
    Commands,
    Exec,
    Expression,
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
        let mut generator = SchemaGenerator::default();
        let references = schemas(&mut generator);
        let definitions = generator.take_definitions(true);
        let described =
            |name: &str| definitions[name].get("description").and_then(|d| d.as_str()).unwrap_or_default();
        for (name, schema) in &definitions {
            assert!(!described(name).is_empty(), "type {name} has no doc comment");
            for (key, property) in schema.get("properties").and_then(|p| p.as_object()).into_iter().flatten()
            {
                assert!(property.get("description").is_some(), "parameter {name}.{key} has no doc comment");
            }
        }
        for (id, reference) in ids().zip(references) {
            let name = reference
                .get("$ref")
                .and_then(|r| r.as_str()?.rsplit('/').next())
                .expect("a type of its own");
            for heading in ["## What it looks at", "## Why it matters", "## How to mend it", "## Sources"] {
                assert!(
                    described(name).contains(heading),
                    "{id}: the documentation has no section {heading:?}"
                );
            }
        }
    }
}
