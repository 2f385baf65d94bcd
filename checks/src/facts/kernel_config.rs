//! The configuration that the running kernel was built with.
//!
//! Only what belongs to the running kernel counts: its own `/proc/config.gz`, or a file named for its release
//! whose header does not name another version. A place that is missing, unreadable, corrupt, truncated or
//! another kernel's is passed over for the next one, and the reason is kept.

mod text;

use super::{Known, release::Release};
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadErrorKind},
};
use text::{End, TEXT_LIMIT, Text, gunzip, is_gzip};

/// What a kernel configuration says of one option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `CONFIG_X=y`
    BuiltIn,
    /// `CONFIG_X=m`
    Module,
    /// `CONFIG_X="text"` or `CONFIG_X=1000`: the value without its quotes.
    Value(String),
    /// `# CONFIG_X is not set`, or `CONFIG_X=n`.
    NotSet,
    /// Not named at all: this kernel does not know the option, or what it depends on is off.
    Absent,
}

impl Setting {
    /// Whether the option is surely off: not set, or not named.
    #[must_use]
    pub fn is_off(&self) -> bool {
        matches!(self, Self::NotSet | Self::Absent)
    }
}

/// What ties a configuration to the running kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// The running kernel carries it: `/proc/config.gz` (CONFIG_IKCONFIG_PROC).
    Running,
    /// Its path names the running release.
    Path,
    /// Only its header names the running release: `/usr/src/linux/.config`, which may have been edited since.
    Header,
}

/// The configuration of the running kernel, and where it was read.
#[derive(Debug)]
pub struct KernelConfig {
    path: String,
    tie: Tie,
    text: Text,
    passed_over: Vec<Evidence>,
    notes: Vec<String>,
}

impl KernelConfig {
    /// What it says of `option`, given with or without `CONFIG_`.
    #[must_use]
    pub fn get(&self, option: &str) -> Setting {
        self.text.get(bare(option))
    }

    /// What it says of `option`, as evidence: the very line.
    #[must_use]
    pub fn evidence(&self, option: &str) -> Evidence {
        let observed = match self.text.line(bare(option)) {
            Some(line) => String::from_utf8_lossy(line).trim_end().to_owned(),
            None => format!("CONFIG_{} does not occur", bare(option)),
        };
        Evidence::new(&self.path, observed)
    }

    /// The file that was read.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What ties it to the running kernel.
    #[must_use]
    pub fn tie(&self) -> Tie {
        self.tie
    }

    /// How many lines name an option.
    #[must_use]
    pub fn options(&self) -> usize {
        self.text.len()
    }

    /// The places that come before it, each with the reason why it was not taken.
    #[must_use]
    pub fn passed_over(&self) -> &[Evidence] {
        &self.passed_over
    }

    /// What one should know before trusting it: a patch level other than the running one.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }
}

fn bare(option: &str) -> &str {
    option.strip_prefix("CONFIG_").unwrap_or(option)
}

impl Node {
    /// The configuration of the running kernel.
    pub fn kernel_config(&self) -> &Known<KernelConfig> {
        self.fact(|| find(self))
    }
}

const RUNNING: &str = "/proc/config.gz";

/// The places in order: the running kernel itself, then what names its release, then a source tree that may
/// be any kernel's. They are those of system-validators v1.12.1 and k0s
/// (internal/pkg/sysinfo/probes/linux), but the untied one comes last.
fn places(release: Option<&Release>) -> Vec<(String, Tie)> {
    let mut places = vec![(RUNNING.to_owned(), Tie::Running)];
    if let Some(Release { text: r, .. }) = release {
        let named = [
            format!("/boot/config-{r}"),
            format!("/usr/lib/modules/{r}/config"),
            format!("/lib/modules/{r}/config"),
            format!("/usr/lib/ostree-boot/config-{r}"),
            format!("/usr/lib/kernel/config-{r}"),
            format!("/usr/src/linux-{r}/.config"),
            format!("/usr/src/linux-headers-{r}/.config"),
            format!("/lib/modules/{r}/build/.config"),
        ];
        places.extend(named.map(|path| (path, Tie::Path)));
        places.push(("/usr/src/linux/.config".to_owned(), Tie::Header));
    }
    places
}

