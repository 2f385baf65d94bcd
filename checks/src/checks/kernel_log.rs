//! `kernel-log`: The kernel's log tells of no trouble so far.

mod params;
#[cfg(test)]
mod tests;

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::{
        environment,
        kernel_log::{HungTaskReports, KernelLog, LogLine, Seen},
    },
    finding::{Finding, Findings, Remedy, Risk, Severity},
    node::{LogKind, Node, Probe},
};
use params::{KernelLogParams, KernelTrouble};
use std::time::Duration;

/// The check `kernel-log`.
pub struct KernelLogCheck;

impl Check for KernelLogCheck {
    type Params = KernelLogParams;

    const META: Meta = Meta {
        id: "kernel-log",
        summary: "The kernel's log tells of no trouble so far",
        since: "0.1.0",
        kubeadm: None,
    };

    fn ahead(_: &KernelLogParams) -> Option<Probe> {
        Some(Probe::KernelLog)
    }

    fn run(params: &KernelLogParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let log = node.kernel_log();
        for subject in &SUBJECTS {
            let finding = if params.ignore.contains(&subject.trouble) {
                Finding::not_applicable(subject.name, format!("the policy ignores {}", subject.what), [])
            } else {
                judge(subject, params, log.as_ref(), node)
            };
            out.push(finding);
        }
        Ok(())
    }
}

/// A log that has lost its beginning has to tell of at least so much time before nothing in it means something.
const ENOUGH: Duration = Duration::from_secs(60 * 60);

/// What is judged in one finding.
struct Subject {
    trouble: KernelTrouble,
    /// Its name in the finding's id.
    name: &'static str,
    /// What it is, in the plural.
    what: &'static str,
    /// The kinds of lines that tell of it.
    kinds: &'static [LogKind],
    reason: &'static str,
    /// The bit of /proc/sys/kernel/tainted that the kernel sets for it, once and for all
    /// (Documentation/admin-guide/tainted-kernels.rst: M, D and L).
    taint: Option<u32>,
}

const fn subject(
    trouble: KernelTrouble,
    name: &'static str,
    what: &'static str,
    kinds: &'static [LogKind],
    reason: &'static str,
    taint: Option<u32>,
) -> Subject {
    Subject { trouble, name, what, kinds, reason, taint }
}

#[rustfmt::skip]
static SUBJECTS: [Subject; 7] = [
    subject(KernelTrouble::Oom, "oom", "processes killed for want of memory", &[LogKind::Oom], "killed", None),
    subject(KernelTrouble::HungTasks, "hung-tasks", "tasks that hung", &[LogKind::HungTask], "hung", None),
    subject(KernelTrouble::Lockups, "lockups", "processors that got stuck", &[LogKind::Lockup], "stuck", Some(14)),
    subject(KernelTrouble::Oopses, "oopses", "oopses of the kernel", &[LogKind::Oops], "oopsed", Some(7)),
    subject(KernelTrouble::Filesystems, "filesystems", "errors of file systems", &[LogKind::Filesystem], "errors", None),
    subject(KernelTrouble::Disks, "disks", "errors of disks", &[LogKind::Disk], "errors", None),
    subject(KernelTrouble::Hardware, "hardware", "errors of the hardware", &[LogKind::Hardware, LogKind::Corrected], "errors", Some(4)),
];

fn judge(
    subject: &Subject,
    params: &KernelLogParams,
    log: Result<&KernelLog, &Unknown>,
    node: &Node,
) -> Finding {
    let within = params.within.get();
    let finding = match log {
        Ok(log) => match log.seen(subject.kinds, within) {
            Some(seen) => problem(subject, params, log, &seen),
            None => silent(subject, node).unwrap_or_else(|| nothing(subject, params, log, node)),
        },
        Err(unknown) => unknown_or_counted(subject, unknown, node),
    };
    let is_container = node.environment().kind == environment::Kind::Container;
    finding.notes((log.is_ok() && is_container).then(|| "a container sees the log of its host".to_owned()))
}

