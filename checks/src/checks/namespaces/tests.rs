//! One test for every outcome.

use super::*;
use crate::{
    finding::Outcome,
    node::{Memory, ReadErrorKind},
    value::{Key, Kind, Span, Value},
};
use proptest::prelude::*;

const DENIED: ReadErrorKind = ReadErrorKind::Denied("EACCES");
const ALL: [Namespace; 8] = [
    Namespace::Mnt,
    Namespace::Uts,
    Namespace::Ipc,
    Namespace::Pid,
    Namespace::Net,
    Namespace::User,
    Namespace::Cgroup,
    Namespace::Time,
];

fn machine() -> Memory {
    ALL.into_iter().fold(Memory::new().file("/proc/sys/kernel/osrelease", "6.1.0\n"), |memory, namespace| {
        let ns = format!("/proc/self/ns/{}", namespace.as_str());
        memory.file(&ns, "").file(&namespace.limit_path(), "96365\n")
    })
}

fn findings(memory: &Memory, params: &NamespacesParams) -> Vec<Finding> {
    let mut out = Findings::default();
    Namespaces::run(params, &Node::in_memory(memory.clone()), &mut out).unwrap();
    out.into_inner().into_iter().map(|(finding, _)| finding).collect()
}

#[track_caller]
fn expect(memory: &Memory, namespace: Namespace, outcome: &Outcome, reason: &str) -> Finding {
    let params = NamespacesParams { required: vec![namespace], optional: vec![], limit: 1024 };
    let finding = findings(memory, &params).remove(0);
    assert_eq!((finding.outcome(), finding.reason()), (outcome, reason), "{finding:#?}");
    finding
}

#[test]
fn a_whole_machine_passes() {
    let all = findings(&machine(), &NamespacesParams::default());
    let names: Vec<_> = all.iter().map(Finding::subject).collect();
    assert_eq!(names, ["mnt", "uts", "ipc", "pid", "net", "cgroup", "user"]);
    assert!(all.iter().all(|f| *f.outcome() == Outcome::Pass && f.all_evidence().len() == 2));
}

#[test]
fn a_kernel_from_before_the_limits_passes() {
    let memory = machine()
        .file("/proc/sys/kernel/osrelease", "4.4.0-210-generic\n")
        .without(&Namespace::Net.limit_path());
    expect(&memory, Namespace::Net, &Outcome::Pass, "available");
}

#[test]
fn missing() {
    let memory = machine().without("/proc/self/ns/time");
    let found = expect(&memory, Namespace::Time, &Outcome::Problem, "missing");
    assert!(found.mend().unwrap().summary.contains("CONFIG_TIME_NS"));
    assert!(found.cause().is_none(), "no configuration says so");
}

#[test]
fn a_limit_of_nothing_disables() {
    let memory = machine().file(&Namespace::Net.limit_path(), "0\n");
    let found = expect(&memory, Namespace::Net, &Outcome::Problem, "disabled");
    assert_eq!(found.severity(), Severity::Fail);
    assert_eq!(found.mend().unwrap().commands, ["sysctl -w user.max_net_namespaces=65536"]);
}

#[test]
fn a_low_limit_warns() {
    let memory = machine().file(&Namespace::Net.limit_path(), "64\n");
    let found = expect(&memory, Namespace::Net, &Outcome::Problem, "low");
    assert_eq!(found.severity(), Severity::Warn);
}

#[test]
fn what_cannot_be_read_is_undetermined() {
    let root = Outcome::Undetermined(Some("run as root".into()));
    expect(&machine().error("/proc/self/ns", DENIED), Namespace::Net, &root, "unknown");
    expect(&machine().error(&Namespace::Net.limit_path(), DENIED), Namespace::Net, &root, "unknown");
    let incomplete = machine().without(&Namespace::Net.limit_path());
    expect(&incomplete, Namespace::Net, &Outcome::Undetermined(None), "unknown");
}

