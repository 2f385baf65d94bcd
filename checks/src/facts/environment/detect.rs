//! Container, virtual machine or bare metal, by a few cheap reads. Nothing is bare metal for lack of evidence.

use super::{Environment, Kind};
use crate::{
    evidence::{Evidence, Unknown},
    facts::Known,
    node::{Node, Origin},
};

/// The first process after init is the kernel's kthreadd, so it is process 2 of the first PID namespace and of
/// no other (init/main.c, `rest_init`).
const PID_2: &str = "/proc/2/comm";
const DMI: &str = "/sys/class/dmi/id";

pub(super) fn detect(node: &Node) -> Environment {
    let found = |(kind, evidence)| Environment { kind, evidence };
    wsl(node)
        .or_else(|| container(node))
        .map(|(kind, e)| (kind, vec![e]))
        .or_else(|| machine(node))
        .map_or_else(|| unknown(node), found)
}

fn unknown(node: &Node) -> Environment {
    let tried = [format!("{DMI}/product_name"), "/proc/cpuinfo".into()];
    // Evidence of ignorance is the error; what was read and said nothing needs no line.
    let evidence = tried.iter().filter_map(|p| node.read(p).unknown()).flat_map(|u| u.evidence).collect();
    Environment { kind: Kind::Unknown, evidence }
}

/// Microsoft's kernels for WSL carry its name: `5.15.167.4-microsoft-standard-WSL2`, `4.4.0-19041-Microsoft`.
/// Asked first: an imported image brings its /.dockerenv along.
fn wsl(node: &Node) -> Option<(Kind, Evidence)> {
    let release = node.kernel_release().as_ref().ok()?;
    release.text.to_ascii_lowercase().contains("microsoft").then(|| (Kind::Wsl, release.evidence.clone()))
}

/// What shows that this is no container, so that marks that are not seen are not there: the kernel's own process 2, or the
/// real root of the cgroups.
pub(super) fn outside_containers(node: &Node) -> Known<Evidence> {
    let pid_2 = node.read(PID_2);
    if pid_2.text().is_ok_and(|text| text.trim() == "kthreadd") {
        return Ok(pid_2.quote("kthreadd"));
    }
    let unified = node.cgroup_layout().as_ref().ok().and_then(|layout| layout.unified.as_ref());
    match unified.map(|unified| node.is_real_root(&unified.point, &unified.root)) {
        Some((Some(true), seen)) => Ok(seen),
        _ => Err(Unknown::new("nothing shows that this is no container, whose marks may be hidden")
            .tried([pid_2.evidence()])
            .needs("/proc/2/comm, which shows the first PID namespace")),
    }
}

/// What shows that this is not WSL: the whole name of another kernel.
pub(super) fn outside_wsl(node: &Node) -> Known<Evidence> {
    let release = node.kernel_release().as_ref().map_err(Clone::clone);
    // The kernel ends the line; a release that was cut off may have lost what tells WSL.
    let is_whole = |e: &Evidence| node.read(&e.source).text().is_ok_and(|text| text.ends_with('\n'));
    match release {
        Ok(release) if is_whole(&release.evidence) => Ok(release.evidence.clone()),
        Ok(release) => {
            Err(Unknown::new("the release of the kernel was cut off").tried([release.evidence.clone()]))
        }
        Err(why) => Err(why),
    }
}

