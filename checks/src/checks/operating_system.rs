//! `operating-system`: The distribution, the init system and the architecture are among those that will do.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, ReadError},
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
    /// The architectures that will do, as `uname -m` names them. Default: those that Kubernetes is built for.
    pub architectures: Vec<String>,
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

impl Default for OperatingSystemParams {
    fn default() -> Self {
        let architectures = ["x86_64", "aarch64", "armv7l", "ppc64le", "s390x"];
        Self {
            distributions: Vec::new(),
            systemd: false,
            systemd_version: None,
            architectures: architectures.map(str::to_owned).into(),
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

fn unknown(subject: &str, unknown: &Unknown) -> Finding {
    let message = format!("the {subject} of this node could not be determined");
    Finding::undetermined(Severity::Fail, subject, "unknown", message, unknown)
}

fn distribution(supported: &[Distribution], node: &Node) -> Finding {
    const SUBJECT: &str = "distribution";
    let found = match node.os_release() {
        Ok(found) => found,
        Err(why) => return unknown(SUBJECT, why),
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
    let read = node.read("/proc/1/comm");
    let booted = node.kind("/run/systemd/system");
    let comm = read.text().map(|text| text.trim().to_owned()).map_err(ReadError::unknown);
    match (&comm, &booted) {
        // sd_booted(3): the directory is there where systemd is the init system, and only there.
        (_, Ok(_)) => {
            let seen = Proof::new(Evidence::new("/run/systemd/system", "exists"))
                .and_all(comm.ok().map(|c| read.quote(c)));
            Finding::pass(SUBJECT, "running", "systemd is the init system", seen)
        }
        (Ok(comm), Err(e)) if e.is_missing() && !comm.is_empty() => {
            let evidence = [read.quote(&**comm), e.evidence()];
            if required {
                let message = format!("systemd does not run here: process 1 is {comm}");
                return Finding::problem(Severity::Fail, SUBJECT, "not-running", message)
                    .evidence(evidence)
                    .remedy(Remedy::new("Use an image that boots with systemd"));
            }
            let [first, second] = evidence;
            let message = format!("the init system is {comm}, not systemd");
            Finding::pass(SUBJECT, "running", message, Proof::new(first).and(second))
        }
        (Err(why), _) => unknown(SUBJECT, why),
        (_, Err(e)) => unknown(SUBJECT, &e.unknown()),
    }
}

fn systemd(range: &Range, node: &Node) -> Finding {
    const SUBJECT: &str = "systemd";
    let found = match node.systemd() {
        Ok(found) => found,
        Err(why) if why.reason.contains("does not run") => {
            return Finding::not_applicable(SUBJECT, "systemd does not run here", why.evidence.clone());
        }
        Err(why) => return unknown("version of systemd", why),
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

fn architecture(supported: &[String], node: &Node) -> Finding {
    const SUBJECT: &str = "architecture";
    let Some(found) = node.architecture() else {
        return unknown(SUBJECT, &Unknown::new("neither uname nor a kernel in this tree tells it"));
    };
    let seen = Evidence::new("uname", &*found);
    if supported.contains(&found) {
        return Finding::pass(SUBJECT, "supported", format!("this machine is {found}"), seen);
    }
    let message = format!("this machine is {found}, and has to be {}", supported.join(", "));
    Finding::problem(Severity::Fail, SUBJECT, "unsupported", message)
        .evidence([seen])
        .remedy(Remedy::new("Use another machine"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Outcome, node::Memory};

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
        assert_eq!(ask(&with(">=244"), Memory::new())[2].outcome(), &Outcome::NotApplicable);
        assert_eq!(ask(&with(">=244"), systemd())[2].reason(), "unknown");
    }

    #[test]
    fn the_architecture() {
        assert_eq!(ask(&OperatingSystemParams::default(), Memory::new())[2].reason(), "unknown");
        let x86 = Memory::new().file("/proc/sys/kernel/arch", "x86_64\n").as_root();
        assert_eq!(ask(&OperatingSystemParams::default(), x86.clone())[2].reason(), "supported");
        let arm = OperatingSystemParams { architectures: vec!["aarch64".into()], ..Default::default() };
        assert_eq!(ask(&arm, x86)[2].reason(), "unsupported");
    }
}
