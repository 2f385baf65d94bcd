//! What the kubelet's settings come to: a flag goes before the drop-ins, a later drop-in before an earlier one, the
//! configuration file comes last (cmd/kubelet/app/server.go, kubeletConfigFlagPrecedence).

use super::{ConfigFile, Kubelet};
use crate::{
    evidence::{Evidence, Unknown},
    facts::Known,
    value::{Kind, Value},
    yaml,
};
use std::collections::BTreeMap;

/// The settings that have a flag, too (cmd/kubelet/app/options, AddKubeletConfigFlags). All others have none, or none that
/// is looked for here.
const FLAGS: [(&str, &str); 18] = [
    ("cgroupDriver", "cgroup-driver"),
    ("cgroupsPerQOS", "cgroups-per-qos"),
    ("clusterDNS", "cluster-dns"),
    ("containerRuntimeEndpoint", "container-runtime-endpoint"),
    ("enforceNodeAllocatable", "enforce-node-allocatable"),
    ("evictionHard", "eviction-hard"),
    ("failSwapOn", "fail-swap-on"),
    ("kubeReserved", "kube-reserved"),
    ("maxPods", "max-pods"),
    ("protectKernelDefaults", "protect-kernel-defaults"),
    ("readOnlyPort", "read-only-port"),
    ("reservedMemory", "reserved-memory"),
    ("reservedSystemCPUs", "reserved-cpus"),
    ("resolvConf", "resolv-conf"),
    ("staticPodPath", "pod-manifest-path"),
    ("systemReserved", "system-reserved"),
    ("cgroupRoot", "cgroup-root"),
    ("podCIDR", "pod-cidr"),
];

/// A value, and where it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// Where: `/var/lib/kubelet/config.yaml:7`, and what stands there.
    pub seen: Evidence,
}

/// A setting as it was written.
enum Written<'a> {
    Flag(&'a str),
    File(&'a ConfigFile, &'a Value),
}

impl Kubelet {
    /// A setting that is true or false: `failSwapOn`; none where nobody says anything.
    ///
    /// # Errors
    /// When a file that may say it can't be read, or it says something else.
    pub fn boolean(&self, path: &str) -> Known<Option<Found<bool>>> {
        self.typed(path, "true or false", |written| match written {
            // strconv.ParseBool, as pflag does.
            Written::Flag(text) => match *text {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
                _ => None,
            },
            Written::File(file, value) => match &value.kind {
                Kind::Bool(value) => Some(*value),
                // YAML 1.1, which sigs.k8s.io/yaml reads, has more words for it, where no quote makes them text.
                Kind::Str(word) if !file.is_quoted(value) => match word.to_ascii_lowercase().as_str() {
                    "yes" | "y" | "on" | "true" => Some(true),
                    "no" | "n" | "off" | "false" => Some(false),
                    _ => None,
                },
                _ => None,
            },
        })
    }

    /// A setting that is text: `resolvConf`, `memorySwap.swapBehavior`.
    ///
    /// # Errors
    /// As [`Self::boolean`].
    pub fn text(&self, path: &str) -> Known<Option<Found<String>>> {
        self.typed(path, "text", |written| match written {
            Written::Flag(text) => Some((*text).to_owned()),
            Written::File(_, Value { kind: Kind::Str(text), .. }) => Some(text.clone()),
            Written::File(..) => None,
        })
    }

    /// A setting that is a whole number: `maxPods`.
    ///
    /// # Errors
    /// As [`Self::boolean`].
    pub fn number(&self, path: &str) -> Known<Option<Found<i64>>> {
        self.typed(path, "a whole number", |written| match written {
            Written::Flag(text) => text.parse().ok(),
            Written::File(_, Value { kind: Kind::Int(number, _), .. }) => i64::try_from(*number).ok(),
            Written::File(..) => None,
        })
    }

    /// A setting that is a list: `enforceNodeAllocatable`, `clusterDNS`.
    ///
    /// # Errors
    /// As [`Self::boolean`].
    pub fn list(&self, path: &str) -> Known<Option<Found<Vec<String>>>> {
        self.typed(path, "a list", |written| match written {
            Written::Flag(text) => {
                Some(text.split(',').filter(|t| !t.is_empty()).map(str::to_owned).collect())
            }
            Written::File(_, Value { kind: Kind::Seq(items), .. }) => {
                items.iter().map(|item| item.as_text().map(str::to_owned)).collect()
            }
            Written::File(..) => None,
        })
    }

