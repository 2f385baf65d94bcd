//! Kubeadm's documents, their keys, and which of them give which input.

use super::shapes::{self, Read};
use preflight_checks::value::Value;

/// A document that says something about the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::policy::kubeadm) enum Kind {
    Init,
    Join,
    Cluster,
    Kubelet,
    KubeProxy,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Init, Self::Join, Self::Cluster, Self::Kubelet, Self::KubeProxy];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Init => "InitConfiguration",
            Self::Join => "JoinConfiguration",
            Self::Cluster => "ClusterConfiguration",
            Self::Kubelet => "KubeletConfiguration",
            Self::KubeProxy => "KubeProxyConfiguration",
        }
    }

    pub(super) fn group(self) -> &'static str {
        match self {
            Self::Init | Self::Join | Self::Cluster => "kubeadm.k8s.io",
            Self::Kubelet => "kubelet.config.k8s.io",
            Self::KubeProxy => "kubeproxy.config.k8s.io",
        }
    }
}

/// Kinds of kubeadm's own group that say nothing about a node that shall join.
pub(super) const SAYS_NOTHING: [&str; 3] = ["ClusterStatus", "ResetConfiguration", "UpgradeConfiguration"];

/// Makes the text of an input of a value.
pub(super) type Shape = fn(&Value) -> Read;

/// What a field gives.
#[derive(Clone, Copy)]
pub(super) enum Gives {
    /// An input of this name.
    Input(&'static str, Shape),
    /// `kubernetesVersion`.
    Version,
    /// Flags of the kubelet.
    Flags,
    /// Names of checks whose failures are warnings.
    Ignored,
}

/// A field.
pub(super) struct Field {
    pub(super) kinds: &'static [Kind],
    pub(super) path: &'static [&'static str],
    pub(super) gives: Gives,
}

