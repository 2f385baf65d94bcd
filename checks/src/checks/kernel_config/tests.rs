//! Every outcome of the check, the peers' cases, and the shapes of its parameters.

use super::*;
use crate::{
    DynCheck, Outcome,
    facts::{Known, cgroup::LayoutKind, modules::ModuleState},
    node::{Memory, ReadErrorKind},
    value::{Error, Key, Kind, Span, Value},
};
use proptest::prelude::*;
use serde_json::json;

const BOOT: &str = "/boot/config-6.1.0-56-amd64";

fn memory(config: &str) -> Memory {
    Memory::new()
        .file("/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n")
        .file(BOOT, format!("# Linux/x86 6.1.192 Kernel Configuration\n{config}\n"))
}

/// What surrounds the configuration: the layout, and the state of every module.
struct World {
    release: &'static str,
    layout: Known<LayoutKind>,
    module: ModuleState,
}

impl Default for World {
    fn default() -> Self {
        let loaded = Proof::new(Evidence::new("/proc/modules", "it 1 0 - Live"));
        Self { release: "6.1.0-56-amd64", layout: Ok(LayoutKind::V2), module: ModuleState::Loaded(loaded) }
    }
}

impl World {
    fn with_module(module: ModuleState) -> Self {
        Self { module, ..Self::default() }
    }

    fn with_layout(layout: LayoutKind) -> Self {
        Self { layout: Ok(layout), ..Self::default() }
    }

    /// The finding on one item of `list`.
    #[track_caller]
    fn judge(&self, list: &str, config: &str, item: serde_json::Value) -> Finding {
        let path = format!("/boot/config-{}", self.release);
        let node = Node::in_memory(
            Memory::new()
                .file("/proc/sys/kernel/osrelease", self.release)
                .file(&path, format!("{config}\nCONFIG_X86_64=y\n")),
        );
        let Entry(item) = serde_json::from_value(item).unwrap();
        let judge = Judge {
            config: node.kernel_config().as_ref().unwrap(),
            release: node.kernel_release(),
            layout: &|| self.layout.clone(),
            module: &|_| self.module.clone(),
            severity: if list == "optional" { Severity::Warn } else { Severity::Fail },
        };
        if list == "forbidden" { judge.forbidden(&item) } else { judge.wanted(&item) }
    }
}

fn missing() -> World {
    World::with_module(ModuleState::Missing(
        Evidence::new("/lib/modules/6.1.0-56-amd64/modules.dep", "no").into(),
    ))
}

#[track_caller]
fn is(finding: &Finding, outcome: &Outcome, reason: &str) {
    assert_eq!((finding.outcome(), finding.reason()), (outcome, reason), "{finding:#?}");
    if *outcome == Outcome::Pass {
        assert!(!finding.all_evidence().is_empty());
    }
}

fn notes(finding: &Finding) -> String {
    finding.all_notes().join(" | ")
}

fn cause(finding: &Finding) -> (&str, bool) {
    finding.cause().map_or(("", false), |c| (&c.name, c.is_root))
}

fn run(params: serde_json::Value, memory: Memory) -> Result<Vec<Finding>, Unknown> {
    let params: KernelConfigCheckParams = serde_json::from_value(params).unwrap();
    let mut out = Findings::default();
    KernelConfigCheck::run(&params, &Node::in_memory(memory), &mut out)?;
    Ok(out.into_inner().into_iter().map(|(finding, _)| finding).collect())
}

#[test]
fn built_in_passes_and_shows_the_line() {
    let finding = World::default().judge("required", "CONFIG_CGROUPS=y", json!("CGROUPS"));
    is(&finding, &Outcome::Pass, "built-in");
    assert_eq!(finding.subject(), "CONFIG_CGROUPS");
    assert_eq!(finding.all_evidence(), [Evidence::new(BOOT, "CONFIG_CGROUPS=y")]);
}

