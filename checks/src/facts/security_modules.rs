//! The security modules of the running kernel: which are on, and in which mode.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError},
};

/// Where the kernel lists those that are on, since Linux 4.11 (security/inode.c).
pub const LSM: &str = "/sys/kernel/security/lsm";

/// The security modules that are on, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityModules {
    /// `lockdown`, `capability`, `landlock`, `yama`, `apparmor`, `bpf` …
    pub names: Vec<String>,
    /// The list as it was read.
    pub evidence: Evidence,
}

impl SecurityModules {
    /// Whether a module is on.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|n| n == name)
    }
}

impl Node {
    /// The security modules that are on.
    ///
    /// # Errors
    /// When securityfs is not mounted or can't be read, or its list is empty: every kernel has `capability`.
    pub fn security_modules(&self) -> &Known<SecurityModules> {
        self.fact(|| {
            let read = self.read(LSM);
            let text = read.text().map_err(|e: &ReadError| {
                let unknown = e.unknown();
                if e.is_missing() {
                    unknown.needs("mount securityfs at /sys/kernel/security")
                } else {
                    unknown
                }
            })?;
            let names: Vec<String> =
                text.trim().split(',').filter(|n| !n.is_empty()).map(str::to_owned).collect();
            if !names.iter().any(|name| name == "capability") {
                return Err(
                    Unknown::new(format!("{LSM} is not what the kernel writes")).tried([read.evidence()])
                );
            }
            Ok(SecurityModules { names, evidence: read.quote(text.trim()) })
        })
    }

    /// The lockdown of the kernel: `none`, `integrity` or `confidentiality`; none where this kernel has no lockdown.
    ///
    /// # Errors
    /// When it could not be read.
    pub fn lockdown(&self) -> Known<Option<(String, Evidence)>> {
        let read = self.read("/sys/kernel/security/lockdown");
        if read.is_missing() && self.security_modules().as_ref().is_ok_and(|modules| !modules.has("lockdown"))
        {
            return Ok(None);
        }
        let text = read.text().map_err(ReadError::unknown)?;
        // security/lockdown/lockdown.c, `lockdown_levels`.
        let known = |level: &&str| matches!(*level, "none" | "integrity" | "confidentiality");
        let level = bracketed(&text).filter(known).ok_or_else(|| {
            Unknown::new(format!("{} does not tell the level", read.path())).tried([read.evidence()])
        })?;
        Ok(Some((level.to_owned(), read.quote(text.trim()))))
    }

    /// Whether the firmware started only what is signed: Secure Boot. None where the machine was not started by UEFI.
    ///
    /// # Errors
    /// When the variable could not be read.
    pub fn secure_boot(&self) -> Known<Option<(bool, Evidence)>> {
        const VARIABLE: &str = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
        if self.kind("/sys/firmware/efi").is_err_and(|e| e.is_missing()) && self.kind("/sys/firmware").is_ok()
        {
            return Ok(None);
        }
        let read = self.read(VARIABLE);
        let bytes = read.bytes().map_err(ReadError::unknown)?;
        // Four bytes of attributes, then the value (Documentation/filesystems/efivarfs.rst).
        match bytes {
            [_, _, _, _, value] => Ok(Some((*value == 1, read.quote(value.to_string())))),
            _ => Err(Unknown::new(format!("{VARIABLE} does not have five bytes"))),
        }
    }
}

/// The word in brackets: `none [integrity] confidentiality`.
#[must_use]
pub fn bracketed(text: &str) -> Option<&str> {
    let rest = text.split_once('[')?.1;
    rest.split_once(']').map(|(word, _)| word).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    #[test]
    fn modules_and_lockdown() {
        let node = |memory: Memory| Node::in_memory(memory);
        let on = node(Memory::new().file(LSM, "lockdown,capability,landlock,yama,apparmor"));
        assert!(on.security_modules().as_ref().unwrap().has("apparmor"));
        for text in ["", "apparmor", "\n"] {
            assert!(node(Memory::new().file(LSM, text)).security_modules().is_err(), "{text}");
        }
        assert!(node(Memory::new()).security_modules().is_err());
        let lockdown = |memory: Memory| node(memory).lockdown().map(|l| l.map(|(level, _)| level));
        let file = "/sys/kernel/security/lockdown";
        let with = Memory::new().file(file, "none [integrity] confidentiality\n");
        assert_eq!(lockdown(with), Ok(Some("integrity".into())));
        assert_eq!(lockdown(Memory::new().file(LSM, "capability,yama")), Ok(None));
        for text in ["none", "", "none [banana] confidentiality", "[]"] {
            assert!(lockdown(Memory::new().file(file, text)).is_err(), "{text}");
        }
        assert!(lockdown(Memory::new()).is_err());
    }

    #[test]
    fn secure_boot() {
        let variable = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";
        let of = |memory: Memory| Node::in_memory(memory).secure_boot().map(|s| s.map(|(on, _)| on));
        assert_eq!(of(Memory::new().file(variable, [6, 0, 0, 0, 1])), Ok(Some(true)));
        assert_eq!(of(Memory::new().file(variable, [6, 0, 0, 0, 0])), Ok(Some(false)));
        assert!(of(Memory::new().file(variable, [1])).is_err());
        assert!(of(Memory::new().error(variable, ReadErrorKind::Denied("EACCES"))).is_err());
        assert_eq!(of(Memory::new().file("/sys/firmware/acpi/x", "")), Ok(None));
        assert!(of(Memory::new()).is_err(), "no /sys");
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,60}") {
            let _ = bracketed(&text);
        }
    }
}
