//! `disk-latency`: Writes reach the disk as fast as etcd needs it. Takes `--allow write`.

use crate::{
    check::{Check, Meta},
    duration::Duration,
    evidence::{Evidence, Unknown},
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, Probe},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time;

/// Writes reach the disk as fast as etcd needs it. Takes `--allow write`.
///
/// ## What it looks at
/// It writes 2300 bytes and waits until they are on the disk (fdatasync), again and again, into a file without a name
/// (O_TMPFILE) in the given directory or the nearest one above it that exists. It ends after `writes` of them or after
/// `seconds`, and nothing is left, also when the program is killed: the kernel frees what has no name. It writes nothing
/// where less than four times as much is free. Of all writes the slowest one in a hundred (p99) is judged.
///
/// `fast` passes, `slow` does not; on memory (tmpfs, ramfs) the measurement says nothing and is not judged. Less than a
/// hundred writes show no p99: they do not pass.
///
/// ## Why it matters
/// etcd answers nothing before its log is on the disk. Above 10 ms for one write in a hundred, leaders are lost and the API
/// server times out: the cluster works on quiet days and falls apart on busy ones.
///
/// ## How to mend it
/// Put etcd on an SSD of its own. Network disks and busy shared ones seldom do. Nothing else should write there.
///
/// ## Sources
/// etcd.io, FAQ ("wal_fsync_duration_seconds … p99 less than 10ms") and Hardware; "Using fio to tell whether your storage
/// is fast enough for etcd" (2300 bytes, fdatasync, 22 MiB); open(2), O_TMPFILE.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DiskLatencyParams {
    /// Where to write. Default: /var/lib/etcd.
    pub directory: String,
    /// How long the slowest one of a hundred writes may take. Default: 10ms.
    pub p99: Duration,
    /// How many writes at most. Default: 2000, which are 4.6 MB; 100000 is the most.
    pub writes: u32,
    /// How long at most. Default: 3s; a minute is the most.
    pub time: Duration,
}

impl Default for DiskLatencyParams {
    fn default() -> Self {
        Self {
            directory: "/var/lib/etcd".to_owned(),
            p99: Duration::from_millis(10),
            writes: 2000,
            time: Duration::from_millis(3000),
        }
    }
}

/// The check `disk-latency`.
pub struct DiskLatency;

impl Check for DiskLatency {
    type Params = DiskLatencyParams;

    const META: Meta = Meta {
        id: "disk-latency",
        summary: "Writes reach the disk as fast as etcd needs it (takes --allow write)",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &DiskLatencyParams) -> Result<(), String> {
        if !params.directory.starts_with('/') {
            return Err(format!("`{}` is not an absolute path", params.directory));
        }
        if !(HUNDRED..=100_000).contains(&params.writes.into()) {
            return Err("between 100 and 100000 writes tell something and harm nobody".into());
        }
        if params.time.get() > time::Duration::from_secs(60) {
            return Err("a minute of writing is the most".into());
        }
        Ok(())
    }

    fn limit(params: &DiskLatencyParams) -> Option<time::Duration> {
        // One write that hangs is not interrupted.
        Some(params.time.get() + time::Duration::from_secs(5))
    }

    fn run(params: &DiskLatencyParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(judge(params, node));
        Ok(())
    }
}

/// What was measured, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Measured {
    writes: u64,
    p50: u64,
    p99: u64,
    max: u64,
}

/// `writes=2000 p50=812 p99=3100 max=9700`.
fn parse(text: &str) -> Option<Measured> {
    let value = |key: &str| {
        text.split(' ').find_map(|word| word.split_once('=').filter(|(k, _)| *k == key)?.1.parse().ok())
    };
    Some(Measured { writes: value("writes")?, p50: value("p50")?, p99: value("p99")?, max: value("max")? })
}

fn millis(micros: u64) -> String {
    format!("{:.1} ms", micros as f64 / 1000.0)
}

/// So many writes have a slowest one in a hundred.
const HUNDRED: u64 = 100;

fn judge(params: &DiskLatencyParams, node: &Node) -> Finding {
    let subject = params.directory.as_str();
    let unknown = |unknown: &Unknown| {
        let message = format!("how fast writes to {subject} reach the disk could not be determined");
        Finding::undetermined(Severity::Fail, subject, "unknown", message, unknown)
    };
    let directory = match node.first_existing(subject) {
        Ok(directory) => directory,
        Err(why) => return unknown(&why),
    };
    // The mount table may be closed or say nothing of it; what is written to is what statfs(2) tells of.
    let disk = match node.disk(&directory) {
        Ok(disk) => disk,
        Err(why) => return unknown(&why),
    };
    let mount = disk.mount.as_ref().map(|mount| Evidence::new("mount table", mount.line.clone()));
    if disk.filesystem.is_in_memory() {
        let seen =
            Evidence::new(format!("statfs({directory})"), format!("type {:#x}", disk.filesystem.magic));
        let message = format!("{directory} is in memory (tmpfs or ramfs): a write there reaches no disk");
        return Finding::not_applicable(subject, message, [seen]).evidence(mount);
    }
    let millis_at_most = u32::try_from(params.time.get().as_millis()).unwrap_or(u32::MAX);
    let probed = node.probe(&Probe::DiskLatency {
        directory: directory.clone(),
        writes: params.writes,
        millis: millis_at_most,
    });
    let Some(measured) = probed.details().and_then(parse) else {
        return unknown(&refused(probed.answer().err(), probed.errno(), &directory));
    };
    let limit = u64::try_from(params.p99.get().as_micros()).unwrap_or(u64::MAX);
    let Measured { writes, p50, p99, max } = measured;
    let seen = Evidence::new(
        format!("{writes} times write(2) and fdatasync(2) in {directory}"),
        format!("p50 {}, p99 {}, max {}", millis(p50), millis(p99), millis(max)),
    );
    if p99 <= limit && writes < HUNDRED {
        let why = format!(
            "{writes} writes were done in {}, and of less than {HUNDRED} none is the slowest in a hundred",
            params.time
        );
        let why = Unknown::new(why).tried([seen]).needs("allow a longer `time`");
        return unknown(&why).evidence(mount);
    }
    if p99 <= limit {
        let message = format!("of a hundred writes to {directory} the slowest takes at most {}", params.p99);
        return Finding::pass(subject, "fast", message, seen).evidence(mount);
    }
    let message = format!(
        "of a hundred writes to {directory} the slowest takes {}, and may take {}",
        millis(p99),
        params.p99
    );
    Finding::problem(Severity::Fail, subject, "slow", message)
        .evidence([seen])
        .evidence(mount)
        .notes((writes < HUNDRED).then(|| format!("only {writes} writes fitted into {}", params.time)))
        .remedy(Remedy::new("Put the directory on a faster disk, an SSD that nothing else writes to"))
}

