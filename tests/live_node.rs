//! Checks of a node against the kernel itself: real sockets, interfaces, limits and files in namespaces of their own.
//!
//! Each scene has its own network, mount, UTS and process namespaces, and ends with them; cgroups are taken away by hand.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;
#[path = "live_node/files.rs"]
mod files;
#[path = "live_node/kubelet.rs"]
mod kubelet;
#[path = "live_node/machine.rs"]
mod machine;
#[path = "live_node/network.rs"]
mod network;
#[path = "live_node/ports.rs"]
mod ports;
#[allow(dead_code)] // what it knows of cgroups is for the tests of those
#[path = "live/scene.rs"]
mod scene;

use common::process::{Report, policy, run};
use scene::{Viewer, cannot, is_root, stage};
use serde_json::Value;
use std::process::Command;

/// A scene in namespaces of its own.
#[derive(Clone, Copy)]
struct Play<'a> {
    /// Its name, for messages.
    name: &'a str,
    /// Shell commands (bash) that set it, each of which has to succeed. `$DIR` is a directory of the scene's own.
    set: &'a str,
    /// Words in front of the program, or a function of `set` that ends with `exec "$@"`.
    before: &'a str,
    /// Who looks.
    viewer: Viewer,
}

/// What a scene may say that was put into its directory: what the program was not asked for.
struct Seen {
    report: Report,
    said: String,
}

impl<'a> Play<'a> {
    fn new(name: &'a str, set: &'a str) -> Self {
        Self { name, set, before: "", viewer: Viewer::Me }
    }

    /// Judges in the scene; `None` (and said so) where it can't be set.
    fn judge(&self, rules: &[&str]) -> Option<Report> {
        Some(self.see(rules)?.report)
    }

    /// The same, with what the scene wrote to `$DIR/said`.
    fn see(&self, rules: &[&str]) -> Option<Seen> {
        if !is_root() {
            cannot(self.name, "only root may make such namespaces and become nobody in them");
            return None;
        }
        let (directory, program) = stage();
        let drop = match self.viewer {
            Viewer::Me => "",
            Viewer::Nobody => "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all",
        };
        // The shell stays, as the first process of its namespace: what it started ends with it.
        let script = format!(
            "set -e\n{}\n: > \"$DIR/set\"\nset +e\n( {} {drop} \"$@\" -c - -o json )\nexit $?",
            self.set, self.before
        );
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]);
        command.args(["bash", "-c", &script, "scene"]).arg(&program).env("DIR", directory.path());
        for name in ["http_proxy", "https_proxy", "no_proxy"] {
            command.env_remove(name).env_remove(name.to_uppercase());
        }
        command.current_dir("/");
        let ran = run(command, &policy(rules));
        if !directory.path().join("set").exists() {
            cannot(self.name, ran.stderr.trim());
            return None;
        }
        let said = std::fs::read_to_string(directory.path().join("said")).unwrap_or_default();
        Some(Seen { report: ran.report(), said })
    }
}

/// All that a finding rests on, as one text.
fn evidence(finding: &Value) -> String {
    finding["evidence"].to_string()
}
