//! Every cgroup subsystem of every captured node has the state that the kernel was measured to give it.
#![allow(clippy::disallowed_methods)] // tests read captured files as they are

mod common;

use common::nodes::{self, Captured};
use preflight::cgroups::{CgroupReport, Controller};
use preflight_checks::{
    Node,
    facts::cgroup::{Basis, Step},
    node::{Filesystem, Memory},
};
use std::sync::Arc;

fn report(captured: &Captured) -> CgroupReport {
    let door = Filesystem::under(&captured.root).expect("the root of a captured node");
    preflight::cgroups::report(&Node::new(Arc::new(door), Arc::default())).expect(&captured.name)
}

fn find<'a>(report: &'a CgroupReport, name: &str) -> &'a Controller {
    report.controllers.iter().find(|c| c.name == name).unwrap_or_else(|| panic!("no {name} in the report"))
}

#[test]
fn every_state_is_the_measured_one() {
    let nodes = nodes::all();
    assert_eq!(nodes.len(), 83);
    let mut cells = 0;
    for captured in nodes {
        let report = report(captured);
        for want in &captured.expected.subsystems {
            let found = find(&report, &want.name);
            let at = format!("{} {}: {}", captured.name, want.name, found.note);
            assert_eq!(found.state.as_str(), want.state, "{at}");
            assert_eq!(found.id, want.id, "{at}");
            assert_eq!(found.legacy_name, want.legacy_name, "{at}");
            assert!(!found.note.is_empty() && !found.evidence.is_empty(), "{at}");
            // No mask was read here; and where the real root has a list, no state rests on the version alone.
            assert!(found.basis < Basis::Measured, "{at}");
            assert!(found.basis == Basis::Inferred || report.is_root_cgroup != Some(true), "{at}");
            let step = found.step.is_some();
            assert_eq!(step, !matches!(want.state.as_str(), "not-compiled" | "disabled"), "{at}");
            assert!(found.step.is_none_or(|s| s > Step::Kprobe), "{at}");
            cells += 1;
        }
        assert!(report.disagreements.is_empty(), "{}: {:?}", captured.name, report.disagreements);
        assert!(report.readings.is_empty());
        assert_eq!(report.controllers.len(), captured.expected.subsystems.len(), "{}", captured.name);
    }
    assert_eq!(cells, 83 * 16);
}

#[test]
fn the_masks_are_the_measured_ones() {
    let mut compared = 0;
    for captured in nodes::all() {
        let masks = report(captured).masks;
        // Nothing here reads a mask: it may not be called measured.
        assert_ne!(format!("{:?}", masks.basis), "Measured");
        let Some(want) = captured.expected.masks else { continue };
        assert_eq!(masks.width_bits, Some(want.width), "{}", captured.name);
        for (found, want) in [(&masks.implicit, want.implicit), (&masks.inhibited, want.inhibit)] {
            // A lockdown hid them from whoever measured.
            let Some(want) = want else { continue };
            assert_eq!(found.value, Some(u64::from(want)), "{}: {:?}", captured.name, found.names);
            compared += 1;
        }
    }
    assert!(compared >= 150, "{compared}");
}

#[test]
fn without_type_information_the_states_stay_or_become_unknown() {
    for captured in nodes::all() {
        let mut memory = Memory::new().as_root();
        for path in walk(&captured.root) {
            if !path.starts_with("/sys/kernel/btf/")
                && !path.starts_with("/boot/")
                && path != "/proc/config.gz"
            {
                let bytes = std::fs::read(captured.root.join(&path[1..])).unwrap();
                memory = memory.file(&path, bytes);
            }
        }
        let report = preflight::cgroups::report(&Node::in_memory(memory)).expect(&captured.name);
        for want in &captured.expected.subsystems {
            let found = find(&report, &want.name);
            let state = found.state.as_str();
            assert!(
                state == want.state || state == "unknown",
                "{} {}: {state} for {}",
                captured.name,
                want.name,
                want.state
            );
            assert_eq!(found.id, None);
        }
    }
}

/// The files below a directory, as absolute paths of the node.
fn walk(root: &std::path::Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut todo = vec![root.to_owned()];
    while let Some(directory) = todo.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                todo.push(entry.path());
            } else {
                let path = entry.path();
                files.push(format!("/{}", path.strip_prefix(root).unwrap().display()));
            }
        }
    }
    files
}
