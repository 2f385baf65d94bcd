//! The namespaces that the running kernel has, and how many a user may make.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A type of namespace, by its name in /proc/PID/ns (namespaces(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Namespace {
    /// Mounts (Linux 2.4.19, in every kernel).
    Mnt,
    /// Host name (2.6.19).
    Uts,
    /// System V IPC and POSIX message queues (2.6.19).
    Ipc,
    /// Process ids (2.6.24).
    Pid,
    /// Network devices, addresses, ports, firewalls (2.6.29).
    Net,
    /// User and group ids (3.8).
    User,
    /// The root of the visible control groups (4.6).
    Cgroup,
    /// Boot and monotonic clocks (5.6).
    Time,
}

impl Namespace {
    /// Its name in /proc/PID/ns, in a policy and in a finding's id.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mnt => "mnt",
            Self::Uts => "uts",
            Self::Ipc => "ipc",
            Self::Pid => "pid",
            Self::Net => "net",
            Self::User => "user",
            Self::Cgroup => "cgroup",
            Self::Time => "time",
        }
    }

    /// The option that builds it (init/Kconfig), where it has one of its own: mount namespaces are in every
    /// kernel, cgroup namespaces come with `CONFIG_CGROUPS` (kernel/cgroup/Makefile).
    #[must_use]
    pub fn option(self) -> Option<&'static str> {
        match self {
            Self::Mnt => None,
            Self::Uts => Some("CONFIG_UTS_NS"),
            Self::Ipc => Some("CONFIG_IPC_NS"),
            Self::Pid => Some("CONFIG_PID_NS"),
            Self::Net => Some("CONFIG_NET_NS"),
            Self::User => Some("CONFIG_USER_NS"),
            Self::Cgroup => Some("CONFIG_CGROUPS"),
            Self::Time => Some("CONFIG_TIME_NS"),
        }
    }

    /// The file that limits how many of them each user may make, within one user namespace (namespaces(7);
    /// Documentation/admin-guide/sysctl/user.rst; Linux 4.9). The limit binds root, too.
    #[must_use]
    pub fn limit_path(self) -> String {
        format!("/proc/sys/user/max_{}_namespaces", self.as_str())
    }
}

/// The namespaces that a process of the running kernel has: proof that the kernel has these types, and no other.
#[derive(Debug)]
pub struct Namespaces {
    path: String,
    names: Vec<String>,
}

impl Namespaces {
    /// Whether the kernel has this type.
    #[must_use]
    pub fn has(&self, namespace: Namespace) -> bool {
        self.names.iter().any(|n| n == namespace.as_str())
    }

    /// What the directory shows of it.
    #[must_use]
    pub fn evidence(&self, namespace: Namespace) -> Evidence {
        let name = namespace.as_str();
        let observed = if self.has(namespace) {
            name.to_owned()
        } else {
            format!("holds {}, no {name}", self.names.join(", "))
        };
        Evidence::new(&self.path, observed)
    }
}

impl Node {
    /// The namespaces of a process, as /proc/PID/ns lists them.
    pub fn namespaces(&self) -> &Known<Namespaces> {
        self.fact(|| {
            let path = self.proc_self("ns");
            let names = self.list(&path).map_err(|e| {
                let unknown = e.unknown();
                if e.is_missing() { unknown.needs("run on the machine itself") } else { unknown }
            })?;
            // Every kernel has mount namespaces: a directory without them is not the kernel's.
            if !names.iter().any(|n| n == Namespace::Mnt.as_str()) {
                let seen = Evidence::new(&path, names.join(", "));
                return Err(Unknown::new(format!("{path} is not what the kernel shows")).tried([seen]));
            }
            Ok(Namespaces { path, names })
        })
    }

    /// How many namespaces of this type a user may make. `None`: this kernel (before 4.9) has no such limit.
    ///
    /// # Errors
    /// When the limit can't be read, or is no number.
    pub fn namespace_limit(&self, namespace: Namespace) -> Known<Option<(u64, Evidence)>> {
        let read = self.read(&namespace.limit_path());
        if read.is_missing()
            && let Ok(release) = self.kernel_release()
            && release.version < semver::Version::new(4, 9, 0)
        {
            return Ok(None);
        }
        let text = read.text().map_err(ReadError::unknown)?;
        let limit = text.trim();
        match limit.parse() {
            Ok(number) => Ok(Some((number, read.quote(limit)))),
            Err(_) => Err(Unknown::new(format!("{} holds no number", read.path())).tried([read.evidence()])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    const NS: &str = "/proc/self/ns";

    #[test]
    fn what_the_directory_lists() {
        let memory = Memory::new().file(&format!("{NS}/mnt"), "").file(&format!("{NS}/uts"), "");
        let node = Node::in_memory(memory);
        let found = node.namespaces().as_ref().unwrap();
        assert!(found.has(Namespace::Uts) && !found.has(Namespace::Time));
        assert_eq!(found.evidence(Namespace::Time).observed, "holds mnt, uts, no time");
        for memory in [
            Memory::new(),
            Memory::new().error(NS, ReadErrorKind::Denied("EACCES")),
            Memory::new().file(&format!("{NS}/x"), ""),
        ] {
            assert!(Node::in_memory(memory).namespaces().is_err());
        }
    }

    #[test]
    fn limits() {
        let path = Namespace::User.limit_path();
        let limit =
            |m: Memory| Node::in_memory(m).namespace_limit(Namespace::User).map(|l| l.map(|(n, _)| n));
        assert_eq!(limit(Memory::new().file(&path, "96365\n")), Ok(Some(96365)));
        assert!(limit(Memory::new().file(&path, "many\n")).is_err());
        assert!(limit(Memory::new().error(&path, ReadErrorKind::Denied("EACCES"))).is_err());
        let release = "/proc/sys/kernel/osrelease";
        assert_eq!(limit(Memory::new().file(release, "4.4.0-210-generic")), Ok(None));
        assert!(limit(Memory::new().file(release, "6.1.0-56-amd64")).is_err(), "an incomplete tree");
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let memory = Memory::new().file(&Namespace::Pid.limit_path(), &bytes);
            let _ = Node::in_memory(memory).namespace_limit(Namespace::Pid);
        }
    }
}
