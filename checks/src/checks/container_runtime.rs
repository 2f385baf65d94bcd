//! `container-runtime`: A container runtime is there, answers, and is one that the kubelet takes.

mod no_cri;
mod params;
#[cfg(test)]
mod tests;

use params::ContainerRuntimeParams;

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{
        cri::{Asked, Config, Runtime, SOCKETS},
        kubernetes::{CONTAINERD, CRI, RUNTIME_CONFIG, Stage, Step, Subject},
    },
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, Origin},
    range::leading_version,
};
use semver::Version;

/// The check `container-runtime`.
pub struct ContainerRuntime;

impl Check for ContainerRuntime {
    type Params = ContainerRuntimeParams;

    const META: Meta = Meta {
        id: "container-runtime",
        summary: "A container runtime is there, answers, and is one that the kubelet takes",
        since: "0.1.0",
        kubeadm: Some("CRI"),
    };

    fn validate(params: &ContainerRuntimeParams) -> Result<(), String> {
        params.validate()
    }

    fn run(params: &ContainerRuntimeParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let kubernetes = params.kubernetes_version.as_deref().and_then(leading_version);
        let mut case = Case { params, node, kubernetes, severity: Severity::Fail };
        let named = params.path();
        if !named.is_empty() {
            case.socket(named, out);
            return Ok(());
        }
        let mut missing = Vec::new();
        let mut there = Vec::new();
        for socket in SOCKETS {
            match node.kind(socket) {
                Err(e) if e.is_missing() => missing.push(e.evidence()),
                _ => there.push(socket),
            }
        }
        if there.is_empty() {
            out.push(nothing(params.missing, node, missing));
            return Ok(());
        }
        // Beside a runtime that answers, what another one left behind stops nobody.
        let answers = |socket: &&str| matches!(node.container_runtime(socket), Ok(Asked::Runtime(_)));
        if params.ask && there.iter().any(answers) {
            case.severity = Severity::Warn;
        }
        let answers: Vec<_> = there.iter().filter_map(|socket| case.socket(socket, out)).collect();
        if answers.len() > 1 {
            out.push(several(&answers));
        }
        Ok(())
    }
}

/// None of the known sockets is there.
fn nothing(severity: Severity, node: &Node, missing: Vec<Evidence>) -> Finding {
    if node.origin() != Origin::Live {
        let message = "no container runtime runs in a tree";
        return Finding::not_applicable("socket", message, missing);
    }
    Finding::problem(
        severity,
        "socket",
        "no-runtime",
        "no container runtime runs here: none of its sockets is there",
    )
    .note("the kubelet starts no pod without one; kubeadm init and join refuse")
    .evidence(missing)
    .remedy(
        Remedy::new("Install a container runtime before the join, and start it.")
            .command("systemctl enable --now containerd")
            .persistent("kubernetes.io, Container Runtimes"),
    )
}

/// More than one runtime answers, and nobody said which it shall be.
fn several(answers: &[(&str, String)]) -> Finding {
    let list: Vec<String> = answers.iter().map(|(socket, name)| format!("{name} at {socket}")).collect();
    let message = format!("several container runtimes answer: {}", list.join(", "));
    let first = answers.first().map_or(SOCKETS[0], |(socket, _)| socket);
    Finding::problem(Severity::Warn, "sockets", "several", message)
        .note("kubeadm refuses to choose; the kubelet takes the one of containerRuntimeEndpoint")
        .evidence(answers.iter().map(|(socket, name)| Evidence::new(format!("CRI {socket}"), name.clone())))
        .remedy(
            Remedy::new(
                "Say which one it shall be: nodeRegistration.criSocket in kubeadm's file, criSocket here.",
            )
            .command(format!("preflight --set criSocket=unix://{first}")),
        )
}

struct Case<'a> {
    params: &'a ContainerRuntimeParams,
    node: &'a Node,
    kubernetes: Option<Version>,
    /// The most that a socket is worth at which nobody answers.
    severity: Severity,
}

