//! A directory of the kernel (tracefs, a cgroup) below which something is made: held open, so that nothing above it
//! can lead elsewhere in between, and locked.

use super::{Interrupt, PATIENCE, Swept, Touching, errno_name, patiently, refused};
use crate::evidence::{Evidence, Unknown};
use rustix::{
    fd::OwnedFd,
    fs::{self, AtFlags, Dir, FlockOperation, Mode, OFlags},
    io::Errno,
};

/// The largest file that is read, in bytes: a list of 100,000 kprobe events fits.
const READ_LIMIT: usize = 16 << 20;
/// The most names of a directory that are looked at.
const LIST_LIMIT: usize = 100_000;

/// What is asked of such a directory. All names are relative to it. Tests have a small kernel of their own behind it.
pub(super) trait Tree {
    /// The directory, as messages name it.
    fn path(&self) -> &str;
    /// The whole content of a file.
    fn read(&self, name: &str) -> Result<String, Errno>;
    /// Writes `text` to an existing file with one call, without truncating it: opening `kprobe_events` with O_TRUNC
    /// removes everybody's events.
    fn append(&self, name: &str, text: &str) -> Result<(), Errno>;
    /// The names in a directory.
    fn list(&self, name: &str) -> Result<Vec<String>, Errno>;
    /// Makes a directory.
    fn mkdir(&self, name: &str) -> Result<(), Errno>;
    /// Removes a directory. In tracefs and in a cgroup the files in it are the kernel's and go with it.
    fn rmdir(&self, name: &str) -> Result<(), Errno>;

    /// `name` with the directory before it, as messages name it.
    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.path())
    }
}

/// Such a directory, open.
pub(super) struct Directory {
    handle: OwnedFd,
    path: String,
    /// A mount that lives as long as this descriptor.
    _mount: Option<OwnedFd>,
}

impl Directory {
    /// Opens `path` if it lies on a file system of the type `magic` (linux/magic.h).
    ///
    /// # Errors
    /// ENODEV when it lies on another one.
    pub(super) fn open(path: &str, magic: u64) -> Result<Self, Errno> {
        // O_PATH without O_DIRECTORY does not enter an automount point (open(2)): /sys/kernel/debug/tracing is one, and
        // the kernel would mount tracefs there.
        let place = fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        // f_type is a signed long on some architectures; the magics of linux/magic.h are 32 bits.
        #[expect(clippy::cast_sign_loss, reason = "a bit pattern, not a number")]
        let found = fs::fstatfs(&place)?.f_type as u64 & 0xffff_ffff;
        if found != magic {
            return Err(Errno::NODEV);
        }
        Ok(Self { handle: open_itself(&place)?, path: path.to_owned(), _mount: None })
    }

    /// The root of a mount that no other process sees; it is called `path` in messages.
    ///
    /// # Errors
    /// Those of openat(2).
    pub(super) fn of_mount(mount: OwnedFd, path: String) -> Result<Self, Errno> {
        Ok(Self { handle: open_itself(&mount)?, path, _mount: Some(mount) })
    }

    /// Waits a moment until no other preflight works here. The kernel drops the lock (flock(2)) with the descriptor,
    /// so also when this process is killed.
    ///
    /// # Errors
    /// When another one holds it too long, or the user wants to stop.
    pub(super) fn lock(&self, interrupt: &Interrupt) -> Result<(), Unknown> {
        let locked = patiently(PATIENCE, &[Errno::AGAIN], || {
            if interrupt.is_set() {
                return Err(Errno::INTR);
            }
            fs::flock(&self.handle, FlockOperation::NonBlockingLockExclusive)
        });
        locked.map_err(|e| match e {
            Errno::AGAIN => Unknown::new(format!("another preflight works in {} at this time", self.path))
                .tried([Evidence::new(format!("flock({})", self.path), errno_name(e))])
                .needs("try again when it has ended"),
            Errno::INTR => Unknown::new("interrupted"),
            e => refused(&format!("flock({})", self.path), e),
        })
    }

    fn open_file(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        fs::openat(&self.handle, name, flags, Mode::empty())
    }
}

fn open_itself(place: &OwnedFd) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    fs::openat(place, ".", flags, Mode::empty())
}

impl Tree for Directory {
    fn path(&self) -> &str {
        &self.path
    }

    fn read(&self, name: &str) -> Result<String, Errno> {
        let file = self.open_file(name, OFlags::RDONLY)?;
        let mut bytes = Vec::new();
        let mut chunk = vec![0; 64 << 10];
        while bytes.len() <= READ_LIMIT {
            match rustix::io::read(&file, &mut chunk[..]) {
                Ok(0) => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
                Ok(n) => bytes.extend(chunk.iter().take(n)),
                Err(Errno::INTR) => {}
                Err(e) => return Err(e),
            }
        }
        Err(Errno::FBIG)
    }

