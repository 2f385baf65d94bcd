//! What a program gains whoever starts it: all of root by its mode, or single capabilities by an attribute of its file.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, Probe, ReadErrorKind},
};

/// The capabilities, at their numbers (include/uapi/linux/capability.h, Linux 6.18: 41 of them).
pub const CAPABILITIES: [&str; 41] = [
    "cap_chown",
    "cap_dac_override",
    "cap_dac_read_search",
    "cap_fowner",
    "cap_fsetid",
    "cap_kill",
    "cap_setgid",
    "cap_setuid",
    "cap_setpcap",
    "cap_linux_immutable",
    "cap_net_bind_service",
    "cap_net_broadcast",
    "cap_net_admin",
    "cap_net_raw",
    "cap_ipc_lock",
    "cap_ipc_owner",
    "cap_sys_module",
    "cap_sys_rawio",
    "cap_sys_chroot",
    "cap_sys_ptrace",
    "cap_sys_pacct",
    "cap_sys_admin",
    "cap_sys_boot",
    "cap_sys_nice",
    "cap_sys_resource",
    "cap_sys_time",
    "cap_sys_tty_config",
    "cap_mknod",
    "cap_lease",
    "cap_audit_write",
    "cap_audit_control",
    "cap_setfcap",
    "cap_mac_override",
    "cap_mac_admin",
    "cap_syslog",
    "cap_wake_alarm",
    "cap_block_suspend",
    "cap_audit_read",
    "cap_perfmon",
    "cap_bpf",
    "cap_checkpoint_restore",
];

/// The capabilities that a file gives (`struct vfs_ns_cap_data`, include/uapi/linux/capability.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileCapabilities {
    /// A bit for each that a process may have after it executed the file.
    pub permitted: u64,
    /// Whether it has them at once; otherwise it has to raise each by itself.
    pub effective: bool,
    /// For which root they count: that of the user namespace which has this user as its root.
    pub root: u32,
}

impl FileCapabilities {
    /// Reads the attribute `security.capability`. None where it is none of a revision that is known (1, 2, 3).
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let word = |i: usize| Some(u32::from_le_bytes(bytes.get(4 * i..4 * i + 4)?.try_into().ok()?));
        let magic = word(0)?;
        let (words, root) = match (magic >> 24, bytes.len()) {
            (1, 12) => (1, 0),
            (2, 20) => (2, 0),
            (3, 24) => (2, word(5)?),
            _ => return None,
        };
        let high = if words == 2 { u64::from(word(3)?) << 32 } else { 0 };
        Some(Self { permitted: u64::from(word(1)?) | high, effective: magic & 1 == 1, root })
    }

    /// Whether a process gets the capability of this number at once, in the user namespace that looked.
    #[must_use]
    pub fn gives(&self, number: u32) -> bool {
        self.effective
            && self.root == 0
            && self.permitted.checked_shr(number).is_some_and(|bits| bits & 1 == 1)
    }
}

/// Whether a program gains a capability by being started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gain {
    /// It does, with what shows it.
    Yes(Vec<Evidence>),
    /// It does not.
    No(Vec<Evidence>),
    /// It would, but its mount has the option nosuid, which makes both ways void (mnt_may_suid(), fs/namespace.c).
    Nosuid(Vec<Evidence>),
}

impl Node {
    /// Whether the program `path`, an absolute path, gains the capability of this name whoever starts it.
    ///
    /// # Errors
    /// When its owner, mode, attributes or mount are not known; on anything but a live node, because whoever unpacked a tree
    /// owns its files.
    pub fn gains(&self, path: &str, capability: &str) -> Known<Gain> {
        let number = CAPABILITIES.iter().position(|name| *name == capability);
        let number = number.and_then(|number| u32::try_from(number).ok());
        let number = number
            .ok_or_else(|| Unknown::new(format!("{capability} is no capability that is known here")))?;
        let access = self.access(path).map_err(|e| e.unknown())?;
        let mut seen = vec![Evidence::new(path, access.to_string())];
        let is_setuid = access.owner == 0 && access.mode & 0o4000 != 0;
        if !is_setuid {
            let (given, by) = self.file_capabilities(path)?;
            seen.push(by);
            if !given.is_some_and(|given| given.gives(number)) {
                return Ok(Gain::No(seen));
            }
        }
        let real = self.resolved(path)?;
        let mounts = self.mounts().as_ref().map_err(Clone::clone)?;
        let mount = mounts.holding(&real);
        let mount = mount
            .ok_or_else(|| Unknown::new(format!("no mount is seen that holds {real}")).tried(seen.clone()))?;
        if mount.has_option("nosuid") {
            seen.push(mounts.evidence(mount));
            return Ok(Gain::Nosuid(seen));
        }
        Ok(Gain::Yes(seen))
    }

