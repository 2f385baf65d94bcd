//! What lines of the kernel's log tell of trouble, each with the place in the kernel that writes it.
//!
//! What a version has in front of the text (`watchdog: `, `rcu: `, `print_req_error: `) changed often; the text itself
//! seldom did. So the prefixes are taken off, and of the text only what stayed is asked for. The versions say where the
//! text was read; between them it is the same.

use memchr::memmem;

/// What a line tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogKind {
    /// A process was killed because the machine had no memory left.
    Oom,
    /// A process was killed because its cgroup may have no more memory.
    CgroupOom,
    /// A task did not run for minutes while it waited.
    HungTask,
    /// A processor, a workqueue or RCU did not get on.
    Lockup,
    /// The kernel itself made a mistake and killed the task that was in it.
    Oops,
    /// A file system found itself damaged, or could not write.
    Filesystem,
    /// A disk did not do what it was asked.
    Disk,
    /// The hardware reported an error that it could not correct, or did not say that it could.
    Hardware,
    /// The hardware reported an error that it corrected.
    Corrected,
}

impl LogKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Oom,
        Self::CgroupOom,
        Self::HungTask,
        Self::Lockup,
        Self::Oops,
        Self::Filesystem,
        Self::Disk,
        Self::Hardware,
        Self::Corrected,
    ];

    /// The word in the probe's answer.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Oom => "oom",
            Self::CgroupOom => "cgroup-oom",
            Self::HungTask => "hung-task",
            Self::Lockup => "lockup",
            Self::Oops => "oops",
            Self::Filesystem => "filesystem",
            Self::Disk => "disk",
            Self::Hardware => "hardware",
            Self::Corrected => "corrected",
        }
    }

    /// The kind of that word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A line that begins so, and then has these parts in this order.
