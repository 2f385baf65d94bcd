//! The init system, the version of systemd on this node, and what that version does with cgroup v1.

use super::Known;
use crate::{
    evidence::{Evidence, Proof, Unknown},
    node::{Node, Origin},
};

/// The directory that systemd makes where it is the init system.
const BOOTED: &str = "/run/systemd/system";

/// The systemd that is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Systemd {
    /// Its version: 257.
    pub version: u32,
    /// By what that is known.
    pub evidence: Evidence,
}

/// What a systemd does when cgroup v1 (legacy or hybrid) is asked for on the kernel command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legacy {
    /// It boots into it: up to 255.
    Boots,
    /// It refuses to boot unless forced: 256 (NEWS of 256; systemd/systemd#31442).
    Refuses,
    /// It says so and boots into v2 unless forced: 257 (systemd/systemd#34999).
    Ignores,
    /// It has no support for v1 left: 258 and later (NEWS of 258).
    Removed,
}

impl Legacy {
    /// What systemd `version` does.
    #[must_use]
    pub fn of(version: u32) -> Self {
        match version {
            ..256 => Self::Boots,
            256 => Self::Refuses,
            257 => Self::Ignores,
            _ => Self::Removed,
        }
    }
}

/// The init system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Init {
    /// Whether it is systemd.
    pub is_systemd: bool,
    /// The name of process 1, where it could be read.
    pub name: Option<String>,
    /// By what that is known.
    pub proof: Proof,
}

impl Node {
    /// The init system.
    ///
    /// # Errors
    /// When neither the directory by which systemd shows that it runs nor the name of process 1 tells it.
    pub fn init(&self) -> &Known<Init> {
        self.fact(|| {
            let comm = self.read("/proc/1/comm");
            let name = comm.text().ok().map(|text| text.trim().to_owned()).filter(|name| !name.is_empty());
            let seen = name.as_ref().map(|name| comm.quote(name));
            // sd_booted(3): the directory is there where systemd is the init system, and only there.
            let Err(error) = self.kind(BOOTED) else {
                let proof = Proof::new(Evidence::new(BOOTED, "exists")).and_all(seen);
                return Ok(Init { is_systemd: true, name, proof });
            };
            let Some(seen) = seen else {
                let empty = || Unknown::new("/proc/1/comm is empty").tried([comm.evidence()]);
                return Err(comm.unknown().unwrap_or_else(empty).tried([error.evidence()]));
            };
            // Process 1 of systemd calls itself so (src/core/main.c, PR_SET_NAME), whatever its file is called.
            let is_systemd = name.as_deref() == Some("systemd");
            let missing = error.is_missing();
            if is_systemd && missing && self.origin() == Origin::Live {
                // A container that shares the host's process ids.
                let why = Unknown::new(format!("process 1 is called systemd, and {BOOTED} does not exist"));
                return Err(why.tried([seen, error.evidence()]));
            }
            // A tree may have no /run, and a user no way into it; the name of another init says nothing of /run then.
            if !is_systemd && !missing {
                return Err(error.unknown().tried([seen]));
            }
            Ok(Init { is_systemd, name, proof: Proof::new(seen).and(error.evidence()) })
        })
    }

    /// The systemd that is installed, by the name of its library of internal code: `libsystemd-shared-257.so`,
    /// `libsystemd-shared-256.4-1.fc41.so`. One directory has to be listed for it, at most three.
    ///
    /// # Errors
    /// Where another init system runs: the version of what lies there then means nothing. Where that is not known, and
    /// where no such library is found.
    pub fn systemd(&self) -> &Known<Systemd> {
        self.fact(|| {
            // An image that is not booted has no init system that runs.
            if self.origin() == Origin::Live {
                let init = self.init().as_ref().map_err(Clone::clone)?;
                if !init.is_systemd {
                    let why = Unknown::new("systemd does not run here");
                    return Err(why.tried(init.proof.clone().into_evidence()));
                }
            }
            let mut tried = Vec::new();
            for directory in directories(self) {
                match self.list(&directory) {
                    Ok(names) => {
                        if let Some(found) = newest(&names, &directory) {
                            return Ok(found);
                        }
                        tried.push(Evidence::new(directory, "no libsystemd-shared-*.so"));
                    }
                    Err(e) => tried.push(e.evidence()),
                }
            }
            Err(Unknown::new("the version of systemd could not be told from the name of its library")
                .tried(tried))
        })
    }
}