#[test]
fn not_set_and_absent_are_told_apart_and_are_causes() {
    let w = World::default();
    let finding = w.judge("required", "# CONFIG_MEMCG is not set\nCONFIG_CGROUPS=y", json!("CONFIG_MEMCG"));
    is(&finding, &Outcome::Problem, "not-set");
    assert_eq!((finding.severity(), cause(&finding)), (Severity::Fail, ("CONFIG_MEMCG", true)));
    assert_eq!(finding.all_evidence()[0].observed, "# CONFIG_MEMCG is not set");
    assert!(finding.mend().unwrap().reboot);
    assert!(notes(&finding).contains("memory limits"));

    let finding = w.judge("optional", "CONFIG_CGROUPS=y", json!("MEMCG"));
    is(&finding, &Outcome::Problem, "absent");
    assert_eq!((finding.severity(), cause(&finding)), (Severity::Warn, ("CONFIG_MEMCG", true)));
    assert!(notes(&finding).contains("does not know the option"), "{}", notes(&finding));
}

#[test]
fn what_is_absent_because_of_another_option_follows_from_that() {
    let config = "# CONFIG_CGROUPS is not set";
    let finding = World::default().judge("required", config, json!("CFS_BANDWIDTH"));
    is(&finding, &Outcome::Problem, "absent");
    assert_eq!(cause(&finding), ("CONFIG_CGROUPS", false));
    assert!(notes(&finding).contains("CONFIG_CGROUPS, which is not set"));
    // Linux 6.1, init/Kconfig: within CGROUPS, and `depends on BPF_SYSCALL`.
    for (config, on) in [
        ("CONFIG_CGROUPS=y\n# CONFIG_BPF_SYSCALL is not set", "CONFIG_BPF_SYSCALL"),
        ("# CONFIG_CGROUPS is not set\n# CONFIG_BPF_SYSCALL is not set", "CONFIG_CGROUPS"),
        ("# CONFIG_CGROUPS is not set\nCONFIG_BPF_SYSCALL=y", "CONFIG_CGROUPS"),
    ] {
        let finding = World::default().judge("required", config, json!("CGROUP_BPF"));
        assert_eq!(cause(&finding), (on, false));
    }
}

#[test]
fn what_the_kernel_is_too_old_or_too_new_for_is_said() {
    let old = World { release: "4.4.0-31-generic", ..World::default() };
    let finding = old.judge("required", "CONFIG_CGROUPS=y", json!("CGROUP_BPF"));
    assert!(
        notes(&finding).contains("exists since Linux 4.10, and this kernel is older"),
        "{}",
        notes(&finding)
    );
    assert!(finding.mend().unwrap().summary.contains("Linux 4.10 or later"));
    let new = World::default();
    let finding = new.judge(
        "optional",
        "CONFIG_NETFILTER=y\nCONFIG_NET=y\nCONFIG_NF_CONNTRACK=y",
        json!("NF_CONNTRACK_IPV4"),
    );
    assert!(
        notes(&finding).contains("gone since Linux 4.19: it is part of NF_CONNTRACK"),
        "{}",
        notes(&finding)
    );
}

#[test]
fn a_module_passes_only_if_the_kernel_can_have_it() {
    let proof = || Proof::new(Evidence::new("/lib/modules", "it"));
    for (state, outcome, reason) in [
        (ModuleState::BuiltIn(proof()), Outcome::Pass, "module-built-in"),
        (ModuleState::Loaded(proof()), Outcome::Pass, "module-loaded"),
        (
            ModuleState::Loadable("/lib/modules/x/overlay.ko.xz".into(), proof()),
            Outcome::Pass,
            "module-loadable",
        ),
        (ModuleState::Missing(proof()), Outcome::Problem, "module-missing"),
        (ModuleState::Blocked("modules_disabled is 1".into(), proof()), Outcome::Problem, "module-blocked"),
        (ModuleState::Unknown(Unknown::new("no index")), Outcome::Undetermined(None), "module-unknown"),
    ] {
        let finding = World::with_module(state).judge("required", "CONFIG_OVERLAY_FS=m", json!("OVERLAY_FS"));
        is(&finding, &outcome, reason);
        assert_eq!(finding.all_evidence()[0].observed, "CONFIG_OVERLAY_FS=m");
        if outcome == Outcome::Problem {
            assert_eq!(cause(&finding), ("module:overlay", false));
        }
    }
}

