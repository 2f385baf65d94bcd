//! The files of a unit of systemd's system manager: the fragment, its drop-ins, and what they assign, in systemd's order.

mod command;
mod delegate;
mod enablement;
mod lookup;
mod syntax;

pub use command::{Command, Variables, Word, words};
pub use delegate::{DELEGABLE, Delegate, delegate};
pub use enablement::Enablement;
pub use syntax::Assignment;

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError, ReadErrorKind},
};
use lookup::Place;
use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

/// The most drop-ins that are read for one unit.
const DROP_INS: usize = 256;
/// How many aliases lead from one name to the next (`FOLLOW_MAX`, src/shared/unit-file.c of systemd 246).
const ALIASES: usize = 8;

/// A unit that has a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its names: that which was asked for, and where aliases lead.
    pub names: Vec<String>,
    /// Its own file, which systemd calls the fragment.
    pub fragment: String,
    /// Why it can't be started, if it is masked: a link to /dev/null, or an empty file.
    pub masked: Option<Evidence>,
    /// Every assignment of the fragment and then of the drop-ins, in the order in which they count.
    pub assignments: Vec<Assignment>,
    /// The fragment, and the drop-ins that were read.
    pub files: Vec<String>,
}

impl Unit {
    /// The name under which systemd has it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.names.last().map_or("", String::as_str)
    }

    /// All assignments of a key, in order; an empty value is among them.
    #[must_use]
    pub fn all<'a>(
        &'a self,
        section: &'a str,
        key: &'a str,
    ) -> impl DoubleEndedIterator<Item = &'a Assignment> {
        self.assignments.iter().filter(move |a| a.section == section && a.key == key)
    }

    /// The last assignment of a key: that which counts where a value replaces the one before.
    #[must_use]
    pub fn last(&self, section: &str, key: &str) -> Option<&Assignment> {
        self.assignments.iter().rfind(|a| a.section == section && a.key == key)
    }

    /// The assignments of a key whose values add up, such as `ExecStart=`, `Environment=`, `WantedBy=`: an empty one throws
    /// away those before it (systemd.syntax(7)).
    #[must_use]
    pub fn list(&self, section: &str, key: &str) -> Vec<&Assignment> {
        let mut found = Vec::new();
        for one in self.assignments.iter().filter(|a| a.section == section && a.key == key) {
            if one.value.is_empty() { found.clear() } else { found.push(one) }
        }
        found
    }

    /// That it is there.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.masked.clone().unwrap_or_else(|| {
            let drop_ins = self.files.len().saturating_sub(1);
            let more = if drop_ins == 0 { String::new() } else { format!(", with {drop_ins} drop-ins") };
            Evidence::new(&self.fragment, format!("exists{more}"))
        })
    }
}

/// What follows the last dot of a name: `service` of `containerd.service`.
#[must_use]
pub fn kind(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, kind)| kind)
}

/// The template of an instance: `user@.service` of `user@1000.service`.
#[must_use]
pub fn template(unit: &str) -> Option<String> {
    let (prefix, rest) = unit.split_once('@')?;
    let (instance, kind) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{kind}"))
}

/// That no file of a unit was found, where units of packages and of the administrator are.
#[must_use]
pub fn absent(name: &str) -> Vec<Evidence> {
    ["/etc/systemd/system", "/usr/lib/systemd/system"]
        .map(|d| Evidence::new(d, format!("no {name}")))
        .to_vec()
}

/// The names under which drop-ins are looked for, the most specific first (systemd.unit(5)): the unit, its template,
/// what is left when it is cut after each dash. That of the type (`service`) comes behind those of all aliases.
fn drop_in_names(unit: &str) -> Vec<String> {
    let mut names = vec![unit.to_owned()];
    names.extend(template(unit));
    if let Some((stem, kind)) = unit.rsplit_once('.')
        && !stem.contains('@')
    {
        let cuts = stem.rmatch_indices('-').filter(|(at, _)| at + 1 < stem.len());
        names.extend(cuts.take(16).filter_map(|(at, _)| Some(format!("{}.{kind}", stem.get(..=at)?))));
    }
    names
}

/// The units that were asked for.
#[derive(Default)]
struct Units(RefCell<HashMap<String, Known<Option<Rc<Unit>>>>>);

impl Node {
    /// The unit `name` of systemd's system manager, from its files; none where no directory has one of that name.
    ///
    /// # Errors
    /// When one of its files may not be read: what it says is not known then.
    pub fn systemd_unit(&self, name: &str) -> Known<Option<Rc<Unit>>> {
        let units = self.fact(Units::default);
        if let Some(found) = units.0.borrow().get(name) {
            return found.clone();
        }
        let found = self.find_unit(name).map(|unit| unit.map(Rc::new));
        units.0.borrow_mut().insert(name.to_owned(), found.clone());
        found
    }

