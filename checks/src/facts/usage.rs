//! How much of what the kernel limits is in use: file handles, threads, tracked connections, keys.

use super::{Known, modules::ModuleState};
use crate::{
    evidence::{Evidence, Proof, Unknown},
    node::{Node, Origin, Read, ReadError},
};

/// Something of which there is so much and no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// How much is in use.
    pub used: u64,
    /// How much there can be.
    pub most: u64,
    /// The settings that limit it; the first one binds.
    pub limit: &'static str,
    /// The file that counts.
    pub counter: &'static str,
    /// What showed it.
    pub proof: Proof,
}

impl Usage {
    /// What showed it, rounded up to tens of per cent: the same in every run as long as nothing much changes.
    #[must_use]
    pub fn rough(&self) -> Evidence {
        Evidence::new(self.counter, format!("{} of {}", under(self.percent()), self.most))
    }

    /// How much is in use, in per cent, rounded down.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let percent = u128::from(self.used) * 100 / u128::from(self.most.max(1));
        u64::try_from(percent).unwrap_or(u64::MAX)
    }
}

/// `under 20 %`.
#[must_use]
pub fn under(percent: u64) -> String {
    format!("under {} %", (percent / 10).saturating_add(1).saturating_mul(10))
}

/// The three numbers of fs.file-nr: handles in use, zero since Linux 2.6, the most (Documentation/admin-guide/sysctl/fs.rst).
fn file_nr(text: &str) -> Option<(u64, u64)> {
    let numbers: Vec<u64> =
        text.strip_suffix('\n')?.split_ascii_whitespace().map_while(|n| n.parse().ok()).collect();
    match numbers[..] {
        [allocated, free, most] if most > 0 => Some((allocated.saturating_sub(free), most)),
        _ => None,
    }
}

/// The number of threads: what follows the slash in the fourth field of /proc/loadavg (proc_loadavg(5)).
fn threads(text: &str) -> Option<u64> {
    let fields: Vec<&str> = text.strip_suffix('\n')?.split_ascii_whitespace().collect();
    let [_, _, _, of, _] = fields[..] else { return None };
    of.split_once('/')?.1.parse().ok()
}

/// A user's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUser {
    /// The user.
    pub user: u32,
    /// Keys in use, and how many there can be.
    pub keys: (u64, u64),
    /// Bytes in use, and how many there can be.
    pub bytes: (u64, u64),
}

impl KeyUser {
    /// The fuller one of both, in per cent.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let percent = |(used, most): (u64, u64)| u128::from(used) * 100 / u128::from(most.max(1));
        u64::try_from(percent(self.keys).max(percent(self.bytes))).unwrap_or(u64::MAX)
    }
}

/// A line of /proc/key-users: `uid: usage nkeys/nikeys qnkeys/maxkeys qnbytes/maxbytes` (keyrings(7)).
fn key_user(line: &str) -> Option<KeyUser> {
    let (user, rest) = line.split_once(':')?;
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let [_, _, keys, bytes] = words[..] else { return None };
    let pair = |text: &str| {
        let (taken, most) = text.split_once('/')?;
        Some((taken.parse().ok()?, most.parse().ok()?))
    };
    Some(KeyUser { user: user.trim().parse().ok()?, keys: pair(keys)?, bytes: pair(bytes)? })
}

impl Node {
    /// The one number that a file of /proc/sys holds; the kernel ends it with a newline.
    ///
    /// # Errors
    /// When it is missing, can't be read, or holds anything else.
    pub fn number_at(&self, path: &str) -> Known<(u64, Evidence)> {
        let read = self.read(path);
        let number = sensible(self, &read, |text| text.strip_suffix('\n')?.trim().parse().ok())?;
        Ok((number, read.quote(number.to_string())))
    }

    /// File handles.
    ///
    /// # Errors
    /// When fs.file-nr can't be read or makes no sense.
    pub fn file_handles(&self) -> Known<Usage> {
        let counter = "/proc/sys/fs/file-nr";
        let read = self.read(counter);
        let (used, most) = sensible(self, &read, file_nr)?;
        Ok(Usage { used, most, limit: "fs.file-max", counter, proof: Proof::new(read.evidence()) })
    }

    /// Threads, of which each process has one or more, against the smaller one of both limits.
    ///
    /// # Errors
    /// When one of the three files can't be read or makes no sense.
    pub fn threads(&self) -> Known<Usage> {
        let counter = "/proc/loadavg";
        let read = self.read(counter);
        let used = sensible(self, &read, threads)?;
        let (ids, of_ids) = self.number_at("/proc/sys/kernel/pid_max")?;
        let (threads, of_threads) = self.number_at("/proc/sys/kernel/threads-max")?;
        let seen = Evidence::new(read.path(), format!("{used} threads"));
        let proof = Proof::new(seen).and(of_ids).and(of_threads);
        let (most, limit) =
            if ids <= threads { (ids, "kernel.pid_max") } else { (threads, "kernel.threads-max") };
        Ok(Usage { used, most, limit, counter, proof })
    }