struct Pattern(LogKind, &'static str, &'static [&'static str]);

const PATTERNS: &[Pattern] = &[
    // mm/oom_kill.c, out_of_memory and __oom_kill_process. Up to 5.0 (read in 4.19):
    // `Out of memory: Kill process 12 (x) score 9 or sacrifice child`, and after it `Killed process 12 (x) total-vm:…`,
    // which does not say whose limit it was and is not counted. Since 5.1 (commit bbbe48029720; read in 6.18):
    // `Out of memory: Killed process 12 (x) total-vm:…`. `Skip killing the task` is none.
    // `Out of memory (oom_kill_allocating_task): Kill…` with vm.oom_kill_allocating_task.
    Pattern(LogKind::Oom, "Out of memory", &[": Kill"]),
    Pattern(LogKind::CgroupOom, "Memory cgroup out of memory", &[": Kill"]),
    // kernel/hung_task.c, check_hung_task: `INFO: task x:12 blocked for more than 120 seconds.`; since 7.1
    // `blocked in I/O wait for more than`. What follows of locks (`is blocked on a mutex`) is not a second one.
    Pattern(LogKind::HungTask, "INFO: task ", &[" blocked", " for more than ", " seconds"]),
    // kernel/watchdog.c, watchdog_timer_fn (3.10 to 6.18); kernel/watchdog_hld.c, later kernel/watchdog.c,
    // watchdog_hardlockup_check (of late `CPU3: Watchdog detected…`).
    Pattern(LogKind::Lockup, "BUG: soft lockup - CPU#", &[]),
    Pattern(LogKind::Lockup, "Watchdog detected hard LOCKUP on cpu", &[]),
    // kernel/rcu/tree.c, later kernel/rcu/tree_stall.h and tree_exp.h: `INFO: rcu_sched self-detected stall on CPU`.
    Pattern(LogKind::Lockup, "INFO: ", &[" self-detected stall on CPU"]),
    Pattern(LogKind::Lockup, "INFO: ", &[" detected stalls on CPUs/tasks"]),
    Pattern(LogKind::Lockup, "INFO: ", &[" detected expedited stalls on CPUs/tasks"]),
    // kernel/workqueue.c, wq_watchdog_timer_fn (since 4.5).
    Pattern(LogKind::Lockup, "BUG: workqueue lockup - pool", &[]),
    // fs/ext4/super.c: __ext4_error and its like, ext4_handle_error, ext4_setup_super, print_daily_error_info.
    Pattern(LogKind::Filesystem, "EXT4-fs error (device ", &[]),
    Pattern(LogKind::Filesystem, "EXT4-fs (", &["): Remounting filesystem read-only"]),
    Pattern(LogKind::Filesystem, "EXT4-fs (", &["): warning: mounting fs with errors"]),
    Pattern(LogKind::Filesystem, "EXT4-fs (", &["): error count since last fsck: "]),
    // fs/jbd2/journal.c, __jbd2_journal_abort_hard, later jbd2_journal_abort.
    Pattern(LogKind::Filesystem, "Aborting journal on device ", &[]),
    // fs/xfs/xfs_fsops.c, xfs_do_force_shutdown: `Corruption of in-memory data detected.  Shutting down filesystem`,
    // later `Corruption of in-memory data (0x8) detected at …` and `Filesystem has been shut down due to log error (0x2).`
    Pattern(LogKind::Filesystem, "XFS (", &["hutting down filesystem"]),
    Pattern(LogKind::Filesystem, "XFS (", &["ilesystem has been shut down"]),
    // fs/xfs/xfs_error.c, xfs_buf_verifier_error and xfs_inode_verifier_error: `Metadata corruption detected at`,
    // `Metadata CRC error detected at`; xfs_error_report: `Internal error …`.
    Pattern(LogKind::Filesystem, "XFS (", &["): Metadata ", " detected at "]),
    Pattern(LogKind::Filesystem, "XFS (", &["): Internal error "]),
    // fs/xfs/xfs_buf.c, xfs_buf_ioerror_alert: `metadata I/O error in "…" at daddr` (4.x: `metadata I/O error: block`);
    // fs/xfs/xfs_log.c, xlog_ioend_work: `log I/O error -5`.
    Pattern(LogKind::Filesystem, "XFS (", &["): metadata I/O error"]),
    Pattern(LogKind::Filesystem, "XFS (", &["): log I/O error"]),
    // fs/btrfs/messages.c (before that file fs/btrfs/super.c), _btrfs_printk and __btrfs_handle_fs_error;
    // fs/btrfs/btrfs_inode.h, btrfs_print_data_csum_error: `csum failed root 5 ino 257 off 0 csum 0x…`.
    Pattern(LogKind::Filesystem, "BTRFS error (device ", &[]),
    Pattern(LogKind::Filesystem, "BTRFS critical (device ", &[]),
    Pattern(LogKind::Filesystem, "BTRFS: error (device ", &[]),
    Pattern(LogKind::Filesystem, "BTRFS warning (device ", &["csum failed"]),
    // drivers/md/raid1.c, raid5.c, raid10.c, the error handlers.
    Pattern(LogKind::Disk, "md/raid", &[": Disk failure on "]),
    // drivers/nvme/host/pci.c, nvme_timeout: `I/O 12 QID 3 timeout, aborting`, later `I/O tag 12 (…) opcode 0x2 (Read)
    // QID 3 timeout, aborting req_op:…`; nvme_warn_reset.
    Pattern(LogKind::Disk, "nvme nvme", &[" QID ", " timeout, "]),
    Pattern(LogKind::Disk, "nvme nvme", &[": controller is down; will reset"]),
    // drivers/ata/libata-eh.c, ata_eh_link_report.
    Pattern(LogKind::Disk, "ata", &[": exception Emask "]),
    // drivers/edac/edac_mc.c, edac_ue_error and edac_ce_error: `EDAC MC0: 1 CE memory read error on …`.
    Pattern(LogKind::Hardware, "EDAC MC", &[" UE "]),
    Pattern(LogKind::Corrected, "EDAC MC", &[" CE "]),
    // mm/memory-failure.c, action_result: `Memory failure: 0x1234: recovery action for dirty LRU page: Recovered`.
    Pattern(LogKind::Hardware, "Memory failure: 0x", &[": recovery action for "]),
];

/// What stands in front of some texts in some versions.
const PREFIXES: [&str; 3] = ["NMI watchdog: ", "watchdog: ", "rcu: "];

/// What stands somewhere in a line, not at its start.
const REQUEST: &str = " error, dev ";
const HARDWARE: &str = "[Hardware Error]: ";
const PCIE: &str = "PCIe Bus Error: severity=Uncorrect";
const OOPS: &str = "[#";

/// Classifies the lines of one log. What is not in the whole log is looked for in none of its lines: a search in each of
/// them costs more than all the rest of a run.
pub(super) struct Classifier {
    has: [bool; 3],
}

impl Classifier {
    /// For the lines of this log.
    pub(super) fn of(log: &[u8]) -> Self {
        let has = |parts: &[&str]| parts.iter().any(|part| memmem::find(log, part.as_bytes()).is_some());
        Self { has: [has(&[REQUEST]), has(&[HARDWARE, PCIE]), has(&[OOPS])] }
    }

    /// What a line tells of; nothing for the very most.
    pub(super) fn classify(&self, line: &str) -> Option<LogKind> {
        let text = without_prefixes(line);
        let [request, hardware, oops] = self.has;
        begins(text)
            .or_else(|| request.then(|| request_error(text)).flatten())
            .or_else(|| buffer_error(text))
            .or_else(|| hardware.then(|| reported(text)).flatten())
            .or_else(|| oops.then(|| died(text)).flatten())
    }
}

fn without_prefixes(line: &str) -> &str {
    let mut text = line;
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        text = rest;
    }
    without_cpu(text)
}

/// By its beginning, and what follows that.
fn begins(text: &str) -> Option<LogKind> {
    let first = text.as_bytes().first();
    let fits = |pattern: &&Pattern| {
        // Most lines differ from most patterns in the first letter.
        let rest = if first == pattern.1.as_bytes().first() { text.strip_prefix(pattern.1) } else { None };
        rest.is_some_and(|rest| pattern.2.iter().try_fold(rest, |rest, part| after(rest, part)).is_some())
    };
    PATTERNS.iter().find(fits).map(|pattern| pattern.0)
}

fn after<'a>(text: &'a str, part: &str) -> Option<&'a str> {
    text.split_once(part).map(|(_, rest)| rest)
}

