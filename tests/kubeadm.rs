//! The drop-in for kubeadm's preflight: its files as inputs, its lines as output, its names and what they stand for.
#![allow(clippy::disallowed_methods)] // tests read their own files and start the program as users do

mod common;

use common::{
    cases, nodes,
    process::{Tree, preflight},
};
use preflight::{kubeadm_names, policy::profiles};
use serde_json::Value;
use std::{collections::BTreeSet, env, fmt::Write as _, fs, path::Path};

const CONTROL_PLANE: &str = "apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
nodeRegistration:
  name: cp-1
  ignorePreflightErrors: [NumCPU]
localAPIEndpoint: { advertiseAddress: 10.0.0.5, bindPort: 8443 }
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.34.2
networking: { podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/12 }
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: ipvs
";

fn node() -> String {
    nodes::named("debian-6.1.0-56-amd64/v2").root.to_str().unwrap().to_owned()
}

#[test]
fn a_kubeadm_file_gives_the_inputs() {
    let tree = Tree::new().file("/kubeadm.yaml", CONTROL_PLANE);
    let file = tree.at("/kubeadm.yaml");
    let file = file.to_str().unwrap();
    let root = node();
    let arguments = ["--root", &root, "--kubeadm-config", file, "-o", "json"];
    let report = preflight(&arguments).report();
    let input = |name: &str| {
        let input = &report.0["policy"]["inputs"][name];
        (input["value"].as_str().unwrap().to_owned(), input["from"].as_str().unwrap().to_owned())
    };
    assert_eq!(input("role"), ("control-plane".to_owned(), format!("{file}:1:1")));
    assert_eq!(input("kubernetesVersion"), ("1.34.2".to_owned(), format!("{file}:10:20")));
    assert_eq!(input("podCIDR").0, "10.244.0.0/16");
    assert_eq!(input("cni"), ("unknown".to_owned(), "profile kubernetes-node".to_owned()));
    // They reach the rules.
    assert!(report.findings().iter().any(|f| f["id"].as_str().unwrap().ends_with("tcp/8443")));
    assert_ne!(report.finding("proxy-ipvs-modules/ip_vs")["reason"], "deselected");
    assert!(report.finding("hostname/name")["message"].as_str().unwrap().contains("`cp-1`"));
    // Its address is no proxy's matter, and must not lie in a network of the cluster.
    let proxied = format!("{CONTROL_PLANE}---\n").replace("10.0.0.5", "10.96.0.5");
    let inside = Tree::new().file("/kubeadm.yaml", &proxied);
    let inside = inside.at("/kubeadm.yaml").to_str().unwrap().to_owned();
    let told = preflight(&["--kubeadm-config", &inside, "-o", "json"]).report();
    let networks =
        told.findings().iter().filter(|f| f["rule"] == "cluster-networks").map(ToString::to_string);
    assert!(networks.collect::<String>().contains("node-inside"), "{told}");
    // A join puts the certificate where it is told to.
    let join = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\ncaCertPath: /opt/ca.crt\n";
    let join = Tree::new().file("/kubeadm.yaml", join);
    let join = join.at("/kubeadm.yaml").to_str().unwrap().to_owned();
    let told = preflight(&["--root", &root, "--kubeadm-config", &join, "-o", "json"]).report();
    assert_eq!(told.finding("joined//opt/ca.crt")["kubeadm"], "FileAvailable--opt-ca.crt");
    // --set beats the file.
    let more = [&arguments[..], &["--set", "kubernetesVersion=1.30", "--set", "role=worker"]].concat();
    let report = preflight(&more).report();
    assert_eq!(report.0["policy"]["inputs"]["kubernetesVersion"]["from"], "--set");
    assert_eq!(report.0["policy"]["inputs"]["role"]["value"], "worker");
}

