//! The words of real command lines on kernels and systemds of all ages.

use super::*;
use crate::node::Memory;
use proptest::prelude::*;

/// Each word of `line` with what it does, on a kernel of `release` and a systemd of that version.
fn effects(line: &str, release: &str, systemd: Option<u32>) -> Vec<(String, Effect)> {
    all(line, release, systemd).into_iter().map(|p| (p.word, p.effect)).collect()
}

fn all(line: &str, release: &str, systemd: Option<u32>) -> Vec<BootParameter> {
    let mut memory = Memory::new().file("/proc/cmdline", line);
    if !release.is_empty() {
        memory = memory.file("/proc/sys/kernel/osrelease", release);
    }
    if let Some(version) = systemd {
        memory = memory
            .file("/run/systemd/system/x", "")
            .file(&format!("/usr/lib/systemd/libsystemd-shared-{version}.so"), "");
    }
    Node::in_memory(memory).boot_parameters().clone().unwrap()
}

fn one(line: &str, release: &str, systemd: Option<u32>) -> Effect {
    let all = effects(line, release, systemd);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].1
}

#[test]
fn what_the_kernel_knows_by_its_version() {
    use Effect::{Applies, Ignored, Unknown};
    for (word, release, want) in [
        ("cgroup_disable=memory", "5.10.0-46-amd64", Applies),
        ("cgroup-disable=blkio,io", "6.1.0", Applies),
        ("cgroup_disable=nonsense", "6.1.0", Ignored),
        ("cgroup_disable=", "6.1.0", Ignored),
        // Measured: v2-disable-pressure of tests/nodes.
        ("cgroup_disable=pressure", "5.10.0-46-amd64", Ignored),
        ("cgroup_disable=pressure", "6.1.0-56-amd64", Applies),
        ("cgroup_disable=pressure", "", Unknown),
        ("cgroup_no_v1=all", "5.10.0", Applies),
        ("cgroup_no_v1=named", "4.19.0", Applies),
        ("cgroup_no_v1=all", "4.4.0", Ignored),
        // Measured: v2-v1proc of tests/nodes.
        ("cgroup_v1_proc=true", "6.12.107+deb13-amd64", Ignored),
        ("cgroup_v1_proc=true", "6.16.12+deb13-amd64", Applies),
        ("cgroup_favordynmods=1", "6.1.0", Ignored),
        ("cgroup_favordynmods=1", "6.12.0", Applies),
        ("cgroup_debug", "6.1.0", Applies),
        ("cgroup.memory=nokmem,nobpf", "6.1.0", Applies),
        ("psi=0", "6.1.0", Applies),
        ("psi=1", "4.19.0", Ignored),
        // kstrtobool() looks at one letter, two after an `o`; `e` and `d` since 6.16 (ae5b3500856f).
        ("psi=nope", "6.1.0", Applies),
        ("psi=maybe", "6.1.0", Ignored),
        ("psi=disabled", "6.12.0", Ignored),
        ("psi=disabled", "6.18.0", Applies),
        // __setup("psi=", …): without the sign it is no parameter.
        ("psi", "6.1.0", Ignored),
        ("cgroup_favordynmods", "6.12.0", Ignored),
        ("cgroup_v1_proc", "6.18.0", Ignored),
        ("swapaccount", "5.10.0", Ignored),
        ("swapaccount=1", "5.10.0", Applies),
        ("swapaccount=1", "6.1.0", Ignored),
        ("cgroup_enable=memory", "6.1.0-56-amd64", Ignored),
        ("cgroup_enable=memory", "6.6.74+rpt-rpi-2712", Applies),
    ] {
        assert_eq!(one(word, release, None), want, "{word} on {release}");
    }
}

#[test]
fn names_that_pressure_and_the_age_of_a_kernel_leave_in_doubt_are_explained() {
    let notes = |line: &str, release: &str| all(line, release, None).remove(0).notes.join("; ");
    assert!(notes("cgroup_disable=memory,foo", "6.1.0").contains("`foo` is no subsystem"));
    assert!(notes("cgroup_no_v1=all", "6.1.0").contains("name=systemd"));
    assert!(notes("psi=0", "5.10.0").contains("stay"));
    assert!(notes("psi=0", "6.1.0").contains("gone"));
    assert!(notes("cgroup_v1_proc=1", "5.14.0").contains("6.16.1"));
    assert!(notes("cgroup.memory=nobpf", "5.10.0").contains("6.3"));
    assert!(notes("cgroup_enable=memory", "6.12.1+rpt-rpi-v8").contains("6524"));
}

