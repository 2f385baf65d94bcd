//! `operating-system`: The distribution, the init system and the architecture are among those that will do.

use crate::{
    check::{Check, Meta},
    evidence::Unknown,
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, Origin},
    range::{Range, leading_version},
};
use schemars::JsonSchema;
use semver::Version;
use serde::Deserialize;

/// The distribution, the init system and the architecture are among those that will do.
///
/// ## What it looks at
/// os-release (/etc, else /usr/lib); the name of process 1 and /run/systemd/system; the version of systemd by the name of
/// its library, without running it; uname, in a tree what its kernel left there. What the policy does not limit is told and passes.
///
/// `known`, `supported`, `running` pass; `unsupported`, `not-running` and `wrong-version` do not.
///
/// ## Why it matters
/// Most guides, packages and units for Kubernetes are made for systemd; kubeadm takes the mere presence of `systemctl` for a
/// running systemd. Delegating cgroups to user sessions takes systemd 244; 258 has no cgroup v1 any more. Kubernetes is
/// built for amd64, arm64, arm, ppc64le, s390x, and other machines start none of its programs.
///
/// ## How to mend it
/// Another image for the node, or an update of the distribution.
///
/// ## Sources
/// os-release(5), sd_booted(3); kubernetes.io, Container Runtimes (systemd 228 or later for cgroup v2); rootlesscontaine.rs
/// (systemd 244 for cpuset); systemd NEWS 258; kubernetes hack/lib/golang.sh (KUBE_SUPPORTED_SERVER_PLATFORMS: amd64, arm64,
/// s390x, ppc64le; nodes also arm).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct OperatingSystemParams {
    /// The distributions that will do. Default: any.
    pub distributions: Vec<Distribution>,
    /// Whether systemd has to run. Default: false.
    pub systemd: bool,
    /// The versions of systemd that will do, where it runs: `>=244`. Default: any.
    pub systemd_version: Option<Range>,
    /// The architectures that will do, as Kubernetes (`amd64`) or as `uname -m` (`x86_64`) names them. Default: those that
    /// Kubernetes is built for.
    pub architectures: Vec<Architecture>,
}

/// A distribution that will do.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Distribution {
    /// Its ID in os-release, or one that it is like: `debian`, `rhel`.
    pub id: String,
    /// Its versions: `>=11`. Default: any.
    #[serde(default)]
    pub version: Option<Range>,
}

/// An architecture, by one of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// 64-bit PCs and servers, as Kubernetes names them.
    Amd64,
    /// The same, as uname names them.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit Arm, as Kubernetes names it.
    Arm64,
    /// The same, as uname names it.
    Aarch64,
    /// 32-bit Arm of any version.
    Arm,
    /// 32-bit Arm, version 6.
    Armv6l,
    /// 32-bit Arm, version 7.
    Armv7l,
    /// 64-bit POWER, little endian.
    Ppc64le,
    /// IBM Z.
    S390x,
    /// 64-bit RISC-V.
    Riscv64,
    /// 32-bit PCs, as Go names them.
    #[serde(rename = "386")]
    X86,
    /// The same, as uname names the newest of them.
    I686,
    /// 64-bit LoongArch, as Go names it.
    Loong64,
    /// The same, as uname names it.
    Loongarch64,
}

impl Architecture {
    /// The name that a policy uses.
    fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
            Self::Aarch64 => "aarch64",
            Self::Arm => "arm",
            Self::Armv6l => "armv6l",
            Self::Armv7l => "armv7l",
            Self::Ppc64le => "ppc64le",
            Self::S390x => "s390x",
            Self::Riscv64 => "riscv64",
            Self::X86 => "386",
            Self::I686 => "i686",
            Self::Loong64 => "loong64",
            Self::Loongarch64 => "loongarch64",
        }
    }

    /// Whether the machine that uname calls `name` is of this architecture.
    fn is(self, name: &str) -> bool {
        match self {
            Self::Amd64 => name == "x86_64",
            Self::Arm64 => name == "aarch64",
            // armv5tel, armv6l, armv7l, armv8l (arch/arm/kernel/setup.c, arch/arm64/include/asm/compat.h).
            Self::Arm => name.starts_with("armv"),
            Self::X86 => matches!(name, "i386" | "i486" | "i586" | "i686"),
            Self::Loong64 => name == "loongarch64",
            other => name == other.as_str(),
        }
    }
}

