use super::*;
use crate::node::{Memory, ReadErrorKind};

/// The drop-in of the packages on pkgs.k8s.io (kubernetes/release, cmd/krel/templates/latest/kubeadm/10-kubeadm.conf); those
/// of rpm have /etc/sysconfig/kubelet instead of /etc/default/kubelet.
pub(crate) const DROP_IN: &str = r#"# Note: This dropin only works with kubeadm and kubelet v1.11+
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
# This is a file that "kubeadm init" and "kubeadm join" generates at runtime, populating the KUBELET_KUBEADM_ARGS variable dynamically
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
# This is a file that the user can use for overrides of the kubelet args as a last resort.
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
"#;
pub(crate) const SERVICE: &str = "[Unit]\nDescription=kubelet: The Kubernetes Node Agent\n\n[Service]\nExecStart=/usr/bin/kubelet\n\
    Restart=always\nStartLimitInterval=0\nRestartSec=10\n\n[Install]\nWantedBy=multi-user.target\n";
pub(crate) const HEAD: &str = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";

/// The rows of a table of tests/cases/kubeadm-checks.yaml.
pub(crate) fn table<T: serde::de::DeserializeOwned>(name: &str) -> Vec<T> {
    let file = crate::yaml::parse(include_str!("../../../../tests/cases/kubeadm-checks.yaml")).unwrap();
    let crate::value::Kind::Map(tables) = file.kind else { panic!("no map") };
    let (_, rows) = tables.iter().find(|(key, _)| key.text == name).expect("a table");
    rows.read().expect("rows")
}

/// A node with the packages of Kubernetes, which has joined nothing yet.
pub(crate) fn packaged() -> Memory {
    Memory::new()
        .file("/usr/lib/systemd/system/kubelet.service", SERVICE)
        .file("/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", DROP_IN)
}

fn configured(text: &str) -> Node {
    Node::in_memory(packaged().file(CONFIG, format!("{HEAD}{text}")))
}

#[test]
fn the_packages_of_kubeadm() {
    let node = Node::in_memory(
        packaged()
            .file(FLAGS, "KUBELET_KUBEADM_ARGS=\"--container-runtime-endpoint=unix:///run/containerd/containerd.sock --pod-infra-container-image=x\"\n")
            .file("/etc/default/kubelet", "KUBELET_EXTRA_ARGS=\"--max-pods 50 --fail-swap-on=false\"\n"),
    );
    let kubelet = node.kubelet();
    let flags: Vec<_> =
        kubelet.flags.as_ref().unwrap().iter().map(|f| (f.name.as_str(), f.place.as_str())).collect();
    let drop_in = "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf";
    assert_eq!(
        flags,
        [
            ("bootstrap-kubeconfig", &*format!("{drop_in}:3")),
            ("kubeconfig", &*format!("{drop_in}:3")),
            ("config", &*format!("{drop_in}:4")),
            ("container-runtime-endpoint", &*format!("{FLAGS}:1")),
            ("pod-infra-container-image", &*format!("{FLAGS}:1")),
            ("max-pods", "/etc/default/kubelet:1"),
            ("fail-swap-on", "/etc/default/kubelet:1"),
        ]
    );
    assert_eq!(kubelet.number("maxPods").unwrap().unwrap().value, 50, "flags are known without the file");
    assert_eq!(kubelet.boolean("failSwapOn").unwrap().unwrap().seen.source, "/etc/default/kubelet:1");
    assert!(kubelet.files.is_empty() && kubelet.lost.is_some());
}

#[test]
fn settings_of_the_file() {
    let node = configured(
        "failSwapOn: no # x\nmaxPods: 200\nmemorySwap:\n  swapBehavior: LimitedSwap\nevictionHard:\n  memory.available: 1Gi\n\
         clusterDNS:\n- 10.96.0.10\nresolvConf: null\ncgroupDriver: 7\n",
    );
    let kubelet = node.kubelet();
    let swap = kubelet.boolean("failSwapOn").unwrap().unwrap();
    assert_eq!(
        (swap.value, swap.seen.source.as_str(), swap.seen.observed.as_str()),
        (false, "/var/lib/kubelet/config.yaml:3", "failSwapOn: no")
    );
    assert_eq!(kubelet.text("memorySwap.swapBehavior").unwrap().unwrap().value, "LimitedSwap");
    assert_eq!(kubelet.map("evictionHard").unwrap().unwrap().value["memory.available"], "1Gi");
    assert_eq!(kubelet.list("clusterDNS").unwrap().unwrap().value, ["10.96.0.10"]);
    assert_eq!(kubelet.text("resolvConf"), Ok(None));
    assert_eq!(kubelet.boolean("protectKernelDefaults"), Ok(None));
    let wrong = kubelet.text("cgroupDriver").unwrap_err();
    assert_eq!(wrong.reason, "/var/lib/kubelet/config.yaml:12: cgroupDriver has to be text");
}