/// `CPU3: Watchdog detected…`.
fn without_cpu(text: &str) -> &str {
    let number_and_rest = text.strip_prefix("CPU").and_then(|rest| rest.split_once(": "));
    match number_and_rest {
        Some((number, rest)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => text,
    }
}

/// What requests end with that says nothing of the disk's health: it was asked for something that it never could, or has
/// no room for more at once (`blk_errors` of block/blk-core.c).
const HARMLESS: [&str; 8] = [
    "operation not supported",
    "critical nexus",
    "reservation conflict",
    "kernel resource",
    "device resource",
    "nonblocking retry",
    "open zones exceeded",
    "active zones exceeded",
];
/// Requests that many disks refuse although they say that they can do them.
const OPTIONAL: [&str; 4] = ["(DISCARD)", "(SECURE_ERASE)", "(WRITE_SAME)", "(WRITE_ZEROES)"];

/// block/blk-core.c, print_req_error, later blk-mq.c, blk_print_req_error: `I/O error, dev sda, sector 2048`, with
/// `end_request: ` (3.x), `blk_update_request: ` or `print_req_error: ` (4.x and 5.x) in front, and later ` op 0x0:(READ) flags 0x0 …` behind.
fn request_error(text: &str) -> Option<LogKind> {
    let (error, rest) = text.split_once(REQUEST)?;
    let (device, request) = rest.split_once(", sector ")?;
    let error = error.rsplit(": ").next().unwrap_or(error);
    let is_harmless =
        HARMLESS.contains(&error) || OPTIONAL.iter().any(|operation| request.contains(operation));
    (!is_harmless && !is_removable(device)).then_some(LogKind::Disk)
}

/// fs/buffer.c, buffer_io_error: `Buffer I/O error on dev sda1, logical block 0, async page read` (3.x: `on device`).
fn buffer_error(text: &str) -> Option<LogKind> {
    let (_, device) = text.strip_prefix("Buffer I/O error on dev")?.split_once(' ')?;
    (!is_removable(device.split(',').next().unwrap_or(device))).then_some(LogKind::Disk)
}

/// A floppy or an optical drive: empty ones of virtual machines give errors whenever somebody looks for a medium.
fn is_removable(device: &str) -> bool {
    let number = device.strip_prefix("fd").or_else(|| device.strip_prefix("sr"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// `[Hardware Error]` (HW_ERR of include/linux/printk.h): arch/x86/kernel/cpu/mce/core.c (`Machine check events logged`,
/// `CPU 0: Machine Check: 0 Bank 5: …`), drivers/edac/mce_amd.c, drivers/firmware/efi/cper.c (`event severity: …`); and
/// drivers/pci/pcie/aer.c, aer_print_error (`Uncorrected (Fatal)`, later `Uncorrectable (Fatal)`).
fn reported(text: &str) -> Option<LogKind> {
    let Some((before, report)) = text.split_once(HARDWARE) else {
        return text.contains(PCIE).then_some(LogKind::Hardware);
    };
    let kind = match report.trim_start().strip_prefix("event severity: ") {
        Some("corrected" | "info") => LogKind::Corrected,
        // `{1}[Hardware Error]: …`: the particulars of an event whose severity is told in a line of its own.
        None if before.starts_with('{') => return None,
        None if report.starts_with("Corrected error") => LogKind::Corrected,
        _ => LogKind::Hardware,
    };
    Some(kind)
}

/// The number that every architecture counts its oopses with: `Oops: 0002 [#1] SMP` (x86, arch/x86/kernel/dumpstack.c,
/// later `Oops: Oops: …` and `Oops: general protection fault, …`), `general protection fault: 0000 [#1]`,
/// `invalid opcode: 0000 [#1]`, `Internal error: Oops: 96000004 [#1]` (arch/arm64/kernel/traps.c).
fn died(text: &str) -> Option<LogKind> {
    let (number, _) = after(text, OOPS)?.split_once(']')?;
    (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(LogKind::Oops)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn classify(line: &str) -> Option<LogKind> {
        Classifier::of(line.as_bytes()).classify(line)
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn lines_of_many_versions() {
        use LogKind::{CgroupOom, Corrected, Disk, Filesystem, Hardware, HungTask, Lockup, Oom, Oops};
        for (line, kind) in [
            // 4.19
            ("Out of memory: Kill process 3121 (java) score 912 or sacrifice child", Some(Oom)),
            (
                "Memory cgroup out of memory: Kill process 99 (node) score 1974 or sacrifice child",
                Some(CgroupOom),
            ),
            (
                "Killed process 3121 (java) total-vm:8093640kB, anon-rss:3991396kB, file-rss:0kB, shmem-rss:0kB",
                None,
            ),
            // 6.18
            (
                "Out of memory: Killed process 3121 (java) total-vm:8093640kB, anon-rss:3991396kB, file-rss:0kB, \
                 shmem-rss:0kB, UID:1000 pgtables:9000kB oom_score_adj:0",
                Some(Oom),
            ),
            ("Out of memory (oom_kill_allocating_task): Killed process 3 (x) total-vm:1kB", Some(Oom)),
            (
                "Memory cgroup out of memory: Killed process 99 (node) total-vm:1kB, anon-rss:1kB",
                Some(CgroupOom),
            ),
            ("Memory cgroup out of memory: OOM victim 9 (x) is already exiting. Skip killing the task", None),
            ("Out of memory: OOM victim 9 (x) is already exiting. Skip killing the task", None),
            (
                "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,task=x,pid=9,uid=0",
                None,
            ),
            ("java invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0", None),
            ("oom_reaper: reaped process 9 (x), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB", None),
            ("OOM killer enabled.", None),
            // kernel/hung_task.c
            ("INFO: task jbd2/sda1-8:251 blocked for more than 120 seconds.", Some(HungTask)),
            ("INFO: task kworker/u8:2 (x):44 blocked for more than 241 seconds.", Some(HungTask)),
            ("INFO: task dd:251 blocked in I/O wait for more than 122 seconds.", Some(HungTask)),
            ("INFO: task dd:251 is blocked on a mutex likely owned by task cat:252.", None),
            (
                "INFO: task dd:251 <reader> blocked on an rw-semaphore likely owned by task cat:252 <writer>",
                None,
            ),
            ("Future hung task reports are suppressed, see sysctl kernel.hung_task_warnings", None),
            // kernel/watchdog.c, kernel/rcu
            ("BUG: soft lockup - CPU#3 stuck for 22s! [kworker/3:1:88]", Some(Lockup)),
            ("NMI watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [x:88]", Some(Lockup)),
            ("watchdog: BUG: soft lockup - CPU#0 stuck for 23s! [swapper/0:1]", Some(Lockup)),
            ("NMI watchdog: Watchdog detected hard LOCKUP on cpu 1", Some(Lockup)),
            ("watchdog: CPU3: Watchdog detected hard LOCKUP on cpu 3", Some(Lockup)),
            ("NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.", None),
            ("INFO: rcu_sched self-detected stall on CPU", Some(Lockup)),
            ("INFO: rcu_sched detected stalls on CPUs/tasks:", Some(Lockup)),
            ("rcu: INFO: rcu_preempt self-detected stall on CPU", Some(Lockup)),
            ("rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:", Some(Lockup)),
            (
                "rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 0-... } 5696 jiffies",
                Some(Lockup),
            ),
            ("rcu: \tRCU event tracing is enabled.", None),
            ("BUG: workqueue lockup - pool cpus=4 node=0 flags=0x0 nice=0 stuck for 30s!", Some(Lockup)),
            // fs
            (
                "EXT4-fs error (device sda1): ext4_lookup:1609: inode #2: comm ls: deleted inode",
                Some(Filesystem),
            ),
            (
                "EXT4-fs error (device sda1) in ext4_reserve_inode_write:5625: Journal has aborted",
                Some(Filesystem),
            ),
            ("EXT4-fs (sda1): Remounting filesystem read-only", Some(Filesystem)),
            (
                "EXT4-fs (sda): warning: mounting fs with errors, running e2fsck is recommended",
                Some(Filesystem),
            ),
            ("EXT4-fs (loop0): error count since last fsck: 1", Some(Filesystem)),
            ("EXT4-fs (sda1): mounted filesystem with ordered data mode. Opts: errors=remount-ro", None),
            ("EXT4-fs (sda1): re-mounted. Opts: errors=remount-ro", None),
            ("Aborting journal on device sda1-8.", Some(Filesystem)),
            (
                "XFS (dm-4): Corruption of in-memory data detected.  Shutting down filesystem",
                Some(Filesystem),
            ),
            (
                "XFS (vda3): Metadata I/O Error (0x4) detected at xfs_x+0x4b/0x180 [xfs].  Shutting down filesystem.",
                Some(Filesystem),
            ),
            ("XFS (loop0): Filesystem has been shut down due to log error (0x2).", Some(Filesystem)),
            (
                "XFS (sdb1): Metadata corruption detected at xfs_inode_buf_verify+0x15e/0x180 [xfs], xfs_inode block 0x80",
                Some(Filesystem),
            ),
            (
                "XFS (sdb1): Metadata CRC error detected at xfs_agi_read_verify+0x8f/0xf0 [xfs]",
                Some(Filesystem),
            ),
            (
                "XFS (dm-0): metadata I/O error in \"xfs_btree_read_buf_block+0xb7/0xf0\" at daddr 0x1 len 8 error 5",
                Some(Filesystem),
            ),
            (
                "XFS (dm-0): metadata I/O error: block 0x1 (\"xfs_trans_read_buf_map\") error 5 numblks 8",
                Some(Filesystem),
            ),
            ("XFS (loop0): log I/O error -5", Some(Filesystem)),
            ("XFS (vda3): Ending clean mount", None),
            ("XFS (vda3): Metadata not in use", None),
            ("BTRFS error (device sdb1): bad tree block start, want 3 have 0", Some(Filesystem)),
            ("BTRFS critical (device sdb1): corrupt leaf: root=1 block=2", Some(Filesystem)),
            (
                "BTRFS: error (device sdb1) in btrfs_commit_transaction:2277: errno=-5 IO failure",
                Some(Filesystem),
            ),
            (
                "BTRFS warning (device sdb1): csum failed root 5 ino 257 off 0 csum 0x1 expected csum 0x2 mirror 1",
                Some(Filesystem),
            ),
            ("BTRFS info (device sdb1): using crc32c (crc32c-intel) checksum algorithm", None),
            // block
            ("end_request: I/O error, dev sda, sector 2048", Some(Disk)),
            ("blk_update_request: I/O error, dev sda, sector 2048", Some(Disk)),
            ("print_req_error: critical medium error, dev sdb, sector 123456 flags 80700", Some(Disk)),
            (
                "blk_update_request: I/O error, dev nvme0n1, sector 1 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 0",
                Some(Disk),
            ),
            ("I/O error, dev sda, sector 2048 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2", Some(Disk)),
            ("timeout error, dev vda, sector 9 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2", Some(Disk)),
            (
                "blk_update_request: I/O error, dev fd0, sector 0 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0",
                None,
            ),
            ("I/O error, dev sr0, sector 0 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 2", None),
            ("operation not supported error, dev loop0, sector 9 op 0x9:(WRITE_ZEROES) flags 0x0", None),
            (
                "blk_update_request: operation not supported error, dev vdb, sector 9 op 0x0:(READ) flags 0x0",
                None,
            ),
            (
                "critical target error, dev sda, sector 9 op 0x3:(DISCARD) flags 0x4000 phys_seg 1 prio class 2",
                None,
            ),
            ("Buffer I/O error on dev dm-1, logical block 243952, async page read", Some(Disk)),
            ("Buffer I/O error on device sda1, logical block 0", Some(Disk)),
            ("Buffer I/O error on dev fd0, logical block 0, async page read", None),
            ("md/raid1:md0: Disk failure on sdb1, disabling device.", Some(Disk)),
            ("md/raid1:md0: active with 2 out of 2 mirrors", None),
            ("nvme nvme0: I/O 120 QID 3 timeout, aborting", Some(Disk)),
            (
                "nvme nvme0: I/O tag 120 (b078) opcode 0x2 (Read) QID 3 timeout, aborting req_op:READ(0) size:4096",
                Some(Disk),
            ),
            ("nvme nvme0: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0xffff", Some(Disk)),
            ("nvme nvme0: 4/0/0 default/read/poll queues", None),
            ("ata1.00: exception Emask 0x0 SAct 0x0 SErr 0x0 action 0x6 frozen", Some(Disk)),
            ("ata1: SATA max UDMA/133 abar m4096@0xfebf1000 port 0xfebf1100 irq 24", None),
            // hardware
            ("mce: [Hardware Error]: Machine check events logged", Some(Hardware)),
            ("mce: [Hardware Error]: CPU 2: Machine Check: 0 Bank 4: e600000000020408", Some(Hardware)),
            ("[Hardware Error]: Corrected error, no action required.", Some(Corrected)),
            ("{1}[Hardware Error]: event severity: corrected", Some(Corrected)),
            ("{1}[Hardware Error]: event severity: recoverable", Some(Hardware)),
            ("[Hardware Error]: event severity: fatal", Some(Hardware)),
            ("{1}[Hardware Error]:  Error 0, type: corrected", None),
            ("mce: CPU0: Thermal monitoring enabled (TM1)", None),
            ("EDAC MC0: 1 CE memory read error on CPU_SrcID#0_Ha#0_Chan#1_DIMM#0", Some(Corrected)),
            ("EDAC MC0: 1 UE memory read error on unknown label", Some(Hardware)),
            ("EDAC MC0: Giving out device to module skx_edac controller Skylake Socket#0 IMC#0", None),
            ("Memory failure: 0x61646: recovery action for dirty LRU page: Recovered", Some(Hardware)),
            (
                "pcieport 0000:00:1c.0: PCIe Bus Error: severity=Uncorrected (Non-Fatal), type=Transaction Layer",
                Some(Hardware),
            ),
            (
                "pcieport 0000:00:1c.0: PCIe Bus Error: severity=Uncorrectable (Fatal), type=Transaction Layer",
                Some(Hardware),
            ),
            ("pcieport 0000:00:1c.0: PCIe Bus Error: severity=Corrected, type=Physical Layer", None),
            // oops
            ("Oops: 0002 [#1] SMP PTI", Some(Oops)),
            ("Oops: Oops: 0000 [#1] PREEMPT SMP NOPTI", Some(Oops)),
            (
                "Oops: general protection fault, probably for non-canonical address 0x1: 0000 [#12] SMP",
                Some(Oops),
            ),
            ("general protection fault: 0000 [#1] SMP", Some(Oops)),
            ("invalid opcode: 0000 [#1] PREEMPT SMP KASAN", Some(Oops)),
            ("Internal error: Oops: 96000004 [#1] SMP", Some(Oops)),
            ("BUG: kernel NULL pointer dereference, address: 0000000000000008", None),
            ("usb 1-1: config [#x] unknown", None),
            ("", None),
        ] {
            assert_eq!(classify(line), kind, "{line}");
        }
    }

    #[test]
    fn words() {
        for kind in LogKind::ALL {
            assert_eq!(LogKind::of_word(kind.word()), Some(kind));
        }
        assert_eq!(LogKind::of_word("x"), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,120}") {
            let _ = classify(&text);
        }

        #[test]
        fn never_panics_on_pieces(parts in proptest::collection::vec(
            prop_oneof![Just("CPU"), Just(": "), Just("[#"), Just("]"), Just("[Hardware Error]: "), Just(" error, dev "),
                Just(", sector "), Just("Buffer I/O error on dev"), Just(" "), Just("é"), Just("rcu: ")], 0..8)) {
            let _ = classify(&parts.concat());
        }
    }
}
