//! Where systemd looks for a unit, and what it takes a link there for.

use super::{Unit, template};
use crate::{
    evidence::Evidence,
    facts::Known,
    node::{Node, ReadErrorKind},
};

/// Where the system manager looks, the first wins (systemd.unit(5), table 1; lookup_paths_init(), src/libsystemd/sd-path/
/// path-lookup.c). /lib is for systems without a merged /usr.
const DIRECTORIES: [&str; 13] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/etc/systemd/system.attached",
    "/run/systemd/system",
    "/run/systemd/system.attached",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
];

/// What stands for a unit in the first directory that has its name.
pub(super) enum Place {
    /// Its file: in the directory, or where a link leads out of those that are searched.
    File(String),
    /// A link to /dev/null.
    Masked(String, Evidence),
    /// A link to a unit of another name.
    Alias(String),
}

/// The directories that exist, or may.
struct Directories(Vec<&'static str>);

impl Node {
    /// The directories with units that exist, or may: looked for once.
    pub(super) fn unit_directories(&self) -> &[&'static str] {
        let found = self.fact(|| {
            // One look at their parent instead of seven at them.
            let run = self.list("/run/systemd");
            let may_be_there = |path: &&'static str| match (path.strip_prefix("/run/systemd/"), &run) {
                (Some(name), Ok(names)) => names.iter().any(|n| n == name),
                (Some(_), Err(e)) => !e.is_missing(),
                (None, _) if *path == "/lib/systemd/system" => !self.has_merged_usr() && self.may_exist(path),
                (None, _) => self.may_exist(path),
            };
            Directories(DIRECTORIES.iter().copied().filter(may_be_there).collect())
        });
        &found.0
    }

    fn may_exist(&self, path: &str) -> bool {
        !self.kind(path).is_err_and(|e| e.is_missing())
    }

    fn has_merged_usr(&self) -> bool {
        self.link("/lib").is_ok_and(|target| matches!(target.as_str(), "usr/lib" | "/usr/lib"))
    }

    /// What stands for `name`, or for its template if nothing does.
    pub(super) fn unit_place(&self, name: &str) -> Known<Option<Place>> {
        match self.unit_place_of(name)? {
            None => template(name).map_or(Ok(None), |template| self.unit_place_of(&template)),
            place => Ok(place),
        }
    }

    fn unit_place_of(&self, name: &str) -> Known<Option<Place>> {
        // A name comes from a cgroup or an argument, and is put into paths.
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return Ok(None);
        }
        for directory in self.unit_directories() {
            let path = format!("{directory}/{name}");
            let target = match self.link(&path) {
                Ok(target) => target,
                Err(e) if e.is_missing() => continue,
                Err(e) if matches!(e.kind, ReadErrorKind::WrongKind(_)) => {
                    return Ok(Some(Place::File(path)));
                }
                Err(e) => return Err(e.unknown()),
            };
            let target = absolute(directory, &target);
            if target == "/dev/null" {
                let evidence = Evidence::new(&path, "a link to /dev/null, which masks the unit");
                return Ok(Some(Place::Masked(path, evidence)));
            }
            match target.rsplit_once('/') {
                // A link to its own name says nothing: it is searched on.
                Some((parent, last)) if DIRECTORIES.contains(&parent) && last == name => {}
                Some((parent, last)) if DIRECTORIES.contains(&parent) => {
                    return Ok(Some(Place::Alias(instance(name, last))));
                }
                _ => return Ok(Some(Place::File(target))),
            }
        }
        Ok(None)
    }

    /// Whether `alias` is a link that stands for the unit.
    pub(super) fn is_alias_link(&self, alias: &str, unit: &Unit) -> bool {
        let is_one =
            |place: Option<Place>| matches!(place, Some(Place::Alias(name)) if unit.names.contains(&name));
        !unit.names.iter().any(|n| n == alias) && self.unit_place(alias).is_ok_and(is_one)
    }
}

/// The name of the unit that an alias stands for: of an instance whose link goes to a template, the same instance of that.
fn instance(name: &str, target: &str) -> String {
    let of = |name: &str| {
        let (_, rest) = name.split_once('@')?;
        rest.rsplit_once('.').map(|(instance, _)| instance.to_owned())
    };
    match (of(name), target.split_once('@')) {
        (Some(instance), Some((prefix, rest))) if rest.starts_with('.') && !instance.is_empty() => {
            format!("{prefix}@{instance}{rest}")
        }
        _ => target.to_owned(),
    }
}

/// Where a link in `directory` leads, without `.` and `..`.
pub(super) fn absolute(directory: &str, target: &str) -> String {
    let whole = if target.starts_with('/') { target.to_owned() } else { format!("{directory}/{target}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        let etc = "/etc/systemd/system";
        assert_eq!(absolute(etc, "/lib/systemd/system/a.service"), "/lib/systemd/system/a.service");
        assert_eq!(absolute(etc, "../../../usr/./lib//x"), "/usr/lib/x");
        assert_eq!(absolute(etc, "../../../../../x"), "/x");
        assert_eq!(absolute(etc, "b.service"), "/etc/systemd/system/b.service");
        assert_eq!(instance("a@x.service", "b@.service"), "b@x.service");
        assert_eq!(instance("a@.service", "b@.service"), "b@.service");
        assert_eq!(instance("a.service", "b@x.service"), "b@x.service");
    }
}
