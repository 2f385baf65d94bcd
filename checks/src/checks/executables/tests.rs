use super::*;
use crate::{
    entry::{Entry, Written},
    finding::Outcome,
    node::{Allow, Allowed, Memory, Probe},
};

const STATUS: &str = "Package: nftables\nStatus: install ok installed\nVersion: 1.0.6-2+deb12u2\n\n";

fn system() -> Memory {
    Memory::new().file("/usr/bin/mount", "\x7fELF").owned_by("/usr/bin/mount", 0, 0o4755)
}

fn with_nft() -> Memory {
    system()
        .file("/usr/sbin/nft", "\x7fELF")
        .owned_by("/usr/sbin/nft", 0, 0o755)
        .file("/var/lib/dpkg/status", STATUS)
        .file("/var/lib/dpkg/info/nftables.list", "/.\n/usr/sbin/nft\n")
}

fn rule(name: &str, version: Option<&str>) -> ExecutableRule {
    let version = version.map(|range| range.parse().unwrap());
    ExecutableRule { version, ..ExecutableRule::from_word(name).unwrap() }
}

fn ask_allowing(rule: ExecutableRule, memory: Memory, allowed: &[Allow]) -> Finding {
    let params = ExecutablesParams { required: vec![Written(rule)], ..ExecutablesParams::default() };
    Executables::validate(&params).unwrap();
    let allowed: Allowed = allowed.iter().copied().collect();
    let mut out = Findings::default();
    Executables::run(&params, &Node::in_memory(memory).allowing(allowed), &mut out).unwrap();
    out.into_inner().remove(0).0
}

fn ask(rule: ExecutableRule, memory: Memory) -> Finding {
    ask_allowing(rule, memory, &[])
}

#[test]
fn found_and_missing() {
    let found = ask(rule("mount", None), system());
    assert_eq!((found.outcome(), found.reason()), (&Outcome::Pass, "found"));
    assert_eq!(found.kubeadm_name(), Some("FileExisting-mount"));
    let found = ask(rule("nft", None), system());
    assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "missing"));
    assert!(found.mend().unwrap().commands[0].contains("nftables"));
    // A file that nobody can execute is passed over, as the kernel does.
    let plain = system().file("/usr/sbin/nft", "").owned_by("/usr/sbin/nft", 0, 0o644);
    assert_eq!(ask(rule("nft", None), plain.clone()).reason(), "missing");
    let later = plain.file("/sbin/nft", "").owned_by("/sbin/nft", 0, 0o755);
    assert_eq!(ask(rule("nft", None), later).reason(), "found");
    let either = ExecutableRule { any_of: vec!["mount".into()], ..rule("busybox", None) };
    assert_eq!(ask(either, system()).reason(), "found");
}

#[test]
fn versions_by_the_package() {
    assert_eq!(ask(rule("nft", Some(">=1.0.1")), with_nft()).reason(), "found");
    let found = ask(rule("nft", Some(">=1.0.7")), with_nft());
    assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "wrong-version"));
    assert!(found.message().contains("1.0.6"), "{}", found.message());
}

#[test]
fn versions_by_asking_where_that_is_allowed() {
    let nft = || rule("nft", Some(">=1.0.1"));
    let by_hand = || with_nft().without("/var/lib/dpkg/info/nftables.list");
    let found = ask(nft(), by_hand());
    assert_eq!(found.reason(), "version-unknown");
    assert_eq!(found.outcome(), &Outcome::Undetermined(Some("run with --allow exec".into())));
    let run =
        || Probe::Run { program: "/usr/sbin/nft".into(), arguments: vec!["--version".into()], millis: 2000 };
    let answers = |answer: &str| ask_allowing(nft(), by_hand().probe(run(), answer), &[Allow::Exec]);
    assert_eq!(answers("ok, nftables v1.0.6 (Lester Gooch #5)").reason(), "found");
    assert_eq!(answers("ok, nftables v0.9.8").reason(), "wrong-version");
    for answer in ["ok, hello", "exit status: 1", "killed: it ran longer than 2000 ms"] {
        assert_eq!(answers(answer).reason(), "version-unknown", "{answer}");
    }
}

#[test]
fn what_can_t_be_looked_at_is_not_known() {
    for memory in [Memory::new(), system().error("/usr/sbin/nft", ReadErrorKind::TimedOut)] {
        assert!(matches!(ask(rule("nft", None), memory).outcome(), Outcome::Undetermined(_)));
    }
}

#[test]
fn parameters() {
    let params = |rule| ExecutablesParams { required: vec![Written(rule)], ..ExecutablesParams::default() };
    assert!(params(rule("/bin/mount", None)).validate().unwrap_err().contains("`path`"));
    let none = ExecutablesParams { required: vec![], ..ExecutablesParams::default() };
    assert!(none.validate().is_err());
    let relative = ExecutablesParams { path: vec!["bin".into()], ..ExecutablesParams::default() };
    assert!(relative.validate().unwrap_err().contains("absolute"));
}

#[test]
fn what_a_program_has_to_gain() {
    let place = "/usr/bin/newuidmap";
    let uidmap = || ExecutableRule { capability: Some("cap_setuid".into()), ..rule("newuidmap", None) };
    let machine = |mode: u32, options: &str| {
        let mounts = format!("22 1 8:1 / / rw,{options} - ext4 /dev/sda1 rw\n");
        system().file(place, "\x7fELF").owned_by(place, 0, mode).file("/proc/self/mountinfo", &mounts)
    };
    let with = |answer: &str| {
        machine(0o755, "relatime").probe(Probe::FileCapabilities { path: place.into() }, answer)
    };
    let found = ask(uidmap(), machine(0o4755, "relatime"));
    assert_eq!((found.outcome(), found.reason()), (&Outcome::Pass, "found"));
    assert_eq!(ask(uidmap(), with("ok, 0100000280000000000000000000000000000000")).reason(), "found");
    let found = ask(uidmap(), with("ENODATA"));
    assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "unprivileged"));
    assert_eq!(found.mend().unwrap().commands, ["setcap cap_setuid=ep /usr/bin/newuidmap"]);
    assert_eq!(ask(uidmap(), machine(0o4755, "nosuid")).reason(), "nosuid");
    let found = ask(uidmap(), machine(0o755, "relatime"));
    assert!(matches!((found.outcome(), found.reason()), (Outcome::Undetermined(_), "privilege-unknown")));
    assert_eq!(ask(uidmap(), system()).reason(), "missing");
    let wrong = ExecutableRule { capability: Some("CAP_SETUIDS".into()), ..rule("newuidmap", None) };
    let params = ExecutablesParams { required: vec![Written(wrong)], ..ExecutablesParams::default() };
    assert!(Executables::validate(&params).unwrap_err().contains("`cap_setuid`"));
}
