//! How to set what is not set, and how to make it last.

use super::params::SysctlSetting;
use crate::{
    checks::kernel_modules::remedy,
    facts::{sysctl::Key, sysctl_boot::Assignment},
    finding::Remedy,
};

/// The file that is proposed. What sorts after it may set another value.
const FILE: &str = "/etc/sysctl.d/90-kubernetes.conf";

fn append(key: &str, value: &str) -> String {
    format!("echo '{key} = {value}' >> {FILE}")
}

/// A value with spaces needs quotes on a command line.
fn write(key: &str, value: &str) -> String {
    if value.contains(' ') {
        format!("sysctl -w '{key}={value}'")
    } else {
        format!("sysctl -w {key}={value}")
    }
}

/// Whether `line` comes after the file that is proposed, so that a line there would not help.
fn comes_later(line: &Assignment) -> bool {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    line.file == "/etc/sysctl.conf" || name(&line.file) > name(FILE)
}

/// Sets it now, and at each boot; `bad` is the line that sets it wrong.
pub(super) fn set(setting: &SysctlSetting, now: Option<&str>, bad: Option<&Assignment>) -> Remedy {
    let (key, value) = (setting.key.0.dotted(), setting.good(now));
    let summary = match bad {
        Some(line) => format!("Set {key}, and mend line {} of {}", line.line, line.file),
        None => format!("Set {key} now, and at each boot"),
    };
    let remedy = Remedy::new(summary).command(write(&key, &value));
    lasting(remedy, &key, &value, bad)
}

fn lasting(remedy: Remedy, key: &str, value: &str, bad: Option<&Assignment>) -> Remedy {
    match bad {
        Some(line) if comes_later(line) => {
            remedy.persistent(format!("in line {} of {}: {key} = {value}", line.line, line.file))
        }
        _ => remedy.persistent(append(key, value)),
    }
}

/// Keeps what is set now over the next boot.
pub(super) fn keep(setting: &SysctlSetting, now: &str, bad: &Assignment) -> Remedy {
    let key = setting.key.0.dotted();
    let remedy = Remedy::new(format!("Have {key} set to {now} at each boot"));
    lasting(remedy, &key, now, Some(bad))
}

/// Sets it on several interfaces, and for those to come.
pub(super) fn set_several(setting: &SysctlSetting, keys: &[&Key], by_all: bool) -> Remedy {
    let (key, value) = (&setting.key.0, setting.good(None));
    let all = key.wildcard().map(|at| key.with(at, "all").dotted()).filter(|_| by_all);
    let mut remedy = Remedy::new(format!("Set {} where it differs, and at each boot", key.dotted()));
    for key in all.iter().cloned().chain(keys.iter().map(|k| k.dotted())) {
        remedy = remedy.command(write(&key, &value));
    }
    // systemd takes the pattern (sysctl.d(5)); it does not reach interfaces that come later, which take `default`.
    remedy.persistent(append(&key.dotted(), &value))
}

/// Loads the module that brings it, then sets it.
pub(super) fn load(setting: &SysctlSetting, module: &str) -> Remedy {
    let (key, value) = (setting.key.0.dotted(), setting.good(None));
    let load = remedy::load(module);
    Remedy { summary: format!("Load {module} now and at each boot, then set {key}."), ..load }
        .command(write(&key, &value))
        .persistent(append(&key, &value))
}

/// Nothing brings it.
pub(super) fn absent(key: &str) -> Remedy {
    Remedy::new(format!("Boot a kernel that has {key}, or load the module that brings it"))
}

/// Switches IPv6 on again.
pub(super) fn ipv6() -> Remedy {
    Remedy::new("Take ipv6.disable=1 off the kernel's command line").reboot()
}