#[test]
fn modules_that_are_unknown_for_one_reason_are_one_matter() {
    let w = World::with_module(ModuleState::Unknown(Unknown::new("no index")));
    let a = w.judge("required", "CONFIG_OVERLAY_FS=m", json!("OVERLAY_FS"));
    let b = w.judge("optional", "CONFIG_VXLAN=m", json!("VXLAN"));
    assert_eq!(cause(&a), cause(&b));
    assert!(a.message().contains("overlay") && a.message().contains("no index"), "{}", a.message());
}

#[test]
fn a_missing_module_of_a_distribution_names_its_package() {
    for (release, package) in [
        ("6.12.0-55.el10.x86_64", "kernel-modules-extra-6.12.0-55.el10.x86_64"),
        ("6.8.0-1013-raspi", "linux-modules-extra-raspi"),
        ("6.8.0-45-generic", "linux-modules-extra-6.8.0-45-generic"),
    ] {
        let finding = World { release, ..missing() }.judge("required", "CONFIG_VXLAN=m", json!("VXLAN"));
        assert!(finding.mend().unwrap().commands[0].ends_with(package), "{:?}", finding.mend());
    }
}

#[test]
fn a_module_without_a_known_name_is_undetermined_until_the_policy_names_it() {
    let finding = World::default().judge("required", "CONFIG_SMB_SERVER=m", json!("SMB_SERVER"));
    assert_eq!(finding.reason(), "module-name-unknown");
    let Outcome::Undetermined(Some(needs)) = finding.outcome() else { panic!("{finding:#?}") };
    assert!(needs.contains("module: NAME"), "{needs}");
    let named = json!({ "option": "SMB_SERVER", "module": "ksmbd" });
    is(&World::default().judge("required", "CONFIG_SMB_SERVER=m", named), &Outcome::Pass, "module-loaded");
}

#[test]
fn an_alias_will_do_and_the_own_name_is_reported() {
    let item = || json!({ "option": "NETFILTER_XT_TARGET_REDIRECT", "aliases": ["IP_NF_TARGET_REDIRECT"] });
    let finding = World::default().judge("required", "CONFIG_IP_NF_TARGET_REDIRECT=y", item());
    is(&finding, &Outcome::Pass, "built-in");
    assert_eq!(finding.subject(), "CONFIG_NETFILTER_XT_TARGET_REDIRECT");
    assert!(finding.message().starts_with("CONFIG_IP_NF_TARGET_REDIRECT "), "{}", finding.message());
    let finding = World::default().judge("required", "CONFIG_NET=y", item());
    assert_eq!(finding.subject(), "CONFIG_NETFILTER_XT_TARGET_REDIRECT");
    assert!(finding.message().contains("(nor CONFIG_IP_NF_TARGET_REDIRECT)"), "{}", finding.message());
    assert_eq!(finding.all_evidence().len(), 2);
    // A built-in alias makes up for a module that is missing.
    let both = "CONFIG_NETFILTER_XT_TARGET_REDIRECT=m\nCONFIG_IP_NF_TARGET_REDIRECT=y";
    is(&missing().judge("required", both, item()), &Outcome::Pass, "built-in");
    let one = "CONFIG_NETFILTER_XT_TARGET_REDIRECT=m";
    is(&missing().judge("required", one, item()), &Outcome::Problem, "module-missing");
}

