//! Which process holds a socket: the one of whose open files a link says `socket:[INODE]`.

use crate::node::Node;

/// How many processes are looked at, and how many open files of each.
const PROCESSES: usize = 20_000;
const FILES: usize = 20_000;

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its process id.
    pub pid: u32,
    /// Its name, as /proc/PID/comm has it.
    pub command: String,
    /// The unit of systemd that it belongs to, by its cgroup.
    pub unit: Option<String>,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (pid {}", self.command, self.pid)?;
        if let Some(unit) = &self.unit {
            write!(f, ", {unit}")?;
        }
        f.write_str(")")
    }
}

impl Node {
    /// The first process that holds the socket `inode`. None where there is none to be seen: root sees all, others only
    /// their own; a socket of the kernel belongs to nobody.
    #[must_use]
    pub fn socket_owner(&self, inode: u64) -> Option<Owner> {
        let wanted = format!("socket:[{inode}]");
        let names = self.list("/proc").ok()?;
        let mut pids: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).take(PROCESSES).collect();
        pids.sort_unstable();
        let pid = pids.into_iter().find(|pid| {
            let directory = format!("/proc/{pid}/fd");
            let files = self.list(&directory).unwrap_or_default();
            files
                .iter()
                .take(FILES)
                .any(|fd| self.link(&format!("{directory}/{fd}")).is_ok_and(|link| link == wanted))
        })?;
        Some(self.process(pid))
    }

    /// What is known of the process `pid`.
    fn process(&self, pid: u32) -> Owner {
        let text = |name: &str| {
            let read = self.read(&format!("/proc/{pid}/{name}"));
            read.text().map(std::borrow::Cow::into_owned).unwrap_or_default()
        };
        let command = text("comm").trim().to_owned();
        let command = if command.is_empty() { "a process".to_owned() } else { command };
        Owner { pid, command, unit: unit(&text("cgroup")) }
    }
}

/// The innermost unit on the way of a cgroup: `0::/system.slice/kubelet.service` is kubelet.service.
fn unit(cgroup: &str) -> Option<String> {
    let is_unit = |part: &&str| part.strip_suffix(".service").or(part.strip_suffix(".scope")).is_some();
    let of_line = |line: &str| line.rsplit('/').find(is_unit).map(str::to_owned);
    let unified = cgroup.lines().find(|line| line.starts_with("0::")).and_then(of_line);
    unified.or_else(|| cgroup.lines().find(|line| line.contains("name=systemd")).and_then(of_line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;

    #[test]
    fn the_process_and_its_unit() {
        let memory = Memory::new()
            .symlink("/proc/7/fd/0", "/dev/null")
            .symlink("/proc/812/fd/3", "socket:[25214]")
            .file("/proc/812/comm", "kubelet\n")
            .file("/proc/812/cgroup", "0::/system.slice/kubelet.service\n");
        let node = Node::in_memory(memory);
        let owner = node.socket_owner(25214).unwrap();
        assert_eq!(owner.to_string(), "kubelet (pid 812, kubelet.service)");
        assert_eq!(node.socket_owner(2521), None);
        assert_eq!(Node::in_memory(Memory::new()).socket_owner(1), None);
    }

    #[test]
    fn units_of_cgroups() {
        for (text, want) in [
            ("0::/system.slice/docker.service\n", Some("docker.service")),
            ("0::/user.slice/user-0.slice/session-3.scope\n", Some("session-3.scope")),
            ("4:memory:/x\n1:name=systemd:/system.slice/sshd.service/sub\n0::/\n", Some("sshd.service")),
            ("0::/\n", None),
            ("", None),
        ] {
            assert_eq!(unit(text).as_deref(), want, "{text}");
        }
    }
}
