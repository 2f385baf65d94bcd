//! The kernel's masks by kprobe events, as an administrator would do it with a shell in tracefs: an event that fetches
//! both masks, enabled in an instance of its own while one file is read.
//!
//! `method` says which events there are, `tracefs` finds the file system, `text` parses what it shows, `sweep` takes
//! away what was made.
//!
//! The events are switched on in an own instance and nowhere else. The top buffer is no substitute: the kernel clears
//! every buffer in which an event was switched on when that event is removed, and with it what others traced
//! (`tracing_reset_all_online_cpus()`; measured on 5.10, 6.12 and 7.3). An instance takes 1.4 MB for each processor as
//! long as it lives. What stays behind is one entry in `error_log` for an event that the kernel refused.

mod method;
mod sweep;
#[cfg(test)]
mod tests;
mod text;
mod tracefs;

pub use tracefs::PLACES;

use super::{
    Allowance, Interrupt, Touched, errno_name,
    on_panic::on_panic,
    refused,
    tree::{Directory, Guard, Tree},
};
use crate::{
    evidence::{Evidence, Unknown},
    facts::cgroup::{
        Step,
        masks::{Attempt, Reading},
    },
};
use method::Method;
use rustix::io::Errno;
use std::rc::Rc;
use sweep::{PREFIX, sweep};
use text::Fired;

/// CGROUP2_SUPER_MAGIC of linux/magic.h.
pub(super) const CGROUP2_MAGIC: u64 = 0x6367_7270;

/// What has to be known beforehand.
#[derive(Clone, Debug)]
pub struct Request {
    /// The width of the masks in bits. None where BTF does not tell: 16, which is right on a little-endian machine
    /// while there are no more than 16 subsystems.
    pub width_bits: Option<u32>,
    /// The addresses of the implicit and of the inhibit mask, or why they are not known; with them the masks are
    /// fetched by address as well.
    pub addresses: Result<(u64, u64), Unknown>,
    /// The directory of the cgroup2 mount whose cgroup.controllers is read to make the event fire. Without one it lies
    /// on the function that shows /proc/self/cgroup, and that is read. No cgroup2 is mounted for it, not even in
    /// private: the first mount makes every /proc/PID/cgroup show a line `0::` until the next boot (measured on 5.10,
    /// 6.12 and 7.3), and a later one resets `nsdelegate` and its like for all mounts (cgroup_get_tree(),
    /// kernel/cgroup/cgroup.c).
    pub unified: Option<String>,
    /// The content of /sys/kernel/security/lockdown, for the reason of a refusal.
    pub lockdown: Option<String>,
}

impl Request {
    fn width(&self) -> u32 {
        self.width_bits.unwrap_or(16)
    }
}

/// Whether an instance or a group of events with this name is ours.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    super::is_ours(name, PREFIX)
}

/// Our events (`GROUP/EVENT`) in the content of `kprobe_events`.
#[must_use]
pub fn own_events(list: &str) -> Vec<String> {
    let own = text::events(list).filter(|(group, _)| is_ours(group));
    own.map(|(group, event)| format!("{group}/{event}")).collect()
}

/// Tries every method, and says of each what it read or why it could not.
#[must_use]
pub fn masks(request: &Request, allowed: Allowance, interrupt: &Interrupt) -> Touched<Vec<Attempt>> {
    let ready = || {
        if !allowed.probe {
            return Err(Unknown::new("kprobe events are not allowed").needs("allow them with --allow probe"));
        }
        let tree = tracefs::open(allowed)?;
        tree.lock(interrupt)?;
        let trigger = Trigger::open(request)?;
        Ok((tree, trigger))
    };
    match ready() {
        Ok((tree, trigger)) => {
            let tree = Rc::new(tree);
            let own = Rc::clone(&tree);
            let _on_panic = on_panic(move || drop(sweep(&*own)));
            trace(&*tree, &|| trigger.fire(), request, interrupt)
        }
        Err(unknown) => {
            let refused = Method::all(request);
            Touched::nothing(refused.iter().map(|m| attempt(m, Err(unknown.clone()))).collect())
        }
    }
}

