//! The kernel's masks by kprobe events, as an administrator would do it with a shell in tracefs: an event on
//! `cgroup_controllers_show` (or a return event on `cgroup_control`, where the compiler left it a function) that fetches
//! both masks, enabled in an instance of its own while one cgroup.controllers is read.

use super::{Allowance, Interrupt};
use crate::{
    evidence::Unknown,
    facts::cgroup::{Step, masks::Attempt},
};

/// What has to be known beforehand.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The width of the masks in bits. None where BTF does not tell: 16, which is right on a little-endian machine
    /// while there are no more than 16 subsystems.
    pub width_bits: Option<u32>,
    /// The addresses of the implicit and of the inhibit mask, where /proc/kallsyms shows them: then they are fetched
    /// by address as well.
    pub addresses: Option<(u64, u64)>,
    /// The directory of the cgroup2 mount whose cgroup.controllers is read to make the event fire.
    pub unified: Option<String>,
}

/// Tries every method, and says of each what it read or why it could not.
#[must_use]
pub fn masks(_request: &Request, _allowed: Allowance, _interrupt: &Interrupt) -> Vec<Attempt> {
    let result = Err(Unknown::new("not implemented"));
    vec![Attempt { step: Step::Kprobe, method: "kprobe".to_owned(), result }]
}
