//! Configurations as programs write them, shortened; what spoils them; the merging of several files.

use super::*;
use crate::{
    facts::kubelet::buildinfo::tests::program,
    node::{Memory, ReadErrorKind},
};
use proptest::prelude::*;

/// `containerd config default` of 1.5 to 1.7, up to the image.
pub(crate) const DEFAULT_1: &str = r#"disabled_plugins = []
imports = []
root = "/var/lib/containerd"
version = 2

[plugins]

  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "registry.k8s.io/pause:3.8"
    systemd_cgroup = false

    [plugins."io.containerd.grpc.v1.cri".containerd]
      default_runtime_name = "runc"
      snapshotter = "overlayfs"

      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes]

        [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
          runtime_type = "io.containerd.runc.v2"

          [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
            BinaryName = ""
            SystemdCgroup = false
"#;

/// `containerd config default` of 2.0 and 2.1.
pub(crate) const DEFAULT_2: &str = r"version = 3
root = '/var/lib/containerd'
disabled_plugins = []
imports = []

[plugins]
  [plugins.'io.containerd.cri.v1.images']
    snapshotter = 'overlayfs'

    [plugins.'io.containerd.cri.v1.images'.pinned_images]
      sandbox = 'registry.k8s.io/pause:3.10'

  [plugins.'io.containerd.cri.v1.runtime']
    [plugins.'io.containerd.cri.v1.runtime'.containerd]
      default_runtime_name = 'runc'

      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes]
        [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
          runtime_type = 'io.containerd.runc.v2'

          [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
            SystemdCgroup = false
";

/// The package containerd.io of Docker.
pub(crate) const DOCKER: &str = "#   Copyright 2018-2022 Docker Inc.\n\ndisabled_plugins = [\"cri\"]\n\n#root = \"/var/lib/containerd\"\n";

/// The image of kind's nodes (images/base/files/etc/containerd/config.toml), with its patch.
const KIND: &str = r#"version = 2
[plugins]
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      base_runtime_spec = "/etc/containerd/cri-base.json"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = true
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.7"
"#;

/// Kubespray (roles/container-engine/containerd/templates/config.toml.j2).
const KUBESPRAY: &str = r#"version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
[plugins]
  [plugins."io.containerd.cri.v1.runtime"]
    max_container_log_line_size = 16384
    [plugins."io.containerd.cri.v1.runtime".containerd]
      default_runtime_name = "runc"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
        runtime_type = "io.containerd.runc.v2"
        [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
          Root = ""
          SystemdCgroup = true
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "registry.k8s.io/pause:3.10"
"#;

fn of(memory: Memory) -> (Known2, Option<String>) {
    let node = Node::in_memory(memory);
    let found = node.containerd().expect("it is there");
    let driver = found.driver().map(|d| (d.value, d.seen.source)).map_err(|unknown| unknown.reason);
    (driver, found.text(Setting::SandboxImage).ok().flatten().map(|image| image.value))
}

type Known2 = Result<(Driver, String), String>;

fn one(text: &str) -> Memory {
    Memory::new().file(CONFIG, text)
}

pub(crate) fn of_major(major: u32) -> Vec<u8> {
    let version = if major == 1 { String::new() } else { format!("v{major}/") };
    program(&format!("path\tgithub.com/containerd/containerd/{version}cmd/containerd\n"))
}

#[test]
fn files_as_they_are_written() {
    for (text, driver, line, image) in [
        (DEFAULT_1, Driver::Cgroupfs, 23, Some("registry.k8s.io/pause:3.8")),
        (DEFAULT_2, Driver::Cgroupfs, 22, Some("registry.k8s.io/pause:3.10")),
        (KIND, Driver::Systemd, 10, Some("registry.k8s.io/pause:3.7")),
        (KUBESPRAY, Driver::Systemd, 14, Some("registry.k8s.io/pause:3.10")),
    ] {
        let (found, pause) = of(one(text));
        assert_eq!(found, Ok((driver, format!("{CONFIG}:{line}"))), "{text}");
        assert_eq!(pause.as_deref(), image);
    }
    let (found, pause) = of(one(DOCKER));
    assert_eq!((found, pause), (Ok((Driver::Cgroupfs, CONFIG.into())), None));
    // Nothing but the program.
    let (found, _) = of(Memory::new().file(PROGRAMS[0], of_major(2)));
    assert_eq!(found, Ok((Driver::Cgroupfs, CONFIG.into())));
    assert!(Node::in_memory(Memory::new()).containerd().is_none());
}

#[test]
fn the_cri_plugin_is_switched_off() {
    let off = |text: &str| {
        let node = Node::in_memory(one(text));
        node.containerd().unwrap().cri_disabled().unwrap().map(|d| (d.name, d.seen.source))
    };
    assert_eq!(off(DOCKER), Some(("cri".into(), format!("{CONFIG}:3"))));
    assert_eq!(off(DEFAULT_1), None);
    let long =
        "version = 2\ndisabled_plugins = ['io.containerd.internal.v1.opt', 'io.containerd.grpc.v1.cri']\n";
    assert_eq!(off(long), Some(("io.containerd.grpc.v1.cri".into(), format!("{CONFIG}:2"))));
    // In version 2 that is no name of a plugin.
    assert_eq!(off("version = 2\ndisabled_plugins = ['cri']\n"), None);
}

#[test]
fn a_format_without_a_version_is_read_by_2_only_under_the_long_name() {
    let text = KIND.replace("version = 2\n", "");
    let with = |major| of(one(&text).file(PROGRAMS[0], of_major(major))).0;
    assert_eq!(with(1).map(|d| d.0), Ok(Driver::Cgroupfs));
    assert_eq!(with(2).map(|d| d.0), Ok(Driver::Systemd));
    assert!(of(one(&text)).0.unwrap_err().contains("1.x and 2.x"));
    let short = text.replace("io.containerd.grpc.v1.cri", "cri");
    assert_eq!(of(one(&short)).0.map(|d| d.0), Ok(Driver::Systemd));
}

#[test]
fn what_is_imported_counts_more() {
    let main = format!("imports = ['/etc/containerd/conf.d/*.toml', 'own.toml']\n{}", &KIND);
    let part = "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.runc.options]\nSystemdCgroup = false\n";
    let image = "version = 2\n[plugins.'io.containerd.grpc.v1.cri']\nsandbox_image = 'mine:1'\n";
    let memory = |text: &str| {
        one(&main)
            .file("/etc/containerd/conf.d/50-x.toml", text)
            .file("/etc/containerd/own.toml", "version = 2\n")
    };
    for major in [1, 2] {
        let (driver, _) = of(memory(part).file(PROGRAMS[1], of_major(major)));
        assert_eq!(driver, Ok((Driver::Cgroupfs, "/etc/containerd/conf.d/50-x.toml:3".into())));
    }
    // 1.x takes the section as a whole, and with it loses what the first file said of the driver.
    let (driver, pause) = of(memory(image).file(PROGRAMS[1], of_major(1)));
    assert_eq!((driver.unwrap().0, pause.as_deref()), (Driver::Cgroupfs, Some("mine:1")));
    let (driver, pause) = of(memory(image).file(PROGRAMS[1], of_major(2)));
    assert_eq!((driver.unwrap().0, pause.as_deref()), (Driver::Systemd, Some("mine:1")));
    assert!(of(memory(image)).0.is_err());
    // Files that import each other.
    let (driver, _) = of(memory("imports = ['/etc/containerd/config.toml']\nversion = 2\n"));
    assert_eq!(driver.unwrap().0, Driver::Systemd);
    // One that may not be read, and one that does not parse.
    let hidden = one(&main)
        .file("/etc/containerd/own.toml", "")
        .error("/etc/containerd/conf.d", ReadErrorKind::Denied("EACCES"));
    assert!(of(hidden).0.is_err());
    assert!(of(memory("x = \n")).0.unwrap_err().contains("line 1, column"));
}

#[test]
fn the_unit_names_the_file() {
    let unit = "[Service]\nExecStart=/usr/bin/containerd --config /opt/c.toml\n";
    for line in [unit.to_owned(), unit.replace("--config ", "-c="), unit.replace("--config", "-c")] {
        let memory = Memory::new()
            .file(PROGRAMS[0], of_major(2))
            .file("/etc/systemd/system/containerd.service", &line)
            .file("/opt/c.toml", KUBESPRAY);
        assert_eq!(of(memory.clone()).0, Ok((Driver::Systemd, "/opt/c.toml:14".into())), "{line}");
        assert!(of(memory.without("/opt/c.toml")).0.is_err(), "what is named has to be there");
    }
}

#[test]
fn other_runtimes() {
    let nvidia = KUBESPRAY.replace("runc\"", "nvidia\"").replace("runtimes.runc", "runtimes.nvidia");
    assert_eq!(of(one(&nvidia)).0.unwrap().0, Driver::Systemd);
    let kata = KUBESPRAY.replace("default_runtime_name = \"runc\"", "default_runtime_name = \"kata\"")
        + "[plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.kata]\nruntime_type = \"io.containerd.kata.v2\"\n";
    assert!(of(one(&kata)).0.unwrap_err().contains("kata"));
    assert!(of(one(&KUBESPRAY.replace("SystemdCgroup = true", "SystemdCgroup = \"yes\""))).0.is_err());
}

#[test]
fn every_beginning_of_a_file_is_read_or_refused() {
    for text in [DEFAULT_1, DEFAULT_2, DOCKER, KIND, KUBESPRAY] {
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            let _ = of(one(&text[..end]));
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = of(Memory::new().file(CONFIG, &bytes));
        let _ = Node::in_memory(Memory::new().file("/etc/docker/daemon.json", &bytes)).docker_driver();
        let crio = Memory::new().file("/etc/crio/crio.conf", &bytes);
        let _ = Node::in_memory(crio).crio().map(super::super::crio::Crio::driver);
    }
}