fn attempt(method: &Method, result: Result<Reading, Unknown>) -> Attempt {
    Attempt { step: Step::Kprobe, method: method.title.clone(), result }
}

/// The file that makes the kernel call the function on which the events lie.
struct Trigger {
    directory: Directory,
    file: &'static str,
}

impl Trigger {
    fn open(request: &Request) -> Result<Self, Unknown> {
        let (path, magic, file) = match &request.unified {
            Some(mount) => (mount.as_str(), CGROUP2_MAGIC, "cgroup.controllers"),
            None => ("/proc", tracefs::PROC_MAGIC, "self/cgroup"),
        };
        let directory = Directory::open(path, magic).map_err(|e| refused(path, e))?;
        Ok(Self { directory, file })
    }

    fn fire(&self) -> Result<Evidence, Unknown> {
        let path = self.directory.at(self.file);
        let text = self.directory.read(self.file).map_err(|e| refused(&path, e))?;
        Ok(Evidence::new(path, text.trim_end()))
    }
}

/// Removes what was left, makes the events, fires them once, reads what they printed, and removes them.
fn trace(
    tree: &impl Tree,
    fire: &dyn Fn() -> Result<Evidence, Unknown>,
    request: &Request,
    interrupt: &Interrupt,
) -> Touched<Vec<Attempt>> {
    let guard = Guard::new(tree, sweep, interrupt);
    let before = sweep(tree);
    let methods = Method::all(request);
    let group = format!("{PREFIX}{}", rustix::process::getpid().as_raw_pid());
    let attempts = match collect(tree, fire, &group, &methods, request, interrupt) {
        Ok(results) => methods.iter().zip(results).map(|(m, r)| attempt(m, r)).collect(),
        Err(unknown) => methods.iter().map(|m| attempt(m, Err(unknown.clone()))).collect(),
    };
    Touched::between(before, attempts, guard.finish())
}

type Readings = Vec<Result<Reading, Unknown>>;

fn collect(
    tree: &impl Tree,
    fire: &dyn Fn() -> Result<Evidence, Unknown>,
    group: &str,
    methods: &[Method],
    request: &Request,
    interrupt: &Interrupt,
) -> Result<Readings, Unknown> {
    interrupt.check()?;
    let instance = format!("instances/{group}");
    tree.mkdir(&instance).map_err(|e| no_instance(&tree.at(&instance), e, request))?;
    let mut made = Vec::new();
    for method in methods {
        interrupt.check()?;
        made.push(make(tree, group, &instance, method, request));
    }
    interrupt.check()?;
    let read = fire()?;
    interrupt.check()?;
    let buffer = format!("{instance}/trace");
    let text = tree.read(&buffer).map_err(|e| refused(&tree.at(&buffer), e))?;
    let thread = rustix::thread::gettid().as_raw_pid().unsigned_abs();
    let reading = |(method, line): (&Method, Result<String, Unknown>)| {
        let command = Evidence::new(tree.at("kprobe_events"), line?.trim_end());
        let (value, printed) = choose(&text::fired(&text, method.event), thread)
            .map_err(|why| Unknown::new(why).tried([command.clone(), read.clone()]))?;
        Ok(Reading {
            step: Step::Kprobe,
            method: method.title.clone(),
            implicit: value.implicit,
            inhibited: value.inhibit,
            control: value.returned,
            attached: None,
            width_bits: request.width(),
            evidence: vec![command, read.clone(), Evidence::new(tree.at(&buffer), printed)],
        })
    };
    Ok(methods.iter().zip(made).map(reading).collect())
}

/// Makes one event and switches it on in our instance. Returns the line that made it.
fn make(
    tree: &impl Tree,
    group: &str,
    instance: &str,
    method: &Method,
    request: &Request,
) -> Result<String, Unknown> {
    let Some(line) = method.line(group) else {
        let why = request.addresses.clone().err();
        return Err(why.unwrap_or_else(|| Unknown::new("the addresses of the masks are not known")));
    };
    let event = format!("{group}/{}", method.event);
    tree.append("kprobe_events", &line).map_err(|e| not_made(tree, method, &event, &line, e, request))?;
    let enable = format!("{instance}/events/{event}/enable");
    tree.append(&enable, "1\n").map_err(|e| {
        let unknown = refused(&tree.at(&enable), e);
        Unknown { reason: format!("the event can't be switched on: {}", unknown.reason), ..unknown }
    })?;
    Ok(line)
}

