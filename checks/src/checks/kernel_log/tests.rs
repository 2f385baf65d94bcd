use super::*;
use crate::{finding::Outcome, node::Memory};

/// A node that is up for two days.
const NOW: &str = "now=172800.000000";
const DAY_OLD: &str = "86399.000000";

fn log(rest: &str) -> Memory {
    whole(&format!("from=0.000000 start=seen{rest}"))
}

/// A kernel that reports tasks that hang.
fn reporting() -> Memory {
    hung("120", "10")
}

fn hung(seconds: &str, warnings: &str) -> Memory {
    Memory::new()
        .file("/proc/sys/kernel/hung_task_timeout_secs", format!("{seconds}\n"))
        .file("/proc/sys/kernel/hung_task_warnings", format!("{warnings}\n"))
}

fn whole(rest: &str) -> Memory {
    reporting().probe(Probe::KernelLog, &format!("ok, {NOW} lines=400 untimed=0 {rest}"))
}

fn ask_with(with: &str, memory: Memory) -> Vec<Finding> {
    let params: KernelLogParams = serde_json::from_str(with).unwrap();
    KernelLogCheck::validate(&params).unwrap();
    let mut out = Findings::default();
    KernelLogCheck::run(&params, &Node::in_memory(memory), &mut out).unwrap();
    out.into_inner().into_iter().map(|(finding, _)| finding).collect()
}

fn ask(memory: Memory) -> Vec<Finding> {
    ask_with("{}", memory)
}

fn of(subject: &str, memory: Memory) -> Finding {
    ask(memory).into_iter().find(|finding| finding.subject() == subject).unwrap()
}

fn undetermined(finding: &Finding) -> bool {
    matches!(finding.outcome(), Outcome::Undetermined(_))
}

#[test]
fn a_quiet_log_passes() {
    let all = ask(log(""));
    let subjects: Vec<&str> = all.iter().map(Finding::subject).collect();
    assert_eq!(subjects, ["oom", "hung-tasks", "lockups", "oopses", "filesystems", "disks", "hardware"]);
    for finding in &all {
        assert_eq!((finding.outcome(), finding.reason()), (&Outcome::Pass, "none"), "{finding:?}");
        assert_eq!(finding.all_evidence()[0].observed, "400 lines, from the start on");
    }
}

#[test]
fn a_node_that_has_just_booted_can_pass() {
    let answer = "ok, now=5.000000 lines=356 untimed=0 from=0.000000 start=seen";
    let all = ask(reporting().probe(Probe::KernelLog, answer));
    assert!(all.iter().all(|finding| *finding.outcome() == Outcome::Pass), "{all:?}");
}

#[test]
fn each_trouble_warns() {
    for (kind, subject, reason) in [
        ("oom", "oom", "killed"),
        ("hung-task", "hung-tasks", "hung"),
        ("lockup", "lockups", "stuck"),
        ("oops", "oopses", "oopsed"),
        ("filesystem", "filesystems", "errors"),
        ("disk", "disks", "errors"),
        ("hardware", "hardware", "errors"),
        ("corrected", "hardware", "corrected"),
    ] {
        let text = format!(" {kind}=2; {kind} 172000.000000 a\\x3b first; {kind} 172001.500000 the last");
        for finding in ask(log(&text)) {
            if finding.subject() != subject {
                assert_eq!(finding.outcome(), &Outcome::Pass, "{kind}: {finding:?}");
                continue;
            }
            assert_eq!((finding.outcome(), finding.severity()), (&Outcome::Problem, Severity::Warn));
            assert_eq!(finding.reason(), reason);
            let message = finding.message();
            assert!(
                message.starts_with("2 lines tell of ") && message.ends_with(" 172001 s after the start"),
                "{message}"
            );
            let seen: Vec<&str> = finding.all_evidence().iter().map(|e| e.observed.as_str()).collect();
            assert_eq!(seen, ["[172000.000000] a; first", "[172001.500000] the last"]);
            assert!(finding.mend().is_some());
        }
        // A day later it is over.
        let old = log(&format!(" {kind}=1; {kind} {DAY_OLD} x"));
        assert!(ask(old).iter().all(|finding| finding.outcome() == &Outcome::Pass), "{kind}");
    }
}

