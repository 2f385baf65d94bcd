//! `packages`: Packages are installed, or not, in versions that will do.

use crate::{
    check::{Check, Meta},
    entry::{Entry, Written},
    evidence::Unknown,
    expect::{Expected, Property},
    facts::packages::{Manager, State, upstream},
    finding::{Finding, Findings, Remedy, Severity},
    matcher::Matcher,
    node::Node,
    range::Range,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashSet;

/// Packages are installed, or not, in versions that will do.
///
/// ## What it looks at
/// The database of dpkg (/var/lib/dpkg/status), apk (/lib/apk/db/installed) or rpm (in /usr/lib/sysimage/rpm or /var/lib/rpm:
/// rpmdb.sqlite; Packages of Berkeley DB, as RHEL 8 and Amazon Linux 2 have it; Packages.db of ndb, as SUSE has it); no program
/// is started. The version is that of upstream, without the epoch and the distribution's revision; `2.0.0~rc1` comes before
/// 2.0.0, and is not `>=2.0.0`. Of several that rpm has installed side by side the newest counts. A package that dpkg has left
/// half-configured is not installed.
///
/// `installed` and `absent` pass; `missing`, `present`, `wrong-version`, `unexpected` (of `expect`) and `not-in-order`
/// do not.
///
/// ## Why it matters
/// A runtime that an update left half-configured starts until the next boot. Two packages that bring one program
/// (containerd and containerd.io) take turns at every update.
///
/// ## How to mend it
/// `apt-get install`, `dpkg --configure -a`, `apk add`, `dnf install`.
///
/// ## Sources
/// dpkg(1), deb-version(7), apk-package(5), rpm-version(7); sqlite.org, fileformat2; rpm lib/header.cc, lib/backend/sqlite.cc,
/// bdb_ro.cc and ndb/rpmpkg.c, rpmio/rpmvercmp.cc; system-validators' package validator (dpkg only, distribution by
/// /etc/lsb-release).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PackagesParams {
    /// Packages that have to be installed: names, or maps that say more.
    pub required: Vec<Written<PackageRule>>,
    /// Packages that may not be installed.
    pub forbidden: Vec<Written<PackageRule>>,
}

/// What is asked of one package.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PackageRule {
    /// Its name, on every distribution where nothing else is said.
    pub name: String,
    /// Its name for apk, where that is another one.
    #[serde(default)]
    pub apk: Option<String>,
    /// The versions that will do. Default: any.
    #[serde(default)]
    pub version: Option<Range>,
    /// What is expected of it besides.
    #[serde(default)]
    pub expect: PackageExpectations,
    /// What it is for, told where it is missing.
    #[serde(default)]
    pub why: Option<String>,
    /// The most that it can yield. Default: fail.
    #[serde(default)]
    pub severity: Severity,
}

/// What is expected of an installed package.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PackageExpectations {
    /// Its version as the distribution writes it, with epoch and revision: `1:2.0-3ubuntu1`.
    pub version: Option<Matcher>,
}

impl Entry for PackageRule {
    const WORD: &'static str = "the name of a package";

    fn from_word(name: &str) -> Result<Self, String> {
        let expect = PackageExpectations::default();
        let name = name.to_owned();
        Ok(Self { name, apk: None, version: None, expect, why: None, severity: Severity::Fail })
    }
}

/// The check `packages`.
pub struct Packages;

impl Check for Packages {
    type Params = PackagesParams;

    const META: Meta = Meta {
        id: "packages",
        summary: "Packages are installed, or not, in versions that will do",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &PackagesParams) -> Result<(), String> {
        let mut seen = HashSet::new();
        for Written(rule) in params.required.iter().chain(&params.forbidden) {
            if !seen.insert(&rule.name) {
                return Err(format!("`{}` is named twice", rule.name));
            }
        }
        if seen.is_empty() {
            Err("no package is named; write some under `required` or `forbidden`".into())
        } else {
            Ok(())
        }
    }

    fn run(params: &PackagesParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for (rules, wanted) in [(&params.required, true), (&params.forbidden, false)] {
            for Written(rule) in rules {
                out.push(judge(rule, wanted, node));
            }
        }
        Ok(())
    }
}