impl Case<'_> {
    /// Judges who listens at a socket. Gives its name where a runtime answers.
    fn socket<'s>(&self, socket: &'s str, out: &mut Findings) -> Option<(&'s str, String)> {
        match self.node.kind(socket) {
            Ok(_) if !self.params.ask => {
                let seen = Evidence::new(socket, "exists");
                out.push(Finding::not_applicable(
                    socket,
                    "runtimes are not to be asked (ask: false)",
                    [seen],
                ));
                return None;
            }
            Err(e) if e.is_missing() => {
                let message = format!("there is no socket at {socket}: the container runtime does not run");
                let problem = Finding::problem(Severity::Fail, socket, "no-socket", message);
                out.push(problem.evidence([e.evidence()]).remedy(start(socket)));
                return None;
            }
            // Whoever may not look may still be let in: connecting tells.
            _ => {}
        }
        let unknown = |why: &Unknown| {
            let message = format!("whether a container runtime works at {socket} could not be determined");
            Finding::undetermined(self.severity, socket, "unknown", message, why)
        };
        let asked = match self.node.container_runtime(socket) {
            Ok(asked) => asked,
            Err(why) => {
                out.push(unknown(&why));
                return None;
            }
        };
        let problem = |reason, message: String, seen: Evidence| {
            Finding::problem(self.severity, socket, reason, message).evidence([seen])
        };
        match asked {
            Asked::Runtime(runtime) => {
                out.push(self.runtime(socket, &runtime));
                if let Some(config) = self.config(&runtime) {
                    out.push(config);
                }
                return Some((socket, format!("{} {}", runtime.name, runtime.version)));
            }
            Asked::Refused(seen) => {
                let message = format!("nobody listens at {socket}: the container runtime is stopped");
                out.push(problem("refused", message, seen).remedy(start(socket)));
            }
            Asked::Hung(seen) => {
                let why = Unknown::new("it gave no answer within a second").tried([seen]);
                let finding = unknown(&why.needs("a runtime that answers: look at its log"));
                // KubeletConfiguration v1beta1, runtimeRequestTimeout: 2m by default.
                out.push(finding.note("a kubelet waits two minutes for it, and gives up"));
            }
            Asked::NoCri(seen) => out.push(no_cri::finding(self.severity, socket, self.node, seen)),
            Asked::NotGrpc(seen) => {
                let message = format!(
                    "who listens at {socket} does not speak gRPC: it is no container runtime for a kubelet"
                );
                let note = "Docker's own socket is none; with Docker Engine the kubelet needs cri-dockerd";
                out.push(problem("not-grpc", message, seen).note(note));
            }
        }
        None
    }

    /// Judges a runtime that answers.
    fn runtime(&self, socket: &str, runtime: &Runtime) -> Finding {
        let name = format!("{} {}", runtime.name, runtime.version);
        let evidence = || runtime.evidence.iter().cloned();
        let problem = |severity, reason, message: String| {
            Finding::problem(severity, socket, reason, message).evidence(evidence())
        };
        if runtime.api != "v1" && self.of(&CRI).is_none_or(|step| step.value == "v1") {
            let message = format!("{name} speaks {} of the CRI only, and the kubelet v1", runtime.api);
            return problem(Severity::Fail, "old-api", message)
                .remedy(Remedy::new("Take a newer runtime: containerd 1.6, CRI-O 1.26, or later."));
        }
        match runtime.condition("RuntimeReady") {
            Some(ready) if !ready.holds => {
                let message = format!("{name} says that it is not ready: {} {}", ready.reason, ready.message);
                return problem(Severity::Fail, "not-ready", message.trim_end().to_owned()).remedy(
                    Remedy::new("Its log says why.").command(format!("journalctl -u {}", service(socket))),
                );
            }
            None if runtime.api == "v1" => {
                let fault = runtime.status_fault.as_deref().unwrap_or("its answer does not say");
                let why = Unknown::new(format!("{name} did not tell its state: {fault}")).tried(evidence());
                let message = format!("whether {name} is ready could not be determined");
                return Finding::undetermined(Severity::Fail, socket, "unknown", message, &why);
            }
            // It is ready, or of a time when nobody asked that.
            _ => {}
        }
        if self.kubernetes.is_some()
            && leading_version(&runtime.version).is_none()
            && has_matrix(&runtime.name)
        {
            let why = Unknown::new(format!("`{}` is no version", runtime.version)).tried(evidence());
            let message =
                format!("whether {} goes with this Kubernetes could not be determined", runtime.name);
            return Finding::undetermined(Severity::Warn, socket, "version-unknown", message, &why);
        }
        if let Some(wanted) = self.too_old(runtime) {
            return problem(
                Severity::Warn,
                "old-version",
                format!("{name} is not among the versions that go with this Kubernetes: {wanted}"),
            )
            .remedy(Remedy::new("Take a version that is tested with it, see the runtime's release notes."));
        }
        let mut seen = evidence();
        let first = seen.next().unwrap_or_else(|| Evidence::new(format!("CRI {socket}"), name.clone()));
        let proof = Proof::new(first).and_all(seen);
        let finding = Finding::pass(socket, "ready", format!("{name} answers and is ready"), proof);
        let network = runtime.condition("NetworkReady").filter(|network| !network.holds);
        finding.notes(network.map(|network| {
            format!(
                "it has no network yet ({} {}): a network plugin comes after the join",
                network.reason, network.message
            )
        }))
    }

    /// What holds for this version of Kubernetes, the newest rules where nobody says which.
    fn of(&self, subject: &'static Subject) -> Option<&'static Step> {
        self.kubernetes.as_ref().map_or_else(|| subject.newest(), |version| subject.at(version))
    }

    /// The versions that would do, where the runtime's is none of them.
    fn too_old(&self, runtime: &Runtime) -> Option<String> {
        let (kubernetes, version) = (self.kubernetes.as_ref()?, leading_version(&runtime.version)?);
        match runtime.name.as_str() {
            // Its minors are those of Kubernetes (cri-o README.md, compatibility matrix).
            "cri-o" => {
                let same = (version.major, version.minor) == (kubernetes.major, kubernetes.minor);
                (!same).then(|| format!("{}.{}", kubernetes.major, kubernetes.minor))
            }
            "containerd" => {
                let tested = CONTAINERD.at(kubernetes)?.value;
                (!is_tested(&version, tested)).then(|| tested.to_owned())
            }
            _ => None,
        }
    }

    /// Whether it tells the kubelet its cgroup driver.
    fn config(&self, runtime: &Runtime) -> Option<Finding> {
        let subject = format!("{}/RuntimeConfig", runtime.name);
        let finding = match &runtime.config {
            Config::Driver(driver) => {
                let mut seen = runtime.evidence.iter().rev().cloned();
                let proof = Proof::new(seen.next()?);
                Finding::pass(
                    subject,
                    "tells-driver",
                    format!("{} tells its cgroup driver: {driver}", runtime.name),
                    proof,
                )
            }
            Config::Unimplemented if self.of(&RUNTIME_CONFIG).is_some_and(is_missed) => {
                let message = format!(
                    "{} {} does not tell its cgroup driver (RuntimeConfig)",
                    runtime.name, runtime.version
                );
                Finding::problem(Severity::Warn, subject, "no-runtime-config", message)
                    .note("the kubelet takes cgroupDriver from its own file then; a later version will refuse to start")
                    .evidence(runtime.evidence.iter().cloned())
                    .remedy(Remedy::new("Take containerd 2.0, CRI-O 1.28, or later."))
            }
            Config::Unimplemented => {
                let message = "a kubelet of this version takes cgroupDriver from its own file";
                Finding::not_applicable(subject, message, runtime.evidence.last().cloned())
            }
            // v1alpha2 has no such question.
            Config::Unknown if runtime.api != "v1" => return None,
            Config::Unknown => {
                let fault =
                    runtime.config_fault.as_deref().unwrap_or("its answer names no driver that is known");
                let why = Unknown::new(fault).tried(runtime.evidence.iter().cloned());
                let message =
                    format!("whether {} tells its cgroup driver could not be determined", runtime.name);
                Finding::undetermined(Severity::Warn, subject, "unknown", message, &why)
            }
        };
        Some(finding.kubeadm("ContainerRuntimeVersion"))
    }
}

