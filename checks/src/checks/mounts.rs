//! `mounts`: What has to be mounted is, as it has to be.

use crate::{
    check::{Check, Meta},
    entry::{Entry, Written},
    evidence::{Evidence, Proof, Unknown},
    expect::{Expected, Judged, Property},
    facts::mounts::{Mount, Mounts, Propagation},
    finding::{Finding, Findings, Remedy, Risk, Severity},
    matcher::{Matcher, Subject},
    node::{FilesystemType as Filesystem, Node},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// What has to be mounted is, as it has to be.
///
/// ## What it looks at
/// /proc/self/mountinfo: what is mounted last at each path, its type, the options of the mount and of its file system, and how
/// mounts below it spread to other namespaces (`shared:N`, `master:N`, `unbindable`; nothing is private).
///
/// `as-wanted` passes, also where `mounted: false` is asked and nothing is mounted there. `not-mounted`, `mounted`,
/// `wrong-type`, `wrong-option`, `wrong-propagation` and `unexpected` (of `expect`) do not.
///
/// ## Why it matters
/// Pods that pass mounts on (mountPropagation HostToContainer or Bidirectional: CSI drivers, node exporters) do not start
/// where `/` is private: `path / is mounted on / but it is not a shared or slave mount`. systemd makes it shared; OpenRC and
/// many containers do not. Data that should be on its own disk fills the one of the system where that was not mounted.
///
/// ## How to mend it
/// `mount --make-rshared /`, at each boot; a line in /etc/fstab or a mount unit.
///
/// ## Sources
/// Linux Documentation/filesystems/sharedsubtree.rst, Documentation/filesystems/proc.rst 3.5; kubernetes.io, Volumes (mount
/// propagation); containerd pkg/cri/server (`ensure the mount point's propagation is shared`).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct MountsParams {
    /// The paths: words, or maps that say more.
    pub mounts: Vec<Written<MountRule>>,
}

/// What is asked of one path.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MountRule {
    /// The path.
    pub path: String,
    /// Whether something has to be mounted at it. Default: true.
    #[serde(default = "yes")]
    pub mounted: bool,
    /// The types of file systems that are right: `[ext4, xfs]`. Default: any.
    #[serde(default)]
    pub types: Vec<String>,
    /// Options that it must have: `noatime`.
    #[serde(default)]
    pub options: Vec<String>,
    /// Options that it must not have: `noexec`.
    #[serde(default)]
    pub without: Vec<String>,
    /// How mounts spread: shared, slave (it gets those of others; shared will do, too) or private. Default: any.
    #[serde(default)]
    pub propagation: Option<Wanted>,
    /// What is expected of it besides.
    #[serde(default)]
    pub expect: MountExpectations,
    /// What it is for, told where it is not as it should be.
    #[serde(default)]
    pub why: Option<String>,
    /// The most that it can yield. Default: fail.
    #[serde(default)]
    pub severity: Severity,
}

/// What is expected of what is mounted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct MountExpectations {
    /// The type of its file system: `xfs`.
    #[serde(rename = "type")]
    pub fs_type: Option<Matcher>,
    /// What is mounted: `/dev/sda1`.
    pub source: Option<Matcher>,
    /// Its options, each an item of a list.
    pub options: Option<Matcher>,
    /// How large the file system is, in bytes. Of the machine itself only, as `available`.
    pub size: Option<Matcher>,
    /// How much of it is free for users other than root, in bytes.
    pub available: Option<Matcher>,
}

/// How mounts below have to spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Wanted {
    /// To other namespaces, and from them.
    Shared,
    /// From others at least.
    Slave,
    /// Not at all.
    Private,
}

fn yes() -> bool {
    true
}

impl Entry for MountRule {
    const WORD: &'static str = "a path at which something is mounted";

    fn from_word(word: &str) -> Result<Self, String> {
        Ok(Self {
            path: word.to_owned(),
            mounted: true,
            types: Vec::new(),
            options: Vec::new(),
            without: Vec::new(),
            propagation: None,
            expect: MountExpectations::default(),
            why: None,
            severity: Severity::Fail,
        })
    }
}