#[test]
fn values_are_compared() {
    let w = World::default();
    for (config, item, outcome, reason) in [
        ("CONFIG_A=y", json!({ "option": "A", "value": "y" }), Outcome::Pass, "built-in"),
        ("CONFIG_A=m", json!({ "option": "A", "value": "y" }), Outcome::Problem, "wrong-value"),
        ("CONFIG_VETH=m", json!({ "option": "VETH", "value": "m" }), Outcome::Pass, "module-loaded"),
        ("CONFIG_A=y", json!({ "option": "A", "value": "m" }), Outcome::Problem, "wrong-value"),
        ("CONFIG_HZ=250", json!({ "option": "HZ", "value": "250" }), Outcome::Pass, "set"),
        ("CONFIG_HZ=0xFA", json!({ "option": "HZ", "value": "250" }), Outcome::Pass, "set"),
        ("CONFIG_HZ=100", json!({ "option": "HZ", "value": "250" }), Outcome::Problem, "wrong-value"),
        ("CONFIG_LSM=\"a,b\"", json!({ "option": "LSM", "value": "a,b" }), Outcome::Pass, "set"),
        ("CONFIG_LSM=\"\"", json!({ "option": "LSM", "value": "a,b" }), Outcome::Problem, "wrong-value"),
        ("CONFIG_HZ=250", json!("HZ"), Outcome::Pass, "set"),
        ("CONFIG_HZ=250", json!({ "option": "HZ", "minimum": 250 }), Outcome::Pass, "enough"),
        ("CONFIG_HZ=100", json!({ "option": "HZ", "minimum": 250 }), Outcome::Problem, "wrong-value"),
        ("CONFIG_HZ=fast", json!({ "option": "HZ", "minimum": 250 }), Outcome::Problem, "wrong-value"),
        ("CONFIG_HZ=y", json!({ "option": "HZ", "minimum": 250 }), Outcome::Problem, "wrong-value"),
        ("# CONFIG_HZ is not set", json!({ "option": "HZ", "minimum": 250 }), Outcome::Problem, "not-set"),
    ] {
        is(&w.judge("required", config, item), &outcome, reason);
    }
}

#[test]
fn forbidden_options_shall_be_off() {
    let w = World::default();
    for (config, item, outcome, reason) in [
        ("# CONFIG_A is not set", json!("A"), Outcome::Pass, "not-set"),
        ("CONFIG_A=n", json!("A"), Outcome::Pass, "not-set"),
        ("CONFIG_B=y", json!("A"), Outcome::Pass, "absent"),
        ("CONFIG_A=y", json!("A"), Outcome::Problem, "forbidden"),
        ("CONFIG_A=m", json!("A"), Outcome::Problem, "forbidden"),
        ("CONFIG_A=100", json!("A"), Outcome::Problem, "forbidden"),
        ("CONFIG_A=100", json!({ "option": "A", "value": "100" }), Outcome::Problem, "forbidden"),
        ("CONFIG_A=250", json!({ "option": "A", "value": "100" }), Outcome::Pass, "other-value"),
        ("CONFIG_B=m", json!({ "option": "A", "aliases": ["B"] }), Outcome::Problem, "forbidden"),
    ] {
        is(&w.judge("forbidden", config, item), &outcome, reason);
    }
}

#[test]
fn what_belongs_to_v1_is_asked_where_there_are_v1_hierarchies() {
    for (asked, layout, applies) in [
        (json!("v1"), LayoutKind::V1, true),
        (json!("v1"), LayoutKind::Hybrid, true),
        (json!("v1"), LayoutKind::V2, false),
        (json!("v1"), LayoutKind::None, false),
        (json!("v2"), LayoutKind::V2, true),
        (json!("v2"), LayoutKind::Hybrid, false),
        (json!("v2"), LayoutKind::V1, false),
        (json!(["v2", "hybrid"]), LayoutKind::Hybrid, true),
        (json!(["v2", "hybrid"]), LayoutKind::V1, false),
    ] {
        let item = json!({ "option": "CGROUP_FREEZER", "cgroup": asked });
        let config = "# CONFIG_CGROUP_FREEZER is not set";
        let finding = World::with_layout(layout).judge("required", config, item);
        let outcome = if applies { Outcome::Problem } else { Outcome::NotApplicable };
        is(&finding, &outcome, if applies { "not-set" } else { "not-applicable" });
    }
    let lost = World { layout: Err(Unknown::new("no mountinfo")), ..World::default() };
    let item = || json!({ "option": "CGROUP_FREEZER", "cgroup": "v1" });
    let finding = lost.judge("required", "CONFIG_CGROUP_FREEZER=y", item());
    is(&finding, &Outcome::Undetermined(None), "layout-unknown");
    // An item without the gate does not need the layout.
    is(&lost.judge("required", "CONFIG_CGROUPS=y", json!("CGROUPS")), &Outcome::Pass, "built-in");
}

