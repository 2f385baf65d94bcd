//! A kernel of a hundred lines behind [`Tree`], which fails, is interrupted or panics at any call: nothing of ours may
//! stay in it, and nothing of anybody else's may go.

use super::*;
use crate::touch::tree::Tree;
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

#[derive(Clone, Copy, Debug)]
enum Trouble {
    Fails(Errno),
    Interrupts,
    Panics,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    /// `GROUP/EVENT`, and the line that made it.
    events: BTreeMap<String, String>,
    /// What is switched on there, and what was printed. The top buffer has the name "".
    instances: BTreeMap<String, (BTreeSet<String>, String)>,
}

struct Kernel {
    state: RefCell<State>,
    log: RefCell<String>,
    calls: Cell<usize>,
    trouble: Option<(usize, Trouble)>,
    interrupt: Interrupt,
    inlines: bool,
}

impl Kernel {
    /// Somebody traces here already.
    fn new(trouble: Option<(usize, Trouble)>) -> Self {
        let mut state = State::default();
        state.events.insert("kprobes/other".to_owned(), "p:kprobes/other do_sys_open".to_owned());
        state.events.insert("preflight_x/theirs".to_owned(), "p:preflight_x/theirs do_sys_open".to_owned());
        for instance in ["", "mine", "preflight", "preflight_x"] {
            state
                .instances
                .insert(instance.to_owned(), (BTreeSet::from(["kprobes/other".to_owned()]), String::new()));
        }
        Self {
            state: RefCell::new(state),
            log: RefCell::default(),
            calls: Cell::new(0),
            trouble,
            interrupt: Interrupt::default(),
            inlines: true,
        }
    }

    fn call(&self) -> Result<(), Errno> {
        let number = self.calls.get();
        self.calls.set(number + 1);
        match self.trouble {
            Some((at, Trouble::Fails(errno))) if at == number => Err(errno),
            Some((at, Trouble::Interrupts)) if at == number => {
                self.interrupt.set();
                Ok(())
            }
            Some((at, Trouble::Panics)) if at == number => resume_unwind(Box::new("without a message")),
            _ => Ok(()),
        }
    }

    fn fire(&self) -> Result<Evidence, Unknown> {
        self.call().map_err(|e| refused("/sys/fs/cgroup/cgroup.controllers", e))?;
        let state = &mut *self.state.borrow_mut();
        let thread = rustix::thread::gettid();
        for (enabled, trace) in state.instances.values_mut() {
            for event in enabled.iter() {
                let line = &state.events[event];
                let name = event.split_once('/').unwrap().1;
                let ret = if line.starts_with('r') { " ret=7195" } else { "" };
                trace.push_str(&format!("          cgroups-{thread} [000] .... 2.5: {name}: (f+0x0/0x50) implicit=256 inhibit=740{ret}\n"));
            }
        }
        Ok(Evidence::new("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu"))
    }

    fn run(&self) -> Touched<Vec<Attempt>> {
        trace(self, &|| self.fire(), &request(), &self.interrupt)
    }
}

fn request() -> Request {
    Request {
        width_bits: Some(16),
        addresses: Ok((0xffff_8234, 0xffff_8236)),
        unified: Some("/sys/fs/cgroup".to_owned()),
        lockdown: None,
    }
}

