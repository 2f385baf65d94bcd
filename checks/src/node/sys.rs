//! The system calls for which rustix has no safe wrapper, each asked without changing anything: bpf(2) with
//! BPF_PROG_QUERY and BPF_PROG_LOAD, perf_event_open(2) for a cgroup, adjtimex(2), syslog(2) and clock_gettime(2); and what the
//! C library is told of memory.
//!
//! Numbers and layouts are those of include/uapi/linux/bpf.h and include/uapi/linux/perf_event.h; libc has neither.
//! The kernel takes the first, shorter forms of both structures on every version, and reads the rest as zero.

// The one file that may: whatever else is asked of the kernel goes through rustix.
#![allow(unsafe_code)]

use rustix::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::{ffi::CStr, io};

/// `enum bpf_cmd`.
const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_PROG_QUERY: libc::c_long = 16;
/// `enum bpf_attach_type`.
const BPF_CGROUP_DEVICE: u32 = 6;
/// `enum bpf_prog_type`.
const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;

/// `enum perf_type_id`.
const PERF_TYPE_SOFTWARE: u32 = 1;
/// `enum perf_sw_ids`: a clock in software. Hardware counters are missing (ENOENT) in many virtual machines.
const PERF_COUNT_SW_CPU_CLOCK: u64 = 0;
/// The `pid` is a directory of a cgroup; the descriptor is closed on exec.
const PERF_FLAG_PID_CGROUP: libc::c_ulong = 1 << 2;
const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 1 << 3;
/// include/linux/syslog.h: reads the whole log and leaves it as it is. (4 and 5 would clear it.)
const SYSLOG_ACTION_READ_ALL: libc::c_long = 3;
/// The bit field `disabled`, the first of its word.
const PERF_DISABLED: u64 = if cfg!(target_endian = "big") { 1 << 63 } else { 1 };

/// `union bpf_attr`, the part `query`, as of Linux 4.15.
#[repr(C)]
struct QueryAttr {
    target_fd: RawFd,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    prog_cnt: u32,
    /// The size is a multiple of eight: no byte of what is handed over is left unset.
    padding: u32,
}

/// `union bpf_attr`, the part of BPF_PROG_LOAD, as of Linux 4.15 (before `prog_name`).
#[repr(C)]
struct LoadAttr {
    prog_type: u32,
    insn_cnt: u32,
    /// The address of the instructions, and that of a C string.
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
}

/// `struct bpf_insn`.
#[repr(C)]
struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

/// `struct perf_event_attr` in its first form, PERF_ATTR_SIZE_VER0: 64 bytes.
#[repr(C)]
#[derive(Default)]
struct PerfAttr {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    breakpoint_type: u32,
    breakpoint_address: u64,
}

const _: () = assert!(size_of::<QueryAttr>() == 32 && size_of::<PerfAttr>() == 64);
const _: () = assert!(size_of::<LoadAttr>() == 48 && size_of::<Instruction>() == 8);

/// Has all threads take their memory from one place. glibc makes one for every thread, and grows it page by page: that was 57 of
/// 794 system calls and 256 KiB of a run, in which one thread works and the others wait (measured with 2.36).
pub fn share_memory_among_threads() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes two numbers and touches nothing of ours; where it refuses, all stays as it was.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// How many programs that control access to devices are attached to a cgroup. It takes CAP_NET_ADMIN, on older kernels
/// with `kernel.unprivileged_bpf_disabled` CAP_BPF as well (measured on 6.18; kernel/bpf/syscall.c, `bpf_prog_query`).
///
/// # Errors
/// EINVAL where the kernel has no such programs, EBADF where `cgroup` is no cgroup of version 2, ENOSYS without bpf(2).
pub(super) fn count_device_programs(cgroup: BorrowedFd<'_>) -> io::Result<u32> {
    let mut attr = QueryAttr {
        target_fd: cgroup.as_raw_fd(),
        attach_type: BPF_CGROUP_DEVICE,
        query_flags: 0,
        attach_flags: 0,
        prog_ids: 0,
        prog_cnt: 0,
        padding: 0,
    };
    // SAFETY: the kernel reads and writes at most the given size of `attr`, which is its own, has no padding, and
    // outlives the call; `prog_ids` is null with a count of zero, so no identifier is written anywhere.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_PROG_QUERY, &raw mut attr, size_of::<QueryAttr>() as libc::c_ulong)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(attr.prog_cnt) }
}

/// Loads a program that would allow every access to devices, attaches it to nothing, and lets it go at once. It takes
/// CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN.
///
/// # Errors
/// EINVAL where the kernel has no such programs, EPERM where this process may load none, ENOSYS without bpf(2).
pub(super) fn load_device_program() -> io::Result<()> {
    // r0 = 1 (BPF_ALU64 | BPF_MOV | BPF_K); exit (BPF_JMP | BPF_EXIT).
    let program = [
        Instruction { code: 0xb7, registers: 0, offset: 0, immediate: 1 },
        Instruction { code: 0x95, registers: 0, offset: 0, immediate: 0 },
    ];
    let license: &CStr = c"GPL";
    let attr = LoadAttr {
        prog_type: BPF_PROG_TYPE_CGROUP_DEVICE,
        insn_cnt: 2,
        insns: program.as_ptr().expose_provenance() as u64,
        license: license.as_ptr().expose_provenance() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: 0,
    };
    // SAFETY: the kernel only reads: `attr` in the given size, two instructions, which is how many there are, and the
    // licence up to its NUL. All of them outlive the call.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw const attr, size_of::<LoadAttr>() as libc::c_ulong)
    };
    // SAFETY: what BPF_PROG_LOAD returns is a new descriptor, and nobody else's.
    unsafe { descriptor(result) }.map(drop)
}

