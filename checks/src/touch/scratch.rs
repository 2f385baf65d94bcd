//! The errno of `-NAME` in cgroup.subtree_control of an own, empty cgroup: it tells the inhibit mask on every kernel,
//! and without privilege in a delegated cgroup.
//!
//! No file of any other cgroup is written.

use super::{
    Interrupt, Swept, Touched, errno_name,
    on_panic::on_panic,
    patiently, refused,
    trace::CGROUP2_MAGIC,
    tree::{Directory, Guard, Tree},
};
use crate::{evidence::Unknown, facts::cgroup::masks::ScratchAnswers};
use rustix::io::Errno;
use std::{
    rc::Rc,
    time::{Duration, Instant},
};

/// Our cgroups are called this and the process id.
const PREFIX: &str = "preflight-";
/// How long cgroups that are busy are tried again, all together.
const MOMENT: Duration = Duration::from_millis(500);
/// The longest name that is asked for: as MAX_CGROUP_TYPE_NAMELEN, include/linux/cgroup-defs.h.
const LONGEST: usize = 32;

/// What the kernel said, or why it could not be asked.
type Answers = Result<ScratchAnswers, Unknown>;

/// Whether a cgroup with this name is ours.
#[must_use]
pub fn is_ours(name: &str) -> bool {
    super::is_ours(name, PREFIX)
}

/// Makes a cgroup below the first of `parents` (directories of a cgroup2 mount) in which it can, asks for each of
/// `names`, and removes it.
#[must_use]
pub fn ask(parents: &[String], names: &[String], interrupt: &Interrupt) -> Touched<Answers> {
    let asked = parents.iter().map(|path| {
        let opened = Directory::open(path, CGROUP2_MAGIC).map_err(|e| refused(path, e));
        match opened.and_then(|tree| tree.lock(interrupt).map(|()| tree)) {
            Ok(tree) => {
                let tree = Rc::new(tree);
                let own = Rc::clone(&tree);
                let _on_panic = on_panic(move || drop(sweep(&*own)));
                ask_in(&*tree, names, interrupt)
            }
            Err(unknown) => Touched::nothing(Err(unknown)),
        }
    });
    first_answer(asked, interrupt)
}

/// Tries one place after the other until one answers, something stays behind, or the user wants to stop.
fn first_answer(places: impl Iterator<Item = Touched<Answers>>, interrupt: &Interrupt) -> Touched<Answers> {
    let mut refusals: Option<Unknown> = None;
    let mut removed = Vec::new();
    for mut asked in places {
        removed.append(&mut asked.removed);
        let last = interrupt.is_set() || !asked.left.is_empty();
        match asked.result {
            Err(unknown) if !last => refusals = Some(both(refusals, unknown)),
            result => return Touched { result, removed, left: asked.left },
        }
    }
    let nowhere = || Unknown::new("no cgroup2 is mounted here");
    Touched { removed, ..Touched::nothing(Err(refusals.unwrap_or_else(nowhere))) }
}

/// Why it could be asked in neither of two places.
fn both(first: Option<Unknown>, second: Unknown) -> Unknown {
    let Some(first) = first else { return second };
    Unknown {
        reason: format!("{}; {}", first.reason, second.reason),
        evidence: first.evidence.into_iter().chain(second.evidence).collect(),
        needs: first.needs.or(second.needs),
    }
}

fn ask_in(tree: &impl Tree, names: &[String], interrupt: &Interrupt) -> Touched<Answers> {
    let guard = Guard::new(tree, sweep, interrupt);
    let before = sweep(tree);
    let answers = answers(tree, names, interrupt);
    Touched::between(before, answers, guard.finish())
}

fn answers(tree: &impl Tree, names: &[String], interrupt: &Interrupt) -> Answers {
    interrupt.check()?;
    let own = format!("{PREFIX}{}", rustix::process::getpid().as_raw_pid());
    tree.mkdir(&own).map_err(|e| {
        let unknown = refused(&tree.at(&own), e);
        let reason = format!("no cgroup can be made: {}", unknown.reason);
        let needs = unknown.needs.map(|_| "run as root, or in a cgroup that was delegated".to_owned());
        Unknown { reason, needs, ..unknown }
    })?;
    let file = format!("{own}/cgroup.subtree_control");
    let mut answers = Vec::new();
    for name in names.iter().filter(|n| is_name(n)) {
        interrupt.check()?;
        let answer = match tree.append(&file, &format!("-{name}\n")) {
            Ok(()) => None,
            // It was looked up under no lock: the cgroup went away, or may not be written. That says nothing of a name.
            Err(e @ (Errno::NOENT | Errno::NODEV | Errno::ACCESS | Errno::PERM | Errno::ROFS)) => {
                return Err(refused(&tree.at(&file), e));
            }
            Err(e) => Some(errno_name(e)),
        };
        answers.push((name.clone(), answer));
    }
    Ok(ScratchAnswers { directory: tree.at(&own), answers })
}

/// Whether this can be a subsystem's name: `-a +b` would be two of them.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !name.is_empty() && name.len() <= LONGEST && name.bytes().all(plain)
}