/// Whether it is known which versions of this runtime go with which Kubernetes.
fn has_matrix(runtime: &str) -> bool {
    matches!(runtime, "cri-o" | "containerd")
}

/// Whether a version is in a row of those that containerd tests: `2.0.4+, 1.7.24+` are patches from there on, of that minor;
/// what is newer than the whole row is newer than who wrote it.
fn is_tested(version: &Version, row: &str) -> bool {
    let row: Vec<Version> = row.split(", ").filter_map(leading_version).collect();
    let minor = |v: &Version| (v.major, v.minor);
    row.iter().any(|least| minor(least) == minor(version) && least <= version)
        || row.iter().all(|least| minor(least) < minor(version))
}

/// Whether somebody misses RuntimeConfig at this step.
fn is_missed(step: &Step) -> bool {
    step.value == "warned" || step.stage == Stage::Required
}

/// The service whose socket it is.
fn service(socket: &str) -> &'static str {
    match socket.rsplit('/').next() {
        Some("crio.sock") => "crio",
        Some("cri-dockerd.sock") => "cri-docker",
        _ => "containerd",
    }
}

fn start(socket: &str) -> Remedy {
    let service = service(socket);
    Remedy::new("Start the runtime, and look at its log if it does not stay.")
        .command(format!("systemctl start {service}"))
        .persistent(format!("systemctl enable {service}"))
}