impl Default for OperatingSystemParams {
    fn default() -> Self {
        use Architecture::{Amd64, Arm, Arm64, Ppc64le, S390x};
        Self {
            distributions: Vec::new(),
            systemd: false,
            systemd_version: None,
            architectures: vec![Amd64, Arm64, Arm, Ppc64le, S390x],
        }
    }
}

/// The check `operating-system`.
pub struct OperatingSystem;

impl Check for OperatingSystem {
    type Params = OperatingSystemParams;

    const META: Meta = Meta {
        id: "operating-system",
        summary: "The distribution, the init system and the architecture are among those that will do",
        since: "0.1.0",
        kubeadm: Some("SystemVerification"),
    };

    fn validate(params: &OperatingSystemParams) -> Result<(), String> {
        if params.architectures.is_empty() {
            return Err("no architecture would do; leave `architectures` out for those of Kubernetes".into());
        }
        Ok(())
    }

    fn run(params: &OperatingSystemParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(distribution(&params.distributions, node));
        out.push(init(params.systemd, node));
        if let Some(range) = &params.systemd_version {
            out.push(systemd(range, node));
        }
        out.push(architecture(&params.architectures, node));
        Ok(())
    }
}

fn unknown(subject: &str, what: &str, unknown: &Unknown) -> Finding {
    let message = format!("{what} of this node could not be determined");
    Finding::undetermined(Severity::Fail, subject, "unknown", message, unknown)
}

fn distribution(supported: &[Distribution], node: &Node) -> Finding {
    const SUBJECT: &str = "distribution";
    let found = match node.os_release() {
        Ok(found) => found,
        Err(why) => return unknown(SUBJECT, "the distribution", why),
    };
    let seen = found.evidence();
    if supported.is_empty() {
        return Finding::pass(SUBJECT, "known", format!("this is {}", found.name), seen);
    }
    let is = |wanted: &&Distribution| wanted.id == found.id || found.id_like.contains(&wanted.id);
    let version = found.version.as_deref().and_then(leading_version);
    let same: Vec<&Distribution> = supported.iter().filter(is).collect();
    let fits = |wanted: &&&Distribution| match (&wanted.version, &version) {
        (None, _) => true,
        (Some(range), Some(version)) => range.contains(version),
        (Some(_), None) => false,
    };
    if same.iter().any(|wanted| fits(&wanted)) {
        return Finding::pass(SUBJECT, "supported", format!("{} is supported", found.name), seen);
    }
    let name = |d: &Distribution| match &d.version {
        Some(range) => format!("{} {range}", d.id),
        None => d.id.clone(),
    };
    let wanted: Vec<String> = supported.iter().map(name).collect();
    let message = format!("{} is not among those that will do: {}", found.name, wanted.join(", "));
    Finding::problem(Severity::Fail, SUBJECT, "unsupported", message)
        .evidence([seen])
        .remedy(Remedy::new("Use an image of one of these, or update the distribution"))
}

fn init(required: bool, node: &Node) -> Finding {
    const SUBJECT: &str = "init";
    let found = match node.init() {
        Ok(found) => found,
        Err(why) => return unknown(SUBJECT, "the init system", why),
    };
    let proof = found.proof.clone();
    if found.is_systemd {
        return Finding::pass(SUBJECT, "running", "systemd is the init system", proof);
    }
    let name = found.name.as_deref().unwrap_or("another");
    if required {
        let message = format!("systemd does not run here: process 1 is {name}");
        return Finding::problem(Severity::Fail, SUBJECT, "not-running", message)
            .evidence(proof.into_evidence())
            .remedy(Remedy::new("Use an image that boots with systemd"));
    }
    Finding::pass(SUBJECT, "running", format!("the init system is {name}, not systemd"), proof)
}

