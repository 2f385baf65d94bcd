//! What the package databases of dpkg, apk and rpm say.

mod apk;
mod dpkg;
mod rpm;

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError},
    range::leading_version,
};
use semver::{Prerelease, Version};

/// The largest database that is read, in bytes; that of a desktop with 5,000 packages has 8 MB.
const LIMIT: usize = 16 << 20;

/// Which manager keeps the packages of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// Debian, Ubuntu and their like.
    Dpkg,
    /// Alpine.
    Apk,
    /// Red Hat, SUSE and their like.
    Rpm,
}

/// A package as its database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, as the database writes it: `1:1.6.20~ds1-1+b1`.
    pub version: String,
    /// Whether it is installed and configured; for dpkg what its state is otherwise.
    pub state: State,
}

/// The state of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It can be used.
    Installed,
    /// It is in the database, but not in order: `half-configured`, `config-files`.
    Other(String),
}

/// The version that upstream gave, of one with an epoch before `:` and a revision behind the last `-`: `1:1.6.20~ds1-1+b1` is
/// 1.6.20 (deb-version(7); apk: `-r3`). What comes before a release keeps its mark: `2.0.0~rc1` (deb-version(7), rpm-version(7)),
/// apk's `2.0.0_rc1` (apk-package(5)). None where it does not begin with a number.
#[must_use]
pub fn upstream(version: &str) -> Option<Version> {
    // What distributions write behind `~` where they packed the same version anew.
    const REPACKED: [&str; 6] = ["ds", "dfsg", "repack", "deb", "bpo", "ubuntu"];
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    let version = version.rsplit_once('-').map_or(version, |(version, _)| version);
    let at =
        version.bytes().position(|byte| matches!(byte, b'~' | b'_' | b'+' | b'^')).unwrap_or(version.len());
    let (numbers, mark) = version.split_at(at);
    let (sign, mark) = mark.split_at(mark.len().min(1));
    let begins = |words: &[&str]| words.iter().any(|word| mark.starts_with(word));
    let is_before = match sign {
        "~" => !begins(&REPACKED),
        "_" => begins(&["alpha", "beta", "pre", "rc"]),
        _ => false,
    };
    let mut found = leading_version(numbers)?;
    if is_before {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
        let end = mark.bytes().position(|byte| !is_part(byte)).unwrap_or(mark.len());
        let named = Prerelease::new(&mark[..end]).ok().filter(|named| !named.is_empty());
        found.pre = named.or_else(|| Prerelease::new("pre").ok())?;
    }
    Some(found)
}

struct Text(Known<String>);

impl Node {
    /// Which manager keeps the packages here, with what shows it.
    ///
    /// # Errors
    /// When none of the databases is there.
    pub fn package_manager(&self) -> Known<(Manager, Evidence)> {
        const DATABASES: [(&str, Manager); 7] = [
            (dpkg::STATUS, Manager::Dpkg),
            (apk::INSTALLED, Manager::Apk),
            (apk::INSTALLED_USR, Manager::Apk),
            ("/usr/lib/sysimage/rpm", Manager::Rpm),
            ("/var/lib/rpm/rpmdb.sqlite", Manager::Rpm),
            ("/var/lib/rpm/Packages.db", Manager::Rpm),
            ("/var/lib/rpm/Packages", Manager::Rpm),
        ];
        let mut tried = Vec::new();
        for (path, manager) in DATABASES {
            match self.kind(path) {
                Ok(_) => return Ok((manager, Evidence::new(path, "exists"))),
                // One that is hidden may be the one that counts: what another one lacks would prove nothing.
                Err(e) if e.is_missing() => tried.push(e.evidence()),
                Err(e) => return Err(e.unknown()),
            }
            // Debian's package rpm brings an empty database of its own.
            if manager == Manager::Dpkg && self.kind(dpkg::DIRECTORY).is_ok() {
                return Err(
                    Unknown::new(format!("{} is there without its database", dpkg::DIRECTORY)).tried(tried)
                );
            }
        }
        Err(Unknown::new("no package database of dpkg, apk or rpm is there").tried(tried))
    }

