//! The options that peers ask for (k0s sysinfo, k3s and moby check-config, system-validators), and what one
//! needs to know of each.
//!
//! Dependencies are from the Kconfig files, versions from the kernel's history and from moby's check-config.sh,
//! which gates options the same way. Which module an option builds stands in `facts::module_options`; here only
//! where an option builds none itself but selects another's.

use super::OptionInfo as O;

/// The options that peers ask for.
pub(super) static OPTIONS: &[O] = &[
    // Control groups: init/Kconfig.
    O::new(
        "CGROUPS",
        "",
        "Without control groups no container can be limited and the kubelet does not \
         start.",
    ),
    O::new("CGROUP_SCHED", "CGROUPS", "The cpu controller: CPU requests and shares of pods."),
    O::new(
        "FAIR_GROUP_SCHED",
        "CGROUP_SCHED",
        "CPU shares (cpu.weight, cpu.shares): without it pods have no \
         share.",
    ),
    O::new(
        "CFS_BANDWIDTH",
        "FAIR_GROUP_SCHED",
        "CPU limits (cpu.max, cpu.cfs_quota_us): without it they do \
         nothing.",
    )
    .since(3, 2),
    O::new(
        "RT_GROUP_SCHED",
        "CGROUP_SCHED",
        "Groups for real-time tasks; on cgroup v2 it keeps cpu from being enabled while \
         real-time tasks run.",
    ),
    O::new(
        "CPUSETS",
        "CGROUPS",
        "The cpuset controller: the kubelet pins CPUs with it and requires it to \
         start.",
    ),
    O::new("CPUSETS_V1", "CPUSETS", "The cpuset controller's files for cgroup v1.").since(6, 12),
    O::new("MEMCG", "CGROUPS", "The memory controller: memory limits of pods.").since(3, 6),
    O::new("MEMCG_V1", "MEMCG", "The memory controller's files for cgroup v1.").since(6, 11),
    O::new("MEMCG_SWAP", "MEMCG", "Accounts swap to memory cgroups.").gone(
        6,
        1,
        "it is always on where MEMCG and SWAP are",
    ),
    O::new("CGROUP_PIDS", "CGROUPS", "The pids controller: the limit on processes of a pod.").since(4, 3),
    O::new(
        "CGROUP_BPF",
        "CGROUPS",
        "BPF programs on cgroups: on cgroup v2 runc and crun control devices with them, \
         so without it no container starts.",
    )
    .also("BPF_SYSCALL")
    .since(4, 10),
    O::new("CGROUP_CPUACCT", "CGROUPS", "The cpuacct controller of cgroup v1; on v2 cpu.stat does its work."),
    O::new(
        "CGROUP_DEVICE",
        "CGROUPS",
        "The devices controller of cgroup v1; on v2 BPF programs do its \
         work.",
    ),
    O::new(
        "CGROUP_FREEZER",
        "CGROUPS",
        "The freezer controller of cgroup v1; on v2 cgroup.freeze does its \
         work.",
    ),
    O::new("BLK_CGROUP", "CGROUPS", "The io (v1: blkio) controller: limits and statistics of disk I/O."),
    O::new("BLK_DEV_THROTTLING", "BLK_CGROUP", "Limits on disk bandwidth of a container (io.max)."),
    O::new("CGROUP_HUGETLB", "CGROUPS", "The hugetlb controller: limits on huge pages of pods."),
    O::new("CGROUP_PERF", "CGROUPS", "The perf_event controller: perf can watch one container."),
    O::new("CGROUP_RDMA", "CGROUPS", "The rdma controller: limits on RDMA resources.").since(4, 11),
    O::new("CGROUP_NET_PRIO", "CGROUPS", "The net_prio controller of cgroup v1."),
    O::new("CGROUP_NET_CLASSID", "CGROUPS", "The net_cls controller of cgroup v1."),
    O::new("NET_CLS_CGROUP", "NET", "Traffic control by cgroup v1 class."),
    O::new(
        "PSI",
        "",
        "Pressure stall information: the kubelet reports it, systemd-oomd acts on \
         it.",
    )
    .since(4, 20),
    // Namespaces: init/Kconfig.
    O::new("NAMESPACES", "", "Without namespaces there are no containers."),
    O::new("UTS_NS", "NAMESPACES", "A host name of its own for each pod."),
    O::new("IPC_NS", "NAMESPACES", "Shared memory and message queues of its own for each pod."),
    O::new("PID_NS", "NAMESPACES", "Process numbers of its own for each container."),
    O::new("NET_NS", "NAMESPACES", "A network of its own for each pod."),
    O::new(
        "USER_NS",
        "NAMESPACES",
        "Users of its own for a pod (hostUsers: false) and rootless \
         runtimes.",
    )
    .since(3, 8),
    // Security and system calls.
    O::new("SECCOMP", "", "System call filters of containers (RuntimeDefault)."),
    O::new(
        "SECCOMP_FILTER",
        "SECCOMP",
        "System call filters by BPF: without it the RuntimeDefault profile can't be \
         applied.",
    )
    .since(3, 5),
    O::new("KEYS", "", "Kernel keyrings: runc gives each container a session keyring of its own."),
    O::new(
        "POSIX_MQUEUE",
        "",
        "POSIX message queues: runtimes mount mqueue on /dev/mqueue of each \
         container.",
    ),
    O::new(
        "BPF_SYSCALL",
        "",
        "The bpf system call: device control on cgroup v2, Cilium and other BPF \
         networking.",
    )
    .since(3, 18),
    O::new("SECURITY_APPARMOR", "", "AppArmor profiles of containers."),
    O::new("SECURITY_SELINUX", "", "SELinux labels of containers."),
    O::new("CHECKPOINT_RESTORE", "", "Checkpoint and restore of containers (CRIU)."),
    O::new("MODULES", "", "Loadable modules: without them everything has to be built in."),
    O::new(
        "DEBUG_INFO_BTF",
        "",
        "Type information for BPF programs that run on any kernel \
         (CO-RE).",
    )
    .since(5, 2),
    // File systems: fs/*/Makefile.
    O::new("PROC_FS", "", "/proc: the kubelet and the runtimes read it all the time."),
    O::new("SYSFS", "", "/sys: control groups and devices are shown there."),
    O::new("TMPFS", "", "Memory-backed volumes: secrets, tokens and emptyDir with medium Memory."),
    O::new(
        "OVERLAY_FS",
        "",
        "overlayfs: the snapshotter that containerd and CRI-O use by default for image \
         layers.",
    )
    .since(3, 18),
    O::new("OVERLAYFS_FS", "", "overlayfs under its name before Linux 3.18."),
    O::new("EXT4_FS", "", "ext4: needed only for volumes and disks that have it."),
    O::new("XFS_FS", "", "XFS: needed only for volumes and disks that have it."),
    O::new("BTRFS_FS", "", "btrfs: needed only for volumes and disks that have it."),
    O::new(
        "AUFS_FS",
        "",
        "aufs, an old storage driver of Docker; never part of Linux \
         itself.",
    ),
    O::new("FUSE_FS", "", "FUSE: fuse-overlayfs of rootless runtimes, and some CSI drivers."),
    O::new("SQUASHFS", "", "squashfs: snaps, and images in that form."),
    O::new("HUGETLBFS", "", "Huge pages as a resource of pods."),
    O::new("BLK_DEV_DM", "", "Device mapper: LVM, and the old devicemapper storage driver."),
    O::new("BLK_DEV_LOOP", "", "Loop devices: raw block volumes from files."),
    // Network: net/*/Makefile, drivers/net/Makefile.
    O::new("NET", "", "Networking."),
    O::new("INET", "NET", "TCP/IP."),
    O::new("IPV6", "INET", "IPv6: dual-stack and IPv6 clusters."),
    O::new("UNIX", "NET", "Unix sockets: the CRI socket of the container runtime."),
    O::new("PACKET", "NET", "Packet sockets: DHCP clients and tcpdump."),
    O::new(
        "VETH",
        "NET",
        "Pairs of virtual interfaces: how most network plugins connect a \
         pod.",
    ),
    O::new("BRIDGE", "NET", "Ethernet bridges: the bridge plugin, flannel, kubenet."),
    O::new(
        "BRIDGE_NETFILTER",
        "BRIDGE",
        "Bridged packets pass through iptables (net.bridge.bridge-nf-call-iptables): \
         services work between pods of one bridge.",
    ),
    O::new("BRIDGE_VLAN_FILTERING", "BRIDGE", "VLANs on bridges."),
    O::new("LLC", "NET", "The link layer that bridges build on."),
    O::new("STP", "NET", "The spanning tree protocol of bridges."),
    O::new(
        "VXLAN",
        "NET",
        "VXLAN tunnels: the default of flannel, an option of Calico and \
         Cilium.",
    )
    .since(3, 7),
    O::new(
        "GENEVE",
        "NET",
        "Geneve tunnels: an option of Cilium, the default of Antrea and \
         OVN.",
    ),
    O::new(
        "WIREGUARD",
        "NET",
        "WireGuard: encryption between nodes in flannel, Calico and \
         Cilium.",
    )
    .since(5, 6),
    O::new("IPVLAN", "NET", "The ipvlan plugin.").since(3, 19),
    O::new("MACVLAN", "NET", "The macvlan plugin."),
    O::new("DUMMY", "NET", "Dummy interfaces: kube-proxy in ipvs mode, NodeLocal DNSCache."),
    O::new("TUN", "NET", "tun and tap devices: VPNs and rootless networking."),
    O::new("VLAN_8021Q", "NET", "VLAN interfaces."),
    O::new("XFRM_USER", "NET", "IPsec: encrypted overlays."),
    O::new("NET_CLS_BPF", "NET", "BPF programs in traffic control: Cilium."),
    O::new(
        "NET_SCH_INGRESS",
        "NET",
        "Traffic control of incoming packets: the bandwidth plugin, \
         Cilium.",
    ),
    O::new("NET_SCH_FQ_CODEL", "NET", "The fq_codel queue."),
    // Netfilter.
    O::new("NETFILTER", "NET", "Packet filtering and translation: services, network policies."),
    O::new("NETFILTER_ADVANCED", "NETFILTER", "Lets the rarer netfilter options be chosen at all."),
    O::new("NETFILTER_NETLINK", "NETFILTER", "Netfilter over netlink: conntrack and nft talk through it."),
    O::new("NF_CONNTRACK", "NETFILTER", "Connection tracking: every kind of service address needs it."),
    O::new("NF_CONNTRACK_IPV4", "NF_CONNTRACK", "Connection tracking for IPv4.").gone(
        4,
        19,
        "it is part of NF_CONNTRACK",
    ),
    O::new("NF_CONNTRACK_IPV6", "NF_CONNTRACK", "Connection tracking for IPv6.").gone(
        4,
        19,
        "it is part of NF_CONNTRACK",
    ),
    O::new("NF_CT_NETLINK", "NF_CONNTRACK", "Lets kube-proxy delete stale UDP connections."),
    O::new("NF_NAT", "NF_CONNTRACK", "Address translation: service addresses and masquerading."),
    O::new("NF_NAT_IPV4", "NF_NAT", "Address translation for IPv4.").gone(5, 1, "it is part of NF_NAT"),
    O::new("NF_NAT_IPV6", "NF_NAT", "Address translation for IPv6.").gone(5, 1, "it is part of NF_NAT"),
    O::new("NF_REJECT_IPV4", "NETFILTER", "Refusals for IPv4."),
    O::new("NF_DEFRAG_IPV4", "NETFILTER", "Reassembly for IPv4."),
    O::new("NF_TABLES", "NETFILTER", "nftables: kube-proxy in nftables mode, iptables-nft.").since(3, 13),
    O::new(
        "NFT_COMPAT",
        "NF_TABLES",
        "iptables-nft: iptables' matches and targets on top of \
         nftables.",
    )
    .since(3, 13),
    O::new("NFT_CT", "NF_TABLES", "nftables: connection tracking in rules."),
    O::new("NFT_NAT", "NF_TABLES", "nftables: address translation."),
    O::new("NFT_MASQ", "NF_TABLES", "nftables: masquerading."),
    O::new("NFT_REDIR", "NF_TABLES", "nftables: redirection to a local port."),
    O::new("NFT_REJECT", "NF_TABLES", "nftables: refusals."),
    O::new(
        "NFT_NUMGEN",
        "NF_TABLES",
        "nftables: kube-proxy spreads connections over endpoints with \
         it.",
    ),
    O::new(
        "NFT_FIB",
        "NF_TABLES",
        "nftables: kube-proxy tells local addresses (NodePort) with \
         it.",
    )
    .since(4, 10),
    O::new("NFT_FIB_IPV4", "NF_TABLES", "nftables: kube-proxy tells local IPv4 addresses with it.")
        .since(4, 10),
    O::new("NFT_FIB_IPV6", "NF_TABLES", "nftables: kube-proxy tells local IPv6 addresses with it.")
        .since(4, 10),
    O::new("NFT_FIB_INET", "NF_TABLES", "nftables: looks up addresses of both families.").since(4, 10),
    O::new("NETFILTER_XTABLES", "NETFILTER", "The base of iptables' matches and targets."),
    O::new(
        "NETFILTER_XTABLES_LEGACY",
        "NETFILTER",
        "The old iptables interface; iptables-nft does not need it.",
    ),
    O::new(
        "NETFILTER_XT_MARK",
        "NETFILTER_XTABLES",
        "iptables' mark: kube-proxy marks packets to masquerade.",
    ),
    O::new("NETFILTER_XT_NAT", "NETFILTER_XTABLES", "iptables' DNAT and SNAT: kube-proxy's service rules."),
    O::new("NETFILTER_XT_SET", "NETFILTER_XTABLES", "iptables' set match: ipset-based network policies."),
    O::new(
        "NETFILTER_XT_TARGET_MASQUERADE",
        "NETFILTER_XTABLES",
        "iptables' MASQUERADE: pods reach the outside with the node's \
         address.",
    )
    .since(5, 2),
    O::new(
        "NETFILTER_XT_TARGET_REDIRECT",
        "NETFILTER_XTABLES",
        "iptables' REDIRECT: service meshes and local ports.",
    )
    .since(3, 7),
    O::new(
        "NETFILTER_XT_MATCH_ADDRTYPE",
        "NETFILTER_XTABLES",
        "iptables' addrtype: kube-proxy's NodePort rules.",
    ),
    O::new(
        "NETFILTER_XT_MATCH_COMMENT",
        "NETFILTER_XTABLES",
        "iptables' comment: every rule of kube-proxy in iptables mode carries one, so \
         without it none can be set.",
    ),
    O::new(
        "NETFILTER_XT_MATCH_CONNTRACK",
        "NETFILTER_XTABLES",
        "iptables' conntrack: kube-proxy's forwarding rules.",
    ),
    O::new("NETFILTER_XT_MATCH_IPVS", "IP_VS", "iptables' ipvs match: kube-proxy in ipvs mode."),
    O::new(
        "NETFILTER_XT_MATCH_MULTIPORT",
        "NETFILTER_XTABLES",
        "iptables' multiport: network policies and several plugins.",
    ),
    O::new(
        "NETFILTER_XT_MATCH_RECENT",
        "NETFILTER_XTABLES",
        "iptables' recent: sessionAffinity ClientIP in iptables mode.",
    ),
    O::new(
        "NETFILTER_XT_MATCH_STATISTIC",
        "NETFILTER_XTABLES",
        "iptables' statistic: kube-proxy spreads connections over endpoints with \
         it.",
    ),
    // Until 6.9 split off IP_NF_IPTABLES_LEGACY, which builds it since.
    O::new("IP_NF_IPTABLES", "NETFILTER", "iptables for IPv4.").before(6, 9, "ip_tables"),
    O::new(
        "IP_NF_IPTABLES_LEGACY",
        "IP_NF_IPTABLES",
        "The old iptables interface for IPv4; iptables-nft does not need \
         it.",
    ),
    O::new(
        "IP_NF_FILTER",
        "IP_NF_IPTABLES",
        "The filter table of old (legacy) iptables; since Linux 6.17 only with \
         NETFILTER_XTABLES_LEGACY.",
    ),
    O::new(
        "IP_NF_NAT",
        "IP_NF_IPTABLES",
        "The nat table of old (legacy) iptables; since Linux 6.17 only with \
         NETFILTER_XTABLES_LEGACY.",
    ),
    O::new(
        "IP_NF_MANGLE",
        "IP_NF_IPTABLES",
        "The mangle table of old (legacy) iptables; since Linux 6.17 only with \
         NETFILTER_XTABLES_LEGACY.",
    ),
    O::new(
        "IP_NF_RAW",
        "IP_NF_IPTABLES",
        "The raw table of old (legacy) iptables; since Linux 6.17 only with \
         NETFILTER_XTABLES_LEGACY.",
    ),
    O::new(
        "IP_NF_TARGET_MASQUERADE",
        "NETFILTER",
        "iptables' MASQUERADE under its old name; since Linux 5.2 it only selects \
         NETFILTER_XT_TARGET_MASQUERADE.",
    )
    .module("xt_MASQUERADE")
    .before(5, 2, "ipt_MASQUERADE"),
    O::new(
        "IP_NF_TARGET_REDIRECT",
        "NETFILTER",
        "iptables' REDIRECT under its old name; since Linux 3.7 it only selects \
         NETFILTER_XT_TARGET_REDIRECT.",
    )
    .module("xt_REDIRECT"),
    O::new("IP_NF_TARGET_REJECT", "NETFILTER", "iptables' REJECT: services without endpoints."),
    O::new("IP6_NF_IPTABLES", "IPV6", "iptables for IPv6.").before(6, 9, "ip6_tables"),
    O::new("IP6_NF_FILTER", "IP6_NF_IPTABLES", "The filter table of old (legacy) ip6tables."),
    O::new("IP6_NF_NAT", "IP6_NF_IPTABLES", "The nat table of old (legacy) ip6tables."),
    O::new("IP6_NF_MANGLE", "IP6_NF_IPTABLES", "The mangle table of old (legacy) ip6tables."),
    O::new(
        "IP_SET",
        "NETFILTER",
        "Sets of addresses: network policies, kube-proxy in ipvs \
         mode.",
    ),
    O::new("IP_SET_HASH_IP", "IP_SET", "Sets of addresses by hash."),
    O::new("IP_SET_HASH_NET", "IP_SET", "Sets of networks by hash."),
    O::new("IP_VS", "NETFILTER", "kube-proxy in ipvs mode (deprecated)."),
    O::new("IP_VS_NFCT", "IP_VS", "ipvs with connection tracking."),
    O::new("IP_VS_RR", "IP_VS", "ipvs, round robin."),
    O::new("IP_VS_SH", "IP_VS", "ipvs, source hashing."),
    O::new("IP_VS_WRR", "IP_VS", "ipvs, weighted round robin."),
];