#[test]
fn the_limit_of_a_cgroup_is_not_the_nodes_illness() {
    let cgroup = " cgroup-oom=3; cgroup-oom 172000.000000 Memory cgroup out of memory: Killed process 9 (x)";
    let found = of("oom", log(cgroup));
    assert_eq!((found.outcome(), found.reason()), (&Outcome::Pass, "in-cgroups-only"));
    assert!(found.all_notes()[0].starts_with("3 of them"), "{found:?}");
    let both = " oom=1 cgroup-oom=1; oom 172000.000000 Out of memory: x; cgroup-oom 172000.000000 x";
    assert_eq!(of("oom", log(both)).reason(), "killed");
    let old = format!(" cgroup-oom=1; cgroup-oom {DAY_OLD} x");
    assert_eq!(of("oom", log(&old)).reason(), "none");
}

#[test]
fn a_log_that_has_lost_its_beginning() {
    // It reaches back two hours, all of the time that is asked for, and ten minutes.
    let found = of("disks", whole("from=165600.000000 start=lost"));
    assert_eq!(found.outcome(), &Outcome::Pass);
    assert!(
        found.message().ends_with("since 165600 s after the start; what came before is lost"),
        "{found:?}"
    );
    assert!(found.all_evidence()[0].observed.contains("what came before is lost"));
    let found = of("disks", whole("from=80000.000000 start=lost"));
    assert!(found.message().ends_with("in the last 24h"), "{found:?}");
    let short = "from=172200.000000 start=lost";
    for finding in ask(whole(short)) {
        assert!(undetermined(&finding), "{finding:?}");
        assert!(finding.message().contains("172200 s"), "{finding:?}");
    }
    let asked_for_less = ask_with(r#"{"within": "10m"}"#, whole(short));
    assert!(asked_for_less.iter().all(|finding| finding.outcome() == &Outcome::Pass));
    // What is seen counts, however short it is.
    let found =
        of("disks", whole(&format!("{short} disk=1; disk 172300.000000 I/O error, dev sdb, sector 1")));
    assert_eq!(found.outcome(), &Outcome::Problem);
    assert_eq!(found.mend().unwrap().commands, ["smartctl -a /dev/sdb"]);
}

#[test]
fn a_log_without_times() {
    let untimed = |rest: &str| {
        reporting().probe(Probe::KernelLog, &format!("ok, {NOW} lines=400 untimed=400 from=- {rest}"))
    };
    let found = of("disks", untimed("start=seen disk=1; disk - x"));
    assert_eq!(
        (found.outcome(), found.message()),
        (&Outcome::Problem, "1 line tells of errors of disks in the last 24h")
    );
    assert!(found.all_notes()[0].contains("printk.time=0"));
    assert_eq!(of("disks", untimed("start=seen")).outcome(), &Outcome::Pass);
    assert!(undetermined(&of("disks", untimed("start=lost"))));
}

#[test]
fn what_can_not_be_read_does_not_pass() {
    for answer in ["EPERM", "ENOSYS", "ok", "ok, x", "ok, now=9.000000 lines=0 untimed=0 from=- start=lost"] {
        let all = ask(Memory::new().probe(Probe::KernelLog, answer));
        assert_eq!(all.len(), 7);
        assert!(all.iter().all(undetermined), "{answer}: {all:?}");
        let causes: Vec<_> = all.iter().map(|finding| finding.cause().unwrap().name.clone()).collect();
        assert!(causes.iter().all(|cause| *cause == causes[0]), "one cause, one failure");
    }
    assert!(ask(Memory::new()).iter().all(undetermined));
    assert!(ask(Memory::new().as_root()).iter().all(undetermined));
}

#[test]
fn what_the_kernel_counts_by_itself() {
    let vmstat =
        |kills: &str, memory: Memory| memory.file("/proc/vmstat", format!("nr_x 1\noom_kill {kills}\n"));
    let closed = || Memory::new().probe(Probe::KernelLog, "EPERM");
    let short = || whole("from=172200.000000 start=lost");
    for memory in [closed(), short()] {
        let found = of("oom", vmstat("0", memory.clone()));
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Pass, "none"), "{found:?}");
        assert!(found.all_evidence().iter().any(|e| e.observed == "oom_kill 0"));
        let found = of("oom", vmstat("2", memory.clone()));
        assert!(undetermined(&found) && found.all_notes()[0].contains("oom_kill 2"), "{found:?}");
        assert!(undetermined(&of("oom", memory)));
    }
    // A log that reaches back far enough is the judge; the number is told.
    let found = of("oom", vmstat("2", whole("from=80000.000000 start=lost")));
    assert_eq!(found.outcome(), &Outcome::Pass);
    assert!(found.all_notes()[0].contains("oom_kill 2"));
}