#[test]
fn a_wrong_kubeadm_file_has_its_place_and_3() {
    let wrong = CONTROL_PLANE.replace("10.244.0.0/16", "10.244.0.0").replace("[NumCPU]", "[NumCPUs]");
    let tree = Tree::new().file("/kubeadm.yaml", wrong);
    let file = tree.at("/kubeadm.yaml");
    let ran = preflight(&["--kubeadm-config", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    for told in [
        "kubeadm.yaml:5:27: error: kubeadm has no check `NumCPUs`; did you mean `NumCPU`?",
        "kubeadm.yaml:11:26: error: ",
    ] {
        assert!(ran.stderr.contains(told), "{told} is not in:\n{}", ran.stderr);
    }
    let ran = preflight(&["--kubeadm-config", "/no/such/file.yaml"]);
    assert_eq!(ran.code, Some(3));
    assert!(
        ran.stderr.starts_with("/no/such/file.yaml: error: cannot be read: No such file"),
        "{}",
        ran.stderr
    );
    // A key that kubeadm would pass over is told, and nothing else happens.
    let odd = CONTROL_PLANE.replace("podSubnet", "podSubnt");
    let tree = Tree::new().file("/kubeadm.yaml", odd);
    let ran =
        preflight(&["--root", &node(), "-q", "--kubeadm-config", tree.at("/kubeadm.yaml").to_str().unwrap()]);
    assert!(ran.stderr.contains("did you mean `podSubnet`?") && ran.code != Some(3), "{}", ran.stderr);
}

#[test]
fn lines_as_kubeadm_prints_them() {
    let root = node();
    let ran = preflight(&["--root", &root, "--set", "role=control-plane", "-o", "kubeadm"]);
    let report = preflight(&["--root", &root, "--set", "role=control-plane", "-o", "json"]).report();
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "[preflight] Running pre-flight checks");
    assert!(lines.last().unwrap().starts_with("[preflight] If you know what you are doing"));
    let fatal = lines.iter().position(|l| *l == "[preflight] Some fatal errors occurred:").unwrap();
    for (i, line) in lines.iter().enumerate().filter(|(_, l)| !l.starts_with("[preflight]")) {
        let word = if i < fatal { "\t[WARNING " } else { "\t[ERROR " };
        let rest = line.strip_prefix(word).unwrap_or_else(|| panic!("{line}"));
        let (name, message) = rest.split_once("]: ").unwrap();
        assert!(!name.contains(' ') && !message.is_empty(), "{line}");
    }
    for verdict in ["warn", "fail"] {
        for finding in report.findings().iter().filter(|f| f["verdict"] == verdict) {
            let name = finding["kubeadm"].as_str().or(finding["id"].as_str()).unwrap();
            assert!(lines.iter().any(|l| l.contains(&format!("{name}]: "))), "{finding:#}");
        }
    }
    // Ignored, it is a warning there, too.
    let ran = preflight(&["--root", &root, "-o", "kubeadm", "--ignore-preflight-errors=all"]);
    assert_eq!(ran.code, Some(0));
    assert!(!ran.stdout.contains("ERROR") && ran.stdout.contains("WARNING"), "{}", ran.stdout);
}

#[test]
fn the_version_of_the_kubelet_that_is_installed_is_found_out() {
    let status = "Package: kubelet\nStatus: hold ok installed\nVersion: 1.33.4-1.1\n\n";
    let tree = Tree::new()
        .file("/usr/bin/kubelet", "x")
        .file("/var/lib/dpkg/status", status)
        .file("/var/lib/dpkg/info/kubelet.list", "/.\n/usr/bin/kubelet\n");
    let arguments = ["--root", tree.root(), "-o", "json"];
    let report = preflight(&arguments).report();
    let input = &report.0["policy"]["inputs"]["kubernetesVersion"];
    assert_eq!(input["value"], "1.33.4");
    assert_eq!(input["from"], "/usr/bin/kubelet, by /var/lib/dpkg/status");
    assert_eq!(report.brief("kubelet/version"), "pass fits");
    let report = preflight(&[&arguments[..], &["--set", "kubernetesVersion=1.37"]].concat()).report();
    assert_eq!(report.brief("kubelet/version"), "fail too-old");
    assert_eq!(report.finding("kubelet/version")["kubeadm"], "KubeletVersion");
}

/// Every rule of a profile by its id.
fn rules() -> BTreeSet<String> {
    let node = profiles::find("kubernetes-node").unwrap().load().unwrap_or_else(|e| panic!("{e}"));
    node.rules.into_iter().map(|rule| rule.id).collect()
}

fn rows() -> Vec<Value> {
    let mut whole: serde_json::Map<String, Value> = cases::load("kubeadm-names");
    match whole.remove("names") {
        Some(Value::Array(rows)) => rows,
        other => panic!("{other:?}"),
    }
}

fn names(row: &Value) -> Vec<String> {
    let text = row["name"].as_str().unwrap();
    let bare = text.replace(" and its kin", "");
    bare.split(", ").map(str::to_owned).collect()
}

#[test]
fn every_name_of_kubeadm_is_accounted_for() {
    let rules = rules();
    let mut told = BTreeSet::new();
    for row in rows() {
        for name in names(&row) {
            assert!(kubeadm_names::is_known(&name.to_lowercase().replace('*', "x")), "{name}");
            told.insert(name);
        }
        for rule in row["rules"].as_array().unwrap() {
            let rule = rule.as_str().unwrap();
            assert!(rules.contains(rule), "no rule {rule} in the profile");
        }
    }
    for name in kubeadm_names::NAMES {
        let family = name.strip_suffix('*').unwrap_or(name);
        assert!(told.iter().any(|told| told.starts_with(family)), "{name} is not in the table");
    }
}

#[test]
fn the_findings_of_these_rules_carry_the_names() {
    let root = node();
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    for set in [
        &["--set", "role=worker"][..],
        &["--set", "role=control-plane", "--set", "ipFamily=dual", "--set", "cni=bridge"],
        &[
            "--set",
            "kubernetesVersion=1.28",
            "--set",
            "etcd=external",
            "--set",
            "etcdCAFile=/x",
            "--set",
            "role=control-plane",
        ],
        &[
            "--set",
            "proxyMode=ipvs",
            "--set",
            "podCIDR=10.244.0.0/16",
            "--set",
            "imageRegistry=https://registry.example/v2/",
        ],
    ] {
        for arguments in [&["--root", &root, "-o", "json"][..], &["-o", "json"]] {
            let report = preflight(&[arguments, set].concat()).report();
            for finding in report.findings().iter().filter(|f| f["kubeadm"].is_string()) {
                let text = |key: &str| finding[key].as_str().unwrap().to_owned();
                seen.insert((text("rule"), text("kubeadm")));
            }
        }
    }
    for row in rows() {
        let families: Vec<String> = names(&row).iter().map(|n| n.trim_end_matches('*').to_owned()).collect();
        let rules: Vec<&str> = row["rules"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
        // Only a runtime that runs is asked for its configuration: live_cri.rs.
        for rule in rules.iter().filter(|_| row["name"] != "ContainerRuntimeVersion") {
            let found =
                seen.iter().any(|(r, name)| r == rule && families.iter().any(|f| name.starts_with(f)));
            assert!(found, "no finding of {rule} carries {families:?}");
        }
    }
}

/// What kubeadm 1.20.2 said of a machine such as this one (2026-11-22): `kubeadm init phase preflight` and `join`.
const RECORDED: &str = "
[preflight] WARNING: Couldn't create the interface used for talking to the container runtime: crictl is required
\t[WARNING FileExisting-ebtables]: ebtables not found in system path
\t[WARNING FileExisting-ethtool]: ethtool not found in system path
\t[WARNING FileExisting-socat]: socat not found in system path
\t[WARNING Hostname]: hostname \"node1\" could not be reached
\t[WARNING Service-Kubelet]: kubelet service is not enabled, please run 'systemctl enable kubelet.service'
\t[ERROR FileExisting-crictl]: crictl not found in system path
\t[ERROR FileContent--proc-sys-net-ipv4-ip_forward]: /proc/sys/net/ipv4/ip_forward contents are not set to 1
\t[ERROR FileExisting-conntrack]: conntrack not found in system path
\t[ERROR FileExisting-iptables]: iptables not found in system path
\t[ERROR KubeletVersion]: couldn't get kubelet version: cannot execute 'kubelet --version'";

#[test]
fn every_line_that_kubeadm_printed_here_has_its_finding() {
    let report = preflight(&["--set", "kubernetesVersion=1.20", "-o", "json"]).report();
    let names: BTreeSet<&str> = report.findings().iter().filter_map(|f| f["kubeadm"].as_str()).collect();
    let said = RECORDED.lines().filter_map(|line| line.trim_start().strip_prefix('[')?.split_once("]: "));
    let said: Vec<&str> = said.filter_map(|(name, _)| name.split_once(' ').map(|(_, name)| name)).collect();
    assert_eq!(said.len(), 10);
    for name in said.into_iter().chain(["CRI"]) {
        assert!(names.contains(name), "{name} is not among {names:?}");
    }
}

#[test]
fn the_page_is_made_from_the_table() {
    let mut page = "# kubeadm's checks and preflight's\n
Made from tests/cases/kubeadm-names.yaml by `PREFLIGHT_BLESS=1 cargo test --test kubeadm`; do not edit.\n
`--ignore-preflight-errors` takes kubeadm's names, in any case, and `all`, alone; a failure under such a name is a warning then, as
there. A name that kubeadm never had is wrong usage, and the nearest is offered. `-o kubeadm` prints `[WARNING Name]: …` and
`[ERROR Name]: …`; what kubeadm has no name for stands there under the id of the finding. I: `kubeadm init`, C: `join` as control
plane, W: `join`, U: `upgrade`.\n
| kubeadm | where | rules of `kubernetes-node` | what differs |\n|---|---|---|---|\n"
        .to_owned();
    for row in rows() {
        let names: Vec<String> = names(&row).iter().map(|name| format!("`{name}`")).collect();
        let kin = if row["name"].as_str().unwrap().contains("its kin") { " …" } else { "" };
        let rules: Vec<String> =
            row["rules"].as_array().unwrap().iter().map(|r| format!("`{}`", r.as_str().unwrap())).collect();
        let rules = if rules.is_empty() { "none".to_owned() } else { rules.join(", ") };
        let text = |key: &str| row[key].as_str().unwrap();
        writeln!(page, "| {}{kin} | {} | {rules} | {} |", names.join(", "), text("where"), text("differs"))
            .unwrap();
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kubeadm.md");
    if env::var_os("PREFLIGHT_BLESS").is_some() {
        fs::write(&file, page).unwrap();
    } else {
        let old = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(old, page, "PREFLIGHT_BLESS=1 writes docs/kubeadm.md anew");
    }
}
