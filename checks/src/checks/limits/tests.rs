use super::*;
use crate::{
    finding::Outcome,
    node::{Memory, ReadErrorKind},
};
use proptest::prelude::*;

const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units     
Max processes             7000                 7000                 processes 
Max open files            1024                 524288               files     
";

const BUCKETS: &str = "/proc/sys/net/netfilter/nf_conntrack_buckets";

fn machine() -> Memory {
    Memory::new()
        .file("/proc/sys/kernel/osrelease", "6.12.107+deb13-amd64\n")
        .file("/proc/self/limits", LIMITS)
        .file("/proc/sys/fs/nr_open", "1048576\n")
        .file("/proc/sys/fs/file-nr", "1632\t0\t9223372036854775807\n")
        .file("/proc/loadavg", "0.10 0.20 0.30 1/300 5678\n")
        .file("/proc/sys/kernel/pid_max", "32768\n")
        .file("/proc/sys/kernel/threads-max", "60000\n")
        .file("/proc/sys/net/netfilter/nf_conntrack_count", "10\n")
        .file("/proc/sys/net/netfilter/nf_conntrack_max", "262144\n")
        .file(BUCKETS, "262144\n")
        .file("/proc/key-users", "    0:     9 8/8 3/1000000 40/25000000\n 1000:     2 2/2 2/200 30/20000\n")
}

fn findings(memory: &Memory, params: &LimitsParams) -> Vec<Finding> {
    let mut out = Findings::default();
    Limits::run(params, &Node::in_memory(memory.clone()), &mut out).unwrap();
    out.into_inner().into_iter().map(|(finding, _)| finding).collect()
}

fn both() -> LimitsParams {
    LimitsParams { open_files: Some(65_536), processes: Some(4096), ..LimitsParams::default() }
}

/// The finding about `subject`: its outcome in a word, and the reason.
fn verdict(memory: &Memory, subject: &str) -> String {
    let all = findings(memory, &both());
    let found = all.iter().find(|f| f.subject() == subject).unwrap_or_else(|| panic!("{subject}"));
    let outcome = match (found.outcome(), found.severity()) {
        (Outcome::Pass, _) => "pass",
        (Outcome::Problem, Severity::Fail) => "fail",
        (Outcome::Problem, Severity::Warn) => "warn",
        (Outcome::Undetermined(_), _) => "unknown",
        (Outcome::NotApplicable, _) => "skip",
    };
    format!("{outcome} {}", found.reason())
}

#[test]
fn a_machine_with_enough_of_everything() {
    let all = findings(&machine(), &LimitsParams::default());
    let subjects: Vec<&str> = all.iter().map(Finding::subject).collect();
    assert_eq!(
        subjects,
        ["fs.nr_open", "file-handles", "threads", "net.netfilter.nf_conntrack_buckets", "conntrack", "keys"]
    );
    assert!(all.iter().all(|f| *f.outcome() == Outcome::Pass), "{all:#?}");
    for subject in ["nofile", "nproc"] {
        assert_eq!(verdict(&machine(), subject), "pass enough");
    }
}

#[test]
fn what_is_low_or_used_up() {
    let low = LIMITS.replace("524288", "4096  ").replace("7000 ", "1000 ");
    for (path, text, subject, want) in [
        ("/proc/self/limits", low.as_str(), "nofile", "warn low"),
        ("/proc/self/limits", low.as_str(), "nproc", "warn low"),
        ("/proc/sys/fs/nr_open", "65536\n", "fs.nr_open", "warn low"),
        ("/proc/sys/fs/file-nr", "900\t0\t1000\n", "file-handles", "warn nearly-used-up"),
        ("/proc/sys/fs/file-nr", "1000\t0\t1000\n", "file-handles", "fail used-up"),
        ("/proc/loadavg", "0.10 0.20 0.30 1/29491 5678\n", "threads", "pass enough"),
        ("/proc/loadavg", "0.10 0.20 0.30 1/29492 5678\n", "threads", "warn nearly-used-up"),
        ("/proc/sys/net/netfilter/nf_conntrack_count", "262144\n", "conntrack", "fail used-up"),
        ("/proc/sys/net/netfilter/nf_conntrack_count", "240000\n", "conntrack", "warn nearly-used-up"),
        (BUCKETS, "32768\n", "net.netfilter.nf_conntrack_buckets", "pass enough"),
        (BUCKETS, "32767\n", "net.netfilter.nf_conntrack_buckets", "warn long-chains"),
        (BUCKETS, "0\n", "net.netfilter.nf_conntrack_buckets", "warn long-chains"),
        (
            "/proc/key-users",
            "    0:     9 8/8 3/10 40/100\n 1000:  2 2/2 190/200 30/20000\n",
            "keys",
            "warn nearly-used-up",
        ),
        ("/proc/key-users", " 1000:  2 2/2 200/200 30/20000\n", "keys", "fail used-up"),
        ("/proc/key-users", " 1000:  2 2/2 2/200 20000/20000\n", "keys", "fail used-up"),
    ] {
        assert_eq!(verdict(&machine().file(path, text), subject), want, "{path} {text}");
    }
}

