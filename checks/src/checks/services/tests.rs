use super::*;
use crate::{
    entry::Entry,
    facts::systemd_manager::MILLIS,
    finding::Outcome,
    node::{Memory, Probe, ReadErrorKind},
};
use params::ServiceState;

const ETC: &str = "/etc/systemd/system";
const UNIT: &str = "/usr/lib/systemd/system/a.service";
const LINK: &str = "/etc/systemd/system/multi-user.target.wants/a.service";

/// A machine that systemd runs, with a service that is there.
fn systemd() -> Memory {
    Memory::new()
        .file("/run/systemd/system/x", "")
        .file("/proc/1/comm", "systemd\n")
        .file(UNIT, "[Service]\nExecStart=/bin/a\nDelegate=cpu pids\n[Install]\nWantedBy=multi-user.target\n")
}

fn enabled(memory: Memory) -> Memory {
    memory.symlink(LINK, UNIT)
}

fn manager(memory: Memory, names: &[&str], units: &str) -> Memory {
    let names = names.iter().map(|&name| name.to_owned()).collect();
    let answer = format!(r#"ok, {{"version":"257","units":[{units}]}}"#);
    memory.probe(Probe::Units { names, by_bus: false, millis: MILLIS }, &answer)
}

fn loaded(name: &str, active: &str, sub: &str, more: &str) -> String {
    format!(
        r#"{{"name":"{name}","Id":"{name}","LoadState":"loaded","LoadError":["",""],"ActiveState":"{active}","SubState":"{sub}","NeedDaemonReload":false{more}}}"#
    )
}

/// The machine on which a.service is in this state.
fn with(active: &str, sub: &str) -> Memory {
    manager(systemd(), &["a.service"], &loaded("a.service", active, sub, ""))
}

fn rule() -> ServiceRule {
    ServiceRule::from_word("a").unwrap()
}

fn ask(rule: ServiceRule, memory: Memory) -> Finding {
    let params = ServicesParams { services: vec![Written(rule)] };
    Services::validate(&params).unwrap();
    let mut out = Findings::default();
    Services::run(&params, &Node::in_memory(memory), &mut out).unwrap();
    out.into_inner().remove(0).0
}

fn reason(rule: ServiceRule, memory: Memory) -> &'static str {
    let finding = ask(rule, memory);
    let is_good = matches!(finding.reason(), "as-wanted" | "not-applicable");
    let is_unknown = finding.reason() == "unknown";
    match finding.outcome() {
        Outcome::Pass | Outcome::NotApplicable => assert!(is_good, "{finding:?}"),
        Outcome::Problem => assert!(!is_good && !is_unknown, "{finding:?}"),
        Outcome::Undetermined(_) => assert!(is_unknown, "{finding:?}"),
    }
    finding.reason()
}

