//! What the kernel's log tells of trouble since the start of the node.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    facts::environment,
    node::{LogKind, Node, Probe, micros},
};
use std::time::Duration;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written, since the start; none where the kernel writes no times (`printk.time=0`).
    pub time: Option<Duration>,
    /// What it says, in printable ASCII, cut.
    pub text: String,
}

/// What the log has of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Trouble {
    kind: LogKind,
    count: usize,
    /// The first one and the last ones.
    lines: Vec<LogLine>,
}

/// The lines of some kinds since some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How many.
    pub count: usize,
    /// Whether there may be more: not all lines of a kind are kept.
    pub is_at_least: bool,
    /// The first one of those that are kept.
    pub first: LogLine,
    /// The last one.
    pub last: LogLine,
}

/// The kernel's log, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelLog {
    /// How long the node had been up when it was read, without sleep.
    pub now: Duration,
    /// How many lines of the kernel it has.
    pub lines: usize,
    /// How many of them have no time.
    pub untimed: usize,
    /// The time of the first line that has one.
    pub from: Option<Duration>,
    /// Whether it begins where the kernel began; else what came first is lost, or was cleared.
    pub has_beginning: bool,
    /// Whether gVisor made it up.
    pub is_gvisor: bool,
    troubles: Vec<Trouble>,
}

/// `12.345678`, or `-` for none; anything else is no time.
fn time(text: &str) -> Result<Option<Duration>, ()> {
    if text == "-" {
        return Ok(None);
    }
    micros(text).map(|micros| Some(Duration::from_micros(micros))).ok_or(())
}

/// `oom 12.345678 Out of memory: …`.
fn line(text: &str) -> Option<(LogKind, LogLine)> {
    let mut words = text.splitn(3, ' ');
    let kind = LogKind::of_word(words.next()?)?;
    let time = time(words.next()?).ok()?;
    // `;` parts the lines, so it is written otherwise inside of them.
    let text = words.next()?.replace("\\x3b", ";");
    Some((kind, LogLine { time, text }))
}

impl KernelLog {
    /// Reads the probe's answer: `now=9.000001 lines=3 untimed=0 from=0.000000 start=seen oom=1; oom 3.000000 Out of…`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split("; ");
        let head = parts.next()?;
        let value = |key: &str| head.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        let number = |key: &str| value(key)?.parse().ok();
        let mut lines: Vec<(LogKind, LogLine)> = parts.map(line).collect::<Option<_>>()?;
        let mut troubles = Vec::new();
        for kind in LogKind::ALL {
            let of_kind =
                lines.extract_if(.., |(of, _)| *of == kind).map(|(_, line)| line).collect::<Vec<_>>();
            match number(kind.word()) {
                None | Some(0) if of_kind.is_empty() => {}
                Some(count) if (1..=count).contains(&of_kind.len()) => {
                    troubles.push(Trouble { kind, count, lines: of_kind });
                }
                _ => return None,
            }
        }
        Some(Self {
            now: time(value("now")?).ok()??,
            lines: number("lines")?,
            untimed: number("untimed")?,
            from: time(value("from")?).ok()?,
            has_beginning: value("start")? == "seen",
            is_gvisor: value("start")? == "gvisor",
            troubles,
        })
    }

    /// How long back the log tells what happened; none where its times do not say.
    #[must_use]
    pub fn reach(&self) -> Option<Duration> {
        if self.has_beginning { Some(self.now) } else { Some(self.now.saturating_sub(self.from?)) }
    }

    /// The lines of these kinds in the last `within`; those without a time count. None where there is none.
    #[must_use]
    pub fn seen(&self, kinds: &[LogKind], within: Duration) -> Option<Seen> {
        let since = self.now.saturating_sub(within);
        let is_recent = |line: &&LogLine| line.time.is_none_or(|time| time >= since);
        let mut seen: Option<Seen> = None;
        for trouble in self.troubles.iter().filter(|trouble| kinds.contains(&trouble.kind)) {
            let recent: Vec<&LogLine> = trouble.lines.iter().filter(is_recent).collect();
            let (Some(first), Some(last)) = (recent.first(), recent.last()) else { continue };
            // The first line of all is kept: if it is recent, all are. If only that one is too old, it is not known of
            // those between it and the last ones.
            let are_all = recent.len() == trouble.lines.len();
            let count = if are_all { trouble.count } else { recent.len() };
            let is_at_least =
                !are_all && recent.len() + 1 == trouble.lines.len() && trouble.count > trouble.lines.len();
            seen = Some(match seen {
                None => Seen { count, is_at_least, first: (*first).clone(), last: (*last).clone() },
                Some(before) => before.and(count, is_at_least, first, last),
            });
        }
        seen
    }
}