#[test]
fn kernel_and_architecture_are_gates_too() {
    let w = World::default();
    let config = "# CONFIG_A is not set";
    for (item, applies) in [
        (json!({ "option": "A", "kernel": ">=6.1" }), true),
        (json!({ "option": "A", "kernel": "<5.8" }), false),
        (json!({ "option": "A", "architecture": "amd64" }), true),
        (json!({ "option": "A", "architecture": "x86_64" }), true),
        (json!({ "option": "A", "architecture": ["arm64", "amd64"] }), true),
        (json!({ "option": "A", "architecture": "arm64" }), false),
    ] {
        let outcome = if applies { Outcome::Problem } else { Outcome::NotApplicable };
        is(&w.judge("required", config, item), &outcome, if applies { "not-set" } else { "not-applicable" });
    }
}

#[test]
fn a_kernel_range_without_a_known_release_is_undetermined() {
    let w = World::default();
    let node = Node::in_memory(memory("CONFIG_A=y"));
    let Entry(item) = serde_json::from_value(json!({ "option": "A", "kernel": ">=5" })).unwrap();
    let judge = Judge {
        config: node.kernel_config().as_ref().unwrap(),
        release: &Err(Unknown::new("no osrelease")),
        layout: &|| w.layout.clone(),
        module: &|_| w.module.clone(),
        severity: Severity::Fail,
    };
    is(&judge.wanted(&item), &Outcome::Undetermined(None), "release-unknown");
}

#[test]
fn the_source_is_a_finding_of_its_own_with_what_was_passed_over() {
    let m = memory("CONFIG_CGROUPS=y").error("/proc/config.gz", ReadErrorKind::Denied("EACCES"));
    let found = run(json!({ "required": ["CGROUPS"], "forbidden": ["AUFS_FS"] }), m).unwrap();
    let subjects: Vec<_> = found.iter().map(Finding::subject).collect();
    assert_eq!(subjects, ["source", "CONFIG_CGROUPS", "CONFIG_AUFS_FS"]);
    is(&found[0], &Outcome::Pass, "named-for-release");
    assert!(found[0].message().contains(BOOT));
    assert!(found[0].all_evidence().iter().any(|e| e.observed.contains("EACCES")));
}

#[test]
fn no_configuration_is_one_undetermined_matter() {
    let unknown = run(json!({ "required": ["CGROUPS", "MEMCG"] }), Memory::new()).unwrap_err();
    assert!(unknown.needs.unwrap().contains("CONFIG_IKCONFIG_PROC"));
}

/// The configuration cases of system-validators v1.12.1 (kernel_validator_test.go).
#[test]
fn the_cases_of_system_validators() {
    let spec = || {
        json!({
            "required": ["REQUIRED_1",
                         { "option": "REQUIRED_2", "module": "it", "aliases": ["ALIASE_REQUIRED_2"] }],
            "optional": ["OPTIONAL_1", "OPTIONAL_2"],
            "forbidden": [{ "option": "FORBIDDEN_1", "why": "TEST FORBIDDEN" },
                          { "option": "FORBIDDEN_2", "aliases": ["ALIASE_FORBIDDEN_2"] }],
        })
    };
    for (id, config, fails) in [
        ("all-required", "REQUIRED_1=y REQUIRED_2=m", false),
        ("one-disabled", "REQUIRED_1=n REQUIRED_2=y", true),
        ("one-missing", "REQUIRED_1=y", true),
        // Theirs is =m; what an alias becomes as a module only the table knows, so it is built in here.
        ("alias-ok", "REQUIRED_1=y ALIASE_REQUIRED_2=y", false),
        ("optional-any", "REQUIRED_1=y REQUIRED_2=m OPTIONAL_1=y", false),
        ("forbidden-off", "REQUIRED_1=y REQUIRED_2=m FORBIDDEN_1=n", false),
        ("forbidden-builtin", "REQUIRED_1=y REQUIRED_2=m FORBIDDEN_1=y", true),
        ("forbidden-module", "REQUIRED_1=y REQUIRED_2=m FORBIDDEN_1=m", true),
        ("forbidden-alias", "REQUIRED_1=y REQUIRED_2=m ALIASE_FORBIDDEN_2=m", true),
    ] {
        let config = format!("CONFIG_{}\n", config.replace(' ', "\nCONFIG_"));
        let w = World::default();
        let spec = spec();
        let mut failed = false;
        for list in ["required", "optional", "forbidden"] {
            for item in spec[list].as_array().unwrap() {
                let finding = w.judge(list, &config, item.clone());
                failed |= finding.severity() == Severity::Fail && *finding.outcome() != Outcome::Pass;
            }
        }
        assert_eq!(failed, fails, "{id}");
    }
}