#[test]
fn marks_of_the_kernel() {
    // Machine check, oops, soft lockup; one that is not set shows nothing.
    let tainted = |bits: u64, answer: &str| {
        Memory::new().file("/proc/sys/kernel/tainted", format!("{bits}\n")).probe(Probe::KernelLog, answer)
    };
    for (bit, subject) in [(4, "hardware"), (7, "oopses"), (14, "lockups")] {
        for finding in ask(tainted(1 << bit, "EPERM")) {
            assert!(undetermined(&finding), "{finding:?}");
            assert_eq!(!finding.all_notes().is_empty(), finding.subject() == subject, "{finding:?}");
        }
        let lost = format!("ok, {NOW} lines=400 untimed=0 from=80000.000000 start=lost");
        let found = ask(tainted(1 << bit, &lost)).into_iter().find(|f| f.subject() == subject).unwrap();
        assert_eq!(found.outcome(), &Outcome::Pass);
        assert!(found.all_notes()[0].starts_with("since the start there were"), "{found:?}");
    }
}

#[test]
fn who_does_not_look_for_hung_tasks_finds_none() {
    let answer = format!("ok, {NOW} lines=400 untimed=0 from=0.000000 start=seen");
    let of = |memory: Memory, answer: &str| of("hung-tasks", memory.probe(Probe::KernelLog, answer));
    assert_eq!(of(hung("120", "-1"), &answer).outcome(), &Outcome::Pass);
    assert_eq!(of(hung("0", "10"), &answer).outcome(), &Outcome::NotApplicable);
    let used_up = of(hung("120", "0"), &answer);
    assert!(undetermined(&used_up) && used_up.message().contains("hung_task_warnings"), "{used_up:?}");
    // Taking the settings away makes it no better.
    assert!(undetermined(&of(Memory::new(), &answer)));
    // What was reported counts.
    let reported = format!("{answer} hung-task=1; hung-task 172000.000000 x");
    for memory in [hung("0", "0"), hung("120", "0"), Memory::new()] {
        assert_eq!(of(memory, &reported).outcome(), &Outcome::Problem);
    }
}

#[test]
fn what_is_ignored_is_said() {
    let found = ask_with(r#"{"ignore": ["disks", "hung-tasks"]}"#, log(" disk=1; disk 172000.000000 x"));
    let skipped: Vec<&str> =
        found.iter().filter(|f| f.outcome() == &Outcome::NotApplicable).map(Finding::subject).collect();
    assert_eq!(skipped, ["hung-tasks", "disks"]);
    assert!(serde_json::from_str::<KernelLogParams>(r#"{"ignore": ["disk"]}"#).is_err());
}

#[test]
fn devices() {
    for (text, name) in [
        ("blk_update_request: I/O error, dev nvme0n1, sector 1", Some("nvme0n1")),
        ("EXT4-fs error (device dm-1): x", Some("dm-1")),
        ("nvme nvme0: I/O 1 QID 1 timeout, aborting", Some("nvme0")),
        ("md/raid1:md0: Disk failure on sdb1, disabling device.", Some("sdb1")),
        ("Buffer I/O error on dev $(reboot), logical block 1", None),
        ("ata1.00: exception Emask 0x0", None),
    ] {
        assert_eq!(device(text), name, "{text}");
    }
}
