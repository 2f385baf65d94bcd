//! What the laws of DESIGN.md 1 say of reports: whether one is sound, and whether one is better than another.

use preflight::{
    policy::{Date, OnUnknown, Policy, Source},
    report::model::{Finding, Report, Verdict},
    run::{Limits, Request, run},
};
use preflight_checks::node::Door;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// The default profile, and options and modules enough to ask what the configuration and the modules' index tell.
pub(crate) const POLICY: &str = "
apiVersion: preflight/v1
kind: Policy
metadata: {name: laws}
extends: [kubernetes-node]
checks:
  - id: v2-only
    check: cgroup-hierarchy
    with: {accept: [v2]}
  - id: v1-only
    check: cgroup-hierarchy
    with: {accept: [v1, hybrid]}
  - id: all-controllers
    check: cgroup-controllers
    with:
      required: [cpu, cpuset, memory, pids, devices, freezer, cpuacct, io, hugetlb, perf_event, net_cls, net_prio, rdma, misc, debug]
      optional: []
  - id: old-kernel
    check: kernel-version
    with: {requires: '<5.5'}
  - id: new-kernel
    check: kernel-version
    with: {requires: '>=6.15'}
  - id: options
    check: kernel-config
    with:
      required: [CGROUPS, MEMCG, CGROUP_PIDS, OVERLAY_FS, NETFILTER_XT_MATCH_COMMENT, BRIDGE_NETFILTER, {option: CGROUP_MISC}, NO_SUCH_OPTION, {option: CGROUP_FREEZER, cgroup: v1}, {option: CGROUP_BPF, cgroup: v2}]
      optional: [HUGETLB_PAGE, CGROUP_DEBUG, IP_VS]
      forbidden: [CPUSETS, NO_SUCH_OPTION_EITHER, PREEMPT_RT]
  - id: modules
    check: kernel-modules
    with: {required: [overlay, nf_conntrack, br_netfilter, no_such_module, ext4, tun]}
  - check: sysctl
    with:
      settings:
        - {key: net.ipv4.ip_forward, equals: 1}
        - {key: net.ipv6.conf.all.forwarding, equals: 1}
        - {key: net.bridge.bridge-nf-call-iptables, equals: 1}
        - {key: net.ipv4.conf.*.rp_filter, oneOf: [0, 2]}
        - {key: kernel.pid_max, atLeast: 99999999}
        - {key: fs.inotify.max_user_instances, atLeast: 1024}
        - {key: vm.overcommit_memory, equals: 1}
        - {key: kernel.panic, oneOf: [10]}
        - {key: vm.max_map_count, atMost: 1}
        - {key: kernel.no_such, equals: 1}
  - id: own-directories
    check: data-directory
    with: {directories: [/var/lib/etcd, {path: /var/lib/rancher, purpose: images}, {path: /run/x, purpose: volumes}]}
  - id: own-space
    check: disk-space
    with: {directories: [{path: /var/lib/etcd, total: 1Ti, available: 1Gi, availablePercent: 1, inodes: 1000, inodesPercent: 1}, /opt]}
  - id: own-latency
    check: disk-latency
    with: {directory: /var/lib/rancher, p99: 1ms, writes: 100, time: 1s}
  - check: limits
    with: {usedAtMost: 1, openFiles: 65536, nrOpen: 99999999}
  - id: own-mounts
    check: mounts
    with: {mounts: [/, {path: /sys/fs/cgroup, options: [ro]}, {path: /nowhere, mounted: false}, {path: /proc, propagation: private}]}
  - check: boot-parameters
    with: {required: [quiet, root], forbidden: [cgroup_disable=memory, nosmt]}
  - check: dns
    with: {names: [registry.example]}
  - check: tcp
    with: {endpoints: ['registry.example:443', '10.0.0.1:6443']}
  - check: http
    with: {requests: ['https://registry.example/v2/']}
  - id: own-features
    check: kubernetes-features
    with: {kubernetesVersion: '1.37', features: [nftables-proxy, ipvs-proxy, user-namespaces, tmpfs-noswap, recursive-read-only-mounts, psi, memory-qos, safe-sysctl-tcp-rmem]}
  - check: swap
  - id: swap-allowed
    check: swap
    with: {mode: allowed, kubernetesVersion: '1.29'}
  - id: selinux-enforcing
    check: selinux
    with: {modes: [enforcing]}
  - id: selinux-permissive
    check: selinux
    with: {modes: [permissive]}
  - id: apparmor-required
    check: apparmor
    with: {required: true}
  - id: seccomp-actions
    check: seccomp
    with: {actions: [errno, user_notif, log]}
  - id: no-restrictions
    check: kernel-restrictions
    with: {needs: [tracing, unsigned-modules, modules, unprivileged-bpf, io-uring, kexec]}
  - id: own-programs
    check: executables
    with: {required: [{name: mount, capability: cap_sys_admin}, {name: newuidmap, capability: cap_setuid}], optional: [{name: sh, version: '>=1'}]}
  - id: own-services
    check: services
    with: {services: [kubelet, {name: containerd, state: inactive, enabled: false}, {name: dbus, anyOf: [dbus-broker], enabled: true, delegate: [cpu]}, {name: systemd-journald.service, state: any, enabled: false}, {name: no-such.timer, state: inactive}, {name: sshd, anyOf: [ssh, dropbear], state: any, enabled: true, optional: true}]}
  - id: old-systemd
    check: operating-system
    with: {systemd: true, systemdVersion: '<250', architectures: [arm64, s390x], distributions: [{id: debian, version: '>=99'}]}
  - id: container-only
    check: environment
    with: {allowed: [container]}
  - id: bare-only
    check: environment
    with: {allowed: [bare]}
  - check: commands
    with: {commands: [{run: [/bin/true]}]}
  - check: exec
    with: {plugins: [{run: [/bin/true], protocol: nagios}]}
  - id: expected
    check: mounts
    with: {mounts: [{path: /, expect: {type: {not: ext4}, options: {not: {contains: noexec}}, size: {atLeast: 1}}}]}
  - id: expected-values
    check: sysctl
    with: {settings: [{key: kernel.pid_max, expect: {value: {not: {atLeast: 99999999}}}}, {key: kernel.panic, expect: {value: {any: [0, {atLeast: 5}]}}}]}
  - check: expression
    with:
      validations:
        - {name: memory, expression: node.memory.total >= 1 && node.swap.total == 0}
        - {name: kernel, expression: '!node.kernel.version.isGreaterThan(semver(\"6.0.0\")) || node.cgroup.layout == \"v2\"'}
        - {name: no-modules, expression: '!(\"overlay\" in node.modules) && !node.modules.exists(m, m.startsWith(\"nf_\"))'}
        - {name: no-mounts, expression: 'node.mounts.all(m, m.type != \"cgroup2\" && m.type != \"nfs\")'}
        - {name: no-words, expression: '!node.kernel.parameters.exists(p, p.startsWith(\"cgroup_\"))'}
        - {name: no-interfaces, expression: 'node.interfaces.all(i, i.mtu < 9000)'}
        - {name: no-addresses, expression: 'node.addresses.all(a, !cidr(\"10.0.0.0/8\").containsIP(a))'}
        - {name: no-features, expression: '!(\"avx2\" in node.cpu.features) || node.cpu.count < 4'}
        - {name: os, expression: 'node.os.id != \"debian\" || !(\"rhel\" in node.os.idLike) || node.os.version == \"\"'}
        - {name: asked, expression: 'kernelConfig(\"CONFIG_CPUSETS\") != \"y\" && sysctl(\"net.ipv4.ip_forward\") != \"1\"'}
        - {name: package, expression: 'packageVersion(\"containerd\") == null && !filesystemSupported(\"overlay\")'}
