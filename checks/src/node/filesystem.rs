//! The door to a real file system: the live machine, or a tree under a directory.
//!
//! Under a root every path is resolved by the kernel with `openat2(RESOLVE_IN_ROOT)` (Linux 5.6; also without
//! magic links), so that an absolute link such as /etc/os-release leads where it leads on that node and never
//! out of it. Where openat2 is missing or forbidden (ENOSYS, EPERM from a container's seccomp filter), the path
//! is walked one component at a time with O_NOFOLLOW.

// This file is the door (clippy.toml forbids these calls everywhere else).
#![allow(clippy::disallowed_methods)]

use super::{Access, Answer, Door, FileKind, Origin, Probe, ReadError, ReadErrorKind, door};
use rustix::{
    buffer::spare_capacity,
    fd::{AsFd, OwnedFd},
    fs::{self, AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat},
    io::{Errno, read},
};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

/// The most names that a directory may hold.
const LIST_LIMIT: usize = 100_000;
/// The most symbolic links that one path may go through, as in the kernel (MAXSYMLINKS, include/linux/namei.h).
const LINK_LIMIT: usize = 40;
/// The first guess at a file's size, in bytes: most files of /proc and /sys fit, so that two reads do.
const FIRST_READ: usize = 8 << 10;

/// The door to a directory tree.
#[derive(Debug)]
pub struct Filesystem {
    root: OwnedFd,
    origin: Origin,
    /// Whether openat2 was found to be missing or forbidden.
    walk: AtomicBool,
}

impl Filesystem {
    /// The live machine.
    ///
    /// # Errors
    /// When `/` cannot be opened.
    pub fn live() -> Result<Self, ReadError> {
        Self::open_root(Path::new("/"), Origin::Live)
    }

    /// The tree under `directory`.
    ///
    /// # Errors
    /// When it is missing, no directory, or may not be searched.
    pub fn under(directory: &Path) -> Result<Self, ReadError> {
        Self::open_root(directory, Origin::Root)
    }