impl Tree for Kernel {
    fn path(&self) -> &'static str {
        "/sys/kernel/tracing"
    }

    fn read(&self, name: &str) -> Result<String, Errno> {
        self.call()?;
        let state = self.state.borrow();
        match name {
            "kprobe_events" => Ok(state.events.values().map(|line| line.clone() + "\n").collect()),
            "error_log" => Ok(self.log.borrow().clone()),
            _ => {
                let instance = name.strip_prefix("instances/").and_then(|n| n.strip_suffix("/trace"));
                state.instances.get(instance.unwrap()).map(|(_, trace)| trace.clone()).ok_or(Errno::NOENT)
            }
        }
    }

    fn append(&self, name: &str, text: &str) -> Result<(), Errno> {
        self.call()?;
        let state = &mut *self.state.borrow_mut();
        let text = text.strip_suffix('\n').unwrap();
        if name == "kprobe_events" {
            if let Some(event) = text.strip_prefix("-:") {
                if state.instances.values().any(|(enabled, _)| enabled.contains(event)) {
                    return Err(Errno::BUSY);
                }
                return state.events.remove(event).map(drop).ok_or(Errno::NOENT);
            }
            if self.inlines && text.contains(" cgroup_control ") {
                let words = format!(
                    "[ 4.4] trace_kprobe: error: Invalid probed address or symbol\n  Command: {text}\n  ^\n"
                );
                self.log.borrow_mut().push_str(&words);
                return Err(Errno::INVAL);
            }
            let event = text.split([':', ' ']).nth(1).unwrap();
            state.events.insert(event.to_owned(), text.to_owned());
            return Ok(());
        }
        let (instance, event) = name.strip_suffix("/enable").unwrap().rsplit_once("events/").unwrap();
        let instance = instance.trim_start_matches("instances/").trim_end_matches('/');
        if !state.events.contains_key(event) {
            return Err(Errno::NOENT);
        }
        let (enabled, _) = state.instances.get_mut(instance).ok_or(Errno::NOENT)?;
        match text {
            "0" => enabled.remove(event),
            "1" => enabled.insert(event.to_owned()),
            _ => return Err(Errno::INVAL),
        };
        Ok(())
    }

    fn list(&self, name: &str) -> Result<Vec<String>, Errno> {
        self.call()?;
        assert_eq!(name, "instances");
        Ok(self.state.borrow().instances.keys().filter(|k| !k.is_empty()).cloned().collect())
    }

    fn mkdir(&self, name: &str) -> Result<(), Errno> {
        self.call()?;
        let name = name.strip_prefix("instances/").unwrap();
        match self.state.borrow_mut().instances.insert(name.to_owned(), Default::default()) {
            None => Ok(()),
            Some(_) => Err(Errno::EXIST),
        }
    }

    fn rmdir(&self, name: &str) -> Result<(), Errno> {
        self.call()?;
        let name = name.strip_prefix("instances/").unwrap();
        self.state.borrow_mut().instances.remove(name).map(drop).ok_or(Errno::NOENT)
    }
}

/// What lies there under our names.
fn ours(state: &State) -> Vec<String> {
    let instances = state.instances.keys().filter(|name| is_ours(name));
    instances
        .chain(state.events.keys().filter(|event| is_ours(event.split_once('/').unwrap().0)))
        .cloned()
        .collect()
}

/// What belongs to others.
fn theirs(kernel: &Kernel) -> State {
    let mut state = kernel.state.borrow().clone();
    state.instances.retain(|name, _| !is_ours(name));
    state.events.retain(|event, _| !is_ours(event.split_once('/').unwrap().0));
    for (_, trace) in state.instances.values_mut() {
        trace.clear();
    }
    state
}

#[test]
fn what_each_method_reads() {
    let mut kernel = Kernel::new(None);
    let traced = kernel.run();
    assert!(traced.removed.is_empty() && traced.left.is_empty());
    let reasons: Vec<_> =
        traced.result.iter().map(|a| a.result.as_ref().err().map(|u| u.reason.as_str())).collect();
    assert!(reasons[0].unwrap().starts_with(
        "the kernel takes no event on cgroup_control: EINVAL, \"Invalid probed address or symbol\"; the compiler"
    ));
    assert_eq!(reasons[1..], [None, None]);
    let reading = traced.result[1].result.as_ref().unwrap();
    assert_eq!(
        (reading.implicit, reading.inhibited, reading.control, reading.width_bits),
        (256, 740, None, 16)
    );
    assert_eq!(reading.method, "kprobe on cgroup_controllers_show, masks by symbol");
    assert!(reading.evidence[2].observed.ends_with("implicit=256 inhibit=740"), "{:?}", reading.evidence);

    kernel.inlines = false;
    let returned = kernel.run().result[0].result.clone().unwrap();
    assert_eq!((returned.implicit, returned.inhibited, returned.control), (256, 740, Some(7195)));
    assert_eq!(theirs(&kernel), theirs(&Kernel::new(None)));
    assert!(ours(&kernel.state.borrow()).is_empty());
}

#[test]
fn whatever_happens_at_whichever_call_nothing_stays() {
    let troubles = [
        Trouble::Fails(Errno::BUSY),
        Trouble::Fails(Errno::PERM),
        Trouble::Fails(Errno::NOENT),
        Trouble::Fails(Errno::NOMEM),
        Trouble::Interrupts,
        Trouble::Panics,
    ];
    let calls = {
        let kernel = Kernel::new(None);
        kernel.run();
        kernel.calls.get()
    };
    assert!(calls > 15, "{calls}");
    for trouble in troubles {
        for at in 0..calls {
            let kernel = Kernel::new(Some((at, trouble)));
            let left = catch_unwind(AssertUnwindSafe(|| kernel.run().left)).unwrap_or_default();
            let stays = ours(&kernel.state.borrow());
            // What the kernel refuses to remove is said, and the next run removes it.
            let refused = matches!(trouble, Trouble::Fails(e) if e != Errno::BUSY);
            assert!(stays.is_empty() || refused, "{trouble:?} at {at}: {stays:?}");
            assert!(
                stays.is_empty() || !left.is_empty() || matches!(trouble, Trouble::Fails(Errno::NOENT)),
                "{trouble:?} at {at}: {stays:?}"
            );
            assert_eq!(theirs(&kernel), theirs(&Kernel::new(None)), "{trouble:?} at {at}");
            let next = Kernel { trouble: None, interrupt: Interrupt::default(), ..kernel };
            let removed = next.run().removed;
            assert_eq!(removed.is_empty(), stays.is_empty(), "{trouble:?} at {at}: {removed:?}");
            assert!(ours(&next.state.borrow()).is_empty(), "{trouble:?} at {at}");
        }
    }
}

