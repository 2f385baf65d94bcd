//! Kernel modules: built in, loaded, loadable, blocked, or missing.

mod index;
mod modprobe;
mod resolve;

use super::Known;
use crate::{
    evidence::{Evidence, Proof, Unknown},
    node::{Node, ReadError},
};
use index::Index;
pub use index::fold;
use modprobe::Rules;
use std::{
    cell::{OnceCell, RefCell},
    collections::HashMap,
};

/// Where the running kernel has a module, or would get it from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModuleState {
    /// Part of the kernel image.
    BuiltIn(Proof),
    /// Loaded now.
    Loaded(Proof),
    /// On disk, for this release, and nothing forbids to load it. Holds its path.
    Loadable(String, Proof),
    /// On disk, but it will not be loaded: `modules_disabled`, or an `install X /bin/false`. Holds why.
    Blocked(String, Proof),
    /// Nowhere.
    Missing(Proof),
    /// Could not be told.
    Unknown(Unknown),
}

impl ModuleState {
    /// Whether the kernel has it now, without loading anything.
    #[must_use]
    pub fn is_there(&self) -> bool {
        matches!(self, Self::BuiltIn(_) | Self::Loaded(_))
    }

    /// Adds what led here, such as an alias.
    fn led_by(self, step: Evidence) -> Self {
        match self {
            Self::BuiltIn(proof) => Self::BuiltIn(proof.and(step)),
            Self::Loaded(proof) => Self::Loaded(proof.and(step)),
            Self::Loadable(path, proof) => Self::Loadable(path, proof.and(step)),
            Self::Blocked(why, proof) => Self::Blocked(why, proof.and(step)),
            Self::Missing(proof) => Self::Missing(proof.and(step)),
            Self::Unknown(unknown) => Self::Unknown(unknown.tried([step])),
        }
    }
}

/// The largest modules.dep or modules.alias that is read, in bytes; the largest of a distribution has 2 MB.
const INDEX_LIMIT: usize = 8 << 20;

/// What was read so far of the running kernel's modules.
#[derive(Debug, Default)]
pub struct Modules {
    place: OnceCell<Known<Place>>,
    builtin: OnceCell<Result<Index, ReadError>>,
    dep: OnceCell<Result<Index, ReadError>>,
    rules: OnceCell<Rules>,
    /// The first index of aliases that exists and could not be read.
    unread_alias: OnceCell<ReadError>,
    /// The modules' files that were looked for: many need the same ones.
    files: RefCell<HashMap<String, Result<(), ReadError>>>,
    answers: RefCell<HashMap<String, ModuleState>>,
}

/// Where the modules of the running kernel lie.
#[derive(Debug)]
enum Place {
    /// The directory of its release.
    At(String),
    /// There are modules, but none of its release: the kernel's package was updated or removed since the boot.
    Replaced(Vec<String>, Evidence),
    /// There are no modules at all in this tree.
    Nowhere(Evidence),
}

impl Node {
    /// The state of the module `name` (`-` and `_` are the same; an alias such as `fs-overlay` will do).
    ///
    /// Loadable needs everything that could forbid it to be readable: modules.dep, the files it names,
    /// /proc/sys/kernel/modules_disabled, /proc/cmdline and modprobe.d.
    pub fn module(&self, name: &str) -> ModuleState {
        let name = fold(name);
        let answers = &self.modules().answers;
        if let Some(state) = answers.borrow().get(&name) {
            return state.clone();
        }
        let state = resolve::resolve(self, &name);
        answers.borrow_mut().insert(name, state.clone());
        state
    }

    /// The line of modprobe.d that stops `name` from being loaded on demand, through an alias, or the word
    /// `modprobe.blacklist=` of the kernel command line, which does the same (kmod: libkmod/libkmod-config.c,
    /// `kcmdline_parse_result`). By its own name it can still be loaded.
    pub(crate) fn module_blacklisted(&self, name: &str) -> Option<Evidence> {
        let by_word = || {
            let cmdline = self.cmdline().as_ref().ok()?;
            let listed = |v: &&str| v.split(',').any(|m| index::same(m, name));
            let value = cmdline.values("modprobe.blacklist").find(listed)?;
            Some(self.cmdline_evidence(&format!("modprobe.blacklist={value}")))
        };
        self.module_rules().blacklists(name).cloned().or_else(by_word)
    }

    /// Where the disk holds modules of other releases only: those releases.
    pub(crate) fn modules_replaced(&self) -> Option<&[String]> {
        match self.module_place() {
            Ok(Place::Replaced(others, _)) => Some(others),
            _ => None,
        }
    }

    fn modules(&self) -> &Modules {
        self.fact(Modules::default)
    }

    fn module_rules(&self) -> &Rules {
        self.modules().rules.get_or_init(|| Rules::read(self))
    }

    fn module_place(&self) -> &Known<Place> {
        self.modules().place.get_or_init(|| {
            let release = &self.kernel_release().as_ref().map_err(Clone::clone)?.text;
            // On a distribution with a merged /usr both are the same place.
            for tree in ["/lib/modules", "/usr/lib/modules"] {
                let directory = format!("{tree}/{release}");
                match self.kind(&directory) {
                    Ok(_) => return Ok(Place::At(directory)),
                    Err(e) if e.is_missing() => {}
                    Err(e) => return Err(e.unknown()),
                }
            }
            match self.list("/lib/modules") {
                Ok(others) if !others.is_empty() => {
                    let evidence = Evidence::new("/lib/modules", format!("holds {}", others.join(", ")));
                    Ok(Place::Replaced(others, evidence))
                }
                Ok(_) => Ok(Place::Nowhere(Evidence::new("/lib/modules", "empty"))),
                Err(e) if e.is_missing() => Ok(Place::Nowhere(e.evidence())),
                Err(e) => Err(e.unknown()),
            }
        })
    }

    /// Whether the file of a module is there.
    fn module_file(&self, path: &str) -> Result<(), ReadError> {
        let mut files = self.modules().files.borrow_mut();
        files.entry(path.to_owned()).or_insert_with(|| self.kind(path).map(drop)).clone()
    }

    /// One of the two indexes that are asked for every module.
    fn module_index<'a>(
        &self,
        cell: &'a OnceCell<Result<Index, ReadError>>,
        directory: &str,
        file: &str,
    ) -> &'a Result<Index, ReadError> {
        cell.get_or_init(|| self.read_once(&format!("{directory}/{file}"), INDEX_LIMIT).map(Index::parse))
    }
}

#[cfg(test)]
pub(crate) mod tests;
