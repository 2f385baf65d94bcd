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

use preflight_checks::{
    Node,
    node::{Allow, Allowed, Door, Origin, Watch},
};
use std::{io, sync::Arc, thread};

/// What a run may do, for what it takes from itself.
#[derive(Clone, Debug)]
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
    fn of(door: &Arc<dyn Door>, allowed: Allowed) -> Option<Self> {
        let all = capabilities::checks();
        door.captured().is_none().then(|| Self::new(allowed, door.origin(), all))
    }

    /// The door for a thread that is going to be confined.
    ///
    /// # Errors
    /// When the thread that stays outside of Landlock can't be started.
    pub(super) fn door(&self, door: &Arc<dyn Door>) -> io::Result<Arc<dyn Door>> {
        let own = self.clone();
        outside::outside(door, move || own.enter_all_but_landlock())
    }

    /// Confines this thread, and all that it starts. What the kernel lacks or refuses is logged, and the run goes on.
    pub(super) fn enter(&self) {
        tell("capabilities", capabilities::drop(self));
        tell("Landlock", landlock::restrict(self));
        tell("seccomp", seccomp::filter(self));
    }

    /// The same for a thread that looks into other processes.
    fn enter_all_but_landlock(&self) {
        // Each of the two others says the same of its thread.
        let _ = (capabilities::drop(self), seccomp::filter(self));
    }

    fn may(&self, what: Allow) -> bool {
        self.allowed.contains(what)
    }
}

/// Starts a thread that asks the node behind `door` outside of a run, confined as a run's threads are. It may hang, and is not
/// waited for.
///
/// # Errors
/// When no thread can be started.
pub(crate) fn ask_on_a_thread(
    name: &str,
    door: &Arc<dyn Door>,
    allowed: Allowed,
    watch: Arc<Watch>,
    ask: impl FnOnce(&Node) + Send + 'static,
) -> io::Result<()> {
    let confinement = Confinement::of(door, allowed);
    let door = match &confinement {
        Some(confinement) => confinement.door(door)?,
        None => Arc::clone(door),
    };
    let work = move || {
        if let Some(confinement) = confinement {
            confinement.enter();
        }
        ask(&Node::new(door, watch).allowing(allowed));
    };
    thread::Builder::new().name(name.to_owned()).spawn(work)?;
    Ok(())
}

fn tell(by: &str, result: Result<String, String>) {
    match result {
        Ok(how) => tracing::info!(by, how, "confined"),
        Err(why) => tracing::info!(by, why, "not confined"),
    }
}
