//! What a policy may say of the networks of a cluster.

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::net::IpAddr;

/// The networks of pods and services are nobody else's, and large enough.
///
/// ## What it looks at
/// The networks that are given (kubeadm's podSubnet and serviceSubnet; two with a comma for dual stack), against each
/// other, against every route of the node but the default one (/proc/net/route, /proc/net/ipv6_route) and against its
/// addresses (/proc/net/fib_trie, /proc/net/if_inet6); and whether each node's part of the pods' network holds maxPods.
/// Without networks nothing is judged: `--set podCIDR=10.244.0.0/16 --set serviceCIDR=10.96.0.0/12`.
///
/// `free` passes; `routed`, `node-inside`, `overlap`, `too-small` and `unusable` fail.
///
/// ## Why it matters
/// A service address that the company's network uses too is taken by whichever rule comes first: name servers or registries
/// are out of reach from pods, or pods from everywhere. Where the node's own address lies in the pods' network, its traffic
/// is sent to a pod. A node whose part has 62 addresses starts no 63rd pod, whatever maxPods says.
///
/// ## How to mend it
/// Choose other networks before the cluster is made; they can't be changed afterwards. Routes by cni0, flannel.1 or cali*
/// are left from an earlier cluster: `kubeadm reset`.
///
/// ## Sources
/// kubeadm's podSubnet and serviceSubnet; kube-controller-manager --node-cidr-mask-size (24 for IPv4, 64 for IPv6) and
/// pkg/controller/nodeipam/ipam/cidrset (at most 16 bits between cluster and node); kubelet's maxPods (110);
/// k3s check-config looks for the text 10.42 and 10.43 among routes only; Embedded Cluster's subnetAvailable and
/// subnetContainsIP are for IPv4 only.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterNetworksParams {
    /// The network of pods, or two with a comma for dual stack: `10.244.0.0/16,fd00:10:244::/56`.
    #[serde(rename = "podCIDR")]
    pub pod_cidr: Networks,
    /// The network of services, in the same way.
    #[serde(rename = "serviceCIDR")]
    pub service_cidr: Networks,
    /// The address under which this node will be known, where it is not one of those that it has now.
    #[serde(deserialize_with = "address_or_nothing")]
    #[schemars(with = "Option<String>")]
    pub node_address: Option<IpAddr>,
    /// How many pods may run on a node. Default: 110, as the kubelet's.
    pub max_pods: u64,
    /// The length of the prefix of each node's part of the pods' network, for IPv4. Default: 24.
    pub node_mask_size: u8,
    /// The same for IPv6. Default: 64.
    #[serde(rename = "nodeMaskSizeIPv6")]
    pub node_mask_size_ipv6: u8,
}

impl Default for ClusterNetworksParams {
    fn default() -> Self {
        Self {
            pod_cidr: Networks::default(),
            service_cidr: Networks::default(),
            node_address: None,
            max_pods: 110,
            node_mask_size: 24,
            node_mask_size_ipv6: 64,
        }
    }
}

impl ClusterNetworksParams {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.node_mask_size > 32 || self.node_mask_size_ipv6 > 128 {
            return Err("a prefix has at most 32 bits for IPv4, and 128 for IPv6".into());
        }
        if self.max_pods == 0 {
            return Err("a node without pods needs no network; maxPods is at least 1".into());
        }
        Ok(())
    }
}

/// An input that nobody set is empty text.
fn address_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    text.trim().parse().map(Some).map_err(|_| de::Error::custom(format!("`{text}` is not an address")))
}

/// Networks, one for each family at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(pub(super) Vec<IpNet>);

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut networks: Vec<IpNet> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let network: IpNet = part.parse().map_err(|_| {
                de::Error::custom(format!("`{part}` is not a network; write for example 10.244.0.0/16"))
            })?;
            if network.trunc() != network {
                let right = network.trunc();
                return Err(de::Error::custom(format!("`{part}` has bits behind its prefix; write {right}")));
            }
            if networks.iter().any(|other| other.addr().is_ipv4() == network.addr().is_ipv4()) {
                return Err(de::Error::custom(format!("`{text}` has two networks of one family")));
            }
            networks.push(network);
        }
        Ok(Self(networks))
    }
}

impl JsonSchema for Networks {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Networks".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A network, or two with a comma for dual stack: `10.244.0.0/16`; empty for none."
        })
    }
}
