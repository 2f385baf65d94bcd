//! The embedded profiles: they load, say why each rule is there, and cost next to nothing.

use preflight::policy::{Policy, Source, profiles};

#[test]
fn every_profile_loads_and_is_clean() {
    for profile in profiles::ALL {
        let policy = profile.load().unwrap_or_else(|e| panic!("{}: {e}", profile.name));
        assert_eq!(policy.name, profile.name);
        assert_eq!(policy.description.as_deref(), Some(profile.description), "{}", profile.name);
        assert_eq!(policy.source, format!("profile {}", profile.name));
        let lint = Policy::lint(&Source::Profile(profile.name.into()), &[], "2026-11-22".parse().unwrap());
        let lint = lint.unwrap_or_else(|e| panic!("{e}"));
        assert!(lint.is_empty(), "{lint}");
    }
    assert!(profiles::find(profiles::DEFAULT).is_some());
}

#[test]
fn roles() {
    for (name, role) in [
        ("kubernetes-node", "worker"),
        ("kubernetes-worker", "worker"),
        ("kubernetes-control-plane", "control-plane"),
    ] {
        let policy = profiles::find(name).unwrap().load().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(policy.inputs.role(), Some(role), "{name}");
        assert!(policy.inputs.kubernetes_version().is_some(), "{name}");
    }
}

#[test]
fn every_rule_says_why_it_is_there() {
    for profile in profiles::ALL {
        let lines: Vec<_> = profile.text.lines().collect();
        for (i, line) in lines.iter().enumerate().filter(|(_, l)| l.starts_with("  - ")) {
            let above = lines[i - 1].trim_start();
            assert!(above.starts_with("# ") && above.len() > 10, "{}:{}: {line}", profile.name, i + 1);
        }
    }
}
