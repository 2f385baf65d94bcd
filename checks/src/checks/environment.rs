//! `environment`: The node is a machine of a kind that can carry the work.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::environment::{Kind, WSL_1},
    finding::{Finding, Findings, Remedy, Severity},
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The node is a machine of a kind that can carry the work.
///
/// ## What it looks at
/// The marks of container managers (/run/systemd/container, the environment of process 1, /.dockerenv), whether this is the
/// first PID namespace, the release of the kernel (WSL), and the firmware's tables and flags of the processor (virtual
/// machines): which of bare metal, VM, container and WSL this is, and by which hypervisor or manager.
///
/// That no mark was seen shows nothing: a machine counts as none of the kinds that are not allowed only where process 2 is
/// the kernel's or the real root of the cgroups is seen, and where the kernel's release could be read whole.
///
/// `allowed` passes, `not-allowed` does not.
///
/// ## Why it matters
/// In a container everything that is looked at may be the host's: modules can't be loaded, most kernel parameters not set,
/// cgroups only as far as they were delegated. LXD, Docker and WSL2 pass many a check and then fail at start. WSL2 boots
/// with both versions of cgroups; WSL 1 has no Linux kernel at all and is never allowed.
///
/// ## How to mend it
/// Run this on the machine that shall be the node, not in a container on it; or from a container on its root:
/// `--root /host`.
///
/// ## Sources
/// systemd, Container Interface and src/basic/virt.c; k0sproject/k0s#5152, #2361 (everything passes inside LXD, Docker,
/// WSL2, and the start fails).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct EnvironmentParams {
    /// The kinds that will do. Default: bare and vm.
    pub allowed: Vec<Kind>,
}

impl Default for EnvironmentParams {
    fn default() -> Self {
        Self { allowed: vec![Kind::Bare, Kind::Vm] }
    }
}

/// The check `environment`.
pub struct EnvironmentCheck;

const SUBJECT: &str = "kind";

impl Check for EnvironmentCheck {
    type Params = EnvironmentParams;

    const META: Meta = Meta {
        id: "environment",
        summary: "The node is a machine of a kind that can carry the work",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &EnvironmentParams) -> Result<(), String> {
        if params.allowed.is_empty() {
            return Err("no kind is allowed; name bare, vm, container or wsl".into());
        }
        if params.allowed.contains(&Kind::Unknown) {
            return Err("what is unknown can't be allowed; `onUnknown` says what becomes of it".into());
        }
        Ok(())
    }

    fn run(params: &EnvironmentParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(judge(params, node));
        Ok(())
    }
}

fn judge(params: &EnvironmentParams, node: &Node) -> Finding {
    let found = node.environment();
    let named = node.environment_name();
    let is_wsl_1 = named.as_ref().is_some_and(|(name, _)| name == WSL_1);
    let by = named.as_ref().map(|(name, _)| format!(" ({name})")).unwrap_or_default();
    let what = match found.kind {
        Kind::Bare => "the machine itself",
        Kind::Vm => "a virtual machine",
        Kind::Container => "a container",
        Kind::Wsl => "the Windows Subsystem for Linux",
        Kind::Unknown => {
            let unknown = Unknown::new("nothing tells whether this is a machine, a VM or a container");
            let message = "what this node runs in could not be determined";
            let unknown = unknown.tried(found.evidence.iter().cloned());
            return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, &unknown);
        }
    };
    // What tells the kind often tells the name, too.
    let more = named.map(|(_, seen)| seen).filter(|seen| !found.evidence.contains(seen));
    let Some(proof) = Proof::of(found.evidence.iter().cloned().chain(more)) else {
        let unknown = Unknown::new("nothing showed it");
        return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", "what this node runs in", &unknown);
    };
    let message = format!("this is {what}{by}");
    // Only the second has a kernel of Linux.
    let hint =
        is_wsl_1.then(|| "WSL 1 has no Linux kernel: no cgroups, no namespaces, no containers".to_owned());
    let proof = match ruled_out(params, found.kind, node) {
        Ok(more) => proof.and_all(more),
        Err(why) => {
            let message = format!("{message}, as far as can be seen; what it is could not be determined");
            return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, &why)
                .evidence(proof.into_evidence());
        }
    };
    if params.allowed.contains(&found.kind) && !is_wsl_1 {
        return Finding::pass(SUBJECT, "allowed", message, proof);
    }
    let allowed: Vec<&str> =
        params.allowed.iter().map(|kind| if *kind == Kind::Wsl { "WSL 2" } else { kind.as_str() }).collect();
    let remedy = match found.kind {
        Kind::Container => {
            Remedy::new("Run it on the machine itself, or from a container on the machine's root")
                .command("preflight --root /host")
        }
        Kind::Wsl if is_wsl_1 => Remedy::new("Convert the distribution to WSL 2, from Windows")
            .command("wsl.exe --set-version DISTRIBUTION 2"),
        _ => Remedy::new("Use another machine, or allow this kind in the policy"),
    };
    Finding::problem(
        Severity::Fail,
        SUBJECT,
        "not-allowed",
        format!("{message}, and has to be {}", allowed.join(" or ")),
    )
    .evidence(proof.into_evidence())
    .notes(hint)
    .remedy(remedy)
}