    /// The package called `name`; none where it is not in the database.
    ///
    /// # Errors
    /// When there is no database that is read here, or it can't be read.
    pub fn package(&self, name: &str) -> Known<(Option<Package>, Evidence)> {
        let (manager, _) = self.package_manager()?;
        let (path, found) = match manager {
            Manager::Dpkg => {
                self.package_database(dpkg::STATUS).map(|text| (dpkg::STATUS, dpkg::find(text, name)))?
            }
            Manager::Apk => self.apk_database().map(|(path, text)| (path, apk::find(text, name)))?,
            Manager::Rpm => self.rpm_package(&rpm::Query::Name(name))?,
        };
        let observed = match &found {
            Some(Package { version, state: State::Installed, .. }) => format!("{name} {version}"),
            Some(Package { version, state: State::Other(state), .. }) => format!("{name} {version}, {state}"),
            None => format!("no {name}"),
        };
        Ok((found, Evidence::new(path, observed)))
    }

    /// The package that brought the file `path`, if it is one of `candidates`.
    ///
    /// # Errors
    /// When there is no database that is read here, or it can't be read.
    pub fn package_of(&self, path: &str, candidates: &[String]) -> Known<Option<(Package, Evidence)>> {
        let (manager, _) = self.package_manager()?;
        match manager {
            Manager::Dpkg => {
                for name in candidates {
                    if dpkg::lists(self, name, path)
                        && let (Some(package), seen) = self.package(name)?
                    {
                        return Ok(Some((package, seen)));
                    }
                }
                Ok(None)
            }
            Manager::Apk => {
                let (database, text) = self.apk_database()?;
                Ok(apk::owner(text, path).map(|package| brought(database, package)))
            }
            Manager::Rpm => {
                let (database, found) = self.rpm_package(&rpm::Query::File { path, candidates })?;
                Ok(found.map(|package| brought(database, package)))
            }
        }
    }

    /// Which version upstream gave to the program at `place`, by the package that brought it, or the file at the end of its
    /// links, if that is one of `candidates`.
    ///
    /// # Errors
    /// As [`package_of`](Self::package_of); when none of them brought it, or its version has no number.
    pub fn version_of(&self, place: &str, candidates: &[String]) -> Known<(Version, Evidence)> {
        let mut places = vec![place.to_owned()];
        places.extend(self.resolved(place).ok().filter(|real| real != place));
        for place in &places {
            if let Some((package, seen)) = self.package_of(place, candidates)? {
                let version = upstream(&package.version).ok_or_else(|| {
                    let Package { name, version, .. } = &package;
                    Unknown::new(format!("the version `{version}` of {name} has no number"))
                })?;
                return Ok((version, seen));
            }
        }
        Err(Unknown::new(format!("no package that is known here brought {place}")))
    }

    fn apk_database(&self) -> Known<(&'static str, &str)> {
        let is_old = self.kind(apk::INSTALLED).is_ok();
        let path = if is_old { apk::INSTALLED } else { apk::INSTALLED_USR };
        self.package_database(path).map(|text| (path, text))
    }

    /// The text of a database; a node has one.
    fn package_database(&self, path: &'static str) -> Known<&str> {
        let Text(text) = self.fact(|| {
            let bytes = self.read_once(path, LIMIT).map_err(|e: ReadError| e.unknown());
            Text(bytes.and_then(|bytes| {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                // Both end every entry with an empty line.
                if text.ends_with("\n\n") && text.len() > 2 {
                    Ok(text)
                } else {
                    Err(Unknown::new(format!("{path} is not a package database")))
                }
            }))
        });
        text.as_deref().map_err(Clone::clone)
    }
}