";

pub(crate) fn load(text: &str, on_unknown: OnUnknown) -> Arc<Policy> {
    let source = Source::Stdin(text.as_bytes().to_vec());
    let mut policy = Policy::load(&source, &[]).unwrap_or_else(|problems| panic!("{problems}"));
    policy.rules.iter_mut().for_each(|rule| rule.on_unknown = on_unknown);
    Arc::new(policy)
}

pub(crate) fn judge(policy: &Arc<Policy>, door: Arc<dyn Door>) -> Report {
    run(&Request {
        root: "/captured".to_owned(),
        today: Date { year: 2026, month: 11, day: 22 },
        limits: Limits { check: Duration::from_secs(20), run: Duration::from_secs(60) },
        ..Request::new(Arc::clone(policy), door)
    })
    .expect("a report")
}

/// What has to hold of every report, whatever the node.
pub(crate) fn sound(policy: &Policy, report: &Report, at: &str) {
    let mut ids = BTreeSet::new();
    for finding in &report.findings {
        assert!(ids.insert(&finding.id), "{at}: {} twice", finding.id);
        assert_ne!(finding.reason, "panicked", "{at}: {finding:#?}");
        assert!(!finding.message.is_empty() && !finding.reason.is_empty(), "{at}: {finding:#?}");
        if finding.verdict == Verdict::Pass {
            assert!(finding.determined && !finding.evidence.is_empty(), "{at}: {finding:#?}");
        }
        if let Some(blocker) = &finding.blocked_by {
            let blocker = report.findings.iter().find(|f| f.id == *blocker).expect("the blocker is there");
            assert!(blocker.verdict >= Verdict::Warn, "{at}: {} is blocked by {blocker:#?}", finding.id);
        }
    }
    let answered: BTreeSet<&str> = report.findings.iter().map(|f| f.rule.as_str()).collect();
    let asked: BTreeSet<&str> = policy.rules.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(answered, asked, "{at}");
}

