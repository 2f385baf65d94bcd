//! Whether the pods' network is large enough.

use super::params::ClusterNetworksParams;
use ipnet::IpNet;

/// How many bits there may be between the cluster's network and a node's part (cidrset.go, `clusterSubnetMaxDiff`).
const MOST_BITS: u8 = 16;

/// Why it is too small, if it is.
pub(super) fn too_small(network: IpNet, params: &ClusterNetworksParams) -> Option<String> {
    let (part, bits, usable) = match network {
        // The first address is the network's, the last one goes to everybody.
        IpNet::V4(_) => (params.node_mask_size, 32_u8, 2_u128),
        IpNet::V6(_) => (params.node_mask_size_ipv6, 128, 1),
    };
    let length = network.prefix_len();
    if part < length {
        return Some(format!("each node shall get a /{part} of {network}, which is no larger than that"));
    }
    if part - length > MOST_BITS {
        return Some(format!(
            "between {network} and a node's /{part} there are more than {MOST_BITS} bits, which kube-controller-manager refuses"
        ));
    }
    let room = 1_u128.checked_shl(u32::from(bits - part)).unwrap_or(u128::MAX).saturating_sub(usable);
    (room < u128::from(params.max_pods)).then(|| {
        format!(
            "a node's /{part} of {network} has {room} addresses, and {} pods may run there",
            params.max_pods
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let with =
            |mask, pods| ClusterNetworksParams { node_mask_size: mask, max_pods: pods, ..Default::default() };
        let small =
            |network: &str, params: &ClusterNetworksParams| too_small(network.parse().unwrap(), params);
        assert_eq!(small("10.244.0.0/16", &with(24, 110)), None);
        assert_eq!(small("10.244.0.0/16", &with(24, 254)), None);
        assert!(small("10.244.0.0/16", &with(24, 255)).unwrap().contains("254 addresses"));
        assert!(small("10.244.0.0/16", &with(26, 110)).unwrap().contains("62 addresses"));
        assert!(small("10.244.0.0/25", &with(24, 110)).unwrap().contains("no larger"));
        assert!(small("10.0.0.0/8", &with(25, 110)).unwrap().contains("16 bits"));
        assert_eq!(small("fd00::/48", &ClusterNetworksParams::default()), None);
        assert!(small("fd00::/40", &ClusterNetworksParams::default()).unwrap().contains("16 bits"));
    }
}