/// Inputs on which system-validators v1.12.1 is wrong, with the right verdict.
#[test]
fn where_system_validators_is_wrong() {
    let w = World::default();
    // It declares CGROUP_HUGETLB as optional and never looks.
    let finding = w.judge("optional", "CONFIG_CGROUPS=y", json!("CGROUP_HUGETLB"));
    assert_eq!((finding.outcome(), finding.severity()), (&Outcome::Problem, Severity::Warn));
    // It reports a missing option under its last alias.
    let item = json!({ "option": "NETFILTER_XT_TARGET_REDIRECT", "aliases": ["IP_NF_TARGET_REDIRECT"] });
    assert_eq!(w.judge("required", "CONFIG_NET=y", item).subject(), "CONFIG_NETFILTER_XT_TARGET_REDIRECT");
    // It requires ext4 of nodes that have none.
    let finding = w.judge("optional", "# CONFIG_EXT4_FS is not set", json!("EXT4_FS"));
    assert_eq!(finding.severity(), Severity::Warn);
    // RHEL 10 without kernel-modules-extra: =m is enough for it.
    let rhel = World { release: "6.12.0-55.el10.x86_64", ..missing() };
    let finding =
        rhel.judge("required", "CONFIG_NETFILTER_XT_MATCH_COMMENT=m", json!("NETFILTER_XT_MATCH_COMMENT"));
    is(&finding, &Outcome::Problem, "module-missing");
    assert!(finding.message().contains("xt_comment"), "{}", finding.message());
    // It stops reading at a line of more than 64 KiB.
    let config = format!("CONFIG_A=y\n# {}\nCONFIG_B=y", "x".repeat(70_000));
    is(&w.judge("required", &config, json!("B")), &Outcome::Pass, "built-in");
}

fn at(start: u32, kind: Kind) -> Value {
    Value { span: Span { start, end: start + 1 }, kind }
}

fn map(start: u32, entries: Vec<(&str, u32, Value)>) -> Value {
    let key = |text: &str, at| Key { span: Span { start: at, end: at + 1 }, text: text.into() };
    let entries = entries.into_iter().map(|(text, at, value)| (key(text, at), value)).collect();
    Value { span: Span { start, end: start + 99 }, kind: Kind::Map(entries) }
}

fn text(start: u32, text: &str) -> Value {
    at(start, Kind::Str(text.into()))
}

/// The errors that the check's parameters give, as place and message.
fn errors(required: Vec<Value>) -> Vec<(u32, Error)> {
    let with = map(0, vec![("required", 1, at(2, Kind::Seq(required)))]);
    let errors = KernelConfigCheck.bind(&with).err().unwrap_or_default();
    errors.into_iter().map(|e| (e.span.map_or(u32::MAX, |s| s.start), e)).collect()
}