fn container(node: &Node) -> Option<(Kind, Evidence)> {
    let in_container = |evidence| Some((Kind::Container, evidence));
    // Written by container managers for those inside (systemd's Container Interface).
    let named = node.read("/run/systemd/container");
    if named.bytes().is_ok() {
        return in_container(named.evidence());
    }
    if !named.is_missing() && node.kind(named.path()).is_ok() {
        return in_container(named.quote("exists"));
    }
    // An environment may hold secrets: only the one variable is kept.
    let of_init = node.read_once("/proc/1/environ", 1 << 20);
    if let Ok(environment) = &of_init
        && let Some(word) = environment.split(|b| *b == 0).find(|w| w.starts_with(b"container="))
    {
        return in_container(Evidence::new("/proc/1/environ", String::from_utf8_lossy(word)));
    }
    let pid_2 = node.read(PID_2);
    let first_pid_namespace = pid_2.text().is_ok_and(|t| t.trim() == "kthreadd");
    // podman and CRI-O leave the one, docker the other; so do machines whose disk was made from an image.
    for marker in ["/run/.containerenv", "/.dockerenv"] {
        if node.kind(marker).is_err() || (first_pid_namespace && shares_the_root_of_init(node)) {
            continue;
        }
        // Whether it was left behind in an image, process 2 would tell.
        return match pid_2.bytes() {
            Err(e) if !e.is_missing() => Some((Kind::Unknown, e.evidence())),
            _ => in_container(Evidence::new(marker, "exists")),
        };
    }
    // Root sees every process, whatever hidepid= the /proc is mounted with.
    let told = node.origin() == Origin::Live && (pid_2.bytes().is_ok() || pid_2.is_missing());
    if told && node.user() == Some(0) && !first_pid_namespace {
        let init = node.read("/proc/1/comm");
        match (init.bytes(), pid_2.text()) {
            (Ok(_), Ok(comm)) => {
                let seen = format!("{}, not kthreadd: not the first PID namespace", comm.trim());
                return in_container(pid_2.quote(seen));
            }
            (Ok(_), Err(_)) => {
                return in_container(pid_2.quote("does not exist: not the first PID namespace"));
            }
            // Whether this /proc shows processes at all, process 1 would tell.
            (Err(e), _) if !e.is_missing() => return Some((Kind::Unknown, e.evidence())),
            (Err(_), _) => {}
        }
    }
    // A cgroup2 mount shows another cgroup than the real root only from inside a cgroup namespace
    // (cgroup_namespaces(7)), which is what container managers make.
    if let Some(unified) = node.cgroup_layout().as_ref().ok().and_then(|layout| layout.unified.as_ref()) {
        if unified.root.starts_with("/..") {
            let seen =
                format!("{} of the hierarchy is mounted here: seen from a cgroup namespace", unified.root);
            return in_container(Evidence::new(&unified.point, seen));
        }
        match node.is_real_root(&unified.point, &unified.root) {
            (Some(false), evidence) => return in_container(evidence),
            (Some(true), _) => return None,
            (None, _) => {}
        }
    }
    match of_init {
        // The mark may be in what this user may not see, and nothing shows that there is none.
        Err(e) if !e.is_missing() && !first_pid_namespace => Some((Kind::Unknown, e.evidence())),
        _ => None,
    }
}

/// Whether the root directory is that of process 1. In a container that only shares the host's PID namespace it
/// is another. A user who may not look at process 1 is taken to share it.
fn shares_the_root_of_init(node: &Node) -> bool {
    if node.origin() != Origin::Live {
        return true;
    }
    let root = |path: &str| {
        let bytes = node.read_once(path, 1 << 24).ok()?;
        root_of_mountinfo(&String::from_utf8_lossy(&bytes))
    };
    match (root("/proc/1/mountinfo"), root("/proc/self/mountinfo")) {
        (Some(init), Some(own)) => init == own,
        _ => true,
    }
}

/// Device and directory of what is mounted on `/` (proc_pid_mountinfo(5): fields 3, 4 and 5); the last mount on
/// a path is the one that is seen.
fn root_of_mountinfo(text: &str) -> Option<(String, String)> {
    let mut roots = text.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(2);
        let (device, directory, on) = (fields.next()?, fields.next()?, fields.next()?);
        (on == "/").then(|| (device.to_owned(), directory.to_owned()))
    });
    roots.next_back()
}

/// Virtual or not, by the firmware's tables and by the processor.
fn machine(node: &Node) -> Option<(Kind, Vec<Evidence>)> {
    let [vendor, product] = ["sys_vendor", "product_name"].map(|f| node.read(&format!("{DMI}/{f}")));
    let text = |read: &crate::node::Read| read.text().map(|t| t.trim().to_owned()).unwrap_or_default();
    let dmi = || [&vendor, &product].into_iter().filter(|r| r.bytes().is_ok()).map(|r| r.evidence());
    let (maker, model) = (text(&vendor), text(&product));
    if is_virtual(&maker, &model) {
        return Some((Kind::Vm, dmi().collect()));
    }
    let (flag, by) = hypervisor_flag(node);
    match flag {
        Some(true) => Some(xen_dom0(node).map_or((Kind::Vm, vec![by]), |e| (Kind::Bare, vec![e]))),
        Some(false) => Some((Kind::Bare, std::iter::once(by).chain(dmi()).collect())),
        None => {
            let hypervisor = node.read("/sys/hypervisor/type");
            if hypervisor.bytes().is_ok() {
                return Some((Kind::Vm, vec![hypervisor.evidence()]));
            }
            device_tree(node).or_else(|| makes_hardware(&maker).then(|| (Kind::Bare, dmi().collect())))
        }
    }
}

