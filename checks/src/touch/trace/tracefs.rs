//! Where tracefs is: mounted, or in a mount of our own that nobody else sees.

use crate::{
    evidence::{Evidence, Unknown},
    touch::{
        Allowance, errno_name, refused,
        tree::{Directory, Tree},
    },
};
use rustix::{
    io::Errno,
    mount::{self, FsMountFlags, FsOpenFlags, MountAttrFlags},
};

/// TRACEFS_MAGIC and PROC_SUPER_MAGIC of linux/magic.h.
const TRACEFS_MAGIC: u64 = 0x7472_6163;
pub(super) const PROC_MAGIC: u64 = 0x9fa0;

/// Where tracefs is mounted: since Linux 4.1 here, before that (and until today as well, by an automount) in debugfs.
pub const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// Opens tracefs.
///
/// # Errors
/// When this kernel has none, this process may not, or it is mounted nowhere and may not be mounted.
pub(super) fn open(allowed: Allowance) -> Result<Directory, Unknown> {
    let mut seen = Vec::new();
    for place in PLACES {
        match Directory::open(place, TRACEFS_MAGIC) {
            Ok(directory) => return Ok(directory),
            Err(Errno::NODEV) => seen.push(Evidence::new(place, "no tracefs is mounted here")),
            Err(e) => {
                let unknown = refused(place, e);
                if e != Errno::NOENT && unknown.needs.is_some() && place == PLACES[0] {
                    return Err(unknown);
                }
                seen.extend(unknown.evidence);
            }
        }
    }
    if !is_known().unwrap_or(true) {
        seen.push(Evidence::new("/proc/filesystems", "no tracefs"));
        return Err(Unknown::new("this kernel has no tracefs (CONFIG_TRACING)").tried(seen));
    }
    if !allowed.write {
        let unknown = Unknown::new("tracefs is not mounted").tried(seen);
        return Err(unknown.needs("allow a private mount of it with --allow probe,write"));
    }
    private().map_err(|e| {
        let what = "a private mount of tracefs";
        let failed = refused(what, e);
        let reason = format!("tracefs is not mounted, and {what} failed: {}", errno_name(e));
        Unknown { reason, evidence: seen.into_iter().chain(failed.evidence).collect(), ..failed }
    })
}

/// Whether the kernel has tracefs. Asking for a file system that it lacks would make it start modprobe.
fn is_known() -> Result<bool, Errno> {
    let list = Directory::open("/proc", PROC_MAGIC)?.read("filesystems")?;
    Ok(list.lines().any(|l| l.split_ascii_whitespace().last() == Some("tracefs")))
}

/// Mounts tracefs for this process alone: the mount is attached to no directory, stands in no table, and goes with the
/// descriptor (fsopen(2), fsmount(2), Linux 5.2).
fn private() -> Result<Directory, Errno> {
    let context = mount::fsopen("tracefs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    mount::fsconfig_create(&context)?;
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let mounted = mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    Directory::of_mount(mounted, "tracefs (a private mount)".to_owned())
}