    /// A setting that is a map: `evictionHard`, `kubeReserved`. Files add their keys to each other's (a JSON merge patch);
    /// a flag replaces all.
    ///
    /// # Errors
    /// As [`Self::boolean`].
    pub fn map(&self, path: &str) -> Known<Option<Found<BTreeMap<String, String>>>> {
        if let Some(flag) = self.flag(path)? {
            let pairs = flag.value.split(',').filter(|pair| !pair.trim().is_empty());
            let map: Option<BTreeMap<_, _>> = pairs
                .map(|pair| {
                    let (key, value) = pair.split_once(['=', '<'])?;
                    Some((key.trim().to_owned(), value.trim().to_owned()))
                })
                .collect();
            let map = map.ok_or_else(|| wrong(path, "pairs with a comma between", &flag.evidence()))?;
            return Ok(Some(Found { value: map, seen: flag.evidence() }));
        }
        self.readable()?;
        let mut found: Option<Found<BTreeMap<String, String>>> = None;
        for (file, value) in self.files.iter().filter_map(|file| Some((file, file.at(path)?))) {
            let seen = file.seen(path, value);
            let Kind::Map(entries) = &value.kind else { return Err(wrong(path, "a map", &seen)) };
            let all = found.get_or_insert_with(|| Found { value: BTreeMap::new(), seen: seen.clone() });
            for (key, value) in entries {
                let text =
                    value.as_text().ok_or_else(|| wrong(&format!("{path}.{}", key.text), "text", &seen))?;
                all.value.insert(key.text.clone(), text.to_owned());
            }
            all.seen = seen;
        }
        Ok(found)
    }

    /// The flag for a setting, if it is given.
    fn flag(&self, path: &str) -> Known<Option<&super::Flag>> {
        let Some((_, name)) = FLAGS.iter().find(|(setting, _)| *setting == path) else { return Ok(None) };
        let flags = self.flags.as_ref().map_err(Clone::clone)?;
        Ok(flags.iter().rfind(|flag| flag.name == *name))
    }

    fn readable(&self) -> Known<()> {
        self.unknown.as_ref().map_or(Ok(()), |unknown| Err(unknown.clone()))
    }

    fn typed<T>(
        &self,
        path: &str,
        what: &str,
        read: impl Fn(&Written<'_>) -> Option<T>,
    ) -> Known<Option<Found<T>>> {
        let (written, seen) = if let Some(flag) = self.flag(path)? {
            (Written::Flag(&flag.value), flag.evidence())
        } else {
            self.readable()?;
            let found = self.files.iter().rev().find_map(|file| Some((file, file.at(path)?)));
            let Some((file, value)) = found else { return Ok(None) };
            (Written::File(file, value), file.seen(path, value))
        };
        match read(&written) {
            Some(value) => Ok(Some(Found { value, seen })),
            None => Err(wrong(path, what, &seen)),
        }
    }
}

fn wrong(path: &str, what: &str, seen: &Evidence) -> Unknown {
    Unknown::new(format!("{}: {path} has to be {what}", seen.source)).tried([seen.clone()])
}

impl ConfigFile {
    /// The value at a path of keys; null counts as nothing.
    fn at(&self, path: &str) -> Option<&Value> {
        let mut value = self.value.as_ref()?;
        for part in path.split('.') {
            let Kind::Map(entries) = &value.kind else { return None };
            value = &entries.iter().find(|(key, _)| key.text == part)?.1;
        }
        (value.kind != Kind::Null).then_some(value)
    }

    fn seen(&self, path: &str, value: &Value) -> Evidence {
        let (line, _) = yaml::place(&self.text, value.span);
        let key = path.rsplit('.').next().unwrap_or(path);
        // A map begins in the line behind its key.
        let written = value.as_text().map_or_else(|| flat(value), str::to_owned);
        Evidence::new(format!("{}:{line}", self.path), format!("{key}: {written}"))
    }

    /// Whether a quote stands where the value begins.
    fn is_quoted(&self, value: &Value) -> bool {
        let text = self.text.get(value.span.start as usize..).unwrap_or_default();
        text.starts_with(['"', '\''])
    }
}

/// A value in one line.
fn flat(value: &Value) -> String {
    match &value.kind {
        Kind::Null => "null".to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::Int(_, text) | Kind::Float(_, text) | Kind::Str(text) => text.clone(),
        Kind::Seq(items) => format!("[{}]", items.iter().map(flat).collect::<Vec<_>>().join(", ")),
        Kind::Map(entries) => {
            let all: Vec<_> =
                entries.iter().map(|(key, value)| format!("{}: {}", key.text, flat(value))).collect();
            format!("{{{}}}", all.join(", "))
        }
    }
}