/// Why there is no instance of our own.
fn no_instance(path: &str, errno: Errno, request: &Request) -> Unknown {
    let unknown = refused(path, errno);
    match errno {
        // EINVAL is what 6.12 gives where the lockdown came after the start: it can't fill the directory.
        Errno::NOENT | Errno::PERM | Errno::ACCESS | Errno::INVAL => locked_down(request, unknown),
        _ => unknown,
    }
}

/// Why the kernel did not take an event, in its own words where it has some.
fn not_made(
    tree: &impl Tree,
    method: &Method,
    event: &str,
    line: &str,
    errno: Errno,
    request: &Request,
) -> Unknown {
    let name = errno_name(errno);
    let file = tree.at("kprobe_events");
    let tried = Evidence::new(&file, format!("{name} for {}", line.trim_end()));
    let log = tree.read("error_log").unwrap_or_default();
    let Some(said) = text::last_error(&log, event) else {
        let unknown = Unknown { evidence: vec![tried], ..refused(&file, errno) };
        return match errno {
            Errno::NOENT | Errno::PERM | Errno::ACCESS => locked_down(request, unknown),
            _ => unknown,
        };
    };
    let mut reason = format!("the kernel takes no event on {}: {name}, \"{said}\"", method.place);
    if method.place == "cgroup_control" {
        reason.push_str("; the compiler has put this function into its callers, as in every kernel after 5.10 that was looked at");
    }
    Unknown::new(reason).tried([tried, Evidence::new(tree.at("error_log"), said)])
}

/// Adds the reason why tracefs is empty or refuses. With lockdown=confidentiality from the start of the kernel there
/// are no files in it (tracefs_create_file(), fs/tracefs/inode.c); later, they can't be opened.
fn locked_down(request: &Request, unknown: Unknown) -> Unknown {
    let path = "/sys/kernel/security/lockdown";
    match &request.lockdown {
        Some(text) if text.contains("[confidentiality]") => {
            let reason = format!("{}: the kernel is locked down (lockdown=confidentiality)", unknown.reason);
            let unknown = unknown.tried([Evidence::new(path, text.trim_end())]);
            Unknown { reason, needs: Some("boot without lockdown=confidentiality".to_owned()), ..unknown }
        }
        _ if unknown.needs.is_none() => {
            let reason = format!(
                "{}: this kernel has no kprobe events (CONFIG_KPROBE_EVENTS), or hides them",
                unknown.reason
            );
            Unknown { reason, ..unknown }
        }
        _ => unknown,
    }
}

/// What was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Values {
    implicit: u64,
    inhibit: u64,
    returned: Option<u64>,
}

/// The values, and the line they stand in. Somebody else may have read the same file at that moment: the lines of our
/// own thread count, if they can be told; in a process namespace they can't, for the kernel prints its own numbers.
/// Then all have to say the same; what a function returned is dropped where it differs.
fn choose(fired: &[Fired], thread: u32) -> Result<(Values, String), String> {
    let own: Vec<&Fired> = fired.iter().filter(|f| f.thread == Some(thread)).collect();
    let lines = if own.is_empty() { fired.iter().collect() } else { own };
    let Some(first) = lines.first() else {
        return Err(
            "the event did not fire; kprobes may be switched off (/sys/kernel/debug/kprobes/enabled)"
                .to_owned(),
        );
    };
    let (Some(implicit), Some(inhibit)) = (first.implicit, first.inhibit) else {
        return Err(format!("the kernel could not fetch the masks: {}", first.line));
    };
    if lines.iter().any(|l| (l.implicit, l.inhibit) != (first.implicit, first.inhibit)) {
        return Err("the event printed different masks at one time".to_owned());
    }
    let returned = first.returned.filter(|_| lines.iter().all(|l| l.returned == first.returned));
    Ok((Values { implicit, inhibit, returned }, first.line.clone()))
}
