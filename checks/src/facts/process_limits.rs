//! The limits of a process, as /proc/PID/limits shows them.

use super::{Known, usage::not_there};
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, Origin, ReadError},
};

/// A soft and a hard limit; `None` is unlimited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessLimit {
    /// What binds.
    pub soft: Option<u64>,
    /// What it can be raised to.
    pub hard: Option<u64>,
    /// The line.
    pub evidence: Evidence,
}

/// A row of the table: the name is padded to 25 columns, the soft limit to 20 (fs/proc/base.c, `proc_pid_limits`).
fn parse(text: &str, name: &str) -> Option<(Option<u64>, Option<u64>, String)> {
    if !text.starts_with("Limit ") || !text.ends_with('\n') {
        return None;
    }
    let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    let mut words = rest.split_ascii_whitespace();
    let mut number = || match words.next()? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    };
    let (soft, hard) = (number()?, number()?);
    let shown = |n: Option<u64>| n.map_or_else(|| "unlimited".to_owned(), |n| n.to_string());
    Some((soft, hard, format!("{name}: soft {}, hard {}", shown(soft), shown(hard))))
}

impl Node {
    /// A limit of this process (`Max open files`); on a live node only: no other process of a tree is this one.
    ///
    /// # Errors
    /// When the table can't be read, or has no such row.
    pub fn process_limit(&self, name: &str) -> Known<ProcessLimit> {
        if self.origin() == Origin::Root {
            return Err(not_there("/proc/self/limits", self));
        }
        let read = self.read("/proc/self/limits");
        let text = read.text().map_err(ReadError::unknown)?;
        match parse(&text, name) {
            Some((soft, hard, line)) => Ok(ProcessLimit { soft, hard, evidence: read.quote(line) }),
            None => {
                Err(Unknown::new(format!("{} has no row `{name}`", read.path())).tried([read.evidence()]))
            }
        }
    }
}

/// The services whose limits matter to pods.
const SERVICES: [&str; 4] = ["kubelet.service", "containerd.service", "crio.service", "docker.service"];
impl Node {
    /// What the units of the kubelet and of container runtimes that are installed say of open files: `LimitNOFILE=`, with
    /// their drop-ins (systemd.exec(5)). None where they say nothing: then systemd's default holds. What can't be read is left out.
    #[must_use]
    pub fn service_open_files(&self) -> Vec<(&'static str, Option<String>)> {
        let installed = SERVICES.iter().filter_map(|service| {
            let unit = self.systemd_unit(service).ok()??;
            let limit = unit.last("Service", "LimitNOFILE").filter(|limit| !limit.value.is_empty());
            unit.masked.is_none().then(|| (*service, limit.map(|limit| limit.value.clone())))
        });
        installed.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units     
Max processes             96365                96365                processes 
Max open files            1024                 unlimited            files     
";

    #[test]
    fn rows() {
        let both = |name| parse(LIMITS, name).map(|(soft, hard, _)| (soft, hard));
        assert_eq!(both("Max open files"), Some((Some(1024), None)));
        assert_eq!(both("Max processes"), Some((Some(96365), Some(96365))));
        assert_eq!(both("Max open"), None);
        assert_eq!(both("Max locked memory"), None);
        for text in ["", &LIMITS[1..], LIMITS.trim_end(), &LIMITS[..120]] {
            assert_eq!(parse(text, "Max open files"), None, "{text}");
        }
    }

    #[test]
    fn of_this_process_on_a_live_node_only() {
        let path = "/proc/self/limits";
        let of = |memory: Memory| Node::in_memory(memory).process_limit("Max open files");
        assert_eq!(of(Memory::new().file(path, LIMITS)).unwrap().soft, Some(1024));
        assert!(of(Memory::new().file(path, LIMITS).as_root()).is_err());
        assert!(of(Memory::new().error(path, ReadErrorKind::Denied("EACCES"))).is_err());
        assert!(of(Memory::new()).is_err());
    }

    #[test]
    fn what_units_say() {
        let memory = Memory::new()
            .file("/usr/lib/systemd/system/containerd.service", "[Service]\nLimitNOFILE=infinity\n")
            .file("/etc/systemd/system/containerd.service.d/x.conf", "[Service]\nLimitNOFILE = 1048576\n")
            .file("/lib/systemd/system/kubelet.service", "[Service]\n#LimitNOFILE=1\n");
        let all = Node::in_memory(memory).service_open_files();
        assert_eq!(all, [("kubelet.service", None), ("containerd.service", Some("1048576".into()))]);
        assert!(Node::in_memory(Memory::new()).service_open_files().is_empty());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s)Limit .{0,100}\n", name in ".{0,10}") {
            let _ = parse(&text, &name);
        }
    }
}
