//! `preflight fleet`: one picture of what the reports of many nodes say.
//!
//! The data go one way: `documents` cuts files into documents, `reading` takes from each what counts, `census` keeps it small
//! (a fleet is made of few kinds of nodes), `identities` tells which reports are of one machine, `picture` draws the conclusions
//! (`causes`, `matrix`, `odd`, `drift`), `text` and `page` show them. No document is kept; what two nodes say alike is kept once.

mod causes;
mod census;
mod counted;
mod documents;
mod drift;
mod identities;
mod matrix;
mod odd;
mod page;
mod picture;
mod reading;
#[cfg(test)]
mod tests;
mod text;

pub use picture::{Picture, Totals};
pub use reading::GroupKey;
pub use text::Style;

use crate::panics::on_panic;
use census::Census;
use documents::{Documents, Piece};
use std::{
    path::PathBuf,
    sync::{Condvar, Mutex, PoisonError},
    thread,
};

/// Of which documents a picture is made.
#[derive(Debug, Default)]
pub struct Sources {
    /// Files and directories; `-` is standard input.
    pub reports: Vec<PathBuf>,
    /// Those of an earlier day, for the drift.
    pub against: Vec<PathBuf>,
    /// By what nodes are grouped.
    pub group_by: Vec<GroupKey>,
}

/// A fleet: what all documents said, each thing once.
#[derive(Debug)]
pub struct Fleet {
    census: Census,
    picture: Picture,
}

impl Fleet {
    /// Reads all documents. What can't be read is part of the picture.
    ///
    /// # Errors
    /// Which file that was named does not exist, or which input that nodes are to be grouped by no report has.
    pub fn gather(sources: &Sources) -> Result<Self, String> {
        let mut census = Census::default();
        read_all(&sources.reports, &sources.group_by, &mut census)?;
        census.resolve();
        known_inputs(&census, &sources.group_by)?;
        let earlier = if sources.against.is_empty() {
            None
        } else {
            let now = census.begin_earlier();
            read_all(&sources.against, &sources.group_by, &mut census)?;
            census.resolve();
            let named: Vec<String> = sources.against.iter().map(|path| path.display().to_string()).collect();
            Some((named.join(" "), census.end_earlier(now)))
        };
        let picture = Picture::of(&census, earlier);
        Ok(Self { census, picture })
    }

    /// What there is to tell.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// For people.
    #[must_use]
    pub fn text(&self, style: Style) -> String {
        text::render(&self.census, &self.picture, style)
    }

    /// One page for browsers.
    ///
    /// # Errors
    /// Never for what was made here.
    pub fn page(&self) -> Result<String, String> {
        page::render(&self.census, &self.picture)
    }
}

/// An input that no report has is one that was misspelt.
fn known_inputs(census: &Census, group_by: &[GroupKey]) -> Result<(), String> {
    for key in group_by {
        let GroupKey::Input(name) = key else { continue };
        if census.inputs.contains(name) || census.nodes.is_empty() {
            continue;
        }
        let alike = |one: &&String| strsim::jaro_winkler(one, name);
        let nearest = census.inputs.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
        let nearest = nearest.map(|one| format!("; did you mean `input:{one}`?")).unwrap_or_default();
        return Err(format!("--group-by: no report has an input `{name}`{nearest}"));
    }
    Ok(())
}

/// Whose turn it is to hand in what was read: documents count in their order, or two runs would differ.
struct Turns<'a> {
    census: Mutex<(u64, &'a mut Census)>,
    next: Condvar,
}

/// More threads than this wait for each other: one reads, one hands in.
const THREADS: usize = 4;

fn read_all(paths: &[PathBuf], group_by: &[GroupKey], census: &mut Census) -> Result<(), String> {
    let documents = Mutex::new((0_u64, Documents::open(paths)?));
    let turns = Turns { census: Mutex::new((0, census)), next: Condvar::new() };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // The others would wait for its turn for ever.
                on_panic(|_| std::process::exit(crate::cli::exit::INTERNAL.into()));
                work(&documents, &turns, group_by);
            });
        }
    });
    let mut documents = documents.into_inner().unwrap_or_else(PoisonError::into_inner).1;
    census.other_files += documents.take_other_files();
    Ok(())
}

fn work(documents: &Mutex<(u64, Documents)>, turns: &Turns, group_by: &[GroupKey]) {
    loop {
        let (number, piece) = {
            let mut documents = documents.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(piece) = documents.1.next() else { return };
            documents.0 += 1;
            (documents.0 - 1, piece)
        };
        let Piece { place, bytes } = piece;
        let bytes = bytes.as_deref().map_err(Clone::clone);
        let readings = bytes.map_or_else(|why| vec![Err(why)], |bytes| reading::parse_all(bytes));
        let mut turn = turns.census.lock().unwrap_or_else(PoisonError::into_inner);
        while turn.0 != number {
            turn = turns.next.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
        for reading in readings {
            turn.1.add(&place, reading, group_by);
        }
        turn.0 += 1;
        turns.next.notify_all();
    }
}
