//! The file system below a directory: its type and how it is mounted.

use super::{Purpose, Seen, Trouble, entry_types};
use crate::{
    evidence::{Evidence, Unknown},
    facts::mounts::Mount,
    finding::{Remedy, Severity},
    node::Node,
};

/// A directory and what it lies on.
pub(super) struct Ground<'a> {
    pub(super) path: &'a str,
    pub(super) existing: &'a str,
    pub(super) mount: &'a Mount,
    pub(super) purpose: Purpose,
}

/// Gone with the next boot.
const IN_MEMORY: [&str; 2] = ["tmpfs", "ramfs"];
/// Over a network, or in another program: overlayfs takes none of them for its upper layer (overlayfs.rst; they lack
/// trusted extended attributes or d_type, or revalidate), and databases should not lie there.
const NETWORK: [&str; 11] =
    ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "lustre", "gpfs", "afs", "virtiofs"];
/// Without owners, modes or links.
const FOREIGN: [&str; 6] = ["vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk"];
/// Never written.
const READ_ONLY: [&str; 4] = ["squashfs", "iso9660", "erofs", "cramfs"];

pub(super) fn judge(ground: &Ground<'_>, node: &Node, seen: &mut Seen) {
    let kind = ground.mount.fs_type.as_str();
    seen.look(Ok(by_type(ground, kind)));
    seen.look(Ok(by_options(ground)));
    if ground.purpose == Purpose::Images && kind == "xfs" {
        seen.look(ftype(ground, node));
    }
}

fn trouble(
    ground: &Ground<'_>,
    severity: Severity,
    reason: &'static str,
    why: &str,
    remedy: Remedy,
) -> Trouble {
    let message = format!("{} is on {} at {}: {why}", ground.path, ground.mount.fs_type, ground.mount.point);
    Trouble { severity, reason, message, evidence: None, remedy }
}

fn local() -> Remedy {
    Remedy::new("Mount a local file system there: ext4, XFS or btrfs")
}

fn by_type(ground: &Ground<'_>, kind: &str) -> Option<Trouble> {
    let images = ground.purpose == Purpose::Images;
    let network = NETWORK.contains(&kind) || kind.starts_with("fuse.");
    let (severity, reason, why) = if READ_ONLY.contains(&kind) {
        (Severity::Fail, "read-only", "nothing can be written there")
    } else if FOREIGN.contains(&kind) {
        (Severity::Fail, "no-such-files", "it knows no owners, modes or links, which every container needs")
    } else if images && (kind == "overlay" || network) {
        (Severity::Fail, "no-overlay", "overlayfs can't stack the layers of images on it")
    } else if IN_MEMORY.contains(&kind) {
        (Severity::Warn, "not-lasting", "it is gone with the next boot")
    } else if network {
        (Severity::Warn, "network", "locks and fsync over a network are slow or not what they say")
    } else if kind == "overlay" {
        (Severity::Warn, "not-lasting", "this is the layer of a container, which goes with it")
    } else {
        return None;
    };
    Some(trouble(ground, severity, reason, why, local()))
}

fn by_options(ground: &Ground<'_>) -> Option<Trouble> {
    let mount = ground.mount;
    let remount = |option: &str| {
        Remedy::new(format!("Mount {} without {option}", mount.point))
            .command(format!("mount -o remount,{} {}", option.trim_start_matches("no"), mount.point))
            .persistent(format!("take {option} out of the options of {} in /etc/fstab", mount.point))
    };
    if mount.has_option("ro") {
        let remedy = Remedy::new(format!(
            "Find out why {} is read-only (errors of the disk?), and mount it writable",
            mount.point
        ))
        .command(format!("mount -o remount,rw {}", mount.point));
        return Some(trouble(ground, Severity::Fail, "read-only", "it is mounted read-only", remedy));
    }
    if ground.purpose == Purpose::Database {
        return None;
    }
    if mount.has_option("noexec") {
        let severity = if ground.purpose == Purpose::Images { Severity::Fail } else { Severity::Warn };
        let why = "it is mounted with noexec, so that nothing can be started from there";
        return Some(trouble(ground, severity, "noexec", why, remount("noexec")));
    }
    if ground.purpose == Purpose::Images && mount.has_option("nosuid") {
        let why = "it is mounted with nosuid, so that sudo, ping and their like do not work in containers";
        return Some(trouble(ground, Severity::Warn, "nosuid", why, remount("nosuid")));
    }
    None
}

/// overlayfs needs to be told the type of an entry when it reads a directory (fs/overlayfs/super.c,
/// `ovl_check_d_type_supported`). Asked by function: whatever the disk was made with, this is what overlayfs will see.
fn ftype(ground: &Ground<'_>, node: &Node) -> Result<Option<Trouble>, Unknown> {
    if entry_types(ground.existing, ground.mount, node)? {
        return Ok(None);
    }
    let why = "its directories do not tell the types of their entries (ftype=0), which overlayfs needs";
    let remedy = Remedy::new("Make the file system anew; what is on it has to be saved first")
        .command(format!("mkfs.xfs -n ftype=1 DEVICE # that of {}", ground.mount.point))
        .risk(crate::Risk::Data);
    let mut trouble = trouble(ground, Severity::Fail, "no-entry-types", why, remedy);
    trouble.evidence = Some(Evidence::new(format!("getdents({})", ground.existing), "untyped"));
    Ok(Some(trouble))
}
