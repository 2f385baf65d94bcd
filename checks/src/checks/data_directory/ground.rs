//! The file system below a directory: its type and how it is mounted.

use super::{Purpose, Seen, Trouble, entry_types};
use crate::{
    evidence::{Evidence, Unknown},
    facts::mounts::Mount,
    finding::{Remedy, Severity},
    node::{Node, ReadError},
    range::leading_version,
};

/// A directory and what it lies on.
pub(super) struct Ground<'a> {
    pub(super) path: &'a str,
    pub(super) existing: &'a str,
    pub(super) mount: &'a Mount,
    pub(super) purpose: Purpose,
}

/// Gone with the next boot.
/// `rootfs` is the initramfs: a ramfs or tmpfs (Documentation/filesystems/ramfs-rootfs-initramfs.rst).
/// On ramfs, which has no extended attributes, overlayfs can be mounted, but removes no directory of a layer below (EIO:
/// measured on Linux 6.18, tests/live_storage.rs).
const IN_MEMORY: [&str; 3] = ["tmpfs", "ramfs", "rootfs"];
/// Over a network: overlayfs takes none of them for its upper layer (overlayfs.rst; they lack trusted extended attributes,
/// d_type or whiteouts), and databases should not lie there.
const NETWORK: [&str; 10] =
    ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "lustre", "gpfs", "afs"];
/// Without owners, modes or links.
const FOREIGN: [&str; 6] = ["vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk"];
/// Never written.
const READ_ONLY: [&str; 4] = ["squashfs", "iso9660", "erofs", "cramfs"];

/// In another program, here or on the host: `fuse`, `fuse.sshfs`, `virtiofs`. What it can do depends on that program.
fn is_served(kind: &str) -> bool {
    kind == "virtiofs" || kind == "fuse" || kind.starts_with("fuse.")
}

pub(super) fn judge(ground: &Ground<'_>, node: &Node, seen: &mut Seen) {
    let kind = ground.mount.fs_type.as_str();
    seen.look(Ok(by_type(ground, kind)));
    if ground.purpose == Purpose::Images {
        if is_served(kind) {
            seen.look(served(ground, node));
        } else if kind == "zfs" {
            seen.look(zfs(ground, node));
        }
    }
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
    // What a server's file system means for images, `served` tells.
    let network = NETWORK.contains(&kind) || (is_served(kind) && !images);
    let (severity, reason, why) = if READ_ONLY.contains(&kind) {
        (Severity::Fail, "read-only", "nothing can be written there")
    } else if FOREIGN.contains(&kind) {
        (Severity::Fail, "no-such-files", "it knows no owners, modes or links, which every container needs")
    } else if images && (kind == "overlay" || kind == "ramfs" || NETWORK.contains(&kind)) {
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

/// overlayfs before 5.7 takes no upper layer that revalidates names (fs/overlayfs/super.c, `ovl_dentry_remote` in
/// `ovl_mount_dir`), as FUSE does (fs/fuse/dir.c, `fuse_dentry_operations`). Later ones take it where it has d_type, whiteouts
/// and extended attributes ("upper fs missing required features", `ovl_make_workdir`); that is up to its server.
fn served(ground: &Ground<'_>, node: &Node) -> Result<Option<Trouble>, Unknown> {
    let release = node.kernel_release().as_ref().map_err(Clone::clone)?;
    let takes_it = (release.version.major, release.version.minor) >= (5, 7);
    let (severity, reason, why) = if takes_it {
        let why = "overlayfs can stack the layers of images on it only if its server has whiteouts and extended attributes";
        (Severity::Warn, "depends-on-server", why)
    } else {
        let why = "overlayfs can't stack the layers of images on it before Linux 5.7";
        (Severity::Fail, "no-overlay", why)
    };
    let mut trouble = trouble(ground, severity, reason, why, local());
    trouble.evidence = Some(release.evidence.clone());
    Ok(Some(trouble))
}

/// What tells the version of ZFS: the kernel shows it of every module that has one (kernel/module/sysfs.c).
const ZFS_VERSION: &str = "/sys/module/zfs/version";

/// OpenZFS has what overlayfs needs since 2.2 (release notes of 2.2.0, "Linux container support").
fn zfs(ground: &Ground<'_>, node: &Node) -> Result<Option<Trouble>, Unknown> {
    let read = node.read(ZFS_VERSION);
    let text = read.text().map_err(ReadError::unknown)?;
    // Cut off, `2.10` might be `2.1`: the kernel ends the line.
    let version = text.strip_suffix('\n').and_then(leading_version);
    let Some(version) = version else {
        let unknown = Unknown::new(format!("{ZFS_VERSION} tells no version of ZFS"));
        return Err(unknown.tried([read.evidence()]));
    };
    if (version.major, version.minor) >= (2, 2) {
        return Ok(None);
    }
    let why = "overlayfs can't stack the layers of images on ZFS before 2.2";
    let remedy = Remedy::new("Use OpenZFS 2.2 or later, or mount ext4, XFS or btrfs there");
    let mut trouble = trouble(ground, Severity::Fail, "no-overlay", why, remedy);
    trouble.evidence = Some(read.evidence());
    Ok(Some(trouble))
}

/// What ext4 shows where it writes no longer, although the mount does not say `ro` (fs/ext4/super.c, `_ext4_show_options`:
/// `emergency_ro` after an error with errors=remount-ro, `shutdown`).
const STOPPED: [&str; 2] = ["emergency_ro", "shutdown"];

fn stopped(ground: &Ground<'_>) -> Option<Trouble> {
    let mount = ground.mount;
    let option = STOPPED.into_iter().find(|option| mount.has_option(option))?;
    let why = format!("the kernel writes to it no longer ({option})");
    let remedy = Remedy::new(format!(
        "See what the kernel's log says of {}, check the file system while it is not mounted, and boot again",
        mount.point
    ))
    .reboot()
    .risk(crate::Risk::Data);
    Some(trouble(ground, Severity::Fail, "read-only", &why, remedy))
}

fn by_options(ground: &Ground<'_>) -> Option<Trouble> {
    let mount = ground.mount;
    let remount = |option: &str| {
        Remedy::new(format!("Mount {} without {option}", mount.point))
            .command(format!("mount -o remount,{} {}", option.trim_start_matches("no"), mount.point))
            .persistent(format!("take {option} out of the options of {} in /etc/fstab", mount.point))
    };
    if let Some(trouble) = stopped(ground) {
        return Some(trouble);
    }
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