/// The check `mounts`.
pub struct MountsCheck;

impl Check for MountsCheck {
    type Params = MountsParams;

    const META: Meta = Meta {
        id: "mounts",
        summary: "What has to be mounted is, as it has to be",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &MountsParams) -> Result<(), String> {
        if params.mounts.is_empty() {
            return Err("name at least one path in `mounts`".into());
        }
        for Written(rule) in &params.mounts {
            if !rule.path.starts_with('/') {
                return Err(format!("`{}` is not an absolute path", rule.path));
            }
            let asks_more = !rule.types.is_empty()
                || !rule.options.is_empty()
                || !rule.without.is_empty()
                || rule.propagation.is_some()
                || rule.expect.any();
            if !rule.mounted && asks_more {
                return Err(format!(
                    "nothing is to be mounted at {}, so nothing more can be asked of it",
                    rule.path
                ));
            }
        }
        Ok(())
    }

    fn run(params: &MountsParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for Written(rule) in &params.mounts {
            let finding = match node.mounts() {
                Ok(mounts) => judge(rule, mounts, node),
                Err(why) => undetermined(rule, why),
            };
            out.push(finding.notes(rule.why.clone()));
        }
        Ok(())
    }
}

fn undetermined(rule: &MountRule, why: &Unknown) -> Finding {
    let message = format!("how {} is mounted could not be determined", rule.path);
    Finding::undetermined(rule.severity, &rule.path, "unknown", message, why)
}

impl MountExpectations {
    fn any(&self) -> bool {
        let all = [&self.fs_type, &self.source, &self.options, &self.size, &self.available];
        all.iter().any(|one| one.is_some())
    }
}

/// Compares what is mounted with what `expect` says.
fn expectations(rule: &MountRule, mount: &Mount, node: &Node) -> Judged {
    let (expect, path) = (&rule.expect, rule.path.as_str());
    let mut expected = Expected::default();
    expected.ask("type", expect.fs_type.as_ref(), &|| Ok(Property::shown(path, mount.fs_type.as_str())));
    expected.ask("source", expect.source.as_ref(), &|| Ok(Property::shown(path, mount.source())));
    expected.ask("options", expect.options.as_ref(), &|| {
        let options: Subject<'_> = mount.all_options().collect();
        Ok(Property::shown(path, options))
    });
    let bytes = |of: fn(&Filesystem) -> u64| {
        let found = node.filesystem(path).map_err(|e| e.unknown())?;
        Ok::<_, Unknown>(Property::shown(format!("statfs({path})"), of(&found).to_string()))
    };
    expected.ask("size", expect.size.as_ref(), &|| bytes(|found| found.size));
    expected.ask("available", expect.available.as_ref(), &|| bytes(|found| found.available));
    expected.end()
}

