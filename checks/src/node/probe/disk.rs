//! What a file system and its disk do: whether directories tell the types of their entries, which capabilities a file gives,
//! and how long a write takes to reach the disk.

use rustix::{
    fd::OwnedFd,
    fs::{self, AtFlags, Dir, FileType, Mode, OFlags},
    io::Errno,
};
use std::{
    process,
    time::{Duration, Instant},
};

/// How many entries are looked at.
const ENTRIES: usize = 100;
/// How much is written at a time: what etcd's log writes on average in the measurements that its documentation goes by
/// (etcd.io, "Using fio to tell whether your storage is fast enough": 2300 bytes).
const WRITE: usize = 2300;

/// `ok, typed`, `ok, untyped`, or `ok, empty` where there is no entry to tell it by. `.` and `..` say nothing: XFS gives
/// their type by itself (fs/xfs/xfs_dir2_readdir.c).
pub(super) fn entry_types(directory: OwnedFd) -> Result<String, Errno> {
    let mut is_empty = true;
    for entry in Dir::new(directory)?.take(ENTRIES) {
        // What could not be read is no directory without entries.
        let entry = entry?;
        if matches!(entry.file_name().to_bytes(), b"." | b"..") {
            continue;
        }
        if entry.file_type() != FileType::Unknown {
            return Ok("ok, typed".to_owned());
        }
        is_empty = false;
    }
    Ok(if is_empty { "ok, empty" } else { "ok, untyped" }.to_owned())
}

/// `ok, HEX`: the attribute that gives a program capabilities. It has at most 24 bytes.
pub(super) fn file_capabilities(path: &str) -> Result<String, Errno> {
    let mut bytes = [0_u8; 64];
    let length = fs::getxattr(path, "security.capability", &mut bytes[..])?;
    let hex = bytes[..length.min(64)].iter().map(|byte| format!("{byte:02x}"));
    Ok(format!("ok, {}", hex.collect::<String>()))
}

/// `ok, writes=N p50=N p99=N max=N`, the times in microseconds: sequential writes, each followed by fdatasync(2).
pub(super) fn latency(directory: &OwnedFd, writes: u32, millis: u32) -> Result<String, Errno> {
    let space = fs::fstatvfs(directory)?;
    let wanted = u64::from(writes).saturating_mul(WRITE as u64);
    // Never near full: others need the disk more.
    if space.f_bavail.saturating_mul(space.f_frsize) < wanted.saturating_mul(4) {
        return Err(Errno::NOSPC);
    }
    let file = nameless(directory)?;
    let data = [0x5a_u8; WRITE];
    let until = Instant::now() + Duration::from_millis(millis.into());
    let mut times: Vec<u64> = Vec::new();
    for i in 0..writes {
        let start = Instant::now();
        let written = rustix::io::pwrite(&file, &data, u64::from(i) * WRITE as u64)?;
        if written != WRITE {
            return Err(Errno::NOSPC);
        }
        fs::fdatasync(&file)?;
        times.push(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX));
        if Instant::now() >= until {
            break;
        }
    }
    times.sort_unstable();
    let at = |percent: usize| {
        let last = times.len().saturating_sub(1);
        times.get((times.len() * percent / 100).min(last)).copied().unwrap_or_default()
    };
    Ok(format!("ok, writes={} p50={} p99={} max={}", times.len(), at(50), at(99), at(100)))
}

/// A file without a name. Where the file system has none (EOPNOTSUPP), one that loses its name at once.
fn nameless(directory: &OwnedFd) -> Result<OwnedFd, Errno> {
    let (flags, mode) = (OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR);
    match fs::openat(directory, ".", flags | OFlags::TMPFILE, mode) {
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
            let name = format!(".preflight-{}", process::id());
            let file = fs::openat(directory, &name, flags | OFlags::CREATE | OFlags::EXCL, mode)?;
            fs::unlinkat(directory, &name, AtFlags::empty())?;
            Ok(file)
        }
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &std::path::Path) -> OwnedFd {
        fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
    }

    #[test]
    fn a_write_is_timed_and_nothing_is_left() {
        let tmp = tempfile::tempdir().unwrap();
        let text = latency(&open(tmp.path()), 20, 10_000).unwrap();
        assert!(text.starts_with("ok, writes=20 p50="), "{text}");
        assert_eq!(entry_types(open(tmp.path())).unwrap(), "ok, empty");
        let bounded = latency(&open(tmp.path()), 1_000_000, 1);
        // At most for a millisecond, or not at all where a million writes might fill the disk.
        assert!(bounded.is_err() || bounded.unwrap().len() < 80);
        assert_eq!(latency(&open(tmp.path()), u32::MAX, 1).err(), Some(Errno::NOSPC));
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // a test makes its own files
    fn entries_tell_their_types() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join("x"), "").unwrap();
        assert_eq!(entry_types(open(tmp.path())).unwrap(), "ok, typed");
    }
}
