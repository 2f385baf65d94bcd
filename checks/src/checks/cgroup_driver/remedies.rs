//! Which line of which file makes both sides agree.

use super::runtimes::Runtime;
use crate::{
    facts::containerd::Driver,
    finding::{Remedy, Risk},
};

/// Lets a runtime use another driver.
pub(super) fn runtime(runtime: &Runtime, driver: Driver) -> Remedy {
    let (file, name) = (runtime.file.as_str(), driver.as_str());
    let remedy = Remedy::new(format!("Let {} use the cgroup driver {name}, in {file}", runtime.name));
    let remedy = match runtime.name {
        "containerd" => {
            // Without a file a new one is best written in the version that 1.x and 2.x read.
            let plugin = if runtime.format.unwrap_or(2) >= 3 {
                "io.containerd.cri.v1.runtime"
            } else if runtime.format == Some(1) {
                "cri"
            } else {
                "io.containerd.grpc.v1.cri"
            };
            let version = if runtime.format.is_none() { "version = 2\n" } else { "" };
            let section = format!("[plugins.\"{plugin}\".containerd.runtimes.runc.options]");
            let value = driver == Driver::Systemd;
            remedy.persistent(format!("{file}:\n{version}{section}\n  SystemdCgroup = {value}"))
        }
        "crio" => {
            // Pods' monitors go into the pod's cgroup where systemd does not make one for them (crio.conf(5), conmon_cgroup).
            let conmon = if driver == Driver::Cgroupfs { "\nconmon_cgroup = \"pod\"" } else { "" };
            remedy.persistent(format!("{file}:\n[crio.runtime]\ncgroup_manager = \"{name}\"{conmon}"))
        }
        _ => remedy.persistent(format!("{file}:\n{{ \"exec-opts\": [\"native.cgroupdriver={name}\"] }}")),
    };
    remedy.command(format!("systemctl restart {}", runtime.name)).risk(Risk::Service)
}

/// Lets the kubelet use another driver.
pub(super) fn kubelet(file: &str, driver: Driver) -> Remedy {
    let name = driver.as_str();
    Remedy::new(format!("Let the kubelet use the cgroup driver {name}, in {file}, before pods run here"))
        .command("systemctl restart kubelet")
        .persistent(format!("{file}:\ncgroupDriver: {name}"))
        .risk(Risk::Service)
}
