//! The hierarchy of control groups as a picture: nested lists, which a style sheet draws as a tree and a screen reader reads as one.
//!
//! Some readers take a list without bullets for none, so each says by `role` that it is one.

use super::text;
use crate::cgroups::{CgroupReport, Controller};
use preflight_checks::facts::cgroup::State;
use std::fmt::Write as _;

/// The section about control groups; why there is none where they could not be surveyed.
pub(super) fn section(out: &mut String, cgroups: &Result<CgroupReport, String>) {
    out.push_str("<section aria-labelledby=\"cgroups\">\n<h2 id=\"cgroups\">Control groups</h2>\n");
    match cgroups {
        Ok(report) => tree(out, report),
        Err(why) => {
            let _ = writeln!(out, "<p>They could not be surveyed: {}</p>", text(why));
        }
    }
    out.push_str("</section>\n");
}

fn tree(out: &mut String, report: &CgroupReport) {
    let _ =
        writeln!(out, "<p>The layout is {}.</p>\n<ul class=\"tree\" role=\"list\">", report.layout.as_str());
    unified(out, report);
    let mut legacy: Vec<&Controller> =
        report.controllers.iter().filter(|c| c.state == State::BoundToV1).collect();
    // Those of one hierarchy stand together, in the order of its number.
    legacy.sort_by_key(|controller| controller.hierarchy);
    for together in legacy.chunk_by(|a, b| a.hierarchy.is_some() && a.hierarchy == b.hierarchy) {
        let Some(first) = together.first() else { continue };
        let number = first.hierarchy.map(|number| format!(" {number}")).unwrap_or_default();
        let mount = first.legacy_mount.as_deref().map_or_else(
            || ", not mounted here".to_owned(),
            |mount| format!(" on <code>{}</code>", text(mount)),
        );
        let _ = write!(out, "<li>version 1, hierarchy{number}{mount}");
        leaves(out, together);
        out.push_str("</li>\n");
    }
    let nowhere =
        [State::Unmounted, State::NotDelegated, State::Disabled, State::NotCompiled, State::Unknown];
    if report.controllers.iter().any(|controller| nowhere.contains(&controller.state)) {
        out.push_str("<li>in no hierarchy");
        states(out, report, &nowhere);
        out.push_str("</li>\n");
    }
    out.push_str("</ul>\n<details><summary>Why each is where it is</summary>\n<dl>");
    for controller in &report.controllers {
        let _ = write!(
            out,
            "<dt><code>{}</code></dt><dd>{}</dd>",
            text(&controller.name),
            text(&controller.note)
        );
    }
    out.push_str("</dl>\n</details>\n");
}

/// The hierarchy of version 2, with what it has by state.
fn unified(out: &mut String, report: &CgroupReport) {
    let Some(mount) = &report.unified_mount else { return };
    let root = match report.is_root_cgroup {
        Some(true) => ", the real root",
        Some(false) => ", a part of the hierarchy",
        None => "",
    };
    let _ = write!(out, "<li>version 2 on <code>{}</code>{root}", text(mount));
    states(out, report, &[State::Listed, State::Implicit, State::Inhibited]);
    out.push_str("</li>\n");
}

/// A branch for each state that some subsystem has.
fn states(out: &mut String, report: &CgroupReport, states: &[State]) {
    out.push_str("\n<ul role=\"list\">");
    for state in states {
        let those: Vec<&Controller> = report.controllers.iter().filter(|c| c.state == *state).collect();
        if !those.is_empty() {
            let _ = write!(out, "\n<li>{}", state.as_str());
            leaves(out, &those);
            out.push_str("</li>");
        }
    }
    out.push_str("\n</ul>\n");
}

fn leaves(out: &mut String, controllers: &[&Controller]) {
    out.push_str("\n<ul class=\"leaves\" role=\"list\">");
    for controller in controllers {
        let passed_on = match controller.enabled_for_children {
            Some(true) => " <small>passed on to children</small>",
            Some(false) => " <small>not passed on</small>",
            None => "",
        };
        let class = match controller.state {
            State::Listed | State::Implicit => "pass",
            State::BoundToV1 | State::Inhibited => "warn",
            _ => "skip",
        };
        let _ =
            write!(out, "\n<li class=\"{class}\"><code>{}</code>{passed_on}</li>", text(&controller.name));
    }
    out.push_str("\n</ul>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroups;
    use preflight_checks::{Node, node::Memory};

    fn drawn(memory: Memory) -> String {
        let mut out = String::new();
        section(&mut out, &cgroups::report(&Node::in_memory(memory)).map_err(|why| why.reason));
        out
    }

    #[test]
    fn a_hybrid_node_and_one_that_tells_nothing() {
        let memory = Memory::new()
            .file("/proc/sys/kernel/osrelease", "6.1.0\n")
            .file("/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t1\t1\nmemory\t3\t1\t1\npids\t0\t1\t0\n")
            .file(
                "/proc/self/mountinfo",
                "31 22 0:9 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n32 31 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n33 31 0:31 / /sys/fs/cgroup/me\u{202e}<b>m rw - cgroup cgroup rw,memory\n",
            )
            .file("/sys/fs/cgroup/unified/cgroup.controllers", "cpu\n")
            .file("/sys/fs/cgroup/unified/cgroup.subtree_control", "cpu\n");
        let page = drawn(memory);
        assert!(page.contains("version 1, hierarchy 3 on <code>/sys/fs/cgroup/me"), "{page}");
        assert!(!page.contains("<b>") && !page.contains('\u{202e}'), "{page}");
        assert!(page.contains("<code>cpu</code>"), "{page}");
        assert_eq!(page.matches("<ul").count(), page.matches("</ul>").count());
        assert_eq!(page.matches("<li").count(), page.matches("</li>").count());
        assert!(drawn(Memory::new()).contains("They could not be surveyed: "));
    }
}