/// Opens an event that would count, on the first processor, the time of the processes of a cgroup; it is disabled, so
/// it counts nothing, and is let go at once. It takes CAP_PERFMON or CAP_SYS_ADMIN where
/// `kernel.perf_event_paranoid` is above zero.
///
/// # Errors
/// ENOENT where the hierarchy of `cgroup` has no perf_event, EINVAL where the kernel has none at all, EBADF where
/// `cgroup` is no cgroup, EACCES or EPERM where this process may not ask, ENOSYS without perf_event_open(2).
pub(super) fn open_cgroup_event(cgroup: BorrowedFd<'_>) -> io::Result<()> {
    let attr = PerfAttr {
        kind: PERF_TYPE_SOFTWARE,
        size: 64,
        config: PERF_COUNT_SW_CPU_CLOCK,
        flags: PERF_DISABLED,
        ..PerfAttr::default()
    };
    let (first_cpu, no_group): (libc::c_long, libc::c_long) = (0, -1);
    // SAFETY: the kernel reads the 64 bytes that `attr` says it has and keeps no pointer to it; the rest are numbers.
    let result = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attr,
            libc::c_long::from(cgroup.as_raw_fd()),
            first_cpu,
            no_group,
            PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC,
        )
    };
    // SAFETY: what perf_event_open returns is a new descriptor, and nobody else's.
    unsafe { descriptor(result) }.map(drop)
}

/// What the kernel knows of its clock: `ok, state=0 status=8193 maxerror=16000 esterror=200`, errors in microseconds. It
/// takes no privilege.
///
/// # Errors
/// Where the call is refused (a seccomp filter).
pub(super) fn read_clock() -> io::Result<String> {
    // SAFETY: all fields are numbers, for which zero is a value; `modes` zero asks for a reading (adjtimex(2)).
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills `timex`, which is of the size that it expects, and keeps no pointer to it.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    let (status, max, estimated) = (timex.status, timex.maxerror, timex.esterror);
    Ok(format!("ok, state={state} status={status} maxerror={max} esterror={estimated}"))
}

/// The text of the kernel's log, its last `limit` bytes of whole records at most; what `dmesg --clear` has hidden is not in
/// it. It takes CAP_SYSLOG where `kernel.dmesg_restrict` is 1, else nothing (kernel/printk/printk.c,
/// `check_syslog_permissions`).
///
/// # Errors
/// EPERM where this process may not read it, or a seccomp filter forbids it; ENOSYS in a kernel without CONFIG_PRINTK.
pub(super) fn read_kernel_log(limit: usize) -> io::Result<Vec<u8>> {
    let mut text = vec![0_u8; limit];
    let size = libc::c_long::try_from(limit).map_err(io::Error::other)?;
    // SAFETY: the kernel writes at most `size` bytes to `text`, which has that many and outlives the call.
    let read = unsafe { libc::syscall(libc::SYS_syslog, SYSLOG_ACTION_READ_ALL, text.as_mut_ptr(), size) };
    match usize::try_from(read) {
        Ok(read) => {
            text.truncate(read);
            Ok(text)
        }
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// The time since boot without that of sleep, as in the kernel's log (`local_clock`), but for what the two clocks drift apart.
/// No system call where there is a vDSO.
///
/// # Errors
/// None on Linux.
pub(super) fn micros_since_boot() -> io::Result<u64> {
    // SAFETY: both fields are numbers, for which zero is a value.
    let mut now: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills `now`, which is of the size that it expects, and keeps no pointer to it.
    if unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let (seconds, nanos) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
    Ok(seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000))
}

/// The descriptor that a system call returned, or its error.
///
/// # Safety
/// A result that is not negative is an open descriptor that nobody else owns.
unsafe fn descriptor(result: libc::c_long) -> io::Result<OwnedFd> {
    match RawFd::try_from(result) {
        // SAFETY: as the caller promises.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{self, Mode, OFlags};

    fn directory(path: &str) -> OwnedFd {
        fs::open(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
    }

    /// Without the privilege, or behind a seccomp filter, the kernel says so before it looks at anything.
    fn refused(error: &io::Error) -> bool {
        matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES | libc::ENOSYS))
    }

    #[test]
    fn a_directory_that_is_no_cgroup_is_a_bad_descriptor() {
        use rustix::fd::AsFd as _;
        let tmp = tempfile::tempdir().unwrap();
        let tmp = directory(tmp.path().to_str().unwrap());
        for error in
            [count_device_programs(tmp.as_fd()).unwrap_err(), open_cgroup_event(tmp.as_fd()).unwrap_err()]
        {
            assert!(
                refused(&error) || matches!(error.raw_os_error(), Some(libc::EBADF | libc::EINVAL)),
                "{error}"
            );
        }
    }

    #[test]
    fn loading_leaves_no_descriptor_open() {
        let open = || fs::Dir::new(directory("/proc/self/fd")).map(Iterator::count);
        // Other tests of this process open files at the same time: it has to be even once.
        let even = (0..50).any(|_| {
            let before = open().unwrap();
            if let Err(error) = load_device_program() {
                assert!(refused(&error) || error.raw_os_error() == Some(libc::EINVAL), "{error}");
            }
            open().unwrap() == before
        });
        assert!(even);
    }
}