#[test]
fn what_runs_as_systemd_tells() {
    let inactive = || ServiceRule { state: ServiceState::Inactive, ..rule() };
    for (active, sub, wants_it, wants_it_not) in [
        ("active", "running", "as-wanted", "active"),
        ("active", "exited", "as-wanted", "active"),
        ("reloading", "reload", "as-wanted", "active"),
        ("activating", "start-pre", "starting", "active"),
        ("activating", "auto-restart", "restarting", "active"),
        ("activating", "auto-restart-queued", "restarting", "active"),
        ("deactivating", "stop-sigterm", "stopping", "active"),
        ("failed", "failed", "failed", "as-wanted"),
        ("inactive", "dead", "inactive", "as-wanted"),
        ("confused", "x", "unknown", "unknown"),
    ] {
        assert_eq!(reason(rule(), with(active, sub)), wants_it, "{active}");
        assert_eq!(reason(inactive(), with(active, sub)), wants_it_not, "{active}");
    }
    let not_loaded = || manager(systemd(), &["a.service"], r#"{"name":"a.service","loaded":false}"#);
    assert_eq!(reason(rule(), not_loaded()), "inactive");
    assert_eq!(reason(inactive(), not_loaded()), "as-wanted");
    let bad = loaded("a.service", "inactive", "dead", "").replace(r#"":"loaded""#, r#"":"bad-setting""#);
    assert_eq!(reason(rule(), manager(systemd(), &["a.service"], &bad)), "not-loadable");
}

#[test]
fn how_it_ended_is_told() {
    let more = r#","Result":"exit-code","NRestarts":12,"ExecMainStatus":203"#;
    let units = loaded("a.service", "activating", "auto-restart", more);
    let finding = ask(rule(), manager(systemd(), &["a.service"], &units));
    let notes = finding.all_notes().join("\n");
    assert!(notes.contains("exit-code, exit status 203") && notes.contains("12 times"), "{notes}");
    assert_eq!(finding.kubeadm_name(), Some("Service-A"));
    assert!(finding.mend().unwrap().summary.contains("journalctl -b -u a.service"));
}

#[test]
fn where_systemd_can_not_be_asked() {
    let unit = |answer| {
        systemd()
            .probe(Probe::Units { names: vec!["a.service".into()], by_bus: false, millis: MILLIS }, answer)
    };
    let inactive = || ServiceRule { state: ServiceState::Inactive, ..rule() };
    for answer in ["EACCES", "ENOENT", "ETIMEDOUT", "rejected: x"] {
        assert_eq!(reason(rule(), unit(answer)), "unknown");
        assert_eq!(reason(inactive(), unit(answer)), "unknown");
        // Processes show in its cgroup, though not what they come to; what does not run shows nowhere.
        for (file, text, running) in [
            ("/sys/fs/cgroup/system.slice/a.service/cgroup.events", "populated 1\nfrozen 0\n", true),
            ("/sys/fs/cgroup/system.slice/a.service/cgroup.events", "populated 0\nfrozen 0\n", false),
            ("/sys/fs/cgroup/unified/system.slice/a.service/cgroup.events", "populated 1\n", true),
            ("/sys/fs/cgroup/systemd/system.slice/a.service/cgroup.procs", "17\n18\n", true),
            ("/sys/fs/cgroup/systemd/system.slice/a.service/cgroup.procs", "", false),
        ] {
            let memory = unit(answer).file(file, text);
            let want = if running { ("unknown", "active") } else { ("unknown", "unknown") };
            assert_eq!((reason(rule(), memory.clone()), reason(inactive(), memory)), want, "{file}");
        }
    }
    // An image has no manager; what starts at boot is known of it.
    let image = || enabled(systemd()).as_root();
    assert_eq!(reason(rule(), image()), "unknown");
    let at_boot = ServiceRule { state: ServiceState::Any, enabled: Some(true), ..rule() };
    assert_eq!(reason(at_boot, image()), "as-wanted");
}

#[test]
fn what_starts_at_boot() {
    let wants = |is: bool| ServiceRule { state: ServiceState::Any, enabled: Some(is), ..rule() };
    let masked = || systemd().symlink(&format!("{ETC}/a.service"), "/dev/null");
    let runtime = || systemd().symlink("/run/systemd/system/multi-user.target.wants/a.service", UNIT);
    let fixed = || systemd().file(UNIT, "[Service]\nExecStart=/bin/a\n");
    for (memory, wanted, unwanted) in [
        (enabled(systemd()), "as-wanted", "enabled"),
        (systemd(), "disabled", "as-wanted"),
        (masked(), "masked", "as-wanted"),
        (runtime(), "enabled-runtime", "as-wanted"),
        (fixed(), "static", "as-wanted"),
        (systemd().error(UNIT, ReadErrorKind::Denied("EACCES")), "unknown", "unknown"),
    ] {
        assert_eq!(reason(wants(true), memory.clone()), wanted, "{memory:?}");
        assert_eq!(reason(wants(false), memory.clone()), unwanted, "{memory:?}");
    }
    // What runs and does not come back; of two troubles the first is the reason, the second is told.
    let both = ServiceRule { enabled: Some(true), ..rule() };
    assert_eq!(reason(both.clone(), with("active", "running")), "disabled");
    let finding = ask(both, with("failed", "failed"));
    assert_eq!(finding.reason(), "failed");
    assert!(finding.all_notes().iter().any(|note| note.contains("does not start at boot")));
}

#[test]
fn what_is_missing() {
    let none = || systemd().without(UNIT);
    let not_loaded = |memory| manager(memory, &["a.service"], r#"{"name":"a.service","loaded":false}"#);
    let at_boot = |is| ServiceRule { state: ServiceState::Any, enabled: Some(is), ..rule() };
    assert_eq!(reason(rule(), not_loaded(none())), "missing");
    assert_eq!(reason(at_boot(true), none()), "missing");
    assert_eq!(reason(at_boot(false), none()), "as-wanted");
    assert_eq!(reason(ServiceRule { optional: true, ..rule() }, not_loaded(none())), "not-applicable");
    let inactive = || ServiceRule { state: ServiceState::Inactive, ..rule() };
    assert_eq!(reason(inactive(), not_loaded(none())), "as-wanted");
    // Nobody tells that it does not run.
    assert_eq!(reason(inactive(), none()), "unknown");
    assert_eq!(reason(inactive(), none().as_root()), "as-wanted");
    // Its file was taken away while it runs.
    let gone = || manager(none(), &["a.service"], &loaded("a.service", "active", "running", ""));
    assert_eq!(reason(inactive(), gone()), "active");
    assert_eq!(reason(ServiceRule { enabled: Some(true), ..rule() }, gone()), "disabled");
    // Others do as well.
    let either =
        || ServiceRule { any_of: vec!["b".into()], state: ServiceState::Any, enabled: Some(true), ..rule() };
    let b = "/usr/lib/systemd/system/b.service";
    assert_eq!(reason(either(), none()), "missing");
    assert_eq!(reason(either(), none().file(b, "[Install]\nWantedBy=x.target\n")), "disabled");
    let link = none().file(b, "[Service]\n").symlink(&format!("{ETC}/x.target.wants/b.service"), b);
    assert_eq!(reason(either(), link.clone()), "as-wanted");
    // One that is not known may be the one.
    assert_eq!(reason(either(), systemd().file(b, "").error(b, ReadErrorKind::TimedOut)), "unknown");
}

#[test]
fn controllers_and_files_that_changed() {
    let wants = |name: &str| ServiceRule { delegate: vec![name.to_owned()], ..rule() };
    let on = |more: &str| manager(systemd(), &["a.service"], &loaded("a.service", "active", "running", more));
    // As systemd has it, whatever the files say.
    let running = r#","Delegate":true,"DelegateControllers":["cpu","memory"]"#;
    assert_eq!(reason(wants("memory"), on(running)), "as-wanted");
    assert_eq!(reason(wants("pids"), on(running)), "not-delegated");
    assert_eq!(reason(wants("cpu"), on(r#","Delegate":false,"DelegateControllers":[]"#)), "not-delegated");
    // One too old to tell.
    assert_eq!(
        (reason(wants("pids"), on("")), reason(wants("memory"), on(""))),
        ("as-wanted", "not-delegated")
    );
    let changed = loaded("a.service", "active", "running", "").replace("Reload\":false", "Reload\":true");
    let finding = ask(rule(), manager(systemd(), &["a.service"], &changed));
    assert_eq!((finding.reason(), finding.severity()), ("needs-reload", Severity::Warn));
    // A drop-in in a directory that is new, which systemd does not see.
    let file = "/etc/systemd/system/a.service.d/x.conf";
    let read = |paths: &str| on(&format!(r#","DropInPaths":[{paths}]"#)).file(file, "[Service]\nNice=1\n");
    assert_eq!(reason(rule(), read("")), "needs-reload");
    assert_eq!(reason(rule(), read(&format!("\"{file}\""))), "as-wanted");
}

#[test]
fn services_of_openrc_and_of_others() {
    let openrc = || {
        Memory::new()
            .file("/proc/1/comm", "init\n")
            .file("/etc/init.d/a", "")
            .file("/etc/runlevels/default/x", "")
            .file("/run/openrc/softlevel", "default\n")
    };
    let both = || ServiceRule { enabled: Some(true), ..rule() };
    let started = || openrc().symlink("/run/openrc/started/a", "/etc/init.d/a");
    assert_eq!(reason(rule(), started()), "as-wanted");
    assert_eq!(reason(both(), started()), "disabled");
    assert_eq!(reason(both(), started().symlink("/etc/runlevels/default/a", "/etc/init.d/a")), "as-wanted");
    assert_eq!(reason(rule(), openrc()), "inactive");
    assert_eq!(reason(rule(), openrc().symlink("/run/openrc/failed/a", "x")), "failed");
    assert_eq!(reason(rule(), openrc().without("/etc/init.d/a").file("/etc/init.d/b", "")), "missing");
    assert_eq!(reason(rule(), started().without("/run/openrc/softlevel")), "unknown");
    assert_eq!(reason(ServiceRule { delegate: vec!["cpu".into()], ..rule() }, started()), "unknown");
    // Another init: its services are not known, but units of systemd do not run.
    let other = || Memory::new().file("/proc/1/comm", "runit\n");
    let inactive = |name: &str| ServiceRule { name: name.into(), state: ServiceState::Inactive, ..rule() };
    assert_eq!(reason(rule(), other()), "unknown");
    assert_eq!(reason(inactive("a"), other()), "unknown");
    let optional = || ServiceRule { optional: true, ..rule() };
    assert_eq!(
        (reason(optional(), other()), reason(optional(), Memory::new())),
        ("not-applicable", "unknown")
    );
    assert_eq!(reason(inactive("a.timer"), other()), "as-wanted");
    assert_eq!(reason(inactive("a.timer"), Memory::new()), "unknown");
    assert_eq!(reason(inactive("a.timer"), started()), "as-wanted");
}

#[test]
fn what_a_policy_may_not_say() {
    let wrong = |rule: ServiceRule| ServicesParams { services: vec![Written(rule)] }.validate().unwrap_err();
    let named = |name: &str| ServiceRule { name: name.into(), ..rule() };
    assert!(wrong(named("a/b")).contains("can't be the name"));
    assert!(wrong(named("a*")).contains("can't be the name"));
    assert!(wrong(named("")).contains("can't be the name"));
    assert!(wrong(ServiceRule { delegate: vec!["hugetlb".into()], ..rule() }).contains("cpuset"));
    assert!(wrong(ServiceRule { state: ServiceState::Any, ..rule() }).contains("nothing is asked"));
    let off = ServiceRule { state: ServiceState::Inactive, ..rule() };
    assert!(wrong(ServiceRule { any_of: vec!["b".into()], ..off.clone() }).contains("anyOf"));
    assert!(wrong(ServiceRule { delegate: vec!["cpu".into()], ..off }).contains("controllers"));
    assert!(ServicesParams::default().validate().unwrap_err().contains("no service"));
    let many = (0..65).map(|i| Written(named(&format!("a{i}")))).collect();
    assert!(ServicesParams { services: many }.validate().unwrap_err().contains("several rules"));
}

#[test]
fn names_of_kubeadm() {
    assert_eq!(kubeadm_name("kubelet.service"), "Service-Kubelet");
    assert_eq!(kubeadm_name("cri-docker"), "Service-Cri-Docker");
}