#[test]
fn a_captured_node_is_undetermined() {
    let capture = Memory::new()
        .file("/proc/sys/kernel/osrelease", "6.12.107+deb13-amd64\n")
        .file("/proc/1/comm", "init\n")
        .file("/proc/sys/user/max_user_namespaces", "7666\n")
        .as_root();
    for finding in findings(&capture, &NamespacesParams::default()) {
        assert!(matches!(finding.outcome(), Outcome::Undetermined(_)), "{finding:#?}");
    }
}

#[test]
fn bars_to_users_are_notes() {
    let memory = machine()
        .file("/proc/sys/kernel/unprivileged_userns_clone", "0\n")
        .file("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
    let found = expect(&memory, Namespace::User, &Outcome::Pass, "available");
    assert_eq!((found.all_notes().len(), found.all_evidence().len()), (3, 4));
    let open = machine().file("/proc/sys/kernel/unprivileged_userns_clone", "1\n");
    assert_eq!(expect(&open, Namespace::User, &Outcome::Pass, "available").all_notes().len(), 1);
}

#[test]
fn parameters() {
    let twice = NamespacesParams { required: vec![Namespace::Net], optional: vec![Namespace::Net], limit: 1 };
    assert!(Namespaces::validate(&twice).unwrap_err().contains("twice"));
    assert!(
        Namespaces::validate(&NamespacesParams { required: vec![], optional: vec![], limit: 1 }).is_err()
    );
    assert!(Namespaces::validate(&NamespacesParams::default()).is_ok());
    let at = |start, kind| Value { span: Span { start, end: start + 1 }, kind };
    let key = Key { span: Span { start: 1, end: 2 }, text: "required".into() };
    let list = Kind::Seq(vec![at(3, Kind::Str("net".into())), at(5, Kind::Str("uuts".into()))]);
    let errors = at(0, Kind::Map(vec![(key, at(2, list))])).read_all::<NamespacesParams>().unwrap_err();
    assert_eq!(errors[0].span.unwrap().start, 5);
    assert_eq!(errors[0].help.as_deref(), Some("did you mean `uts`?"));
}

proptest! {
    #[test]
    fn every_type_gets_one_finding(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let memory = ALL.into_iter().fold(machine(), |m, n| m.file(&n.limit_path(), &bytes));
        prop_assert_eq!(findings(&memory, &NamespacesParams::default()).len(), 7);
    }
}

fn configured(memory: Memory) -> Memory {
    let lines = "CONFIG_NET_NS=y\n# CONFIG_TIME_NS is not set";
    crate::facts::modules::tests::configured(memory, "6.1.0", lines)
}

#[test]
fn what_the_configuration_leaves_out_follows_from_its_option() {
    let without = configured(machine().without("/proc/self/ns/time"));
    let unlisted = configured(machine().error("/proc/self/ns", DENIED));
    for memory in [without, unlisted.clone()] {
        let found = expect(&memory, Namespace::Time, &Outcome::Problem, "missing");
        let cause = found.cause().unwrap();
        assert!(!cause.is_root && cause.name == "CONFIG_TIME_NS");
    }
    let root = Outcome::Undetermined(Some("run as root".into()));
    expect(&unlisted, Namespace::Net, &root, "unknown");
}

#[test]
fn the_cgroup_namespace_matters_on_v2_only() {
    let mounted = |line: &str| {
        let memory = machine().file("/proc/self/mountinfo", line).file("/proc/cgroups", "#x\n");
        let memory = memory.file(&Namespace::Cgroup.limit_path(), "0\n");
        expect(&memory, Namespace::Cgroup, &Outcome::Problem, "disabled").severity()
    };
    let v2 = "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
    let v1 = "30 25 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
              31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
    assert_eq!(mounted(v2), Severity::Fail);
    assert_eq!(mounted(v1), Severity::Warn);
}
