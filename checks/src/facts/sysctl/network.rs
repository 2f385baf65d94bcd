//! Whose network /proc/sys/net shows: always that of the process that reads it (net/sysctl_net.c,
//! `net_ctl_header_lookup`), whichever /proc it reads it in.

use crate::{
    evidence::Evidence,
    node::{Node, Origin},
};

/// A parameter that only the first network namespace has (net/core/sysctl_net_core.c, `net_core_table`; seen so on
/// Linux 6.18).
const ONLY_FIRST: &str = "/proc/sys/net/core/dev_weight";

/// Whose network /proc/sys/net shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// The machine's own, as far as is known.
    Machine,
    /// That of a network namespace which this program and what is judged share: a container that is the node.
    Namespace(Evidence),
    /// That of this program's container, not that of the tree that is judged.
    Another(Evidence),
}

impl Node {
    /// Whose network the parameters below `net` are about.
    pub fn network_of_parameters(&self) -> &Network {
        self.fact(|| match self.origin() {
            Origin::Root => {
                let of = |process: &str| self.link(&format!("/proc/{process}/ns/net"));
                match (of("1"), of("self")) {
                    (Ok(first), Ok(own)) if first != own => Network::Another(Evidence::new(
                        "/proc/self/ns/net",
                        format!("{own}; that of process 1 is {first}"),
                    )),
                    // It takes CAP_SYS_PTRACE (proc_ns_readlink(), fs/proc/namespaces.c). Where a tree has no such link, it is
                    // none of a running machine, and its parameters are those that were captured.
                    (Err(e), _) | (_, Err(e)) if !e.is_missing() => {
                        self.lacks_the_first().map_or(Network::Machine, Network::Another)
                    }
                    _ => Network::Machine,
                }
            }
            Origin::Live => self.lacks_the_first().map_or(Network::Machine, Network::Namespace),
        })
    }

    /// That what only the first network namespace has is not there, if so.
    fn lacks_the_first(&self) -> Option<Evidence> {
        match self.kind(ONLY_FIRST) {
            Err(e) if e.is_missing() && self.kind("/proc/sys/net/core").is_ok() => Some(e.evidence()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};

    #[test]
    fn whose_network_it_is() {
        let of = |memory: Memory| Node::in_memory(memory).network_of_parameters().clone();
        let rmem = "/proc/sys/net/core/rmem_max";
        assert_eq!(of(Memory::new().file(rmem, "1\n").file(ONLY_FIRST, "64\n")), Network::Machine);
        assert!(matches!(of(Memory::new().file(rmem, "1\n")), Network::Namespace(_)));
        assert_eq!(of(Memory::new()), Network::Machine, "nothing is known");
        let host = |own| {
            let memory = Memory::new().symlink("/proc/1/ns/net", "net:[1]").symlink("/proc/self/ns/net", own);
            of(memory.as_root())
        };
        assert_eq!(host("net:[1]"), Network::Machine);
        assert!(matches!(host("net:[2]"), Network::Another(_)));
        // In a container that may not look at the machine's first process.
        let denied = || {
            Memory::new().file(rmem, "1\n").error("/proc/1/ns/net", ReadErrorKind::Denied("EACCES")).as_root()
        };
        assert!(matches!(of(denied()), Network::Another(_)));
        assert_eq!(of(denied().file(ONLY_FIRST, "64\n")), Network::Machine);
        assert_eq!(of(Memory::new().file(rmem, "1\n").as_root()), Network::Machine, "captured files");
    }
}
