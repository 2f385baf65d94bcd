//! containerd as it is set up here: its configuration file and what that imports, in the order in which they count.

mod load;
mod settings;

pub(in crate::facts) use load::{parse, problem};
pub use settings::{Disabled, Driver, Found, Setting};

use crate::{
    evidence::{Evidence, Unknown},
    facts::kubelet::buildinfo,
    node::{FileKind, Node},
    toml::File,
};

/// Where containerd looks for its configuration (defaults/defaults_unix.go, DefaultConfigDir).
pub const CONFIG: &str = "/etc/containerd/config.toml";
/// Its unit, in the packages of distributions and of Docker.
pub const UNIT: &str = "containerd.service";
/// Where it is installed: by packages, and by the archive of its releases.
pub const PROGRAMS: [&str; 2] = ["/usr/bin/containerd", "/usr/local/bin/containerd"];

/// containerd as it is set up here.
#[derive(Debug)]
pub struct Containerd {
    /// Where the configuration is, or would be.
    pub path: String,
    /// The file and what it imports, in the order in which they count.
    pub files: Vec<File>,
    /// What is wrong with one of them: containerd does not start with it.
    pub problem: Option<Problem>,
    /// Why the configuration is not known, if one of its files can't be read.
    pub unknown: Option<Unknown>,
    /// What shows that it is here.
    pub seen: Evidence,
    /// Its major version, by the module that its program is made of.
    pub major: Option<(u32, Evidence)>,
}

/// What is wrong with a file of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: String,
    /// `line 3, column 5: …`.
    pub message: String,
    /// What stands there.
    pub evidence: Evidence,
}

struct Here(Option<Containerd>);

impl Node {
    /// containerd as it is set up here; none where neither a program nor a configuration of it is found.
    #[must_use]
    pub fn containerd(&self) -> Option<&Containerd> {
        self.fact(|| Here(self.find_containerd())).0.as_ref()
    }

    fn find_containerd(&self) -> Option<Containerd> {
        let there = |path: &&&str| self.kind(path).is_ok_and(|kind| kind == FileKind::File);
        let program = PROGRAMS.iter().find(there);
        let place = match program {
            Some(program) => *program,
            // What may not be looked at may be there.
            None => match self.kind(CONFIG) {
                Err(e) if e.is_missing() => return None,
                _ => CONFIG,
            },
        };
        let mut found = Containerd {
            path: CONFIG.to_owned(),
            files: Vec::new(),
            problem: None,
            unknown: None,
            seen: Evidence::new(place, "exists"),
            major: program.and_then(|program| self.major_of(program)),
        };
        match self.named_configuration() {
            Ok(Some(path)) => found.path = path,
            Ok(None) => {}
            Err(unknown) => found.unknown = Some(unknown),
        }
        if found.unknown.is_none() {
            self.load_containerd(&mut found);
        }
        Some(found)
    }

    /// What its unit names with `-c` or `--config` (cmd/containerd/command/main.go).
    fn named_configuration(&self) -> Result<Option<String>, Unknown> {
        let Some(unit) = self.systemd_unit(UNIT)? else { return Ok(None) };
        let Some(command) = self.service_command(&unit)? else { return Ok(None) };
        let mut words = command.arguments.iter().map(|word| word.text.as_str());
        while let Some(word) = words.next() {
            let flag = word.trim_start_matches('-');
            if word.starts_with('-') && (flag == "c" || flag == "config") {
                return Ok(words.next().map(str::to_owned));
            }
            let value = flag.split_once('=').filter(|(name, _)| matches!(*name, "c" | "config"));
            if let Some((_, value)) = value.filter(|_| word.starts_with('-')) {
                return Ok(Some(value.to_owned()));
            }
        }
        Ok(None)
    }

    /// Since 2.0 the module is called `github.com/containerd/containerd/v2` (go.mod); what Go writes into a program names it.
    fn major_of(&self, program: &str) -> Option<(u32, Evidence)> {
        const MODULE: &str = "github.com/containerd/containerd/";
        let text = buildinfo::read(&|offset, length| self.read_at(program, offset, length).ok())?;
        let path = text.lines().find_map(|line| line.strip_prefix("path\t"))?;
        let rest = path.strip_prefix(MODULE)?;
        let major = match rest.split('/').next()? {
            "cmd" => 1,
            version => version.strip_prefix('v')?.parse().ok()?,
        };
        Some((major, Evidence::new(format!("{program}, .go.buildinfo"), format!("path {path}"))))
    }
}

#[cfg(test)]
mod tests;
