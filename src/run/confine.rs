//! Takes from the threads that ask a node what they do not need (law 5, by force): where the kernel can, they may not write,
//! start programs or speak over networks, unless the command line allows it, and keep only the capabilities with which they read.
//!
//! Three ways, each of which the kernel may lack, and none of which replaces the others:
//! - **capabilities** ([`capabilities`]): what a mistake could do as root goes, and what reading takes stays;
//! - **Landlock** ([`landlock`], Linux 5.13): no writing, no TCP (Linux 6.7), no execution, wherever a path leads;
//! - **seccomp** ([`seccomp`]): the system calls that change a machine fail with EPERM, before they do anything.
//!
//! They hold for the threads that ask, and for programs that these start. The thread that writes the report is not among them:
//! it opens nothing of the node.

mod capabilities;
mod landlock;
mod outside;
mod seccomp;
#[cfg(test)]
mod tests;

use preflight_checks::node::{Allow, Allowed, Door, Origin};
use std::{io, sync::Arc};

/// What a run may do, for what it takes from itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// What the command line allows.
    allowed: Allowed,
    /// Whether paths are resolved under a root, which takes a system call whose flags a filter can't see.
    under_root: bool,
    /// The checks that are asked.
    checks: Vec<&'static str>,
}

impl Confinement {
    /// For a run that asks these checks of a node of this origin.
    #[must_use]
    pub fn new(allowed: Allowed, origin: Origin, checks: Vec<&'static str>) -> Self {
        Self { allowed, under_root: origin == Origin::Root, checks }
    }

    /// What a thread that asks this node takes from itself, whichever facts it wants. A capture asks nothing of this machine:
    /// none.
    pub(super) fn of(door: &Arc<dyn Door>, allowed: Allowed) -> Option<Self> {
        let all = capabilities::checks();
        door.captured().is_none().then(|| Self::new(allowed, door.origin(), all))
    }

    /// Starts a thread that is confined, and does this with a door to the same node.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(
        &self,
        name: &str,
        door: &Arc<dyn Door>,
        work: impl FnOnce(Arc<dyn Door>) + Send + 'static,
    ) -> io::Result<()> {
        let (own, inside) = (self.clone(), self.clone());
        // Before the second thread is there, so that it has them of the first: a filter takes the kernel longest. It keeps what any
        // check needs: who has less than a process may not look into it (ptrace(2)).
        let both = move || {
            tell("capabilities", capabilities::drop(&own));
            tell("seccomp", seccomp::filter(&own));
        };
        outside::start(name, door, both, move |door, is_inside| {
            let landlock = if is_inside {
                landlock::restrict(&inside)
            } else {
                Err("it would hide other processes, and there is no thread to look at them".to_owned())
            };
            tell("Landlock", landlock);
            work(door);
        })
    }

    /// Takes from a thread that was confined before the rest was known what this run does not need either.
    pub(super) fn narrow(&self) {
        tell("capabilities", capabilities::drop(self));
    }

    fn may(&self, what: Allow) -> bool {
        self.allowed.contains(what)
    }
}

fn tell(by: &str, result: Result<String, String>) {
    match result {
        Ok(how) => tracing::info!(by, how, "confined"),
        Err(why) => tracing::info!(by, why, "not confined"),
    }
}
