//! What a policy may ask of the kernel's settings.

use crate::{
    facts::sysctl::{Key, plain},
    finding::Severity,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::{borrow::Cow, collections::BTreeSet, fmt};

/// Settings of the kernel have the values that the work needs, and will have them after a boot.
///
/// ## What it looks at
/// The files of /proc/sys, one finding for each setting: `set` passes, `wrong` and `missing` do not. Numbers are
/// compared as numbers, everything else as text; tabs and spaces between the fields of a value are the same. A key
/// with `*` stands for every interface: one finding names those that differ. Of rp_filter, arp_ignore and
/// arp_announce the kernel uses the greater one of `all` and the interface, so that is what is judged.
///
/// A setting that does not exist is told together with the module that brings it. Then the files of sysctl.d are
/// looked through, in their order: where the running value is right and the boot will set another, the finding warns
/// (`reset-at-boot`) and names the file and the line. No setting is written.
///
/// ## Why it matters
/// Without IP forwarding no packet reaches a pod of another node; with too few inotify instances the kubelet or a
/// pod's log reader stops with "too many open files"; a value that was set by hand is gone with the next boot, and
/// the node breaks weeks after it joined.
///
/// ## How to mend it
/// `sysctl -w KEY=VALUE` now, and the same line in a file of /etc/sysctl.d/, which is applied at each boot. The file
/// that sorts last by its name wins.
///
/// ## Sources
/// Linux Documentation/admin-guide/sysctl/ and Documentation/networking/ip-sysctl.rst; sysctl(8), sysctl.d(5),
/// systemd-sysctl.service(8); kubeadm's checks FileContent (cmd/kubeadm/app/preflight/checks.go); the kubelet's
/// `setupKernelTunables` (pkg/kubelet/cm/container_manager_linux.go).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SysctlParams {
    /// What is asked of each setting. Without any, the rule is refused.
    pub settings: Vec<SysctlSetting>,
}

/// What is asked of one setting.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SysctlSetting {
    /// The setting: `net.ipv4.ip_forward`, `net/ipv4/conf/eth0.100/rp_filter`, `net.ipv4.conf.*.rp_filter`.
    pub key: SysctlKey,
    /// The value that it has to have.
    #[serde(default)]
    pub equals: Option<SysctlWord>,
    /// The least that it may be.
    #[serde(default)]
    pub at_least: Option<SysctlNumber>,
    /// The most that it may be.
    #[serde(default)]
    pub at_most: Option<SysctlNumber>,
    /// The values of which it has to have one.
    #[serde(default)]
    pub one_of: Vec<SysctlWord>,
    /// Which field of a value of several is meant, counted from 1. Default: the whole value.
    #[serde(default)]
    pub field: Option<u8>,
    /// What it is for, told with the finding.
    #[serde(default)]
    pub why: Option<String>,
    /// How much it matters: `fail` (default) or `warn`.
    #[serde(default)]
    pub severity: Severity,
    /// The module that brings the setting. Known for net.bridge and net.netfilter.
    #[serde(default)]
    pub module: Option<String>,
    /// The name under which kubeadm reports it. Known for those settings that kubeadm looks at.
    #[serde(default)]
    pub kubeadm: Option<String>,
}

impl SysctlSetting {
    /// Whether `value` (or the field of it that is meant) will do.
    ///
    /// # Errors
    /// Where the value is no number and one is needed, or has no such field.
    pub(super) fn suits(&self, value: &str) -> Result<bool, String> {
        let meant = self.meant(value)?;
        let number = || meant.parse::<i128>().map_err(|_| format!("`{meant}` is no number"));
        if let Some(least) = &self.at_least
            && number()? < least.0
        {
            return Ok(false);
        }
        if let Some(most) = &self.at_most
            && number()? > most.0
        {
            return Ok(false);
        }
        let words = self.equals.iter().chain(&self.one_of).collect::<Vec<_>>();
        if words.is_empty() {
            return Ok(true);
        }
        let numeric = words.iter().all(|w| w.0.parse::<i128>().is_ok());
        let seen = if numeric { Some(number()?) } else { None };
        Ok(words.iter().any(|w| w.0 == meant || (seen.is_some() && w.0.parse().ok() == seen)))
    }