    fn find_unit(&self, name: &str) -> Known<Option<Unit>> {
        let mut names = vec![name.to_owned()];
        let path = loop {
            let asked = names.last().map_or(name, String::as_str);
            match self.unit_place(asked)? {
                None => return Ok(None),
                Some(Place::File(path)) => break path,
                Some(Place::Masked(path, evidence)) => {
                    let masked = Some(evidence);
                    return Ok(Some(Unit {
                        names,
                        files: vec![path.clone()],
                        fragment: path,
                        masked,
                        assignments: vec![],
                    }));
                }
                Some(Place::Alias(target)) if names.len() <= ALIASES && !names.contains(&target) => {
                    names.push(target);
                }
                Some(Place::Alias(target)) => {
                    return Err(Unknown::new(format!(
                        "the aliases of {name} go in a circle, or on and on, at {target}"
                    )));
                }
            }
        };
        let read = self.read(&path);
        let text = match read.text() {
            Ok(text) => text,
            // A link that leads nowhere.
            Err(e) if e.is_missing() => return Ok(None),
            Err(e) => return Err(e.unknown()),
        };
        // An empty fragment masks as /dev/null does (unit_load_fragment(), src/core/load-fragment.c: null_or_empty()).
        let masked = text.is_empty().then(|| read.quote("is empty, which masks the unit"));
        let mut unit = Unit { names, files: vec![path.clone()], fragment: path, masked, assignments: vec![] };
        unit.assignments = syntax::parse(&unit.fragment, &text);
        if unit.masked.is_none() {
            self.add_drop_ins(&mut unit)?;
        }
        Ok(Some(unit))
    }

    fn add_drop_ins(&self, unit: &mut Unit) -> Known<()> {
        for path in self.unit_drop_ins(unit)?.into_values() {
            let read = self.read(&path);
            match read.text() {
                Ok(text) => {
                    unit.assignments.extend(syntax::parse(&path, &text));
                    unit.files.push(path);
                }
                // A link to /dev/null masks one of the same name elsewhere.
                Err(e) if matches!(e.kind, ReadErrorKind::WrongKind(_) | ReadErrorKind::Missing) => {}
                Err(e) => return Err(e.unknown()),
            }
        }
        Ok(())
    }

    /// The drop-ins of a unit, by their names, which is the order in which they are read; of two with one name the first
    /// counts (unit_file_find_dropin_paths(), src/shared/dropin.c).
    fn unit_drop_ins(&self, unit: &Unit) -> Known<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        let mut names: Vec<String> = unit.names.iter().rev().flat_map(|name| drop_in_names(name)).collect();
        // The unit's own other names, as far as it tells them and they are links: cri-o.service of crio.service.
        for alias in
            unit.list("Install", "Alias").iter().flat_map(|a| a.value.split_ascii_whitespace()).take(16)
        {
            if self.is_alias_link(alias, unit) {
                names.push(alias.to_owned());
            }
        }
        let name = unit.name();
        names.extend(kind(name).map(str::to_owned));
        for name in names {
            // The directories of a type are the same for all units: looked for once.
            let is_type = !name.contains('.');
            for place in self.unit_directories() {
                let directory = format!("{place}/{name}.d");
                if is_type && self.kind(&directory).is_err_and(|e| e.is_missing()) {
                    continue;
                }
                let files = match self.list(&directory) {
                    Ok(files) => files,
                    Err(e) if matches!(e.kind, ReadErrorKind::Missing | ReadErrorKind::WrongKind(_)) => {
                        continue;
                    }
                    Err(e) => return Err(e.unknown()),
                };
                for file in files.into_iter().filter(|f| kind(f) == Some("conf")) {
                    let path = format!("{directory}/{file}");
                    found.entry(file).or_insert(path);
                }
                if found.len() > DROP_INS {
                    return Err(Unknown::new(format!("{} has more than {DROP_INS} drop-ins", unit.name())));
                }
            }
        }
        Ok(found)
    }
}

impl From<&Assignment> for Evidence {
    fn from(one: &Assignment) -> Self {
        Self::new(&one.file, format!("{}={}", one.key, one.value))
    }
}

/// An error that is not "it is not there".
fn unless_missing(error: &ReadError) -> Known<()> {
    if error.is_missing() { Ok(()) } else { Err(error.unknown()) }
}

#[cfg(test)]
mod tests;