    fn append(&self, name: &str, text: &str) -> Result<(), Errno> {
        let file = self.open_file(name, OFlags::WRONLY | OFlags::APPEND)?;
        let written = rustix::io::retry_on_intr(|| rustix::io::write(&file, text.as_bytes()))?;
        if written == text.len() { Ok(()) } else { Err(Errno::IO) }
    }

    fn list(&self, name: &str) -> Result<Vec<String>, Errno> {
        let directory = self.open_file(name, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let mut names = Vec::new();
        for entry in Dir::new(directory)?.take(LIST_LIMIT) {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn mkdir(&self, name: &str) -> Result<(), Errno> {
        fs::mkdirat(&self.handle, name, Mode::RWXU)
    }

    fn rmdir(&self, name: &str) -> Result<(), Errno> {
        fs::unlinkat(&self.handle, name, AtFlags::REMOVEDIR)
    }
}

/// Takes away what we made in a tree, at the end and also where the end is a panic.
pub(super) struct Guard<'a, T: Tree> {
    tree: &'a T,
    sweep: fn(&T) -> Swept,
    done: bool,
    // Dropped last of all, when nothing is left to remove.
    _touching: Touching,
}

impl<'a, T: Tree> Guard<'a, T> {
    /// From here on something of ours may lie in `tree`; `sweep` removes all of it.
    pub(super) fn new(tree: &'a T, sweep: fn(&T) -> Swept, interrupt: &Interrupt) -> Self {
        Self { tree, sweep, done: false, _touching: interrupt.touch() }
    }

    /// Takes it away.
    pub(super) fn finish(mut self) -> Swept {
        let swept = (self.sweep)(self.tree);
        self.done = true;
        swept
    }
}

impl<T: Tree> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if !self.done {
            for left in (self.sweep)(self.tree).left {
                tracing::warn!("{} is left behind: {}", left.source, left.observed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FileType, fstatfs};

    fn open(path: &str) -> Directory {
        let place = fs::open(path, OFlags::PATH, Mode::empty()).unwrap();
        Directory { handle: open_itself(&place).unwrap(), path: path.to_owned(), _mount: None }
    }

    fn here() -> (tempfile::TempDir, Directory) {
        let dir = tempfile::tempdir().unwrap();
        let directory = open(dir.path().to_str().unwrap());
        (dir, directory)
    }

    #[test]
    fn what_is_made_is_found_read_and_removed() {
        let (dir, tree) = here();
        std::fs::write(dir.path().join("file"), "one\n").unwrap();
        tree.append("file", "two\n").unwrap();
        assert_eq!(tree.read("file").unwrap(), "one\ntwo\n");
        assert_eq!(tree.append("nowhere", "x"), Err(Errno::NOENT));
        tree.mkdir("made").unwrap();
        let mut names = tree.list(".").unwrap();
        names.sort();
        assert_eq!(names, ["file", "made"]);
        tree.rmdir("made").unwrap();
        assert_eq!(tree.rmdir("made"), Err(Errno::NOENT));
        assert_eq!(tree.list("file"), Err(Errno::NOTDIR));
        assert!(tree.at("file").ends_with("/file"));
    }

    #[test]
    fn only_one_holds_the_lock_and_only_as_long_as_it_lives() {
        let (_dir, first) = here();
        let second = open(first.path());
        let interrupt = Interrupt::default();
        first.lock(&interrupt).unwrap();
        let refused = second.lock(&interrupt).unwrap_err();
        assert!(refused.reason.starts_with("another preflight works in "), "{}", refused.reason);
        interrupt.set();
        assert_eq!(second.lock(&interrupt).unwrap_err().reason, "interrupted");
        drop(first);
        second.lock(&Interrupt::default()).unwrap();
    }

    #[test]
    fn another_file_system_is_refused() {
        let (dir, tree) = here();
        assert_eq!(Directory::open(tree.path(), 0x7472_6163).err(), Some(Errno::NODEV));
        let magic = fstatfs(&tree.handle).unwrap().f_type.cast_unsigned() & 0xffff_ffff;
        assert!(Directory::open(tree.path(), magic).is_ok());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
        assert!(FileType::from_raw_mode(fs::lstat(&link).unwrap().st_mode).is_symlink());
        assert_eq!(tree.read("link"), Err(Errno::LOOP));
    }
}