#[test]
fn the_order_of_the_line_decides_on_a_raspberry_pi() {
    use Effect::{Applies, Ignored, Overridden};
    const PI: &str = "6.12.57-v8+";
    // raspberrypi/linux#6980, both orders.
    let by = |line: &str, release: &str| -> Vec<Effect> {
        effects(line, release, None).into_iter().map(|(_, effect)| effect).collect()
    };
    assert_eq!(by("cgroup_disable=memory root=/dev/x cgroup_enable=memory", PI), [Overridden, Applies]);
    assert_eq!(by("cgroup_enable=memory cgroup_memory=1 cgroup_disable=memory", PI), [Overridden, Applies]);
    assert_eq!(by("cgroup_disable=memory cgroup_enable=memory", "6.12.107+deb13-arm64"), [Applies, Ignored]);
    assert_eq!(by("cgroup_disable=memory,cpu cgroup_enable=memory", PI), [Applies, Applies]);
}

#[test]
fn what_systemd_makes_of_its_words() {
    use Effect::{Applies, Ignored, Unknown};
    const OFF: &str = "systemd.unified_cgroup_hierarchy=0";
    for (line, version, want) in [
        (OFF, Some(252), vec![Applies]),
        (OFF, Some(256), vec![Applies]),
        (OFF, Some(257), vec![Ignored]),
        (OFF, Some(258), vec![Ignored]),
        (OFF, None, vec![Unknown]),
        ("systemd.unified_cgroup_hierarchy", Some(252), vec![Applies]),
        ("systemd.unified_cgroup_hierarchy=yes", Some(258), vec![Ignored]),
        ("systemd.unified_cgroup_hierarchy=maybe", Some(252), vec![Ignored]),
        (
            "systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
            Some(255),
            vec![Applies, Ignored],
        ),
        (
            "systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
            Some(257),
            vec![Applies, Applies],
        ),
        (
            "systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1",
            Some(259),
            vec![Ignored, Ignored],
        ),
        (
            "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1",
            Some(249),
            vec![Applies, Applies],
        ),
        ("systemd.legacy_systemd_cgroup_controller", Some(257), vec![Ignored]),
        ("systemd.legacy_systemd_cgroup_controller=0", Some(249), vec![Unknown]),
    ] {
        let found: Vec<Effect> = effects(line, "6.1.0", version).into_iter().map(|(_, e)| e).collect();
        assert_eq!(found, want, "{line} with systemd {version:?}");
    }
    let told = |version| all(OFF, "6.1.0", Some(version)).remove(0).notes.remove(0);
    assert!(told(256).contains("refuses to boot"));
    assert!(told(257).contains("mounts cgroup v2 alone"));
    assert!(told(258).contains("no support for v1 left"));
}

#[test]
fn only_what_concerns_cgroups_is_told_with_the_word_as_evidence() {
    let found = all("root=/dev/vda1 secret=x psi=1 quiet -- cgroup_disable=cpu", "6.1.0", None);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].evidence, Evidence::new("/proc/cmdline", "psi=1"));
    let json = serde_json::to_value(&found[0]).unwrap();
    assert_eq!((json["reader"].as_str(), json["effect"].as_str()), (Some("kernel"), Some("applies")));
    assert!(Node::in_memory(Memory::new()).boot_parameters().is_err());
}

proptest! {
    #[test]
    fn never_panics_and_every_word_is_on_the_line(line in "((cgroup_disable|cgroup_enable|cgroup_no_v1|psi|cgroup.memory|systemd.unified_cgroup_hierarchy|swapaccount)=?[a-z0-9,]{0,10} ?|.{0,10}){0,8}", version in 0_u32..300) {
        for release in ["6.1.0", "6.12.1+rpt-rpi-v8", ""] {
            for found in all(&line, release, Some(version)) {
                prop_assert!(!found.meaning.is_empty());
                prop_assert!(line.replace('"', "").contains(found.word.trim()));
            }
        }
    }
}
