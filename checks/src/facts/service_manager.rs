//! Who starts services on this node, systemd or OpenRC, and what OpenRC says of one.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, Origin, ReadErrorKind},
};

/// The levels of OpenRC that a boot goes through (openrc(8)); `default` is the one that it ends in.
const LEVELS: [&str; 3] = ["default", "boot", "sysinit"];
/// What OpenRC keeps of the services' states while it runs: RC_SVCDIR (OpenRC src/librc/rc.h.in).
const STATES: &str = "/run/openrc";

/// Who starts services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceManager {
    /// systemd.
    Systemd,
    /// OpenRC.
    OpenRc,
}

/// A service of OpenRC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenRcService {
    /// Its script.
    pub script: Evidence,
    /// The link that starts it at boot, where there is one.
    pub level: Option<Evidence>,
}

impl Node {
    /// Who starts services here, with what shows it.
    ///
    /// # Errors
    /// When that is not known, and when it is somebody else, whose services are not looked for.
    pub fn service_manager(&self) -> &Known<(ServiceManager, Vec<Evidence>)> {
        self.fact(|| match self.init() {
            Ok(init) if init.is_systemd => Ok((ServiceManager::Systemd, init.proof.clone().into_evidence())),
            Ok(init) if self.kind("/etc/init.d").is_ok() && self.kind("/etc/runlevels").is_ok() => {
                Ok((ServiceManager::OpenRc, init.proof.clone().into_evidence()))
            }
            Ok(init) => {
                let name = init.name.as_deref().unwrap_or("not known");
                let why = format!("the init system is {name}, whose services are not looked for here");
                Err(Unknown::new(why).tried(init.proof.clone().into_evidence()))
            }
            // A tree is not booted: what is installed in it tells.
            Err(unknown) => self.installed_manager().ok_or_else(|| unknown.clone()),
        })
    }

    fn installed_manager(&self) -> Option<(ServiceManager, Vec<Evidence>)> {
        let places = [
            ("/usr/lib/systemd/systemd", ServiceManager::Systemd),
            ("/lib/systemd/systemd", ServiceManager::Systemd),
            ("/sbin/openrc", ServiceManager::OpenRc),
            ("/usr/bin/openrc", ServiceManager::OpenRc),
        ];
        let is_root = self.origin() == Origin::Root;
        let (place, who) = places.into_iter().find(|(place, _)| is_root && self.kind(place).is_ok())?;
        Some((who, vec![Evidence::new(place, "exists")]))
    }

    /// The service `name` of OpenRC; none where it has no script.
    ///
    /// # Errors
    /// When its script or a level can't be looked at.
    pub fn openrc_service(&self, name: &str) -> Known<Option<OpenRcService>> {
        let path = format!("/etc/init.d/{name}");
        match self.kind(&path) {
            Ok(_) => {}
            Err(e) if e.is_missing() => return Ok(None),
            Err(e) => return Err(e.unknown()),
        }
        let mut level = None;
        for name_of_level in LEVELS {
            let link = format!("/etc/runlevels/{name_of_level}/{name}");
            match self.link(&link) {
                Ok(_) => level = level.or(Some(Evidence::new(link, "exists"))),
                Err(e) if matches!(e.kind, ReadErrorKind::WrongKind(_)) => {
                    level = level.or(Some(Evidence::new(link, "exists")));
                }
                Err(e) if e.is_missing() => {}
                Err(e) => return Err(e.unknown()),
            }
        }
        Ok(Some(OpenRcService { script: Evidence::new(path, "exists"), level }))
    }

    /// In which state OpenRC has a service: `started`, `starting`, `stopping`, `inactive`, `failed`, `stopped`
    /// (RC_SERVICE in OpenRC src/librc/rc.h.in; each is a directory with a link to the script).
    ///
    /// # Errors
    /// When OpenRC does not run here, or its state can't be looked at.
    pub fn openrc_state(&self, name: &str) -> Known<(&'static str, Evidence)> {
        // Written at each change of the level, so it is there where OpenRC runs.
        let level = format!("{STATES}/softlevel");
        if let Err(e) = self.kind(&level) {
            return Err(e.unknown());
        }
        for state in ["started", "starting", "stopping", "inactive", "failed"] {
            let path = format!("{STATES}/{state}/{name}");
            match self.link(&path) {
                Ok(_) => return Ok((state, Evidence::new(path, "exists"))),
                Err(e) if matches!(e.kind, ReadErrorKind::WrongKind(_)) => {
                    return Ok((state, Evidence::new(path, "exists")));
                }
                Err(e) if e.is_missing() => {}
                Err(e) => return Err(e.unknown()),
            }
        }
        Ok(("stopped", Evidence::new(format!("{STATES}/started"), format!("no {name}"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;

    const SYSTEMD: &str = "/usr/lib/systemd/systemd";

    #[test]
    fn who_starts_services() {
        let who =
            |memory: Memory| Node::in_memory(memory).service_manager().as_ref().ok().map(|(who, _)| *who);
        let openrc = Memory::new().file("/proc/1/comm", "init\n").file("/etc/init.d/sshd", "");
        let levels = "/etc/runlevels/default/sshd";
        for (memory, want) in [
            (Memory::new().file("/run/systemd/system/x", ""), Some(ServiceManager::Systemd)),
            (openrc.clone().file(levels, ""), Some(ServiceManager::OpenRc)),
            (openrc, None),
            (Memory::new().file("/proc/1/comm", "runit\n"), None),
            (Memory::new(), None),
            // An image, and the same files on a machine whose init is not known.
            (Memory::new().as_root().file(SYSTEMD, ""), Some(ServiceManager::Systemd)),
            (Memory::new().file(SYSTEMD, ""), None),
            (Memory::new().as_root().file("/sbin/openrc", ""), Some(ServiceManager::OpenRc)),
        ] {
            assert_eq!(who(memory.clone()), want, "{memory:?}");
        }
    }

    #[test]
    fn services_of_openrc() {
        let script = Memory::new().file("/etc/init.d/kubelet", "");
        let ask = |memory: Memory| Node::in_memory(memory).openrc_service("kubelet");
        assert_eq!(ask(Memory::new()).unwrap(), None);
        assert_eq!(ask(script.clone()).unwrap().unwrap().level, None);
        let boot = script.clone().symlink("/etc/runlevels/boot/kubelet", "/etc/init.d/kubelet");
        assert_eq!(ask(boot).unwrap().unwrap().level.unwrap().source, "/etc/runlevels/boot/kubelet");
        let hangs = ReadErrorKind::TimedOut;
        assert!(ask(script.clone().error("/etc/runlevels/boot/kubelet", hangs.clone())).is_err());
        assert!(ask(script.error("/etc/init.d/kubelet", hangs)).is_err());
    }

    #[test]
    fn states_of_openrc() {
        let runs = Memory::new().file("/run/openrc/softlevel", "default\n");
        let ask =
            |memory: Memory| Node::in_memory(memory).openrc_state("kubelet").ok().map(|(state, _)| state);
        let link = |state: &str| {
            runs.clone().symlink(&format!("/run/openrc/{state}/kubelet"), "/etc/init.d/kubelet")
        };
        assert_eq!(ask(runs.clone()), Some("stopped"));
        for state in ["started", "starting", "failed"] {
            assert_eq!(ask(link(state)), Some(state));
        }
        assert_eq!(ask(Memory::new()), None);
        assert_eq!(ask(runs.error("/run/openrc/started/kubelet", ReadErrorKind::TimedOut)), None);
    }
}
