//! The kubelet as it is set up here: its unit, the flags that it is started with, its configuration file and drop-ins.

pub mod buildinfo;
mod config;
mod flags;
mod settings;
mod version;

pub use config::{ConfigFile, Problem};
pub use flags::Flag;
pub use settings::Found;
pub(crate) use version::MILLIS;
pub use version::{Program, Told, Version};

use super::{
    Known,
    systemd_unit::{Command, Unit},
};
use crate::{evidence::Unknown, node::Node};
use std::rc::Rc;

/// The configuration that kubeadm writes, and its packages' drop-in names (kubernetes/release,
/// cmd/krel/templates/latest/kubeadm/10-kubeadm.conf).
pub const CONFIG: &str = "/var/lib/kubelet/config.yaml";
/// What kubeadm gives the kubelet on its command line (cmd/kubeadm/app/constants, KubeletEnvFileName).
const FLAGS: &str = "/var/lib/kubelet/kubeadm-flags.env";
/// The unit of every package and distribution that has one of its own for it.
pub const UNIT: &str = "kubelet.service";

/// The kubelet as it is set up here.
#[derive(Debug)]
pub struct Kubelet {
    /// Its unit; none where no directory of systemd has one.
    pub unit: Known<Option<Rc<Unit>>>,
    /// What the unit starts, if it starts a program called kubelet.
    pub command: Option<Command>,
    /// What the unit starts instead: a script, hyperkube.
    pub wrapper: Option<String>,
    /// The flags, in order; a later one goes before an earlier one.
    pub flags: Known<Vec<Flag>>,
    /// Where the configuration file is, or would be.
    pub path: String,
    /// The configuration file and then its drop-ins, in the order in which they count.
    pub files: Vec<ConfigFile>,
    /// What shows that this node has joined a cluster, although the configuration that the kubelet is told to read is gone.
    pub lost: Option<String>,
    /// Why the configuration is not known, if one of its files could not be read, or does not parse.
    pub unknown: Option<Unknown>,
}

impl Kubelet {
    /// Whether there is nothing of it at all: no unit, no configuration.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self.unit, Ok(None)) && self.files.is_empty() && self.unknown.is_none()
    }

    /// What is wrong with the configuration's files.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.files.iter().filter_map(|file| file.problem.as_ref())
    }
}

impl Node {
    /// The kubelet as it is set up here; found out once.
    #[must_use]
    pub fn kubelet(&self) -> &Kubelet {
        self.fact(|| self.find_kubelet())
    }

    fn find_kubelet(&self) -> Kubelet {
        let unit = self.systemd_unit(UNIT);
        let mut kubelet = Kubelet {
            unit: unit.clone(),
            command: None,
            wrapper: None,
            flags: Ok(Vec::new()),
            path: CONFIG.to_owned(),
            files: Vec::new(),
            lost: None,
            unknown: None,
        };
        match unit {
            Ok(Some(unit)) if unit.masked.is_none() => match self.service_command(&unit) {
                Ok(Some(command)) if command.program.rsplit('/').next() == Some("kubelet") => {
                    kubelet.flags = Ok(flags::of(&command.arguments));
                    kubelet.command = Some(command);
                }
                Ok(Some(command)) => {
                    let why =
                        format!("{} starts {}, whose flags can't be told", unit.fragment, command.program);
                    kubelet.flags = Err(Unknown::new(why).tried([unit.evidence()]));
                    kubelet.wrapper = Some(command.program);
                }
                Ok(None) => kubelet.flags = self.flags_of_kubeadm(),
                Err(unknown) => kubelet.flags = Err(unknown),
            },
            Ok(_) => kubelet.flags = self.flags_of_kubeadm(),
            Err(unknown) => kubelet.flags = Err(unknown),
        }
        self.add_configuration(&mut kubelet);
        kubelet
    }

    /// Without a unit, what kubeadm wrote for one.
    fn flags_of_kubeadm(&self) -> Known<Vec<Flag>> {
        let read = self.read(FLAGS);
        match read.text() {
            Ok(text) => Ok(flags::of_file(FLAGS, &text)),
            Err(e) if e.is_missing() => Ok(Vec::new()),
            Err(e) => Err(e.unknown()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
