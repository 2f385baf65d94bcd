//! `runtime-config`: What a container runtime's own configuration says that keeps it from serving a kubelet well.

mod sandbox;

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{
        containerd::{self, Containerd, Problem, Setting},
        crio::{self, Crio},
    },
    finding::{Finding, Findings, Remedy, Risk, Severity},
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// What a container runtime's own configuration says that keeps it from serving a kubelet well.
///
/// ## What it looks at
/// The configuration of containerd (the file that its unit names, or /etc/containerd/config.toml, and what it imports) and
/// of CRI-O (/etc/crio/crio.conf and crio.conf.d). Whether it can be read, in a version of the format that the containerd
/// here knows; whether the CRI plugin is switched on; the image of sandboxes; where data is kept, and by which snapshotter.
///
/// A file that is no TOML, or of a version that is too new, fails (`invalid`, `too-new`), and so does a CRI plugin that is
/// switched off (`disabled`). Another image of sandboxes than kubeadm's warns (`differs`).
///
/// ## Why it matters
/// A runtime does not start with a file that it can't read. Without its CRI plugin containerd runs, and a kubelet gets no
/// answer from it: the package of Docker switches it off. An image that is not kubeadm's is pulled once more at the first
/// pod, and may be out of reach where images are brought beforehand; kubeadm says so in its log only.
///
/// ## How to mend it
/// `containerd config dump` shows what containerd makes of its files. Take the CRI plugin out of disabled_plugins, set
/// sandbox_image (version 3: pinned_images.sandbox), and restart containerd.
///
/// ## Sources
/// containerd, cmd/containerd/server/config/config.go (2.x: all versions up to its own are migrated) and
/// services/server/config/config.go (1.7: `unsupported config version`), RELEASES.md, docs/cri/config.md; the package
/// containerd.io of Docker; CRI-O, pkg/config/config.go; kubeadm, cmd/kubeadm/app/preflight/checks.go (ImagePullCheck).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct RuntimeConfigParams {
    /// The image of sandboxes that the kubelet's own tools bring, with its tag: `registry.k8s.io/pause:3.10`. Default: not
    /// known, and the image is told only.
    pub pause_image: Option<String>,
}

/// The check `runtime-config`.
pub struct RuntimeConfig;

/// What every question to a runtime without its CRI plugin follows from (law 6).
pub(super) const DISABLED: &str = "cri-disabled";

impl Check for RuntimeConfig {
    type Params = RuntimeConfigParams;

    const META: Meta = Meta {
        id: "runtime-config",
        summary: "The container runtime's own configuration lets it serve a kubelet",
        since: "0.1.0",
        kubeadm: None,
    };

    fn run(params: &RuntimeConfigParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let pause = params.pause_image.as_deref();
        if let Some(here) = node.containerd() {
            out.push(containerd_file(here));
            if here.problem.is_none() {
                out.push(plugin(here, node));
                out.push(sandbox::judge("containerd", &here.text(Setting::SandboxImage), pause, &here.path));
                out.push(storage(here));
            }
        }
        if let Some(here) = node.crio() {
            out.push(crio_file(here));
            if here.problem.is_none() {
                let image = here.text(&["image", "pause_image"]);
                out.push(sandbox::judge("crio", &image, pause, crio::CONFIG));
            }
        }
        if out.is_empty() {
            let message = "neither containerd nor CRI-O is found, so their configuration is not judged";
            let places = [containerd::PROGRAMS[0], containerd::CONFIG, crio::PROGRAMS[0], "/etc/crio"];
            let seen = places.map(|place| Evidence::new(place, "does not exist"));
            out.push(Finding::not_applicable("runtime", message, seen));
        }
        Ok(())
    }
}

fn invalid(subject: &str, program: &str, problem: &Problem) -> Finding {
    let message = format!("{program} does not start with {}: {}", problem.path, problem.message);
    Finding::problem(Severity::Fail, subject, "invalid", message)
        .evidence([problem.evidence.clone()])
        .remedy(
            Remedy::new(format!("Mend {}", problem.path))
                .command(format!("systemctl restart {subject}"))
                .risk(Risk::Service),
        )
        .causes(format!("unknown: {}: {}", problem.path, problem.message))
}