const fn field(kinds: &'static [Kind], path: &'static [&'static str], gives: Gives) -> Field {
    Field { kinds, path, gives }
}

const NODE: &[Kind] = &[Kind::Init, Kind::Join];
const INIT: &[Kind] = &[Kind::Init];
const JOIN: &[Kind] = &[Kind::Join];
const CLUSTER: &[Kind] = &[Kind::Cluster];
const KUBELET: &[Kind] = &[Kind::Kubelet];
const KUBE_PROXY: &[Kind] = &[Kind::KubeProxy];

/// In the order in which they count: the flags after the fields.
pub(super) const FIELDS: &[Field] = &[
    field(CLUSTER, &["kubernetesVersion"], Gives::Version),
    field(CLUSTER, &["controlPlaneEndpoint"], Gives::Input("controlPlaneEndpoint", shapes::text)),
    field(CLUSTER, &["networking", "podSubnet"], Gives::Input("podCIDR", shapes::cidrs)),
    field(CLUSTER, &["networking", "serviceSubnet"], Gives::Input("serviceCIDR", shapes::cidrs)),
    field(CLUSTER, &["etcd", "local", "dataDir"], Gives::Input("etcdDataDir", shapes::text)),
    field(CLUSTER, &["etcd", "external", "endpoints"], Gives::Input("etcdEndpoints", shapes::list)),
    field(CLUSTER, &["etcd", "external", "caFile"], Gives::Input("etcdCAFile", shapes::text)),
    field(CLUSTER, &["etcd", "external", "certFile"], Gives::Input("etcdCertFile", shapes::text)),
    field(CLUSTER, &["etcd", "external", "keyFile"], Gives::Input("etcdKeyFile", shapes::text)),
    field(CLUSTER, &["imageRepository"], Gives::Input("imageRepository", shapes::text)),
    field(KUBELET, &["failSwapOn"], Gives::Input("swap", shapes::swap)),
    field(KUBELET, &["failCgroupV1"], Gives::Input("failCgroupV1", shapes::truth)),
    field(KUBELET, &["cgroupDriver"], Gives::Input("cgroupDriver", shapes::cgroup_driver)),
    field(KUBELET, &["protectKernelDefaults"], Gives::Input("protectKernelDefaults", shapes::truth)),
    field(KUBELET, &["containerRuntimeEndpoint"], Gives::Input("criSocket", shapes::socket)),
    field(KUBE_PROXY, &["mode"], Gives::Input("proxyMode", shapes::proxy_mode)),
    field(NODE, &["nodeRegistration", "name"], Gives::Input("nodeName", shapes::text)),
    field(NODE, &["nodeRegistration", "criSocket"], Gives::Input("criSocket", shapes::socket)),
    field(NODE, &["nodeRegistration", "ignorePreflightErrors"], Gives::Ignored),
    field(NODE, &["nodeRegistration", "kubeletExtraArgs"], Gives::Flags),
    field(INIT, &["localAPIEndpoint", "advertiseAddress"], Gives::Input("advertiseAddress", shapes::address)),
    field(INIT, &["localAPIEndpoint", "bindPort"], Gives::Input("apiServerPort", shapes::port)),
    field(
        JOIN,
        &["controlPlane", "localAPIEndpoint", "advertiseAddress"],
        Gives::Input("advertiseAddress", shapes::address),
    ),
    field(
        JOIN,
        &["controlPlane", "localAPIEndpoint", "bindPort"],
        Gives::Input("apiServerPort", shapes::port),
    ),
    field(
        JOIN,
        &["discovery", "bootstrapToken", "apiServerEndpoint"],
        Gives::Input("controlPlaneEndpoint", shapes::text),
    ),
    field(JOIN, &["caCertPath"], Gives::Input("caCertPath", shapes::text)),
];

/// Flags of the kubelet that give the inputs of fields of its configuration.
pub(super) const FLAGS: &[(&str, &str, Shape)] = &[
    ("fail-swap-on", "swap", shapes::swap),
    ("fail-cgroupv1", "failCgroupV1", shapes::truth),
    ("cgroup-driver", "cgroupDriver", shapes::cgroup_driver),
    ("protect-kernel-defaults", "protectKernelDefaults", shapes::truth),
    ("container-runtime-endpoint", "criSocket", shapes::socket),
    ("hostname-override", "nodeName", shapes::text),
];

/// The keys of the maps in which a typing mistake would cost an input; those of all versions together.
pub(super) fn keys_of(kind: Kind, path: &[&str]) -> Option<&'static [&'static str]> {
    Some(match (kind, path) {
        (Kind::Init, []) => &[
            "apiVersion",
            "kind",
            "metadata",
            "bootstrapTokens",
            "dryRun",
            "nodeRegistration",
            "localAPIEndpoint",
            "certificateKey",
            "skipPhases",
            "patches",
            "timeouts",
        ],
        (Kind::Join, []) => &[
            "apiVersion",
            "kind",
            "metadata",
            "dryRun",
            "nodeRegistration",
            "caCertPath",
            "discovery",
            "controlPlane",
            "skipPhases",
            "patches",
            "timeouts",
        ],
        (Kind::Cluster, []) => &[
            "apiVersion",
            "kind",
            "metadata",
            "etcd",
            "networking",
            "kubernetesVersion",
            "controlPlaneEndpoint",
            "apiServer",
            "controllerManager",
            "scheduler",
            "dns",
            "proxy",
            "certificatesDir",
            "imageRepository",
            "useHyperKubeImage",
            "featureGates",
            "clusterName",
            "encryptionAlgorithm",
            "certificateValidityPeriod",
            "caCertificateValidityPeriod",
        ],
        (Kind::Init | Kind::Join, ["nodeRegistration"]) => &[
            "name",
            "criSocket",
            "taints",
            "kubeletExtraArgs",
            "ignorePreflightErrors",
            "imagePullPolicy",
            "imagePullSerial",
        ],
        (Kind::Init, ["localAPIEndpoint"]) | (Kind::Join, ["controlPlane", "localAPIEndpoint"]) => {
            &["advertiseAddress", "bindPort"]
        }
        (Kind::Join, ["controlPlane"]) => &["localAPIEndpoint", "certificateKey"],
        (Kind::Join, ["discovery"]) => &["bootstrapToken", "file", "tlsBootstrapToken", "timeout"],
        (Kind::Join, ["discovery", "bootstrapToken"]) => {
            &["token", "apiServerEndpoint", "caCertHashes", "unsafeSkipCAVerification"]
        }
        (Kind::Cluster, ["networking"]) => &["serviceSubnet", "podSubnet", "dnsDomain"],
        (Kind::Cluster, ["etcd"]) => &["local", "external"],
        (Kind::Cluster, ["etcd", "local"]) => &[
            "imageRepository",
            "imageTag",
            "dataDir",
            "extraArgs",
            "extraEnvs",
            "serverCertSANs",
            "peerCertSANs",
        ],
        (Kind::Cluster, ["etcd", "external"]) => {
            &["endpoints", "httpEndpoints", "caFile", "certFile", "keyFile"]
        }
        _ => return None,
    })
}