    /// The part of a value that is asked about.
    fn meant<'a>(&self, value: &'a str) -> Result<&'a str, String> {
        match self.field {
            None => Ok(value),
            Some(field) => value
                .split(' ')
                .nth(usize::from(field).saturating_sub(1))
                .filter(|f| !f.is_empty())
                .ok_or_else(|| format!("`{value}` has no field {field}")),
        }
    }

    /// What it has to be, as a clause: `1`, `at least 1024`.
    pub(super) fn wanted(&self) -> String {
        let mut wanted = Vec::new();
        wanted.extend(self.equals.as_ref().map(ToString::to_string));
        if !self.one_of.is_empty() {
            let words: Vec<String> = self.one_of.iter().map(ToString::to_string).collect();
            wanted.push(words.join(" or "));
        }
        wanted.extend(self.at_least.as_ref().map(|n| format!("at least {}", n.0)));
        wanted.extend(self.at_most.as_ref().map(|n| format!("at most {}", n.0)));
        let wanted = wanted.join(" and ");
        match self.field {
            Some(field) => format!("{wanted} in field {field}"),
            None => wanted,
        }
    }

    /// A value that will do, to be set in place of `now`.
    pub(super) fn good(&self, now: Option<&str>) -> String {
        let word = self.equals.as_ref().or(self.one_of.first()).map(ToString::to_string);
        let number = || self.at_least.as_ref().or(self.at_most.as_ref()).map(|n| n.0.to_string());
        let good = word.or_else(number).unwrap_or_default();
        let (Some(field), Some(now)) = (self.field, now) else { return good };
        let at = usize::from(field).saturating_sub(1);
        let fields =
            now.split(' ').enumerate().map(|(i, f)| if i == at { good.clone() } else { f.to_owned() });
        fields.collect::<Vec<_>>().join(" ")
    }

    /// The module that brings the setting.
    pub(super) fn module(&self) -> Option<&str> {
        if let Some(module) = &self.module {
            return Some(module);
        }
        match self.key.0.parts() {
            // net/bridge/br_netfilter_hooks.c, `brnf_sysctl_init_net`.
            [net, bridge, ..] if net == "net" && bridge == "bridge" => Some("br_netfilter"),
            // net/netfilter/nf_conntrack_standalone.c; nf_conntrack_max stands in net/ as well.
            [net, name, ..] if net == "net" && name == "nf_conntrack_max" => Some("nf_conntrack"),
            [net, netfilter, name]
                if net == "net" && netfilter == "netfilter" && name.starts_with("nf_conntrack") =>
            {
                Some("nf_conntrack")
            }
            _ => None,
        }
    }

    /// The name under which kubeadm reports it: `FileContent-` and the path with dashes.
    pub(super) fn kubeadm_name(&self) -> Option<String> {
        // kubernetes/kubernetes cmd/kubeadm/app/preflight/checks.go; those of the bridge until 1.29.
        let known = [
            "net.ipv4.ip_forward",
            "net.ipv6.conf.default.forwarding",
            "net.bridge.bridge-nf-call-iptables",
            "net.bridge.bridge-nf-call-ip6tables",
        ];
        self.kubeadm.clone().or_else(|| {
            let key = &self.key.0;
            known
                .contains(&key.dotted().as_str())
                .then(|| format!("FileContent-{}", key.path().replace('/', "-")))
        })
    }
}

/// What is wrong with parameters of the right shape.
pub(super) fn validate(params: &SysctlParams) -> Result<(), String> {
    if params.settings.is_empty() {
        return Err(
            "no setting is named; write for example `- { key: net.ipv4.ip_forward, equals: 1 }`".into()
        );
    }
    let mut seen = BTreeSet::new();
    for setting in &params.settings {
        let key = setting.key.0.dotted();
        if !seen.insert(key.clone()) {
            return Err(format!("`{key}` is named twice"));
        }
        let (words, numbers) = (
            usize::from(setting.equals.is_some()) + usize::from(!setting.one_of.is_empty()),
            setting.at_least.is_some() || setting.at_most.is_some(),
        );
        if words + usize::from(numbers) != 1 {
            return Err(format!(
                "`{key}` needs one of `equals`, `oneOf`, or `atLeast` and `atMost`, which say what is right"
            ));
        }
        if let (Some(least), Some(most)) = (&setting.at_least, &setting.at_most)
            && least.0 > most.0
        {
            return Err(format!("no value of `{key}` is at least {} and at most {}", least.0, most.0));
        }
        if setting.field == Some(0) {
            return Err(format!("the fields of `{key}` are counted from 1"));
        }
        pattern(&setting.key.0)?;
    }
    Ok(())
}

/// A key may have one `*`, as a whole part in its middle.
fn pattern(key: &Key) -> Result<(), String> {
    let stars = key.parts().iter().filter(|p| p.as_str() == "*").count();
    let ends = key.parts().last().is_some_and(|p| p == "*") || key.wildcard() == Some(0);
    let partly = key.parts().iter().any(|p| p != "*" && p.contains(['*', '?', '[']));
    if stars > 1 || ends || partly {
        let key = key.dotted();
        return Err(format!(
            "`{key}`: one `*` may stand for a whole part in the middle of a key, as in `net.ipv4.conf.*.rp_filter`"
        ));
    }
    Ok(())
}

/// The key of a setting.
#[derive(Clone, Debug)]
pub struct SysctlKey(pub Key);

impl<'de> Deserialize<'de> for SysctlKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Key::parse(&String::deserialize(deserializer)?).map(Self).map_err(de::Error::custom)
    }
}

impl JsonSchema for SysctlKey {
    fn schema_name() -> Cow<'static, str> {
        "SysctlKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A setting of the kernel: `net.ipv4.ip_forward`, `net/ipv4/conf/eth0.100/rp_filter`.",
            "pattern": r"^[^\s./]+[./][^\s]+$"
        })
    }
}

/// A value: a number or a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SysctlWord(pub String);

impl fmt::Display for SysctlWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SysctlWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(plain(&text)))
    }
}

impl JsonSchema for SysctlWord {
    fn schema_name() -> Cow<'static, str> {
        "SysctlWord".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "integer"],
            "description": "A value as the kernel shows it: `1`, `32768 60999`."
        })
    }
}

/// A whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SysctlNumber(pub i128);

impl<'de> Deserialize<'de> for SysctlNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = |_| de::Error::custom(format!("`{text}` is no whole number"));
        text.trim().parse().map(Self).map_err(wrong)
    }
}

impl JsonSchema for SysctlNumber {
    fn schema_name() -> Cow<'static, str> {
        "SysctlNumber".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "description": "A whole number.",
            "pattern": r"^-?[0-9]+$"
        })
    }
}
