//! The name of what a node runs in: which hypervisor, which container manager.

use super::Kind;
use crate::{evidence::Evidence, node::Node};

/// The name of the first Windows Subsystem for Linux.
pub const WSL_1: &str = "WSL 1";

const DMI: &str = "/sys/class/dmi/id";

/// Vendors of virtual machines as their DMI tables name them, with the product where one vendor also makes machines
/// (systemd src/basic/virt.c, `detect_vm_dmi_vendor`).
const VENDORS: [(&str, &str, &str); 27] = [
    ("QEMU", "", "QEMU"),
    ("KVM", "", "KVM"),
    ("OpenStack", "", "OpenStack (KVM)"),
    ("Amazon EC2", "", "Amazon EC2"),
    ("Google", "", "Google Compute Engine"),
    ("VMware", "", "VMware"),
    ("VMW", "", "VMware"),
    ("innotek GmbH", "", "VirtualBox"),
    ("Oracle Corporation", "VirtualBox", "VirtualBox"),
    ("Xen", "", "Xen"),
    ("Bochs", "", "Bochs"),
    ("Parallels", "", "Parallels"),
    ("BHYVE", "", "bhyve"),
    ("Microsoft Corporation", "Virtual Machine", "Hyper-V or Azure"),
    ("KubeVirt", "", "KubeVirt"),
    ("Apple Inc.", "Apple Virtualization", "Apple Virtualization"),
    ("Red Hat", "KVM", "KVM"),
    ("oVirt", "", "oVirt"),
    ("Nutanix", "AHV", "Nutanix AHV"),
    ("DigitalOcean", "", "DigitalOcean"),
    ("Hetzner", "vServer", "Hetzner Cloud"),
    ("Alibaba Cloud", "", "Alibaba Cloud"),
    ("Vultr", "", "Vultr"),
    ("Linode", "", "Linode"),
    ("Akamai", "", "Linode"),
    ("UpCloud", "", "UpCloud"),
    ("Scaleway", "", "Scaleway"),
];

impl Node {
    /// The hypervisor or container manager, where something tells it: `QEMU`, `docker`, `lxc`.
    #[must_use]
    pub fn environment_name(&self) -> Option<(String, Evidence)> {
        match self.environment().kind {
            Kind::Vm => self.hypervisor(),
            Kind::Container => self.container_manager(),
            Kind::Wsl => self.wsl_generation(),
            Kind::Bare | Kind::Unknown => None,
        }
    }

    /// The first WSL has no kernel and calls itself Linux 4.4.0 or 3.4.0; the kernels of the second began with 4.19
    /// (learn.microsoft.com, Comparing WSL Versions; microsoft/WSL2-Linux-Kernel, releases).
    fn wsl_generation(&self) -> Option<(String, Evidence)> {
        let release = self.kernel_release().as_ref().ok()?;
        let is_first = (release.version.major, release.version.minor) < (4, 19);
        Some((if is_first { WSL_1 } else { "WSL 2" }.to_owned(), release.evidence.clone()))
    }

    fn hypervisor(&self) -> Option<(String, Evidence)> {
        let xen = self.read("/sys/hypervisor/type");
        if xen.text().is_ok_and(|text| text.trim() == "xen") {
            return Some(("Xen".to_owned(), xen.quote("xen")));
        }
        let vendor = self.read(&format!("{DMI}/sys_vendor"));
        let text = vendor.text().ok()?.trim().to_owned();
        let product = self.read(&format!("{DMI}/product_name"));
        let product = product.text().map(|text| text.trim().to_owned()).unwrap_or_default();
        let known = VENDORS.iter().find(|(v, p, _)| text.starts_with(v) && product.starts_with(p));
        known.map(|(_, _, name)| ((*name).to_owned(), vendor.quote(text)))
    }

    /// What the manager wrote for those inside (systemd's Container Interface), or the marks of docker and podman.
    fn container_manager(&self) -> Option<(String, Evidence)> {
        let named = self.read("/run/systemd/container");
        if let Ok(text) = named.text()
            && !text.trim().is_empty()
        {
            return Some((text.trim().to_owned(), named.quote(text.trim())));
        }
        let told = self
            .environment()
            .evidence
            .iter()
            .find_map(|e| Some((e, e.observed.strip_prefix("container=")?)));
        if let Some((evidence, name)) = told {
            return Some((name.to_owned(), evidence.clone()));
        }
        let marks = [("/run/.containerenv", "podman"), ("/.dockerenv", "docker")];
        let found = marks.iter().find(|(path, _)| self.kind(path).is_ok());
        found.map(|(path, name)| ((*name).to_owned(), Evidence::new(*path, "exists")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;

    #[test]
    fn names() {
        let machine = || {
            Memory::new()
                .file("/proc/2/comm", "kthreadd\n")
                .file("/proc/1/comm", "systemd\n")
                .file("/proc/cpuinfo", "flags : fpu hypervisor\n")
        };
        let name = |memory: Memory| Node::in_memory(memory).environment_name().map(|(name, _)| name);
        let dmi = |vendor: &str, product: &str| {
            machine().file(&format!("{DMI}/sys_vendor"), vendor).file(&format!("{DMI}/product_name"), product)
        };
        assert_eq!(name(dmi("QEMU\n", "Standard PC\n")).as_deref(), Some("QEMU"));
        assert_eq!(name(dmi("Amazon EC2\n", "m5.large\n")).as_deref(), Some("Amazon EC2"));
        assert_eq!(
            name(dmi("Microsoft Corporation\n", "Virtual Machine\n")).as_deref(),
            Some("Hyper-V or Azure")
        );
        assert_eq!(name(dmi("KubeVirt\n", "None\n")).as_deref(), Some("KubeVirt"));
        assert_eq!(name(dmi("DigitalOcean\n", "Droplet\n")).as_deref(), Some("DigitalOcean"));
        let release = |text: &str| Memory::new().file("/proc/sys/kernel/osrelease", text);
        assert_eq!(name(release("4.4.0-19041-Microsoft\n")).as_deref(), Some(WSL_1));
        assert_eq!(name(release("5.15.167.4-microsoft-standard-WSL2\n")).as_deref(), Some("WSL 2"));
        let inside = |name: &str| Memory::new().file("/run/systemd/container", name);
        assert_eq!(name(inside("lxc\n")).as_deref(), Some("lxc"));
        let podman = Memory::new().file("/proc/1/environ", "PATH=/bin\0container=podman\0");
        assert_eq!(name(podman).as_deref(), Some("podman"));
        assert_eq!(name(Memory::new()), None);
    }
}