#[test]
fn drop_ins_and_flags_go_before_the_file() {
    let memory = packaged()
        .file(
            CONFIG,
            format!("{HEAD}maxPods: 1\nevictionHard:\n  memory.available: 1Gi\n  nodefs.available: 10%\n"),
        )
        .file("/etc/default/kubelet", "KUBELET_EXTRA_ARGS=--config-dir=/etc/kubernetes/k.d/\n")
        .file("/etc/kubernetes/k.d/10-a.conf", format!("{HEAD}maxPods: 2\n"))
        .file(
            "/etc/kubernetes/k.d/20-b/x.conf",
            format!("{HEAD}maxPods: 3\nevictionHard: {{memory.available: 2Gi}}\n"),
        )
        .file("/etc/kubernetes/k.d/30.yaml", "nonsense: [");
    let node = Node::in_memory(memory.clone());
    assert_eq!(node.kubelet().number("maxPods").unwrap().unwrap().value, 3);
    let eviction = node.kubelet().map("evictionHard").unwrap().unwrap().value;
    assert_eq!(
        (eviction["memory.available"].as_str(), eviction["nodefs.available"].as_str()),
        ("2Gi", "10%")
    );
    let flag = "KUBELET_EXTRA_ARGS=--max-pods=4 --eviction-hard=memory.available<5%\n"
        .replace("=--", "='--")
        .replace("5%", "5%'");
    let node = Node::in_memory(memory.file("/etc/default/kubelet", flag));
    assert_eq!(node.kubelet().number("maxPods").unwrap().unwrap().value, 4);
    assert_eq!(node.kubelet().map("evictionHard").unwrap().unwrap().value.len(), 1);
}

#[test]
fn mistakes_have_their_place() {
    for (text, want) in [
        ("failSwapOn: [\n", "line "),
        ("maxPods: 1\nmaxPods: 2\n", "line 4, column 1: the key `maxPods` is given twice"),
        ("failSwapOn: *nobody\n", "line 3"),
    ] {
        let node = configured(text);
        let kubelet = node.kubelet();
        let problem = kubelet.problems().next().unwrap();
        assert!(problem.message.starts_with(want), "{}", problem.message);
        assert!(kubelet.boolean("failSwapOn").is_err());
    }
    for text in [
        "",
        "a: 1\n",
        "- a\n",
        "apiVersion: kubelet.config.k8s.io/v1alpha1\nkind: KubeletConfiguration\n",
        &HEAD[..60],
    ] {
        let node = Node::in_memory(Memory::new().file(CONFIG, text));
        assert!(node.kubelet().problems().next().is_some(), "{text}");
    }
    // Cut behind a line, or hidden: not known.
    let cut = Node::in_memory(Memory::new().file(CONFIG, HEAD.trim_end()));
    assert!(cut.kubelet().unknown.is_some() && cut.kubelet().problems().next().is_none());
    let hidden = Node::in_memory(packaged().error(CONFIG, ReadErrorKind::Denied("EACCES")));
    assert!(hidden.kubelet().boolean("failSwapOn").is_err());
}

#[test]
fn other_ways_to_start_it() {
    let absent = Node::in_memory(Memory::new());
    assert!(absent.kubelet().is_absent());
    let script = Memory::new()
        .file("/etc/systemd/system/kubelet.service", "[Service]\nExecStart=/opt/start-kubelet.sh\n");
    let node = Node::in_memory(script.file(CONFIG, format!("{HEAD}maxPods: 9\nmemorySwap: {{}}\n")));
    assert_eq!(node.kubelet().wrapper.as_deref(), Some("/opt/start-kubelet.sh"));
    assert!(node.kubelet().number("maxPods").is_err(), "a flag may say otherwise");
    assert_eq!(node.kubelet().text("memorySwap.swapBehavior"), Ok(None), "there is no flag for it");
    let alone = Node::in_memory(Memory::new().file(FLAGS, "KUBELET_KUBEADM_ARGS=\"--max-pods=7\"\n"));
    assert_eq!(alone.kubelet().number("maxPods").unwrap().unwrap().value, 7);
}
