//! Several questions at the same time, for those that wait for others.

use super::{Answer, Door, Probe, ReadError};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// How many are waited for at once.
const THREADS: usize = 16;

/// Puts each question once; an answer is missing only where a thread could not be started.
pub(super) fn ask(door: &dyn Door, probes: &[Probe]) -> Vec<(Probe, Result<Answer, ReadError>)> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::with_capacity(probes.len()));
    let work = || {
        while let Some(probe) = probes.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = door.probe(probe);
            // A panic while the lock is held leaves the list whole.
            answers.lock().unwrap_or_else(PoisonError::into_inner).push((probe.clone(), result));
        }
    };
    thread::scope(|scope| {
        for _ in 0..probes.len().min(THREADS) {
            let started = thread::Builder::new().name("probe".to_owned()).spawn_scoped(scope, work);
            if started.is_err() {
                break;
            }
        }
    });
    answers.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use std::collections::BTreeMap;

    #[test]
    fn each_gets_its_own_answer() {
        let probe = |port| Probe::Connect { address: ([127, 0, 0, 1], port).into(), millis: 1 };
        let probes: Vec<Probe> = (1..100).map(probe).collect();
        let memory =
            (1..100).fold(Memory::new(), |memory, port| memory.probe(probe(port), &format!("E{port}")));
        let answers: BTreeMap<Probe, _> = ask(&memory, &probes).into_iter().collect();
        for port in 1..100 {
            assert_eq!(answers[&probe(port)].as_ref().unwrap().to_string(), format!("E{port}"));
        }
    }
}