/// Where distributions keep the library: `-Dpkglibdir` is /usr/lib/systemd, or Debian's directory of the architecture.
fn directories(node: &Node) -> Vec<String> {
    let mut directories = Vec::new();
    let triplet = match node.architecture().as_deref() {
        Some("x86_64") => Some("x86_64-linux-gnu"),
        Some("aarch64") => Some("aarch64-linux-gnu"),
        Some("armv7l" | "armv6l") => Some("arm-linux-gnueabihf"),
        Some("riscv64") => Some("riscv64-linux-gnu"),
        Some("ppc64le") => Some("powerpc64le-linux-gnu"),
        Some("s390x") => Some("s390x-linux-gnu"),
        _ => None,
    };
    directories.extend(triplet.map(|t| format!("/usr/lib/{t}/systemd")));
    directories.extend(["/usr/lib/systemd", "/lib/systemd"].map(str::to_owned));
    directories
}

/// An upgrade can leave the old library until the manager is executed anew; the newest one is what boots next.
fn newest(names: &[String], directory: &str) -> Option<Systemd> {
    let versions = names.iter().filter_map(|n| Some((version(n)?, n)));
    let (version, name) = versions.max_by_key(|(version, _)| *version)?;
    Some(Systemd { version, evidence: Evidence::new(format!("{directory}/{name}"), "exists") })
}

/// The version in the name of the library, its leading number.
fn version(name: &str) -> Option<u32> {
    let rest = name.strip_prefix("libsystemd-shared-")?;
    let rest = rest.strip_suffix(".so")?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    rest.get(..digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    #[test]
    fn names_of_the_library() {
        for (name, want) in [
            // Debian 12, Arch, Fedora 41, RHEL 9.4.
            ("libsystemd-shared-252.so", Some(252)),
            ("libsystemd-shared-257.5-2.so", Some(257)),
            ("libsystemd-shared-256.4-1.fc41.so", Some(256)),
            ("libsystemd-shared-252-32.el9_4.so", Some(252)),
            ("libsystemd-shared-.so", None),
            ("libsystemd-core-252.so", None),
            ("libsystemd-shared-99999999999.so", None),
        ] {
            assert_eq!(version(name), want, "{name}");
        }
    }

    const COMM: &str = "/proc/1/comm";

    #[test]
    fn the_init_system() {
        let is_systemd = |memory: Memory| Node::in_memory(memory).init().as_ref().ok().map(|i| i.is_systemd);
        let called = |name: &str| Memory::new().file(COMM, name);
        let booted = |memory: Memory| memory.file(&format!("{BOOTED}/x"), "");
        let denied = |memory: Memory| memory.error(BOOTED, ReadErrorKind::TimedOut);
        for (memory, want) in [
            (booted(called("systemd\n")), Some(true)),
            (booted(Memory::new()), Some(true)),
            (called("init\n"), Some(false)),
            (called("init\n").as_root(), Some(false)),
            // A tree without /run, and a user without a way into it.
            (called("systemd\n").as_root(), Some(true)),
            (denied(called("systemd\n")), Some(true)),
            // A container that shares the host's process ids.
            (called("systemd\n"), None),
            (denied(called("init\n")), None),
            (denied(Memory::new()), None),
            (called("\n"), None),
            (Memory::new(), None),
        ] {
            assert_eq!(is_systemd(memory.clone()), want, "{memory:?}");
        }
    }

    #[test]
    fn the_version_where_systemd_runs_and_no_version_where_another_init_does() {
        let path = "/usr/lib/systemd/libsystemd-shared-257.so";
        let files = Memory::new().file(path, "").file("/usr/lib/systemd/libsystemd-shared-256.so", "");
        let live = |memory: Memory| Node::in_memory(memory).systemd().clone();
        let found = live(files.clone().file("/run/systemd/system/x", "")).unwrap();
        assert_eq!((found.version, found.evidence.source.as_str()), (257, path));
        let openrc = files.clone().file(COMM, "init\n");
        assert!(live(openrc).unwrap_err().reason.contains("does not run"));
        assert!(!live(files.clone()).unwrap_err().reason.contains("does not run"), "nothing tells it");
        // An image that is not booted has no /run.
        assert_eq!(Node::in_memory(files.as_root()).systemd().as_ref().unwrap().version, 257);
        let musl = Node::in_memory(Memory::new().as_root());
        assert!(musl.systemd().is_err());
    }

    #[test]
    fn what_each_version_does_with_v1() {
        let all: Vec<Legacy> = (255..=259).map(Legacy::of).collect();
        let removed = Legacy::Removed;
        assert_eq!(all, [Legacy::Boots, Legacy::Refuses, Legacy::Ignores, removed, removed]);
    }

    proptest! {
        #[test]
        fn never_panics(name in ".{0,60}") {
            let _ = version(&name);
            let _ = version(&format!("libsystemd-shared-{name}.so"));
        }
    }
}