/// Lines that tell of it.
fn problem(subject: &Subject, params: &KernelLogParams, log: &KernelLog, seen: &Seen) -> Finding {
    let is_corrected = subject.trouble == KernelTrouble::Hardware
        && log.seen(&[LogKind::Hardware], params.within.get()).is_none();
    let (what, reason) = if is_corrected {
        ("errors that the hardware corrected", "corrected")
    } else {
        (subject.what, subject.reason)
    };
    let (few, lines) = (
        if seen.is_at_least { "at least " } else { "" },
        if seen.count == 1 { "line tells" } else { "lines tell" },
    );
    let when = seen
        .last
        .time
        .map_or_else(String::new, |time| format!(", the last one {} s after the start", time.as_secs()));
    let message = format!("{few}{} {lines} of {what} in the last {}{when}", seen.count, params.within);
    let last = (seen.last != seen.first).then_some(&seen.last);
    Finding::problem(Severity::Warn, subject.name, reason, message)
        .evidence([quote(&seen.first)])
        .evidence(last.map(quote))
        .notes(times(log))
        .remedy(remedy(subject.trouble, &seen.last))
}

/// Where the kernel would not write of it: then it means nothing that no line tells of it.
fn silent(subject: &Subject, node: &Node) -> Option<Finding> {
    if subject.trouble != KernelTrouble::HungTasks {
        return None;
    }
    let unknown = match node.hung_task_reports() {
        Ok(HungTaskReports::On) => return None,
        Ok(HungTaskReports::Off(seen)) => {
            let message = "this kernel does not look for tasks that hang (kernel.hung_task_timeout_secs)";
            return Some(Finding::not_applicable(subject.name, message, [seen]));
        }
        Ok(HungTaskReports::UsedUp(seen)) => {
            Unknown::new("the kernel has written all reports of them that it may (kernel.hung_task_warnings)")
                .tried([seen])
                .needs("`sysctl -w kernel.hung_task_warnings=10`, and some minutes")
        }
        Err(unknown) => unknown,
    };
    Some(unknown_or_counted(subject, &unknown, node))
}

/// No line tells of it.
fn nothing(subject: &Subject, params: &KernelLogParams, log: &KernelLog, node: &Node) -> Finding {
    let counted = if log.has_beginning { None } else { counter(subject, node) };
    let is_counted_as_none = matches!(&counted, Some((0, _)));
    // A whole log is enough, however short it is yet: a node is judged right after its boot.
    let reaches = |log: &KernelLog| log.reach().is_some_and(|reach| reach >= params.within.get().min(ENOUGH));
    if !is_counted_as_none && !log.has_beginning && !reaches(log) {
        return unknown_or_counted(subject, &too_short(log), node);
    }
    let proof = Proof::new(looked_at(log)).and_all(counted.as_ref().map(|(_, seen)| seen.clone()));
    let in_cgroups = log.seen(&[LogKind::CgroupOom], params.within.get());
    let finding = if let Some(seen) = in_cgroups.filter(|_| subject.trouble == KernelTrouble::Oom) {
        in_cgroups_only(subject, &seen, proof)
    } else {
        let message = format!("the kernel's log tells of no {} {}", subject.what, since(params, log));
        Finding::pass(subject.name, "none", message, proof)
    };
    let more = counted.filter(|(count, _)| *count > 0).map(|(_, seen)| mark(subject, &seen));
    finding.notes(times(log)).notes(more)
}

/// By the clock of the log: how long ago that was is another number every second (law 7).
fn since(params: &KernelLogParams, log: &KernelLog) -> String {
    if log.has_beginning || log.reach().is_some_and(|reach| reach >= params.within.get()) {
        format!("in the last {}", params.within)
    } else {
        let from = log.from.unwrap_or_default().as_secs();
        format!("since {from} s after the start; what came before is lost")
    }
}

fn too_short(log: &KernelLog) -> Unknown {
    let begins = log.from.map(|from| format!(" and begins {} s after the start, too late", from.as_secs()));
    Unknown::new(format!("the kernel's log has lost its beginning{}", begins.unwrap_or_default()))
        .tried([looked_at(log)])
        .needs("look into the journal, or boot with a greater log_buf_len")
}

fn in_cgroups_only(subject: &Subject, seen: &Seen, proof: Proof) -> Finding {
    let message =
        "the machine itself did not run out of memory; processes were killed in cgroups at their limit";
    let few = if seen.is_at_least { "at least " } else { "" };
    let last = shown(&seen.last);
    Finding::pass(subject.name, "in-cgroups-only", message, proof)
        .note(format!("{few}{} of them, at their own limit and not that of the node: {last}", seen.count))
}

/// What the kernel keeps apart from its log, for all the time since its start: how many times, and where that was seen. A
/// mark that is not set does not show that nothing was, so it is none.
fn counter(subject: &Subject, node: &Node) -> Option<(u64, Evidence)> {
    if subject.trouble == KernelTrouble::Oom {
        return node.oom_kills();
    }
    let (is_set, seen) = node.is_tainted(subject.taint?)?;
    is_set.then_some((1, seen))
}