fn refused(error: Option<&crate::node::ReadError>, errno: Option<&str>, directory: &str) -> Unknown {
    if let Some(error) = error {
        return error.unknown();
    }
    let errno = errno.unwrap_or("an answer that is none");
    let unknown = Unknown::new(format!("{directory} could not be written to: {errno}"));
    let unknown = unknown.tried([Evidence::new(directory, errno)]);
    match errno {
        "EACCES" | "EPERM" => unknown.needs("run as root"),
        "ENOSPC" => unknown.needs("make room there first"),
        _ => unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Allow, Allowed, FilesystemType, Memory},
    };

    fn probe() -> Probe {
        Probe::DiskLatency { directory: "/var/lib".into(), writes: 2000, millis: 3000 }
    }

    fn ask(memory: Memory, allowed: &[Allow]) -> Finding {
        let params = DiskLatencyParams::default();
        DiskLatency::validate(&params).unwrap();
        let allowed: Allowed = allowed.iter().copied().collect();
        let node = Node::in_memory(memory.file("/var/lib/x", "")).allowing(allowed);
        let mut out = Findings::default();
        DiskLatency::run(&params, &node, &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    /// A node whose root is a disk, with this answer of the kernel.
    fn disk(answer: &str) -> Memory {
        on(0xef53).file("/proc/self/mountinfo", "1 0 0:2 / / rw - ext4 /dev/vda rw\n").probe(probe(), answer)
    }

    fn on(magic: u64) -> Memory {
        Memory::new().filesystem("/", FilesystemType { magic, ..FilesystemType::default() })
    }

    #[test]
    fn fast_and_slow() {
        let of = |answer: &str| ask(disk(answer), &[Allow::Write]);
        let found = of("ok, writes=2000 p50=300 p99=10000 max=90000");
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Pass, "fast"));
        let found = of("ok, writes=50 p50=9000 p99=10001 max=90000");
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "slow"));
        assert!(found.all_notes()[0].contains("only 50"));
        for answer in ["EACCES", "ENOSPC", "ok", "ok, writes=x"] {
            assert!(matches!(of(answer).outcome(), Outcome::Undetermined(_)), "{answer}");
        }
    }

    #[test]
    fn nothing_is_written_that_was_not_allowed() {
        let found = ask(disk("ok, writes=2000 p50=1 p99=1 max=1"), &[Allow::Network]);
        let Outcome::Undetermined(needs) = found.outcome() else { panic!("{found:?}") };
        assert_eq!(needs.as_deref(), Some("run with --allow write"));
    }

    #[test]
    fn memory_is_no_disk() {
        // Whatever the mount table says, or does not say.
        for magic in [0x0102_1994, 0x8584_58f6] {
            for mounts in ["", "1 0 0:2 / / rw - ext4 /dev/vda rw\n"] {
                let memory = on(magic).file("/proc/self/mountinfo", mounts);
                let memory = memory.probe(probe(), "ok, writes=2000 p50=1 p99=1 max=1");
                assert_eq!(ask(memory, &[Allow::Write]).outcome(), &Outcome::NotApplicable);
            }
        }
        let found = ask(Memory::new().probe(probe(), "ok, writes=2000 p50=1 p99=1 max=1"), &[Allow::Write]);
        assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "it may be memory: {found:?}");
    }

    #[test]
    fn a_hundredth_of_less_than_a_hundred_writes_is_none() {
        let found = ask(disk("ok, writes=99 p50=300 p99=400 max=400"), &[Allow::Write]);
        assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{found:?}");
        let found = ask(disk("ok, writes=100 p50=300 p99=400 max=400"), &[Allow::Write]);
        assert_eq!(found.outcome(), &Outcome::Pass);
    }

    #[test]
    fn the_mount_stands_in_the_evidence() {
        for (p99, reason) in [(400, "fast"), (40000, "slow")] {
            let found = ask(disk(&format!("ok, writes=100 p50=300 p99={p99} max=40000")), &[Allow::Write]);
            assert_eq!(found.reason(), reason);
            let of_mount = |e: &Evidence| e.observed.contains("/dev/vda");
            assert!(found.all_evidence().iter().any(of_mount), "{found:?}");
        }
    }

    #[test]
    fn parameters() {
        let with = |writes, seconds: u64| DiskLatencyParams {
            writes,
            time: Duration::from_millis(1000 * seconds),
            ..DiskLatencyParams::default()
        };
        assert!(DiskLatency::validate(&with(10, 3)).is_err());
        assert!(DiskLatency::validate(&with(1000, 61)).is_err());
        assert!(DiskLatency::limit(&with(1000, 9)).unwrap() > time::Duration::from_secs(9));
    }
}
