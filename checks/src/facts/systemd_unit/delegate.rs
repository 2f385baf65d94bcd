//! What a systemd unit says of `Delegate=`, read from its files in the order in which systemd reads them.

use super::{Unit, absent};
use crate::{
    evidence::{Evidence, Unknown},
    facts::{Known, cgroup::table},
    node::Node,
};

/// The controllers of cgroup v2 that systemd knows, so that `Delegate=` can name them (systemd.resource-control(5)).
/// cpuset is among them since systemd 244.
pub const DELEGABLE: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];

/// What `Delegate=` of a unit comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delegate {
    /// Whether anything is delegated: systemd leaves what lies below the unit alone.
    pub on: bool,
    all: bool,
    names: Vec<String>,
    /// The unit's own file, and each assignment, with where it stands.
    pub seen: Vec<Evidence>,
}

impl Delegate {
    /// What the files of `unit` come to.
    #[must_use]
    pub fn of(unit: &Unit) -> Self {
        let mut found = Self::default();
        found.apply(unit);
        if found.seen.is_empty() {
            let no = || Evidence::new(&unit.fragment, "no Delegate=");
            found.seen.push(unit.masked.clone().unwrap_or_else(no));
        }
        found
    }

    /// Whether the unit asks for a controller.
    #[must_use]
    pub fn names(&self, controller: &str) -> bool {
        // `blkio` means io there, too (cgroup_controller_from_string(), src/basic/cgroup-util.c).
        let is_it = |name: &String| table::find(name).is_some_and(|k| k.name == controller);
        self.on && (self.all || self.names.iter().any(is_it)) && DELEGABLE.contains(&controller)
    }

    /// One assignment (config_parse_delegate(), src/core/load-fragment.c): a boolean is for all controllers, a list adds
    /// to what was there, an empty one takes the controllers away but keeps delegation on.
    fn assign(&mut self, value: &str) {
        match value.to_ascii_lowercase().as_str() {
            "" => (self.on, self.all, self.names) = (true, false, Vec::new()),
            "1" | "yes" | "y" | "true" | "t" | "on" => (self.on, self.all) = (true, true),
            "0" | "no" | "n" | "false" | "f" | "off" => {
                *self = Self { seen: std::mem::take(&mut self.seen), ..Self::default() }
            }
            _ => {
                self.on = true;
                self.names.extend(value.split_ascii_whitespace().map(str::to_owned));
            }
        }
    }

    /// Takes the assignments of the sections where it may stand, in order.
    fn apply(&mut self, unit: &Unit) {
        let may_stand = |section: &str| matches!(section, "Service" | "Scope");
        for one in unit.assignments.iter().filter(|a| a.key == "Delegate" && may_stand(&a.section)) {
            let value = one.value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            self.assign(&value);
            self.seen.push(Evidence::new(&one.file, format!("Delegate={value}")));
        }
    }
}

/// What the files of `unit` say of `Delegate=`.
///
/// # Errors
/// When no file of the unit is found, or one can't be read: what it says is not known then.
pub fn delegate(node: &Node, unit: &str) -> Known<Delegate> {
    match node.systemd_unit(unit)? {
        Some(unit) => Ok(Delegate::of(&unit)),
        None => Err(Unknown::new(format!("no file of the unit {unit} was found"))
            .tried(absent(unit))
            .needs("run where systemd's unit files are, for example with --root on the host's root")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};

    fn ask(unit: &str, files: &[(&str, &str)]) -> Known<Delegate> {
        let memory = files.iter().fold(Memory::new(), |m, (path, text)| m.file(path, text));
        delegate(&Node::in_memory(memory), unit)
    }

    fn granted(files: &[(&str, &str)]) -> String {
        let found = ask("a.service", files).unwrap();
        let names: Vec<&str> = DELEGABLE.into_iter().filter(|c| found.names(c)).collect();
        format!("{} {}", if found.on { "on" } else { "off" }, names.join(" ")).trim_end().to_owned()
    }

    #[test]
    fn values_as_systemd_takes_them() {
        for (text, want) in [
            ("", "off"),
            ("[Service]\nDelegate=yes\n", "on cpu cpuset io memory pids"),
            ("[Service]\nDelegate = True\n", "on cpu cpuset io memory pids"),
            ("[Service]\nDelegate=pids memory\n", "on memory pids"),
            ("[Service]\nDelegate=pids\nDelegate=cpu hugetlb\n", "on cpu pids"),
            ("[Service]\nDelegate=pids\nDelegate=\n", "on"),
            ("[Service]\nDelegate=yes\nDelegate=no\n", "off"),
            ("[Service]\nDelegate=no\nDelegate=cpu\n", "on cpu"),
            ("[Service]\n# Delegate=yes\nDelegate=pids \\\n; between\n  cpu\n", "on cpu pids"),
            ("[Unit]\nDelegate=yes\n", "off"),
            ("[Service]\nDelegateX=yes\n", "off"),
        ] {
            assert_eq!(granted(&[("/usr/lib/systemd/system/a.service", text)]), want, "{text}");
        }
    }

    #[test]
    fn the_first_file_and_later_drop_ins_win() {
        let shipped = ("/usr/lib/systemd/system/a.service", "[Service]\nDelegate=yes\n");
        let own = ("/etc/systemd/system/a.service", "[Service]\n");
        assert_eq!(granted(&[shipped, own]), "off");
        let ten = ("/etc/systemd/system/a.service.d/10-x.conf", "[Service]\nDelegate=no\n");
        let twenty = ("/usr/lib/systemd/system/a.service.d/20-x.conf", "[Service]\nDelegate=io\n");
        assert_eq!(granted(&[shipped, ten]), "off");
        assert_eq!(granted(&[shipped, ten, twenty]), "on io");
        // One name: the more specific directory masks the other.
        let masked = ("/usr/lib/systemd/system/service.d/10-x.conf", "[Service]\nDelegate=cpu\n");
        assert_eq!(granted(&[shipped, ten, masked]), "off");
        assert_eq!(granted(&[own, masked]), "on cpu");
    }

    #[test]
    fn instances_have_the_files_of_their_template() {
        let files = [
            ("/usr/lib/systemd/system/user@.service", "[Service]\nDelegate=pids memory\n"),
            ("/etc/systemd/system/user@.service.d/delegate.conf", "[Service]\nDelegate=cpu cpuset\n"),
        ];
        let found = ask("user@1000.service", &files).unwrap();
        assert!(["cpu", "cpuset", "memory", "pids"].iter().all(|c| found.names(c)) && !found.names("io"));
        assert_eq!(found.seen.len(), 2);
    }

    #[test]
    fn what_cannot_be_read_is_not_known() {
        assert!(ask("a.service", &[]).unwrap_err().reason.contains("no file of the unit"));
        let memory = Memory::new()
            .file("/lib/systemd/system/a.service", "[Service]\n")
            .error("/etc/systemd/system/a.service.d", ReadErrorKind::Denied("EACCES"));
        assert!(delegate(&Node::in_memory(memory), "a.service").is_err());
    }
}