#[test]
fn what_a_killed_run_left_is_removed_and_said() {
    let kernel = Kernel::new(None);
    {
        let state = &mut *kernel.state.borrow_mut();
        state
            .events
            .insert("preflight_9/by_symbol".to_owned(), "p:preflight_9/by_symbol f a=@b:u16".to_owned());
        state.instances.insert(
            "preflight_9".to_owned(),
            (BTreeSet::from(["preflight_9/by_symbol".to_owned()]), String::new()),
        );
        // Somebody switched on everything there was.
        state.instances.get_mut("mine").unwrap().0.insert("preflight_9/by_symbol".to_owned());
    }
    let traced = kernel.run();
    assert_eq!(
        traced.removed,
        ["/sys/kernel/tracing/instances/preflight_9", "kprobe event preflight_9/by_symbol"]
    );
    assert!(traced.result[1].result.is_ok() && traced.left.is_empty());
    assert_eq!(theirs(&kernel), theirs(&Kernel::new(None)));
}

#[test]
fn an_interrupt_ends_it_before_it_begins() {
    let kernel = Kernel::new(None);
    kernel.interrupt.set();
    let traced = kernel.run();
    assert!(traced.result.iter().all(|a| a.result.as_ref().unwrap_err().reason == "interrupted"));
    assert_eq!(theirs(&kernel), *kernel.state.borrow());
}

#[test]
fn why_tracefs_refuses() {
    let mut request = request();
    let said =
        |request: &Request, errno| no_instance("/sys/kernel/tracing/instances/preflight_1", errno, request);
    let unknown = said(&request, Errno::NOENT);
    assert!(
        unknown
            .reason
            .ends_with("ENOENT: this kernel has no kprobe events (CONFIG_KPROBE_EVENTS), or hides them"),
        "{}",
        unknown.reason
    );
    assert_eq!(said(&request, Errno::ACCESS).needs.as_deref(), Some("run as root"));
    request.lockdown = Some("none integrity [confidentiality]\n".to_owned());
    for errno in [Errno::NOENT, Errno::PERM, Errno::INVAL] {
        let unknown = said(&request, errno);
        assert!(
            unknown.reason.ends_with("the kernel is locked down (lockdown=confidentiality)"),
            "{}",
            unknown.reason
        );
        assert_eq!(unknown.needs.as_deref(), Some("boot without lockdown=confidentiality"));
    }
    assert!(!said(&request, Errno::NOMEM).reason.contains("locked"));
}

#[test]
fn nothing_is_tried_without_the_allowance() {
    let traced = masks(&request(), Allowance { probe: false, write: true }, &Interrupt::default());
    assert_eq!(traced.result.len(), 3);
    for attempt in traced.result {
        assert_eq!(attempt.result.unwrap_err().needs.as_deref(), Some("allow them with --allow probe"));
    }
}

#[test]
fn whose_lines_count() {
    let fired = |thread, implicit, returned| Fired {
        thread,
        implicit: Some(implicit),
        inhibit: Some(740),
        returned,
        line: format!("{thread:?}"),
    };
    // Ours among those of others.
    let lines = [fired(Some(1), 9, Some(1)), fired(Some(7), 256, Some(2)), fired(Some(8), 9, Some(3))];
    let (values, line) = choose(&lines, 7).unwrap();
    assert_eq!((values.implicit, values.returned, line.as_str()), (256, Some(2), "Some(7)"));
    // In a process namespace none looks like ours: they have to agree.
    let (values, _) = choose(&[fired(Some(1), 256, Some(1)), fired(Some(2), 256, Some(2))], 7).unwrap();
    assert_eq!((values.implicit, values.returned), (256, None));
    assert_eq!(choose(&[fired(None, 256, Some(5))], 7).unwrap().0.returned, Some(5));
    assert!(choose(&lines, 9).unwrap_err().contains("different masks"));
    assert!(choose(&[], 7).unwrap_err().contains("did not fire"));
    let fault = Fired { implicit: None, ..fired(None, 0, None) };
    assert!(choose(&[fault], 7).unwrap_err().contains("could not fetch"));
}
