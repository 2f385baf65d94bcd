//! Which option of the kernel's configuration builds which module. Each pair is what a Makefile of the kernel
//! says: `obj-$(CONFIG_OVERLAY_FS) += overlay.o`.

/// An option and the module that it builds. A module that several options have built over the years has one
/// line for each, the newest first: the first one that a configuration names is the one that counts there.
///
/// Checked against the configuration and the modules of Debian's 6.1.0-56-cloud-amd64: each option that is `m`
/// there has its module, each that is `y` is in modules.builtin.
const TABLE: &[(&str, &str)] = &[
    // fs/overlayfs/Makefile, fs/fuse/Makefile, fs/*/Makefile
    ("CONFIG_OVERLAY_FS", "overlay"),
    ("CONFIG_FUSE_FS", "fuse"),
    ("CONFIG_EXT4_FS", "ext4"),
    ("CONFIG_XFS_FS", "xfs"),
    ("CONFIG_BTRFS_FS", "btrfs"),
    ("CONFIG_NFS_FS", "nfs"),
    ("CONFIG_CIFS", "cifs"),
    ("CONFIG_CEPH_FS", "ceph"),
    // drivers/block/Makefile, drivers/md/Makefile, drivers/scsi/Makefile
    ("CONFIG_BLK_DEV_LOOP", "loop"),
    ("CONFIG_BLK_DEV_RBD", "rbd"),
    ("CONFIG_BLK_DEV_DM", "dm_mod"),
    ("CONFIG_DM_CRYPT", "dm_crypt"),
    ("CONFIG_DM_THIN_PROVISIONING", "dm_thin_pool"),
    ("CONFIG_ISCSI_TCP", "iscsi_tcp"),
    // net/bridge/Makefile, net/802/Makefile, net/llc/Makefile, net/8021q/Makefile
    ("CONFIG_BRIDGE_NETFILTER", "br_netfilter"),
    ("CONFIG_BRIDGE", "bridge"),
    ("CONFIG_STP", "stp"),
    ("CONFIG_LLC", "llc"),
    ("CONFIG_VLAN_8021Q", "8021q"),
    // drivers/net/Makefile and below
    ("CONFIG_VETH", "veth"),
    ("CONFIG_DUMMY", "dummy"),
    ("CONFIG_TUN", "tun"),
    ("CONFIG_VXLAN", "vxlan"),
    ("CONFIG_GENEVE", "geneve"),
    ("CONFIG_MACVLAN", "macvlan"),
    ("CONFIG_IPVLAN", "ipvlan"),
    ("CONFIG_WIREGUARD", "wireguard"),
    // net/ipv4/Makefile, net/ipv6/Makefile
    ("CONFIG_IPV6", "ipv6"),
    ("CONFIG_NET_IPIP", "ipip"),
    ("CONFIG_INET_DIAG", "inet_diag"),
    ("CONFIG_INET_TCP_DIAG", "tcp_diag"),
    ("CONFIG_IPV6_TUNNEL", "ip6_tunnel"),
    // net/netfilter/Makefile
    ("CONFIG_NF_CONNTRACK", "nf_conntrack"),
    ("CONFIG_NF_CT_NETLINK", "nf_conntrack_netlink"),
    ("CONFIG_NF_NAT", "nf_nat"),
    ("CONFIG_NETFILTER_NETLINK", "nfnetlink"),
    ("CONFIG_NETFILTER_XTABLES", "x_tables"),
    ("CONFIG_NETFILTER_XT_MARK", "xt_mark"),
    ("CONFIG_NETFILTER_XT_SET", "xt_set"),
    ("CONFIG_NETFILTER_XT_NAT", "xt_nat"),
    ("CONFIG_NETFILTER_XT_TARGET_CT", "xt_CT"),
    ("CONFIG_NETFILTER_XT_TARGET_REDIRECT", "xt_REDIRECT"),
    // Linux 5.2 moved ipt_MASQUERADE (net/ipv4/netfilter/) here, under a new option.
    ("CONFIG_NETFILTER_XT_TARGET_MASQUERADE", "xt_MASQUERADE"),
    ("CONFIG_NETFILTER_XT_TARGET_TPROXY", "xt_TPROXY"),
    ("CONFIG_NETFILTER_XT_MATCH_ADDRTYPE", "xt_addrtype"),
    ("CONFIG_NETFILTER_XT_MATCH_BPF", "xt_bpf"),
    ("CONFIG_NETFILTER_XT_MATCH_COMMENT", "xt_comment"),
    ("CONFIG_NETFILTER_XT_MATCH_CONNTRACK", "xt_conntrack"),
    ("CONFIG_NETFILTER_XT_MATCH_IPVS", "xt_ipvs"),
    ("CONFIG_NETFILTER_XT_MATCH_MULTIPORT", "xt_multiport"),
    ("CONFIG_NETFILTER_XT_MATCH_NFACCT", "xt_nfacct"),
    ("CONFIG_NETFILTER_XT_MATCH_PHYSDEV", "xt_physdev"),
    ("CONFIG_NETFILTER_XT_MATCH_RECENT", "xt_recent"),
    ("CONFIG_NETFILTER_XT_MATCH_SOCKET", "xt_socket"),
    ("CONFIG_NETFILTER_XT_MATCH_STATISTIC", "xt_statistic"),
    ("CONFIG_NF_TABLES", "nf_tables"),
    ("CONFIG_NFT_COMPAT", "nft_compat"),
    ("CONFIG_NFT_CT", "nft_ct"),
    ("CONFIG_NFT_NAT", "nft_nat"),
    ("CONFIG_NFT_MASQ", "nft_masq"),
    ("CONFIG_NFT_NUMGEN", "nft_numgen"),
    ("CONFIG_NFT_REJECT", "nft_reject"),
    ("CONFIG_NFT_FIB", "nft_fib"),
    ("CONFIG_NFT_LIMIT", "nft_limit"),
    // net/ipv4/netfilter/Makefile, net/ipv6/netfilter/Makefile. Linux 6.9 split the *_LEGACY
    // options off, and since 6.17 they depend on NETFILTER_XTABLES_LEGACY.
    ("CONFIG_IP_NF_IPTABLES_LEGACY", "ip_tables"),
    ("CONFIG_IP_NF_IPTABLES", "ip_tables"),
    ("CONFIG_IP_NF_FILTER", "iptable_filter"),
    ("CONFIG_IP_NF_NAT", "iptable_nat"),
    ("CONFIG_IP_NF_MANGLE", "iptable_mangle"),
    ("CONFIG_IP_NF_RAW", "iptable_raw"),
    ("CONFIG_IP_NF_TARGET_REJECT", "ipt_REJECT"),
    ("CONFIG_IP6_NF_IPTABLES_LEGACY", "ip6_tables"),
    ("CONFIG_IP6_NF_IPTABLES", "ip6_tables"),
    ("CONFIG_IP6_NF_FILTER", "ip6table_filter"),
    ("CONFIG_IP6_NF_NAT", "ip6table_nat"),
    ("CONFIG_IP6_NF_MANGLE", "ip6table_mangle"),
    ("CONFIG_NFT_FIB_IPV4", "nft_fib_ipv4"),
    ("CONFIG_NFT_FIB_IPV6", "nft_fib_ipv6"),
    ("CONFIG_NF_DEFRAG_IPV4", "nf_defrag_ipv4"),
    ("CONFIG_NF_DEFRAG_IPV6", "nf_defrag_ipv6"),
    // net/netfilter/ipset/Makefile
    ("CONFIG_IP_SET", "ip_set"),
    ("CONFIG_IP_SET_HASH_IP", "ip_set_hash_ip"),
    ("CONFIG_IP_SET_HASH_NET", "ip_set_hash_net"),
    // net/netfilter/ipvs/Makefile
    ("CONFIG_IP_VS", "ip_vs"),
    ("CONFIG_IP_VS_RR", "ip_vs_rr"),
    ("CONFIG_IP_VS_WRR", "ip_vs_wrr"),
    ("CONFIG_IP_VS_SH", "ip_vs_sh"),
    ("CONFIG_IP_VS_LC", "ip_vs_lc"),
    // net/sched/Makefile
    ("CONFIG_NET_CLS_BPF", "cls_bpf"),
    ("CONFIG_NET_CLS_CGROUP", "cls_cgroup"),
    ("CONFIG_NET_SCH_INGRESS", "sch_ingress"),
    // net/sctp/Makefile, net/vmw_vsock/Makefile, drivers/vhost/Makefile, virt/kvm
    ("CONFIG_IP_SCTP", "sctp"),
    ("CONFIG_VHOST_NET", "vhost_net"),
    ("CONFIG_KVM", "kvm"),
    // kernel/Makefile: /proc/config.gz itself
    ("CONFIG_IKCONFIG", "configs"),
    // fs/squashfs/Makefile; overlayfs (before 3.18) and aufs were never in the tree
    ("CONFIG_SQUASHFS", "squashfs"),
    ("CONFIG_OVERLAYFS_FS", "overlayfs"),
    ("CONFIG_AUFS_FS", "aufs"),
    // net/unix/Makefile, net/packet/Makefile, net/xfrm/Makefile, net/sched/Makefile
    ("CONFIG_UNIX", "unix"),
    ("CONFIG_PACKET", "af_packet"),
    ("CONFIG_XFRM_USER", "xfrm_user"),
    ("CONFIG_NET_SCH_FQ_CODEL", "sch_fq_codel"),
    // net/ipv4/netfilter/Makefile, net/ipv6/netfilter/Makefile; the first two up to 4.18, the next two up to 5.0
    ("CONFIG_NF_CONNTRACK_IPV4", "nf_conntrack_ipv4"),
    ("CONFIG_NF_CONNTRACK_IPV6", "nf_conntrack_ipv6"),
    ("CONFIG_NF_NAT_IPV4", "nf_nat_ipv4"),
    ("CONFIG_NF_NAT_IPV6", "nf_nat_ipv6"),
    ("CONFIG_NF_REJECT_IPV4", "nf_reject_ipv4"),
    // net/netfilter/Makefile
    ("CONFIG_NFT_REDIR", "nft_redir"),
    ("CONFIG_NFT_FIB_INET", "nft_fib_inet"),
];