#[test]
fn the_limits_of_services_are_told_beside_those_of_the_shell() {
    let memory = machine().file("/lib/systemd/system/kubelet.service", "[Service]\nLimitNOFILE=4096\n");
    let all = findings(&memory, &both());
    assert!(all[0].all_notes().iter().any(|n| n == "kubelet.service has LimitNOFILE=4096"), "{:#?}", all[0]);
}

#[test]
fn buckets_for_a_quarter_of_the_connections_are_proposed() {
    let all = findings(&machine().file(BUCKETS, "1024\n"), &LimitsParams::default());
    let found = all.iter().find(|f| f.reason() == "long-chains").unwrap();
    assert_eq!(found.mend().unwrap().commands, ["sysctl -w net.netfilter.nf_conntrack_buckets=65536"]);
}

#[test]
fn the_users_own_settings_are_raised() {
    let full = machine().file("/proc/key-users", " 1000:  2 2/2 200/200 30/20000\n");
    let all = findings(&full, &both());
    let keys = all.iter().find(|f| f.subject() == "keys").unwrap();
    assert_eq!(keys.mend().unwrap().commands[0], "sysctl -w kernel.keys.maxkeys=1000000");
}

#[test]
fn what_cannot_be_read_is_undetermined() {
    let paths = [
        ("/proc/self/limits", "nofile"),
        ("/proc/sys/fs/nr_open", "fs.nr_open"),
        ("/proc/sys/fs/file-nr", "file-handles"),
        ("/proc/loadavg", "threads"),
        ("/proc/sys/kernel/threads-max", "threads"),
        ("/proc/sys/net/netfilter/nf_conntrack_count", "conntrack"),
        ("/proc/sys/net/netfilter/nf_conntrack_max", "conntrack"),
        ("/proc/key-users", "keys"),
        (BUCKETS, "net.netfilter.nf_conntrack_buckets"),
    ];
    for (path, subject) in paths {
        let denied = machine().error(path, ReadErrorKind::Denied("EACCES"));
        for memory in
            [denied, machine().file(path, ""), machine().file(path, "\u{1}x\n"), machine().without(path)]
        {
            assert_eq!(verdict(&memory, subject), "unknown unknown", "{path}");
        }
    }
    let nothing = findings(&Memory::new().as_root(), &both());
    assert!(nothing.iter().all(|f| matches!(f.outcome(), Outcome::Undetermined(_))), "{nothing:#?}");
}

#[test]
fn no_connection_is_tracked_where_the_module_is_not_loaded() {
    let lib = "/lib/modules/6.12.107+deb13-amd64";
    let memory = machine()
        .without("/proc/sys/net/netfilter/nf_conntrack_count")
        .file("/proc/modules", "overlay 217088 0 - Live 0x0000000000000000\n")
        .file("/proc/cmdline", "quiet\n")
        .file("/proc/sys/kernel/modules_disabled", "0\n")
        .file(&format!("{lib}/modules.builtin"), "kernel/x.ko\n")
        .file(&format!("{lib}/modules.dep"), "kernel/nf_conntrack.ko:\nkernel/fs/overlay.ko:\n")
        .file(&format!("{lib}/modules.alias"), "# aliases\n")
        .file(&format!("{lib}/kernel/nf_conntrack.ko"), "")
        .file("/etc/modprobe.d/x.conf", "");
    assert_eq!(verdict(&memory, "conntrack"), "skip not-applicable");
    let loaded = memory.file("/proc/modules", "nf_conntrack 217088 0 - Live 0x0000000000000000\n");
    assert_eq!(verdict(&loaded, "conntrack"), "unknown unknown");
}

#[test]
fn a_captured_tree_has_no_limits_of_this_process() {
    assert_eq!(verdict(&machine().as_root(), "nofile"), "unknown unknown");
    assert_eq!(verdict(&machine().as_root(), "threads"), "pass enough");
}

#[test]
fn parameters() {
    assert_eq!(Limits::validate(&LimitsParams::default()), Ok(()));
    for used_at_most in [0, 101] {
        assert!(Limits::validate(&LimitsParams { used_at_most, ..LimitsParams::default() }).is_err());
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        for path in ["/proc/loadavg", "/proc/key-users", "/proc/sys/fs/file-nr", "/proc/self/limits"] {
            let _ = findings(&machine().file(path, &bytes), &both());
        }
    }
}
