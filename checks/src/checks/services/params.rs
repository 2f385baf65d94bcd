//! What a policy may say of services.

use crate::{
    entry::{Entry, Written},
    facts::systemd_unit::{DELEGABLE, kind},
    finding::Severity,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashSet;

/// How many units are asked for at once: the manager answers each within a millisecond, and has one second for all.
const UNITS: usize = 64;

/// Services run or not, start at boot or not, and have the controllers that they need.
///
/// ## What it looks at
/// What runs is told by systemd's system manager itself: root asks at its own socket (/run/systemd/private), others by way of
/// the system bus. Units are looked up and never loaded, nothing is started, and it has a second for everything.
/// Where it can't be asked, what runs is not known, but for processes in the cgroup of what must not run. Whether a unit starts at boot is told by its
/// files and links, as `systemctl is-enabled` does, so that an image can be judged that never ran. OpenRC is understood, too:
/// its levels, and its states in /run/openrc.
///
/// `as-wanted` passes; `missing`, `inactive`, `failed`, `restarting`, `starting`, `stopping`, `not-loadable`, `active`,
/// `masked`, `disabled`, `enabled-runtime`, `static`, `enabled` and `not-delegated` do not. `needs-reload` is a warning: the
/// files of the unit changed since systemd read them, so what runs is not what they say.
///
/// ## Why it matters
/// A service that was started by hand works until the next boot, and then the node does not come back. One that crashes is
/// started again so often that `systemctl is-active`, asked at the right moment, calls it active. kubeadm asks systemctl
/// whether the kubelet is enabled, and nothing else; goss and InSpec start systemctl for each service.
///
/// ## How to mend it
/// `systemctl enable --now NAME`, `systemctl daemon-reload`; why a service failed stands in its log: `journalctl -b -u NAME`.
///
/// ## Sources
/// org.freedesktop.systemd1(5); systemd src/core/dbus-manager.c (method_get_unit: nothing is loaded); systemd.unit(5);
/// D-Bus Specification, "Message Protocol" and "Authentication Protocol"; OpenRC src/librc/rc.h.in (RC_SVCDIR); kubernetes
/// cmd/kubeadm/app/preflight/checks.go (ServiceCheck).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ServicesParams {
    /// The services: names, or maps that say more. A name without an ending is that of a service of whatever starts services
    /// here; with one (`.service`, `.timer`, `.socket`) it is a unit of systemd, which does not run where systemd does not.
    pub services: Vec<Written<ServiceRule>>,
}

/// What is asked of one service.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceRule {
    /// Its name: `containerd`, `nm-cloud-setup.timer`.
    pub name: String,
    /// Others each of which does as well.
    #[serde(default)]
    pub any_of: Vec<String>,
    /// Whether it has to run now. Default: active.
    #[serde(default)]
    pub state: ServiceState,
    /// Whether it has to start at boot, or must not. Default: not asked.
    #[serde(default)]
    pub enabled: Option<bool>,
    /// Controllers that systemd has to delegate to it: `cpu`, `cpuset`, `io`, `memory`, `pids`. Default: none.
    #[serde(default)]
    pub delegate: Vec<String>,
    /// Whether it may be missing: nothing is asked of it then, nor where neither systemd nor OpenRC starts services. Default:
    /// false.
    #[serde(default)]
    pub optional: bool,
    /// What it is for, told where it is not as it should be.
    #[serde(default)]
    pub why: Option<String>,
    /// The most that it can yield. Default: fail.
    #[serde(default)]
    pub severity: Severity,
}

/// Whether a service has to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServiceState {
    /// It has to.
    #[default]
    Active,
    /// It must not.
    Inactive,
    /// It may.
    Any,
}

impl Entry for ServiceRule {
    const WORD: &'static str = "the name of a service";

    fn from_word(name: &str) -> Result<Self, String> {
        Ok(Self {
            name: name.to_owned(),
            any_of: Vec::new(),
            state: ServiceState::Active,
            enabled: None,
            delegate: Vec::new(),
            optional: false,
            why: None,
            severity: Severity::Fail,
        })
    }
}

impl ServiceRule {
    /// The service, and those that do as well.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.name).chain(&self.any_of).map(String::as_str)
    }

    /// Whether all that is wanted is that it is not there.
    pub(super) fn wants_absence(&self) -> bool {
        self.state == ServiceState::Inactive && self.enabled != Some(true)
            || self.state == ServiceState::Any && self.enabled == Some(false)
    }

    /// Whether it takes the manager's word.
    pub(super) fn is_about_now(&self) -> bool {
        self.state != ServiceState::Any || !self.delegate.is_empty()
    }

    fn validate(&self) -> Result<(), String> {
        for name in self.names() {
            // systemd.unit(5): what a name may be made of.
            let may_be = |c: char| c.is_ascii_alphanumeric() || ":_.\\@-".contains(c);
            if name.is_empty() || name.starts_with('.') || !name.chars().all(may_be) || name.len() > 255 {
                return Err(format!("`{name}` can't be the name of a service"));
            }
        }
        if let Some(name) = self.delegate.iter().find(|name| !DELEGABLE.contains(&name.as_str())) {
            let all = DELEGABLE.join(", ");
            return Err(format!("`{name}` is no controller that systemd delegates; it can be one of {all}"));
        }
        if self.state == ServiceState::Any && self.enabled.is_none() && self.delegate.is_empty() {
            return Err(format!(
                "nothing is asked of `{}`; say `enabled: true`, or leave `state` out",
                self.name
            ));
        }
        if self.wants_absence() && !self.delegate.is_empty() {
            return Err(format!("`{}` is not to run, and is to have controllers", self.name));
        }
        if self.wants_absence() && !self.any_of.is_empty() {
            return Err(format!(
                "`{}` is not to run, and `anyOf` would let the others; write an entry for each",
                self.name
            ));
        }
        Ok(())
    }
}

impl ServicesParams {
    pub(super) fn validate(&self) -> Result<(), String> {
        let mut seen = HashSet::new();
        for Written(rule) in &self.services {
            rule.validate()?;
            if !seen.insert(&rule.name) {
                return Err(format!("`{}` is named twice", rule.name));
            }
        }
        match self.services.iter().map(|Written(rule)| rule.names().count()).sum::<usize>() {
            0 => Err("no service is named; write some under `services`".into()),
            1..=UNITS => Ok(()),
            n => Err(format!(
                "{n} services are more than the {UNITS} that one rule may ask for; use several rules"
            )),
        }
    }
}

/// The unit of a name: what has no ending of a unit is a service.
pub(super) fn unit(name: &str) -> String {
    if is_unit(name) { name.to_owned() } else { format!("{name}.service") }
}

/// Whether a name has the ending of a unit (systemd.unit(5)).
pub(super) fn is_unit(name: &str) -> bool {
    let kinds = [
        "service",
        "socket",
        "timer",
        "target",
        "mount",
        "automount",
        "swap",
        "path",
        "slice",
        "scope",
        "device",
    ];
    kind(name).is_some_and(|kind| kinds.contains(&kind))
}