    fn file_capabilities(&self, path: &str) -> Known<(Option<FileCapabilities>, Evidence)> {
        let probed = self.probe(&Probe::FileCapabilities { path: path.to_owned() });
        let seen = |observed: String| Evidence::new(format!("security.capability of {path}"), observed);
        if let Some(hex) = probed.details() {
            let bytes: Option<Vec<u8>> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok())
                .collect();
            let given = bytes.and_then(|bytes| FileCapabilities::parse(&bytes));
            let unknown =
                || Unknown::new(format!("the attribute of {path} is of a kind that is not known here"));
            let given = given.ok_or_else(|| unknown().tried([seen(hex.to_owned())]))?;
            return Ok((Some(given), seen(describe(&given))));
        }
        match (probed.errno(), probed.answer()) {
            // No attribute; a file system that has none; and capabilities for the root of a namespace that is not this one
            // (cap_inode_getsecurity(), security/commoncap.c).
            (Some(errno @ ("ENODATA" | "EOPNOTSUPP" | "EOVERFLOW")), _) => Ok((None, seen(errno.to_owned()))),
            (_, Err(e)) if e.kind == ReadErrorKind::LiveOnly => Err(e.unknown()),
            (_, Err(e)) => Err(e.unknown()),
            (_, Ok(answer)) => {
                let answer = answer.to_string();
                Err(Unknown::new(format!("the capabilities of {path} could not be read: {answer}"))
                    .tried([seen(answer)]))
            }
        }
    }
}

/// As getcap(8) writes it: `cap_setuid=ep`.
fn describe(given: &FileCapabilities) -> String {
    let names = CAPABILITIES.iter().enumerate().filter(|(i, _)| given.permitted >> i & 1 == 1);
    let names: Vec<&str> = names.map(|(_, name)| *name).collect();
    let root = if given.root == 0 { String::new() } else { format!(", for the root of user {}", given.root) };
    format!("{}={}{root}", names.join(","), if given.effective { "ep" } else { "p" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

    /// What setcap(8) of libcap 2.66 wrote for `cap_setuid=ep`, and the same as the kernel keeps it for a namespace.
    const SETUID: &str = "0100000280000000000000000000000000000000";
    const OF_1000: &str = "0100000380000000000000000000000000000000e8030000";

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn attributes() {
        let parse = |hex: &str| FileCapabilities::parse(&bytes(hex));
        let given = parse(SETUID).unwrap();
        assert_eq!((given.gives(7), given.gives(6), given.gives(99)), (true, false, false));
        assert_eq!(describe(&given), "cap_setuid=ep");
        let other = parse(OF_1000).unwrap();
        assert_eq!((other.root, other.gives(7)), (1000, false));
        assert!(parse("010000014000000000000000").unwrap().gives(6), "revision 1 has one word each");
        assert!(
            !parse("0000000280000000000000000000000000000000").unwrap().gives(7),
            "it has to raise it by itself"
        );
        let high = parse("0100000200000000000000008000000000000000").unwrap();
        assert!(high.gives(39) && describe(&high) == "cap_bpf=ep");
        for wrong in [
            "",
            "01000002",
            "0100000480000000000000000000000000000000",
            "0100000180000000000000000000000000000000",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    fn node(mode: u32, attribute: Option<&str>, options: &str) -> Node {
        let path = "/usr/bin/newuidmap";
        let mount = format!("22 1 8:1 / / rw,{options} - ext4 /dev/sda1 rw\n");
        let memory =
            Memory::new().file(path, "").owned_by(path, 0, mode).file("/proc/self/mountinfo", &mount);
        let probe = Probe::FileCapabilities { path: path.to_owned() };
        Node::in_memory(
            attribute.into_iter().fold(memory, |memory, answer| memory.probe(probe.clone(), answer)),
        )
    }

    #[test]
    fn what_a_program_gains() {
        let gains = |node: Node| node.gains("/usr/bin/newuidmap", "cap_setuid");
        let given = format!("ok, {SETUID}");
        assert!(matches!(gains(node(0o4755, None, "relatime")), Ok(Gain::Yes(_))));
        assert!(matches!(gains(node(0o755, Some(&given), "relatime")), Ok(Gain::Yes(_))));
        assert!(matches!(gains(node(0o4755, None, "nosuid")), Ok(Gain::Nosuid(_))));
        assert!(matches!(gains(node(0o755, Some(&given), "nosuid")), Ok(Gain::Nosuid(_))));
        for errno in ["ENODATA", "EOPNOTSUPP", "EOVERFLOW", &format!("ok, {OF_1000}")] {
            assert!(matches!(gains(node(0o755, Some(errno), "relatime")), Ok(Gain::No(_))), "{errno}");
        }
        for unknown in [None, Some("EIO"), Some("ok, xx"), Some("ok, 00")] {
            assert!(gains(node(0o755, unknown, "relatime")).is_err(), "{unknown:?}");
        }
        assert!(node(0o4755, None, "relatime").gains("/usr/bin/newuidmap", "cap_none").is_err());
        let path = "/usr/bin/newuidmap";
        let tree = Memory::new().file(path, "").owned_by(path, 0, 0o4755).as_root();
        assert!(Node::in_memory(tree).gains(path, "cap_setuid").is_err());
        let hidden = Memory::new().file(path, "").owned_by(path, 0, 0o4755);
        assert!(Node::in_memory(hidden).gains(path, "cap_setuid").is_err(), "its mount is not known");
    }

    proptest! {
        #[test]
        fn any_attribute_is_read(bytes in prop::collection::vec(any::<u8>(), 0..30), number in 0u32..100) {
            if let Some(given) = FileCapabilities::parse(&bytes) {
                let _ = (given.gives(number), describe(&given));
            }
        }
    }
}
