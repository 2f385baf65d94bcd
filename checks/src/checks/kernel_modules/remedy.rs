//! Why a module cannot be had, and what to do about it.

use crate::{
    evidence::{Evidence, Proof},
    facts::release::Release,
    finding::Remedy,
    node::Node,
};

/// How to load a module, now and at each boot (modules-load.d(5)).
pub(in crate::checks) fn load(name: &str) -> Remedy {
    Remedy::new(format!("Load {name} now, and at each boot"))
        .command(format!("modprobe {name}"))
        .persistent(format!("echo {name} > /etc/modules-load.d/{name}.conf"))
}

/// How to get a module loaded that `by` blacklists: a line in modules-load.d does not do it there, because systemd
/// applies the blacklist, too (src/shared/module-util.c).
pub(in crate::checks) fn allow(name: &str, by: &Evidence) -> Remedy {
    let remedy = match by.source.as_str() {
        "/proc/cmdline" => {
            Remedy::new("Take the module out of modprobe.blacklist= on the kernel's command line").reboot()
        }
        file => Remedy::new(format!("Take the line out of {file}, if nothing else relies on it")),
    };
    remedy.command(format!("modprobe {name}"))
}

/// How to take back what `by` forbids.
pub(in crate::checks) fn unblock(name: &str, by: Option<&Evidence>) -> Remedy {
    match by.map_or("", |e| e.source.as_str()) {
        "/proc/sys/kernel/modules_disabled" => {
            Remedy::new(format!("Have {name} loaded at boot, before kernel.modules_disabled is set"))
                .persistent(format!("echo {name} > /etc/modules-load.d/{name}.conf"))
                .reboot()
        }
        "/proc/cmdline" => {
            Remedy::new("Take the module out of module_blacklist= on the kernel's command line").reboot()
        }
        file => Remedy::new(format!("Take the line out of {file}, if nothing else relies on it"))
            .command(format!("modprobe {name}")),
    }
}

/// Why a module is missing.
pub(in crate::checks) struct Absence {
    /// One sentence.
    pub(in crate::checks) message: String,
    /// What showed it.
    pub(in crate::checks) evidence: Vec<Evidence>,
    /// What to do.
    pub(in crate::checks) remedy: Remedy,
    /// The name of the cause.
    pub(in crate::checks) cause: String,
    /// Whether the missing module is that cause itself.
    pub(in crate::checks) is_root: bool,
}

impl Absence {
    /// Why `name`, of which `proof` says that it is missing, is.
    pub(in crate::checks) fn of(name: &str, proof: Proof, node: &Node) -> Self {
        let evidence = proof.into_evidence();
        let release = node.kernel_release().as_ref().ok();
        let text = release.map_or("the running kernel", |r| r.text.as_str());
        let of_itself = |message, remedy, evidence| Self {
            message,
            evidence,
            remedy,
            cause: format!("module:{name}"),
            is_root: true,
        };
        if let Some((option, of_config)) = node.module_not_configured(name) {
            let more = (!evidence.contains(&of_config)).then_some(of_config);
            return Self {
                message: format!("this kernel was built without {name}: {option} is not set"),
                evidence: evidence.into_iter().chain(more).collect(),
                remedy: Remedy::new(format!("Boot a kernel that was built with {option}")).reboot(),
                cause: option.to_owned(),
                is_root: false,
            };
        }
        if let Some(others) = node.modules_replaced() {
            return Self {
                message: format!(
                    "the modules of the running kernel {text} are gone; those on disk are for {}",
                    others.join(", ")
                ),
                evidence,
                remedy: Remedy::new("Reboot into the kernel that is installed").command("reboot").reboot(),
                // One cause for every module, whatever its name.
                cause: format!("modules:{text}"),
                is_root: false,
            };
        }
        match evidence.last() {
            Some(e) if e.source.ends_with("/modules.dep") && e.observed.starts_with("does not exist") => {
                let message = format!("{name} cannot be loaded: {} {}", e.source, e.observed);
                let remedy = Remedy::new("Write the indexes anew").command(format!("depmod -a {text}"));
                of_itself(message, remedy, evidence)
            }
            Some(e) if e.observed == "does not exist" => {
                let message = format!("modules.dep lists {name}, but {} does not exist", e.source);
                of_itself(message, install(name, release), evidence)
            }
            _ => {
                let message =
                    format!("{name} is neither loaded nor built in, and {text} has no module of that name");
                of_itself(message, install(name, release), evidence)
            }
        }
    }
}

/// Which package has modules that a small kernel package leaves out, by the shape of the release.
pub(in crate::checks) fn install(name: &str, release: Option<&Release>) -> Remedy {
    let version = release.map(|r| (r.version.major, r.version.minor));
    let release = release.map_or("", |r| r.text.as_str());
    let package = |command: String| {
        Remedy::new(format!("Install the package that holds {name} for this kernel")).command(command)
    };
    let flavours = ["-generic", "-aws", "-azure", "-gcp", "-oracle", "-lowlatency", "-kvm"];
    if let Some(command) = rpm(name, release, version) {
        package(command)
    } else if release.ends_with("-raspi") {
        // Ubuntu for the Raspberry Pi has vxlan there (docs.k3s.io, requirements).
        package("apt-get install linux-modules-extra-raspi".into())
    } else if flavours.iter().any(|f| release.ends_with(f)) {
        // Ubuntu's linux-modules-extra.
        package(format!("apt-get install linux-modules-extra-{release}"))
    } else if release.contains("-cloud-") {
        // Debian's kernels for clouds leave out what virtual machines seldom need.
        let full = if release.ends_with("arm64") { "linux-image-arm64" } else { "linux-image-amd64" };
        Remedy::new(format!("Boot Debian's full kernel, which has {name}, in place of the one for clouds"))
            .command(format!("apt-get install {full}"))
            .reboot()
    } else {
        Remedy::new(format!("Install the modules of the running kernel, or boot a kernel that has {name}"))
    }
}

/// How Fedora, RHEL, its rebuilds and Oracle's kernels for them get modules that are split off; RHEL 10 did so with
/// br_netfilter, ip_set and xt_comment (kops#18724). RHEL 7 splits nothing off, and the packages of ELRepo are named
/// by branches (`kernel-lt`, `kernel-ml`) that the release does not show.
fn rpm(name: &str, release: &str, version: Option<(u64, u64)>) -> Option<String> {
    if release.contains("uek.") {
        // UEK 7 (5.15) split the modules off; UEK 8 (6.12) has many packages and a list of them (its release notes,
        // "Changes to UEK Content Distribution and Packaging").
        return match version? {
            version if version >= (6, 12) => {
                Some(format!("grep -w {name} /lib/modules/{release}/modules.packages"))
            }
            version if version >= (5, 15) => Some(format!("dnf install kernel-uek-modules-extra-{release}")),
            _ => None,
        };
    }
    let none = release.contains(".elrepo.") || release.contains(".el7");
    if none || !(release.contains(".el") || release.contains(".fc")) {
        return None;
    }
    // The release of a variant is `5.14.0-503.el9.aarch64+64k`, its package kernel-64k-modules-extra-5.14.0-….
    let (base, variant) = release.rsplit_once('+').unwrap_or((release, ""));
    let dash = if variant.is_empty() { "" } else { "-" };
    Some(format!("dnf install kernel-{variant}{dash}modules-extra-{base}"))
}