fn systemd(range: &Range, node: &Node) -> Finding {
    const SUBJECT: &str = "systemd";
    let found = match (node.systemd(), node.init()) {
        (Ok(found), _) => found,
        (Err(_), Ok(init)) if !init.is_systemd && node.origin() == Origin::Live => {
            let evidence = init.proof.clone().into_evidence();
            return Finding::not_applicable(SUBJECT, "systemd does not run here", evidence);
        }
        (Err(why), _) => return unknown(SUBJECT, "the version of systemd", why),
    };
    let seen = found.evidence.clone();
    if range.contains(&Version::new(found.version.into(), 0, 0)) {
        return Finding::pass(SUBJECT, "supported", format!("systemd {} is installed", found.version), seen);
    }
    let message = format!("systemd {} is installed, and {range} is needed", found.version);
    Finding::problem(Severity::Fail, SUBJECT, "wrong-version", message)
        .evidence([seen])
        .remedy(Remedy::new("Update the distribution"))
}

fn architecture(supported: &[Architecture], node: &Node) -> Finding {
    const SUBJECT: &str = "architecture";
    let Some((found, seen)) = node.architecture_seen() else {
        let why = Unknown::new("neither uname nor a kernel in this tree tells it");
        return unknown(SUBJECT, "the architecture", &why);
    };
    if supported.iter().any(|wanted| wanted.is(&found)) {
        return Finding::pass(SUBJECT, "supported", format!("this machine is {found}"), seen);
    }
    let wanted: Vec<&str> = supported.iter().map(|wanted| wanted.as_str()).collect();
    let message = format!("this machine is {found}, and has to be {}", wanted.join(" or "));
    Finding::problem(Severity::Fail, SUBJECT, "unsupported", message)
        .evidence([seen])
        .remedy(Remedy::new("Use another machine"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, ReadErrorKind},
    };

    const DEBIAN: &str = "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n";
    const ROCKY: &str = "ID=rocky\nID_LIKE=\"rhel centos\"\nVERSION_ID=9.4\n";

    fn ask(params: &OperatingSystemParams, memory: Memory) -> Vec<Finding> {
        let mut out = Findings::default();
        OperatingSystem::run(params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().into_iter().map(|(finding, _)| finding).collect()
    }

    fn distributions(list: &[(&str, &str)]) -> OperatingSystemParams {
        let one =
            |(id, range): &(&str, &str)| Distribution { id: (*id).to_owned(), version: range.parse().ok() };
        OperatingSystemParams { distributions: list.iter().map(one).collect(), ..Default::default() }
    }

    #[test]
    fn the_distribution() {
        let of = |params: &OperatingSystemParams, text: &str| {
            ask(params, Memory::new().file("/etc/os-release", text)).remove(0).reason()
        };
        assert_eq!(of(&OperatingSystemParams::default(), DEBIAN), "known");
        let supported = distributions(&[("debian", ">=11"), ("rhel", ">=8, <10")]);
        assert_eq!(of(&supported, DEBIAN), "supported");
        assert_eq!(of(&supported, ROCKY), "supported", "by what it is like");
        assert_eq!(of(&distributions(&[("debian", ">=13")]), DEBIAN), "unsupported");
        assert_eq!(of(&supported, "ID=arch\n"), "unsupported");
        assert_eq!(of(&supported, "ID=debian\n"), "unsupported", "no version, and one is asked for");
        assert_eq!(of(&supported, ""), "unknown");
    }

    #[test]
    fn the_init_system() {
        let required = OperatingSystemParams { systemd: true, ..Default::default() };
        let systemd = || Memory::new().file("/run/systemd/system/x", "").file("/proc/1/comm", "systemd\n");
        assert_eq!(ask(&required, systemd())[1].reason(), "running");
        let openrc = Memory::new().file("/proc/1/comm", "init\n");
        assert_eq!(ask(&required, openrc.clone())[1].reason(), "not-running");
        assert_eq!(ask(&OperatingSystemParams::default(), openrc)[1].outcome(), &Outcome::Pass);
        assert_eq!(ask(&required, Memory::new())[1].reason(), "unknown");

        let with =
            |range: &str| OperatingSystemParams { systemd_version: range.parse().ok(), ..Default::default() };
        let v257 = systemd().file("/usr/lib/systemd/libsystemd-shared-257.so", "");
        assert_eq!(ask(&with(">=244"), v257.clone())[2].reason(), "supported");
        assert_eq!(ask(&with(">=258"), v257)[2].reason(), "wrong-version");
        let other = Memory::new().file("/proc/1/comm", "init\n");
        assert_eq!(ask(&with(">=244"), other)[2].outcome(), &Outcome::NotApplicable);
        for memory in [Memory::new(), systemd()] {
            let found = &ask(&with(">=244"), memory)[2];
            assert_eq!((found.reason(), found.subject()), ("unknown", "systemd"));
        }
    }

    #[test]
    fn the_architecture() {
        assert_eq!(ask(&OperatingSystemParams::default(), Memory::new())[2].reason(), "unknown");
        let x86 = Memory::new().file("/proc/sys/kernel/arch", "x86_64\n").as_root();
        assert_eq!(ask(&OperatingSystemParams::default(), x86.clone())[2].reason(), "supported");
        let arm = OperatingSystemParams { architectures: vec![Architecture::Aarch64], ..Default::default() };
        assert_eq!(ask(&arm, x86.clone())[2].reason(), "unsupported");
        let found = ask(&arm, x86);
        let seen = &found[2].all_evidence()[0];
        assert_eq!((seen.source.as_str(), seen.observed.as_str()), ("/proc/sys/kernel/arch", "x86_64"));
    }

    #[test]
    fn names_of_architectures() {
        let all = "[amd64, x86_64, arm64, aarch64, arm, armv6l, armv7l, ppc64le, s390x, riscv64, 386, i686, loong64, \
                   loongarch64]";
        let all: Vec<Architecture> = serde_json::from_value(names(all)).unwrap();
        for (machine, want) in [
            ("x86_64", &["amd64", "x86_64"][..]),
            ("aarch64", &["arm64", "aarch64"]),
            ("armv7l", &["arm", "armv7l"]),
            ("armv8l", &["arm"]),
            ("ppc64le", &["ppc64le"]),
            ("s390x", &["s390x"]),
            ("riscv64", &["riscv64"]),
            ("i586", &["386"]),
            ("i686", &["386", "i686"]),
            ("loongarch64", &["loong64", "loongarch64"]),
            ("amd64", &[]),
        ] {
            let are: Vec<&str> = all.iter().filter(|a| a.is(machine)).map(|a| a.as_str()).collect();
            assert_eq!(are, want, "{machine}");
        }
        assert!(serde_json::from_value::<Vec<Architecture>>(names("[amd46]")).is_err());
    }

    /// A list of names, as a policy may write it.
    fn names(list: &str) -> serde_json::Value {
        let names = list.trim_matches(['[', ']']).split(',').map(|name| name.trim().into());
        serde_json::Value::Array(names.collect())
    }

    #[test]
    fn what_can_t_be_looked_at_does_not_say_that_another_init_runs() {
        let wants = OperatingSystemParams {
            systemd: true,
            systemd_version: ">=258".parse().ok(),
            ..Default::default()
        };
        let v257 = || {
            Memory::new()
                .file("/proc/1/comm", "systemd\n")
                .file("/usr/lib/systemd/libsystemd-shared-257.so", "")
        };
        let reasons =
            |memory: Memory| ask(&wants, memory)[1..3].iter().map(Finding::reason).collect::<Vec<_>>();
        let booted = v257().file("/run/systemd/system/x", "");
        assert_eq!(reasons(booted), ["running", "wrong-version"]);
        // Stands for any error that is not ENOENT.
        let shut = v257().error("/run/systemd/system", ReadErrorKind::TimedOut);
        assert_eq!(reasons(shut.clone()), ["running", "wrong-version"]);
        assert_eq!(reasons(shut.without("/proc/1/comm")), ["unknown", "unknown"]);
        assert_eq!(reasons(v257().without("/proc/1/comm")), ["unknown", "unknown"]);
        // A tree without /run.
        assert_eq!(reasons(v257().as_root()), ["running", "wrong-version"]);
        let told = &ask(&OperatingSystemParams::default(), v257().as_root())[1];
        assert_eq!(told.message(), "systemd is the init system");
    }
}