/// Whether containerd takes its files.
fn containerd_file(here: &Containerd) -> Finding {
    const SUBJECT: &str = "containerd";
    if let Some(problem) = &here.problem {
        return invalid(SUBJECT, "containerd", problem);
    }
    if let Some(unknown) = &here.unknown {
        let message = "how containerd is configured could not be determined";
        return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, unknown);
    }
    let Some(version) = here.version() else {
        let message = format!("containerd has no {}, and takes its defaults", here.path);
        let proof = Proof::new(here.seen.clone()).and(Evidence::new(&here.path, "does not exist"));
        return Finding::pass(SUBJECT, "defaults", message, proof);
    };
    // 1.x takes version 2 at most (ValidateV2()).
    if let Some((1, seen)) = &here.major
        && version.value > 2
    {
        let message = format!(
            "containerd 1.x does not start with {}: it is of version {} of the format, and 1.x knows 2",
            here.path, version.value
        );
        return Finding::problem(Severity::Fail, SUBJECT, "too-new", message)
            .evidence([version.seen, seen.clone()])
            .remedy(
                Remedy::new("Install containerd 2, or write the file anew in version 2 of the format")
                    .command(format!("containerd config default > {}", here.path))
                    .command("systemctl restart containerd")
                    .risk(Risk::Service),
            );
    }
    let files: Vec<&str> = here.files.iter().map(|file| file.path.as_str()).collect();
    let message = format!("containerd's configuration can be read: {}", files.join(", "));
    let finding = Finding::pass(SUBJECT, "readable", message, Proof::new(version.seen));
    let long = ["plugins", "io.containerd.grpc.v1.cri"];
    if version.value == 1 && here.files.iter().any(|file| file.at(&long).is_some()) {
        return finding.note(
            "it does not say its version, which makes it version 1: containerd 1.x then passes over the section \
             io.containerd.grpc.v1.cri; write `version = 2` into its first line",
        );
    }
    finding
}

fn crio_file(here: &Crio) -> Finding {
    const SUBJECT: &str = "crio";
    if let Some(problem) = &here.problem {
        return invalid(SUBJECT, "CRI-O", problem);
    }
    if let Some(unknown) = &here.unknown {
        let message = "how CRI-O is configured could not be determined";
        return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, unknown);
    }
    let files = here.files.iter().map(|file| Evidence::new(&file.path, "can be read"));
    let message = format!("CRI-O's configuration can be read: {} files", here.files.len());
    Finding::pass(SUBJECT, "readable", message, Proof::new(here.seen.clone()).and_all(files))
}

/// Whether containerd serves the CRI.
fn plugin(here: &Containerd, node: &Node) -> Finding {
    const SUBJECT: &str = "cri-plugin";
    match here.cri_disabled() {
        Err(unknown) => {
            let message = "whether containerd's CRI plugin is switched on could not be determined";
            Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, &unknown)
        }
        Ok(None) => {
            let seen = Evidence::new(&here.path, "disabled_plugins does not name the CRI plugin");
            Finding::pass(SUBJECT, "enabled", "containerd's CRI plugin is not switched off", Proof::new(seen))
        }
        Ok(Some(off)) => {
            if let Some(seen) = node.cri_dockerd() {
                let message =
                    "containerd's CRI plugin is switched off, and Docker serves the kubelet by cri-dockerd";
                return Finding::not_applicable(SUBJECT, message, [off.seen, seen]);
            }
            let message = format!(
                "containerd's CRI plugin is switched off ({} in disabled_plugins): a kubelet gets no answer",
                off.name
            );
            Finding::problem(Severity::Fail, SUBJECT, "disabled", message)
                .evidence([off.seen])
                .note("the package containerd.io of Docker comes with it so")
                .remedy(
                    Remedy::new(format!("Take \"{}\" out of disabled_plugins in {}", off.name, off.path))
                        .command(format!(
                            "sed -i '/^disabled_plugins/s/\"{}\",\\? \\?//' {}",
                            off.name, off.path
                        ))
                        .command("systemctl restart containerd")
                        .risk(Risk::Service),
                )
                .causes(DISABLED)
                .kubeadm("CRI")
        }
    }
}

/// Where containerd keeps images and containers: told, so that the rules about disks name the same place.
fn storage(here: &Containerd) -> Finding {
    const SUBJECT: &str = "storage";
    const ROOT: &str = "/var/lib/containerd";
    let (root, by) = match (here.top("root"), here.text(Setting::Snapshotter)) {
        (Ok(root), Ok(by)) => (root, by),
        (Err(unknown), _) | (_, Err(unknown)) => {
            let message = "where containerd keeps its data could not be determined";
            return Finding::undetermined(Severity::Warn, SUBJECT, "unknown", message, &unknown);
        }
    };
    let place = root.as_ref().map_or(ROOT, |root| &root.value);
    let snapshotter = by.as_ref().map_or("overlayfs", |by| &by.value);
    let message = format!("containerd keeps its data in {place}, by the snapshotter {snapshotter}");
    let seen =
        root.as_ref().map(|root| root.seen.clone()).into_iter().chain(by.as_ref().map(|by| by.seen.clone()));
    let proof = Proof::of(seen).unwrap_or_else(|| {
        Proof::new(Evidence::new(&here.path, format!("no root and no snapshotter: {ROOT}, overlayfs")))
    });
    let finding = Finding::pass(SUBJECT, "told", message, proof);
    if place == ROOT {
        return finding;
    }
    finding.note(format!("the rules data-directory and disk-space judge {ROOT} unless they name {place}"))
}

#[cfg(test)]
mod tests;
