//! What a policy may say of `kernel-log`, and its documentation.

use crate::duration::Duration;
use schemars::JsonSchema;
use serde::Deserialize;

/// The kernel's log tells of no trouble so far.
///
/// ## What it looks at
/// The kernel's ring buffer, which syslog(2) gives as a whole with one call (`dmesg` shows the same), and of it the lines that
/// the kernel itself wrote: processes killed because the machine had no memory left, tasks that hung, processors that got
/// stuck (soft and hard lockups, stalls of RCU and workqueues), oopses, errors of file systems and disks, and what the
/// hardware reports (machine checks, EDAC, APEI, PCIe). Nothing is taken out of the log. Only as much of it is quoted as shows
/// the trouble: the first and the last line of a kind, cut, in printable characters.
///
/// `none` passes. `killed`, `hung`, `stuck`, `oopsed`, `errors`, and `corrected` for errors that the hardware corrected, warn.
/// Processes killed at the limit of their cgroup are a container's own affair: `in-cgroups-only` passes and names them. Errors
/// of floppy and optical drives, and requests that a disk merely does not know, do not count.
///
/// A log that has lost its beginning passes when it reaches back an hour, and the finding says from when on it was seen. Where
/// it may not be read, `oom` can still pass: the kernel counts the processes that it killed (/proc/vmstat). Where the kernel
/// does not look for tasks that hang, they are not judged; where it has written its last report of them, it is not known.
///
/// ## Why it matters
/// A node that kills processes, whose disks give errors or whose memory fails does so again once it has work, and takes pods
/// and etcd's data with it. node-problem-detector tells that of a node in the cluster; this tells it before.
///
/// ## How to mend it
/// By what the line says: find who uses the memory; `smartctl -a` for a disk; the file system's own check while it is not
/// mounted; firmware, kernel or the overloaded host for processors; replace what the hardware names. What is mended stays in
/// the log until it is too old (`within`) or the node boots again.
///
/// ## Sources
/// syslog(2); Linux kernel/printk/printk.c (check_syslog_permissions, record_print_text), Documentation/ABI/testing/dev-kmsg;
/// mm/oom_kill.c, kernel/hung_task.c (ten reports at most, kernel.hung_task_warnings), kernel/watchdog.c,
/// kernel/rcu/tree_stall.h, fs/ext4/super.c, fs/xfs/xfs_fsops.c, block/blk-mq.c, drivers/edac/edac_mc.c,
/// arch/x86/kernel/cpu/mce/core.c: each text with its versions is in checks/src/node/probe/kernel_log/patterns.rs. Which
/// troubles count: kubernetes/node-problem-detector, config/kernel-monitor.json and readonly-monitor.json, which do not tell
/// processes killed at the limit of a cgroup from those for which the machine had no memory.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct KernelLogParams {
    /// How far back a line counts, by its time. Default: 24h, which is the most.
    pub within: Duration,
    /// What is not judged. Default: nothing.
    pub ignore: Vec<KernelTrouble>,
}

impl Default for KernelLogParams {
    fn default() -> Self {
        Self { within: Duration::from_millis(24 * 60 * 60 * 1000), ignore: Vec::new() }
    }
}

/// A trouble that the kernel's log may tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KernelTrouble {
    /// Processes killed because the machine had no memory left.
    Oom,
    /// Tasks that hung.
    HungTasks,
    /// Processors, workqueues and RCU that got stuck.
    Lockups,
    /// Mistakes of the kernel itself.
    Oopses,
    /// Errors of file systems.
    Filesystems,
    /// Errors of disks.
    Disks,
    /// Errors that the hardware reported.
    Hardware,
}