/// The module that `option` (without `CONFIG_`) builds.
pub(crate) fn module_of(option: &str) -> Option<&'static str> {
    TABLE.iter().find(|(o, _)| o.strip_prefix("CONFIG_") == Some(option)).map(|(_, module)| *module)
}

/// The options that build `module`, the newest first. `module` is written as the kernel does, with `_`.
pub(crate) fn options_of(module: &str) -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(move |(_, m)| *m == module).map(|(option, _)| *option)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_well_formed() {
        for (option, module) in TABLE {
            let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            assert!(option.strip_prefix("CONFIG_").is_some_and(|o| o.chars().all(upper)), "{option}");
            assert!(!module.contains('-') && !module.is_empty(), "{module}");
        }
        let mut options: Vec<_> = TABLE.iter().map(|(option, _)| option).collect();
        options.sort_unstable();
        options.dedup();
        assert_eq!(options.len(), TABLE.len(), "an option builds one module here");
    }

    #[test]
    fn a_module_may_have_had_several_options() {
        let of = |module| options_of(module).collect::<Vec<_>>();
        assert_eq!(of("overlay"), ["CONFIG_OVERLAY_FS"]);
        assert_eq!(of("ip_tables"), ["CONFIG_IP_NF_IPTABLES_LEGACY", "CONFIG_IP_NF_IPTABLES"]);
        assert!(of("nothing").is_empty());
    }
}