    fn open_root(directory: &Path, origin: Origin) -> Result<Self, ReadError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = fs::open(directory, flags, Mode::empty()).map_err(|e| {
            let path = directory.to_string_lossy();
            // Inside a node this means that a path is not there; of the root itself it is said as it is.
            let wrong_kind = || ReadError::new(&*path, ReadErrorKind::WrongKind("not a directory"));
            if e == Errno::NOTDIR { wrong_kind() } else { error(&path, e) }
        })?;
        Ok(Self { root, origin, walk: AtomicBool::new(false) })
    }

    /// Opens `path` inside the root.
    fn open(&self, path: &str, flags: OFlags) -> Result<OwnedFd, ReadError> {
        let flags = flags | OFlags::CLOEXEC;
        if self.origin == Origin::Live {
            return fs::open(path, flags, Mode::empty()).map_err(|e| error(path, e));
        }
        let relative = match path.trim_start_matches('/') {
            "" => ".",
            relative => relative,
        };
        if !self.walk.load(Ordering::Relaxed) {
            match fs::openat2(&self.root, relative, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
                Err(Errno::NOSYS | Errno::PERM) => self.walk.store(true, Ordering::Relaxed),
                // EAGAIN: something was renamed while `..` was resolved (openat2(2)); the walk has no such race.
                Err(Errno::AGAIN) => {}
                opened => return opened.map_err(|e| error(path, e)),
            }
        }
        self.open_by_walking(relative, flags).map_err(|e| error(path, e))
    }

    /// Opens `relative` one component at a time. `..` goes up the way that was come, so never above the root.
    fn open_by_walking(&self, relative: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut way: Vec<OwnedFd> = Vec::new();
        let mut todo: Vec<String> = relative.split('/').rev().map(str::to_owned).collect();
        let mut links = 0;
        // With O_NOFOLLOW the last name is what is meant, even where it is a link.
        let stop_at_link = flags.contains(OFlags::NOFOLLOW);
        while let Some(part) = todo.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    way.pop();
                    continue;
                }
                _ => {}
            }
            let here = way.last().map_or(self.root.as_fd(), AsFd::as_fd);
            let step =
                fs::openat(here, &part, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
            let is_link = FileType::from_raw_mode(fs::fstat(&step)?.st_mode) == FileType::Symlink;
            if !is_link || (stop_at_link && todo.is_empty()) {
                way.push(step);
                continue;
            }
            links += 1;
            if links > LINK_LIMIT {
                return Err(Errno::LOOP);
            }
            let target = fs::readlinkat(&step, "", Vec::new())?;
            let target = target.to_string_lossy();
            if target.starts_with('/') {
                way.clear();
            }
            todo.extend(target.split('/').rev().map(str::to_owned));
        }
        let Some(found) = way.pop() else { return fs::openat(&self.root, ".", flags, Mode::empty()) };
        if flags.contains(OFlags::PATH) {
            return Ok(found);
        }
        // The last step is an O_PATH handle on exactly what was found; /proc gives a readable one without a race.
        fs::open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&found)), flags, Mode::empty())
    }

    /// Opens a regular file for reading. What is no regular file is not opened at all: opening a device or a
    /// FIFO can have effects. In the live /proc and /sys the kernel says what is where, and a call is saved. Also how long it is,
    /// where it says so.
    fn open_file(&self, path: &str) -> Result<(OwnedFd, Option<usize>), ReadError> {
        let kernels_own =
            self.origin == Origin::Live && (path.starts_with("/proc/") || path.starts_with("/sys/"));
        let told = if kernels_own { None } else { Some(regular(path, &self.stat(path)?)?) };
        let file = self.open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        Ok((file, told.filter(|told| *told > 0)))
    }

    /// What is at a path, links followed.
    fn stat(&self, path: &str) -> Result<Stat, ReadError> {
        if self.origin == Origin::Live {
            return fs::statat(fs::CWD, path, AtFlags::empty()).map_err(|e| error(path, e));
        }
        fs::fstat(self.open(path, OFlags::PATH)?).map_err(|e| error(path, e))
    }
}

/// How long a file is; an error where it is none.
fn regular(path: &str, stat: &Stat) -> Result<usize, ReadError> {
    let found = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => return Ok(usize::try_from(stat.st_size).unwrap_or_default()),
        FileType::Directory => "a directory",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "no regular file",
    };
    Err(ReadError::new(path, ReadErrorKind::WrongKind(found)))
}

/// Reads on to the end behind what is there. Where the file tells its size (all but those of /proc), that is room enough, and
/// one byte more tells that nothing follows.
fn read_on(path: &str, file: &OwnedFd, bytes: &mut Vec<u8>, limit: usize) -> Result<(), ReadError> {
    let told = fs::fstat(file).ok().and_then(|stat| usize::try_from(stat.st_size).ok()).unwrap_or_default();
    loop {
        if bytes.len() == bytes.capacity() {
            if bytes.len() > limit {
                return Err(ReadError::new(path, ReadErrorKind::TooLarge(limit)));
            }
            let room = if told >= bytes.len() { told.saturating_add(1) } else { bytes.len() * 4 };
            // More at any rate, or the loop would not end.
            let room = room.max(bytes.len() + 1).min(limit.saturating_add(1));
            bytes.reserve_exact(room - bytes.len());
        }
        match read(file, spare_capacity(bytes)) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(error(path, e)),
        }
    }
}

/// Whether a read of so few bytes was the whole file: what the live kernel shows of one value comes at once, from a page at most
/// (Documentation/filesystems/sysfs.rst; kernel/sysctl.c). Those of cgroups can be lists.
fn was_whole(path: &str, length: usize) -> bool {
    const PAGE: usize = 4096;
    let one_value =
        path.starts_with("/proc/sys/") || (path.starts_with("/sys/") && !path.starts_with("/sys/fs/cgroup/"));
    one_value && length > 0 && length < PAGE
}