fn judge(rule: &PackageRule, wanted: bool, node: &Node) -> Finding {
    let subject = rule.name.as_str();
    let unknown = |unknown: &Unknown| {
        let message = format!("whether the package {subject} is installed could not be determined");
        Finding::undetermined(rule.severity, subject, "unknown", message, unknown)
    };
    let manager = match node.package_manager() {
        Ok((manager, _)) => manager,
        Err(why) => return unknown(&why),
    };
    let name = match &rule.apk {
        Some(apk) if manager == Manager::Apk => apk.as_str(),
        _ => subject,
    };
    let (found, seen) = match node.package(name) {
        Ok(found) => found,
        Err(why) => return unknown(&why),
    };
    let problem = |reason, message: String, remedy| {
        Finding::problem(rule.severity, subject, reason, message)
            .evidence([seen.clone()])
            .notes(rule.why.clone())
            .remedy(remedy)
    };
    let install = || {
        let command = match manager {
            Manager::Dpkg => "apt-get install",
            Manager::Apk => "apk add",
            Manager::Rpm => "dnf install",
        };
        Remedy::new("Install it").command(format!("{command} {name}"))
    };
    let Some(package) = found else {
        return if wanted {
            problem("missing", format!("the package {name} is not installed"), install())
        } else {
            Finding::pass(subject, "absent", format!("the package {name} is not installed"), seen)
        };
    };
    match &package.state {
        State::Other(state) if state == "config-files" => {
            // Only its configuration is left.
            return if wanted {
                problem(
                    "missing",
                    format!("the package {name} was removed, its configuration is left"),
                    install(),
                )
            } else {
                Finding::pass(
                    subject,
                    "absent",
                    format!("of the package {name} only configuration is left"),
                    seen,
                )
            };
        }
        State::Other(state) => {
            let message = format!("the package {name} is {state}");
            let remedy = Remedy::new("Have dpkg finish what it began").command("dpkg --configure -a");
            return problem("not-in-order", message, remedy);
        }
        State::Installed => {}
    }
    if !wanted {
        let command = match manager {
            Manager::Dpkg => "apt-get remove",
            Manager::Apk => "apk del",
            Manager::Rpm => "dnf remove",
        };
        let remedy = Remedy::new("Remove it").command(format!("{command} {name}")).risk(crate::Risk::Service);
        return problem("present", format!("the package {name} is installed, and should not be"), remedy);
    }
    let mut expected = Expected::default();
    expected.ask("version", rule.expect.version.as_ref(), &|| {
        Ok(Property::shown(&seen.source, package.version.as_str()))
    });
    let unexpected =
        |message, _| problem("unexpected", message, Remedy::new("Install another version of it"));
    if let Err(finding) = expected.end().or(&format!("the package {name}"), &unexpected, &unknown) {
        return *finding;
    }
    let Some(range) = &rule.version else {
        return Finding::pass(subject, "installed", format!("the package {name} is installed"), seen);
    };
    match upstream(&package.version) {
        None => {
            unknown(&Unknown::new(format!("the version `{}` has no number", package.version)).tried([seen]))
        }
        Some(version) if range.contains(&version) => {
            Finding::pass(subject, "installed", format!("the package {name} {version} is installed"), seen)
        }
        Some(version) => problem(
            "wrong-version",
            format!("the package {name} is {version}, and {range} is needed"),
            install(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Outcome, node::Memory};

    const STATUS: &str = "Package: containerd\nStatus: install ok installed\nVersion: 1.6.20~ds1-1+b1\n\n\
        Package: nftables\nStatus: install ok half-configured\nVersion: 1.0.6-2\n\n\
        Package: socat\nStatus: deinstall ok config-files\nVersion: 1.7.4\n\n\
        Package: runc\nStatus: install ok installed\nVersion: 1.2.0~rc.1-1\n\n";

    fn ask(name: &str, version: Option<&str>, wanted: bool, memory: Memory) -> Finding {
        let rule = PackageRule {
            version: version.map(|range| range.parse().unwrap()),
            ..PackageRule::from_word(name).unwrap()
        };
        let rules = vec![Written(rule)];
        let params = if wanted {
            PackagesParams { required: rules, forbidden: vec![] }
        } else {
            PackagesParams { required: vec![], forbidden: rules }
        };
        Packages::validate(&params).unwrap();
        let mut out = Findings::default();
        Packages::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    #[test]
    fn every_verdict() {
        let debian = || Memory::new().file("/var/lib/dpkg/status", STATUS);
        for (name, version, wanted, reason) in [
            ("containerd", None, true, "installed"),
            ("containerd", Some(">=1.6.20"), true, "installed"),
            ("containerd", Some(">=1.7"), true, "wrong-version"),
            ("runc", Some(">=1.1"), true, "installed"),
            ("runc", Some(">=1.2.0"), true, "wrong-version"),
            ("containerd", None, false, "present"),
            ("docker.io", None, false, "absent"),
            ("docker.io", None, true, "missing"),
            ("nftables", None, true, "not-in-order"),
            ("socat", None, true, "missing"),
            ("socat", None, false, "absent"),
        ] {
            let found = ask(name, version, wanted, debian());
            assert_eq!(found.reason(), reason, "{found:?}");
            assert_eq!(found.outcome() == &Outcome::Pass, matches!(reason, "installed" | "absent"));
        }
        let rpm = Memory::new().file("/usr/lib/sysimage/rpm/rpmdb.sqlite", "SQLite");
        for memory in [Memory::new(), rpm] {
            assert!(matches!(ask("containerd", None, true, memory).outcome(), Outcome::Undetermined(_)));
        }
    }
}
