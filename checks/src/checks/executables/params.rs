//! What a policy may say of programs.

use crate::{
    entry::{Entry, Written},
    facts::file_capabilities::CAPABILITIES,
    finding::Severity,
    range::Range,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashSet;

/// The programs that are needed are there, in versions that will do.
///
/// ## What it looks at
/// The directories in which services find programs, with symbolic links followed (alternatives, /bin as a link to
/// /usr/bin): the first file of that name that can be executed. For a version the database of dpkg, apk or rpm tells which
/// package brought the file, and that package's version counts: nothing is started. With `--allow exec` a program whose
/// package is not known is asked itself (`NAME --version`): without a shell, with an empty environment, for two seconds at
/// most, with all its children.
///
/// With `capability` the owner and mode of the file count, its attribute `security.capability`, and whether its mount has the
/// option nosuid, which makes both void; on the machine itself only.
///
/// `found` passes; `missing`, `wrong-version`, `unprivileged` and `nosuid` do not; `version-unknown` and `privilege-unknown` are
/// undetermined.
///
/// ## Why it matters
/// The kubelet and its plugins start mount, iptables, conntrack and others at some point, and fail only then. kubeadm looks
/// whether there is a file of the name, whatever its version; iptables 1.8.0 to 1.8.3 with nftables lost rules, and
/// kube-proxy in nftables mode needs nft 1.0.1. Rootless containers get their ids from newuidmap and newgidmap, which lost
/// their privilege where a copy, an image or a backup did not keep it; lxc-checkconfig looks for setuid alone, and calls the
/// file capabilities of Fedora and Arch broken.
///
/// ## How to mend it
/// Install the package; the finding names it where it is known.
///
/// ## Sources
/// kubernetes cmd/kubeadm/app/preflight/checks.go (InPathCheck), changed by #126953, #127151, #129131, #129450, #130045;
/// systemd src/basic/path-util.h (DEFAULT_PATH); KEP-3866 (nft 1.0.1); k3s check-config (iptables 1.8.0 to 1.8.3);
/// execvp(3), dpkg(1), apk-package(5); capabilities(7), mount(8) (nosuid), newuidmap(1).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ExecutablesParams {
    /// Programs without which the node cannot carry the work: names, or maps that say more. Default: mount.
    pub required: Vec<Written<ExecutableRule>>,
    /// Programs that are worth a warning when they are not there. Default: none.
    pub optional: Vec<Written<ExecutableRule>>,
    /// The directories, in order. Default: /usr/local/sbin, /usr/local/bin, /usr/sbin, /usr/bin, /sbin, /bin, as systemd
    /// gives them to services.
    pub path: Vec<String>,
}

/// How many bytes two names begin with alike.
fn common_start(one: &str, other: &str) -> usize {
    one.bytes().zip(other.to_ascii_lowercase().bytes()).take_while(|(a, b)| a == b).count()
}

/// What is asked of one program.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ExecutableRule {
    /// The name of its file.
    pub name: String,
    /// Programs each of which does as well.
    #[serde(default)]
    pub any_of: Vec<String>,
    /// The versions that will do: `>=1.0.1`. Default: any.
    #[serde(default)]
    pub version: Option<Range>,
    /// A capability that it has to gain whoever starts it, by setuid root or by a file capability: `cap_setuid` for newuidmap,
    /// `cap_setgid` for newgidmap. Default: none.
    #[serde(default)]
    pub capability: Option<String>,
    /// The package that brings it, where the check does not know it by itself.
    #[serde(default)]
    pub package: Option<String>,
    /// What it is for, told where it is missing.
    #[serde(default)]
    pub why: Option<String>,
}

impl Entry for ExecutableRule {
    const WORD: &'static str = "the name of a program";

    fn from_word(name: &str) -> Result<Self, String> {
        Ok(Self {
            name: name.to_owned(),
            any_of: Vec::new(),
            version: None,
            capability: None,
            package: None,
            why: None,
        })
    }
}

/// systemd's DEFAULT_PATH, with /sbin and /bin for systems on which they are directories of their own.
const PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

impl Default for ExecutablesParams {
    fn default() -> Self {
        let mount = ExecutableRule {
            name: "mount".to_owned(),
            any_of: Vec::new(),
            version: None,
            capability: None,
            package: None,
            why: Some("the kubelet mounts volumes with it".to_owned()),
        };
        Self { required: vec![Written(mount)], optional: Vec::new(), path: PATH.map(str::to_owned).into() }
    }
}

impl ExecutablesParams {
    /// All programs, each with the most that it can yield.
    pub(super) fn all(&self) -> impl Iterator<Item = (&ExecutableRule, Severity)> {
        let required = self.required.iter().map(|Written(rule)| (rule, Severity::Fail));
        required.chain(self.optional.iter().map(|Written(rule)| (rule, Severity::Warn)))
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        let mut seen = HashSet::new();
        let known = |name: &String| CAPABILITIES.contains(&name.as_str());
        if let Some(name) =
            self.all().filter_map(|(rule, _)| rule.capability.as_ref()).find(|name| !known(name))
        {
            let nearest =
                CAPABILITIES.iter().max_by_key(|one| common_start(one, name)).unwrap_or(&"cap_setuid");
            return Err(format!(
                "`{name}` is no capability; write it as capabilities(7) has it, in lower case: `{nearest}`"
            ));
        }
        for (rule, _) in self.all() {
            for name in std::iter::once(&rule.name).chain(&rule.any_of) {
                if name.is_empty() || name.contains('/') {
                    return Err(format!(
                        "`{name}` is not the name of a program; its directory goes into `path`"
                    ));
                }
            }
            if !seen.insert(&rule.name) {
                return Err(format!("`{}` is named twice", rule.name));
            }
        }
        if seen.is_empty() {
            return Err("no program is named; write some under `required` or `optional`".into());
        }
        match self.path.iter().find(|directory| !directory.starts_with('/')) {
            Some(relative) => Err(format!("`{relative}` in `path` is not an absolute path")),
            None if self.path.is_empty() => Err("`path` has no directory".into()),
            None => Ok(()),
        }
    }
}