fn error(path: &str, errno: Errno) -> ReadError {
    let kind = match errno {
        Errno::NOENT | Errno::NOTDIR => ReadErrorKind::Missing,
        Errno::ACCESS => ReadErrorKind::Denied("EACCES"),
        Errno::PERM => ReadErrorKind::Denied("EPERM"),
        Errno::LOOP => ReadErrorKind::BadPath,
        Errno::ISDIR => ReadErrorKind::WrongKind("a directory"),
        other => ReadErrorKind::System(other.to_string()),
    };
    ReadError::new(path, kind)
}

impl Door for Filesystem {
    fn origin(&self) -> Origin {
        self.origin
    }

    fn read(&self, path: &str, limit: usize) -> Result<Vec<u8>, ReadError> {
        let (file, told) = self.open_file(path)?;
        // Most files fit on the stack, and only what is there is copied.
        let mut stack = [0; FIRST_READ];
        let mut filled = 0;
        while filled < FIRST_READ {
            match read(&file, &mut stack[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(Errno::INTR) => {}
                Err(e) => return Err(error(path, e)),
            }
            // As long as it says it is: another read would say that nothing follows.
            if told == Some(filled) || (self.origin == Origin::Live && was_whole(path, filled)) {
                break;
            }
        }
        let mut bytes = stack[..filled].to_vec();
        if filled == FIRST_READ {
            read_on(path, &file, &mut bytes, limit)?;
            bytes.shrink_to_fit();
        }
        if bytes.len() > limit {
            return Err(ReadError::new(path, ReadErrorKind::TooLarge(limit)));
        }
        Ok(bytes)
    }

    fn read_at(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>, ReadError> {
        let (file, _) = self.open_file(path)?;
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match rustix::io::pread(&file, &mut bytes[filled..], offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(Errno::INTR) => {}
                Err(e) => return Err(error(path, e)),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        let handle = self.open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK)?;
        let mut names = Vec::new();
        for entry in Dir::new(handle).map_err(|e| error(path, e))? {
            let entry = entry.map_err(|e| error(path, e))?;
            let name = entry.file_name().to_string_lossy();
            if name == "." || name == ".." {
                continue;
            }
            if names.len() == LIST_LIMIT {
                return Err(ReadError::new(path, ReadErrorKind::TooLarge(LIST_LIMIT)));
            }
            names.push(name.into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn kind(&self, path: &str) -> Result<FileKind, ReadError> {
        Ok(match FileType::from_raw_mode(self.stat(path)?.st_mode) {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Directory,
            _ => FileKind::Other,
        })
    }

    fn link(&self, path: &str) -> Result<String, ReadError> {
        let target = if self.origin == Origin::Live {
            fs::readlinkat(fs::CWD, path, Vec::new())
        } else {
            // The kernel reads the link of an O_PATH handle that was opened on it (readlink(2)).
            fs::readlinkat(self.open(path, OFlags::PATH | OFlags::NOFOLLOW)?, "", Vec::new())
        };
        match target {
            Ok(target) => Ok(target.to_string_lossy().into_owned()),
            // What an O_PATH handle is that is no link.
            Err(Errno::INVAL) => Err(ReadError::new(path, ReadErrorKind::WrongKind("no symbolic link"))),
            Err(Errno::NOENT) if self.origin != Origin::Live => {
                Err(ReadError::new(path, ReadErrorKind::WrongKind("no symbolic link")))
            }
            Err(e) => Err(error(path, e)),
        }
    }

    fn filesystem(&self, path: &str) -> Result<door::Filesystem, ReadError> {
        if self.origin != Origin::Live {
            return Err(ReadError::new(path, ReadErrorKind::LiveOnly));
        }
        let stat = fs::statfs(path).map_err(|e| error(path, e))?;
        // f_type is a signed long on some architectures; the magics of linux/magic.h are 32 bits.
        #[expect(clippy::cast_sign_loss, reason = "a bit pattern, not a number")]
        let magic = stat.f_type as u64 & 0xffff_ffff;
        #[expect(clippy::cast_sign_loss, reason = "sizes of blocks are positive")]
        let block = if stat.f_frsize > 0 { stat.f_frsize as u64 } else { stat.f_bsize as u64 };
        Ok(door::Filesystem {
            magic,
            size: stat.f_blocks.saturating_mul(block),
            available: stat.f_bavail.saturating_mul(block),
            inodes: stat.f_files,
            inodes_free: stat.f_ffree,
        })
    }

    fn access(&self, path: &str) -> Result<Access, ReadError> {
        if self.origin != Origin::Live {
            return Err(ReadError::new(path, ReadErrorKind::LiveOnly));
        }
        let stat = fs::statat(fs::CWD, path, AtFlags::empty()).map_err(|e| error(path, e))?;
        Ok(Access { owner: stat.st_uid, group: stat.st_gid, mode: stat.st_mode & 0o7777 })
    }

    fn machine(&self) -> Result<String, ReadError> {
        match self.origin {
            Origin::Live => Ok(rustix::system::uname().machine().to_string_lossy().into_owned()),
            Origin::Root => Err(ReadError::new("uname", ReadErrorKind::LiveOnly)),
        }
    }

    fn probe(&self, probe: &Probe) -> Result<Answer, ReadError> {
        if self.origin != Origin::Live {
            // A socket of a mounted host leads to who listens there. It is found as every path of the tree is, and connected to
            // by the handle of what was found.
            return probe.ask_by_sockets(&|socket| self.open(socket, OFlags::PATH));
        }
        // Not O_PATH: perf_event_open takes no such handle (EBADF).
        probe.ask(&|path| self.open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK))
    }

    fn user(&self) -> Option<u32> {
        (self.origin == Origin::Live).then(|| rustix::process::geteuid().as_raw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree() -> (tempfile::TempDir, Filesystem) {
        let dir = tempfile::tempdir().unwrap();
        let at = |p: &str| dir.path().join(p);
        std::fs::create_dir_all(at("etc/deep")).unwrap();
        std::fs::write(at("etc/name"), "inside\n").unwrap();
        symlink("/etc/name", at("etc/absolute")).unwrap();
        symlink("../../../../../../etc/name", at("etc/deep/climber")).unwrap();
        symlink("loop", at("etc/loop")).unwrap();
        symlink("/etc/passwd", at("etc/outside")).unwrap();
        let door = Filesystem::under(dir.path()).unwrap();
        (dir, door)
    }

    fn both_ways(check: impl Fn(&Filesystem)) {
        let (_dir, door) = tree();
        check(&door);
        door.walk.store(true, Ordering::Relaxed);
        check(&door);
    }

    #[test]
    fn links_resolve_inside_the_root() {
        both_ways(|door| {
            for path in ["/etc/name", "/etc/absolute", "/etc/deep/climber", "/etc/deep/../name"] {
                assert_eq!(door.read(path, 100).unwrap(), b"inside\n", "{path}");
            }
            assert!(door.read("/etc/outside", 100).unwrap_err().is_missing());
            assert_eq!(door.read("/etc/loop", 100).unwrap_err().kind, ReadErrorKind::BadPath);
            assert!(door.read("/etc/name/below", 100).unwrap_err().is_missing());
        });
    }

    #[test]
    fn links_are_read_as_they_are_written() {
        both_ways(|door| {
            for (path, target) in [
                ("/etc/absolute", "/etc/name"),
                ("/etc/deep/climber", "../../../../../../etc/name"),
                ("/etc/loop", "loop"),
                ("/etc/outside", "/etc/passwd"),
            ] {
                assert_eq!(door.link(path).as_deref(), Ok(target));
            }
            for path in ["/etc/name", "/etc", "/"] {
                let kind = door.link(path).unwrap_err().kind;
                assert_eq!(kind, ReadErrorKind::WrongKind("no symbolic link"), "{path}");
            }
            assert!(door.link("/etc/nothing").unwrap_err().is_missing());
            assert!(door.link("/etc/name/below").unwrap_err().is_missing());
        });
        let live = Filesystem::live().unwrap();
        assert!(live.link("/proc/self").is_ok());
        let kind = live.link("/proc/version").unwrap_err().kind;
        assert_eq!(kind, ReadErrorKind::WrongKind("no symbolic link"));
        assert!(live.link("/nowhere/at/all").unwrap_err().is_missing());
    }

    #[test]
    fn what_is_no_regular_file_is_not_opened() {
        both_ways(|door| {
            assert_eq!(door.read("/etc", 100).unwrap_err().kind, ReadErrorKind::WrongKind("a directory"));
        });
        let (dir, door) = tree();
        let fifo = dir.path().join("etc/fifo");
        fs::mkfifoat(fs::CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
        assert_eq!(door.read("/etc/fifo", 100).unwrap_err().kind, ReadErrorKind::WrongKind("a FIFO"));
        assert_eq!(door.kind("/etc/fifo").unwrap(), FileKind::Other);
    }

    #[test]
    fn reads_are_bounded_and_exact() {
        let (dir, door) = tree();
        for size in [0, 1, FIRST_READ - 1, FIRST_READ, FIRST_READ + 1, FIRST_READ * 5] {
            let content: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
            std::fs::write(dir.path().join("f"), &content).unwrap();
            assert_eq!(door.read("/f", size).unwrap(), content, "{size}");
            if size > 0 {
                assert_eq!(door.read("/f", size - 1).unwrap_err().kind, ReadErrorKind::TooLarge(size - 1));
            }
        }
        // A terabyte of nothing costs no more than the limit.
        std::fs::File::create(dir.path().join("huge")).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(door.read("/huge", 1000).unwrap_err().kind, ReadErrorKind::TooLarge(1000));
    }

    #[test]
    fn a_part_is_read_without_the_rest() {
        let (dir, door) = tree();
        std::fs::write(dir.path().join("f"), "0123456789").unwrap();
        for (offset, length, want) in [(0, 3, "012"), (8, 5, "89"), (10, 1, ""), (u64::MAX, 1, "")] {
            // An offset that no file has is refused or the end.
            let read = door.read_at("/f", offset, length);
            assert!(read.is_err() && offset == u64::MAX || read.unwrap() == want.as_bytes(), "{offset}");
        }
        assert_eq!(door.read_at("/etc", 0, 1).unwrap_err().kind, ReadErrorKind::WrongKind("a directory"));
    }

    #[test]
    fn directories_are_listed_in_order() {
        both_ways(|door| {
            let names = door.list("/etc").unwrap();
            assert_eq!(names, ["absolute", "deep", "loop", "name", "outside"]);
            assert!(door.list("/nowhere").unwrap_err().is_missing());
            assert_eq!(door.kind("/").unwrap(), FileKind::Directory);
        });
    }

    #[test]
    fn only_the_live_machine_answers_live_questions() {
        let (_dir, door) = tree();
        assert_eq!(door.filesystem("/").unwrap_err().kind, ReadErrorKind::LiveOnly);
        assert_eq!(door.probe(&Probe::CgroupDeviceLoad).unwrap_err().kind, ReadErrorKind::LiveOnly);
        assert_eq!(door.access("/etc").unwrap_err().kind, ReadErrorKind::LiveOnly);
        assert_eq!(door.user(), None);
        let live = Filesystem::live().unwrap();
        assert_eq!(live.filesystem("/proc").unwrap().magic, 0x9fa0);
        assert!(!live.read("/proc/sys/kernel/osrelease", 100).unwrap().is_empty());
        assert_eq!(live.access("/proc").unwrap(), Access { owner: 0, group: 0, mode: 0o555 });
        assert!(live.access("/nowhere/at/all").unwrap_err().is_missing());
        let nowhere = Probe::PerfCgroup { directory: "/nowhere/at/all".into() };
        assert!(live.probe(&nowhere).unwrap_err().is_missing());
        let no_cgroup = Probe::CgroupDeviceQuery { directory: "/proc".into() };
        assert!(matches!(live.probe(&no_cgroup).unwrap(), Answer::Errno(_)));
    }
}