/// What a finding weighs: a problem that is skipped because of its cause still stands, as its cause.
pub(crate) fn weight(finding: &Finding) -> Verdict {
    match finding.verdict {
        Verdict::Skip if finding.blocked_by.is_some() => Verdict::Warn,
        other => other,
    }
}

/// The findings that got better: `id: before -> after`.
pub(crate) fn better(before: &Report, after: &Report) -> Vec<String> {
    let by_id: BTreeMap<&str, &Finding> = after.findings.iter().map(|f| (f.id.as_str(), f)).collect();
    let known: BTreeSet<&str> = before.findings.iter().map(|f| f.id.as_str()).collect();
    let mut better = Vec::new();
    for was in before.findings.iter().filter(|f| weight(f) >= Verdict::Warn) {
        // A rule of which nothing can be told has one finding about itself.
        let Some(is) = by_id.get(was.id.as_str()).or_else(|| by_id.get(was.rule.as_str())) else {
            // What was told of all may be told of a part now, and of one thing in the place of another.
            let in_its_place = |f: &&Finding| {
                f.rule == was.rule && weight(f) >= weight(was) && !known.contains(f.id.as_str())
            };
            if !after.findings.iter().any(|f| in_its_place(&f)) {
                better.push(format!("{}: {} -> gone", was.id, was.verdict.as_str()));
            }
            continue;
        };
        let stands = is.blocked_by.is_some() || is.verdict >= weight(was);
        if !stands {
            let tell = |f: &Finding| format!("{} {} ({})", f.verdict.as_str(), f.reason, f.message);
            better.push(format!("{}: {} -> {}", was.id, tell(was), tell(is)));
        }
    }
    better
}

/// The findings that turned into failures that are said to be known (law 3: not knowing is not missing).
pub(crate) fn worse(before: &Report, after: &Report) -> Vec<String> {
    let failed = |f: &&Finding| f.verdict == Verdict::Fail || f.blocked_by.is_some();
    let known: BTreeSet<&str> = before.findings.iter().filter(failed).map(|f| f.id.as_str()).collect();
    let new = |f: &&Finding| f.verdict == Verdict::Fail && f.determined && !known.contains(f.id.as_str());
    let tell = |f: &Finding| format!("{}: not known -> {} ({})", f.id, f.reason, f.message);
    after.findings.iter().filter(new).map(tell).collect()
}
