//! What a policy may say of kernel parameters.

use crate::{
    facts::sysctl::{Key, normal},
    finding::Severity,
    matcher::{Match, Matcher},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Kernel parameters have the values that the node needs, now and after the next boot.
///
/// ## What it looks at
/// The files of /proc/sys, one for each parameter; nothing is started. Then what the next boot will set: the files of
/// /etc/sysctl.d, /run/sysctl.d, /usr/local/lib/sysctl.d and /usr/lib/sysctl.d in the order of sysctl.d(5), and
/// /etc/sysctl.conf where systemd does not boot. A name with `*` (`net.ipv4.conf.*.rp_filter`) stands for every interface;
/// where the kernel combines the value of `all` with that of the interface, the combination is what counts. At boot it is
/// asked of each interface by itself: a line that names it goes before patterns, the last pattern before others, a line with
/// `-` and no value keeps patterns off. Where systemd runs, its patterns also count for interfaces to come.
///
/// `right` passes; `wrong-value` and `missing` do not; `reset-at-boot` warns: the value is right now, and a file will set
/// another one at boot. A parameter that comes with a module says so, and follows from the module.
///
/// ## Why it matters
/// Without net.ipv4.ip_forward no packet leaves a pod's node. Without bridge-nf-call-iptables services do not work between
/// pods of one bridge. The kubelet refuses to start with protectKernelDefaults where its parameters differ, and sets them
/// itself otherwise. A few hundred inotify instances are used up by a few dozen pods ("too many open files"). What was set
/// by hand is gone after a boot.
///
/// ## How to mend it
/// `sysctl -w KEY=VALUE`, and a line `KEY = VALUE` in a file of /etc/sysctl.d whose name sorts late; what a later file sets
/// to something else has to go.
///
/// ## Sources
/// sysctl(8), sysctl.d(5); systemd src/sysctl/sysctl.c (apply_glob_option_with_prefix, parse_file) and rules.d/99-systemd.rules.in; Linux Documentation/networking/ip-sysctl.rst (rp_filter, arp_ignore: the maximum of all and
/// interface) and include/linux/inetdevice.h (IN_DEV_MAXCONF, IN_DEV_ORCONF); kubernetes pkg/util/sysctl/sysctl.go (the
/// kubelet's values); kubeadm's checks of ip_forward; kubeadm#3025 (bridge-nf-call only where a CNI plugin uses a bridge).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SysctlParams {
    /// The parameters and what each has to be.
    pub settings: Vec<SysctlSetting>,
}

/// One parameter and what it has to be. At least one of `equals`, `oneOf`, `atLeast`, `atMost`, `expect`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SysctlSetting {
    /// Its name: `net.ipv4.ip_forward`; a part `*` stands for every name there.
    pub key: String,
    /// It has to be this; fields are separated by blanks (`"32768 60999"`).
    #[schemars(with = "Option<TextOrNumber>")]
    pub equals: Option<String>,
    /// It has to be one of these.
    #[serde(default)]
    #[schemars(with = "Vec<TextOrNumber>")]
    pub one_of: Vec<String>,
    /// It has to be a number, and no smaller.
    pub at_least: Option<i64>,
    /// It has to be a number, and no larger.
    pub at_most: Option<i64>,
    /// What is expected of it, where `equals`, `oneOf`, `atLeast` and `atMost` do not say it.
    #[serde(default)]
    pub expect: SysctlExpectations,
    /// Which field of a value with several is meant, the first is 1. Default: all of it.
    pub field: Option<usize>,
    /// What it is for, in a clause; shown where it is not right.
    pub why: Option<String>,
    /// The most that it can yield. Default: fail.
    #[serde(default)]
    pub severity: Severity,
    /// The module that brings it, where the check does not know it by itself.
    pub module: Option<String>,
    /// Whether its absence is as good as the right value: on kernels that lack what it guards. Default: false.
    #[serde(default)]
    pub may_be_absent: bool,
}