fn brought(database: &str, package: Package) -> (Package, Evidence) {
    let seen = Evidence::new(database, format!("{} {}", package.name, package.version));
    (package, seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    const STATUS: &str = "Package: mount\nStatus: install ok installed\nVersion: 2.38.1-5+deb12u3\n\n\
        Package: containerd\nStatus: hold ok installed\nVersion: 1.6.20~ds1-1+b1\n\n\
        Package: nftables\nStatus: install ok half-configured\nVersion: 1.0.6-2\n\n\
        Package: socat\nStatus: deinstall ok config-files\nVersion: 1.7.4\n\n";

    #[test]
    fn versions_of_upstream() {
        for (version, want) in [
            ("1:1.6.20~ds1-1+b1", "1.6.20"),
            ("2.38.1-5+deb12u3", "2.38.1"),
            ("1.8.10-r3", "1.8.10"),
            ("5:28.2.2-1~debian.12~bookworm", "28.2.2"),
            ("1.35.2", "1.35.2"),
            ("5.14.0-70.el9", "5.14.0"),
            ("2.0.0~rc1-1", "2.0.0-rc1"),
            ("2:2.0.0~rc.1~git2-1.fc40", "2.0.0-rc.1"),
            ("2.0~-1", "2.0.0-pre"),
            ("2.0~01", "2.0.0-pre"),
            ("1.9_rc2-r0", "1.9.0-rc2"),
            ("9.9_p1-r0", "9.9.0"),
            ("6.1+~1.0-1", "6.1.0"),
            ("1.0^git1-1", "1.0.0"),
        ] {
            assert_eq!(upstream(version).unwrap().to_string(), want, "{version}");
        }
        for version in ["", "~rc1", "-1", "x"] {
            assert_eq!(upstream(version), None, "{version}");
        }
    }

    proptest! {
        #[test]
        fn any_version_will_do(version in ".{0,20}", marked in "[0-9]\\.[0-9][~_][0-9a-z.~-]{0,9}") {
            let _ = upstream(&version);
            prop_assert!(upstream(&marked).is_some());
        }
    }

    #[test]
    fn packages_of_debian() {
        let memory = Memory::new()
            .file(dpkg::STATUS, STATUS)
            .file("/var/lib/dpkg/info/mount.list", "/.\n/bin\n/bin/mount\n/bin/umount\n");
        let node = Node::in_memory(memory);
        let state = |name: &str| node.package(name).unwrap().0.map(|p| p.state);
        assert_eq!(state("mount"), Some(State::Installed));
        assert_eq!(state("containerd"), Some(State::Installed));
        assert_eq!(state("nftables"), Some(State::Other("half-configured".into())));
        assert_eq!(state("socat"), Some(State::Other("config-files".into())));
        assert_eq!(state("kubelet"), None);
        let candidates = ["util-linux".to_owned(), "mount".to_owned()];
        // Debian's list knows the path before /bin became a link to /usr/bin.
        for path in ["/bin/mount", "/usr/bin/mount"] {
            assert_eq!(node.package_of(path, &candidates).unwrap().unwrap().0.name, "mount", "{path}");
        }
        assert_eq!(node.package_of("/usr/bin/nft", &candidates).unwrap(), None);
    }

    #[test]
    fn packages_of_alpine() {
        let text = "C:Q1\nP:iptables\nV:1.8.10-r3\nF:usr/sbin\nR:iptables\nR:xtables-nft-multi\n\nP:busybox\nV:1.36.1-r5\nF:bin\nR:busybox\n\n";
        let node = Node::in_memory(Memory::new().file(apk::INSTALLED, text));
        assert_eq!(node.package("iptables").unwrap().0.unwrap().version, "1.8.10-r3");
        assert_eq!(node.package_of("/usr/sbin/iptables", &[]).unwrap().unwrap().0.name, "iptables");
        assert_eq!(node.package("mount").unwrap().0, None);
    }

    #[test]
    fn what_is_not_read_is_not_known() {
        let rpm = Node::in_memory(Memory::new().file("/var/lib/rpm/rpmdb.sqlite", "SQLite"));
        assert!(rpm.package("mount").unwrap_err().needs.is_some());
        assert!(Node::in_memory(Memory::new()).package("mount").is_err());
        // Hidden or gone, dpkg's database is not replaced by that of another manager, which lacks everything.
        let apk = || Memory::new().file(apk::INSTALLED, "P:x\nV:1\n\n");
        let denied = apk().error(dpkg::STATUS, ReadErrorKind::Denied("EACCES"));
        assert!(Node::in_memory(denied).package("mount").is_err());
        let gone = apk().file("/var/lib/dpkg/info/mount.list", "/bin/mount\n");
        assert!(Node::in_memory(gone).package("mount").is_err());
        let cut = Node::in_memory(Memory::new().file(dpkg::STATUS, &STATUS[..60]));
        assert!(cut.package("mount").is_err());
        assert!(Node::in_memory(Memory::new().file(dpkg::STATUS, "")).package("mount").is_err());
    }
}
