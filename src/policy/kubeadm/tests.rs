//! What kubeadm files say, right ones and wrong ones.

use super::*;
use std::collections::BTreeMap;

fn read(text: &str) -> KubeadmConfig {
    KubeadmConfig::parse("kubeadm.yaml", text, None).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn inputs(text: &str) -> BTreeMap<String, String> {
    read(text).inputs.into_iter().map(|given| (given.name, given.value)).collect()
}

fn wrong(text: &str) -> String {
    match KubeadmConfig::parse("kubeadm.yaml", text, None) {
        Ok(config) => panic!("{config:?}"),
        Err(wrong) => wrong.to_string(),
    }
}

const INIT: &str = r"# written by hand
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  name: cp-1
  criSocket: unix:///run/crio/crio.sock
  kubeletExtraArgs:
    - { name: node-ip, value: 10.0.0.5 }
    - name: cgroup-driver
      value: cgroupfs
  ignorePreflightErrors: [Swap, NumCPU]
localAPIEndpoint:
  advertiseAddress: 10.0.0.5
  bindPort: 8443
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.34.2
controlPlaneEndpoint: api.example.org
networking:
  podSubnet: 10.244.0.0/16,fd00:10:244::/56
  serviceSubnet: 10.96.0.0/12,fd00:10:96::/112
etcd:
  local: { dataDir: /data/etcd }
imageRepository: registry.example.org/k8s
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failSwapOn: false
cgroupDriver: systemd
protectKernelDefaults: true
failCgroupV1: false
maxPods: 200
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
";

#[test]
fn a_control_plane() {
    let config = read(INIT);
    assert!(config.warnings.is_empty(), "{}", config.warnings);
    assert_eq!(config.ignored, ["Swap", "NumCPU"]);
    let found = inputs(INIT);
    for (name, value) in [
        ("role", "control-plane"),
        ("kubernetesVersion", "1.34.2"),
        ("controlPlaneEndpoint", "api.example.org:8443"),
        ("podCIDR", "10.244.0.0/16,fd00:10:244::/56"),
        ("serviceCIDR", "10.96.0.0/12,fd00:10:96::/112"),
        ("ipFamily", "dual"),
        ("nodeName", "cp-1"),
        ("criSocket", "unix:///run/crio/crio.sock"),
        ("advertiseAddress", "10.0.0.5"),
        ("apiServerPort", "8443"),
        ("etcdDataDir", "/data/etcd"),
        ("imageRepository", "registry.example.org/k8s"),
        ("imageRegistry", "https://registry.example.org/v2/"),
        ("swap", "allowed"),
        // A flag beats the file of the kubelet.
        ("cgroupDriver", "cgroupfs"),
        ("failCgroupV1", "false"),
        ("protectKernelDefaults", "true"),
        ("proxyMode", "nftables"),
    ] {
        assert_eq!(found.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(found.len(), 18, "{found:?}");
    let place = config.inputs.iter().find(|given| given.name == "nodeName").unwrap();
    assert_eq!(place.from, "kubeadm.yaml:5:9");
}

#[test]
fn a_worker_and_a_second_control_plane() {
    let worker = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: JoinConfiguration\ndiscovery:\n  bootstrapToken:\n    token: x\n    apiServerEndpoint: 10.0.0.1:6443\nnodeRegistration:\n  kubeletExtraArgs:\n    fail-swap-on: \"false\"\n  taints: null\n";
    let found = inputs(worker);
    assert_eq!(found["role"], "worker");
    assert_eq!(found["controlPlaneEndpoint"], "10.0.0.1:6443");
    assert_eq!(found["swap"], "allowed");
    let second = format!("{worker}controlPlane:\n  localAPIEndpoint:\n    advertiseAddress: fd00::5\n");
    let found = inputs(&second);
    assert_eq!((found["role"].as_str(), found["advertiseAddress"].as_str()), ("control-plane", "fd00::5"));
    // v1beta2 has the same fields.
    assert_eq!(inputs(&worker.replace("v1beta3", "v1beta2"))["role"], "worker");
}

#[test]
fn both_in_one_file_need_a_role() {
    let both = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration: { name: a }\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\nnodeRegistration: { name: b }\ndiscovery: {}\n";
    assert!(wrong(both).contains("--set role=control-plane or --set role=worker"), "{}", wrong(both));
    for (role, name) in [("worker", "b"), ("control-plane", "a")] {
        let config = KubeadmConfig::parse("k", both, Some(role)).unwrap();
        assert!(config.inputs.iter().any(|given| given.name == "nodeName" && given.value == name), "{role}");
    }
}

#[test]
fn versions_and_labels() {
    for (text, version) in [
        ("v1.35.0", Some("1.35.0")),
        ("1.35.0-rc.1", Some("1.35.0-rc.1")),
        ("stable-1.34", Some("1.34")),
        ("latest-1.36", Some("1.36")),
        ("stable", None),
        ("stable-1", None),
        ("ci/latest", None),
    ] {
        let text = format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: {text}\n"
        );
        let config = read(&text);
        let found = config.inputs.iter().find(|given| given.name == "kubernetesVersion");
        assert_eq!(found.map(|given| given.value.as_str()), version, "{text}");
        assert_eq!(config.warnings.is_empty(), version.is_some(), "{text}");
    }
    // As text of YAML 1.30 would be 1.3.
    assert_eq!(
        inputs("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: 1.30\n")["kubernetesVersion"],
        "1.30"
    );
}

#[test]
fn endpoints_get_their_port() {
    for (endpoint, expected) in [
        ("api.example.org", "api.example.org:6443"),
        ("api.example.org:443", "api.example.org:443"),
        ("10.0.0.1", "10.0.0.1:6443"),
        ("\"fd00::1\"", "[fd00::1]:6443"),
        ("\"[fd00::1]:8443\"", "[fd00::1]:8443"),
    ] {
        let text = format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\ncontrolPlaneEndpoint: {endpoint}\n"
        );
        assert_eq!(inputs(&text)["controlPlaneEndpoint"], expected);
    }
}

#[test]
fn wrong_values_have_their_place() {
    let cluster = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n";
    let init = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n";
    for (text, place, message) in [
        (
            format!("{cluster}networking: {{ podSubnet: 10.244.0.0 }}\n"),
            "3:26",
            "a network, or two with a comma",
        ),
        (format!("{cluster}networking: {{ podSubnet: 10.244.0.0/33 }}\n"), "3:26", "a network"),
        (format!("{cluster}kubernetesVersion: newest\n"), "3:20", "is not a version of Kubernetes"),
        (format!("{cluster}networking: [a]\n"), "3:13", "has to be a map"),
        (format!("{init}localAPIEndpoint: {{ bindPort: 70000 }}\n"), "3:31", "a port from 1 to 65535"),
        (format!("{init}localAPIEndpoint:\n  advertiseAddress: node1\n"), "4:21", "an IP address"),
        (format!("{init}nodeRegistration:\n  criSocket: containerd.sock\n"), "4:14", "the path of a socket"),
        (
            format!("{init}nodeRegistration:\n  kubeletExtraArgs: {{ node-ip: 1.2.3.4 }}\n"),
            "4:21",
            "a list since v1beta4",
        ),
        (format!("{init}nodeRegistration:\n  ignorePreflightErrors: all\n"), "4:26", "a list of names"),
        (
            format!("{init}nodeRegistration:\n  ignorePreflightErrors: [Swap, Sawp]\n"),
            "4:33",
            "did you mean `Swap`?",
        ),
        (
            "apiVersion: kubeadm.k8s.io/v1beta1\nkind: InitConfiguration\n".to_owned(),
            "1:13",
            "config migrate",
        ),
        (
            "apiVersion: kubeadm.k8s.io/v1beta5\nkind: InitConfiguration\n".to_owned(),
            "1:13",
            "did you mean `v1beta",
        ),
        ("apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfigration\n".to_owned(), "2:7", "did you mean"),
        ("kind: InitConfiguration\n".to_owned(), "1:1", "names no apiVersion"),
        (format!("{init}---\n{init}"), "4:1", "there is already one InitConfiguration"),
        (format!("{init}nodeRegistration: {{ name: a, name: b }}\n"), "3:30", "name"),
        (format!("{init}  broken: [\n"), "", "kubeadm.yaml:"),
        ("- a\n- b\n".to_owned(), "1:1", "has to be a map"),
        (
            "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: userspace\n"
                .to_owned(),
            "3:7",
            "iptables, ipvs or nftables",
        ),
    ] {
        let told = wrong(&text);
        assert!(told.contains(message), "{text}\n{told}");
        assert!(place.is_empty() || told.contains(&format!("kubeadm.yaml:{place}: ")), "{place}: {told}");
    }
}

#[test]
fn keys_that_kubeadm_passes_over_are_told() {
    let config = read(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: { podSubnt: 10.244.0.0/16 }\n",
    );
    let told = config.warnings.to_string();
    assert!(
        told.contains("kubeadm.yaml:3:15: warning: ") && told.contains("did you mean `podSubnet`?"),
        "{told}"
    );
    let config = read("apiVersion: example.org/v1\nkind: Something\n");
    assert!(config.warnings.to_string().contains("kubeadm knows no such group"), "{}", config.warnings);
    // The others of kubeadm say nothing about a node, and nothing is said of them.
    assert!(
        read("apiVersion: kubeadm.k8s.io/v1beta4\nkind: ResetConfiguration\nforce: true\n")
            .warnings
            .is_empty()
    );
    assert!(read("# nothing\n---\n---\n").inputs.is_empty());
}

proptest::proptest! {
    #[test]
    fn nothing_makes_it_panic(cut in 0usize..INIT.len(), byte in 0u8..128, text in "[ -~\n]{0,200}") {
        let mut bytes = INIT.as_bytes().to_vec();
        bytes[cut] = byte;
        let _ = KubeadmConfig::parse("k", &String::from_utf8_lossy(&bytes), None);
        let _ = KubeadmConfig::parse("k", &INIT[..cut], None);
        let _ = KubeadmConfig::parse("k", &text, Some("worker"));
    }
}