/// What is expected of a parameter.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SysctlExpectations {
    /// Its value; of `field` only, where one is named.
    pub value: Option<Matcher>,
}

/// How a value may be written; its spelling is kept.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum TextOrNumber {
    /// In quotes, or a word.
    Text(String),
    /// A number.
    Number(i64),
}

impl SysctlSetting {
    /// What is wrong with it.
    pub(super) fn validate(&self) -> Result<(), String> {
        let key = &self.key;
        let Some(parsed) = Key::parse(key) else {
            return Err(format!(
                "`{key}` is not the name of a parameter; write for example net.ipv4.ip_forward"
            ));
        };
        if parsed.parts().iter().filter(|part| part.contains('*')).count() > 1 {
            return Err(format!("`{key}` has more than one part with `*`"));
        }
        if self.equals.is_none()
            && self.one_of.is_empty()
            && self.at_least.is_none()
            && self.at_most.is_none()
            && self.expect.value.is_none()
        {
            return Err(format!(
                "`{key}` is named, but not what it has to be: add equals, oneOf, atLeast, atMost or expect"
            ));
        }
        if let (Some(least), Some(most)) = (self.at_least, self.at_most)
            && least > most
        {
            return Err(format!("`{key}` can't be at least {least} and at most {most}"));
        }
        if self.field == Some(0) {
            return Err(format!("`{key}`: the first field is 1"));
        }
        Ok(())
    }

    /// Whether this value is right; none where a number is wanted and this is none, or it lacks the field.
    pub(super) fn holds(&self, value: &str) -> Option<bool> {
        let value = match self.field {
            None => value,
            Some(field) => value.split(' ').nth(field.checked_sub(1)?)?,
        };
        let same = |wanted: &String| match (number(wanted), number(value)) {
            (Some(a), Some(b)) => a == b,
            _ => normal(wanted) == value,
        };
        let wanted = || self.equals.iter().chain(&self.one_of);
        if wanted().next().is_some() && wanted().all(|w| number(w).is_some()) {
            number(value)?;
        }
        let mut holds = self.equals.as_ref().is_none_or(same);
        holds &= self.one_of.is_empty() || self.one_of.iter().any(same);
        if self.at_least.is_some() || self.at_most.is_some() {
            let number = number(value)?;
            holds &= self.at_least.is_none_or(|least| number >= least.into());
            holds &= self.at_most.is_none_or(|most| number <= most.into());
        }
        match self.expect.value.as_ref().map(|matcher| matcher.judge(&value.into())) {
            Some(Match::Unfit(_)) => None,
            Some(Match::Fails(_)) => Some(false),
            Some(Match::Holds) | None => Some(holds),
        }
    }

    /// What it has to be, in words: `1`, `0 or 2`, `at least 1024`.
    pub(super) fn wanted(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.equals.clone());
        if !self.one_of.is_empty() {
            words.push(self.one_of.join(" or "));
        }
        words.extend(self.at_least.map(|least| format!("at least {least}")));
        words.extend(self.at_most.map(|most| format!("at most {most}")));
        words.extend(self.expect.value.as_ref().map(|matcher| format!("one that {}", matcher.describe())));
        let field = self.field.map(|field| format!(" in field {field}")).unwrap_or_default();
        format!("{}{field}", words.join(" and "))
    }

    /// A value to set. None where only one field of several is meant.
    pub(super) fn right(&self) -> Option<String> {
        if self.field.is_some() {
            return None;
        }
        let only = || self.expect.value.as_ref().and_then(Matcher::only).map(str::to_owned);
        let number = || self.at_least.or(self.at_most).map(|n| n.to_string());
        self.equals.clone().or_else(|| self.one_of.first().cloned()).or_else(number).or_else(only)
    }
}

fn number(text: &str) -> Option<i128> {
    text.trim().parse().ok()
}
