//! CRI-O as it is set up here: /etc/crio/crio.conf and all files of crio.conf.d, in lexical order (pkg/config/config.go,
//! UpdateFromPath(), CRI-O 1.37).

use super::{
    Known,
    containerd::{Driver, Found, Problem, parse},
};
use crate::{
    evidence::{Evidence, Unknown},
    node::{FileKind, Node},
    toml::File,
};

/// Its main file and its drop-ins (pkg/config/config_unix.go).
pub const CONFIG: &str = "/etc/crio/crio.conf";
/// Its drop-ins, whatever they are called.
pub const DROP_INS: &str = "/etc/crio/crio.conf.d";
/// Where it is installed.
pub const PROGRAMS: [&str; 2] = ["/usr/bin/crio", "/usr/local/bin/crio"];
/// The most drop-ins that are read.
const FILES: usize = 64;

/// CRI-O as it is set up here.
#[derive(Debug)]
pub struct Crio {
    /// The files, in the order in which they count.
    pub files: Vec<File>,
    /// What is wrong with one of them: CRI-O does not start with it.
    pub problem: Option<Problem>,
    /// Why the configuration is not known.
    pub unknown: Option<Unknown>,
    /// What shows that it is here.
    pub seen: Evidence,
}

struct Here(Option<Crio>);

impl Crio {
    /// A setting that is text, by its keys below `crio`; none where no file has it.
    ///
    /// # Errors
    /// When a file can't be read or parsed.
    pub fn text(&self, keys: &[&str]) -> Known<Option<Found<String>>> {
        if let Some(problem) = &self.problem {
            let why = Unknown::new(format!("{}: {}", problem.path, problem.message));
            return Err(why.tried([problem.evidence.clone()]));
        }
        if let Some(unknown) = &self.unknown {
            return Err(unknown.clone());
        }
        let path: Vec<&str> = ["crio"].iter().chain(keys).copied().collect();
        let key = keys.last().unwrap_or(&"");
        Ok(self.files.iter().rev().find_map(|file| {
            let value = file.at(&path)?;
            Some(Found { value: value.as_text()?.to_owned(), seen: file.seen(key, value) })
        }))
    }

    /// By which driver pods get their cgroups; `systemd` without a word (internal/config/cgmgr, DefaultCgroupManager).
    ///
    /// # Errors
    /// As [`Self::text`], and where the name is of neither driver.
    pub fn driver(&self) -> Known<Found<Driver>> {
        let Some(found) = self.text(&["runtime", "cgroup_manager"])? else {
            let place = self.files.first().map_or(CONFIG, |file| &file.path);
            let seen = Evidence::new(place, "no cgroup_manager, whose default is systemd");
            return Ok(Found { value: Driver::Systemd, seen });
        };
        match Driver::named(&found.value) {
            Some(value) => Ok(Found { value, seen: found.seen }),
            None => {
                Err(Unknown::new(format!("CRI-O knows no cgroup_manager {}", found.value))
                    .tried([found.seen]))
            }
        }
    }
}

impl Node {
    /// CRI-O as it is set up here; none where neither a program nor a configuration of it is found.
    #[must_use]
    pub fn crio(&self) -> Option<&Crio> {
        self.fact(|| Here(self.find_crio())).0.as_ref()
    }

    fn find_crio(&self) -> Option<Crio> {
        let there = |path: &&&str| self.kind(path).is_ok_and(|kind| kind == FileKind::File);
        let place = match PROGRAMS.iter().find(there) {
            Some(program) => *program,
            None => match self.kind("/etc/crio") {
                Err(e) if e.is_missing() => return None,
                _ => "/etc/crio",
            },
        };
        let seen = Evidence::new(place, "exists");
        let mut crio = Crio { files: Vec::new(), problem: None, unknown: None, seen };
        let mut paths = vec![CONFIG.to_owned()];
        match self.list(DROP_INS) {
            Ok(names) if names.len() <= FILES => {
                paths.extend(names.iter().map(|name| format!("{DROP_INS}/{name}")));
            }
            Ok(_) => crio.unknown = Some(Unknown::new(format!("{DROP_INS} has more than {FILES} files"))),
            Err(e) if e.is_missing() => {}
            Err(e) => crio.unknown = Some(e.unknown()),
        }
        for path in paths {
            let read = self.read(&path);
            match read.text().map(|text| parse(&path, &text)) {
                Ok(Ok(file)) => crio.files.push(file),
                Ok(Err(problem)) => _ = crio.problem.get_or_insert(problem),
                Err(e) if e.is_missing() => {}
                Err(e) => _ = crio.unknown.get_or_insert(e.unknown()),
            }
        }
        Some(crio)
    }
}