#[test]
fn every_mistake_of_an_item_has_its_place() {
    let number = |start, n: i128| at(start, Kind::Int(n, n.to_string()));
    let found = errors(vec![
        text(10, "CGROUPS"),
        text(11, "cgroup_pids"),
        number(12, 42),
        map(13, vec![("option", 14, text(15, "CONFIG_HZ=250"))]),
        map(20, vec![("option", 21, text(22, "A")), ("alias", 23, text(24, "B"))]),
        map(30, vec![("option", 31, text(32, "B")), ("value", 33, at(34, Kind::Bool(true)))]),
        map(40, vec![("option", 41, text(42, "C")), ("kernel", 43, text(44, "5.10"))]),
        map(50, vec![("option", 51, text(52, "D")), ("cgroup", 53, text(54, "v3"))]),
        map(70, vec![("option", 71, text(72, "E")), ("module", 73, text(74, "overlay.ko.xz"))]),
        map(80, vec![("option", 81, text(82, "F")), ("architecture", 83, text(84, "amd46"))]),
        map(90, vec![("option", 91, text(92, "G")), ("aliases", 93, at(94, Kind::Seq(vec![text(95, "h")])))]),
        map(96, vec![("option", 97, text(98, "I")), ("value", 99, text(100, "n"))]),
    ]);
    let places: Vec<_> = found.iter().map(|(at, _)| *at).collect();
    assert_eq!(places, [11, 12, 15, 23, 34, 44, 54, 74, 84, 95, 100], "{found:#?}");
    let message = |at| &found.iter().find(|(place, _)| *place == at).unwrap().1;
    assert!(message(11).message.contains("did you mean `CGROUP_PIDS`?"), "{}", message(11));
    assert!(message(12).message.contains("the name of a kernel option, or a map"), "{}", message(12));
    assert!(message(15).message.contains("did you mean `HZ`?"), "{}", message(15));
    assert_eq!(message(23).help.as_deref(), Some("did you mean `aliases`?"));
    assert!(message(74).message.contains("did you mean `overlay`"), "{}", message(74));
    assert!(message(84).message.contains("did you mean `amd64`?"), "{}", message(84));
    assert!(message(100).message.contains("forbidden"), "{}", message(100));
}

#[test]
fn an_item_without_an_option_is_refused_where_it_stands() {
    let found = errors(vec![map(60, vec![("why", 61, text(62, "Because."))])]);
    assert_eq!((found.len(), found[0].0), (1, 60), "{found:#?}");
    assert!(found[0].1.message.contains("`option`"));
}

#[test]
fn good_items_of_every_shape_are_taken() {
    let number = |start, n: i128| at(start, Kind::Int(n, n.to_string()));
    let found = errors(vec![
        text(10, "CONFIG_CGROUPS"),
        map(20, vec![("option", 21, text(22, "HZ")), ("value", 23, number(24, 250))]),
        map(30, vec![("option", 31, text(32, "A")), ("cgroup", 33, at(34, Kind::Seq(vec![text(35, "v2")])))]),
        map(40, vec![("option", 41, text(42, "B")), ("architecture", 43, number(44, 386))]),
        map(50, vec![("option", 51, text(52, "C")), ("minimum", 53, number(54, 16))]),
    ]);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn contradictions_are_refused() {
    let validated = |params| KernelConfigCheck::validate(&serde_json::from_value(params).unwrap());
    for (params, want) in [
        (json!({ "required": ["A", "CONFIG_A"] }), "twice under `required`"),
        (json!({ "required": ["A"], "optional": ["A"] }), "under `required` and under `optional`"),
        (json!({ "optional": ["A"], "forbidden": ["A"] }), "under `optional` and under `forbidden`"),
        (json!({ "required": [{ "option": "A", "aliases": ["A"] }] }), "alias of itself"),
        (json!({ "required": [{ "option": "A", "value": "1", "minimum": 1 }] }), "one of them"),
        (json!({ "forbidden": [{ "option": "A", "minimum": 1 }] }), "mean nothing"),
    ] {
        let error = validated(params).unwrap_err();
        assert!(error.contains(want), "{error}");
    }
    assert!(validated(json!({ "required": ["A"], "optional": ["B"], "forbidden": ["C"] })).is_ok());
}

proptest! {
    #[test]
    fn any_configuration_is_judged(lines in proptest::collection::vec(
        "(# )?CONFIG_(A|B|CGROUPS|OVERLAY_FS)(=(y|m|n|7|\"x\"|)| is not set)?", 0..8)) {
        let config = format!("CONFIG_X=y\n{}\n", lines.join("\n"));
        let aliased = json!({ "option": "OVERLAY_FS", "aliases": ["B"] });
        for item in [json!("A"), aliased, json!({ "option": "B", "minimum": 3 })] {
            for list in ["required", "forbidden"] {
                let finding = missing().judge(list, &config, item.clone());
                prop_assert!(*finding.outcome() != Outcome::Pass || !finding.all_evidence().is_empty());
            }
        }
    }
}
