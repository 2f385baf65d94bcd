//! A thread that asks a node, one question after the other. What one question found out, the next need not read again.

use super::Confinement;
use preflight_checks::{
    Node,
    node::{Allowed, Door, Watch},
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

type Question = Box<dyn FnOnce(&Node) + Send>;

/// The side that has questions. The thread ends when this is gone and the last of them is answered; where it hangs it is left
/// behind, and dies with the process.
pub struct Asker {
    questions: mpsc::Sender<Question>,
    watch: Arc<Watch>,
    confinement: Option<Confinement>,
    hung: AtomicBool,
}

impl Asker {
    /// Starts one that asks behind `door`, confined as everybody is who asks: with what any check may need, until it is told which
    /// are asked.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(name: &str, door: &Arc<dyn Door>, allowed: Allowed, watch: Arc<Watch>) -> io::Result<Self> {
        Self::confined(name, door, allowed, watch, Confinement::of(door, allowed))
    }

    /// The same, with this confinement.
    pub(super) fn confined(
        name: &str,
        door: &Arc<dyn Door>,
        allowed: Allowed,
        watch: Arc<Watch>,
        confinement: Option<Confinement>,
    ) -> io::Result<Self> {
        let (questions, asked) = mpsc::channel::<Question>();
        let its_watch = Arc::clone(&watch);
        let work = move |door| {
            let node = Node::new(door, its_watch).allowing(allowed);
            for question in asked {
                question(&node);
            }
        };
        // Detached: joining a thread that hangs would hang as well.
        if let Some(confinement) = &confinement {
            confinement.start(name, door, work)?;
        } else {
            let door = Arc::clone(door);
            thread::Builder::new().name(name.to_owned()).spawn(move || work(door))?;
        }
        Ok(Self { questions, watch, confinement, hung: AtomicBool::new(false) })
    }

    /// Has it asked, after what it was given before.
    pub(crate) fn ask(&self, question: impl FnOnce(&Node) + Send + 'static) {
        // It ends after a panic only, of which its own last words tell.
        let _ = self.questions.send(Box::new(question));
    }

    /// Has it asked, and waits for the answer; none where there is none in time. Then it is left behind.
    pub(crate) fn answer<T: Send + 'static>(
        &self,
        patience: Duration,
        question: impl FnOnce(&Node) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = mpsc::channel();
        // Nobody waits any more where it took too long.
        self.ask(move |node| drop(sender.send(question(node))));
        let answer = receiver.recv_timeout(patience);
        if answer.is_err() {
            self.hung.store(true, Ordering::Relaxed);
        }
        answer.ok()
    }

    /// What it has yet to take from itself, to be confined so.
    pub(super) fn not_yet(&self, confinement: Option<&Confinement>) -> Option<Confinement> {
        confinement.filter(|wanted| self.confinement.as_ref() != Some(*wanted)).cloned()
    }

    /// Whether it did not answer, so that nobody should ask it again.
    pub(super) fn is_hung(&self) -> bool {
        self.hung.load(Ordering::Relaxed)
    }

    /// What it reads, and what hung.
    pub(super) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }
}

/// Starts a thread that asks the node behind `door` one thing outside of a run. It may hang, and is not waited for.
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
    Asker::start(name, door, allowed, watch)?.ask(ask);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use preflight_checks::node::Memory;

    fn asker(memory: Memory) -> Asker {
        let door: Arc<dyn Door> = Arc::new(memory);
        Asker::start("asker", &door, Allowed::default(), Arc::default()).unwrap()
    }

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn all_questions_are_asked_of_one_node_in_order() {
        let asker = asker(Memory::new().file("/etc/x", "y"));
        let of = |question: fn(&Node) -> usize| asker.answer(LONG, question);
        assert_eq!(of(|node| node.read("/etc/x").text().map_or(0, |text| text.len())), Some(1));
        let place = |node: &Node| std::ptr::from_ref(node) as usize;
        assert_eq!(of(place), of(place));
        assert!(!asker.is_hung());
    }

    #[test]
    fn who_does_not_answer_is_hung() {
        let asker = asker(Memory::new());
        let (_open, never) = mpsc::channel::<()>();
        assert_eq!(asker.answer(Duration::from_millis(1), move |_| never.recv()), None);
        assert!(asker.is_hung());
    }
}