    /// Connections that are tracked. `None` where nothing tracks any: the module is not loaded.
    ///
    /// # Errors
    /// When the counters can't be read, or it can't be told why there are none.
    pub fn tracked_connections(&self) -> Known<Result<Usage, Proof>> {
        let path = "/proc/sys/net/netfilter/nf_conntrack_count";
        if self.read(path).is_missing() {
            let seen = Evidence::new(path, "does not exist");
            return match self.module("nf_conntrack") {
                ModuleState::Loadable(_, proof) | ModuleState::Missing(proof) => Ok(Err(proof.and(seen))),
                _ => Err(not_there(path, self)),
            };
        }
        let (used, seen) = self.number_at(path)?;
        let (most, of_most) = self.number_at("/proc/sys/net/netfilter/nf_conntrack_max")?;
        Ok(Ok(Usage {
            used,
            most,
            limit: "net.netfilter.nf_conntrack_max",
            counter: path,
            proof: Proof::new(seen).and(of_most),
        }))
    }

    /// The user whose allowance of keys is used up most, and the line.
    ///
    /// # Errors
    /// When /proc/key-users can't be read, is empty or makes no sense.
    pub fn fullest_key_user(&self) -> Known<(KeyUser, Evidence)> {
        let read = self.read("/proc/key-users");
        let fullest = |text: &str| {
            let users: Vec<KeyUser> =
                text.strip_suffix('\n')?.lines().map(key_user).collect::<Option<_>>()?;
            // Of equals the first, so that the answer does not change.
            users.into_iter().rev().max_by_key(KeyUser::percent)
        };
        let user = sensible(self, &read, fullest)?;
        let ((keys, of_keys), (bytes, of_bytes)) = (user.keys, user.bytes);
        let line = format!("user {}: {keys} of {of_keys} keys, {bytes} of {of_bytes} bytes", user.user);
        Ok((user, read.quote(line)))
    }
}

/// Why there is no such file: a captured tree need not hold what changes from second to second.
pub(super) fn not_there(path: &str, node: &Node) -> Unknown {
    let seen = Evidence::new(path, "does not exist");
    match node.origin() {
        // The same words for all of them: they are one cause.
        Origin::Root => Unknown::new("this tree does not hold what a running kernel counts")
            .tried([seen])
            .needs("run on the machine itself, without --root"),
        Origin::Live => Unknown::new(format!("{path} does not exist")).tried([seen]),
    }
}

fn sensible<T>(node: &Node, read: &Read, parse: impl FnOnce(&str) -> Option<T>) -> Known<T> {
    if read.is_missing() {
        return Err(not_there(read.path(), node));
    }
    let text = read.text().map_err(ReadError::unknown)?;
    parse(&text).ok_or_else(|| {
        Unknown::new(format!("{} is not what the kernel shows", read.path())).tried([read.evidence()])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

    #[test]
    fn what_the_kernel_shows() {
        assert_eq!(file_nr("1632\t0\t9223372036854775807\n"), Some((1632, 9_223_372_036_854_775_807)));
        for bad in ["", "1632\t0\t92", "1632\t0\n", "a 0 1\n", "1 0 0\n"] {
            assert_eq!(file_nr(bad), None, "{bad}");
        }
        assert_eq!(threads("0.10 0.20 0.30 1/234 5678\n"), Some(234));
        for bad in ["", "0.10 0.20 0.30 1/234 5678", "0.10 0.20 0.30 234 5678\n", "0.10 0.20\n"] {
            assert_eq!(threads(bad), None, "{bad}");
        }
        let user = key_user("    0:     9 8/8 3/1000000 40/25000000").unwrap();
        assert_eq!((user.user, user.keys, user.bytes), (0, (3, 1_000_000), (40, 25_000_000)));
        let full = key_user(" 1000: 201 200/200 180/200 19999/20000").unwrap();
        assert_eq!(full.percent(), 99);
        for bad in ["", "0: 1 2/2 3", "x: 9 8/8 3/1 4/2", "0: 9 8/8 3/x 4/2"] {
            assert_eq!(key_user(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_smaller_limit_binds() {
        let memory = Memory::new()
            .file("/proc/loadavg", "0.1 0.1 0.1 1/300 9\n")
            .file("/proc/sys/kernel/pid_max", "32768\n")
            .file("/proc/sys/kernel/threads-max", "7000\n");
        let usage = Node::in_memory(memory.clone()).threads().unwrap();
        assert_eq!(
            (usage.used, usage.most, usage.limit, usage.percent()),
            (300, 7000, "kernel.threads-max", 4)
        );
        assert!(Node::in_memory(memory.without("/proc/sys/kernel/pid_max")).threads().is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,80}") {
            let _ = (file_nr(&text), threads(&text), key_user(&text));
        }
    }
}
