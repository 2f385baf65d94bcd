//! The laws of DESIGN.md 1, held against what this machine answers: every answer of the live run, one at a time, is taken
//! away or spoiled.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;

use common::laws::{POLICY, better, judge, load, sound, worse};
use preflight::policy::OnUnknown;
use preflight_checks::{
    capture::{Answers, Capture, Captured, Header, Look, Recorder, Seen},
    node::{Door, Filesystem, ReadError, ReadErrorKind},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// What becomes of an answer.
#[derive(Clone, Copy, Debug)]
enum Spoiled {
    NotCaptured,
    Denied,
    Io,
    TimedOut,
    Halved,
    Emptied,
}

impl Spoiled {
    /// One way or another for each answer: all of them for all answers would take minutes.
    const TURNS: [Self; 5] = [Self::Denied, Self::Io, Self::TimedOut, Self::Halved, Self::Emptied];

    /// Whether what was seen is a lie now, and not only unknown.
    fn lies(self) -> bool {
        matches!(self, Self::Halved | Self::Emptied)
    }

    fn spoil(self, answers: &mut Answers, look: &Look) {
        let path = match look {
            Look::Read(path) | Look::Part(path, ..) | Look::List(path) | Look::Kind(path) => path.as_str(),
            _ => "it",
        };
        let error = |kind| Err(ReadError::new(path, kind));
        let answer = match (self, answers.get(look)) {
            (Self::NotCaptured, _) => {
                answers.remove(look);
                return;
            }
            (Self::Halved, Some(Ok(Seen::Bytes(bytes)))) => {
                Ok(Seen::Bytes(bytes[..bytes.len() / 2].to_vec()))
            }
            (Self::Emptied, Some(Ok(Seen::Bytes(_)))) => Ok(Seen::Bytes(Vec::new())),
            (Self::Denied, _) => error(ReadErrorKind::Denied("EACCES")),
            (Self::TimedOut, _) => error(ReadErrorKind::TimedOut),
            (Self::Io | Self::Halved | Self::Emptied, _) => error(ReadErrorKind::System("EIO".to_owned())),
        };
        answers.insert(look.clone(), answer);
    }
}

#[test]
fn taking_an_answer_of_this_machine_away_makes_nothing_better() {
    let policy = load(POLICY, OnUnknown::Fail);
    let recorder = Arc::new(Recorder::new(Arc::new(Filesystem::live().expect("the root directory"))));
    judge(&policy, Arc::clone(&recorder) as Arc<dyn Door>);
    let header = Header {
        user: recorder.user(),
        ..Header::new("0", "2026-11-22T00:00:00Z".to_owned(), "laws".to_owned())
    };
    let (answers, _) = recorder.answers();
    let node = |answers| Arc::new(Captured::new(Capture::new(header.clone(), answers)));
    let before = judge(&policy, node(answers.clone()));
    let looks: Vec<&Look> = answers.keys().collect();
    assert!(looks.len() > 300, "{} answers only", looks.len());
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((at, look)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            looks.get(at).map(|look| (at, *look))
        } {
            for spoiled in [Spoiled::NotCaptured, Spoiled::TURNS[at % Spoiled::TURNS.len()]] {
                let mut answers = answers.clone();
                spoiled.spoil(&mut answers, look);
                let after = judge(&policy, node(answers));
                let at = format!("{look:?} {spoiled:?}");
                sound(&policy, &after, &at);
                let mut found = better(&before, &after);
                if !spoiled.lies() {
                    found.extend(worse(&before, &after));
                }
                faults.lock().expect("no panic").extend(found.into_iter().map(|f| format!("{at}: {f}")));
            }
        }
    };
    thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    let faults = faults.into_inner().expect("no panic");
    assert!(faults.is_empty(), "{} findings got better:\n{}", faults.len(), faults.join("\n"));
}
