//! Every verdict.

use super::*;
use crate::{
    facts::containerd::{CONFIG, PROGRAMS},
    finding::Outcome,
    node::{Memory, ReadErrorKind},
};

fn run(pause: Option<&str>, memory: Memory) -> Vec<(String, Finding)> {
    let mut out = Findings::default();
    let params = RuntimeConfigParams { pause_image: pause.map(str::to_owned) };
    RuntimeConfig::run(&params, &Node::in_memory(memory), &mut out).expect("it judges");
    let named = |finding: Finding| (format!("{} {}", finding.subject(), finding.reason()), finding);
    out.into_inner().into_iter().map(|(finding, _)| named(finding)).collect()
}

fn told(memory: Memory) -> Vec<String> {
    run(Some("registry.k8s.io/pause:3.10"), memory).into_iter().map(|(name, _)| name).collect()
}

fn one(text: &str) -> Memory {
    Memory::new().file(CONFIG, text)
}

const V3: &str = "version = 3\n[plugins.'io.containerd.cri.v1.images'.pinned_images]\nsandbox = 'registry.k8s.io/pause:3.10'\n";

#[test]
fn files() {
    assert_eq!(told(Memory::new()), ["runtime not-applicable"]);
    let good = ["containerd readable", "cri-plugin enabled", "containerd/sandbox-image same", "storage told"];
    assert_eq!(told(one(V3)), good);
    let old = V3.replace("3.10", "3.8");
    assert_eq!(told(one(&old))[2], "containerd/sandbox-image differs");
    assert_eq!(run(None, one(&old))[2].0, "containerd/sandbox-image told");
    let bare = Memory::new().file(PROGRAMS[0], "");
    assert_eq!(
        told(bare),
        [
            "containerd defaults",
            "cri-plugin enabled",
            "containerd/sandbox-image not-applicable",
            "storage told"
        ]
    );
    let (name, finding) = run(None, one("version = 2\nroot = \n")).remove(0);
    assert_eq!(name, "containerd invalid");
    assert!(finding.message().contains("line 2, column"), "{}", finding.message());
    let hidden = one("").error(CONFIG, ReadErrorKind::Denied("EACCES"));
    let all = run(None, hidden);
    assert!(all.iter().all(|(_, f)| matches!(f.outcome(), Outcome::Undetermined(_))), "{all:?}");
}

#[test]
fn versions_of_the_format() {
    let program = |version: &str| {
        let text = format!("path\tgithub.com/containerd/containerd/{version}cmd/containerd\n");
        crate::facts::kubelet::buildinfo::tests::program(&text)
    };
    assert_eq!(told(one(V3).file(PROGRAMS[0], program("")))[0], "containerd too-new");
    assert_eq!(told(one(V3).file(PROGRAMS[0], program("v2/")))[0], "containerd readable");
    let unsaid = "[plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = 'a:1'\n";
    let found = run(None, one(unsaid));
    assert!(found[0].1.all_notes()[0].contains("version = 2"));
}

#[test]
fn the_plugin_is_switched_off() {
    let found = run(None, one("disabled_plugins = [\"cri\"]\n"));
    assert_eq!(found[1].0, "cri-plugin disabled");
    let cause = found[1].1.cause().expect("it is one");
    assert_eq!((cause.name.as_str(), cause.is_root), ("cri-disabled", true));
    let docker = one("disabled_plugins = [\"cri\"]\n").file("/usr/bin/cri-dockerd", "");
    assert_eq!(run(None, docker)[1].0, "cri-plugin not-applicable");
}

#[test]
fn other_places_and_crio() {
    let found = run(None, one("version = 2\nroot = '/data'\n"));
    assert!(found[3].1.all_notes()[0].contains("/data"));
    let crio = |text: &str| Memory::new().file("/etc/crio/crio.conf", text);
    assert_eq!(
        told(crio("[crio.image]\npause_image = 'x:1'\n")),
        ["crio readable", "crio/sandbox-image differs"]
    );
    assert_eq!(told(crio("[crio\n")), ["crio invalid"]);
    assert_eq!(told(crio("")), ["crio readable", "crio/sandbox-image not-applicable"]);
}