fn judge(rule: &MountRule, mounts: &Mounts, node: &Node) -> Finding {
    let path = rule.path.as_str();
    let point = if path == "/" { path } else { path.trim_end_matches('/') };
    let Some(mount) = mounts.at(point) else {
        // Read as second choice, where the better table is closed: what it lacks may only be hidden.
        if mounts.visible().any(|mount| mount.ids.is_none()) {
            return undetermined(rule, &Unknown::new(format!("only {} could be read", mounts.source())));
        }
        let seen = mounts.says(format!("{} mounts, none at {point}", mounts.visible().count()));
        if !rule.mounted {
            return Finding::pass(path, "as-wanted", format!("nothing is mounted at {path}"), seen);
        }
        return Finding::problem(rule.severity, path, "not-mounted", format!("nothing is mounted at {path}"))
            .evidence([seen])
            .remedy(
                Remedy::new("Mount it")
                    .command(format!("mount {path}"))
                    .persistent(format!("a line for {path} in /etc/fstab, or a mount unit"))
                    .risk(Risk::Service),
            );
    };
    let seen = mounts.evidence(mount);
    let problem = |reason, message: String, remedy: Remedy| {
        Finding::problem(rule.severity, path, reason, message).evidence([seen.clone()]).remedy(remedy)
    };
    if !rule.mounted {
        let remedy = Remedy::new("Unmount it").command(format!("umount {path}")).risk(Risk::Service);
        return problem("mounted", format!("{} is mounted at {path}", mount.fs_type), remedy);
    }
    if !rule.types.is_empty() && !rule.types.contains(&mount.fs_type) {
        let message = format!("{path} is {}, not {}", mount.fs_type, rule.types.join(" or "));
        return problem(
            "wrong-type",
            message,
            Remedy::new("Mount a file system of that type there").risk(Risk::Data),
        );
    }
    if let Some(message) = wrong_option(rule, mount) {
        let remedy = Remedy::new("Mount it with the right options")
            .persistent(format!("the options of {path} in /etc/fstab, or in its mount unit"))
            .risk(Risk::Service);
        return problem("wrong-option", message, remedy);
    }
    if let Some(wanted) = rule.propagation {
        let Some(found) = mount.propagation else {
            let why =
                Unknown::new(format!("{} does not tell how mounts spread", mounts.source())).tried([seen]);
            return undetermined(rule, &why);
        };
        if !spreads(found, wanted) {
            return wrong_propagation(rule, wanted, &problem);
        }
    }
    let unexpected = |message, seen: Evidence| {
        Finding::problem(rule.severity, path, "unexpected", message).evidence([seen])
    };
    match expectations(rule, mount, node).or(path, &unexpected, &|why| undetermined(rule, why)) {
        Ok(more) => {
            let message = format!("{} is mounted at {path}, as it has to be", mount.fs_type);
            Finding::pass(path, "as-wanted", message, Proof::new(seen).and_all(more))
        }
        Err(finding) => *finding,
    }
}

fn wrong_option(rule: &MountRule, mount: &Mount) -> Option<String> {
    let path = &rule.path;
    let lacks = rule.options.iter().find(|option| !mount.has_option(option));
    let has = rule.without.iter().find(|option| mount.has_option(option));
    lacks
        .map(|option| format!("{path} is mounted without {option}"))
        .or_else(|| has.map(|option| format!("{path} is mounted with {option}")))
}

fn spreads(found: Propagation, wanted: Wanted) -> bool {
    match wanted {
        Wanted::Shared => found.shared,
        Wanted::Slave => found.shared || found.slave,
        Wanted::Private => !found.shared && !found.slave,
    }
}