/// Whether the firmware's tables are those of a hypervisor or of a cloud that rents virtual machines.
fn is_virtual(vendor: &str, product: &str) -> bool {
    const VENDORS: [&str; 17] = [
        "QEMU",
        "VMware",
        "VMW",
        "innotek GmbH",
        "Xen",
        "Bochs",
        "Parallels",
        "BHYVE",
        "KubeVirt",
        "OpenStack",
        "oVirt",
        "DigitalOcean",
        "Alibaba Cloud",
        "Vultr",
        "Linode",
        "UpCloud",
        "Scaleway",
    ];
    const PRODUCTS: [&str; 15] = [
        "KVM",
        "VirtualBox",
        "VMware",
        "Virtual Machine",
        "HVM domU",
        "Standard PC (",
        "Bochs",
        "OpenStack",
        "RHEV Hypervisor",
        "BHYVE",
        "Google Compute Engine",
        "vServer",
        "AHV",
        "Apple Virtualization",
        "Parallels",
    ];
    // Amazon rents the machines themselves, too: m5.metal, m7i.metal-24xl.
    if vendor == "Amazon EC2" {
        return !product.contains(".metal");
    }
    VENDORS.iter().any(|v| vendor.starts_with(v)) || PRODUCTS.iter().any(|p| product.contains(p))
}

/// Makers of machines, as they write themselves in sys_vendor.
fn makes_hardware(vendor: &str) -> bool {
    const MAKERS: [&str; 24] = [
        "Dell",
        "HP",
        "Hewlett",
        "Lenovo",
        "LENOVO",
        "Supermicro",
        "Intel",
        "Cisco",
        "FUJITSU",
        "Fujitsu",
        "Huawei",
        "HUAWEI",
        "Inspur",
        "ASUS",
        "GIGABYTE",
        "Gigabyte",
        "Giga Computing",
        "Quanta",
        "Wiwynn",
        "IBM",
        "Ampere",
        "Raspberry Pi",
        "NVIDIA",
        "Amazon EC2",
    ];
    MAKERS.iter().any(|m| vendor.starts_with(m))
}

/// Whether the processor says that a hypervisor runs it: CPUID leaf 1, ECX bit 31, which Linux keeps as
/// `X86_FEATURE_HYPERVISOR`, 4*32+31 (arch/x86/include/asm/cpufeatures.h). The alias of the processors' bus
/// lists the features by number and costs less than /proc/cpuinfo, which asks every processor for its clock.
fn hypervisor_flag(node: &Node) -> (Option<bool>, Evidence) {
    let alias = node.read("/sys/devices/system/cpu/modalias");
    // A list that was cut off lacks what comes last.
    if let Ok(text) = alias.text()
        && let Some((head, features)) = text.strip_suffix('\n').and_then(|line| line.split_once(":feature:"))
        && head.starts_with("cpu:type:x86")
    {
        let set = features.split(',').any(|f| f == "009F");
        let what = if set { "feature 009F, hypervisor" } else { "no feature 009F, hypervisor" };
        return (Some(set), alias.quote(what));
    }
    let cpuinfo = node.read("/proc/cpuinfo");
    let Ok(text) = cpuinfo.text() else { return (None, cpuinfo.evidence()) };
    let mut lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let flags = lines.find_map(|l| l.strip_prefix("flags")?.trim_start().strip_prefix(':'));
    let set = flags.map(|f| f.split_whitespace().any(|w| w == "hypervisor"));
    let what = match set {
        Some(true) => "flag hypervisor",
        Some(false) => "no flag hypervisor",
        None => "no flags",
    };
    (set, cpuinfo.quote(what))
}

/// The first domain of Xen is the machine's own system, though the processor names the hypervisor.
fn xen_dom0(node: &Node) -> Option<Evidence> {
    let read = node.read("/proc/xen/capabilities");
    read.text().is_ok_and(|t| t.contains("control_d")).then(|| read.evidence())
}

/// Machines without these tables have a device tree: QEMU names itself there, boards name their model.
fn device_tree(node: &Node) -> Option<(Kind, Vec<Evidence>)> {
    let clean = |read: &crate::node::Read| read.text().ok().map(|t| t.trim_matches('\0').replace('\0', " "));
    let hypervisor = node.read("/proc/device-tree/hypervisor/compatible");
    if let Some(name) = clean(&hypervisor) {
        return Some((Kind::Vm, vec![hypervisor.quote(name)]));
    }
    let compatible = node.read("/proc/device-tree/compatible");
    let names = clean(&compatible)?;
    let emulated = ["linux,dummy-virt", "qemu,pseries", "riscv-virtio"].iter().any(|v| names.contains(v));
    if emulated {
        return Some((Kind::Vm, vec![compatible.quote(names)]));
    }
    let board = ["raspberrypi,", "rockchip,", "nvidia,tegra", "amlogic,", "allwinner,", "ti,", "fsl,"];
    board.iter().any(|b| names.starts_with(b)).then(|| (Kind::Bare, vec![compatible.quote(names)]))
}

#[cfg(test)]
mod tests;