fn mark(subject: &Subject, seen: &Evidence) -> String {
    format!(
        "since the start there were {}, when is not known: {} shows {}",
        subject.what, seen.source, seen.observed
    )
}

/// Without the log: what the kernel has counted, if that is nothing at all.
fn unknown_or_counted(subject: &Subject, unknown: &Unknown, node: &Node) -> Finding {
    let counted = counter(subject, node);
    if let Some((0, seen)) = counted {
        let message = format!("since the start there were no {}", subject.what);
        return Finding::pass(subject.name, "none", message, seen)
            .note(format!("counted by the kernel; {}", unknown.reason));
    }
    let message = format!("whether there were {} could not be determined", subject.what);
    let finding = Finding::undetermined(Severity::Warn, subject.name, "unknown", message, unknown);
    let marked = counted.as_ref().map(|(_, seen)| mark(subject, seen));
    finding.evidence(counted.map(|(_, seen)| seen)).notes(marked)
}

/// How much was looked at.
fn looked_at(log: &KernelLog) -> Evidence {
    let from = match (log.has_beginning, log.from) {
        (true, _) => "from the start on".to_owned(),
        (false, Some(from)) => {
            format!("from {} s after the start on, what came before is lost", from.as_secs())
        }
        (false, None) => "without times, what came first is lost".to_owned(),
    };
    Evidence::new(Probe::KernelLog.call(), format!("{} lines, {from}", log.lines))
}

fn times(log: &KernelLog) -> Option<String> {
    (log.untimed > 0)
        .then(|| format!("{} lines have no time (printk.time=0) and count as recent", log.untimed))
}

/// A line as dmesg(1) shows it.
fn shown(line: &LogLine) -> String {
    match line.time {
        Some(time) => format!("[{}.{:06}] {}", time.as_secs(), time.subsec_micros(), line.text),
        None => line.text.clone(),
    }
}

fn quote(line: &LogLine) -> Evidence {
    Evidence::new(Probe::KernelLog.call(), shown(line))
}

/// `sda` of `I/O error, dev sda, sector 1`, `EXT4-fs error (device sda1)` or `nvme nvme0: …`.
fn device(text: &str) -> Option<&str> {
    let starts = ["dev ", "device ", "nvme ", "failure on ", "XFS (", "EXT4-fs ("];
    let rest = starts.iter().find_map(|start| text.split_once(start).map(|(_, rest)| rest))?;
    let end =
        rest.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_')).unwrap_or(rest.len());
    rest.get(..end).filter(|name| !name.is_empty())
}

fn remedy(trouble: KernelTrouble, line: &LogLine) -> Remedy {
    let device = device(&line.text).unwrap_or("DEVICE");
    match trouble {
        KernelTrouble::Oom => Remedy::new(
            "Find who uses the memory, give it less or the node more, and reserve what the system needs (kubeReserved, \
             systemReserved)",
        )
        .command("ps -eo pid,rss,args --sort=-rss | head"),
        KernelTrouble::HungTasks => Remedy::new(
            "See what the tasks wait for: mostly a disk, or a file system on the network, that does not answer",
        )
        .command("ps -eo pid,stat,wchan:32,args | awk '$2 ~ /D/'")
        .command("dmesg --ctime | grep -A 20 'blocked.* for more than'"),
        KernelTrouble::Lockups => Remedy::new(
            "In a virtual machine look whether its host is overloaded (`st` of vmstat); else update firmware and kernel",
        )
        .command("vmstat 1 5"),
        KernelTrouble::Oopses => {
            Remedy::new("Keep the log for a report, and boot again before the node carries work: after an oops the kernel may hold locks for ever")
                .command("dmesg > /root/oops.txt")
                .reboot()
        }
        KernelTrouble::Filesystems => Remedy::new(
            "Save what matters, look whether the disk is well, then check the file system while it is not mounted \
             (e2fsck -f, xfs_repair, btrfs check)",
        )
        .command("dmesg --ctime --level=emerg,alert,crit,err,warn")
        .persistent("once on the kernel's command line, for the root file system: fsck.mode=force")
        .reboot()
        .risk(Risk::Data),
        KernelTrouble::Disks => Remedy::new("Save what matters, see what the disk says of itself, and replace it, its cable or its volume")
            .command(format!("smartctl -a /dev/{device}"))
            .risk(Risk::Data),
        KernelTrouble::Hardware => Remedy::new("See which part reports errors, and have it replaced")
            .command("ras-mc-ctl --errors || ipmitool sel list"),
    }
}
