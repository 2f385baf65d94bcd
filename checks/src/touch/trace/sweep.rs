//! Takes away what lies in tracefs under our names: at the start what a killed run left, at the end our own.

use super::text;
use crate::touch::{Swept, is_ours, patiently, tree::Tree};
use rustix::io::Errno;
use std::time::{Duration, Instant};

/// Our instances and our groups of events are called this and the process id.
pub(super) const PREFIX: &str = "preflight_";
/// How long what is busy is tried again, all together; somebody else may have its files open.
const MOMENT: Duration = Duration::from_secs(1);

/// Removes every instance and every event of ours. Only who holds the lock may call it.
///
/// Instances go first: with them the events in them are switched off, and their buffers go, which the kernel would
/// clear otherwise.
pub(super) fn sweep(tree: &impl Tree) -> Swept {
    let mut swept = Swept::default();
    let start = Instant::now();
    let names = patiently(left(start), &[Errno::BUSY], || tree.list("instances"));
    let names = swept.seen(tree.at("instances"), names).unwrap_or_default();
    for name in names.iter().filter(|name| is_ours(name, PREFIX)) {
        let instance = format!("instances/{name}");
        let result = patiently(left(start), &[Errno::BUSY], || tree.rmdir(&instance));
        swept.note(tree.at(&instance), result);
    }
    let list = patiently(left(start), &[Errno::BUSY], || tree.read("kprobe_events"));
    let list = swept.seen(tree.at("kprobe_events"), list).unwrap_or_default();
    for (group, event) in text::events(&list).filter(|(group, _)| is_ours(group, PREFIX)) {
        swept.note(format!("kprobe event {group}/{event}"), remove_event(tree, group, event, start));
    }
    swept
}

/// How long may be waited yet.
fn left(start: Instant) -> Duration {
    MOMENT.saturating_sub(start.elapsed())
}

/// Removes one event. It is busy while it is switched on anywhere: we do that in our own instance only, but somebody
/// else may have switched on everything there is.
fn remove_event(tree: &impl Tree, group: &str, event: &str, start: Instant) -> Result<(), Errno> {
    let line = format!("-:{group}/{event}\n");
    let remove = || tree.append("kprobe_events", &line);
    match patiently(left(start) / 2, &[Errno::BUSY], remove) {
        Err(Errno::BUSY) => {}
        result => return result,
    }
    let others =
        tree.list("instances").unwrap_or_default().into_iter().map(|name| format!("instances/{name}/"));
    for instance in std::iter::once(String::new()).chain(others) {
        // What is not switched on there, or is no longer there, needs nothing.
        let _ = tree.append(&format!("{instance}events/{group}/{event}/enable"), "0\n");
    }
    patiently(left(start), &[Errno::BUSY], remove)
}
