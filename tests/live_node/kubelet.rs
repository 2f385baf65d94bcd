//! `kubelet` and `joined`: the files that kubeadm's packages and a join leave, mounted over those of the machine, with a
//! program that only tells a version.

use super::Play;
use crate::scene::Viewer;

/// What the packages of pkgs.k8s.io install (kubernetes/release, cmd/krel/templates/latest/kubelet/kubelet.service and
/// kubeadm/10-kubeadm.conf), on a machine with systemd, before a join. All of it lies on file systems of the scene's own.
const INSTALLED: &str = r#"
cp /etc/passwd /etc/group /etc/nsswitch.conf $DIR; mount -t tmpfs tmpfs /etc; chmod 755 /etc
cp $DIR/passwd $DIR/group $DIR/nsswitch.conf /etc; echo nameserver 192.0.2.53 > /etc/resolv.conf
mount -t tmpfs tmpfs /run; mkdir -p /run/systemd/system
mount -t tmpfs tmpfs /usr/local/bin; chmod 755 /usr/local/bin /run
mount -t tmpfs tmpfs /var/lib; mkdir -p /var/lib/kubelet; chmod 755 /var/lib
printf '#!/bin/sh\necho Kubernetes v%s\n' 1.36.4 > /usr/local/bin/kubelet; chmod 755 /usr/local/bin/kubelet
mkdir -p /etc/systemd/system/kubelet.service.d /etc/systemd/system/multi-user.target.wants /etc/default
cat > /etc/systemd/system/kubelet.service <<'END'
[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/local/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
END
cat > /etc/systemd/system/kubelet.service.d/10-kubeadm.conf <<'END'
# Note: This dropin only works with kubeadm and kubelet v1.11+
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
# This is a file that "kubeadm init" and "kubeadm join" generates at runtime, populating the KUBELET_KUBEADM_ARGS variable dynamically
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
# This is a file that the user can use for overrides of the kubelet args as a last resort. Preferably, the user should use
# the .NodeRegistration.KubeletExtraArgs object in the configuration files instead. KUBELET_EXTRA_ARGS should be sourced from this file.
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/local/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
END
asked() { exec "$@" --allow exec; }
"#;

const ENABLED: &str =
    "ln -s /etc/systemd/system/kubelet.service /etc/systemd/system/multi-user.target.wants/kubelet.service";

/// What `kubeadm join` writes.
const JOINED: &str = r#"
mkdir -p /etc/kubernetes/pki /etc/kubernetes/manifests /etc/cni/net.d
echo x > /etc/kubernetes/kubelet.conf; echo x > /etc/kubernetes/pki/ca.crt; echo '{}' > /etc/cni/net.d/10-flannel.conflist
echo 'KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=unix:///run/containerd/containerd.sock"' > /var/lib/kubelet/kubeadm-flags.env
cat > /var/lib/kubelet/config.yaml <<'END'
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
cgroupDriver: systemd
clusterDNS:
- 10.96.0.10
kind: KubeletConfiguration
resolvConf: /run/systemd/resolve/resolv.conf
staticPodPath: /etc/kubernetes/manifests
END
"#;

const RULES: [&str; 2] = ["{check: kubelet, with: {kubernetesVersion: \"1.36\"}}", "{check: joined}"];

#[test]
fn a_kubelet_that_is_installed() {
    let set = format!("{INSTALLED}\n{ENABLED}");
    let play = Play { before: "asked", ..Play::new("a kubelet", &set) };
    let Some(report) = play.judge(&RULES) else { return };
    for (id, want) in [
        ("kubelet/version", "pass fits"),
        ("kubelet/unit", "pass enabled"),
        ("kubelet/configuration", "skip not-applicable"),
        ("joined//etc/kubernetes/kubelet.conf", "pass absent"),
    ] {
        assert_eq!(report.brief(id), want, "{report}");
    }
    let finding = report.finding("kubelet/version");
    assert!(finding["evidence"].to_string().contains("Kubernetes v1.36.4"), "{finding:#}");
    // Nothing is started without the allowance, and a service that is not enabled is told from one that is.
    let Some(report) = Play::new("a silent kubelet", INSTALLED).judge(&RULES) else { return };
    assert_eq!(report.brief("kubelet/version"), "warn? unknown", "{report}");
    assert_eq!(report.brief("kubelet/unit"), "warn disabled", "{report}");
    let newer = format!("{set}\nsed -i s/1.36.4/1.37.0/ /usr/local/bin/kubelet");
    let play = Play { before: "asked", ..Play::new("a newer kubelet", &newer) };
    let Some(report) = play.judge(&RULES) else { return };
    assert_eq!(report.brief("kubelet/version"), "fail newer", "{report}");
}

#[test]
fn a_node_that_has_joined() {
    let set = format!("{INSTALLED}\n{ENABLED}\n{JOINED}");
    let play = Play { before: "asked", ..Play::new("a member", &set) };
    let Some(report) = play.judge(&RULES) else { return };
    for (id, want) in [
        ("kubelet/configuration", "pass readable"),
        ("kubelet/protectKernelDefaults", "pass off"),
        ("kubelet/reserved", "pass nothing"),
        ("kubelet/resolvConf", "fail missing"),
        ("joined//etc/kubernetes/kubelet.conf", "fail joined"),
        ("joined//etc/kubernetes/pki/ca.crt", "skip left-over"),
        ("joined//etc/cni/net.d", "skip left-over"),
    ] {
        assert_eq!(report.brief(id), want, "{report}");
    }
    let evidence = report.finding("kubelet/resolvConf")["evidence"].to_string();
    assert!(evidence.contains("/var/lib/kubelet/config.yaml:9"), "{evidence}");
    let plugin = report.finding("joined//etc/cni/net.d");
    assert_eq!(plugin["blockedBy"], "joined//etc/kubernetes/kubelet.conf");
    let certificate = report.finding("joined//etc/kubernetes/pki/ca.crt");
    assert_eq!(certificate["kubeadm"], "FileAvailable--etc-kubernetes-pki-ca.crt");
}

#[test]
fn configurations_that_no_kubelet_takes() {
    for (name, more, want) in [
        ("a key twice", "echo 'cgroupDriver: cgroupfs' >> /var/lib/kubelet/config.yaml", "fail invalid"),
        ("no YAML", "echo 'maxPods: [' >> /var/lib/kubelet/config.yaml", "fail invalid"),
        (
            "a flag of old",
            "echo KUBELET_EXTRA_ARGS=--network-plugin=cni > /etc/default/kubelet",
            "fail removed-flag",
        ),
        ("hidden", "chmod 600 /var/lib/kubelet/config.yaml", "warn? unknown"),
    ] {
        let set = format!("{INSTALLED}\n{JOINED}\n{more}");
        let viewer = if name == "hidden" { Viewer::Nobody } else { Viewer::Me };
        let Some(report) = (Play { viewer, ..Play::new(name, &set) }).judge(&RULES) else { return };
        assert_eq!(report.brief("kubelet/configuration"), want, "{name}: {report}");
    }
}
