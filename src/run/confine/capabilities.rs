//! Capabilities: of those that this thread has, the ones with which it reads stay (capabilities(7)).

use super::Confinement;
use preflight_checks::node::Allow;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

/// What any check may read with: files of other users, and what /proc shows of other processes.
const READING: CapabilitySet = CapabilitySet::DAC_READ_SEARCH.union(CapabilitySet::SYS_PTRACE);

/// BPF programs and their queries: CAP_BPF and CAP_NET_ADMIN (kernel/bpf/syscall.c), events: CAP_PERFMON; before Linux 5.8 all
/// of them took CAP_SYS_ADMIN.
const BPF: CapabilitySet = CapabilitySet::BPF.union(CapabilitySet::NET_ADMIN).union(CapabilitySet::PERFMON);

/// What single checks need more.
const MORE: &[(&str, CapabilitySet)] = &[
    ("cgroup-controllers", BPF),
    ("cgroup-delegation", BPF),
    ("kernel-log", CapabilitySet::SYSLOG),
    // Chains of nftables (net/netfilter/nfnetlink.c: netlink_net_capable).
    ("firewall", CapabilitySet::NET_ADMIN),
    ("iptables", CapabilitySet::NET_ADMIN),
];

/// The checks that need more.
pub(super) fn checks() -> Vec<&'static str> {
    MORE.iter().map(|(check, _)| *check).collect()
}

/// Lets go of the others; how, or why not.
pub(super) fn drop(run: &Confinement) -> Result<String, String> {
    if run.may(Allow::Exec) {
        return Err("programs that may be started have what this one has".to_owned());
    }
    let had = capabilities(None).map_err(|e| e.to_string())?;
    let kept = had.permitted & kept(run, is_old(had.permitted));
    // What is not permitted any more can't be inherited either (cap_capset, security/commoncap.c).
    let sets = CapabilitySets {
        effective: had.effective & kept,
        permitted: kept,
        inheritable: had.inheritable & kept,
    };
    set_capabilities(None, sets).map_err(|e| e.to_string())?;
    Ok(format!("{} of {} kept", kept.iter().count(), had.permitted.iter().count()))
}

/// Whether this kernel has none of its own for BPF and events, as far as root's show it.
fn is_old(permitted: CapabilitySet) -> bool {
    permitted.contains(CapabilitySet::SYS_ADMIN) && !permitted.contains(CapabilitySet::BPF)
}

fn kept(run: &Confinement, is_old: bool) -> CapabilitySet {
    let mut kept = READING;
    for (check, more) in MORE {
        if run.checks.contains(check) {
            kept |= *more;
            if is_old && more.intersects(BPF) {
                kept |= CapabilitySet::SYS_ADMIN;
            }
        }
    }
    if run.may(Allow::Write) {
        kept |= CapabilitySet::DAC_OVERRIDE;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use preflight_checks::{node::Origin, registry};

    #[test]
    fn what_is_kept() {
        let of = |checks: &[&'static str], allowed: &[Allow], old| {
            let run = Confinement::new(allowed.iter().copied().collect(), Origin::Live, checks.to_vec());
            kept(&run, old)
        };
        assert_eq!(of(&["cpu"], &[], false), READING);
        assert_eq!(of(&["cpu", "kernel-log"], &[], true), READING | CapabilitySet::SYSLOG);
        assert_eq!(of(&["cgroup-controllers"], &[], false), READING | BPF);
        assert!(of(&["cgroup-controllers"], &[], true).contains(CapabilitySet::SYS_ADMIN));
        assert_eq!(of(&[], &[Allow::Write], false), READING | CapabilitySet::DAC_OVERRIDE);
    }

    #[test]
    fn the_checks_are_those_of_the_registry() {
        for (check, _) in MORE {
            assert!(registry::find(check).is_some(), "{check}");
        }
    }
}
