//! The container runtimes of this node, and the cgroup driver of each.

use crate::{
    evidence::Evidence,
    facts::{
        Known,
        containerd::{self, Driver, Found},
        cri::{self, Asked, Config},
        crio, docker,
    },
    node::Node,
};

/// A runtime and its driver.
#[derive(Debug)]
pub(super) struct Runtime {
    /// containerd, crio, docker.
    pub(super) name: &'static str,
    /// The file that sets the driver.
    pub(super) file: String,
    /// The version of the format of containerd's configuration, where there is a file.
    pub(super) format: Option<i128>,
    /// By which driver it makes cgroups.
    pub(super) driver: Known<Found<Driver>>,
    /// Whether it is known to tell its driver to a kubelet (RuntimeConfig of the CRI: containerd 2.0).
    pub(super) tells_driver: bool,
}

impl Runtime {
    /// Takes what the runtime answers to RuntimeConfig in the place of what its files and its version let expect.
    fn ask(&mut self, node: &Node) {
        let socket = match self.name {
            "crio" => cri::SOCKETS[1],
            "docker" => cri::SOCKETS[2],
            _ => cri::SOCKETS[0],
        };
        if node.kind(socket).is_err() {
            return;
        }
        let Ok(Asked::Runtime(answer)) = node.container_runtime(socket) else { return };
        match &answer.config {
            Config::Driver(driver) => {
                let (Some(value), Some(seen)) = (Driver::named(driver), answer.evidence.last()) else {
                    return;
                };
                self.driver = Ok(Found { value, seen: seen.clone() });
                self.tells_driver = true;
            }
            Config::Unimplemented => self.tells_driver = false,
            Config::Unknown => {}
        }
    }
}

/// Where runtimes were looked for.
pub(super) fn looked_for() -> Vec<Evidence> {
    let places =
        [containerd::PROGRAMS[0], containerd::CONFIG, crio::PROGRAMS[0], "/etc/crio", docker::PROGRAMS[0]];
    places.map(|place| Evidence::new(place, "does not exist")).to_vec()
}

/// All of them, or that alone which the kubelet is told to use. With `ask` each says its driver itself, if it can: that
/// counts, and not what its files say.
pub(super) fn find(ask: bool, node: &Node) -> Vec<Runtime> {
    let mut found = Vec::new();
    found.extend(containerd_here(node));
    found.extend(crio_here(node));
    found.extend(docker_here(node));
    if ask {
        for runtime in &mut found {
            runtime.ask(node);
        }
    }
    if found.len() < 2 {
        return found;
    }
    let endpoint = node.kubelet().text("containerRuntimeEndpoint").ok().flatten();
    let used = endpoint.and_then(|endpoint| {
        let has = |part: &str| endpoint.value.contains(part);
        // cri-dockerd before containerd: Docker brings the latter with it.
        let names = [("dockerd", "docker"), ("crio", "crio"), ("containerd", "containerd")];
        names.into_iter().find(|(part, _)| has(part)).map(|(_, name)| name)
    });
    if let Some(used) = used.filter(|used| found.iter().any(|runtime| runtime.name == *used)) {
        found.retain(|runtime| runtime.name == used);
    }
    found
}

/// containerd, unless it is only there for Docker: its CRI plugin is switched off.
fn containerd_here(node: &Node) -> Option<Runtime> {
    let here = node.containerd()?;
    if matches!(here.cri_disabled(), Ok(Some(_))) && node.cri_dockerd().is_some() {
        return None;
    }
    Some(Runtime {
        name: "containerd",
        file: here.path.clone(),
        format: here.version().map(|version| version.value),
        driver: here.driver(),
        tells_driver: here.major.as_ref().is_some_and(|(major, _)| *major >= 2),
    })
}

fn crio_here(node: &Node) -> Option<Runtime> {
    let here = node.crio()?;
    Some(Runtime {
        name: "crio",
        // What sorts last counts most.
        file: format!("{}/99-cgroup-manager.conf", crio::DROP_INS),
        format: None,
        driver: here.driver(),
        tells_driver: false,
    })
}

fn docker_here(node: &Node) -> Option<Runtime> {
    node.cri_dockerd()?;
    let driver = node.docker_driver().and_then(|told| match told {
        Some(told) => Ok(told),
        None => by_default(node),
    });
    Some(Runtime {
        name: "docker",
        file: docker::CONFIG.to_owned(),
        format: None,
        driver,
        tells_driver: false,
    })
}

/// systemd where that runs and the cgroups are v2 (moby, daemon/daemon_unix.go, UsingSystemd()).
fn by_default(node: &Node) -> Known<Found<Driver>> {
    let layout = node.cgroup_layout().as_ref().map_err(Clone::clone)?;
    let init = node.init().as_ref().map_err(Clone::clone)?;
    let is_v2 = layout.kind == crate::facts::cgroup::LayoutKind::V2;
    let value = if is_v2 && init.is_systemd { Driver::Systemd } else { Driver::Cgroupfs };
    let observed = format!("no native.cgroupdriver, whose default is {} here", value.as_str());
    Ok(Found { value, seen: Evidence::new(docker::CONFIG, observed) })
}