/// Removes every cgroup of ours; one with a process or with children is busy, and stays.
fn sweep(tree: &impl Tree) -> Swept {
    let mut swept = Swept::default();
    let end = Instant::now() + MOMENT;
    let names = swept.seen(tree.path().to_owned(), tree.list(".")).unwrap_or_default();
    for name in names.iter().filter(|name| is_ours(name)) {
        let left = end.saturating_duration_since(Instant::now());
        swept.note(tree.at(name), patiently(left, &[Errno::BUSY], || tree.rmdir(name)));
    }
    swept
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        cell::{Cell, RefCell},
        collections::BTreeSet,
        panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    };

    type Trouble = fn(&Interrupt) -> Result<(), Errno>;

    /// A cgroup whose kernel inhibits `devices`, and in which something happens at one call.
    struct Cgroup {
        children: RefCell<BTreeSet<String>>,
        calls: Cell<usize>,
        at: usize,
        trouble: Trouble,
        interrupt: Interrupt,
    }

    impl Cgroup {
        fn new(at: usize, trouble: Trouble) -> Self {
            let children = ["system.slice", "preflight-test"].map(str::to_owned);
            Self {
                children: RefCell::new(BTreeSet::from(children)),
                calls: Cell::new(0),
                at,
                trouble,
                interrupt: Interrupt::default(),
            }
        }

        fn quiet() -> Self {
            Self::new(usize::MAX, |_| Ok(()))
        }

        fn call(&self) -> Result<(), Errno> {
            let number = self.calls.replace(self.calls.get() + 1);
            if number == self.at { (self.trouble)(&self.interrupt) } else { Ok(()) }
        }

        fn ask(&self) -> Touched<Answers> {
            let names = ["memory", "devices", "perf_event +cpu", "perf_event"].map(str::to_owned);
            ask_in(self, &names, &self.interrupt)
        }

        fn ours(&self) -> usize {
            self.children.borrow().iter().filter(|n| is_ours(n)).count()
        }
    }

    impl Tree for Cgroup {
        fn path(&self) -> &'static str {
            "/sys/fs/cgroup"
        }
        fn read(&self, _: &str) -> Result<String, Errno> {
            unreachable!("nothing is read")
        }
        fn append(&self, name: &str, text: &str) -> Result<(), Errno> {
            self.call()?;
            let (cgroup, file) = name.split_once('/').unwrap();
            assert!(is_ours(cgroup) && self.children.borrow().contains(cgroup), "{name} is not ours");
            assert_eq!(file, "cgroup.subtree_control");
            if text == "-devices\n" { Err(Errno::INVAL) } else { Ok(()) }
        }
        fn list(&self, _: &str) -> Result<Vec<String>, Errno> {
            self.call()?;
            Ok(self.children.borrow().iter().cloned().collect())
        }
        fn mkdir(&self, name: &str) -> Result<(), Errno> {
            self.call()?;
            if self.children.borrow_mut().insert(name.to_owned()) { Ok(()) } else { Err(Errno::EXIST) }
        }
        fn rmdir(&self, name: &str) -> Result<(), Errno> {
            self.call()?;
            if self.children.borrow_mut().remove(name) { Ok(()) } else { Err(Errno::NOENT) }
        }
    }

    #[test]
    fn the_kernels_answers() {
        let asked = Cgroup::quiet().ask();
        let answers = asked.result.unwrap();
        assert!(answers.directory.starts_with("/sys/fs/cgroup/preflight-"), "{}", answers.directory);
        let expected = [("memory", None), ("devices", Some("EINVAL")), ("perf_event", None)];
        assert_eq!(answers.answers, expected.map(|(n, a)| (n.to_owned(), a.map(str::to_owned))));
        assert!(asked.removed.is_empty() && asked.left.is_empty());
    }

    #[test]
    fn what_was_removed_where_nothing_could_be_asked_is_told_too() {
        let place =
            |result, removed: &str| Touched { result, removed: vec![removed.to_owned()], left: Vec::new() };
        let good = ScratchAnswers { directory: "/b".into(), answers: Vec::new() };
        let refused = || place(Err(Unknown::new("read-only")), "/a/preflight-1");
        let interrupt = Interrupt::default();
        let asked = first_answer([refused(), place(Ok(good), "/b/preflight-2")].into_iter(), &interrupt);
        assert!(asked.result.is_ok());
        assert_eq!(asked.removed, ["/a/preflight-1", "/b/preflight-2"]);
        let asked = first_answer([refused(), refused()].into_iter(), &interrupt);
        assert_eq!(asked.result.unwrap_err().reason, "read-only; read-only");
        assert_eq!(asked.removed.len(), 2);
        assert!(first_answer(std::iter::empty(), &interrupt).result.is_err());
    }

    #[test]
    fn whatever_happens_at_whichever_call_nothing_stays() {
        let quiet = Cgroup::quiet();
        quiet.ask();
        let troubles: [Trouble; 4] = [
            |_| Err(Errno::BUSY),
            |_| Err(Errno::PERM),
            |interrupt| {
                interrupt.set();
                Ok(())
            },
            |_| resume_unwind(Box::new("without a message")),
        ];
        for trouble in troubles {
            for at in 0..quiet.calls.get() {
                let cgroup = Cgroup::new(at, trouble);
                let asked = catch_unwind(AssertUnwindSafe(|| cgroup.ask()));
                let said = asked.is_ok_and(|asked| !asked.left.is_empty());
                assert!(cgroup.ours() == 0 || said, "at {at}");
                let next = Cgroup { at: usize::MAX, interrupt: Interrupt::default(), ..cgroup };
                let left = next.ours();
                assert_eq!(next.ask().removed.len(), left, "at {at}");
                assert_eq!(next.children.borrow().len(), 2, "at {at}");
            }
        }
    }

    #[test]
    fn no_cgroup_to_ask_in() {
        let interrupt = Interrupt::default();
        let names = ["memory".to_owned()];
        assert_eq!(ask(&[], &names, &interrupt).result.unwrap_err().reason, "no cgroup2 is mounted here");
        let parents = ["/nowhere/at/all".to_owned(), "/".to_owned()];
        let unknown = ask(&parents, &names, &interrupt).result.unwrap_err();
        assert_eq!(unknown.reason, "/nowhere/at/all: ENOENT; /: ENODEV");
        assert_eq!(unknown.evidence.len(), 2);
    }
}
