//! What containerd's settings come to, in each version of the format, merged as the containerd of each major version does.

use super::{CONFIG, Containerd};
use crate::{
    evidence::{Evidence, Unknown},
    facts::Known,
    toml::File,
    value::{Kind, Value},
};

/// The CRI plugin up to 1.x, and the two that it was split into with 2.0 (docs/PLUGINS.md, config version 3).
const CRI: &str = "io.containerd.grpc.v1.cri";
const RUNTIME: &str = "io.containerd.cri.v1.runtime";
const IMAGES: &str = "io.containerd.cri.v1.images";

/// A manager of cgroups, as the kubelet, containerd and CRI-O call them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// systemd makes cgroups, as units.
    Systemd,
    /// Directories in the cgroup file system.
    Cgroupfs,
}

impl Driver {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Cgroupfs => "cgroupfs",
        }
    }

    /// The driver of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Systemd, Self::Cgroupfs].into_iter().find(|driver| driver.as_str() == name)
    }
}

/// A value, and where it is set or by what it is the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// What was seen.
    pub seen: Evidence,
}

/// A setting that has one place in each version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// The image of pods' sandboxes.
    SandboxImage,
    /// What keeps images' layers.
    Snapshotter,
    /// The runtime of pods that name none.
    DefaultRuntime,
    /// Where programs of CNI are.
    CniBin,
    /// Where networks of CNI are configured.
    CniConf,
}

impl Setting {
    /// The plugin and keys up to version 2 of the format, and from version 3 on.
    fn keys(self) -> (&'static [&'static str], &'static str, &'static [&'static str]) {
        match self {
            Self::SandboxImage => (&["sandbox_image"], IMAGES, &["pinned_images", "sandbox"]),
            Self::Snapshotter => (&["containerd", "snapshotter"], IMAGES, &["snapshotter"]),
            Self::DefaultRuntime => {
                let keys = &["containerd", "default_runtime_name"];
                (keys, RUNTIME, keys)
            }
            Self::CniBin => (&["cni", "bin_dir"], RUNTIME, &["cni", "bin_dir"]),
            Self::CniConf => (&["cni", "conf_dir"], RUNTIME, &["cni", "conf_dir"]),
        }
    }
}

/// How the CRI plugin is switched off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disabled {
    /// As it is written.
    pub name: String,
    /// Where.
    pub seen: Evidence,
    /// The file.
    pub path: String,
}

/// The version of the format that a file says it has; without a word it is 1.
#[must_use]
pub(super) fn version(file: &File) -> i128 {
    match file.at(&["version"]).map(|value| &value.kind) {
        Some(Kind::Int(version, _)) => (*version).max(1),
        _ => 1,
    }
}

impl Containerd {
    /// The version of the format of the first file, with what says so.
    #[must_use]
    pub fn version(&self) -> Option<Found<i128>> {
        let file = self.files.first()?;
        let seen = match file.at(&["version"]) {
            Some(value) => file.seen("version", value),
            None => Evidence::new(&file.path, "has no version, which means version 1"),
        };
        Some(Found { value: version(file), seen })
    }

    /// The major version of containerd, as far as it is known: no older one reads version 3 of the format.
    fn major(&self) -> Option<u32> {
        let by_format = self.files.iter().any(|file| version(file) >= 3).then_some(2);
        self.major.as_ref().map(|(major, _)| *major).or(by_format)
    }

    fn readable(&self) -> Known<()> {
        if let Some(problem) = &self.problem {
            let why = Unknown::new(format!("{}: {}", problem.path, problem.message));
            return Err(why.tried([problem.evidence.clone()]));
        }
        self.unknown.as_ref().map_or(Ok(()), |unknown| Err(unknown.clone()))
    }

    /// A setting that is text; none where no file has it.
    ///
    /// # Errors
    /// When a file can't be read or parsed, the value is no text, or it depends on a version that is not known.
    pub fn text(&self, setting: Setting) -> Known<Option<Found<String>>> {
        let (old, plugin, new) = setting.keys();
        let Some((file, value)) = self.value(old, plugin, new)? else { return Ok(None) };
        let seen = file.seen(new.last().unwrap_or(&""), value);
        match value.as_text() {
            Some(text) if matches!(value.kind, Kind::Str(_)) => {
                Ok(Some(Found { value: text.to_owned(), seen }))
            }
            _ => Err(Unknown::new(format!("{}: it has to be text", seen.source)).tried([seen])),
        }
    }

    /// A setting of the whole daemon that is text: `root`, `state`.
    ///
    /// # Errors
    /// When a file can't be read or parsed.
    pub fn top(&self, key: &str) -> Known<Option<Found<String>>> {
        self.readable()?;
        // An empty value does not replace another (mergeConfig()).
        let found = self.files.iter().rev().find_map(|file| {
            let value = file.at(&[key])?;
            let text = value.as_text().filter(|text| !text.is_empty())?;
            Some(Found { value: text.to_owned(), seen: file.seen(key, value) })
        });
        Ok(found)
    }