fn find(node: &Node) -> Known<KernelConfig> {
    let release = node.kernel_release();
    let mut passed_over = Vec::new();
    let mut denied = false;
    for (path, tie) in places(release.as_ref().ok()) {
        let taken = read(node, &path, &mut denied).and_then(|text| {
            let notes = match release {
                Ok(release) => belongs(&text, tie, release)?,
                Err(_) => Vec::new(),
            };
            Ok((text, notes))
        });
        match taken {
            Ok((text, notes)) => return Ok(KernelConfig { path, tie, text, passed_over, notes }),
            Err(why) => passed_over.push(Evidence::new(path, why)),
        }
    }
    Err(nowhere(release, passed_over, denied))
}

/// Reads one place, or says why it is passed over.
fn read(node: &Node, path: &str, denied: &mut bool) -> Result<Text, String> {
    let bytes = node.read_once(path, TEXT_LIMIT).map_err(|e| {
        *denied |= matches!(e.kind, ReadErrorKind::Denied(_));
        e.kind.to_string()
    })?;
    if is_gzip(&bytes) {
        Text::new(gunzip(&bytes, TEXT_LIMIT)?, End::Proved)
    } else if path == RUNNING && !bytes.is_empty() {
        Err("is corrupt: not gzip".into())
    } else {
        Text::new(bytes, End::Judged)
    }
}

/// Whether the header lets the text be the running kernel's; gives what is worth a note.
///
/// Distributions keep the release and raise the patch level (Debian's 6.1.0-56-amd64 is built from
/// 6.1.192), so only another major or minor number is another kernel, and a patch level counts only where
/// the release has one.
fn belongs(text: &Text, tie: Tie, running: &Release) -> Result<Vec<String>, String> {
    let release = &running.text;
    let Some((name, version)) = text.version() else {
        return match tie {
            Tie::Header => {
                Err(format!("names no version in its header, so it may be any kernel's; {release} runs"))
            }
            Tie::Running | Tie::Path => Ok(Vec::new()),
        };
    };
    let v = &running.version;
    let differs = (version.major, version.minor) != (v.major, v.minor);
    let patch_differs = v.patch != 0 && version.patch != v.patch;
    let another = format!("is another kernel's: its header names {name}, and {release} runs");
    match tie {
        Tie::Running if differs => {
            Ok(vec![format!("its header names {name}, though the kernel calls itself {release}")])
        }
        Tie::Path if differs => Err(another),
        Tie::Running | Tie::Path if patch_differs => Ok(vec![format!(
            "its header names {name}, and {release} runs: the same series, another patch level"
        )]),
        Tie::Running | Tie::Path => Ok(Vec::new()),
        Tie::Header if version == *v && is_start_of(&name, release) => Ok(vec![format!(
            "only its header ties it to the running {release}; it may have been edited since that was built"
        )]),
        Tie::Header => Err(another),
    }
}

/// Whether a release can have grown from the header's version by a local suffix: `6.6.30-gentoo` into
/// `6.6.30-gentoo-x86_64`, but not `6.6.3` into `6.6.30`.
fn is_start_of(name: &str, release: &str) -> bool {
    release.strip_prefix(name).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit() || c == '.'))
}

fn nowhere(release: &Known<Release>, passed_over: Vec<Evidence>, denied: bool) -> Unknown {
    let missing = |e: &&Evidence| e.observed == ReadErrorKind::Missing.to_string();
    let (gone, bad): (Vec<_>, Vec<_>) = passed_over.iter().partition(missing);
    let mut why: Vec<_> = bad.iter().map(|e| format!("{} {}", e.source, e.observed)).collect();
    match gone.as_slice() {
        [] => {}
        [one] => why.push(format!("{} does not exist", one.source)),
        more => why.push(format!("{} places do not exist", more.len())),
    }
    if let Err(unknown) = release {
        why.push(format!(
            "files named for the running release were not looked for, because {}",
            unknown.reason
        ));
    }
    let boot = release
        .as_ref()
        .map_or_else(|_| "/boot/config-RELEASE".into(), |r| format!("/boot/config-{}", r.text));
    let needs = format!(
        "{}a kernel with CONFIG_IKCONFIG_PROC (`modprobe configs` where it is a module), or its file {boot}; \
         in a container, mount the host's /boot",
        if denied { "run as root; else " } else { "" }
    );
    let reason = format!("no configuration of the running kernel could be read: {}", why.join("; "));
    let of_release = release.as_ref().err().map(|u| u.evidence.clone()).unwrap_or_default();
    Unknown::new(reason).tried(passed_over).tried(of_release).needs(needs)
}

#[cfg(test)]
mod tests;
