//! What the report on cgroups shows beside the subsystems, on every captured node: it says what the files say.
#![allow(clippy::disallowed_methods)] // tests read captured files as they are

mod common;

use common::nodes::{self, Captured};
use preflight::cgroups::CgroupReport;
use preflight_checks::{
    Node,
    facts::cgroup::{LayoutKind, headroom::Bound},
    node::Filesystem,
};
use std::{fs, sync::Arc};

fn report(captured: &Captured) -> CgroupReport {
    let door = Filesystem::under(&captured.root).expect("the root of a captured node");
    preflight::cgroups::report(&Node::new(Arc::new(door), Arc::default())).expect(&captured.name)
}

fn text(captured: &Captured, path: &str) -> Option<String> {
    fs::read_to_string(captured.root.join(&path[1..])).ok()
}

#[test]
fn features_are_those_of_the_kernel_and_of_the_mount() {
    for captured in nodes::all() {
        let report = report(captured);
        let at = &captured.name;
        let kernel = text(captured, "/sys/kernel/cgroup/features").expect(at);
        let mounts = text(captured, "/proc/self/mountinfo").expect(at);
        let mounted = report.unified_mount.is_some();
        assert_eq!(mounted, !matches!(report.layout, LayoutKind::V1 | LayoutKind::None), "{at}");
        for feature in &report.features.options {
            let named = kernel.lines().any(|l| l == feature.name);
            assert_eq!(feature.kernel, Some(named), "{at}: {}", feature.name);
            let on = mounts.lines().any(|l| l.contains(" cgroup2 ") && l.contains(&feature.name));
            assert_eq!(feature.on, mounted.then_some(on), "{at}: {}", feature.name);
            assert_eq!(feature.meaning.is_some(), mounted, "{at}: {}", feature.name);
        }
        // The five kernels have 3, 4 or all 6 of them.
        let known = report.features.options.iter().filter(|f| f.kernel == Some(true)).count();
        assert_eq!(known, kernel.lines().count(), "{at}");
        assert!(report.features.delegate.as_ref().is_some_and(|d| d.len() >= 4), "{at}");
    }
}

#[test]
fn pressure_is_counted_unless_the_mode_says_otherwise() {
    for captured in nodes::all() {
        let (pressure, at) = (report(captured).pressure, &captured.name);
        let off = captured.expected.mode == "v2-psi0";
        assert_eq!(pressure.system, Some(!off), "{at}: {:?}", pressure.notes);
        assert_eq!(text(captured, "/proc/pressure/cpu").is_some(), !off, "{at}");
        let mounted = pressure.cgroup.is_some();
        // Linux 5.10 does not know cgroup_disable=pressure.
        let cgroups_off = captured.expected.mode == "v2-disable-pressure" && !at.contains("5.10");
        let files = ["cpu", "memory", "io"].iter().any(|r| {
            let directory = pressure.cgroup.as_deref().unwrap_or("/nowhere");
            text(captured, &format!("{directory}/{r}.pressure")).is_some_and(|t| !t.is_empty())
        });
        match pressure.per_cgroup {
            Some(true) => assert!(files && !off && !cgroups_off, "{at}"),
            Some(false) => assert!(!files && (off || cgroups_off || !mounted), "{at}"),
            // The captures of containers, and those beside v1 hierarchies, have no files of pressure.
            None => assert!(!files && !off && !cgroups_off && mounted, "{at}"),
        }
        assert_eq!(
            pressure.notes.is_empty(),
            pressure.per_cgroup == Some(true),
            "{at}: {:?}",
            pressure.notes
        );
        if off {
            assert!(pressure.notes.iter().any(|n| n.contains("`psi=`")), "{at}: {:?}", pressure.notes);
        }
        if cgroups_off {
            assert!(pressure.notes.iter().any(|n| n.contains("cgroup_disable=pressure")), "{at}");
        }
    }
}

#[test]
fn headroom_is_what_the_files_leave() {
    for captured in nodes::all() {
        let (headroom, at) = (report(captured).headroom, &captured.name);
        assert!(headroom.gaps.is_empty(), "{at}: {:?}", headroom.gaps);
        let number = |path: &str| -> u64 { text(captured, path).expect(at).trim().parse().expect(at) };
        let loadavg = text(captured, "/proc/loadavg").expect(at);
        let used: u64 = loadavg.split([' ', '/']).nth(4).expect(at).parse().expect(at);
        // No captured cgroup is limited: the machine is.
        assert!(headroom.cgroups.is_empty() && headroom.depth.is_empty(), "{at}");
        let limits = ["threads-max", "pid_max"].map(|n| number(&format!("/proc/sys/kernel/{n}")));
        let first = headroom.tasks.first().expect(at);
        assert_eq!(Some(first.limit), limits.into_iter().min(), "{at}");
        assert_eq!((first.used, first.left), (used, first.limit - used), "{at}");
        for level in &headroom.levels {
            let stat = text(captured, &format!("{}/cgroup.stat", level.directory)).expect(at);
            let line = format!("nr_descendants {}", level.descendants.expect(at));
            assert!(stat.lines().any(|l| l == line), "{at}: {stat}");
            assert_eq!(level.max_depth.and_then(Bound::limit), None, "{at}");
        }
        assert_eq!(headroom.levels.is_empty(), captured.expected.controllers.is_none(), "{at}");
    }
}