    /// By which driver pods get their cgroups: the option of the default runtime, false without a word (containerd 1.x and
    /// 2.x alike: config_unix.go, DefaultConfig).
    ///
    /// # Errors
    /// As [`Self::text`]; and when the default runtime is no runc, which has no such option.
    pub fn driver(&self) -> Known<Found<Driver>> {
        let name = self.text(Setting::DefaultRuntime)?;
        let runtime = name.as_ref().map_or("runc", |name| &name.value);
        let option = ["containerd", "runtimes", runtime, "options", "SystemdCgroup"];
        if let Some((file, value)) = self.value(&option, RUNTIME, &option)? {
            let seen = file.seen("SystemdCgroup", value);
            return match value.kind {
                Kind::Bool(true) => Ok(Found { value: Driver::Systemd, seen }),
                Kind::Bool(false) => Ok(Found { value: Driver::Cgroupfs, seen }),
                _ => Err(Unknown::new(format!("{}: SystemdCgroup has to be true or false", seen.source))
                    .tried([seen])),
            };
        }
        let kind = ["containerd", "runtimes", runtime, "runtime_type"];
        if let Some((file, value)) = self.value(&kind, RUNTIME, &kind)?
            && value.as_text().is_some_and(|kind| !kind.starts_with("io.containerd.runc."))
        {
            let why =
                format!("the default runtime is {runtime}, of which it is not known how it makes cgroups");
            return Err(Unknown::new(why).tried([file.seen("runtime_type", value)]));
        }
        let silent = format!("has no SystemdCgroup for the runtime {runtime}, whose default is false");
        let seen = match self.files.first() {
            Some(file) => Evidence::new(&file.path, silent),
            None => Evidence::new(CONFIG, "does not exist; by default SystemdCgroup is false"),
        };
        Ok(Found { value: Driver::Cgroupfs, seen })
    }

    /// The entry that switches the CRI plugin off; lists of several files add up (mergeConfig()).
    ///
    /// # Errors
    /// When a file can't be read or parsed.
    pub fn cri_disabled(&self) -> Known<Option<Disabled>> {
        self.readable()?;
        for file in &self.files {
            let Some(value) = file.at(&["disabled_plugins"]) else { continue };
            let Kind::Seq(items) = &value.kind else { continue };
            let is_cri = |name: &&str| match *name {
                "cri" => version(file) == 1,
                CRI | RUNTIME | IMAGES => true,
                _ => false,
            };
            if let Some(name) = items.iter().filter_map(Value::as_text).find(is_cri) {
                return Ok(Some(Disabled {
                    name: name.to_owned(),
                    seen: file.seen("disabled_plugins", value),
                    path: file.path.clone(),
                }));
            }
        }
        Ok(None)
    }

    /// The file that sets a value, by the rules of the containerd that is here.
    ///
    /// 1.x: of several files the last one with the plugin's section has all of it. 2.x: sections are merged, key by key.
    fn value(&self, old: &[&str], plugin: &str, new: &[&str]) -> Known<Option<(&File, &Value)>> {
        self.readable()?;
        let whole = self.files.iter().rev().find(|file| section_of_1(file).is_some());
        let by_1 = || {
            let file = whole?;
            let path: Vec<&str> = ["plugins", section_of_1(file)?].iter().chain(old).copied().collect();
            Some((file, file.at(&path)?))
        };
        let by_2 = || {
            self.files.iter().rev().find_map(|file| {
                let new: Vec<&str> = ["plugins", plugin].iter().chain(new).copied().collect();
                let own = file.at(&new);
                let older = if version(file) >= 3 { None } else { Some(sections_of_2(file)) };
                let older = older.into_iter().flatten().find_map(|section| {
                    let path: Vec<&str> = ["plugins", section].iter().chain(old).copied().collect();
                    file.at(&path)
                });
                own.or(older).map(|value| (file, value))
            })
        };
        match self.major() {
            Some(1) => Ok(by_1()),
            Some(_) => Ok(by_2()),
            None => {
                let (one, two) = (by_1(), by_2());
                if one.map(|(_, value)| &value.kind) == two.map(|(_, value)| &value.kind) {
                    return Ok(two);
                }
                let seen = two.or(one).map(|(file, value)| file.seen(new.last().unwrap_or(&""), value));
                let why = format!(
                    "containerd 1.x and 2.x read {} differently, and which one is here is not known",
                    self.path
                );
                let needs = "put all of the CRI plugin's settings into one file that says its version";
                Err(Unknown::new(why).tried(seen).needs(needs))
            }
        }
    }
}

/// The CRI plugin's section for containerd 1.x, which knows it by its short name in version 1 of the format
/// (services/server/config/config.go, Decode()).
fn section_of_1(file: &File) -> Option<&'static str> {
    let name = if version(file) == 1 { "cri" } else { CRI };
    file.at(&["plugins", name]).map(|_| name)
}

/// Those for containerd 2.x, which takes long names in version 1, too (v1MigratePluginName()).
fn sections_of_2(file: &File) -> &'static [&'static str] {
    if version(file) == 1 { &[CRI, "cri"] } else { &[CRI] }
}
