//! What a systemd unit says of `Delegate=`, read from its files in the order in which systemd reads them.

use crate::{
    evidence::{Evidence, Unknown},
    facts::{Known, cgroup::table},
    node::{Node, ReadError, ReadErrorKind},
};
use std::collections::BTreeMap;

/// Where systemd's system manager looks for units, the first wins (systemd.unit(5), table 1, without the generators'
/// directories, which hold no service of a container manager). The last is for systems without a merged /usr.
const DIRECTORIES: [&str; 8] = [
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// The most drop-ins that are read for one unit.
const DROP_INS: usize = 256;

/// The controllers of cgroup v2 that systemd knows, so that `Delegate=` can name them (systemd.resource-control(5)).
/// cpuset is among them since systemd 244.
pub(super) const DELEGABLE: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];

/// What `Delegate=` of a unit comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Delegate {
    /// Whether anything is delegated: systemd leaves what lies below the unit alone.
    pub on: bool,
    all: bool,
    names: Vec<String>,
    /// The unit's own file, and each assignment, with where it stands.
    pub seen: Vec<Evidence>,
}

impl Delegate {
    /// Whether the unit asks for a controller.
    pub(super) fn names(&self, controller: &str) -> bool {
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

    /// Reads one file of the unit.
    fn apply(&mut self, path: &str, text: &str) {
        for value in assignments(text) {
            self.assign(&value);
            self.seen.push(Evidence::new(path, format!("Delegate={value}")));
        }
    }
}

/// The values of `Delegate=` in the sections where it may stand, in order (systemd.syntax(7): comments, sections, lines
/// that a backslash continues).
fn assignments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut section = String::new();
    let mut whole = String::new();
    for line in text.lines() {
        let line = line.trim();
        // A comment inside of a continued line is passed over.
        if line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            whole.push_str(part);
            whole.push(' ');
            continue;
        }
        whole.push_str(line);
        let line = std::mem::take(&mut whole);
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, value)) = line.split_once('=')
            && key.trim_end() == "Delegate"
            && matches!(section.as_str(), "Service" | "Scope")
        {
            found.push(value.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    found
}

/// What follows the last dot of a name: `service` of `containerd.service`.
pub(super) fn kind(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, kind)| kind)
}

/// The template of an instance: `user@.service` of `user@1000.service`.
pub(super) fn template(unit: &str) -> Option<String> {
    let (prefix, rest) = unit.split_once('@')?;
    let (instance, kind) = rest.rsplit_once('.')?;
    (!instance.is_empty()).then(|| format!("{prefix}@.{kind}"))
}

/// The names under which drop-ins are looked for, the most specific first (systemd.unit(5)): the unit, its template,
/// what is left when it is cut after each dash, the type.
fn drop_in_names(unit: &str) -> Vec<String> {
    let mut names = vec![unit.to_owned()];
    names.extend(template(unit));
    if let Some((stem, kind)) = unit.rsplit_once('.') {
        if !stem.contains('@') {
            let cuts = stem.rmatch_indices('-').filter(|(at, _)| at + 1 < stem.len());
            names.extend(cuts.take(16).filter_map(|(at, _)| Some(format!("{}.{kind}", stem.get(..=at)?))));
        }
        names.push(kind.to_owned());
    }
    names
}

/// What the files of `unit` say of `Delegate=`.
///
/// # Errors
/// When no file of the unit is found, or one can't be read: what it says is not known then.
pub(super) fn delegate(node: &Node, unit: &str) -> Known<Delegate> {
    let mut found = Delegate::default();
    let mut names = vec![unit.to_owned()];
    names.extend(template(unit));
    let candidates = names.iter().flat_map(|name| DIRECTORIES.map(|d| format!("{d}/{name}")));
    let mut main = None;
    for path in candidates {
        let read = node.read(&path);
        if !read.is_missing() {
            main = Some((path, read));
            break;
        }
    }
    let Some((path, read)) = main else {
        return Err(Unknown::new(format!("no file of the unit {unit} was found"))
            .tried(
                ["/etc/systemd/system", "/usr/lib/systemd/system"]
                    .map(|d| Evidence::new(d, format!("no {unit}"))),
            )
            .needs("run where systemd's unit files are, for example with --root on the host's root"));
    };
    let text = read.text().map_err(ReadError::unknown)?;
    found.apply(&path, &text);
    if found.seen.is_empty() {
        found.seen.push(Evidence::new(&path, "no Delegate="));
    }
    for path in drop_ins(node, unit)?.into_values() {
        let read = node.read(&path);
        match read.text() {
            Ok(text) => found.apply(&path, &text),
            // A link to /dev/null masks one of the same name elsewhere.
            Err(e) if matches!(e.kind, ReadErrorKind::WrongKind(_) | ReadErrorKind::Missing) => {}
            Err(e) => return Err(e.unknown()),
        }
    }
    Ok(found)
}

/// The drop-ins of a unit, by their names, which is the order in which they are read; of two with one name the first
/// counts.
fn drop_ins(node: &Node, unit: &str) -> Known<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for name in drop_in_names(unit) {
        for directory in DIRECTORIES {
            let directory = format!("{directory}/{name}.d");
            let files = match node.list(&directory) {
                Ok(files) => files,
                Err(e) if matches!(e.kind, ReadErrorKind::Missing | ReadErrorKind::WrongKind(_)) => continue,
                Err(e) => return Err(e.unknown()),
            };
            for file in files.into_iter().filter(|f| kind(f) == Some("conf")) {
                let path = format!("{directory}/{file}");
                found.entry(file).or_insert(path);
            }
            if found.len() > DROP_INS {
                return Err(Unknown::new(format!("{unit} has more than {DROP_INS} drop-ins")));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

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
        assert_eq!(template("user@1000.service").as_deref(), Some("user@.service"));
        assert_eq!(template("user@.service"), None);
        let names = drop_in_names("a-b-c.service");
        assert_eq!(names, ["a-b-c.service", "a-b-.service", "a-.service", "service"]);
    }

    #[test]
    fn what_cannot_be_read_is_not_known() {
        assert!(ask("a.service", &[]).unwrap_err().reason.contains("no file of the unit"));
        let memory = Memory::new()
            .file("/lib/systemd/system/a.service", "")
            .error("/etc/systemd/system/a.service.d", ReadErrorKind::Denied("EACCES"));
        assert!(delegate(&Node::in_memory(memory), "a.service").is_err());
    }

    proptest! {
        #[test]
        fn never_panic(text in "([a-zA-Z=@. \\\\\\[\\]#-]|\n|Delegate=|\\[Service\\]\n){0,80}") {
            let _ = (assignments(&text), drop_in_names(&text), template(&text));
        }
    }
}