fn wrong_propagation(
    rule: &MountRule,
    wanted: Wanted,
    problem: &dyn Fn(&'static str, String, Remedy) -> Finding,
) -> Finding {
    let path = &rule.path;
    let (word, message) = match wanted {
        Wanted::Shared => {
            ("shared", format!("mounts below {path} do not spread to other namespaces: it is not shared"))
        }
        Wanted::Slave => ("slave", format!("{path} gets no mounts of other namespaces: it is private")),
        Wanted::Private => ("private", format!("mounts below {path} spread to other namespaces")),
    };
    let remedy = Remedy::new(format!("Make it {word}"))
        .command(format!("mount --make-r{word} {path}"))
        .persistent("the same command at each boot; systemd makes / shared by itself".to_owned())
        .risk(Risk::Service);
    problem("wrong-propagation", message, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Outcome, node::Memory};

    const TABLE: &str = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n\
        30 22 8:2 / /data rw,noexec - xfs /dev/sda2 rw\n\
        31 22 0:9 / /run/slave rw master:3 - tmpfs tmpfs rw\n";

    fn rule(path: &str) -> MountRule {
        MountRule::from_word(path).unwrap()
    }

    fn ask(rule: MountRule, memory: Memory) -> Finding {
        let params = MountsParams { mounts: vec![Written(rule)] };
        MountsCheck::validate(&params).unwrap();
        let mut out = Findings::default();
        MountsCheck::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    fn reason(rule: MountRule) -> &'static str {
        ask(rule, Memory::new().file("/proc/self/mountinfo", TABLE)).reason()
    }

    #[test]
    fn mounted_or_not() {
        assert_eq!(reason(rule("/")), "as-wanted");
        assert_eq!(reason(rule("/data/")), "as-wanted");
        assert_eq!(reason(rule("/nowhere")), "not-mounted");
        assert_eq!(reason(MountRule { mounted: false, ..rule("/nowhere") }), "as-wanted");
        assert_eq!(reason(MountRule { mounted: false, ..rule("/data") }), "mounted");
    }

    #[test]
    fn types_and_options() {
        let words = |all: &[&str]| all.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert_eq!(reason(MountRule { types: words(&["ext4", "xfs"]), ..rule("/data") }), "as-wanted");
        assert_eq!(reason(MountRule { types: words(&["btrfs"]), ..rule("/data") }), "wrong-type");
        assert_eq!(reason(MountRule { options: words(&["errors=remount-ro"]), ..rule("/") }), "as-wanted");
        assert_eq!(reason(MountRule { options: words(&["noatime"]), ..rule("/") }), "wrong-option");
        assert_eq!(reason(MountRule { without: words(&["noexec"]), ..rule("/data") }), "wrong-option");
    }

    #[test]
    fn propagation() {
        let of = |path: &str, wanted| reason(MountRule { propagation: Some(wanted), ..rule(path) });
        let wrong = "wrong-propagation";
        for (path, shared, slave, private) in [
            ("/", "as-wanted", "as-wanted", wrong),
            ("/run/slave", wrong, "as-wanted", wrong),
            ("/data", wrong, wrong, "as-wanted"),
        ] {
            assert_eq!(
                [of(path, Wanted::Shared), of(path, Wanted::Slave), of(path, Wanted::Private)],
                [shared, slave, private]
            );
        }
        // /proc/mounts does not tell.
        let rule = MountRule { propagation: Some(Wanted::Private), ..rule("/") };
        let memory = Memory::new().file("/proc/self/mounts", "/dev/sda1 / ext4 rw 0 0\n");
        assert!(matches!(ask(rule, memory).outcome(), Outcome::Undetermined(_)));
    }

    #[test]
    fn what_can_t_be_read_is_not_known() {
        let second = Memory::new().file("/proc/self/mounts", "/dev/sda1 / ext4 rw 0 0\n");
        assert!(matches!(ask(rule("/data"), second).outcome(), Outcome::Undetermined(_)));
        let found = ask(MountRule { mounted: false, ..rule("/x") }, Memory::new());
        assert!(matches!(found.outcome(), Outcome::Undetermined(_)));
    }

    #[test]
    fn expectations() {
        let expects = |path: &str, expect: MountExpectations| reason(MountRule { expect, ..rule(path) });
        let is = |text: &str| Some(Matcher::equals(text));
        let none = MountExpectations::default;
        assert_eq!(
            expects("/data", MountExpectations { fs_type: is("xfs"), source: is("/dev/sda2"), ..none() }),
            "as-wanted"
        );
        assert_eq!(expects("/data", MountExpectations { source: is("/dev/sdb1"), ..none() }), "unexpected");
        assert_eq!(
            expects("/run/slave", MountExpectations { options: is("rw"), ..none() }),
            "unexpected",
            "a list"
        );
        // The size of a file system is that of the machine itself.
        assert_eq!(expects("/data", MountExpectations { size: is("1"), ..none() }), "unknown");
    }

    #[test]
    fn wrong_parameters_are_told() {
        let wrong = |rule| MountsCheck::validate(&MountsParams { mounts: vec![Written(rule)] }).unwrap_err();
        assert!(wrong(rule("data")).contains("absolute"));
        assert!(
            wrong(MountRule { mounted: false, types: vec!["xfs".into()], ..rule("/x") })
                .contains("nothing more")
        );
        assert!(MountsCheck::validate(&MountsParams::default()).is_err());
    }
}
