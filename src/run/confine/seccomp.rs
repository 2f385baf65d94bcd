//! seccomp: the system calls that change a machine fail with EPERM (Documentation/userspace-api/seccomp_filter.rst).
//!
//! A list of what is denied, not of what is allowed: a C library may use other calls tomorrow to the same end, and a run must not
//! fail for that. What Landlock denies by path is denied here by the call itself, on kernels without Landlock as well.

use super::Confinement;
use preflight_checks::node::Allow;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use std::{collections::BTreeMap, env::consts::ARCH};

/// What no run does, whatever it may do.
const NEVER: &[libc::c_long] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_fsmount,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_ptrace,
    libc::SYS_process_vm_writev,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mknodat,
    libc::SYS_fchownat,
    libc::SYS_fchown,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mknod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
];

/// What changes directories and files, unless it may write.
const WRITING: &[libc::c_long] = &[
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_mkdirat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_utimensat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
];

/// What is done to and by programs, unless they may be started.
const EXECUTING: &[libc::c_long] = &[libc::SYS_execve, libc::SYS_execveat];

/// Filters what this thread asks of the kernel; how, or why not.
pub(super) fn filter(run: &Confinement) -> Result<String, String> {
    let program = program(run)?;
    seccompiler::apply_filter(&program).map_err(|e| e.to_string())?;
    Ok(format!("a filter of {} instructions", program.len()))
}

fn program(run: &Confinement) -> Result<BpfProgram, String> {
    let architecture = ARCH.try_into().map_err(|_| format!("there are no filters for {ARCH}"))?;
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let rules = rules(run).map_err(|e| e.to_string())?;
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, architecture)
        .and_then(TryInto::try_into)
        .map_err(|e| e.to_string())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn rules(run: &Confinement) -> Result<Rules, seccompiler::BackendError> {
    let mut denied: Vec<libc::c_long> = NEVER.to_vec();
    if !run.may(Allow::Write) {
        denied.extend(WRITING);
    }
    if !run.may(Allow::Exec) {
        denied.extend(EXECUTING);
    }
    let mut rules: Rules = denied.into_iter().map(|call| (call, Vec::new())).collect();
    if !run.may(Allow::Exec) {
        // Devices are none of a run's business; a socket that does not block is how it waits no longer than it may.
        let other = condition(1, SeccompCmpOp::Ne, libc::FIONBIO)?;
        rules.insert(libc::SYS_ioctl, vec![SeccompRule::new(vec![other])?]);
    }
    // Landlock knows what a started program writes to; a filter does not.
    if !run.may(Allow::Write) && !run.may(Allow::Exec) {
        open_for_writing(&mut rules, run.under_root)?;
    }
    if !run.may(Allow::Network) {
        // Sockets of this machine only: AF_UNIX, and AF_NETLINK to the kernel.
        let other = |family: libc::c_int| condition(0, SeccompCmpOp::Ne, number(family));
        let rule = SeccompRule::new(vec![other(libc::AF_UNIX)?, other(libc::AF_NETLINK)?])?;
        rules.insert(libc::SYS_socket, vec![rule]);
    }
    // Programs for a query and to see whether one could be loaded; nothing of maps, links and attaching.
    let other = |command: u64| condition(0, SeccompCmpOp::Ne, command);
    rules.insert(libc::SYS_bpf, vec![SeccompRule::new(vec![other(BPF_PROG_LOAD)?, other(BPF_PROG_QUERY)?])?]);
    Ok(rules)
}

/// include/uapi/linux/bpf.h, `enum bpf_cmd`.
const BPF_PROG_LOAD: u64 = 5;
const BPF_PROG_QUERY: u64 = 16;

/// Opening a file with any flag that writes or makes it.
fn open_for_writing(rules: &mut Rules, under_root: bool) -> Result<(), seccompiler::BackendError> {
    let with = |argument: u8, flag: libc::c_int| {
        let flag = number(flag);
        SeccompRule::new(vec![condition(argument, SeccompCmpOp::MaskedEq(flag), flag)?])
    };
    let all = |argument: u8| {
        [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC]
            .into_iter()
            .map(move |flag| with(argument, flag))
    };
    rules.insert(libc::SYS_openat, all(2).collect::<Result<_, _>>()?);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, all(1).collect::<Result<_, _>>()?);
    // Its flags are in memory, where a filter does not see them. Only paths under a root take it.
    if !under_root {
        rules.insert(libc::SYS_openat2, Vec::new());
    }
    Ok(())
}

fn condition(
    argument: u8,
    op: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, Dword, op, value)
}

fn number(flag: libc::c_int) -> u64 {
    u64::from(flag.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use preflight_checks::node::Origin;

    #[test]
    fn every_allowance_makes_a_filter() {
        let run = |allowed: &[Allow], origin| {
            Confinement::new(allowed.iter().copied().collect(), origin, Vec::new())
        };
        let shut = program(&run(&[], Origin::Live)).unwrap().len();
        for allow in [Allow::Network, Allow::Exec, Allow::Write] {
            let open = program(&run(&[allow], Origin::Live)).unwrap().len();
            assert!(open < shut, "{allow}: {open}, without it {shut}");
        }
        assert!(program(&run(&[], Origin::Root)).unwrap().len() < shut);
        // The kernel takes 4096 instructions (BPF_MAXINSNS).
        assert!(shut < 4096);
    }
}
