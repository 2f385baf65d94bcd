//! The report on cgroups for people, compared with expected texts in tests/human/cgroups/: run with `PREFLIGHT_BLESS=1`
//! to write them anew, then read the difference.
#![allow(clippy::disallowed_methods)] // tests read their own expected files

mod common;

use common::nodes;
use preflight::cgroups::{self, CgroupReport, Style};
use preflight_checks::{
    Evidence, Node,
    facts::cgroup::{
        Basis, Step, UniverseSource,
        ladder::{Disagreement, Rung},
        masks::Reading,
    },
    node::Filesystem,
};
use std::{env, fs, path::Path, sync::Arc};

const STYLE: Style = Style { width: 80, color: false, verbose: false, quiet: false };

fn report(node: &str) -> CgroupReport {
    let door = Filesystem::under(&nodes::named(node).root).expect("the root of a captured node");
    cgroups::report(&Node::new(Arc::new(door), Arc::default())).expect(node)
}

fn compare(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/human/cgroups").join(name);
    if env::var_os("PREFLIGHT_BLESS").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(text == expected, "{name} differs; PREFLIGHT_BLESS=1 writes it anew. It is now:\n{text}");
}

fn at_both_widths(name: &str, report: &CgroupReport) {
    for width in [80, 120] {
        let text = cgroups::table(report, Style { width, ..STYLE });
        compare(&format!("{name}-{width}.txt"), &text);
        for line in text.lines() {
            assert!(line.chars().count() <= width, "{name}: {line}");
            assert_eq!(line, line.trim_end());
        }
    }
}

/// A ladder, readings and a contradiction as no kernel was seen to give them.
fn contradictory() -> CgroupReport {
    let mut report = report("debian-6.12.107+deb13-amd64/v2");
    report.universe.source = UniverseSource::Btf;
    report.ladder = vec![
        Rung::unavailable(Step::Kcore, "/proc/kcore: permission denied (EPERM), as under lockdown"),
        Rung::answered(Step::Kprobe, "2 methods read the masks"),
        Rung::answered(Step::CgroupStat, "nr_subsys_ lines of 9 subsystems"),
        Rung::not_asked(Step::SubtreeControl, "takes --allow write"),
    ];
    let reading = |method: &str, inhibited, control| Reading {
        step: Step::Kprobe,
        method: method.to_owned(),
        implicit: 256,
        inhibited,
        control,
        attached: None,
        width_bits: 16,
        evidence: vec![Evidence::new("trace", "cgshow: implicit=256 \u{1b}[2J")],
    };
    report.readings = vec![
        reading("kprobe on cgroup_controllers_show, masks by symbol", 740, None),
        reading("kretprobe on cgroup_control, masks by address", 740, Some(0x3c1b)),
    ];
    report.disagreements = vec![Disagreement {
        subject: "hugetlb".to_owned(),
        message:
            "cgroup.stat counts hugetlb, so that it is not inhibited, but the mask that was read has its bit"
                .to_owned(),
        evidence: vec![Evidence::new("/sys/fs/cgroup/cgroup.stat", "nr_subsys_hugetlb 1\u{1b}[31m")],
    }];
    report.masks.basis = Basis::Measured;
    for controller in &mut report.controllers {
        controller.step = Some(Step::Kprobe);
    }
    report
}

#[test]
fn nodes_of_every_layout() {
    for (name, node) in [
        ("v2", "debian-6.12.107+deb13-amd64/v2"),
        ("hybrid", "debian-6.1.0-56-amd64/hybrid"),
        ("container", "debian-6.12.107+deb13-amd64/v2-container"),
    ] {
        at_both_widths(name, &report(node));
    }
}

#[test]
fn readings_and_a_disagreement() {
    let report = contradictory();
    at_both_widths("disagreement", &report);
    let text = cgroups::table(&report, STYLE);
    assert!(text.starts_with("DISAGREEMENT about hugetlb"), "{text}");
    compare("disagreement-verbose.txt", &cgroups::table(&report, Style { verbose: true, ..STYLE }));
    compare("explain.txt", &cgroups::explain(&report, "hugetlb", STYLE).unwrap());
}

#[test]
fn who_wants_the_table_alone_gets_it_and_every_alarm() {
    let quiet = Style { quiet: true, ..STYLE };
    let whole = cgroups::table(&report("debian-6.12.107+deb13-amd64/v2"), STYLE);
    let text = cgroups::table(&report("debian-6.12.107+deb13-amd64/v2"), quiet);
    assert!(whole.starts_with(&text) && whole[text.len()..].starts_with("\nMasks ("), "{text}");
    let text = cgroups::table(&contradictory(), quiet);
    assert!(text.starts_with("DISAGREEMENT about hugetlb"), "{text}");
}

#[test]
fn readings_that_differ_have_a_table_each() {
    let mut report = contradictory();
    report.readings[1].inhibited = 741;
    let text = cgroups::table(&report, STYLE);
    assert!(text.contains("The methods do not agree."), "{text}");
    assert_eq!(text.matches("\nimplicit  ").count(), 4, "two tables of two blocks: {text}");
}

#[test]
fn colour_changes_no_word_and_what_a_node_says_steers_nothing() {
    let report = contradictory();
    for (plain, coloured) in [
        (cgroups::table(&report, STYLE), cgroups::table(&report, Style { color: true, ..STYLE })),
        (
            cgroups::explain(&report, "io", STYLE).unwrap(),
            cgroups::explain(&report, "blkio", Style { color: true, ..STYLE }).unwrap(),
        ),
    ] {
        assert!(!plain.contains('\u{1b}'));
        assert!(coloured.contains("\u{1b}["), "{coloured}");
        let mut stripped = String::new();
        for (i, part) in coloured.split('\u{1b}').enumerate() {
            stripped.push_str(if i == 0 { part } else { part.split_once('m').unwrap().1 });
        }
        assert_eq!(stripped, plain);
    }
    let coloured = cgroups::table(&report, Style { color: true, ..STYLE });
    assert!(coloured.starts_with("\u{1b}[1;31mDISAGREEMENT\u{1b}[0m"), "{coloured}");
}

#[test]
fn no_line_is_wider_than_the_page() {
    for captured in nodes::all() {
        let report = report(&captured.name);
        for width in [40, 60, 80, 100, 140] {
            for verbose in [false, true] {
                for line in cgroups::table(&report, Style { width, verbose, ..STYLE }).lines() {
                    assert!(line.chars().count() <= width, "{} at {width}: {line}", captured.name);
                }
            }
        }
    }
}
