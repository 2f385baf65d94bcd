//! Whether a unit starts at boot, as far as files tell: what `systemctl is-enabled` looks at.

use super::{Unit, lookup::absolute, template, unless_missing};
use crate::{
    evidence::Evidence,
    facts::Known,
    node::{Node, ReadErrorKind},
};

/// The most names of one directory that are looked at.
const NAMES: usize = 10_000;
/// The most targets of one `WantedBy=` that are looked at.
const TARGETS: usize = 32;

/// What `systemctl is-enabled` would say (unit_file_lookup_state(), src/shared/install.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enablement {
    /// Something that is started at boot wants it, by a link in /etc or of a package.
    Enabled,
    /// The same by a link in /run, which the next boot does not have.
    EnabledRuntime,
    /// It has a section `[Install]`, and no link is there.
    Disabled,
    /// It has no section `[Install]`: what wants it can't be told from its files.
    Static,
    /// It can't be started.
    Masked,
    /// The same until the next boot.
    MaskedRuntime,
    /// It is made by a generator or by a program, at each boot anew.
    Generated,
}

impl Enablement {
    /// The word that systemctl prints.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::EnabledRuntime => "enabled-runtime",
            Self::Disabled => "disabled",
            Self::Static => "static",
            Self::Masked => "masked",
            Self::MaskedRuntime => "masked-runtime",
            Self::Generated => "generated",
        }
    }

    /// Whether it comes back after a boot by itself.
    #[must_use]
    pub fn survives_boot(self) -> bool {
        self == Self::Enabled
    }
}

/// What makes a unit wanted: the key in [Install], and what its directory is called (systemd.unit(5); `upholds` since 249).
const KINDS: [(&str, &str); 3] = [("WantedBy", "wants"), ("RequiredBy", "requires"), ("UpheldBy", "upholds")];

impl Node {
    /// Whether `unit` starts at boot, with what was seen. Presets, which count at an installation only, and what a generator
    /// would add at the next boot are not looked at.
    ///
    /// # Errors
    /// When a directory that may have the link can't be looked at.
    pub fn systemd_enablement(&self, unit: &Unit) -> Known<(Enablement, Vec<Evidence>)> {
        let runtime = unit.fragment.starts_with("/run/");
        if let Some(masked) = &unit.masked {
            let state = if runtime { Enablement::MaskedRuntime } else { Enablement::Masked };
            return Ok((state, vec![masked.clone()]));
        }
        let made = ["/run/systemd/generator", "/run/systemd/transient"];
        if made.iter().any(|place| unit.fragment.starts_with(place)) {
            return Ok((Enablement::Generated, vec![unit.evidence()]));
        }
        // Links in /run count only where none elsewhere does.
        let mut for_now = None;
        let found = match self.installed_link(unit)? {
            Some(link) if !link.starts_with("/run/") => Some(link),
            found => {
                for_now = found;
                self.any_link(unit)?
            }
        };
        let (state, link) = match found.or(for_now) {
            Some(link) if link.starts_with("/run/") => (Enablement::EnabledRuntime, link),
            Some(link) => (Enablement::Enabled, link),
            None => return Ok(without_link(unit)),
        };
        Ok((state, vec![Evidence::new(link, "exists")]))
    }

    /// A link that [Install] asks for. This is where it is, almost always.
    fn installed_link(&self, unit: &Unit) -> Known<Option<String>> {
        let mut found = None;
        for (key, kind) in KINDS {
            let wanted = unit.list("Install", key);
            let targets = wanted.iter().flat_map(|a| a.value.split_ascii_whitespace()).take(TARGETS);
            for target in targets.filter(|t| !t.contains('/')) {
                for directory in self.unit_directories() {
                    for name in names(unit) {
                        let path = format!("{directory}/{target}.{kind}/{name}");
                        if self.is_there(&path)? {
                            found = Some(better(found, path));
                        }
                    }
                }
            }
        }
        for alias in
            unit.list("Install", "Alias").iter().flat_map(|a| a.value.split_ascii_whitespace()).take(TARGETS)
        {
            for directory in self.unit_directories() {
                let path = format!("{directory}/{alias}");
                if !alias.contains('/') && self.leads_to(directory, &path, unit)? {
                    found = Some(better(found, path));
                }
            }
        }
        Ok(found)
    }

    /// Any link in any directory of what is wanted: `systemctl add-wants`, or one that a package brings.
    fn any_link(&self, unit: &Unit) -> Known<Option<String>> {
        let mut found = None;
        for directory in self.unit_directories() {
            let entries = match self.list(directory) {
                Ok(entries) => entries,
                Err(e) => {
                    unless_missing(&e)?;
                    continue;
                }
            };
            let is_one = |name: &&String| KINDS.iter().any(|(_, kind)| super::kind(name) == Some(kind));
            for entry in entries.iter().take(NAMES).filter(is_one) {
                for name in names(unit) {
                    let path = format!("{directory}/{entry}/{name}");
                    if self.is_there(&path)? {
                        found = Some(better(found, path));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Whether there is anything of that name, a link that leads nowhere included: systemd asks for the name.
    fn is_there(&self, path: &str) -> Known<bool> {
        match self.link(path) {
            Ok(_) => Ok(true),
            Err(e) if matches!(e.kind, ReadErrorKind::WrongKind(_)) => Ok(true),
            Err(e) => unless_missing(&e).map(|()| false),
        }
    }

    fn leads_to(&self, directory: &str, path: &str, unit: &Unit) -> Known<bool> {
        match self.link(path) {
            Ok(target) => {
                let target = absolute(directory, &target);
                Ok(target == unit.fragment
                    || target.rsplit('/').next().is_some_and(|n| unit.names.iter().any(|m| m == n)))
            }
            Err(e) if matches!(e.kind, ReadErrorKind::WrongKind(_)) => Ok(false),
            Err(e) => unless_missing(&e).map(|()| false),
        }
    }
}

/// Of two links that which lasts.
fn better(found: Option<String>, path: String) -> String {
    found.filter(|found| !found.starts_with("/run/") || path.starts_with("/run/")).unwrap_or(path)
}

/// Under which names a link may have it.
fn names(unit: &Unit) -> impl Iterator<Item = String> + '_ {
    unit.names.iter().flat_map(|name| std::iter::once(name.clone()).chain(template(name)))
}

fn without_link(unit: &Unit) -> (Enablement, Vec<Evidence>) {
    let keys = KINDS.iter().map(|(key, _)| *key).chain(["Alias", "Also", "DefaultInstance"]);
    let install = keys.flat_map(|key| unit.list("Install", key)).next();
    let fragment = |what: &str| vec![Evidence::new(&unit.fragment, what)];
    match install {
        Some(one) => {
            let mut seen = vec![Evidence::from(one)];
            seen.push(Evidence::new("/etc/systemd/system", format!("no link to {}", unit.name())));
            (Enablement::Disabled, seen)
        }
        None => (Enablement::Static, fragment("no [Install] section, and no link that wants it")),
    }
}