/// What shows that a machine is not of a kind that looks the same from inside, where the verdict would be another.
fn ruled_out(params: &EnvironmentParams, kind: Kind, node: &Node) -> Result<Vec<Evidence>, Unknown> {
    let mut evidence = Vec::new();
    if matches!(kind, Kind::Bare | Kind::Vm) {
        let allowed = |kind| params.allowed.contains(&kind);
        if allowed(kind) != allowed(Kind::Container) {
            evidence.push(node.outside_containers()?);
        }
        if allowed(kind) != allowed(Kind::Wsl) {
            evidence.push(node.outside_wsl()?);
        }
    }
    Ok(evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, ReadErrorKind},
    };

    fn ask(allowed: &[Kind], memory: Memory) -> Finding {
        let params = EnvironmentParams { allowed: allowed.to_vec() };
        let mut out = Findings::default();
        EnvironmentCheck::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    #[test]
    fn every_verdict() {
        let docker = || Memory::new().file("/run/systemd/container", "docker\n");
        let found = ask(&[Kind::Bare, Kind::Vm], docker());
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "not-allowed"));
        assert!(found.message().contains("a container (docker)"), "{}", found.message());
        assert_eq!(found.mend().unwrap().commands, ["preflight --root /host"]);
        assert_eq!(ask(&[Kind::Container], docker()).reason(), "allowed");
        let wsl = Memory::new().file("/proc/sys/kernel/osrelease", "5.15.167.4-microsoft-standard-WSL2\n");
        assert_eq!(ask(&[Kind::Bare], wsl.clone()).reason(), "not-allowed");
        assert_eq!(ask(&[Kind::Wsl], wsl).reason(), "allowed");
        let first = Memory::new().file("/proc/sys/kernel/osrelease", "4.4.0-19041-Microsoft\n");
        let found = ask(&[Kind::Wsl], first);
        assert_eq!(found.reason(), "not-allowed");
        assert!(found.mend().unwrap().commands[0].contains("--set-version"), "{found:?}");
        assert!(matches!(ask(&[Kind::Bare], Memory::new()).outcome(), Outcome::Undetermined(_)));
    }

    #[test]
    fn a_machine_is_shown_to_be_neither_container_nor_wsl() {
        let vm = || {
            Memory::new()
                .file("/sys/class/dmi/id/sys_vendor", "QEMU\n")
                .file("/proc/2/comm", "kthreadd\n")
                .file("/proc/sys/kernel/osrelease", "6.12.107+deb13-amd64\n")
                .as_root()
        };
        let usual = [Kind::Bare, Kind::Vm];
        assert_eq!(ask(&usual, vm()).reason(), "allowed");
        for memory in [
            vm().without("/proc/2/comm"),
            vm().without("/proc/sys/kernel/osrelease"),
            vm().file("/proc/sys/kernel/osrelease", "5.15.167.4-micro"),
        ] {
            assert_eq!(ask(&usual, memory).reason(), "unknown");
        }
        let all = [Kind::Bare, Kind::Vm, Kind::Container, Kind::Wsl];
        assert_eq!(ask(&all, vm().without("/proc/2/comm")).reason(), "allowed");
        assert_eq!(ask(&[Kind::Container], vm()).reason(), "not-allowed");
        assert_eq!(ask(&[Kind::Container], vm().without("/proc/2/comm")).reason(), "unknown");
        // A mark may have been left behind in an image: process 2 would tell.
        let marked = Memory::new().file("/.dockerenv", "");
        let inside = marked.clone().file("/proc/2/comm", "sh\n");
        assert_eq!(ask(&[Kind::Container], inside).reason(), "allowed");
        let shut = marked.error("/proc/2/comm", ReadErrorKind::Denied("EACCES"));
        assert_eq!(ask(&[Kind::Container], shut).reason(), "unknown");
    }

    #[test]
    fn nothing_is_told_twice() {
        let dmi = "/sys/class/dmi/id";
        let vm = Memory::new()
            .file(&format!("{dmi}/sys_vendor"), "QEMU\n")
            .file(&format!("{dmi}/product_name"), "Standard PC (Q35 + ICH9, 2009)\n");
        let docker = Memory::new().file("/.dockerenv", "").file("/proc/2/comm", "sh\n");
        for (memory, pieces) in [
            (Memory::new().file("/run/systemd/container", "docker\n"), 1),
            (Memory::new().file("/proc/1/environ", "A=b\0container=podman\0"), 1),
            (docker, 1),
            (vm, 2),
        ] {
            let found = ask(&[Kind::Bare, Kind::Vm, Kind::Container, Kind::Wsl], memory);
            assert_eq!(found.all_evidence().len(), pieces, "{found:?}");
        }
    }

    #[test]
    fn parameters() {
        assert!(EnvironmentCheck::validate(&EnvironmentParams { allowed: vec![] }).is_err());
        assert!(EnvironmentCheck::validate(&EnvironmentParams { allowed: vec![Kind::Unknown] }).is_err());
    }
}