impl Seen {
    fn and(self, count: usize, is_at_least: bool, first: &LogLine, last: &LogLine) -> Self {
        Self {
            count: self.count.saturating_add(count),
            is_at_least: self.is_at_least || is_at_least,
            first: if first.time < self.first.time { first.clone() } else { self.first },
            last: if last.time > self.last.time { last.clone() } else { self.last },
        }
    }
}

/// How many processes the kernel has killed for want of memory since its start, those in a cgroup at its limit included
/// (`oom_kill` of /proc/vmstat, since 4.13, mm/vmstat.c).
fn oom_kills(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// The bits of /proc/sys/kernel/tainted (Documentation/admin-guide/tainted-kernels.rst).
fn taint(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// Whether the kernel reports tasks that hang.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HungTaskReports {
    /// It looks for them, and writes what it finds.
    On,
    /// It does not look for them.
    Off(Evidence),
    /// It has written all the reports that it may.
    UsedUp(Evidence),
}

impl Node {
    /// Whether the kernel reports tasks that hang (kernel/hung_task.c: kernel.hung_task_timeout_secs, 0 is off, and
    /// kernel.hung_task_warnings, which counts down from 10 unless it is -1; neither exists without
    /// CONFIG_DETECT_HUNG_TASK).
    ///
    /// # Errors
    /// When that can't be read.
    pub fn hung_task_reports(&self) -> Known<HungTaskReports> {
        for (name, made) in [
            ("hung_task_timeout_secs", HungTaskReports::Off as fn(Evidence) -> HungTaskReports),
            ("hung_task_warnings", HungTaskReports::UsedUp),
        ] {
            let read = self.read(&format!("/proc/sys/kernel/{name}"));
            match read.text() {
                Ok(text) => match text.trim().parse::<i64>() {
                    Ok(0) => return Ok(made(read.quote("0"))),
                    Ok(_) => {}
                    Err(_) => return Err(Unknown::new(format!("{} holds no number", read.path()))),
                },
                Err(e) if e.is_missing() && self.kind("/proc/sys/kernel/ostype").is_ok() => {
                    return Ok(HungTaskReports::Off(e.evidence()));
                }
                Err(e) => return Err(e.unknown()),
            }
        }
        Ok(HungTaskReports::On)
    }

    /// What the kernel's log tells of trouble; on a live node only.
    ///
    /// # Errors
    /// When it can't be read, is empty, or is not that of a Linux.
    pub fn kernel_log(&self) -> Known<KernelLog> {
        let probed = self.probe(&Probe::KernelLog);
        if let Err(e) = probed.answer() {
            return Err(e.unknown());
        }
        if let Some(errno) = probed.errno() {
            return Err(self.no_kernel_log(errno).tried(probed.evidence()));
        }
        let Some(log) = probed.details().and_then(KernelLog::parse) else {
            return Err(Unknown::new("the kernel's log gave an answer that is none"));
        };
        let empty = |why| {
            Err(Unknown::new(why).tried([Evidence::new(probed.call(), format!("{} lines", log.lines))]))
        };
        if log.is_gvisor {
            return empty("the kernel here is gVisor, whose log says nothing of the machine");
        }
        if log.lines == 0 {
            return empty("the kernel's log is empty: somebody has cleared it (`dmesg --clear`)");
        }
        Ok(log)
    }

    fn no_kernel_log(&self, errno: &str) -> Unknown {
        let unknown = Unknown::new(format!("the kernel's log could not be read: {errno}"));
        match errno {
            "EPERM" | "EACCES" if self.environment().kind == environment::Kind::Container => {
                unknown.needs("give the container CAP_SYSLOG (`docker run --cap-add SYSLOG`)")
            }
            "EPERM" | "EACCES" => {
                unknown.needs("run as root, or with CAP_SYSLOG, or with sysctl kernel.dmesg_restrict=0")
            }
            "ENOSYS" => {
                unknown.needs("a kernel with CONFIG_PRINTK, and no seccomp filter in front of syslog(2)")
            }
            _ => unknown,
        }
    }

    /// How many processes were killed for want of memory since the start, with the evidence. None where it is not counted.
    #[must_use]
    pub fn oom_kills(&self) -> Option<(u64, Evidence)> {
        let read = self.read("/proc/vmstat");
        let kills = read.text().ok().and_then(|text| oom_kills(&text))?;
        Some((kills, read.quote(format!("oom_kill {kills}"))))
    }

    /// Whether the kernel bears the mark with that number, with the evidence. None where it can't be seen.
    #[must_use]
    pub fn is_tainted(&self, bit: u32) -> Option<(bool, Evidence)> {
        let read = self.read("/proc/sys/kernel/tainted");
        let taint = read.text().ok().and_then(|text| taint(&text))?;
        Some((taint.checked_shr(bit).is_some_and(|shifted| shifted & 1 == 1), read.quote(taint.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

    const HEAD: &str = "now=100.000000 lines=9 untimed=0 from=0.000000 start=seen";

    fn log(rest: &str) -> KernelLog {
        KernelLog::parse(&format!("{HEAD}{rest}")).unwrap()
    }

    #[test]
    fn answers() {
        let all = log(" oom=1 disk=2; oom 3.000000 a\\x3bb; disk - x; disk 4.500000 y z");
        assert_eq!((all.now, all.lines, all.untimed), (Duration::from_secs(100), 9, 0));
        assert!(all.has_beginning && !all.is_gvisor && all.from == Some(Duration::ZERO));
        let seen = all.seen(&[LogKind::Oom], Duration::from_secs(99)).unwrap();
        assert_eq!((seen.count, seen.first.text.as_str()), (1, "a;b"));
        assert_eq!(seen.first, seen.last);
        let seen = all.seen(&[LogKind::Disk], Duration::from_secs(1)).unwrap();
        assert_eq!((seen.count, seen.first.time), (1, None), "what has no time counts");
        assert_eq!(all.seen(&[LogKind::Lockup], Duration::MAX), None);
        assert_eq!(all.seen(&[LogKind::Oom], Duration::from_secs(90)), None);
        for text in [
            "",
            "x",
            "now=1.000000",
            "now=- lines=9 untimed=0 from=- start=seen",
            "now=1.000000 lines=9 untimed=0 from=1 start=seen",
            "now=1.000000 lines=9 untimed=0 from=- start=seen oom=1; oom 1.000000",
            "now=1.000000 lines=9 untimed=0 from=- start=seen oom=1; nonsense 1.000000 x",
            "now=1.000000 lines=9 untimed=0 from=- start=seen oom=1",
            "now=1.000000 lines=9 untimed=0 from=- start=seen; oom 1.000000 x",
        ] {
            assert_eq!(KernelLog::parse(text), None, "{text}");
        }
    }

    #[test]
    fn how_many_of_those_that_are_not_kept() {
        let all = log(" disk=20; disk 10.000000 a; disk 50.000000 b; disk 60.000000 c");
        let of = |seconds| {
            all.seen(&[LogKind::Disk], Duration::from_secs(seconds)).map(|s| (s.count, s.is_at_least))
        };
        assert_eq!(of(95), Some((20, false)));
        assert_eq!(of(60), Some((2, true)));
        assert_eq!(of(45), Some((1, false)));
        assert_eq!(of(30), None);
        let both =
            log(" hardware=1 corrected=2; hardware 7.000000 h; corrected 5.000000 a; corrected 9.000000 b");
        let seen = both.seen(&[LogKind::Hardware, LogKind::Corrected], Duration::MAX).unwrap();
        assert_eq!((seen.count, seen.first.text.as_str(), seen.last.text.as_str()), (3, "a", "b"));
    }

    #[test]
    fn how_far_back() {
        let of = |text: &str| KernelLog::parse(text).unwrap().reach();
        assert_eq!(of(HEAD), Some(Duration::from_secs(100)));
        assert_eq!(
            of("now=100.000000 lines=1 untimed=0 from=90.000000 start=lost"),
            Some(Duration::from_secs(10))
        );
        assert_eq!(of("now=100.000000 lines=1 untimed=1 from=- start=lost"), None);
    }

    #[test]
    fn what_can_not_be_known() {
        let of = |answer: &str| Node::in_memory(Memory::new().probe(Probe::KernelLog, answer)).kernel_log();
        assert!(of(&format!("ok, {HEAD}")).is_ok());
        assert!(of("EPERM").unwrap_err().needs.unwrap().contains("CAP_SYSLOG"));
        assert!(of("ENOSYS").unwrap_err().needs.unwrap().contains("CONFIG_PRINTK"));
        assert!(of("errno 9").unwrap_err().needs.is_none());
        assert!(of("ok, x").is_err());
        assert!(
            of("ok, now=1.000000 lines=0 untimed=0 from=- start=lost").unwrap_err().reason.contains("empty")
        );
        assert!(
            of("ok, now=1.000000 lines=9 untimed=0 from=- start=gvisor")
                .unwrap_err()
                .reason
                .contains("gVisor")
        );
        let tree = Node::in_memory(Memory::new().as_root()).kernel_log().unwrap_err();
        assert!(tree.needs.unwrap().contains("--root"));
    }

    #[test]
    fn counters_of_the_kernel() {
        let node = |path: &str, text: &str| Node::in_memory(Memory::new().file(path, text));
        let kills = |text: &str| node("/proc/vmstat", text).oom_kills().map(|(kills, _)| kills);
        assert_eq!(kills("nr_free_pages 1\noom_kill 3\n"), Some(3));
        assert_eq!(kills("nr_free_pages 1\n"), None);
        assert_eq!(kills("oom_kill_x 3\n"), None);
        let tainted =
            |text: &str, bit| node("/proc/sys/kernel/tainted", text).is_tainted(bit).map(|(is, _)| is);
        assert_eq!(tainted("16384\n", 14), Some(true));
        assert_eq!(tainted("16384\n", 7), Some(false));
        assert_eq!(tainted("1\n", 99), Some(false));
        assert_eq!(tainted("x", 7), None);
    }

    #[test]
    fn who_reports_hung_tasks() {
        let of = |seconds: Option<&str>, warnings: Option<&str>| {
            let mut memory = Memory::new().file("/proc/sys/kernel/ostype", "Linux\n");
            for (name, text) in [("timeout_secs", seconds), ("warnings", warnings)] {
                if let Some(text) = text {
                    memory = memory.file(&format!("/proc/sys/kernel/hung_task_{name}"), text);
                }
            }
            Node::in_memory(memory).hung_task_reports()
        };
        assert_eq!(of(Some("120\n"), Some("10\n")), Ok(HungTaskReports::On));
        assert_eq!(of(Some("120\n"), Some("-1\n")), Ok(HungTaskReports::On));
        assert!(matches!(of(Some("0\n"), Some("0\n")), Ok(HungTaskReports::Off(_))));
        assert!(matches!(of(None, None), Ok(HungTaskReports::Off(_))));
        assert!(matches!(of(Some("120\n"), Some("0\n")), Ok(HungTaskReports::UsedUp(_))));
        assert!(of(Some("x"), Some("10\n")).is_err() && of(Some("120\n"), Some("")).is_err());
        assert!(Node::in_memory(Memory::new()).hung_task_reports().is_err(), "a tree without /proc/sys");
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}", rest in "[-a-z0-9=.; ]{0,100}") {
            let _ = KernelLog::parse(&text);
            let _ = KernelLog::parse(&format!("{HEAD} {rest}")).map(|log| log.seen(&LogKind::ALL, Duration::from_secs(7)));
            let _ = (oom_kills(&text), taint(&text));
        }
    }
}
